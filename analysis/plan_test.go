package analysis_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/datasets"
)

// counting is an analysis whose numbers are what it is asked: the p value is the
// setting p, the value the patients left.
type countingOptions struct {
	P    float64           `opt:"p" doc:"p value"`
	Fail bool              `opt:"fail" doc:"refuse"`
	List []string          `opt:"list" doc:"some names"`
	With map[string]string `opt:"with" doc:"of another"`
}

var counting = analysis.New(analysis.Analysis{
	Name: "test/count", Definitions: []analysis.Definition{{Name: "strict"}},
}, countingOptions{P: math.NaN()}, func(_ context.Context, in analysis.Input, q analysis.Question, o countingOptions) (analysis.Result, error) {
	if o.Fail {
		return analysis.Result{}, fmt.Errorf("%w: told to", analysis.ErrCannot)
	}
	e := analysis.NewEstimate("tested", analysis.ScaleDifference)
	e.Value, e.P, e.Outcome, e.Visit = analysis.Num(in.Cohort.Patients()), analysis.Num(o.P), q.Outcome, q.Visit
	e.Method.Name = strings.Join(o.List, "+") + o.With["inner"]
	other := analysis.NewEstimate("other", analysis.ScaleDifference).Warn("x", "no number", "")
	return analysis.Result{Estimates: []analysis.Estimate{e, other}}, nil
})

func findCounting(name string) (*analysis.Analysis, error) {
	if name == counting.Name {
		return counting, nil
	}
	return nil, fmt.Errorf("no such analysis: %q", name)
}

func planCohort(t *testing.T) *datasets.Cohort {
	return analysistest.Cohort(t, `
name: small
visits: [{value: "0", baseline: true}, {value: "1", name: after}]
resources:
  - name: people
    path: people.csv
    schema: {fields: [{name: id, type: string, role: patient}, {name: age, type: integer}]}
  - name: visits
    path: visits.csv
    schema: {fields: [{name: id, type: string, role: patient}, {name: visit, type: string, role: visit}, {name: pain, type: number, role: outcome}, {name: mood, type: number, role: outcome}]}
`, map[string]string{"people.csv": "id,age\na,30\nb,60\nc,70\n", "visits.csv": "id,visit,pain,mood\na,0,5,1\na,1,4,1\nb,0,6,2\nc,1,2,2\n"})
}

func runPlan(t *testing.T, text string) (analysis.PlanResult, *analysis.Plan) {
	t.Helper()
	p, err := analysis.ParsePlan("plan.yaml", []byte(text), findCounting)
	if err != nil {
		t.Fatal(err)
	}
	c := planCohort(t)
	runs, err := p.Runs(findCounting)
	if err != nil {
		t.Fatal(err)
	}
	if lacks := p.Check(c, runs); len(lacks) > 0 {
		t.Fatal(lacks)
	}
	r, err := p.Run(t.Context(), analysis.Input{Cohort: c, Find: findCounting}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 7} {
		again, err := p.Run(t.Context(), analysis.Input{Cohort: c, Find: findCounting}, workers)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(r)
		b, _ := json.Marshal(again)
		if !slices.Equal(a, b) {
			t.Errorf("%d workers give other bytes", workers)
		}
	}
	return r, p
}

