package privacy

import (
	"strings"
	"testing"

	"recoup/datasets"
)

// FuzzTexts holds that no text breaks a detector, and that a finding shows no part
// of a text.
func FuzzTexts(f *testing.F) {
	for _, s := range []string{"", "219-09-9999", "DE89 3704 0044 0532 0130 00", "TWFyeSBHYXJjaWEgMTk4MC0wOC0yMw==", "%41%ff", "&#x41;&#99999999;", "12\u0660\u200b", "\xff\xfe", "Müller^Jürgen", strings.Repeat("9", 40), "1M8GDM9AXKP042788"} {
		f.Add(s)
	}
	d := NewDetectors()
	f.Fuzz(func(t *testing.T, s string) {
		for _, role := range []datasets.Role{"", datasets.RolePatient, datasets.RoleSite} {
			c := &column{table: "t", field: datasets.Field{Name: "zip", Role: role}, name: "zip", tokens: tokens("zip"), where: inCells, once: true}
			c.levels, c.rows = []string{s, s + "1", "1" + s, s + s, s + " " + s}, []int{1, 1, 2, 1, 1}
			found := append(d.texts(c), c.overBands()...)
			c.tokens = tokens(s)
			found = append(found, d.texts(c)...)
			for _, x := range found {
				if p := x.Problem(); len(s) > 12 && strings.Contains(p.String(), s) {
					t.Errorf("a value is shown: %s", p)
				}
			}
		}
		d.Identifies(s)
		numeric([]string{s})
		_ = short(fold(s), true) + short(s, false)
	})
}
