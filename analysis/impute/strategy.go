package impute

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/simulate/stream"
)

// Strategies: what is assumed of a patient's visits after the last one seen.
const (
	atRandom       = "mar"
	jump           = "jump-to-reference"
	copyIncrements = "copy-increments"
	copyReference  = "copy-reference"
	lastMean       = "last-mean"
)

// strategyWords say what a strategy assumes.
var strategyWords = map[string]string{
	atRandom:       "after the last visit seen, patients go on like those of their own arm with the same values before (missing at random)",
	jump:           "after the last visit seen, patients are as those of the reference with the same baseline are (jump to reference)",
	copyIncrements: "after the last visit seen, patients change as those of the reference do (copy increments in reference)",
	copyReference:  "patients who dropped out were of the reference all along (copy reference)",
	lastMean:       "after the last visit seen, the mean stays as it was for patients of their arm (last mean carried forward)",
}

// normal is the model that reference-based imputation draws from: a mean for each arm and
// visit, slopes of baseline and covariates by visit, and the covariance of visits, one for
// all arms or one (with slopes) for each.
type normal struct {
	*panel
	at        []int       // the model's visits, of the panel's
	usable    []int       // rows of the panel with baseline and covariates
	shift     float64     // taken off the outcome, so that a large offset costs no digits
	x         [][]float64 // baseline and covariates about their means, by usable row
	y         [][]float64 // by usable row and visit
	arms      bool        // a model for each arm
	data      []*repeated // one, or one for each arm
	member    [][]int     // usable rows of each
	reference int         // the group copied, -1 without
	strategy  string
	warnings  []analysis.Warning
}

// fitted is a fit of each of the model's data.
type fitted []normalFit

func newNormal(in analysis.Input, p *panel, strategy, model string, names []string) (*normal, error) {
	if !p.ordered {
		return nil, fmt.Errorf("%w: the visits are in no known order; list them under visits in the cohort file", analysis.ErrCannot)
	}
	n := &normal{panel: p, arms: model == "by-arm", reference: -1, strategy: strategy}
	if len(p.groups) == 2 {
		n.reference = 1
	}
	columns, _, err := in.Covariates(p.groups, names)
	if err != nil {
		return nil, err
	}
	for _, v := range p.after() {
		least := math.MaxInt
		for g := range p.groups {
			_, seen := p.size(g, v)
			least = min(least, seen)
		}
		if least > 0 {
			n.at = append(n.at, v)
			continue
		}
		n.warnings = append(n.warnings, analysis.Warning{Code: "visit-left-out", Message: fmt.Sprintf("%s is not in the model: an arm has no values of %s there", p.visits[v].VisitName(), p.field.Name)})
	}
	if !slices.Contains(n.at, p.asked) {
		return nil, fmt.Errorf("%w: %s does not come after the baseline", analysis.ErrCannot, p.visits[p.asked].VisitName())
	}
	n.design(columns)
	if len(n.usable) == 0 {
		return nil, fmt.Errorf("%w: no patient has the outcome at baseline and all covariates", analysis.ErrCannot)
	}
	if k := len(p.patients) - len(n.usable); k > 0 {
		n.warnings = append(n.warnings, analysis.Warning{Code: analysis.WarnExcluded, Message: fmt.Sprintf("%d patients without the outcome at baseline or a covariate are not in the model, and nothing is imputed for them", k), Cure: "impute those too with impute/chained"})
	}
	return n, nil
}

// design makes rows of the patients who have baseline and covariates.
func (n *normal) design(columns [][]float64) {
	for r, patient := range n.patients {
		row := []float64{n.values[n.baseline][r]}
		for _, c := range columns {
			row = append(row, c[patient])
		}
		if slices.ContainsFunc(row, math.IsNaN) {
			continue
		}
		y := make([]float64, len(n.at))
		for k, v := range n.at {
			y[k] = n.values[v][r]
		}
		n.usable, n.x, n.y = append(n.usable, r), append(n.x, row), append(n.y, y)
	}
	if len(n.usable) == 0 {
		return
	}
	n.centre()
	groups := len(n.groups)
	n.member = make([][]int, 1)
	if n.arms {
		n.member = make([][]int, groups)
	}
	for i, r := range n.usable {
		k := 0
		if n.arms {
			k = n.group[r]
		}
		n.member[k] = append(n.member[k], i)
	}
	for _, rows := range n.member {
		var x, y [][]float64
		for _, i := range rows {
			x, y = append(x, n.row(i, n.group[n.usable[i]])), append(y, n.y[i])
		}
		n.data = append(n.data, nil)
		if len(x) > 0 {
			n.data[len(n.data)-1] = newRepeated(x, y)
		}
	}
}

