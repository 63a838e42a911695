package meta

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
)

// Plan says how a file of studies is pooled.
type Plan struct {
	Options
	// ThreeLevel takes rows of one study as effects that share a part, with sampling
	// errors of the given correlation; errors are robust, CR2.
	ThreeLevel  bool
	Correlation float64
}

const sources = "Viechtbauer 2010, 10.18637/jss.v036.i03; Hartung and Knapp 2001, 10.1002/sim.1009; Higgins, Thompson and Spiegelhalter 2009, 10.1111/j.1467-985X.2008.00552.x"

// Codes of warnings.
const (
	warnFew         = "few-studies"
	warnNarrower    = "narrower-than-wald"
	warnDependent   = "not-independent"
	warnNoSpread    = "tau2-interval-empty"
	warnBackSize    = "back-transformed"
	warnNoPredicted = "no-prediction"
)

// fewStudies is under which the variance between studies is hardly known.
const fewStudies = 5

// Pool pools the studies: the pooled effect with prediction, heterogeneity, the same by
// every estimator, subgroups, moderators, each study left out, and signs of bias.
func (s *Studies) Pool(p Plan) (analysis.Result, error) {
	o, err := p.complete()
	if err != nil {
		return analysis.Result{}, err
	}
	p.Options = o
	if len(s.Rows) == 0 {
		return analysis.Result{}, fmt.Errorf("%w: no study has an effect with a variance above 0", analysis.ErrCannot)
	}
	r := analysis.Result{Excluded: s.Excluded, Warnings: s.warnings(p), Estimates: []analysis.Estimate{}, Settings: s.settings(p)}
	if p.ThreeLevel {
		return r, s.threeLevel(&r, p)
	}
	if len(s.Moderators) > 0 {
		return r, s.regression(&r, o)
	}
	m, err := Pool(s.Effects(), nil, nil, o)
	if err != nil {
		return r, err
	}
	r.Estimates = append(r.Estimates, s.pooled(m, "")...)
	r.Tables = append(r.Tables, s.studyTable(m), heterogeneity(m), s.estimators(o), s.funnel(m))
	s.subgroups(&r, o)
	s.stratified(&r, o)
	r.Tables = append(r.Tables, s.influence(m), s.bias(o))
	s.cumulative(&r, o)
	return r, nil
}

func (s *Studies) settings(p Plan) map[string]string {
	out := map[string]string{"measure": s.Measure.Name, "method": p.Method, "test": p.Test, "prediction": p.Prediction, "zero": s.Ask.Zero, "median": s.Ask.Median, "level": fmt.Sprint(p.Level), "moderators": strings.Join(s.Ask.Moderators, ",")}
	if p.ThreeLevel {
		out = map[string]string{"measure": s.Measure.Name, "model": "three-level", "correlation": fmt.Sprint(p.Correlation), "zero": s.Ask.Zero, "median": s.Ask.Median, "level": fmt.Sprint(p.Level), "moderators": strings.Join(s.Ask.Moderators, ",")}
	}
	return out
}

// back takes a value from the scale of pooling to that of the measure.
func (s *Studies) back(x float64) float64 {
	switch {
	case s.Measure.Name == "PFT":
		var sizes []float64
		for _, r := range s.Rows {
			if r.N > 0 {
				sizes = append(sizes, r.N)
			}
		}
		return FreemanTukeyBack(x, sizes)
	case s.Measure.back != nil:
		return s.Measure.back(x)
	}
	return x
}

// estimate puts a coefficient on the scale of the measure; its standard error by the
// delta method.
func (s *Studies) estimate(term string, c Coefficient, df float64, k int, method string) analysis.Estimate {
	e := analysis.NewEstimate(term, s.Measure.Scale)
	e.Value = analysis.Num(s.back(c.Value))
	const h = 1e-5
	slope := 1.0
	if s.Measure.back != nil || s.Measure.Name == "PFT" {
		slope = (s.back(c.Value+h) - s.back(c.Value-h)) / (2 * h)
	}
	e.SE, e.Statistic, e.P = analysis.Num(slope*c.SE), analysis.Num(c.Statistic), analysis.Num(c.P)
	if !math.IsInf(df, 1) {
		e.DF = analysis.Num(df)
	}
	e.CI = s.interval(c.CI)
	if !s.Measure.Compares { // a value that is not a comparison is not tested against 0
		e.Statistic, e.P = analysis.None, analysis.None
	}
	e.N.Arm = k
	e.Method = analysis.Method{Name: s.Measure.Title + "; " + method + "; n counts studies", R: "metafor::rma", Ref: sources}
	return e
}

