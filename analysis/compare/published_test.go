package compare

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/datasets"
	"recoup/datasets/published"
	"recoup/datasets/synthetic"
)

func run(t *testing.T, c *datasets.Cohort, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	r, err := Published.Run(t.Context(), analysis.Input{Cohort: c}, q, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, Published, r)
	return r
}

func near(t *testing.T, what string, got analysis.Num, want, tol float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= tol) {
		t.Errorf("%s: %v, want %v", what, float64(got), want)
	}
}

func pick(t *testing.T, r analysis.Result, term, comparator string) analysis.Estimate {
	t.Helper()
	for _, e := range r.Estimates {
		if e.Term == term && (strings.HasPrefix(e.Arm, comparator) || strings.HasPrefix(e.Reference, comparator)) {
			return e
		}
	}
	t.Fatalf("no %s of %s", term, comparator)
	return analysis.Estimate{}
}

func has(e analysis.Estimate, code string) (string, bool) {
	for _, w := range e.Warnings {
		if w.Code == code {
			return w.Message, true
		}
	}
	return "", false
}

func given(events, n int, more ...string) map[string]string {
	set := map[string]string{"source": "given", "ours_events": fmt.Sprint(events), "ours_n": fmt.Sprint(n)}
	for i := 0; i+1 < len(more); i += 2 {
		set[more[i]] = more[i+1]
	}
	return set
}

// Nguyen 2011: 188 of 725 after fusion, 483 of 725 without. With 188 of 725 as
// ours the difference from those without surgery, by hand (z² = 3.841459):
//
//	188/725 = 0.259310, Wilson (0.261959 ± 0.032011)/1.0052986 = 0.228736 to 0.292421
//	483/725 = 0.666207, Wilson (0.668856 ± 0.034428)/1.0052986 = 0.631084 to 0.699577
//	δ = -295/725 = -0.406897
//	low  = δ - √(0.030574² + 0.033370²) = -0.452155
//	high = δ + √(0.033111² + 0.035123²) = -0.358627
//
// The pooled z test: pool 671/1450 = 0.462759, se √(0.462759 × 0.537241 × 2/725)
// = 0.0261883, z = -15.5373.
func TestNguyenByHand(t *testing.T) {
	r := run(t, nil, analysis.Question{Definition: "within-2-years"}, given(188, 725, "comparators", "nguyen-2011", "test", "true", "horizon", "2 years after surgery"))
	ours := pick(t, r, TermOurs, "ours")
	near(t, "ours", ours.Value, 188.0/725, 1e-15)
	fusion, none := pick(t, r, TermPublished, "nguyen-2011/fusion"), pick(t, r, TermPublished, "nguyen-2011/no-surgery")
	near(t, "fusion low", fusion.CI.Low, 0.228736, 1e-6)
	near(t, "fusion high", fusion.CI.High, 0.292421, 1e-6)
	near(t, "none low", none.CI.Low, 0.631084, 1e-6)
	near(t, "none high", none.CI.High, 0.699577, 1e-6)
	d := pick(t, r, TermDifference, "nguyen-2011/no-surgery")
	near(t, "difference", d.Value, -295.0/725, 1e-15)
	near(t, "low", d.CI.Low, -0.452155, 2e-6)
	near(t, "high", d.CI.High, -0.358627, 2e-6)
	near(t, "z", d.Statistic, -15.5373, 1e-4)
	if !(d.P > 1e-54 && d.P < 1e-53) { // about 2φ(z)/z = 2 × 1.513e-53 / 15.54 = 1.95e-54
		t.Errorf("p %v", d.P)
	}
	same := pick(t, r, TermDifference, "nguyen-2011/fusion")
	near(t, "no difference from itself", same.Value, 0, 0)
	near(t, "p", same.P, 1, 1e-12)
	for _, e := range []analysis.Estimate{fusion, none, d, same} {
		if m, ok := has(e, analysis.WarnTimeOrigin); !ok || !strings.Contains(m, "surgery, injury") {
			t.Errorf("%s %s: no word of the different time origins: %q", e.Term, e.Arm, m)
		}
		if m, ok := has(e, analysis.WarnCaseMix); !ok || !strings.Contains(m, "payer (ours not recorded, theirs workers-compensation") {
			t.Errorf("%s %s: case mix %q", e.Term, e.Arm, m)
		}
	}
	// Same origin and length as the fusion group, so only what is not recorded is left.
	if m, _ := has(same, analysis.WarnCaseMix); strings.Contains(m, "origin (") || strings.Contains(m, "horizon (") || strings.Contains(m, "definition (") {
		t.Errorf("a field that agrees is listed: %q", m)
	}
	if m, _ := has(d, analysis.WarnCaseMix); !strings.Contains(m, "origin (ours surgery, theirs injury") {
		t.Errorf("the origin is not listed: %q", m)
	}
}

