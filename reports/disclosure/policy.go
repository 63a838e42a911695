// Package disclosure hides what could tell about single patients, on the model
// of a report and so in every format alike: small counts and what rests on
// them, and then as much more as it takes that no small count can be found by
// adding and subtracting what is still shown, here or in what went out before.
// It also attacks tables that others have published.
package disclosure

import (
	"fmt"
	"strings"
)

// Policy is a named rule for what may be shown.
type Policy struct {
	Name   string
	Title  string
	Source string

	// Max is the largest count that is hidden; 0 hides nothing.
	Max int

	// Zeros says that a count of none is hidden too.
	Zeros bool

	// Complements says that the rest of a share is judged as the share is:
	// 48 of 50 tells that 2 did not.
	Complements bool

	// Base is what shown counts are rounded to, after hiding; 0 for exact counts.
	// Shares are worked out from rounded counts.
	Base int

	// Midpoint rounds to the middle of steps of Base rather than to their ends:
	// ⌈x/6⌉·6 − 3, none staying none.
	Midpoint bool
}

// hides tells whether the policy hides anything.
func (p Policy) hides() bool { return p.Max > 0 }

// small tells whether a count may not be shown.
func (p Policy) small(n int) bool {
	return p.hides() && n <= p.Max && (n > 0 || p.Zeros && n == 0)
}

// The thresholds that UnderK takes.
const (
	LeastK = 5
	MostK  = 11
)

// UnderK is the rule that hides counts under k, from 5 to 11.
func UnderK(k int) (Policy, error) {
	if k < LeastK || k > MostK {
		return Policy{}, fmt.Errorf("expected k from %d to %d: counts under k are hidden", LeastK, MostK)
	}
	return Policy{
		Name: fmt.Sprintf("k-%d", k), Title: fmt.Sprintf("counts of 1 to %d hidden, and what would reveal them", k-1),
		Source: "the program's own threshold", Max: k - 1, Complements: true,
	}, nil
}

// Policies lists the policies, the default first.
func Policies() []Policy {
	return []Policy{
		{
			Name: "cms-11", Title: "counts of 1 to 10 hidden, and what would reveal them",
			Source: "CMS cell size suppression policy, 2024-01-26 (resdac.org/node/1506)",
			Max:    10, Complements: true,
		},
		{
			Name: "opensafely-7-r5", Title: "counts of 1 to 7 hidden, and what would reveal them; the others rounded to 5, shares from rounded counts",
			Source: "OpenSAFELY, statistical disclosure control of outputs (docs.opensafely.org)",
			Max:    7, Complements: true, Base: 5,
		},
		{
			Name: "opensafely-midpoint6", Title: "counts of 1 to 7 hidden, and what would reveal them; the others rounded to the middle of steps of 6, shares from rounded counts",
			Source: "OpenSAFELY, statistical disclosure control of outputs (docs.opensafely.org)",
			Max:    7, Complements: true, Base: 6, Midpoint: true,
		},
		{
			Name: "nhs-hes-2018", Title: "counts of 1 to 7 hidden, and what would reveal them; the others rounded to 5, shares from rounded counts",
			Source: "NHS Digital, disclosure control of hospital episode statistics, from September 2018",
			Max:    7, Complements: true, Base: 5,
		},
		{
			Name: "nhs-5", Title: "counts of 1 to 5 hidden, and what would reveal them; the rounding of the 2018 rule is not done",
			Source: "NHS Digital, suppression of 1 to 5 as before its rounding rule of 2018",
			Max:    5, Complements: true,
		},
		{
			Name: "acro-default", Title: "counts under 10 hidden, none included, and what would reveal them",
			Source: "SACRO project, acro default threshold (github.com/AI-SDC/ACRO)",
			Max:    9, Zeros: true, Complements: true,
		},
		{
			Name: "uscs-16", Title: "counts under 16 hidden, none included, and what would reveal them",
			Source: "CDC, U.S. Cancer Statistics technical notes",
			Max:    15, Zeros: true, Complements: true,
		},
		{
			Name: "cdc-wonder-10", Title: "counts under 10 hidden, none included, and what would reveal them; rates of fewer than 20 are not marked as unreliable",
			Source: "CDC WONDER, data use restrictions",
			Max:    9, Zeros: true, Complements: true,
		},
		{Name: "none", Title: "nothing hidden: for use inside the program only"},
	}
}

// Named returns the policy of that name; k-5 to k-11 are those of UnderK.
func Named(name string) (Policy, error) {
	var names []string
	for _, p := range Policies() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	var k int
	if n, err := fmt.Sscanf(name, "k-%d", &k); n == 1 && err == nil && name == fmt.Sprintf("k-%d", k) {
		return UnderK(k)
	}
	return Policy{}, fmt.Errorf("no disclosure policy %q: choose one of %s, or k-%d to k-%d", name, strings.Join(names, ", "), LeastK, MostK)
}
