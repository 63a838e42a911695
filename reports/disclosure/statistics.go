package disclosure

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// The codes of statistics that tell of too few people.
const (
	CodeStatistic    = "STAT_N_BELOW_THRESHOLD"
	CodeExtreme      = "MIN_MAX"
	CodeTail         = "PERCENTILE_TAIL_BELOW_THRESHOLD"
	CodeStep         = "KM_STEP_SINGLE_EVENT"
	CodePoints       = "PLOT_POINTS_ARE_PATIENTS"
	CodeLevel        = "MODEL_LEVEL_BELOW_THRESHOLD"
	CodeFreedom      = "LOW_RESIDUAL_DOF"
	CodeDominance    = "DOMINANCE_NK"
	CodeShareOfSum   = "DOMINANCE_P_PERCENT"
	CodeModel        = "MODEL_DERIVES_SMALL_COUNT"
	CodeSubgroup     = "SUBGROUP_DIFFERENCE"
	CodeRawPercent   = "PERCENT_FROM_RAW_COUNTS"
	CodeSeed         = "SEED_REVEALS_NOISE"
	CodeLeaf         = "MODEL_LEAF_BELOW_THRESHOLD"
	CodeStoresRows   = "MODEL_STORES_ROWS"
	CodeOrganisation = "ORGANISATION_IDENTIFIED"
	CodeRelease      = "RELEASE_DIFFERENCE"
	CodePolicyMix    = "POLICY_MIX"
	CodeWeight       = "WEIGHT_DERIVES_SMALL_COUNT"
	CodePerfect      = "PERFECT_FIT"
	CodeUnique       = "UNIQUE_VALUE"
	CodeOrder        = "ROW_ORDER"
	CodeIdentifier   = "IDENTIFIER_IN_LABEL"
)

// Thresholds of statistics, from the defaults of ACRO (github.com/AI-SDC/ACRO):
// residual degrees of freedom, the share that the two greatest contributors may
// make up, and how near the second may come to the greatest.
const (
	leastFreedom = 10
	mostOfTwo    = 0.90
	leastRest    = 0.10
)

// record is one row of statistics, by heading in lower case with blanks.
type record struct {
	sheet Sheet
	row   int
	of    map[string]int
	k     float64
}

// statistics looks at each row for statistics that rest on too few people.
func (s Sheet) statistics(k int) []Derived {
	of := map[string]int{}
	for j, h := range s.head {
		of[strings.ToLower(strings.NewReplacer("_", " ", "-", " ").Replace(h))] = j
	}
	var out []Derived
	for i := range s.rows {
		r := record{sheet: s, row: i, of: of, k: float64(k)}
		for _, rule := range rules {
			out = append(out, rule(r)...)
		}
	}
	return append(out, s.acrossRows(of, float64(k))...)
}

// rules are what is asked of each row.
var rules = []func(record) []Derived{
	smallCounts, moments, extremes, tails, shares, rates, complements, flows, freedom, dominance, oddsRatios,
	rawPercents, words, weights, fits, wholes,
}

// number returns the first shown number among headings.
func (r record) number(names ...string) (float64, bool) {
	for _, n := range names {
		if j, ok := r.of[n]; ok {
			if e := r.sheet.rows[r.row][j]; e.kind == entryNumber || e.kind == entryPercent {
				return e.value, true
			}
		}
	}
	return 0, false
}

// matching calls f for each shown number whose heading matches.
func (r record) matching(head *regexp.Regexp, f func(head string, j int, e entry)) {
	heads := make([]string, 0, len(r.of))
	for h := range r.of {
		heads = append(heads, h)
	}
	sort.Strings(heads)
	for _, h := range heads {
		if e := r.sheet.rows[r.row][r.of[h]]; head.MatchString(h) && (e.kind == entryNumber || e.kind == entryPercent) {
			f(h, r.of[h], e)
		}
	}
}

func (r record) small(x float64) bool { return x > 0.5 && x < r.k-0.5 }

func (r record) found(code, column string, low, high float64, how string) []Derived {
	where := r.sheet.Name
	if j, ok := r.of[column]; ok {
		where = r.sheet.where(r.row, j)
	}
	return []Derived{{Code: code, Where: where, Low: low, High: high, How: how, Dangerous: true}}
}

var (
	countHead = regexp.MustCompile(`^(n|count|counts|patients|people|events|deaths|missing|dropped|rows dropped|excluded|number|frequency|n .*)$`)
	pointHead = regexp.MustCompile(`^p ?(\d\d?)(st|nd|rd|th)?$`)
	meanHead  = regexp.MustCompile(`\b(mean|sd|median|std)\b`)
)

// base is the number of people that a row rests on.
func (r record) base() (float64, bool) {
	return r.number("n", "denominator", "group n", "leaf n", "patients", "of", "base", "total n")
}

