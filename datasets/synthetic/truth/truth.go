// Package truth draws cohorts from a truth file, in which their owner says what is
// true: effects by arm and visit, how outcomes go together, who drops out and why,
// how opioids are tapered, who goes back to work and what care costs. What follows
// from it for the scores as they are recorded is worked out beside the cohort, so
// that the bias and coverage of an estimator can be tested.
//
// Model. Scores are a Gaussian copula: the standard normal error of outcome k at
// visit v has correlation R[k,l]·V[v,w] with that of outcome l at visit w, R the
// matrix of the file and V first-order autoregressive or compound symmetric.
// Covariates have normal scores that go with the errors at the first visit. With s
// the site and q the quarter,
//
//	latent = mean + sd·(±severity(s) ± trend·q) + change[arm, v]·factor(s)·(1 + trend·q) + sd·error
//
// where ± is towards worse, and the recorded score is the latent one rounded to the
// steps of the questionnaire and cut to its range.
//
// A patient who came to all visits before leaves for good before a visit for one of
// three causes, each by a chance of its own: completely at random; at random, by the
// last score that was recorded; not at random, by the score that would have been.
package truth

import (
	_ "embed"
	"math"
	"slices"

	"recoup/datasets"
)

// Truth is a truth file.
type Truth struct {
	Name       string  `yaml:"name" json:"name"`
	Title      string  `yaml:"title" json:"title,omitempty"`
	Seed       uint64  `yaml:"seed" json:"seed"`
	Patients   int     `yaml:"patients" json:"patients"` // people referred
	Quarters   int     `yaml:"quarters" json:"quarters"` // ending with Last
	Last       string  `yaml:"last" json:"last"`
	NeverBegan float64 `yaml:"never_began" json:"never_began"` // share of those referred

	Arms        []Arm       `yaml:"arms" json:"arms"` // the last is the reference
	Visits      []Visit     `yaml:"visits" json:"visits"`
	Outcomes    []Outcome   `yaml:"outcomes" json:"outcomes"`
	Correlation Correlation `yaml:"correlation" json:"correlation"`
	Sites       Sites       `yaml:"sites" json:"sites"`
	Trend       Trend       `yaml:"trend" json:"trend"`
	Covariates  []Covariate `yaml:"covariates" json:"covariates,omitempty"`
	Dropout     Dropout     `yaml:"dropout" json:"dropout"`
	Missing     Missing     `yaml:"missing" json:"missing"`
	Opioids     *Opioids    `yaml:"opioids" json:"opioids,omitempty"`
	Work        *Work       `yaml:"work" json:"work,omitempty"`
	Costs       []Cost      `yaml:"costs" json:"costs,omitempty"`
	PriceYear   int         `yaml:"price_year" json:"price_year,omitempty"`
}

// Arm is a group of patients and its share of them.
type Arm struct {
	Name  string  `yaml:"name" json:"name"`
	Share float64 `yaml:"share" json:"share"`
}

// Visit is an occasion of measurement; the first is before treatment.
type Visit struct {
	Name string `yaml:"name" json:"name"`
	Day  int    `yaml:"day" json:"day"` // from admission
	Role string `yaml:"role" json:"role,omitempty"`
}

// Outcome is a questionnaire. Mean and SD are those at the first visit, and changes
// those from it, of the score before it is rounded and cut.
type Outcome struct {
	Name       string               `yaml:"name" json:"name"`
	Title      string               `yaml:"title" json:"title,omitempty"`
	Instrument string               `yaml:"instrument" json:"instrument,omitempty"`
	Mean       float64              `yaml:"mean" json:"mean"`
	SD         float64              `yaml:"sd" json:"sd"`
	Low        float64              `yaml:"low" json:"low"`
	High       float64              `yaml:"high" json:"high"`
	Step       float64              `yaml:"step" json:"step"`
	Higher     bool                 `yaml:"higher_is_better" json:"higher_is_better,omitempty"`
	Important  float64              `yaml:"important" json:"important"` // improvement that makes a responder
	Change     map[string][]float64 `yaml:"change" json:"change"`       // by arm, at each visit after the first
}

// worse is the direction of worse scores.
func (o Outcome) worse() float64 {
	if o.Higher {
		return -1
	}
	return 1
}

// Correlation says how scores go together.
type Correlation struct {
	Outcomes   [][]float64 `yaml:"outcomes" json:"outcomes"` // at one visit, in the order of the outcomes
	Visits     string      `yaml:"visits" json:"visits"`     // ar1 or compound
	Rho        float64     `yaml:"rho" json:"rho"`           // of an outcome at one visit and the next
	Covariates []Pair      `yaml:"covariates" json:"covariates,omitempty"`
}

