package taper

import (
	"context"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
)

// ReductionOptions are the settings of Reduction.
type ReductionOptions struct {
	DoseOptions
	Baseline string   `opt:"baseline" doc:"days before treatment, counted from admission"`
	Windows  []string `opt:"windows" doc:"days compared with the baseline: discharge (the day of discharge and the 6 after) or FROM:TO"`
}

// rule is a named definition that gives a verdict on each patient.
type rule struct {
	analysis.Definition
	term  string
	days  int  // that must lie after admission and end with the window; 0: the window itself
	leave bool // asked at discharge alone
	judge func(p patient, w Window, o ReductionOptions) Verdict
}

// applies reports whether the rule's days fit a window: a rule of its own length
// is not asked at discharge, when the days before still belong to the program.
func (rl rule) applies(s span) bool {
	if rl.leave {
		return s.discharge
	}
	return rl.days == 0 || (!s.discharge && s.To-rl.days+1 >= 0)
}

// patient is one patient's doses, with the baseline that they are compared with.
type patient struct {
	Daily
	baseline float64
}

const (
	fenton  = "Fenton et al. 2019, PMC6902834; Agnoli et al. 2021"
	seven   = 7 // days of the window that begins on discharge
	horizon = 7*month - 1
)

var rules = []rule{
	reducedBy("reduced-50", 0.5, "ePPOC; Rajappa et al. 2019, 10.1097/PR9.0000000000000780"),
	reducedBy("reduced-30", 0.3, "threshold of the sensitivity analysis of "+fenton+", here on the mean of the window"),
	define("off-window", "off_window", "no opioid on any day of the window", "the window of the options",
		func(p patient, w Window, _ ReductionOptions) Verdict { return p.Off(w) }),
	offAtDischarge(),
	offFor(28, "four weeks; convention, unverified"),
	offFor(30, "gap of at least 30 days; Bao et al., PMC8311577"),
	offFor(60, "at least 60 consecutive days; Neprash et al., PMC8175547"),
}

// courseRules judge the seven months from day 0, whatever the window.
var courseRules = []rule{
	taperedBy("tapered-15", 0.15, fenton),
	taperedBy("tapered-30", 0.30, fenton+", sensitivity analysis"),
	define("faster-than-10-a-month", "faster_than_10_a_month", "largest fall from one 30-day month to the next above 10 % of baseline, in seven months",
		"safety flag: CDC 2022 names 10 % a month or slower for patients on opioids for a year or more; how long they were is not asked here",
		func(p patient, _ Window, o ReductionOptions) Verdict {
			v, whole := p.MaxMonthly(p.baseline, o.MinKnown)
			return faster(v, 10, whole)
		}),
}

func define(name, term, text, source string, judge func(patient, Window, ReductionOptions) Verdict) rule {
	return rule{Definition: analysis.Definition{Name: name, Rule: text, Source: source}, term: term, judge: judge}
}

func reducedBy(name string, share float64, source string) rule {
	return define(name, fmt.Sprintf("reduced_%g", 100*share), fmt.Sprintf("mean daily MME of the window at least %g %% below that of the baseline", 100*share), source,
		func(p patient, w Window, o ReductionOptions) Verdict {
			now, _ := p.Mean(w, o.MinKnown)
			return Reduced(p.baseline, now, share)
		})
}

func offFor(days int, source string) rule {
	rl := define(fmt.Sprintf("off-%d", days), fmt.Sprintf("off_%d", days), fmt.Sprintf("no opioid on any of the %d days that end with the window", days), source,
		func(p patient, w Window, _ ReductionOptions) Verdict { return p.Off(Window{w.To - days + 1, w.To}) })
	rl.days = days
	return rl
}

func offAtDischarge() rule {
	rl := define("off-at-discharge", "off_at_discharge", "no opioid on the day of discharge", "programs that require weaning: Rome et al. 2004, Huffman et al. 2013",
		func(p patient, w Window, _ ReductionOptions) Verdict { return p.Off(Window{w.From, w.From}) })
	rl.leave = true
	return rl
}

func taperedBy(name string, share float64, source string) rule {
	return define(name, fmt.Sprintf("tapered_%g", 100*share),
		fmt.Sprintf("mean daily MME at least %g %% below the baseline in any of six overlapping 60-day windows of the first seven months; the baseline is that of the options, not a year of stable dose", 100*share), source,
		func(p patient, _ Window, o ReductionOptions) Verdict {
			return p.Tapered(p.baseline, share, o.MinKnown)
		})
}

func named() []analysis.Definition {
	var out []analysis.Definition
	for _, r := range slices.Concat(rules, courseRules) {
		out = append(out, r.Definition)
	}
	return out
}

var reductionDefaults = ReductionOptions{DoseOptions: doseDefaults, Baseline: "-28:-1", Windows: []string{"discharge", "152:180"}}

