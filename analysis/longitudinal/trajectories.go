package longitudinal

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
	"recoup/datasets/instrument"
)

// TrajectoriesOptions are the settings of longitudinal/trajectories.
type TrajectoriesOptions struct {
	Family    string  `opt:"family" doc:"cnorm: normal, censored at floor and ceiling; zip: counts, Poisson with further zeros; logit: responders, or a column of 0 and 1" choices:"cnorm|zip|logit"`
	Groups    int     `opt:"groups" doc:"how many groups; 0 for the number with the smallest BIC by patients"`
	Most      int     `opt:"most" doc:"with groups=0, the largest number that is tried"`
	Order     []int   `opt:"order" doc:"of the polynomial in time: one for all groups, or one for each"`
	Floor     string  `opt:"floor" doc:"with family=cnorm: a number, none, or the lowest score of the outcome's instrument"`
	Ceiling   string  `opt:"ceiling" doc:"with family=cnorm: a number, none, or the highest score of the outcome's instrument"`
	Shape     string  `opt:"shape" doc:"one standard deviation (cnorm) or share of further zeros (zip) for all groups, or each its own" choices:"common|own"`
	Time      string  `opt:"time" doc:"weeks of the visits, from the cohort file, or their order, counted from 0" choices:"weeks|order"`
	Rule      string  `opt:"rule" doc:"with family=logit, who has responded; none: the outcome itself is 0 or 1" choices:"none|percent|points|at-most"`
	Threshold float64 `opt:"threshold" doc:"of the rule"`
	Direction string  `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Starts    int     `opt:"starts" doc:"of the search for the highest likelihood"`
}

const refTrajectories = "Nagin 1999, 10.1037/1082-989X.4.2.139"

// TrajectoriesAnalysis is longitudinal/trajectories: group-based trajectory models.
var TrajectoriesAnalysis = analysis.New(analysis.Analysis{
	Name:     "longitudinal/trajectories",
	Title:    "Group-based trajectories",
	Estimand: "typical paths of the outcome over time, and the share of patients whose values each of them sums up best",
	Doc: `Finite mixture of groups, each with a polynomial in time; a patient's values are independent given the group:
  Lᵢ = Σ_g π_g Πₜ f(yᵢₜ | η_g(t)),  η_g(t) = β_g0 + β_g1 t + β_g2 t² ...
cnorm: normal with mean η, values at or beyond floor and ceiling censored there. zip: zero with chance ρ, else Poisson with log mean η. logit: log odds η.
Terms: group_share (π) and group_mean at each visit, with what is censored counted at its bound; Definition names the group. Groups are numbered by their mean over all times, lowest first. Patients of all arms asked about are taken together; table membership-by-arm says who is where.
By maximum likelihood: EM from deterministic starts (quantiles of the patients' means, slopes, first and last values; patients spread over these as centres; each group of the model with one less, split), the best four followed to the end by Newton's method. Errors by the observed information, shares on the logit scale, bands of curves by that of η.
Table models, for each number of groups: BIC by patients (-2 log L + k log patients) and by values (k log values); PROC TRAJ prints -BIC/2. groups=0 takes the smallest by patients.
Table groups: average posterior probability of those given to a group (over 0.7 is asked for), odds of correct classification (p/(1-p)) / (π/(1-π)) (over 5), and the share given to the group beside π. Entropy: 1 + Σ p log p / (N log G).
Assumptions: that patients fall into groups is put in, not found: a model with groups fits any spread of paths better than one path. Within a group patients differ by error alone, so groups also take up what a random slope would.
Missing values: patients with the outcome at any visit are used with all their values; sound where values are missing at random. Errors: null where the likelihood is flat.
R: crimCV, lcmm::hlme(mixture, ng); SAS: PROC TRAJ; Stata: traj.`,
	Refs: []string{
		refTrajectories, "Jones, Nagin and Roeder 2001, 10.1177/0049124101029003005", "Nagin 2005, 10.4159/9780674041318",
		"Bauer and Curran 2003, 10.1037/1082-989X.8.3.338 (over-reading groups)",
	},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, TrajectoriesOptions{Family: fit.TrajectoryCNorm, Most: 4, Order: []int{2}, Floor: "instrument", Ceiling: "instrument", Shape: "common", Time: "weeks", Rule: "none", Threshold: 30, Direction: "instrument", Starts: 25}, trajectories)

// mixture is a list of fitted models of a panel, and the one chosen.
type mixture struct {
	*panel
	o        TrajectoriesOptions
	times    []float64
	patients []int // used, as in the models
	models   []*fit.Trajectories
	m        *fit.Trajectories
	level    float64
}

func trajectories(ctx context.Context, in analysis.Input, q analysis.Question, o TrajectoriesOptions) (analysis.Result, error) {
	if err := o.check(); err != nil {
		return analysis.Result{}, err
	}
	visits := baselineResponse
	if o.Rule != "none" {
		visits = baselineNone // nobody responds at the visit that responses are judged against
	}
	p, err := newPanel(in, q, visits, nil)
	if err != nil {
		return analysis.Result{}, err
	}
	x := &mixture{panel: p, o: o, level: q.Level}
	if x.times, err = p.times(o.Time); err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: p.excluded}
	if r.Warnings, err = x.prepare(); err != nil {
		return r, err
	}
	p.count()
	asked, err := p.asked(in, q)
	if err != nil {
		return r, err
	}
	failed, err := x.search(ctx)
	if err != nil {
		return r, err
	}
	table, warnings := p.missing(missingAtRandom, cureAtRandom)
	r.Tables = append(x.tables(), table)
	r.Warnings = append(append(append(r.Warnings, failed...), x.warnings()...), warnings...)
	for g := range x.m.Share {
		r.Estimates = append(r.Estimates, x.share(g))
		for v := range p.visits {
			if asked < 0 || v == asked {
				r.Estimates = append(r.Estimates, x.mean(g, v))
			}
		}
		r.Series = append(r.Series, x.curve(g), x.observed(g))
	}
	return r, nil
}

func (o TrajectoriesOptions) check() error {
	if o.Groups < 0 || o.Groups > 10 || o.Groups == 0 && (o.Most < 1 || o.Most > 10) {
		return fmt.Errorf("%w: expected 1 to 10 groups, or groups=0 and most from 1 to 10", analysis.ErrOptions)
	}
	if len(o.Order) != 1 && len(o.Order) != o.Groups {
		return fmt.Errorf("%w: expected one order for all groups, or groups=%d with an order for each", analysis.ErrOptions, len(o.Order))
	}
	for _, k := range o.Order {
		if k < 0 || k > 5 {
			return fmt.Errorf("%w: expected orders from 0 (a level) to 5", analysis.ErrOptions)
		}
	}
	if o.Starts < 1 || o.Starts > 10_000 {
		return fmt.Errorf("%w: expected 1 to 10000 starts", analysis.ErrOptions)
	}
	if o.Rule != "none" && o.Family != fit.TrajectoryLogit {
		return fmt.Errorf("%w: a rule for responders needs family=logit", analysis.ErrOptions)
	}
	return nil
}

// prepare turns the outcome into what the family needs.
func (x *mixture) prepare() ([]analysis.Warning, error) {
	switch x.o.Family {
	case fit.TrajectoryZIP:
		for v := range x.visits {
			for _, y := range x.values[v] {
				if y < 0 || y != math.Floor(y) && !math.IsNaN(y) {
					return nil, fmt.Errorf("%w: family=zip needs counts, and %s has other values", analysis.ErrOptions, x.field.Name)
				}
			}
		}
		return nil, nil
	case fit.TrajectoryLogit:
		if x.o.Rule == "none" {
			return nil, x.check(fit.Binomial)
		}
		return x.judge(GEEOptions{Family: fit.Binomial, Rule: x.o.Rule, Threshold: x.o.Threshold, Direction: x.o.Direction})
	}
	return nil, nil
}

// bound reads floor or ceiling.
func (x *mixture) bound(s string, none float64, of func(instrument.Instrument) float64) (float64, error) {
	switch s {
	case "none":
		return none, nil
	case "instrument":
		if i, ok := instrument.Find(x.field.Instrument); ok {
			return of(i), nil
		}
		return none, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) {
		return 0, fmt.Errorf("%w: expected a number, instrument or none for floor and ceiling", analysis.ErrOptions)
	}
	return v, nil
}

// search fits the models from one group on, each with the one before as a start.
func (x *mixture) search(ctx context.Context) ([]analysis.Warning, error) {
	var paths []fit.Path
	for _, group := range x.groups {
		for _, i := range group.Patients {
			var p fit.Path
			for v, t := range x.times {
				if y := x.values[v][i]; !math.IsNaN(y) {
					p.T, p.Y = append(p.T, t), append(p.Y, y)
				}
			}
			if len(p.Y) > 0 {
				paths, x.patients = append(paths, p), append(x.patients, i)
			}
		}
	}
	spec := fit.TrajectorySpec{Family: x.o.Family, OwnShape: x.o.Shape == "own", Starts: x.o.Starts}
	var err error
	if spec.Floor, err = x.bound(x.o.Floor, math.Inf(-1), func(i instrument.Instrument) float64 { return i.Min }); err != nil {
		return nil, err
	}
	if spec.Ceiling, err = x.bound(x.o.Ceiling, math.Inf(1), func(i instrument.Instrument) float64 { return i.Max }); err != nil {
		return nil, err
	}
	if spec.Floor >= spec.Ceiling {
		return nil, fmt.Errorf("%w: the floor must lie under the ceiling", analysis.ErrOptions)
	}
	first, last := 1, max(x.o.Groups, 1)
	if x.o.Groups == 0 {
		last = x.o.Most
	}
	if len(x.o.Order) > 1 {
		first = last
	}
	var failed []analysis.Warning
	var before *fit.Trajectories
	for n := first; n <= last; n++ {
		spec.Orders = slices.Repeat(x.o.Order, n/len(x.o.Order))
		m, err := fit.SearchTrajectories(ctx, paths, spec, before)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		before = m
		if err == nil {
			x.models = append(x.models, m)
			continue
		}
		if n == x.o.Groups || n == last && len(x.models) == 0 {
			return nil, fmt.Errorf("%w: %d groups: %w; choose fewer groups or a lower order", analysis.ErrCannot, n, err)
		}
		before = nil
		failed = append(failed, analysis.Warning{Code: "no-convergence", Message: fmt.Sprintf("a model with %d groups could not be fitted (%v)", n, err), Cure: "choose fewer groups or a lower order"})
	}
	x.m = x.models[len(x.models)-1]
	for _, m := range x.models {
		if x.o.Groups == 0 && x.bic(m, len(x.patients)) < x.bic(x.m, len(x.patients)) {
			x.m = m
		}
	}
	return failed, nil
}

func (x *mixture) bic(m *fit.Trajectories, n int) float64 {
	return -2*m.LogLik + float64(m.Parameters)*math.Log(float64(n))
}

func (x *mixture) name(g int) string { return fmt.Sprintf("group %d of %d", g+1, len(x.m.Share)) }

func (x *mixture) begin(term string, scale analysis.Scale, g int) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Arm, e.Definition = x.field.Name, x.all(), x.name(g)
	e.N = analysis.N{Arm: len(x.patients), Missing: x.size() - len(x.patients)}
	e.Method = analysis.Method{
		Name: fmt.Sprintf("group-based trajectories, %s, %d groups, order %d, %s shape", x.m.Family, len(x.m.Share), x.m.Orders[g], x.o.Shape),
		R:    "lcmm::hlme(y ~ t + t2, mixture = ~ t + t2, subject = id, ng); SAS: PROC TRAJ", Ref: refTrajectories,
	}
	return e
}

// all names the patients together.
func (x *mixture) all() string {
	if len(x.groups) == 1 {
		return x.groups[0].Name
	}
	return analysis.All
}

func (x *mixture) size() int {
	n := 0
	for _, g := range x.groups {
		n += len(g.Patients)
	}
	return n
}

// shareBounds returns the interval of a group's share, on the logit scale.
func (x *mixture) shareBounds(g int) analysis.Interval {
	p, se := x.m.Share[g], x.m.ShareError(g)
	if len(x.m.Share) == 1 {
		return analysis.NoInterval
	}
	half := analysis.NormalQuantile(x.level) * se / (p * (1 - p))
	return analysis.NewInterval(analysis.KindNormal+" on the logit scale", expit(logit(p)-half), expit(logit(p)+half), x.level)
}

func (x *mixture) share(g int) analysis.Estimate {
	e := x.begin("group_share", analysis.ScaleProportion, g)
	e.Value, e.CI = analysis.Num(x.m.Share[g]), x.shareBounds(g)
	e.N.Events = x.m.Classify().Assigned[g]
	if len(x.m.Share) > 1 {
		e.SE = analysis.Num(x.m.ShareError(g))
	}
	return e
}

func (x *mixture) mean(g, v int) analysis.Estimate {
	scale, unit := analysis.ScaleMean, x.field.Unit
	if x.o.Family == fit.TrajectoryLogit {
		scale, unit = analysis.ScaleProportion, ""
	}
	e := x.begin("group_mean", scale, g)
	e.Visit, e.Unit = x.visits[v].VisitName(), unit
	mean, low, high := x.m.Predict(g, x.times[v], analysis.NormalQuantile(x.level))
	e.Value, e.CI = analysis.Num(mean), analysis.NewInterval(analysis.KindNormal+" of the linear predictor", low, high, x.level)
	return e
}

// curve is a group's path with its band, at 41 times.
func (x *mixture) curve(g int) analysis.Series {
	s := x.drawn("trajectory", g)
	first, last := slices.Min(x.times), slices.Max(x.times)
	assigned := x.m.Classify().Assigned[g]
	for k := range 41 {
		t := first + (last-first)*float64(k)/40
		mean, low, high := x.m.Predict(g, t, analysis.NormalQuantile(x.level))
		s.Points = append(s.Points, analysis.Point{X: analysis.Num(t), Y: analysis.Num(mean), Low: analysis.Num(low), High: analysis.Num(high), N: assigned})
	}
	return s
}

func (x *mixture) drawn(name string, g int) analysis.Series {
	return analysis.Series{Name: name, Group: x.name(g), XUnit: map[string]string{"weeks": "weeks", "order": "visits"}[x.o.Time], YUnit: x.field.Unit}
}

// observed is the mean of what was seen, patients weighted by their probability of
// the group.
func (x *mixture) observed(g int) analysis.Series {
	s := x.drawn("observed", g)
	order := make([]int, len(x.times))
	for v := range order {
		order[v] = v
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case x.times[a] < x.times[b]:
			return -1
		case x.times[a] > x.times[b]:
			return 1
		}
		return 0
	})
	for _, v := range order {
		sum, weight, n := 0.0, 0.0, 0
		for k, i := range x.patients {
			y, w := x.values[v][i], x.m.Posterior[k][g]
			if math.IsNaN(y) {
				continue
			}
			sum, weight = sum+w*y, weight+w
			if w > 0.5 {
				n++
			}
		}
		if weight > 0 {
			s.Points = append(s.Points, analysis.Point{X: analysis.Num(x.times[v]), Y: analysis.Num(sum / weight), Low: analysis.None, High: analysis.None, N: n})
		}
	}
	return s
}

func (x *mixture) tables() []analysis.Table {
	models := analysis.Table{
		Name: "models", Title: "Models by number of groups",
		Columns: []string{"groups", "parameters", "log likelihood", "BIC by patients", "BIC by values", "AIC", "entropy", "smallest share", "smallest average probability", "starts followed", "starts at the best", "largest derivative left"},
		Notes:   []string{fmt.Sprintf("%d patients, %d values; smaller BIC is better; PROC TRAJ prints -BIC/2", len(x.patients), x.m.Values)},
	}
	n := analysis.Number
	for _, m := range x.models {
		c := m.Classify()
		models.Rows = append(models.Rows, []analysis.Value{
			n(float64(len(m.Share))), n(float64(m.Parameters)), n(m.LogLik), n(x.bic(m, len(x.patients))), n(x.bic(m, m.Values)), n(-2*m.LogLik + 2*float64(m.Parameters)),
			n(c.Entropy), n(slices.Min(m.Share)), n(slices.Min(c.Average)), n(float64(m.Finished)), n(float64(m.Reached)), n(m.Gradient),
		})
	}
	shape := map[string]string{fit.TrajectoryCNorm: "standard deviation", fit.TrajectoryZIP: "share of further zeros", fit.TrajectoryLogit: "shape"}[x.o.Family]
	groups := analysis.Table{
		Name: "groups", Title: "Groups", Columns: []string{"group", "share", "low", "high", "given to it", "share given to it", "average probability", "odds of correct classification", shape, shape + " error"},
	}
	coefficients := analysis.Table{Name: "coefficients", Title: "Coefficients of the polynomials", Columns: []string{"group", "power of time", "coefficient", "error", "z", "p"}}
	c := x.m.Classify()
	for g := range x.m.Share {
		ci := x.shareBounds(g)
		groups.Rows = append(groups.Rows, []analysis.Value{
			analysis.Text(x.name(g)), n(x.m.Share[g]), n(float64(ci.Low)), n(float64(ci.High)), n(float64(c.Assigned[g])), n(float64(c.Assigned[g]) / float64(len(x.patients))),
			n(c.Average[g]), n(c.Odds[g]), n(x.m.Shape[g]), n(x.m.ShapeError(g)),
		})
		for k, b := range x.m.Coef[g] {
			se := x.m.CoefError(g, k)
			coefficients.Rows = append(coefficients.Rows, []analysis.Value{analysis.Text(x.name(g)), n(float64(k)), n(b), n(se), n(b / se), n(analysis.NormalP(b / se))})
		}
	}
	out := []analysis.Table{models, groups, coefficients}
	if len(x.groups) > 1 {
		out = append(out, x.byArm())
	}
	return out
}

// byArm says how the patients of each arm fall into the groups.
func (x *mixture) byArm() analysis.Table {
	t := analysis.Table{Name: "membership-by-arm", Title: "Groups by arm", Columns: []string{"arm", "patients"}, Notes: []string{"means of the patients' probabilities; groups were found with arms taken together, so this is no test of a difference"}}
	for g := range x.m.Share {
		t.Columns = append(t.Columns, x.name(g))
	}
	at := map[int]int{}
	for k, i := range x.patients {
		at[i] = k
	}
	for _, arm := range x.groups {
		sum, n := make([]float64, len(x.m.Share)), 0
		for _, i := range arm.Patients {
			k, ok := at[i]
			if !ok {
				continue
			}
			n++
			for g, p := range x.m.Posterior[k] {
				sum[g] += p
			}
		}
		row := []analysis.Value{analysis.Text(arm.Name), analysis.Number(float64(n))}
		for _, s := range sum {
			row = append(row, analysis.Number(s/float64(n)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (x *mixture) warnings() []analysis.Warning {
	out := []analysis.Warning{{
		Code:    "groups-assumed",
		Message: "groups are put in by the model, not found by it: data without any groups, only more or less of the same, are also cut into several. They sum up paths; they are not kinds of patients, and membership is not known of anyone",
		Cure:    "hold against longitudinal/random-slope, repeat in other data, and never treat by a group",
	}}
	add := func(code, message, cure string) {
		out = append(out, analysis.Warning{Code: code, Message: message, Cure: cure})
	}
	if x.m.Finished > 1 && x.m.Reached == 1 {
		add("local-maximum", fmt.Sprintf("only one of %d searches came to the highest likelihood; there may be a higher one", x.m.Finished), "set more starts, or fewer groups")
	}
	if x.o.Groups == 0 && len(x.m.Share) == x.o.Most && x.o.Most > 1 {
		add("largest-model", fmt.Sprintf("the largest number of groups tried, %d, has the smallest BIC; more would fit still better, which often means that there are no groups", x.o.Most), "hold against longitudinal/random-slope")
	}
	c := x.m.Classify()
	for g := range x.m.Share {
		switch {
		case len(x.m.Share) == 1:
		case c.Assigned[g] == 0:
			add("unclear-groups", x.name(g)+" is the most probable of no patient", "choose fewer groups")
		case c.Average[g] < 0.7 || c.Odds[g] < 5:
			add("unclear-groups", fmt.Sprintf("%s: average probability of those given to it %.2f, odds of correct classification %.1f; at least 0.7 and 5 are asked for", x.name(g), c.Average[g], c.Odds[g]), "choose fewer groups")
		}
		if x.m.Share[g] < 0.05 {
			add(analysis.WarnTooFew, fmt.Sprintf("%s holds %.1f %% of the patients", x.name(g), 100*x.m.Share[g]), "choose fewer groups")
		}
	}
	return out
}
