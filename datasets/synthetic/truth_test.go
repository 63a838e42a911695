package synthetic

import (
	"math"
	"slices"
	"testing"

	"recoup/datasets"
	"recoup/datasets/opioid"
	"recoup/simulate/stream"
)

// limit is in standard errors. About 130 figures are checked in each of two
// cohorts of fixed seed; of a correct generator such a figure is further off with
// probability 7e-6, so a new pair of seeds would fail with probability 0.002.
const limit = 4.5

type sample struct{ w, wx, wxx, w2, w2x, w2xx float64 }

func (s *sample) add(x, weight float64) {
	s.w += weight
	s.wx += weight * x
	s.wxx += weight * x * x
	s.w2 += weight * weight
	s.w2x += weight * weight * x
	s.w2xx += weight * weight * x * x
}

// mean is Hájek's weighted mean with its standard error, Σw²(x-m)² / (Σw)².
func (s sample) mean() (m, se float64) {
	m = s.wx / s.w
	return m, math.Sqrt(s.w2xx-2*m*s.w2x+m*m*s.w2) / s.w
}

func agrees(t *testing.T, what string, s sample, want float64) {
	t.Helper()
	m, se := s.mean()
	if !(math.Abs(m-want) <= limit*se) {
		t.Errorf("%s: %.4f (SE %.4f), truth %.4f", what, m, se, want)
	}
}

// person-level columns of a loaded cohort.
type columns struct {
	c         *datasets.Cohort
	admitted  []bool
	completed []float64
	truth     Truth
}

func readColumns(t *testing.T, c *datasets.Cohort, truth Truth) columns {
	t.Helper()
	days, err := c.Covariate("admitted_day")
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Covariate("completed")
	if err != nil {
		t.Fatal(err)
	}
	x := columns{c: c, completed: done, truth: truth, admitted: make([]bool, len(days))}
	for p, d := range days {
		x.admitted[p] = !math.IsNaN(d)
	}
	return x
}

func TestTruthIsRecovered(t *testing.T) {
	for _, seed := range []uint64{1, 20260930} {
		f, c := make5000(t, seed)
		x := readColumns(t, c, f.Known)
		x.flow(t)
		x.outcomes(t)
		x.contrasts(t)
		x.opioids(t)
		x.work(t)
		x.costs(t)
	}
}

func (x columns) flow(t *testing.T) {
	var begun, done sample
	for p, in := range x.admitted {
		begun.add(indicator(in), 1)
		if in {
			done.add(x.completed[p], 1)
		}
	}
	agrees(t, "admitted", begun, 1-x.truth.Options.NotAdmitted)
	agrees(t, "completed", done, x.truth.Completed)
	for _, f := range x.truth.FollowUp {
		var seen, pain sample
		there, values := x.c.Seen(f.Visit), x.c.Values("pain", f.Visit)
		for p, in := range x.admitted {
			if in {
				seen.add(indicator(there[p]), 1)
			}
			if !math.IsNaN(values[p]) {
				pain.add(values[p], 1)
			}
		}
		if f.Everyone {
			if m, _ := seen.mean(); m != 1 {
				t.Errorf("%s: %v seen, want everyone", f.Visit, m)
			}
			continue
		}
		agrees(t, "seen at "+f.Visit, seen, f.Share)
		agrees(t, "pain of those seen at "+f.Visit, pain, f.PainSeen)
	}
}

// weight is one over the chance of being seen, by the mechanism that the truth
// file states; NaN where it cannot be worked out.
func (x columns) weight(visit string, pain []float64, p int) float64 {
	for _, f := range x.truth.FollowUp {
		if f.Visit == visit && !f.Everyone {
			if f.Worse == 0 {
				return 1 / stream.Logistic(f.Intercept+f.Completed*x.completed[p])
			}
			return 1 / stream.Logistic(f.Intercept+f.Worse*(5-pain[p])+f.Completed*x.completed[p])
		}
	}
	return 1
}

// Weighted by the stated mechanism, those seen give the truth about all; as they
// are, they look better than all did.
func (x columns) outcomes(t *testing.T) {
	for _, o := range x.truth.Outcomes {
		before, after, pain := x.c.Values(o.Outcome, "baseline"), x.c.Values(o.Outcome, o.Visit), x.c.Values("pain", o.Visit)
		var level, change sample
		for p := range before {
			w := x.weight(o.Visit, pain, p)
			if math.IsNaN(after[p]) || math.IsNaN(w) {
				continue
			}
			level.add(after[p], w)
			if !math.IsNaN(before[p]) && o.Visit != "baseline" {
				change.add(after[p]-before[p], w)
			}
		}
		agrees(t, o.Outcome+" at "+o.Visit, level, o.Mean)
		if o.Visit == "baseline" {
			continue
		}
		agrees(t, "change of "+o.Outcome+" at "+o.Visit, change, o.Change)
		if math.Abs(o.Change-o.Without-o.Due) > 1e-12 || o.Due*o.Change <= 0 {
			t.Errorf("%s at %s: parts of the change do not fit: %+v", o.Outcome, o.Visit, o)
		}
		_, se := change.mean()
		if math.Abs(o.CohortChange-o.Change) > limit*se {
			t.Errorf("%s at %s: change %v in the whole cohort, truth %v", o.Outcome, o.Visit, o.CohortChange, o.Change)
		}
	}
	for _, f := range x.truth.FollowUp[2:] {
		for _, o := range x.truth.Outcomes {
			if o.Outcome == "pain" && o.Visit == f.Visit && f.PainSeen > o.Mean-0.3 {
				t.Errorf("at %s those seen have pain %v, all have %v: the loss must matter", f.Visit, f.PainSeen, o.Mean)
			}
		}
	}
}

