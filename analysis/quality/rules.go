package quality

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
)

// Rules of control charts.
const (
	RuleOutside     = "outside-limits" // a point beyond a limit of three sigma
	RuleRun         = "run"            // so many points in a row on one side of the center line
	RuleTrend       = "trend"          // so many points in a row, each higher (or each lower) than the one before
	RuleTwoOfThree  = "two-of-three"   // two of three points in a row beyond two sigma on the same side
	RuleFourOfFive  = "four-of-five"   // four of five points in a row beyond one sigma on the same side
	RuleAlternating = "alternating"    // so many points in a row up and down by turns
	RuleWithin      = "within-sigma"   // so many points in a row within one sigma
	RuleBeyond      = "beyond-sigma"   // so many points in a row beyond one sigma, on both sides
	RuleLongestRun  = "longest-run"    // the longest run is longer than round(log2 n + 3)
	RuleCrossings   = "few-crossings"  // the center line is crossed less often than the 5 % quantile of chance
)

// Sets of rules by name.
const (
	RulesChosen          = "chosen"            // as the other settings say
	RulesShewhart        = "shewhart"          // a point outside the limits alone
	RulesWesternElectric = "western-electric"  // outside; 2 of 3 beyond 2 sigma; 4 of 5 beyond 1 sigma; a run of 8
	RulesNelson          = "nelson"            // outside; a run of 9; a trend of 6; 14 alternating; 2 of 3; 4 of 5; 15 within; 8 beyond
	RulesData            = "making-data-count" // outside; a run of 7; a trend of 6; 2 of 3 beyond 2 sigma
	RulesAnhoej          = "anhoej"            // outside; longest run and crossings by the length of the series
)

// Rules returns the options with a named set of rules. Sources: Western Electric
// 1956, Statistical Quality Control Handbook; Nelson 1984,
// 10.1080/00224065.1984.11978921; NHS England, Making Data Count; Anhøj and Olesen
// 2014, 10.1371/journal.pone.0113825.
func (o ChartOptions) Rules(set string) (ChartOptions, error) {
	if set == RulesChosen || set == "" {
		return o, nil
	}
	o.Run, o.Trend, o.TwoOfThree, o.FourOfFive, o.Alternating, o.Within, o.Beyond, o.Anhoej = 0, 0, false, false, 0, 0, 0, false
	switch set {
	case RulesShewhart:
	case RulesWesternElectric:
		o.TwoOfThree, o.FourOfFive, o.Run = true, true, 8
	case RulesNelson:
		o.Run, o.Trend, o.Alternating, o.TwoOfThree, o.FourOfFive, o.Within, o.Beyond = 9, 6, 14, true, true, 15, 8
	case RulesData:
		o.Run, o.Trend, o.TwoOfThree = 7, 6, true
	case RulesAnhoej:
		o.Anhoej = true
	default:
		return o, fmt.Errorf("%w: there is no set of rules %q", analysis.ErrOptions, set)
	}
	return o, nil
}

// judge reads the rules in each phase that has limits.
func (c *Chart) judge(o ChartOptions) {
	longest, limited := 0, false
	for _, ph := range c.Phases {
		s := span{c, ph.From, ph.To, o}
		if !s.limited() {
			continue
		}
		limited = true
		longest = max(longest, ph.To-ph.From+1)
		s.outside()
		if o.EWMA > 0 {
			continue // neighbours are alike, so nothing else is chance
		}
		s.rules()
		if o.Anhoej {
			s.anhoej()
		}
	}
	c.tooShort(o, longest, limited)
}

// tooShort tells of rules that no phase is long enough for.
func (c *Chart) tooShort(o ChartOptions, longest int, limited bool) {
	var words []string
	for _, r := range o.lengths() {
		if r.points > longest && limited && o.EWMA == 0 {
			words = append(words, fmt.Sprintf("%s (%d)", r.name, r.points))
		}
	}
	if len(words) > 0 {
		c.warn(WarnShortSeries, fmt.Sprintf("rules that need more points in a row than the longest phase has (%d) cannot signal: %s", longest, strings.Join(words, ", ")), "")
	}
}

type ruleLength struct {
	name   string
	points int
}

func (o ChartOptions) lengths() []ruleLength {
	return []ruleLength{{RuleRun, o.Run}, {RuleTrend, o.Trend}, {RuleAlternating, o.Alternating}, {RuleWithin, o.Within}, {RuleBeyond, o.Beyond}}
}

