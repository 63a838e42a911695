package taper

import (
	"context"
	"fmt"
	"math"
	"strings"

	"recoup/analysis"
)

// DefinitionsOptions are the settings of DefinitionsAnalysis.
type DefinitionsOptions struct {
	DoseOptions
	Unit     string `opt:"unit" doc:"mme, converted; or as-recorded, one drug in its own unit, for rules without a threshold in MME" choices:"mme|as-recorded"`
	Baseline string `opt:"baseline" doc:"days before treatment of the definitions that name no baseline of their own"`
	Window   string `opt:"window" doc:"days that the registry's rule compares with the baseline"`
	FollowUp int    `opt:"follow_up" doc:"days from day 0 in which a stop must lie whole, for the definitions that name none"`
}

// Lengths that the published definitions name, in days.
const (
	year        = 365
	quarter     = 91
	twoMonths   = 60
	stableDose  = 50.0 // MME a day
	registryMin = 40.0 // MME a day
	about       = 42   // days on either side of 12 months after discharge
)

// course is one patient as the definitions see it.
type course struct {
	Daily
	baseline   float64 // over the days of the options
	discharged float64
}

// finding is whether a patient belongs to a definition's denominator, and whether
// it holds of that patient.
type finding struct{ in, is Verdict }

// published is a definition of the literature.
type published struct {
	analysis.Definition
	term      string
	mme       bool   // has a threshold in MME
	discharge bool   // asks about discharge
	sooner    bool   // a yes is known as soon as it is seen, a no only when every day is
	lacksIn   string // why nobody's belonging is known
	lacksIs   string // why nobody's answer is known
	judge     func(p course, x *definer) finding
	visit     func(x *definer) string
}

const (
	neprash = "Neprash et al., PMC8175547"
	bao     = "Bao et al., PMC8311577"
	noYear  = "no patient has 12 months of known doses before day 0"
)

// own marks what the sources leave open.
func own(text string) string { return " [this project's own choice: " + text + "]" }

var definitions = []published{
	fentonBy("fenton-15", 0.15, "at least 15 % below", fenton),
	fentonBy("fenton-30", 0.30, "at least 30 % below, the sensitivity analysis of", fenton),
	{
		Definition: analysis.Definition{
			Name:   "rapid-taper",
			Rule:   "of the patients tapered by fenton-15: largest fall from one 30-day month to the next above 40 % of baseline, which is over 10 % a week",
			Source: "Fenton et al. 2019, PMC6902834; its threshold of the speed by bu.edu's summary",
		},
		term: "rapid_taper", mme: true, sooner: true, lacksIn: noYear, lacksIs: "no tapered patient has seven months of known doses",
		visit: sevenMonths, judge: rapid,
	},
	{
		Definition: analysis.Definition{
			Name:   "neprash-stopped",
			Rule:   "of patients on long-term therapy (each of the four quarters before day 0 with opioids on more than 60 days): at least 60 consecutive days without" + own("quarters of 91 days that end with day -1; days with a dose above 0 stand for days supplied; the 60 days lie within follow_up"),
			Source: neprash,
		},
		term: "neprash_stopped", sooner: true, lacksIn: "no patient has four quarters of known days before day 0", lacksIs: "no such patient has days known to be free of opioids, or a record without long gaps; unknown is not stopped",
		visit: followed, judge: stoppedLongTerm,
	},
	{
		Definition: analysis.Definition{
			Name:   "neprash-abrupt",
			Rule:   "of those who stopped by neprash-stopped: the mean dose of the last month before the stop less than 50 % below that of the 7th to 12th month before it" + own("months of 30 days, counted back from the first day of the stop"),
			Source: neprash,
		},
		term: "neprash_abrupt", lacksIn: "no patient is known to have stopped or not by neprash-stopped", lacksIs: "no patient who stopped has a known dose in the 7th to 12th month before",
		visit: followed, judge: abrupt,
	},
	{
		Definition: analysis.Definition{
			Name:   "bao-stopped",
			Rule:   "of patients on opioids at entry: a gap of at least 30 days" + own("the gap lies within follow_up; on opioids at entry is a mean dose of the baseline above 0"),
			Source: bao,
		},
		term: "bao_stopped", sooner: true, lacksIn: "no patient has a known dose at entry", lacksIs: "no such patient has days known to be free of opioids, or a record without long gaps; unknown is not stopped",
		visit: followed, judge: func(p course, x *definer) finding {
			v, _ := p.Stopped(x.follow(), 30)
			return finding{onOpioids(p), v}
		},
	},
	{
		Definition: analysis.Definition{
			Name:   "off-at-discharge",
			Rule:   "of patients on opioids at entry: off daily opioids on the day of discharge",
			Source: "Rome et al. 2004 (132 of 135), programs that require weaning",
		},
		term: "off_at_discharge", discharge: true, lacksIn: "no patient has a known dose at entry", lacksIs: "no patient has a known dose on the day of discharge",
		visit: func(*definer) string { return "discharge" }, judge: func(p course, _ *definer) finding {
			return finding{onOpioids(p), p.offOn(p.discharged)}
		},
	},
	{
		Definition: analysis.Definition{
			Name:   "resumed-12-months",
			Rule:   "of patients on opioids at entry and off at discharge: on opioids again 12 months after discharge, as the patient says" + own("a dose above 0 on any known day of the 365 ± 42 days from discharge"),
			Source: "Huffman et al. 2013",
		},
		term: "resumed_12_months", sooner: true, discharge: true, lacksIn: "no patient has known doses at entry and on the day of discharge", lacksIs: "no patient who was off at discharge has a known dose 12 months later",
		visit: func(*definer) string { return "12 months from discharge" }, judge: resumedLater,
	},
	registryBy("registry-50", 0, "of patients on opioids at entry"),
	registryBy("registry-50-over-40", registryMin, "of patients with more than 40 MME a day at entry"),
}

