package describe

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// shapes returns skewness and kurtosis of numbers.
func (v Variable) shapes(groups []string) []analysis.Estimate {
	var out []analysis.Estimate
	for i, s := range v.Numbers {
		for _, x := range []struct {
			term  string
			value analysis.Num
			need  int
		}{{"skewness", s.Skew, 3}, {"kurtosis", s.Kurtosis, 4}} {
			e := v.start(x.term, analysis.ScaleStandardised, groups, i)
			e.Unit, e.N.Arm, e.Value = "", s.N, x.value
			e.Method = analysis.Method{Name: x.term + " of available cases, corrected for bias (type 2; 0 for normal values)", R: "e1071::" + x.term + "(x, type = 2)", Ref: "Joanes and Gill 1998, 10.1111/1467-9884.00122"}
			if !x.value.OK() {
				e = e.Warn(analysis.WarnTooFew, fmt.Sprintf("under %d patients have a value, or all have the same", x.need), "ask for a column with more values")
			}
			out = append(out, e)
		}
	}
	return out
}

// tests compares the groups by the tests that tables of patients carry.
func (v Variable) tests(groups []string) []analysis.Estimate {
	var out []analysis.Estimate
	add := func(term, how, r, ref string, stat, df, p float64, why string) {
		e := v.start(term, analysis.ScaleProportion, groups, 0)
		e.Reference, e.Unit, e.N.Missing = groups[1], "", 0
		if len(groups) > 2 {
			e.Arm, e.Reference = analysis.All, ""
		}
		for i := range groups {
			n := 0
			for _, l := range v.Levels {
				n += l.N[i]
			}
			if v.Numbers != nil {
				n = v.Numbers[i].N
			}
			if e.N.Missing += v.Missing[i]; i == 0 || len(groups) > 2 {
				e.N.Arm += n
			} else {
				e.N.Reference = n
			}
		}
		e.Method = analysis.Method{Name: how + "; the value is its p", R: r, Ref: ref}
		e.Value, e.P, e.Statistic = analysis.Num(p), analysis.Num(p), analysis.Num(stat)
		if df > 0 {
			e.DF = analysis.Num(df)
		}
		if !e.Value.OK() {
			e = e.Warn(analysis.WarnTooFew, why, "read the standardised difference instead")
		}
		out = append(out, e)
	}
	const few = "too few values in a group, or nothing varies"
	if v.Numbers != nil {
		samples := v.samples[:len(groups)]
		f, df, p := oneway(samples)
		add("p_normal", "analysis of variance with equal variances", "oneway.test(x ~ arm, var.equal = TRUE)", "Fisher 1925, Statistical methods for research workers", f, df, p, few)
		h, df, p := kruskalWallis(samples)
		add("p_nonnormal", "Kruskal-Wallis test with ties", "kruskal.test(x ~ arm)", "Kruskal and Wallis 1952, 10.1080/01621459.1952.10483441", h, df, p, few)
		return out
	}
	table := make([][]int, len(groups))
	for i := range table {
		for _, l := range v.Levels {
			table[i] = append(table[i], l.N[i])
		}
	}
	x, df, p := chiSquare(table)
	add("p_approximate", "chi-square test, for two groups and two levels with Yates's correction", "chisq.test(table)", "Pearson 1900, 10.1080/14786440009463897", x, df, p, few)
	if len(groups) == 2 {
		add("p_exact", "Fisher's exact test, of several levels by Freeman and Halton", "fisher.test(table)", "Freeman and Halton 1951, 10.1093/biomet/38.1-2.141", math.NaN(), 0, fisher(table[0], table[1]), "too few values, or more tables with these margins than can be gone through")
	}
	return out
}

// oneway is the analysis of variance of groups with equal variances. df is that
// between groups.
func oneway(groups [][]float64) (f, df, p float64) {
	var all []float64
	within, k := 0.0, 0.0
	groups = shifted(groups)
	for _, g := range groups {
		if len(g) == 0 {
			continue
		}
		all, k = append(all, g...), k+1
		if m := fit.Describe(g); m.N > 1 {
			within += m.SD * m.SD * float64(m.N-1)
		}
	}
	n := float64(len(all))
	if k < 2 || n <= k || !(within > 0) {
		return math.NaN(), k - 1, math.NaN()
	}
	total, between := fit.Describe(all), 0.0
	for _, g := range groups {
		if m := fit.Describe(g); m.N > 0 {
			between += float64(m.N) * (m.Mean - total.Mean) * (m.Mean - total.Mean)
		}
	}
	f = between / (k - 1) / (within / (n - k))
	return f, k - 1, mathext.RegIncBeta((n-k)/2, (k-1)/2, (n-k)/(n-k+(k-1)*f))
}

