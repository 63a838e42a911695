package synthetic

import (
	"fmt"

	"recoup/datasets"
	"recoup/simulate/stream"
)

// The occasions of measurement, on days from admission. Treatment takes four
// weeks; follow-up is 6 and 12 months (182 and 365 days) after its end.
const (
	programEnd = 28
	sixMonths  = programEnd + 182
	year       = programEnd + 365
	lastDay    = 420 // of the dispensing and the work register
	firstDay   = -90 // of the dispensing register
)

// occasion is a visit: how much of the program's effect is left, and who comes.
//
//	logit P(seen) = intercept + worse (5 - pain at the visit) + completed
//
// where the last term counts for those who completed the program.
type occasion struct {
	value, name, role           string
	day                         int
	keep                        float64
	intercept, worse, completed float64
	always                      bool // everyone is seen
}

var occasions = []occasion{
	{value: "baseline", name: "baseline", always: true},
	{value: "discharge", name: "discharge", role: "discharge", day: programEnd, keep: 1, intercept: -0.6, completed: 4.0},
	{value: "month6", name: "6 months", role: "follow-up", day: sixMonths, keep: 0.85, intercept: -0.10, worse: 0.25, completed: 1.0},
	{value: "month12", name: "12 months", role: "follow-up", day: year, keep: 0.75, intercept: -0.74, worse: 0.25, completed: 1.0},
}

// outcome is a questionnaire. Means, effects and standard deviations are those of
// the scores before they are rounded to the steps and cut to the range.
type outcome struct {
	name, instrument, title string
	mean, sd                float64 // at entry
	drift                   float64 // change without a program, by natural course, at every later visit
	effect                  float64 // of the whole program at discharge, beyond the drift
	low, high, step         float64
	higher                  bool // higher is better
}

var outcomes = []outcome{
	{name: "pain", instrument: "nrs", title: "Average pain in the last week", mean: 6.5, sd: 1.7, drift: -0.30, effect: -0.95, high: 10, step: 1},
	{name: "interference", instrument: "bpi-interference", title: "Pain interference", mean: 6.9, sd: 1.9, drift: -0.35, effect: -1.25, high: 10, step: 1.0 / 7},
	{name: "odi", instrument: "odi", title: "Disability (Oswestry)", mean: 47, sd: 15, drift: -2, effect: -8.5, high: 100, step: 2},
	{name: "phq9", instrument: "phq9", title: "Depression (PHQ-9)", mean: 13.5, sd: 6, drift: -0.8, effect: -3.2, high: 27, step: 1},
	{name: "gad7", instrument: "gad7", title: "Anxiety (GAD-7)", mean: 10, sd: 5.4, drift: -0.5, effect: -2.3, high: 21, step: 1},
	{name: "isi", instrument: "isi", title: "Sleep (Insomnia Severity Index)", mean: 16.5, sd: 6, drift: -0.6, effect: -2.8, high: 28, step: 1},
	{name: "pcs", instrument: "pcs", title: "Pain catastrophizing", mean: 27, sd: 12, drift: -1.5, effect: -7, high: 52, step: 1},
	{name: "pseq", instrument: "pseq", title: "Pain self-efficacy", mean: 21, sd: 11, drift: 1.5, effect: 7, high: 60, step: 1, higher: true},
}

// How scores vary: a trait that stays, an improvement that differs between
// patients and stays, and an error at each visit. Trait and improvement are
// shared in part between questionnaires.
const (
	reliability = 0.75 // share of the variance at entry that is trait
	spread      = 0.60 // standard deviation of individual improvement, in SD at entry
	shared      = 0.60 // loading of each questionnaire on what all share
	partial     = 0.40 // share of the effect for those who left early
)

// siteTrait is how a site differs from the others.
type siteTrait struct {
	name      string
	effect    float64 // factor on the program's effect
	severity  float64 // shift at entry, in SD, towards worse
	completes float64 // share who complete
	payers    [3]float64
}

var siteTraits = []siteTrait{
	{"North", 1.0, 0, 0.84, [3]float64{0.22, 0.43, 0.35}},
	{"Harbor", 1.2, 0.10, 0.88, [3]float64{0.34, 0.38, 0.28}},
	{"Valley", 0.8, -0.10, 0.80, [3]float64{0.14, 0.44, 0.42}},
}

// stepFactor multiplies the program's effect from the step quarter on.
const stepFactor = 1.6

// Coded levels. The words of payer and work_before are those that published
// comparators use, as far as they have one.
var (
	payers     = []string{"workers-compensation", "private-insurance", "public-insurance"}
	workBefore = []string{"working", "off work", "not in the work force"}
	conditions = []string{"chronic low back pain", "widespread pain", "neck or shoulder pain", "neuropathic pain", "other chronic pain"}
	conditionP = []float64{0.46, 0.22, 0.13, 0.11, 0.08}
	statuses   = []string{"full duty", "modified duty", "not working", "not in the work force"}
	arms       = []string{"program", "usual care"}
)