// contrasts checks sites and the step between quarters at discharge.
func (x columns) contrasts(t *testing.T) {
	site, sites := x.c.Attribute(datasets.RoleSite)
	quarters, _ := x.c.Quarters()
	change := func(outcome string, in func(p int) bool) sample {
		var s sample
		before, after := x.c.Values(outcome, "baseline"), x.c.Values(outcome, "discharge")
		for p := range before {
			if d := after[p] - before[p]; in(p) && !math.IsNaN(d) {
				s.add(d, x.weight("discharge", nil, p))
			}
		}
		return s
	}
	for _, s := range x.truth.Sites {
		at := int32(slices.Index(sites, s.Site))
		for _, o := range outcomes {
			agrees(t, s.Site+" "+o.name, change(o.name, func(p int) bool { return site[p] == at }), s.Change[o.name])
		}
	}
	agrees(t, "before the step", change("pain", func(p int) bool { return quarters[p] < x.truth.Step.Quarter }), x.truth.Step.PainBefore)
	agrees(t, "from the step", change("pain", func(p int) bool { return quarters[p] >= x.truth.Step.Quarter }), x.truth.Step.PainFrom)
}

// opioids reads the dispensing register through the conversion table.
func (x columns) opioids(t *testing.T) {
	table, _ := opioid.Find("CDC-2022")
	doses := x.c.Table("doses")
	text := func(column string) func(row int) string {
		codes, levels := doses.Codes(column)
		return func(r int) string { return levels[codes[r]] }
	}
	drug, route, unit, why := text("drug"), text("route"), text("unit"), text("indication")
	day, strength, quantity, days := doses.Floats("day"), doses.Floats("strength"), doses.Floats("quantity"), doses.Floats("days_supplied")
	none := doses.Floats("dose")
	records := make([][]opioid.Record, x.c.Patients())
	forOUD := make([]bool, x.c.Patients())
	for r, p := range doses.Patient() {
		x := opioid.Record{
			Drug: drug(r), Route: route(r), Unit: unit(r), Indication: why(r),
			StartDay: int(day[r]), Strength: strength[r], Quantity: quantity[r], DaysSupplied: days[r],
		}
		if none[r] == 0 {
			x.Kind = opioid.Logged
		}
		records[p] = append(records[p], x)
		forOUD[p] = forOUD[p] || why(r) != "pain"
	}
	var on, off, offYear, halved, oud, entry, later sample
	reported := x.c.Values("opioids", "discharge")
	for p, in := range x.admitted {
		if !in {
			continue
		}
		// Under the safe rule, by which a day without a record is unknown: every day
		// has one. With a supply of unknown quantity the dose is unknown, yet not none.
		daily, s := table.Daily(records[p], -1, year, opioid.Options{})
		if s.GapDays > 0 {
			t.Errorf("%d days without a record", s.GapDays)
		}
		dose := func(day int) float64 { return daily[day+1] }
		oud.add(indicator(forOUD[p]), 1)
		on.add(indicator(dose(-1) != 0), 1)
		if dose(-1) == 0 {
			continue
		}
		off.add(indicator(dose(programEnd) == 0), 1)
		offYear.add(indicator(dose(year) == 0), 1)
		if !math.IsNaN(dose(-1)) && !math.IsNaN(dose(programEnd)) {
			halved.add(indicator(dose(programEnd) <= 0.5*dose(-1)+1e-9), 1)
			entry.add(dose(-1), 1)
		}
		if !math.IsNaN(dose(year)) {
			later.add(dose(year), 1)
		}
		if !math.IsNaN(reported[p]) && (reported[p] == 0) != (dose(programEnd) == 0) {
			t.Error("what a patient says of opioids at discharge differs from the register")
		}
	}
	truth := x.truth.Opioids
	agrees(t, "on opioids at entry", on, truth.OnAtEntry)
	agrees(t, "off at discharge", off, truth.OffAtDischarge)
	agrees(t, "off at 12 months", offYear, truth.OffAtYear)
	agrees(t, "halved or off", halved, truth.HalvedOrOff)
	agrees(t, "buprenorphine for opioid use disorder", oud, truth.ForOUD)
	agrees(t, "dose at entry", entry, truth.CohortDoseEntry)
	agrees(t, "dose at 12 months", later, truth.CohortDoseYear)
}

