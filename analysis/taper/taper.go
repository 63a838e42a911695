// Package taper analyses opioid doses over time: the mean dose by week, and the
// reduction in daily morphine milligram equivalents (MME) from entry, under named
// definitions.
//
// A day without a dose record is unknown. It is not a day without opioids, unless
// the source is known to list every supply and the user says so.
package taper