// Pair is the correlation of a covariate's normal score with that of another, or
// with the error of an outcome at the first visit.
type Pair struct {
	A string  `yaml:"a" json:"a"`
	B string  `yaml:"b" json:"b"`
	R float64 `yaml:"r" json:"r"`
}

// Sites are as many sites, each as large, with random effects.
type Sites struct {
	Number   int     `yaml:"number" json:"number"`
	Severity float64 `yaml:"severity_sd" json:"severity_sd"` // of the shift of all scores, in their SD
	Effect   float64 `yaml:"effect_sd" json:"effect_sd"`     // of the factor on changes, whose mean is 1
}

// Trend is what a quarter adds.
type Trend struct {
	Severity float64 `yaml:"severity" json:"severity"` // to the scores, in their SD, towards worse
	Effect   float64 `yaml:"effect" json:"effect"`     // to the factor on changes
}

// Covariate describes patients at admission.
type Covariate struct {
	Name         string  `yaml:"name" json:"name"`
	Title        string  `yaml:"title" json:"title,omitempty"`
	Unit         string  `yaml:"unit" json:"unit,omitempty"`
	Distribution string  `yaml:"distribution" json:"distribution"` // normal, lognormal, uniform or levels
	Mean         float64 `yaml:"mean" json:"mean,omitempty"`       // normal
	SD           float64 `yaml:"sd" json:"sd,omitempty"`           // normal
	Median       float64 `yaml:"median" json:"median,omitempty"`   // lognormal
	Sigma        float64 `yaml:"sigma" json:"sigma,omitempty"`     // lognormal
	Low          float64 `yaml:"low" json:"low,omitempty"`         // cut, or the ends of uniform
	High         float64 `yaml:"high" json:"high,omitempty"`
	Step         float64 `yaml:"step" json:"step,omitempty"`
	Levels       []Level `yaml:"levels" json:"levels,omitempty"` // from the lowest normal score to the highest
}

// Level is a value and its share.
type Level struct {
	Value string  `yaml:"value" json:"value"`
	Share float64 `yaml:"share" json:"share"`
}

// Dropout says who leaves for good before a visit after the first. Without Outcome
// the chances at random and not at random have no slope.
type Dropout struct {
	Outcome     string    `yaml:"outcome" json:"outcome,omitempty"`
	Rate        float64   `yaml:"completely_at_random" json:"completely_at_random"`
	AtRandom    *Logistic `yaml:"at_random" json:"at_random,omitempty"`         // by the last score recorded
	NotAtRandom *Logistic `yaml:"not_at_random" json:"not_at_random,omitempty"` // by the score at the visit
}

// Logistic is a chance: logit p = intercept + slope · (points worse than the mean at the first visit).
type Logistic struct {
	Intercept float64 `yaml:"intercept" json:"intercept"`
	Slope     float64 `yaml:"slope" json:"slope"`
}

// Missing is what is missing of those who have not left.
type Missing struct {
	Visits  float64                 `yaml:"visits" json:"visits"`   // share of visits after the first
	Answers float64                 `yaml:"answers" json:"answers"` // share of questionnaires at visits attended
	Codes   []datasets.MissingValue `yaml:"codes" json:"codes,omitempty"`
}

// Opioids are doses in mg of oral morphine a day.
type Opioids struct {
	Share     float64            `yaml:"share" json:"share"` // on opioids at admission
	Median    float64            `yaml:"median" json:"median"`
	Sigma     float64            `yaml:"sigma" json:"sigma"`                 // of the logarithm
	Tapering  map[string]float64 `yaml:"tapering" json:"tapering"`           // share who taper, by arm
	Weekly    float64            `yaml:"weekly" json:"weekly"`               // median share of the first dose taken off a week
	Spread    float64            `yaml:"weekly_sigma" json:"weekly_sigma"`   // sigma of its logarithm
	Cessation float64            `yaml:"cessation" json:"cessation"`         // share of those tapering who come to nothing
	Remains   float64            `yaml:"remains" json:"remains"`             // share of the dose left where the others end
	Rebound   float64            `yaml:"rebound" json:"rebound"`             // share of those tapering who go up again
	ReboundTo float64            `yaml:"rebound_to" json:"rebound_to"`       // share of the first dose
	After     float64            `yaml:"rebound_weeks" json:"rebound_weeks"` // mean time from the taper's end to it
}