func fentonBy(name string, share float64, text, source string) published {
	return published{
		Definition: analysis.Definition{
			Name: name,
			Rule: "of patients with a stable baseline (a mean of at least 50 MME a day over the 12 months before, and at least 2 months of follow-up): mean daily MME " + text +
				" that baseline, in any of 6 overlapping 60-day windows within 7 months" +
				own("one index day a patient, day 0; days -365 to -1; windows of days 0-59, 30-89 ... 150-209; follow-up by a known mean of the first window; not tapered only where all six are known"),
			Source: source,
		},
		term: fmt.Sprintf("fenton_%g", 100*share), mme: true, sooner: true, lacksIn: noYear, lacksIs: "no patient with a stable year has seven months of known doses",
		visit: sevenMonths, judge: func(p course, x *definer) finding {
			in, base := p.stable(x.o.MinKnown)
			return finding{in, p.Tapered(base, share, x.o.MinKnown)}
		},
	}
}

func registryBy(name string, over float64, text string) published {
	d := published{
		Definition: analysis.Definition{
			Name: name, Rule: text + ": a mean dose of the window at least 50 % below that of the baseline" + own("the days of both"),
			Source: "ePPOC, by painaustralia.org.au; subgroup over 40 mg in Rajappa et al. 2019, 10.1097/PR9.0000000000000780",
		},
		term: "registry_50", mme: over > 0, lacksIn: "no patient has a known dose at entry", lacksIs: "no such patient has a known dose in the window",
		visit: func(x *definer) string { return x.window.String() },
	}
	if over > 0 {
		d.term = "registry_50_over_40"
	}
	d.judge = func(p course, x *definer) finding {
		now, _ := p.Mean(x.window, x.o.MinKnown)
		in := Unknown
		if !math.IsNaN(p.baseline) {
			in = verdict(p.baseline > over)
		}
		return finding{in, Reduced(p.baseline, now, 0.5)}
	}
	return d
}

func sevenMonths(*definer) string { return Window{0, horizon}.String() }
func followed(x *definer) string  { return x.follow().String() }
func (x *definer) follow() Window { return Window{0, x.followUp - 1} }
func onOpioids(p course) Verdict  { return above(p.baseline, 0) }
func (d Daily) offOn(day float64) Verdict {
	if math.IsNaN(day) {
		return Unknown
	}
	return d.Off(Window{int(day), int(day)})
}

// above returns whether a mean is above a bound, Unknown for NaN.
func above(mean, bound float64) Verdict {
	if math.IsNaN(mean) {
		return Unknown
	}
	return verdict(mean > bound)
}

// both is Yes where both hold, No where one does not.
func both(a, b Verdict) Verdict {
	switch {
	case a == No || b == No:
		return No
	case a == Unknown || b == Unknown:
		return Unknown
	}
	return Yes
}