// An item runs for each outcome, visit and subgroup; a sensitivity analysis takes over
// what it does not say, its own analysis's settings aside; terms pick estimates.
func TestPlanRuns(t *testing.T) {
	r, _ := runPlan(t, `
question: {visit: after}
level: 0.9
seed: 5
analyses:
  - id: first
    role: primary
    run: test/count
    outcomes: [pain, mood]
    subgroups: ["age >= 50"]
    set: {p: 0.04, list: [a, b], with: {inner: "!"}}
    terms: [tested, wrong]
    sensitivity:
      - {id: same, question: {definition: strict}}
      - {id: one, outcomes: [pain], set: {p: 0.5}, role: exploratory}
      - {id: refused, question: {outcome: pain, visit: "0"}, set: {fail: true}}
`)
	var got []string
	for _, x := range r.Runs {
		line := fmt.Sprintf("%s/%s %s %s@%s [%s] %s", x.ID, x.Of, x.Role, x.Question.Outcome, x.Question.Visit, x.Question.Subgroup, x.Question.Definition)
		for _, e := range x.Result.Estimates {
			line += fmt.Sprintf(" %s=%v p=%v %s", e.Term, e.Value, e.P, e.Method.Name)
		}
		if x.Cannot != "" {
			line += " cannot"
		}
		got = append(got, line)
		if x.Question.Level != 0.9 || x.Question.Seed != 5 {
			t.Errorf("%s: level %v, seed %v", x.ID, x.Question.Level, x.Question.Seed)
		}
		if x.Cannot == "" && (len(x.Result.Warnings) != 1 || x.Result.Warnings[0].Code != "no-term") {
			t.Errorf("%s: a term that is not there is not said: %v", x.ID, x.Result.Warnings)
		}
	}
	want := []string{
		"first/ primary pain@after []  tested=3 p=0.04 a+b!",
		"first/ primary pain@after [age >= 50]  tested=2 p=0.04 a+b!",
		"first/ primary mood@after []  tested=3 p=0.04 a+b!",
		"first/ primary mood@after [age >= 50]  tested=2 p=0.04 a+b!",
		"same/first sensitivity pain@after [] strict tested=3 p=0.04 a+b!",
		"same/first sensitivity mood@after [] strict tested=3 p=0.04 a+b!",
		"one/first exploratory pain@after []  tested=3 p=0.5 a+b!",
		"refused/first sensitivity pain@0 []  cannot",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// By hand: Holm of 0.01, 0.04 and 0.03 is 3 x 0.01, 2 x 0.03 and the larger of that and
// 0.04; a fixed sequence is the largest so far; sensitivity analyses do not count, and
// subgroups where asked.
func TestPlanMultiplicity(t *testing.T) {
	r, _ := runPlan(t, `
question: {outcome: pain, visit: after}
analyses:
  - {id: a, run: test/count, set: {p: 0.01}, sensitivity: [{id: a2, set: {p: 0.9}}]}
  - {id: b, run: test/count, set: {p: 0.04}, subgroups: ["age < 50"]}
  - {id: c, run: test/count, set: {p: 0.03}}
  - {id: d, run: test/count}
multiplicity:
  - {name: main, method: holm, of: [a, b, c], term: tested}
  - {name: order, method: fixed-sequence, of: [c, a, b]}
  - {name: all, method: bonferroni, of: [b], subgroups: true}
  - {name: none, method: holm, of: [d]}
  - {name: short, method: bonferroni, of: [a, d], term: tested}
`)
	got := map[string][]string{}
	for _, x := range r.Tests {
		got[x.Family] = append(got[x.Family], fmt.Sprintf("%s %.4g", r.Runs[x.Run].ID, float64(x.Adjusted)))
	}
	for family, want := range map[string][]string{
		"main": {"a 0.03", "b 0.06", "c 0.06"}, "order": {"c 0.03", "a 0.03", "b 0.04"}, "all": {"b 0.08", "b 0.08"}, "none": nil, "short": {"a 0.01"},
	} {
		if !slices.Equal(got[family], want) {
			t.Errorf("%s: %v, want %v", family, got[family], want)
		}
	}
	if len(r.Warnings) != 2 || !strings.Contains(r.Warnings[0].Message, "the family none has no p value to adjust") {
		t.Errorf("a family without tests is not said: %v", r.Warnings)
	} else if w := r.Warnings[1].Message; w != "the family short has no p value of a term tested of d: p values are adjusted for the tests of the others alone" {
		t.Errorf("a member without a test is not said: %s", w)
	}
}

// Everything wrong with a plan comes at once, with its line.
func TestPlanProblems(t *testing.T) {
	_, err := analysis.ParsePlan("plan.yaml", []byte(`level: 2
where: "age >"
analyses:
  - id: Bad Id
    run: test/count
    role: main
  - id: a
    run: test/none
  - id: a
    run: test/count
    question: {definition: loose, outcome: pain, reference: x}
    outcomes: [pain]
    visits: [after]
    set: {q: 1, p: x}
    subgroups: ["= 5"]
    sensitivity: [{id: s, sensitivity: [{id: t}]}]
multiplicity:
  - {name: m, method: magic, of: [zzz]}
  - {name: m, method: holm, of: []}
`), findCounting)
	var ps datasets.Problems
	if !errors.As(err, &ps) {
		t.Fatal(err)
	}
	for _, want := range []struct {
		line int
		say  string
	}{
		{1, "confidence level"},
		{2, ""},
		{4, "small letters"},
		{6, "primary, secondary"},
		{8, "no such analysis"},
		{9, "given twice"},
		{11, "no definition"},
		{11, "expected an arm"},
		{12, "either outcomes"},
		{14, "no setting \"q\""},
		{14, "expected a number"},
		{15, ""},
		{16, "no sensitivity analyses of"},
		{18, "expected one of holm"},
		{18, `no "zzz"`},
		{19, "a name of its own"},
		{19, "the ids"},
	} {
		if !slices.ContainsFunc(ps, func(p datasets.Problem) bool { return p.Line == want.line && strings.Contains(p.Expected, want.say) }) {
			t.Errorf("line %d: no problem that says %q", want.line, want.say)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
	for _, bad := range []string{"", "analyses: []\n", "nothing: 1\n", "analyses: [{id: a, run: test/count, zzz: 1}]\n"} {
		if _, err := analysis.ParsePlan("plan.yaml", []byte(bad), findCounting); !errors.As(err, &ps) {
			t.Errorf("%q is not refused: %v", bad, err)
		}
	}
	// What the cohort does not have.
	p, err := analysis.ParsePlan("plan.yaml", []byte(`
analyses:
  - {id: a, run: test/count, question: {outcome: sleep, visit: never, arm: x}, subgroups: ["height > 3"]}
`), findCounting)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := p.Runs(findCounting)
	if err != nil {
		t.Fatal(err)
	}
	lacks := strings.Join(p.Check(planCohort(t), runs), "\n")
	for _, want := range []string{"sleep", "never", "no arm", "height"} {
		if !strings.Contains(lacks, want) {
			t.Errorf("%q is not said: %s", want, lacks)
		}
	}
}

func TestPlanStops(t *testing.T) {
	p, err := analysis.ParsePlan("plan.yaml", []byte("analyses: [{id: a, run: test/count, question: {outcome: pain, visit: after}}]\n"), findCounting)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Run(ctx, analysis.Input{Cohort: planCohort(t), Find: findCounting}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled plan gives %v", err)
	}
}
