package open

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recoup/datasets"
)

// trap is a file that has broken readers, what its dictionary says, and what must
// come of it: a refusal or a note by code, or values.
type trap struct {
	file   string
	fields string // of the dictionary besides patient_id; "" for none
	extra  string // of the resource
	refuse string // code of the error; "" for accepted
	note   string // code of a note or warning
	check  func(c *datasets.Cohort) bool
}

func patients(n int) func(*datasets.Cohort) bool {
	return func(c *datasets.Cohort) bool { return c.Patients() == n }
}

func values(column string, want ...float64) func(*datasets.Cohort) bool {
	return func(c *datasets.Cohort) bool {
		got := c.Tables()[0].Floats(column)
		return slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
	}
}

const (
	score = "- {name: score, type: number}"
	sex   = "- {name: sex, type: string}"
	dates = `- {name: adm, type: date}`
)

var nan = math.NaN()

// traps are the verdicts. Where two answers would do, the safer is taken:
// refusing, unless the dictionary settles it.
var traps = []trap{
	{file: "id_bigint", fields: score, check: patients(2)},
	{file: "id_beyond_int64", fields: score, check: patients(2)},
	{file: "id_scientific", fields: score, check: patients(2)},
	{file: "id_infnan", fields: score, check: patients(3)},
	{file: "id_underscore", fields: score, check: patients(2)},
	{file: "sex_F_first", fields: sex, check: func(c *datasets.Cohort) bool {
		codes, levels := c.Tables()[0].Codes("sex")
		return levels[codes[0]] == "F" && levels[codes[1]] == "M" && codes[2] == codes[0]
	}},
	{file: "sex_all_F", fields: sex, check: func(c *datasets.Cohort) bool {
		codes, levels := c.Tables()[0].Codes("sex")
		return slices.Equal(levels, []string{"F"}) && slices.Equal(codes, []int32{0, 0, 0})
	}},
	{file: "first_null_numeric", fields: score, check: values("score", nan, 7, 8)},
	{file: "first_int_then_float", fields: score, check: values("score", 3, 3.5, 4)},
	{file: "decimal_comma", fields: score, refuse: datasets.CodeType},
	{file: "decimal_comma", fields: `- {name: score, type: number, decimalChar: ","}`, check: values("score", 3.5, 4)},
	{file: "thousands", fields: "- {name: cost, type: number}", refuse: datasets.CodeType},
	{file: "thousands", fields: `- {name: cost, type: number, groupChar: ","}`, check: values("cost", 1234, 12000)},
	{file: "missing_codes", fields: "- {name: nrs, type: number, role: outcome, instrument: nrs}", refuse: datasets.CodeRange},
	{
		file: "missing_codes", fields: `- {name: nrs, type: number, role: outcome, instrument: nrs, missingValues: ["", NA, ".", "NULL", N/A, "#N/A", "-99", "999", "9999", "-", "?"]}`,
		check: func(c *datasets.Cohort) bool {
			n := 0
			for _, r := range c.Tables()[0].MissingReasons("nrs") {
				n += r.Cells
			}
			v := c.Tables()[0].Floats("nrs")
			return v[2] == 7 && n == c.Tables()[0].Missing("nrs") && n == len(v)-1
		},
	},
	{file: "nrs_out_of_range", fields: "- {name: nrs, type: number, role: outcome, instrument: nrs}", refuse: datasets.CodeRange},
	{file: "utf16be_nobom", fields: score, refuse: datasets.CodeEncoding},
	{file: "latin1_late", fields: "- {name: site, type: string}", refuse: datasets.CodeEncoding},
	{file: "latin1_late", fields: "- {name: site, type: string}", extra: "    encoding: windows-1252\n", check: func(c *datasets.Cohort) bool {
		codes, levels := c.Tables()[0].Codes("site")
		return levels[codes[1]] == "München"
	}},
	{file: "nul_byte", fields: score, refuse: datasets.CodeEncoding},
	{file: "dup_header", fields: score, refuse: datasets.CodeHeader},
	{file: "header_spaces", fields: score, note: datasets.CodeHeaderTrimmed, check: values("score", 2)},
	{file: "header_nbsp", fields: score, note: datasets.CodeHeaderTrimmed, check: values("score", 2)},
	{file: "no_header", fields: score, refuse: datasets.CodeHeader},
	{file: "preamble", fields: score, refuse: datasets.CodeColumnMissing},
	{file: "totals_row", fields: score, note: datasets.CodeTotals, check: patients(3)},
	{file: "footer_note", fields: score, refuse: datasets.CodeRagged},
	{file: "first_row_ragged", fields: score, refuse: datasets.CodeRagged},
	{file: "unclosed_quote", fields: score, refuse: datasets.CodeQuote},
	{file: "cr_only", fields: score, check: values("score", 2, 3)},
	{file: "mixed_eol", fields: score, check: values("score", 2, 3)},
	{file: "empty", fields: score, refuse: datasets.CodeEmpty},
	{file: "header_only", fields: score, refuse: datasets.CodeEmpty},
	{file: "whitespace_only", fields: score, refuse: datasets.CodeHeader},
	{file: "blank_lines", fields: score, note: datasets.CodeBlankLines, check: values("score", 2, 3)},
	{file: "date_dmy_mdy", fields: `- {name: adm, type: date, format: "%d/%m/%Y"}`, refuse: datasets.CodeType},
	{file: "date_dmy_mdy", fields: `- {name: adm, type: date, format: "%m/%d/%Y"}`, refuse: datasets.CodeType},
	{file: "date_excel_serial", fields: dates, refuse: datasets.CodeType},
	{file: "date_two_digit", fields: `- {name: adm, type: date, format: "%d/%m/%y"}`, refuse: datasets.CodeDictionary},
	{file: "date_two_digit", fields: `- {name: adm, type: date, format: "%d/%m/%Y"}`, refuse: datasets.CodeType},
	{file: "date_future", fields: dates, refuse: datasets.CodeType},
	{file: "date_9999", fields: dates + "\n        - {name: disch, type: date}", refuse: datasets.CodeType},
	{file: "date_9999", fields: dates + "\n        - {name: disch, type: date, missingValues: [\"\", \"9999-12-31\"]}", check: func(c *datasets.Cohort) bool { return c.Tables()[0].Missing("disch") == 1 }},
	{file: "negative_los", fields: dates + "\n        - {name: disch, type: date}", extra: "RULE", refuse: datasets.CodeRule},
	{file: "dup_row", fields: score, refuse: datasets.CodeDuplicate},
	{file: "id_case_space", fields: score, note: datasets.CodeNearDuplicate, check: patients(3)},
	{file: "zero_width", fields: "- {name: site, type: string}", note: datasets.CodeInvisible, check: func(c *datasets.Cohort) bool {
		codes, _ := c.Tables()[0].Codes("site")
		return codes[0] == codes[1]
	}},
	{file: "fullwidth_digits", fields: score, refuse: datasets.CodeType},
	{file: "minus_sign", fields: "- {name: change, type: number}", check: values("change", -3, -3)},
	{file: "plus_sign", fields: score, check: values("score", 3)},
	{file: "neg_zero", fields: score, check: func(c *datasets.Cohort) bool {
		v := c.Tables()[0].Floats("score")
		return v[0] == v[1] && !math.Signbit(v[0])
	}},
	{file: "template_header", fields: `- {name: "{{.Env}}", type: number}`, check: values("{{.Env}}", 2)},
	{file: "many_columns", refuse: datasets.CodeTooLarge},
	{file: "quote_bomb", refuse: datasets.CodeQuote},
	{file: "one_patient", fields: score, check: patients(1)},
}

