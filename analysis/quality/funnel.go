package quality

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// How limits of a funnel plot are worked out.
const (
	LimitsExact  = "exact"  // binomial, interpolated between whole numbers of events
	LimitsNormal = "normal" // score: target ± z √(target (1 - target) / n)
)

// What is done about over-dispersion.
const (
	OverdispersionNone           = "none"           // reported, not applied
	OverdispersionAdditive       = "additive"       // limits from τ² + s², a random effect of site
	OverdispersionMultiplicative = "multiplicative" // limits from φ s²
)

// Positions of a site in a funnel plot.
const (
	Inside     = "inside"      // within the 95 % limits
	Outside95  = "outside-95"  // beyond the 95 % limits, within the 99.8 %
	Outside998 = "outside-998" // beyond the 99.8 % limits
)

// MinSites is the least number of sites from which over-dispersion is worked out.
const MinSites = 3

// FunnelOptions are the settings of a funnel plot. Start from DefaultFunnel.
type FunnelOptions struct {
	Better         Better
	Limits         string  // LimitsExact or LimitsNormal
	Overdispersion string  // what is done about it
	Winsor         float64 // share of z scores pulled in at each end, 0 to under 0.5
	Target         float64 // NaN: the proportion of all sites together
}

// DefaultFunnel is the funnel with exact limits about the overall proportion, with
// over-dispersion reported from z scores winsorised at 10 % and not applied.
var DefaultFunnel = FunnelOptions{Limits: LimitsExact, Overdispersion: OverdispersionNone, Winsor: 0.1, Target: math.NaN()}

// Limits are the limits of a funnel plot at one number of patients.
type Limits struct {
	Low95, High95, Low998, High998 float64
}

// Site is one site of a funnel plot.
type Site struct {
	Label     string
	Events, N int
	Share     analysis.Num // none without patients
	Z         analysis.Num // (share - target) / √(target (1 - target) / n), not adjusted
	Adjusted  analysis.Num // z by the limits that were applied
	Limits    Limits       // NaN without patients
	Position  string       // "" without patients
	Meaning   Meaning      // of a site outside the 95 % limits
}

// FunnelLimit is a point of the limit lines, for drawing.
type FunnelLimit struct {
	N int
	Limits
}

// FunnelResult is a funnel plot.
type FunnelResult struct {
	Target         analysis.Num
	Sites          []Site
	Overdispersion Overdispersion
	Applied        string        // OverdispersionNone where nothing was applied
	Curve          []FunnelLimit // from a few patients to beyond the largest site
	Method         string
	Warnings       []analysis.Warning
}

// Funnel returns the funnel plot of proportions of sites: how far each lies from
// the target for its number of patients.
//
// Exact limits interpolate the binomial distribution: with r the least count of
// which P(R ≤ r) is at least p,
//
//	limit = (r - α)/n,  α = (P(R ≤ r) - p) / P(R = r),  p = 0.001, 0.025, 0.975, 0.999
//
// cut to [0, 1]. About one site in twenty of alike sites lies outside the 95 %
// limits; those of 99.8 % are for action. Where over-dispersion is to be applied
// and is there, limits are normal: target ± z √(s² + τ²) or target ± z √(φ s²),
// s² = target (1 - target)/n. Sites without patients are listed and left out of
// the numbers.
//
// A site outside is one to look at: its patients may differ (this is not adjusted
// for risk), and with the overall proportion as target a large site pulls the
// target towards itself.
//
// Spiegelhalter 2005, 10.1002/sim.1970.
func Funnel(sites []Count, o FunnelOptions) FunnelResult {
	r := FunnelResult{Target: analysis.None, Applied: OverdispersionNone, Method: funnelMethod(o)}
	events, n, filled, largest := 0, 0, 0, 0
	for _, s := range sites {
		site := Site{
			Label: s.Label, Events: s.Events, N: s.N, Share: analysis.None, Z: analysis.None, Adjusted: analysis.None,
			Limits: Limits{math.NaN(), math.NaN(), math.NaN(), math.NaN()},
		}
		if s.N > 0 {
			site.Share = analysis.Num(float64(s.Events) / float64(s.N))
			events, n, filled, largest = events+s.Events, n+s.N, filled+1, max(largest, s.N)
		}
		r.Sites = append(r.Sites, site)
	}
	target := o.Target
	if math.IsNaN(target) && n > 0 {
		target = float64(events) / float64(n)
	}
	r.Overdispersion = Overdispersion{Phi: analysis.None, Tau2: analysis.None, Threshold: analysis.None, P: analysis.None, Sites: filled}
	if n == 0 {
		r.warn(analysis.WarnTooFew, "no site has a patient", "ask for a visit or an outcome with more patients")
		return r
	}
	r.Target = analysis.Num(target)
	if !(target > 0 && target < 1) {
		r.warn(analysis.WarnNoVariance, "the target is 0 or 1, so chance gives no spread and there are no limits", "")
		return r
	}
	r.disperse(target, filled, o)
	at := r.limits(target, o)
	for i := range r.Sites {
		r.Sites[i].place(target, at, o)
		r.Sites[i].Adjusted = r.adjusted(r.Sites[i], target)
	}
	r.Curve = curve(largest, at)
	return r
}

