package render_test

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"recoup/analysis/economics"
	"recoup/reports"
	"recoup/reports/render"
	"recoup/simulate"
	"recoup/simulate/design"
)

// hostile is a name that a spreadsheet would take for a formula, were it one's beginning.
const hostile = `=HYPERLINK("http://x","a")'!A1`

// liveBrief is a brief of three years, two strategies and half of the patients in the
// second: 10, 20 and 20 new patients, of whom half, all and none get it instead.
func liveBrief(t *testing.T) (reports.Report, [2][]float64, reports.PolicyInput) {
	t.Helper()
	cost := [][]float64{{100, 10, 1}, {1000.25, -20, 3}}
	in := reports.PolicyInput{
		Scenario: design.Scenario{Title: "made", Strategies: []string{"usual", hostile}, Perspective: design.HealthSystem, PriceYear: 2024},
		Result:   simulate.Result{Draws: 2, Strategies: []simulate.Strategy{{Name: "usual"}, {Name: hostile}}},
		Draws:    economics.Draws{Strategies: []string{"usual", hostile}, Cost: [][]float64{{1, 2}, {3, 4}}, Effect: [][]float64{{1, 2}, {3, 4}}},
		Strategy: hostile,
		PerPatient: []reports.StrategyCost{
			{Strategy: "usual", Share: 0.875, Cost: cost[0]}, {Strategy: hostile, Share: 0.125, Cost: cost[1]},
		},
	}
	e, err := economics.Analyze(in.Draws, economics.Options{WillingnessToPay: []float64{0}})
	if err != nil {
		t.Fatal(err)
	}
	in.Economics = e
	patients, uptake := []float64{10, 20, 20}, []float64{0.5, 1, 0}
	without, with := budgets(t, cost, patients, uptake)
	for i := range patients {
		in.Budget = append(in.Budget, reports.BudgetYear{
			Year: i + 1, Without: without[i], With: with[i], Impact: with[i] - without[i], Lower: -1, Upper: 1, ImpactMCSE: 0.5, NewPatients: patients[i], OnProgram: patients[i] * uptake[i], Uptake: uptake[i],
		})
	}
	r, err := reports.Policy(in)
	if err != nil {
		t.Fatal(err)
	}
	return r, [2][]float64{without, with}, in
}

// budgets are those of the estimator, which the workbook must agree with.
func budgets(t *testing.T, cost [][]float64, patients, uptake []float64) (without, with []float64) {
	t.Helper()
	shares := []float64{0.875, 0.125}
	for _, u := range [][]float64{make([]float64, len(uptake)), uptake} {
		s, err := economics.Shift(shares, 1, u)
		if err != nil {
			t.Fatal(err)
		}
		b, err := economics.Budget(cost, economics.Intake{Patients: patients, Shares: s})
		if err != nil {
			t.Fatal(err)
		}
		without, with = with, b
	}
	return without, with
}

// sheetWith is the first sheet whose title holds some words.
func sheetWith(t *testing.T, f *excelize.File, words string) string {
	t.Helper()
	for _, s := range f.GetSheetList() {
		if title, _ := f.GetCellValue(s, "A1"); strings.Contains(title, words) && s != "Read me" {
			return s
		}
	}
	t.Fatalf("no sheet with %q", words)
	return ""
}

func workbookOf(t *testing.T, r reports.Report) *excelize.File {
	t.Helper()
	var out bytes.Buffer
	if err := render.XLSX(&out, r); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// computed works a cell out anew; stored is the value kept with it.
func computed(t *testing.T, f *excelize.File, sheet, at string) float64 {
	t.Helper()
	s, err := f.CalcCellValue(sheet, at, excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatalf("%s %s: %v", sheet, at, err)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatalf("%s %s: %v", sheet, at, err)
	}
	return v
}

func stored(t *testing.T, f *excelize.File, sheet, at string) float64 {
	t.Helper()
	s, err := f.GetCellValue(sheet, at, excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatalf("%s %s: %v", sheet, at, err)
	}
	return v
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) }

