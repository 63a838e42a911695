package datasets

import (
	"slices"
	"strconv"
	"strings"

	"recoup/datasets/instrument"
)

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

// Answers is the range of a column's answers: as declared, or else as far as they
// were seen.
type Answers struct {
	Low, High float64
	Declared  bool
}

// fit reports whether they can be the answers of an instrument: seen ones within its
// codes, declared ones as many as it has.
func (a Answers) fit(in instrument.Instrument) bool {
	if a.Declared {
		return a.High-a.Low == in.ItemMax-in.ItemMin
	}
	return a.Low >= in.ItemMin && a.High <= in.ItemMax
}

// GuessItems gives those fields that are named as a questionnaire is, with a number
// at the end, role item, where every number of the form is there and the answers
// fit; phq9_1 to phq9_9, or "PHQ-9 item 1". It returns them. Answers returns false
// for a field that cannot be an item.
func GuessItems(fields []Field, answers func(*Field) (Answers, bool)) []*Field {
	var out []*Field
	for _, in := range instrument.All() {
		for _, form := range []string{in.PartOf, in.Name} {
			scales, n, err := instrument.Scales(form)
			if err != nil || n < 2 {
				continue
			}
			items, seen, found := make([]*Field, n), make([]Answers, n), 0
			for i := range fields {
				f := &fields[i]
				item := itemOf(f.Name, form)
				if item < 1 || item > n || items[item-1] != nil || f.Role == RoleItem {
					continue
				}
				if a, ok := answers(f); ok && a.fit(scales[0]) {
					items[item-1], seen[item-1] = f, a
					found++
				}
			}
			if found < n {
				continue
			}
			for i, f := range items {
				f.Type, f.Categories, f.Role, f.Instrument, f.Item = TypeInteger, nil, RoleItem, form, i+1
				f.Guess = "questionnaire and item number from the name"
				if a := seen[i]; a.Declared && a.Low != scales[0].ItemMin {
					f.Constraints.Minimum, f.Constraints.Maximum = &a.Low, &a.High
				}
				out = append(out, f)
			}
		}
	}
	return out
}

// itemOf returns the number at the end of a column's name where the rest of it is
// the questionnaire's, else 0. Marks, and a q or item before the number, are passed
// over.
func itemOf(column, form string) int {
	before := strings.TrimRight(column, "0123456789")
	item, err := strconv.Atoi(column[len(before):])
	name := plainName(form)
	if err != nil || !slices.Contains([]string{name, name + "q", name + "item"}, plainName(before)) {
		return 0
	}
	return item
}

func plainName(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune("_. -", r) {
			return -1
		}
		return r
	}, s))
}