// Reduction compares the mean daily MME of windows after admission with that of
// the days before it.
var Reduction = analysis.New(analysis.Analysis{
	Name:     "taper/reduction",
	Title:    "Opioid dose reduction",
	Estimand: "among patients on opioids in the days before admission, the change in mean daily MME to a window of days, and the shares reduced and off by named definitions",
	Doc: `Each patient's daily MME is the sum over the records that cover a day, converted by a
stamped table: strength × quantity / days supplied × factor, or the dose logged.
A window's mean is over its known days, and unknown where under half of them are
known (min_known); a day without a record is unknown, never zero, unless gap=zero, and
then not after the last record of the whole source.
Early refills, short gaps, supplies without days and doses said at visits go by named
rules (overlap, grace, length, hold); recoup opioid rules lists them with sources. Doses
recorded in MME are not converted again. Patients count who have a known baseline mean above 0.
Terms, for each window: mme_baseline_mean, mme_mean, mme_change_mean (window less
baseline) and percent_change_mean (mean of the patients' own percentages), over
patients known in both; for each definition a share _all (patients whose dose is
unknown count as not reduced) and _known (they are left out). on_opioids_at_entry
is the share of patients with a known baseline whose mean is above 0.
Over seven months from day 0: tapered_15, tapered_30 and faster_than_10_a_month. How
fast the dose falls is taper/velocity's, and flags are taper/safety's.
The window at discharge is the day of discharge and the 6 days after it; a log that
ends with the program knows its first day alone, which off-at-discharge asks about.
Patients who were never admitted and have no record are in no denominator.
Medication for opioid use disorder is never converted; taper/oud-medication counts
who is on it. A record that cannot be converted makes its days unknown.
The tapered and off shares here are against the baseline of the options; published
definitions with their own baselines and denominators are taper/definitions's.`,
	Refs: []string{
		"Fenton et al. 2019, PMC6902834", "Rajappa et al. 2019, 10.1097/PR9.0000000000000780",
		"Neprash et al., PMC8175547", "Bao et al., PMC8311577", refWilson, refNewcombe, refWelch,
	},
	Definitions: named(),
}, reductionDefaults, runReduction)

// span is one window of a result: the same days for everyone, or days that begin
// with each patient's discharge.
type span struct {
	Window
	discharge bool
	visit     string
}

func runReduction(_ context.Context, in analysis.Input, q analysis.Question, o ReductionOptions) (analysis.Result, error) {
	d, err := open(in, q, o.DoseOptions, unitMME)
	if err != nil {
		return analysis.Result{}, err
	}
	r, groups := &reducer{doses: d, o: o}, d.groups
	if err := r.prepare(); err != nil {
		return analysis.Result{}, err
	}
	r.result.Warnings = append(r.result.Warnings, r.entries(groups)...)
	for _, s := range r.spans {
		for i, g := range groups {
			r.result.Estimates = append(r.result.Estimates, r.window(s, g)...)
			if i == 1 && q.Reference != "" {
				r.result.Estimates = append(r.result.Estimates, r.windowDifference(s, groups[0], g)...)
			}
		}
	}
	if q.Visit == "" || slices.ContainsFunc(courseRules, func(rl rule) bool { return rl.Name == q.Definition }) {
		r.course(groups)
	}
	return r.result, nil
}

// reducer holds the patients' daily doses while the estimates are made.
type reducer struct {
	*doses
	o        ReductionOptions
	baseline Window
	spans    []span
	patients []patient
	wanted   string // the definition asked for, "" for all
}

// prepare reads the options and converts every patient's doses.
func (r *reducer) prepare() error {
	var err error
	if r.baseline, err = parseWindow(r.o.Baseline); err != nil {
		return fmt.Errorf("%w: baseline: %w", analysis.ErrOptions, err)
	}
	if r.wanted = r.q.Definition; r.wanted == "" {
		r.wanted = r.c.Dictionary().Definitions["taper"]
	}
	if r.wanted != "" && !slices.ContainsFunc(named(), func(d analysis.Definition) bool { return d.Name == r.wanted }) {
		return fmt.Errorf("%w: the cohort file chooses the definition taper: %s, which taper/reduction does not have", analysis.ErrOptions, r.wanted)
	}
	if r.spans, err = r.place(r.o.Windows); err != nil {
		return err
	}
	from, to := min(r.baseline.From, 0), max(r.baseline.To, horizon)
	for _, s := range r.spans {
		if !s.discharge {
			from, to = min(from, s.From), max(to, s.To)
		}
	}
	ds := r.convert(from, func(p int) int {
		if d := r.discharged[p] + seven - 1; d > float64(to) {
			return int(d)
		}
		return to
	})
	r.ended(ds)
	for _, d := range ds {
		one := patient{Daily: d}
		one.baseline, _ = one.Mean(r.baseline, r.o.MinKnown)
		r.patients = append(r.patients, one)
	}
	return nil
}

