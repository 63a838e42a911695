// Package prices moves money of one currency and price year to another, by price indices
// and purchasing power parities whose sources are stated.
package prices

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed prices.yaml
var builtin []byte

// Errors callers may test for.
var (
	ErrMoney   = errors.New("currency and price year do not fit") // what was asked is not well formed
	ErrMissing = errors.New("a price index or parity is missing") // a table would cure it
	ErrTable   = errors.New("not a table of price indices")
)

// The indices.
const (
	CPI     = "cpi"         // consumer prices, all items
	Medical = "cpi-medical" // consumer prices of medical care
	PPP     = "ppp"         // national currency for an international dollar, GDP
)

// The orders of a conversion between currencies. They differ where prices rose otherwise
// in the two places than their parity says.
const (
	InflateFirst = "inflate-first" // in its own currency to the target's year, then by that year's parity
	ConvertFirst = "convert-first" // by the parity of its own year, then in the target's currency to its year
)

// Money is a currency and the year whose prices it is of; a year of 0 is not known.
type Money struct {
	Currency string // such as USD
	Place    string // such as DEU, for a currency that several places have; empty where it is plain
	Year     int
}

// Parse reads a currency such as USD, or EUR/DEU for euros at German prices, and a year.
func Parse(currency string, year int) (Money, error) {
	code, place, of := strings.Cut(currency, "/")
	if !letters(code) || of && !letters(place) {
		return Money{}, fmt.Errorf("%w: expected three capital letters such as USD, with the country where several share it as in EUR/DEU", ErrMoney)
	}
	if year != 0 && (year < 1900 || year > 2200) {
		return Money{}, fmt.Errorf("%w: expected a price year of four digits such as 2024", ErrMoney)
	}
	return Money{code, place, year}, nil
}

func letters(s string) bool {
	return len(s) == 3 && !strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// Code is the currency with its place, as Parse reads it.
func (m Money) Code() string {
	if m.Place == "" {
		return m.Currency
	}
	return m.Currency + "/" + m.Place
}

// String writes USD of 2024, and USD where the year is not known.
func (m Money) String() string {
	if m.Year == 0 {
		return m.Code()
	}
	return m.Code() + " of " + strconv.Itoa(m.Year)
}

// Series is one index of one place by year.
type Series struct {
	Index    string          `yaml:"index" json:"index"`
	Place    string          `yaml:"place" json:"place"`
	Currency string          `yaml:"currency" json:"currency"`
	Title    string          `yaml:"title" json:"title"`
	Code     string          `yaml:"code" json:"code"`
	Source   string          `yaml:"source" json:"source"`
	Values   map[int]float64 `yaml:"values" json:"values"`
}

// years are those with a value, in order.
func (s Series) years() []int {
	var out []int
	for y := range s.Values {
		out = append(out, y)
	}
	slices.Sort(out)
	return out
}

// name of the series for a reader: what it is, and its code and source.
func (s Series) name() string {
	by := s.Source
	if s.Code != "" {
		by += ", " + s.Code
	}
	return s.Title + " (" + by + ")"
}

// Table is a list of series, each index of a place once.
type Table struct {
	Name   string   `yaml:"name"`
	Title  string   `yaml:"title"`
	Series []Series `yaml:"series"`
}

// Builtin returns the table that comes with recoup.
func Builtin() Table {
	t, err := Read("the built-in table", bytes.NewReader(builtin))
	if err != nil {
		return Table{} // a test reads it
	}
	return t
}

// BuiltinYAML returns the text of the table that comes with recoup, to start one from.
func BuiltinYAML() []byte { return bytes.Clone(builtin) }

// maxBytes is more than any such table needs.
const maxBytes = 1 << 20

// Read reads a table from YAML strictly. Name is the file to speak of in errors.
func Read(name string, r io.Reader) (Table, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return Table{}, fmt.Errorf("%s: %w", name, err)
	}
	if len(b) > maxBytes {
		return Table{}, fmt.Errorf("%w: %s is larger than 1 MiB", ErrTable, name)
	}
	var t Table
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&t); err != nil {
		return Table{}, fmt.Errorf("%w: %s: %w", ErrTable, name, err)
	}
	if err := t.check(); err != nil {
		return Table{}, fmt.Errorf("%w: %s: %w", ErrTable, name, err)
	}
	return t, nil
}

