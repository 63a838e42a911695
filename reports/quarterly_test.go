package reports_test

import (
	"fmt"
	"strings"
	"testing"

	"recoup/analysis/analysistest"
	"recoup/reports"
	"recoup/reports/disclosure"
	"recoup/reports/render"
)

// written is the quarterly report of a cohort as Markdown, under a policy.
func written(t *testing.T, dictionary string, tables map[string]string, o reports.QuarterlyOptions, policy string) string {
	t.Helper()
	r, err := reports.Quarterly(t.Context(), analysistest.Cohort(t, dictionary, tables), o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := disclosure.Named(policy)
	if err != nil {
		t.Fatal(err)
	}
	r, _ = disclosure.Apply(r, p)
	var b strings.Builder
	if err := render.Markdown(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// says fails unless the text holds every one of the sentences.
func says(t *testing.T, text string, sentences ...string) {
	t.Helper()
	for _, s := range sentences {
		if !strings.Contains(text, s) {
			t.Errorf("the report does not say %q", s)
		}
	}
}

// silent fails where the text holds any of the sentences.
func silent(t *testing.T, text string, sentences ...string) {
	t.Helper()
	for _, s := range sentences {
		if strings.Contains(text, s) {
			t.Errorf("the report says %q", s)
		}
	}
}

const visitsFile = `
name: c
resources:
  - name: visits
    path: v
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome, instrument: nrs}
visits:
  - {value: m12, name: month 12, week: 56, role: follow-up}
  - {value: m6, name: month 6, week: 30, role: follow-up}
  - {value: base, week: 0, baseline: true}
  - {value: end, name: the end, week: 4, role: discharge}
`

// Four patients, each with a row at every visit, as an export of planned visits
// has them. All have pain at the end, one at month 12: 1 of 4 came back, so the
// caution must stand. Month 12 is last by its week, though month 6 is listed after.
func TestAnEmptyRowIsNotAVisit(t *testing.T) {
	text := written(t, visitsFile, map[string]string{"v": `id,visit,pain
a,base,8
b,base,7
c,base,6
d,base,5
a,end,4
b,end,5
c,end,6
d,end,5
a,m6,4
b,m6,5
c,m6,6
d,m6,5
a,m12,3
b,m12,
c,m12,
d,m12,
`}, reports.QuarterlyOptions{}, "none")
	says(t, text, "Under 70 % of the patients seen at base were seen at month 12", "From entry to month 12", "| Seen at month 12 | 1 | 4 |")
	silent(t, text, "From entry to month 6")
}

// Where nobody has a value at discharge, the report turns to the first visit that
// has one: no headline rests on nobody.
func TestNoHeadlineWithoutPatients(t *testing.T) {
	text := written(t, visitsFile, map[string]string{"v": `id,visit,pain
a,base,8
b,base,7
a,end,
b,end,
a,m6,4
b,m6,6
`}, reports.QuarterlyOptions{}, "none")
	says(t, text, "at month 6, of those seen")
	silent(t, text, "**not available**", "at the end, of those seen")
}

// A published share of patients whose depression improved says which outcome it
// is, and stands beside no other: here the only measure is of self-efficacy.
func TestBenchmarksAreOfTheSameOutcome(t *testing.T) {
	rows := func(column string) map[string]string {
		return map[string]string{"v": "id,visit," + column + "\na,base,20\nb,base,21\nc,base,22\na,end,10\nb,end,12\nc,end,20\n"}
	}
	file := strings.Replace(visitsFile, "{name: pain, type: number, role: outcome, instrument: nrs}", "{name: x, type: number, role: outcome, instrument: pseq}", 1)
	silent(t, written(t, file, rows("x"), reports.QuarterlyOptions{}, "none"), "eppoc-painaustralia")
	file = strings.Replace(file, "instrument: pseq", "instrument: phq9", 1)
	says(t, written(t, file, rows("x"), reports.QuarterlyOptions{}, "none"), "benchmark 57% (eppoc-painaustralia: patients of specialist pain services, depression, improved)")
}

// Two patients work from the first day and one of them stops on day 100: on day
// 365 one of two is at work, but both ever were, and the row must say that.
func TestEverReturnedIsNotAtWork(t *testing.T) {
	text := written(t, `
name: c
resources:
  - name: work
    path: w
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: integer, role: start}
        - {name: to, type: integer, role: end}
        - {name: status, type: string, role: work_status}
definitions: {work: any-work}
`, map[string]string{"w": "id,from,to,status\na,0,420,working\nb,0,99,working\nb,100,420,not working\n"}, reports.QuarterlyOptions{}, "none")
	says(t, text, "| Ever by day 365 | any-work | all patients | 100%", "whether or not at work on it")
	silent(t, text, "| Day 365 |")
}

// many writes a row for each of n patients from a to b.
func many(b *strings.Builder, from, to int, columns string) {
	for p := from; p < to; p++ {
		fmt.Fprintf(b, "p%d,%s\n", p, columns)
	}
}

// Of 100 patients 91 are of four kinds and 9 of a fifth: with the four shown, the
// hidden nine would be 100 less 91.
func TestAHiddenLevelIsNotTheRestOfTheOthers(t *testing.T) {
	var p strings.Builder
	p.WriteString("id,kind\n")
	many(&p, 0, 30, "k30")
	many(&p, 30, 55, "k25")
	many(&p, 55, 75, "k20")
	many(&p, 75, 91, "k16")
	many(&p, 91, 100, "k9")
	text := written(t, `
name: c
resources:
  - name: patients
    path: p
    schema: {fields: [{name: id, type: string, role: patient}, {name: kind, type: string, role: covariate}]}
`, map[string]string{"p": p.String()}, reports.QuarterlyOptions{}, "cms-11")
	says(t, text, "| k9 | hidden")
	shown := 0
	for _, row := range []string{"| k30 | 30 (30%)", "| k25 | 25 (25%)", "| k20 | 20 (20%)", "| k16 | 16 (16%)"} {
		if strings.Contains(text, row) {
			shown++
		}
	}
	if shown > 3 {
		t.Error("all other levels are shown, and 100 less their sum is the hidden one")
	}
}

// Of 50 patients 44 were seen, of whom 35 improved and 9 did not. The share of those
// seen is hidden for the 9; shown as 70 % of all 50, the 35 would give them away.
func TestOneDenominatorDoesNotRevealTheOther(t *testing.T) {
	var v strings.Builder
	v.WriteString("id,visit,pain\n")
	many(&v, 0, 50, "base,8")
	many(&v, 0, 35, "end,3")
	many(&v, 35, 44, "end,8")
	text := written(t, visitsFile, map[string]string{"v": v.String()}, reports.QuarterlyOptions{}, "cms-11")
	silent(t, text, "80%", "70%")
	says(t, written(t, visitsFile, map[string]string{"v": v.String()}, reports.QuarterlyOptions{}, "none"), "| 80% | 70% |")
}

// A quarter of the patients of the test above, beside one a year before: the
// headline hides what the table hides.
func TestHeadlinesHideWhatTablesHide(t *testing.T) {
	var v, p strings.Builder
	p.WriteString("id,quarter\n")
	many(&p, 0, 50, "2026Q3")
	many(&p, 50, 100, "2025Q3")
	v.WriteString("id,visit,pain\n")
	many(&v, 0, 100, "base,8")
	many(&v, 0, 35, "end,3")
	many(&v, 35, 44, "end,8")
	many(&v, 50, 75, "end,3")
	many(&v, 75, 100, "end,8")
	file := strings.Replace(visitsFile, "resources:", `privacy: {allowances: [{column: quarter, by: a test, reason: no person}]}
resources:
  - name: patients
    path: p
    schema: {fields: [{name: id, type: string, role: patient}, {name: quarter, type: string, role: period}]}`, 1)
	text := written(t, file, map[string]string{"v": v.String(), "p": p.String()}, reports.QuarterlyOptions{Quarter: "2026Q3"}, "cms-11")
	silent(t, text, "80%", "70%")
	says(t, text, "Same quarter last year: 50%")
}

// By a percentage of the entry, one of three cannot be judged: of those seen it is
// 1 of 2, with n 3 beside it, which the table must explain. Points need no word.
func TestZeroAtEntryIsExplained(t *testing.T) {
	rows := map[string]string{"v": "id,visit,x\na,base,0\nb,base,10\nc,base,10\na,end,0\nb,end,5\nc,end,10\n"}
	file := strings.Replace(visitsFile, "{name: pain, type: number, role: outcome, instrument: nrs}", "{name: x, type: number, role: outcome, instrument: phq9}", 1)
	text := written(t, file, rows, reports.QuarterlyOptions{}, "none")
	says(t, text, "those with 0 at entry cannot be judged", "| 50% | 33% |")
	silent(t, written(t, strings.Replace(file, "phq9", "pcs", 1), rows, reports.QuarterlyOptions{}, "none"), "those with 0 at entry cannot be judged")
}

// Of rows left out when the files were read nobody knows in which quarter they
// belong, so a report on a part of the cohort says what they are counted in.
func TestRowsLeftOutAreOfTheWholeCohort(t *testing.T) {
	file := `
name: c
resources:
  - name: patients
    path: p
    schema: {fields: [{name: id, type: string, role: patient}, {name: site, type: string, role: site}, {name: admitted, type: boolean, role: admitted}]}
  - name: visits
    path: v
    schema: {fields: [{name: id, type: string, role: patient}, {name: visit, type: string, role: visit}, {name: pain, type: number, role: outcome, instrument: nrs}]}
visits: [{value: base, week: 0, baseline: true}, {value: end, week: 4}]
`
	text := written(t, file, map[string]string{"p": "id,site,admitted\na,N,true\nb,N,false\n", "v": "id,visit,pain\na,base,5\na,end,3\na,odd,4\n"}, reports.QuarterlyOptions{}, "none")
	says(t, text, "visit-not-listed", "counted in the whole cohort, not in the patients of this report alone")
}

// Of four admitted, completion is recorded for two, and one completed: half of
// those, not a quarter of all, and no box of one beside a box of four.
func TestCompletionIsOfThoseRecorded(t *testing.T) {
	text := written(t, `
name: c
resources:
  - name: patients
    path: p
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: admitted, type: boolean, role: admitted}
        - {name: completed, type: boolean, role: completed}
        - {name: referred, type: boolean, role: referred}
`, map[string]string{"p": "id,admitted,completed,referred\na,true,true,true\nb,true,false,true\nc,true,,true\nd,true,,true\ne,false,,true\n"}, reports.QuarterlyOptions{}, "none")
	says(t, text, "| Completed | 1 | 2 | admitted, where it is recorded | 50%", "Completed is not drawn: it is not recorded for everyone")
}

// The EQ-5D index runs from -0.594 to 1: a fall of 0.04 is half an important
// difference, and must not read 0.0.
func TestSmallScalesGetTwoDecimals(t *testing.T) {
	file := strings.Replace(visitsFile, "{name: pain, type: number, role: outcome, instrument: nrs}", "{name: x, type: number, role: outcome, instrument: eq5d-index}", 1)
	says(t, written(t, file, map[string]string{"v": "id,visit,x\na,base,0.60\nb,base,0.70\nc,base,0.80\na,end,0.55\nb,end,0.66\nc,end,0.77\n"}, reports.QuarterlyOptions{}, "none"), "−0.04 (")
}

// Every patient of both years is alike but for depression, which fell last year by 1 of
// 20 and now by 19: mood got better, and nothing was measured of sleep. The costs of the
// year before stop with admission: there is no change in them to report.
func TestAHeadlineNamesWhatWasMeasured(t *testing.T) {
	const dictionary = `
name: c
privacy: {allowances: [{column: quarter, by: test, reason: invented}]}
resources:
  - name: patients
    path: p
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: quarter, type: string, role: period}
  - name: visits
    path: v
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: phq9, type: number, role: outcome, instrument: phq9}
  - name: costs
    path: k
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: kind, type: string, role: category}
        - {name: cost, type: number, role: cost, unit: USD}
visits:
  - {value: base, week: 0, baseline: true}
  - {value: end, name: the end, week: 4, role: discharge}
`
	var p, v, k strings.Builder
	p.WriteString("id,quarter\n")
	v.WriteString("id,visit,phq9\n")
	k.WriteString("id,day,kind,cost\n")
	for i := range 80 {
		quarter, now := "2026Q3", 1
		if i >= 40 {
			quarter, now = "2025Q3", 19
		}
		fmt.Fprintf(&p, "p%02d,%s\n", i, quarter)
		fmt.Fprintf(&v, "p%02d,base,20\np%02d,end,%d\n", i, i, now)
		fmt.Fprintf(&k, "p%02d,0,program,9000\np%02d,%d,visit,%d\np%02d,%d,visit,%d\n", i, i, -300-i/2, 500+i, i, i/4, 10+i)
	}
	r, err := reports.Quarterly(t.Context(), analysistest.Cohort(t, dictionary, map[string]string{"p": p.String(), "v": v.String(), "k": k.String()}), reports.QuarterlyOptions{Quarter: "2026Q3"})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := render.Markdown(&b, reports.Speak(r)); err != nil {
		t.Fatal(err)
	}
	says(t, b.String(), "clearly better: better mood.", "The records of costs do not reach over the time before and after admission", "The change in the cost of other care is not shown.", "price year not known", "Of 20 such comparisons")
	silent(t, b.String(), "better mood and sleep", "change in the cost of other care per patient")
	says(t, written(t, dictionary, map[string]string{"p": p.String(), "v": v.String(), "k": k.String()}, reports.QuarterlyOptions{Quarter: "2026Q3", Level: 0.8}, "none"), "Of 5 such comparisons")
}

// Thirty patients off work at entry, ten of whom worked from day 50, all followed to day
// 100: at day 365 those seen are the ten who returned, 100 % of ten. Of twenty patients on
// opioids twelve are recorded to day 180, who take none. Nobody has come after a year yet.
func TestAYearThatNobodyWasFollowedTo(t *testing.T) {
	const dictionary = `
name: c
resources:
  - name: patients
    path: p
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: before, type: string, role: work_before, categories: [{value: working}, {value: off work}]}
  - name: visits
    path: v
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome, instrument: nrs}
  - name: work
    path: w
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: integer, role: start}
        - {name: to, type: integer, role: end}
        - {name: status, type: string, role: work_status, categories: [{value: full duty}, {value: not working}]}
  - name: doses
    path: d
    constants: {unit: mg, drug: morphine, route: oral}
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: dose, type: number, role: dose}
        - {name: days, type: integer, role: days_supplied}
visits:
  - {value: base, week: 0, baseline: true}
  - {value: end, name: the end, week: 4, role: discharge}
  - {value: m12, name: 12 months, week: 56, role: follow-up}
`
	var p, v, w, d strings.Builder
	p.WriteString("id,before\n")
	v.WriteString("id,visit,pain\n")
	w.WriteString("id,from,to,status\n")
	d.WriteString("id,day,dose,days\n")
	for i := range 30 {
		fmt.Fprintf(&p, "p%02d,off work\n", i)
		fmt.Fprintf(&v, "p%02d,base,8\np%02d,end,%d\n", i, i, 3+i%4)
		if i < 10 {
			fmt.Fprintf(&w, "p%02d,0,49,not working\np%02d,50,100,full duty\n", i, i)
		} else {
			fmt.Fprintf(&w, "p%02d,0,100,not working\n", i)
		}
		if i < 20 {
			fmt.Fprintf(&d, "p%02d,-28,%d,56\n", i, 40+i)
		}
		if i < 12 {
			fmt.Fprintf(&d, "p%02d,28,0,200\n", i)
		}
	}
	cohort := analysistest.Cohort(t, dictionary, map[string]string{"p": p.String(), "v": v.String(), "w": w.String(), "d": d.String()})
	r, err := reports.Quarterly(t.Context(), cohort, reports.QuarterlyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := render.Markdown(&b, reports.Speak(r)); err != nil {
		t.Fatal(err)
	}
	says(t, b.String(), "Too few patients are followed to day 365", "known of under 70 %, too few to call it clear", "whose dose is known, cut their daily dose", "Under 70 % are followed to this day", "Nobody was seen at 12 months, or not yet.", "Known of under 70 %: days 152 to 180", "those known are often those who take none.")
	// After day 27 twelve of the twenty are known, who take none: the mean of those with
	// records is of weeks -4 to 3 alone, 40+0...40+19 mg, and falls nowhere.
	f, ok := figure(r, "dose-by-week-all-patients")
	if !ok {
		t.Fatal("no curve of doses")
	}
	points := f.Plot.(reports.Lines).Series[0].Points
	if n := len(points); n != 8 || points[n-1].X != 3 || points[n-1].Y != 49.5 {
		t.Errorf("the curve of doses: %+v", points)
	}
	silent(t, b.String(), "of those off work at entry had returned", "a clear fall", "At day 365")
}

// dosesFile is a cohort of patients with records of doses and what they are for.
const dosesFile = `
name: c
resources:
  - name: patients
    path: p
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: age, type: integer, role: covariate}
  - name: doses
    path: d
    constants: {unit: mg}
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: drug, type: string, role: drug}
        - {name: route, type: string, role: route}
        - {name: why, type: string, role: indication}
        - {name: day, type: integer, role: day}
        - {name: dose, type: number, role: dose}
        - {name: days, type: integer, role: days_supplied}
`

// Of 60 patients 30 are on buprenorphine for opioid use disorder before admission and 15
// of them later; 12 have morphine for pain in both windows and 18 nothing. Known before:
// 30 + 12 = 42, so 71.4 % of 42 and 50 % of 60; later: 15 + 12 = 27, 55.6 % and 25 %.
func TestMedicationForOpioidUseDisorderStandsApart(t *testing.T) {
	report := func(pain, later int, policy string) string {
		var p, d strings.Builder
		p.WriteString("id,age\n")
		d.WriteString("id,drug,route,why,day,dose,days\n")
		for i := range 60 {
			fmt.Fprintf(&p, "p%02d,%d\n", i, 40+i%20)
			if i < 30 {
				fmt.Fprintf(&d, "p%02d,buprenorphine,sublingual,oud,-28,16,28\n", i)
			}
			if i < later {
				fmt.Fprintf(&d, "p%02d,buprenorphine,sublingual,oud,152,16,29\n", i)
			}
			if i >= 30 && i < 30+pain {
				fmt.Fprintf(&d, "p%02d,morphine,oral,pain,-28,30,28\np%02d,morphine,oral,pain,152,20,29\n", i, i)
			}
		}
		return written(t, dosesFile, map[string]string{"p": p.String(), "d": d.String()}, reports.QuarterlyOptions{}, policy)
	}
	const table = "Medication for opioid use disorder, apart"
	text := report(12, 15, "none")
	says(t, text, table, "| Days -28 to -1 | 42 | 71.4% (", "| 50.0% (", "| Days 152 to 180 | 27 | 55.6% (", "| 25.0% (", "a share that falls is no success", "| Days 152 to 180 | 12 | 30.0 |")
	// Where every record is of it, no dose can be converted, and the table stands.
	says(t, report(0, 15, "none"), "Opioid doses are not shown", table, "| Days 152 to 180 | 15 | 100.0% (")
	// Four on it later: the 22 known there, less the 18 whose dose is known, would be the four.
	text = report(18, 4, "cms-11")
	says(t, text, "| Days -28 to -1 | 48 | 62.5% (", "| Days 152 to 180 | hidden [a] | hidden [a] | hidden [a] |", "| Days 152 to 180 | 18 | 30 |")
	silent(t, text, "14.8%", "6.7%")
	// Nobody else's report speaks of it in numbers.
	silent(t, written(t, dosesFile, map[string]string{
		"p": "id,age\na,40\nb,50\n", "d": "id,drug,route,why,day,dose,days\na,morphine,oral,pain,-28,30,28\nb,buprenorphine,transdermal,pain,-28,1,28\n",
	}, reports.QuarterlyOptions{}, "none"), table)
}

// Of 40 on opioids at entry the dose of 39 is known later: both numbers shown would tell
// of the one, in a cohort without arms as in any other.
func TestWhoseDoseIsNotKnownIsNotTold(t *testing.T) {
	report := func(later int) string {
		var p, d strings.Builder
		p.WriteString("id,age\n")
		d.WriteString("id,drug,route,why,day,dose,days\n")
		for i := range 40 {
			fmt.Fprintf(&p, "p%02d,%d\n", i, 40+i%20)
			fmt.Fprintf(&d, "p%02d,morphine,oral,pain,-28,60,28\n", i)
			if i < later {
				fmt.Fprintf(&d, "p%02d,morphine,oral,pain,152,%d,29\n", i, 20+i)
			}
		}
		return written(t, dosesFile, map[string]string{"p": p.String(), "d": d.String()}, reports.QuarterlyOptions{}, "cms-11")
	}
	const known = "| Days 152 to 180 | 39 |"
	silent(t, report(39), known)
	says(t, report(40), strings.Replace(known, "39", "40", 1))
	says(t, report(20), strings.Replace(known, "39", "20", 1))
}

// Why a number of three patients cannot be computed is theirs too: that all of them
// changed alike.
func TestReasonsOfFewAreHidden(t *testing.T) {
	const reason = "All values are equal"
	files := map[string]string{"v": "id,visit,pain\na,base,6\nb,base,7\nc,base,8\na,end,5\nb,end,6\nc,end,7\n"}
	says(t, written(t, visitsFile, files, reports.QuarterlyOptions{}, "none"), reason)
	silent(t, written(t, visitsFile, files, reports.QuarterlyOptions{}, "cms-11"), reason)
}