func (s *Studies) interval(i analysis.Interval) analysis.Interval {
	if i.Level == 0 {
		return i
	}
	kind := i.Kind
	if s.Measure.back != nil || s.Measure.Name == "PFT" {
		kind += " on the scale of pooling"
	}
	return analysis.NewInterval(kind, s.back(float64(i.Low)), s.back(float64(i.High)), i.Level)
}

var testNames = map[string]string{TestZ: "Wald", TestT: "Wald with t", TestHK: "Hartung-Knapp", TestAdhoc: "Hartung-Knapp, never under 1"}

// pooled is the mean effect, the prediction for a new study and τ.
func (s *Studies) pooled(m *Model, group string) []analysis.Estimate {
	mean, predicted := m.Predict()
	method := methods[m.Options.Method] + ", " + testNames[m.Options.Test]
	e := s.estimate("pooled", mean, m.DF, m.K, method)
	switch {
	case m.K == 1:
		own := coefficient(m.effects[0].Value, math.Sqrt(m.effects[0].Variance), math.Inf(1), m.Options.Level)
		e = s.estimate("pooled", own, math.Inf(1), 1, "one study, Wald").
			Warn(analysis.WarnTooFew, "one study: its own value with its own interval, and nothing between studies can be known", "find more studies")
	case m.K < fewStudies && m.Options.Method != FE:
		e = e.Warn(warnFew, fmt.Sprintf("%d studies hardly tell how much studies vary", m.K), "read the single studies; find more")
	}
	if m.Factor == 0 {
		e = e.Warn(analysis.WarnNoVariance, "effects are equal to the last digit, so that Hartung-Knapp has an error of 0 and no interval", "take --test adhoc or z")
	} else if m.Factor < 1 {
		e = e.Warn(warnNarrower, "Hartung-Knapp makes the interval narrower than Wald's here: effects vary less than their errors say", "see --test adhoc")
	}
	out := []analysis.Estimate{e}
	if m.Options.Method != FE {
		out = append(out, s.predicted(mean, predicted, m), s.tau(m))
	}
	for i := range out {
		out[i].Subgroup = group
		if s.Measure.Name == "PFT" {
			out[i] = out[i].Warn(warnBackSize, "the share is taken back with the harmonic mean of the sizes, which can mislead", "compare measure PLO")
		}
	}
	return out
}

func (s *Studies) predicted(mean Coefficient, predicted analysis.Interval, m *Model) analysis.Estimate {
	p := s.estimate("prediction", Coefficient{Value: mean.Value, SE: math.NaN(), Statistic: math.NaN(), P: math.NaN(), CI: predicted}, math.Inf(1), m.K, "the true effect of a new study, convention "+m.Options.Prediction)
	if !predicted.Low.OK() {
		p.CI = analysis.NoInterval
		cure := "find more studies"
		if m.K == 2 && m.Options.Prediction == PredictK2 {
			cure = "find more studies; --prediction k-1 and normal give an interval of two, wide or too narrow"
		}
		p = p.Warn(warnNoPredicted, "too few studies: no degree of freedom is left for a prediction interval by "+m.Options.Prediction, cure)
	}
	return p
}