func (t Table) check() error {
	if len(t.Series) == 0 {
		return errors.New("no series; each needs index, place, currency, title, source and values by year")
	}
	currency := map[string]string{}
	for i, s := range t.Series {
		at := fmt.Sprintf("series %d", i+1)
		switch {
		case s.Index != CPI && s.Index != Medical && s.Index != PPP:
			return fmt.Errorf("%s: expected index cpi, cpi-medical or ppp", at)
		case !letters(s.Place) || !letters(s.Currency):
			return fmt.Errorf("%s: expected place and currency of three capital letters such as SWE and SEK", at)
		case s.Title == "" || s.Source == "":
			return fmt.Errorf("%s: expected a title and a source", at)
		case len(s.Values) == 0:
			return fmt.Errorf("%s: expected values by year", at)
		case currency[s.Place] != "" && currency[s.Place] != s.Currency:
			return fmt.Errorf("%s: %s has two currencies", at, s.Place)
		}
		currency[s.Place] = s.Currency
		for _, y := range s.years() {
			if v := s.Values[y]; y < 1900 || y > 2200 || !(v > 0) || math.IsInf(v, 0) {
				return fmt.Errorf("%s: expected years of four digits with values above 0", at)
			}
		}
		if slices.ContainsFunc(t.Series[:i], func(o Series) bool { return o.Index == s.Index && o.Place == s.Place }) {
			return fmt.Errorf("%s: %s of %s stands twice", at, s.Index, s.Place)
		}
	}
	return nil
}

// Over returns own's series in place of those of t of the same index and place, whole, and
// all others of both. Values of two sources are never mixed within a series.
func (t Table) Over(own Table) Table {
	out := Table{Name: own.Name + " over " + t.Name, Title: own.Title, Series: slices.Clone(own.Series)}
	for _, s := range t.Series {
		if _, ok := own.find(s.Index, s.Place); !ok {
			out.Series = append(out.Series, s)
		}
	}
	return out
}

func (t Table) find(index, place string) (Series, bool) {
	i := slices.IndexFunc(t.Series, func(s Series) bool { return s.Index == index && s.Place == place })
	if i < 0 {
		return Series{}, false
	}
	return t.Series[i], true
}

// place is where the prices of some money are: stated, or the one place with the currency.
func (t Table) place(m Money) (string, error) {
	var places []string
	for _, s := range t.Series {
		if s.Currency == m.Currency && !slices.Contains(places, s.Place) {
			places = append(places, s.Place)
		}
	}
	slices.Sort(places)
	switch {
	case m.Place != "" && slices.Contains(places, m.Place):
		return m.Place, nil
	case m.Place != "":
		return "", fmt.Errorf("%w: there is nothing of %s in %s", ErrMissing, m.Place, m.Currency)
	case len(places) == 1:
		return places[0], nil
	case len(places) == 0:
		return "", fmt.Errorf("%w: there is nothing of the currency %s", ErrMissing, m.Currency)
	}
	return "", fmt.Errorf("%w: %s is the money of %s: say which, as %s/%s", ErrMoney, m.Currency, strings.Join(places, ", "), m.Currency, places[0])
}

// Options say how money is moved.
type Options struct {
	Index string // CPI where empty, or Medical
	Order string // InflateFirst where empty, or ConvertFirst
}

func (o Options) defaults() (Options, error) {
	if o.Index == "" {
		o.Index = CPI
	}
	if o.Order == "" {
		o.Order = InflateFirst
	}
	if o.Index != CPI && o.Index != Medical {
		return o, fmt.Errorf("%w: expected the index %s or %s", ErrMoney, CPI, Medical)
	}
	if o.Order != InflateFirst && o.Order != ConvertFirst {
		return o, fmt.Errorf("%w: expected the order %s or %s", ErrMoney, InflateFirst, ConvertFirst)
	}
	return o, nil
}

// Step is one ratio of a conversion: To over From of a series, or of two parities.
type Step struct {
	Series   string  // title, code and source
	From, To float64 // values
	Of       string  // the years, or the places and the year
}

// Conversion is what amounts of one money are multiplied by to be in another.
type Conversion struct {
	From, To Money
	Factor   float64
	Order    string // of a conversion between currencies; empty otherwise
	Steps    []Step
}

