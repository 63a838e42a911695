package work

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis/internal/fit"
)

// GrayTest is Gray's test of equal cumulative incidence.
type GrayTest struct {
	Score        []float64 // by group but the last of those at risk
	ChiSq, DF, P float64
}

// CompareIncidence tests whether groups have the same cumulative incidence of cause 1, of
// causes from 0 (censored), within strata (nil for one), with weight (1 - F)^rho.
//
//	U = Σ (1-F(t-))^ρ (dⱼ - d Rⱼ/R),  Rⱼ = nⱼ (1-Fⱼ(t-))/Sⱼ(t-)
//
// Without competing events U is that of the log-rank test; the variance is Gray's.
//
// R: cmprsk::cuminc(time, cause, group, strata, rho)$Tests. Gray 1988,
// 10.1214/aos/1176350951.
func CompareIncidence(time []float64, cause, group, stratum []int, groups int, rho float64) GrayTest {
	u, v := make([]float64, groups), mat.NewDense(groups, groups, nil)
	used := make([]bool, groups)
	for _, rows := range byStratum(fit.Rising(time), stratum) {
		g := newGray(groups, rho)
		g.run(rows, time, cause, group)
		for i := range u {
			u[i] += g.score[i]
			used[i] = used[i] || g.ever[i]
			for j := range u {
				v.Set(i, j, v.At(i, j)+g.v.At(i, j))
			}
		}
	}
	t := GrayTest{ChiSq: math.NaN(), DF: math.NaN(), P: math.NaN()}
	var at []int
	for g, is := range used {
		if is {
			at = append(at, g)
		}
	}
	if len(at) < 2 {
		return t
	}
	at = at[:len(at)-1]
	cov := mat.NewSymDense(len(at), nil)
	for a, i := range at {
		t.Score = append(t.Score, u[i])
		for b := a; b < len(at); b++ {
			cov.SetSym(a, b, v.At(i, at[b]))
		}
	}
	t.ChiSq, t.DF = quadraticForm(t.Score, cov), float64(len(at))
	t.P = chiSquareP(t.ChiSq, t.DF)
	return t
}

// gray is the walk through the times of one stratum. By group: those at risk, the share
// without an event and that with cause 1, just before the time and after it (next).
type gray struct {
	rho          float64
	at           []float64
	s, f         []float64
	nextS, nextF []float64
	all, nextA   float64 // share of cause 1 over all groups, before and after the time
	score        []float64
	ever         []bool       // at risk while an event of cause 1 happened
	d            [3][]float64 // at the time: lost, cause 1, other causes
	one, two     float64      // over all groups
	a, c         *mat.Dense   // derivative of the score at the time; its sum by dF/(1-F)
	v, v2        *mat.Dense   // variance so far, and its terms by c at the end
	v3           []float64
}

func newGray(k int, rho float64) *gray {
	zero := func() []float64 { return make([]float64, k) }
	g := &gray{rho: rho, at: zero(), s: zero(), f: zero(), score: zero(), v3: zero(), ever: make([]bool, k), nextS: zero(), nextF: zero(), d: [3][]float64{zero(), zero(), zero()}}
	g.v, g.a, g.c, g.v2 = mat.NewDense(k, k, nil), mat.NewDense(k, k, nil), mat.NewDense(k, k, nil), mat.NewDense(k, k, nil)
	for i := range g.s {
		g.s[i], g.nextS[i] = 1, 1
	}
	return g
}

func (g *gray) run(rows []int32, time []float64, cause, group []int) {
	for _, r := range rows {
		g.at[group[r]]++
	}
	for i := 0; i < len(rows); {
		for k := range g.d {
			clear(g.d[k])
		}
		j := i
		for ; j < len(rows) && time[rows[j]] == time[rows[i]]; j++ {
			g.d[min(cause[rows[j]], 2)][group[rows[j]]]++
		}
		g.one, g.two = 0, 0
		for k := range g.at {
			g.one += g.d[1][k]
			g.two += g.d[2][k]
		}
		if g.one+g.two > 0 {
			g.tick()
		}
		for k := range g.at {
			g.at[k] -= g.d[0][k] + g.d[1][k] + g.d[2][k]
		}
		i = j
	}
	for i := range g.at {
		for j := range g.at {
			sum := g.v.At(i, j)
			for k := range g.at {
				sum += g.c.At(i, k)*g.c.At(j, k)*g.v3[k] + g.c.At(i, k)*g.v2.At(j, k) + g.c.At(j, k)*g.v2.At(i, k)
			}
			g.v.Set(i, j, sum)
		}
	}
}

// tick adds a time with events.
func (g *gray) tick() {
	tr, tq := 0.0, 0.0
	for i, n := range g.at {
		if n <= 0 {
			continue
		}
		g.nextS[i] = g.s[i] * (n - g.d[1][i] - g.d[2][i]) / n
		g.nextF[i] = g.f[i] + g.s[i]*g.d[1][i]/n
		tr += n / g.s[i]
		tq += n * (1 - g.f[i]) / g.s[i]
	}
	g.nextA = g.all + g.one/tr
	fb := math.Pow(1-g.all, g.rho)
	g.a.Zero()
	for i, n := range g.at {
		if n <= 0 {
			continue
		}
		t := n / g.s[i]
		for j, m := range g.at {
			if m <= 0 {
				continue
			}
			a := -fb * t * m / g.s[j] / tr
			if i == j {
				a += fb * t
			}
			g.a.Set(i, j, a)
			g.c.Set(i, j, g.c.At(i, j)+a*g.one/(tr*(1-g.all)))
		}
		g.score[i] += fb * (g.d[1][i] - g.one*n*(1-g.f[i])/g.s[i]/tq)
		g.ever[i] = g.ever[i] || g.one > 0
	}
	g.variance(tr)
	g.all = g.nextA
	copy(g.s, g.nextS)
	copy(g.f, g.nextF)
}

// variance adds what the time tells of the variance: of the events of cause 1, spread
// over the groups as under the hypothesis, and of the other events of each group.
func (g *gray) variance(tr float64) {
	for k, n := range g.at {
		if n <= 0 {
			continue
		}
		if g.one > 0 {
			t4, w := 1.0, 1.0
			if g.nextS[k] > 0 {
				t4 = 1 - (1-g.nextA)/g.nextS[k]
			}
			if g.one > 1 {
				w -= (g.one - 1) / (tr*g.s[k] - 1)
			}
			g.spread(k, 1, t4, -t4, w*g.s[k]*g.one/(tr*n))
		}
		if d := g.d[2][k]; d > 0 && g.nextS[k] > 0 {
			t4, w := (1-g.nextA)/g.nextS[k], 1.0
			if d > 1 {
				w -= (d - 1) / (n - 1)
			}
			g.spread(k, 0, -t4, t4, w*g.s[k]*g.s[k]*d/(n*n))
		}
	}
}

// spread adds the square of x + t4 c(end) with x = own a + by c, c so far.
func (g *gray) spread(k int, own, t4, by, w float64) {
	x := make([]float64, len(g.at))
	for i := range x {
		x[i] = own*g.a.At(i, k) + by*g.c.At(i, k)
		g.v2.Set(i, k, g.v2.At(i, k)+x[i]*t4*w)
	}
	for i := range x {
		for j := range x {
			g.v.Set(i, j, g.v.At(i, j)+x[i]*x[j]*w)
		}
	}
	g.v3[k] += t4 * t4 * w
}
