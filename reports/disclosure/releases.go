package disclosure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"recoup/reports"
)

// RegisterSchema names the form of a register of releases.
const RegisterSchema = "recoup.releases/v1"

// Register lists what went out of a cohort. It holds what the reports showed and
// nothing else, so that the next report can be held against it.
type Register struct {
	Schema   string    `json:"schema"`
	Releases []Release `json:"releases"`
}

// Release is what one report showed.
type Release struct {
	Report string `json:"report"`
	Period string `json:"period"`
	Policy string `json:"policy"`
	Cohort string `json:"cohort"`
	By     string `json:"override_by,omitempty"`
	Why    string `json:"override_why,omitempty"`
	Shown  []Item `json:"shown"`
}

// Item is one number that a release showed.
type Item struct {
	Key   string  `json:"key"` // whose patients, and the place
	Kind  string  `json:"kind"`
	Value float64 `json:"value"`
	Half  float64 `json:"half"` // the true value lies within this of the one shown
	N     int     `json:"n"`    // of a mean: the patients; of a share: its denominator
}

// The kinds of items.
const (
	itemCount = "count"
	itemTotal = "total" // all patients of a report: judged only where it is exact
	itemShare = "share" // Value is the numerator
	itemMean  = "mean"
)

// ErrPolicyMix is a report under another rule than one that went out before.
var ErrPolicyMix = errors.New("another disclosure rule than before")

// ReadRegister reads a register of releases.
func ReadRegister(r io.Reader) (Register, error) {
	var g Register
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&g); err != nil {
		return g, fmt.Errorf("the register of releases cannot be read: %w", err)
	}
	if g.Schema != RegisterSchema {
		return g, fmt.Errorf("expected a register of releases, schema %s", RegisterSchema)
	}
	return g, nil
}

// Of returns the releases of a cohort.
func (g Register) Of(cohort string) []Release {
	var out []Release
	for _, r := range g.Releases {
		if r.Cohort == cohort {
			out = append(out, r)
		}
	}
	return out
}

// Check returns ErrPolicyMix where a release of the same cohort went out under
// another rule: the looser one shows what the stricter hides.
func (g Register) Check(cohort string, p Policy) error {
	for _, r := range g.Of(cohort) {
		if r.Policy != p.Name {
			return fmt.Errorf("%w: a report of %s went out under %s, and this one is under %s, so that the looser shows what the stricter hides; use --policy %s", ErrPolicyMix, orAll(r.Period), r.Policy, p.Name, r.Policy)
		}
	}
	return nil
}

func orAll(period string) string {
	if period == "" {
		return "all patients"
	}
	return period
}

// Shown returns what a protected report shows, for the register.
func Shown(r reports.Report, p Policy) []Item {
	g := newGate(p)
	out := clone(r)
	g.read([]Member{{Report: r}}, 0)
	g.report(&out)
	return g.release(0, out).Shown
}

// release is what the carriers of a report that are not hidden show.
func (g *gate) release(report int, r reports.Report) Release {
	out := Release{Report: r.Title, Period: r.Period, Policy: g.policy.Name}
	for _, c := range g.carriers {
		if !c.hidden && c.report == report {
			if item, ok := g.item(c); ok {
				out.Shown = append(out.Shown, item)
			}
		}
	}
	return out
}

func (g *gate) item(c carrier) (Item, bool) {
	cell := c.get()
	half := 0.0
	if g.policy.Base > 1 {
		half = float64(g.policy.Base / 2)
	}
	switch b := cell.Basis; {
	case b.Kind == reports.ShareOfPatients:
		return Item{Key: c.key, Kind: itemShare, Value: float64(b.Numerator), Half: half, N: b.Denominator}, true
	case b.Kind == reports.OfPatients && cell.Format.Kind == reports.CountOf:
		return Item{Key: c.key, Kind: itemCount, Value: float64(cell.Count), Half: half}, true
	case b.Kind == reports.OfPatients && !math.IsNaN(cell.Value) && !math.IsInf(cell.Value, 0) && cell.Format.Kind != reports.PValue:
		digits := math.Pow10(-cell.Format.Decimals) / 2
		return Item{Key: c.key, Kind: itemMean, Value: cell.Value, Half: math.Max(digits, unitOf(cell)/2), N: b.N}, true
	}
	return Item{}, false
}

