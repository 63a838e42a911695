package reports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"recoup/analysis"
	"recoup/analysis/describe"
	"recoup/datasets"
)

// QuarterlyOptions say whom the quarterly outcome report is about.
type QuarterlyOptions struct {
	Quarter   string                // such as 2026Q3; "" for all patients
	Arm       string                // the program's arm, where the cohort has arms; "" for each
	Reference string                // an arm to compare with
	Level     float64               // of confidence; 0 means 0.95
	Fewest    int                   // fewest patients, had it or not, of a quarter or site in a chart; 0 for any
	Facts     []Fact                // of the program that writes the report, for its end
	Target    float64               // the share with an important improvement aimed at, drawn in the charts; 0 for none
	Date      string                // on which the report is dated, such as 2026-10-15; "" for none
	Progress  func(done, total int) // called as sections begin; nil for none
	Brand     Brand
	Lang      string // BCP 47 tag of the report's language, such as de; "" for English

	// Site is the site that the cohort holds the patients of, where it is one site of
	// several: what was left out before they were chosen is of other sites too, and
	// stands in no report of a site.
	Site string
}

// SectionBuilder makes one section of a report from a cohort. It never leaves a
// hole: what the data cannot show becomes a Notice that says why.
type SectionBuilder struct {
	ID    string
	Title string
	Doc   string // what the section shows, and what it needs
	build func(ctx context.Context, q *quarter) (Section, error)
}

// QuarterlySections lists the sections of the quarterly outcome report in order.
// A section is added by one file and one line here.
var QuarterlySections = []SectionBuilder{
	{"glance", "At a glance", "the five goals of the field, with interval, benchmark and the same quarter last year", buildGlance},
	{"who", "Who came", "from referral to follow-up, who the patients were; needs roles referred, admitted, completed", buildWho},
	{"outcomes", "Outcomes by domain", "entry, now, change, effect size and share with an important improvement; needs outcomes with instruments", buildOutcomes},
	{"opioids", "Opioids", "daily dose at entry and after, share reduced and off; needs dose records", buildOpioids},
	{"work", "Work", "work status and time to return, beside surgical figures; needs work status or time to event", buildWork},
	{"time", "Over time and between sites", "control charts by quarter and funnel plots by site; needs quarters, sites", buildOverTime},
	{"costs", "Costs", "cost of the program and use of care before and after; needs cost records", buildCosts},
	{"data", "Data quality", "completeness, what was left out and why, definitions used", buildData},
}

// quarter is what the sections of one report share.
type quarter struct {
	opt       QuarterlyOptions
	in        Language
	all       *datasets.Cohort // every patient
	came      *datasets.Cohort // the patients of the quarter, those who never began too
	now       *datasets.Cohort // those of them who began
	last      *datasets.Cohort // those of the same quarter a year before; nil where there are none
	lastName  string
	quarters  []string // by patient of all; nil without dates or period
	groups    []string // arms reported on; one "" where there are none
	baseline  datasets.Visit
	hasBase   bool
	discharge datasets.Visit // the visit at the end of treatment; its Value is "" where there is none
	followUp  datasets.Visit // the last visit after it with any data

	asked map[asked]answered

	terms []Definition // the definitions used, each once
	joins []QuantitySum
}

// ErrQuarter is what errors.Is finds when a quarter cannot be reported on.
var ErrQuarter = errors.New("no report for this quarter")

// Quarterly builds the quarterly outcome report of a cohort. Small cells are not
// yet hidden: pass the report through disclosure.Apply before rendering.
func Quarterly(ctx context.Context, c *datasets.Cohort, o QuarterlyOptions) (Report, error) {
	q, err := newQuarter(c, o)
	if err != nil {
		return Report{}, err
	}
	r := Report{
		Title: "Quarterly outcome report", Subtitle: c.Title(), Audience: "program directors", Lang: q.in.Tag(), Brand: o.Brand,
		Period: q.period(), Warnings: q.warnings(),
	}
	if o.Site != "" {
		r.Subtitle += " · " + o.Site
	}
	r.Subtitle += q.dated()
	for i, b := range QuarterlySections {
		if o.Progress != nil {
			o.Progress(i, len(QuarterlySections))
		}
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		s, err := b.build(ctx, q)
		if err != nil {
			return Report{}, fmt.Errorf("section %s: %w", b.ID, err)
		}
		s.ID, s.Title = b.ID, b.Title
		r.Sections = append(r.Sections, s)
	}
	r.Sums = q.sums()
	r.Provenance = q.provenance()
	return r, nil
}

