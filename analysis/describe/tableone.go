package describe

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// Formulas of standardised differences.
const (
	FormulaNumber = "(m₁ - m₂) / √((s₁² + s₂²)/2)"
	FormulaLevels = "√(d' S⁻¹ d), d the difference of shares without the first level, S the mean of the two covariances; size alone, without a sign"
)

// maxLevels is how many levels a column may have to be shown in Table 1.
const maxLevels = 50

// Summary is a sample of numbers in brief.
type Summary struct {
	N              int
	Mean, SD       analysis.Num // SD with divisor n-1
	Median, Q1, Q3 analysis.Num // quantiles of type 7
	Min, Max       analysis.Num
	Skew, Kurtosis analysis.Num // corrected for bias, as SAS and SPSS have them; none under 3 and 4 values
}

// Summarise returns the summary of the values that are not missing (NaN). The
// standard deviation needs two of them, skewness three, kurtosis four, the rest one.
//
//	skewness  g₁ √(n(n-1)) / (n-2),  g₁ = m₃/m₂^1.5
//	kurtosis  ((n+1) g₂ + 6) (n-1) / ((n-2)(n-3)),  g₂ = m₄/m₂² - 3
//
// R: e1071::skewness(x, type = 2), kurtosis(x, type = 2). Joanes and Gill 1998,
// 10.1111/1467-9884.00122.
func Summarise(x []float64) Summary {
	var have []float64
	for _, v := range x {
		if !math.IsNaN(v) {
			have = append(have, v)
		}
	}
	m := fit.Describe(have)
	s := Summary{
		N: m.N, Mean: analysis.Num(m.Mean), SD: analysis.Num(m.SD), Min: analysis.None, Max: analysis.None,
		Median: analysis.Num(fit.Quantile(have, 0.5)), Q1: analysis.Num(fit.Quantile(have, 0.25)), Q3: analysis.Num(fit.Quantile(have, 0.75)),
	}
	s.Skew, s.Kurtosis = shape(have, m)
	if m.N > 0 {
		s.Min, s.Max = analysis.Num(slices.Min(have)), analysis.Num(slices.Max(have))
	}
	return s
}

func shape(x []float64, m fit.Moments) (skew, kurtosis analysis.Num) {
	skew, kurtosis = analysis.None, analysis.None
	if m.N < 3 || !(m.SD > 0) {
		return skew, kurtosis
	}
	var m2, m3, m4 float64
	for _, v := range x {
		d := v - m.Mean
		m2, m3, m4 = m2+d*d, m3+d*d*d, m4+d*d*d*d
	}
	n := float64(m.N)
	m2, m3, m4 = m2/n, m3/n, m4/n
	skew = analysis.Num(m3 / math.Pow(m2, 1.5) * math.Sqrt(n*(n-1)) / (n - 2))
	if m.N > 3 {
		kurtosis = analysis.Num(((n+1)*(m4/(m2*m2)-3) + 6) * (n - 1) / ((n - 2) * (n - 3)))
	}
	return skew, kurtosis
}

// Level is one level of a coded column, counted by group.
type Level struct {
	Label string
	N     []int
	Share []analysis.Num // of the patients of the group with a value
}

// Variable is one column of Table 1. Slices are by group.
type Variable struct {
	Column, Label, Unit string
	Role                datasets.Role
	Visit               string    // of outcomes: the baseline visit's name
	Numbers             []Summary // of numbers, nil for coded columns
	Levels              []Level   // of coded columns, nil for numbers
	Missing             []int
	SMD                 analysis.Num // between the two groups, none without two
	Formula             string       // of SMD, "" without one

	samples [][]float64 // of numbers: the values of each group
}

// TableOneResult is Table 1.
type TableOneResult struct {
	Groups    []string // the groups, and after more than one of them "all"
	N         []int    // patients by group
	Variables []Variable
	Warnings  []analysis.Warning
}

