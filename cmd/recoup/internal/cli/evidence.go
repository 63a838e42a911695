package cli

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/simulate"
	"recoup/simulate/evidence"
	"recoup/simulate/rehab"
)

// asEvidence turns an estimate of a result into evidence, as asked by
// "PARAMETER=TERM" or, with the sign turned, "PARAMETER=-TERM".
func asEvidence(asked string, e estimates) (evidence.Set, error) {
	name, term, ok := strings.Cut(asked, "=")
	if !ok || name == "" || term == "" {
		return evidence.Set{}, usagef("expected --as-evidence PARAMETER=TERM, or PARAMETER=-TERM to turn the sign")
	}
	sign := 1.0
	if rest, turned := strings.CutPrefix(term, "-"); turned {
		sign, term = -1, rest
	}
	x, err := oneEstimate(term, e.Estimates)
	if err != nil {
		return evidence.Set{}, err
	}
	value, se, low, high, err := onScaleOf(name, sign, x)
	if err != nil {
		return evidence.Set{}, err
	}
	o := e.Provenance.Origin
	source := fmt.Sprintf("cohort %s, %d patients, digest %s", o.Dictionary, o.Patients, o.Digest[:16])
	where := strings.Join(nonEmpty(x.Term, x.Outcome, x.Visit, x.Arm, x.Subgroup, x.Definition), ", ")
	if x.Reference != "" {
		where += " against " + x.Reference
	}
	p, err := rehab.CohortParameter(name, value, se, source, fmt.Sprintf("%s: %s; n %d.", e.Provenance.Analysis, where, x.N.Arm+x.N.Reference))
	if err != nil {
		return evidence.Set{}, usagef("--as-evidence: %w", err)
	}
	if low < high {
		p.Distribution, p.SE, p.Low, p.High = simulate.LogNormal, nil, &low, &high
	}
	return evidence.Set{Name: "cohort", Title: "From " + o.Dictionary, Parameters: []evidence.Parameter{p}}, nil
}

// onScaleOf puts an estimate on the scale of a parameter, which its unit tells: the
// logarithm of a ratio where it is a log hazard or log odds; a ratio, with its 95 %
// interval, where it is one; as it is where it is a share or in a unit. What is on another
// scale is refused: a hazard ratio of 2 is no log hazard of 2.
func onScaleOf(name string, sign float64, x analysis.Estimate) (value, se, low, high float64, err error) {
	base, err := evidence.Default()
	if err != nil {
		return 0, 0, 0, 0, err
	}
	unit := ""
	if i := slices.Index(base.Names(), name); i >= 0 {
		unit = base.Parameters[i].Unit
	}
	z := math.Sqrt2 * math.Erfinv(x.CI.Level)
	logarithm, ratio := strings.HasPrefix(unit, "log "), strings.HasPrefix(unit, "ratio") || strings.HasSuffix(unit, " ratio")
	switch {
	case logarithm || ratio:
		if x.Scale != analysis.ScaleRatio || !(x.Value > 0) {
			return 0, 0, 0, 0, usagef("--as-evidence: %s is a %s, so it takes a ratio, such as a hazard ratio; %s is on the scale %s", name, unit, x.Term, x.Scale)
		}
		// The interval, which is one of the logarithm: some standard errors are not.
		value, se = sign*math.Log(float64(x.Value)), math.Log(float64(x.CI.High/x.CI.Low))/2/z
		if ratio {
			value, low, high = math.Exp(value), math.Exp(value-1.959963984540054*se), math.Exp(value+1.959963984540054*se)
		}
		return value, se, low, high, nil
	case strings.HasPrefix(unit, "share") != (x.Scale == analysis.ScaleProportion),
		unit != "" && !slices.Contains([]analysis.Scale{analysis.ScaleMean, analysis.ScaleDifference, analysis.ScaleSD, analysis.ScaleProportion}, x.Scale):
		return 0, 0, 0, 0, usagef("--as-evidence: %s is in the unit %q; %s is on the scale %s, which is another", name, unit, x.Term, x.Scale)
	}
	if se = float64(x.SE); se != se && !math.IsNaN(float64(x.CI.High-x.CI.Low)) {
		// Half of the interval over the normal quantile: exact where it is symmetric.
		se = float64(x.CI.High-x.CI.Low) / 2 / z
	}
	return sign * float64(x.Value), se, 0, 0, nil
}

// oneEstimate is the only estimate of a term.
func oneEstimate(term string, list []analysis.Estimate) (analysis.Estimate, error) {
	var found []analysis.Estimate
	var terms []string
	for _, x := range list {
		terms = append(terms, x.Term)
		if x.Term == term {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return analysis.Estimate{}, usagef("the result has no term %q; it has %s", term, strings.Join(terms, ", "))
	}
	return analysis.Estimate{}, usagef("the result has %d estimates of %s; ask for one arm, visit and definition", len(found), term)
}

func nonEmpty(list ...string) (out []string) {
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// writeEvidence writes evidence as the file that --evidence takes, or as JSON.
func writeEvidence(w io.Writer, format string, s evidence.Set) error {
	b := s.YAML()
	if format == ".json" {
		var err error
		if b, err = encode(struct {
			Schema   string       `json:"schema"`
			Evidence evidence.Set `json:"evidence"`
		}{"recoup.evidence/v1", s}); err != nil {
			return err
		}
	}
	_, err := w.Write(b)
	return err
}
