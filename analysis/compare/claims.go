package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/datasets/published"
)

// What an interval says of a claim.
const (
	VerdictHolds  = "holds"   // the interval holds the claimed value, or reaches into the claimed range
	VerdictInside = "inside"  // the whole interval lies in the claimed range
	VerdictUnder  = "under"   // the whole interval falls short of the claim
	VerdictOver   = "over"    // the whole interval goes beyond the claim
	VerdictOpen   = "no-test" // there is no interval
)

// Judged is what an estimate says of a claim, in a word and in words. Bounds are those
// of the claim on the estimate's scale.
type Judged struct {
	Low, High analysis.Num
	Verdict   string
	Words     string
}

// Judge holds an estimate's interval against a claim: a value or a range, in percent.
// Under and over go by the size of what is claimed, so that 30 percent less pain is
// under 40 percent less. About says that the claim is of other patients than these.
func Judge(claim published.Result, e analysis.Estimate, about bool) Judged {
	low, high := claim.Value, claim.Value
	if claim.Measure == published.Range {
		low, high = claim.Low, claim.High
	}
	per := 1.0
	if e.Scale == analysis.ScaleProportion {
		per = 100
	}
	j := Judged{Low: analysis.Num(low / per), High: analysis.Num(high / per), Verdict: VerdictOpen}
	from, to := per*float64(e.CI.Low), per*float64(e.CI.High)
	if !e.Value.OK() || math.IsNaN(from) || math.IsNaN(to) {
		j.Words = "no interval, so it cannot be held against the claim"
		return j
	}
	sign := 1.0
	if high < 0 {
		sign, from, to, low, high = -1, -to, -from, -high, -low
	}
	said := claimWords(low, high, sign)
	ci := fmt.Sprintf("the interval, %s to %s %%%s,", short(from), short(to), lessWord(sign))
	switch {
	case to < low:
		j.Verdict, j.Words = VerdictUnder, ci+" lies under "+said
	case from > high:
		j.Verdict, j.Words = VerdictOver, ci+" lies over "+said
	case low < high && from >= low && to <= high:
		j.Verdict, j.Words = VerdictInside, ci+" lies within "+said
	case low < high:
		j.Verdict, j.Words = VerdictHolds, ci+" reaches into "+said+" and beyond it, so that it is neither borne out nor ruled out"
	default:
		j.Verdict, j.Words = VerdictHolds, ci+" holds "+said+", and everything else in it as well"
	}
	if about {
		j.Words += ", which is said of other patients: not a test of it"
	}
	return j
}

func claimWords(low, high, sign float64) string {
	if low < high {
		return fmt.Sprintf("the claimed %s to %s %%%s", short(low), short(high), lessWord(sign))
	}
	return fmt.Sprintf("the claimed %s %%%s", short(low), lessWord(sign))
}

func lessWord(sign float64) string {
	if sign < 0 {
		return " less"
	}
	return ""
}

func short(x float64) string { return fmt.Sprintf("%.3g", x) }

// Fairness says whether a published figure is a fair comparison.
type Fairness struct {
	Fair    string // fair, unfair or unknown
	Words   string
	Differs []string // fields that differ
	Unknown []string // fields that one side does not say
}

// Words of Fairness.
const (
	FairComparison    = "fair"
	UnfairComparison  = "unfair"
	UnknownComparison = "unknown"
)

// fairFields decide whether a comparison is fair; the treatment may differ, and must.
var fairFields = []string{"payer", "work_before", "condition", "definition", "horizon", "origin", "age"}

// fairness judges a comparison: unfair where a field that decides it differs,
// unknown where one side does not say, fair where all agree.
func fairness(fields []Field) Fairness {
	var differs, names, unknown []string
	decided := true
	for _, f := range fields {
		if !slices.Contains(fairFields, f.Name) {
			continue
		}
		name := strings.ReplaceAll(f.Name, "_", " ")
		switch f.Agreement {
		case Differs:
			names = append(names, name)
			differs = append(differs, fmt.Sprintf("%s (ours %s, theirs %s)", name, f.Ours, f.Theirs))
		case Unknown:
			unknown = append(unknown, name)
			decided = decided && f.Name == "age" // few say it, and least turns on it
		}
	}
	tail := ""
	if len(unknown) > 0 {
		tail = "; not known: " + strings.Join(unknown, ", ")
	}
	switch {
	case len(differs) > 0:
		return Fairness{UnfairComparison, "not a fair comparison: differs in " + strings.Join(differs, "; ") + tail, names, unknown}
	case !decided:
		return Fairness{UnknownComparison, "nobody can say that it is fair" + tail, names, unknown}
	}
	return Fairness{FairComparison, "fair in what is recorded: payer, work before, condition, definition and time agree; yet nobody was allotted by chance" + tail, names, unknown}
}

// FairBeside says whether a published figure is a fair comparison with a group of
// ours, seen by a definition at a time.
func FairBeside(c *datasets.Cohort, patients []int, definition string, at published.Horizon, e published.Entry, r published.Result) Fairness {
	f := fairness(Fields(CaseMix(c, patients, definition, at), e.CaseMix(r)))
	if r.Complement {
		f.Fair, f.Differs = UnfairComparison, append([]string{"outcome"}, f.Differs...)
		f.Words = "not a measured return to work but 100 percent minus a disability share, and a disability share is not one minus a return-to-work share; " + f.Words
	}
	return f
}

// HorizonOf reads when an estimate was seen: a visit, or a day from entry.
func HorizonOf(c *datasets.Cohort, when string) published.Horizon {
	var day float64
	if n, _ := fmt.Sscanf(when, "day %g", &day); n == 1 {
		return published.Horizon{Value: day, Unit: "days", After: "entry"}
	}
	v, err := c.Visit(when)
	if when == "" || err != nil {
		return published.Horizon{Value: math.NaN()}
	}
	return horizonOf(c, v)
}
