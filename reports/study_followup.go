package reports

import (
	"math"

	"recoup/analysis"
	"recoup/analysis/describe"
)

// hasWeeks tells whether it is known how long after the first visit each visit is.
func (s *study) hasWeeks() bool {
	if !s.q.hasBase || s.q.baseline.Week == nil {
		return false
	}
	for _, v := range s.q.now.Visits() {
		if v.Week == nil {
			return false
		}
	}
	return true
}

// lastSeen is the weeks from baseline to the last visit with any value, by patient; 0 for
// those not seen after it.
func (s *study) lastSeen() []float64 {
	out := make([]float64, s.q.now.Patients())
	for _, v := range s.q.now.Visits() {
		weeks := *v.Week - *s.q.baseline.Week
		for p, seen := range describe.Seen(s.q.now, v.Value) {
			if seen {
				out[p] = math.Max(out[p], weeks)
			}
		}
	}
	return out
}

// followUpTime sums up for each group how long its patients were followed.
//
// The sum and the counts seen at each visit hang together, so that a hidden count could be
// solved from an exact sum: it is rounded to a unit in which the last visit of as many
// patients as may not be told of makes no difference, and shown with the ends of what it
// may be. The mean follows from that.
func (s *study) followUpTime() (Block, error) {
	if !s.hasWeeks() {
		return cannot("Follow-up time is not shown", "The visits have no weeks, so it is not known how long patients were followed: give each its week in the cohort file."), nil
	}
	t := Table{
		ID: "follow-up-time", Caption: "Time from baseline to the last visit seen",
		Columns: []Column{{Label: "Group"}, {Label: "Patients", Align: Right}, {Label: "Patient-years, sum", Align: Right}, {Label: "Weeks, mean", Align: Right}},
	}
	const yearsInWeek = 7 / 365.25
	last, most := s.lastSeen(), 0.0
	for _, v := range s.q.now.Visits() {
		most = math.Max(most, *v.Week-*s.q.baseline.Week)
	}
	unit := 0.0
	if s.Fewest > 1 {
		unit = roundUnit(float64(s.Fewest) * most * yearsInWeek)
	}
	for _, name := range s.q.groups {
		groups, _, err := analysis.Input{Cohort: s.q.now}.Groups(analysis.Question{Arm: name})
		if err != nil {
			return nil, err
		}
		n, sum := len(groups[0].Patients), 0.0
		for _, p := range groups[0].Patients {
			sum += last[p] * yearsInWeek
		}
		decimals := 1
		if unit > 0 {
			sum, decimals = math.Round(sum/unit)*unit, max(0, -int(math.Floor(math.Log10(unit/2))))
		}
		from, to := math.Max(0, sum-unit/2), sum+unit/2
		patients := Count(n).Named(population(name)).PartOf(population(""))
		if name == "" {
			patients = Count(n).Named(population(""))
		}
		shown := func(by float64, decimals int) Cell {
			if unit == 0 {
				return Number(by*sum, decimals, n)
			}
			return Estimate(by*sum, by*from, by*to, decimals, n)
		}
		mean := NotAvailable("No patient has a value.")
		if n > 0 {
			mean = shown(1/yearsInWeek/float64(n), 1)
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(groupName(name)), patients, shown(1, decimals), mean}})
	}
	t.Footnotes = []Words{Say("By the weeks that the cohort file gives its visits; seen means any value at the visit, and who was seen at baseline alone counts as 0.")}
	if unit > 0 {
		t.Footnotes = append(t.Footnotes, s.say("To protect patients the sum is rounded to {0} patient-years; in parentheses stand the ends of what it may be, which are no confidence interval. The mean follows from it.", unit))
	}
	return t, nil
}

// roundUnit is the least of 1, 2 and 5 times a power of ten that is at least x.
func roundUnit(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}