// Without test=true no p value is ever given.
func TestNoPValueUnlessAsked(t *testing.T) {
	r := run(t, nil, analysis.Question{}, given(40, 100))
	differences := 0
	for _, e := range r.Estimates {
		if e.P.OK() || e.Statistic.OK() {
			t.Errorf("%s of %s has a p value", e.Term, e.Reference)
		}
		if e.Term == TermDifference {
			differences++
		}
		if _, ok := has(e, analysis.WarnCaseMix); !ok && e.Term != TermOurs {
			t.Errorf("%s of %s has no word of case mix", e.Term, e.Arm+e.Reference)
		}
	}
	if differences < 8 {
		t.Errorf("%d differences of work, want at least 8", differences)
	}
}

// Juratli's 36.1 percent is shown as a complement alone, and is the difference's
// other side only by its own definition. Of 1,950 people 36.1 percent are 703.95:
// 704, and 704/1950 prints as 36.1.
func TestJuratliIsAComplement(t *testing.T) {
	r := run(t, nil, analysis.Question{Definition: "any-work"}, given(50, 100, "comparators", "juratli-2006,franklin-1994"))
	for _, e := range r.Estimates {
		if e.Term == TermPublished || e.Term == TermDifference {
			t.Errorf("%s of %s: a complement stands as a measured return to work", e.Term, e.Arm+e.Reference)
		}
	}
	c := pick(t, r, TermComplement, "juratli-2006")
	near(t, "complement", c.Value, 0.361, 1e-12)
	if m, ok := has(c, WarnComplement); !ok || !strings.Contains(m, "not a measured rate of return to work") || c.N.Events != 704 {
		t.Errorf("complement: %q, %d events", m, c.N.Events)
	}
	r = run(t, nil, analysis.Question{Definition: "off-benefit"}, given(50, 100, "comparators", "juratli-2006"))
	d := pick(t, r, TermDifference, "juratli-2006")
	near(t, "off benefit", d.Value, 0.5-704.0/1950, 1e-15)
	if _, ok := has(d, WarnComplement); !ok {
		t.Error("the difference does not say that it is against a complement")
	}
}

func TestClaimsAreUnderTest(t *testing.T) {
	r := run(t, nil, analysis.Question{}, given(50, 100))
	claims := 0
	for _, e := range r.Estimates {
		isClaim := strings.HasPrefix(e.Arm, "claim-")
		if isClaim != (e.Term == TermClaim) || strings.HasPrefix(e.Reference, "claim-") {
			t.Errorf("%s of %s", e.Term, e.Arm+e.Reference)
		}
		if isClaim {
			claims++
			if _, ok := has(e, WarnClaim); !ok {
				t.Errorf("%s: no word that it is under test", e.Arm)
			}
		}
	}
	if claims != 2 {
		t.Errorf("%d claims about work, want 2", claims)
	}
	e := pick(t, r, TermClaim, "claim-surgery-work")
	if m, ok := has(e, WarnRange); e.Value.OK() || e.CI.Low.OK() || !ok || !strings.Contains(m, "20 to 36 percent") {
		t.Errorf("a range is no estimate: %v, %q", e.Value, m)
	}
	for _, e := range r.Estimates {
		if strings.HasPrefix(e.Arm, "flor-1992") {
			if _, ok := has(e, analysis.WarnUnverified); !ok {
				t.Error("Flor 1992 is unverified and does not say so")
			}
		}
	}
}

