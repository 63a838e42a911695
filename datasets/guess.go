package datasets

import "strings"

// GuessByName guesses what a column is for from its name and type: a role, and
// for an outcome its instrument. It returns "" where the name says nothing.
func GuessByName(name string, t Type) (role Role, instrument string) {
	lower := strings.ToLower(name)
	numeric := t == TypeNumber || t == TypeInteger
	if numeric {
		if instrument = instrumentOf(lower); instrument != "" {
			return RoleOutcome, instrument
		}
	}
	for _, g := range rolesByName {
		if g.name.MatchString(lower) && (numeric || !numericRole(g.role)) {
			return g.role, ""
		}
	}
	return "", ""
}

// OnlyOnce reports whether at most one column of a table may have the role.
func OnlyOnce(r Role) bool {
	for _, o := range once {
		if o == r {
			return true
		}
	}
	return false
}
