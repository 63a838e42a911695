package synthetic

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Truth is what is true of a synthetic cohort: of the endless population that it
// is drawn from, and of its own patients had every visit been attended and every
// question answered. All of it is about those who began the program, unless it
// says otherwise.
type Truth struct {
	Note    string  `json:"note"`
	Options Options `json:"options"`

	Outcomes  []OutcomeTruth  `json:"outcomes"`
	Sites     []SiteTruth     `json:"sites"`
	Step      StepTruth       `json:"step"`
	FollowUp  []FollowUpTruth `json:"follow_up"`
	Missing   MissingTruth    `json:"missing"`
	Opioids   OpioidTruth     `json:"opioids"`
	Work      WorkTruth       `json:"work"`
	Costs     []CostTruth     `json:"costs"`
	Completed float64         `json:"completed"` // share of those who began
}

// OutcomeTruth is one questionnaire at one visit, over all sites and quarters.
type OutcomeTruth struct {
	Outcome string  `json:"outcome"`
	Visit   string  `json:"visit"`
	Mean    float64 `json:"mean"`
	Change  float64 `json:"change"`                   // from baseline
	Without float64 `json:"change_without_a_program"` // natural course, and the whole change under usual care
	Due     float64 `json:"change_due_to_program"`    // Change less Without: the program's effect

	CohortMean   float64 `json:"cohort_mean"` // of this cohort's own patients, none missing
	CohortChange float64 `json:"cohort_change"`
	Patients     int     `json:"patients"`
}

// SiteTruth is how a site differs.
type SiteTruth struct {
	Site      string             `json:"site"`
	Factor    float64            `json:"effect_factor"`
	Severity  float64            `json:"severity_shift_sd"`
	Completed float64            `json:"completed"`
	Change    map[string]float64 `json:"change_at_discharge"` // by outcome
}

// StepTruth is the quarter from which the program's effect is larger.
type StepTruth struct {
	Quarter    string  `json:"quarter,omitempty"` // "" where there are too few quarters for one
	Factor     float64 `json:"effect_factor"`
	PainBefore float64 `json:"pain_change_at_discharge_before"`
	PainFrom   float64 `json:"pain_change_at_discharge_from"`
}

// FollowUpTruth is who is seen at a visit: logit P(seen) = Intercept + Worse (5 -
// pain at that visit) + Completed for those who completed. It depends on what
// would have been seen, so those who were seen did better than all did.
type FollowUpTruth struct {
	Visit     string  `json:"visit"`
	Everyone  bool    `json:"everyone,omitempty"`
	Intercept float64 `json:"intercept"`
	Worse     float64 `json:"per_point_of_pain_under_5"`
	Completed float64 `json:"completed"`
	Share     float64 `json:"share_seen"`
	PainSeen  float64 `json:"mean_pain_of_those_seen"`
}

// MissingTruth is what is missing by chance alone.
type MissingTruth struct {
	Items       float64 `json:"questionnaires_at_attended_visits"`
	Quantity    float64 `json:"dose_records_without_quantity"`
	LostToWork  float64 `json:"patients_lost_to_the_work_register"`
	Unscheduled float64 `json:"patients_with_a_visit_that_is_not_listed"`
}

// OpioidTruth is about opioids for pain. Shares off are of those on opioids at
// entry. Doses are of those on opioids at the time, in the factors of CDC 2022.
type OpioidTruth struct {
	OnAtEntry      float64 `json:"on_at_entry"`
	OffAtDischarge float64 `json:"off_at_discharge"`
	HalvedOrOff    float64 `json:"halved_or_off_at_discharge"`
	OffAtYear      float64 `json:"off_at_12_months"`
	Resumed        float64 `json:"resumed_by_12_months_of_those_off"`
	ForOUD         float64 `json:"buprenorphine_for_opioid_use_disorder"`

	CohortDoseEntry float64 `json:"cohort_mean_daily_mme_at_entry"`
	CohortDoseYear  float64 `json:"cohort_mean_daily_mme_at_12_months_of_those_on_at_entry"` // the stopped count as 0
}

// WorkTruth is any work, by day from admission.
type WorkTruth struct {
	Working    float64   `json:"working_at_entry"`
	OffWork    float64   `json:"off_work_at_entry"`
	NotInForce float64   `json:"not_in_the_work_force"`
	Day        []int     `json:"day"`               // of the visits after baseline
	Returned   []float64 `json:"returned_by_day"`   // of those off work at entry
	AtWork     []float64 `json:"at_work_on_day"`    // of those off work at entry
	All        []float64 `json:"share_working_all"` // of all who began
}

// CostTruth is the mean per patient in the year before admission and in the year
// from it, in USD.
type CostTruth struct {
	Category string  `json:"category"`
	Before   float64 `json:"before"`
	After    float64 `json:"after"`
}

