// Package redcap drafts a cohort file from a REDCap project: its data dictionary
// says what each column of its export means.
//
// REDCap's own manual is not public. Each rule was held against public projects
// that read its files and pages of hospitals that run it, read in November 2026:
//
//   - Columns of a data dictionary as downloaded: github.com/OuhscBbmc/REDCapR,
//     inst/test-data/projects/validation-types-1/dictionary.csv; as the interface
//     for programs writes them: inst/test_data/project_simple/simple_metadata.csv.
//   - Field types, and that descriptive texts have no column: the same
//     validation-types-1, dictionary.csv beside data.csv.
//   - Ranges that only warn: github.com/lsgs/redcap-date-validation-action-tags,
//     README.md; redcapAPI, validateImport.
//   - Validation types: the same validation-types-1; phone_uk, phone_france,
//     postalcode_uk, mrn_7d and types of a hospital's own:
//     bdeveer.github.io/REDCap_KB_RAG, article RC-CC-08.
//   - Dates, times and numbers in an export: github.com/vubiostat/redcapAPI,
//     tests/testthat/testdata/offlineConnectionFiles/TestRedcapAPI_Records.csv;
//     calculations with a decimal comma: REDCapR, projects/decimal-comma-and-dot;
//     separators of an export: redcapAPI, R/docsRecordsTypedMethods.R.
//   - Choices, cut at the first comma: redcapAPI, R/fieldChoiceMapping.R; without a
//     comma: its issue 145; blanks around the bars: REDCapR, issue 495; labels
//     without markup and embedded fields:
//     github.com/CHOP-CGTInformatics/REDCapTidieR, parse_labels.
//   - Names of checkbox columns: redcapAPI, issue 90 (any other sign is an
//     underscore) and TestRedcapAPI_Records.csv (small letters); REDCapTidieR,
//     issue 31. Their labels: redcapAPI, pull request 303; the choice's label in
//     place of Checked: github.com/redcap-tools/PyCap, test_export_checkbox_labels.
//   - Missing data codes, the signs they may have and their checkbox columns:
//     utahctsi.atlassian.net/wiki/spaces/RC1/pages/1118601267/Missing+Data+Codes and
//     kb.wisc.edu/smph/informatics/108107; none in complete columns: redcapAPI, pull
//     request 296.
//   - Boxes and complete columns of a form that nobody opened: REDCapR, issue 420.
//   - Repeating instruments: REDCapR,
//     projects/longitudinal-with-repeating-instrument/data.csv; events that repeat as
//     a whole (an instance without an instrument):
//     github.com/aldefouw/redcap_cypress, features/core, A.6.4.500; instrument, event
//     and group by label: github.com/epicentre-msf/redcap, R/fetch_records.R, and
//     there two data entries, told by --.
//   - Headers of an export of labels ("Event Name", "Survey Timestamp", "Complete?",
//     "Label (choice=Choice)") and levels of complete columns: the R scripts that
//     REDCap writes beside an export, such as github.com/d-morrison/fxtas,
//     data-raw/trax.R, and there the arm in an event's label; the letter after the arm
//     in an event's name: github.com/lsgs/redcap-instance-table, issue 9.
//   - Survey columns: REDCapR, projects/survey/data.csv; the group's:
//     projects/blank-for-gray-status/data.csv.
//
// From memory are \n between the choices of old dictionaries, the list of codes for
// missing data that REDCap proposes (HL7's NullFlavor was compared, in which NAVU,
// NP and QI were not found) and the range of a slider without bounds, 0 to 100.
package redcap

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"recoup/datasets"
)

// OpenFunc opens a data file, as [datasets.Draft] is given it.
type OpenFunc func(context.Context, string, datasets.Resource) (datasets.Source, error)

// Limits on what a dictionary may hold.
const (
	maxFields  = 20_000
	maxChoices = 200_000 // of all fields
)

