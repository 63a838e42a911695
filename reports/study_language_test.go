package reports_test

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"recoup/analysis/analysistest"
	"recoup/analysis/catalog"
	"recoup/reports"
	"recoup/reports/render"
)

func (s studied) german(t *testing.T, policy string) reports.Report {
	t.Helper()
	s.in.Lang = "de"
	return s.report(t, policy)
}

// The German report says what the English one does, in German, with the same numbers.
func TestStudyInGerman(t *testing.T) {
	s := theStudy(t)
	german, english := s.german(t, "cms-11"), s.report(t, "cms-11")
	text := strings.ReplaceAll(markdown(t, german), "\u00a0", " ")
	says(t, text,
		"## Zusammenfassung", "## Methoden im Einzelnen", "klar unter dem Nullwert (0), was bei diesem Maß besser ist. Mit den Warnungen zu lesen: low-follow-up",
		"Wert (95-%-KI)", "adjustierte Differenz", "Risikodifferenz (alle), um mindestens 30 % des Ausgangswerts gebessert", "program vs. usual care", "Gemischtes Modell für Messwiederholungen (MMRM)",
		"Die Zielstudie (target trial), für die dieser Vergleich steht", "nicht durch Zufall; angeglichen durch Gewichte des Neigungsscores (Propensity-Score) in pain at baseline, age, sex, condition",
		"Der Hauptschätzwert ist klar. Von 12 Schätzwerten daneben: 11 klar auf derselben Seite, 1 klar auf der ANDEREN Seite.",
		"kumulative Inzidenz: Rückkehr", "| Tag 91 |", "| 12e | Sensitivitätsanalysen | Sensitivitätsanalysen |", "| 22 | Finanzierung | Von diesem Bericht nicht beantwortet: von den Verfassern zu ergänzen |",
		"Warnung (low-follow-up). Program: pain seen both at baseline", // an analysis speaks English
		"| responders |", // an item's name is not translated
	)
	numbers := func(r reports.Report) map[string][]string {
		out := map[string][]string{}
		for id, table := range tablesOf(r) {
			for _, row := range table.Rows {
				for _, c := range row.Cells {
					if c.Format.Kind != reports.Text {
						out[id] = append(out[id], fmt.Sprint(c.Count, c.Value, c.Low, c.High, c.SD, c.Hidden))
					}
				}
			}
		}
		return out
	}
	got, want := numbers(german), numbers(english)
	for id := range want {
		if !slices.Equal(got[id], want[id]) {
			t.Errorf("the numbers of table %s are others in German", id)
		}
	}
	if len(want) < 20 {
		t.Errorf("%d tables were compared", len(want))
	}
}

// What stands in English in the German page is marked so: what is left unmarked holds no
// English words.
func TestStudyInGermanMarksEnglish(t *testing.T) {
	var b bytes.Buffer
	if err := render.HTML(&b, theStudy(t).german(t, "cms-11")); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	says(t, page, `<html lang="de">`)
	for _, mark := range []string{`(?s)<style.*?</style>`, `(?s)<script.*?</script>`, `(?s)<svg.*?</svg>`, `(?s)<(\w+)[^>]* lang="en"[^>]*>.*?</(?:span|dd|td|p|div|th)>`} {
		page = regexp.MustCompile(mark).ReplaceAllString(page, " ")
	}
	page = html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " | "))
	page = strings.NewReplacer("Average pain in the last week", "", "percent-of-zero", "", "Duration of pain", "", "not in the work force", "").Replace(page)
	found := regexp.MustCompile(`(?i)\b(the|of|and|with|which|patients|estimates?|difference|seen|those|is|are|not shown|mean|interval)\b[^|]*`).FindAllString(page, -1)
	// Names of settings, and sources under Data quality, are those of the quarterly report.
	allowed := regexp.MustCompile(`=|papers of rehabilitation programs`)
	for _, x := range found {
		if !allowed.MatchString(x) {
			t.Errorf("unmarked English: %.80q", x)
		}
	}
}

// Every analysis of the catalog has its title in every language.
func TestAnalysisTitlesAreTranslated(t *testing.T) {
	for _, tag := range reports.Languages() {
		in := reports.In(tag)
		for _, a := range catalog.All {
			if tag != "en" && in.Text(a.Title) == a.Title {
				t.Errorf("%s has no %q (%s)", tag, a.Title, a.Name)
			}
		}
	}
}

