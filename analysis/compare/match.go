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

// PairOptions say how patients of the arm are matched with those of the reference.
type PairOptions struct {
	Match     string   `opt:"match" doc:"nearest: one after another takes the nearest who is free; optimal: the least sum of distances over all; full: everybody, in sets of one of either arm with one or more of the other, with the least sum of distances" choices:"nearest|optimal|full"`
	Ratio     int      `opt:"ratio" doc:"patients of the reference for each of the arm"`
	Replace   bool     `opt:"replace" doc:"nearest: a patient of the reference may be matched more than once"`
	Caliper   float64  `opt:"caliper" doc:"largest distance of a match; 0: none"`
	CaliperIn string   `opt:"caliper_in" doc:"unit of the caliper: standard deviations of the distance over all patients, or the distance's own" choices:"sd|raw"`
	Distance  string   `opt:"distance" doc:"the logit of the propensity score, or the score itself" choices:"logit|score"`
	Exact     []string `opt:"exact" doc:"columns in which matched patients must agree"`
	Order     string   `opt:"order" doc:"nearest without replacement: who chooses first: the largest score, the smallest, the order of identifiers, or the closest pair" choices:"largest|smallest|data|closest"`
}

var pairDefaults = PairOptions{Match: "nearest", Ratio: 1, Caliper: 0.2, CaliperIn: "sd", Distance: "logit", Order: orderLargest}

// pairing is who is matched with whom.
type pairing struct {
	sample  *sample
	score   *score
	arm     []int32   // rows of the arm
	to      [][]int32 // their matches
	w       []float64 // by row, 0 of those without a match
	matched int       // of the arm
	used    int       // of the reference
	caliper float64
	words   string
	replace bool
}

func (o PairOptions) check() error {
	switch {
	case o.Ratio < 1 || o.Ratio > 100:
		return badOption("ratio: expected a whole number from 1 to 100")
	case o.Caliper < 0:
		return badOption("caliper: expected 0 for none, or a distance")
	case o.Match != "nearest" && o.Replace:
		return badOption("match=%s is without replacement: with it the nearest are optimal already", o.Match)
	case o.Match == "full" && o.Ratio != 1:
		return badOption("match=full has sets of any size: leave ratio out")
	}
	return nil
}

// pairUp fits the score and matches by it.
func pairUp(in analysis.Input, s *sample, so ScoreOptions, o PairOptions) (*pairing, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s, p, err := scored(s, so)
	if err != nil {
		return nil, err
	}
	by := p.linear
	if o.Distance == "score" {
		by = p.e
	}
	m := &pairing{sample: s, score: p, caliper: math.Inf(1), replace: o.Replace, w: make([]float64, len(s.t))}
	if o.Caliper > 0 {
		m.caliper = o.Caliper
		if o.CaliperIn == "sd" {
			m.caliper *= fit.Describe(by).SD
		}
	}
	strata, err := exactStrata(in.Cohort, s, o.Exact)
	if err != nil {
		return nil, err
	}
	for _, rows := range strata {
		if err := m.match(by, rows, o); err != nil {
			return nil, err
		}
	}
	m.describe(o)
	m.count()
	return m, nil
}

// match matches within a stratum.
func (m *pairing) match(by []float64, rows []int32, o PairOptions) error {
	var treated, others []int32
	for _, r := range rows {
		if m.sample.t[r] == 1 {
			treated = append(treated, r)
		} else {
			others = append(others, r)
		}
	}
	var to [][]int32
	switch o.Match {
	case "optimal":
		var err error
		if to, err = matchOptimal(by, treated, others, o.Ratio, m.caliper); err != nil {
			return err
		}
	case "full":
		to = matchFull(by, treated, others, m.caliper)
	default:
		to = matchNearest(by, treated, others, o.Ratio, o.Replace, m.caliper, o.Order)
	}
	m.arm, m.to = append(m.arm, treated...), append(m.to, to...)
	return nil
}