func (o ChartOptions) ruleWords() string {
	rules := []string{"a point outside the limits"}
	add := func(on bool, words string) {
		if on && o.EWMA == 0 {
			rules = append(rules, words)
		}
	}
	add(o.Run > 0, fmt.Sprintf("%d in a row on one side of the center (points on the line neither count nor break)", o.Run))
	add(o.TwoOfThree, "2 of 3 in a row beyond 2 sigma on one side")
	add(o.FourOfFive, "4 of 5 in a row beyond 1 sigma on one side")
	add(o.Trend > 1, fmt.Sprintf("%d points in a row rising or falling", o.Trend))
	add(o.Alternating > 0, fmt.Sprintf("%d points in a row up and down by turns", o.Alternating))
	add(o.Within > 0, fmt.Sprintf("%d points in a row within 1 sigma", o.Within))
	add(o.Beyond > 0, fmt.Sprintf("%d points in a row beyond 1 sigma on both sides", o.Beyond))
	add(o.Anhoej, "a longest run over round(log2 n + 3), or fewer crossings of the center than the 5 % quantile of chance")
	return "rules: " + strings.Join(rules, "; ")
}

func (o ChartOptions) meaning(up bool) Meaning {
	switch {
	case o.Better == BetterUnknown:
		return Unclear
	case up == (o.Better == BetterHigher):
		return Improvement
	}
	return Concern
}

// signal notes a pattern on the points at.
func (c *Chart) signal(rule string, at []int, m Meaning) {
	s := Signal{Rule: rule, From: at[0], To: at[len(at)-1], Meaning: m}
	if slices.Contains(c.Signals, s) {
		return
	}
	c.Signals = append(c.Signals, s)
	for _, i := range at {
		p := &c.Points[i]
		if p.Meaning == NoSignal {
			p.Meaning = m
		}
		if !slices.Contains(p.Rules, rule) {
			p.Rules = append(p.Rules, rule)
		}
	}
}

// span is a phase in which rules are read.
type span struct {
	c        *Chart
	from, to int
	o        ChartOptions
}

func (s span) limited() bool {
	for i := s.from; i <= s.to; i++ {
		if s.c.Points[i].High.OK() {
			return true
		}
	}
	return false
}

func (s span) z(i int) float64 { return float64(s.c.Points[i].Z) }

func (s span) outside() {
	for i := s.from; i <= s.to; i++ {
		p := s.c.Points[i]
		// The slack keeps a point that lies on a limit inside, whatever the rounding.
		slack := 1e-14*math.Abs(float64(p.Center)) + 1e-12*math.Abs(float64(p.High-p.Low))
		switch {
		case float64(p.Value) > float64(p.High)+slack:
			s.c.signal(RuleOutside, []int{i}, s.o.meaning(true))
		case float64(p.Value) < float64(p.Low)-slack:
			s.c.signal(RuleOutside, []int{i}, s.o.meaning(false))
		}
	}
}

func (s span) rules() {
	for _, run := range s.sides() {
		if s.o.Run > 0 && len(run) >= s.o.Run {
			s.c.signal(RuleRun, run, s.o.meaning(s.z(run[0]) > 0))
		}
	}
	if s.o.TwoOfThree {
		s.window(RuleTwoOfThree, 2, 3, 2)
	}
	if s.o.FourOfFive {
		s.window(RuleFourOfFive, 4, 5, 1)
	}
	if s.o.Trend > 1 {
		s.trends()
	}
	s.streaks(RuleWithin, s.o.Within, func(z float64) bool { return math.Abs(z) < 1 })
	s.streaks(RuleBeyond, s.o.Beyond, func(z float64) bool { return math.Abs(z) > 1 })
	s.alternating()
}

// sides returns the runs of points on one side of the center; points on the line
// neither count nor break.
func (s span) sides() [][]int {
	var out [][]int
	var run []int
	for i := s.from; i <= s.to; i++ {
		switch z := s.z(i); {
		case math.IsNaN(z):
			out, run = append(out, run), nil
		case z == 0: // on the line
		case len(run) > 0 && z > 0 == (s.z(run[0]) > 0):
			run = append(run, i)
		default:
			out, run = append(out, run), []int{i}
		}
	}
	return slices.DeleteFunc(append(out, run), func(r []int) bool { return len(r) == 0 })
}