// JSON writes the truth with seven digits a number, which leaves out what
// processors round differently.
func (t Truth) JSON() ([]byte, error) {
	o := t.Options
	t.Options = Options{} // a seed has more digits than a float64
	b, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	// Read back into the type, the rounded numbers stand in its order.
	if b, err = json.Marshal(rounded(tree)); err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	var again Truth
	if err := json.Unmarshal(b, &again); err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	again.Options = o
	if b, err = json.MarshalIndent(again, "", "  "); err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	return append(b, '\n'), nil
}

func rounded(v any) any {
	switch x := v.(type) {
	case float64:
		y, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 7, 64), 64)
		return y
	case []any:
		for i := range x {
			x[i] = rounded(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = rounded(x[k])
		}
	}
	return v
}

// tally sums what would have been seen, had every visit been attended.
type tally struct {
	n       int
	sums    [4][]float64
	entry   float64
	year    float64
	onEntry int
}

func (t *tally) add(p *person) {
	if !p.admitted || p.arm > 0 {
		return
	}
	t.n++
	for v := range occasions {
		if t.sums[v] == nil {
			t.sums[v] = make([]float64, len(outcomes))
		}
		for k, x := range p.scores[v] {
			t.sums[v][k] += x
		}
	}
	if p.onOpioids[0] {
		t.onEntry++
		t.entry += p.daily[0]
		t.year += p.daily[1]
	}
}