// ErrDate is what errors.Is finds when a report cannot be dated.
var ErrDate = errors.New("no such date")

// dated says after a subtitle of what date a report is, as its language writes dates.
func (q *quarter) dated() string {
	if q.opt.Date == "" {
		return ""
	}
	d := strings.Split(q.opt.Date, "-")
	return " · " + q.text("dated {0}-{1}-{2}", d[0], d[1], d[2])
}

func newQuarter(c *datasets.Cohort, o QuarterlyOptions) (*quarter, error) {
	if o.Level == 0 {
		o.Level = 0.95
	}
	if o.Reference != "" && o.Arm == "" {
		return nil, fmt.Errorf("%w: expected an arm to compare with the reference", datasets.ErrUnknownName)
	}
	in, err := LanguageOf(o.Lang)
	if err != nil {
		return nil, err
	}
	if _, err := time.Parse(time.DateOnly, o.Date); o.Date != "" && err != nil {
		return nil, fmt.Errorf("%w: expected a date such as 2026-10-15", ErrDate)
	}
	if o, err = valued(c, o); err != nil {
		return nil, err
	}
	c = in.relabeled(c)
	q := &quarter{opt: o, in: in, all: c, came: c, asked: map[asked]answered{}}
	quarters, from := c.Quarters()
	q.quarters = quarters
	if o.Quarter != "" {
		name, err := datasets.ParseQuarter(o.Quarter)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrQuarter, err)
		}
		if quarters == nil {
			return nil, fmt.Errorf("%w: the cohort has no date of discharge or admission and no period column, so no patient has a quarter; leave --quarter out to report on all patients", ErrQuarter)
		}
		q.opt.Quarter = name
		if q.came, err = q.of(name); err != nil {
			return nil, err
		}
		q.lastName = yearBefore(name)
		if last, err := q.of(q.lastName); err == nil {
			q.last = began(last)
		}
		q.define("Quarter", q.text("a patient belongs to the quarter of {0}", q.roles(from)), "the cohort file")
	}
	q.now = began(q.came)
	if q.now != q.came {
		q.define("Patients", "those admitted; who was referred and never began counts in the flow alone", "the cohort file, role admitted")
	}
	if err := q.chooseGroups(); err != nil {
		return nil, err
	}
	q.chooseVisits()
	return q, nil
}

// text, words and count are texts in the report's language.
func (q *quarter) text(english string, arguments ...any) string {
	return q.in.Text(english, arguments...)
}

func (q *quarter) words(english string, arguments ...any) Words {
	return q.in.Words(english, arguments...)
}

func (q *quarter) count(n int, one, many string, arguments ...any) string {
	return q.in.Count(n, one, many, arguments...)
}

// roles lists what a quarter is that of, the first that a patient has.
func (q *quarter) roles(roles []datasets.Role) string {
	out := ""
	for i, r := range roles {
		if i == 0 {
			out = string(r)
			continue
		}
		out = q.text("{0}, else {1}", out, string(r))
	}
	return out
}

// of returns the patients of a quarter.
func (q *quarter) of(name string) (*datasets.Cohort, error) {
	keep := make([]bool, len(q.quarters))
	for p, x := range q.quarters {
		keep[p] = x == name
	}
	if !slices.Contains(keep, true) {
		var have []string
		for _, x := range q.quarters {
			if x != "" && !slices.Contains(have, x) {
				have = append(have, x)
			}
		}
		slices.Sort(have)
		return nil, fmt.Errorf("%w: no patient belongs to %s; there are: %s", ErrQuarter, name, strings.Join(have, ", "))
	}
	return q.all.Select(keep, "patients of other quarters than "+name), nil
}

// began returns the patients who began: who was referred and never came has no
// outcome to be missing.
func began(c *datasets.Cohort) *datasets.Cohort {
	keep := c.Began()
	if !slices.Contains(keep, true) || !slices.Contains(keep, false) {
		return c
	}
	return c.Select(keep, "patients who were never admitted")
}

