package cli

import (
	"fmt"
	"io"
	"math"
	"strings"

	"recoup/analysis"
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
	se := float64(x.SE)
	if se != se && !math.IsNaN(float64(x.CI.High-x.CI.Low)) {
		// Half of the interval over the normal quantile: exact where it is symmetric.
		se = float64(x.CI.High-x.CI.Low) / 2 / math.Sqrt2 / math.Erfinv(x.CI.Level)
	}
	o := e.Provenance.Origin
	source := fmt.Sprintf("cohort %s, %d patients, digest %s", o.Dictionary, o.Patients, o.Digest[:16])
	where := strings.Join(nonEmpty(x.Term, x.Outcome, x.Visit, x.Arm, x.Subgroup, x.Definition), ", ")
	if x.Reference != "" {
		where += " against " + x.Reference
	}
	p, err := rehab.CohortParameter(name, sign*float64(x.Value), se, source, fmt.Sprintf("%s: %s; n %d.", e.Provenance.Analysis, where, x.N.Arm+x.N.Reference))
	if err != nil {
		return evidence.Set{}, usagef("--as-evidence: %w", err)
	}
	return evidence.Set{Name: "cohort", Title: "From " + o.Dictionary, Parameters: []evidence.Parameter{p}}, nil
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