func (x columns) work(t *testing.T) {
	before, levels, err := x.c.CovariateLevels("work_before")
	if err != nil {
		t.Fatal(err)
	}
	spells := x.c.Table("work")
	status, names := spells.Codes("status")
	start, end := spells.Floats("start_day"), spells.Floats("end_day")
	var entry [3]sample
	for p, in := range x.admitted {
		if in {
			for k, name := range workBefore {
				entry[k].add(indicator(levels[before[p]] == name), 1)
			}
		}
	}
	truth := x.truth.Work
	agrees(t, "working at entry", entry[working], truth.Working)
	agrees(t, "off work at entry", entry[offWork], truth.OffWork)
	agrees(t, "not in the work force", entry[notInForce], truth.NotInForce)
	for i, day := range truth.Day {
		followed, works, ever := map[int32]bool{}, map[int32]bool{}, map[int32]bool{}
		for r, p := range spells.Patient() {
			at := names[status[r]] == statuses[fullDuty] || names[status[r]] == statuses[modifiedDuty]
			covers := start[r] <= float64(day) && float64(day) <= end[r]
			followed[p] = followed[p] || covers
			works[p] = works[p] || covers && at
			ever[p] = ever[p] || at && start[r] <= float64(day)
		}
		var all, again, returned sample
		for p := range followed {
			if !followed[p] {
				continue
			}
			all.add(indicator(works[p]), 1)
			if levels[before[p]] == workBefore[offWork] {
				again.add(indicator(works[p]), 1)
				returned.add(indicator(ever[p]), 1)
			}
		}
		agrees(t, "working, of all", all, truth.All[i])
		agrees(t, "working, of those off work", again, truth.AtWork[i])
		agrees(t, "returned, of those off work", returned, truth.Returned[i])
	}
}

func (x columns) costs(t *testing.T) {
	table := x.c.Table("costs")
	kind, kinds := table.Codes("category")
	day, amount := table.Floats("day"), table.Floats("cost")
	for _, truth := range x.truth.Costs {
		before, after := make([]float64, x.c.Patients()), make([]float64, x.c.Patients())
		for r, p := range table.Patient() {
			if kinds[kind[r]] != truth.Category {
				continue
			}
			if day[r] < 0 {
				before[p] += amount[r]
			} else {
				after[p] += amount[r]
			}
		}
		var b, a sample
		for p, in := range x.admitted {
			if in {
				b.add(before[p], 1)
				a.add(after[p], 1)
			}
		}
		agrees(t, truth.Category+" before", b, truth.Before)
		agrees(t, truth.Category+" after", a, truth.After)
	}
}

// In a cohort with usual care the difference of changes is the program's effect,
// and usual care changes by natural course alone.
func TestComparisonRecoversTheEffect(t *testing.T) {
	o := Default
	o.Patients, o.Comparison = 5000, true
	f, err := Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x := readColumns(t, c, f.Known)
	arm := c.ArmOf()
	for _, o := range f.Known.Outcomes {
		if o.Visit != "discharge" {
			continue
		}
		before, after := c.Values(o.Outcome, "baseline"), c.Values(o.Outcome, "discharge")
		var change [2]sample
		for p := range before {
			d := after[p] - before[p]
			if math.IsNaN(d) {
				continue
			}
			w := 1.0
			if arm[p] == 0 {
				w = x.weight("discharge", nil, p)
			}
			change[arm[p]].add(d, w)
		}
		agrees(t, o.Outcome+" under usual care", change[1], o.Without)
		m0, se0 := change[0].mean()
		m1, se1 := change[1].mean()
		if diff := m0 - m1; math.Abs(diff-o.Due) > limit*math.Hypot(se0, se1) {
			t.Errorf("%s: difference of changes %v, effect %v", o.Outcome, diff, o.Due)
		}
	}
}

// Effects stay in the range of published programs, and none is a headline claim.
func TestEffectsAreBelievable(t *testing.T) {
	f, err := Make(t.Context(), Default)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range f.Known.Outcomes {
		for _, k := range outcomes {
			if k.name != o.Outcome || o.Visit != "discharge" {
				continue
			}
			if d := math.Abs(o.Change) / k.sd; d < 0.4 || d > 0.95 {
				t.Errorf("%s: standardised change %v", o.Outcome, d)
			}
		}
		if o.Outcome == "pain" && o.Visit == "discharge" && -o.Change/(o.Mean-o.Change) > 0.3 {
			t.Error("pain falls by more than 30 percent")
		}
	}
	if share := f.Known.FollowUp[3].Share; math.Abs(share-0.5) > 0.03 {
		t.Errorf("%v seen at 12 months", share)
	}
	if share := f.Known.FollowUp[2].Share; math.Abs(share-0.65) > 0.03 {
		t.Errorf("%v seen at 6 months", share)
	}
}
