package meta

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/datasets/published"
)

func read(t *testing.T, text string, a Ask) *Studies {
	t.Helper()
	s, err := ReadStudies(strings.NewReader(text), "studies.csv", a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is wrong comes back at once, by row and column, and never with the cell.
func TestReadRefuses(t *testing.T) {
	text := "study,events1,n1,events2,n2,alloc\nA,3,20,secret,21,x\n,4.5,20,2,21,y\nC,30,20,-1,21,z\nD,1,2\n"
	_, err := ReadStudies(strings.NewReader(text), "studies.csv", Ask{Measure: "rr"})
	if !errors.Is(err, datasets.ErrInvalid) {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"row 1", "events2", "row 2", "study", "events1", "row 3", "at most n1", "row 4", "as many cells"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "4.5") {
		t.Errorf("a cell's value in: %v", err)
	}
	for text, want := range map[string]string{
		"": "header", "a,b\n1,2\n": "study", "study,yi,vi\n": "at least one study", "study,study\na,b\n": "each column once",
		"study,events1,n1\nA,1,2\n": "events2", "study,yi,vi,sei,sei\nA,1,2,3,4\n": "each column once",
	} {
		if _, err := ReadStudies(strings.NewReader(text), "f", Ask{Measure: "RR"}); !errors.Is(err, datasets.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ReadStudies(strings.NewReader("x"), "f", Ask{Measure: "XX"}); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("%v", err)
	}
	if _, err := ReadStudies(strings.NewReader("study,yi,vi,x\nA,1,1,2\nB,1,1,word\n"), "f", Ask{Measure: "GEN", Moderators: []string{"x"}}); !errors.Is(err, datasets.ErrInvalid) {
		t.Errorf("numbers and words in a moderator: %v", err)
	}
}

// A study without an effect is left out and said so; yi goes before counts; the order
// of the file changes no byte.
func TestReadKeeps(t *testing.T) {
	rows := []string{"B,2,20,6,21,,", "A,1,20,7,21,,", "D,,,,,-0.5,0.1", "C,NA,20,2,20,,"}
	head := "study,events1,n1,events2,n2,yi,vi\n"
	s := read(t, head+strings.Join(rows, "\n"), Ask{Measure: "RR"})
	if len(s.Rows) != 3 || len(s.Excluded) != 1 || s.Excluded[0].Rows != 1 || !strings.Contains(s.Excluded[0].Reason, ": C") {
		t.Fatalf("%+v", s)
	}
	near(t, "given", s.Rows[2].Value, -0.5, 0)
	near(t, "counted", s.Rows[0].Value, math.Log(1.0/20/(7.0/21)), 1e-14)
	rows[0], rows[2] = rows[2], rows[0]
	again := read(t, head+strings.Join(rows, "\n"), Ask{Measure: "RR"})
	a, b := must[analysis.Result](t)(s.Pool(Plan{})), must[analysis.Result](t)(again.Pool(Plan{}))
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("the order of the rows changes the result")
	}
}

func find(t *testing.T, r analysis.Result, term, group string) analysis.Estimate {
	t.Helper()
	for _, e := range r.Estimates {
		if e.Term == term && e.Subgroup == group {
			return e
		}
	}
	t.Fatalf("no %s of %q", term, group)
	return analysis.Estimate{}
}

const bcgHead = "study,events1,n1,events2,n2,x,year,group\n"

func bcgFile() string {
	text := bcgHead
	for i, r := range bcgTrials {
		text += fmt.Sprintf("t%02d,%g,%g,%g,%g,%g,%d,%s\n", i, r[0], r[0]+r[1], r[2], r[2]+r[3], r[4], 1950+i, map[bool]string{true: "north", false: "south"}[r[4] > 30])
	}
	return text
}

// From the file to ratios: the vaccine trials as metafor's help has them, 0.49 (0.34 to
// 0.70) by REML.
func TestResult(t *testing.T) {
	r := must[analysis.Result](t)(read(t, bcgFile(), Ask{Measure: "RR"}).Pool(Plan{Options: Options{Test: TestZ, Prediction: PredictNormal}}))
	e := find(t, r, "pooled", "")
	near(t, "ratio", float64(e.Value), math.Exp(-0.71453234215814), 1e-9)
	near(t, "low", float64(e.CI.Low), math.Exp(-1.06689763881035), 1e-9)
	near(t, "error", float64(e.SE/e.Value), 0.179781516105207, 1e-6)
	near(t, "prediction", float64(find(t, r, "prediction", "").CI.Low), math.Exp(-1.8667), 1e-4)
	near(t, "tau", float64(find(t, r, "tau", "").Value), math.Sqrt(0.313243258136486), 1e-9)
	near(t, "Mantel-Haenszel", float64(find(t, r, "mantel_haenszel", "").Value), math.Exp(-0.453709604683754), 1e-9)
	north, south := find(t, r, "pooled", "north"), find(t, r, "pooled", "south")
	d := math.Log(float64(north.Value / south.Value))
	v := math.Pow(float64(north.SE/north.Value), 2) + math.Pow(float64(south.SE/south.Value), 2)
	near(t, "subgroups", float64(find(t, r, "subgroup_difference", "").Value), d*d/v, 1e-6)
	names := ""
	for _, x := range r.Tables {
		names += x.Name + " "
	}
	if names != "studies heterogeneity estimators funnel influence bias cumulative " {
		t.Errorf("tables %s", names)
	}
	r = must[analysis.Result](t)(read(t, bcgFile(), Ask{Measure: "RR", Moderators: []string{"x"}}).Pool(Plan{Options: Options{Test: TestZ}}))
	near(t, "slope", float64(find(t, r, "coefficient x", "").Value), -0.0291017250116429, 1e-9)
	near(t, "words", float64(len(must[analysis.Result](t)(read(t, bcgFile(), Ask{Measure: "RR", Moderators: []string{"group"}}).Pool(Plan{})).Estimates)), 3, 0)
	hk := must[analysis.Result](t)(read(t, bcgFile(), Ask{Measure: "RR"}).Pool(Plan{Options: Options{Test: TestHK}}))
	near(t, "subgroups by classic errors", float64(find(t, hk, "subgroup_difference", "").Value), d*d/v, 1e-6)
	if len(r.Warnings) != 0 {
		t.Errorf("13 studies for a moderator: %+v", r.Warnings)
	}
	if two := must[analysis.Result](t)(read(t, bcgFile(), Ask{Measure: "RR", Moderators: []string{"x", "year"}}).Pool(Plan{})); len(two.Warnings) != 1 || two.Warnings[0].Code != warnFew {
		t.Errorf("13 studies for two moderators: %+v", two.Warnings)
	}
	narrow := must[analysis.Result](t)(read(t, "study,yi,vi\nA,1,1\nB,1.1,1\nC,0.9,2\nD,1,0.5\nE,1,1\n", Ask{Measure: "GEN"}).Pool(Plan{}))
	if e := find(t, narrow, "pooled", ""); len(e.Warnings) != 1 || e.Warnings[0].Code != warnNarrower {
		t.Errorf("studies that agree: %+v", e.Warnings)
	}
	equal := must[analysis.Result](t)(read(t, "study,yi,vi\nA,2,1\nB,2,1\nC,2,1\nD,2,1\nE,2,1\n", Ask{Measure: "GEN"}).Pool(Plan{}))
	if e := find(t, equal, "pooled", ""); e.CI.Low.OK() || len(e.Warnings) != 1 || e.Warnings[0].Code != analysis.WarnNoVariance {
		t.Errorf("equal effects: %+v", e)
	}
	near(t, "prediction of equal effects", float64(find(t, equal, "prediction", "").CI.High), 2+math.Sqrt(0.2)*analysis.TQuantile(3, 0.95), 1e-12)
	for way, mean := range map[string]float64{MeanWan: 16.0 / 3, MeanLuo: 5.363} {
		near(t, way, read(t, "study,median,lower,upper,n\nA,5,3,8,15\n", Ask{Measure: "MN", Median: way}).Rows[0].Value, mean, 1e-12)
	}
	// One study: its own interval, no τ² and no prediction, each with its reason.
	r = must[analysis.Result](t)(read(t, "study,yi,sei\nA,1,0.5\n", Ask{Measure: "GEN"}).Pool(Plan{}))
	near(t, "one study", float64(find(t, r, "pooled", "").CI.High), 1+0.5*1.959963984540054, 1e-12)
	for _, term := range []string{"prediction", "tau"} {
		if e := find(t, r, term, ""); e.CI.Low.OK() || len(e.Warnings) == 0 {
			t.Errorf("%s of one study: %+v", term, e)
		}
	}
	twice := must[analysis.Result](t)(read(t, "study,yi,sei\nA,1,0.5\nA,2,0.5\nB,1,0.4\n", Ask{Measure: "GEN"}).Pool(Plan{}))
	if len(twice.Warnings) != 1 || twice.Warnings[0].Code != warnDependent {
		t.Errorf("a study twice: %+v", twice.Warnings)
	}
	three := must[analysis.Result](t)(read(t, "study,yi,sei\nA,1,0.5\nA,2,0.5\nB,1,0.4\nC,3,0.3\nC,1,0.4\n", Ask{Measure: "GEN"}).Pool(Plan{ThreeLevel: true, Correlation: 0.5}))
	if e := find(t, three, "pooled", ""); !e.Value.OK() || !e.DF.OK() || e.N.Arm != 3 {
		t.Errorf("three levels: %+v", e)
	}
}

// The published shares after fusion off benefit: 36.1 % of 1950 and 32 % of 388, pooled
// by hand at a common effect on the logit: weights n p (1-p).
func TestBenchmarks(t *testing.T) {
	r := must[analysis.Result](t)(Benchmarks(published.Filter{}, Plan{Options: Options{Method: FE}}))
	at := -1
	for i, e := range r.Estimates {
		if e.Term == "pooled" && e.Definition == "off-benefit" && e.Subgroup == "workers-compensation" {
			at = i
		}
	}
	if at < 0 {
		t.Fatalf("no benchmark: %+v", r.Estimates)
	}
	logit := func(p float64) float64 { return math.Log(p / (1 - p)) }
	w1, w2 := 1950*0.361*0.639, 388*0.32*0.68
	mean := (w1*logit(0.361) + w2*logit(0.32)) / (w1 + w2)
	near(t, "pooled", float64(r.Estimates[at].Value), 1/(1+math.Exp(-mean)), 1e-12)
	for _, e := range r.Estimates { // a share of a time before surgery, or of a part, is no benchmark
		if e.Definition == "any-work" && e.Term == "pooled" {
			near(t, "any work", float64(e.Value), 16.0/61, 1e-12)
		}
	}
	if len(r.Excluded) == 0 {
		t.Error("what was left out is not said")
	}
	again := must[analysis.Result](t)(Benchmarks(published.Filter{}, Plan{}))
	for _, e := range again.Estimates {
		if e.Term == "prediction" && (e.CI.Low.OK() || len(e.Warnings) == 0) {
			t.Errorf("a prediction interval by k-2 of at most two studies: %+v", e)
		}
	}
	if _, err := Benchmarks(published.Filter{Outcome: "completion"}, Plan{}); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("%v", err)
	}
}

// Of a study one figure counts: of all its patients, at the longest horizon after treatment.
func TestChoose(t *testing.T) {
	at := func(text string) published.Horizon {
		h, err := published.ParseHorizon(text)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	share := func(value float64, group, when string) published.Result {
		return published.Result{Measure: published.Proportion, Value: value, Events: math.NaN(), N: 100, Group: group, At: at(when), Definition: "any-work", Status: published.Sourced}
	}
	e := published.Entry{ID: "x", Procedure: "lumbar fusion", Results: []published.Result{
		share(10, "", "entry"), share(20, "", "1 year after surgery"), share(40, "", "2 years after surgery"), share(30, "", "6 months after surgery"), share(90, "men", "3 years after surgery"),
	}}
	chosen, left := choose([]published.Entry{e})
	if len(chosen) != 1 || chosen[0].Value != 40 || len(left) != 1 || left[0].Rows != 2 {
		t.Errorf("%+v, left %+v", chosen, left)
	}
	e.Arms = []published.Arm{{Name: "all"}, {Name: "part"}}
	e.Results[1].Arm, e.Results[2].Arm, e.Results[3].Arm = "all", "part", "part"
	if chosen, _ = choose([]published.Entry{e}); len(chosen) != 1 || chosen[0].Value != 20 {
		t.Errorf("%+v", chosen)
	}
	e.Procedure = "usual care"
	if chosen, _ = choose([]published.Entry{e}); len(chosen) != 0 {
		t.Error("usual care is no surgery")
	}
}

// 200 studies of 12 treatments, where the peer takes 16 s.
func BenchmarkNetwork(b *testing.B) {
	var list []Contrast
	for i := range 200 {
		x, y := i%12, (i*7+i/12+1)%12
		if x == y {
			y = (y + 1) % 12
		}
		list = append(list, Contrast{fmt.Sprint(i), string(rune('A' + x)), string(rune('A' + y)), Effect{math.Sin(float64(i)), 0.1 + float64(i%7)/20}})
	}
	for b.Loop() {
		if _, err := Network(list, NetworkOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// Each of 500 studies left out, where the peer takes 51 s.
func BenchmarkInfluence(b *testing.B) {
	var effects []Effect
	for i := range 500 {
		effects = append(effects, Effect{math.Sin(float64(i * i)), 0.1 + float64(i%7)/20})
	}
	m, err := Pool(effects, nil, nil, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.Influence()
	}
}