// By hand for year 1: without is 10·(0.875·100 + 0.125·1000.25) = 2125.3125, and five of the
// ten get the other instead, each for 1000.25 - 212.53125 more. The workbook computes what
// it shows, and with other patients, uptakes and costs what the estimator does.
func TestLiveBudget(t *testing.T) {
	r, printed, _ := liveBrief(t)
	f := workbookOf(t, r)
	years, intake, cost := sheetWith(t, f, "Budget of the health-system"), sheetWith(t, f, "Who comes in"), sheetWith(t, f, "What a patient costs")
	if got := stored(t, f, years, "D5"); !near(got, 2125.3125) {
		t.Errorf("without in year 1 is %g", got)
	}
	if title, _ := f.GetCellValue(years, "A1"); !strings.Contains(title, "USD of 2024") {
		t.Errorf("the money is not stated: %s", title)
	}
	agree := func(name string, without, with []float64) {
		t.Helper()
		for i := range without {
			row := strconv.Itoa(5 + i)
			for column, want := range map[string]float64{"D": without[i], "E": with[i], "F": with[i] - without[i]} {
				if got := computed(t, f, years, column+row); !near(got, want) {
					t.Errorf("%s: %s of year %d is %.12g, want %.12g", name, column, i+1, got, want)
				}
			}
		}
	}
	agree("as printed", printed[0], printed[1])
	for i := range 3 {
		for _, column := range []string{"B", "C", "D", "E", "F"} {
			at := column + strconv.Itoa(5+i)
			if formula, _ := f.GetCellFormula(years, at); formula == "" {
				t.Errorf("%s is not computed", at)
			}
			if a, b := stored(t, f, years, at), computed(t, f, years, at); !near(a, b) {
				t.Errorf("%s is kept as %g and computed as %g", at, a, b)
			}
			if kind, _ := f.GetCellType(years, at); kind == excelize.CellTypeFormula || kind == excelize.CellTypeInlineString || kind == excelize.CellTypeSharedString {
				t.Errorf("%s is kept as text", at)
			}
		}
		for _, column := range []string{"G", "H", "I"} { // interval and error stay the simulation's
			if formula, _ := f.GetCellFormula(years, column+strconv.Itoa(5+i)); formula != "" {
				t.Errorf("%s%d is computed", column, 5+i)
			}
		}
	}
	for _, x := range []struct {
		name, sheet, at  string
		value            float64
		patients, uptake []float64
		cost             [][]float64
	}{
		{"more patients", intake, "B5", 40, []float64{40, 20, 20}, []float64{0.5, 1, 0}, [][]float64{{100, 10, 1}, {1000.25, -20, 3}}},
		{"less uptake", intake, "C6", 0.25, []float64{40, 20, 20}, []float64{0.5, 0.25, 0}, [][]float64{{100, 10, 1}, {1000.25, -20, 3}}},
		{"dearer", cost, "D6", 500, []float64{40, 20, 20}, []float64{0.5, 0.25, 0}, [][]float64{{100, 10, 1}, {1000.25, 500, 3}}},
	} {
		if err := f.SetCellValue(x.sheet, x.at, x.value); err != nil {
			t.Fatal(err)
		}
		without, with := budgets(t, x.cost, x.patients, x.uptake)
		agree(x.name, without, with)
	}
}

// A name that looks like a formula is a word wherever it stands, and no formula holds one.
func TestLiveCellsAreFromCodeAlone(t *testing.T) {
	r, _, _ := liveBrief(t)
	f := workbookOf(t, r)
	formulas := 0
	for _, s := range f.GetSheetList() {
		rows, err := f.GetRows(s)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			for j := range row {
				at, _ := excelize.CoordinatesToCellName(j+1, i+1)
				formula, _ := f.GetCellFormula(s, at)
				if formula == "" {
					continue
				}
				formulas++
				if strings.Contains(formula, "HYPERLINK") || strings.Contains(formula, "http") {
					t.Errorf("%s %s: %s", s, at, formula)
				}
			}
		}
	}
	if formulas != 3*5+3*2 {
		t.Errorf("%d formulas", formulas)
	}
}

// Only a number that is shown and that no patient stands behind is written in full; a
// formula that names a cell which is not there is left out, and the number stays.
func TestLiveCellsHideNothing(t *testing.T) {
	number := func(v float64) reports.Cell {
		return reports.Cell{Value: v, Low: math.NaN(), High: math.NaN(), Format: reports.Format{Kind: reports.NumberOf}, Basis: reports.NoPatients()}
	}
	patients := reports.Number(2.4, 0, 50).Changeable()
	hidden := number(3.4).Changeable()
	hidden.Hidden = reports.Protected
	tbl := reports.Table{ID: "made", Caption: "made", Columns: []reports.Column{{Label: "a"}, {Label: "b"}, {Label: "c"}}, Rows: []reports.Row{
		{Cells: []reports.Cell{reports.Label("x"), patients, hidden}},
		{Cells: []reports.Cell{reports.Label("y"), number(1.4).Live(reports.CellAt("made", 9, 1)), number(1.4).Live(reports.CellAt("other", 0, 1))}},
		{Cells: []reports.Cell{reports.Label("z"), number(1.4).Changeable(), number(2.8).Live(reports.SumOf(reports.CellAt("made", 2, 1), reports.CellAt("made", 2, 1)))}},
	}}
	f := workbookOf(t, reports.Report{Title: "made", Sections: []reports.Section{{ID: "s", Title: "s", Blocks: []reports.Block{tbl}}}})
	for at, want := range map[string]string{"B5": "2", "C5": "hidden", "B6": "1", "C6": "1", "B7": "1.4", "C7": "2.8"} {
		got, _ := f.GetCellValue("T1 made", at, excelize.Options{RawCellValue: true})
		formula, _ := f.GetCellFormula("T1 made", at)
		if got != want || (formula != "") != (at == "C7") {
			t.Errorf("%s is %q with formula %q, want %q", at, got, formula, want)
		}
	}
	if got := computed(t, f, "T1 made", "C7"); got != 2.8 {
		t.Errorf("computed %g", got)
	}
}
