package truth

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/datasets"
	"recoup/datasets/opioid"
	"recoup/datasets/synthetic"
	"recoup/simulate/stream"
)

// limit is how many standard errors an estimate may be from the truth: of about 600
// comparisons here one is beyond it by chance in 3 runs of 10,000 seeds. The seeds
// are fixed.
const limit = 5

// moments are those of a sample.
type moments struct{ datasets.Moments }

func (m moments) se() float64 { return m.SD() / math.Sqrt(float64(m.N)) }

// agrees compares a mean with the truth, which may have an error of its own.
func agrees(t *testing.T, what string, m moments, want, wantSE float64) {
	t.Helper()
	if m.N < 30 {
		t.Errorf("%s: of %d only", what, m.N)
	}
	if d := math.Abs(m.Mean - want); !(d <= limit*math.Hypot(m.se(), wantSE)+1e-9) {
		t.Errorf("%s: %v (SE %v), the truth is %v", what, m.Mean, m.se(), want)
	}
}

func parsed(t *testing.T, b []byte) Truth {
	t.Helper()
	x, err := Parse("truth.yaml", b)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A cohort of the default file, read as any other, agrees with what follows from it.
func TestRecoversTheTruth(t *testing.T) {
	x := parsed(t, DefaultFile())
	x.Patients, x.Dropout, x.Missing = 20_000, Dropout{}, Missing{}
	k, err := Follows(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Draw(x)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	began, arm := c.Began(), c.ArmOf()
	var share moments
	for p := range began {
		share.Add(indicator(began[p]))
		if began[p] != (arm[p] >= 0) {
			t.Fatal("those who began have an arm, and no others")
		}
	}
	agrees(t, "began", share, 0.9, 0)
	responders := map[string]moments{}
	for _, o := range k.Outcomes {
		of, _ := c.Arm(o.Arm)
		var score, squared, change, improved moments
		at, first := c.Values(o.Outcome, o.Visit), c.Values(o.Outcome, "baseline")
		f := x.Outcomes[x.variable(o.Outcome)]
		for p := range at {
			if arm[p] != int32(of) {
				continue
			}
			d := at[p] - first[p]
			score.Add(at[p])
			squared.Add(math.Pow(at[p]-float64(o.Mean), 2))
			change.Add(d)
			improved.Add(indicator(-f.worse()*d >= f.Important))
		}
		what := o.Outcome + " " + o.Visit + " " + o.Arm
		agrees(t, what, score, float64(o.Mean), 0)
		agrees(t, what+" squared", squared, float64(o.SD*o.SD), 0)
		agrees(t, what+" change", change, float64(o.Change), 0)
		if o.Visit != "baseline" {
			agrees(t, what+" responders", improved, float64(o.Responders), 0)
			if r := change.SD() / float64(o.ChangeSD); math.Abs(r-1) > 0.05 {
				t.Errorf("%s: SD of change %v, truth %v", what, change.SD(), o.ChangeSD)
			}
		}
		responders[what] = improved
	}
	for _, d := range k.Contrasts {
		a, b := responders[d.Outcome+" "+d.Visit+" "+d.Arm], responders[d.Outcome+" "+d.Visit+" "+d.Reference]
		if diff := a.Mean - b.Mean; math.Abs(diff-float64(d.Responders)) > limit*math.Hypot(a.se(), b.se()) {
			t.Errorf("%+v: risk difference %v", d, diff)
		}
		if d.Difference*d.Standardised <= 0 {
			t.Errorf("%+v", d)
		}
	}
	covariates(t, c)
	registers(t, c, x, k)
}

func covariates(t *testing.T, c *datasets.Cohort) {
	age, _ := c.Covariate("age")
	sex, levels, _ := c.CovariateLevels("sex")
	var years, women moments
	for p := range age {
		years.Add(age[p])
		women.Add(indicator(levels[sex[p]] == "female"))
	}
	agrees(t, "sex", women, 0.62, 0)
	if math.Abs(years.Mean-47) > 0.5 || math.Abs(years.SD()-12) > 0.5 { // cut at 18 and 85
		t.Errorf("age %v (%v)", years.Mean, years.SD())
	}
}

// registers holds doses, work and costs against the truth.
func registers(t *testing.T, c *datasets.Cohort, x Truth, k Known) {
	arm := c.ArmOf()
	table, _ := opioid.Find("CDC-2022")
	ds, records := c.Table("doses"), make([][]opioid.Record, c.Patients())
	day, mg, days := ds.Floats("day"), ds.Floats("dose"), ds.Floats("days_supplied")
	for r, p := range ds.Patient() {
		records[p] = append(records[p], opioid.Record{
			Kind: opioid.Logged, Drug: "morphine", Route: "oral", Unit: "mg", StartDay: int(day[r]), DosePerDay: mg[r], DaysSupplied: days[r],
		})
	}
	spells := c.Table("work")
	status, names := spells.Codes("status")
	start, end := spells.Floats("start_day"), spells.Floats("end_day")
	before, levels, _ := c.CovariateLevels("work_before")
	for i, o := range k.Opioids {
		at := x.Visits[slices.IndexFunc(x.Visits, func(v Visit) bool { return v.Name == o.Visit })].Day
		of, _ := c.Arm(o.Arm)
		var off, halved, remains moments
		for p, list := range records {
			if arm[p] != int32(of) {
				continue
			}
			daily, _ := table.Daily(list, -1, at, opioid.Options{})
			first, now := daily[0], daily[at+1]
			if first > 0 {
				off.Add(indicator(now == 0))
				halved.Add(indicator(now <= first/2))
				remains.Add(now / first)
			}
		}
		agrees(t, "off opioids", off, float64(o.Off), 0.5/math.Sqrt(integrated*0.25))
		agrees(t, "halved", halved, float64(o.Halved), 0.5/math.Sqrt(integrated*0.25))
		agrees(t, "dose left", remains, float64(o.Remains), 0.5/math.Sqrt(integrated*0.25))
		w := k.Work[i]
		now, ever := map[int32]bool{}, map[int32]bool{}
		for r, p := range spells.Patient() {
			if works := names[status[r]] == "working"; works && start[r] <= float64(at) {
				ever[p] = true
				now[p] = now[p] || end[r] >= float64(at)
			}
		}
		var atWork, returned moments
		for p := range arm {
			if arm[p] == int32(of) && levels[before[p]] == "off work" {
				atWork.Add(indicator(now[int32(p)]))
				returned.Add(indicator(ever[int32(p)]))
			}
		}
		if at > 0 {
			agrees(t, "at work", atWork, float64(w.Now), 0.5/math.Sqrt(integrated*0.25))
			agrees(t, "returned", returned, float64(w.Returned), 0.5/math.Sqrt(integrated*0.25))
		}
	}
	cs := c.Table("costs")
	kind, kinds := cs.Codes("category")
	when, amount := cs.Floats("day"), cs.Floats("cost")
	for _, want := range k.Costs {
		of, _ := c.Arm(want.Arm)
		sums := [2][]float64{make([]float64, c.Patients()), make([]float64, c.Patients())}
		for r, p := range cs.Patient() {
			if kinds[kind[r]] == want.Category {
				sums[int(indicator(when[r] >= 0))][p] += amount[r]
			}
		}
		var b, a moments
		for p := range arm {
			if arm[p] == int32(of) {
				b.Add(sums[0][p])
				a.Add(sums[1][p])
			}
		}
		agrees(t, want.Category+" before", b, float64(want.Before), 0)
		agrees(t, want.Category+" after", a, float64(want.After), 0)
	}
}

// With fine steps and a wide range recorded scores are normal: the correlations are
// those of the file, between outcomes, visits and covariates. Fisher's z.
func TestCorrelations(t *testing.T) {
	for _, form := range []string{"ar1", "compound"} {
		x := parsed(t, DefaultFile())
		x.Correlation.Visits, x.NeverBegan, x.Sites, x.Trend = form, 0, Sites{Number: 1}, Trend{}
		for i := range x.Outcomes {
			o := &x.Outcomes[i]
			o.Low, o.High = -10*o.SD+o.Mean, 10*o.SD+o.Mean
			o.Step = (o.High - o.Low) / 1000
		}
		m, err := x.model()
		if err != nil {
			t.Fatal(err)
		}
		const n = 20_000
		var people []*person
		for i := range n {
			if p := m.person(m.root.Sub(uint64(i)), func(int) bool { return true }); p.arm == 0 {
				people = append(people, p)
			}
		}
		near := func(what string, want float64, f func(p *person) (a, b float64)) {
			var a, b []float64
			for _, p := range people {
				x, y := f(p)
				a, b = append(a, x), append(b, y)
			}
			if got := pearson(a, b); math.Abs(math.Atanh(got)-math.Atanh(want)) > limit/math.Sqrt(float64(len(a)-3)) {
				t.Errorf("%s, %s: %v, the truth is %v", form, what, got, want)
			}
		}
		near("pain and odi", 0.5, func(p *person) (a, b float64) { return p.scores[0][0], p.scores[0][1] })
		near("pain and pseq later", -0.35, func(p *person) (a, b float64) { return p.scores[2][0], p.scores[2][3] })
		near("one visit on", 0.7, func(p *person) (a, b float64) { return p.scores[0][1], p.scores[1][1] })
		far := 0.7 * 0.7 * 0.7
		if form == "compound" {
			far = 0.7
		}
		near("three visits on", far, func(p *person) (a, b float64) { return p.scores[0][2], p.scores[3][2] })
		near("across both", far*0.35, func(p *person) (a, b float64) { return p.scores[0][0], p.scores[3][2] })
		near("covariates", 0.3, func(p *person) (a, b float64) { return p.normal[0], p.normal[2] })
		near("age and odi", 0.1, func(p *person) (a, b float64) { return p.normal[0], p.scores[0][1] })
		near("apart", 0, func(p *person) (a, b float64) { return p.normal[1], p.scores[0][1] })
	}
}

func pearson(a, b []float64) float64 {
	var ma, mb datasets.Moments
	for i := range a {
		ma.Add(a[i])
		mb.Add(b[i])
	}
	sum := 0.0
	for i := range a {
		sum += (a[i] - ma.Mean) * (b[i] - mb.Mean)
	}
	return sum / math.Sqrt(ma.M2*mb.M2)
}

// Each mechanism of drop-out has its rate and depends on what it should: the share
// who leave, score by score, is the logistic of that score, and those completely at
// random are alike those who stay.
func TestDropout(t *testing.T) {
	for name, d := range map[string]Dropout{
		"completely at random": {Rate: 0.15},
		"at random":            {Outcome: "pain", AtRandom: &Logistic{-2, 0.5}},
		"not at random":        {Outcome: "pain", NotAtRandom: &Logistic{-2, 0.5}},
	} {
		x := parsed(t, DefaultFile())
		x.Dropout, x.NeverBegan, x.Missing = d, 0, Missing{Visits: 0.1, Answers: 0.05}
		m, err := x.model()
		if err != nil {
			t.Fatal(err)
		}
		leave := map[float64]*moments{}
		var missed moments
		stay := make([]moments, len(x.Visits))
		for i := range 20_000 {
			p := m.person(m.root.Sub(uint64(i)), func(table int) bool { return table == visits })
			last := p.scores[0][0]
			if p.missing[0][0] > 0 {
				last = x.Outcomes[0].Mean
			}
			for v := 1; v < len(x.Visits) && p.in[v-1]; v++ {
				by := map[string]float64{"completely at random": 0, "at random": last, "not at random": p.scores[v][0]}[name]
				if leave[by] == nil {
					leave[by] = &moments{}
				}
				leave[by].Add(indicator(!p.in[v]))
				if p.in[v] {
					missed.Add(indicator(!p.seen[v]))
				}
				if p.seen[v] && p.missing[v][0] == 0 {
					last = p.scores[v][0]
				}
			}
			for v := range x.Visits {
				stay[v].Add(indicator(p.in[v]))
			}
		}
		agrees(t, name+": visits missed by those who come again", missed, 0.1, 0)
		compared := 0
		for score, got := range leave {
			want := d.Rate
			if want == 0 {
				want = stream.Logistic(-2 + 0.5*(score-6.5))
			}
			if got.N >= 300 {
				compared++
				agrees(t, fmt.Sprintf("%s: leave at a score of %v", name, score), *got, want, 0)
			}
		}
		if d.Rate == 0 && compared < 6 {
			t.Errorf("%s: %d scores compared", name, compared)
		}
		if d.Rate > 0 {
			for v := range stay {
				agrees(t, name, stay[v], math.Pow(0.85, float64(v)), 0)
			}
		}
		k, err := Follows(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		for v := range stay {
			want := 0.0
			for _, r := range k.Retention {
				if r.Visit == x.Visits[v].Name {
					want += float64(r.Left) / 2 // the arms are as large
				}
			}
			agrees(t, name+": retention", stay[v], want, 0.5/math.Sqrt(integrated))
		}
		// Those who are seen are like all where the loss is completely at random, and better
		// where it is not.
		bias := float64(k.Retention[3].Bias["pain"])
		if free := d.Rate > 0; free && math.Abs(bias) > limit*2.5/math.Sqrt(integrated*0.25) || !free && bias > -0.1 {
			t.Errorf("%s: those seen differ by %v", name, bias)
		}
	}
}

// The same bytes for any number of workers and size of pieces; a person does not
// depend on how many others there are; the seed shows.
func TestBytes(t *testing.T) {
	x := parsed(t, DefaultFile())
	x.Patients = 300
	texts := func(x Truth, o synthetic.Writing) [][]byte {
		s, err := Draw(x)
		if err != nil {
			t.Fatal(err)
		}
		var out [][]byte
		for i := range s.Dictionary.Resources {
			var b bytes.Buffer
			if err := s.Write(t.Context(), &b, i, o); err != nil {
				t.Fatal(err)
			}
			out = append(out, b.Bytes())
		}
		return out
	}
	want := texts(x, synthetic.Writing{Workers: 1, Piece: 1})
	for workers := 1; workers <= 7; workers++ {
		for _, piece := range []int{1, 13, 299, 1000} {
			if got := texts(x, synthetic.Writing{Workers: workers, Piece: piece}); !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("other bytes with %d workers and pieces of %d", workers, piece)
			}
		}
	}
	few, other := x, x
	few.Patients, other.Seed = 50, 2
	for i, b := range texts(few, synthetic.Writing{}) {
		if !bytes.HasPrefix(want[i], b) {
			t.Error("the first 50 of 300 are not the 50 alone")
		}
		if bytes.Equal(want[i], texts(other, synthetic.Writing{})[i]) {
			t.Error("another seed gives the same table")
		}
	}
}

// All that is wrong with the meaning of a file comes at once, each with its line.
func TestProblems(t *testing.T) {
	s := string(DefaultFile())
	for _, change := range [][2]string{
		{"patients: 1000", "patients: 0"},
		{"{name: program, share: 0.5}", "{name: program, share: 0.7}"},
		{"month6, day: 210", "month6, day: 10"},
		{"    sd: 15", "    sd: -15"},
		{"program: [-4, -3.5, -3.2]", "program: [-4, -3.5]"},
		{"    - [1, 0.5, 0.35, -0.35]", "    - [1, 0.9, 0.35, -0.35]"},
		{"visits: ar1", "visits: ar2"},
		{"distribution: lognormal", "distribution: weibull"},
		{"  outcome: pain\n", "  outcome: hurt\n"},
		{"shape: 1.2", "shape: 0"},
		{"instrument: odi", "instrument: odd"},
	} {
		if strings.Count(s, change[0]) != 1 {
			t.Fatalf("%q is there %d times", change[0], strings.Count(s, change[0]))
		}
		s = strings.Replace(s, change[0], change[1], 1)
	}
	_, err := Parse("truth.yaml", []byte(s))
	var ps datasets.Problems
	if !errors.As(err, &ps) || !errors.Is(err, datasets.ErrInvalid) || len(ps) < 11 {
		t.Fatalf("%d problems: %v", len(ps), err)
	}
	lines := strings.Split(s, "\n")
	for _, p := range ps {
		if p.Line < 1 {
			t.Errorf("without a line: %s", p)
			continue
		}
		t.Logf("%s | %s", p, lines[p.Line-1])
	}
	for _, bad := range []string{"", "name: [", "nam: x", "name: x\nname: y", "a: &a [*a]", strings.Repeat("#", 70_000)} {
		if _, err := Parse("truth.yaml", []byte(bad)); !errors.Is(err, datasets.ErrInvalid) {
			t.Errorf("%.20q gave %v", bad, err)
		}
	}
	if _, err := Parse("truth.yaml", []byte("name: x\n")); !errors.Is(err, datasets.ErrInvalid) {
		t.Errorf("an almost empty file gave %v", err)
	}
}

// Correlations that cannot be true together are refused.
func TestImpossibleCorrelations(t *testing.T) {
	x := parsed(t, DefaultFile())
	x.Correlation.Outcomes[0][1], x.Correlation.Outcomes[1][0] = 0.95, 0.95
	x.Correlation.Outcomes[0][2], x.Correlation.Outcomes[2][0] = -0.95, -0.95
	if err := x.Check(); err == nil || !strings.Contains(err.Error(), "positive definite") {
		t.Errorf("%v", err)
	}
}

// By hand: one site and quarter, a score of three levels, 0 1 2, with mean 1 and SD
// 1: P(0) = Φ(-0.5) = 0.308538, the mean is 1, and with ρ = 0 and no change a patient
// improves by 2 with chance 0.308538².
func TestKnownByHand(t *testing.T) {
	x := parsed(t, DefaultFile())
	x.Sites, x.Trend, x.Quarters = Sites{Number: 1}, Trend{}, 1
	x.Outcomes = x.Outcomes[:1]
	o := &x.Outcomes[0]
	o.Mean, o.SD, o.Low, o.High, o.Step, o.Important = 1, 1, 0, 2, 1, 2
	o.Change = map[string][]float64{"program": {0, 0, 0}, "usual care": {0, 0, 0}}
	x.Correlation = Correlation{Outcomes: [][]float64{{1}}, Visits: "ar1"}
	m, err := x.model()
	if err != nil {
		t.Fatal(err)
	}
	s, p := m.scoreOf(0, 2, 0), 0.308537538725987
	for _, c := range [][2]float64{{float64(s.Mean), 1}, {float64(s.SD), math.Sqrt(2 * p)}, {float64(s.Change), 0}, {float64(s.ChangeSD), math.Sqrt(4 * p)}, {float64(s.Responders), p * p}} {
		if math.Abs(c[0]-c[1]) > 1e-9 {
			t.Errorf("%v, by hand %v", c[0], c[1])
		}
	}
}

func TestTreatment(t *testing.T) {
	x := parsed(t, DefaultFile()).Treatment(6)
	if got := []int{x.Visits[0].Day, x.Visits[1].Day, x.Visits[2].Day, x.Visits[3].Day}; !slices.Equal(got, []int{0, 42, 224, 407}) {
		t.Errorf("%v", got)
	}
}