func smallCounts(r record) []Derived {
	var out []Derived
	_, model := r.of["formula"]
	r.matching(countHead, func(h string, _ int, e entry) {
		if !e.whole() || !r.small(e.value) {
			return
		}
		code := CodeSmallCount
		if model && strings.HasPrefix(h, "n ") {
			code = CodeLevel
		}
		out = append(out, r.found(code, h, e.value, e.value, "it is shown")...)
	})
	if n, ok := r.number("leaf n"); ok && r.small(n) {
		out = append(out, r.found(CodeLeaf, "leaf n", n, n, "a leaf of a tree is a group of patients")...)
	}
	return out
}

func moments(r record) []Derived {
	n, ok := r.number("n", "group n", "patients")
	if !ok || !r.small(n) {
		return nil
	}
	var out []Derived
	r.matching(meanHead, func(h string, _ int, _ entry) {
		if len(out) == 0 {
			out = r.found(CodeStatistic, h, n, n, "mean, median or SD of so few can be turned back into their values")
		}
	})
	return out
}

var extremeHead = regexp.MustCompile(`^(min|max|minimum|maximum|lowest|highest|oldest|youngest)\b`)

func extremes(r record) []Derived {
	var out []Derived
	r.matching(extremeHead, func(h string, _ int, _ entry) {
		out = append(out, r.found(CodeExtreme, h, 1, 1, "the least and the greatest value are those of one patient each")...)
	})
	return out
}

func tails(r record) []Derived {
	n, ok := r.base()
	if !ok {
		return nil
	}
	var out []Derived
	r.matching(pointHead, func(h string, _ int, _ entry) {
		q, err := strconv.ParseFloat(pointHead.FindStringSubmatch(h)[1], 64)
		if tail := n * math.Min(q, 100-q) / 100; err == nil && tail < r.k {
			out = append(out, r.found(CodeTail, h, 0, math.Ceil(tail), "so many patients lie beyond the percentile")...)
		}
	})
	return out
}

// numerators is the range of counts that a percentage of a base leaves.
func numerators(value, half, base float64) (low, high float64) {
	return math.Max(0, math.Ceil((value-half)*base/100-1e-9)), math.Min(base, math.Floor((value+half)*base/100+1e-9))
}

func shares(r record) []Derived {
	n, ok := r.base()
	if !ok {
		return nil
	}
	var out []Derived
	for _, h := range sorted(r.of) {
		e := r.sheet.rows[r.row][r.of[h]]
		if !percentHead(h) && e.kind != entryPercent || e.kind != entryPercent && e.kind != entryNumber || e.value < 0 || e.value > 100 {
			continue
		}
		if e.value == 0 || e.value == 100 {
			out = append(out, r.found(CodeClass, h, n, n, "who is known to be in the group is known to be so")...)
			continue
		}
		low, high := numerators(e.value, e.half, n)
		switch {
		case low > high:
		case low > 0 && high < r.k:
			out = append(out, r.found(CodePercent, h, low, high, "the percentage of its base")...)
		case n-high > 0 && n-low < r.k:
			out = append(out, r.found(CodePercent, h, n-high, n-low, "the rest of the percentage of its base")...)
		}
	}
	return out
}

// sorted are the keys of a map in order.
func sorted[K cmp.Ordered, V any](of map[K]V) []K { return slices.Sorted(maps.Keys(of)) }

var rateHead = regexp.MustCompile(`^rate per ([\d,]+)`)

func rates(r record) []Derived {
	people, ok := r.number("population", "denominator", "n", "person years")
	if !ok {
		return nil
	}
	var out []Derived
	r.matching(rateHead, func(h string, _ int, e entry) {
		per, err := strconv.ParseFloat(strings.ReplaceAll(rateHead.FindStringSubmatch(h)[1], ",", ""), 64)
		low, high := math.Ceil((e.value-e.half)*people/per-1e-9), math.Floor((e.value+e.half)*people/per+1e-9)
		if err == nil && low <= high && low > 0 && high < r.k {
			out = append(out, r.found(CodeRate, h, low, high, "the rate times its population")...)
		}
	})
	return out
}

// complements looks at a whole and those of it who did something.
func complements(r record) []Derived {
	whole, ok := r.number("enrolled", "admitted", "started", "began", "referred", "of")
	if !ok {
		return nil
	}
	for _, h := range []string{"completed", "finished", "seen", "followed up", "reached"} {
		if part, ok := r.number(h); ok && r.small(whole-part) {
			return r.found(CodeComplement, h, whole-part, whole-part, "the whole less those who did")
		}
	}
	return nil
}

