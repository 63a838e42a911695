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
	d.sayDischarge()
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
			switch f := fs[i]; f.in {
			case Unknown:
				outside++
			case Yes:
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
