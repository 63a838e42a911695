package simulate

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Result is what a simulation found. Every mean carries its Monte Carlo
// standard error (mcse): how far it may be from what endlessly many patients
// and draws of this same model would give. It says nothing of how right the
// model is.
type Result struct {
	Scenario    Source       `json:"scenario"`
	Evidence    Source       `json:"evidence"`
	Seed        uint64       `json:"seed"`
	Draws       int          `json:"draws"`
	Patients    int          `json:"patients_per_draw"`
	Currency    string       `json:"currency,omitempty"`   // of costs, such as USD or EUR/DEU
	PriceYear   int          `json:"price_year,omitempty"` // of costs; 0 where it is not stated
	Points      int          `json:"points"`               // points in time of every trajectory
	Conventions []Convention `json:"conventions"`
	Reference   string       `json:"reference"` // strategy that differences are taken against
	Outcomes    []Outcome    `json:"outcomes"`  // what each outcome means, and for whom it is null
	Series      []Series     `json:"series"`
	Strategies  []Strategy   `json:"strategies"`
	Differences []Strategy   `json:"differences"` // strategy minus reference, paired by patient
	ByDraw      ByDraw       `json:"by_draw"`
	Warnings    []Warning    `json:"warnings"`
}

// Source names an input and its SHA-256, so a result can be traced to it.
type Source struct {
	Name   string `json:"name"`
	Digest string `json:"sha256"`
}

// String writes the name and the beginning of the digest.
func (s Source) String() string { return s.Name + " " + s.Digest[:min(16, len(s.Digest))] }

// Convention is one setting that could have been otherwise and would change the
// numbers.
type Convention struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Warning is something the reader of a result must know, and what cures it.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Strategy is the estimates and trajectories of one strategy.
type Strategy struct {
	Name         string       `json:"name"`
	Estimates    []Estimate   `json:"estimates"`
	Trajectories []Trajectory `json:"trajectories,omitempty"`
}

// Estimate is the mean of one outcome.
//
// With D draws of n patients, S² the variance of the draw means and W the mean
// of the variances within draws,
//
//	MCSE        = √(S²/D), or √(W/n) with a single draw
//	ParameterSD = √max(0, S² − W/n)      (analysis of variance)
//
// Under Latin hypercube sampling MCSE is an upper estimate.
type Estimate struct {
	Outcome string `json:"outcome"`
	Unit    string `json:"unit"`
	N       int    `json:"n"` // patients in the mean, all draws together
	Mean    Num    `json:"mean"`
	// SD is the spread of patients within a draw (first-order), √W.
	SD   Num `json:"sd"`
	MCSE Num `json:"mcse"`
	// ParameterSD is the spread that comes from uncertain parameters
	// (second-order), the noise of a finite number of patients removed. Null with
	// a single draw.
	ParameterSD Num `json:"parameter_sd"`
	// Lower and Upper are the 2.5th and 97.5th percentiles over the draws of the
	// draw mean, drawn towards the overall mean by ParameterSD/S so that the noise
	// of patients does not widen them. Null under 20 draws, and where S² is not larger
	// than the noise alone would make it (S² − W/n ≤ 1.645·S²·√(2/(D−1)), a one-sided test
	// at 5 %): how far the draws lie apart is then not known, and 0 would claim it is.
	Lower Num `json:"lower"`
	Upper Num `json:"upper"`
	// NoiseShare is the part of S² that is patient noise, W/n / S², at most 1.
	NoiseShare Num `json:"noise_share"`
	// Dominant says which source the MCSE comes from mostly: "patients" (more
	// patients a draw cure it) or "parameters" (more draws do).
	Dominant string `json:"dominant"`
}

// Trajectory is the mean of one series at the points 0..points−1.
type Trajectory struct {
	Series string `json:"series"`
	Unit   string `json:"unit"`
	Mean   []Num  `json:"mean"`
	MCSE   []Num  `json:"mcse"`
	// Quantiles are those of single patients, all draws together: they show both
	// how patients differ and how uncertain the parameters are.
	Quantiles []Quantile `json:"quantiles,omitempty"`
}

// Quantile is one quantile at every point, exact to one bin of the histogram it
// is read from (0.1 for pain on 0-10).
type Quantile struct {
	P      float64 `json:"p"`
	Values []Num   `json:"values"`
}

// quantiles are the ones reported.
var quantiles = []float64{0.05, 0.25, 0.5, 0.75, 0.95}

// ByDraw is the mean cost and effect of each strategy in each draw: the input of
// cost-effectiveness analysis.
type ByDraw struct {
	Cost    string  `json:"cost_outcome"`
	Effect  string  `json:"effect_outcome"`
	Costs   [][]Num `json:"costs"`   // strategy x draw
	Effects [][]Num `json:"effects"` // strategy x draw
	// Noise is the covariance of these means that comes from a finite number of
	// patients, averaged over the draws, in the order costs of the strategies, then
	// effects. Null with one patient a draw.
	Noise [][]Num `json:"noise_covariance"`
}