// centre takes the means off baseline and covariates, and one value off the outcome at all
// visits, whose means are compared.
func (n *normal) centre() {
	for j := range n.x[0] {
		first, mean := n.x[0][j], 0.0
		for _, row := range n.x {
			mean += (row[j] - first) / float64(len(n.x))
		}
		for _, row := range n.x {
			row[j] = row[j] - first - mean
		}
	}
	n.shift = math.NaN()
	for _, y := range n.y {
		for _, v := range y {
			if math.IsNaN(n.shift) {
				n.shift = v
			}
		}
	}
	for _, y := range n.y {
		for k := range y {
			y[k] -= n.shift
		}
	}
}

// row is a patient's row of the design, as if of an arm.
func (n *normal) row(i, arm int) []float64 {
	out := []float64{1}
	if !n.arms {
		out = make([]float64, len(n.groups))
		out[arm] = 1
	}
	return append(out, n.x[i]...)
}

// fit fits the model to patients taken times over (nil for once each), by usable row.
func (n *normal) fit(times []int, start fitted) (fitted, bool) {
	var out fitted
	for k, d := range n.data {
		if d == nil {
			return nil, false
		}
		var own []int
		if times != nil {
			for _, i := range n.member[k] {
				own = append(own, times[i])
			}
		}
		var from []float64
		if start != nil {
			from = start[k].sigma
		}
		f, ok := d.fit(d.sums(own), from)
		if !ok {
			return nil, false
		}
		out = append(out, f)
	}
	return out, true
}

// mean is the mean at each visit of a patient as if of an arm.
func (n *normal) mean(f fitted, i, arm int) []float64 {
	fit := f[0]
	if n.arms {
		fit = f[arm]
	}
	x, out := n.row(i, arm), make([]float64, len(n.at))
	for v := range out {
		for j, c := range x {
			out[v] += fit.beta[v*len(x)+j] * c
		}
	}
	return out
}

// dropped is the first visit after the last one seen.
func (s seenAt) dropped() int {
	if len(s.seen) == 0 {
		return 0
	}
	return s.seen[len(s.seen)-1] + 1
}

// moments are the mean that a strategy gives a patient who dropped out at a visit, and
// (for a pattern) the covariance. Carpenter, Roger and Kenward 2013, section 4.
func (n *normal) moments(f fitted, i, arm, from int) []float64 {
	own := n.mean(f, i, arm)
	if n.strategy == atRandom || n.reference < 0 || arm == n.reference && n.strategy != lastMean || from == len(own) {
		return own
	}
	ref := own
	if n.strategy != lastMean {
		ref = n.mean(f, i, n.reference)
	}
	switch {
	case n.strategy == copyReference:
		return ref
	case from == 0: // nothing was seen: there is no last mean and no increment
		return ref
	}
	out := slices.Clone(own)
	for v := from; v < len(out); v++ {
		switch n.strategy {
		case jump:
			out[v] = ref[v]
		case copyIncrements:
			out[v] = own[from-1] + ref[v] - ref[from-1]
		case lastMean:
			out[v] = own[from-1]
		}
	}
	return out
}

