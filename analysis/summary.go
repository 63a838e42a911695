package analysis

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/datasets"
)

// Summary is what a published table says of one group: sizes with means and standard
// deviations, or counts. What is not given is NaN, and -1 among counts.
type Summary struct {
	Name string
	N    int
	// Missing are further patients of the group who were not seen at the visit.
	Missing                 int
	Baseline, Visit, Change MeanSD
	R                       float64 // correlation of baseline and visit
	Events                  int     // patients with the event, of N
	// Of N patients judged twice: in the state at both, at the first alone, at the second
	// alone, at neither.
	Both, First, Second, Neither int
}

// MeanSD is a mean and a standard deviation.
type MeanSD struct{ Mean, SD float64 }

func (m MeanSD) given() bool { return m.Mean == m.Mean && m.SD == m.SD }

// Known is a kind of statistics that a Summary may hold.
type Known string

// The kinds of statistics.
const (
	KnownBaseline Known = "the mean and SD at baseline"
	KnownVisit    Known = "the mean and SD at the visit"
	KnownChange   Known = "the mean and SD of change"
	KnownJoint    Known = "means and SDs at both and their correlation, or the SD of change"
	KnownEvents   Known = "n and events"
	KnownPairs    Known = "both, first, second and neither"
)

// mostSummary is the largest group that a cohort is made of.
const mostSummary = 1_000_000

// ParseSummary reads a group's summary statistics: n=40, mean=3.1, sd=2.0 and so on.
// In place of an SD it takes a standard error, se, or the bounds of the mean's 95 %
// t interval, low and high. The endings -baseline and -change say of what; without,
// it is the visit. All that is wrong comes back at once.
func ParseSummary(text string) (Summary, error) {
	nan := math.NaN()
	s := Summary{N: -1, Events: -1, Both: -1, First: -1, Second: -1, Neither: -1, R: nan}
	values := map[string]float64{}
	counts := map[string]*int{"n": &s.N, "missing": &s.Missing, "events": &s.Events, "both": &s.Both, "first": &s.First, "second": &s.Second, "neither": &s.Neither}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case !ok:
			bad("expected name=value pairs with commas between, such as n=40,mean=3.1,sd=2")
			continue
		case seen[key]:
			bad("expected each statistic once; %s is given twice", key)
			continue
		}
		seen[key] = true
		if key == "name" {
			s.Name = value
			continue
		}
		if at := counts[key]; at != nil {
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 || n > mostSummary {
				bad("%s: expected a whole number from 0 to %d", key, mostSummary)
			}
			*at = n
			continue
		}
		if !slices.Contains(summaryKeys, key) {
			bad("there is no statistic %q; there are: n, missing, events, both, first, second, neither, name, %s", key, strings.Join(summaryKeys, ", "))
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(v) || math.Abs(v) > 1e12 {
			bad("%s: expected a number", key)
			continue
		}
		values[key] = v
	}
	if s.Both >= 0 && s.First >= 0 && s.Second >= 0 && s.Neither >= 0 && s.N < 0 {
		s.N = s.Both + s.First + s.Second + s.Neither
	}
	if s.N < 1 && !slices.ContainsFunc(errs, func(e error) bool { return strings.HasPrefix(e.Error(), "n:") }) {
		bad("expected the number of patients, n, of at least 1")
	}
	if len(errs) == 0 {
		errs = append(errs, s.fill(values)...)
	}
	return s, errors.Join(errs...)
}

var summaryKeys = func() []string {
	out := []string{"r"}
	for _, of := range []string{"", "-baseline", "-change"} {
		for _, k := range []string{"mean", "sd", "se", "low", "high"} {
			out = append(out, k+of)
		}
	}
	return out
}()