// Ours 30 (SD 20) of 100 beside 34.0 (SD 21.1) of 138, the fusion arm of Fairbank
// 2005 at 24 months, by hand:
//
//	δ = -4, se² = 400/100 + 445.21/138 = 7.226159, se = 2.688152
//	df = 7.226159² / (4²/99 + 3.226159²/137) = 52.21738 / (0.1616162 + 0.0759711) = 219.782
//	theirs 34.0 ± t(137) × 21.1/√138 = 34.0 ± 1.977431 × 1.796151 = 30.4482 to 37.5518
func TestFairbankByHand(t *testing.T) {
	set := map[string]string{"source": "given", "measure": "mean", "ours_mean": "30", "ours_sd": "20", "ours_n": "100", "comparators": "fairbank-2005", "test": "true"}
	r := run(t, nil, analysis.Question{Outcome: "odi"}, set)
	f := pick(t, r, TermPublished, "fairbank-2005/fusion")
	near(t, "their low", f.CI.Low, 30.4482, 2e-4)
	near(t, "their high", f.CI.High, 37.5518, 2e-4)
	d := pick(t, r, TermDifference, "fairbank-2005/fusion")
	near(t, "difference", d.Value, -4, 0)
	near(t, "se", d.SE, 2.688152, 1e-6)
	near(t, "df", d.DF, 219.782, 2e-3)
	near(t, "t", d.Statistic, -4/2.688152, 1e-6)
	if len(r.Estimates) != 5 {
		t.Errorf("%d estimates, want ours and two arms at 24 months, with differences", len(r.Estimates))
	}
	// At entry, beside the means at entry.
	set["horizon"] = "entry"
	r = run(t, nil, analysis.Question{Outcome: "odi"}, set)
	near(t, "at entry", pick(t, r, TermPublished, "fairbank-2005/fusion").Value, 46.5, 0)
}

// A change that is not printed is that of the printed means: 34.0 - 46.5 = -12.5;
// one that is printed has no SD. Neither has an interval or a difference.
func TestChangesOfMeans(t *testing.T) {
	set := map[string]string{"source": "given", "ours_mean": "-11", "ours_sd": "14", "ours_n": "500"}
	r := run(t, nil, analysis.Question{Outcome: "odi"}, set)
	f := pick(t, r, TermPublished, "fairbank-2005/fusion")
	if math.Abs(float64(f.Value)+12.5) > 1e-12 || f.CI.Low.OK() || !strings.Contains(f.Method.Name, "printed means") {
		t.Errorf("%v, %+v, %s", f.Value, f.CI, f.Method.Name)
	}
	near(t, "SPORT", pick(t, r, TermPublished, "sport-idh-2008/discectomy").Value, -38.1, 0)
	for _, e := range r.Estimates {
		if e.Term == TermDifference {
			t.Errorf("a difference from %s without its error", e.Reference)
		}
		if strings.HasPrefix(e.Arm, "kamper") || strings.HasPrefix(e.Arm, "froholdt") {
			t.Errorf("%s is a difference between groups, not a change within one", e.Arm)
		}
	}
}

const tiny = `name: tiny
caseMix: {procedure: Interdisciplinary rehabilitation, population: chronic low back pain}
visits:
  - {value: b, name: baseline, week: 0, baseline: true}
  - {value: d, name: discharge, week: 4, role: discharge}
  - {value: f, name: a year on, week: 56, role: follow-up}
resources:
  - name: patients
    path: p.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: age, type: number, role: covariate, unit: years}
        - {name: payer, type: string, role: payer}
        - {name: work, type: string, role: work_before}
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome, instrument: nrs}
        - {name: status, type: string, role: work_status, categories: [{value: "1", label: Full-duty}, {value: "2", label: not working}]}
        - {name: opioids, type: boolean, role: exposure}
`

// Ten patients, nine of them under workers' compensation; at a year the work
// status of eight is known, three of whom work; of six on opioids at baseline five
// are seen at a year and four are off.
func tinyCohort(t *testing.T) *datasets.Cohort {
	t.Helper()
	var p, v strings.Builder
	p.WriteString("id,age,payer,work\n")
	v.WriteString("id,visit,pain,status,opioids\n")
	for i := range 10 {
		payer, before := "Workers' compensation", []string{"off work", "working"}[i%2]
		if i == 9 {
			payer = "private"
		}
		fmt.Fprintf(&p, "p%d,%d,%s,%s\n", i, 40+i, payer, before)
		fmt.Fprintf(&v, "p%d,b,%d,2,%t\n", i, 5+i%3, i < 6)
		if i < 8 {
			status, opioids := "2", i == 4
			if i < 3 {
				status = "1"
			}
			text := fmt.Sprint(opioids)
			if i == 5 {
				text = ""
			}
			fmt.Fprintf(&v, "p%d,f,%d,%s,%s\n", i, 3+i%3, status, text)
		}
	}
	return analysistest.Cohort(t, tiny, map[string]string{"p.csv": p.String(), "v.csv": v.String()})
}