func (s span) trends() {
	var run []int
	up := false
	flush := func() {
		if len(run) >= s.o.Trend {
			s.c.signal(RuleTrend, run, s.o.meaning(up))
		}
	}
	for i := s.from; i <= s.to; i++ {
		p := s.c.Points[i]
		if !p.Value.OK() {
			flush()
			run = nil
			continue
		}
		if len(run) == 0 {
			run = []int{i}
			continue
		}
		step := p.Value - s.c.Points[i-1].Value
		switch {
		case step == 0:
			flush()
			run = []int{i}
		case len(run) == 1 || step > 0 == up:
			up = step > 0
			run = append(run, i)
		default:
			flush()
			run, up = []int{i - 1, i}, step > 0
		}
	}
	flush()
}

// window signals where so many of so many points in a row lie beyond a zone on one
// side.
func (s span) window(rule string, least, of int, zone float64) {
	for i := s.from + of - 1; i <= s.to; i++ {
		for _, side := range []float64{1, -1} {
			var far []int
			for j := i - of + 1; j <= i; j++ {
				z := side * s.z(j)
				if math.IsNaN(z) {
					far = nil
					break
				}
				if z > zone {
					far = append(far, j)
				}
			}
			if len(far) >= least {
				s.c.signal(rule, far, s.o.meaning(side > 0))
			}
		}
	}
}

// streaks signals stretches of points that all are such; those beyond one sigma only
// where they lie on both sides, for on one side they are a run.
func (s span) streaks(rule string, least int, such func(z float64) bool) {
	if least == 0 {
		return
	}
	var run []int
	flush := func() {
		above := slices.ContainsFunc(run, func(i int) bool { return s.z(i) > 0 })
		below := slices.ContainsFunc(run, func(i int) bool { return s.z(i) < 0 })
		if len(run) >= least && (rule == RuleWithin || above && below) {
			s.c.signal(rule, run, Unclear)
		}
		run = nil
	}
	for i := s.from; i <= s.to; i++ {
		if z := s.z(i); !math.IsNaN(z) && such(z) {
			run = append(run, i)
		} else {
			flush()
		}
	}
	flush()
}

func (s span) alternating() {
	if s.o.Alternating == 0 {
		return
	}
	step := func(i int) float64 { return float64(s.c.Points[i].Value - s.c.Points[i-1].Value) }
	var run []int
	flush := func() {
		if len(run) >= s.o.Alternating {
			s.c.signal(RuleAlternating, run, Unclear)
		}
		run = nil
	}
	for i := s.from + 1; i <= s.to; i++ {
		d := step(i)
		if math.IsNaN(d) || d == 0 {
			flush()
			continue
		}
		if len(run) > 1 && d > 0 == (step(i-1) > 0) {
			flush()
		}
		if run == nil {
			run = []int{i - 1}
		}
		run = append(run, i)
	}
	flush()
}

// Runs are the runs of a series about its center, points on the line left out.
type Runs struct {
	Longest, LongestMost      int // and round(log2 n + 3)
	Crossings, CrossingsLeast int // and the 5 % quantile of n-1 tosses of a coin
}

var noRuns = Runs{}

// anhoej reads runs and crossings by the length of the series.
func (s span) anhoej() {
	runs := s.sides()
	n, longest := 0, 0
	for k, r := range runs {
		n += len(r)
		if len(r) > len(runs[longest]) {
			longest = k
		}
	}
	if n < 2 {
		return
	}
	crossings := 0
	for k := 1; k < len(runs); k++ {
		if s.z(runs[k][0]) > 0 != (s.z(runs[k-1][0]) > 0) {
			crossings++
		}
	}
	most := int(math.RoundToEven(math.Log2(float64(n)) + 3))
	coin := distuv.Binomial{N: float64(n - 1), P: 0.5}
	least := 0
	for coin.CDF(float64(least)) < 0.05 {
		least++
	}
	s.c.Runs = Runs{len(runs[longest]), most, crossings, least}
	if len(runs[longest]) > most {
		s.c.signal(RuleLongestRun, runs[longest], s.o.meaning(s.z(runs[longest][0]) > 0))
	}
	if crossings < least {
		s.c.signal(RuleCrossings, []int{runs[0][0], runs[len(runs)-1][len(runs[len(runs)-1])-1]}, Unclear)
	}
}
