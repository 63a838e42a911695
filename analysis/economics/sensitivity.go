package economics

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
)

// Range is one input moved to both ends of its range, all others at their base values.
// AtLow and AtHigh have the strategies and batches of the base case: batch by batch the
// same patients and random numbers, so that what they share falls out of a change. Reason
// says why one of them is not there.
type Range struct {
	Parameter, Unit string
	Base, Low, High float64
	AtLow, AtHigh   *Draws
	Reason          string
}

// Tornado is a one-way sensitivity analysis of the incremental net benefit of a strategy
// against the reference,
//
//	INMB = w·ΔE − ΔC
//
// the inputs in order of Width, the most first.
type Tornado struct {
	Strategy         string             `json:"strategy"`
	Reference        string             `json:"reference"`
	WillingnessToPay analysis.Num       `json:"willingness_to_pay"`
	NetBenefit       analysis.Num       `json:"incremental_net_benefit"` // of the base case
	NetBenefitMCSE   analysis.Num       `json:"incremental_net_benefit_mcse"`
	ICER             analysis.Num       `json:"icer"`
	Best             string             `json:"best"`
	Swings           []Swing            `json:"swings"`
	Warnings         []analysis.Warning `json:"warnings"`
}

// Swing is one input of a Tornado.
type Swing struct {
	Parameter string       `json:"parameter"`
	Unit      string       `json:"unit"`
	Base      analysis.Num `json:"base"`
	AtLow     SwingEnd     `json:"low"`
	AtHigh    SwingEnd     `json:"high"`
	// Width is the distance from the least to the greatest net benefit of the three: the
	// base case and both ends.
	Width analysis.Num `json:"width"`
	// Changes says whether the best strategy is another at one of the ends, by at least 2
	// Monte Carlo standard errors of its lead there over that of the base case.
	Changes bool   `json:"changes_best"`
	Reason  string `json:"reason,omitempty"`
}

// SwingEnd is the result at one end of a range.
type SwingEnd struct {
	Value      analysis.Num `json:"value"`
	NetBenefit analysis.Num `json:"incremental_net_benefit"`
	// Change is from the base case, on the same random numbers; its error is null with a
	// single batch.
	Change     analysis.Num `json:"change"`
	ChangeMCSE analysis.Num `json:"change_mcse"`
	ICER       analysis.Num `json:"icer"` // null where one strategy dominates or effects do not differ
	Best       string       `json:"best"`
}

