package taper

import (
	"context"
	"errors"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// TrajectoryOptions are the settings of TrajectoriesAnalysis.
type TrajectoryOptions struct {
	DoseOptions
	Unit     string `opt:"unit" doc:"mme, converted; or as-recorded, one drug in its own unit" choices:"mme|as-recorded"`
	Baseline string `opt:"baseline" doc:"days whose mean dose must be above 0"`
	Days     string `opt:"days" doc:"days that are cut into periods"`
	Period   int    `opt:"period" doc:"days of a period; its mean dose is one value"`
	Groups   int    `opt:"groups" doc:"how many groups; 0 for the number with the smallest BIC by patients"`
	Most     int    `opt:"most" doc:"with groups=0, the largest number that is tried"`
	Order    int    `opt:"order" doc:"of the polynomial in time of each group"`
}

const refTrajectories = "Nagin 1999, 10.1037/1082-989X.4.2.139"

// TrajectoriesAnalysis is taper/trajectories.
var TrajectoriesAnalysis = analysis.New(analysis.Analysis{
	Name:     "taper/trajectories",
	Title:    "Dose trajectory groups",
	Estimand: "typical courses of the daily dose among patients on opioids at entry, and the share of patients whose doses each of them sums up best",
	Doc: `Groups are put in by this model, not found by it: patients who taper more or less of the same, without any kinds among them, are cut into several groups too. Hold them against taper/velocity, repeat them in other data, and treat nobody by a group.
Latent class growth of y = log(1 + mean dose of a period): a patient's values are independent given the group, normal about a polynomial in time with one standard deviation for all, a mean of zero censored there:
  Lᵢ = Σ_g π_g Πₜ f(yᵢₜ | η_g(t)),  η_g(t) = β_g0 + β_g1 t + β_g2 t² ...
Terms: group_share (π, interval on the logit scale) and group_dose for each period, exp(E y) - 1, nearer to a median than to a mean of the dose; Definition names the group. Groups are numbered by their mean, lowest first. Patients of all arms are taken together; table membership-by-arm says who is where, and is no test.
EM from deterministic starts, the best four followed to the end by Newton's method; the order of patients changes nothing.
Table models: BIC by patients (-2 log L + k log patients), by which groups=0 chooses, and by values; entropy 1 + Σ p log p / (N log G); average posterior probability of those given to a group (over 0.7 is asked for).
Missing values: periods without enough known days (min_known) are left out; sound where they are missing at random. Patients need two periods. Who stops being recorded is not known to have stopped. ` + notStopped + `
R: lcmm::hlme(y ~ t, mixture = ~ t, subject = id, ng); SAS: PROC TRAJ (MODEL CNORM). Of visits' outcomes: longitudinal/trajectories.`,
	Refs: []string{
		refTrajectories, "Jones, Nagin and Roeder 2001, 10.1177/0049124101029003005",
		"Bauer and Curran 2003, 10.1037/1082-989X.8.3.338 (over-reading groups)",
	},
}, TrajectoryOptions{DoseOptions: doseDefaults, Unit: unitMME, Baseline: "-28:-1", Days: "0:209", Period: month, Most: 4, Order: 2}, runTrajectories)

// classes are fitted models of the doses, and the one chosen.
type classes struct {
	*doses
	o        TrajectoryOptions
	baseline Window
	periods  []Window
	patients []int // used, in the order of the paths
	entry    int   // on opioids at entry
	models   []*fit.Trajectories
	m        *fit.Trajectories
}

func runTrajectories(ctx context.Context, in analysis.Input, q analysis.Question, o TrajectoryOptions) (analysis.Result, error) {
	days, err := parseWindow(o.Days)
	if err != nil {
		return analysis.Result{}, fmt.Errorf("%w: days: %w", analysis.ErrOptions, err)
	}
	if o.Groups < 0 || o.Groups > 10 || o.Most < 1 || o.Most > 10 || o.Order < 0 || o.Order > 5 || o.Period < 1 {
		return analysis.Result{}, fmt.Errorf("%w: expected groups from 0 to 10, most from 1 to 10, order from 0 to 5 and a period of at least a day", analysis.ErrOptions)
	}
	d, err := open(in, q, o.DoseOptions, o.Unit)
	if err != nil {
		return analysis.Result{}, err
	}
	x := &classes{doses: d, o: o}
	for from := days.From; from+o.Period-1 <= days.To; from += o.Period {
		x.periods = append(x.periods, Window{from, from + o.Period - 1})
	}
	ps, baseline, err := d.fromBaseline(o.Baseline, days.From, days.To)
	if err != nil {
		return analysis.Result{}, err
	}
	x.baseline = baseline
	if err := x.search(ctx, x.paths(ps)); err != nil {
		return analysis.Result{}, err
	}
	x.cautions()
	x.tables()
	for g := range x.m.Share {
		x.group(g)
	}
	d.warn(analysis.WarnAssumption, notStopped, "")
	return d.result, nil
}

// middle is the time of a period, in months from day 0.
func (w Window) middle() float64 { return float64(w.From+w.To+1) / 2 / month }

func (x *classes) paths(ps []patient) []fit.Path {
	var out []fit.Path
	for _, g := range x.groups {
		for _, i := range g.Patients {
			if !(ps[i].baseline > 0) {
				continue
			}
			x.entry++
			var p fit.Path
			for _, w := range x.periods {
				if m, _ := ps[i].Mean(w, x.doses.o.MinKnown); !math.IsNaN(m) {
					p.T, p.Y = append(p.T, w.middle()), append(p.Y, math.Log1p(m))
				}
			}
			if len(p.Y) >= 2 {
				out, x.patients = append(out, p), append(x.patients, i)
			}
		}
	}
	return out
}

// search fits the models from one group on, each with the one before as a start.
func (x *classes) search(ctx context.Context, paths []fit.Path) error {
	if len(paths) == 0 {
		return cannot("no patient on opioids at entry has known doses in two periods; choose other days or a longer period")
	}
	most := x.o.Groups
	if most == 0 {
		most = x.o.Most
	}
	var before *fit.Trajectories
	var last error
	for n := 1; n <= most; n++ {
		spec := fit.TrajectorySpec{Family: fit.TrajectoryCNorm, Floor: 0, Ceiling: math.Inf(1), Starts: 25}
		for range n {
			spec.Orders = append(spec.Orders, x.o.Order)
		}
		m, err := fit.SearchTrajectories(ctx, paths, spec, before)
		if err := ctx.Err(); err != nil {
			return err
		}
		if before = m; err == nil {
			x.models = append(x.models, m)
			continue
		}
		before, last = nil, err
		x.warn("no-convergence", fmt.Sprintf("a model with %d groups could not be fitted (%v)", n, err), "choose fewer groups or a lower order")
	}
	if len(x.models) == 0 || x.o.Groups > 0 && last != nil && len(x.models[len(x.models)-1].Share) != x.o.Groups {
		return errors.Join(cannot("%d groups: choose fewer groups or a lower order", most), last)
	}
	x.m = x.models[len(x.models)-1]
	for _, m := range x.models {
		if x.o.Groups == 0 && x.bic(m, len(x.patients)) < x.bic(x.m, len(x.patients)) {
			x.m = m
		}
	}
	return nil
}

func (x *classes) bic(m *fit.Trajectories, n int) float64 {
	return -2*m.LogLik + float64(m.Parameters)*math.Log(float64(n))
}

func (x *classes) name(g int) string { return fmt.Sprintf("group %d of %d", g+1, len(x.m.Share)) }

func (x *classes) arm() string {
	if len(x.groups) == 1 {
		return x.groups[0].Name
	}
	return analysis.All
}

// group writes one group: its share, its course and the curve of it.
func (x *classes) group(g int) {
	begin := func(term, visit string, scale analysis.Scale) analysis.Estimate {
		e := x.empty(term, scale, visit, x.arm(), fmt.Sprintf("%s; %s; baseline %s", x.name(g), x.doses.o.said(), x.baseline))
		e = describe(e, fmt.Sprintf("latent class growth of log(1 + mean dose of %d days), %d groups, order %d; groups are put in by the model", x.o.Period, len(x.m.Share), x.o.Order))
		e.Method.R, e.Method.Ref = "lcmm::hlme(y ~ t, mixture = ~ t, subject = id, ng)", refTrajectories
		e.N = analysis.N{Arm: len(x.patients), Missing: x.entry - len(x.patients)}
		return e
	}
	share := begin("group_share", "", analysis.ScaleProportion)
	share.Value, share.N.Events = analysis.Num(x.m.Share[g]), x.m.Classify().Assigned[g]
	if se := x.m.ShareError(g); len(x.m.Share) > 1 {
		share.SE, share.CI = analysis.Num(se), x.bounds(x.m.Share[g], se)
	}
	x.result.Estimates = append(x.result.Estimates, followUp(share, x.entry, x.entry-len(x.patients)))
	curve := analysis.Series{Name: "dose-trajectory", Group: x.name(g), XUnit: "months", YUnit: x.unit}
	for _, w := range x.periods {
		e := begin("group_dose", w.String(), analysis.ScaleMean)
		mean, low, high := x.m.Predict(g, w.middle(), analysis.NormalQuantile(x.q.Level))
		e.Unit, e.Value = x.unit, analysis.Num(math.Expm1(mean))
		if !math.IsNaN(low) {
			e.CI = analysis.NewInterval(analysis.KindNormal+" of the linear predictor", math.Expm1(low), math.Expm1(high), x.q.Level)
		}
		x.result.Estimates = append(x.result.Estimates, e)
		curve.Points = append(curve.Points, analysis.Point{X: analysis.Num(w.middle()), Y: e.Value, Low: e.CI.Low, High: e.CI.High, N: share.N.Events})
	}
	x.result.Series = append(x.result.Series, curve)
}

// bounds is the interval of a share on the logit scale.
func (x *classes) bounds(p, se float64) analysis.Interval {
	half := analysis.NormalQuantile(x.q.Level) * se / (p * (1 - p))
	at := func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
	l := math.Log(p / (1 - p))
	return analysis.NewInterval(analysis.KindNormal+" on the logit scale", at(l-half), at(l+half), x.q.Level)
}

func (x *classes) tables() {
	n := analysis.Number
	models := analysis.Table{
		Name: "models", Title: "Models by number of groups",
		Columns: []string{"groups", "parameters", "log likelihood", "BIC by patients", "BIC by values", "entropy", "smallest share", "starts followed", "starts at the best"},
		Notes:   []string{fmt.Sprintf("%d patients, %d values; smaller BIC is better", len(x.patients), x.m.Values)},
	}
	for _, m := range x.models {
		smallest := 1.0
		for _, s := range m.Share {
			smallest = math.Min(smallest, s)
		}
		models.Rows = append(models.Rows, []analysis.Value{
			n(float64(len(m.Share))), n(float64(m.Parameters)), n(m.LogLik), n(x.bic(m, len(x.patients))), n(x.bic(m, m.Values)),
			n(m.Classify().Entropy), n(smallest), n(float64(m.Finished)), n(float64(m.Reached)),
		})
	}
	c := x.m.Classify()
	groups := analysis.Table{Name: "groups", Title: "Groups", Columns: []string{"group", "share", "given to it", "average probability", "odds of correct classification"}}
	for g, s := range x.m.Share {
		groups.Rows = append(groups.Rows, []analysis.Value{analysis.Text(x.name(g)), n(s), n(float64(c.Assigned[g])), n(c.Average[g]), n(c.Odds[g])})
	}
	x.result.Tables = append(x.result.Tables, models, groups)
	if len(x.groups) > 1 {
		x.result.Tables = append(x.result.Tables, x.byArm())
	}
}

// byArm says how the patients of each arm fall into the groups.
func (x *classes) byArm() analysis.Table {
	t := analysis.Table{Name: "membership-by-arm", Title: "Groups by arm", Columns: []string{"arm", "patients"}, Notes: []string{"means of the patients' probabilities; groups were found with arms taken together, so this is no test of a difference"}}
	for g := range x.m.Share {
		t.Columns = append(t.Columns, x.name(g))
	}
	at := map[int]int{}
	for k, i := range x.patients {
		at[i] = k
	}
	for _, arm := range x.groups {
		sum, n := make([]float64, len(x.m.Share)), 0.0
		for _, i := range arm.Patients {
			if k, ok := at[i]; ok {
				n++
				for g, p := range x.m.Posterior[k] {
					sum[g] += p
				}
			}
		}
		row := []analysis.Value{analysis.Text(arm.Name), analysis.Number(n)}
		for _, s := range sum {
			row = append(row, analysis.Number(s/n))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// cautions are what a reader of groups must know.
func (x *classes) cautions() {
	x.warn("groups-assumed", "groups are put in by the model, not found by it: doses that fall more or less of the same are also cut into several groups. They sum up courses; they are not kinds of patients, and membership is not known of anyone",
		"hold against taper/velocity, repeat in other data, and never treat by a group")
	if x.m.Finished > 1 && x.m.Reached == 1 {
		x.warn("local-maximum", fmt.Sprintf("only one of %d searches came to the highest likelihood; there may be a higher one", x.m.Finished), "choose fewer groups")
	}
	if x.o.Groups == 0 && x.o.Most > 1 && len(x.m.Share) == x.o.Most {
		x.warn("largest-model", fmt.Sprintf("the largest number of groups tried, %d, has the smallest BIC; more would fit still better, which often means that there are no groups", x.o.Most), "hold against taper/velocity")
	}
	c := x.m.Classify()
	for g := range x.m.Share {
		if len(x.m.Share) > 1 && !(c.Average[g] >= 0.7) {
			x.warn("unclear-groups", fmt.Sprintf("%s: the average probability of the %d patients given to it is under 0.7", x.name(g), c.Assigned[g]), "choose fewer groups")
		}
		if x.m.Share[g] < 0.05 {
			x.warn(analysis.WarnTooFew, fmt.Sprintf("%s holds %.1f %% of the patients", x.name(g), 100*x.m.Share[g]), "choose fewer groups")
		}
	}
}