func TestCountedInTheCohort(t *testing.T) {
	c := tinyCohort(t)
	q := analysis.Question{Visit: "a year on"}
	r := run(t, c, q, map[string]string{"comparators": "anderson-2016"})
	ours := pick(t, r, TermOurs, "all")
	if ours.N != (analysis.N{Arm: 8, Missing: 2, Events: 3}) || ours.Definition != "any-work" {
		t.Errorf("%+v %s", ours.N, ours.Definition)
	}
	q.Missing = analysis.MissingFailure
	if n := pick(t, run(t, c, q, nil), TermOurs, "all").N; n != (analysis.N{Arm: 10, Missing: 2, Events: 3}) {
		t.Errorf("missing as failure: %+v", n)
	}
	q.Missing = ""
	off := map[string]string{"published": "opioid off", "column": "opioids", "working": "false", "among": "true"}
	r = run(t, c, q, off)
	if n := pick(t, r, TermOurs, "all").N; n != (analysis.N{Arm: 5, Missing: 1, Events: 4}) {
		t.Errorf("off opioids: %+v", n)
	}
	if e := pick(t, r, TermPublished, "rome-2004"); e.N.Events != 132 || e.N.Arm != 135 {
		t.Errorf("Rome 2004: %+v", e.N)
	}
	// The change in pain is -2 for each of the eight who were seen: no error to give.
	r = run(t, c, analysis.Question{Outcome: "pain", Visit: "a year on"}, nil)
	if e := pick(t, r, TermOurs, "all"); e.Value != -2 || e.N.Arm != 8 || e.CI.Low.OK() {
		t.Errorf("%+v", e)
	}
}

// The payer that nine of ten patients have is the group's; work before is mixed;
// words that differ in spelling from the published ones are those; a year on is 52
// weeks after discharge; the mean age is 44.5.
func TestOurCaseMix(t *testing.T) {
	c := tinyCohort(t)
	v, err := c.Visit("a year on")
	if err != nil {
		t.Fatal(err)
	}
	mix := CaseMix(c, nil, "any-work", horizonOf(c, v))
	want := published.CaseMix{
		Condition: "chronic low back pain", Payer: "workers-compensation", WorkBefore: "mixed", Procedure: "interdisciplinary rehabilitation",
		Definition: "any-work", Horizon: published.Horizon{Value: 52, Unit: "weeks", After: "discharge"}, Age: 44.5,
	}
	if mix != want {
		t.Errorf("%+v, want %+v", mix, want)
	}
	if mix := CaseMix(c, []int{7, 8, 9}, "", published.Horizon{}); mix.Payer != "mixed" {
		t.Errorf("two of three of one payer give %q", mix.Payer)
	}
	r := run(t, c, analysis.Question{Visit: "a year on"}, map[string]string{"comparators": "anderson-2016"})
	var fields []string
	for _, row := range r.Tables[0].Rows {
		fields = append(fields, row[2].Text)
	}
	if got := strings.Join(fields, " "); got != "work_before condition procedure definition horizon origin" {
		t.Errorf("mismatches with Anderson 2016: %s", got)
	}
	m, _ := has(pick(t, r, TermDifference, "anderson-2016"), analysis.WarnCaseMix)
	for _, f := range fields {
		if !strings.Contains(m, f+" (ours") {
			t.Errorf("the warning leaves out %s: %q", f, m)
		}
	}
}

// The order of the ids asked for, and of the rows of the cohort, changes nothing.
func TestOrderDoesNotMatter(t *testing.T) {
	a := run(t, nil, analysis.Question{}, given(30, 90, "comparators", "qod-2017,anderson-2016"))
	b := run(t, nil, analysis.Question{}, given(30, 90, "comparators", "anderson-2016,qod-2017"))
	if len(a.Estimates) != 5 || fmt.Sprint(a.Estimates, a.Tables, a.Warnings) != fmt.Sprint(b.Estimates, b.Tables, b.Warnings) {
		t.Errorf("%d estimates; another order of ids gives another result", len(a.Estimates))
	}
}

// Swapping ours and theirs turns the difference and its interval round.
func TestSwapping(t *testing.T) {
	a := newFigure()
	a.share, a.events, a.n = true, 188, 725
	b := a
	b.events = 483
	there, _ := difference(a, comparator{figure: b}, 0.95, true)
	back, _ := difference(b, comparator{figure: a}, 0.95, true)
	if there.Value != -back.Value || math.Abs(float64(there.CI.Low+back.CI.High)) > 1e-15 || there.Statistic != -back.Statistic || there.P != back.P {
		t.Errorf("%+v and %+v", there, back)
	}
	a.share, a.value, a.sd, a.n = false, 3, 2, 30
	b.share, b.value, b.sd, b.n = false, 4, 1, 20
	there, _ = difference(a, comparator{figure: b}, 0.9, true)
	back, _ = difference(b, comparator{figure: a}, 0.9, true)
	if there.Value != -back.Value || there.CI.Low != -back.CI.High || there.SE != back.SE || there.DF != back.DF {
		t.Errorf("%+v and %+v", there, back)
	}
}

