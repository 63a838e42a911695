package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"recoup/analysis"
	"recoup/datasets"
)

// Periods of a chart by cohort.
const (
	ByQuarter = "quarter"
	ByMonth   = "month"
)

// Series returns the patients of a cohort period by period, from the first to the last
// in which one has a value, without leaving any out: how many have a value, how many
// of them the value 1 (events), and mean and SD of the values. values are by patient,
// NaN for who does not count. Patients who count and have no period are excluded, and
// told.
func Series(c *datasets.Cohort, unit string, values []float64) ([]Period, []datasets.Exclusion, error) {
	labels, of, excluded, err := periodsOf(c, unit, values)
	if err != nil {
		return nil, nil, err
	}
	out := make([]Period, len(labels))
	for i, label := range labels {
		out[i] = Period{Label: label, Mean: math.NaN(), SD: math.NaN()}
	}
	gather(len(out), of, values, func(i int, m moments) {
		out[i].N, out[i].Events, out[i].Mean, out[i].SD = m.n, m.ones, m.mean, m.sd()
	})
	return out, excluded, nil
}

// moments of values that are met one by one.
type moments struct {
	n, ones  int
	mean, ss float64
}

func (m moments) sd() float64 { return math.Sqrt(m.ss / float64(m.n-1)) }

// gather finds the moments of groups in one pass.
func gather(groups int, of []int, values []float64, put func(i int, m moments)) {
	ms := make([]moments, groups)
	for p, v := range values {
		if of[p] < 0 || math.IsNaN(v) {
			continue
		}
		m := &ms[of[p]]
		m.n++
		d := v - m.mean
		m.mean += d / float64(m.n)
		m.ss += d * (v - m.mean)
		if v == 1 {
			m.ones++
		}
	}
	for i, m := range ms {
		if m.n > 0 {
			put(i, m)
		}
	}
}

// BySite returns the same by site, in the order of the sites' names.
func BySite(c *datasets.Cohort, values []float64) ([]Unit, []datasets.Exclusion, error) {
	of, levels, err := siteOf(c)
	if err != nil {
		return nil, nil, err
	}
	out := make([]Unit, len(levels))
	for i, label := range levels {
		out[i] = Unit{Label: label, Mean: math.NaN(), SD: math.NaN()}
	}
	gather(len(out), of, values, func(i int, m moments) {
		out[i].N, out[i].Events, out[i].Mean, out[i].SD = m.n, m.ones, m.mean, m.sd()
	})
	return out, lost(of, values, "patients without a site"), nil
}

// siteOf returns the site by patient, -1 for none, and the sites by name.
func siteOf(c *datasets.Cohort) (of []int, names []string, err error) {
	codes, levels := c.Attribute(datasets.RoleSite)
	if codes == nil {
		return nil, nil, fmt.Errorf("%w: no column has the role site", analysis.ErrCannot)
	}
	names = slices.Clone(levels)
	slices.Sort(names)
	place := make([]int, len(levels))
	for i, l := range levels {
		place[i] = slices.Index(names, l)
	}
	of = make([]int, len(codes))
	for p, code := range codes {
		of[p] = -1
		if code >= 0 {
			of[p] = place[code]
		}
	}
	return of, names, nil
}

