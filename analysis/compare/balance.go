package compare

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

var armNeeds = []datasets.Role{datasets.RoleArm}

// BalanceOptions are the settings of compare/balance.
type BalanceOptions struct {
	WeightOptions
	PairOptions
	By          string  `opt:"by" doc:"what made the arms alike: weights, or matching" choices:"weights|matching"`
	Denominator string  `opt:"denominator" doc:"standard deviation that differences are divided by, always of all patients before adjustment: of the arm, of the reference, pooled √((s₁²+s₀²)/2), of all together; auto: the arm's for att and matching, the reference's for atc, else pooled" choices:"auto|arm|reference|pooled|all"`
	Threshold   float64 `opt:"threshold" doc:"standardised difference beyond which the arms are said to differ"`
}

// Balance is compare/balance: whether arms are alike before and after.
var Balance = analysis.New(analysis.Analysis{
	Name:     "compare/balance",
	Title:    "Balance of covariates",
	Estimand: "how far the arms differ in each covariate, before and after weights or matching",
	Doc: `Table balance: a line for each number and each level of a text (all levels), with means of both arms, standardised difference, variance ratio (numbers alone) and Kolmogorov-Smirnov distance, raw and adjusted.
Standardised difference: (mean of arm - mean of reference) / s, with s of the sample before adjustment in both columns, as cobalt has it (tableone takes s anew after adjustment, which can hide or make a difference). Of 0/1 covariates s = √(p(1-p)); of numbers with divisor n-1.
Variance ratio: arm over reference, weighted variances Σw(x-m)² Σw / ((Σw)² - Σw²). Kolmogorov-Smirnov: largest distance of the weighted distributions.
Terms: largest_difference_raw and largest_difference_adjusted (absolute, standardised), imbalanced_raw and imbalanced_adjusted (covariates beyond the threshold).
Series love-raw and love-adjusted have a point for each line of the table in its order: x its number, y the standardised difference.
The covariates of the score are those looked at; means alike do not make what was not measured alike.
R: cobalt::bal.tab(x, weights, s.d.denom, binary = "std", continuous = "std", stats = c("m", "v", "ks")).`,
	Refs:  []string{"Austin 2009, 10.1002/sim.3697", "Greifer, cobalt: Covariate balance tables and plots (R package)"},
	Needs: armNeeds,
}, BalanceOptions{WeightOptions: weightDefaults, PairOptions: pairDefaults, By: "weights", Denominator: "auto", Threshold: 0.1}, runBalance)

func runBalance(_ context.Context, in analysis.Input, q analysis.Question, o BalanceOptions) (analysis.Result, error) {
	s, err := readSample(in, q, o.CovariateOptions, nil)
	if err != nil {
		return analysis.Result{}, err
	}
	s.outcome.Field.Name = q.Outcome
	all, target, words := s, o.Target, ""
	var w []float64
	if o.By == "matching" {
		target = targetATT
		m, err := pairUp(in, s, o.ScoreOptions, o.PairOptions)
		if err != nil {
			return analysis.Result{}, err
		}
		if m.matched == 0 {
			return analysis.Result{}, cannot("no patient of the arm has a match: %s", m.words)
		}
		s, w, words = m.sample, m.w, m.words
	} else {
		var g *weighting
		if s, _, g, err = weigh(s, o.WeightOptions); err != nil {
			return analysis.Result{}, err
		}
		w, words = g.w, g.words+", "+targetWords[o.Target]
	}
	rows := balanceOf(all, s, w, denominator(o.Denominator, target))
	r := s.result()
	r.Tables = append(r.Tables, balanceTable(rows, words, denominator(o.Denominator, target)))
	r.Series = append(r.Series, loveSeries(rows)...)
	r.Estimates = s.balanceEstimates(rows, o.Threshold, words)
	r.Warnings = append(r.Warnings, imbalance(rows, o.Threshold)...)
	return r, nil
}

func denominator(asked, target string) string {
	switch {
	case asked != "auto":
		return asked
	case target == targetATT:
		return "arm"
	case target == targetATC:
		return "reference"
	}
	return "pooled"
}

// denominatorWords say whose standard deviation differences are divided by.
var denominatorWords = map[string]string{
	"arm": "of the arm's patients", "reference": "of the reference's patients", "pooled": "pooled over the two arms, √((s₁²+s₀²)/2)", "all": "of the patients of both arms together",
}

// compared is how far the arms differ in a covariate.
type compared struct {
	means     [2]float64
	ratio, ks float64
}

// balanceRow is a line of the table of balance: raw, then adjusted.
type balanceRow struct {
	name                        string
	mean                        [2][2]float64 // raw and adjusted, arm and reference
	difference, ratio, distance [2]float64
}

// balanceOf compares the arms of all patients, and of those of the adjusted sample
// with their weights.
func balanceOf(all, s *sample, w []float64, denominator string) []balanceRow {
	one := make([]float64, len(all.t))
	for i := range one {
		one[i] = 1
	}
	var out []balanceRow
	for j, c := range all.columns {
		sd := all.spread(c, denominator)
		row := balanceRow{name: c.name}
		raw, adjusted := armsDiffer(c.x, all.t, one, c.binary), armsDiffer(s.columns[j].x, s.t, w, c.binary)
		for k, b := range []compared{raw, adjusted} {
			row.mean[k] = b.means
			row.difference[k] = (b.means[0] - b.means[1]) / sd
			if b.means[0] == b.means[1] && sd == 0 {
				row.difference[k] = 0
			}
			if math.IsInf(row.difference[k], 0) {
				row.difference[k] = math.NaN()
			}
			row.ratio[k], row.distance[k] = b.ratio, b.ks
		}
		out = append(out, row)
	}
	return out
}