// Work has hazards a week of return to work of those off work at admission, of
// leaving it again, and so on to the last day.
type Work struct {
	Before     []Level            `yaml:"before" json:"before"` // working, off work, not in the work force
	Return     float64            `yaml:"return" json:"return"`
	Relapse    float64            `yaml:"relapse" json:"relapse"`
	Arms       map[string]float64 `yaml:"arms" json:"arms,omitempty"`             // hazard ratio of return, by arm
	Covariates map[string]float64 `yaml:"covariates" json:"covariates,omitempty"` // log hazard ratio of return a unit of the normal score
	Days       int                `yaml:"days" json:"days"`                       // of the register, from admission
}

// Cost is what a kind of care costs in the year before admission and the year from
// it: nothing, or a gamma amount.
type Cost struct {
	Category string             `yaml:"category" json:"category"`
	Any      float64            `yaml:"any" json:"any"`             // share of patients with any
	Mean     float64            `yaml:"mean" json:"mean"`           // of those with any
	Shape    float64            `yaml:"shape" json:"shape"`         // of the gamma distribution
	Arms     map[string]float64 `yaml:"arms" json:"arms,omitempty"` // factor on the mean after admission, by arm
}

//go:embed default.yaml
var defaultFile []byte

// DefaultFile returns the truth file that stands as an example, with comments.
func DefaultFile() []byte { return slices.Clone(defaultFile) }

// most bounds the patients, so that a slip of the keyboard does not fill a disk.
const most = 10_000_000

// Parse decodes a truth file of at most 64 KiB strictly. All that is wrong with what
// it says comes back at once, as datasets.Problems with their lines.
func Parse(name string, b []byte) (Truth, error) {
	var t Truth
	line, err := datasets.DecodeYAML(name, b, &t)
	if err != nil {
		return t, err
	}
	c := checker{file: name, line: line}
	c.truth(&t)
	if c.problems != nil {
		return t, c.problems
	}
	return t, nil
}

// Check checks a truth that was changed after it was read.
func (t Truth) Check() error {
	c := checker{file: t.Name, line: func(string) int { return 0 }}
	c.truth(&t)
	if c.problems != nil {
		return c.problems
	}
	return nil
}

// Treatment moves the visit with role discharge to the end of a program of so many
// weeks, and those after it by as many days.
func (t Truth) Treatment(weeks int) Truth {
	t.Visits = slices.Clone(t.Visits)
	at := slices.IndexFunc(t.Visits, func(v Visit) bool { return v.Role == "discharge" })
	if at < 0 {
		return t
	}
	shift := 7*weeks - t.Visits[at].Day
	for i := at; i < len(t.Visits); i++ {
		t.Visits[i].Day += shift
	}
	return t
}

// visits is the correlation of a score at one visit and another.
func (c Correlation) visits(v, w int) float64 {
	switch {
	case v == w:
		return 1
	case c.Visits == "compound":
		return c.Rho
	}
	return math.Pow(c.Rho, math.Abs(float64(v-w)))
}

// cholesky returns the lower factor of a matrix, false where it is not positive
// definite.
func cholesky(a [][]float64) ([][]float64, bool) {
	l := make([][]float64, len(a))
	for i := range a {
		l[i] = make([]float64, i+1)
		for j := range i + 1 {
			sum := a[i][j]
			for k := range j {
				sum -= float64(l[i][k] * l[j][k])
			}
			if i > j {
				l[i][j] = sum / l[j][j]
				continue
			}
			if !(sum > 1e-12) {
				return nil, false
			}
			l[i][i] = math.Sqrt(sum)
		}
	}
	return l, true
}

// joint is the correlation of the normal scores of outcomes at the first visit, then
// covariates.
func (t Truth) joint() [][]float64 {
	n := len(t.Outcomes) + len(t.Covariates)
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n)
		m[i][i] = 1
	}
	for i, row := range t.Correlation.Outcomes {
		copy(m[i], row)
	}
	for _, p := range t.Correlation.Covariates {
		i, j := t.variable(p.A), t.variable(p.B)
		m[i][j], m[j][i] = p.R, p.R
	}
	return m
}

// variable is the place of an outcome or covariate in the joint matrix, -1 for none.
func (t Truth) variable(name string) int {
	if i := slices.IndexFunc(t.Outcomes, func(o Outcome) bool { return o.Name == name }); i >= 0 {
		return i
	}
	if i := slices.IndexFunc(t.Covariates, func(c Covariate) bool { return c.Name == name }); i >= 0 {
		return len(t.Outcomes) + i
	}
	return -1
}

// repeated is the correlation of a score's errors across visits.
func (t Truth) repeated() [][]float64 {
	m := make([][]float64, len(t.Visits))
	for v := range m {
		m[v] = make([]float64, len(t.Visits))
		for w := range m[v] {
			m[v][w] = t.Correlation.visits(v, w)
		}
	}
	return m
}
