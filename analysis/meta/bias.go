package meta

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
)

func chiCDF(x, df float64) float64 { return distuv.ChiSquared{K: df}.CDF(x) }

// Bias is a test of funnel asymmetry. It has little power under ten studies, and
// asymmetry has other causes than publication.
type Bias struct {
	Name                    string
	Value, SE, Statistic, P float64
	DF                      float64 // +Inf where normal, NaN where exact
}

// Egger regresses effects on their standard errors: by the model's own method and
// test, or as Egger did, by weights with a free residual variance (classic). The
// value is the slope.
// R: metafor::regtest(x), regtest(x, model = "lm"). Egger et al. 1997,
// 10.1136/bmj.315.7109.629.
func Egger(effects []Effect, o Options, classic bool) (Bias, error) {
	b := Bias{Name: "Egger, " + o.Method, Value: math.NaN(), SE: math.NaN(), Statistic: math.NaN(), P: math.NaN(), DF: math.NaN()}
	if classic {
		o, b.Name = Options{Method: FE, Test: TestHK, Level: o.Level}, "Egger, weighted regression"
	}
	if len(effects) < 3 {
		return b, nil
	}
	se := make([]float64, len(effects))
	for i, e := range effects {
		se[i] = math.Sqrt(e.Variance)
	}
	m, err := Pool(effects, [][]float64{se}, []string{"standard error"}, o)
	if err != nil {
		return b, err
	}
	c := m.Coef[1]
	b.Value, b.SE, b.Statistic, b.P, b.DF = c.Value, c.SE, c.Statistic, c.P, m.DF
	return b, nil
}

// Begg is Kendall's τ between the standardised deviates (y - μ)/√(v - 1/Σ(1/v)) of
// the common effect and the variances. p is exact under 50 studies without ties,
// else normal with the variance for ties.
// R: metafor::ranktest. Begg and Mazumdar 1994, 10.2307/2533446.
func Begg(effects []Effect) Bias {
	b := Bias{Name: "rank correlation", Value: math.NaN(), SE: math.NaN(), Statistic: math.NaN(), P: math.NaN(), DF: math.NaN()}
	if len(effects) < 3 {
		return b
	}
	sum, mean := 0.0, 0.0
	for _, e := range effects {
		sum += 1 / e.Variance
		mean += e.Value / e.Variance
	}
	var x, v []float64
	for _, e := range effects {
		x = append(x, (e.Value-mean/sum)/math.Sqrt(e.Variance-1/sum))
		v = append(v, e.Variance)
	}
	b.Value, b.Statistic, b.P = kendall(x, v)
	return b
}

// kendall is Kendall's τ-b with its two-sided p; z is NaN where p is exact.
func kendall(x, y []float64) (tau, z, p float64) {
	n := len(x)
	s := 0
	for i := range n {
		for j := range i {
			s += sign(x[i]-x[j]) * sign(y[i]-y[j])
		}
	}
	pairs := float64(n*(n-1)) / 2
	untied := func(v []float64) (t0, t1, t2 float64) { // Σt(t-1), Σt(t-1)(t-2), Σt(t-1)(2t+5)
		sorted := slices.Sorted(slices.Values(v))
		for i := 0; i < n; {
			k := i
			for k < n && sorted[k] == sorted[i] {
				k++
			}
			t := float64(k - i)
			t0, t1, t2 = t0+t*(t-1), t1+t*(t-1)*(t-2), t2+t*(t-1)*(2*t+5)
			i = k
		}
		return
	}
	x0, x1, x2 := untied(x)
	y0, y1, y2 := untied(y)
	tau = float64(s) / math.Sqrt((pairs-x0/2)*(pairs-y0/2))
	if x0 == 0 && y0 == 0 && n < 50 {
		return tau, math.NaN(), kendallExact(n, s)
	}
	m := float64(n)
	v := (m*(m-1)*(2*m+5)-x2-y2)/18 + x1*y1/(9*m*(m-1)*(m-2)) + x0*y0/(2*m*(m-1))
	z = float64(s) / math.Sqrt(v)
	return tau, z, analysis.NormalP(z)
}

