package cli

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/datasets/instrument"
	"recoup/simulate"
	"recoup/simulate/evidence"
	"recoup/simulate/rehab"
)

// asEvidence turns an estimate of a result into evidence, as asked by
// "PARAMETER=TERM" or, with the sign turned, "PARAMETER=-TERM".
func asEvidence(asked string, outcomes []datasets.Field, e estimates) (evidence.Set, error) {
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
	base, err := evidence.Default()
	if err != nil {
		return evidence.Set{}, err
	}
	unit := ""
	if i := slices.Index(base.Names(), name); i >= 0 {
		unit = base.Parameters[i].Unit
	}
	value, se, low, high, err := onScaleOf(name, unit, sign, x)
	if err != nil {
		return evidence.Set{}, err
	}
	money, err := inUnitOf(name, unit, outcomes, x)
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
	if money.currency != "" {
		p = p.Times(1, money.currency, money.year)
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
func onScaleOf(name, unit string, sign float64, x analysis.Estimate) (value, se, low, high float64, err error) {
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

// amount is the money that an estimate is in; without a currency it is in none.
type amount struct {
	currency string
	year     int // 0 where not known
}

var (
	moneyUnit = regexp.MustCompile(`^([A-Z]{3})((?: per [a-z]+)?)(?: of (\d{4}))?$`)
	scaleOf   = regexp.MustCompile(`\((\d+)-(\d+)\)|^(PHQ-9|PSEQ|ISI) points`)
)

// inUnitOf refuses an estimate in another unit than its parameter: a change of Oswestry's
// 0 to 100 is no change of pain on 0 to 10, a mean is no standard deviation, and the odds
// of an improvement are no hazard.
func inUnitOf(name, unit string, outcomes []datasets.Field, x analysis.Estimate) (amount, error) {
	refuse := func(is string) (amount, error) {
		return amount{}, usagef("--as-evidence: %s is in the unit %q; %s is %s, which is another", name, unit, x.Term, is)
	}
	if x.Scale == analysis.ScaleRatio {
		_, of, _ := strings.Cut(x.Term, " of ")
		slope := of != "" && !strings.Contains(of, ": ") // of a covariate, for one more of it
		switch {
		case strings.Contains(unit, "hazard") && !strings.HasPrefix(x.Term, "hazard_ratio"),
			strings.Contains(unit, "odds") && !strings.HasPrefix(x.Term, "odds_ratio"):
			return refuse("no such ratio")
		case strings.Contains(unit, " per ") != slope:
			return refuse("a ratio for one more of a covariate, or the other is")
		}
		return amount{}, nil
	}
	if (x.Scale == analysis.ScaleSD) != (strings.Contains(name, "sd_") || strings.HasSuffix(name, "_sd")) {
		return refuse("on the scale " + string(x.Scale))
	}
	if x.Scale == analysis.ScaleProportion || unit == "" {
		return amount{}, nil
	}
	if m := scaleOf.FindStringSubmatch(unit); m != nil {
		if at := slices.IndexFunc(outcomes, func(f datasets.Field) bool { return f.Name == x.Outcome }); at < 0 || !measures(outcomes[at], m) {
			return refuse("of " + cmp.Or(x.Outcome, "no outcome"))
		}
		return amount{}, nil
	}
	of := strings.ReplaceAll(x.Unit, "/", " per ")
	asked, got := moneyUnit.FindStringSubmatch(unit), moneyUnit.FindStringSubmatch(of)
	switch {
	case asked != nil && got != nil && asked[2] == got[2]:
		year, _ := strconv.Atoi(got[3])
		return amount{got[1], year}, nil
	case of == unit:
		return amount{}, nil
	case of == "":
		return amount{}, usagef("--as-evidence: %s is in the unit %q, and that of %s is not known: give its column a unit in the cohort file", name, unit, x.Term)
	}
	return refuse(fmt.Sprintf("in %q", x.Unit))
}

// measures says whether a column is on the scale that a parameter's unit names, by its
// ends or its instrument.
func measures(f datasets.Field, scale []string) bool {
	i, known := instrument.Find(f.Instrument)
	known = known && f.Instrument != ""
	if scale[3] != "" {
		return known && i.Name == strings.ToLower(strings.ReplaceAll(scale[3], "-", ""))
	}
	low, _ := strconv.ParseFloat(scale[1], 64)
	high, _ := strconv.ParseFloat(scale[2], 64)
	if known && i.Max > i.Min {
		return i.Min == low && i.Max == high
	}
	c := f.Constraints
	return c.Minimum != nil && c.Maximum != nil && *c.Minimum == low && *c.Maximum == high
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