// mean is 0 where there is nobody, which JSON can write; Patients says so.
func mean(sum float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

func (m *model) truth(seen tally) Truth {
	t := Truth{
		Note: "SYNTHETIC: the truth behind invented data. Change before to after holds natural course as well as the program's effect; " +
			"those seen at follow-up did better than all did. Nothing here is evidence about any program.",
		Options: m.o,
		Missing: MissingTruth{itemMissing, quantityGone, lostToWork, unscheduled},
	}
	for k, o := range outcomes {
		base := m.expect(func(c cell) float64 { return m.distribution(c, k, 0).mean() })
		for v, at := range occasions {
			x := OutcomeTruth{Outcome: o.name, Visit: at.value, Patients: seen.n}
			x.Mean = m.expect(func(c cell) float64 { return m.distribution(c, k, v).mean() })
			x.Change = x.Mean - base
			x.Without = m.expect(func(c cell) float64 { c.usual = true; return m.distribution(c, k, v).mean() }) - base
			x.Due = x.Change - x.Without
			if seen.n > 0 {
				x.CohortMean = mean(seen.sums[v][k], seen.n)
				x.CohortChange = x.CohortMean - mean(seen.sums[0][k], seen.n)
			}
			t.Outcomes = append(t.Outcomes, x)
		}
	}
	t.Completed = m.expect(func(c cell) float64 { return indicator(c.completed) })
	m.truthOfSites(&t)
	m.truthOfFollowUp(&t)
	t.Opioids = m.truthOfOpioids(seen)
	t.Work = m.truthOfWork()
	t.Costs = m.truthOfCosts()
	return t
}

// cell is what the mean of a score depends on.
type cell struct {
	site, quarter    int
	completed, usual bool
	weight           float64
}

// cells lists the cells with their probabilities.
func (m *model) cells() []cell {
	var out []cell
	each := 1 / float64(len(m.sites)*len(m.quarters))
	for s, site := range m.sites {
		for q := range m.quarters {
			out = append(out, cell{site: s, quarter: q, completed: true, weight: each * site.completes},
				cell{site: s, quarter: q, weight: each * (1 - site.completes)})
		}
	}
	return out
}

// expect averages over the cells.
func (m *model) expect(f func(cell) float64) float64 {
	return m.expectWhere(func(cell) bool { return true }, f)
}

func (m *model) expectWhere(in func(cell) bool, f func(cell) float64) float64 {
	sum, weight := 0.0, 0.0
	for _, c := range m.cells() {
		if in(c) {
			sum += c.weight * f(c)
			weight += c.weight
		}
	}
	return sum / weight
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// scores is the distribution of a rounded score: its levels and their chances.
type scores struct{ level, chance []float64 }

func (s scores) mean() float64 {
	sum := 0.0
	for i, x := range s.level {
		sum += x * s.chance[i]
	}
	return sum
}

// distribution is that of an outcome at a visit in a cell: a normal score, rounded
// and cut.
func (m *model) distribution(c cell, k, v int) scores {
	o, at := outcomes[k], occasions[v]
	worse := 1.0
	if o.higher {
		worse = -1
	}
	mu, sd := o.mean+worse*o.sd*m.sites[c.site].severity, o.sd
	if at.day > 0 {
		mu += o.drift
		if !c.usual {
			mu += o.effect * at.keep * m.strength(c.site, c.quarter, c.completed)
		}
		sd *= math.Sqrt(1 + spread*spread)
	}
	var s scores
	first, last := math.Round(o.low/o.step), math.Round(o.high/o.step)
	below := 0.0
	for n := first; n <= last; n++ {
		up := 1.0
		if n < last {
			up = normal(((n+0.5)*o.step - mu) / sd)
		}
		s.level, s.chance = append(s.level, o.level(n)), append(s.chance, up-below)
		below = up
	}
	return s
}

// normal is the standard normal distribution function.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

func (m *model) truthOfSites(t *Truth) {
	change := func(in func(cell) bool, k int) float64 {
		return m.expectWhere(in, func(c cell) float64 { return m.distribution(c, k, 1).mean() - m.distribution(c, k, 0).mean() })
	}
	for s, site := range m.sites {
		x := SiteTruth{Site: site.name, Factor: site.effect, Severity: site.severity, Completed: site.completes, Change: map[string]float64{}}
		for k, o := range outcomes {
			x.Change[o.name] = change(func(c cell) bool { return c.site == s }, k)
		}
		t.Sites = append(t.Sites, x)
	}
	t.Step = StepTruth{Factor: 1, PainBefore: change(func(c cell) bool { return c.quarter < max(m.step, 1) }, 0)}
	t.Step.PainFrom = t.Step.PainBefore
	if m.step < len(m.quarters) {
		t.Step = StepTruth{m.quarters[m.step], stepFactor, t.Step.PainBefore, change(func(c cell) bool { return c.quarter >= m.step }, 0)}
	}
}

func (m *model) truthOfFollowUp(t *Truth) {
	for v, at := range occasions {
		f := FollowUpTruth{Visit: at.value, Everyone: at.always, Intercept: at.intercept, Worse: at.worse, Completed: at.completed}
		pain := 0.0
		for _, c := range m.cells() {
			s := m.distribution(c, 0, v)
			for i, x := range s.level {
				w := c.weight * s.chance[i] * at.chance(x, c.completed)
				f.Share += w
				pain += w * x
			}
		}
		f.PainSeen = pain / f.Share
		t.FollowUp = append(t.FollowUp, f)
	}
}

func (m *model) truthOfOpioids(seen tally) OpioidTruth {
	by := func(f func(w wean) float64) float64 {
		return m.expect(func(c cell) float64 {
			if c.completed {
				return f(weans.done)
			}
			return f(weans.left)
		})
	}
	off := by(func(w wean) float64 { return w.off })
	return OpioidTruth{
		OnAtEntry: onOpioids, OffAtDischarge: off, HalvedOrOff: by(func(w wean) float64 { return w.off + w.half }),
		OffAtYear: off * (1 - resume), Resumed: resume, ForOUD: forOUD,
		CohortDoseEntry: mean(seen.entry, seen.onEntry), CohortDoseYear: mean(seen.year, seen.onEntry),
	}
}

// truthOfWork averages over sites, payers, length of absence, completion and the
// improvement that patients' questionnaires share.
func (m *model) truthOfWork() WorkTruth {
	var t WorkTruth
	days := []int{programEnd, sixMonths, year}
	works, returned := make([]float64, len(days)), make([]float64, len(days))
	for _, site := range m.sites {
		for y, share := range site.payers {
			share /= float64(len(m.sites))
			t.Working += share * workByPayer[y][working]
			t.OffWork += share * workByPayer[y][offWork]
			t.NotInForce += share * workByPayer[y][notInForce]
			for i, d := range days {
				w, r := m.workOf(site, y, d)
				works[i] += share * workByPayer[y][offWork] * w
				returned[i] += share * workByPayer[y][offWork] * r
			}
		}
	}
	for i, d := range days {
		t.Day = append(t.Day, d)
		t.Returned = append(t.Returned, returned[i]/t.OffWork)
		t.AtWork = append(t.AtWork, works[i]/t.OffWork)
		t.All = append(t.All, works[i]+t.Working*math.Exp(-losesWork*float64(d)))
	}
	return t
}

// workOf averages workAt over length of absence, completion and a normal
// improvement, by the rectangle rule, which is exact to all digits for it.
func (m *model) workOf(site siteTrait, payer, day int) (works, returned float64) {
	const step = 0.25
	for _, long := range []bool{true, false} {
		pLong := longAbsence
		if !long {
			pLong = 1 - longAbsence
		}
		for course, p := range []float64{site.completes, 1 - site.completes} {
			for z := -7.0; z <= 7; z += step {
				weight := pLong * p * step * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
				w, r := workAt(returnRateOf(payer, long, course)*math.Exp(improves*z), day)
				works += weight * w
				returned += weight * r
			}
		}
	}
	return works, returned
}

func (m *model) truthOfCosts() []CostTruth {
	done := m.expect(func(c cell) float64 { return indicator(c.completed) })
	// Those who leave early attend 3 to 15 days, each as likely.
	out := []CostTruth{{Category: program, After: programPrice * (done*programDays + (1-done)*9)}}
	for _, k := range cares {
		before := k.rate * k.mean
		out = append(out, CostTruth{k.category, before, before * (done*k.ratioOf(0) + (1-done)*k.ratioOf(1))})
	}
	return out
}