// OneWay makes a tornado of inputs moved one at a time. R: dampack::run_owsa_det,
// dampack::owsa_tornado.
func OneWay(base Draws, ranges []Range, strategy string, wtp float64) (Tornado, error) {
	if err := base.check(); err != nil {
		return Tornado{}, err
	}
	if err := rising([]float64{wtp}); err != nil {
		return Tornado{}, err
	}
	s := slices.Index(base.Strategies, strategy)
	if s < 1 {
		return Tornado{}, fmt.Errorf("strategy %q cannot be held against the reference: expected one of %s", strategy, strings.Join(base.Strategies[1:], ", "))
	}
	at := base.swingEnd(base, s, wtp, math.NaN())
	nb := base.increment(s, wtp)
	t := Tornado{
		Strategy: strategy, Reference: base.Strategies[0], WillingnessToPay: analysis.Num(wtp), NetBenefit: at.NetBenefit, NetBenefitMCSE: nan,
		ICER: at.ICER, Best: at.Best, Swings: []Swing{}, Warnings: []analysis.Warning{},
	}
	if len(nb) > 1 {
		_, v := meanVariance(nb)
		t.NetBenefitMCSE = analysis.Num(math.Sqrt(v / float64(len(nb))))
	}
	if math.Abs(float64(t.NetBenefit)) < 2*float64(t.NetBenefitMCSE) {
		t.Warnings = append(t.Warnings, analysis.Warning{Code: "best-within-noise", Message: "the net benefit of the base case is within 2 Monte Carlo standard errors of 0, so which of the two is better there is not settled; simulate more patients"})
	}
	noisy := 0
	for _, r := range ranges {
		x, err := base.swing(r, s, wtp, at)
		if err != nil {
			return Tornado{}, fmt.Errorf("parameter %s: %w", r.Parameter, err)
		}
		if x.Reason == "" && float64(x.Width) > 0 && float64(x.Width) < 2*math.Max(float64(x.AtLow.ChangeMCSE), float64(x.AtHigh.ChangeMCSE)) {
			noisy++
		}
		t.Swings = append(t.Swings, x)
	}
	slices.SortStableFunc(t.Swings, func(a, b Swing) int {
		switch x, y := float64(a.Width), float64(b.Width); {
		case math.IsNaN(x) != math.IsNaN(y):
			if math.IsNaN(x) {
				return 1
			}
			return -1
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return strings.Compare(a.Parameter, b.Parameter)
	})
	if noisy > 0 {
		t.Warnings = append(t.Warnings, analysis.Warning{Code: "swing-within-noise", Message: fmt.Sprintf("%d of %d swings are under 2 Monte Carlo standard errors and may be nothing; simulate more patients to tell them apart", noisy, len(t.Swings))})
	}
	return t, nil
}

func (d Draws) swing(r Range, s int, wtp float64, base SwingEnd) (Swing, error) {
	none := func(v float64) SwingEnd {
		return SwingEnd{Value: analysis.Num(v), NetBenefit: nan, Change: nan, ChangeMCSE: nan, ICER: nan}
	}
	x := Swing{Parameter: r.Parameter, Unit: r.Unit, Base: analysis.Num(r.Base), AtLow: none(r.Low), AtHigh: none(r.High), Width: nan, Reason: r.Reason}
	for _, end := range []struct {
		draws *Draws
		value float64
		to    *SwingEnd
	}{{r.AtLow, r.Low, &x.AtLow}, {r.AtHigh, r.High, &x.AtHigh}} {
		if end.draws == nil {
			if x.Reason == "" {
				x.Reason = "it was not run at both ends of its range"
			}
			continue
		}
		if err := end.draws.alike(d); err != nil {
			return x, err
		}
		*end.to = d.swingEnd(*end.draws, s, wtp, end.value)
		x.Changes = x.Changes || end.draws.leads(end.to.Best, base.Best, wtp)
	}
	if r.AtLow != nil && r.AtHigh != nil {
		a, b, c := float64(base.NetBenefit), float64(x.AtLow.NetBenefit), float64(x.AtHigh.NetBenefit)
		x.Width = analysis.Num(max(a, b, c) - min(a, b, c))
	}
	return x, nil
}

// alike refuses draws of other strategies or batches.
func (d Draws) alike(base Draws) error {
	if err := d.check(); err != nil {
		return err
	}
	if !slices.Equal(d.Strategies, base.Strategies) || len(d.Cost[0]) != len(base.Cost[0]) {
		return errors.New("expected the strategies and the number of batches of the base case")
	}
	return nil
}

// increment is the incremental net benefit of a strategy in each batch.
func (d Draws) increment(s int, wtp float64) []float64 {
	return d.combine(map[int]float64{s: -1, 0: 1}, map[int]float64{s: wtp, 0: -wtp})
}

// swingEnd holds draws against the base case d.
func (d Draws) swingEnd(at Draws, s int, wtp, value float64) SwingEnd {
	here, base := at.increment(s, wtp), d.increment(s, wtp)
	e := SwingEnd{Value: analysis.Num(value), NetBenefit: analysis.Num(mean(here)), ICER: at.compare(s, 0).ICER, ChangeMCSE: nan, Best: at.Strategies[at.best(wtp)]}
	for i, b := range base {
		here[i] -= b
	}
	e.Change = analysis.Num(mean(here))
	if len(here) > 1 {
		_, v := meanVariance(here)
		e.ChangeMCSE = analysis.Num(math.Sqrt(v / float64(len(here))))
	}
	return e
}

// leads reports whether one strategy has more net benefit than another by 2 Monte Carlo
// standard errors or more; at all where a single batch has no such error.
func (d Draws) leads(one, other string, wtp float64) bool {
	a, b := slices.Index(d.Strategies, one), slices.Index(d.Strategies, other)
	if a == b {
		return false
	}
	lead := d.combine(map[int]float64{a: -1, b: 1}, map[int]float64{a: wtp, b: -wtp})
	if len(lead) < 2 {
		return lead[0] > 0
	}
	m, v := meanVariance(lead)
	return m > 0 && m >= 2*math.Sqrt(v/float64(len(lead)))
}

// best is the strategy of the highest mean net benefit, the first of those alike.
func (d Draws) best(wtp float64) int {
	at, most := 0, math.Inf(-1)
	for s := range d.Strategies {
		if m := mean(d.combine(map[int]float64{s: -1}, map[int]float64{s: wtp})); m > most {
			at, most = s, m
		}
	}
	return at
}

// Best returns the strategy of the highest mean net benefit at a value of a unit of effect,
// and the mean net benefit of every strategy.
func Best(d Draws, wtp float64) (best string, netBenefit []float64, err error) {
	if err := d.check(); err != nil {
		return "", nil, err
	}
	for s := range d.Strategies {
		netBenefit = append(netBenefit, mean(d.combine(map[int]float64{s: -1}, map[int]float64{s: wtp})))
	}
	return d.Strategies[d.best(wtp)], netBenefit, nil
}

// Threshold is a value of an input at which the best strategy becomes another.
type Threshold struct {
	At   analysis.Num `json:"at"`
	From string       `json:"best_below"`
	To   string       `json:"best_above"`
	// Low and High enclose it; At is where the straight line between them crosses.
	Low  analysis.Num `json:"low"`
	High analysis.Num `json:"high"`
	// MCSE is the Monte Carlo error of the difference in net benefit there over its slope;
	// null with a single batch.
	MCSE analysis.Num `json:"mcse"`
}

// Thresholds finds where between from and to the best strategy changes: at steps+1 even
// values, then by halving wherever two neighbours disagree, to a width of tolerance times
// the range. Two changes within one step that lead back to the same strategy are not seen.
// Run gives the costs and effects at a value; calls come in a fixed order.
func Thresholds(run func(x float64) (Draws, error), from, to float64, steps int, tolerance, wtp float64) ([]Threshold, error) {
	if !(from < to) || math.IsInf(to-from, 0) || steps < 1 || !(tolerance > 0) || tolerance >= 1 {
		return nil, errors.New("expected a range that rises, 1 step or more and a tolerance between 0 and 1")
	}
	if err := rising([]float64{wtp}); err != nil {
		return nil, err
	}
	t := &search{run: run, wtp: wtp, width: tolerance * (to - from), out: []Threshold{}}
	left, err := t.at(from)
	if err != nil {
		return nil, err
	}
	for i := 1; i <= steps; i++ {
		right, err := t.at(from + (to-from)*float64(i)/float64(steps))
		if err != nil {
			return nil, err
		}
		if err := t.between(left, right, left, right); err != nil {
			return nil, err
		}
		left = right
	}
	return t.out, nil
}

type search struct {
	run        func(float64) (Draws, error)
	wtp, width float64
	out        []Threshold
}

// tried is the result at one value.
type tried struct {
	x    float64
	d    Draws
	best int
}

func (t *search) at(x float64) (tried, error) {
	d, err := t.run(x)
	if err == nil {
		err = d.check()
	}
	if err != nil {
		return tried{}, fmt.Errorf("at %g: %w", x, err)
	}
	return tried{x, d, d.best(t.wtp)}, nil
}

// between adds the changes from a to b; low and high are the ends of the step they lie in,
// over which the slope is taken.
func (t *search) between(a, b, low, high tried) error {
	if a.best == b.best {
		return nil
	}
	if b.x-a.x > t.width {
		m, err := t.at(a.x + (b.x-a.x)/2)
		if err != nil {
			return err
		}
		if err := t.between(a, m, low, high); err != nil {
			return err
		}
		return t.between(m, b, low, high)
	}
	lead := func(p tried) []float64 { // net benefit of the one below over that above
		return p.d.combine(map[int]float64{a.best: -1, b.best: 1}, map[int]float64{a.best: t.wtp, b.best: -t.wtp})
	}
	at, below, above := (a.x+b.x)/2, mean(lead(a)), mean(lead(b))
	if below > above {
		at = a.x + (b.x-a.x)*below/(below-above)
	}
	x := Threshold{At: analysis.Num(at), From: a.d.Strategies[a.best], To: b.d.Strategies[b.best], Low: analysis.Num(a.x), High: analysis.Num(b.x), MCSE: nan}
	slope := (mean(lead(high)) - mean(lead(low))) / (high.x - low.x)
	if y := lead(a); len(y) > 1 && slope != 0 {
		_, v := meanVariance(y)
		x.MCSE = analysis.Num(math.Sqrt(v/float64(len(y))) / math.Abs(slope))
	}
	t.out = append(t.out, x)
	return nil
}

// Lead is how far the best strategy is ahead of the next.
type Lead struct {
	Best, Next string       // Next is "" where there is one strategy
	Difference analysis.Num // in mean net benefit; null where there is one strategy
	MCSE       analysis.Num
}

// LeadAt returns by how much the strategy of the highest mean net benefit leads at a value
// of a unit of effect, with the Monte Carlo error of that difference.
func LeadAt(d Draws, wtp float64) (Lead, error) {
	best, nb, err := Best(d, wtp)
	if err != nil {
		return Lead{}, err
	}
	at, next := slices.Index(d.Strategies, best), -1
	for s, v := range nb {
		if s != at && (next < 0 || v > nb[next]) {
			next = s
		}
	}
	l := Lead{Best: best, Difference: nan, MCSE: nan}
	if next < 0 {
		return l, nil
	}
	if slices.ContainsFunc(d.Noise, func(row []float64) bool { return slices.ContainsFunc(row, math.IsNaN) }) {
		d.Noise = nil
	}
	diff, se := d.linear(map[int]float64{at: -1, next: 1}, map[int]float64{at: wtp, next: -wtp})
	l.Next, l.Difference, l.MCSE = d.Strategies[next], analysis.Num(diff), analysis.Num(se)
	return l, nil
}
