package prices_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"recoup/datasets/prices"
)

func money(t testing.TB, currency string, year int) prices.Money {
	t.Helper()
	m, err := prices.Parse(currency, year)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The table that comes with recoup is read, and holds figures that are widely printed: the
// index of the United States of 2019 and 2024, and by hand from the World Bank's rates
// Sweden's of 2012 (100 x 1.029611507382214 x 1.00888377506923638).
func TestBuiltin(t *testing.T) {
	b := prices.Builtin()
	if len(b.Series) < 20 {
		t.Fatalf("%d series", len(b.Series))
	}
	for _, s := range b.Series {
		if s.Source == "" || s.Code == "" {
			t.Errorf("%s of %s has no source", s.Index, s.Place)
		}
		if s.Index == prices.PPP || s.Place == "USA" {
			continue
		}
		for y := range s.Values { // an index moves slowly; a slip of a digit does not
			if before, ok := s.Values[y-1]; ok && math.Abs(s.Values[y]/before-1) > 0.11 {
				t.Errorf("%s of %s moves by %g in %d", s.Index, s.Place, s.Values[y]/before-1, y)
			}
		}
	}
	for _, c := range []struct {
		index, place string
		year         int
		want         float64
	}{
		{prices.CPI, "USA", 2019, 255.657},
		{prices.CPI, "USA", 2024, 313.689},
		{prices.Medical, "USA", 2015, 446.752},
		{prices.CPI, "SWE", 2012, 103.8758},
		{prices.PPP, "SWE", 2022, 8.750849},
		{prices.PPP, "USA", 2011, 1},
	} {
		got := 0.0
		for _, s := range b.Series {
			if s.Index == c.index && s.Place == c.place {
				got = s.Values[c.year]
			}
		}
		if math.Abs(got-c.want) > 5e-5 {
			t.Errorf("%s of %s in %d is %g, want %g", c.index, c.place, c.year, got, c.want)
		}
	}
}

// Every value from the World Bank is that of a second reading of its sources, at the digits
// the table gives: parities as they stand, rates chained from 100 and rounded to 4 decimals.
func TestBuiltinIsItsSources(t *testing.T) {
	b, err := os.ReadFile("testdata/world-bank.csv")
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		index, place string
		year         int
	}
	read := map[key]float64{}
	for _, row := range rows[1:] {
		y, err1 := strconv.Atoi(row[2])
		v, err2 := strconv.ParseFloat(row[3], 64)
		if err1 != nil || err2 != nil {
			t.Fatal(row)
		}
		read[key{row[0], row[1], y}] = v
	}
	held := 0
	for _, s := range prices.Builtin().Series {
		if !strings.HasPrefix(s.Source, "World Bank") {
			continue
		}
		chain := 100.0
		for i, y := range slices.Sorted(maps.Keys(s.Values)) {
			v, ok := read[key{s.Index, s.Place, y}]
			want, near := v, 0.0
			if s.Index == prices.CPI {
				if i > 0 {
					chain *= 1 + v/100
				}
				want, near, ok = chain, 0.5001e-4, ok || i == 0
			}
			if !ok || math.Abs(s.Values[y]-want) > near {
				t.Errorf("%s of %s in %d is %v, want %v (read: %v)", s.Index, s.Place, y, s.Values[y], want, ok)
			}
			if ok && (i > 0 || s.Index == prices.PPP) {
				held++
			}
		}
	}
	if held != len(read) {
		t.Errorf("the table has %d of %d values read", held, len(read))
	}
}

// By hand: prices of A double from 2000 to 2010 and those of B rise by half; one
// international dollar is 4 A and 10 B in 2000, and 5 A and 8 B in 2010.
const made = `name: made
title: Made for a test
series:
  - {index: cpi, place: AAA, currency: AAC, title: A, source: made, values: {2000: 100, 2010: 200}}
  - {index: cpi, place: BBB, currency: BBC, title: B, source: made, values: {2000: 80, 2010: 120}}
  - {index: cpi-medical, place: AAA, currency: AAC, title: A medical, source: made, values: {2000: 10, 2010: 50}}
  - {index: ppp, place: AAA, currency: AAC, title: A, code: P, source: made, values: {2000: 4, 2010: 5}}
  - {index: ppp, place: BBB, currency: BBC, title: B, code: P, source: made, values: {2000: 10, 2010: 8}}
  - {index: cpi, place: CCC, currency: BBC, title: C, source: made, values: {2000: 1, 2010: 3}}
`