func funnelMethod(o FunnelOptions) string {
	s := "funnel plot of proportions, exact binomial limits, interpolated"
	if o.Limits == LimitsNormal {
		s = "funnel plot of proportions, normal (score) limits"
	}
	if math.IsNaN(o.Target) {
		return s + "; target: all sites together"
	}
	return s + fmt.Sprintf("; target given: %g", o.Target)
}

func (r *FunnelResult) warn(code, message, cure string) {
	r.Warnings = append(r.Warnings, analysis.Warning{Code: code, Message: message, Cure: cure})
}

// disperse works out over-dispersion and whether it is applied.
func (r *FunnelResult) disperse(target float64, filled int, o FunnelOptions) {
	var z, s []float64
	for _, site := range r.Sites {
		if site.N > 0 {
			se := math.Sqrt(target * (1 - target) / float64(site.N))
			s, z = append(s, se), append(z, (float64(site.Share)-target)/se)
		}
	}
	if filled < MinSites {
		r.warn(WarnShortSeries, fmt.Sprintf("%d sites with patients: over-dispersion needs %d, so how much alike sites differ is not known", filled, MinSites), "")
		return
	}
	d := Disperse(z, s, o.Winsor)
	r.Overdispersion = d
	switch {
	case o.Overdispersion == OverdispersionAdditive && d.Tau2 > 0:
		r.Applied = OverdispersionAdditive
		r.Method += fmt.Sprintf("; limits widened by over-dispersion, additive, φ from z winsorised at %g %%: target ± z √(s² + τ²)", 100*o.Winsor)
	case o.Overdispersion == OverdispersionMultiplicative && d.Phi > 1:
		r.Applied = OverdispersionMultiplicative
		r.Method += fmt.Sprintf("; limits widened by over-dispersion, multiplicative, φ from z winsorised at %g %%: target ± z √(φ s²)", 100*o.Winsor)
	case o.Overdispersion == OverdispersionNone && d.Phi > d.Threshold:
		r.warn(WarnOverdispersed, fmt.Sprintf("sites differ more than chance gives (φ = %.2f, over %.2f): limits without over-dispersion call too many sites different", float64(d.Phi), float64(d.Threshold)), "compare with overdispersion=additive")
	}
}

// adjusted returns a site's z by the over-dispersion that is applied.
func (r *FunnelResult) adjusted(s Site, target float64) analysis.Num {
	switch r.Applied {
	case OverdispersionAdditive:
		return analysis.Num((float64(s.Share) - target) / math.Sqrt(target*(1-target)/float64(s.N)+float64(r.Overdispersion.Tau2)))
	case OverdispersionMultiplicative:
		return s.Z / analysis.Num(math.Sqrt(float64(r.Overdispersion.Phi)))
	}
	return s.Z
}

// limits returns the limits at a number of patients.
func (r *FunnelResult) limits(target float64, o FunnelOptions) func(n int) Limits {
	variance := func(n int) float64 { return target * (1 - target) / float64(n) }
	switch {
	case r.Applied == OverdispersionAdditive:
		v, tau2 := variance, float64(r.Overdispersion.Tau2)
		variance = func(n int) float64 { return v(n) + tau2 }
	case r.Applied == OverdispersionMultiplicative:
		v, phi := variance, float64(r.Overdispersion.Phi)
		variance = func(n int) float64 { return v(n) * phi }
	case o.Limits != LimitsNormal:
		return func(n int) Limits {
			return Limits{BinomialLimit(target, n, 0.025), BinomialLimit(target, n, 0.975), BinomialLimit(target, n, 0.001), BinomialLimit(target, n, 0.999)}
		}
	}
	return func(n int) Limits {
		s := math.Sqrt(variance(n))
		at := func(level float64) (low, high float64) {
			d := float64(analysis.NormalQuantile(level) * s)
			return max(0, target-d), min(1, target+d)
		}
		l95, h95 := at(0.95)
		l998, h998 := at(0.998)
		return Limits{l95, h95, l998, h998}
	}
}

// place says where a site lies.
func (s *Site) place(target float64, at func(int) Limits, o FunnelOptions) {
	if s.N == 0 {
		return
	}
	s.Limits = at(s.N)
	y := float64(s.Share)
	se := math.Sqrt(target * (1 - target) / float64(s.N))
	s.Z = analysis.Num((y - target) / se)
	s.Position = Inside
	const slack = 1e-12 // a share that lies on a limit is inside, whatever the rounding
	switch l := s.Limits; {
	case y < l.Low998-slack || y > l.High998+slack:
		s.Position = Outside998
	case y < l.Low95-slack || y > l.High95+slack:
		s.Position = Outside95
	}
	if s.Position != Inside {
		s.Meaning = ChartOptions{Better: o.Better}.meaning(y > target)
	}
}

