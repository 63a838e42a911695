package meta

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
)

// Stratified is a common effect of two-by-two tables, without weights by variance.
type Stratified struct {
	Effect Coefficient // ratios by their logarithm
	// Q is heterogeneity over the studies that have an effect, K of them.
	Q, QDF, QP float64
	K          int
	// CMH is the Cochran-Mantel-Haenszel χ² of odds ratios, with correction 1/2.
	CMH, CMHP float64
}

// MantelHaenszel pools tables without correcting zero cells: measure RR, OR or RD.
// Heterogeneity alone uses the corrected effects of the studies.
//
//	OR: Σad/N over Σbc/N, variance of Robins, Breslow and Greenland 1986, 10.2307/2531052
//	RR: Σa n₂/N over Σc n₁/N; RD: Σ(a n₂ - c n₁)/N over Σ n₁n₂/N;
//	    variances of Greenland and Robins 1985, 10.2307/2530643, and of Sato 1989
//
// R: metafor::rma.mh
func MantelHaenszel(tables []Counts, measure, zero string, level float64) Stratified {
	var r, s, pr, ps, ww, v, dev, vh float64
	var t, u, w float64
	for _, c := range tables {
		if !c.valid() {
			continue
		}
		n := c.N1 + c.N2
		a, b, e, d := c.cells()
		switch measure {
		case "OR":
			ri, si, p, q := a*d/n, b*e/n, (a+d)/n, (b+e)/n
			r, s = r+ri, s+si
			pr, ps, ww = pr+p*ri, ps+p*si+q*ri, ww+q*si
		case "RR":
			r, s = r+a*c.N2/n, s+e*c.N1/n
			v += c.N1/n*c.N2/n*(a+e) - a/n*e
		case "RD":
			t, u = t+(a*c.N2-e*c.N1)/n, u+c.N1*c.N2/n
			v += e*(c.N1/n)*(c.N1/n) - a*(c.N2/n)*(c.N2/n) + c.N1/n*c.N2/n*(c.N2-c.N1)/2
			w += a*(c.N2-e)/n + e*(c.N1-a)/n
		}
		o, x := c.observed()
		dev, vh = dev+o, vh+x
	}
	out := Stratified{CMH: math.NaN(), CMHP: math.NaN()}
	var value, se float64
	switch measure {
	case "OR":
		value = math.Log(r / s)
		se = math.Sqrt((pr/(r*r) + ps/(r*s) + ww/(s*s)) / 2)
		out.CMH = math.Pow(math.Max(0, math.Abs(dev)-0.5), 2) / vh
		out.CMHP = distuv.ChiSquared{K: 1}.Survival(out.CMH)
	case "RR":
		value, se = math.Log(r/s), math.Sqrt(v/(r*s))
	case "RD":
		value = t / u
		se = math.Sqrt((value*v + w/2) / (u * u))
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		value, se = math.NaN(), math.NaN()
	}
	out.Effect = coefficient(value, se, math.Inf(1), level)
	out.spread(tables, func(c Counts) Effect {
		switch measure {
		case "OR":
			return OddsRatio(c, zero)
		case "RR":
			return RiskRatio(c, zero)
		}
		return RiskDifference(c, zero)
	})
	return out
}

// spread is heterogeneity about the pooled value.
func (s *Stratified) spread(tables []Counts, effect func(Counts) Effect) {
	for _, c := range tables {
		if e := effect(c); e.known() {
			s.Q += (e.Value - s.Effect.Value) * (e.Value - s.Effect.Value) / e.Variance
			s.K++
		}
	}
	s.QDF, s.QP = float64(s.K-1), math.NaN()
	if s.K > 1 && !math.IsNaN(s.Q) {
		s.QP = distuv.ChiSquared{K: s.QDF}.Survival(s.Q)
	}
}

// Peto pools log odds ratios by Σ(O-E)/ΣV. R: metafor::rma.peto
func Peto(tables []Counts, level float64) Stratified {
	o, v := 0.0, 0.0
	for _, c := range tables {
		if c.valid() {
			a, b := c.observed()
			o, v = o+a, v+b
		}
	}
	out := Stratified{CMH: math.NaN(), CMHP: math.NaN()}
	out.Effect = Coefficient{Value: math.NaN(), SE: math.NaN(), Statistic: math.NaN(), P: math.NaN(), CI: analysis.NoInterval}
	if v > 0 {
		out.Effect = coefficient(o/v, 1/math.Sqrt(v), math.Inf(1), level)
	}
	out.spread(tables, PetoOdds)
	return out
}
