package economics

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/ledger"
	"recoup/analysis/resample"
	"recoup/datasets"
)

// Methods of economics/costs.
const (
	MethodMean        = "mean"
	MethodWeighted    = "weighted"
	MethodPartitioned = "partitioned"
	MethodLin         = "lin"
	MethodGamma       = "gamma"
	MethodTwoPart     = "two-part"
)

// CostsOptions are the settings of economics/costs.
type CostsOptions struct {
	Method     string   `opt:"method" doc:"plain mean, means that allow for patients not followed to the horizon (weighted, partitioned, lin), or models of skewed costs (gamma, two-part)" choices:"mean|weighted|partitioned|lin|gamma|two-part"`
	Horizon    int      `opt:"horizon" doc:"days from admission whose costs count"`
	Followed   string   `opt:"followed" doc:"column of the days each patient was under observation; all to the horizon where none is given"`
	Ended      string   `opt:"ended" doc:"column that is 1 for patients whose costs ended when they were last observed, by death; 0 or nobody where none is given"`
	Step       int      `opt:"step" doc:"days of each interval of partitioned and lin"`
	Covariates []string `opt:"covariates" doc:"columns of the patients that gamma and two-part adjust for"`
	Categories []string `opt:"categories" doc:"of costs; all where none is given"`
	Day        string   `opt:"day" doc:"from when day numbers of costs count: admission (0 is the day of admission), or the clock of the column with role admitted" choices:"admission|clock"`
	NoRecord   string   `opt:"no_record" doc:"what patients without any record of a cost count as" choices:"zero|missing"`
	Rate       float64  `opt:"rate" doc:"discount rate a year, as a share; 0 does not discount"`
	MoneyOptions
	Index      []string `opt:"index" doc:"prices by year, such as 2019:255.7,2024:313.7: a table of your own in place of the one that comes with recoup"`
	Interval   string   `opt:"interval" doc:"from bootstrap samples within arms" choices:"percentile|bca"`
	Replicates int      `opt:"replicates" doc:"bootstrap samples"`
}

// Costs is economics/costs: mean costs of two arms.
var Costs = analysis.New(analysis.Analysis{
	Name:     "economics/costs",
	Title:    "Mean costs in two arms, with censoring or skewed",
	Estimand: "mean cost of each arm from admission to the horizon, their difference and ratio",
	Doc: `Costs of a patient are the sum of their records from admission to the horizon, of the days 0 to horizon - 1, each discounted by (1 + rate)^-(day/365.25) where a rate is given. Means and not medians: a budget is paid in means.
mean: of all patients as if all were followed; too low where some were not, and refused where the records of costs stop long before the horizon.
weighted: of the patients whose costs were seen whole, each over the probability of being followed as long, 1/n Σ ΔM/K(T-), K the product limit of censoring within the arm. partitioned: the same within intervals of step days, so that patients lost later count for what was seen whole of them. lin: mean cost of each interval of those still followed, times the share alive at its start; right where patients are lost at the ends of intervals.
These take loss to follow-up to be independent of costs within an arm, and need someone followed to the horizon. At equal times all who were followed as long are at risk.
gamma: log mean cost is a sum of arm and covariates, with a variance in proportion to its square; costs must be above 0. two-part: a logistic model of whether there is any cost, times the gamma model of those there are. Means are of all patients as if in the one arm, then the other.
price_year moves each cost from its own currency and price year to another: by consumer prices, amount × index(to)/index(from), and between currencies by purchasing power parities of GDP, from tables that come with recoup and name their sources; in the order of the CCEMG-EPPI cost converter (inflate first) by default. What a table lacks is refused. index gives an index of your own, for costs of one currency and one price year. Which index suits (of all prices or of health care) is for you to say.
Terms: cost_mean of each arm, cost_difference, cost_ratio. Errors and intervals are of bootstrap samples within arms.
Missing values: patients without the days under observation or a covariate are left out. Patients without any record of a cost count as zero by default.
R: survfit(Surv(time, !complete) ~ 1); glm(cost ~ arm + age, family = Gamma("log")); glm(cost > 0 ~ arm, binomial).`,
	Refs: []string{
		"Bang and Tsiatis 2000, 10.1093/biomet/87.2.329", "Lin, Feuer, Etzioni and Wax 1997, 10.2307/2533947", "Shemilt, Thomas and Morciano 2010, 10.1332/174426410X482999",
	},
	Needs: []datasets.Role{datasets.RoleArm, datasets.RoleCost},
}, CostsOptions{MoneyOptions: defaultMoney, Method: MethodMean, Horizon: 365, Step: 30, Day: ledger.DayAdmission, NoRecord: "zero", Interval: "percentile", Replicates: 1000}, costs)