// flows looks at who was lost between two boxes of a flow diagram.
func flows(r record) []Derived {
	from, ok1 := r.number("assessed", "screened", "referred")
	to, ok2 := r.number("enrolled", "admitted", "included")
	if !ok1 || !ok2 {
		return nil
	}
	left, hidden, name := from-to, 0, ""
	for _, h := range []string{"not meeting", "declined", "refused", "other", "not eligible", "died"} {
		j, ok := r.of[h]
		if !ok {
			continue
		}
		switch e := r.sheet.rows[r.row][j]; e.kind {
		case entryNumber:
			left -= e.value
		case entryHidden:
			hidden++
			name = h
		}
	}
	if r.small(left) && hidden <= 1 {
		return r.found(CodeDifference, name, left, left, "one box less the next and the losses shown")
	}
	return nil
}

func freedom(r record) []Derived {
	n, ok1 := r.number("n")
	p, ok2 := r.number("params", "parameters", "coefficients")
	if !ok1 || !ok2 || n-p >= leastFreedom {
		return nil
	}
	return r.found(CodeFreedom, "params", n-p, n-p, "residual degrees of freedom: a model that nearly repeats its patients")
}

func dominance(r record) []Derived {
	sum, ok := r.number("cell sum", "sum", "total cost")
	if !ok || sum <= 0 {
		return nil
	}
	first, ok1 := r.number("largest", "top2 1")
	second, ok2 := r.number("second", "top2 2")
	if !ok1 || !ok2 {
		return nil
	}
	var out []Derived
	if (first+second)/sum > mostOfTwo {
		out = append(out, r.found(CodeDominance, "cell sum", 2, 2, fmt.Sprintf("two patients make up over %g %% of it", 100*mostOfTwo))...)
	}
	if sum-first-second < leastRest*first {
		out = append(out, r.found(CodeShareOfSum, "cell sum", 1, 1, fmt.Sprintf("the second can work out the greatest to within %g %%", 100*leastRest))...)
	}
	return out
}

// oddsRatios tries every two-by-two table of the margins for the odds ratio shown.
func oddsRatios(r record) []Derived {
	j, ok := r.of["or"]
	if !ok {
		return nil
	}
	e := r.sheet.rows[r.row][j]
	r1, ok1 := r.number("row 1")
	r2, ok2 := r.number("row 2")
	c1, ok3 := r.number("col 1")
	if e.kind != entryNumber || !ok1 || !ok2 || !ok3 || r1 > 1e5 {
		return nil
	}
	fits, least := 0, 0.0
	for a := math.Max(0, c1-r2); a <= math.Min(r1, c1); a++ {
		b, c, d := r1-a, c1-a, r2-c1+a
		if b*c == 0 || math.Abs(a*d/(b*c)-e.value) > e.half+1e-9 {
			continue
		}
		fits++
		least = math.Inf(1)
		for _, x := range []float64{a, b, c, d} {
			least = math.Min(least, x)
		}
	}
	if fits == 1 && r.small(least) {
		return r.found(CodeModel, "or", least, least, "only one table of these margins has this odds ratio")
	}
	return nil
}

// rawPercents looks at a percentage beside counts rounded to five.
func rawPercents(r record) []Derived {
	n, ok1 := r.number("n round5", "count round5")
	d, ok2 := r.number("denominator round5", "n total round5")
	j, ok3 := r.of["percent"]
	if !ok1 || !ok2 || !ok3 {
		return nil
	}
	e, fits := r.sheet.rows[r.row][j], 0
	for x := n - 2; x <= n+2; x++ {
		for y := d - 2; y <= d+2; y++ {
			if y > 0 && math.Abs(100*x/y-e.value) <= e.half+1e-9 {
				fits++
			}
		}
	}
	if fits != 1 {
		return nil
	}
	return r.found(CodeRawPercent, "percent", 1, 1, "its digits single out one pair of counts, which are the true ones unless it was worked out from the rounded ones; show whole percentages")
}

func weights(r record) []Derived {
	n, ok := r.number("total n", "n")
	if !ok {
		return nil
	}
	var out []Derived
	r.matching(regexp.MustCompile(`\bweight\b`), func(h string, _ int, e entry) {
		low, high := math.Ceil((e.value-e.half)*n-1e-9), math.Floor((e.value+e.half)*n+1e-9)
		if e.value > 0 && e.value < 1 && low <= high && low > 0 && high < r.k {
			out = append(out, r.found(CodeWeight, h, low, high, "the weight times the total")...)
		}
	})
	return out
}

func fits(r record) []Derived {
	n, _ := r.base()
	for _, h := range []string{"r", "r2", "correlation"} {
		if x, ok := r.number(h); ok && math.Abs(x) > 0.99 {
			return r.found(CodePerfect, h, n, n, "one value tells the other of everybody in the group")
		}
	}
	return nil
}

