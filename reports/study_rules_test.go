package reports

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

// What may be said of an estimate, by the rules: never more than interval, test, number
// of tests and number of patients allow.
func TestReading(t *testing.T) {
	value := func(v, low, high float64) Cell {
		c := Estimate(v, low, high, 2, 50)
		return c
	}
	p := func(v float64) Cell { return P(v, 50) }
	n := Count(50)
	zero, one := Number(0, 0, 0).WithoutPatients(), Number(1, 0, 0).WithoutPatients()
	hidden := value(1, 0.5, 2)
	hidden.Hidden = Protected
	hiddenP := p(0.001)
	hiddenP.Hidden = Protected
	few := value(1, 0.5, 2)
	few.Basis = On(9)
	for name, x := range map[string]struct {
		claim claim
		want  reading
	}{
		"above":                           {claim{n, n, value(1, 0.5, 2), p(0.01), Cell{}, zero}, readAbove},
		"below":                           {claim{n, n, value(-1, -2, -0.5), p(0.01), Cell{}, zero}, readBelow},
		"interval holds none":             {claim{n, n, value(1, -0.5, 2), p(0.2), Cell{}, zero}, readUnclear},
		"interval ends at none":           {claim{n, n, value(1, 0, 2), p(0.05), Cell{}, zero}, readUnclear},
		"as written it ends at none":      {claim{n, n, value(1, 0.004, 2), p(0.049), Cell{}, zero}, readUnclear},
		"a ratio over 0 holds 1":          {claim{n, n, value(1.2, 0.8, 2), p(0.3), Cell{}, one}, readUnclear},
		"a ratio over 1":                  {claim{n, n, value(1.5, 1.1, 2), p(0.01), Cell{}, one}, readAbove},
		"a ratio under 1":                 {claim{n, n, value(0.5, 0.3, 0.9), p(0.01), Cell{}, one}, readBelow},
		"the test does not agree":         {claim{n, n, value(1, 0.5, 2), p(0.06), Cell{}, zero}, readDisagrees},
		"not with the number of tests":    {claim{n, n, value(1, 0.5, 2), p(0.03), p(0.09), zero}, readNumber},
		"with the number of tests":        {claim{n, n, value(1, 0.5, 2), p(0.01), p(0.03), zero}, readAbove},
		"an adjusted p that is hidden":    {claim{n, n, value(1, 0.5, 2), p(0.01), hiddenP, zero}, readPlain},
		"no test":                         {claim{n, n, value(1, 0.5, 2), Cell{}, Cell{}, zero}, readAbove},
		"no interval":                     {claim{n, n, Number(1, 2, 50), p(0.01), Cell{}, zero}, readNoClaim},
		"half an interval":                {claim{n, n, value(1, 0.5, math.NaN()), p(0.01), Cell{}, zero}, readNoClaim},
		"an inverted interval":            {claim{n, n, value(10, 5, -20), p(0.2), Cell{}, zero}, readNoClaim},
		"hidden":                          {claim{n, n, hidden, p(0.01), Cell{}, zero}, readNothing},
		"not available":                   {claim{n, n, NotAvailable("x"), p(0.01), Cell{}, zero}, readNothing},
		"nothing to compare with":         {claim{n, n, value(1, 0.5, 2), p(0.01), Cell{}, Cell{}}, readPlain},
		"nine patients of the reference":  {claim{n, Count(9), value(1, 0.5, 2), p(0.01), Cell{}, zero}, readFew},
		"nine patients behind the number": {claim{n, n, few, p(0.01), Cell{}, zero}, readFew},
	} {
		if got := x.claim.read(0.95); got != x.want {
			t.Errorf("%s: read as %d, expected %d", name, got, x.want)
		}
	}
	if got := (claim{n, n, value(1, 0.5, 2), p(0.03), Cell{}, zero}).read(0.99); got != readDisagrees {
		t.Errorf("p of 0.03 at 99 %%: read as %d", got)
	}
}

// Counts of patients in the words of analyses become cells; times, names, decimals,
// ratios, years and identifiers stay words, and a percentage goes with its count.
func TestPieces(t *testing.T) {
	names := []string{"12 months", "age >= 50"}
	for text, want := range map[string]string{
		"pain seen at 12 months in 3 of 96 patients (3 %); follow up": "pain seen at 12 months in [3/96] patients; follow up",
		"7 of the arm and 0 of the reference have scores":             "[7] of the arm and [0] of the reference have scores",
		"not known for 3 of the patients":                             "not known for [3] of the patients",
		"in: program 92 of 176, usual care 50 of 96; assumed":         "in: program [92/176], usual care [50/96]; assumed",
		"nearest matching 1:1, caliper 0.08162, 10 imputations":       "nearest matching 1:1, caliper 0.08162, 10 imputations",
		"Hernan and Robins 2016, 10.1093/aje/kwv254.":                 "Hernan and Robins 2016, 10.1093/aje/kwv254.",
		"1 / risk difference":                                         "1 / risk difference",
		"3 patients where age >= 50, 5 left out (2 lost)":             "[3] patients where age >= 50, [5] left out ([2] lost)",
		"no counts": "no counts",
		"by day 365, 4 of 20 had returned, in week 4 none; 1,204 others": "by day 365, [4/20] had returned, in week 4 none; [1204] others",
		"HC3 and R-hat over 1.2": "HC3 and R-hat over 1.2",
		"8":                      "[8]",
	} {
		var b strings.Builder
		for _, s := range countedWords(text, names) {
			b.WriteString(s.Text)
			switch {
			case s.Cell.Basis.Kind == ShareOfPatients:
				b.WriteString("[" + s.Cell.Text + "]")
			case s.Cell.Format.Kind == CountOf:
				b.WriteString("[" + strconv.Itoa(s.Cell.Count) + "]")
			}
		}
		if b.String() != want {
			t.Errorf("%q became %q", text, b.String())
		}
	}
	for text, want := range map[string]string{
		"3 of 96 patients (3 %), 40 of 96 (42 %) and 94 of 96":    "some patients, 40 of 96 and some",
		"4 left out, 40 stay; matched 1:1 after 10 imputations":   "few left out, 40 stay; matched 1:1 after 10 imputations",
		"seen at 12 months: 0 of 20, 11 of 22 and 1 of 12 others": "seen at 12 months: 0 of 20, 11 of 22 and some others",
	} {
		if got := coarse(text, names, 11); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := coarse("3 of 96 patients", nil, 1); got != "3 of 96 patients" {
		t.Errorf("without a policy: %q", got)
	}
}

// R calls lose their counts, and keep their settings.
func TestWithoutNumbers(t *testing.T) {
	for call, want := range map[string]string{
		"prop.test(5, 96, correct = FALSE)":                          "prop.test(x, x, correct = FALSE)",
		`DescTools::BinomDiffCI(44, 176, 18, 96, method = "score")`:  `DescTools::BinomDiffCI(x, x, x, x, method = "score")`,
		"survRM2::rmst2(time, event, arm, tau = 365)":                "survRM2::rmst2(time, event, arm, tau = 365)",
		"mice::pool(with(mice(data, m, maxit), lm(y ~ arm)), x = 1)": "mice::pool(with(mice(data, m, maxit), lm(y ~ arm)), x = 1)",
	} {
		if got := withoutNumbers(call); got != want {
			t.Errorf("%s became %s", call, got)
		}
	}
}