// place returns the windows of the question: those of words, or that of its visit.
func (d *doses) place(words []string) ([]span, error) {
	if d.q.Visit != "" {
		w, err := d.atVisit()
		if err != nil {
			return nil, err
		}
		words = []string{w}
	}
	var out []span
	can := slices.ContainsFunc(d.discharged, func(v float64) bool { return !math.IsNaN(v) })
	for _, word := range words {
		if word == "discharge" {
			if !can {
				d.warn("window-not-available", "no dose at discharge: the cohort has no dates of admission and discharge", "add columns with roles admitted and discharged to a table of one row a patient")
				continue
			}
			d.sayDischarge()
			out = append(out, span{discharge: true, visit: "discharge"})
			continue
		}
		w, err := parseWindow(word)
		if err != nil {
			return nil, fmt.Errorf("%w: windows: %w, or discharge", analysis.ErrOptions, err)
		}
		out = append(out, span{Window: w, visit: w.String()})
	}
	if len(out) == 0 {
		return nil, cannot("no window of days can be placed: the cohort has no dates of admission and discharge")
	}
	return out, nil
}

// atVisit turns the visit asked about into a window: discharge, or the 29 days
// that end with the visit's week.
func (d *doses) atVisit() (string, error) {
	if d.q.Visit == "discharge" {
		return "discharge", nil
	}
	v, err := d.c.Visit(d.q.Visit)
	switch {
	case err != nil:
		return "", err
	case v.Role == "discharge":
		return "discharge", nil
	case v.Week == nil:
		return "", cannot("visit %s has no week, so its days are not known; add week: to it, or pass --set windows=FROM:TO", v.VisitName())
	}
	day := int(math.Round(7 * *v.Week))
	return fmt.Sprintf("%d:%d", day-28, day), nil
}

// at returns a patient's own window.
func (d *doses) at(s span, p int) (Window, bool) {
	if !s.discharge {
		return s.Window, true
	}
	if math.IsNaN(d.discharged[p]) {
		return Window{}, false
	}
	day := int(d.discharged[p])
	return Window{day, day + seven - 1}, true
}

func (r *reducer) empty(term string, scale analysis.Scale, visit, arm, definition string) analysis.Estimate {
	details := fmt.Sprintf("%s; %s; baseline %s", r.o.said(), r.o.Table, r.baseline)
	if definition != "" {
		details = definition + "; " + details
	}
	return r.doses.empty(term, scale, visit, arm, details)
}

// entries adds the share on opioids at entry, and warns of patients whose dose at
// entry is not known.
func (r *reducer) entries(groups []analysis.Group) []analysis.Warning {
	var ws []analysis.Warning
	var on, known []int
	for i, g := range groups {
		on, known = append(on, 0), append(known, 0)
		for _, p := range g.Patients {
			if b := r.patients[p].baseline; !math.IsNaN(b) {
				known[i]++
				if b > 0 {
					on[i]++
				}
			}
		}
		unknown := len(g.Patients) - known[i]
		e := r.empty("on_opioids_at_entry", analysis.ScaleProportion, r.baseline.String(), g.Name, "")
		e.N.Missing = unknown
		r.result.Estimates = append(r.result.Estimates, followUp(withShare(e, on[i], known[i], r.q.Level), len(g.Patients), unknown))
		if unknown > 0 {
			ws = append(ws, analysis.Warning{
				Code:    analysis.WarnUnknownDose,
				Message: fmt.Sprintf("%s: the dose at entry is unknown for %d of %d patients, who are in no denominator", g.Name, unknown, len(g.Patients)),
				Cure:    "record doses of zero; or pass --set gap=zero if the source lists every supply of every patient",
			})
		}
	}
	if r.q.Reference != "" {
		e := r.empty("difference_on_opioids_at_entry", analysis.ScaleRiskDiff, r.baseline.String(), groups[0].Name, "")
		e.Reference = groups[1].Name
		r.result.Estimates = append(r.result.Estimates, withRiskDifference(e, on[0], known[0], on[1], known[1], r.q.Level))
	}
	return ws
}

// changes are the doses of a group's patients on opioids at entry in one window.
type changes struct {
	n                              int // on opioids at entry
	before, now, change, percent   []float64
	knownDays, windowDays, unknown int
}

func (r *reducer) changes(s span, g analysis.Group) changes {
	var c changes
	for _, i := range g.Patients {
		p := r.patients[i]
		if !(p.baseline > 0) {
			continue
		}
		c.n++
		w, ok := r.at(s, i)
		if !ok {
			c.unknown++
			continue
		}
		now, known := p.Mean(w, r.o.MinKnown)
		if math.IsNaN(now) {
			c.unknown++
			continue
		}
		c.knownDays += known
		c.windowDays += w.To - w.From + 1
		c.before, c.now = append(c.before, p.baseline), append(c.now, now)
		c.change, c.percent = append(c.change, now-p.baseline), append(c.percent, 100*(now-p.baseline)/p.baseline)
	}
	return c
}

