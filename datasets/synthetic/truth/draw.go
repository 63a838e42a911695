package truth

import (
	"math"
	"slices"

	"recoup/simulate/stream"
)

// model is a truth made ready to draw from.
type model struct {
	Truth
	quarters []string
	sites    []Site
	joint    [][]float64 // lower factor for outcomes at the first visit, then covariates
	own      [][]float64 // for outcomes alone
	repeated [][]float64 // across visits
	watched  int         // the outcome by which patients drop out
	root     stream.Stream
}

// Site is a site with the effects that were drawn for it.
type Site struct {
	Name     string `json:"site"`
	Severity Num    `json:"severity_shift_sd"`
	Effect   Num    `json:"effect_factor"`
}

func newModel(t Truth, quarters []string) *model {
	m := &model{Truth: t, quarters: quarters, watched: max(0, t.variable(t.Dropout.Outcome)), root: stream.New(t.Seed, "truth patients")}
	m.joint, _ = cholesky(t.joint())
	m.own, _ = cholesky(t.Correlation.Outcomes)
	m.repeated, _ = cholesky(t.repeated())
	sites := stream.New(t.Seed, "truth sites")
	for i := range t.Sites.Number {
		c := sites.Sub(uint64(i)).Cursor()
		m.sites = append(m.sites, Site{"Site " + string(rune('A'+i)), Num(times(t.Sites.Severity, c.Norm())), Num(1 + times(t.Sites.Effect, c.Norm()))})
	}
	return m
}

// times multiplies without being fused into a sum, so that every processor gives
// the same digits.
func times(a, b float64) float64 { return float64(a * b) }

// person is all that is drawn about one person, seen or not.
type person struct {
	site, quarter, arm int
	began              bool
	normal             []float64   // scores of covariates
	scores             [][]float64 // by visit and outcome, whether or not it was seen
	missing            [][]int     // by visit and outcome: 1 + the missing code, 0 where answered
	in, seen           []bool      // by visit: has not left; came
	doses              []dose
	spells             []spell
	work               int
	costs              []cost
}

// The streams of a person, one for each subject, so that what one subject draws
// does not shift another's numbers.
const (
	drawWho = iota + 1
	drawScores
	drawSeen
	drawOpioids
	drawWork
	drawCosts
)

// The tables, in the order of the cohort file. Those of which the truth says nothing
// are left out of it.
const (
	patients = iota
	visits
	doses
	work
	costs
)

// person draws a person; which says which tables are wanted.
func (m *model) person(s stream.Stream, which func(table int) bool) *person {
	p := &person{}
	m.who(p, s.Sub(drawWho).Cursor())
	if !p.began && !which(patients) {
		return p
	}
	scores := s.Sub(drawScores).Cursor()
	first := m.covariates(p, scores)
	if m.Work != nil {
		p.work = choose(s.Sub(drawWork).Float64(0), m.Work.Before)
	}
	if !p.began {
		return p
	}
	if which(visits) {
		m.score(p, first, scores)
		m.attend(p, s.Sub(drawSeen).Cursor())
	}
	if which(doses) && m.Opioids != nil {
		m.opioids(p, s.Sub(drawOpioids).Cursor())
	}
	if which(work) && m.Work != nil {
		m.working(p, s.Sub(drawWork).Sub(1).Cursor())
	}
	if which(costs) {
		m.care(p, s.Sub(drawCosts).Cursor())
	}
	return p
}

func choose(u float64, levels []Level) int {
	sum := 0.0
	for i, l := range levels {
		if sum += l.Share; u < sum {
			return i
		}
	}
	return len(levels) - 1
}

func (m *model) who(p *person, c *stream.Cursor) {
	p.began = c.Float64() >= m.NeverBegan
	p.site, p.quarter = c.IntN(len(m.sites)), c.IntN(len(m.quarters))
	u, sum := c.Float64(), 0.0
	for p.arm = 0; p.arm < len(m.Arms)-1; p.arm++ {
		if sum += m.Arms[p.arm].Share; u < sum {
			break
		}
	}
}

// apply multiplies a lower factor with independent normals, in place.
func apply(l [][]float64, z []float64) {
	for i := len(l) - 1; i >= 0; i-- {
		sum := 0.0
		for j, x := range l[i] {
			sum += times(x, z[j])
		}
		z[i] = sum
	}
}

// covariates draws the normal scores of covariates and the errors of outcomes at the
// first visit, which it returns.
func (m *model) covariates(p *person, c *stream.Cursor) (first []float64) {
	z := make([]float64, len(m.joint))
	for i := range z {
		z[i] = c.Norm()
	}
	apply(m.joint, z)
	k := len(m.Outcomes)
	p.normal = z[k:]
	return z[:k]
}

