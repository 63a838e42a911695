package effect

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// AncovaOptions are the settings of effect/ancova.
type AncovaOptions struct {
	Covariates []string `opt:"covariates" doc:"further columns to adjust for, from a table of one row a patient; text columns become indicators of their levels"`
	Errors     string   `opt:"errors" doc:"standard errors: from the model, robust to unequal variances (HC0 to HC3), or by cluster (a column with role cluster, else site): CR0, cluster (CR1) or CR2" choices:"model|HC0|HC1|HC2|HC3|CR0|cluster|CR2"`
	Weights    string   `opt:"weights" doc:"how levels of text covariates count in adjusted means: as found in the cohort, or each level alike" choices:"proportional|equal"`
}

// Ancova is effect/ancova: the difference between arms at a visit, adjusted for
// the outcome at baseline.
var Ancova = analysis.New(analysis.Analysis{
	Name:     "effect/ancova",
	Title:    "Baseline-adjusted difference (ANCOVA)",
	Estimand: "difference between arm and reference in the mean outcome at the visit, for patients alike at baseline",
	Doc: `Linear model: outcome at visit = arm + outcome at baseline + covariates, by least squares.
Terms: adjusted_difference (arm minus reference), adjusted_mean of each arm (at the mean baseline and covariates of the patients used), slope_baseline. An arm and a reference must be asked for.
Only the two arms asked about are in the model. Missing values: complete cases of outcome, baseline and covariates; unbiased where missingness depends on these alone.
Errors: model (equal variances) by default; HC2 and HC3 are the better choices where variances differ. With clusters, CR2 (Bell and McCaffrey) holds with few clusters; cluster is Stata's CR1, CR0 has no correction.
Intervals by t with n - p degrees of freedom, clusters - 1 with CR0 and cluster, and Satterthwaite's with CR2.
A singular design (a covariate that repeats another) is refused.
R: lm(visit ~ arm + baseline); emmeans::emmeans(fit, "arm"); sandwich::vcovHC(fit, type), clubSandwich::vcovCR(fit, cluster, "CR2").`,
	Refs:   []string{"Vickers and Altman 2001, 10.1136/bmj.323.7321.1123", "MacKinnon and White 1985, 10.1016/0304-4076(85)90158-7", "Pustejovsky and Tipton 2018, 10.1080/07350015.2016.1247004"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, AncovaOptions{Errors: fit.CovModel, Weights: "proportional"}, ancova)

func ancova(_ context.Context, in analysis.Input, q analysis.Question, o AncovaOptions) (analysis.Result, error) {
	if q.Arm == "" || q.Reference == "" {
		return analysis.Result{}, fmt.Errorf("%w: an adjusted difference needs an arm and a reference: --arm NAME --reference NAME", analysis.ErrOptions)
	}
	p, err := in.Pair(q)
	if err != nil {
		return analysis.Result{}, err
	}
	groups, excluded, err := in.Groups(q)
	if err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: excluded, Warnings: followUp(groups, p)}
	d, err := newDesign(in, groups, p, o)
	if err != nil {
		return r, err
	}
	e := start("adjusted_difference", analysis.ScaleDifference, groups[0], &groups[1], p)
	e.Unit = p.Field.Unit
	e.N = analysis.N{Arm: d.n[0], Reference: d.n[1], Missing: d.missing}
	e.Method = analysis.Method{Name: "least squares on arm, baseline" + listed(o.Covariates) + "; " + o.Errors + " errors; complete cases", R: "lm(visit ~ arm + baseline)", Ref: "Vickers and Altman 2001, 10.1136/bmj.323.7321.1123"}
	if d.n[0] < 2 || d.n[1] < 2 {
		r.Estimates = append(r.Estimates, e.Warn(analysis.WarnTooFew, "each arm needs two patients with outcome, baseline and covariates", "ask for a visit with more patients, or fewer covariates"))
		return r, nil
	}
	d.shift()
	f, err := fit.LeastSquares(d.y, d.x)
	if err != nil {
		return r, fmt.Errorf("%w: %w; leave out a covariate that repeats another", analysis.ErrCannot, err)
	}
	contrast, ws, err := d.contrasts(f, o.Errors, q.Level)
	if err != nil {
		return r, err
	}
	r.Warnings = append(r.Warnings, ws...)
	arm := make([]float64, len(d.x))
	arm[1] = 1
	r.Estimates = append(r.Estimates, contrast(e, arm))
	for i, g := range groups {
		m := start("adjusted_mean", analysis.ScaleMean, g, nil, p)
		m.Unit, m.N, m.Method = p.Field.Unit, analysis.N{Arm: d.n[i]}, e.Method
		at := append([]float64(nil), d.centre(o.Weights)...)
		at[1] = float64(1 - i)
		m = d.lift(contrast(m, at))
		m.Statistic, m.P = analysis.None, analysis.None // a test of a mean against zero means nothing here
		r.Estimates = append(r.Estimates, m)
	}
	slope := start("slope_baseline", analysis.ScaleDifference, groups[0], &groups[1], p)
	slope.N, slope.Method = e.N, e.Method
	b := make([]float64, len(d.x))
	b[2] = 1
	r.Estimates = append(r.Estimates, contrast(slope, b))
	return r, nil
}

// contrasts returns how a contrast of the coefficients is written, with the errors
// asked for.
func (d *design) contrasts(f *fit.Linear, errors string, level float64) (func(analysis.Estimate, []float64) analysis.Estimate, []analysis.Warning, error) {
	v, df, err := f.Covariance(errors, d.cluster)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	var ws []analysis.Warning
	if clusters := int(df) + 1; (errors == fit.CovCluster || errors == fit.CovCR0) && clusters < fewClusters {
		ws = append(ws, analysis.Warning{
			Code: analysis.WarnTooFew, Message: fmt.Sprintf("the errors rest on %d clusters; with fewer than %d they are too small, and intervals too narrow", clusters, fewClusters),
			Cure: "use errors=CR2, or include more clusters",
		})
	}
	return func(e analysis.Estimate, c []float64) analysis.Estimate {
		if errors != fit.CovCR2 {
			return contrastOf(f, v, df, level, e, c)
		}
		e = contrastOf(f, v, f.ClusterDF(c, d.cluster), level, e, c)
		if e.DF < 4 {
			e = e.Warn(analysis.WarnTooFew, fmt.Sprintf("the errors have %.1f degrees of freedom: p values and intervals are only rough under 4", float64(e.DF)), "include more clusters")
		}
		return e
	}, ws, nil
}

// fewClusters is the number under which cluster-robust errors are known to be too
// small: 20 to 50, Cameron and Miller 2015, 10.3368/jhr.50.2.317.
const fewClusters = 20

func contrastOf(f *fit.Linear, v *mat.SymDense, df, level float64, e analysis.Estimate, c []float64) analysis.Estimate {
	value, variance := f.Contrast(c, v)
	se := math.Sqrt(math.Max(0, variance))
	e.Value = analysis.Num(value)
	if !(se > 1e-12*math.Abs(value)) { // residuals that are rounding alone
		return e.Warn(analysis.WarnNoVariance, "the model fits without error, so there is no error to give", "")
	}
	e.SE, e.DF = analysis.Num(se), analysis.Num(df)
	e.Statistic = analysis.Num(value / se)
	e.P = analysis.Num(analysis.TP(value/se, df))
	e.CI = analysis.TInterval(value, se, df, level)
	return e
}

func listed(covariates []string) string {
	s := ""
	for _, c := range covariates {
		s += ", " + c
	}
	return s
}

// design is the rows and columns of the model: intercept, an indicator of each
// group but the last, baseline, then covariates.
type design struct {
	y       []float64
	x       [][]float64
	levels  []int // of the text covariate a column belongs to, 0 for numbers
	cluster []int
	origin  float64 // taken off y by shift
	n       []int   // patients used in each group
	missing int

	patients []int // of the cohort, a row each
}

// shift takes the first value off the outcome and off every column of numbers, so
// that a large common offset costs no digits; contrasts are as before, and lift
// gives the offset back to a mean.
func (d *design) shift() {
	off := func(x []float64) (v float64) {
		if len(x) > 0 {
			v = x[0]
		}
		for i := range x {
			x[i] -= v
		}
		return v
	}
	d.origin = off(d.y)
	for j := len(d.n); j < len(d.x); j++ {
		if d.levels[j] == 0 {
			off(d.x[j])
		}
	}
}

func (d *design) lift(e analysis.Estimate) analysis.Estimate {
	by := analysis.Num(d.origin)
	e.Value, e.CI.Low, e.CI.High = e.Value+by, e.CI.Low+by, e.CI.High+by
	return e
}

// centre returns the point at which adjusted means are taken.
func (d *design) centre(weights string) []float64 {
	out := make([]float64, len(d.x))
	for j, col := range d.x {
		s := 0.0
		for _, v := range col {
			s += v
		}
		out[j] = s / float64(len(col))
		if weights == "equal" && d.levels[j] > 0 {
			out[j] = 1 / float64(d.levels[j])
		}
	}
	return out
}

func newDesign(in analysis.Input, groups []analysis.Group, p analysis.Paired, o AncovaOptions) (*design, error) {
	columns, levels, err := in.Covariates(groups, o.Covariates)
	if err != nil {
		return nil, err
	}
	var cluster []int32
	if o.Errors == fit.CovCluster || o.Errors == fit.CovCR0 || o.Errors == fit.CovCR2 {
		if cluster, _ = in.Cohort.Attribute(datasets.RoleCluster); cluster == nil {
			cluster, _ = in.Cohort.Attribute(datasets.RoleSite)
		}
		if cluster == nil {
			return nil, fmt.Errorf("%w: cluster errors need a column with role cluster or site", analysis.ErrCannot)
		}
	}
	first := len(groups) + 1 // intercept, all groups but the last, baseline
	d := &design{x: make([][]float64, first+len(columns)), levels: append(make([]int, first), levels...), n: make([]int, len(groups))}
	for i, g := range groups {
		for _, patient := range g.Patients {
			row := make([]float64, first, first+len(columns))
			if row[0], row[first-1] = 1, p.Before[patient]; i < len(groups)-1 {
				row[i+1] = 1
			}
			for _, c := range columns {
				row = append(row, c[patient])
			}
			if math.IsNaN(p.After[patient]) || anyNaN(row) || cluster != nil && cluster[patient] < 0 {
				d.missing++
				continue
			}
			d.n[i]++
			d.patients = append(d.patients, patient)
			d.y = append(d.y, p.After[patient])
			for j, v := range row {
				d.x[j] = append(d.x[j], v)
			}
			if cluster != nil {
				d.cluster = append(d.cluster, int(cluster[patient]))
			}
		}
	}
	return d, nil
}

func anyNaN(row []float64) bool {
	for _, v := range row {
		if math.IsNaN(v) {
			return true
		}
	}
	return false
}
