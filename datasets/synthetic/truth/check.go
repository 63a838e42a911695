package truth

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"

	"recoup/datasets"
	"recoup/datasets/instrument"
)

// checker gathers all that is wrong with a truth file.
type checker struct {
	file     string
	line     func(path string) int
	problems datasets.Problems
}

// bad tells of a fault at a path, or at the nearest place above it that the file has.
func (c *checker) bad(path, expected string, args ...any) {
	line := 0
	for p := path; line == 0 && p != "$"; p = above(p) {
		line = c.line(p)
	}
	c.problems = append(c.problems, datasets.Problem{
		Severity: datasets.SeverityError, Code: datasets.CodeDictionary, File: c.file, Line: line,
		Expected: path[min(2, len(path)):] + ": " + fmt.Sprintf(expected, args...), Mend: "see: recoup data synthesize --print-truth",
	})
}

// above cuts the last key or index off a path.
func above(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '.' || path[i] == '[' {
			return path[:i]
		}
	}
	return "$"
}

// within wants a number from low to high.
func (c *checker) within(path string, x, low, high float64) {
	switch {
	case x >= low && x <= high:
	case math.IsInf(high, 1):
		c.bad(path, "expected a number of at least %g", low)
	default:
		c.bad(path, "expected a number from %g to %g", low, high)
	}
}

// large bounds the size of amounts, so that nothing runs over.
const large = 1e9

// positive wants a number greater than 0.
func (c *checker) positive(path string, x float64) {
	if !(x > 0 && x <= large) {
		c.bad(path, "expected a number greater than 0 and at most %g", float64(large))
	}
}