// Three visits at weeks 0, 4 and 10, worked by hand. Of new, of four patients: two seen to
// week 10, one to week 4, one at baseline alone: 24 weeks, 0.46 years, 6 weeks each. Of old,
// of two: one to week 10, one to week 4: 14 weeks, 0.27 years, 7 weeks each.
func TestStudyFollowUpTime(t *testing.T) {
	dictionary := strings.Replace(twoArms, "  - {value: end, name: the end, week: 4, role: discharge}", "  - {value: end, name: the end, week: 4, role: discharge}\n  - {value: late, week: 10, role: follow-up}", 1)
	var rows strings.Builder
	rows.WriteString("id,arm,visit,pain\n")
	for id, to := range map[string]int{"a,new": 3, "b,new": 3, "c,new": 2, "d,new": 1, "e,old": 3, "f,old": 2} {
		for _, visit := range []string{"base", "end", "late"}[:to] {
			fmt.Fprintf(&rows, "%s,%s,%d\n", id, visit, 3+len(rows.String())%5)
		}
	}
	c := analysistest.Cohort(t, dictionary, map[string]string{"v": rows.String()})
	table := tablesOf(newStudied(t, c, twoPlan, 0).report(t, "none"))["follow-up-time"]
	for i, want := range [][3]float64{{4, 24 * 7 / 365.25, 6}, {2, 14 * 7 / 365.25, 7}} {
		row := table.Rows[i].Cells
		if float64(row[1].Count) != want[0] || math.Abs(row[2].Value-want[1]) > 1e-12 || math.Abs(row[3].Value-want[2]) > 1e-9 {
			t.Errorf("row %d: %d patients, %v years, %v weeks", i, row[1].Count, row[2].Value, row[3].Value)
		}
	}
	// Under a policy the sum is rounded so that eleven patients' last visits make no
	// difference: 11 × 10 weeks are 2.1 years, so the unit is 5 (for cms-11).
	many := analysistest.Cohort(t, twoArms, map[string]string{"v": rowsOf(60, map[string][]float64{"new": {-3, -2}, "old": {0, -1}})})
	row := tablesOf(newStudied(t, many, twoPlan, 0).report(t, "cms-11"))["follow-up-time"].Rows[0].Cells
	// 60 patients to week 4: 4.6 years, 11 × 4 weeks are 0.84 years, so a unit of 1.
	if row[2].Value != 5 || row[2].Low != 4.5 || row[2].High != 5.5 {
		t.Errorf("the sum is %v (%v to %v)", row[2].Value, row[2].Low, row[2].High)
	}
	without := analysistest.Cohort(t, strings.NewReplacer("week: 0, ", "", "week: 4, ", "").Replace(twoArms), map[string]string{"v": rowsOf(30, map[string][]float64{"new": {-3, -2}, "old": {0, -1}})})
	says(t, markdown(t, newStudied(t, without, twoPlan, 0).report(t, "cms-11")), "Follow-up time is not shown", "Not answered by this report: the visits of the cohort have no weeks")
}

const overlapPlan = `
question: {arm: program, reference: usual care}
analyses:
  - {id: ps, run: compare/propensity, set: {covariates: [age, sex, pain_years]}}
  - {id: gaps, run: impute/pattern, question: {outcome: pain}}
  - {id: pain, role: primary, run: effect/ancova, question: {outcome: pain, visit: month12}}
`

// Bars of the overlap hold nobody or eleven patients and more of each arm, and the shares
// of an arm come to one, before and after weighting; without a policy there are the twenty
// bars of the analysis.
func TestStudyOverlap(t *testing.T) {
	s := newStudied(t, theStudy(t).in.Cohort, overlapPlan, 0)
	for policy, fewest := range map[string]int{"cms-11": 11, "none": 1} {
		p, ok := figureOf(s.report(t, policy), "overlap-ps-").Plot.(reports.Mirror)
		if !ok {
			t.Fatal("no overlap is drawn")
		}
		if policy == "none" && len(p.Edges) < 15 || len(p.Edges) < 4 {
			t.Errorf("%s: %d edges", policy, len(p.Edges))
		}
		for _, side := range p.Sides {
			sum, weighted := 0.0, 0.0
			for i, c := range side.Bars {
				if c.Hidden != reports.Shown || c.Basis.Numerator > 0 && c.Basis.Numerator < fewest {
					t.Errorf("%s: a bar of %d patients", policy, c.Basis.Numerator)
				}
				sum, weighted = sum+c.Value, weighted+side.Outline[i].Value
			}
			if math.Abs(sum-1) > 1e-9 || math.Abs(weighted-1) > 1e-9 {
				t.Errorf("%s: shares come to %v and %v", policy, sum, weighted)
			}
		}
	}
}

// Patterns add up to the patients of each arm, and under a policy no small one is shown;
// nor the one patient between those seen at a visit and those analysed of them.
func TestStudyMissingPatterns(t *testing.T) {
	s := newStudied(t, theStudy(t).in.Cohort, overlapPlan, 0)
	p := figureOf(s.report(t, "none"), "patterns-gaps-pain").Plot.(reports.Matrix)
	arms := tablesOf(s.report(t, "none"))["table-one"].Rows[0].Cells
	for j, want := range []int{arms[1].Count, arms[2].Count} {
		sum := 0
		for _, row := range p.Cells {
			sum += row[4+j].Cell.Count
		}
		if sum != want {
			t.Errorf("patterns of %s come to %d, there are %d", p.Columns[4+j], sum, want)
		}
	}
	r := s.report(t, "cms-11")
	hidden := 0
	for _, row := range figureOf(r, "patterns-gaps-pain").Plot.(reports.Matrix).Cells {
		for _, c := range row[4:] {
			if c.Cell.Hidden != reports.Shown {
				hidden++
			} else if n := c.Cell.Count; n > 0 && n < 11 {
				t.Errorf("a pattern of %d patients is shown", n)
			}
		}
	}
	if hidden == 0 {
		t.Error("no pattern is hidden, so the test says nothing")
	}
	table := tablesOf(r)["seen-gaps-pain"]
	analysed := analysistest.Find(t, s.in.Result.Runs[2].Result, "adjusted_difference", "program").N.Arm
	for _, row := range table.Rows {
		if n := row.Cells[3]; row.Cells[0].Text == "program" && row.Cells[1].Text == "12 months" && n.Hidden == reports.Shown && n.Count != analysed && n.Count-analysed < 11 {
			t.Errorf("%d are seen and %d analysed", n.Count, analysed)
		}
	}
}

