package reports_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/quality"
	"recoup/datasets"
	"recoup/datasets/synthetic"
	"recoup/reports"
	"recoup/reports/disclosure"
	"recoup/reports/render"
)

// drawn is a synthetic cohort.
func drawn(t *testing.T, patients, quarters, sites int) *datasets.Cohort {
	t.Helper()
	o := synthetic.Default
	o.Patients, o.Quarters, o.Sites = patients, quarters, sites
	files, err := synthetic.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := files.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func figure(r reports.Report, id string) (reports.Figure, bool) {
	for _, s := range r.Sections {
		for _, b := range s.Blocks {
			if f, ok := b.(reports.Figure); ok && f.ID == id {
				return f, true
			}
		}
	}
	return reports.Figure{}, false
}

// The sites adjusted are those of quality/sites by the settings that the caption names,
// the best first, and the overview shows the same.
func TestSitesAreAdjusted(t *testing.T) {
	t.Parallel()
	c := drawn(t, 1600, 4, 8)
	r, err := reports.Quarterly(t.Context(), c, reports.QuarterlyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f, _ := figure(r, "sites-adjusted")
	forest, ok := f.Plot.(reports.Forest)
	if !ok || len(forest.Rows) != 8 {
		t.Fatalf("%d sites are drawn: %s", len(forest.Rows), plain(f.Absent))
	}
	for _, word := range []string{"average pain in the last week at entry, age, sex, payer", "median odds ratio", "fewer than ten"} {
		if !strings.Contains(plain(f.Caption), word) {
			t.Errorf("the caption does not say %q: %s", word, plain(f.Caption))
		}
	}
	began := c.Select(c.Began(), "x")
	want, err := quality.SitesAnalysis.Run(t.Context(), analysis.Input{Cohort: began}, analysis.Question{Outcome: "pain", Visit: "discharge", Level: 0.95}, map[string]string{
		"measure": "responders", "rule": "important", "denominator": "seen", "baseline": "true", "covariates": "age,sex,payer,condition,pain_years,work_before",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range forest.Rows {
		at := slices.IndexFunc(want.Estimates, func(e analysis.Estimate) bool {
			return e.Term == "odds_ratio" && strings.Contains(e.Subgroup, row.Label)
		})
		if at < 0 || math.Abs(float64(want.Estimates[at].Value)-row.Estimate.Value) > 1e-9 {
			t.Errorf("%s: %v, by the analysis %v", row.Label, row.Estimate.Value, want.Estimates[max(at, 0)].Value)
		}
	}
	if !slices.IsSortedFunc(forest.Rows, func(a, b reports.ForestRow) int {
		return int(math.Copysign(1, b.Estimate.Value-a.Estimate.Value))
	}) {
		t.Error("the best site is not first")
	}
	o, err := reports.Overview(t.Context(), c, reports.QuarterlyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if g, _ := figure(o, "sites-adjusted"); g.Plot == nil {
		t.Error("the overview does not adjust")
	}
	for _, b := range o.Sections[0].Blocks {
		if table, ok := b.(reports.Table); ok && table.ID == "by-site" {
			if head := table.Columns[4].Label; head != "Better mood" { // of the PHQ-9 alone, no sleep
				t.Errorf("the shares of the PHQ-9 stand under %q", head)
			}
		}
	}
}

// The report of one site compares it with no other.
func TestOneSiteIsNotCompared(t *testing.T) {
	sites, err := reports.Sites(drawn(t, 300, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	r, err := reports.Quarterly(t.Context(), sites[0].Cohort, reports.QuarterlyOptions{Site: sites[0].Name})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"sites", "sites-adjusted"} {
		if _, ok := figure(r, id); ok {
			t.Errorf("there is a figure %s", id)
		}
	}
}

// plain is running text without its numbers.
func plain(w reports.Words) string {
	var b strings.Builder
	for _, s := range w {
		b.WriteString(s.Text)
	}
	return b.String()
}

// By the rules of registers: 8 to 5 is 37.5 % better, 7 to 5 28.6 %, 6 to 6 none, and d
// has not come back, so of those seen 1 of 3 is better by 30 %, and 1 of 4 of all.
func TestRegistersRule(t *testing.T) {
	text := written(t, visitsFile, map[string]string{"v": "id,visit,pain\na,base,8\nb,base,7\nc,base,6\nd,base,5\na,end,5\nb,end,5\nc,end,6\n"}, reports.QuarterlyOptions{}, "none")
	says(t, text, "| better by 30 % of entry or more | eppoc, immpact | 3 | 33% (6% to 79%) | 25% (5% to 70%) |", "eppoc: electronic Persistent Pain Outcomes Collaboration", "are not public")
}

// Entry 20, 21 and 22 has mean 21 and, with t = 4.303 at 2 degrees of freedom and SD 1,
// the interval ± 4.303/√3 = ± 2.484; the register's mean of 20.7 is 0.3 below.
func TestNormsOfARegister(t *testing.T) {
	file := strings.Replace(visitsFile, "{name: pain, type: number, role: outcome, instrument: nrs}", "{name: x, type: number, role: outcome, instrument: pseq}", 1)
	text := written(t, file, map[string]string{"v": "id,visit,x\na,base,20\nb,base,21\nc,base,22\na,end,10\nb,end,12\nc,end,20\n"}, reports.QuarterlyOptions{}, "none")
	says(t, text, "| 3 | 21.0 (18.5 to 23.5) | 20.7 | +0.3 (−2.2 to 2.8) | nicholas-2019 |", "patients at 36 pain clinics", "Not like our patients in:")
}

// Two of four improve by 2 points or more of pain, the instrument's 30 percent; the four
// cost 1,000, 2,000, 3,000 and 6,000: 12,000 for 2 successes are 6,000 each.
func TestCostPerSuccess(t *testing.T) {
	file := strings.Replace(visitsFile, "visits:\n", `  - name: costs
    path: k
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: kind, type: string, role: category}
        - {name: cost, type: number, role: cost, unit: USD}
visits:
`, 1)
	text := written(t, file, map[string]string{
		"v": "id,visit,pain\na,base,8\nb,base,8\nc,base,8\nd,base,8\na,end,2\nb,end,3\nc,end,8\n",
		"k": "id,kind,cost\na,program,1000\nb,program,2000\nc,program,3000\nd,program,6000\n",
	}, reports.QuarterlyOptions{}, "none")
	says(t, text, "the program cost $6,000 (")
	silent(t, written(t, file, map[string]string{
		"v": "id,visit,pain\na,base,8\nb,base,8\na,end,8\nb,end,8\n",
		"k": "id,kind,cost\na,program,1000\nb,program,2000\n",
	}, reports.QuarterlyOptions{}, "none"), "the program cost")
}

// A report tells how far it is, and stops where it is told to.
func TestReportProgressAndCancel(t *testing.T) {
	c := drawn(t, 60, 1, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var at []int
	_, err := reports.Quarterly(ctx, c, reports.QuarterlyOptions{Progress: func(done, total int) {
		if at = append(at, done); total != len(reports.QuarterlySections) {
			t.Errorf("of %d sections", total)
		}
		if done == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || !slices.Equal(at, []int{0, 1, 2, 3}) {
		t.Errorf("after %v: %v", at, err)
	}
}

// The target that a program aims at stands in the chart over time and between sites, and
// in none where there is none.
func TestTargetIsDrawn(t *testing.T) {
	c := drawn(t, 800, 3, 3)
	for _, target := range []float64{0, 0.55} {
		r, err := reports.Quarterly(t.Context(), c, reports.QuarterlyOptions{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		f, _ := figure(r, "important-by-quarter")
		g, _ := figure(r, "sites")
		control, funnel := f.Plot.(reports.Control), g.Plot.(reports.Funnel)
		if drawn := !math.IsNaN(control.Target); drawn != (target > 0) || drawn && control.Target != target || drawn != strings.Contains(plain(f.Alt), "target") {
			t.Errorf("target %v: the chart over time draws %v: %s", target, control.Target, plain(f.Alt))
		}
		if drawn := !math.IsNaN(funnel.Target); drawn != (target > 0) || drawn && funnel.Target != target || math.Abs(funnel.Center-0.5) > 0.2 {
			t.Errorf("target %v: the funnel draws %v about %v", target, funnel.Target, funnel.Center)
		}
	}
}

// The only date of a report is the one it is given, as its language writes dates.
func TestReportIsDated(t *testing.T) {
	c := drawn(t, 60, 1, 2)
	for lang, want := range map[string]string{"en": "dated 2026-10-15", "de": "15.10.2026"} {
		r, err := reports.Quarterly(t.Context(), c, reports.QuarterlyOptions{Date: "2026-10-15", Lang: lang})
		if err != nil || !strings.Contains(r.Subtitle, want) {
			t.Errorf("%v, %q does not say %q", err, r.Subtitle, want)
		}
		o, err := reports.Overview(t.Context(), c, reports.QuarterlyOptions{Date: "2026-10-15", Lang: lang})
		if err != nil || !strings.Contains(o.Subtitle, want) {
			t.Errorf("%v, the overview's %q does not say %q", err, o.Subtitle, want)
		}
	}
	for _, bad := range []string{"15.10.2026", "2026-13-01", "2026-02-30", "x"} {
		if _, err := reports.Quarterly(t.Context(), c, reports.QuarterlyOptions{Date: bad}); !errors.Is(err, reports.ErrDate) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Every section begins with a sentence: of many patients, of a quarter without one a year
// before, of one patient, of one site, and where everything is hidden.
func TestEverySectionBegins(t *testing.T) {
	t.Parallel()
	many := drawn(t, 600, 5, 3)
	sites, err := reports.Sites(many)
	if err != nil {
		t.Fatal(err)
	}
	strict, err := disclosure.Named("cms-11")
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		cohort *datasets.Cohort
		o      reports.QuarterlyOptions
	}{
		"all":       {many, reports.QuarterlyOptions{Fewest: 11}},
		"last year": {many, reports.QuarterlyOptions{Quarter: "2026Q3", Fewest: 11}},
		"none":      {many, reports.QuarterlyOptions{Quarter: "2025Q4", Fewest: 11}},
		"one site":  {sites[0].Cohort, reports.QuarterlyOptions{Quarter: "2026Q3", Site: sites[0].Name, Fewest: 11}},
		"few":       {drawn(t, 9, 1, 2), reports.QuarterlyOptions{Fewest: 11}},
		"one":       {drawn(t, 1, 1, 1), reports.QuarterlyOptions{}},
		"German":    {many, reports.QuarterlyOptions{Quarter: "2026Q3", Lang: "de"}},
	} {
		r, err := reports.Quarterly(t.Context(), x.cohort, x.o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		made := []reports.Report{r}
		if o, err := reports.Overview(t.Context(), x.cohort, x.o); err == nil {
			made = append(made, o)
		}
		for _, r := range made {
			r, _ = disclosure.Apply(r, strict)
			for _, s := range reports.Speak(r).Sections {
				if s.ID != "disclosure" && len(s.Found) == 0 {
					t.Errorf("%s: the section %s of %q begins without a sentence", name, s.ID, r.Title)
				}
			}
			var b strings.Builder
			if err := render.Text(&b, reports.Speak(r)); err != nil || strings.Contains(b.String(), "NaN") {
				t.Errorf("%s: %v, or it shows NaN", name, err)
			}
		}
	}
}