// accounts are the patients of both arms, the arm first, by identifier.
type accounts struct {
	groups  []analysis.Group
	arm     []int // 1 or 0
	follow  followUp
	cost    [][]float64 // by interval
	total   []float64
	breaks  []float64
	x       [][]float64
	n       [2]int
	missing [2]int
	unit    string
}

func costs(ctx context.Context, in analysis.Input, q analysis.Question, o CostsOptions) (analysis.Result, error) {
	if err := o.check(q); err != nil {
		return analysis.Result{}, err
	}
	a := &accounts{}
	r, err := a.read(in, q, o)
	if err != nil {
		return r, err
	}
	if a.n[0] < 2 || a.n[1] < 2 {
		return r, fmt.Errorf("%w: %d and %d patients with costs are too few", analysis.ErrCannot, a.n[0], a.n[1])
	}
	plain := slices.Repeat([]float64{1}, len(a.arm))
	point, err := a.means(o, plain)
	if err != nil {
		return r, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	for _, m := range point[:2] {
		if math.IsNaN(m) || math.IsInf(m, 0) {
			return r, fmt.Errorf("%w: in one arm nobody was followed far enough for %s; set a horizon that some reach", analysis.ErrCannot, o.Method)
		}
	}
	statistic := func(counts, values, ses []float64) {
		for k := range values {
			values[k], ses[k] = math.NaN(), math.NaN()
		}
		if m, err := a.means(o, counts); err == nil {
			copy(values, m)
		}
	}
	classes := resample.Classes{Sizes: slices.Repeat([]int{1}, len(a.arm)), Strata: a.arm}
	if len(a.arm) > 1000 {
		classes.Blocks = 500
	}
	draws, err := resample.BootstrapAll(ctx, statistic, 4, classes, resample.Plan{Replicates: o.Replicates, Seed: q.Seed, Progress: in.Progress})
	if err != nil {
		return r, err
	}
	a.answer(&r, point, draws, q, o)
	return r, nil
}

func (o CostsOptions) check(q analysis.Question) error {
	model := o.Method == MethodGamma || o.Method == MethodTwoPart
	censored := o.Method == MethodWeighted || o.Method == MethodPartitioned || o.Method == MethodLin
	switch {
	case q.Arm == "" || q.Reference == "":
		return fmt.Errorf("%w: a comparison of costs needs an arm and a reference: --arm NAME --reference NAME", analysis.ErrOptions)
	case o.Horizon < 1 || o.Step < 1 || o.Replicates < 100 || o.Replicates > 1_000_000 || !(o.Rate >= 0 && o.Rate < 1):
		return fmt.Errorf("%w: expected a horizon and step of 1 day or more, 100 to 1,000,000 replicates and a rate from 0 to under 1", analysis.ErrOptions)
	case len(o.Covariates) > 0 && !model:
		return fmt.Errorf("%w: only method=gamma and method=two-part adjust for covariates", analysis.ErrOptions)
	case censored && o.Followed == "":
		return fmt.Errorf("%w: method=%s needs followed=COLUMN, the days each patient was under observation", analysis.ErrOptions, o.Method)
	case len(o.Index) > 0 && (o.PriceYear == "" || o.Currency != "" || o.CostYear != "" || o.CostCurrency != ""):
		return fmt.Errorf("%w: index goes with price_year, and with none of currency, cost_year and cost_currency", analysis.ErrOptions)
	case model && o.Followed != "":
		return fmt.Errorf("%w: method=%s takes everyone to be followed; leave followed out, or use partitioned", analysis.ErrOptions, o.Method)
	}
	return nil
}

// read fills in the patients.
func (a *accounts) read(in analysis.Input, q analysis.Question, o CostsOptions) (r analysis.Result, err error) {
	if a.groups, r.Excluded, err = in.Groups(q); err != nil {
		return r, err
	}
	l, err := ledger.Read(in.Cohort, o.Day, slices.Repeat([]bool{true}, in.Cohort.Patients()))
	if err != nil {
		return r, err
	}
	if len(o.Index) == 0 {
		if r.Tables, err = o.move(l); err != nil {
			return r, err
		}
	}
	if l.Mixed || !l.Days {
		return r, fmt.Errorf("%w: %s; %s", analysis.ErrCannot, l.Warnings[0].Message, l.Warnings[0].Cure)
	}
	if o.Followed == "" {
		if err := reaches(l, a.groups, float64(o.Horizon)); err != nil {
			return r, err
		}
	}
	asked := l.Categories
	if len(o.Categories) > 0 {
		asked = o.Categories
	}
	for _, name := range asked {
		if !slices.Contains(l.Categories, name) {
			return r, fmt.Errorf("%w: no category of costs %q; there are: %v", datasets.ErrUnknownName, name, l.Categories)
		}
	}
	if o.Rate > 0 {
		l.Discount(o.Rate)
	} else if o.Horizon > 400 {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnAssumption, Message: "costs over more than 400 days are not discounted", Cure: "set rate=0.03"})
	}
	a.unit = l.Unit
	if len(o.Index) > 0 {
		factor, err := priceFactor(l.PriceYears, o.PriceYear, o.Index)
		if err != nil {
			return r, err
		}
		l.Scale(factor)
		a.unit += " of " + o.PriceYear
	}
	r.Warnings = append(r.Warnings, l.Warnings...)
	horizon := float64(o.Horizon)
	var cost [][]float64
	for start := 0.0; start < horizon; start += float64(o.Step) {
		end := math.Min(horizon, start+float64(o.Step))
		a.breaks, cost = append(a.breaks, end), append(cost, l.Between(start, end, asked))
	}
	names := slices.Clone(o.Covariates)
	for _, c := range []string{o.Followed, o.Ended} {
		if c != "" {
			names = append(names, c)
		}
	}
	columns, _, err := in.Covariates(a.groups, names)
	if err != nil {
		return r, err
	}
	var followed, ended []float64
	if o.Ended != "" {
		ended, columns = columns[len(columns)-1], columns[:len(columns)-1]
	}
	if o.Followed != "" {
		followed, columns = columns[len(columns)-1], columns[:len(columns)-1]
	}
	a.fill(in.Cohort, l.Recorded, cost, columns, followed, ended, o)
	a.warn(&r, o)
	return r, nil
}