func table(t testing.TB, text string) prices.Table {
	t.Helper()
	x, err := prices.Read("made", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestConvertByHand(t *testing.T) {
	x := table(t, made)
	for name, c := range map[string]struct {
		from, to prices.Money
		opt      prices.Options
		want     float64
		steps    int
	}{
		"the same":                  {money(t, "AAC", 2000), money(t, "AAC", 2000), prices.Options{}, 1, 0},
		"the same, of no year":      {money(t, "XYZ", 0), money(t, "XYZ", 0), prices.Options{}, 1, 0},
		"another year":              {money(t, "AAC", 2000), money(t, "AAC", 2010), prices.Options{}, 2, 1},
		"back":                      {money(t, "AAC", 2010), money(t, "AAC", 2000), prices.Options{}, 0.5, 1},
		"by medical prices":         {money(t, "AAC", 2000), money(t, "AAC", 2010), prices.Options{Index: prices.Medical}, 5, 1},
		"another place":             {money(t, "AAC", 2010), money(t, "BBC/BBB", 2010), prices.Options{}, 8.0 / 5, 1},
		"both":                      {money(t, "AAC", 2000), money(t, "BBC/BBB", 2010), prices.Options{}, 2 * 8.0 / 5, 2},
		"both, the other way round": {money(t, "AAC", 2000), money(t, "BBC/BBB", 2010), prices.Options{Order: prices.ConvertFirst}, 10.0 / 4 * 1.5, 2},
		"the place of the other":    {money(t, "BBC", 2000), money(t, "BBC/CCC", 2010), prices.Options{}, 3, 1},
	} {
		got, err := x.Convert(c.from, c.to, c.opt)
		if err != nil || math.Abs(got.Factor-c.want) > 1e-12 || len(got.Steps) != c.steps {
			t.Errorf("%s: %v, %v, want %g", name, got, err, c.want)
		}
	}
	// To and back is where it began, in either order: inflate-first undoes itself only by
	// convert-first, as the parities are of one year.
	there, err1 := x.Convert(money(t, "AAC", 2000), money(t, "BBC/BBB", 2010), prices.Options{})
	back, err2 := x.Convert(money(t, "BBC/BBB", 2010), money(t, "AAC", 2000), prices.Options{Order: prices.ConvertFirst})
	if err1 != nil || err2 != nil || math.Abs(there.Factor*back.Factor-1) > 1e-12 {
		t.Errorf("%v and %v", there, back)
	}
}

// A conversion says by which values of which source it was made.
func TestConvertStatesItsSources(t *testing.T) {
	c, err := prices.Builtin().Convert(money(t, "USD", 2015), money(t, "USD", 2024), prices.Options{})
	if err != nil || math.Abs(c.Factor-313.689/237.017) > 1e-12 {
		t.Fatalf("%v, %v", c, err)
	}
	want := "USD of 2015 to USD of 2024: times 1.32349 by United States, consumer prices, all items (Bureau of Labor Statistics, CUUR0000SA0), 2024 over 2015: 313.689/237.017"
	if c.String() != want {
		t.Errorf("%q\nwant %q", c.String(), want)
	}
	c, err = prices.Builtin().Convert(money(t, "SEK", 2022), money(t, "USD", 2022), prices.Options{})
	if err != nil || math.Abs(c.Factor-1/8.750849) > 1e-12 || !strings.Contains(c.String(), "PA.NUS.PPP") || !strings.Contains(c.String(), "CCEMG") {
		t.Errorf("%v, %v", c, err)
	}
}

func TestRefusals(t *testing.T) {
	x := table(t, made)
	b := prices.Builtin()
	for name, c := range map[string]struct {
		table    prices.Table
		from, to prices.Money
		opt      prices.Options
		is       error
		says     string
	}{
		"no year":          {x, money(t, "AAC", 0), money(t, "AAC", 2010), prices.Options{}, prices.ErrMoney, "price year of both"},
		"two places":       {x, money(t, "BBC", 2000), money(t, "AAC", 2010), prices.Options{}, prices.ErrMoney, "BBC/BBB"},
		"no such year":     {x, money(t, "AAC", 2001), money(t, "AAC", 2010), prices.Options{}, prices.ErrMissing, "no 2001"},
		"no such currency": {x, money(t, "ZZZ", 2000), money(t, "AAC", 2010), prices.Options{}, prices.ErrMissing, "ZZZ"},
		"no such place":    {x, money(t, "AAC/ZZZ", 2000), money(t, "AAC/ZZZ", 2010), prices.Options{}, prices.ErrMissing, "ZZZ"},
		"no such index":    {x, money(t, "BBC/BBB", 2000), money(t, "BBC/BBB", 2010), prices.Options{Index: prices.Medical}, prices.ErrMissing, "no cpi-medical of BBB"},
		"no parity":        {x, money(t, "BBC/CCC", 2000), money(t, "AAC", 2000), prices.Options{}, prices.ErrMissing, "no ppp of CCC"},
		"parity of 2024":   {b, money(t, "SEK", 2019), money(t, "USD", 2024), prices.Options{}, prices.ErrMissing, "ppp of SWE has no 2024; it has 2010 to 2022"},
		"euros of where":   {b, money(t, "EUR", 2019), money(t, "USD", 2022), prices.Options{}, prices.ErrMoney, "DEU, FIN, NLD"},
		"bad index":        {b, money(t, "USD", 2019), money(t, "USD", 2022), prices.Options{Index: "gdp"}, prices.ErrMoney, "cpi-medical"},
		"bad order":        {b, money(t, "USD", 2019), money(t, "USD", 2022), prices.Options{Order: "x"}, prices.ErrMoney, "convert-first"},
	} {
		_, err := c.table.Convert(c.from, c.to, c.opt)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []string{"", "usd", "US", "USDX", "USD/", "USD/us"} {
		if _, err := prices.Parse(c, 2000); !errors.Is(err, prices.ErrMoney) {
			t.Errorf("%q: %v", c, err)
		}
	}
	if _, err := prices.Parse("USD", 24); !errors.Is(err, prices.ErrMoney) {
		t.Error(err)
	}
	line := func(s string) string { return "name: n\ntitle: t\nseries:\n  - " + s + "\n" }
	for name, text := range map[string]string{
		"empty":          "",
		"no series":      "name: n\n",
		"unknown key":    line("{index: cpi, place: AAA, currency: AAC, title: A, source: s, value: {2000: 1}}"),
		"unknown index":  line("{index: gdp, place: AAA, currency: AAC, title: A, source: s, values: {2000: 1}}"),
		"no source":      line("{index: cpi, place: AAA, currency: AAC, title: A, values: {2000: 1}}"),
		"zero":           line("{index: cpi, place: AAA, currency: AAC, title: A, source: s, values: {2000: 0}}"),
		"not a number":   line("{index: cpi, place: AAA, currency: AAC, title: A, source: s, values: {2000: .nan}}"),
		"year":           line("{index: cpi, place: AAA, currency: AAC, title: A, source: s, values: {20: 1}}"),
		"two currencies": made + "  - {index: cpi-medical, place: BBB, currency: AAC, title: A, source: s, values: {2000: 1}}\n",
		"twice":          made + "  - {index: cpi, place: AAA, currency: AAC, title: A, source: s, values: {2000: 1}}\n",
	} {
		if _, err := prices.Read("file", strings.NewReader(text)); !errors.Is(err, prices.ErrTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A table of one's own stands in for whole series, and no value of the other is left in
// between.
func TestOver(t *testing.T) {
	own := table(t, "name: own\ntitle: Own\nseries:\n  - {index: cpi, place: AAA, currency: AAC, title: mine, source: me, values: {2000: 1, 2020: 7}}\n")
	x := table(t, made).Over(own)
	c, err := x.Convert(money(t, "AAC", 2000), money(t, "AAC", 2020), prices.Options{})
	if err != nil || c.Factor != 7 || !strings.Contains(c.String(), "mine (me)") {
		t.Errorf("%v, %v", c, err)
	}
	if _, err := x.Convert(money(t, "AAC", 2000), money(t, "AAC", 2010), prices.Options{}); !errors.Is(err, prices.ErrMissing) {
		t.Errorf("a value of the other table was taken: %v", err)
	}
	if _, err := x.Convert(money(t, "AAC", 2010), money(t, "BBC/BBB", 2010), prices.Options{}); err != nil {
		t.Errorf("the others are gone: %v", err)
	}
}
