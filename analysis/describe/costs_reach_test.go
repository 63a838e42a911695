package describe_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"recoup/analysis/describe"
	"recoup/datasets"
)

// reaching is n patients, admitted a week apart from 2024 on, with care that costs 10 on
// every 30th day from day from to day to of their admission, and a program of 500 on day
// 0. Days are dates or numbers; nothing is recorded after the last date.
func reaching(t *testing.T, n, from, to int, dated bool, last string) *datasets.Cohort {
	t.Helper()
	kind, role, limited := "integer", "day", ""
	if dated {
		kind, role, limited = "date", "date", "privacy: {dates: {are: limited-data-set, by: test, reason: invented}}\n"
	}
	dictionary := fmt.Sprintf(`name: reach
%sresources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: came, type: %s, role: admitted}
  - name: costs
    path: costs.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: on, type: %s, role: %s}
        - {name: kind, type: string, role: category}
        - {name: cost, type: number, role: cost, unit: USD}
        - {name: year, type: integer, role: price_year}
`, limited, kind, kind, role)
	var people, costs strings.Builder
	people.WriteString("id,came\n")
	costs.WriteString("id,on,kind,cost,year\n")
	for p := range n {
		came := time.Date(2024, 1, 1+7*p, 0, 0, 0, 0, time.UTC)
		write := func(day int, kind string, cost int) {
			on := came.AddDate(0, 0, day).Format(time.DateOnly)
			if last != "" && on > last {
				return
			}
			if !dated {
				on = fmt.Sprint(day)
			}
			fmt.Fprintf(&costs, "p%d,%s,%s,%d,2024\n", p, on, kind, cost)
		}
		first := came.Format(time.DateOnly)
		if !dated {
			first = "0"
		}
		fmt.Fprintf(&people, "p%d,%s\n", p, first)
		write(0, "program", 500)
		for day := from; day <= to; day += 30 {
			write(day, "visit", 10)
		}
	}
	d, err := datasets.ParseDictionary("reach.yaml", []byte(dictionary))
	if err != nil {
		t.Fatal(err)
	}
	c, err := datasets.Load(t.Context(), d, datasets.LoadOptions{Open: datasets.OpenText(map[string]string{"patients.csv": people.String(), "costs.csv": costs.String()})})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A year before and a hundred days after are no fall in cost.
func TestCostsOfAWindowThatRecordsDoNotReach(t *testing.T) {
	for _, c := range []struct {
		name                   string
		n, from, to            int
		dated                  bool
		last                   string
		before, after, changed bool
	}{
		{"a whole year", 20, -360, 360, false, "", true, true, true},
		{"stops on day 90", 20, -360, 90, false, "", true, false, false},
		{"stops on day 90, three patients: 0.25³ is chance", 3, -360, 90, false, "", true, true, true},
		{"stops on day 300, in the last quarter", 60, -360, 300, false, "", true, true, true},
		{"begins 60 days before", 20, -60, 360, false, "", false, true, false},
		{"nothing before", 20, 0, 360, false, "", false, true, false},
		{"nothing after", 20, -360, -30, false, "", true, false, false},
		{"all of it two years later", 20, 720, 900, false, "", false, false, false},
		{"dates to the end of 2024", 13, -360, 360, true, "2024-12-31", true, true, true},
		// Admitted from 1 January to 25 March: on 30 September, the first 190 to 273 days
		// ago, under 274 all of them.
		{"dates to September", 13, -360, 360, true, "2024-09-30", true, false, false},
		// On 25 November the last of 13 to come was 245 days in, the one before 252, the
		// third last 259, the fourth last 266: 4 of 13 under 274.
		{"dates to late November", 13, -360, 360, true, "2024-11-25", true, false, false},
		// On 19 December the last to come was 269 days in: 1 of 13.
		{"dates to mid December", 13, -360, 360, true, "2024-12-19", true, true, true},
	} {
		r, err := describe.Costs(reaching(t, c.n, c.from, c.to, c.dated, c.last), describe.DefaultCosts, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if r.Care.Before.Mean.OK() != c.before || r.Care.After.Mean.OK() != c.after || r.Care.Change.Mean.OK() != c.changed || r.Total.Change.Mean.OK() != c.changed {
			t.Errorf("%s: before %v, after %v, change %v; %v", c.name, r.Care.Before.Mean, r.Care.After.Mean, r.Care.Change.Mean, r.Warnings)
		}
		if (r.ShortBefore == "") != c.before || (r.ShortAfter == "") != c.after {
			t.Errorf("%s: %q %q", c.name, r.ShortBefore, r.ShortAfter)
		}
		if r.Program.After.Mean != 500 || r.Program.Change.Mean != 500 || !r.Care.All.Mean.OK() {
			t.Errorf("%s: the program cost %v, change %v", c.name, r.Program.After.Mean, r.Program.Change.Mean)
		}
		told := false
		for _, w := range r.Warnings {
			told = told || strings.Contains(w.Message, "are not compared")
		}
		if told == c.changed {
			t.Errorf("%s: told %v: %v", c.name, told, r.Warnings)
		}
	}
}