// ratioKnown is how near a value may be told: an estimate to within a tenth of it
// counts as telling it (the p% rule with p = 10, as ACRO has it).
const ratioKnown = leastRest

// Compare tells what two releases of the same patients give together: which
// counts changed by fewer than k people, and which means give the value of one
// patient who came or went between them.
//
// A rounded total that crosses a step tells only that some came or went, and is
// let pass. A mean is taken apart only where somebody may have come or gone: not
// where another mean, shown to many digits, stayed the same.
func Compare(before, after Release, k int) []Derived {
	was := map[string]Item{}
	for _, i := range before.Shown {
		was[i.Key] = i
	}
	same := sameMembers(was, after)
	var out []Derived
	for _, now := range after.Shown {
		then, ok := was[now.Key]
		if !ok || then.Kind != now.Kind {
			continue
		}
		switch now.Kind {
		case itemCount, itemShare:
			out = append(out, changed(then, now, k)...)
		case itemTotal:
			if then.Half+now.Half == 0 {
				out = append(out, changed(then, now, k)...)
			}
		case itemMean:
			if !same {
				out = append(out, onePatient(then, now, rounding(was, after))...)
			}
		}
	}
	return out
}

// changed judges the difference of a count.
func changed(then, now Item, k int) []Derived {
	pairs := [][2]float64{{then.Value, now.Value}}
	if now.Kind == itemShare {
		pairs = append(pairs, [2]float64{float64(then.N), float64(now.N)})
	}
	for _, p := range pairs {
		d := math.Abs(p[1] - p[0])
		least := math.Max(1, d-then.Half-now.Half)
		if d > 0 && least < float64(k) {
			return []Derived{{Code: CodeRelease, Where: now.Key, Low: least, High: d + then.Half + now.Half, How: "an earlier release less this one", Dangerous: true}}
		}
	}
	return nil
}

// rounding is how far the totals of two releases may be from those shown.
func rounding(was map[string]Item, after Release) float64 {
	half := 0.0
	for _, i := range after.Shown {
		if i.Kind == itemTotal || i.Kind == itemCount || i.Kind == itemShare {
			half = math.Max(half, math.Max(i.Half, was[i.Key].Half))
		}
	}
	return half
}

// sameMembers tells whether the patients of two releases must be taken to be the
// same: a mean that one patient more or less would have moved stayed as it was.
func sameMembers(was map[string]Item, after Release) bool {
	for _, now := range after.Shown {
		then, ok := was[now.Key]
		if ok && now.Kind == itemMean && then.Kind == itemMean && then.Value == now.Value && then.N == now.N &&
			(now.Half+then.Half)*float64(now.N) <= ratioKnown*math.Abs(now.Value) {
			return true
		}
	}
	return false
}

// onePatient is the value of a patient who came or went between two means, where
// their digits give it to within a tenth: (n+1)·m₂ − n·m₁ for one who came,
// n·m₁ − (n−1)·m₂ for one who went.
func onePatient(then, now Item, half float64) []Derived {
	if then.N <= 0 || now.N <= 0 {
		return nil
	}
	for _, came := range []float64{1, -1} {
		from := math.Max(float64(then.N)-half, float64(now.N)-half-came)
		to := math.Min(float64(then.N)+half, float64(now.N)+half-came)
		if from > to {
			continue
		}
		low, high := math.Inf(1), math.Inf(-1)
		for _, n := range []float64{from, to} {
			for _, e1 := range []float64{-then.Half, then.Half} {
				for _, e2 := range []float64{-now.Half, now.Half} {
					v := came * ((n+came)*(now.Value+e2) - n*(then.Value+e1))
					low, high = math.Min(low, v), math.Max(high, v)
				}
			}
		}
		if middle := (low + high) / 2; (high-low)/2 <= ratioKnown*math.Abs(middle) {
			return []Derived{{Code: CodeRelease, Where: now.Key, Low: low, High: high, How: "the sum behind this mean less that of the earlier one is the value of one patient", Dangerous: true}}
		}
	}
	return nil
}
