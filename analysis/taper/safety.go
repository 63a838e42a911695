package taper

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/datasets"
)

// SafetyOptions are the settings of SafetyAnalysis.
type SafetyOptions struct {
	DoseOptions
	Baseline string `opt:"baseline" doc:"days whose mean dose is the baseline"`
	Window   string `opt:"window" doc:"days after treatment in which the dose is held against the bands"`
	FollowUp int    `opt:"follow_up" doc:"days from day 0 in which a stop must lie whole"`
	Listing  bool   `opt:"listing" doc:"list the flagged patients by pseudonym: local output, in no report"`
}

const (
	sevenDays  = 7
	afterLeave = 6 // months of 30 days
	risks      = "rates of reduction and overdose: PMC11044711"
	bands      = "risk of overdose at 50-99 mg in Dunn et al. 2010, mortality at 90 MME and over in PMC8288109; that guidelines warn at 50 and 90 is from memory: unverified"
	noFollow   = "no patient on opioids at entry has known doses in the first seven months"
	noEntry    = "no patient has a known dose at entry"
)

var flags = []published{
	flag("over-10-a-month-after-a-year", "of patients on opioids at entry and in each of the four quarters before day 0: largest fall from one 30-day month to the next above 10 % of baseline, in seven months"+
		own("a known mean above 0 in quarters of 91 days is a year of use; percent of baseline"),
		"CDC 2022 (10 % a month or slower after a year or more), as quoted by painscale", "no patient has a known dose in each of the four quarters before day 0; taper/reduction flags falls above 10 % a month whatever the length of use", noFollow,
		sevenMonths, func(p course, x *definer) finding { return finding{p.yearOfUse(x.o.MinKnown), p.fasterThan(10, x)} }),
	flag("over-10-a-week", "of patients on opioids at entry: largest fall from one week to the next above 10 % of baseline, in 30 weeks"+own("percent of baseline"),
		"CDC 2016 (10 % a week after shorter use), as quoted by painscale; over 10 % a week is the rapid taper of Fenton et al. 2019", noEntry, noFollow,
		sevenMonths, func(p course, x *definer) finding {
			v, whole := p.largestFall(p.baseline, sevenDays, 30, x.o.MinKnown)
			return finding{onOpioids(p), faster(v, 10, whole)}
		}),
	flag("over-30-a-month", "of patients on opioids at entry: largest fall from one 30-day month to the next above 30 % of baseline, in seven months", risks, noEntry, noFollow,
		sevenMonths, func(p course, x *definer) finding { return finding{onOpioids(p), p.fasterThan(30, x)} }),
	flag("over-40-a-month", "of patients on opioids at entry: largest fall from one 30-day month to the next above 40 % of baseline, in seven months", "over 40 % a month is the rapid taper of Fenton et al. 2019, by bu.edu's summary", noEntry, noFollow,
		sevenMonths, func(p course, x *definer) finding { return finding{onOpioids(p), p.fasterThan(40, x)} }),
	flag("abrupt-stop", "of patients on opioids at entry: at least 30 consecutive days without opioids, from a mean over half of the baseline in the 30 days before"+
		own("the threshold of Neprash et al. held against the dose at entry, not against the 7th to 12th month before; that one is neprash-abrupt of taper/definitions"),
		"gap of "+bao+"; half of the dose: "+neprash, noEntry, "no patient on opioids at entry has days known to be free of opioids, or a record without long gaps; unknown is not stopped",
		followed, stoppedAbruptly),
	band("dose-50-at-entry", 50, func(x *definer) Window { return x.baseline }),
	band("dose-90-at-entry", 90, func(x *definer) Window { return x.baseline }),
	band("dose-50-after", 50, func(x *definer) Window { return x.window }),
	band("dose-90-after", 90, func(x *definer) Window { return x.window }),
	afterDischarge(),
}

func flag(name, rule, source, lacksIn, lacksIs string, visit func(*definer) string, judge func(course, *definer) finding) published {
	term := []byte(name)
	for i, c := range term {
		if c == '-' {
			term[i] = '_'
		}
	}
	return published{
		Definition: analysis.Definition{Name: name, Rule: rule, Source: source},
		term:       string(term), lacksIn: lacksIn, lacksIs: lacksIs, visit: visit, judge: judge, sooner: true,
	}
}

func band(name string, from float64, days func(x *definer) Window) published {
	p := flag(name, fmt.Sprintf("of patients with a known dose, none included: a mean of at least %g MME a day", from), bands, "no patient has a known dose in these days", "",
		func(x *definer) string { return days(x).String() }, func(p course, x *definer) finding {
			m, _ := p.Mean(days(x), x.o.MinKnown)
			if math.IsNaN(m) {
				return finding{Unknown, Unknown}
			}
			return finding{Yes, verdict(m >= from*(1-slack))}
		})
	p.sooner = false // its answer is known whenever its days are
	return p
}

func afterDischarge() published {
	p := flag("rise-after-discharge", "of patients on opioids at entry who were discharged: in any of the six 30-day months after discharge a mean above that of the week that ends with discharge, by more than 10 % of the baseline",
		ownRule, noEntry, "no patient on opioids at entry has known doses in the week of discharge and after it", func(*definer) string { return "6 months from discharge" }, rose)
	p.discharge = true
	return p
}

// faster turns a largest fall into a verdict: No only where every step is known.
func faster(fall, percent float64, whole bool) Verdict {
	switch {
	case fall > percent*(1+slack):
		return Yes
	case whole:
		return No
	}
	return Unknown
}