// reduction is a whole run, added up.
type reduction struct {
	spec            Spec
	seed            uint64
	patients        int // in each draw
	rows            []row
	levels, diffs   []drawStat
	series          []seriesStat
	noise           []float64
	bins            [][]uint64
	precision       []Precision
	draws, inRounds int
}

// reduce adds up a part that begins at the first draw.
func (p *Part) reduce() *reduction {
	k := len(p.spec.Strategies) * len(p.spec.Outcomes)
	r := &reduction{
		spec: p.spec, seed: p.id.Size.Seed, patients: p.id.Size.Patients, rows: p.rows,
		levels: make([]drawStat, k), diffs: make([]drawStat, k), bins: p.bins, precision: p.id.Size.Precision, inRounds: p.done / p.tasks(),
	}
	var total *spread
	if p.id.Size.grows() {
		r.patients = p.done * BlockSize
		t := tree[*sums]{join: func(a, b *sums) *sums { a.merge(b); return a }}
		for _, n := range p.open[0].sums.nodes {
			t.nodes = append(t.nodes, node[*sums]{n.level, n.index, n.value.clone()})
		}
		var only row
		only, total = t.total().endDraw()
		r.rows = []row{only}
	} else {
		t := tree[*spread]{join: p.spreads.join}
		for _, n := range p.spreads.nodes {
			t.nodes = append(t.nodes, node[*spread]{n.level, n.index, n.value.clone()})
		}
		total = t.total()
	}
	r.draws, r.series, r.noise = len(r.rows), total.series, total.noise
	for _, d := range r.rows {
		for i := range k {
			r.levels[i].add(d.levels[i])
			r.diffs[i].add(d.diffs[i])
		}
	}
	return r
}

// Result returns the tables of a whole run. A shard or a run that is not finished
// has none.
func (p *Part) Result() (Result, error) {
	if p.from > 0 || p.done < p.to || p.done < p.tasks() {
		return Result{}, fmt.Errorf("%s holds a part of a run only, which has no result; merge all its shards first", p.Name)
	}
	out := p.reduce().result()
	out.Scenario, out.Evidence = p.id.Scenario, p.id.Evidence
	return out, nil
}

func (r *reduction) result() Result {
	out := Result{
		Seed: r.seed, Draws: r.draws, Patients: r.patients, Points: r.spec.Points,
		Outcomes: r.spec.Outcomes, Series: r.spec.Series, Reference: r.spec.Strategies[0], ByDraw: r.byDraw(), Conventions: []Convention{}, Warnings: []Warning{}, Differences: []Strategy{},
	}
	if len(r.precision) > 0 {
		out.Conventions = append(out.Conventions, r.stopped())
	}
	for s, name := range r.spec.Strategies {
		out.Strategies = append(out.Strategies, Strategy{name, r.estimates(r.levels, s), r.trajectories(s)})
		if s > 0 {
			out.Differences = append(out.Differences, Strategy{Name: name, Estimates: r.estimates(r.diffs, s)})
		}
	}
	out.Warnings = append(out.Warnings, r.warnings()...)
	out.Warnings = append(out.Warnings, out.drowned()...)
	return out
}