// yearBefore returns the same quarter a year earlier.
func yearBefore(name string) string {
	var year int
	_, _ = fmt.Sscanf(name, "%d", &year) // ParseQuarter checked it
	return fmt.Sprintf("%04d%s", year-1, name[4:])
}

func (q *quarter) chooseGroups() error {
	for _, word := range []string{q.opt.Arm, q.opt.Reference} {
		if word == "" {
			continue
		}
		i, err := q.all.Arm(word)
		if err != nil {
			return err
		}
		q.groups = append(q.groups, q.all.Arms()[i].ArmName())
	}
	if q.groups == nil {
		for _, a := range q.all.Arms() {
			q.groups = append(q.groups, a.ArmName())
		}
	}
	if q.groups == nil {
		q.groups = []string{""}
	}
	return nil
}

// chooseVisits finds the end of treatment and the last follow-up: by the visits'
// roles, else the first and the last visit after baseline that have any data. Where
// every visit has a week, the weeks decide which is last, not the order of the file.
func (q *quarter) chooseVisits() {
	q.baseline, q.hasBase = q.all.Baseline()
	var after []datasets.Visit
	for _, v := range q.now.Visits() {
		if q.hasBase && v.Value != q.baseline.Value && slices.Contains(describe.Seen(q.now, v.Value), true) && !(v.Week != nil && q.baseline.Week != nil && *v.Week <= *q.baseline.Week) {
			after = append(after, v)
		}
	}
	if !slices.ContainsFunc(after, func(v datasets.Visit) bool { return v.Week == nil }) {
		slices.SortStableFunc(after, func(a, b datasets.Visit) int { return cmp.Compare(*a.Week, *b.Week) })
	}
	for _, v := range after {
		if v.Role == "discharge" && q.discharge.Value == "" {
			q.discharge = v
		}
		if v.Role == "follow-up" {
			q.followUp = v
		}
	}
	if q.discharge.Value == "" && len(after) > 0 {
		q.discharge = after[0]
	}
	if q.followUp.Value == "" && len(after) > 1 {
		q.followUp = after[len(after)-1]
	}
}

// define notes a definition for the end of the report, once.
func (q *quarter) define(term, meaning, source string) {
	q.note(Definition{Term: term, Meaning: meaning, Source: source})
}

// defined is define for a meaning in the words of an analysis.
func (q *quarter) defined(term, meaning, source string) {
	q.note(Definition{Term: term, Meaning: meaning, Source: source, Lang: "en"})
}

func (q *quarter) note(d Definition) {
	if !slices.Contains(q.terms, d) {
		q.terms = append(q.terms, d)
	}
}

// asked is a question to an analysis, and answered what it said: headlines, tables and
// figures ask the same.
type (
	asked struct {
		analysis string
		cohort   *datasets.Cohort
		question analysis.Question
		set      string
	}
	answered struct {
		result analysis.Result
		cannot string
	}
)

// ask runs an analysis on a cohort. What the cohort cannot answer comes back as a
// reason, not as an error.
func (q *quarter) ask(ctx context.Context, a *analysis.Analysis, c *datasets.Cohort, question analysis.Question, set map[string]string) (analysis.Result, string, error) {
	question.Level = q.opt.Level
	key := asked{a.Name, c, question, fmt.Sprint(set)} // printed in the order of keys
	if known, ok := q.asked[key]; ok {
		return known.result, known.cannot, nil
	}
	r, err := a.Run(ctx, analysis.Input{Cohort: c}, question, set)
	cannot := ""
	if errors.Is(err, analysis.ErrCannot) || errors.Is(err, datasets.ErrUnknownName) || errors.Is(err, analysis.ErrOptions) {
		cannot, err = err.Error(), nil
	} else {
		if question.Arm == "" && len(q.all.Arms()) == 0 {
			nobodysArm(r.Estimates)
		}
		r = r.Shared()
	}
	if err == nil {
		q.asked[key] = answered{r, cannot}
	}
	return r, cannot, err
}