// stable returns whether the year before day 0 had a mean of at least 50 MME a day
// and two months of follow-up are known, and that mean.
func (p course) stable(atLeast float64) (Verdict, float64) {
	base, _ := p.Mean(Window{-year, -1}, atLeast)
	if math.IsNaN(base) {
		return Unknown, base
	}
	first, _ := p.Mean(Window{0, twoMonths - 1}, atLeast)
	return verdict(base >= stableDose*(1-slack) && !math.IsNaN(first)), base
}

func rapid(p course, x *definer) finding {
	in, base := p.stable(x.o.MinKnown)
	v, whole := p.MaxMonthly(base, x.o.MinKnown)
	return finding{both(in, p.Tapered(base, 0.15, x.o.MinKnown)), faster(v, 40, whole)}
}

// longTerm returns whether each of the four quarters before day 0 had opioids on more
// than 60 days.
func (d Daily) longTerm() Verdict {
	out := Yes
	for k := range 4 {
		to := -1 - quarter*k
		on, unknown := d.count(Window{to - quarter + 1, to})
		switch {
		case on > 60:
		case on+unknown > 60:
			out = both(out, Unknown)
		default:
			return No
		}
	}
	return out
}

// count returns the days of the window with a dose above 0, and those unknown.
func (d Daily) count(w Window) (on, unknown int) {
	days := d.in(w)
	unknown = w.To - w.From + 1 - len(days)
	for _, v := range days {
		switch {
		case v > 0:
			on++
		case math.IsNaN(v):
			unknown++
		}
	}
	return on, unknown
}

// Stopped returns whether the dose was zero on so many days in a row within the
// window, and the first day of the first such run. It is No only where no run of
// days that are zero or unknown is as long.
func (d Daily) Stopped(w Window, days int) (v Verdict, day int) {
	zero, maybe, v := 0, 0, No
	for at := w.From; at <= w.To; at++ {
		dose := d.At(at)
		switch {
		case dose > 0:
			zero, maybe = 0, 0
		case math.IsNaN(dose):
			zero = 0
			maybe++
		default:
			zero++
			maybe++
		}
		if zero >= days {
			return Yes, at - days + 1
		}
		if maybe >= days {
			v = Unknown
		}
	}
	return v, 0
}

func stoppedLongTerm(p course, x *definer) finding {
	v, _ := p.Stopped(x.follow(), 60)
	return finding{p.longTerm(), v}
}

func abrupt(p course, x *definer) finding {
	v, day := p.Stopped(x.follow(), 60)
	f := finding{in: both(p.longTerm(), v), is: Unknown}
	if v == Yes {
		last, _ := p.Mean(Window{day - month, day - 1}, x.o.MinKnown)
		before, _ := p.Mean(Window{day - 12*month, day - 6*month - 1}, x.o.MinKnown)
		if r := Reduced(before, last, 0.5); r != Unknown {
			f.is = verdict(r == No)
		}
	}
	return f
}

func resumedLater(p course, _ *definer) finding {
	f := finding{both(onOpioids(p), p.offOn(p.discharged)), Unknown}
	if math.IsNaN(p.discharged) {
		return f
	}
	w := Window{int(p.discharged) + year - about, int(p.discharged) + year + about}
	switch on, unknown := p.count(w); {
	case on > 0:
		f.is = Yes
	case unknown < w.To-w.From+1:
		f.is = No
	}
	return f
}

// DefinitionsAnalysis is taper/definitions.
var DefinitionsAnalysis = analysis.New(analysis.Analysis{
	Name:     "taper/definitions",
	Title:    "Tapered and stopped, by published definitions",
	Estimand: "the share of patients who tapered, stopped or resumed opioids, by each published definition with its own windows, gaps and denominator",
	Doc: `Each definition is applied as its source states it; what the source leaves open is named in its rule as this project's own choice. recoup analyze show lists the rules.
A definition has its own denominator: a stable year, long-term therapy, on opioids at entry, or those who tapered or stopped by another one. Patients of whom it is not known whether they belong to it are in no denominator, and are counted in a warning.
Terms: for each definition a share _all (patients of the denominator whose answer is unknown count as no) and _known (they are left out), with Wilson's interval; differences of arms with Newcombe's. ` + notStopped + `
A stop is Yes only after so many known days of zero in a row, and No only where no run of zero or unknown days is as long.
A definition that the data cannot support is refused by name, with the reason: in table refused, or as an error where it alone was asked for. Definitions with thresholds in MME refuse doses in another unit.
Table agreement: for each two definitions, the patients in both denominators with both answers known, of all arms together: how many each classes as yes, how many they class differently, and Cohen's kappa, (pₒ - pₑ)/(1 - pₑ). Patients in one denominator alone are counted apart.
R: prop.test(x, n, correct = FALSE); psych::cohen.kappa().`,
	Refs: []string{
		"Fenton et al. 2019, PMC6902834", neprash, bao, "Rajappa et al. 2019, 10.1097/PR9.0000000000000780",
		"Cohen 1960, 10.1177/001316446002000104", refWilson, refNewcombe,
	},
	Definitions: namesOf(definitions),
}, DefinitionsOptions{DoseOptions: doseDefaults, Unit: unitMME, Baseline: "-28:-1", Window: "152:180", FollowUp: year}, runDefinitions)