// score draws the scores at every visit: errors that are independent between visits
// and correlated between outcomes, of which the first visit's are given, are then
// made to go together between visits.
func (m *model) score(p *person, first []float64, c *stream.Cursor) {
	errors := [][]float64{first}
	for range m.Visits[1:] {
		z := make([]float64, len(first))
		for k := range z {
			z[k] = c.Norm()
		}
		apply(m.own, z)
		errors = append(errors, z)
	}
	for v := range m.Visits {
		x := make([]float64, len(first))
		for k, o := range m.Outcomes {
			e := 0.0
			for w, l := range m.repeated[v] {
				e += times(l, errors[w][k])
			}
			x[k] = o.grid(m.mean(k, v, p.arm, p.site, p.quarter) + times(o.SD, e))
		}
		p.scores = append(p.scores, x)
	}
}

// mean is the mean of an outcome's latent score at a visit.
func (m *model) mean(k, v, arm, site, quarter int) float64 {
	o, s, q := m.Outcomes[k], m.sites[site], float64(quarter)
	mu := o.Mean + times(times(o.SD, o.worse()), float64(s.Severity)+times(m.Trend.Severity, q))
	if v > 0 {
		mu += times(times(o.Change[m.Arms[arm].Name][v-1], float64(s.Effect)), 1+times(m.Trend.Effect, q))
	}
	return mu
}

// grid rounds a score to the steps of its questionnaire and cuts it to its range.
func (o Outcome) grid(x float64) float64 {
	n := math.Floor((x-o.Low)/o.Step + 0.5)
	return o.level(min(max(n, 0), o.top()))
}

// top is the number of the highest step.
func (o Outcome) top() float64 { return math.Round((o.High - o.Low) / o.Step) }

// level is the n-th step as it is written.
func (o Outcome) level(n float64) float64 { return math.Round((o.Low+times(n, o.Step))*1e4) / 1e4 }

// attend draws who leaves, who misses a visit, and who leaves a questionnaire out.
func (m *model) attend(p *person, c *stream.Cursor) {
	last := m.Outcomes[m.watched].Mean
	in := true
	for v := range m.Visits {
		lost := [...]float64{c.Float64(), c.Float64(), c.Float64()}
		missed := c.Float64() < m.Missing.Visits
		if v > 0 && in {
			chance := m.leaves(last, p.scores[v][m.watched])
			for i := range lost {
				in = in && lost[i] >= chance[i]
			}
		}
		seen := in && (v == 0 || !missed)
		answers := make([]int, len(m.Outcomes))
		for k := range answers {
			gone, why := c.Float64() < m.Missing.Answers, c.IntN(max(1, len(m.Missing.Codes)))
			if gone {
				answers[k] = 1 + why
			}
		}
		if seen && answers[m.watched] == 0 {
			last = p.scores[v][m.watched]
		}
		p.in, p.seen, p.missing = append(p.in, in), append(p.seen, seen), append(p.missing, answers)
	}
}

// leaves returns the chances of leaving before a visit: completely at random, at
// random and not at random.
func (m *model) leaves(last, now float64) [3]float64 {
	o, d := m.Outcomes[m.watched], m.Dropout
	by := func(l *Logistic, x float64) float64 {
		if l == nil {
			return 0
		}
		return stream.Logistic(l.Intercept + times(l.Slope, times(o.worse(), x-o.Mean)))
	}
	return [3]float64{d.Rate, by(d.AtRandom, last), by(d.NotAtRandom, now)}
}

// value writes a covariate by its normal score; level is the index of a level, -1
// for a number.
func (v Covariate) value(z float64) (x float64, level int) {
	switch v.Distribution {
	case "levels":
		return 0, choose(normal(z), v.Levels)
	case "lognormal":
		x = v.Median * stream.Exp(times(v.Sigma, z))
	case "uniform":
		x = v.Low + times(v.High-v.Low, normal(z))
	default:
		x = v.Mean + times(v.SD, z)
	}
	if v.Low < v.High {
		x = min(max(x, v.Low), v.High)
	}
	if v.Step > 0 {
		x = times(math.Round(x/v.Step), v.Step)
	}
	return math.Round(x*1e6) / 1e6, -1
}

// normal is the standard normal distribution function.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// dose is a daily dose over some days.
type dose struct {
	day, days int
	mg        float64
}