var word = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_ -]{0,39}$`)

// name wants a word, and each once.
func (c *checker) name(path, name string, seen map[string]bool) {
	if !word.MatchString(name) {
		c.bad(path, "expected a name of letters, digits, blanks, - and _, of at most 40")
	} else if seen[name] {
		c.bad(path, "expected each name once")
	}
	seen[name] = true
}

// shares wants shares that sum to 1.
func (c *checker) shares(path string, shares []float64) {
	sum := 0.0
	for i, s := range shares {
		c.within(fmt.Sprintf("%s[%d].share", path, i), s, 0, 1)
		sum += s
	}
	if len(shares) == 0 || math.Abs(sum-1) > 1e-6 {
		c.bad(path, "expected shares that sum to 1")
	}
}

// byArm wants numbers by arm: of all arms, where all must have one.
func (c *checker) byArm(path string, t *Truth, m map[string]float64, low, high float64, all bool) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if t.arm(k) < 0 {
			c.bad(path, "expected the names of arms, and no other")
		}
		c.within(path, m[k], low, high)
	}
	if all && len(m) < len(t.Arms) {
		c.bad(path, "expected a number for each arm")
	}
}

func (t *Truth) arm(name string) int {
	return slices.IndexFunc(t.Arms, func(a Arm) bool { return a.Name == name })
}

func (c *checker) truth(t *Truth) {
	c.name("$.name", t.Name, map[string]bool{})
	c.within("$.patients", float64(t.Patients), 1, most)
	c.within("$.quarters", float64(t.Quarters), 1, 40)
	if _, err := datasets.ParseQuarter(t.Last); err != nil {
		c.bad("$.last", "%v", err)
	}
	if !(t.NeverBegan >= 0 && t.NeverBegan < 1) {
		c.bad("$.never_began", "expected a share of at least 0 and under 1")
	}
	c.arms(t)
	c.visits(t)
	columns := map[string]bool{}
	for _, used := range []string{"patient", "visit", "site", "period", "arm", "began", "work_before"} {
		columns[used] = true
	}
	if n := len(t.Outcomes); n < 1 || n > 40 {
		c.bad("$.outcomes", "expected 1 to 40 outcomes")
	}
	for i := range t.Outcomes {
		c.outcome(fmt.Sprintf("$.outcomes[%d]", i), t, t.Outcomes[i], columns)
	}
	if len(t.Covariates) > 40 {
		c.bad("$.covariates", "expected at most 40 covariates")
	}
	for i, v := range t.Covariates {
		c.covariate(fmt.Sprintf("$.covariates[%d]", i), v, columns)
	}
	c.correlation(t)
	c.within("$.sites.number", float64(t.Sites.Number), 1, 26)
	c.within("$.sites.severity_sd", t.Sites.Severity, 0, 3)
	c.within("$.sites.effect_sd", t.Sites.Effect, 0, 3)
	c.within("$.trend.severity", t.Trend.Severity, -1, 1)
	c.within("$.trend.effect", t.Trend.Effect, -1, 1)
	c.dropout(t)
	if t.Opioids != nil {
		c.opioids(t, t.Opioids)
	}
	if t.Work != nil {
		c.work(t, t.Work)
	}
	c.costs(t)
}

func (c *checker) arms(t *Truth) {
	if len(t.Arms) > 10 {
		c.bad("$.arms", "expected at most 10 arms")
	}
	seen, shares := map[string]bool{}, []float64{}
	for i, a := range t.Arms {
		c.name(fmt.Sprintf("$.arms[%d].name", i), a.Name, seen)
		shares = append(shares, a.Share)
	}
	c.shares("$.arms", shares)
}

func (c *checker) visits(t *Truth) {
	if n := len(t.Visits); n < 2 || n > 20 {
		c.bad("$.visits", "expected 2 to 20 visits")
	}
	seen := map[string]bool{}
	for i, v := range t.Visits {
		path := fmt.Sprintf("$.visits[%d]", i)
		c.name(path+".name", v.Name, seen)
		if v.Role != "" && v.Role != "discharge" && v.Role != "follow-up" {
			c.bad(path+".role", "expected discharge or follow-up")
		}
		c.within(path+".day", float64(v.Day), -1000, 10_000)
		if i > 0 && v.Day <= t.Visits[i-1].Day {
			c.bad(path+".day", "expected visits in the order of their days")
		}
	}
}

func (c *checker) outcome(path string, t *Truth, o Outcome, seen map[string]bool) {
	c.name(path+".name", o.Name, seen)
	if _, ok := instrument.Find(o.Instrument); o.Instrument != "" && !ok {
		c.bad(path+".instrument", "expected the name of an instrument that recoup instrument list shows")
	}
	c.positive(path+".sd", o.SD)
	if !(o.Low < o.High && o.High-o.Low <= large && math.Abs(o.Low) <= large) {
		c.bad(path+".low", "expected low under high")
	} else {
		c.within(path+".mean", o.Mean, o.Low, o.High)
		if n := (o.High - o.Low) / o.Step; !(n >= 1 && n <= 1000) {
			c.bad(path+".step", "expected a step that parts the range into 1 to 1000")
		} else if math.Abs(n-math.Round(n)) > 1e-6 {
			c.bad(path+".step", "expected a step of which the range is a whole number")
		}
	}
	c.positive(path+".important", o.Important)
	for _, arm := range slices.Sorted(maps.Keys(o.Change)) {
		if t.arm(arm) < 0 {
			c.bad(path+".change", "expected the names of arms, and no other")
		}
		if len(o.Change[arm]) != len(t.Visits)-1 {
			c.bad(path+".change", "expected %d numbers an arm, one for each visit after the first", len(t.Visits)-1)
		}
		for _, x := range o.Change[arm] {
			c.within(path+".change", x, -large, large)
		}
	}
	if len(o.Change) < len(t.Arms) {
		c.bad(path+".change", "expected changes for each arm")
	}
}

func (c *checker) covariate(path string, v Covariate, seen map[string]bool) {
	c.name(path+".name", v.Name, seen)
	switch v.Distribution {
	case "normal":
		c.positive(path+".sd", v.SD)
		c.within(path+".mean", v.Mean, -large, large)
	case "lognormal":
		c.positive(path+".median", v.Median)
		c.within(path+".sigma", v.Sigma, 0, 5)
	case "uniform":
		if !(v.Low < v.High) {
			c.bad(path+".low", "expected low under high")
		}
	case "levels":
		values, shares := map[string]bool{}, []float64{}
		for i, l := range v.Levels {
			c.name(fmt.Sprintf("%s.levels[%d].value", path, i), l.Value, values)
			shares = append(shares, l.Share)
		}
		c.shares(path+".levels", shares)
	default:
		c.bad(path+".distribution", "expected normal, lognormal, uniform or levels")
	}
	c.within(path+".step", v.Step, 0, large)
	if !(v.Low <= v.High && math.Abs(v.Low) <= large && math.Abs(v.High) <= large) {
		c.bad(path+".low", "expected low and high, both 0 for no limits")
	}
}

func (c *checker) correlation(t *Truth) {
	r := t.Correlation
	square := len(r.Outcomes) == len(t.Outcomes)
	for i, row := range r.Outcomes {
		square = square && len(row) == len(t.Outcomes)
		for j := range row {
			if square && i < len(row) && (i == j && row[j] != 1 || j < len(r.Outcomes) && i < len(r.Outcomes[j]) && r.Outcomes[j][i] != row[j]) {
				c.bad(fmt.Sprintf("$.correlation.outcomes[%d]", i), "expected 1 on the diagonal and the same above and below it")
				break
			}
		}
	}
	if !square {
		c.bad("$.correlation.outcomes", "expected %d rows of %d numbers, one for each outcome", len(t.Outcomes), len(t.Outcomes))
	}
	if r.Visits != "ar1" && r.Visits != "compound" {
		c.bad("$.correlation.visits", "expected ar1 or compound")
	}
	if !(r.Rho >= 0 && r.Rho < 1) {
		c.bad("$.correlation.rho", "expected a correlation of at least 0 and under 1")
	}
	known := true
	for i, p := range r.Covariates {
		path := fmt.Sprintf("$.correlation.covariates[%d]", i)
		a, b := t.variable(p.A), t.variable(p.B)
		if a < 0 || b < 0 || a == b || a < len(t.Outcomes) && b < len(t.Outcomes) {
			c.bad(path, "expected a and b to name a covariate, and another or an outcome")
			known = false
		}
		c.within(path+".r", p.R, -1, 1)
	}
	if square && known {
		if _, ok := cholesky(t.joint()); !ok {
			c.bad("$.correlation", "expected correlations that can be true together: the matrix is not positive definite")
		}
	}
}

func (c *checker) dropout(t *Truth) {
	d := t.Dropout
	c.within("$.dropout.completely_at_random", d.Rate, 0, 1)
	known := t.variable(d.Outcome) >= 0 && t.variable(d.Outcome) < len(t.Outcomes)
	if !known && (d.Outcome != "" || d.AtRandom != nil || d.NotAtRandom != nil) {
		c.bad("$.dropout.outcome", "expected the name of an outcome")
	}
	c.logistic("$.dropout.at_random", d.AtRandom)
	c.logistic("$.dropout.not_at_random", d.NotAtRandom)
	c.within("$.missing.visits", t.Missing.Visits, 0, 1)
	c.within("$.missing.answers", t.Missing.Answers, 0, 1)
	seen := map[string]bool{"": true}
	for i, m := range t.Missing.Codes {
		if seen[m.Value] || !regexp.MustCompile(`^-?[A-Za-z0-9]{1,10}$`).MatchString(m.Value) {
			c.bad(fmt.Sprintf("$.missing.codes[%d]", i), "expected a code of letters and digits, each once")
		}
		seen[m.Value] = true
	}
}

func (c *checker) logistic(path string, l *Logistic) {
	if l != nil {
		c.within(path+".intercept", l.Intercept, -50, 50)
		c.within(path+".slope", l.Slope, -50, 50)
	}
}

func (c *checker) opioids(t *Truth, o *Opioids) {
	p := "$.opioids."
	c.within(p+"share", o.Share, 0, 1)
	c.positive(p+"median", o.Median)
	c.within(p+"sigma", o.Sigma, 0, 3)
	c.byArm(p+"tapering", t, o.Tapering, 0, 1, true)
	c.within(p+"weekly", o.Weekly, 0.01, 1)
	c.within(p+"weekly_sigma", o.Spread, 0, 3)
	c.within(p+"cessation", o.Cessation, 0, 1)
	c.within(p+"remains", o.Remains, 0, 1)
	c.within(p+"rebound", o.Rebound, 0, 1)
	c.within(p+"rebound_to", o.ReboundTo, 0, 2)
	c.positive(p+"rebound_weeks", o.After)
}

func (c *checker) work(t *Truth, w *Work) {
	p := "$.work."
	shares := []float64{}
	for i, l := range w.Before {
		shares = append(shares, l.Share)
		if i >= len(workBefore) || l.Value != workBefore[i] {
			c.bad(fmt.Sprintf("%sbefore[%d].value", p, i), "expected working, off work and not in the work force, in this order")
		}
	}
	if len(w.Before) != len(workBefore) {
		c.bad(p+"before", "expected shares of working, off work and not in the work force")
	}
	c.shares(p+"before", shares)
	c.within(p+"return", w.Return, 0, 10)
	c.within(p+"relapse", w.Relapse, 0, 10)
	c.byArm(p+"arms", t, w.Arms, 0, 100, false)
	for _, name := range slices.Sorted(maps.Keys(w.Covariates)) {
		if t.variable(name) < len(t.Outcomes) {
			c.bad(p+"covariates", "expected the names of covariates, and no other")
		}
		c.within(p+"covariates", w.Covariates[name], -5, 5)
	}
	c.within(p+"days", float64(w.Days), 1, 5000)
}

func (c *checker) costs(t *Truth) {
	seen := map[string]bool{}
	if len(t.Costs) > 40 {
		c.bad("$.costs", "expected at most 40 kinds of cost")
	}
	for i, k := range t.Costs {
		path := fmt.Sprintf("$.costs[%d].", i)
		c.name(path+"category", k.Category, seen)
		c.within(path+"any", k.Any, 0, 1)
		c.positive(path+"mean", k.Mean)
		c.within(path+"shape", k.Shape, 0.05, 1000)
		c.byArm(path+"arms", t, k.Arms, 0, 100, false)
	}
	if len(t.Costs) > 0 {
		c.within("$.price_year", float64(t.PriceYear), 1990, 2100)
	}
}