func namesOf(list []published) []analysis.Definition {
	out := make([]analysis.Definition, len(list))
	for i, d := range list {
		out[i] = d.Definition
	}
	return out
}

// definer holds the patients while definitions judge them.
type definer struct {
	*doses
	baseline Window
	window   Window
	followUp int
	patients []course
}

func runDefinitions(_ context.Context, in analysis.Input, q analysis.Question, o DefinitionsOptions) (analysis.Result, error) {
	d, err := open(in, q, o.DoseOptions, o.Unit)
	if err != nil {
		return analysis.Result{}, err
	}
	x, err := newDefiner(d, o.Baseline, o.Window, o.FollowUp)
	if err != nil {
		return analysis.Result{}, err
	}
	answered, found, err := x.answer(definitions)
	if err != nil {
		return analysis.Result{}, err
	}
	if len(answered) > 1 {
		d.result.Tables = append(d.result.Tables, x.agreement(answered, found))
	}
	d.warn(analysis.WarnAssumption, notStopped, "")
	return d.result, nil
}

// newDefiner converts every patient's doses.
func newDefiner(d *doses, baseline, window string, followUp int) (*definer, error) {
	x := &definer{doses: d, followUp: followUp}
	var err error
	if x.baseline, err = parseWindow(baseline); err != nil {
		return nil, fmt.Errorf("%w: baseline: %w", analysis.ErrOptions, err)
	}
	if x.window, err = parseWindow(window); err != nil {
		return nil, fmt.Errorf("%w: window: %w", analysis.ErrOptions, err)
	}
	if followUp < 60 || followUp > maxDay {
		return nil, fmt.Errorf("%w: expected follow_up from 60 to %d days", analysis.ErrOptions, maxDay)
	}
	from, to := min(-year, x.baseline.From, x.window.From), max(horizon, x.baseline.To, x.window.To, followUp-1)
	ds := d.convert(from, func(p int) int {
		if d := d.discharged[p] + year + about; d > float64(to) {
			return int(d)
		}
		return to
	})
	d.ended(ds)
	for p := range ds {
		one := course{Daily: ds[p], discharged: d.discharged[p]}
		one.baseline, _ = ds[p].Mean(x.baseline, d.o.MinKnown)
		x.patients = append(x.patients, one)
	}
	return x, nil
}

// answer gives the shares of those definitions of a list that are asked for, and
// says which the data cannot support. It is an error where they support none.
func (x *definer) answer(list []published) (answered []published, found [][]finding, err error) {
	refused := analysis.Table{Name: "refused", Title: "Definitions that the data cannot support", Columns: []string{"definition", "reason"}}
	for _, p := range list {
		if x.q.Definition != "" && p.Name != x.q.Definition {
			continue
		}
		fs, why := x.apply(p)
		if why != "" {
			refused.Rows = append(refused.Rows, []analysis.Value{analysis.Text(p.Name), analysis.Text(why)})
			continue
		}
		answered, found = append(answered, p), append(found, fs)
		x.result.Estimates = append(x.result.Estimates, x.shares(p, fs)...)
	}
	text := ""
	for _, r := range refused.Rows {
		text += "; " + r[0].Text + ": " + r[1].Text
		x.warn("definition-refused", r[0].Text+" is not answered: "+r[1].Text, "")
	}
	if len(answered) == 0 {
		return nil, nil, cannot("%s", strings.TrimPrefix(text, "; "))
	}
	if len(refused.Rows) > 0 {
		x.result.Tables = append(x.result.Tables, refused)
	}
	return answered, found, nil
}