// tau is the standard deviation between studies, on the scale of pooling.
func (s *Studies) tau(m *Model) analysis.Estimate {
	e := analysis.NewEstimate("tau", analysis.ScaleSD)
	e.N.Arm = m.K
	e.Method = analysis.Method{Name: "standard deviation of true effects, " + methods[m.Options.Method] + ", on the scale of pooling; n counts studies", R: "metafor::confint.rma.uni", Ref: "Viechtbauer 2007, 10.1002/sim.2514"}
	if math.IsNaN(m.Tau2) {
		return e.Warn(analysis.WarnTooFew, "one study has no variance between studies", "find more studies")
	}
	e.Value = analysis.Num(math.Sqrt(m.Tau2))
	e.CI = analysis.NewInterval("Q-profile", math.Sqrt(m.Tau2Low), math.Sqrt(m.Tau2High), m.Options.Level)
	if m.Tau2Empty {
		e = e.Warn(warnNoSpread, "effects vary less than their errors say, so that no τ² fits them: the interval is 0 alone", "")
	}
	return e
}

func (s *Studies) warnings(p Plan) []analysis.Warning {
	out := []analysis.Warning{}
	twice := map[string]bool{}
	var list []string
	for i := 1; i < len(s.Rows); i++ {
		if name := s.Rows[i].Study; name == s.Rows[i-1].Study && !twice[name] {
			twice[name] = true
			list = append(list, name)
		}
	}
	if len(list) > 0 && !p.ThreeLevel {
		out = append(out, analysis.Warning{Code: warnDependent, Message: "several rows of one study are pooled as if they were of different patients: " + strings.Join(list, ", "), Cure: "take --three-level, or one row a study"})
	}
	return out
}

func num(x float64) analysis.Value { return analysis.Number(x) }

// studyTable is each study with its weight and its own effect as the model has it.
func (s *Studies) studyTable(m *Model) analysis.Table {
	t := analysis.Table{Name: "studies", Title: "Studies", Columns: []string{"study", "group", "effect", "low", "high", "weight %", "shrunken"}}
	values, _ := m.Shrunken()
	for i, r := range s.Rows {
		c := s.interval(analysis.NormalInterval(r.Value, math.Sqrt(r.Variance), m.Options.Level))
		shrunken := s.back(values[i])
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(r.Study), analysis.Text(r.Group), num(s.back(r.Value)), num(float64(c.Low)), num(float64(c.High)), num(m.Weights[i]), num(shrunken)})
	}
	t.Notes = []string{"shrunken: the study's own true effect as the model has it"}
	return t
}

// funnel is what a funnel plot shows.
func (s *Studies) funnel(m *Model) analysis.Table {
	t := analysis.Table{Name: "funnel", Title: "Funnel, on the scale of pooling", Columns: []string{"study", "effect", "standard error", "center"}}
	for _, r := range s.Rows {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(r.Study), num(r.Value), num(math.Sqrt(r.Variance)), num(m.Coef[0].Value)})
	}
	return t
}

func heterogeneity(m *Model) analysis.Table {
	t := analysis.Table{Name: "heterogeneity", Title: "Heterogeneity", Columns: []string{"what", "value", "low", "high", "df", "p"}}
	nan := math.NaN()
	add := func(what string, v ...float64) {
		row := []analysis.Value{analysis.Text(what)}
		for _, x := range v {
			row = append(row, num(x))
		}
		t.Rows = append(t.Rows, row)
	}
	add("Q", m.Q, nan, nan, m.QDF, m.QP)
	add("tau2", m.Tau2, m.Tau2Low, m.Tau2High, nan, nan)
	add("I2 % (of tau2)", m.I2, m.I2Low, m.I2High, nan, nan)
	add("I2 % (of Q)", m.I2Q, nan, nan, nan, nan)
	add("H2", m.H2, nan, nan, nan, nan)
	t.Notes = []string{"intervals by Q-profile; the two I2 differ unless tau2 is by DL"}
	return t
}

