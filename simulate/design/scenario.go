package design

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"recoup/simulate"
	"recoup/simulate/internal/strict"
)

// Scenario is one study: all that its result depends on besides the evidence.
type Scenario struct {
	Name        string     `yaml:"name,required" json:"name"`
	Title       string     `yaml:"title,required" json:"title"`
	Description string     `yaml:"description" json:"description,omitempty"`
	Population  Population `yaml:"population,required" json:"population"`
	// Strategies are compared; the first is the reference. Each is a
	// comparator, a built-in design or one of Designs.
	Strategies []string `yaml:"strategies,required" json:"strategies"`
	Designs    []Design `yaml:"designs" json:"designs,omitempty"`
	// HorizonWeeks is how long patients are followed from admission.
	HorizonWeeks int `yaml:"horizon_weeks,required" json:"horizon_weeks"`
	// Perspective is health-system (default); insurer, which adds the wages paid to
	// patients under workers' compensation; or societal, which adds wages lost.
	Perspective string      `yaml:"perspective" json:"perspective"`
	Discounting Discounting `yaml:"discounting" json:"discounting"`
	// CycleCounting is start, end or half-cycle (default).
	CycleCounting simulate.Counting `yaml:"cycle_counting" json:"cycle_counting"`
	// Seed picks the random numbers (default 1).
	Seed uint64 `yaml:"seed" json:"seed"`
	// Draws is the number of parameter sets; 0 runs the base case alone.
	Draws int `yaml:"draws,required" json:"draws"`
	// Patients is the number of patients in each draw.
	Patients int `yaml:"patients,required" json:"patients"`
	// Sampling is latin-hypercube (default), sobol or random.
	Sampling simulate.Sampling `yaml:"sampling" json:"sampling"`
	// Generator is splitmix64 (default) or philox4x32-10.
	Generator string `yaml:"generator" json:"generator"`
	// Currency (US dollars where empty) and PriceYear are of the result; the costs of the
	// evidence and the designs are moved to them where theirs are stated. Without a price
	// year nothing is moved.
	Currency  string `yaml:"currency" json:"currency,omitempty" doc:"of the result, such as USD, the default, or EUR/DEU"`
	PriceYear int    `yaml:"price_year" json:"price_year,omitempty" doc:"year of the result's prices; costs stay as they are where it is not given"`
	// PriceIndex is cpi (default) or cpi-medical; PriceOrder is inflate-first (default) or
	// convert-first.
	PriceIndex string `yaml:"price_index" json:"price_index,omitempty" doc:"of prices of care: cpi, the default, or cpi-medical; the wage moves by cpi"`
	PriceOrder string `yaml:"price_order" json:"price_order,omitempty" doc:"of a move between currencies: inflate-first, the default, or convert-first"`
	// UndatedPriceYear is the year that costs of no stated year are taken to be of.
	UndatedPriceYear int `yaml:"undated_price_year" json:"undated_price_year,omitempty" doc:"year that costs of no stated year are taken to be of; they stay as they are where it is not given"`
	// Moved are the moves of prices made when the files were read, for the conventions of
	// the result; nobody writes them into a file.
	Moved []simulate.Convention `yaml:"-" json:"moved_prices,omitempty"`
	// WillingnessToPay are the values of a QALY in the result's money at which net benefit
	// is worked out.
	WillingnessToPay []float64 `yaml:"willingness_to_pay" json:"willingness_to_pay"`
	// Outputs are the outcomes to report; none means all. Cost and QALY are always
	// reported.
	Outputs []string `yaml:"outputs" json:"outputs,omitempty"`
}

// The perspectives.
const (
	HealthSystem = "health-system"
	Insurer      = "insurer"
	Societal     = "societal"
)

// Discounting holds annual rates, as shares, and the form of the factor.
type Discounting struct {
	Cost   float64 `yaml:"cost" json:"cost"`
	Effect float64 `yaml:"effect" json:"effect"`
	// Form is annual (default), by-year or continuous.
	Form simulate.Compounding `yaml:"form" json:"form"`
}