// priceFactor is, of an index of one's own, what costs of the years found are multiplied by to be in prices of
// another: its index over theirs.
func priceFactor(found []string, to string, index []string) (float64, error) {
	table := map[string]float64{}
	for _, x := range index {
		year, value, _ := strings.Cut(x, ":")
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || !(v > 0) || math.IsInf(v, 0) || table[year] != 0 {
			return 0, fmt.Errorf("%w: expected index=YEAR:INDEX,..., each year once and indexes above 0", analysis.ErrOptions)
		}
		table[year] = v
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%w: costs are of the price years %v: expected one, from a column with role price_year, to move them to %s", analysis.ErrCannot, found, to)
	}
	for _, year := range []string{found[0], to} {
		if table[year] == 0 {
			return 0, fmt.Errorf("%w: the index has no year %s: give index=%s:INDEX,%s:INDEX", analysis.ErrOptions, year, found[0], to)
		}
	}
	return table[to] / table[found[0]], nil
}

func (a *accounts) fill(c *datasets.Cohort, recorded []bool, cost, columns [][]float64, followed, ended []float64, o CostsOptions) {
	arm := make([]int, c.Patients())
	for g, group := range a.groups {
		for _, p := range group.Patients {
			arm[p] = g + 1
		}
	}
	a.cost, a.x = make([][]float64, len(cost)), make([][]float64, 2+len(columns))
	horizon := float64(o.Horizon)
	for _, p := range c.ByIdentifier() {
		if arm[p] == 0 {
			continue
		}
		g := arm[p] - 1
		bad := !recorded[p] && o.NoRecord == "missing" || slices.ContainsFunc(columns, func(x []float64) bool { return math.IsNaN(x[p]) }) ||
			followed != nil && !(followed[p] >= 0) || ended != nil && math.IsNaN(ended[p])
		if bad {
			a.missing[g]++
			continue
		}
		t, died := horizon, false
		if followed != nil {
			t = math.Min(horizon, followed[p])
			died = ended != nil && ended[p] != 0 && followed[p] <= horizon
		}
		a.n[g]++
		a.arm = append(a.arm, 1-g)
		a.follow.time, a.follow.ended, a.follow.complete = append(a.follow.time, t), append(a.follow.ended, died), append(a.follow.complete, died || t >= horizon)
		sum := 0.0
		for k := range cost {
			a.cost[k] = append(a.cost[k], cost[k][p])
			sum += cost[k][p]
		}
		a.total = append(a.total, sum)
		a.x[0], a.x[1] = append(a.x[0], 1), append(a.x[1], float64(1-g))
		for k, x := range columns {
			a.x[2+k] = append(a.x[2+k], x[p])
		}
	}
}