// fill works out means and standard deviations from what was given.
func (s *Summary) fill(values map[string]float64) []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	get := func(key string) float64 {
		if v, ok := values[key]; ok {
			return v
		}
		return math.NaN()
	}
	n := float64(s.N)
	part := func(of string) MeanSD {
		m := MeanSD{get("mean" + of), get("sd" + of)}
		se, low, high := get("se"+of), get("low"+of), get("high"+of)
		ways := 0
		for _, given := range []bool{m.SD == m.SD, se == se, low == low || high == high} {
			if given {
				ways++
			}
		}
		if ways > 1 {
			bad("expected one of sd%[1]s, se%[1]s, or low%[1]s and high%[1]s", of)
		}
		switch {
		case se == se:
			m.SD = se * math.Sqrt(n)
		case low == low || high == high:
			m.SD = (high - low) / (2 * TQuantile(n-1, 0.95)) * math.Sqrt(n)
			if m.SD != m.SD || s.N < 2 {
				bad("expected both low%[1]s and high%[1]s, and two patients", of)
			} else if m.Mean != m.Mean {
				m.Mean = (low + high) / 2
			}
		}
		if m.SD < 0 {
			bad("expected a standard deviation of at least 0 (sd%s)", of)
		}
		if m.SD == m.SD && s.N < 2 {
			bad("one patient has no standard deviation")
		}
		return m
	}
	s.Baseline, s.Visit, s.Change, s.R = part("-baseline"), part(""), part("-change"), get("r")
	if math.Abs(s.R) > 1 {
		bad("expected a correlation r from -1 to 1")
	}
	b, v, c := &s.Baseline, &s.Visit, &s.Change
	if b.Mean == b.Mean && v.Mean == v.Mean && c.Mean == c.Mean {
		bad("expected two of mean-baseline, mean and mean-change: the third follows")
	}
	switch {
	case c.Mean != c.Mean:
		c.Mean = v.Mean - b.Mean
	case v.Mean != v.Mean:
		v.Mean = b.Mean + c.Mean
	case b.Mean != b.Mean:
		b.Mean = v.Mean - c.Mean
	}
	if b.SD == b.SD && v.SD == v.SD {
		switch {
		case s.R == s.R && c.SD == c.SD:
			bad("expected r or the SD of change: one follows from the other")
		case s.R == s.R:
			c.SD = math.Sqrt(math.Max(0, b.SD*b.SD+v.SD*v.SD-2*s.R*b.SD*v.SD))
		case c.SD == c.SD && b.SD*v.SD > 0:
			s.R = (b.SD*b.SD + v.SD*v.SD - c.SD*c.SD) / (2 * b.SD * v.SD)
			if math.Abs(s.R) > 1+1e-9 {
				bad("no correlation gives this SD of change with these SDs: it must lie from %.4g to %.4g", math.Abs(b.SD-v.SD), b.SD+v.SD)
			}
			s.R = math.Max(-1, math.Min(1, s.R))
		}
	} else if s.R == s.R {
		bad("r is of baseline and visit: expected both their SDs")
	}
	if s.N == 2 && math.Abs(s.R) < 1 {
		bad("with two patients the correlation is -1 or 1")
	}
	if s.Events > s.N {
		bad("expected at most n events")
	}
	if s.Both >= 0 || s.First >= 0 || s.Second >= 0 || s.Neither >= 0 {
		if min(s.Both, s.First, s.Second, s.Neither) < 0 || s.Both+s.First+s.Second+s.Neither != s.N {
			bad("expected all of both, first, second and neither, which add up to n")
		}
	}
	return errs
}

// Knows reports whether the summary holds statistics of a kind.
func (s Summary) Knows(k Known) bool {
	switch k {
	case KnownBaseline:
		return s.Baseline.given()
	case KnownVisit:
		return s.Visit.given()
	case KnownChange:
		return s.Change.given()
	case KnownJoint:
		return s.Baseline.given() && s.Visit.given() && s.R == s.R
	case KnownEvents:
		return s.Events >= 0
	case KnownPairs:
		return s.Both >= 0
	}
	return false
}

// What the patients of a made cohort have, where they are made from counts: 10 at
// baseline and 0 at the visit for the event, so that it is any improvement by at most
// 100 %, and a state at 0.
const (
	madeHigh = 10
	madeLow  = 0
)

// pairs returns values at baseline and at the visit of patients who have exactly the
// summary's statistics; NaN where missing.
func (s Summary) pairs() (before, after []float64) {
	nan := math.NaN()
	add := func(n int, b, a float64) {
		for range n {
			before, after = append(before, b), append(after, a)
		}
	}
	switch {
	case s.Both >= 0:
		add(s.Missing, madeHigh, nan)
		add(s.Both, madeLow, madeLow)
		add(s.First, madeLow, madeHigh)
		add(s.Second, madeHigh, madeLow)
		add(s.Neither, madeHigh, madeHigh)
	case s.Events >= 0:
		add(s.Missing, madeHigh, nan)
		add(s.Events, madeHigh, madeLow)
		add(s.N-s.Events, madeHigh, madeHigh)
	default:
		add(s.Missing, nan, nan)
		u, v := orthogonal(s.N)
		for i := range s.N {
			b, a := nan, nan
			switch {
			case s.Knows(KnownJoint) || s.Baseline.given() && s.Visit.given():
				r := s.R
				if r != r {
					r = 0 // nothing that rests on it is shown
				}
				b = s.Baseline.Mean + s.Baseline.SD*u[i]
				a = s.Visit.Mean + s.Visit.SD*(r*u[i]+math.Sqrt(math.Max(0, 1-r*r))*v[i])
			case s.Change.given():
				b = 0
				if s.Baseline.given() {
					b = s.Baseline.Mean + s.Baseline.SD*u[i]
					a = b + s.Change.Mean + s.Change.SD*v[i]
				} else {
					a = s.Change.Mean + s.Change.SD*u[i]
				}
			case s.Visit.given():
				a = s.Visit.Mean + s.Visit.SD*u[i]
			case s.Baseline.given():
				b = s.Baseline.Mean + s.Baseline.SD*u[i]
			}
			before, after = append(before, b), append(after, a)
		}
	}
	return before, after
}

