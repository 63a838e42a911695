package reports

import (
	"math"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/economics"
	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// briefOf is the brief of draws of cost and effect, at 100 for a unit.
func briefOf(t *testing.T, d economics.Draws, change func(*PolicyInput)) Report {
	t.Helper()
	e, err := economics.Analyze(d, economics.Options{WillingnessToPay: []float64{0, 100}})
	if err != nil {
		t.Fatal(err)
	}
	in := PolicyInput{
		Scenario: design.Scenario{Title: "A against B", Strategies: d.Strategies, Perspective: design.HealthSystem, HorizonWeeks: 52},
		Evidence: evidence.Set{Parameters: []evidence.Parameter{{Name: "p", Status: evidence.Guess}, {Name: "q", Status: evidence.Sourced}}},
		Result:   simulate.Result{Draws: len(d.Cost[0]), Patients: 10, Strategies: []simulate.Strategy{{Name: "A"}, {Name: "B"}}},
		Draws:    d, Economics: e, At: 1, Strategy: "B",
	}
	if change != nil {
		change(&in)
	}
	r, err := Policy(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// firstPage is the text of the paragraphs of the first section.
func firstPage(r Report) string {
	var out []string
	for _, b := range r.Sections[0].Blocks {
		if p, ok := b.(Paragraph); ok {
			for _, s := range p.Text {
				out = append(out, s.Text)
			}
		}
	}
	return strings.Join(out, " ")
}

func says(t *testing.T, text string, want []string, not []string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("it does not say %q: %s", w, text)
		}
	}
	for _, w := range not {
		if strings.Contains(text, w) {
			t.Errorf("it says %q: %s", w, text)
		}
	}
}

func twoStrategies(cost []float64) economics.Draws {
	zero, effect := make([]float64, len(cost)), make([]float64, len(cost))
	for i := range effect {
		effect[i] = 2
	}
	return economics.Draws{Strategies: []string{"A", "B"}, Cost: [][]float64{zero, cost}, Effect: [][]float64{zero, effect}}
}

// By hand, at 100 for a unit: B has net benefits 100, 110 and 90, so a lead of 100 with an
// error of √(100/3) = 6; it is best in all draws, and nothing is lost by choosing it.
func TestBriefOfALead(t *testing.T) {
	r := briefOf(t, twoStrategies([]float64{100, 90, 110}), func(in *PolicyInput) {
		in.Tornado = &economics.Tornado{Strategy: "B", Reference: "A", NetBenefit: 100, NetBenefitMCSE: 1, Swings: []economics.Swing{
			{Parameter: "big", Width: 300, Changes: true, AtLow: economics.SwingEnd{ChangeMCSE: 5}},
			{Parameter: "noise", Width: 150, Changes: true, AtLow: economics.SwingEnd{ChangeMCSE: 100}},
		}}
		in.Budget = []BudgetYear{{Year: 1, Impact: -1234, Lower: math.NaN(), Upper: math.NaN(), NewPatients: 50, OnProgram: 10}, {Year: 2, Impact: 5000, Lower: 4000, Upper: 6000}}
	})
	says(t, firstPage(r), []string{
		"At 100 USD for a QALY B has the highest mean net benefit, 100 USD a patient more than A (Monte Carlo standard error 6)",
		"B is the best in 100 % of 3 draws", "coarse figure", "1,234 USD less in year 1", "5,000 USD more in year 2 (95 % of draws: 4,000 to 6,000)", "at an end of its 95 % range: big.",
	}, []string{"noise", "tell"})
	if n := len(r.Sections); n != 7 {
		t.Errorf("%d sections", n)
	}
	cheers := r.Sections[6].Blocks[0].(Table)
	if len(cheers.Rows) != 28 {
		t.Errorf("CHEERS 2022 has 28 items, not %d", len(cheers.Rows))
	}
	for _, row := range cheers.Rows {
		if row.Cells[2].Text == "" {
			t.Errorf("item %s is not answered", row.Cells[0].Text)
		}
	}
}

// By hand: net benefits 150 and -50: a lead of 50 with an error of 100. That is no lead.
func TestBriefDoesNotOverclaim(t *testing.T) {
	says(t, firstPage(briefOf(t, twoStrategies([]float64{50, 250}), nil)),
		[]string{"does not tell B and A apart", "differ by 50 USD a patient, within 2 Monte Carlo standard errors (100)", "B is the best in 50 % of 2 draws"}, []string{"has the highest"})
	// On average best, yet in one draw of three only: net benefits -10, -20 and 180.
	says(t, firstPage(briefOf(t, twoStrategies([]float64{210, 220, 20}), nil)), []string{"best in 33 %", "fewer than half"}, nil)
}

// One set of parameters has no probability, and without patients' noise no error either.
func TestBriefOfASingleDraw(t *testing.T) {
	r := briefOf(t, twoStrategies([]float64{100}), nil)
	says(t, firstPage(r), []string{"its Monte Carlo error is not known, so that lead may be chance", "nothing can be said of how sure"}, []string{"% of", "perfect information"})
	found := map[string]bool{}
	for _, s := range r.Sections {
		for _, b := range s.Blocks {
			if n, ok := b.(Notice); ok && n.Level == CannotShow {
				found[s.ID] = true
			}
		}
	}
	if !found["worth"] || !found["changes"] || !found["budget"] {
		t.Errorf("what is missing is not said: %v", found)
	}
	known := twoStrategies([]float64{100})
	known.Noise = [][]float64{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}
	says(t, firstPage(briefOf(t, known, nil)), []string{"100 USD a patient more than A (Monte Carlo standard error 1)"}, nil)
}

func TestBriefOfOneStrategy(t *testing.T) {
	d := twoStrategies([]float64{1, 2})
	d.Strategies, d.Cost, d.Effect = d.Strategies[:1], d.Cost[:1], d.Effect[:1]
	says(t, firstPage(briefOf(t, d, nil)), []string{"one strategy, A"}, []string{"best in"})
}

// A base case that is not settled is not called changed by every parameter.
func TestBriefOfAnUnsettledTornado(t *testing.T) {
	swings := []economics.Swing{{Parameter: "a", Width: 9, Changes: true}, {Parameter: "b", Width: 8, Changes: true}, {Parameter: "c", Width: 7, Changes: true}}
	r := briefOf(t, twoStrategies([]float64{100, 90}), func(in *PolicyInput) {
		in.Tornado = &economics.Tornado{Strategy: "B", Reference: "A", NetBenefit: 1, NetBenefitMCSE: 1, Swings: swings}
	})
	says(t, firstPage(r), []string{"within Monte Carlo error of each other", "a, b and c"}, []string{"Another strategy is the best"})
}

// Figures keep to what they are given: swings without a number are left out, the widest
// come first, and a strategy beyond the colors is called another.
func TestEconomicsFigures(t *testing.T) {
	nan := analysis.Num(math.NaN())
	f := TornadoFigure(economics.Tornado{NetBenefit: 10, Swings: []economics.Swing{
		{Parameter: "wide", Width: 30, Changes: true, AtLow: economics.SwingEnd{Value: 1, Change: -10}, AtHigh: economics.SwingEnd{Value: 2, Change: 20}},
		{Parameter: "none", Width: 0},
		{Parameter: "unknown", Width: nan, Reason: "it is fixed"},
	}})
	d := f.Plot.(Dots)
	if len(d.Rows) != 1 || d.Rows[0] != "* wide (1 to 2)" || d.Series[0].Values[0].Value != -10 || d.Series[1].Values[0].Value != 20 || len(d.Lines) != 1 || d.Lines[0].Value != -10 {
		t.Errorf("%+v", d)
	}
	names := []string{"A", "B", "C", "D", "E"}
	m := HeatMapFigure(Grid2{Row: "r", Column: "c", RowValues: []float64{1}, ColumnValues: []float64{1, 2, 3, 4, 5}, Best: [][]string{names}, NetBenefit: [][]float64{{0, 1, 2, 3, 4}}, Strategies: names, Strategy: "B"}).Plot.(Matrix)
	want := []MatrixKind{MatrixEmpty, MatrixFirst, MatrixSecond, MatrixPlain, MatrixPlain}
	for j, k := range want {
		if m.Cells[0][j].Kind != k {
			t.Errorf("cell %d is of kind %v, want %v", j, m.Cells[0][j].Kind, k)
		}
	}
	if m.Kinds[MatrixPlain] != "another is best" || m.Kinds[MatrixFirst] != "B is best" {
		t.Errorf("%q", m.Kinds)
	}
}
