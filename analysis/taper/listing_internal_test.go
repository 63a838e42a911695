package taper

import (
	"testing"

	"recoup/analysis"
)

// Two records on day 0 are 15 together; with 5 on day 3 week 0 has a mean of 10. Day 8
// is off, days 9 and 11 on: on at 0, unknown from 1, on at 3, unknown from 4, off at 8, on
// at 9, unknown on 10, on at 11, unknown from 12.
func TestCurvesOfOnePatientByHand(t *testing.T) {
	rs := rows{patient: []int32{0, 0, 0, 0, 0, -1, 0, 0}, day: []float64{9, 3, 0, 0, 8, 1, 2, 11}, dose: []float64{4, 5, 10, 5, 0, 9, nan, 2}, unit: "mg"}
	days := rs.byDay(1)[0]
	check := func(s analysis.Series, want [][2]float64) {
		t.Helper()
		if len(s.Points) != len(want) || !s.Local {
			t.Fatalf("%s: %+v", s.Name, s.Points)
		}
		for i, w := range want {
			near(t, s.Name+" x", float64(s.Points[i].X), w[0])
			near(t, s.Name+" y", float64(s.Points[i].Y), w[1])
		}
	}
	check(spaghetti("a", days, "mg"), [][2]float64{{0, 10}, {1, 2}})
	check(swimmer("a", days), [][2]float64{{0, 1}, {1, nan}, {3, 1}, {4, nan}, {8, 0}, {9, 1}, {10, nan}, {11, 1}, {12, nan}})
}