// TableOne describes groups of patients: numbers by mean, standard deviation,
// median and quartiles, coded columns by counts and shares of those with a value,
// and what is missing. After more than one group comes the column of all of them
// together. Columns nil means every column of a table of one row a patient with
// the role covariate, site, payer, procedure or work_before, and every outcome at
// the visit marked as baseline; else the columns named.
//
// Two groups are compared by standardised differences, which do not grow with the
// number of patients: for numbers the difference of means over the root of the
// mean variance; for coded columns Yang and Dalton's
//
//	√(d' S⁻¹ d),  d_k = p₁k - p₂k,  S_kk = ½ Σ_g p_gk (1 - p_gk),  S_kl = -½ Σ_g p_gk p_gl
//
// over all levels that occur but the first (which one does not matter), which for
// two levels is |p₁ - p₂| / √((p₁(1-p₁) + p₂(1-p₂))/2). It is none where a group
// has under two values, where nothing varies, or where S is singular.
//
// Missing values are left out and counted. Nothing is tested here: a test of
// baseline differences answers no question of interest.
//
// R: tableone::CreateTableOne(strata), ExtractSmd. Austin 2009, 10.1002/sim.3697;
// Yang and Dalton 2012, SAS Global Forum 335-2012.
func TableOne(c *datasets.Cohort, groups []analysis.Group, columns []string) (TableOneResult, error) {
	r := TableOneResult{}
	compared := len(groups) == 2
	if len(groups) > 1 {
		groups = append(slices.Clone(groups), together(groups))
	}
	for _, g := range groups {
		r.Groups, r.N = append(r.Groups, g.Name), append(r.N, len(g.Patients))
	}
	sources, err := r.sources(c, columns)
	if err != nil {
		return r, err
	}
	for _, s := range sources {
		v := Variable{Column: s.field.Name, Label: s.field.Label(), Unit: s.field.Unit, Role: s.field.Role, Visit: s.visit, SMD: analysis.None}
		if s.numbers != nil {
			v.summarise(s.numbers, groups)
		} else if !v.tabulate(s, groups) {
			r.warn(WarnLevels, fmt.Sprintf("the column %q has over %d levels and is not shown", v.Column, maxLevels), "group its levels, or describe it as a number")
			continue
		}
		if compared {
			v.compare()
			if !v.SMD.OK() {
				r.warn(analysis.WarnNoVariance, fmt.Sprintf("the column %q has no standardised difference: too few values, or nothing varies", v.Column), "")
			}
		}
		r.Variables = append(r.Variables, v)
	}
	return r, nil
}

// WarnLevels is the code of a warning that a column has too many levels to show.
const WarnLevels = "too-many-levels"

func (r *TableOneResult) warn(code, message, cure string) {
	r.Warnings = append(r.Warnings, analysis.Warning{Code: code, Message: message, Cure: cure})
}

// together returns the patients of all groups, in their order in the cohort.
func together(groups []analysis.Group) analysis.Group {
	all := analysis.Group{Name: analysis.All}
	for _, g := range groups {
		all.Patients = append(all.Patients, g.Patients...)
	}
	slices.Sort(all.Patients)
	all.Patients = slices.Compact(all.Patients)
	return all
}

// source is a column by patient: numbers, or codes into levels.
type source struct {
	field   datasets.Field
	visit   string
	numbers []float64
	codes   []int32
	levels  []string
}

func (r *TableOneResult) sources(c *datasets.Cohort, columns []string) ([]source, error) {
	if columns == nil {
		return r.allSources(c), nil
	}
	var out []source
	for _, name := range columns {
		if _, f, err := c.PatientField(name); err == nil {
			out = append(out, sourceOf(c, f))
			continue
		}
		f, err := c.Outcome(name)
		if err != nil {
			return nil, fmt.Errorf("%w: no column %q, neither in a table of one row a patient nor among the outcomes", datasets.ErrUnknownName, name)
		}
		v, ok := c.Baseline()
		if !ok {
			return nil, fmt.Errorf("%w: the outcome %q needs a visit marked as baseline", analysis.ErrCannot, name)
		}
		out = append(out, source{field: f, visit: v.VisitName(), numbers: c.Values(name, v.Value)})
	}
	return out, nil
}