// estimators is the pooled effect by every estimator of τ², with the same test.
func (s *Studies) estimators(o Options) analysis.Table {
	t := analysis.Table{Name: "estimators", Title: "By every estimator", Columns: []string{"method", "pooled", "low", "high", "tau2"}}
	for _, name := range Methods() {
		o.Method = name
		if m, err := Pool(s.Effects(), nil, nil, o); err == nil {
			ci := s.interval(m.Coef[0].CI)
			t.Rows = append(t.Rows, []analysis.Value{analysis.Text(methods[name]), num(s.back(m.Coef[0].Value)), num(float64(ci.Low)), num(float64(ci.High)), num(m.Tau2)})
		}
	}
	t.Notes = []string{"intervals: " + testNames[o.Test]}

	return t
}

// subgroups pools each group for itself and tests the difference by χ² with the
// groups' classic errors.
func (s *Studies) subgroups(r *analysis.Result, o Options) {
	groups := map[string][]Effect{}
	var names []string
	for _, x := range s.Rows {
		if x.Group == "" {
			return
		}
		if groups[x.Group] == nil {
			names = append(names, x.Group)
		}
		groups[x.Group] = append(groups[x.Group], x.Effect)
	}
	if slices.Sort(names); len(names) < 2 {
		return
	}
	var means []Effect
	for _, name := range names {
		m, err := Pool(groups[name], nil, nil, o)
		if err != nil {
			return
		}
		part := Studies{Measure: s.Measure, Ask: s.Ask}
		for _, x := range s.Rows {
			if x.Group == name {
				part.Rows = append(part.Rows, x)
			}
		}
		r.Estimates = append(r.Estimates, part.pooled(m, name)...)
		means = append(means, Effect{m.Coef[0].Value, m.classic([]float64{1})})
	}
	between, err := Pool(means, nil, nil, Options{Method: FE, Test: TestZ, Level: o.Level})
	if err != nil {
		return
	}
	e := analysis.NewEstimate("subgroup_difference", analysis.ScaleCount)
	e.Value, e.Statistic, e.DF, e.P, e.N.Arm = analysis.Num(between.Q), analysis.Num(between.Q), analysis.Num(between.QDF), analysis.Num(between.QP), len(s.Rows)
	e.Method = analysis.Method{Name: "the value is χ² between groups, each with its own τ² and classic error; n counts studies", R: "meta::metagen(subgroup, tau.common = FALSE)"}
	r.Estimates = append(r.Estimates, e)
}

// stratified adds Mantel-Haenszel and Peto where all studies are tables.
func (s *Studies) stratified(r *analysis.Result, o Options) {
	var tables []Counts
	for _, x := range s.Rows {
		if !x.Counts.valid() {
			return
		}
		tables = append(tables, x.Counts)
	}
	name := s.Measure.Name
	add := func(term string, x Stratified, method, ref string) {
		e := s.estimate(term, x.Effect, math.Inf(1), len(tables), method)
		e.Method.R, e.Method.Ref = "metafor::rma.mh, rma.peto", ref
		r.Estimates = append(r.Estimates, e)
	}
	switch name {
	case "OR", "RR", "RD":
		add("mantel_haenszel", MantelHaenszel(tables, name, s.Ask.Zero, o.Level), "common effect, Mantel-Haenszel without correction", "Mantel and Haenszel 1959, 10.1093/jnci/22.4.719")
	}
	if name == "OR" || name == "PETO" {
		add("peto", Peto(tables, o.Level), "common effect, Peto", "Yusuf et al. 1985, 10.1016/S0033-0620(85)80003-7")
	}
}

func (s *Studies) influence(m *Model) analysis.Table {
	t := analysis.Table{Name: "influence", Title: "Each study left out", Columns: []string{"without", "pooled", "low", "high", "tau2", "rstudent", "dffits", "cook", "hat", "influential"}}
	for i, w := range m.Influence() {
		ci := s.interval(w.Effect.CI)
		yes := ""
		if w.Influential {
			yes = "yes"
		}
		t.Rows = append(t.Rows, []analysis.Value{
			analysis.Text(s.Rows[i].Study), num(s.back(w.Effect.Value)), num(float64(ci.Low)), num(float64(ci.High)), num(w.Tau2),
			num(w.Residual), num(w.DFFITS), num(w.Cook), num(w.Hat), analysis.Text(yes),
		})
	}
	t.Notes = []string{"Viechtbauer and Cheung 2010, 10.1002/jrsm.11"}
	return t
}

