package truth

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"sync"

	"recoup/simulate/stream"
)

// Num is a number that is written with seven digits, which leaves out what processors
// round differently, and NaN as null.
type Num float64

// MarshalJSON writes the number.
func (n Num) MarshalJSON() ([]byte, error) {
	x := float64(n)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return []byte("null"), nil
	}
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 7, 64), 64)
	if err != nil {
		return nil, err
	}
	return json.Marshal(y)
}

// Known is what follows from a truth file for the endless population of patients
// that the cohort is drawn from: at these sites and in these quarters, each as
// likely, of those who began. Outcomes, contrasts and costs are exact but for
// rounding: sums over the steps of a score, of which pairs of visits are integrated
// by Gauss and Legendre's rule with twelve points a step. The rest is integrated by
// Monte Carlo.
type Known struct {
	Schema      string      `json:"schema"`
	Note        string      `json:"note"`
	Truth       Truth       `json:"truth"`
	Sites       []Site      `json:"sites"`
	Outcomes    []Score     `json:"outcomes"`
	Contrasts   []Contrast  `json:"contrasts"`
	Costs       []CostKnown `json:"costs,omitempty"`
	Integration Integration `json:"integration"`
	Retention   []Retention `json:"retention"`
	Opioids     []Taper     `json:"opioids,omitempty"`
	Work        []Working   `json:"work,omitempty"`
}

// Integration says how the figures that have no closed form were worked out.
type Integration struct {
	Method   string `json:"method"`
	Patients int    `json:"patients"` // who began
	Error    string `json:"standard_error"`
}

// Score is a recorded outcome of an arm at a visit, none missing.
type Score struct {
	Outcome    string `json:"outcome"`
	Visit      string `json:"visit"`
	Arm        string `json:"arm"`
	Mean       Num    `json:"mean"`
	SD         Num    `json:"sd"`
	Change     Num    `json:"change"` // from the first visit
	ChangeSD   Num    `json:"change_sd"`
	Responders Num    `json:"responders"` // share who improve by the important difference or more
}

// Contrast is an arm less the reference at a visit after the first.
type Contrast struct {
	Outcome      string `json:"outcome"`
	Visit        string `json:"visit"`
	Arm          string `json:"arm"`
	Reference    string `json:"reference"`
	Difference   Num    `json:"mean_difference"`            // of scores, and of changes: arms are alike at the first visit
	Standardised Num    `json:"standardised_difference"`    // by the SD of the score at the first visit
	SMDChange    Num    `json:"difference_by_sd_of_change"` // by the root mean square of both arms' SD of change
	Responders   Num    `json:"responder_risk_difference"`
}

// Retention is who is left and who is seen at a visit.
type Retention struct {
	Visit    string         `json:"visit"`
	Arm      string         `json:"arm"`
	Left     Num            `json:"share_not_dropped_out"`
	Seen     Num            `json:"share_seen"`
	Observed map[string]Num `json:"mean_of_those_observed"` // by outcome
	Bias     map[string]Num `json:"less_the_true_mean"`
}

// Taper is about those on opioids at admission.
type Taper struct {
	Visit   string `json:"visit"`
	Arm     string `json:"arm"`
	Off     Num    `json:"share_off"`
	Halved  Num    `json:"share_at_half_or_less"`
	Remains Num    `json:"mean_share_of_the_first_dose"`
}

// Working is about those off work at admission.
type Working struct {
	Visit    string `json:"visit"`
	Arm      string `json:"arm"`
	Now      Num    `json:"share_at_work"`
	Returned Num    `json:"share_returned_by_then"`
}

// CostKnown is the mean cost of all patients of an arm.
type CostKnown struct {
	Category string `json:"category"`
	Arm      string `json:"arm"`
	Before   Num    `json:"year_before"`
	After    Num    `json:"year_after"`
}

// integrated is how many patients Monte Carlo draws: the standard error of a share
// is under 0.0014 where the arm is everyone.
const integrated = 1 << 17

// JSON writes it.
func (k Known) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	return append(b, '\n'), nil
}

// Follows works out what follows from a truth.
func Follows(ctx context.Context, t Truth) (Known, error) {
	m, err := t.model()
	if err != nil {
		return Known{}, err
	}
	k := Known{
		Schema: "recoup.truth/v1",
		Note:   "SYNTHETIC: the truth behind invented data. It is of recorded scores, of the population at these sites; nothing here is evidence about any program.",
		Truth:  t, Sites: m.sites,
		Integration: Integration{
			Method:   "Monte Carlo on a stream apart from the cohort's, for retention, opioids and work",
			Patients: integrated, Error: "of a share p of an arm with share a of patients: sqrt(p(1-p)/(a n)); of those on opioids or off work, n is that share of them",
		},
	}
	m.known(&k)
	for _, c := range t.Costs {
		for _, a := range t.Arms {
			k.Costs = append(k.Costs, CostKnown{c.Category, a.Name, Num(c.Any * c.Mean), Num(c.Any * c.mean(a.Name, 1))})
		}
	}
	return k, m.integrate(ctx, &k)
}