func sign(d float64) int {
	switch {
	case d > 0:
		return 1
	case d < 0:
		return -1
	}
	return 0
}

// kendallExact is the two-sided p of a score from the number of permutations with
// each number of concordant pairs, as shares.
func kendallExact(n, s int) float64 {
	top := n * (n - 1) / 2
	share := make([]float64, top+1)
	share[0] = 1
	for i := 2; i <= n; i++ {
		next := make([]float64, top+1)
		for c := range next {
			for k := 0; k < i && k <= c; k++ {
				next[c] += share[c-k] / float64(i)
			}
		}
		share = next
	}
	q := (top + s) / 2
	low, high := 0.0, 0.0
	for c, p := range share {
		if c <= q {
			low += p
		}
		if c >= q {
			high += p
		}
	}
	return math.Min(1, 2*math.Min(low, high))
}

// Estimators of the number of missing studies.
const (
	TrimL0 = "L0"
	TrimR0 = "R0"
)

// Trimmed is the answer of trim and fill.
type Trimmed struct {
	Missing int
	Side    string   // left or right: where studies are missing
	Filled  []Effect // those added
	Model   *Model   // with them
}

// TrimAndFill adds the mirror images of the most extreme studies of the other side.
// It is a sensitivity analysis, not a correction. Where no side is given it is that
// to which the slope of effects on standard errors points away from.
// R: metafor::trimfill. Duval and Tweedie 2000, 10.1111/j.0006-341X.2000.00455.x.
func TrimAndFill(effects []Effect, o Options, estimator, side string) (Trimmed, error) {
	o, err := o.complete()
	if err != nil {
		return Trimmed{}, err
	}
	out := Trimmed{Side: side}
	if side == "" {
		se := make([]float64, len(effects))
		for i, e := range effects {
			se[i] = math.Sqrt(e.Variance)
		}
		// Without two different standard errors there is no slope: the left is taken.
		out.Side = "left"
		if m, err := pool(effects, [][]float64{se}, o); err == nil && m.Coef[1].Value < 0 {
			out.Side = "right"
		}
	}
	flip := 1.0
	if out.Side == "right" {
		flip = -1
	}
	sorted := slices.Clone(effects)
	for i := range sorted {
		sorted[i].Value *= flip
	}
	slices.SortStableFunc(sorted, func(a, b Effect) int {
		if s := sign(a.Value - b.Value); s != 0 {
			return s
		}
		return sign(a.Variance - b.Variance)
	})
	k, k0, mean := len(sorted), 0, 0.0
	for range 100 {
		m, err := pool(sorted[:k-k0], nil, o)
		if err != nil {
			return out, err
		}
		mean = m.Coef[0].Value
		next := min(missing(sorted, mean, estimator), k-1)
		if next == k0 {
			break
		}
		k0 = next
	}
	out.Missing = k0
	for _, e := range sorted[k-k0:] {
		out.Filled = append(out.Filled, Effect{flip * (2*mean - e.Value), e.Variance})
	}
	out.Model, err = Pool(append(slices.Clone(effects), out.Filled...), nil, nil, o)
	return out, err
}

// missing estimates how many studies are missing on the left of a mean.
func missing(sorted []Effect, mean float64, estimator string) int {
	k := len(sorted)
	order := make([]int, k)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return sign(math.Abs(sorted[a].Value-mean) - math.Abs(sorted[b].Value-mean))
	})
	right, left := 0, 0
	for r, i := range order {
		switch d := sorted[i].Value - mean; {
		case d > 0:
			right += r + 1
		case d < 0:
			left = r + 1
		}
	}
	if estimator == TrimR0 {
		return max(0, k-left-1)
	}
	n := float64(k)
	return max(0, int(math.RoundToEven((4*float64(right)-n*(n+1))/(2*n-1))))
}