// orthogonal returns two uncorrelated sets of n values, each of mean 0 and standard
// deviation 1; of two values the second set does not exist and is 0.
func orthogonal(n int) (u, v []float64) {
	u, v = make([]float64, n), make([]float64, n)
	middle, m2 := float64(n-1)/2, 0.0
	for i := range u {
		u[i] = float64(i) - middle
		m2 += u[i] * u[i] / float64(n)
	}
	for i := range v {
		v[i] = u[i]*u[i] - m2
	}
	for _, x := range [][]float64{u, v} {
		ss := 0.0
		for _, y := range x {
			ss += y * y
		}
		if ss > 0 {
			scale := math.Sqrt(float64(n-1) / ss)
			for i := range x {
				x[i] *= scale
			}
		}
	}
	return u, v
}

// Stratum is the arm and the reference of one stratum.
type Stratum struct {
	Name           string
	Arm, Reference Summary
}

// Made returns a cohort whose groups have exactly the statistics given, so that any
// analysis that rests on them alone says of it what it would say of the patients: the
// arm (and the reference after it) of one stratum, or of several. The outcome is
// "outcome", the visits "baseline" and "visit".
func Made(ctx context.Context, strata []Stratum, compared bool) (*datasets.Cohort, error) {
	var people, visits strings.Builder
	people.WriteString("id,arm,stratum\n")
	visits.WriteString("id,visit,outcome\n")
	id := 0
	for k, st := range strata {
		for i, s := range []Summary{st.Arm, st.Reference}[:1+btoi(compared)] {
			before, after := s.pairs()
			for p := range before {
				id++
				fmt.Fprintf(&people, "%d,%d,%d\n", id, i, k)
				for visit, x := range []float64{before[p], after[p]} {
					if x == x {
						fmt.Fprintf(&visits, "%d,%d,%s\n", id, visit, strconv.FormatFloat(x, 'g', -1, 64))
					}
				}
			}
		}
	}
	d := madeDictionary(strata, compared)
	return datasets.Load(ctx, d, datasets.LoadOptions{Open: datasets.OpenText(map[string]string{"people.csv": people.String(), "visits.csv": visits.String()})})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func madeDictionary(strata []Stratum, compared bool) *datasets.Dictionary {
	text := func(name string, role datasets.Role) datasets.Field {
		return datasets.Field{Name: name, Type: datasets.TypeString, Role: role}
	}
	levels := text("stratum", "")
	for k, st := range strata {
		levels.Categories = append(levels.Categories, datasets.Category{Value: strconv.Itoa(k), Label: st.Name})
	}
	d := &datasets.Dictionary{
		Name:   "summary statistics",
		Visits: []datasets.Visit{{Value: "0", Name: "baseline", Baseline: true}, {Value: "1", Name: "visit"}},
		Arms:   []datasets.Arm{{Value: "0", Name: strata[0].Arm.Name}},
		Resources: []datasets.Resource{
			{Name: "people", Path: datasets.Paths{"people.csv"}, Schema: datasets.Schema{Fields: []datasets.Field{text("id", datasets.RolePatient), text("arm", datasets.RoleArm), levels}}},
			{Name: "visits", Path: datasets.Paths{"visits.csv"}, Schema: datasets.Schema{Fields: []datasets.Field{
				text("id", datasets.RolePatient), text("visit", datasets.RoleVisit), {Name: "outcome", Type: datasets.TypeNumber, Role: datasets.RoleOutcome},
			}}},
		},
	}
	if compared {
		d.Arms = append(d.Arms, datasets.Arm{Value: "1", Name: strata[0].Reference.Name})
	}
	return d
}
