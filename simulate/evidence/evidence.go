// Package evidence holds the parameters of the simulation as data: value, unit,
// distribution, source, and how far the source can be trusted.
package evidence

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"recoup/simulate"
	"recoup/simulate/internal/strict"
)

//go:embed default.yaml
var defaultYAML []byte

// Kind says where a value comes from.
type Kind string

// The kinds.
const (
	Published Kind = "published" // a figure in, or worked out from, a publication
	Cohort    Kind = "cohort"    // estimated from a cohort of the user
	Assumed   Kind = "assumed"   // a judgement; the note gives the reasoning
)

// Status says how far a value has been checked against its source.
type Status string

// The statuses.
const (
	Sourced    Status = "sourced"    // read in the source named
	Unverified Status = "unverified" // recalled from the literature, not yet read in the source
	Guess      Status = "assumed"    // there is no source
)

// Parameter is one uncertain quantity. Value is the mean for normal, beta and
// gamma, the median for lognormal, and the base case for all.
type Parameter struct {
	Name         string          `yaml:"name" json:"name"`
	Value        float64         `yaml:"value" json:"value"`
	Unit         string          `yaml:"unit" json:"unit"`
	Distribution simulate.Family `yaml:"distribution" json:"distribution"`
	// One of these gives the spread: the standard error of the value; the size of
	// the sample behind a proportion (beta only); or the ends of a 95 % interval
	// (for uniform the ends of the range). Fixed has none.
	SE   *float64 `yaml:"se" json:"se,omitempty"`
	N    *float64 `yaml:"n" json:"n,omitempty"`
	Low  *float64 `yaml:"low" json:"low,omitempty"`
	High *float64 `yaml:"high" json:"high,omitempty"`

	// Currency and PriceYear are of money, which a unit such as USD per week says it is.
	// The currency is needed only where its country must be named, as EUR/DEU; a price
	// year of 0 is not known.
	Currency  string `yaml:"currency" json:"currency,omitempty"`
	PriceYear int    `yaml:"price_year" json:"price_year,omitempty"`

	Source string `yaml:"source" json:"source,omitempty"`
	Kind   Kind   `yaml:"kind" json:"kind"`
	Status Status `yaml:"status" json:"status"`
	Note   string `yaml:"note" json:"note,omitempty"`
}

// Set is a named list of parameters.
type Set struct {
	Name  string `yaml:"name" json:"name"`
	Title string `yaml:"title" json:"title"`
	// Currency and PriceYear are those of every parameter of money that states none of its
	// own; Parse writes them into the parameters.
	Currency   string      `yaml:"currency" json:"-"`
	PriceYear  int         `yaml:"price_year" json:"-"`
	Parameters []Parameter `yaml:"parameters" json:"parameters"`
	// Correlations say which parameters hang together; the others are independent.
	Correlations []Correlation `yaml:"correlations" json:"correlations,omitempty"`
}

// Correlation is a correlation or a covariance matrix of some parameters, of their
// logarithms for lognormal ones (a Gaussian copula, see simulate.Correlation). It
// says how they hang together; their spread is that of the parameters.
type Correlation struct {
	Names      []string    `yaml:"names" json:"names"`
	Matrix     [][]float64 `yaml:"matrix" json:"matrix,omitempty"`
	Covariance [][]float64 `yaml:"covariance" json:"covariance,omitempty"`
}

// Copulas returns the correlation matrices. The error is
// *simulate.NotPositiveDefinite, with the nearest matrix, for one that no
// parameters can have.
func (s Set) Copulas() ([]simulate.Correlation, error) {
	var out []simulate.Correlation
	for i, c := range s.Correlations {
		var x simulate.Correlation
		err := errors.New("give one of matrix and covariance")
		switch {
		case c.Matrix != nil && c.Covariance == nil:
			x, err = simulate.NewCorrelation(c.Names, c.Matrix)
		case c.Matrix == nil && c.Covariance != nil:
			x, err = simulate.CorrelationFromCovariance(c.Names, c.Covariance)
		}
		if err != nil {
			return nil, fmt.Errorf("correlations[%d]: %w", i, err)
		}
		out = append(out, x)
	}
	return out, nil
}

