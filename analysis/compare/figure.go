package compare

import (
	"math"

	"recoup/analysis"
	"recoup/datasets/instrument"
	"recoup/datasets/published"
)

func findInstrument(name string) (instrument.Instrument, bool) {
	if name == "" {
		return instrument.Instrument{}, false
	}
	return instrument.Find(name)
}

// figure is one number with what its error can be worked out from.
type figure struct {
	label   string // of the group
	outcome string
	at      string // visit or horizon
	unit    string
	share   bool
	change  bool
	percent bool // a percent change, which is compared with no other by a difference

	value      float64 // share from 0 to 1, mean or change
	events, n  int     // events is -1 where they are not counts
	missing    int
	sd         float64
	se         float64 // of a percent change on the log scale, else NaN
	low, high  float64 // printed 95 percent limits, else NaN
	definition string
	note       string // of how the number came about
	mix        published.CaseMix
}

func newFigure() figure {
	nan := math.NaN()
	return figure{value: nan, events: -1, sd: nan, se: nan, low: nan, high: nan, mix: published.CaseMix{Horizon: published.Horizon{Value: nan}, Age: nan}}
}

// scale of the figure's value.
func (f figure) scale() analysis.Scale {
	switch {
	case f.share:
		return analysis.ScaleProportion
	case f.percent:
		return analysis.ScalePercent
	case f.change:
		return analysis.ScaleDifference
	}
	return analysis.ScaleMean
}

// own returns our figure as an estimate.
func (f figure) own(level float64) analysis.Estimate {
	e := f.estimate(TermOurs, level)
	if math.IsNaN(f.value) {
		return e.Warn(analysis.WarnTooFew, "no patient has the values that our figure needs, or their mean at baseline is not above zero", "ask for a visit or an outcome with more patients")
	}
	return e
}

// estimate returns the figure with the best interval that its numbers allow.
func (f figure) estimate(term string, level float64) analysis.Estimate {
	e := analysis.NewEstimate(term, f.scale())
	e.Outcome, e.Visit, e.Arm, e.Unit, e.Definition = f.outcome, f.at, f.label, f.unit, f.definition
	e.N = analysis.N{Arm: f.n, Missing: f.missing, Events: max(f.events, 0)}
	e.Value = analysis.Num(f.value)
	switch {
	case math.IsNaN(f.value):
		e.Method.Name = "no single number"
	case f.counted():
		e.CI = analysis.Wilson(f.events, f.n, level)
		e.Method = analysis.Method{Name: "share x/n, Wilson score interval", R: "prop.test(x, n, correct = FALSE)", Ref: "Wilson 1927, 10.1080/01621459.1927.10502953"}
	case f.measured():
		se := f.sd / math.Sqrt(float64(f.n))
		e.SE, e.DF = analysis.Num(se), analysis.Num(f.n-1)
		e.CI = analysis.TInterval(f.value, se, float64(f.n-1), level)
		e.Method = analysis.Method{Name: "mean, Student's t interval from mean, SD and n", R: "BSDA::tsum.test(m, s, n)"}
	case !math.IsNaN(f.se):
		ci := analysis.LogInterval(1+f.value/100, f.se, level)
		e.CI = analysis.NewInterval(ci.Kind, 100*(float64(ci.Low)-1), 100*(float64(ci.High)-1), level)
		e.Method = analysis.Method{Name: "100 (mean at visit - mean at baseline) / mean at baseline, patients seen at both; delta method on the log ratio of paired means", R: `metafor::escalc("ROMC")`}
	case !math.IsNaN(f.low):
		e.CI = analysis.NewInterval("as printed", f.low, f.high, 0.95)
		e.Method.Name = "as printed, with its printed 95 percent interval"
	default:
		e.Method.Name = "without an interval: counts, or SD and n, are not there"
	}
	if f.note != "" {
		e.Method.Name += "; " + f.note
	}
	return e
}