// apply returns what a definition says of every patient, or why the data cannot
// support it.
func (x *definer) apply(p published) (fs []finding, why string) {
	if p.mme && !x.mme {
		return nil, "it has a threshold in MME, and the doses are in " + x.unit + ", which is not converted"
	}
	fs = make([]finding, len(x.patients))
	discharged, eligible, outside, unknown, known := false, 0, 0, 0, false
	for _, g := range x.groups {
		for _, i := range g.Patients {
			discharged = discharged || !math.IsNaN(x.discharged[i])
			f := p.judge(x.patients[i], x)
			fs[i] = f
			switch f.in {
			case Yes:
				eligible++
				known = known || f.is != Unknown
			case No:
				outside++
			default:
				unknown++
			}
		}
	}
	switch {
	case p.discharge && !discharged:
		return nil, "no discharge status: no patient has dates of admission and discharge"
	case eligible+outside == 0:
		return nil, p.lacksIn
	case eligible == 0 && unknown > 0:
		return nil, fmt.Sprintf("nobody is known to belong to its denominator, and of %d patients it is not known", unknown)
	case eligible > 0 && !known:
		return nil, p.lacksIs
	}
	return fs, ""
}

// shares returns the estimates of one definition.
func (x *definer) shares(p published, fs []finding) []analysis.Estimate {
	begin := func(prefix, suffix, who, arm string, scale analysis.Scale) analysis.Estimate {
		e := x.empty(prefix+p.term+suffix, scale, p.visit(x), arm, fmt.Sprintf("%s; %s; baseline %s", p.Name, x.o.said(), x.baseline))
		return describe(describe(e, who), p.Rule+" ("+p.Source+")")
	}
	var out []analysis.Estimate
	var counts []tallied
	for _, g := range x.groups {
		var c tallied
		outside := 0
		for _, i := range g.Patients {
			switch f := fs[i]; {
			case f.in == Unknown:
				outside++
			case f.in == Yes:
				c.add(f.is)
			}
		}
		counts = append(counts, c)
		es := x.sharesOf(begin, "of the denominator", g.Name, c)
		if p.sooner {
			es = leaning(c, es)
		}
		for _, e := range es {
			if outside > 0 {
				e = e.Warn(analysis.WarnUnknownDose, fmt.Sprintf("of %d of %d patients it is not known whether the definition's denominator holds them; they are in none", outside, len(g.Patients)), "record doses on more days, zero doses too")
			}
			out = append(out, e)
		}
	}
	if x.q.Reference != "" {
		out = append(out, x.shareDifferences(begin, "of the denominator", x.groups[0], x.groups[1], counts[0], counts[1])...)
	}
	return out
}

// agreement holds every two definitions against each other.
func (x *definer) agreement(ps []published, found [][]finding) analysis.Table {
	t := analysis.Table{
		Name: "agreement", Title: "How many patients two definitions class differently",
		Columns: []string{"definition", "other", "known in both", "both yes", "first alone", "second alone", "both no", "classed differently", "kappa", "in one denominator alone"},
		Notes:   []string{"patients of all arms asked about together; kappa is left out where chance alone would agree"},
	}
	for a := range ps {
		for b := a + 1; b < len(ps); b++ {
			var cell [2][2]float64
			alone := 0
			for _, g := range x.groups {
				for _, i := range g.Patients {
					f, h := found[a][i], found[b][i]
					switch {
					case f.in == Yes && h.in == Yes && f.is != Unknown && h.is != Unknown:
						cell[f.is][h.is]++
					case f.in == Yes && h.in == No || f.in == No && h.in == Yes:
						alone++
					}
				}
			}
			n := cell[0][0] + cell[0][1] + cell[1][0] + cell[1][1]
			t.Rows = append(t.Rows, []analysis.Value{
				analysis.Text(ps[a].Name), analysis.Text(ps[b].Name), analysis.Number(n), analysis.Number(cell[1][1]), analysis.Number(cell[1][0]),
				analysis.Number(cell[0][1]), analysis.Number(cell[0][0]), analysis.Number(cell[1][0] + cell[0][1]), analysis.Number(kappa(cell)), analysis.Number(float64(alone)),
			})
		}
	}
	return t
}

// kappa is Cohen's, NaN where chance alone would agree or nobody is known.
func kappa(c [2][2]float64) float64 {
	n := c[0][0] + c[0][1] + c[1][0] + c[1][1]
	yesA, yesB := (c[1][0]+c[1][1])/n, (c[0][1]+c[1][1])/n
	chance := yesA*yesB + (1-yesA)*(1-yesB)
	if !(chance < 1) {
		return math.NaN()
	}
	return ((c[0][0]+c[1][1])/n - chance) / (1 - chance)
}
