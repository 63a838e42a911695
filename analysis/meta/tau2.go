package meta

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Estimators of the variance between studies.
const (
	FE   = "FE"   // none: a common effect
	DL   = "DL"   // DerSimonian and Laird 1986, 10.1016/0197-2456(86)90046-2
	HE   = "HE"   // Hedges (and Cochran): without weights
	HS   = "HS"   // Hunter and Schmidt: biased down
	SJ   = "SJ"   // Sidik and Jonkman, two steps: never 0
	ML   = "ML"   // maximum likelihood: biased down
	REML = "REML" // restricted maximum likelihood
	EB   = "EB"   // empirical Bayes, the same as PM
	PM   = "PM"   // Paule and Mandel: Q equals its degrees of freedom
)

// Methods are the estimators of τ², with what a reader calls them.
var methods = map[string]string{
	FE: "common effect, inverse variance", DL: "random effects, DerSimonian-Laird", HE: "random effects, Hedges", HS: "random effects, Hunter-Schmidt",
	SJ: "random effects, Sidik-Jonkman", ML: "random effects, maximum likelihood", REML: "random effects, REML", EB: "random effects, empirical Bayes", PM: "random effects, Paule-Mandel",
}

// between is an estimate of τ².
type between struct{ tau2, se float64 }

// scaleOf is a length on the scale of τ²: what search brackets are made of.
func scaleOf(d *design, y, v []float64) float64 {
	unit := make([]float64, d.k)
	low := math.Inf(1)
	for i := range unit {
		unit[i] = 1
		low = math.Min(low, v[i])
	}
	f := d.weigh(y, unit)
	return math.Max(low, f.rss/math.Max(1, float64(d.k-d.p)))
}

// estimate works out τ² by a method. R: metafor::rma(method = ..)
func (d *design) estimate(method string, y, v []float64) between {
	k, p := float64(d.k), float64(d.p)
	if method == FE {
		return between{0, math.NaN()}
	}
	if d.k <= d.p {
		return between{math.NaN(), math.NaN()}
	}
	at := func(i int) float64 { return v[i] }
	fixed := func() *weighted { return d.at(y, v, 0) }
	// moment is the variance of a quadratic form a'(2 tr(PVPV) + 4τ² tr(PVP) + 2τ⁴ tr(PP)).
	moment := func(c, vv, v1, v0, t float64) float64 {
		t = math.Max(0, t)
		return math.Sqrt(c * c * (2*vv + 4*t*v1 + 2*t*t*v0))
	}
	switch method {
	case DL:
		f := fixed()
		tr := f.trace(one)
		t := (f.rss - (k - p)) / tr
		return between{math.Max(0, t), moment(1/tr, k-p, tr, f.trace2(one, one), t)}
	case HS:
		f := fixed()
		t, sum := 0.0, 0.0
		for _, w := range f.w {
			sum += w
		}
		t = (f.rss - k) / sum
		return between{math.Max(0, t), moment(1/sum, k-p, f.trace(one), f.trace2(one, one), t)}
	case HE:
		unit := make([]float64, d.k)
		for i := range unit {
			unit[i] = 1
		}
		f := d.weigh(y, unit)
		tr := f.trace(at)
		t := (f.rss - tr) / (k - p)
		return between{math.Max(0, t), moment(1/(k-p), f.trace2(at, at), tr, k-p, t)}
	case SJ:
		return d.sidikJonkman(y, v, moment)
	case PM, EB:
		t := d.generalised(y, v, k-p)
		sum := 0.0
		for i := range v {
			sum += 1 / (v[i] + t)
		}
		return between{t, math.Sqrt(2 * k * k / (k - p) / (sum * sum))}
	}
	return d.likelihood(method, y, v)
}

func (d *design) sidikJonkman(y, v []float64, moment func(c, vv, v1, v0, t float64) float64) between {
	mean, start := 0.0, 0.0
	for _, x := range y {
		mean += x / float64(d.k)
	}
	for _, x := range y {
		start += (x - mean) * (x - mean) / float64(d.k)
	}
	if start == 0 {
		return between{0, math.NaN()}
	}
	f := d.at(y, v, start)
	at := func(i int) float64 { return v[i] }
	df := float64(d.k - d.p)
	t := start * f.rss / df
	return between{t, moment(start/df, f.trace2(at, at), f.trace2(at, one), f.trace2(one, one), t)}
}

// generalised is the τ² at which Σ w e² with weights 1/(v+τ²) equals a target, 0 where
// it is smaller at once.
func (d *design) generalised(y, v []float64, target float64) float64 {
	f := func(t float64) float64 { return d.at(y, v, t).rss - target }
	if !(f(0) > 0) {
		return 0
	}
	high := scaleOf(d, y, v)
	for range 200 {
		if f(high) < 0 {
			break
		}
		high *= 2
	}
	return root(f, 0, high)
}

// objective is the log likelihood, restricted or not, and score its derivative by τ².
func (f *weighted) objective(restricted bool) float64 {
	n := float64(f.d.k)
	ll := -f.rss
	for _, w := range f.w {
		ll += math.Log(w)
	}
	if restricted {
		n -= float64(f.d.p)
		ll -= f.logdet
	}
	return (ll - n*math.Log(2*math.Pi)) / 2
}

func (f *weighted) score(restricted bool) float64 {
	s := 0.0
	for i, w := range f.w {
		s += w * w * f.e[i] * f.e[i]
		if !restricted {
			s -= w
		}
	}
	if restricted {
		s -= f.trace(one)
	}
	return s / 2
}

// likelihood looks over all scales for the highest likelihood and then for the root
// of its derivative, so that neither a start nor a second maximum decides.
func (d *design) likelihood(method string, y, v []float64) between {
	restricted := method == REML
	scale := scaleOf(d, y, v)
	grid := []float64{0}
	for i := -24; i <= 6; i += 2 {
		grid = append(grid, scale*math.Exp2(float64(i)))
	}
	best, top := 0, math.Inf(-1)
	for i, t := range grid {
		if ll := d.at(y, v, t).objective(restricted); ll > top {
			best, top = i, ll
		}
	}
	t := root(func(t float64) float64 { return d.at(y, v, t).score(restricted) }, grid[max(0, best-1)], grid[min(len(grid)-1, best+1)])
	f := d.at(y, v, t)
	info := 0.0
	if restricted {
		info = f.trace2(one, one)
	} else {
		for _, w := range f.w {
			info += w * w
		}
	}
	return between{t, math.Sqrt(2 / info)}
}

// profile is the Q-profile interval of τ²: where Q with weights 1/(v+τ²) equals the
// quantiles of χ²(k-p). Both are 0 where Q at 0 is under the lower quantile; then the
// interval is the single value 0, and empty is true.
// Viechtbauer 2007, 10.1002/sim.2514.
func (d *design) profile(y, v []float64, level float64) (low, high float64, empty bool) {
	if d.k <= d.p {
		return math.NaN(), math.NaN(), false
	}
	chi := distuv.ChiSquared{K: float64(d.k - d.p)}
	a := (1 - level) / 2
	empty = d.at(y, v, 0).rss < chi.Quantile(a)
	return d.generalised(y, v, chi.Quantile(1-a)), d.generalised(y, v, chi.Quantile(a)), empty
}
