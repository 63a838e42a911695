// Package taper analyses opioid doses over time: the dose by week, the reduction in
// daily morphine milligram equivalents (MME) from entry, tapered and stopped under
// published definitions, the velocity of a taper, times to events of it, safety flags
// and groups of courses.
//
// A day without a dose record is unknown. It is not a day without opioids, unless
// the source is known to list every supply and the user says so.
package taper