// Every kind of figure of the synthetic cohort conforms, each with its own unit and
// without a figure from entry beside one from later.
func TestSyntheticCohort(t *testing.T) {
	o := synthetic.Default
	o.Patients = 400
	f, err := synthetic.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		q    analysis.Question
		set  map[string]string
		want string // a comparator that must be there
	}{
		{analysis.Question{Outcome: "pain", Visit: "discharge"}, nil, "sf-va-2018"},
		{analysis.Question{Outcome: "pain", Visit: "discharge"}, map[string]string{"measure": "percent-change"}, "residential-75"},
		{analysis.Question{Outcome: "odi", Visit: "12 months"}, map[string]string{"measure": "mean"}, "brox-2010/fusion"},
		{analysis.Question{Outcome: "interference", Visit: "baseline"}, map[string]string{"measure": "mean"}, "nicholas-2019"},
		{analysis.Question{Visit: "12 months"}, nil, "brox-2010/rehabilitation"},
		{analysis.Question{Visit: "12 months"}, map[string]string{"procedure": "lumbar fusion"}, "nguyen-2011/fusion"},
		{analysis.Question{Visit: "discharge"}, map[string]string{"published": "opioid off", "column": "opioids", "working": "false", "among": "true"}, "rome-2004"},
		{analysis.Question{}, map[string]string{"published": "completion", "column": "completed", "working": "true"}, "murphy-2021"},
	} {
		r := run(t, c, x.q, x.set)
		pick(t, r, TermOurs, "all")
		pick(t, r, TermPublished, x.want)
		entry := x.q.Visit == "baseline"
		for _, e := range r.Estimates {
			if e.Term == TermPublished && (e.Visit == "entry" || e.Visit == "referral") != entry {
				t.Errorf("%+v: %s at %s", x.q, e.Arm, e.Visit)
			}
			if want := r.Estimates[0].Scale; e.Term != TermDifference && e.Scale != want {
				t.Errorf("%s is on the scale %s beside %s", e.Arm, e.Scale, want)
			}
		}
		if x.set["procedure"] != "" && slices.ContainsFunc(r.Estimates, func(e analysis.Estimate) bool { return strings.Contains(e.Arm, "no-surgery") }) {
			t.Error("the treatment asked for is not kept to")
		}
	}
}

func TestWrongQuestions(t *testing.T) {
	c := tinyCohort(t)
	year := analysis.Question{Visit: "a year on"}
	for _, x := range []struct {
		q    analysis.Question
		set  map[string]string
		want error
		says string
	}{
		{year, map[string]string{"comparators": "nobody-1900"}, analysis.ErrOptions, "nobody-1900"},
		{year, map[string]string{"procedure": "prayer"}, analysis.ErrOptions, "lumbar fusion"},
		{year, map[string]string{"ours_n": "10"}, analysis.ErrOptions, "source=given"},
		{year, map[string]string{"source": "given", "ours_events": "5"}, analysis.ErrOptions, "ours_n"},
		{year, given(7, 5), analysis.ErrOptions, "at least that many"},
		{year, map[string]string{"horizon": "soon"}, nil, ""}, // one word is the event itself
		{year, map[string]string{"horizon": "two years"}, analysis.ErrOptions, "2 years after surgery"},
		{year, map[string]string{"published": "opioid off", "column": "opioids"}, analysis.ErrOptions, "working="},
		{year, map[string]string{"working": "on leave"}, analysis.ErrOptions, "Full-duty, not working"},
		{year, map[string]string{"column": "nothing"}, datasets.ErrUnknownName, "nothing"},
		{analysis.Question{}, nil, datasets.ErrUnknownName, "--visit"},
		{analysis.Question{Visit: "a year on", Outcome: "nothing"}, map[string]string{"measure": "change"}, datasets.ErrUnknownName, "nothing"},
		{analysis.Question{Visit: "a year on", Outcome: "pain"}, map[string]string{"measure": "mean", "among": "x"}, nil, ""},
	} {
		_, err := Published.Run(t.Context(), analysis.Input{Cohort: c}, x.q, x.set)
		if x.want == nil {
			if err != nil {
				t.Errorf("%v: %v", x.set, err)
			}
			continue
		}
		if !errors.Is(err, x.want) || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%v: %v", x.set, err)
		}
	}
	r := run(t, c, year, map[string]string{"comparators": "rome-2004"})
	if len(r.Warnings) != 1 || r.Warnings[0].Code != WarnNoFigure {
		t.Errorf("an entry without a figure of work: %+v", r.Warnings)
	}
}
