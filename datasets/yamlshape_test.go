package datasets

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestAllThatIsMisshapen(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"at once, in the file's order": {
			"name: x\ntitel: y\nresources:\n  - name: visits\n    schema:\n      fields:\n        - {name: a, rol: patient}\n" +
				"        - {name: b, constraints: {minimum: low}}\n      missingValues: '-99'\n  - nme: z\nvisits: {a: b}\narms: []\narms: []\n",
			[]string{
				"2 titel: unknown key; expected one of name, title, description, resources,",
				"7 resources[0].schema.fields[0].rol: unknown key; expected one of name, column,",
				"8 resources[0].schema.fields[1].constraints.minimum: expected a number, found a text",
				"9 resources[0].schema.missingValues: expected a list, found a text",
				"10 resources[1].nme: unknown key; expected one of name, title,",
				"11 visits: expected a list, found keys with values",
				"13 arms: expected the key once",
			},
		},
		"in what may be a word or keys": {
			"resources:\n  - path: [a, b]\n    schema: {missingValues: ['', {value: x, lable: y}]}\n",
			[]string{"3 resources[0].schema.missingValues[1].lable: unknown key; expected one of value, label"},
		},
		"in a list of words":  {"resources:\n  - path: {a: b}\n", []string{"2 resources[0].path: expected a list, found keys with values"}},
		"in a map":            {"definitions:\n  work: [a]\n", []string{"2 definitions.work: expected a text, found a list"}},
		"a word for yes":      {"visits:\n  - {value: a, baseline: maybe}\n", []string{"2 visits[0].baseline: expected true or false, found a text"}},
		"a part of a number":  {"privacy:\n  k: 2.5\n", []string{"2 privacy.k: expected a whole number, found a number"}},
		"keys and not a file": {"- name: x\n", []string{"1 : expected keys with values, found a list"}},
		"the decoder's own":   {"name: [1\n", []string{"1 : sequence end token ']' not found"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseDictionary("cohort.yaml", []byte(c.file))
			var ps Problems
			if !errors.As(err, &ps) {
				t.Fatalf("got %v, want problems", err)
			}
			var got []string
			for _, p := range ps {
				got = append(got, fmt.Sprintf("%d %s: %s", p.Line, p.Column, p.Expected))
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %d problems, want %d:\n%s", len(got), len(c.want), strings.Join(got, "\n"))
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("got  %s\nwant %s", got[i], c.want[i])
				}
			}
		})
	}
}

// What is wrong with a cohort file's meaning is told with the line of the column.
func TestLinesOfWhatACohortFileSays(t *testing.T) {
	_, err := ParseDictionary("cohort.yaml", []byte(`name: x
resources:
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: patient_id, type: string, role: patient}
        - name: b
          type: nmber
  - name: visits
    path: more.csv
    schema: {fields: [{name: patient_id, type: string, role: patient}]}
`))
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != 2 {
		t.Fatalf("got %v, want two problems", err)
	}
	for i, want := range []string{
		`visits (cohort.yaml) line 8, column "b": expected a type`,
		`visits (cohort.yaml) line 10: expected each table's name once`,
	} {
		if got := ps[i].String(); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want it to begin with %s", got, want)
		}
	}
}