func (s *Studies) bias(o Options) analysis.Table {
	t := analysis.Table{Name: "bias", Title: "Signs of small-study effects", Columns: []string{"test", "value", "statistic", "df", "p", "missing", "side"}}
	add := func(b Bias, missing float64, side string) {
		df := b.DF
		if math.IsInf(df, 1) {
			df = math.NaN()
		}
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(b.Name), num(b.Value), num(b.Statistic), num(df), num(b.P), num(missing), analysis.Text(side)})
	}
	for _, classic := range []bool{false, true} {
		if b, err := Egger(s.Effects(), o, classic); err == nil {
			add(b, math.NaN(), "")
		}
	}
	add(Begg(s.Effects()), math.NaN(), "")
	for _, e := range []string{TrimL0, TrimR0} {
		if x, err := TrimAndFill(s.Effects(), o, e, ""); err == nil {
			add(Bias{Name: "trim and fill, " + e, Value: s.back(x.Model.Coef[0].Value), Statistic: math.NaN(), DF: math.NaN(), P: math.NaN()}, float64(x.Missing), x.Side)
		}
	}
	t.Notes = []string{"value: slope on the standard error, Kendall's tau, or the pooled effect with studies filled in; of little power under ten studies, and asymmetry has other causes than publication"}
	return t
}

// cumulative pools in order of year, where every study has one.
func (s *Studies) cumulative(r *analysis.Result, o Options) {
	rows := slices.Clone(s.Rows)
	for _, x := range rows {
		if math.IsNaN(x.Year) {
			return
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return sign(a.Year - b.Year) })
	models, err := Cumulative((&Studies{Rows: rows}).Effects(), o)
	if err != nil {
		return
	}
	t := analysis.Table{Name: "cumulative", Title: "By year, with all before", Columns: []string{"year", "study", "pooled", "low", "high", "tau2"}}
	for i, m := range models {
		ci := s.interval(m.Coef[0].CI)
		t.Rows = append(t.Rows, []analysis.Value{num(rows[i].Year), analysis.Text(rows[i].Study), num(s.back(m.Coef[0].Value)), num(float64(ci.Low)), num(float64(ci.High)), num(m.Tau2)})
	}
	r.Tables = append(r.Tables, t)
}

// coefficients of a regression stay on the scale of pooling: ratios' logarithms.
func (s *Studies) coefficients(r *analysis.Result, list []Coefficient, df []float64, k int, method string) {
	plain := *s
	plain.Measure.back, plain.Measure.Name = nil, ""
	plain.Measure.Compares = true
	plain.Measure.Scale = analysis.ScaleDifference
	for i, c := range list {
		e := plain.estimate("coefficient "+c.Name, c, df[i], k, method)
		e.Method.Name += ", on the scale of pooling"
		r.Estimates = append(r.Estimates, e)
	}
}

// columns returns the moderators' values and names.
func (s *Studies) columns() (columns [][]float64, names []string) {
	for _, m := range s.Moderators {
		columns, names = append(columns, m.Values), append(names, m.Name)
	}
	return columns, names
}

func (s *Studies) regression(r *analysis.Result, o Options) error {
	columns, names := s.columns()
	m, err := Pool(s.Effects(), columns, names, o)
	if err != nil {
		return err
	}
	s.coefficients(r, m.Coef, slices.Repeat([]float64{m.DF}, m.Rank), m.K, "meta-regression, "+methods[o.Method]+", "+testNames[o.Test])
	s.joint(r, m.K, m.QM, m.QMDF, m.DF, m.QMP)
	t := heterogeneity(m)
	t.Title = "Heterogeneity that the moderators leave"
	t.Rows = append(t.Rows, []analysis.Value{analysis.Text("R2 %"), num(m.R2), num(math.NaN()), num(math.NaN()), num(math.NaN()), num(math.NaN())})
	r.Tables = append(r.Tables, s.studyTable(m), t)
	if m.K < 10*(m.Rank-1) {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: warnFew, Message: fmt.Sprintf("%d studies for %d coefficients of moderators: differences between studies are easily chance", m.K, m.Rank-1), Cure: "ten studies a moderator are advised"})
	}
	return nil
}