// nobodysArm takes the word for everyone off the estimates of a cohort without arms: the
// counts of a report are named by an arm, or by none.
func nobodysArm(all []analysis.Estimate) {
	for i := range all {
		if all[i].Arm == analysis.All {
			all[i].Arm = ""
		}
	}
}

// find returns the estimate of a term for a group.
func find(r analysis.Result, term, group string) (analysis.Estimate, bool) {
	for _, e := range r.Estimates {
		if e.Term == term && (group == "" || e.Arm == group) {
			return e, true
		}
	}
	return analysis.NewEstimate(term, ""), false
}

// without is an estimate that has no number, and why in the words of its analysis.
func without(e analysis.Estimate) Cell {
	c := NotAvailable("There are no patients with the values needed.")
	if len(e.Warnings) > 0 {
		w := e.Warnings[0]
		text := upper(w.Message)
		if w.Cure != "" {
			text += "; " + w.Cure
		}
		c = NotAvailable(text + ".").English()
	}
	if e.N.Arm > 0 { // the reason tells of them too: that all values of three are equal
		c.Basis = On(e.N.Arm)
	}
	return c
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// estimated is an estimate as a cell with its interval.
func estimated(e analysis.Estimate, decimals int) Cell {
	if !e.Value.OK() {
		return without(e)
	}
	n := e.N.Arm + e.N.Reference
	if e.Reference != "" {
		n = min(e.N.Arm, e.N.Reference)
	}
	return Estimate(float64(e.Value), float64(e.CI.Low), float64(e.CI.High), decimals, n)
}

// shared is an estimate of a share as a cell with its interval.
func shared(e analysis.Estimate) Cell {
	if !e.Value.OK() {
		return without(e)
	}
	whole, within := denominator(e)
	return Share(e.N.Events, e.N.Arm).Within(float64(e.CI.Low), float64(e.CI.High)).Named(numerator(e)).OutOf(whole).PartOf(within)
}

// numerator names the count above the line of a share. It is the same with those
// not seen in the denominator and without, so neither may reveal what is hidden in
// the other.
func numerator(e analysis.Estimate) string {
	term := e.Term
	for _, denominator := range []string{"_seen", "_known", "_all"} {
		term = strings.TrimSuffix(term, denominator)
	}
	return strings.Join([]string{term, e.Outcome, e.Visit, e.Arm, e.Definition}, "/")
}

// cannot is a notice of something that the report would show.
func cannot(title, why string) Notice {
	return Notice{Level: CannotShow, Title: title, Text: Say(why)}
}

// groupName is what a group is called where it must have a name.
func groupName(g string) string {
	if g == "" {
		return "All patients"
	}
	return g
}

// warnings are what must be read before the numbers.
func (q *quarter) warnings() []Warning {
	var out []Warning
	if q.opt.Quarter == "" {
		text := "The report covers all patients of the cohort: no quarter was asked for."
		if q.quarters == nil {
			text = "The report covers all patients of the cohort: it has no date of discharge or admission and no period, so no patient has a quarter."
		}
		out = append(out, Warning{Code: "all-patients", Text: text})
	} else if q.last == nil {
		out = append(out, Warning{Code: "no-comparison", Text: q.noYearBefore()})
	}
	if q.all.Dictionary().Drafted {
		out = append(out, Warning{Code: datasets.CodeDraft, Text: "What the columns mean was guessed from the data file; a person has to check it before the numbers are used."})
	}
	if q.hasBase && q.discharge.Value != "" {
		for _, v := range []datasets.Visit{q.discharge, q.followUp} {
			if v.Value == "" {
				continue
			}
			base, seen, n := describe.Seen(q.now, q.baseline.Value), describe.Seen(q.now, v.Value), 0
			whole := 0
			for p := range base {
				if base[p] {
					whole++
					if seen[p] {
						n++
					}
				}
			}
			if whole > 0 && float64(n) < 0.7*float64(whole) {
				out = append(out, Warning{
					Code: analysis.WarnLowFollowUp,
					Text: q.text("Under 70 % of the patients seen at {0} were seen at {1}: its outcomes are those of the people who came back.", q.baseline.VisitName(), v.VisitName()),
				})
			}
		}
	}
	return out
}

func (q *quarter) provenance() Provenance {
	return Provenance{Facts: q.opt.Facts}
}
