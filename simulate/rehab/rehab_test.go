package rehab

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
	"recoup/simulate/stream"
)

const program = "interdisciplinary-4-week"

// scenario is the example scenario at the base case with fewer patients.
func scenario(t *testing.T, patients int) design.Scenario {
	t.Helper()
	s, err := design.ParseScenario("default-scenario.yaml", design.DefaultScenario())
	if err != nil {
		t.Fatal(err)
	}
	s.Draws, s.Patients = 0, patients
	return s
}

// evidenceWith is the default evidence with some values changed and no spread
// to those.
func evidenceWith(t *testing.T, values map[string]float64) evidence.Set {
	t.Helper()
	ev, err := evidence.Default()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i, p := range ev.Parameters {
		if v, ok := values[p.Name]; ok {
			found++
			ev.Parameters[i] = evidence.Parameter{Name: p.Name, Value: v, Unit: p.Unit, Distribution: simulate.Fixed, Kind: evidence.Assumed, Status: evidence.Guess, Note: "test"}
		}
	}
	if found != len(values) {
		t.Fatalf("some of %v are not parameters", values)
	}
	return ev
}

func run(t *testing.T, s design.Scenario, ev evidence.Set, workers int) simulate.Result {
	t.Helper()
	r, err := Run(context.Background(), s, ev, simulate.Options{Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func estimate(t *testing.T, r simulate.Result, strategy, outcome string) simulate.Estimate {
	t.Helper()
	for _, s := range r.Strategies {
		for _, e := range s.Estimates {
			if s.Name == strategy && e.Outcome == outcome {
				return e
			}
		}
	}
	t.Fatalf("no %s of %s", outcome, strategy)
	return simulate.Estimate{}
}

func equal(t *testing.T, what string, got simulate.Num, want float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= 1e-9*math.Max(1, math.Abs(want))) {
		t.Errorf("%s is %.12g, want %.12g", what, got, want)
	}
}

// Each parameter of the evidence must be read and must matter: changing it
// changes the result.
func TestEveryParameterMatters(t *testing.T) {
	ev, err := evidence.Default()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkNames(ev.Names()); err != nil {
		t.Fatal(err)
	}
	s := scenario(t, 128)
	s.Population.Compensation = 0.3
	s.Designs = []design.Design{everything(t)}
	s.Strategies = []string{design.OpioidMaintenance, design.LumbarFusion, program, "everything"}
	s.HorizonWeeks = 56
	shares := make(map[string]bool)
	for f := range fields() {
		shares[f.name] = f.bounds == "share"
	}
	// Rare events are made common, so that 256 patients show them.
	common := map[string]float64{"mortality.female_at_45": 0.1, "mortality.male_at_45": 0.1, "overdose.rate_under_20": 0.3, "overdose.rate_20": 0.3, "overdose.rate_50": 0.3, "overdose.rate_100": 0.3, "taper.accept_optional": 0.9, "taper.accept_required": 0.5, "taper.resumption_12m": 0.6, "taper.mat": 0.05, "taper.pause": 0.1, "taper.reversal": 0.05}
	digest := func(changed map[string]float64) string {
		values := maps.Clone(common)
		maps.Copy(values, changed)
		b, err := json.Marshal(run(t, s, evidenceWith(t, values), 2).Strategies)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	base := digest(nil)
	for _, p := range ev.Parameters {
		x := p.Value*4 + 0.05
		switch {
		case shares[p.Name]:
			x = (p.Value + 1) / 2
		case strings.HasPrefix(p.Name, "symptom.corr"):
			x = p.Value * 1.1
		}
		if digest(map[string]float64{p.Name: x}) == base {
			t.Errorf("%s can change without changing anything", p.Name)
		}
	}
}

// everything is a design that uses every feature: telehealth, a benchmark of walking,
// a voluntary taper with medication-assisted treatment, a relapse watch and a gate.
func everything(t *testing.T) design.Design {
	t.Helper()
	d, err := design.Builtin(program)
	if err != nil {
		t.Fatal(err)
	}
	taper := *d.Taper
	taper.WeaningRequired, taper.MedicationAssisted, taper.Percent = false, true, 8
	d.Name, d.Taper = "everything", &taper
	d.Phases = slices.Clone(d.Phases)
	d.Phases[0].Telehealth = true
	d.Phases[0].Benchmark = &design.Benchmark{WalkingSessions: 2.5, ExtendWeeks: 2, Stalled: "return-to-life"}
	d.Relapse = &design.Relapse{InterferenceRise: 1, EveryWeeks: 4, ReturnTo: "graded-activity", Most: 1}
	d.Gate = &design.Gate{InterferenceReduction: 0.3}
	d.Capacity = &design.Capacity{ArrivalsPerWeek: 1.5, Groups: 1}
	return d
}

func TestEvidenceMustFit(t *testing.T) {
	ev, err := evidence.Default()
	if err != nil {
		t.Fatal(err)
	}
	less, more := ev, ev
	less.Parameters = ev.Parameters[1:]
	more.Parameters = append(slices.Clone(ev.Parameters), evidence.Parameter{Name: "made.up"})
	for want, e := range map[string]evidence.Set{
		"lacks mortality.female_at_45":     less,
		"does not read: made.up":           more,
		"not a share":                      evidenceWith(t, map[string]float64{"care.completion": 1.2}),
		"below 0":                          evidenceWith(t, map[string]float64{"cost.wage": -1}),
		"symptom correlations cannot hold": evidenceWith(t, map[string]float64{"symptom.corr_pain_mood": -0.9}),
	} {
		if _, err := Run(context.Background(), scenario(t, 1), e, simulate.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	s := scenario(t, 1)
	s.Outputs = []string{"happiness"}
	if _, err := Run(context.Background(), s, ev, simulate.Options{}); err == nil || !strings.Contains(err.Error(), "happiness") {
		t.Errorf("error %v, want the unknown output named", err)
	}
	s.Outputs = []string{"pain_52w"}
	if r := run(t, s, ev, 1); len(r.Strategies[0].Estimates) != 3 {
		t.Errorf("%d outcomes, want pain_52w, cost and qaly", len(r.Strategies[0].Estimates))
	}
}

func TestWorkersDoNotChangeABit(t *testing.T) {
	s := scenario(t, 700)
	s.Draws, s.HorizonWeeks = 4, 60
	ev := evidenceWith(t, nil)
	var first string
	for _, workers := range []int{1, 2, 7} {
		b, err := json.Marshal(run(t, s, ev, workers))
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(b)
		}
		if string(b) != first {
			t.Errorf("%d workers give other bytes than 1", workers)
		}
	}
	if strings.Contains(first, "NaN") || strings.Contains(first, "Inf") {
		t.Error("the JSON holds NaN or Inf")
	}
}

// What a reader must know is said, and only where it applies.
func TestWarnings(t *testing.T) {
	s := scenario(t, 64)
	codes := func(s design.Scenario) (out []string) {
		for _, w := range run(t, s, evidenceWith(t, nil), 1).Warnings {
			out = append(out, w.Code)
		}
		return out
	}
	if got, want := codes(s), []string{"single-draw", "evidence", "case-mix", "opioid-mortality", "price-year"}; !slices.Equal(got, want) {
		t.Errorf("warnings %v, want %v", got, want)
	}
	s.Strategies = []string{design.UsualCare}
	s.Draws = 20
	// 64 patients a draw are too few to see the parameters in every outcome.
	if got, want := codes(s), []string{"no-interval", "evidence", "price-year"}; !slices.Equal(got, want) {
		t.Errorf("warnings %v, want %v", got, want)
	}
}

// The other generator gives other digits and the same answer: within 4.5
// standard errors of the difference of two unrelated runs, for three outcomes.
func TestGeneratorsAgree(t *testing.T) {
	s := scenario(t, 4000)
	fast := run(t, s, evidenceWith(t, nil), 2)
	s.Generator = "philox4x32-10"
	slow := run(t, s, evidenceWith(t, nil), 2)
	for _, o := range []string{"pain_52w", "qaly", "working_52w"} {
		a, b := estimate(t, fast, program, o), estimate(t, slow, program, o)
		if a.Mean == b.Mean || math.Abs(float64(a.Mean-b.Mean)) > 4.5*math.Hypot(float64(a.MCSE), float64(b.MCSE)) {
			t.Errorf("%s is %g with one generator and %g with the other", o, a.Mean, b.Mean)
		}
	}
}

// recorder keeps the outcomes of single patients as they are made.
type recorder struct {
	simulate.Preparer
	seen map[[2]int][]float64 // strategy, patient
}

func (r *recorder) NewWorker() simulate.Worker { return &recordingWorker{r, r.Preparer.NewWorker()} }

type recordingWorker struct {
	r *recorder
	w simulate.Worker
}

func (x *recordingWorker) Run(draw, strategy int, b *simulate.Block) {
	x.w.Run(draw, strategy, b)
	for i := range b.Len() {
		var values []float64
		for o := range x.r.Spec().Outcomes {
			values = append(values, b.Outcome(o)[i])
		}
		x.r.seen[[2]int{strategy, b.First + i}] = values
	}
}

func patients(t *testing.T, s design.Scenario) map[[2]int][]float64 {
	t.Helper()
	m, err := newModel(s, evidenceWith(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{m, make(map[[2]int][]float64)}
	if _, err := simulate.Run(context.Background(), r, simulate.Size{Seed: s.Seed, Draws: 1, Patients: s.Patients}, simulate.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	return r.seen
}

// A patient is the same person whoever else is simulated, and whatever other
// strategies are compared.
func TestPatientsDoNotDependOnCompany(t *testing.T) {
	s := scenario(t, 300)
	all := patients(t, s)
	s.Patients = 290
	fewer := patients(t, s)
	s.Strategies = []string{design.UsualCare, design.LumbarFusion}
	two := patients(t, s)
	same := func(a, b []float64) bool {
		return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || x != x && y != y })
	}
	for _, i := range []int{0, 17, 255, 256, 289} {
		for strategy := range 3 {
			if !same(all[[2]int{strategy, i}], fewer[[2]int{strategy, i}]) {
				t.Errorf("patient %d under strategy %d changes when there are fewer patients", i, strategy)
			}
		}
		if !same(all[[2]int{2, i}], two[[2]int{1, i}]) {
			t.Errorf("patient %d after fusion changes when a strategy is left out", i)
		}
	}
	s.Strategies = []string{design.LumbarFusion}
	if alone := patients(t, s); !same(alone[[2]int{0, 17}], all[[2]int{2, 17}]) {
		t.Error("a strategy alone gives another patient 17")
	}
}

// noEffect takes away all that a program does to a patient.
var noEffect = map[string]float64{
	"effect.pain": 0, "effect.interference": 0, "effect.mood": 0, "effect.self_efficacy": 0, "effect.sleep": 0, "use.in_program": 1, "flare.program": 0, "work.program": 0, "taper.accept_required": 0,
}

// programOnly are the outcomes that tell of the program itself.
func programOnly(name string) bool {
	return strings.HasPrefix(name, "program_") || name == "cost" || name == "cost_program" || name == "cost_work_loss" ||
		strings.HasPrefix(name, "cost_health") || name == "cost_insurer" || name == "cost_societal"
}

// Without effect the program is usual care patient by patient: under common
// random numbers every difference but cost is exactly 0.
func TestProgramWithoutEffectIsUsualCare(t *testing.T) {
	s := scenario(t, 600)
	s.Strategies = []string{design.UsualCare, program}
	r := run(t, s, evidenceWith(t, noEffect), 2)
	for _, e := range r.Differences[0].Estimates {
		if programOnly(e.Outcome) || e.N == 0 {
			continue
		}
		if e.Mean != 0 || e.MCSE != 0 {
			t.Errorf("%s differs by %g (%g)", e.Outcome, e.Mean, e.MCSE)
		}
	}
	if e := estimate(t, r, design.UsualCare, "program_completed"); e.N != 0 || !math.IsNaN(float64(e.Mean)) {
		t.Errorf("usual care completes a program: %g", e.Mean)
	}
	if d := estimate(t, r, program, "cost_program"); !(d.Mean > 1000) {
		t.Errorf("the program costs %g", d.Mean)
	}
}

// If everyone drops out in the first week nobody gains anything, and the
// program costs that one week.
func TestEveryoneDropsOut(t *testing.T) {
	s := scenario(t, 300)
	s.Strategies = []string{design.UsualCare, program}
	r := run(t, s, evidenceWith(t, map[string]float64{"care.completion": 0, "mortality.female_at_45": 0, "mortality.male_at_45": 0}), 2)
	for _, e := range r.Differences[0].Estimates {
		if !programOnly(e.Outcome) && e.N > 0 && e.Mean != 0 {
			t.Errorf("%s differs by %g", e.Outcome, e.Mean)
		}
	}
	d, err := design.Builtin(program)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "dropout", estimate(t, r, program, "program_dropout").Mean, 1)
	equal(t, "program cost", estimate(t, r, program, "cost_program").Mean, d.WeekCost(d.Phases[0]))
}

// still is a world without chance or change.
func still(t *testing.T, s *design.Scenario) evidence.Set {
	t.Helper()
	values := map[string]float64{
		"mortality.female_at_45": 0, "mortality.male_at_45": 0, "symptom.drift_pain": 0, "symptom.drift_interference": 0, "symptom.drift_mood": 0,
		"symptom.regression": 0, "symptom.sd_pain": 0, "symptom.sd_interference": 0, "symptom.sd_mood": 0, "flare.probability": 0,
		"taper.usual_discontinuation": 0, "taper.resumption_12m": 0, "taper.pause": 0, "taper.reversal": 0, "use.visits": 0, "use.imaging": 0, "use.procedures": 0, "use.emergency": 0, "effect.fade_self_efficacy": 0, "taper.accept_required": 1, "cost.medical_cv": 0,
		"overdose.rate_under_20": 0, "overdose.rate_20": 0, "overdose.rate_50": 0, "overdose.rate_100": 0,
		"care.completion": 1, "care.attendance": 1, "effect.response_sd": 0,
		"symptom.drift_sd_pain": 0, "symptom.drift_sd_interference": 0, "symptom.drift_sd_mood": 0, "symptom.drift_self_efficacy": 0, "symptom.drift_sleep": 0,
		"symptom.sd_self_efficacy": 0, "symptom.sd_sleep": 0, "symptom.drift_sd_self_efficacy": 0, "symptom.drift_sd_sleep": 0,
	}
	for name := range evidenceWith(t, nil).Base() {
		if strings.HasPrefix(name, "work.") && strings.Count(name, "_") == 1 && !strings.HasPrefix(name, "work.reference") && name != "work.weeks_off" && name != "work.job_held" {
			values[name] = 0
		}
	}
	p := &s.Population
	p.Pain, p.Interference, p.Mood = design.Spread{Mean: 6.5}, design.Spread{Mean: 7}, design.Spread{Mean: 14}
	p.SelfEfficacy, p.Sleep = design.Spread{Mean: 20}, design.Spread{Mean: 17}
	p.OpioidShare, p.OpioidDose = 1, design.Spread{Mean: 60}
	p.Work = design.Work{Full: 1}
	return evidenceWith(t, values)
}

// One year of usual care without chance, by hand. Pain 6.5 lies between the
// decrements 0.252 and 0.404, so utility is 0.9 − 0.328 − 0.02·7 − 0.0075·14 = 0.327.
// No care is used (its counts have a test of their own). With half-cycle
// counting the weights are ½, 1, ..., 1, ½ at weeks 0..52, and the factor of
// week t is 1.03^(−t/52); call their sum F.
//
//	QALY    = 0.327·F/52
//	drugs   = (5·7 + 0.05·60·7)·F = 56·F
//	work    = 0 in full work
func TestUsualCareByHand(t *testing.T) {
	s := scenario(t, 10)
	s.HorizonWeeks = 52
	s.Strategies = []string{design.UsualCare}
	r := run(t, s, still(t, &s), 1)
	f := 0.0
	for week := range 53 {
		w := 1.0
		if week == 0 || week == 52 {
			w = 0.5
		}
		f += w * math.Pow(1.03, -float64(week)/52)
	}
	got := func(o string) simulate.Num { return estimate(t, r, design.UsualCare, o).Mean }
	equal(t, "qaly", got("qaly"), 0.327*f/52)
	equal(t, "drugs", got("cost_drugs"), 56*f)
	equal(t, "work", got("cost_work_loss"), 0)
	equal(t, "total", got("cost"), 56*f)
	equal(t, "years", got("life_years"), 1)
	equal(t, "pain", got("pain_horizon"), 6.5)
}

// The program without chance, by hand. All four weeks are attended and paid at
// the start of their week. The dose falls by 15 a week: 45, 30, 15, 0. Effective
// hours are 35 a week, so the effect after four weeks is 1 − 2^(−140/20) =
// 0.9921875; aftercare begins in week 5. Without boosters pain at week 52, 48
// weeks after discharge, is
//
//	6.5 − 1.1·0.9921875·(0.38 + 0.62·2^(−48/26))
//
// Health-system cost has no wages; the societal total adds 4 weeks of 35 of 40
// hours: 1100·0.875 at weeks 1-3, and the same for the point 0, where they
// attend as well, with half weight.
func TestProgramByHand(t *testing.T) {
	s := scenario(t, 10)
	s.HorizonWeeks = 52
	d, err := design.Builtin(program)
	if err != nil {
		t.Fatal(err)
	}
	d.Boosters = nil
	for i := range d.Phases {
		d.Phases[i].Benchmark = nil
	}
	s.Designs, s.Strategies = []design.Design{d}, []string{program}
	ev := still(t, &s)
	r := run(t, s, ev, 1)
	got := func(o string) simulate.Num { return estimate(t, r, program, o).Mean }
	disc := func(week float64) float64 { return math.Pow(1.03, -week/52) }
	cost := 0.0
	for week := range 4 {
		cost += d.WeekCost(d.Phases[0]) * disc(float64(week))
	}
	equal(t, "program cost", got("cost_program"), cost)
	equal(t, "pain at 52", got("pain_horizon"), 6.5-1.1*0.9921875*(0.38+0.62*math.Pow(2, -48.0/26)))
	equal(t, "off opioids", got("off_opioids_12w"), 1)
	for week, want := range []float64{60, 45, 30, 15, 0, 0} {
		equal(t, "dose", r.Strategies[0].Trajectories[5].Mean[week], want)
	}
	wages := 1100 * 0.875 * (0.5 + disc(1) + disc(2) + disc(3))
	equal(t, "wages lost", got("cost_work_loss"), wages)
	health := got("cost")
	s.Perspective = design.Societal
	r = run(t, s, ev, 1)
	equal(t, "societal cost", got("cost"), float64(health)+wages)
}

// Fusion without chance: price at once, everyone back at work after 12 weeks,
// and pain lower for good by 1.1·0.38 + 0.23 = 0.648.
func TestFusionByHand(t *testing.T) {
	s := scenario(t, 10)
	s.HorizonWeeks = 52
	s.Strategies = []string{design.LumbarFusion}
	ev := still(t, &s)
	for i, p := range ev.Parameters {
		switch p.Name {
		case "fusion.mortality", "fusion.complication", "fusion.reoperation_2y", "fusion.new_opioid":
			ev.Parameters[i].Value = 0
		case "fusion.return_to_job":
			ev.Parameters[i].Value = 1
		}
	}
	r := run(t, s, ev, 1)
	tr := r.Strategies[0].Trajectories
	equal(t, "surgery", estimate(t, r, design.LumbarFusion, "cost_surgery").Mean, 50000)
	equal(t, "pain at 52", tr[0].Mean[52], 6.5-0.648)
	// In week 6 half of the effect has come and half of the 1.5 points is left.
	equal(t, "pain in week 6", tr[0].Mean[6], 6.5-0.324+0.75)
	equal(t, "working in week 11", tr[6].Mean[11], 0)
	equal(t, "working in week 12", tr[6].Mean[12], 1)
}

// Shares at their ends do what they say: a flare every week adds its shock to
// pain, everyone stops or resumes opioids, everyone is operated again.
func TestSharesAtTheirEnds(t *testing.T) {
	for name, c := range map[string]struct {
		strategy, outcome string
		value, want       float64
	}{
		"flare.probability":           {design.UsualCare, "pain_horizon", 1, 6.5 + 1.5},
		"taper.usual_discontinuation": {design.UsualCare, "off_opioids_horizon", 1, 1},
		"taper.resumption_12m":        {program, "off_opioids_horizon", 1, 0},
		"fusion.reoperation_2y":       {design.LumbarFusion, "reoperation", 1, 1},
		"fusion.mortality":            {design.LumbarFusion, "death", 1, 1},
		"effect.half_dose_hours":      {program, "pain_horizon", 0, 6.5 - 1.1},
	} {
		s := scenario(t, 20)
		s.Strategies, s.HorizonWeeks = []string{c.strategy}, 28
		ev := still(t, &s)
		for i, p := range ev.Parameters {
			switch p.Name {
			case name:
				ev.Parameters[i].Value = c.value
			case "taper.usual_discontinuation":
				ev.Parameters[i].Value = 0
			case "effect.pain_retained":
				ev.Parameters[i].Value = 1
			}
		}
		if name == "taper.resumption_12m" {
			s.HorizonWeeks = 5
		}
		equal(t, name+" at its end: "+c.outcome, estimate(t, run(t, s, ev, 1), c.strategy, c.outcome).Mean, c.want)
	}
}

// Deaths against the closed form 1 − e^(−h·T): 20,000 patients of 45 at 0.05 a
// year for 2 years, within 4.5 standard errors (a false failure once in 150,000
// seeds). With opioids at 60 MME the hazard is 1.88 times that.
func TestMortalityClosedForm(t *testing.T) {
	for _, c := range []struct{ share, hazard float64 }{{0, 0.05}, {1, 0.05 * 1.88}} {
		s := scenario(t, 20000)
		s.Strategies = []string{design.UsualCare}
		ev := still(t, &s)
		s.Population.OpioidShare = c.share
		s.Population.Age = design.Range{Mean: 45, Minimum: 45, Maximum: 45}
		for i, p := range ev.Parameters {
			switch p.Name {
			case "mortality.female_at_45", "mortality.male_at_45":
				ev.Parameters[i].Value = 0.05
			case "mortality.growth":
				ev.Parameters[i].Value = 0
			}
		}
		e := estimate(t, run(t, s, ev, 2), design.UsualCare, "death")
		if want := 1 - math.Exp(-2*c.hazard); math.Abs(float64(e.Mean)-want) > 4.5*float64(e.MCSE) {
			t.Errorf("deaths %.4f (%.4f), want %.4f", e.Mean, e.MCSE, want)
		}
	}
}

// Work states against the powers of the weekly matrix, when nothing but the
// rates matters: p(stay) = e^(−sum), the others in proportion. 20,000 patients
// off work, 2 checks of 4.5 standard errors.
func TestWorkIsAMarkovChain(t *testing.T) {
	s := scenario(t, 20000)
	s.Strategies, s.HorizonWeeks = []string{design.UsualCare}, 52
	ev := evidenceWith(t, map[string]float64{"work.interference": 0, "work.mood": 0, "work.weeks_off": 0, "work.dose_50": 0, "work.job_held": 0, "mortality.female_at_45": 0, "mortality.male_at_45": 0})
	s.Population.Work = design.Work{Off: 1}
	v := ev.Base()
	rates := [4][4]float64{
		{0, v["work.full_modified"], v["work.full_off"], v["work.full_disability"]},
		{v["work.modified_full"], 0, v["work.modified_off"], v["work.modified_disability"]},
		{v["work.off_full"], v["work.off_modified"], 0, v["work.off_disability"]},
		{v["work.disability_full"], v["work.disability_modified"], v["work.disability_off"], 0},
	}
	p := [4]float64{0, 0, 1, 0}
	for range 52 {
		var q [4]float64
		for from, row := range rates {
			sum := row[0] + row[1] + row[2] + row[3]
			leave := 1 - math.Exp(-sum)
			q[from] += p[from] * (1 - leave)
			for to, r := range row {
				q[to] += p[from] * leave * r / sum
			}
		}
		p = q
	}
	r := run(t, s, ev, 2)
	for outcome, want := range map[string]float64{"full_work_if_off_horizon": p[0], "working_horizon": p[0] + p[1]} {
		if e := estimate(t, r, design.UsualCare, outcome); math.Abs(float64(e.Mean)-want) > 4.5*float64(e.MCSE) {
			t.Errorf("%s is %.4f (%.4f), want %.4f", outcome, e.Mean, e.MCSE, want)
		}
	}
	// One year of the rates must give back the published year: of 2,279 on full
	// sick leave 952 had none and 386 part of it a year later.
	if math.Abs(p[0]-952.0/2279) > 0.01 || math.Abs(p[1]-386.0/2279) > 0.01 {
		t.Errorf("a year from off work gives %.3f full and %.3f modified work, published are 0.418 and 0.169", p[0], p[1])
	}
}

// A larger effect means less pain, patient by patient under common random
// numbers; a better retention too; more hours never harm; a quicker taper means
// a lower dose.
func TestMoreEffectLessPain(t *testing.T) {
	s := scenario(t, 500)
	s.Strategies = []string{program}
	at := func(outcome string, values map[string]float64) float64 {
		return float64(estimate(t, run(t, s, evidenceWith(t, values), 2), program, outcome).Mean)
	}
	for name, xs := range map[string][]float64{
		"effect.pain": {0, 0.5, 1, 2}, "effect.pain_retained": {0.1, 0.5, 0.9}, "care.completion": {0.2, 0.6, 0.95},
		"care.attendance": {0.02, 0.1, 1}, "symptom.drift_pain": {0, 1, 2},
	} {
		last := math.Inf(1)
		for _, x := range xs {
			got := at("pain_52w", map[string]float64{name: x})
			if got >= last {
				t.Errorf("pain does not fall when %s rises to %g: %g after %g", name, x, got, last)
			}
			last = got
		}
	}
	if slow, quick := at("dose_52w", map[string]float64{"taper.resumption_12m": 0.6}), at("dose_52w", map[string]float64{"taper.resumption_12m": 0.1}); slow <= quick {
		t.Errorf("more resumption does not raise the dose: %g and %g", slow, quick)
	}
}

// Population means are found at entry, within 4.5 standard errors (clamping is
// switched off by small spreads).
func TestEntryFollowsThePopulation(t *testing.T) {
	s := scenario(t, 20000)
	s.Strategies = []string{design.UsualCare}
	s.Population.Pain.SD, s.Population.Interference.SD = 1, 0.7
	r := run(t, s, evidenceWith(t, nil), 2)
	for k, want := range map[int]float64{0: 6.4, 1: 7.0, 6: 0.573} {
		tr := r.Strategies[0].Trajectories[k]
		if math.Abs(float64(tr.Mean[0])-want) > 4.5*float64(tr.MCSE[0]) {
			t.Errorf("%s at entry is %.4f (%.4f), want %.4f", tr.Series, tr.Mean[0], tr.MCSE[0], want)
		}
	}
	// Quantiles of pain at entry are those of the normal distribution, to a bin of
	// 0.1 and sampling error: 6.4 ± 1.645 and 6.4.
	for i, want := range map[int]float64{0: 6.4 - 1.645, 2: 6.4, 4: 6.4 + 1.645} {
		if got := float64(r.Strategies[0].Trajectories[0].Quantiles[i].Values[0]); math.Abs(got-want) > 0.1 {
			t.Errorf("quantile %d of pain at entry is %.3f, want %.3f", i, got, want)
		}
	}
	off := r.Strategies[0].Trajectories[7].Mean[0]
	if off != 0 {
		t.Errorf("a share of %g of opioid users is off opioids at entry", off)
	}
}

// The published shares of complications and reoperations in two years come out,
// within 4.5 standard errors each.
func TestSurgicalRisksComeOut(t *testing.T) {
	s := scenario(t, 20000)
	s.Strategies = []string{design.LumbarFusion}
	r := run(t, s, evidenceWith(t, map[string]float64{"mortality.female_at_45": 0, "mortality.male_at_45": 0, "fusion.mortality": 0.01}), 2)
	for outcome, want := range map[string]float64{"complication": 0.118, "reoperation": 0.221 * 0.99, "death": 0.01} {
		if e := estimate(t, r, design.LumbarFusion, outcome); math.Abs(float64(e.Mean)-want) > 4.5*float64(e.MCSE) {
			t.Errorf("%s is %.4f (%.4f), want %.4f", outcome, e.Mean, e.MCSE, want)
		}
	}
}

// With completion 0.841 and dropout that does not depend on mood, 84.1 % of
// those who live complete the program, within 4.5 standard errors; without
// benchmarks, so that nobody stays longer.
func TestCompletionComesOut(t *testing.T) {
	s := scenario(t, 20000)
	d, err := design.Builtin(program)
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.Phases {
		d.Phases[i].Benchmark = nil
	}
	s.Designs, s.Strategies, s.HorizonWeeks = []design.Design{d}, []string{program}, 10
	r := run(t, s, evidenceWith(t, map[string]float64{"mortality.female_at_45": 0, "mortality.male_at_45": 0, "care.dropout_mood": 0}), 2)
	if e := estimate(t, r, program, "program_completed"); math.Abs(float64(e.Mean)-0.841) > 4.5*float64(e.MCSE) {
		t.Errorf("a share of %.4f (%.4f) completes, want 0.841", e.Mean, e.MCSE)
	}
}

// The bounds must hold for any x, or a week in which something happens would be
// taken for one in which nothing does.
func TestExpBounds(t *testing.T) {
	for i := range 400000 {
		x := float64(i-200000) / 20011
		plus, minus := expMost(x)
		if e, inverse := stream.Exp(x), stream.Exp(-x); !(e <= plus && inverse <= minus) {
			t.Fatalf("e^±%g = %g and %g, over %g and %g", x, e, inverse, plus, minus)
		}
		if x > -7.8 && x < 7.8 && !(plus <= 1.1*stream.Exp(x) && minus <= 1.1*stream.Exp(-x)) {
			t.Fatalf("the bounds of e^±%g are %g and %g, which spares little", x, plus, minus)
		}
	}
	if plus, minus := expMost(math.NaN()); plus != math.MaxFloat64 || minus != math.MaxFloat64 {
		t.Error("the bounds of NaN are not the widest")
	}
}

// No patient is likelier to change work state than the bound of the state says: at all
// corners of what patients can be, whichever way each parameter works.
func TestWorkBound(t *testing.T) {
	for _, sign := range []float64{1, -1} {
		ev := map[string]float64{"work.interference": -0.1, "work.mood": 0.02, "work.weeks_off": 0.2, "work.compensation": -0.3, "work.program": 0.3, "work.dose_50": -0.5, "work.job_held": 0.7, "work.vocational": 0.4, "fusion.work": -0.4}
		for name := range ev {
			ev[name] *= sign
		}
		s := scenario(t, 100)
		s.Strategies = []string{"usual-care", "lumbar-fusion", "fusion-after-gate"}
		m, err := newModel(s, evidenceWith(t, ev))
		if err == nil {
			err = m.Prepare(0, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
		d, x := m.draws[0], &state{}
		for arm := range d.arms {
			a := &d.arms[arm]
			bound := d.workBound(a)
			tight := [4]float64{}
			for corner := range 1 << 12 {
				at := func(bit int, high float64) float64 { return float64(corner>>bit&1) * high }
				x.symptom[interference][0], x.symptom[mood][0] = at(0, 10), at(1, 27)
				x.compensation[0], x.dose[0], x.job[0], x.weeksOff[0] = at(2, 1), at(3, 90), at(4, 1), at(5, 400)
				x.work[0] = float64(corner >> 6 & 3)
				x.operated[0], x.completed[0], x.vocational[0] = 0, 0, at(10, 1)
				if a.surgery || a.gate {
					x.operated[0] = at(8, 1)
				}
				if a.program {
					x.completed[0] = at(9, 1)
				}
				from := int(x.work[0])
				odds := x.workOdds(0, d, a)
				p := probability(d.up[from]*stream.Exp(odds) + d.down[from]*stream.Exp(-odds))
				if p > bound[from] {
					t.Fatalf("%s: a patient in work state %d changes it with probability %g, over %g", m.strategies[arm], from, p, bound[from])
				}
				tight[from] = max(tight[from], p)
			}
			for from, p := range tight {
				if bound[from] > 4*p {
					t.Errorf("%s: the bound of work state %d is %g where %g is the most, which spares little", m.strategies[arm], from, bound[from], p)
				}
			}
		}
	}
}

func BenchmarkPatientWeek(b *testing.B) {
	s, err := design.ParseScenario("default-scenario.yaml", design.DefaultScenario())
	if err != nil {
		b.Fatal(err)
	}
	ev, err := evidence.Default()
	if err != nil {
		b.Fatal(err)
	}
	s.Draws, s.Patients = 0, 2560
	m, err := newModel(s, ev)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := simulate.Run(context.Background(), m, simulate.Size{Seed: 1, Draws: 1, Patients: s.Patients}, simulate.Options{Workers: 1}); err != nil {
			b.Fatal(err)
		}
	}
	weeks := float64(b.N * s.Patients * len(s.Strategies) * s.HorizonWeeks)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/weeks, "ns/patient-week")
}