// joint is the test of all moderators together.
func (s *Studies) joint(r *analysis.Result, k int, q, df, residual, p float64) {
	e := analysis.NewEstimate("moderators", analysis.ScaleCount)
	e.Value, e.Statistic, e.DF, e.P, e.N.Arm = analysis.Num(q), analysis.Num(q), analysis.Num(df), analysis.Num(p), k
	kind := "χ² with the errors of the model"
	if !math.IsInf(residual, 1) {
		kind = fmt.Sprintf("F with %g residual degrees of freedom", residual)
	}
	e.Method = analysis.Method{Name: "the value tests all moderators together: " + kind + "; n counts studies", R: "metafor::anova"}
	r.Estimates = append(r.Estimates, e)
}

func (s *Studies) threeLevel(r *analysis.Result, p Plan) error {
	columns, names := s.columns()
	var study []string
	for _, x := range s.Rows {
		study = append(study, x.Study)
	}
	m, err := ThreeLevel(s.Effects(), study, columns, names, p.Correlation, p.Level)
	if err != nil {
		return err
	}
	c, df, err := m.RobustErrors(CR2)
	if err != nil {
		return err
	}
	method := fmt.Sprintf("three-level, REML, sampling errors of a study correlated %g, robust errors CR2 with Satterthwaite degrees of freedom", p.Correlation)
	if m.Rank == 1 {
		e := s.estimate("pooled", c[0], df[0], m.Clusters, method)
		e.Method.R, e.Method.Ref = "metafor::rma.mv, robust(clubSandwich = TRUE)", "Konstantopoulos 2011, 10.1002/jrsm.35; Tipton and Pustejovsky 2015, 10.3102/1076998615606099"
		if df[0] < 4 {
			e = e.Warn(warnFew, fmt.Sprintf("%.1f degrees of freedom: robust errors are not to be trusted under 4", df[0]), "find more studies")
		}
		r.Estimates = append(r.Estimates, e)
	} else {
		s.coefficients(r, c, df, m.Clusters, method)
		s.joint(r, m.Clusters, m.QM, m.QMDF, math.Inf(1), m.QMP)
	}
	t := analysis.Table{Name: "heterogeneity", Title: "Variance between and within studies", Columns: []string{"what", "value"}}
	for _, x := range []struct {
		what string
		v    float64
	}{{"sigma2 between studies", m.Between}, {"sigma2 within studies", m.Within}, {"Q", m.Q}, {"Q df", float64(m.K - m.Rank)}, {"Q p", distuv.ChiSquared{K: float64(m.K - m.Rank)}.Survival(m.Q)}, {"log likelihood, restricted", m.LogLik}, {"studies", float64(m.Clusters)}, {"effects", float64(m.K)}} {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(x.what), num(x.v)})
	}
	r.Tables = append(r.Tables, t)
	return nil
}