// limits are those of a file of evidence, which a calibration may have written.
var limits = strict.Limits{Bytes: 1 << 20, Keys: 100_000}

// Default returns the set that comes with the program.
func Default() (Set, error) { return Parse("the default evidence", defaultYAML) }

// Parse reads a set from YAML. Name is the file to speak of. The error lists unknown
// keys, values of the wrong kind and faulty parameters, all at once, with their lines.
func Parse(name string, b []byte) (Set, error) {
	var s Set
	err := strict.ParseWithin(limits, name, b, &s, func() []strict.Problem {
		s.spreadMoney()
		return s.problems()
	})
	if err != nil {
		return Set{}, err
	}
	return s, nil
}

// Check returns every fault of the set, or nil.
func (s Set) Check() error {
	if list := s.problems(); len(list) > 0 {
		return &strict.Problems{File: "evidence " + s.Name, List: list}
	}
	return nil
}

func (s Set) problems() []strict.Problem {
	var out []strict.Problem
	bad := func(path, message string) { out = append(out, strict.Problem{Path: path, Message: message}) }
	if s.Name == "" {
		bad("", "the set has no name")
	}
	seen := make(map[string]bool, len(s.Parameters))
	for i, p := range s.Parameters {
		at := fmt.Sprintf("parameters[%d]", i)
		if p.Name == "" {
			bad(at, "has no name")
			continue
		}
		if seen[p.Name] {
			bad(at, p.Name+": stands more than once")
		}
		seen[p.Name] = true
		if err := p.check(); err != nil {
			bad(at, p.Name+": "+err.Error())
		}
	}
	if _, err := s.Copulas(); err != nil {
		bad("", err.Error())
	}
	return out
}

func (p Parameter) check() error {
	switch {
	case p.Unit == "":
		return errors.New("unit is missing (write \"share\" for a proportion)")
	case p.Kind != Published && p.Kind != Cohort && p.Kind != Assumed:
		return fmt.Errorf("kind is %q: use published, cohort or assumed", p.Kind)
	case p.Status != Sourced && p.Status != Unverified && p.Status != Guess:
		return fmt.Errorf("status is %q: use sourced, unverified or assumed", p.Status)
	case (p.Kind == Assumed) != (p.Status == Guess):
		return errors.New("kind and status disagree: assumed goes with assumed, and only with it")
	case p.Kind == Published && p.Source == "":
		return errors.New("a published value needs its source")
	case p.Kind == Assumed && p.Note == "":
		return errors.New("an assumed value needs a note with the reasoning")
	}
	if err := p.checkMoney(); err != nil {
		return err
	}
	_, err := p.Sampling()
	return err
}

// z975 is the 97.5th percentile of the standard normal distribution.
const z975 = 1.959963984540054

// Sampling returns the distribution the parameter is drawn from. A 95 %
// interval gives the standard error (High − Low) / (2·1.96), for lognormal on
// the logarithm; a sample size n gives beta with shapes value·n, (1−value)·n.
func (p Parameter) Sampling() (simulate.Distribution, error) {
	none := simulate.Distribution{}
	interval := p.Low != nil && p.High != nil
	switch {
	case (p.Low == nil) != (p.High == nil):
		return none, errors.New("low and high must stand together")
	case interval && (p.Value < *p.Low || p.Value > *p.High):
		return none, errors.New("value lies outside low and high")
	case count(p.SE != nil, p.N != nil, interval) > 1:
		return none, errors.New("give one of se, n, or low and high")
	case p.Distribution == simulate.Fixed:
		if p.SE != nil || p.N != nil || interval {
			return none, errors.New("a fixed value has no spread: remove se, n, low and high")
		}
		d := simulate.Distribution{Family: simulate.Fixed, A: p.Value}
		return d, d.Check()
	case p.SE == nil && p.N == nil && !interval:
		return none, errors.New("the spread is missing: give se, n, or low and high")
	case p.N != nil && p.Distribution != simulate.Beta:
		return none, errors.New("n gives the spread of a beta distribution only")
	case p.Distribution == simulate.Uniform && !interval, p.Distribution == simulate.LogNormal && !interval:
		return none, fmt.Errorf("a %s distribution needs low and high", p.Distribution)
	}
	return p.spread(interval)
}