// known works out scores and contrasts.
func (m *model) known(k *Known) {
	scores := make([]Score, len(m.Outcomes)*len(m.Visits)*len(m.Arms))
	var wg sync.WaitGroup
	for i := range scores {
		o, v, a := i/(len(m.Visits)*len(m.Arms)), i/len(m.Arms)%len(m.Visits), i%len(m.Arms)
		wg.Go(func() {
			scores[i] = m.scoreOf(o, v, a)
		})
	}
	wg.Wait()
	k.Outcomes = scores
	at := func(o, v, a int) Score { return scores[(o*len(m.Visits)+v)*len(m.Arms)+a] }
	last := len(m.Arms) - 1
	for o := range m.Outcomes {
		for v := 1; v < len(m.Visits); v++ {
			for a := range last {
				x, ref := at(o, v, a), at(o, v, last)
				d := x.Mean - ref.Mean
				k.Contrasts = append(k.Contrasts, Contrast{
					x.Outcome, x.Visit, x.Arm, ref.Arm, d, d / at(o, 0, last).SD,
					d / Num(math.Sqrt(float64(x.ChangeSD*x.ChangeSD+ref.ChangeSD*ref.ChangeSD)/2)), x.Responders - ref.Responders,
				})
			}
		}
	}
}

// scoreOf integrates over the sites and quarters, and the scores at the first visit
// and at this one.
func (m *model) scoreOf(k, v, arm int) Score {
	o := m.Outcomes[k]
	s := Score{Outcome: o.Name, Visit: m.Visits[v].Name, Arm: m.Arms[arm].Name}
	var mean, square, change, changeSquare, responders float64
	weight := 1 / float64(len(m.sites)*len(m.quarters))
	rho := m.Correlation.visits(0, v)
	for site := range m.sites {
		for q := range m.quarters {
			mu0, mu := m.mean(k, 0, arm, site, q), m.mean(k, v, arm, site, q)
			for n, p := range o.chances(mu, o.SD) {
				x := o.level(float64(n))
				mean += weight * p * x
				square += weight * p * x * x
			}
			if v == 0 {
				continue
			}
			o.pairs(mu0, mu, rho, func(x0, p float64, later []float64) {
				for n, q := range later {
					d := o.level(float64(n)) - x0
					change += weight * p * q * d
					changeSquare += weight * p * q * d * d
					if -o.worse()*d >= o.Important-1e-9 {
						responders += weight * p * q
					}
				}
			})
		}
	}
	s.Mean, s.SD = Num(mean), Num(math.Sqrt(max(0, square-mean*mean)))
	s.Change, s.ChangeSD, s.Responders = Num(change), Num(math.Sqrt(max(0, changeSquare-change*change))), Num(responders)
	return s
}

// chances are those of each step of a score with a normal latent.
func (o Outcome) chances(mu, sd float64) []float64 {
	top := int(o.top())
	out := make([]float64, top+1)
	below := 0.0
	for n := range out {
		up := 1.0
		if n < top {
			up = normal((o.Low + (float64(n)+0.5)*o.Step - mu) / sd)
		}
		out[n], below = up-below, up
	}
	return out
}

// pairs hands on, for each step at the first visit, points of the latent score
// within it with their weights, and the chances of the steps later.
func (o Outcome) pairs(mu0, mu, rho float64, each func(x0, p float64, later []float64)) {
	sd := o.SD * math.Sqrt(1-rho*rho)
	top := int(o.top())
	for n := range top + 1 {
		low, high := -8.5, 8.5
		if n > 0 {
			low = max(low, (o.Low+(float64(n)-0.5)*o.Step-mu0)/o.SD)
		}
		if n < top {
			high = min(high, (o.Low+(float64(n)+0.5)*o.Step-mu0)/o.SD)
		}
		// The outer steps hold the whole tail: it is parted.
		parts := int(math.Ceil((high - low) / 1.5))
		for i := range parts {
			from := low + (high-low)*float64(i)/float64(parts)
			half := (high - low) / float64(parts) / 2
			for j, t := range gauss {
				for _, t := range []float64{-t, t} {
					z := from + half*(1+t)
					p := half * gaussWeight[j] * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
					if p > 1e-14 {
						each(o.level(float64(n)), p, o.chances(mu+rho*o.SD*z, sd))
					}
				}
			}
		}
	}
}