// count sets weights: 1 for a matched patient of the arm, shared among the matches.
func (m *pairing) count() {
	for i, r := range m.arm {
		if len(m.to[i]) == 0 {
			continue
		}
		m.matched++
		m.w[r] = 1
		for _, c := range m.to[i] {
			if m.w[c] == 0 {
				m.used++
			}
			m.w[c] += 1 / float64(len(m.to[i]))
		}
	}
	if alone := len(m.arm) - m.matched; alone > 0 {
		s := *m.sample
		s.excluded = append(slices.Clip(s.excluded), datasets.Exclusion{Code: analysis.WarnExcluded, Patients: alone, Reason: "patients of the arm without a match"})
		s.warn(WarnOverlap, fmt.Sprintf("%d of %d patients of the arm have no match: the effect is of those who have one", alone, len(m.arm)), "widen the caliper, or use overlap weights, which say whom they speak of")
		m.sample = &s
	}
}

func (m *pairing) describe(o PairOptions) {
	ratio := fmt.Sprintf(" 1:%d", o.Ratio)
	if o.Match == "full" {
		ratio = ""
	}
	m.words = fmt.Sprintf("%s matching%s on the %s", o.Match, ratio, map[string]string{"logit": "logit of the propensity score", "score": "propensity score"}[o.Distance])
	switch {
	case o.Replace:
		m.words += ", with replacement"
	case o.Match == "nearest":
		m.words += ", without replacement, " + map[string]string{orderLargest: "largest score first", orderSmallest: "smallest score first", orderData: "by identifier", orderClosest: "closest pair first"}[o.Order]
	}
	if o.Caliper > 0 {
		m.words += fmt.Sprintf(", caliper %.4g", m.caliper)
		if o.Match == "full" {
			m.words += " (who has nobody of the other arm so near is left out)"
		}
	}
	if len(o.Exact) > 0 {
		m.words += ", exact on " + strings.Join(o.Exact, ", ")
	}
	m.words += "; ties by identifier"
}

// exactStrata splits rows by the values of columns.
func exactStrata(c *datasets.Cohort, s *sample, columns []string) ([][]int32, error) {
	keys := make([]string, len(s.t))
	for _, name := range columns {
		codes, levels, err := c.CovariateLevels(name)
		if err != nil {
			return nil, err
		}
		for i, p := range s.patient {
			if codes[p] < 0 {
				keys[i] += "\x00?" // who has none agrees with others who have none
			} else {
				keys[i] += "\x00=" + levels[codes[p]]
			}
		}
	}
	at := map[string]int{}
	var out [][]int32
	for i, k := range keys {
		g, ok := at[k]
		if !ok {
			g = len(out)
			at[k], out = g, append(out, nil)
		}
		out[g] = append(out[g], int32(i))
	}
	return out, nil
}

// MatchedOptions are the settings of compare/matched.
type MatchedOptions struct {
	ScoreOptions
	PairOptions
	OutcomeOptions
	Adjust bool   `opt:"adjust" doc:"also regress the outcome on the covariates within the matched sample"`
	Errors string `opt:"errors" doc:"cluster by matched set (CR1), HC3, or Abadie and Imbens's; auto: cluster without replacement, Abadie and Imbens's with it" choices:"auto|cluster|HC3|abadie-imbens"`
}