// counted reports a share with a count and a denominator.
func (f figure) counted() bool { return f.share && f.events >= 0 && f.n > 0 && f.events <= f.n }

// measured reports a mean with what its error needs.
func (f figure) measured() bool { return !f.share && f.sd > 0 && f.n > 1 }

// difference is ours minus theirs, where both have what its error needs.
func difference(a figure, their comparator, level float64, test bool) (analysis.Estimate, bool) {
	b := their.figure
	if their.claim || their.complement && a.definition != b.definition || a.percent || b.percent {
		return analysis.Estimate{}, false
	}
	e := analysis.NewEstimate(TermDifference, analysis.ScaleDifference)
	e.Outcome, e.Visit, e.Arm, e.Reference, e.Unit, e.Definition = a.outcome, a.at, a.label, b.label, a.unit, a.definition
	e.N = analysis.N{Arm: a.n, Reference: b.n, Missing: a.missing, Events: max(a.events, 0)}
	e.Value = analysis.Num(a.value - b.value)
	switch {
	case a.counted() && b.counted():
		e.Scale = analysis.ScaleRiskDiff
		e.CI = analysis.Newcombe(a.events, a.n, b.events, b.n, level)
		e.Value = analysis.Num(float64(a.events)/float64(a.n) - float64(b.events)/float64(b.n))
		e.Method = analysis.Method{
			Name: "unadjusted difference of shares, ours minus published, Newcombe hybrid score interval", R: `DescTools::BinomDiffCI(method = "score")`,
			Ref: "Newcombe 1998, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I",
		}
		if test {
			e.Statistic, e.P = shareTest(a, b)
		}
	case a.measured() && b.measured():
		se, df := welch(a.sd, a.n, b.sd, b.n)
		e.SE, e.DF, e.CI = analysis.Num(se), analysis.Num(df), analysis.TInterval(a.value-b.value, se, df, level)
		e.Method = analysis.Method{
			Name: "unadjusted difference of means, ours minus published, Welch's t from means, SDs and n", R: "BSDA::tsum.test(m1, s1, n1, m2, s2, n2)",
			Ref: "Welch 1947, 10.1093/biomet/34.1-2.28",
		}
		if test {
			e.Statistic = e.Value / analysis.Num(se)
			e.P = analysis.Num(analysis.TP(float64(e.Statistic), df))
		}
	default:
		return e, false
	}
	if b.note != "" {
		e.Method.Name += "; published: " + b.note
	}
	if test {
		e = e.Warn(analysis.WarnAssumption, "the p value takes both groups as samples of like patients; that they differ in case mix is not in it", "")
	}
	return e, true
}

// welch is the standard error of a difference of two means and its degrees of
// freedom.
//
//	se² = s₁²/n₁ + s₂²/n₂,  df = se⁴ / ((s₁²/n₁)²/(n₁-1) + (s₂²/n₂)²/(n₂-1))
func welch(s1 float64, n1 int, s2 float64, n2 int) (se, df float64) {
	v1, v2 := s1*s1/float64(n1), s2*s2/float64(n2)
	return math.Sqrt(v1 + v2), (v1 + v2) * (v1 + v2) / (v1*v1/float64(n1-1) + v2*v2/float64(n2-1))
}

// shareTest is the pooled z test of two shares, without continuity correction.
func shareTest(a, b figure) (z, p analysis.Num) {
	n1, n2 := float64(a.n), float64(b.n)
	pool := float64(a.events+b.events) / (n1 + n2)
	se := math.Sqrt(pool * (1 - pool) * (1/n1 + 1/n2))
	if se == 0 {
		return analysis.None, analysis.None
	}
	x := (float64(a.events)/n1 - float64(b.events)/n2) / se
	return analysis.Num(x), analysis.Num(analysis.NormalP(x))
}

// wholeCount is the number of patients nearest to a printed percentage.
func wholeCount(percent float64, n int) int {
	return int(math.Round(percent / 100 * float64(n)))
}