// The rule of Gauss and Legendre with twelve points: half of them, and their weights.
// Abramowitz and Stegun, table 25.4.
var (
	gauss       = [...]float64{0.125233408511469, 0.367831498998180, 0.587317954286617, 0.769902674194305, 0.904117256370475, 0.981560634246719}
	gaussWeight = [...]float64{0.249147045813403, 0.233492536538355, 0.203167426723066, 0.160078328543346, 0.106939325995318, 0.047175336386512}
)

// sums are what is counted of an arm, in blocks so that the order in which they are
// done does not show.
type sums struct {
	n, on, off0        float64
	left, seen         []float64
	count, total       [][]float64 // by visit and outcome
	off, halved, share []float64
	now, returned      []float64
}

func newSums(visits, outcomes int) sums {
	s := sums{}
	for _, p := range []*[]float64{&s.left, &s.seen, &s.off, &s.halved, &s.share, &s.now, &s.returned} {
		*p = make([]float64, visits)
	}
	for range visits {
		s.count, s.total = append(s.count, make([]float64, outcomes)), append(s.total, make([]float64, outcomes))
	}
	return s
}

func (s *sums) add(m *model, p *person) {
	s.n++
	on, offWork := 0.0, m.Work != nil && p.work == 1
	if m.Opioids != nil {
		on = p.on(-1)
	}
	s.on += indicator(on > 0)
	s.off0 += indicator(offWork)
	for v, at := range m.Visits {
		s.left[v] += indicator(p.in[v])
		s.seen[v] += indicator(p.seen[v])
		for k, x := range p.scores[v] {
			if p.seen[v] && p.missing[v][k] == 0 {
				s.count[v][k]++
				s.total[v][k] += x
			}
		}
		if on > 0 {
			dose := p.on(at.Day)
			s.off[v] += indicator(dose == 0)
			s.halved[v] += indicator(dose <= on/2)
			s.share[v] += dose / on
		}
		if offWork {
			now, ever := p.works(at.Day)
			s.now[v] += indicator(now)
			s.returned[v] += indicator(ever)
		}
	}
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// merge adds another's sums.
func (s *sums) merge(o sums) {
	s.n, s.on, s.off0 = s.n+o.n, s.on+o.on, s.off0+o.off0
	into := func(a, b []float64) {
		for i := range a {
			a[i] += b[i]
		}
	}
	into(s.left, o.left)
	into(s.seen, o.seen)
	into(s.off, o.off)
	into(s.halved, o.halved)
	into(s.share, o.share)
	into(s.now, o.now)
	into(s.returned, o.returned)
	for v := range s.count {
		into(s.count[v], o.count[v])
		into(s.total[v], o.total[v])
	}
}

// integrate works out by Monte Carlo what has no closed form.
func (m *model) integrate(ctx context.Context, k *Known) error {
	const blocks = 64
	every := *m
	every.NeverBegan = 0
	root := stream.New(0, "truth integration")
	byBlock := make([][]sums, blocks)
	var wg sync.WaitGroup
	for b := range blocks {
		wg.Go(func() {
			arms := make([]sums, len(m.Arms))
			for a := range arms {
				arms[a] = newSums(len(m.Visits), len(m.Outcomes))
			}
			for i := b * integrated / blocks; i < (b+1)*integrated/blocks && ctx.Err() == nil; i++ {
				p := every.person(root.Sub(uint64(i)), func(table int) bool { return table != costs })
				arms[p.arm].add(m, p)
			}
			byBlock[b] = arms
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for a, arm := range m.Arms {
		s := newSums(len(m.Visits), len(m.Outcomes))
		for b := range byBlock {
			s.merge(byBlock[b][a])
		}
		for v, at := range m.Visits {
			r := Retention{at.Name, arm.Name, Num(s.left[v] / s.n), Num(s.seen[v] / s.n), map[string]Num{}, map[string]Num{}}
			for o, f := range m.Outcomes {
				r.Observed[f.Name] = Num(s.total[v][o] / s.count[v][o])
				r.Bias[f.Name] = r.Observed[f.Name] - k.Outcomes[(o*len(m.Visits)+v)*len(m.Arms)+a].Mean
			}
			k.Retention = append(k.Retention, r)
			if m.Opioids != nil {
				k.Opioids = append(k.Opioids, Taper{at.Name, arm.Name, Num(s.off[v] / s.on), Num(s.halved[v] / s.on), Num(s.share[v] / s.on)})
			}
			if m.Work != nil {
				k.Work = append(k.Work, Working{at.Name, arm.Name, Num(s.now[v] / s.off0), Num(s.returned[v] / s.off0)})
			}
		}
	}
	return nil
}