// described reports a role that Table 1 shows.
func described(r datasets.Role) bool {
	switch r {
	case datasets.RoleCovariate, datasets.RoleSite, datasets.RolePayer, datasets.RoleProcedure, datasets.RoleWorkBefore:
		return true
	}
	return false
}

func (r *TableOneResult) allSources(c *datasets.Cohort) []source {
	var out []source
	for _, t := range c.Tables() {
		for _, f := range t.Fields() {
			if described(f.Role) && onePerPatient(c, t, f.Name) && !isDate(f) {
				out = append(out, sourceOf(c, f))
			}
		}
	}
	// What stands in a table of visits alone still describes the patient.
	for _, role := range []datasets.Role{datasets.RoleSite, datasets.RolePayer, datasets.RoleProcedure, datasets.RoleWorkBefore} {
		t := c.TableWith(role)
		if t == nil || slices.ContainsFunc(out, func(s source) bool { return s.field.Role == role }) {
			continue
		}
		f, _ := t.Field(role)
		codes, levels := c.Attribute(role)
		out = append(out, source{field: f, codes: codes, levels: levels})
	}
	v, ok := c.Baseline()
	if !ok {
		if len(c.Outcomes()) > 0 {
			r.warn(WarnUnknown, "no visit is marked as baseline, so outcomes at entry are not shown", "add baseline: true under visits")
		}
		return out
	}
	for _, f := range c.Outcomes() {
		out = append(out, source{field: f, visit: v.VisitName(), numbers: c.Values(f.Name, v.Value)})
	}
	return out
}

// sourceOf reads a column of a table of one row a patient: as levels where it is
// text, a flag, or coded, else as numbers.
func sourceOf(c *datasets.Cohort, f datasets.Field) source {
	s := source{field: f}
	if f.Type != datasets.TypeString && f.Type != datasets.TypeBoolean && len(f.Categories) == 0 {
		s.numbers, _ = c.Covariate(f.Name) // the column was found before
		return s
	}
	s.codes, s.levels, _ = c.CovariateLevels(f.Name)
	return s
}

func (v *Variable) summarise(x []float64, groups []analysis.Group) {
	for _, g := range groups {
		s := Summarise(g.Pick(x))
		v.Numbers = append(v.Numbers, s)
		v.samples = append(v.samples, present(g.Pick(x)))
		v.Missing = append(v.Missing, len(g.Patients)-s.N)
	}
}

func present(x []float64) []float64 {
	return slices.DeleteFunc(x, math.IsNaN)
}

// tabulate counts levels, in the order of the cohort file, else of their names. It
// reports false where there are too many.
func (v *Variable) tabulate(s source, groups []analysis.Group) bool {
	counts := make([][]int, len(groups))
	valid := make([]int, len(groups))
	for i, g := range groups {
		counts[i] = make([]int, len(s.levels))
		for _, p := range g.Patients {
			if code := s.codes[p]; code >= 0 {
				counts[i][code]++
				valid[i]++
			}
		}
		v.Missing = append(v.Missing, len(g.Patients)-valid[i])
	}
	v.Levels = []Level{}
	for _, l := range s.field.InOrder(s.levels) {
		level := Level{Label: s.levels[l]}
		occurs := slices.ContainsFunc(s.field.Categories, func(c datasets.Category) bool { return c.Value == level.Label || c.Label == level.Label })
		for i := range groups {
			n := counts[i][l]
			occurs = occurs || n > 0
			level.N = append(level.N, n)
			p, _ := share(n, valid[i], 0.95)
			level.Share = append(level.Share, p)
		}
		if occurs {
			v.Levels = append(v.Levels, level)
		}
	}
	return len(v.Levels) <= maxLevels
}