// Population is who is admitted.
type Population struct {
	Age    Range   `yaml:"age,required" json:"age"`       // years, normal, cut to its range
	Female float64 `yaml:"female,required" json:"female"` // share
	// Pain and Interference are 0-10, Mood is PHQ-9 (0-27): normal, correlated as
	// the evidence says, cut to their range.
	Pain         Spread `yaml:"pain,required" json:"pain"`
	Interference Spread `yaml:"interference,required" json:"interference"`
	Mood         Spread `yaml:"mood,required" json:"mood"`
	// SelfEfficacy is PSEQ (0-60, more is better), Sleep is ISI (0-28).
	SelfEfficacy Spread  `yaml:"self_efficacy" json:"self_efficacy"`
	Sleep        Spread  `yaml:"sleep" json:"sleep"`
	OpioidShare  float64 `yaml:"opioid_share,required" json:"opioid_share"`
	// OpioidDose is the dose of those on opioids, MME a day, lognormal by its mean
	// and SD, cut at 500.
	OpioidDose Spread `yaml:"opioid_dose,required" json:"opioid_dose"`
	Work       Work   `yaml:"work,required" json:"work"`
	// RetirementAge is the age in years from which patients are retired: they neither
	// work nor lose wages, and are not counted in the shares of work. 0: nobody retires.
	RetirementAge float64 `yaml:"retirement_age" json:"retirement_age"`
	// LifeTable is mortality by age and sex; without it the evidence's mortality at 45 and
	// its growth with age stand for it.
	LifeTable []LifeYear `yaml:"life_table" json:"life_table,omitempty"`
	// WeeksOffWork is the mean time off work so far of those off work or on
	// disability, exponential.
	WeeksOffWork float64 `yaml:"weeks_off_work,required" json:"weeks_off_work"`
	// JobHeld is the share of those off work or on disability who have a job to go
	// back to.
	JobHeld float64 `yaml:"job_held" json:"job_held"`
	// Compensation is the share under workers' compensation.
	Compensation float64 `yaml:"compensation" json:"compensation"`
}

// LifeYear is the probability of dying within a year of those who are Age years old, or
// older up to the next Age of the table.
type LifeYear struct {
	Age    int     `yaml:"age,required" json:"age"`
	Female float64 `yaml:"female,required" json:"female"`
	Male   float64 `yaml:"male,required" json:"male"`
}

// Spread is a mean and standard deviation.
type Spread struct {
	Mean float64 `yaml:"mean,required" json:"mean"`
	SD   float64 `yaml:"sd,required" json:"sd"`
}

// Range is a mean and standard deviation with a smallest and largest value.
type Range struct {
	Mean    float64 `yaml:"mean,required" json:"mean"`
	SD      float64 `yaml:"sd,required" json:"sd"`
	Minimum float64 `yaml:"minimum,required" json:"minimum"`
	Maximum float64 `yaml:"maximum,required" json:"maximum"`
}

// Work holds the shares of the work states at entry. They sum to 1.
type Work struct {
	Full       float64 `yaml:"full,required" json:"full"`
	Modified   float64 `yaml:"modified,required" json:"modified"`
	Off        float64 `yaml:"off,required" json:"off"`
	Disability float64 `yaml:"disability,required" json:"disability"`
}

// Defaults returns the settings a scenario has where its file is silent.
func Defaults() Scenario {
	return Scenario{
		Population:       Population{SelfEfficacy: Spread{20.7, 12}, Sleep: Spread{17, 6}, JobHeld: 0.5, RetirementAge: 67},
		Perspective:      HealthSystem,
		Discounting:      Discounting{Cost: 0.03, Effect: 0.03, Form: simulate.Annual},
		CycleCounting:    simulate.CountHalf,
		Seed:             1,
		Sampling:         simulate.LatinHypercube,
		Generator:        "splitmix64",
		WillingnessToPay: []float64{0, 25000, 50000, 100000, 150000},
	}
}

//go:embed default-scenario.yaml
var defaultScenario []byte

// DefaultScenario returns the text of the example scenario.
func DefaultScenario() []byte { return bytes.Clone(defaultScenario) }

// ParseScenario reads a scenario from YAML over Defaults. Name is the file to
// speak of in errors. The error is *Problems with every problem of the file, its
// line and column.
func ParseScenario(name string, b []byte) (Scenario, error) {
	s := Defaults()
	if err := strict.Parse(name, b, &s, func() []Problem { return Check(s) }); err != nil {
		return Scenario{}, err
	}
	return s, nil
}

// Design returns the design a strategy stands for, and false for the
// comparators. Designs of the scenario go before built-in ones.
func (s Scenario) Design(strategy string) (Design, bool, error) {
	if slices.Contains(Comparators, strategy) {
		return Design{}, false, nil
	}
	for _, d := range s.Designs {
		if d.Name == strategy {
			return d, true, nil
		}
	}
	d, err := Builtin(strategy)
	if err != nil {
		return Design{}, false, fmt.Errorf("strategy %q is not known: use %s, a design of the scenario or one of %s",
			strategy, strings.Join(Comparators, ", "), strings.Join(BuiltinNames(), ", "))
	}
	return d, true, nil
}

// Digest returns the SHA-256, in hexadecimal, of the scenario in canonical form:
// every default filled in and every design it uses written out.
func (s Scenario) Digest() (string, error) {
	used := s
	used.Designs = nil
	for _, name := range s.Strategies {
		d, ok, err := s.Design(name)
		if err != nil {
			return "", err
		}
		if ok {
			used.Designs = append(used.Designs, d)
		}
	}
	b, err := json.Marshal(used)
	if err != nil {
		return "", fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}
