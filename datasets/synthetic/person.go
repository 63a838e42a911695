package synthetic

import (
	"math"

	"recoup/simulate/stream"
)

// person is all that is drawn about one person, seen or not.
type person struct {
	number, site, quarter, arm int
	admitted, completed        bool
	wait, stay                 int // days from referral to admission, and from there to discharge
	attended                   int // treatment days
	age, sex, payer, condition int
	duration                   float64 // of pain, years
	work                       int     // before entry
	weeksOff                   int     // of work; -1 where not off work

	scores    [4][]float64 // by occasion and outcome, whether or not it was seen
	missing   [4][]string  // the missing code of an outcome, "" where it was answered
	workGone  [4]bool      // work status not answered
	seen      [4]bool
	extra     bool // came to a visit that is not listed
	status    [4]int
	onOpioids [4]bool

	spells []spell
	doses  []dose
	costs  []cost
	daily  [2]float64 // MME a day at entry and on the day a year after discharge
}

// The streams of a person, one for each subject, so that what one subject draws
// does not shift another's numbers.
const (
	drawWho = iota + 1
	drawScores
	drawSeen
	drawWork
	drawOpioids
	drawCosts
)

func (m *model) draw(i int) *person {
	s := m.root.Sub(uint64(i))
	p := &person{number: i + 1}
	m.who(p, s.Sub(drawWho).Cursor())
	if !p.admitted {
		return p
	}
	better := m.score(p, s.Sub(drawScores).Cursor())
	m.attend(p, s.Sub(drawSeen).Cursor())
	m.working(p, better, s.Sub(drawWork).Cursor())
	m.opioids(p, s.Sub(drawOpioids).Cursor())
	m.care(p, s.Sub(drawCosts).Cursor())
	return p
}

// choose draws an index with the given probabilities.
func choose(c *stream.Cursor, probability []float64) int {
	u, sum := c.Float64(), 0.0
	for i, p := range probability {
		if sum += p; u < sum {
			return i
		}
	}
	return len(probability) - 1
}

// times multiplies without being fused into a sum, so that every processor gives
// the same digits.
func times(a, b float64) float64 { return float64(a * b) }

func (m *model) who(p *person, c *stream.Cursor) {
	p.site, p.quarter = c.IntN(len(m.sites)), c.IntN(len(m.quarters))
	site := m.sites[p.site]
	p.admitted = c.Float64() >= m.o.NotAdmitted
	p.age = int(math.Floor(min(max(meanAge+times(sdAge, c.Norm()), 18), 85)))
	p.sex = choose(c, []float64{1 - womenShare, womenShare})
	p.payer = choose(c, site.payers[:])
	p.condition = choose(c, conditionP)
	p.duration = min(math.Floor(10*durationYears*stream.Exp(times(0.8, c.Norm())))/10, 50)
	p.work = choose(c, workByPayer[p.payer][:])
	p.weeksOff = -1
	long, weeks := c.Float64() < longAbsence, c.Float64()
	if p.work == offWork {
		p.weeksOff = 2 + int(24*weeks)
		if long {
			p.weeksOff = min(26+int(-60*stream.Log(weeks)), 520)
		}
	}
	p.wait = min(1+int(waitMedian*stream.Exp(times(waitSigma, c.Norm()))), 720)
	p.completed = c.Float64() < site.completes
	left := c.Float64()
	p.stay, p.attended = programEnd, programDays
	if usual := c.Float64() < usualCareShare; m.o.Comparison && usual {
		p.arm, p.completed, p.attended = 1, false, 0
	} else if !p.completed {
		p.attended = 3 + int(13*left)
		p.stay = p.attended*7/5 + 1
	}
}

// score draws the questionnaires at every occasion and returns the improvement
// that they share, above 0 for the better.
func (m *model) score(p *person, c *stream.Cursor) (better float64) {
	ill := c.Norm()
	better = c.Norm()
	own := math.Sqrt(1 - shared*shared)
	for v := range occasions {
		p.scores[v] = make([]float64, len(outcomes))
		p.missing[v] = make([]string, len(outcomes))
	}
	for k, o := range outcomes {
		worse := 1.0
		if o.higher {
			worse = -1
		}
		trait := o.mean + times(o.sd, times(worse, m.sites[p.site].severity)+
			times(math.Sqrt(reliability), times(worse*shared, ill)+times(own, c.Norm())))
		change := times(o.sd*spread, times(-worse*shared, better)+times(own, c.Norm()))
		for v, at := range occasions {
			x := trait + times(o.sd*math.Sqrt(1-reliability), c.Norm())
			if at.day > 0 {
				x += o.drift + change
				if p.arm == 0 {
					x += times(o.effect*at.keep, m.strength(p.site, p.quarter, p.completed))
				}
			}
			p.scores[v][k] = o.grid(x)
		}
	}
	return better
}

// grid rounds a score to the steps of its questionnaire and cuts it to its range.
func (o outcome) grid(x float64) float64 {
	n := math.Floor(x/o.step + 0.5)
	return o.level(min(max(n, o.low/o.step), math.Round(o.high/o.step)))
}

// level is the n-th step as it is written, to two decimals.
func (o outcome) level(n float64) float64 { return math.Round(times(n*o.step, 100)) / 100 }

// missingCodes say why a questionnaire has no score.
var missingCodes = []struct{ code, label string }{
	{"-97", "too many items unanswered"},
	{"-98", "declined"},
	{"-99", "not asked"},
}

func (m *model) attend(p *person, c *stream.Cursor) {
	for v, at := range occasions {
		p.seen[v] = c.Float64() < at.chance(p.scores[v][0], p.completed || p.arm > 0)
		for k := range outcomes {
			gone, why := c.Float64() < itemMissing, c.IntN(len(missingCodes))
			if gone {
				p.missing[v][k] = missingCodes[why].code
			}
		}
		p.workGone[v] = c.Float64() < itemMissing
	}
	p.extra = c.Float64() < unscheduled
}

// chance is the probability of being seen.
func (at occasion) chance(pain float64, completed bool) float64 {
	if at.always {
		return 1
	}
	x := at.intercept + times(at.worse, 5-pain)
	if completed {
		x += at.completed
	}
	return stream.Logistic(x)
}
