package rehab

import (
	"fmt"
	"slices"

	"recoup/simulate"
	"recoup/simulate/evidence"
)

// CohortParameter writes an estimate from a cohort as evidence for a parameter: beta
// for a share, gamma for what is positive, normal otherwise, all by mean and standard
// error. It is refused where the parameter cannot have the value.
func CohortParameter(name string, value, se float64, source, note string) (evidence.Parameter, error) {
	base, err := evidence.Default()
	if err != nil {
		return evidence.Parameter{}, err
	}
	i := slices.Index(base.Names(), name)
	if i < 0 {
		return evidence.Parameter{}, fmt.Errorf("no parameter %q; see: recoup evidence list", name)
	}
	p := evidence.Parameter{
		Name: name, Value: value, Unit: base.Parameters[i].Unit, Distribution: simulate.Normal, SE: &se,
		Kind: evidence.Cohort, Status: evidence.Sourced, Source: source, Note: note,
	}
	for f := range fields() {
		switch {
		case f.name != name:
		case f.bounds == "share" && !(value > 0 && value < 1):
			return p, fmt.Errorf("%s is a share between 0 and 1, and the estimate is %g", name, value)
		case f.bounds == "positive" && !(value > 0):
			return p, fmt.Errorf("%s is over 0, and the estimate is %g", name, value)
		case f.bounds == "share":
			p.Distribution = simulate.Beta
		case f.bounds == "positive":
			p.Distribution = simulate.Gamma
		}
	}
	if !(se > 0) {
		return p, fmt.Errorf("%s: the estimate has no standard error, so nothing says how uncertain it is", name)
	}
	if _, err := p.Sampling(); err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}