// reaches refuses a horizon that the records of costs do not reach over: what came after
// them would count as nothing. Of one kind of cost, such as the program's own, nothing
// tells an end of records from an end of costs.
func reaches(l *ledger.Ledger, groups []analysis.Group, horizon float64) error {
	if len(l.Categories) < 2 {
		return nil
	}
	var who []int
	for _, g := range groups {
		who = append(who, g.Patients...)
	}
	if why, _ := l.Short(who, horizon, l.Categories); why != "" {
		return fmt.Errorf("%w: costs to day %.0f are not known: %s; set a shorter horizon=DAYS, or give followed=COLUMN, the days each was under observation", analysis.ErrCannot, horizon, why)
	}
	return nil
}

func (a *accounts) warn(r *analysis.Result, o CostsOptions) {
	lost := 0
	for _, c := range a.follow.complete {
		if !c {
			lost++
		}
	}
	if lost > 0 && o.Method == MethodMean {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnLowFollowUp, Message: fmt.Sprintf("%d of %d patients were not followed to the horizon, and the costs they had later are not in the mean", lost, len(a.arm)), Cure: "use method=partitioned"})
	}
	if o.Followed == "" {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnAssumption, Message: fmt.Sprintf("all patients are taken to be followed for %d days", o.Horizon), Cure: "give followed=COLUMN, the days each was under observation"})
	}
}

// means are those of the arm and the reference, their difference and their ratio, of
// patients with counts.
func (a *accounts) means(o CostsOptions, counts []float64) ([]float64, error) {
	var m [2]float64
	if o.Method == MethodGamma || o.Method == MethodTwoPart {
		var err error
		if m[0], m[1], _, err = modelMeans(a.total, a.x, counts, o.Method == MethodTwoPart); err != nil {
			return nil, err
		}
	} else {
		for g := range m {
			m[g] = a.mean(o.Method, 1-g, counts)
		}
	}
	ratio := math.NaN()
	if m[1] > 0 {
		ratio = m[0] / m[1]
	}
	return []float64{m[0], m[1], m[0] - m[1], ratio}, nil
}

// mean is that of one arm: patients of the other count nothing.
func (a *accounts) mean(method string, arm int, counts []float64) float64 {
	w := slices.Clone(counts)
	for i, g := range a.arm {
		if g != arm {
			w[i] = 0
		}
	}
	switch method {
	case MethodWeighted:
		return a.follow.weightedMean(a.total, w)
	case MethodPartitioned:
		return a.follow.partitionedMean(a.cost, a.breaks, w)
	case MethodLin:
		return a.follow.linMean(a.cost, a.breaks, w)
	}
	sum, n := 0.0, 0.0
	for i, v := range w {
		sum += v * a.total[i]
		n += v
	}
	return sum / n
}

func (a *accounts) answer(r *analysis.Result, point []float64, draws []resample.Draws, q analysis.Question, o CostsOptions) {
	how := map[string]string{
		MethodMean: "plain mean", MethodWeighted: "inverse probability of follow-up", MethodPartitioned: "inverse probability of follow-up by interval", MethodLin: "Lin's sum over intervals",
		MethodGamma: "gamma regression with log link", MethodTwoPart: "two-part model",
	}[o.Method]
	terms := []struct {
		name  string
		scale analysis.Scale
	}{{"cost_mean", analysis.ScaleMean}, {"cost_mean", analysis.ScaleMean}, {"cost_difference", analysis.ScaleDifference}, {"cost_ratio", analysis.ScaleRatio}}
	for k, t := range terms {
		e := analysis.NewEstimate(t.name, t.scale)
		e.Outcome, e.Arm, e.Reference, e.Unit = "cost", a.groups[0].Name, a.groups[1].Name, a.unit
		e.N = analysis.N{Arm: a.n[0], Reference: a.n[1], Missing: a.missing[0] + a.missing[1]}
		if k < 2 {
			e.Arm, e.Reference, e.N = a.groups[k].Name, "", analysis.N{Arm: a.n[k], Missing: a.missing[k]}
		}
		if t.scale == analysis.ScaleRatio {
			e.Unit = ""
		}
		e.Method = analysis.Method{Name: fmt.Sprintf("%s; %s interval of %d bootstrap samples, seed %d", how, o.Interval, o.Replicates, q.Seed), Ref: "Bang and Tsiatis 2000, 10.1093/biomet/87.2.329"}
		if math.IsNaN(point[k]) {
			r.Estimates = append(r.Estimates, e.Warn(analysis.WarnNoVariance, "the reference costs nothing, so there is no ratio", "read the difference"))
			continue
		}
		e.Value = analysis.Num(point[k])
		if se := draws[k].StandardError(); se > 0 {
			e.SE = analysis.Num(se)
			e = draws[k].Onto(e, o.Interval, q.Level, o.Replicates)
		} else {
			e = e.Warn(analysis.WarnNoVariance, "it does not vary between bootstrap samples, so there is no error", "")
		}
		r.Estimates = append(r.Estimates, e)
	}
}