// String states the conversion as a convention of a result.
func (c Conversion) String() string {
	text := fmt.Sprintf("%s to %s: times %s", c.From, c.To, strconv.FormatFloat(c.Factor, 'g', 6, 64))
	for i, s := range c.Steps {
		sep := "; "
		if i == 0 {
			sep = " by "
		}
		text += fmt.Sprintf("%s%s, %s: %s/%s", sep, s.Series, s.Of, strconv.FormatFloat(s.To, 'g', 7, 64), strconv.FormatFloat(s.From, 'g', 7, 64))
	}
	if c.Order != "" {
		text += "; " + c.Order
	}
	return text
}

// orders say what the order of a conversion is, for String.
var orders = map[string]string{
	InflateFirst: "inflate-first, as the CCEMG-EPPI cost converter does (Shemilt 2010, 10.1332/174426410X482999), which takes GDP deflators where this takes consumer prices",
	ConvertFirst: "convert-first",
}

// Convert works out what amounts are multiplied by to go from one money to another.
//
//	inflate-first:  I_from(y′)/I_from(y) · P_to(y′)/P_from(y′)
//	convert-first:  P_to(y)/P_from(y) · I_to(y′)/I_to(y)
//
// with y and y′ the years of from and to, I a place's price index and P its purchasing
// power parity. Within one currency the index alone is taken, and where from and to are
// the same the factor is 1 and no table is needed. It is refused with ErrMissing where the
// table has not what it needs, and where one of the years is not known.
//
// Reference: Shemilt, Thomas and Morciano 2010, 10.1332/174426410X482999.
func (t Table) Convert(from, to Money, opt Options) (Conversion, error) {
	c := Conversion{From: from, To: to, Factor: 1}
	opt, err := opt.defaults()
	if err != nil {
		return c, err
	}
	if from == to {
		return c, nil
	}
	if from.Year == 0 || to.Year == 0 {
		return c, fmt.Errorf("%w: %s cannot be moved to %s without the price year of both", ErrMoney, from, to)
	}
	same := from.Currency == to.Currency && (from.Place == to.Place || from.Place == "" || to.Place == "")
	if same && from.Year == to.Year {
		return c, nil
	}
	if same && from.Place == "" {
		from.Place = to.Place
	}
	here, err := t.place(from)
	if err != nil {
		return c, err
	}
	if same {
		err = t.inflate(&c, opt.Index, here, from.Year, to.Year)
		return c, err // apart, as which of two operands of return comes first is not laid down
	}
	there, err := t.place(to)
	if err != nil {
		return c, err
	}
	c.Order = orders[opt.Order]
	if opt.Order == ConvertFirst {
		if err := t.exchange(&c, here, there, from.Year); err != nil {
			return c, err
		}
		err = t.inflate(&c, opt.Index, there, from.Year, to.Year)
		return c, err
	}
	if err := t.inflate(&c, opt.Index, here, from.Year, to.Year); err != nil {
		return c, err
	}
	err = t.exchange(&c, here, there, to.Year)
	return c, err
}

func (t Table) inflate(c *Conversion, index, place string, from, to int) error {
	if from == to {
		return nil
	}
	a, s, err := t.value(index, place, from)
	if err != nil {
		return err
	}
	b, _, err := t.value(index, place, to)
	if err != nil {
		return err
	}
	c.Factor *= b / a
	c.Steps = append(c.Steps, Step{s.name(), a, b, fmt.Sprintf("%d over %d", to, from)})
	return nil
}

func (t Table) exchange(c *Conversion, from, to string, year int) error {
	a, s, err := t.value(PPP, from, year)
	if err != nil {
		return err
	}
	b, o, err := t.value(PPP, to, year)
	if err != nil {
		return err
	}
	name := "purchasing power parity of GDP (" + s.Source + ", " + s.Code + ")"
	if s.Source != o.Source || s.Code != o.Code {
		name = s.name() + " and " + o.name()
	}
	c.Factor *= b / a
	c.Steps = append(c.Steps, Step{name, a, b, fmt.Sprintf("%s over %s in %d", to, from, year)})
	return nil
}

func (t Table) value(index, place string, year int) (float64, Series, error) {
	s, ok := t.find(index, place)
	if !ok {
		return 0, s, fmt.Errorf("%w: there is no %s of %s", ErrMissing, index, place)
	}
	v, ok := s.Values[year]
	if !ok {
		years := s.years()
		return 0, s, fmt.Errorf("%w: the %s of %s has no %d; it has %d to %d", ErrMissing, index, place, year, years[0], years[len(years)-1])
	}
	return v, s, nil
}