// opioids draws a person's doses from four weeks before admission to the last visit.
func (m *model) opioids(p *person, c *stream.Cursor) {
	o := m.Opioids
	on := c.Float64() < o.Share
	start := max(1, math.Round(o.Median*stream.Exp(times(o.Sigma, c.Norm()))))
	taper, weekly := c.Float64() < o.Tapering[m.Arms[p.arm].Name], min(1, o.Weekly*stream.Exp(times(o.Spread, c.Norm())))
	to := o.Remains
	if c.Float64() < o.Cessation {
		to = 0
	}
	again, after := c.Float64() < o.Rebound, min(-o.After*stream.Log(c.Float64()), 1e4)
	end := m.lastDay()
	put := func(day, until int, share float64) {
		if until = min(until, end+1); until > day {
			mg := math.Round(start*share*10) / 10
			if n := len(p.doses); n > 0 && p.doses[n-1].mg == mg {
				p.doses[n-1].days += until - day
				return
			}
			p.doses = append(p.doses, dose{day, until - day, mg})
		}
	}
	switch {
	case !on:
		put(firstDay, end+1, 0)
	case !taper:
		put(firstDay, end+1, 1)
	default:
		put(firstDay, 0, 1)
		day, share := 0, 1.0
		for share > to {
			share = max(to, share-weekly)
			put(day, day+7, share)
			day += 7
		}
		back := end + 1
		if again && o.ReboundTo > to {
			back = day + int(7*after)
		}
		put(day, back, to)
		put(back, end+1, o.ReboundTo)
	}
}

// firstDay is the first of the doses.
const firstDay = -28

// lastDay is the last of the doses: four weeks after the last visit.
func (m *model) lastDay() int { return m.Visits[len(m.Visits)-1].Day + 28 }

// on is the dose on a day.
func (p *person) on(day int) float64 {
	for _, d := range p.doses {
		if d.day <= day && day < d.day+d.days {
			return d.mg
		}
	}
	return 0
}

// workBefore are the states of work at admission, and those of spells.
var workBefore = []string{"working", "off work", "not in the work force"}

// spell is a stretch of days in one state of work, both ends included.
type spell struct{ start, end, status int }

func (m *model) working(p *person, c *stream.Cursor) {
	w := m.Work
	ratio := 1.0
	if r, ok := w.Arms[m.Arms[p.arm].Name]; ok {
		ratio = r
	}
	sum := 0.0
	for i, v := range m.Covariates {
		sum += times(w.Covariates[v.Name], p.normal[i])
	}
	rates := [...]float64{w.Relapse / 7, w.Return * ratio * stream.Exp(sum) / 7, 0}
	status := p.work
	for day := 0; day <= w.Days; {
		until := w.Days + 1
		if u := c.Float64(); rates[status] > 0 {
			until = day + 1 + int(min(-stream.Log(u)/rates[status], 1e6))
		}
		p.spells = append(p.spells, spell{day, min(until-1, w.Days), status})
		day = until
		status = 1 - min(status, 1)
	}
}

// works reports whether a person works on a day, and whether they did on it or before.
func (p *person) works(day int) (now, ever bool) {
	return slices.ContainsFunc(p.spells, func(s spell) bool { return s.status == 0 && s.start <= day && day <= s.end }),
		slices.ContainsFunc(p.spells, func(s spell) bool { return s.status == 0 && s.start <= day })
}

// cost is a sum of a category on a day.
type cost struct {
	day, category int
	amount        float64
}

func (m *model) care(p *person, c *stream.Cursor) {
	for i, k := range m.Costs {
		for after := range 2 {
			any, day := c.Float64() < k.Any, c.IntN(365)-365*(1-after)
			amount := k.mean(m.Arms[p.arm].Name, after) / k.Shape * gamma(c, k.Shape)
			if any {
				p.costs = append(p.costs, cost{day, i, math.Round(amount*100) / 100})
			}
		}
	}
}

// mean is that of those with any cost.
func (k Cost) mean(arm string, after int) float64 {
	if f, ok := k.Arms[arm]; ok && after == 1 {
		return k.Mean * f
	}
	return k.Mean
}

// gamma draws a gamma number with scale 1 (Marsaglia, Tsang 2000,
// doi:10.1145/358407.358414); a shape under 1 by the power of a uniform number.
func gamma(c *stream.Cursor, shape float64) float64 {
	boost := 1.0
	if shape < 1 {
		boost = stream.Exp(stream.Log(c.Float64()) / shape)
		shape++
	}
	d := shape - 1.0/3
	s := 1 / math.Sqrt(9*d)
	for {
		x := c.Norm()
		v := 1 + times(s, x)
		v = times(times(v, v), v)
		u := c.Float64()
		if v > 0 && stream.Log(u) < times(0.5*x, x)+d-times(d, v)+times(d, stream.Log(v)) {
			return times(times(d, v), boost)
		}
	}
}