func lost(of []int, values []float64, reason string) []datasets.Exclusion {
	n := 0
	for p, v := range values {
		if of[p] < 0 && !math.IsNaN(v) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return []datasets.Exclusion{{Code: analysis.WarnExcluded, Patients: n, Reason: reason}}
}

// periodsOf returns the periods from the first to the last in which a patient has a
// value, and by patient an index into them, -1 for none.
func periodsOf(c *datasets.Cohort, unit string, values []float64) (labels []string, of []int, excluded []datasets.Exclusion, err error) {
	at, label, err := periodNumbers(c, unit)
	if err != nil {
		return nil, nil, nil, err
	}
	first, last := math.MaxInt, math.MinInt
	of = make([]int, len(at))
	for p, k := range at {
		of[p] = -1
		if k >= 0 && !math.IsNaN(values[p]) {
			of[p] = 0
			first, last = min(first, k), max(last, k)
		}
	}
	excluded = lost(of, values, "patients without a "+unit)
	if first > last {
		return nil, of, excluded, nil
	}
	for k := first; k <= last; k++ {
		labels = append(labels, label(k))
	}
	for p := range of {
		if of[p] == 0 {
			of[p] = at[p] - first
		}
	}
	return labels, of, excluded, nil
}

// periodNumbers counts periods by patient, -1 for who has none.
func periodNumbers(c *datasets.Cohort, unit string) (at []int, label func(int) string, err error) {
	at = make([]int, c.Patients())
	if unit == ByMonth {
		days, err := daysOf(c)
		if err != nil {
			return nil, nil, err
		}
		for p, day := range days {
			if at[p] = -1; !math.IsNaN(day) {
				t := time.Unix(int64(day)*86_400, 0).UTC()
				at[p] = 12*t.Year() + int(t.Month()) - 1
			}
		}
		return at, func(k int) string { return fmt.Sprintf("%04d-%02d", k/12, k%12+1) }, nil
	}
	by, from := c.Quarters()
	if from == nil {
		return nil, nil, fmt.Errorf("%w: no dates of discharge or admission and no column with role period say which quarter a patient belongs to", analysis.ErrCannot)
	}
	for p, q := range by {
		if at[p] = -1; q != "" {
			year, _ := strconv.Atoi(q[:4]) // its form was checked when it was read
			at[p] = 4*year + int(q[5]-'1')
		}
	}
	return at, func(k int) string { return fmt.Sprintf("%04dQ%d", k/4, k%4+1) }, nil
}

// daysOf returns the day of discharge by patient, else of admission, NaN for none.
func daysOf(c *datasets.Cohort) ([]float64, error) {
	if d := c.Dictionary().Privacy; d != nil && d.Dates != nil && d.Dates.Are == datasets.DatesShifted {
		return nil, fmt.Errorf("%w: the cohort file says that dates are shifted, so neither months nor the order of patients are known", analysis.ErrCannot)
	}
	var out []float64
	for _, role := range []datasets.Role{datasets.RoleDischarged, datasets.RoleAdmitted} {
		days := c.Days(role)
		if days == nil || !c.Dated(role) {
			continue
		}
		if out == nil {
			out = days
			continue
		}
		for p, day := range days {
			if math.IsNaN(out[p]) {
				out[p] = day
			}
		}
	}
	if out == nil {
		return nil, fmt.Errorf("%w: no dates of discharge or admission say when a patient came; day numbers do not", analysis.ErrCannot)
	}
	return out, nil
}

// inOrder returns the patients who have a value by their place in time, such as the day
// of discharge; those of one place by identifier, which is no order in time. NaN is
// no place.
func inOrder(c *datasets.Cohort, values, place []float64) (patients []int, excluded []datasets.Exclusion) {
	of := make([]int, len(place))
	for _, p := range c.ByIdentifier() {
		if math.IsNaN(place[p]) {
			of[p] = -1
		} else if !math.IsNaN(values[p]) {
			patients = append(patients, p)
		}
	}
	slices.SortStableFunc(patients, func(a, b int) int { return cmp.Compare(place[a], place[b]) })
	return patients, lost(of, values, "patients without a date")
}

// rebases reads entries of the form label;who;when;why.
func rebases(list []string) ([]Rebase, error) {
	var out []Rebase
	for _, text := range list {
		parts := strings.Split(text, ";")
		if len(parts) != 4 {
			return nil, fmt.Errorf("%w: expected a rebase as label;who;when;why, such as 2025Q1;A. Smith;2025-03-01;second group room", analysis.ErrOptions)
		}
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		out = append(out, Rebase{parts[0], parts[1], parts[2], parts[3]})
	}
	return out, nil
}