// shifted takes the first value off of all, so that a large common offset costs no
// digits.
func shifted(groups [][]float64) [][]float64 {
	out := make([][]float64, len(groups))
	first := math.NaN()
	for i, g := range groups {
		for _, v := range g {
			if first != first {
				first = v
			}
			out[i] = append(out[i], v-first)
		}
	}
	return out
}

// kruskalWallis compares groups by ranks.
func kruskalWallis(groups [][]float64) (h, df, p float64) {
	var all []float64
	for _, g := range groups {
		all = append(all, g...)
	}
	n, k, at := float64(len(all)), 0.0, 0
	ranks, ties := fit.Ranks(all)
	for _, g := range groups {
		if len(g) == 0 {
			continue
		}
		s := 0.0
		for _, r := range ranks[at : at+len(g)] {
			s += r - (n+1)/2
		}
		h, k, at = h+s*s/float64(len(g)), k+1, at+len(g)
	}
	left := 1 - ties/(n*n*n-n)
	if k < 2 || !(left > 0) {
		return math.NaN(), k - 1, math.NaN()
	}
	h *= 12 / (n * (n + 1)) / left
	return h, k - 1, distuv.ChiSquared{K: k - 1}.Survival(h)
}

// chiSquare tests the levels and groups that occur, two by two with Yates's
// correction.
func chiSquare(table [][]int) (x, df, p float64) {
	rows, columns := make([]float64, len(table)), make([]float64, len(table[0]))
	n := 0.0
	for i, r := range table {
		for j, v := range r {
			rows[i], columns[j], n = rows[i]+float64(v), columns[j]+float64(v), n+float64(v)
		}
	}
	occur := func(x []float64) (k float64) {
		for _, v := range x {
			if v > 0 {
				k++
			}
		}
		return k
	}
	r, c := occur(rows), occur(columns)
	if df = (r - 1) * (c - 1); !(r > 1 && c > 1) {
		return math.NaN(), 0, math.NaN()
	}
	for i := range table {
		for j, v := range table[i] {
			e := rows[i] * columns[j] / n
			if !(e > 0) {
				continue
			}
			away := math.Abs(float64(v) - e)
			if df == 1 {
				away -= math.Min(0.5, away)
			}
			x += away * away / e
		}
	}
	return x, df, distuv.ChiSquared{K: df}.Survival(x)
}

// mostTables is how many tables of the same margins are gone through.
const mostTables = 20_000_000

// fisher returns the two-sided p value of two groups' counts by level: of the tables
// with the same margins, those no likelier than the one seen. NaN where a group is
// empty, one level alone occurs, or the tables are too many.
func fisher(a, b []int) float64 {
	var column []int
	n1, n := 0, 0
	lgamma := func(n int) float64 { v, _ := math.Lgamma(float64(n + 1)); return v }
	ways := func(j, x int) float64 { return lgamma(column[j]) - lgamma(x) - lgamma(column[j]-x) }
	seen, tables := 0.0, 1.0
	for j := range a {
		if c := a[j] + b[j]; c > 0 {
			column = append(column, c)
			seen += ways(len(column)-1, a[j])
			n1, n = n1+a[j], n+c
			tables *= float64(c + 1)
		}
	}
	k := len(column)
	if n1 == 0 || n1 == n || k < 2 {
		return math.NaN()
	}
	if tables/float64(column[k-1]+1) > mostTables {
		return math.NaN()
	}
	rest := make([]int, k+1) // patients in the columns from j on
	for j := k - 1; j >= 0; j-- {
		rest[j] = rest[j+1] + column[j]
	}
	all, sum := lgamma(n)-lgamma(n1)-lgamma(n-n1), 0.0
	var fill func(j, left int, log float64)
	fill = func(j, left int, log float64) {
		if j == k-1 {
			if log += ways(j, left); log <= seen+1e-7 {
				sum += math.Exp(log - all)
			}
			return
		}
		for x := max(0, left-rest[j+1]); x <= min(left, column[j]); x++ {
			fill(j+1, left-x, log+ways(j, x))
		}
	}
	fill(0, n1, 0)
	return math.Min(1, sum)
}