// curve returns the limit lines on about 60 numbers of patients, closer together
// where the funnel narrows.
func curve(largest int, at func(int) Limits) []FunnelLimit {
	const steps = 60
	var out []FunnelLimit
	last := 0
	end := math.Max(10, 1.1*float64(largest))
	for i := range steps + 1 {
		n := int(math.Round(end * float64((i+1)*(i+1)) / ((steps + 1) * (steps + 1))))
		if n = max(n, 1); n > last {
			out = append(out, FunnelLimit{n, at(n)})
			last = n
		}
	}
	return out
}

// BinomialLimit returns the proportion of n at which the binomial distribution
// with the target's probability reaches p, interpolated between whole counts and
// cut to [0, 1]. It is NaN for n under 1 or a target that is not between 0 and 1.
//
//	(r - α)/n,  r the least count of which P(R ≤ r) ≥ p,  α = (P(R ≤ r) - p) / P(R = r)
//
// R: r <- qbinom(p, n, target); (r - (pbinom(r, n, target) - p) /
// dbinom(r, n, target)) / n. Spiegelhalter 2005, appendix, 10.1002/sim.1970.
func BinomialLimit(target float64, n int, p float64) float64 {
	if n < 1 || !(target > 0 && target < 1) {
		return math.NaN()
	}
	cdf := func(r int) float64 {
		switch {
		case r < 0:
			return 0
		case r >= n:
			return 1
		}
		return mathext.RegIncBeta(float64(n-r), float64(r+1), 1-target)
	}
	low, high := -1, n // P(R ≤ low) < p ≤ P(R ≤ high)
	for high-low > 1 {
		if mid := (low + high) / 2; cdf(mid) >= p {
			high = mid
		} else {
			low = mid
		}
	}
	at := cdf(high)
	alpha := (at - p) / (at - cdf(high-1))
	return math.Max(0, math.Min(1, (float64(high)-alpha)/float64(n)))
}

// Overdispersion is how much more sites differ than chance gives.
type Overdispersion struct {
	Phi       analysis.Num // mean squared z; 1 where sites differ by chance alone
	Tau2      analysis.Num // variance between sites, on the scale of the standard errors
	Threshold analysis.Num // 1 + 2√(2/k): φ above it is taken as over-dispersion
	P         analysis.Num // chi-square test of Σz² on k-1 degrees of freedom, z not winsorised
	Sites     int
}

// Disperse returns the over-dispersion of z scores with their standard errors.
// The share winsor of z scores at each end is pulled in to the quantile there
// (type 7), so that the sites one looks for do not hide themselves; 0 leaves all
// as they are.
//
//	φ = Σ z² / k,  τ² = max(0, (k φ - (k-1)) / (Σw - Σw²/Σw)),  w = 1/s²
//
// The test is of z about the overall proportion. Everything is none under
// MinSites sites.
//
// R: q <- quantile(z, c(w, 1-w)); mean(pmin(pmax(z, q[1]), q[2])^2); FunnelPlotR.
// Spiegelhalter 2005, 10.1002/sim.1970; DerSimonian and Laird 1986,
// 10.1016/0197-2456(86)90046-2.
func Disperse(z, s []float64, winsor float64) Overdispersion {
	d := Overdispersion{Phi: analysis.None, Tau2: analysis.None, Threshold: analysis.None, P: analysis.None, Sites: len(z)}
	if len(z) < MinSites {
		return d
	}
	k := float64(len(z))
	low, high := fit.Quantile(z, winsor), fit.Quantile(z, 1-winsor)
	phi, q, w, w2 := 0.0, 0.0, 0.0, 0.0
	for i, v := range z {
		in := math.Min(math.Max(v, low), high)
		phi += float64(in * in)
		q += float64(v * v)
		weight := 1 / (s[i] * s[i])
		w += weight
		w2 += float64(weight * weight)
	}
	phi /= k
	d.Phi = analysis.Num(phi)
	d.Tau2 = analysis.Num(math.Max(0, (float64(k*phi)-(k-1))/(w-w2/w)))
	d.Threshold = analysis.Num(1 + 2*math.Sqrt(2/k))
	d.P = analysis.Num(distuv.ChiSquared{K: k - 1}.Survival(q))
	return d
}

// PoissonLimit returns the count at which the Poisson distribution of that mean
// reaches p, interpolated between whole counts as BinomialLimit does, and not under 0.
//
// R: r <- qpois(p, mu); r - (ppois(r, mu) - p) / dpois(r, mu).
func PoissonLimit(mean, p float64) float64 {
	if !(mean > 0) {
		return math.NaN()
	}
	cdf := func(r int) float64 {
		if r < 0 {
			return 0
		}
		return mathext.GammaIncRegComp(float64(r+1), mean)
	}
	low, high := -1, int(mean)+1
	for cdf(high) < p {
		low, high = high, 2*high+1
	}
	for high-low > 1 {
		if mid := low + (high-low)/2; cdf(mid) >= p {
			high = mid
		} else {
			low = mid
		}
	}
	at := cdf(high)
	return math.Max(0, float64(high)-(at-p)/(at-cdf(high-1)))
}