// means lists the means over patients known at entry and in the window.
func (c changes) means() []struct {
	term  string
	scale analysis.Scale
	unit  string
	x     []float64
} {
	return []struct {
		term  string
		scale analysis.Scale
		unit  string
		x     []float64
	}{
		{"mme_baseline_mean", analysis.ScaleMean, "MME/day", c.before},
		{"mme_mean", analysis.ScaleMean, "MME/day", c.now},
		{"mme_change_mean", analysis.ScaleDifference, "MME/day", c.change},
		{"percent_change_mean", analysis.ScalePercent, "percent of baseline", c.percent},
	}
}

// window returns what one window says of one group.
func (r *reducer) window(s span, g analysis.Group) []analysis.Estimate {
	c := r.changes(s, g)
	var out []analysis.Estimate
	for _, m := range c.means() {
		e := r.empty(m.term, m.scale, s.visit, g.Name, "")
		e.Unit, e.N.Missing = m.unit, c.unknown
		e = followUp(withMean(e, m.x, r.q.Level), c.n, c.unknown)
		if 2*c.knownDays < c.windowDays {
			e = e.Warn(analysis.WarnUnknownDose, fmt.Sprintf("of the days of those patients in the window, %.0f %% have a known dose; the mean is over those days", 100*float64(c.knownDays)/float64(c.windowDays)),
				"record doses on more days, zero doses too")
		}
		out = append(out, e)
	}
	for _, rl := range r.rules(rules) {
		if rl.applies(s) {
			out = append(out, r.sharesOf(r.begin(rl, s.visit), atEntry, g.Name, r.count(rl, s, g))...)
		}
	}
	return out
}

// rules returns the rules of a list that are asked for.
func (r *reducer) rules(list []rule) []rule {
	if r.wanted == "" {
		return list
	}
	var out []rule
	for _, rl := range list {
		if rl.Name == r.wanted {
			out = append(out, rl)
		}
	}
	return out
}

func (r *reducer) count(rl rule, s span, g analysis.Group) tallied {
	var c tallied
	for _, i := range g.Patients {
		p := r.patients[i]
		if !(p.baseline > 0) {
			continue
		}
		v := Unknown
		if w, ok := r.at(s, i); ok {
			v = rl.judge(p, w, r.o)
		}
		c.add(v)
	}
	return c
}

const atEntry = "of all on opioids at entry"

// begin begins the estimates of a rule's shares.
func (r *reducer) begin(rl rule, visit string) begin {
	return func(prefix, suffix, who, arm string, scale analysis.Scale) analysis.Estimate {
		return describe(describe(r.empty(prefix+rl.term+suffix, scale, visit, arm, rl.Name), who), rl.Rule)
	}
}

// windowDifference returns the arm less the reference in one window.
func (r *reducer) windowDifference(s span, a, b analysis.Group) []analysis.Estimate {
	x, y := r.changes(s, a), r.changes(s, b)
	var out []analysis.Estimate
	other := y.means()
	for i, m := range x.means() {
		if i < 2 {
			continue // levels are not compared, changes are
		}
		e := r.empty("difference_"+m.term, m.scale, s.visit, a.Name, "")
		e.Unit, e.Reference, e.N.Missing = m.unit, b.Name, x.unknown+y.unknown
		out = append(out, followUp(withDifference(e, m.x, other[i].x, r.q.Level), x.n+y.n, x.unknown+y.unknown))
	}
	for _, rl := range r.rules(rules) {
		if rl.applies(s) {
			out = append(out, r.shareDifferences(r.begin(rl, s.visit), atEntry, a, b, r.count(rl, s, a), r.count(rl, s, b))...)
		}
	}
	return out
}

// course adds what is asked of the seven months from day 0.
func (r *reducer) course(groups []analysis.Group) {
	all := span{Window: Window{0, horizon}, visit: Window{0, horizon}.String()}
	for _, g := range groups {
		for _, rl := range r.rules(courseRules) {
			r.result.Estimates = append(r.result.Estimates, r.sharesOf(r.begin(rl, all.visit), atEntry, g.Name, r.count(rl, all, g))...)
		}
	}
	if r.q.Reference == "" {
		return
	}
	for _, rl := range r.rules(courseRules) {
		x, y := r.count(rl, all, groups[0]), r.count(rl, all, groups[1])
		r.result.Estimates = append(r.result.Estimates, r.shareDifferences(r.begin(rl, all.visit), atEntry, groups[0], groups[1], x, y)...)
	}
}
