package work

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"

	"recoup/analysis/internal/fit"
)

// Weights of the log-rank family, by the number at risk n, events d and the pooled
// Kaplan-Meier estimate S of a stratum.
const (
	WeightLogRank    = "log-rank"           // 1
	WeightGehan      = "gehan"              // n: Gehan, Breslow, generalised Wilcoxon
	WeightTaroneWare = "tarone-ware"        // √n
	WeightPetoPeto   = "peto-peto"          // Π (1 - d/(n+1)) up to and with the time: PETO of SAS, peto of Stata
	WeightFleming    = "fleming-harrington" // S(t-)^ρ (1-S(t-))^γ: with ρ 1 the survdiff(rho = 1) of R
)

// Weighting is a weight of the log-rank family.
type Weighting struct {
	Kind       string
	Rho, Gamma float64 // of WeightFleming
}

// RankTest is a test of the log-rank family.
type RankTest struct {
	Observed, Expected []float64   // weighted events, by group
	Covariance         [][]float64 // of Observed - Expected
	ChiSq, DF, P       float64     // NaN where there is nothing to test
}

// CompareRanks tests whether groups have the same hazard, within strata (nil for one).
//
//	U = Σ w (dⱼ - d nⱼ/n),  V = Σ w² d (n-d)/(n-1) nⱼ/n (δⱼₗ - nₗ/n)
//
// over the event times of each stratum; the chi-square is U'V⁻¹U with one degree of
// freedom fewer than groups that were at risk. Times must be usable.
//
// R: survival::survdiff(Surv(time, event) ~ group + strata(stratum), rho). Peto and Peto
// 1972, 10.2307/2344317; Harrington and Fleming 1982, 10.1093/biomet/69.3.553; Tarone and
// Ware 1977, 10.1093/biomet/64.1.156.
func CompareRanks(time []float64, event []bool, group, stratum []int, groups int, w Weighting) RankTest {
	t := RankTest{Observed: make([]float64, groups), Expected: make([]float64, groups), Covariance: make([][]float64, groups)}
	for j := range t.Covariance {
		t.Covariance[j] = make([]float64, groups)
	}
	order := fit.Rising(time)
	for _, rows := range byStratum(order, stratum) {
		t.add(rows, time, event, group, w)
	}
	t.ChiSq, t.DF, t.P = t.quadratic()
	return t
}

// byStratum splits positions by stratum and keeps their order.
func byStratum(order []int32, stratum []int) [][]int32 {
	if stratum == nil {
		return [][]int32{order}
	}
	most := -1
	for _, s := range stratum {
		most = max(most, s)
	}
	out := make([][]int32, most+1)
	for _, i := range order {
		out[stratum[i]] = append(out[stratum[i]], i)
	}
	return out
}

// add adds a stratum, whose rows are in the order of time.
func (t *RankTest) add(rows []int32, time []float64, event []bool, group []int, w Weighting) {
	k := len(t.Observed)
	at, d, left := make([]float64, k), make([]float64, k), make([]float64, k)
	for _, i := range rows {
		at[group[i]]++
	}
	n, s, peto := float64(len(rows)), 1.0, 1.0
	for i := 0; i < len(rows); {
		clear(d)
		clear(left)
		events, gone := 0.0, 0.0
		j := i
		for ; j < len(rows) && time[rows[j]] == time[rows[i]]; j++ {
			g := group[rows[j]]
			left[g]++
			gone++
			if event[rows[j]] {
				d[g]++
				events++
			}
		}
		if events > 0 {
			peto *= 1 - events/(n+1)
			t.tick(w.at(n, s, peto), n, events, at, d)
			s *= (n - events) / n
		}
		for g := range at {
			at[g] -= left[g]
		}
		n -= gone
		i = j
	}
}

func (w Weighting) at(n, s, peto float64) float64 {
	switch w.Kind {
	case WeightGehan:
		return n
	case WeightTaroneWare:
		return math.Sqrt(n)
	case WeightPetoPeto:
		return peto
	case WeightFleming:
		return math.Pow(s, w.Rho) * math.Pow(1-s, w.Gamma)
	}
	return 1
}

func (t *RankTest) tick(w, n, events float64, at, d []float64) {
	for g := range at {
		t.Observed[g] += w * d[g]
		t.Expected[g] += w * events * at[g] / n
	}
	if n < 2 {
		return
	}
	v := w * w * events * (n - events) / (n - 1)
	for g := range at {
		for l := range at {
			t.Covariance[g][l] -= v * at[g] / n * at[l] / n
		}
		t.Covariance[g][g] += v * at[g] / n
	}
}

// quadratic returns U'V⁻¹U over the groups that were at risk at an event, but the last.
func (t *RankTest) quadratic() (chisq, df, p float64) {
	var used []int
	for g, e := range t.Expected {
		if e > 0 {
			used = append(used, g)
		}
	}
	if len(used) < 2 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	used = used[:len(used)-1]
	u, v := make([]float64, len(used)), mat.NewSymDense(len(used), nil)
	for a, g := range used {
		u[a] = t.Observed[g] - t.Expected[g]
		for b, l := range used {
			if b >= a {
				v.SetSym(a, b, t.Covariance[g][l])
			}
		}
	}
	chisq = quadraticForm(u, v)
	df = float64(len(used))
	return chisq, df, chiSquareP(chisq, df)
}

// Trend returns the chi-square, of one degree of freedom, of a trend over scores of the
// groups: (Σ sU)²/s'Vs. Tarone 1975, 10.1093/biomet/62.3.679.
func (t RankTest) Trend(scores []float64) (chisq, p float64) {
	u, v := 0.0, 0.0
	for g, s := range scores {
		u += s * (t.Observed[g] - t.Expected[g])
		for l, r := range scores {
			v += s * r * t.Covariance[g][l]
		}
	}
	if !(v > 0) {
		return math.NaN(), math.NaN()
	}
	return u * u / v, chiSquareP(u*u/v, 1)
}

// quadraticForm returns u'V⁻¹u, NaN where V has no inverse.
func quadraticForm(u []float64, v *mat.SymDense) float64 {
	var chol mat.Cholesky
	if len(u) == 0 || !chol.Factorize(v) || chol.Cond() > 1e14 {
		return math.NaN()
	}
	b, x := mat.NewVecDense(len(u), u), mat.NewVecDense(len(u), nil)
	if chol.SolveVecTo(x, b) != nil {
		return math.NaN()
	}
	return mat.Dot(b, x)
}

// chiSquareP returns the upper tail of the chi-square distribution.
func chiSquareP(x, df float64) float64 {
	if !(x >= 0) || !(df > 0) {
		return math.NaN()
	}
	return mathext.GammaIncRegComp(df/2, x/2)
}