// Matched is compare/matched: outcomes of matched patients.
var Matched = analysis.New(analysis.Analysis{
	Name:     "compare/matched",
	Title:    "Matched comparison",
	Estimand: "difference in the outcome between patients of the arm who have a match and the like patients of the reference",
	Doc: `Each patient of the arm is matched with patients of the reference by the propensity score (see compare/propensity).
Terms: adjusted_difference (or risk_difference with risk_ratio and odds_ratio, where the outcome is 0/1), mean_arm and mean_reference (share_ where 0/1) of the matched, unadjusted_difference of everybody, matched_arm and matched_reference (how many).
A match of the reference has the weight of 1/number of matches of its set, summed over sets.
Errors: cluster (CR1 by matched set, t with sets - 1 degrees of freedom), HC3, or abadie-imbens, which holds with replacement: Σ(yᵢ - ŷᵢ - τ)²/n² of the matched arm, and Σ(K² - K')σ² of the reference with σ² from the nearest of the same arm. All take the score as known, which is conservative or not by turns for the effect in the arm.
Columns of exact: patients without a value agree with others without one.
Order matters to nearest matching without replacement and is named; of two patients equally near the one whose identifier comes first is taken, so the order of rows does not matter. Optimal matching has the least sum of distances of as many as can be matched, exactly. Full matching puts everybody into a set of one of either arm with one or more of the other, with the least sum of distances, exactly; its caliper leaves out who has nobody so near, and a pair of those who stay may lie up to twice as far apart.
Complete cases of covariates and outcome, counted; a responder's missing outcome counts as failure where the question says so. Balance afterwards is in table balance, and must be looked at; target-trial says which trial this stands in for, and warnings where time does not begin alike in both arms.
Assumes that what decided the treatment is among the covariates.
R: MatchIt::matchit(arm ~ x, distance, caliper, m.order); lm(y ~ arm, weights = w) with sandwich::vcovCL(cluster = ~subclass); Matching::Match.`,
	Refs: []string{
		"Ho, Imai, King and Stuart 2011, 10.18637/jss.v042.i08", "Abadie and Imbens 2006, 10.1111/j.1468-0262.2006.00655.x", "Austin and Small 2014, 10.1002/sim.6276", "Hernan and Robins 2016, 10.1093/aje/kwv254",
		"Rosenbaum 1991, Journal of the Royal Statistical Society B 53: 597-610", "Rosenbaum 1989, 10.1080/01621459.1989.10478868",
	},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, MatchedOptions{ScoreOptions: scoreDefaults, PairOptions: pairDefaults, OutcomeOptions: outcomeDefaults, Errors: "auto"}, runMatched)

func runMatched(_ context.Context, in analysis.Input, q analysis.Question, o MatchedOptions) (analysis.Result, error) {
	if o.Errors == "cluster" && o.Replace {
		return analysis.Result{}, badOption("errors=cluster needs sets that share nobody: use abadie-imbens with replacement")
	}
	if o.Errors == "abadie-imbens" && o.Adjust {
		return analysis.Result{}, badOption("errors=abadie-imbens is of the plain difference: leave adjust out, or use cluster or HC3")
	}
	s, err := readSample(in, q, o.CovariateOptions, o.OutcomeOptions)
	if err != nil {
		return analysis.Result{}, err
	}
	m, err := pairUp(in, s, o.ScoreOptions, o.PairOptions)
	if err != nil {
		return analysis.Result{}, err
	}
	trial := m.trial(in, q)
	r := m.sample.result()
	r.Tables = append(r.Tables, trial)
	method := analysis.Method{Name: m.words, R: "MatchIt::matchit(arm ~ x); lm(y ~ arm, weights = w)", Ref: "Ho, Imai, King and Stuart 2011, 10.18637/jss.v042.i08"}
	if m.matched < 2 || m.used < 2 {
		e := m.sample.estimate(m.sample.differenceTerm())
		e.Method = method
		r.Estimates = append(r.Estimates, e.Warn(analysis.WarnTooFew, fmt.Sprintf("%d patients of the arm have a match among %d of the reference; two are needed", m.matched, m.used), "widen the caliper, or name fewer covariates"))
	} else {
		es, err := m.outcomes(q, o, method)
		if err != nil {
			return r, err
		}
		r.Estimates = es
		rows := balanceOf(s, m.sample, m.w, "arm")
		r.Tables = append(r.Tables, balanceTable(rows, m.words, "arm"))
		r.Series = append(r.Series, loveSeries(rows)...)
		r.Warnings = append(r.Warnings, imbalance(rows, 0.1)...)
	}
	for i, term := range []string{"matched_arm", "matched_reference"} {
		e := m.sample.estimate(term, analysis.ScaleCount)
		e.Value, e.Method = analysis.Num([]int{m.matched, m.used}[i]), method
		r.Estimates = append(r.Estimates, e)
	}
	r.Warnings = append(r.Warnings, confounded)
	return r, nil
}

func (m *pairing) trial(in analysis.Input, q analysis.Question) analysis.Table {
	return m.sample.trial(in, q, "average effect in patients of the arm who have a match", m.sample.outcomeWords(), m.words)
}

var confounded = analysis.Warning{
	Code:    WarnConfounded,
	Message: "nobody allotted the patients by chance: the arms are made alike in the covariates named, and what is not recorded may differ",
	Cure:    "see how strong it would have to be: compare/sensitivity",
}

// outcomes are the estimates in the matched sample.
func (m *pairing) outcomes(q analysis.Question, o MatchedOptions, method analysis.Method) ([]analysis.Estimate, error) {
	keep := make([]bool, len(m.w))
	at := make([]int, len(m.w)) // row of the matched sample
	var w []float64
	for i, v := range m.w {
		if keep[i] = v > 0; keep[i] {
			at[i] = len(w)
			w = append(w, v)
		}
	}
	s := m.sample.only(keep)
	out := &outcomeFit{s: s, all: m.sample, w: w, level: q.Level, kind: o.Errors, method: method, adjust: o.Adjust}
	if out.kind == "auto" {
		if out.kind = "cluster"; m.replace {
			out.kind = "abadie-imbens"
		}
	}
	switch out.kind {
	case "cluster":
		out.cluster = make([]int, len(w))
		for r, set := range m.sets() {
			out.cluster[at[r]] = set
		}
	case "abadie-imbens":
		if o.Adjust {
			return nil, badOption("adjust=true with replacement: pass --set errors=HC3")
		}
		out.se, out.word = m.abadieImbens(), "Abadie and Imbens's errors"
	}
	return out.estimates()
}

// sets numbers the matched rows by set: of a set with several of the arm, who share one
// match, by the first of them.
func (m *pairing) sets() map[int32]int {
	out := map[int32]int{}
	for i, r := range m.arm {
		if len(m.to[i]) == 0 {
			continue
		}
		set, known := out[m.to[i][0]]
		if !known {
			set = i
		}
		out[r] = set
		for _, c := range m.to[i] {
			out[c] = set
		}
	}
	return out
}

// abadieImbens is the standard error of the mean difference in the matched arm.
//
//	V = (1/n²) (Σ (yᵢ - ȳ of matches - τ)² + Σ_reference (K² - K') σ²)
//
// with K the sum of 1/matches over the sets a patient is in, K' that of its squares, σ²
// half the squared difference to the nearest by the score of the same arm.
// Abadie and Imbens 2006, 10.1111/j.1468-0262.2006.00655.x.
func (m *pairing) abadieImbens() float64 {
	s := m.sample
	k, k2 := make([]float64, len(s.t)), make([]float64, len(s.t))
	var effects []float64
	for i, r := range m.arm {
		if len(m.to[i]) == 0 {
			continue
		}
		share := 1 / float64(len(m.to[i]))
		effect := s.y[r]
		for _, c := range m.to[i] {
			effect -= share * s.y[c]
			k[c], k2[c] = k[c]+share, k2[c]+share*share
		}
		effects = append(effects, effect)
	}
	tau := fit.Describe(effects).Mean
	sum := 0.0
	for _, e := range effects {
		sum += (e - tau) * (e - tau)
	}
	var reference []int32
	for i, t := range s.t {
		if t == 0 {
			reference = append(reference, int32(i))
		}
	}
	order := byScore(m.score.linear, reference)
	for a, i := range order {
		r := reference[i]
		if k[r] == 0 {
			continue
		}
		best, distance := -1, math.Inf(1)
		for _, b := range []int{a - 1, a + 1} {
			if b >= 0 && b < len(order) {
				if d := math.Abs(m.score.linear[reference[order[b]]] - m.score.linear[r]); d < distance {
					best, distance = b, d
				}
			}
		}
		d := s.y[r] - s.y[reference[order[best]]]
		sum += (k[r]*k[r] - k2[r]) * d * d / 2
	}
	return math.Sqrt(sum) / float64(len(effects))
}