// covariance is that of a patient's visits: of the own arm before dropping out, and of
// the reference given those after it.
//
//	Σ₁₁ = A₁₁,  Σ₂₁ = B₂₁B₁₁⁻¹A₁₁,  Σ₂₂ = B₂₂ - B₂₁B₁₁⁻¹(B₁₁ - A₁₁)B₁₁⁻¹B₁₂
func (n *normal) covariance(f fitted, arm, from int) ([]float64, bool) {
	if !n.arms || n.strategy == atRandom || n.strategy == lastMean || arm == n.reference || n.reference < 0 {
		if !n.arms {
			arm = 0
		}
		return f[arm].sigma, true
	}
	own, ref := f[arm].sigma, f[n.reference].sigma
	if from == len(n.at) { // the last visit was seen
		return own, true
	}
	if n.strategy == copyReference || from == 0 {
		return ref, true
	}
	v := len(n.at)
	var first []int
	at := seenAt{}
	for k := range v {
		if k < from {
			first = append(first, k)
		} else {
			at.lost = append(at.lost, k)
		}
	}
	at.seen = first
	inverse, ok := inverseOf(ref, v, first)
	if !ok {
		return nil, false
	}
	b := slopes(ref, v, at, inverse)
	out := slices.Clone(own)
	diff := mat.NewSymDense(len(first), nil)
	before := mat.NewSymDense(len(first), nil)
	for i := range first {
		for j := i; j < len(first); j++ {
			before.SetSym(i, j, own[i*v+j])
			diff.SetSym(i, j, ref[i*v+j]-own[i*v+j])
		}
	}
	var across, half, less mat.Dense
	across.Mul(b, before)
	half.Mul(b, diff)
	less.Mul(&half, b.T())
	for i, a := range at.lost {
		for j := range first {
			out[a*v+j], out[j*v+a] = across.At(i, j), across.At(i, j)
		}
		for j, c := range at.lost {
			out[a*v+c] = ref[a*v+c] - less.At(i, j)
		}
	}
	return out, true
}

// given is how the lost visits of a pattern follow from the seen.
type given struct {
	slopes *mat.Dense
	lower  *mat.TriDense // of the remaining covariance; nil for means alone
}

// completed returns the outcome without gaps, by visit of the panel and row: with draws of the stream
// of each patient, or (nil) with conditional means.
func (n *normal) completed(f fitted, patients *stream.Stream) ([][]float64, bool) {
	out := make([][]float64, len(n.visits))
	for v := range out {
		out[v] = slices.Clone(n.panel.values[v])
	}
	for k, d := range n.data {
		cache := make([]map[int]given, len(n.groups))
		for local, i := range n.member[k] {
			at := d.patterns[d.pattern[local]]
			if len(at.lost) == 0 {
				continue
			}
			r := n.usable[i]
			arm := n.group[r]
			if cache[arm] == nil {
				cache[arm] = map[int]given{}
			}
			g, ok := cache[arm][d.pattern[local]]
			if !ok {
				if g, ok = n.given(f, arm, at, patients != nil); !ok {
					return nil, false
				}
				cache[arm][d.pattern[local]] = g
			}
			n.impute(out, f, i, arm, at, g, patients)
		}
	}
	return out, true
}

func (n *normal) given(f fitted, arm int, at seenAt, draw bool) (g given, ok bool) {
	sigma, ok := n.covariance(f, arm, at.dropped())
	if !ok {
		return g, false
	}
	v := len(n.at)
	r := &mat.Dense{}
	if len(at.seen) > 0 {
		inverse, ok := inverseOf(sigma, v, at.seen)
		if !ok {
			return g, false
		}
		r = slopes(sigma, v, at, inverse)
	}
	g.slopes = r
	if draw {
		var chol mat.Cholesky
		if !chol.Factorize(remaining(sigma, v, at, r)) {
			return g, false
		}
		g.lower = &mat.TriDense{}
		chol.LTo(g.lower)
	}
	return g, true
}

// impute writes the values of one patient.
func (n *normal) impute(out [][]float64, f fitted, i, arm int, at seenAt, g given, patients *stream.Stream) {
	r := n.usable[i]
	mu := n.moments(f, i, arm, at.dropped())
	z := make([]float64, len(at.lost))
	if patients != nil {
		own := patients.Sub(n.place[r])
		for h := range z {
			z[h] = stream.Quantile(own.Float64(uint64(h)))
		}
	}
	for h, v := range at.lost {
		value := mu[v]
		for j, o := range at.seen {
			value += g.slopes.At(h, j) * (n.y[i][o] - mu[o])
		}
		for j := 0; j <= h && g.lower != nil; j++ {
			value += g.lower.At(h, j) * z[j]
		}
		out[n.at[v]][r] = n.shift + value
	}
}