func TestTraps(t *testing.T) {
	dir, err := filepath.Abs("../../../shared/refcases/csvtraps/files")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".csv")
		if !slices.ContainsFunc(traps, func(x trap) bool { return x.file == name }) {
			t.Errorf("%s has no verdict", name)
		}
	}
	for _, x := range traps {
		rules, extra := "", x.extra
		if extra == "RULE" {
			extra, rules = "", "rules: [{table: patients, check: disch >= adm, message: a discharge after the admission}]\n"
		}
		cohort := "name: trap\n" + rules + "resources:\n  - name: patients\n    path: " + filepath.Join(dir, x.file+".csv") + "\n" + extra +
			"    schema:\n      missingValues: [\"\", NA]\n      fields:\n        - {name: patient_id, type: string, role: patient}\n        " + x.fields + "\n"
		path := filepath.Join(t.TempDir(), "cohort.yaml")
		if err := os.WriteFile(path, []byte(cohort), 0o644); err != nil {
			t.Fatal(err)
		}
		c, _, err := Examine(context.Background(), path, Options{})
		var ps datasets.Problems
		switch {
		case x.refuse != "":
			if !errors.As(err, &ps) || !slices.ContainsFunc(ps, func(p datasets.Problem) bool { return p.Code == x.refuse }) {
				t.Errorf("%s: %v, want a refusal with %s", x.file, err, x.refuse)
			}
		case err != nil:
			t.Errorf("%s: %v", x.file, err)
		case x.check != nil && !x.check(c):
			t.Errorf("%s: read, and not as it is meant", x.file)
		case x.note != "" && !slices.ContainsFunc(c.Notes(), func(p datasets.Problem) bool { return p.Code == x.note }):
			t.Errorf("%s: %v, want a note with %s", x.file, c.Notes(), x.note)
		}
	}
}
