// Package disclosure hides what could tell about single patients, on the model
// of a report and so in every format alike: small counts and what rests on
// them, and then as much more as it takes that no small count can be found by
// adding and subtracting what is still shown.
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
}

// hides tells whether the policy hides anything.
func (p Policy) hides() bool { return p.Max > 0 }

// small tells whether a count may not be shown.
func (p Policy) small(n int) bool {
	return p.hides() && n <= p.Max && (n > 0 || p.Zeros && n == 0)
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
			Name: "nhs-5", Title: "counts of 1 to 5 hidden, and what would reveal them; the rounding of the 2018 rule is not done",
			Source: "NHS Digital, suppression of 1 to 5 as before its rounding rule of 2018",
			Max:    5, Complements: true,
		},
		{
			Name: "acro-10", Title: "counts under 10 hidden, none included, and what would reveal them",
			Source: "SACRO project, acro default threshold (github.com/AI-SDC/ACRO)",
			Max:    9, Zeros: true, Complements: true,
		},
		{Name: "none", Title: "nothing hidden: for use inside the program only"},
	}
}

// Named returns the policy of that name.
func Named(name string) (Policy, error) {
	var names []string
	for _, p := range Policies() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Policy{}, fmt.Errorf("no disclosure policy %q: choose one of %s", name, strings.Join(names, ", "))
}