func (p Parameter) spread(interval bool) (simulate.Distribution, error) {
	if p.N != nil {
		d := simulate.Distribution{Family: simulate.Beta, A: p.Value * *p.N, B: (1 - p.Value) * *p.N}
		return d, d.Check()
	}
	var se float64
	if interval {
		se = (*p.High - *p.Low) / (2 * z975)
	} else {
		se = *p.SE
	}
	d := simulate.Distribution{Family: p.Distribution, A: p.Value, B: se}
	switch p.Distribution {
	case simulate.Beta:
		return simulate.BetaFromMean(p.Value, se)
	case simulate.Gamma:
		return simulate.GammaFromMean(p.Value, se)
	case simulate.LogNormal:
		d.B = math.Log(*p.High / *p.Low) / (2 * z975)
	case simulate.Uniform:
		d.A, d.B = *p.Low, *p.High
	}
	return d, d.Check()
}

func count(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

// Names returns the names in order.
func (s Set) Names() []string {
	names := make([]string, len(s.Parameters))
	for i, p := range s.Parameters {
		names[i] = p.Name
	}
	return names
}

// Base returns the values by name: the base case.
func (s Set) Base() map[string]float64 {
	v := make(map[string]float64, len(s.Parameters))
	for _, p := range s.Parameters {
		v[p.Name] = p.Value
	}
	return v
}

// Draw returns the values by name at uniform numbers u, one in (0, 1) for each
// parameter in order, by quantile functions.
func (s Set) Draw(u []float64) (map[string]float64, error) {
	if len(u) != len(s.Parameters) {
		return nil, fmt.Errorf("%d uniform numbers for %d parameters", len(u), len(s.Parameters))
	}
	v := make(map[string]float64, len(s.Parameters))
	for i, p := range s.Parameters {
		d, err := p.Sampling()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		v[p.Name] = d.Quantile(u[i])
	}
	return v, nil
}

// Override returns s with the parameters of o in place of those of the same
// name, and the correlations of both. A parameter that s does not have is an error.
func (s Set) Override(o Set) (Set, error) {
	out := Set{Name: s.Name + " + " + o.Name, Title: s.Title, Parameters: append([]Parameter(nil), s.Parameters...)}
	out.Correlations = append(append(out.Correlations, s.Correlations...), o.Correlations...)
	at := make(map[string]int, len(s.Parameters))
	for i, p := range s.Parameters {
		at[p.Name] = i
	}
	for _, p := range o.Parameters {
		i, ok := at[p.Name]
		if !ok {
			return Set{}, fmt.Errorf("%s: the evidence has no such parameter; the names are listed by the evidence itself", p.Name)
		}
		out.Parameters[i] = p
	}
	return out, nil
}

// Digest returns the SHA-256 of the set in canonical form, in hexadecimal. Of money it
// takes the amounts, which are what results depend on, and not of which year they are.
func (s Set) Digest() string {
	s.Parameters = slices.Clone(s.Parameters)
	for i := range s.Parameters {
		s.Parameters[i].Currency, s.Parameters[i].PriceYear = "", 0
	}
	b, err := json.Marshal(s)
	if err != nil {
		return "" // a NaN or infinity, which Check refuses
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