// spread is the standard deviation that a difference is divided by.
func (s *sample) spread(c covariate, denominator string) float64 {
	var of [2][]float64
	for i, v := range c.x {
		of[1-int(s.t[i])] = append(of[1-int(s.t[i])], v)
	}
	variance := func(x []float64) float64 {
		m := fit.Describe(x)
		if c.binary {
			return m.Mean * (1 - m.Mean)
		}
		return m.SD * m.SD
	}
	switch denominator {
	case "arm":
		return math.Sqrt(variance(of[0]))
	case "reference":
		return math.Sqrt(variance(of[1]))
	case "all":
		return math.Sqrt(variance(c.x))
	}
	return math.Sqrt((variance(of[0]) + variance(of[1])) / 2)
}

// armsDiffer compares the weighted distributions of a covariate in the two arms.
func armsDiffer(x, t, w []float64, binary bool) compared {
	var out compared
	var sum, square, variance [2]float64
	shift := x[0] // so that a large common offset costs no digits
	for i, v := range x {
		a := 1 - int(t[i])
		sum[a] += w[i]
		square[a] += w[i] * w[i]
		out.means[a] += w[i] * (v - shift)
	}
	for a := range 2 {
		out.means[a] /= sum[a]
	}
	for i, v := range x {
		a := 1 - int(t[i])
		d := v - shift - out.means[a]
		variance[a] += w[i] * d * d
	}
	for a := range 2 {
		variance[a] *= sum[a] / (sum[a]*sum[a] - square[a])
		out.means[a] += shift
	}
	out.ratio = math.NaN()
	if !binary && variance[1] > 0 && !math.IsInf(variance[0]/variance[1], 0) {
		out.ratio = variance[0] / variance[1]
	}
	order := fit.Rising(x)
	gap := 0.0
	for k, i := range order {
		if t[i] == 1 {
			gap += w[i] / sum[0]
		} else {
			gap -= w[i] / sum[1]
		}
		if k+1 == len(order) || x[order[k+1]] != x[i] {
			out.ks = math.Max(out.ks, math.Abs(gap))
		}
	}
	return out
}

func balanceTable(rows []balanceRow, words, denominator string) analysis.Table {
	t := analysis.Table{
		Name: "balance", Title: "Covariates of the two arms, before and after",
		Columns: []string{
			"covariate", "arm raw", "reference raw", "difference raw", "variance ratio raw", "KS raw",
			"arm adjusted", "reference adjusted", "difference adjusted", "variance ratio adjusted", "KS adjusted",
		},
		Notes: []string{
			"Adjusted by " + words + ".",
			"Differences, before and after alike, in standard deviations before adjustment: " + denominatorWords[denominator] + "; of 0/1 covariates √(p(1-p)).",
		},
	}
	for _, b := range rows {
		row := []analysis.Value{analysis.Text(b.name)}
		for k := range 2 {
			for _, v := range []float64{b.mean[k][0], b.mean[k][1], b.difference[k], b.ratio[k], b.distance[k]} {
				row = append(row, analysis.Number(v))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func loveSeries(rows []balanceRow) []analysis.Series {
	var out []analysis.Series
	for k, name := range []string{"love-raw", "love-adjusted"} {
		s := analysis.Series{Name: name, Group: analysis.All, XUnit: "line of table balance", YUnit: "standardised difference"}
		for i, b := range rows {
			s.Points = append(s.Points, analysis.Point{X: analysis.Num(i + 1), Y: analysis.Num(b.difference[k]), Low: analysis.None, High: analysis.None})
		}
		out = append(out, s)
	}
	return out
}

// beyond returns the largest absolute standardised difference, and the covariates
// beyond a threshold.
func beyond(rows []balanceRow, k int, threshold float64) (most float64, names []string) {
	for _, b := range rows {
		d := math.Abs(b.difference[k])
		if math.IsNaN(d) {
			names = append(names, b.name) // differs, and has no spread to divide by
			continue
		}
		most = math.Max(most, d)
		if d > threshold {
			names = append(names, b.name)
		}
	}
	return most, names
}

func (s *sample) balanceEstimates(rows []balanceRow, threshold float64, words string) []analysis.Estimate {
	var out []analysis.Estimate
	for k, when := range []string{"raw", "adjusted"} {
		most, names := beyond(rows, k, threshold)
		e := s.estimate("largest_difference_"+when, analysis.ScaleStandardised)
		e.Value = analysis.Num(most)
		e.Method = analysis.Method{Name: "largest absolute standardised difference; " + words, R: "cobalt::bal.tab(x, weights)"}
		n := e
		n.Term, n.Scale, n.Value = "imbalanced_"+when, analysis.ScaleCount, analysis.Num(len(names))
		n.Method.Name = fmt.Sprintf("lines of table balance with an absolute standardised difference over %g; %s", threshold, words)
		out = append(out, e, n)
	}
	return out
}

// imbalance warns of covariates in which the arms still differ.
func imbalance(rows []balanceRow, threshold float64) []analysis.Warning {
	_, names := beyond(rows, 1, threshold)
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return []analysis.Warning{{
		Code: WarnImbalance, Message: fmt.Sprintf("the arms still differ by more than %g standard deviations in %s", threshold, strings.Join(names, ", ")),
		Cure: "use entropy balancing or overlap weights, a narrower caliper, or compare/doubly-robust",
	}}
}
