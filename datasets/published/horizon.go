package published

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Horizon is when a result was seen: so long after an event.
type Horizon struct {
	Value float64 // NaN where not reported
	Unit  string  // days, weeks, months or years
	After string  // entry, discharge, surgery, ...; empty where not reported
}

var daysIn = map[string]float64{"days": 1, "weeks": 7, "months": 365.25 / 12, "years": 365.25}

// Days is the horizon in days, with 365.25 days a year and a twelfth of that a
// month; NaN where not reported.
func (h Horizon) Days() float64 {
	days, ok := daysIn[h.Unit]
	if !ok {
		return math.NaN()
	}
	return h.Value * days
}

// String writes the horizon as ParseHorizon reads it, "" where not reported.
func (h Horizon) String() string {
	if math.IsNaN(h.Days()) {
		return ""
	}
	if h.Value == 0 && h.After != "" {
		return h.After
	}
	unit := h.Unit
	if h.Value == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	s := strconv.FormatFloat(math.Round(10*h.Value)/10, 'g', -1, 64) + " " + unit
	if h.After != "" {
		s += " after " + h.After
	}
	return s
}

// ParseHorizon reads "2 years after surgery", "6 months" (after what is not
// known), or one word for the event itself: "entry", "discharge". Empty text
// is a horizon that is not reported.
func ParseHorizon(text string) (Horizon, error) {
	if text == "" {
		return Horizon{Value: math.NaN()}, nil
	}
	length, after, _ := strings.Cut(text, " after ")
	words := strings.Fields(length)
	if len(words) == 1 && after == "" {
		return Horizon{Unit: "days", After: words[0]}, nil
	}
	bad := fmt.Errorf(`horizon %q: want a form such as "2 years after surgery"`, text)
	if len(words) != 2 {
		return Horizon{}, bad
	}
	value, err := strconv.ParseFloat(words[0], 64)
	unit := strings.TrimSuffix(words[1], "s") + "s"
	if err != nil || daysIn[unit] == 0 || !(value >= 0) || math.IsInf(value, 0) {
		return Horizon{}, bad
	}
	return Horizon{Value: value, Unit: unit, After: after}, nil
}