// wholes looks at how many there are of what is reported on.
func wholes(r record) []Derived {
	for _, h := range sorted(r.of) {
		if n, ok := r.number(h); ok && n == 1 && (strings.HasPrefix(h, "programmes in") || strings.HasPrefix(h, "programs in") || strings.HasPrefix(h, "sites in") || strings.HasPrefix(h, "hospitals in")) {
			return r.found(CodeOrganisation, h, 1, 1, "the only one of its kind is named by being described, and so is its staff")
		}
	}
	return nil
}

var (
	windowText = regexp.MustCompile(`(\d{4}-\d\d)\s*(?:\.\.|to|–)\s*(\d{4}-\d\d)`)
	ruleText   = regexp.MustCompile(`(<=|<|≤|under|fewer than)\s*(\d+)\s*(hidden|suppressed)`)
	keepsRows  = regexp.MustCompile(`(?i)\b(knn|k-nn|svm|gp|gaussian process|nearest neighbo\w+|support vector\w*)\b`)
)

// words looks at what a row says in words.
func words(r record) []Derived {
	var out []Derived
	var windows [][]string
	hiddenUnder := map[string]bool{}
	for _, h := range sorted(r.of) {
		e := r.sheet.rows[r.row][r.of[h]]
		text := strings.ToLower(e.text)
		switch {
		case h == "seed" && e.kind != entryEmpty && (r.has("noise") || r.has("perturbation")):
			out = append(out, r.found(CodeSeed, h, 1, 1, "who has the seed can make the noise again and take it off")...)
		case strings.HasPrefix(h, "mode") && h != "model" && e.kind == entryText:
			out = append(out, r.found(CodeUnique, h, 1, 1, "the most frequent value can be that of one patient; its count is not stated")...)
		case h == "table sorted by" && (text == "id" || strings.HasSuffix(text, " id")), h == "row numbers" && text == "true":
			out = append(out, r.found(CodeOrder, h, 1, 1, "the order of rows tells the order of admission")...)
		case h == "model" && keepsRows.MatchString(text):
			out = append(out, r.found(CodeStoresRows, h, 1, 1, "a model of this kind keeps its patients' rows")...)
		}
		if m := windowText.FindStringSubmatch(text); m != nil {
			windows = append(windows, m)
		}
		if m := ruleText.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[2])
			if m[1] == "<=" || m[1] == "≤" {
				n++
			}
			hiddenUnder[strconv.Itoa(n)] = true
		}
		for _, n := range CountsInText(e.text) {
			if r.small(float64(n)) {
				out = append(out, r.found(CodeText, h, float64(n), float64(n), "it is said in words")...)
			}
		}
	}
	if len(hiddenUnder) > 1 {
		out = append(out, r.found(CodePolicyMix, "", 1, 1, "two rules for one table: the looser shows what the stricter hides")...)
	}
	if len(windows) == 2 && windows[0][1] != windows[1][1] && overlap(windows[0], windows[1]) {
		out = append(out, r.found(CodeRelease, "", 1, 1, "the windows overlap: one less the other is those of the months between")...)
	}
	return out
}

func (r record) has(name string) bool { _, ok := r.of[name]; return ok }

// overlap tells whether two windows of months share one.
func overlap(a, b []string) bool { return a[1] <= b[2] && b[1] <= a[2] }

// acrossRows looks at rows that are parts of each other: the steps of a survival
// curve, and a group within all.
func (s Sheet) acrossRows(of map[string]int, k float64) []Derived {
	var out []Derived
	risk, ok1 := of["at risk"]
	alive, ok2 := of["survival"]
	for i := 0; ok1 && ok2 && i < len(s.rows); i++ {
		before := 1.0
		if i > 0 {
			before = s.rows[i-1][alive].value
		}
		events := math.Round(s.rows[i][risk].value * (1 - s.rows[i][alive].value/before))
		if events > 0 && events < k {
			out = append(out, Derived{Code: CodeStep, Where: s.where(i, alive), Low: events, High: events, How: "the fall of the curve times the number at risk", Dangerous: true})
		}
	}
	n, ok1 := of["n"]
	mean, ok2 := of["mean"]
	for i := 0; ok1 && ok2 && i < len(s.rows); i++ {
		if len(s.rows[i]) == 0 || !total(s.rows[i][0].text) {
			continue
		}
		for j, r := range s.rows {
			rest := s.rows[i][n].value - r[n].value
			if j != i && r[n].whole() && s.rows[i][n].whole() && rest > 0 && rest < k {
				out = append(out, Derived{Code: CodeSubgroup, Where: s.where(j, mean), Low: rest, High: rest, How: "the mean of all less that of the group is the mean of those left", Dangerous: true})
			}
		}
	}
	return out
}