// Indices into the levels.
const (
	working, offWork, notInForce                           = 0, 1, 2
	fullDuty, modifiedDuty, statusNotWorking, statusNotInF = 0, 1, 2, 3
)

const usualCareShare = 0.35 // of those who begin, where there is a comparison

// workByPayer is the share working, off work and not in the work force at entry.
var workByPayer = [3][3]float64{{0.17, 0.80, 0.03}, {0.50, 0.38, 0.12}, {0.17, 0.33, 0.50}}

// The return to work of those off work at entry: exponential from the program's
// end, with a daily rate that is the product of these, and e^(improves x w) for
// the improvement w that a patient's questionnaires share.
const (
	returnRate    = 1.0 / 430
	longAbsence   = 0.6 // share of those off work for 26 weeks or more
	returnLong    = 0.55
	returnShort   = 1.3
	returnDone    = 1.3 // completed
	returnLeft    = 0.7 // left early
	returnUsual   = 0.6 // usual care
	improves      = 0.35
	leavesAgain   = 0.25 / 365 // daily rate of stopping again
	losesWork     = 0.08 / 365 // daily rate for those working at entry
	modifiedShare = 0.5        // begin on modified duty
	modifiedDays  = 84
	lostToWork    = 0.08 // leave the work register at a day that has nothing to do with work
)

var returnByPayer = [3]float64{0.7, 1, 0.8}

// Opioids: who takes them, and what becomes of it by the end of the program.
const (
	onOpioids  = 0.55
	doseMedian = 40.0 // MME a day at entry
	doseSigma  = 0.95 // of its logarithm
	resume     = 0.20 // of those who stopped, by 12 months
	forOUD     = 0.015
)

// wean is the share who stop and the share who halve their dose.
type wean struct{ off, half float64 }

var weans = struct{ done, left, usual wean }{wean{0.62, 0.23}, wean{0.15, 0.20}, wean{0.05, 0.10}}

// care is a kind of health care: events a year before, the share left after for
// those who completed, and the mean price of one.
type care struct {
	category string
	rate     float64
	ratio    float64
	mean     float64
	sigma    float64 // of the logarithm of the price
}

var cares = []care{
	{"outpatient", 6, 0.80, 190, 0.6},
	{"emergency", 0.6, 0.70, 1900, 0.9},
	{"inpatient", 0.15, 0.75, 16000, 0.9},
	{"medication", 4, 0.82, 260, 0.8},
	{"procedures and imaging", 0.9, 0.65, 1600, 0.8},
}

const (
	program       = "program"
	programPrice  = 950.0 // a day attended
	programDays   = 20
	usualRatio    = 0.97 // of care after a year without a program
	careFrailty   = 0.6  // sigma of patients' own factor on rates, mean 1
	priceYear     = 2025
	itemMissing   = 0.015 // of each questionnaire at a visit that was attended
	unscheduled   = 0.004 // visits that the cohort file does not list
	quantityGone  = 0.003 // dose records without a quantity
	waitMedian    = 60.0  // days from referral to admission
	waitSigma     = 0.6
	meanAge       = 47.0
	sdAge         = 12.0
	womenShare    = 0.62
	durationYears = 6.0 // median duration of pain
)

// model is the cohort that options ask for.
type model struct {
	o        Options
	sites    []siteTrait
	quarters []string
	step     int // index of the first quarter with the better program; len(quarters) for none
	root     stream.Stream
}

func newModel(o Options, last string) *model {
	m := &model{o: o, quarters: quartersTo(last, o.Quarters), root: stream.New(o.Seed, "synthetic cohort")}
	for i := range o.Sites {
		s := siteTraits[i%len(siteTraits)]
		if i >= len(siteTraits) {
			s.name = fmt.Sprintf("Site %c", 'A'+rune(i))
		}
		m.sites = append(m.sites, s)
	}
	m.step = len(m.quarters)
	if o.Quarters >= 3 {
		m.step = o.Quarters * 5 / 8
	}
	return m
}

// Quarters returns n quarters that end with the last.
func Quarters(last string, n int) ([]string, error) {
	last, err := datasets.ParseQuarter(last)
	if err != nil {
		return nil, err
	}
	return quartersTo(last, n), nil
}

// quartersTo returns n quarters that end with the last.
func quartersTo(last string, n int) []string {
	var y, q int
	_, _ = fmt.Sscanf(last, "%dQ%d", &y, &q) // its form was checked
	out := make([]string, n)
	for i := range out {
		k := y*4 + q - 1 - (n - 1 - i)
		out[i] = fmt.Sprintf("%04dQ%d", k/4, k%4+1)
	}
	return out
}

// strength is the factor on the program's whole effect.
func (m *model) strength(site, quarter int, completed bool) float64 {
	f := m.sites[site].effect
	if quarter >= m.step {
		f *= stepFactor
	}
	if !completed {
		f *= partial
	}
	return f
}
