package taper

import (
	"fmt"
	"strings"

	"recoup/analysis"
)

// tallied counts verdicts of patients.
type tallied struct{ n, yes, unknown int }

func (c *tallied) add(v Verdict) {
	c.n++
	switch v {
	case Yes:
		c.yes++
	case Unknown:
		c.unknown++
	}
}

// of is the denominator with the unknown, or without.
func (c tallied) of(known bool) int {
	if known {
		return c.n - c.unknown
	}
	return c.n
}

// begin begins an estimate of a share: prefix and suffix go around its term, who
// says of whom it is.
type begin func(prefix, suffix, who, arm string, scale analysis.Scale) analysis.Estimate

// ways returns the denominators asked for: unknown counted as no, left out, or both.
func (d *doses) ways() []bool {
	switch d.q.Missing {
	case analysis.MissingFailure:
		return []bool{false}
	case analysis.MissingAvailable:
		return []bool{true}
	}
	return []bool{false, true}
}

func way(known bool, all string) (suffix, who string) {
	if known {
		return "_known", "of those with a known answer"
	}
	return "_all", all + ", unknown counted as no"
}

// sharesOf returns the shares of one group.
func (d *doses) sharesOf(b begin, all, arm string, c tallied) []analysis.Estimate {
	var out []analysis.Estimate
	for _, known := range d.ways() {
		suffix, who := way(known, all)
		e := b("", suffix, who, arm, analysis.ScaleProportion)
		e.N.Missing = c.unknown
		out = append(out, followUp(withShare(e, c.yes, c.of(known), d.q.Level), c.n, c.unknown))
	}
	return out
}

// shareDifferences returns the shares of the arm less those of the reference.
func (d *doses) shareDifferences(b begin, all string, arm, reference analysis.Group, x, y tallied) []analysis.Estimate {
	var out []analysis.Estimate
	for _, known := range d.ways() {
		suffix, who := way(known, all)
		e := b("difference_", suffix, who, arm.Name, analysis.ScaleRiskDiff)
		e.Reference, e.N.Missing = reference.Name, x.unknown+y.unknown
		out = append(out, followUp(withRiskDifference(e, x.yes, x.of(known), y.yes, y.of(known), d.q.Level), x.n+y.n, x.unknown+y.unknown))
	}
	return out
}

// leaning warns of shares of those known, where a yes is known as soon as it is seen
// and a no only when every day is.
func leaning(c tallied, es []analysis.Estimate) []analysis.Estimate {
	if c.unknown == 0 || c.n == 0 {
		return es
	}
	least, most := 100*float64(c.yes)/float64(c.n), 100*float64(c.yes+c.unknown)/float64(c.n)
	for i, e := range es {
		if strings.HasSuffix(e.Term, "_known") {
			es[i] = e.Warn("leans-to-yes", fmt.Sprintf("a yes is known as soon as it is seen, a no only once every day is known, so the share of those known leans to yes; of all it lies between %.1f and %.1f %%", least, most),
				"read the share of all; record doses on more days, zero doses too")
		}
	}
	return es
}
