package meta

import (
	"math"
	"strings"

	"recoup/analysis"
)

// Measure is an effect size by name: the columns it is made of and the way back from
// the scale on which it is pooled.
type Measure struct {
	Name, Title string
	Needs       []string // columns, alternatives separated by |
	Scale       analysis.Scale
	Log         bool // pooled by the logarithm
	Compares    bool // two groups: there is a value of no effect

	effect func(c cells, a Ask) Effect
	back   func(x float64) float64 // nil where the scale is that of pooling
}

// Measures lists the effect sizes; names are those of metafor.
func Measures() []Measure {
	two := []string{"m1", "sd1", "n1", "m2", "sd2", "n2"}
	tables := []string{"events1", "n1", "events2", "n2"}
	occasions := []string{"m1", "sd1", "m2", "sd2", "n", "r"}
	means := func(f func(a, b Moments) Effect) func(cells, Ask) Effect {
		return func(c cells, a Ask) Effect { return f(c.moments("1", a), c.moments("2", a)) }
	}
	counted := func(f func(c Counts, zero string) Effect) func(cells, Ask) Effect {
		return func(c cells, a Ask) Effect { return f(c.counts(), a.Zero) }
	}
	change := func(f func(after, before Moments, r float64) Effect) func(cells, Ask) Effect {
		return func(c cells, _ Ask) Effect {
			n := c.whole("n")
			return f(Moments{N: n, Mean: c["m1"], SD: c["sd1"]}, Moments{N: n, Mean: c["m2"], SD: c["sd2"]}, c["r"])
		}
	}
	expit := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	arcsine := func(x float64) float64 {
		s := math.Sin(math.Max(0, math.Min(math.Pi/2, x)))
		return s * s
	}
	return []Measure{
		{Name: "GEN", Title: "effect as given", Scale: analysis.ScaleDifference, Compares: true, effect: func(cells, Ask) Effect { return noEffect }},
		{Name: "LOG", Title: "ratio, its logarithm as given", Scale: analysis.ScaleRatio, Log: true, Compares: true, effect: func(cells, Ask) Effect { return noEffect }, back: math.Exp},
		{Name: "MD", Title: "mean difference", Needs: two, Scale: analysis.ScaleDifference, Compares: true, effect: means(MeanDifference)},
		{Name: "SMD", Title: "standardised mean difference (Hedges' g)", Needs: []string{"m1|t|f|p", "n1", "n2"}, Scale: analysis.ScaleStandardised, Compares: true, effect: smdOf},
		{Name: "SMDH", Title: "standardised mean difference, unequal variances", Needs: two, Scale: analysis.ScaleStandardised, Compares: true, effect: means(StandardisedUnequal)},
		{Name: "ROM", Title: "ratio of means", Needs: two, Scale: analysis.ScaleRatio, Log: true, Compares: true, effect: means(RatioOfMeans), back: math.Exp},
		{Name: "MC", Title: "mean change", Needs: occasions, Scale: analysis.ScaleDifference, effect: change(Change)},
		{Name: "SMCC", Title: "change over the SD of change", Needs: occasions, Scale: analysis.ScaleStandardised, effect: change(StandardisedChange)},
		{Name: "SMCR", Title: "change over the SD before", Needs: occasions, Scale: analysis.ScaleStandardised, effect: change(StandardisedChangeRaw)},
		{Name: "MN", Title: "mean", Needs: []string{"m|median", "n"}, Scale: analysis.ScaleMean, effect: func(c cells, a Ask) Effect { return Mean(c.moments("", a)) }},
		{Name: "PR", Title: "share, untransformed", Needs: []string{"events", "n"}, Scale: analysis.ScaleProportion, effect: func(c cells, a Ask) Effect { return Share(c["events"], c["n"], a.Zero) }},
		{Name: "PLO", Title: "share, by its logit", Needs: []string{"events", "n"}, Scale: analysis.ScaleProportion, effect: func(c cells, a Ask) Effect { return LogitShare(c["events"], c["n"], a.Zero) }, back: expit},
		{Name: "PAS", Title: "share, by its arcsine", Needs: []string{"events", "n"}, Scale: analysis.ScaleProportion, effect: func(c cells, _ Ask) Effect { return ArcsineShare(c["events"], c["n"]) }, back: arcsine},
		{Name: "PFT", Title: "share, by the Freeman-Tukey double arcsine", Needs: []string{"events", "n"}, Scale: analysis.ScaleProportion, effect: func(c cells, _ Ask) Effect { return FreemanTukeyShare(c["events"], c["n"]) }},
		{Name: "RR", Title: "risk ratio", Needs: tables, Scale: analysis.ScaleRatio, Log: true, Compares: true, effect: counted(RiskRatio), back: math.Exp},
		{Name: "OR", Title: "odds ratio", Needs: tables, Scale: analysis.ScaleRatio, Log: true, Compares: true, effect: counted(OddsRatio), back: math.Exp},
		{Name: "RD", Title: "risk difference", Needs: tables, Scale: analysis.ScaleRiskDiff, Compares: true, effect: counted(RiskDifference)},
		{Name: "PETO", Title: "odds ratio by Peto", Needs: tables, Scale: analysis.ScaleRatio, Log: true, Compares: true, effect: func(c cells, _ Ask) Effect { return PetoOdds(c.counts()) }, back: math.Exp},
		{Name: "HR", Title: "hazard ratio", Needs: []string{"hr", "low", "high"}, Scale: analysis.ScaleRatio, Log: true, Compares: true, effect: func(c cells, _ Ask) Effect { return FromHazardRatio(c["hr"], c["low"], c["high"], 0.95) }, back: math.Exp},
	}
}

// FindMeasure returns the measure of that name, in letters of either case.
func FindMeasure(name string) (Measure, bool) {
	for _, m := range Measures() {
		if strings.EqualFold(m.Name, name) {
			return m, true
		}
	}
	return Measure{}, false
}

// smdOf takes means where there are, else a test statistic.
func smdOf(c cells, a Ask) Effect {
	n1, n2 := c.whole("n1"), c.whole("n2")
	sign := c["sign"]
	switch {
	case c.has("m1") || c.has("median1"):
		return StandardisedDifference(c.moments("1", a), c.moments("2", a))
	case c.has("t"):
		return FromT(c["t"], n1, n2)
	case c.has("f"):
		return FromF(c["f"], sign, n1, n2)
	}
	return FromP(c["p"], sign, n1, n2)
}

// cells are the numbers of a row by column; what is not given is NaN.
type cells map[string]float64

func (c cells) has(column string) bool { return !math.IsNaN(c[column]) }

// whole is a count, 0 where it is not given.
func (c cells) whole(column string) int {
	if !c.has(column) {
		return 0
	}
	return int(c[column])
}

func (c cells) counts() Counts { return Counts{c["events1"], c["n1"], c["events2"], c["n2"]} }

// moments are those of a group: as given, or from its median.
func (c cells) moments(group string, a Ask) Moments {
	n := c.whole("n" + group)
	if c.has("m"+group) || !c.has("median"+group) {
		return Moments{N: n, Mean: c["m"+group], SD: c["sd"+group]}
	}
	return FromMedian(Quartiles{n, c["min"+group], c["lower"+group], c["median"+group], c["upper"+group], c["max"+group]}, a.Median)
}
