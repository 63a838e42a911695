package evidence

import (
	"math"
	"strings"
	"testing"
)

const priced = `name: x
title: y
currency: SEK
price_year: 2019
parameters:
  - {name: cost.visit, value: 1500, unit: SEK, distribution: gamma, se: 400, kind: assumed, status: assumed, note: because}
  - {name: cost.mat, value: 100, unit: EUR per week, currency: EUR/DEU, price_year: 2015, distribution: normal, low: 80, high: 120, kind: assumed, status: assumed, note: because}
  - {name: cost.program, value: 1, unit: ratio, distribution: gamma, se: 0.1, kind: assumed, status: assumed, note: because}
  - {name: taper.dose, value: 50, unit: MME a day, distribution: gamma, se: 5, kind: assumed, status: assumed, note: because}
`

// The file's currency and year go to its amounts of money alone, where they state none.
func TestMoneyOfASet(t *testing.T) {
	s, err := Parse("priced", []byte(priced))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		code string
		year int
		ok   bool
	}{{"SEK", 2019, true}, {"EUR/DEU", 2015, true}, {"", 0, false}, {"", 0, false}} {
		if code, year, ok := s.Parameters[i].Money(); code != want.code || year != want.year || ok != want.ok {
			t.Errorf("%s: %s %d %v", s.Parameters[i].Name, code, year, ok)
		}
	}
	again, err := Parse("written", s.YAML())
	if err != nil || again.Parameters[1].PriceYear != 2015 || again.Parameters[0].Currency != "SEK" {
		t.Errorf("not read as written: %v, %+v", err, again.Parameters)
	}
}

// By hand: an amount and its whole spread are multiplied, so that its coefficient of
// variation stays; the parameter it came from stays as it was.
func TestTimes(t *testing.T) {
	s, err := Parse("priced", []byte(priced))
	if err != nil {
		t.Fatal(err)
	}
	p := s.Parameters[0].Times(0.1, "USD", 2024)
	if p.Value != 150 || *p.SE != 40 || p.Unit != "USD" || p.PriceYear != 2024 || *s.Parameters[0].SE != 400 {
		t.Errorf("%+v", p)
	}
	q := s.Parameters[1].Times(2, "USD", 2024)
	if q.Value != 200 || *q.Low != 160 || *q.High != 240 || q.Unit != "USD per week" {
		t.Errorf("%+v", q)
	}
	before, _ := s.Parameters[1].Sampling()
	after, err := q.Sampling()
	if err != nil || math.Abs(after.Quantile(0.9)-2*before.Quantile(0.9)) > 1e-9 {
		t.Errorf("%v and %v", before, after)
	}
}

// What amounts are of does not change a result, so it is not in the digest; what they are
// moved to is.
func TestDigestOfMoney(t *testing.T) {
	s, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	was := s.Digest()
	for i, p := range s.Parameters {
		if _, _, ok := p.Money(); ok {
			s.Parameters[i].PriceYear = 2001
		}
	}
	if s.Digest() != was {
		t.Error("a price year moved the digest")
	}
	for i, p := range s.Parameters {
		if p.Name == "cost.fusion" {
			s.Parameters[i] = p.Times(1.5, "USD", 2024)
		}
	}
	if s.Digest() == was {
		t.Error("an amount moved without the digest")
	}
}

func TestMoneyIsChecked(t *testing.T) {
	for from, says := range map[string]string{
		"unit: SEK, distribution":                                    "", // as it is
		"unit: SEK, currency: kr, distribution":                      "three capital letters",
		"unit: SEK, currency: USD, distribution":                     "must agree",
		"unit: SEK, price_year: 19, distribution":                    "four digits",
		"unit: share, currency: SEK, price_year: 2019, distribution": "only an amount of money",
	} {
		_, err := Parse("priced", []byte(strings.Replace(priced, "unit: SEK, distribution", from, 1)))
		if (says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", from, err)
		}
	}
}
