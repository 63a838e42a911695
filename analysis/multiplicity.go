package analysis

import (
	"math"
	"slices"
)

// AdjustP returns p values adjusted for their number, by the named method, in the
// order given.
//
//	bonferroni  m p
//	sidak       1 - (1-p)^m
//	holm        step down, family-wise error under any dependence
//	hochberg    step up, under independence or positive dependence
//	hommel      as hochberg, and stronger
//	bh          false discovery rate, Benjamini and Hochberg
//	by          the same under any dependence, Benjamini and Yekutieli
//
// Other names return p as it is. NaN stays NaN and does not count. R: p.adjust(p,
// method).
func AdjustP(method string, p []float64) []float64 {
	out := slices.Clone(p)
	var at []int // positions of numbers, by falling p
	for i, v := range p {
		if !math.IsNaN(v) {
			at = append(at, i)
		}
	}
	slices.SortStableFunc(at, func(a, b int) int {
		switch {
		case p[a] > p[b]:
			return -1
		case p[a] < p[b]:
			return 1
		}
		return 0
	})
	m := float64(len(at))
	each := func(f func(v float64) float64) {
		for _, i := range at {
			out[i] = math.Min(1, f(p[i]))
		}
	}
	stepUp := func(f func(v, rank float64) float64) { // rank m is the largest p
		least := 1.0
		for k, i := range at {
			least = math.Min(least, f(p[i], m-float64(k)))
			out[i] = least
		}
	}
	switch method {
	case "bonferroni":
		each(func(v float64) float64 { return m * v })
	case "sidak":
		each(func(v float64) float64 { return -math.Expm1(m * math.Log1p(-v)) })
	case "hochberg":
		stepUp(func(v, r float64) float64 { return (m - r + 1) * v })
	case "bh":
		stepUp(func(v, r float64) float64 { return m / r * v })
	case "by":
		sum := 0.0
		for k := 1.0; k <= m; k++ {
			sum += 1 / k
		}
		stepUp(func(v, r float64) float64 { return sum * m / r * v })
	case "holm":
		most := 0.0
		for k := len(at) - 1; k >= 0; k-- {
			most = math.Max(most, math.Min(1, float64(k+1)*p[at[k]]))
			out[at[k]] = most
		}
	case "hommel":
		hommel(p, at, out)
	}
	return out
}

// hommel follows R's p.adjust: for each number k of hypotheses the smallest Simes
// p value, raised where a larger k demands it.
func hommel(p []float64, falling []int, out []float64) {
	m := len(falling)
	s := make([]float64, m) // rising
	for k, i := range falling {
		s[m-1-k] = p[i]
	}
	least := math.Inf(1)
	for i, v := range s {
		least = math.Min(least, float64(m)*v/float64(i+1))
	}
	q, pa := make([]float64, m), make([]float64, m)
	for i := range q {
		q[i], pa[i] = least, least
	}
	for k := m - 1; k >= 2; k-- {
		low := math.Inf(1)
		for i := m - k + 1; i < m; i++ {
			low = math.Min(low, float64(k)*s[i]/float64(i-m+k+1))
		}
		for i := range m {
			if i <= m-k {
				q[i] = math.Min(float64(k)*s[i], low)
			} else {
				q[i] = q[m-k]
			}
			pa[i] = math.Max(pa[i], q[i])
		}
	}
	for k, i := range falling {
		out[i] = math.Min(1, math.Max(pa[m-1-k], p[i]))
	}
}

// panels integrates f from a to b by n panels of the 10-point Gauss-Legendre rule.
func panels(a, b float64, n int, f func(float64) float64) float64 {
	half, sum := (b-a)/float64(2*n), 0.0
	for i := range n {
		mid := a + float64(2*i+1)*half
		for k, node := range legendreNodes {
			sum += legendreWeights[k] * (f(mid-half*node) + f(mid+half*node))
		}
	}
	return sum * half
}

// overScale averages f(x) over x = √(χ²(df)/df); f(1) where df is infinite.
func overScale(df float64, f func(float64) float64) float64 {
	if math.IsInf(df, 1) {
		return f(1)
	}
	lg, _ := math.Lgamma(df / 2)
	c := math.Ln2 + df/2*math.Log(df/2) - lg
	width := 1 / math.Sqrt(2*df)
	return panels(math.Max(0, 1-12*width), 1+12*width, 24, func(x float64) float64 {
		return math.Exp(c+(df-1)*math.Log(x)-df*x*x/2) * f(x)
	})
}

func phi(z float64) float64 { return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) }

func normalCDF(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// TukeyP returns P(Q > q) of the studentised range of k means with df degrees of
// freedom. For the difference of two of k means with t statistic t, q = √2 |t|.
//
// R: ptukey(q, k, df, lower.tail = FALSE); this is good to 1e-10 absolute.
func TukeyP(q float64, k int, df float64) float64 {
	if math.IsNaN(q) || k < 2 || !(df > 0) {
		return math.NaN()
	}
	return math.Max(0, math.Min(1, 1-overScale(df, func(x float64) float64 {
		w := q * x
		return float64(k) * panels(-8.5, 8.5, 16, func(z float64) float64 {
			return phi(z) * math.Pow(normalCDF(z)-normalCDF(z-w), float64(k-1))
		})
	})))
}

// DunnettP returns P(max |T| > t) of t statistics whose correlations are products
// of factors, ρ(i,j) = λ(i)·λ(j): several arms against one reference.
//
// R: 1 - mvtnorm::pmvt(-t, t, df, corr), whose integration is by random points.
func DunnettP(t float64, factors []float64, df float64) float64 {
	if math.IsNaN(t) || len(factors) == 0 || !(df > 0) {
		return math.NaN()
	}
	return math.Max(0, math.Min(1, 1-overScale(df, func(x float64) float64 {
		return panels(-8.5, 8.5, 24, func(z float64) float64 {
			p := phi(z)
			for _, l := range factors {
				s := math.Sqrt(1 - l*l)
				p *= normalCDF((t*x-l*z)/s) - normalCDF((-t*x-l*z)/s)
			}
			return p
		})
	})))
}

// MaxQuantile returns where a falling tail probability is 1-level.
func MaxQuantile(tail func(float64) float64, level float64) float64 {
	high := 4.0
	for tail(high) > 1-level && high < 1e6 {
		high *= 2
	}
	return Root(func(t float64) float64 { return tail(t) - (1 - level) }, 0, high)
}

// Factors returns λ with ρ(i,j) ≈ λ(i)·λ(j), and by how much the worst correlation
// misses.
func Factors(corr [][]float64) (factors []float64, miss float64) {
	k := len(corr)
	l := make([]float64, k)
	for i := range l {
		l[i] = math.Sqrt(0.5)
	}
	if k == 1 {
		l[0] = 0
	}
	if k == 2 {
		l[0] = math.Sqrt(math.Abs(corr[0][1]))
		l[1] = math.Copysign(l[0], corr[0][1])
	}
	for range 2000 {
		if k < 3 {
			break
		}
		for i := range l {
			num, den := 0.0, 0.0
			for j := range l {
				if j != i {
					num += corr[i][j] * l[j]
					den += l[j] * l[j]
				}
			}
			if den > 0 {
				l[i] = math.Max(-0.9999, math.Min(0.9999, num/den))
			}
		}
	}
	for i := range l {
		for j := range i {
			miss = math.Max(miss, math.Abs(corr[i][j]-l[i]*l[j]))
		}
	}
	return l, miss
}
