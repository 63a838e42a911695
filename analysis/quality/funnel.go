package quality

import (
	"fmt"
	"math"

	"recoup/analysis"
)

// What a funnel plot is of.
const (
	FunnelShares = "proportion" // events of patients
	FunnelRates  = "rate"       // events by exposure
	FunnelRatios = "ratio"      // observed over expected events
	FunnelMeans  = "mean"       // means of patients
)

// How limits of a funnel plot are worked out.
const (
	LimitsExact    = "exact"    // binomial or Poisson, interpolated between whole numbers of events
	LimitsNormal   = "normal"   // score: target ± z s, on the scale asked for
	LimitsInterval = "interval" // of ratios and rates: the exact interval of the expected number, chi-square quantiles, as FunnelPlotR draws
)

// Scales on which sites are compared for over-dispersion and normal limits.
const (
	ScaleNatural = "natural"
	ScaleRoot    = "root" // √y, s = 1/(2√E): of ratios and rates
	ScaleLog     = "log"  // log y, s = 1/√E: of ratios and rates
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

// FunnelOptions are the settings of a funnel plot. Start from DefaultFunnel.
type FunnelOptions struct {
	Better         Better
	Limits         string  // LimitsExact, LimitsNormal or LimitsInterval; means have normal limits alone
	Scale          string  // "": natural, but root for ratios and rates
	Overdispersion string  // what is done about it
	Extremes       string  // ExtremesWinsorise or ExtremesTruncate
	Winsor         float64 // share of z scores winsorised or truncated at each end, 0 to under 0.5
	Target         float64 // NaN: all sites together; of ratios 1
}

// DefaultFunnel is the funnel with exact limits about the overall value, with
// over-dispersion reported from z scores winsorised at 10 % and not applied.
var DefaultFunnel = FunnelOptions{Limits: LimitsExact, Overdispersion: OverdispersionNone, Extremes: ExtremesWinsorise, Winsor: 0.1, Target: math.NaN()}

// Unit is a site before it is compared.
type Unit struct {
	Label     string
	N, Events int
	Exposure  float64 // of rates; 0 for N
	Expected  float64 // of ratios
	Mean, SD  float64 // of means
}

// Limits are the limits of a funnel plot at one number of patients.
type Limits struct {
	Low95, High95, Low998, High998 float64
}

var noLimits = Limits{math.NaN(), math.NaN(), math.NaN(), math.NaN()}

// Site is one site of a funnel plot.
type Site struct {
	Label     string
	Events, N int
	Size      float64           // what the funnel narrows with: patients, exposure or expected events
	Value     analysis.Num      // none without size
	Z         analysis.Num      // (value - target)/s on the scale of the funnel, not adjusted
	Adjusted  analysis.Num      // z by the over-dispersion that was applied
	Limits    Limits            // NaN without size
	Position  string            // "" without size
	Meaning   Meaning           // of a site outside the 95 % limits
	Shrunken  analysis.Num      // towards the target by τ²/(τ² + s²)
	Interval  analysis.Interval // of the shrunken value, 95 %, τ taken as known
}

// FunnelLimit is a point of the limit lines, for drawing.
type FunnelLimit struct {
	Size float64
	Limits
}

// FunnelResult is a funnel plot.
type FunnelResult struct {
	Kind           string
	Target         analysis.Num
	Sites          []Site
	Overdispersion Overdispersion
	Applied        string        // OverdispersionNone where nothing was applied
	Curve          []FunnelLimit // from a small site to beyond the largest
	Method         string
	Warnings       []analysis.Warning
}

// Funnel returns the funnel plot of proportions of sites: FunnelOf of counts.
func Funnel(sites []Count, o FunnelOptions) FunnelResult {
	units := make([]Unit, len(sites))
	for i, s := range sites {
		units[i] = Unit{Label: s.Label, Events: s.Events, N: s.N}
	}
	return FunnelOf(FunnelShares, units, o)
}

// FunnelOf returns a funnel plot: how far each site lies from the target for its size.
//
//	proportion  y = x/n,  s² = target (1 - target)/n
//	rate        y = x/e,  s² = target/e
//	ratio       y = O/E,  s² = target/E
//	mean        y = x̄,    s² = σ²/n, σ² pooled within sites
//
// Exact limits interpolate the binomial or Poisson distribution: with r the least
// count of which P(R ≤ r) is at least p,
//
//	limit = (r - α)/size,  α = (P(R ≤ r) - p) / P(R = r),  p = 0.001, 0.025, 0.975, 0.999
//
// cut to what is possible. A site is outside where the chance of as many events or more,
// or as few or fewer, is under 0.025 or 0.001. About one site in twenty of alike sites lies outside the
// 95 % limits; those of 99.8 % are for action. Where over-dispersion is to be applied
// and is there, limits are normal on the scale of the funnel and turned back:
// target ± z √(s² + τ²) or target ± z √(φ s²). Sites without size are listed and left
// out of the numbers.
//
// Shrunken values are those of the additive model whatever limits are drawn:
// target + τ²/(τ² + s²) (y - target), variance τ² s²/(τ² + s²). On the log scale a site
// without events has no z and no shrunken value, and over-dispersion is of the others.
//
// A site outside is one to look at: its patients may differ (proportions, rates and
// means are not adjusted for risk), and with the overall value as target a large site
// pulls the target towards itself.
//
// Spiegelhalter 2005, 10.1002/sim.1970.
func FunnelOf(kind string, sites []Unit, o FunnelOptions) FunnelResult {
	k := funnelKindOf(kind, sites, o)
	r := FunnelResult{Kind: kind, Target: analysis.None, Applied: OverdispersionNone, Method: k.words(o)}
	filled, largest := 0, 0.0
	for _, u := range sites {
		s := Site{Label: u.Label, Events: u.Events, N: u.N, Value: analysis.None, Z: analysis.None, Adjusted: analysis.None, Limits: noLimits, Shrunken: analysis.None, Interval: analysis.NoInterval}
		if s.Size = k.size(u); s.Size > 0 {
			s.Value = analysis.Num(k.value(u))
			filled, largest = filled+1, math.Max(largest, s.Size)
		}
		r.Sites = append(r.Sites, s)
	}
	r.Overdispersion = noDispersion(filled)
	if filled == 0 {
		r.warn(analysis.WarnTooFew, "no site has a patient", "ask for a visit or an outcome with more patients")
		return r
	}
	r.Target = analysis.Num(k.target)
	if !(k.variance > 0) {
		r.warn(analysis.WarnNoVariance, "chance gives no spread about the target (it is 0 or 1, or no patients of a site differ), so there are no limits", "")
		return r
	}
	r.disperse(k, filled, o)
	at := r.limits(k, o)
	for i := range r.Sites {
		if s := &r.Sites[i]; s.Size > 0 {
			s.Limits = at(s.Size)
			s.place(k, o, r.exactly(k, o))
			r.adjust(s, k)
		}
	}
	r.Curve = curve(largest, k.whole, at)
	return r
}

// funnelKind is what one kind of funnel needs: a site's value and size, the target,
// the variance of one unit of size, and the scale.
type funnelKind struct {
	kind, scale      string
	target, variance float64
	value, size      func(Unit) float64
	exact            func(size, p float64) float64     // nil where limits are normal alone
	tails            func(s *Site) (low, high float64) // P(R ≤ r) and P(R ≥ r) under the target; with exact
	least, most      float64
	whole            bool // sizes are whole numbers of patients
	given            bool // the target was given
}

func funnelKindOf(kind string, sites []Unit, o FunnelOptions) funnelKind {
	k := funnelKind{kind: kind, scale: o.Scale, target: o.Target, most: math.Inf(1), given: !math.IsNaN(o.Target)}
	switch kind {
	case FunnelRates:
		k.size, k.value = func(u Unit) float64 {
			if u.Exposure > 0 {
				return u.Exposure
			}
			return float64(u.N)
		}, func(u Unit) float64 { return float64(u.Events) / k.size(u) }
	case FunnelRatios:
		k.size, k.value = func(u Unit) float64 { return u.Expected }, func(u Unit) float64 { return float64(u.Events) / u.Expected }
		if !k.given {
			k.target = 1
		}
	case FunnelMeans:
		k.size, k.value = func(u Unit) float64 { return float64(u.N) }, func(u Unit) float64 { return u.Mean }
		k.least, k.whole = math.Inf(-1), true
	default:
		k.size, k.value = func(u Unit) float64 { return float64(u.N) }, func(u Unit) float64 { return float64(u.Events) / float64(u.N) }
		k.most, k.whole = 1, true
	}
	if math.IsNaN(k.target) {
		k.target = overall(sites, k)
	}
	switch kind {
	case FunnelRates, FunnelRatios:
		k.variance = k.target
		k.exact = func(size, p float64) float64 { return PoissonLimit(k.target*size, p) / size }
		k.tails = func(s *Site) (low, high float64) { return poissonTails(k.target*s.Size, s.Events) }
		if o.Limits == LimitsInterval {
			k.tails = nil
			k.exact = func(size, p float64) float64 { return intervalLimit(k.target*size, p) / size }
		}
		if k.scale == "" {
			k.scale = ScaleRoot
		}
	case FunnelMeans:
		k.variance, k.scale = pooledVariance(sites), ScaleNatural
	default:
		k.variance, k.scale = k.target*(1-k.target), ScaleNatural
		k.exact = func(size, p float64) float64 { return BinomialLimit(k.target, int(size), p) }
		k.tails = func(s *Site) (low, high float64) { return binomialTails(k.target, s.N, s.Events) }
	}
	return k
}

// overall is the value of all sites together.
func overall(sites []Unit, k funnelKind) float64 {
	first, sum, size := math.NaN(), 0.0, 0.0
	for _, u := range sites {
		if n := k.size(u); n > 0 {
			if math.IsNaN(first) {
				first = k.value(u)
			}
			sum, size = sum+float64(n*(k.value(u)-first)), size+n
		}
	}
	if k.kind == FunnelMeans {
		return first + sum/size
	}
	events := 0
	for _, u := range sites {
		if k.size(u) > 0 {
			events += u.Events
		}
	}
	return float64(events) / size
}

func pooledVariance(sites []Unit) float64 {
	sum, df := 0.0, 0
	for _, u := range sites {
		if u.N > 1 {
			sum, df = sum+float64(float64(u.N-1)*u.SD*u.SD), df+u.N-1
		}
	}
	return sum / float64(df)
}

// intervalLimit is a limit of the exact Poisson interval about a number that need not
// be whole. R: qchisq(p, 2 * e)/2 under the middle, qchisq(p, 2 * (e + 1))/2 over it.
func intervalLimit(e, p float64) float64 {
	if p < 0.5 {
		return gammaQuantile(e, p)
	}
	return gammaQuantile(e+1, p)
}

// on turns a value to the scale of the funnel, back turns it back.
func (k funnelKind) on(y float64) float64 {
	switch k.scale {
	case ScaleRoot:
		return math.Sqrt(math.Max(0, y))
	case ScaleLog:
		return math.Log(y)
	}
	return y
}

func (k funnelKind) back(v float64) float64 {
	switch k.scale {
	case ScaleRoot:
		v = math.Max(0, v)
		return v * v
	case ScaleLog:
		return math.Exp(v)
	}
	return math.Max(k.least, math.Min(k.most, v))
}

// se is the standard error at a size, on the scale of the funnel.
func (k funnelKind) se(size float64) float64 {
	switch k.scale {
	case ScaleRoot:
		return 1 / (2 * math.Sqrt(size))
	case ScaleLog:
		return 1 / math.Sqrt(k.target*size)
	}
	return math.Sqrt(k.variance / size)
}

func (k funnelKind) words(o FunnelOptions) string {
	name := map[string]string{FunnelShares: "proportions", FunnelRates: "rates", FunnelRatios: "observed over expected", FunnelMeans: "means"}[k.kind]
	s := "funnel plot of " + name + ", exact " + map[bool]string{true: "binomial", false: "Poisson"}[k.kind == FunnelShares] + " limits, interpolated"
	switch {
	case k.exact == nil || o.Limits == LimitsNormal:
		s = "funnel plot of " + name + ", normal (score) limits"
		if k.scale != ScaleNatural {
			s += " on the " + k.scale + " scale"
		}
	case o.Limits == LimitsInterval && k.kind != FunnelShares:
		s = "funnel plot of " + name + ", limits of the exact Poisson interval about the expected number"
	}
	switch {
	case k.given:
		return s + fmt.Sprintf("; target given: %g", o.Target)
	case k.kind == FunnelRatios:
		return s + "; target: 1"
	}
	return s + "; target: all sites together"
}

func (r *FunnelResult) warn(code, message, cure string) {
	r.Warnings = append(r.Warnings, analysis.Warning{Code: code, Message: message, Cure: cure})
}

// disperse works out over-dispersion and whether it is applied.
func (r *FunnelResult) disperse(k funnelKind, filled int, o FunnelOptions) {
	var z, s []float64
	without := 0
	for i := range r.Sites {
		site := &r.Sites[i]
		if !(site.Size > 0) {
			continue
		}
		se := k.se(site.Size)
		v := (k.on(float64(site.Value)) - k.on(k.target)) / se
		if math.IsInf(v, 0) {
			without++
			continue
		}
		site.Z = analysis.Num(v)
		s, z = append(s, se), append(z, v)
	}
	if without > 0 {
		r.warn(analysis.WarnSmallCount, fmt.Sprintf("%d sites without events have no logarithm, so they are no part of over-dispersion", without), "take scale=root")
	}
	if len(z) < MinSites {
		r.warn(WarnShortSeries, fmt.Sprintf("%d sites with patients: over-dispersion needs %d, so how much alike sites differ is not known", filled, MinSites), "")
		return
	}
	d := disperse(z, s, o.Winsor, o.Extremes)
	r.Overdispersion = d
	how := fmt.Sprintf("φ from z winsorised at %g %%", 100*o.Winsor)
	if o.Extremes == ExtremesTruncate {
		how = fmt.Sprintf("φ from z truncated at %g %%", 100*o.Winsor)
	}
	if k.scale != ScaleNatural {
		how += ", on the " + k.scale + " scale"
	}
	switch {
	case o.Overdispersion == OverdispersionAdditive && d.Tau2 > 0:
		r.Applied = OverdispersionAdditive
		r.Method += "; limits widened by over-dispersion, additive, " + how + ": target ± z √(s² + τ²)"
	case o.Overdispersion == OverdispersionMultiplicative && d.Phi > 1:
		r.Applied = OverdispersionMultiplicative
		r.Method += "; limits widened by over-dispersion, multiplicative, " + how + ": target ± z √(φ s²)"
	case o.Overdispersion == OverdispersionNone && d.Phi > d.Threshold:
		r.warn(WarnOverdispersed, fmt.Sprintf("sites differ more than chance gives (φ = %.2f, over %.2f): limits without over-dispersion call too many sites different", float64(d.Phi), float64(d.Threshold)), "compare with overdispersion=additive")
	}
}

// spread is the standard error with the over-dispersion that is applied.
func (r *FunnelResult) spread(k funnelKind, size float64) float64 {
	s := k.se(size)
	switch r.Applied {
	case OverdispersionAdditive:
		return math.Sqrt(s*s + float64(r.Overdispersion.Tau2))
	case OverdispersionMultiplicative:
		return s * math.Sqrt(float64(r.Overdispersion.Phi))
	}
	return s
}

// adjust sets z by the over-dispersion applied, and the shrunken value.
func (r *FunnelResult) adjust(s *Site, k funnelKind) {
	se := k.se(s.Size)
	s.Adjusted = s.Z * analysis.Num(se/r.spread(k, s.Size))
	tau2 := float64(r.Overdispersion.Tau2)
	if !s.Z.OK() || math.IsNaN(tau2) {
		return
	}
	center, share := k.on(k.target), tau2/(tau2+se*se)
	middle := center + share*float64(s.Z)*se
	half := analysis.NormalQuantile(0.95) * math.Sqrt(share) * se
	s.Shrunken = analysis.Num(k.back(middle))
	s.Interval = analysis.NewInterval("empirical Bayes, τ taken as known", k.back(middle-half), k.back(middle+half), 0.95)
}

// limits returns the limits at a size.
func (r *FunnelResult) limits(k funnelKind, o FunnelOptions) func(size float64) Limits {
	if r.exactly(k, o) {
		return func(size float64) Limits {
			return Limits{k.exact(size, 0.025), k.exact(size, 0.975), k.exact(size, 0.001), k.exact(size, 0.999)}
		}
	}
	return func(size float64) Limits {
		s, center := r.spread(k, size), k.on(k.target)
		at := func(level float64) (low, high float64) {
			d := float64(analysis.NormalQuantile(level) * s)
			return k.back(center - d), k.back(center + d)
		}
		l95, h95 := at(0.95)
		l998, h998 := at(0.998)
		return Limits{l95, h95, l998, h998}
	}
}

// exactly reports whether the limits are exact.
func (r *FunnelResult) exactly(k funnelKind, o FunnelOptions) bool {
	return r.Applied == OverdispersionNone && o.Limits != LimitsNormal && k.exact != nil
}

// place says where a site lies. By exact limits that is by the chance of as many or more,
// or as few or fewer, at the target: the interpolated upper line runs below the least
// count that is so rare, which at small sites is a count that is not rare at all.
func (s *Site) place(k funnelKind, o FunnelOptions, exactly bool) {
	y, l := float64(s.Value), s.Limits
	slack := 1e-12 * (1 + math.Abs(k.target)) // a value that lies on a limit is inside, whatever the rounding
	s.Position = Inside
	beyond := func(low, high, _ float64) bool { return y < low-slack || y > high+slack }
	if exactly && k.tails != nil {
		few, many := k.tails(s)
		beyond = func(_, _, p float64) bool { return math.Min(few, many) < p*(1-1e-9) }
	}
	switch {
	case beyond(l.Low998, l.High998, 0.001):
		s.Position = Outside998
	case beyond(l.Low95, l.High95, 0.025):
		s.Position = Outside95
	}
	if s.Position != Inside {
		s.Meaning = ChartOptions{Better: o.Better}.meaning(y > k.target)
	}
}

// curve returns the limit lines on about 60 sizes, closer together where the funnel
// narrows.
func curve(largest float64, whole bool, at func(float64) Limits) []FunnelLimit {
	const steps = 60
	var out []FunnelLimit
	last := 0.0
	end := 1.1 * largest
	if whole {
		end = math.Max(10, end)
	}
	for i := range steps + 1 {
		size := end * float64((i+1)*(i+1)) / ((steps + 1) * (steps + 1))
		if whole {
			size = math.Max(1, math.Round(size))
		}
		if size <= last {
			continue
		}
		last = size
		// So few that no event at all is what chance gives: the limits are no funnel yet.
		if l := at(size); l.High95 > l.Low95 {
			out = append(out, FunnelLimit{size, l})
		}
	}
	return out
}
