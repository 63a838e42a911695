package simulate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Precision is a target: the Monte Carlo standard error of an outcome must be
// under MCSE for every strategy, or for every difference from the reference.
type Precision struct {
	Outcome    string  `json:"outcome"`
	Difference bool    `json:"difference,omitempty"`
	MCSE       float64 `json:"mcse"`
}

// String writes a target as ParsePrecision reads it.
func (t Precision) String() string {
	name := t.Outcome
	if t.Difference {
		name = "difference." + name
	}
	return name + "<" + strconv.FormatFloat(t.MCSE, 'g', -1, 64)
}

// ParsePrecision reads "qaly<0.001" or "difference.qaly<0.001".
func ParsePrecision(text string) (Precision, error) {
	name, figure, ok := strings.Cut(text, "<")
	name, difference := strings.CutPrefix(strings.TrimSpace(name), "difference.")
	x, err := strconv.ParseFloat(strings.TrimSpace(figure), 64)
	if !ok || err != nil || name == "" || !(x > 0) || math.IsInf(x, 1) {
		return Precision{}, fmt.Errorf("precision %q: expected an outcome and a positive number, such as 'qaly<0.001' or 'difference.qaly<0.001'", text)
	}
	return Precision{Outcome: name, Difference: difference, MCSE: x}, nil
}

// maxRounds bounds a run with a precision: one that would need more is refused as
// soon as that can be seen.
const maxRounds = 10_000

// A standard error from fewer draws, or fewer patients in a single draw, is too
// uncertain to stop by.
const (
	minDrawsToStop    = 20
	minPatientsToStop = 1024
)

func checkPrecision(spec Spec, size Size) error {
	for _, t := range size.Precision {
		if spec.outcome(t.Outcome) < 0 {
			var names []string
			for _, o := range spec.Outcomes {
				names = append(names, o.Name)
			}
			return fmt.Errorf("precision %v: %q is not an outcome; there are %s", t, t.Outcome, strings.Join(names, ", "))
		}
		if !(t.MCSE > 0) || math.IsInf(t.MCSE, 1) {
			return fmt.Errorf("precision of %s: the standard error to reach must be a positive number", t.Outcome)
		}
		if t.Difference && len(spec.Strategies) < 2 {
			return fmt.Errorf("precision %v: with one strategy there are no differences", t)
		}
	}
	return nil
}

// precise says, at the end of a round, whether every target is met. It depends
// on the numbers alone.
func (p *Part) precise() (bool, error) {
	size := p.id.Size
	if len(size.Precision) == 0 {
		return true, nil
	}
	rounds := p.done / p.tasks()
	if size.grows() && p.done*BlockSize < minPatientsToStop || !size.grows() && rounds*size.Draws < minDrawsToStop {
		return false, nil
	}
	r := p.reduce()
	for _, t := range size.Precision {
		stats, first := r.levels, 0
		if t.Difference {
			stats, first = r.diffs, 1
		}
		for s := first; s < len(p.spec.Strategies); s++ {
			e := stats[s*len(p.spec.Outcomes)+p.spec.outcome(t.Outcome)].estimate()
			mcse := float64(e.MCSE)
			if math.IsNaN(mcse) {
				return false, fmt.Errorf("precision %v: under strategy %s no patient, or one alone, has the outcome, so it has no standard error; choose an outcome of every patient", t, p.spec.Strategies[s])
			}
			if mcse < t.MCSE {
				continue
			}
			ratio := mcse / t.MCSE
			if need := float64(rounds) * ratio * ratio; need > maxRounds {
				return false, fmt.Errorf("precision %v: the standard error of strategy %s is %.3g after %d rounds of %d draws x %d patients, so it would take about %.0f rounds, and %d are the most; ask for a larger figure, or for larger rounds by more draws or patients",
					t, p.spec.Strategies[s], mcse, rounds, size.Draws, size.Patients, need, maxRounds)
			}
			return false, nil
		}
	}
	return true, nil
}