// headings are the columns of a data dictionary that are used: as downloaded from
// a project's pages, and as its interface for programs writes them.
var headings = [][2]string{
	{"Variable / Field Name", "field_name"},
	{"Form Name", "form_name"},
	{"Field Type", "field_type"},
	{"Field Label", "field_label"},
	{"Choices, Calculations, OR Slider Labels", "select_choices_or_calculations"},
	{"Text Validation Type OR Show Slider Number", "text_validation_type_or_show_slider_number"},
	{"Text Validation Min", "text_validation_min"},
	{"Text Validation Max", "text_validation_max"},
	{"Identifier?", "identifier"},
}

// definition is a field of the project.
type definition struct {
	name, form, kind, label string
	validation, min, max    string
	identifier              bool
	choices                 []choice
}

type choice struct{ code, label string }

// project is a data dictionary.
type project struct {
	fields []definition
	forms  []string // in order of appearance
}

// readDictionary reads a data dictionary and lists all that is wrong with it.
func readDictionary(ctx context.Context, path string, open OpenFunc) (*project, error) {
	p := &project{}
	var ps datasets.Problems
	bad := func(line int, column, expected, mend string) {
		if len(ps) < 100 {
			ps = append(ps, datasets.Problem{
				Severity: datasets.SeverityError, Code: datasets.CodeDictionary, Table: "data dictionary",
				File: path, Line: line, Column: column, Expected: expected, Mend: mend,
			})
		}
	}
	seen, choices := map[string]bool{}, 0
	var wanted []string
	for _, h := range headings {
		wanted = append(wanted, h[0], h[1])
	}
	err := eachRow(ctx, path, "data dictionary", wanted, open, func(columns []string) (use []int, err error) {
		for _, h := range headings {
			i := slices.IndexFunc(columns, func(c string) bool { return strings.EqualFold(c, h[0]) || c == h[1] })
			if i < 0 {
				bad(1, h[0], "expected this column in the data dictionary", "download the data dictionary from the project again and leave its first row as it is")
			}
			use = append(use, i)
		}
		if len(ps) > 0 {
			return nil, ps
		}
		return use, nil
	}, func(line int, c []string) {
		d := definition{
			name: strings.TrimSpace(c[0]), form: strings.TrimSpace(c[1]), kind: strings.ToLower(strings.TrimSpace(c[2])), label: plain(c[3]),
			validation: strings.ToLower(strings.TrimSpace(c[5])), min: strings.TrimSpace(c[6]), max: strings.TrimSpace(c[7]),
			identifier: strings.EqualFold(strings.TrimSpace(c[8]), "y"),
		}
		switch {
		case len(p.fields) == maxFields:
			if len(ps) == 0 {
				bad(line, "", fmt.Sprintf("expected at most %d fields", maxFields), "")
			}
			return
		case !fieldName.MatchString(d.name):
			bad(line, headings[0][0], "expected a field's name: small letters, digits and underscores", "")
			return
		case seen[d.name]:
			bad(line, headings[0][0], "expected each field once", "remove the second row")
			return
		case !slices.Contains(kinds, d.kind):
			bad(line, headings[2][0], "expected a field type among "+strings.Join(kinds, ", "), "")
			return
		}
		seen[d.name] = true
		var problem string
		if d.choices, problem = choicesOf(d.kind, c[4]); problem != "" {
			bad(line, headings[4][0], problem, "write each choice as code, label with | between choices")
		}
		if choices += len(d.choices); choices > maxChoices {
			bad(line, headings[4][0], fmt.Sprintf("expected at most %d choices in all", maxChoices), "")
			return
		}
		p.fields = append(p.fields, d)
		if !slices.Contains(p.forms, d.form) {
			p.forms = append(p.forms, d.form)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(ps) > 0:
		return nil, ps
	case len(p.fields) == 0:
		bad(1, "", "expected fields below the header, found none", "")
		return nil, ps
	}
	return p, nil
}

var (
	fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	kinds     = []string{"text", "notes", "calc", "dropdown", "radio", "checkbox", "yesno", "truefalse", "file", "slider", "descriptive", "sql"}
	// markup is a tag of HTML or a field embedded in the label: {name}, {name:icons}.
	// A sign of less than before a number or a blank is none.
	markup = regexp.MustCompile(`</?[a-zA-Z!][^<>]*>|\{[a-z][a-z0-9_]*(:icons)?\}`)
)

// plain takes the markup off a label and puts one blank where there are several,
// as an export with labels does.
func plain(s string) string {
	return strings.Join(strings.Fields(html.UnescapeString(markup.ReplaceAllString(s, " "))), " ")
}

// choicesOf reads a field's choices: "1, Yes | 2, No". The first comma ends the
// code; a choice without one is its own label. Old dictionaries have \n in place
// of |.
func choicesOf(kind, text string) (out []choice, problem string) {
	switch kind {
	case "yesno":
		return []choice{{"1", "Yes"}, {"0", "No"}}, ""
	case "truefalse":
		return []choice{{"1", "True"}, {"0", "False"}}, ""
	case "radio", "dropdown", "checkbox":
	default:
		return nil, ""
	}
	between := "|"
	if !strings.Contains(text, between) {
		between = `\n`
	}
	seen := map[string]bool{}
	for i, part := range strings.Split(text, between) {
		if strings.TrimSpace(part) == "" {
			continue
		}
		code, label, found := strings.Cut(part, ",")
		if !found {
			label = code
		}
		code = strings.TrimSpace(code)
		switch {
		case code == "":
			return nil, fmt.Sprintf("expected a code, a comma and a label in choice %d", i+1)
		case seen[code]:
			return nil, fmt.Sprintf("expected each code once; choice %d repeats one", i+1)
		}
		seen[code] = true
		out = append(out, choice{code, plain(label)})
	}
	if len(out) == 0 {
		return nil, "expected choices for a field of this type"
	}
	return out, ""
}

// bounds returns the range of a validated number; dates and words such as today
// are not numbers and bound nothing here.
func (d definition) bounds() datasets.Constraints {
	var c datasets.Constraints
	number := func(s string) *float64 {
		if strings.Contains(d.validation, "comma_decimal") {
			s = strings.Replace(s, ",", ".", 1)
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || v-v != 0 {
			return nil
		}
		return &v
	}
	c.Minimum, c.Maximum = number(d.min), number(d.max)
	if d.kind == "slider" {
		lo, hi := 0.0, 100.0
		if c.Minimum == nil {
			c.Minimum = &lo
		}
		if c.Maximum == nil {
			c.Maximum = &hi
		}
	}
	if c.Minimum != nil && c.Maximum != nil && *c.Minimum > *c.Maximum {
		return datasets.Constraints{}
	}
	return c
}

// eachRow reads a text file, some of whose likely column names are given. Header
// says which columns are wanted (-1 for one that is not there); row is given
// their cells.
func eachRow(ctx context.Context, path, table string, likely []string, open OpenFunc, header func([]string) ([]int, error), row func(line int, cells []string)) (err error) {
	res := datasets.Resource{Name: table}
	for _, name := range likely {
		res.Schema.Fields = append(res.Schema.Fields, datasets.Field{Name: name, Type: datasets.TypeString})
	}
	src, err := open(ctx, path, res)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if err := failed(src); err != nil {
		return err
	}
	use, err := header(src.Columns())
	if err != nil {
		return err
	}
	cells := make([]string, len(use))
	for {
		c, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return failed(src)
		}
		if err != nil {
			return err
		}
		if c.Text == nil {
			return datasets.FileProblem(table, path, "a text file with commas, as REDCap exports")
		}
		for i := range c.Rows {
			for j, u := range use {
				cells[j] = ""
				if u >= 0 {
					cells[j] = c.Text[u][i]
				}
			}
			line := c.First + i
			if c.Lines != nil {
				line = c.Lines[i]
			}
			row(line, cells)
		}
	}
}

// failed returns the problems of a source that make its rows unusable.
func failed(src datasets.Source) error {
	var ps datasets.Problems
	for _, p := range src.Problems() {
		if p.Severity == datasets.SeverityError {
			ps = append(ps, p)
		}
	}
	if len(ps) > 0 {
		return ps
	}
	return nil
}