// Network pools the rows as a network of treatments, against a reference where one is
// named: the first in order of name where not.
func (s *Studies) Network(o NetworkOptions, reference string) (analysis.Result, error) {
	var contrasts []Contrast
	for _, x := range s.Rows {
		contrasts = append(contrasts, Contrast{x.Study, x.Treat1, x.Treat2, x.Effect})
	}
	n, err := Network(contrasts, o)
	if err != nil {
		return analysis.Result{}, err
	}
	ref := 0
	if reference != "" {
		if ref = slices.Index(n.Treatments, reference); ref < 0 {
			return analysis.Result{}, fmt.Errorf("%w: no treatment of that name for a reference; there are: %s", analysis.ErrOptions, strings.Join(n.Treatments, ", "))
		}
	}
	model := "random effects, generalised DerSimonian-Laird"
	if o.Common {
		model = "common effect"
	}
	r := analysis.Result{Excluded: s.Excluded, Warnings: []analysis.Warning{}, Settings: map[string]string{"measure": s.Measure.Name, "network": model, "reference": n.Treatments[ref], "better": map[bool]string{true: "high", false: "low"}[o.HighBetter], "zero": s.Ask.Zero, "level": fmt.Sprint(n.Options.Level)}}
	if math.IsNaN(n.Tau2) {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: warnFew, Message: "the network has no degree of freedom left to tell how studies vary: errors are those of a common effect", Cure: "find more studies"})
	}
	for i, name := range n.Treatments {
		if i == ref {
			continue
		}
		e := s.estimate("network", coefficient(n.Value[i][ref], n.SE[i][ref], math.Inf(1), n.Options.Level), math.Inf(1), n.Studies, "network by graph-theoretical weights, "+model)
		e.Arm, e.Reference, e.N.Reference = name, n.Treatments[ref], n.Studies
		e.Method.R, e.Method.Ref = "netmeta::netmeta", "Rücker 2012, 10.1002/jrsm.1058; Rücker and Schwarzer 2014, 10.1002/sim.6236"
		r.Estimates = append(r.Estimates, e)
	}
	r.Tables = []analysis.Table{s.leagueTable(n), ranks(n), evidence(s, n), inconsistency(n)}
	return r, nil
}

func (s *Studies) leagueTable(n *Netted) analysis.Table {
	t := analysis.Table{Name: "league", Title: "League table: row against column", Columns: append([]string{""}, n.Treatments...)}
	for i, name := range n.Treatments {
		row := []analysis.Value{analysis.Text(name)}
		for j := range n.Treatments {
			cell := ""
			if i != j {
				c := coefficient(n.Value[i][j], n.SE[i][j], math.Inf(1), n.Options.Level)
				ci := s.interval(c.CI)
				cell = fmt.Sprintf("%.3g (%.3g to %.3g)", s.back(c.Value), float64(ci.Low), float64(ci.High))
			}
			row = append(row, analysis.Text(cell))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func ranks(n *Netted) analysis.Table {
	t := analysis.Table{Name: "ranks", Title: "P-scores, the best first", Columns: []string{"treatment", "P-score"}}
	order := make([]int, len(n.Treatments))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return sign(n.PScore[b] - n.PScore[a]) })
	for _, i := range order {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(n.Treatments[i]), num(n.PScore[i])})
	}
	t.Notes = []string{"the mean certainty that a treatment is better than another; ranks say nothing of how large differences are"}
	return t
}

func evidence(s *Studies, n *Netted) analysis.Table {
	t := analysis.Table{Name: "evidence", Title: "Direct and indirect evidence", Columns: []string{"arm", "reference", "studies", "direct share", "network", "direct", "indirect", "p of difference"}}
	for _, c := range n.Comparisons {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(c.Treat1), analysis.Text(c.Treat2), num(float64(c.Studies)), num(c.Share), num(s.back(c.Network.Value)), num(s.back(c.Direct.Value)), num(s.back(c.Indirect.Value)), num(c.Inconsistency.P)})
	}
	return t
}

func inconsistency(n *Netted) analysis.Table {
	t := analysis.Table{Name: "inconsistency", Title: "Heterogeneity and inconsistency", Columns: []string{"what", "value", "df", "p"}}
	nan := math.NaN()
	for _, x := range []struct {
		what string
		v    [3]float64
	}{
		{"Q", [3]float64{n.Q, n.QDF, n.QP}},
		{"Q within designs", [3]float64{n.Within, n.WithinDF, n.WithinP}},
		{"Q between designs", [3]float64{n.Between, n.BetweenDF, n.BetweenP}},
		{"Q between designs, design-by-treatment", [3]float64{n.Interaction, n.BetweenDF, n.InteractionP}},
		{"tau2", [3]float64{n.Tau2, nan, nan}},
		{"tau2 within designs", [3]float64{n.DesignTau2, nan, nan}},
		{"I2 %", [3]float64{100 * n.I2, nan, nan}},
	} {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(x.what), num(x.v[0]), num(x.v[1]), num(x.v[2])})
	}
	return t
}