// drowned names the outcomes without an interval because of the noise of patients.
func (r *Result) drowned() []Warning {
	if r.Draws < minDrawsForPercentiles {
		return nil
	}
	var names []string
	for _, s := range slices.Concat(r.Strategies, r.Differences) {
		for _, e := range s.Estimates {
			if e.Lower != e.Lower && e.NoiseShare == e.NoiseShare && !slices.Contains(names, e.Outcome) {
				names = append(names, e.Outcome)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	if n := len(names); n > 6 {
		names = append(names[:5], fmt.Sprintf("%d more outcomes", n-5))
	}
	return []Warning{{"no-interval", fmt.Sprintf("the draws lie no further apart than chance between patients puts them, in some strategies or differences of %s: they have no interval there; ask for more patients in each draw", strings.Join(names, ", "))}}
}

// stopped says why a run with a precision has the size it has.
func (r *reduction) stopped() Convention {
	var targets []string
	for _, t := range r.precision {
		targets = append(targets, t.String())
	}
	added := fmt.Sprintf("%d draws", r.draws/r.inRounds)
	if r.draws == 1 {
		added = fmt.Sprintf("%d patients", r.patients/r.inRounds)
	}
	return Convention{"precision", fmt.Sprintf("stopped by the standard errors: %s after %d rounds of %s", strings.Join(targets, " and "), r.inRounds, added)}
}

func (r *reduction) estimates(stats []drawStat, strategy int) []Estimate {
	k := len(r.spec.Outcomes)
	out := make([]Estimate, k)
	for o, outcome := range r.spec.Outcomes {
		out[o] = stats[strategy*k+o].estimate()
		out[o].Outcome, out[o].Unit = outcome.Name, outcome.Unit
	}
	return out
}

func (s *drawStat) estimate() Estimate {
	nan := Num(math.NaN())
	e := Estimate{N: int(s.n), Mean: nan, SD: nan, MCSE: nan, ParameterSD: nan, Lower: nan, Upper: nan, NoiseShare: nan}
	draws := s.draws
	if draws.n == 0 {
		return e
	}
	e.Mean = Num(draws.mean)
	if s.within.n > 0 {
		e.SD = Num(math.Sqrt(s.within.mean))
	}
	if draws.n == 1 {
		e.Dominant = "patients"
		if s.noise.n > 0 {
			e.MCSE = Num(math.Sqrt(s.noise.mean))
		}
		return e
	}
	total := draws.variance()
	e.MCSE = Num(math.Sqrt(total / draws.n))
	if s.noise.n == 0 {
		return e
	}
	between := math.Max(0, total-s.noise.mean)
	e.ParameterSD = Num(math.Sqrt(between))
	e.Dominant = "parameters"
	if s.noise.mean > between {
		e.Dominant = "patients"
	}
	if total == 0 {
		e.Dominant = "" // no variation at all: the outcome is constant
		e.Lower, e.Upper = e.Mean, e.Mean
		return e
	}
	e.NoiseShare = Num(math.Min(1, s.noise.mean/total))
	if draws.n >= minDrawsForPercentiles && between > float64(1.645*total)*math.Sqrt(2/(draws.n-1)) {
		shrink := math.Sqrt(between / total)
		e.Lower = Num(draws.mean + float64(shrink*(percentile(s.means, 0.025)-draws.mean)))
		e.Upper = Num(draws.mean + float64(shrink*(percentile(s.means, 0.975)-draws.mean)))
	}
	return e
}

const minDrawsForPercentiles = 20

// percentile is the quantile of type 7 of the values that are not NaN.
func percentile(x []float64, p float64) float64 {
	s := make([]float64, 0, len(x))
	for _, v := range x {
		if v == v {
			s = append(s, v)
		}
	}
	slices.Sort(s)
	h := float64(p * float64(len(s)-1))
	i := int(h)
	if i+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[i] + float64((h-float64(i))*(s[i+1]-s[i]))
}

func (r *reduction) trajectories(strategy int) []Trajectory {
	var out []Trajectory
	for k, series := range r.spec.Series {
		t := Trajectory{Series: series.Name, Unit: series.Unit, Mean: make([]Num, r.spec.Points), MCSE: make([]Num, r.spec.Points)}
		for p := range t.Mean {
			s := r.series[(strategy*len(r.spec.Series)+k)*r.spec.Points+p]
			t.Mean[p], t.MCSE[p] = Num(s.means.meanOrNaN()), Num(math.NaN())
			switch {
			case s.means.n > 1:
				t.MCSE[p] = Num(math.Sqrt(s.means.variance() / s.means.n))
			case s.noise.n > 0:
				t.MCSE[p] = Num(math.Sqrt(s.noise.mean))
			}
		}
		if series.Bins > 0 {
			t.Quantiles = r.quantiles(r.bins[strategy*len(r.spec.Series)+k], series)
		}
		out = append(out, t)
	}
	return out
}

func (r *reduction) quantiles(bins []uint64, s Series) []Quantile {
	out := make([]Quantile, len(quantiles))
	for i, p := range quantiles {
		out[i].P = p
		for point := range r.spec.Points {
			out[i].Values = append(out[i].Values, Num(binQuantile(bins[point*s.Bins:(point+1)*s.Bins], p, s)))
		}
	}
	return out
}

// binQuantile goes linearly through the bin in which a share p is reached, NaN
// if the bins are empty.
func binQuantile(bins []uint64, p float64, s Series) float64 {
	total := uint64(0)
	for _, n := range bins {
		total += n
	}
	want, below := float64(p*float64(total)), 0.0
	for k, n := range bins {
		if n > 0 && below+float64(n) >= want {
			width := (s.High - s.Low) / float64(len(bins))
			return s.Low + float64(width*(float64(k)+(want-below)/float64(n)))
		}
		below += float64(n)
	}
	return math.NaN()
}

func (r *reduction) byDraw() ByDraw {
	n := len(r.spec.Strategies)
	b := ByDraw{Cost: r.spec.Cost, Effect: r.spec.Effect, Costs: make([][]Num, n), Effects: make([][]Num, n), Noise: make([][]Num, 2*n)}
	for s := range n {
		for _, d := range r.rows {
			b.Costs[s] = append(b.Costs[s], Num(d.joint[s]))
			b.Effects[s] = append(b.Effects[s], Num(d.joint[n+s]))
		}
	}
	for i := range b.Noise {
		for j := range 2 * n {
			b.Noise[i] = append(b.Noise[i], Num(r.noise[i*2*n+j]/float64(r.draws)))
		}
	}
	return b
}

func (r *reduction) warnings() []Warning {
	var w []Warning
	if r.draws == 1 {
		w = append(w, Warning{"single-draw", "the parameters were not varied, so nothing here shows how uncertain they make the result; ask for 100 or more draws"})
	} else if r.draws < minDrawsForPercentiles {
		w = append(w, Warning{"few-draws", fmt.Sprintf("percentiles over the draws need at least %d draws; there are %d", minDrawsForPercentiles, r.draws)})
	}
	if r.patients == 1 {
		w = append(w, Warning{"one-patient", "with one patient a draw, patients and parameters cannot be told apart; ask for more patients"})
	}
	return w
}
