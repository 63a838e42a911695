package redcap

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"recoup/datasets"
)

// files opens texts by name.
func files(m map[string]string) OpenFunc {
	return func(_ context.Context, path string, r datasets.Resource) (datasets.Source, error) {
		return datasets.NewCSV(path, io.NopCloser(strings.NewReader(m[path])), r)
	}
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func draft(t *testing.T, export string) (*datasets.Dictionary, datasets.Problems, *datasets.Cohort) {
	t.Helper()
	m := map[string]string{"dictionary.csv": fixture(t, "dictionary.csv"), "export.csv": export}
	d, notes, err := Draft(context.Background(), "dictionary.csv", []string{"export.csv"}, files(m))
	if err != nil {
		t.Fatal(err)
	}
	c, err := datasets.Load(context.Background(), d, datasets.LoadOptions{Open: func(ctx context.Context, path string, r datasets.Resource) (datasets.Source, error) {
		src, err := files(m)(ctx, path, r.AsInFile())
		if err != nil {
			return nil, err
		}
		return datasets.Renamed(src, r), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return d, notes, c
}

func fieldOf(t *testing.T, d *datasets.Dictionary, table, name string) datasets.Field {
	t.Helper()
	for _, r := range d.Resources {
		for _, f := range r.Schema.Fields {
			if r.Name == table && f.Name == name {
				return f
			}
		}
	}
	t.Fatalf("no field %s in %s", name, table)
	return datasets.Field{}
}

// The fixture has an identifier, an e-mail address and a note that must not be
// carried, a code for missing in a number, a decimal comma, a checkbox with a
// negative code, and falls that repeat.
func TestRaw(t *testing.T) {
	d, notes, c := draft(t, fixture(t, "raw.csv"))
	for name, want := range map[string]struct {
		typ    datasets.Type
		role   datasets.Role
		levels int
	}{
		"record_id": {datasets.TypeString, datasets.RolePatient, 0}, "redcap_event_name": {datasets.TypeString, datasets.RoleVisit, 0},
		"redcap_data_access_group": {datasets.TypeString, datasets.RoleSite, 0}, "full_name": {datasets.TypeString, datasets.RoleIgnore, 0},
		"email": {datasets.TypeString, datasets.RoleIgnore, 0}, "cost_note": {datasets.TypeString, datasets.RoleIgnore, 0},
		"age": {datasets.TypeInteger, "", 0}, "sex": {datasets.TypeString, "", 3}, "works": {datasets.TypeString, "", 2},
		"drugs____1": {datasets.TypeString, "", 2}, "admitted": {datasets.TypeDate, datasets.RoleAdmitted, 0},
		"pain": {datasets.TypeInteger, datasets.RoleOutcome, 0}, "mood": {datasets.TypeNumber, "", 0},
		"walk": {datasets.TypeNumber, "", 0}, "seen": {datasets.TypeDatetime, "", 0}, "pain_complete": {datasets.TypeString, "", 3},
		"hurt": {datasets.TypeString, datasets.RoleIgnore, 0}, "new_field": {datasets.TypeString, datasets.RoleIgnore, 0},
	} {
		f := fieldOf(t, d, "visits", name)
		if f.Type != want.typ || f.Role != want.role || len(f.Categories) != want.levels {
			t.Errorf("%s: %s %s %d levels, want %+v", name, f.Type, f.Role, len(f.Categories), want)
		}
	}
	if f := fieldOf(t, d, "visits", "age"); *f.Constraints.Minimum != 18 || *f.Constraints.Maximum != 99 || f.Title != "Age (years)" {
		t.Errorf("age: %+v", f)
	}
	if f := fieldOf(t, d, "visits", "sex"); f.Categories[2] != (datasets.Category{Value: "3", Label: "Other, please say"}) {
		t.Errorf("sex: %+v", f.Categories)
	}
	if f := fieldOf(t, d, "falls", "redcap_repeat_instance"); f.Role != datasets.RoleRepeat {
		t.Errorf("instance: %+v", f)
	}
	if len(d.Visits) != 2 || !d.Visits[0].Baseline || d.Visits[1].Name != "discharge" {
		t.Errorf("visits %+v", d.Visits)
	}
	visits, falls := c.Tables()[0], c.Tables()[1]
	if visits.Rows() != 3 || falls.Rows() != 2 || falls.Has("pain") || visits.Has("email") || c.Patients() != 2 {
		t.Errorf("%d visits, %d falls, %d patients", visits.Rows(), falls.Rows(), c.Patients())
	}
	// patients in order of appearance: 007 and 7 stay apart
	if p, w := c.Values("pain", "baseline_arm_1"), visits.Floats("walk"); p[0] != 7 || p[1] != 9 || w[0] != 1.5 {
		t.Errorf("pain %v, walk %v", p, w)
	}
	if o := c.Values("odi", "baseline_arm_1"); o[0] != 42 || o[1] == o[1] {
		t.Errorf("odi %v: -99 is missing", o)
	}
	for _, want := range []string{"new_field", "-99, UNK", "left unticked"} {
		if !strings.Contains(notes.Error(), want) {
			t.Errorf("no word of %s in %v", want, notes)
		}
	}
}

func TestLabels(t *testing.T) {
	d, notes, c := draft(t, fixture(t, "labels.csv"))
	if f := fieldOf(t, d, "visits", "sex"); f.Column != "Sex" || f.Categories[2].Value != "Other, please say" {
		t.Errorf("sex: %+v", f)
	}
	if f := fieldOf(t, d, "visits", "drugs____1"); f.Column != "Drugs taken (choice=None)" || f.Categories[1].Value != "Checked" {
		t.Errorf("drugs: %+v", f)
	}
	if v := c.Values("odi", "Baseline"); c.Patients() != 2 || v[0] != 42 || v[1] != 30 {
		t.Errorf("%d patients, odi %v", c.Patients(), v)
	}
	codes, levels := c.Tables()[1].Codes("hurt")
	if len(codes) != 1 || levels[codes[0]] != "True" {
		t.Errorf("falls: %v %v", codes, levels)
	}
	for _, want := range []string{`column "Complete?": the header stands for more than one column`, "labels in place of codes"} {
		if !strings.Contains(notes.Error(), want) {
			t.Errorf("no word of %s in %v", want, notes)
		}
	}
	if slices.ContainsFunc(d.Resources[0].Schema.Fields, func(f datasets.Field) bool { return strings.HasSuffix(f.Name, "_complete") }) {
		t.Error("one of three columns Complete? was carried")
	}
}

func TestWholeEventsRepeat(t *testing.T) {
	d, _, c := draft(t, "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,odi\n1,a_arm_1,,,5\n1,b_arm_1,,1,6\n1,b_arm_1,,2,7\n")
	if len(d.Resources) != 2 || d.Resources[1].Name != "repeated-events" || c.Tables()[0].Rows() != 1 || c.Tables()[1].Rows() != 2 {
		t.Errorf("%+v", d.Resources)
	}
}

// What is wrong is told with its line and column, and without a cell.
func TestRefused(t *testing.T) {
	const head = "field_name,form_name,field_type,field_label,select_choices_or_calculations,text_validation_type_or_show_slider_number,text_validation_min,text_validation_max,identifier\n"
	good := head + "id,f,text,ID,,,,,\nsex,f,radio,Sex,\"1, Male | 2, Female\",,,,\nwork,f,radio,Work,\"a, Full | b, Part\",,,,\n"
	for _, c := range []struct{ name, dictionary, export, want string }{
		{"no header", "x,y\n1,2\n", "", "expected this column in the data dictionary"},
		{"empty", "", "", "found an empty file"},
		{"no fields", head, "", "expected fields below the header"},
		{"field twice", head + "id,f,text,,,,,,\nid,f,text,,,,,,\n", "", "line 3, column \"Variable / Field Name\": expected each field once"},
		{"name", head + "Jo Doe,f,text,,,,,,\n", "", "line 2, column \"Variable / Field Name\": expected a field's name"},
		{"type", head + "id,f,poem,,,,,,\n", "", "expected a field type among"},
		{"no choices", head + "id,f,radio,,,,,,\n", "", "expected choices"},
		{"choice without label", head + "id,f,radio,,\"1, a | 2\",,,,\n", "", "expected a code, a comma and a label in choice 2"},
		{"code twice", head + "id,f,radio,,\"1, a | 1, b\",,,,\n", "", "choice 2 repeats one"},
		{"another project", good, "person,sex\n1,1\n", "expected the project's record identifier"},
		{"no rows", good, "id,sex\n", "expected rows below the header"},
		{"codes and labels", good, "id,sex,work\n1,1,Full\n2,2,Part\n", "the export holds both"},
		{"an open quote", good, "id,sex\n1,\"1\n", "quote"},
		{"ragged", good, "id,sex\n1,1,2\n", "expected 2 cells, found 3"},
	} {
		_, _, err := Draft(context.Background(), "d.csv", []string{"e.csv"}, files(map[string]string{"d.csv": c.dictionary, "e.csv": c.export}))
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, datasets.ErrInvalid) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "Jo Doe") {
			t.Errorf("%s: %v shows a cell", c.name, err)
		}
	}
}

func TestChoices(t *testing.T) {
	for text, want := range map[string][]choice{
		"1, Yes | 2, No":                   {{"1", "Yes"}, {"2", "No"}},
		"1,Yes|2,No|":                      {{"1", "Yes"}, {"2", "No"}},
		`1, Yes \n 2, No`:                  {{"1", "Yes"}, {"2", "No"}},
		"-9, <i>don't</i> know, or &lt; 1": {{"-9", "don't know, or < 1"}},
	} {
		if got, problem := choicesOf("radio", text); problem != "" || !slices.Equal(got, want) {
			t.Errorf("%s: %q %s", text, got, problem)
		}
	}
}

func FuzzDraft(f *testing.F) {
	for _, e := range []string{"raw.csv", "labels.csv"} {
		f.Add(fixture(f, "dictionary.csv"), fixture(f, e))
	}
	f.Fuzz(func(_ *testing.T, dictionary, export string) {
		_, _, _ = Draft(context.Background(), "d.csv", []string{"e.csv"}, files(map[string]string{"d.csv": dictionary, "e.csv": export}))
	})
}

// Items are known by their names, and their codes by the choices: answers counted
// from 1 say so under constraints.
func TestDraftItems(t *testing.T) {
	var dictionary, head, row strings.Builder
	dictionary.WriteString(strings.SplitAfter(fixture(t, "dictionary.csv"), "\n")[0])
	dictionary.WriteString("record_id,f,,text,Record,,,,,,,,,,,,,\n")
	head.WriteString("record_id")
	row.WriteString("1")
	for i := range 9 {
		n := string(rune('1' + i))
		dictionary.WriteString("phq9_" + n + `,f,,radio,Item,"1, Never | 2, Some | 3, More | 4, Daily",,,,,,,,,,,,` + "\n")
		head.WriteString(",phq9_" + n)
		row.WriteString(",2")
	}
	m := map[string]string{"dictionary.csv": dictionary.String(), "export.csv": head.String() + "\n" + row.String() + "\n"}
	d, _, err := Draft(context.Background(), "dictionary.csv", []string{"export.csv"}, files(m))
	if err != nil {
		t.Fatal(err)
	}
	f := fieldOf(t, d, "patients", "phq9_4")
	if f.Role != datasets.RoleItem || f.Instrument != "phq9" || f.Item != 4 || f.Type != datasets.TypeInteger || f.Constraints.Minimum == nil || *f.Constraints.Minimum != 1 {
		t.Errorf("%+v", f)
	}
	c, err := datasets.Load(context.Background(), d, datasets.LoadOptions{Open: files(m)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Covariate("phq9"); err != nil || got[0] != 9 { // nine answers of 2, which is 1
		t.Errorf("score %v, %v; want 9", got, err)
	}
}