func (v *Variable) compare() {
	if v.Numbers != nil {
		v.SMD, v.Formula = analysis.Num(DifferenceOfMeans(v.Numbers[0], v.Numbers[1])), FormulaNumber
		return
	}
	var a, b []int
	for _, l := range v.Levels {
		a, b = append(a, l.N[0]), append(b, l.N[1])
	}
	v.SMD, v.Formula = analysis.Num(DifferenceOfShares(a, b)), FormulaLevels
}

// DifferenceOfMeans returns the standardised difference of two samples of numbers,
// (m₁ - m₂) / √((s₁² + s₂²)/2); NaN under two values in a group or without
// variance. Unlike Cohen's d it weights the two variances alike.
//
// Austin 2009, 10.1002/sim.3697.
func DifferenceOfMeans(a, b Summary) float64 {
	s := math.Sqrt((float64(a.SD*a.SD) + float64(b.SD*b.SD)) / 2)
	if !(s > 0) {
		return math.NaN()
	}
	return float64(a.Mean-b.Mean) / s
}

// DifferenceOfShares returns the standardised difference of two samples of counts
// by level, a size without a sign; see TableOne. It is NaN where a group is empty
// or the covariance is singular, 0 where both have one and the same level alone.
//
// R: tableone::ExtractSmd. Yang and Dalton 2012, SAS Global Forum 335-2012.
func DifferenceOfShares(a, b []int) float64 {
	n1, n2 := 0, 0
	for i := range a {
		n1, n2 = n1+a[i], n2+b[i]
	}
	if n1 == 0 || n2 == 0 {
		return math.NaN()
	}
	var p, q []float64
	for i := range a {
		if a[i]+b[i] > 0 {
			p, q = append(p, float64(a[i])/float64(n1)), append(q, float64(b[i])/float64(n2))
		}
	}
	k := len(p) - 1 // without the first level
	if k == 0 {
		return 0
	}
	s, d := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
	for i := range k {
		d.SetVec(i, p[i+1]-q[i+1])
		for j := i; j < k; j++ {
			cov := -(float64(p[i+1]*p[j+1]) + float64(q[i+1]*q[j+1])) / 2
			if i == j {
				cov += (p[i+1] + q[i+1]) / 2
			}
			s.SetSym(i, j, cov)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(s) || chol.Cond() > 1e12 {
		return math.NaN()
	}
	var x mat.VecDense
	if err := chol.SolveVecTo(&x, d); err != nil {
		return math.NaN()
	}
	return math.Sqrt(math.Max(0, mat.Dot(d, &x)))
}

// TableOneOptions are the settings of describe/table-one.
type TableOneOptions struct {
	Columns  []string `opt:"columns" doc:"columns to describe; none: covariates, site, payer, procedure, work before and outcomes at baseline"`
	Patients string   `opt:"patients" doc:"whom to describe: those admitted where the cohort says who was, or all" choices:"admitted|all"`
	Tests    bool     `opt:"tests" doc:"also test whether the arms differ, as some journals still want: p_normal and p_nonnormal of numbers, p_approximate and p_exact of levels"`
	Shape    bool     `opt:"shape" doc:"also give skewness and kurtosis of numbers"`
}

// TableOneAnalysis is describe/table-one: who the patients are, by arm.
var TableOneAnalysis = analysis.New(analysis.Analysis{
	Name:     "describe/table-one",
	Title:    "Table 1: who the patients are",
	Estimand: "the patients' characteristics at entry, in each arm or in all, and how far two arms differ in them",
	Doc: `Terms, with the column in Outcome and a level in Definition: mean, sd, median, q1, q3 of numbers; share of each level of a coded column, of those with a value; smd, the standardised difference of two arms (those asked for, or the only two).
smd of numbers = (m1 - m2) / sqrt((s1^2 + s2^2)/2); of coded columns the Mahalanobis distance of shares (Yang and Dalton), a size without a sign, which for two levels is |p1 - p2| / sqrt((p1(1-p1) + p2(1-p2))/2).
Missing values are left out and counted. Nothing is tested unless tests=true: where arms were randomised a difference is chance by design, and elsewhere p follows the number of patients; smd is the one to read.
tests=true, of all arms asked about: p_normal, analysis of variance with equal variances (of two arms Student's t); p_nonnormal, Kruskal-Wallis with ties (of two arms Wilcoxon's rank sum without continuity correction); p_approximate, chi-square, for two arms and two levels with Yates's correction; p_exact, Fisher's test for two arms (Freeman and Halton's for several levels). Their value is p.
shape=true: skewness and kurtosis, corrected for bias as SAS and SPSS have them.
Intervals: Student's t for means, Wilson for shares; others have none. Quantiles: type 7.
R: tableone::CreateTableOne(strata = "arm"), ExtractSmd; oneway.test(var.equal = TRUE), kruskal.test, chisq.test, fisher.test.`,
	Refs: []string{"Joanes and Gill 1998, 10.1111/1467-9884.00122", "Kruskal and Wallis 1952, 10.1080/01621459.1952.10483441", "Freeman and Halton 1951, 10.1093/biomet/38.1-2.141", "Austin 2009, 10.1002/sim.3697", "Yang and Dalton 2012, SAS Global Forum 335-2012", "Hyndman and Fan 1996, 10.1080/00031305.1996.10473566"},
}, TableOneOptions{Patients: PatientsAdmitted}, runTableOne)

func runTableOne(_ context.Context, in analysis.Input, q analysis.Question, o TableOneOptions) (analysis.Result, error) {
	groups, excluded, err := whole(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	counted, _, words := who(in.Cohort, o.Patients)
	for i, g := range groups {
		groups[i].Patients = slices.DeleteFunc(slices.Clone(g.Patients), func(p int) bool { return !counted[p] })
	}
	if len(o.Columns) == 0 {
		o.Columns = nil
	}
	t, err := TableOne(in.Cohort, groups, o.Columns)
	if err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: excluded, Warnings: t.Warnings, Tables: []analysis.Table{t.table(words)}}
	for _, v := range t.Variables {
		r.Estimates = append(r.Estimates, v.estimates(t.Groups, q.Level)...)
		if o.Shape {
			r.Estimates = append(r.Estimates, v.shapes(t.Groups)...)
		}
		if o.Tests && len(groups) > 1 {
			r.Estimates = append(r.Estimates, v.tests(t.Groups[:len(groups)])...)
		}
	}
	return r, nil
}

// table returns Table 1 as one line a column or level and group.
func (r TableOneResult) table(words string) analysis.Table {
	t := analysis.Table{
		Name: "table-one", Title: "Table 1", Columns: []string{"column", "label", "level", "group", "n", "missing", "share", "mean", "sd", "median", "q1", "q3", "smd"},
		Notes: []string{"counts " + words, "SMD of numbers: " + FormulaNumber, "SMD of coded columns: " + FormulaLevels},
	}
	none := analysis.Number(math.NaN())
	num := func(v analysis.Num) analysis.Value { return analysis.Number(float64(v)) }
	for _, v := range r.Variables {
		for i, g := range r.Groups {
			head := []analysis.Value{analysis.Text(v.Column), analysis.Text(v.Label)}
			if v.Numbers != nil {
				s := v.Numbers[i]
				t.Rows = append(t.Rows, append(head, none, analysis.Text(g), analysis.Number(float64(s.N)), analysis.Number(float64(v.Missing[i])), none,
					num(s.Mean), num(s.SD), num(s.Median), num(s.Q1), num(s.Q3), num(v.SMD)))
			}
			for _, l := range v.Levels {
				t.Rows = append(t.Rows, append(slices.Clone(head), analysis.Text(l.Label), analysis.Text(g), analysis.Number(float64(l.N[i])), analysis.Number(float64(v.Missing[i])), num(l.Share[i]),
					none, none, none, none, none, num(v.SMD)))
			}
		}
	}
	return t
}

// estimates returns the terms of a column.
func (v Variable) estimates(groups []string, level float64) []analysis.Estimate {
	var out []analysis.Estimate
	base := func(term string, scale analysis.Scale, i int) analysis.Estimate {
		return v.start(term, scale, groups, i)
	}
	for i := range groups {
		if v.Numbers != nil {
			out = append(out, numberTerms(base, v.Numbers[i], i, level)...)
		}
		for _, l := range v.Levels {
			e := base("share", analysis.ScaleProportion, i)
			e.Definition, e.Unit = "level: "+l.Label, ""
			valid := 0
			for _, m := range v.Levels {
				valid += m.N[i]
			}
			e.N.Arm, e.N.Events = valid, l.N[i]
			e.Value, e.CI = share(l.N[i], valid, level)
			e.Method = analysis.Method{Name: "share of patients with a value, Wilson", R: "prop.test(x, n, correct = FALSE)", Ref: "Wilson 1927, 10.1080/01621459.1927.10502953"}
			out = append(out, tooFew(e, 1))
		}
	}
	if v.Formula == "" {
		return out
	}
	e := base("smd", analysis.ScaleStandardised, 0)
	e.Reference, e.Unit, e.Value = groups[1], "", v.SMD
	e.N.Missing += v.Missing[1]
	if v.Numbers != nil {
		e.N.Arm, e.N.Reference = v.Numbers[0].N, v.Numbers[1].N
	}
	for _, l := range v.Levels {
		e.N.Arm, e.N.Reference = e.N.Arm+l.N[0], e.N.Reference+l.N[1]
	}
	e.Method = analysis.Method{Name: "standardised difference " + v.Formula, R: "tableone::ExtractSmd", Ref: "Austin 2009, 10.1002/sim.3697"}
	if !v.SMD.OK() {
		e = e.Warn(analysis.WarnNoVariance, "too few values, or nothing varies", "")
	}
	return append(out, e)
}

// start returns an estimate of the column in a group.
func (v Variable) start(term string, scale analysis.Scale, groups []string, i int) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Visit, e.Arm, e.Unit = v.Column, v.Visit, groups[i], v.Unit
	e.N.Missing = v.Missing[i]
	return e
}

func numberTerms(base func(string, analysis.Scale, int) analysis.Estimate, s Summary, i int, level float64) []analysis.Estimate {
	one := func(term string, scale analysis.Scale, v analysis.Num, need int, name, r string) analysis.Estimate {
		e := base(term, scale, i)
		e.Value, e.N.Arm = v, s.N
		e.Method = analysis.Method{Name: name, R: r}
		return tooFew(e, need)
	}
	mean := one("mean", analysis.ScaleMean, s.Mean, 1, "mean of available cases, Student's t", "t.test(x)")
	if s.N > 1 {
		se := float64(s.SD) / math.Sqrt(float64(s.N))
		mean.SE, mean.DF = analysis.Num(se), analysis.Num(s.N-1)
		mean.CI = analysis.TInterval(float64(s.Mean), se, float64(s.N-1), level)
	}
	return []analysis.Estimate{
		mean,
		one("sd", analysis.ScaleSD, s.SD, 2, "standard deviation, divisor n-1, of available cases", "sd(x)"),
		one("median", analysis.ScaleMean, s.Median, 1, "median of available cases", "median(x)"),
		one("q1", analysis.ScaleMean, s.Q1, 1, "lower quartile, type 7, of available cases", "quantile(x, 0.25)"),
		one("q3", analysis.ScaleMean, s.Q3, 1, "upper quartile, type 7, of available cases", "quantile(x, 0.75)"),
	}
}

// tooFew warns where an estimate has no number for want of patients.
func tooFew(e analysis.Estimate, need int) analysis.Estimate {
	if e.Value.OK() {
		return e
	}
	if need > 1 {
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("under %d patients have a value", need), "ask for a column with more values")
	}
	return e.Warn(analysis.WarnTooFew, "no patient has a value", "ask for a column with more values")
}