// figureOf is the figure whose id begins so.
func figureOf(r reports.Report, id string) reports.Figure {
	for _, s := range r.Sections {
		for _, b := range s.Blocks {
			if f, ok := b.(reports.Figure); ok && strings.HasPrefix(f.ID, id) {
				return f
			}
		}
	}
	return reports.Figure{}
}

// Proportions that nobody reads as percentages, and counts of covariates, have their own
// form.
func TestStudyUnits(t *testing.T) {
	s := newStudied(t, theStudy(t).in.Cohort, "question: {arm: program, reference: usual care}\nanalyses:\n  - {id: ps, run: compare/propensity, set: {covariates: [age]}}\n  - {id: bal, run: compare/balance, set: {covariates: [age]}}\n", 0)
	text := markdown(t, s.report(t, "none"))
	c := analysistest.Find(t, s.in.Result.Runs[0].Result, "c_statistic", "")
	says(t, text, fmt.Sprintf("| C statistic | %.3f |", float64(c.Value)), "covariates and levels over the threshold, before | 0 | covariates and levels |", "| patients, effective |")
}

// Labels that a cohort gives in a language stand in its reports; the plan asks by the names
// that it was written with, and no number is another.
func TestCohortLabels(t *testing.T) {
	dictionary := strings.Replace(twoArms, "name: two\n", "name: two\nlabels:\n  de: {new: neu, old: alt, Pain: Schmerz, the end: das Ende}\n", 1)
	rows := rowsOf(60, map[string][]float64{"new": {-3, -2, -3, -2, -1}, "old": {0, -1, 0, 1}})
	c := analysistest.Cohort(t, dictionary, map[string]string{"v": rows})
	plan := strings.Replace(twoPlan, "visit: end", "visit: the end", 1) + "  - {id: gaps, run: impute/pattern}\n"
	s := newStudied(t, c, plan, 0)
	text := markdown(t, s.german(t, "cms-11"))
	says(t, text, "adjustierte Differenz, Schmerz, das Ende, neu vs. alt: ", "klar unter dem Nullwert (0), was bei diesem Maß besser ist", "| neu | das Ende | 60 | 60 | 0 |", "Schmerz, Zeitpunkt das Ende", "| neu | 60 | 60 | 0 |")
	english := markdown(t, s.report(t, "cms-11"))
	says(t, english, "new v old", "the end")
	silent(t, english, "neu", "das Ende", "Schmerz")
	plain := newStudied(t, analysistest.Cohort(t, twoArms, map[string]string{"v": rows}), plan, 0)
	if got := markdown(t, plain.report(t, "cms-11")); got != english {
		t.Error("labels of another language change the English report")
	}
	german := tablesOf(s.german(t, "cms-11"))
	for id, table := range tablesOf(s.report(t, "cms-11")) {
		for i, row := range table.Rows {
			for j, cell := range row.Cells {
				if other := german[id].Rows[i].Cells[j]; cell.Format.Kind != reports.Text && (fmt.Sprint(other.Value, other.Count) != fmt.Sprint(cell.Value, cell.Count) || other.Hidden != cell.Hidden) {
					t.Errorf("%s row %d cell %d is another number in German", id, i, j)
				}
			}
		}
	}
	r, err := reports.Quarterly(t.Context(), c, reports.QuarterlyOptions{Arm: "new", Reference: "old", Lang: "de"})
	if err != nil {
		t.Fatal(err)
	}
	says(t, markdown(t, reports.Speak(r)), "| neu |", "das Ende", "Schmerz")
}

// A column without a title goes by its instrument, in the report's language, and so do usual
// names of visits; a cohort's own names stay.
func TestKnownLabels(t *testing.T) {
	dictionary := strings.NewReplacer("title: Pain, ", "", "value: end, name: the end", "value: end, name: 12 months").Replace(twoArms)
	c := analysistest.Cohort(t, dictionary, map[string]string{"v": rowsOf(40, map[string][]float64{"new": {-3, -2}, "old": {0, -1}})})
	text := markdown(t, newStudied(t, c, twoPlan, 0).german(t, "cms-11"))
	says(t, text, "Schmerzstärke, numerische Skala 0 bis 10", "12 Monate", "new vs. old")
	silent(t, text, "Numerical rating scale")
}