func (p course) fasterThan(percent float64, x *definer) Verdict {
	v, whole := p.MaxMonthly(p.baseline, x.o.MinKnown)
	return faster(v, percent, whole)
}

// yearOfUse returns whether the dose was above 0 at entry and in each quarter of the
// year before.
func (p course) yearOfUse(atLeast float64) Verdict {
	out := onOpioids(p)
	for k := range 4 {
		to := -1 - quarter*k
		mean, _ := p.Mean(Window{to - quarter + 1, to}, atLeast)
		out = both(out, above(mean, 0))
	}
	return out
}

func stoppedAbruptly(p course, x *definer) finding {
	v, day := p.Stopped(x.follow(), 30)
	f := finding{onOpioids(p), v}
	if v == Yes {
		f.is = Unknown
		last, _ := p.Mean(Window{day - month, day - 1}, x.o.MinKnown)
		if r := Reduced(p.baseline, last, 0.5); r != Unknown {
			f.is = verdict(r == No)
		}
	}
	return f
}

func rose(p course, x *definer) finding {
	f := finding{onOpioids(p), Unknown}
	if math.IsNaN(p.discharged) {
		return f
	}
	day := int(p.discharged)
	leaving, _ := p.Mean(Window{day - sevenDays + 1, day}, x.o.MinKnown)
	if math.IsNaN(leaving) {
		return f
	}
	f.is = No
	for k := range afterLeave {
		now, _ := p.Mean(Window{day + 1 + month*k, day + month*(k+1)}, x.o.MinKnown)
		switch {
		case math.IsNaN(now):
			f.is = Unknown
		case now-leaving > 0.1*(1+slack)*p.baseline:
			return finding{f.in, Yes}
		}
	}
	return f
}

// SafetyAnalysis is taper/safety.
var SafetyAnalysis = analysis.New(analysis.Analysis{
	Name:     "taper/safety",
	Title:    "Safety flags of tapers",
	Estimand: "the share of patients whose course of doses raises each named flag: a fall faster than guidance, an abrupt stop, a high dose, a rise after discharge",
	Doc: `Each flag has its rule and source; recoup analyze show lists them. Terms: for each flag a share _all (unknown counts as not flagged) and _known, with Wilson's interval, N.Events the patients flagged; differences of arms with Newcombe's. A flag that is not raised is no proof of safety where doses are unknown: look at _known and the number missing.
Falls are from one month (30 days) or week to the next, in percent of the baseline, over the first seven months; a step beside days that are not known is passed over, and then No is Unknown.
A flag says that somebody should look. It is no rule for a patient: guidance is against abrupt tapers and against dismissing patients by dose.
listing=true adds a table of the flagged by pseudonym, marked local_only: it is for those who treat these patients, and no report takes it.
Doses are in MME; flags are for opioids for pain. ` + notStopped + `
A flag that the data cannot support is refused by name, with the reason: in table refused, or as an error where it alone was asked for.
R: prop.test(x, n, correct = FALSE).`,
	Refs:        []string{"Fenton et al. 2019, PMC6902834", bao, neprash, "PMC11044711", "PMC8288109", refWilson, refNewcombe},
	Definitions: namesOf(flags),
}, SafetyOptions{DoseOptions: doseDefaults, Baseline: "-28:-1", Window: "152:180", FollowUp: year}, runSafety)

func runSafety(_ context.Context, in analysis.Input, q analysis.Question, o SafetyOptions) (analysis.Result, error) {
	d, err := open(in, q, o.DoseOptions, unitMME)
	if err != nil {
		return analysis.Result{}, err
	}
	x, err := newDefiner(d, o.Baseline, o.Window, o.FollowUp)
	if err != nil {
		return analysis.Result{}, err
	}
	answered, found, err := x.answer(flags)
	if err != nil {
		return analysis.Result{}, err
	}
	if o.Listing {
		d.result.Tables = append(d.result.Tables, x.listing(answered, found))
	}
	d.warn(analysis.WarnAssumption, notStopped, "")
	return d.result, nil
}

// listing lists the flagged patients in the order of their pseudonyms.
func (x *definer) listing(ps []published, found [][]finding) analysis.Table {
	t := analysis.Table{
		Name: "listing", Title: "Flagged patients (local only: for those who treat them)", Columns: []string{"patient", "arm", "flag"}, Local: true,
		Notes: []string{"by pseudonym; never part of a report"},
	}
	arm := make([]string, len(x.patients))
	for _, g := range x.groups {
		for _, i := range g.Patients {
			arm[i] = g.Name
		}
	}
	ids := x.pseudonyms()
	for _, i := range x.c.ByIdentifier() {
		for k, p := range ps {
			if f := found[k][i]; arm[i] != "" && f.in == Yes && f.is == Yes {
				t.Rows = append(t.Rows, []analysis.Value{analysis.Text(ids[i]), analysis.Text(arm[i]), analysis.Text(p.Name)})
			}
		}
	}
	return t
}

// pseudonyms returns the identifiers of the patients who have a row of doses.
func (h *history) pseudonyms() []string {
	out := make([]string, h.c.Patients())
	f, _ := h.table.Field(datasets.RolePatient)
	codes, levels := h.table.Codes(f.Name)
	for row, p := range h.table.Patient() {
		if p >= 0 && codes[row] >= 0 {
			out[p] = levels[codes[row]]
		}
	}
	return out
}
