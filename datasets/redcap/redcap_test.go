package redcap

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"reflect"
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
		{"choice without code", head + "id,f,radio,,\"1, a | , b\",,,,\n", "", "expected a code, a comma and a label in choice 2"},
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
		"Mr. | Mrs.":                       {{"Mr.", "Mr."}, {"Mrs.", "Mrs."}},
		"1, one {other_text} | 2, ":        {{"1", "one"}, {"2", ""}},
		"1, <18 or >65 | 2, {18} to 65":    {{"1", "<18 or >65"}, {"2", "{18} to 65"}},
		"1, x| 2, y |a.b, z":               {{"1", "x"}, {"2", "y"}, {"a.b", "z"}},
	} {
		if got, problem := choicesOf("radio", text); problem != "" || !slices.Equal(got, want) {
			t.Errorf("%s: %q %s", text, got, problem)
		}
	}
}

// checkbox columns are named by the choice's code in small letters, any other sign
// an underscore.
func TestCheckboxNames(t *testing.T) {
	for code, want := range map[string]string{"1": "1", "-1": "_1", "ABC": "abc", "a.b": "a_b", "x_Y": "x_y", "-99": "_99"} {
		if got := checkboxCode(code); got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
}

const api = "field_name,form_name,section_header,field_type,field_label,select_choices_or_calculations,field_note,text_validation_type_or_show_slider_number,text_validation_min,text_validation_max,identifier,branching_logic,required_field,custom_alignment,question_number,matrix_group_name,matrix_ranking,field_annotation\n" +
	"id,one,,text,Record,,,,,,,,,,,,,\n"

// small drafts from a dictionary as the interface for programs writes it and an
// export, and loads both.
func small(t *testing.T, fields, export string) (*datasets.Dictionary, string, *datasets.Cohort) {
	t.Helper()
	m := map[string]string{"d.csv": api + fields, "e.csv": export}
	d, notes, err := Draft(context.Background(), "d.csv", []string{"e.csv"}, files(m))
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
	return d, notes.Error(), c
}

// The sign of decimals is the cells': an export may write all numbers with one
// sign, and a calculation has the sign of the fields that it is made of.
func TestDecimalSign(t *testing.T) {
	d, _, c := small(t, "a,one,,text,A,,,number_2dp_comma_decimal,\"0,5\",\"2,5\",,,,,,,,\nb,one,,text,B,,,number_1dp,,,,,,,,,,\nc,one,,calc,C,[a]*2,,,,,,,,,,,,\ne,one,,text,E,,,number_comma_decimal,,,,,,,,,,\nf,one,,text,F,,,number,,,,,,,,,,\n",
		"id,a,b,c,e,f,one_complete\n1,1.25,\" 7,5\",\"2,5\",3,\" -100\",2\n2,2.5,\" 8,5\",5,4,7,2\n")
	for name, want := range map[string]struct {
		sign string
		v    float64
	}{"a": {"", 1.25}, "b": {",", 7.5}, "c": {",", 2.5}, "e": {",", 3}, "f": {"", -100}} {
		f := fieldOf(t, d, "patients", name)
		if v := c.Tables()[0].Floats(name); f.Type != datasets.TypeNumber || f.DecimalChar != want.sign || v[0] != want.v {
			t.Errorf("%s: %s %q %v, want %+v", name, f.Type, f.DecimalChar, v, want)
		}
	}
	if f := fieldOf(t, d, "patients", "a"); *f.Constraints.Minimum != 0.5 || *f.Constraints.Maximum != 2.5 {
		t.Errorf("a: %+v", f.Constraints)
	}
}

// Dates are written year first whichever way they were entered; times stay texts.
func TestDates(t *testing.T) {
	var fields, head, row strings.Builder
	for _, order := range []string{"dmy", "mdy", "ymd"} {
		for _, kind := range []string{"date", "datetime", "datetime_seconds"} {
			name := "x_" + kind + "_" + order
			fields.WriteString(name + ",one,,text,X,,," + kind + "_" + order + ",2020-01-01,today,,,,,,,,\n")
			head.WriteString("," + name)
			row.WriteString(map[string]string{"date": ",2024-02-03", "datetime": ",2024-02-03 04:05", "datetime_seconds": ",2024-02-03 04:05:06"}[kind])
		}
	}
	for _, kind := range []string{"time", "time_hh_mm_ss", "time_mm_ss"} {
		fields.WriteString("x_" + kind + ",one,,text,X,,," + kind + ",,,,,,,,,,\n")
		head.WriteString(",x_" + kind)
		row.WriteString(",04:05")
	}
	d, _, _ := small(t, fields.String(), "id"+head.String()+"\n1"+row.String()+"\n\n")
	for _, f := range d.Resources[0].Schema.Fields[1:] {
		want := datasets.TypeDate
		switch {
		case strings.HasPrefix(f.Name, "x_datetime"):
			want = datasets.TypeDatetime
		case strings.HasPrefix(f.Name, "x_time"):
			want = datasets.TypeString
		}
		if f.Type != want || f.Role == datasets.RoleIgnore {
			t.Errorf("%s: %s %s, want %s", f.Name, f.Type, f.Role, want)
		}
	}
}

// A text that is validated as letters or in a hospital's own way, and the answer
// of a query, can name a person as a text without validation can.
func TestTextsThatMayName(t *testing.T) {
	fields := "letters,one,,text,L,,,alpha_only,,,,,,,,,,\nnational,one,,text,N,,,nhs_number,,,,,,,,,,\nquery,one,,sql,Q,SELECT 1,,,,,,,,,,,,\nward,one,,sql,W,SELECT 1,,,,,,,,,,,,\n" +
		"tel,one,,text,T,,,phone_uk,,,,,,,,,,\npost,one,,text,P,,,postalcode_french,,,,,,,,,,\nmrn,one,,text,M,,,mrn_7d,,,,,,,,,,\n"
	export := "id,letters,national,query,ward,tel,post,mrn\n"
	for _, r := range []string{"1,Roe,9434765919", "2,Poe,9434765870", "3,Doe,9434765871", "4,Low,9434765872", "5,Moe,9434765873"} {
		export += r + "," + strings.Split(r, ",")[1] + ",B,020,75001,1234567\n"
	}
	d, _, _ := small(t, fields, export)
	for name, want := range map[string]datasets.Role{"letters": datasets.RoleIgnore, "national": datasets.RoleIgnore, "query": datasets.RoleIgnore, "ward": "", "tel": datasets.RoleIgnore, "post": datasets.RoleIgnore, "mrn": datasets.RoleIgnore} {
		if f := fieldOf(t, d, "patients", name); f.Role != want {
			t.Errorf("%s: role %q, want %q", name, f.Role, want)
		}
	}
}

const drugs = "drugs,one,,checkbox,Drugs,\"1, Opioid | -2, Other drug\",,,,,,,,,,,,\nsex,one,,radio,Sex,\"1, Woman | 2, Man\",,,,,,,,,,,,\n"

// A missing data code of a checkbox has a column of its own, and the boxes of the
// choices are blank where it is ticked.
func TestCheckboxMissing(t *testing.T) {
	d, notes, c := small(t, drugs, "id,drugs___1,drugs____2,drugs___unk,sex\n1,1,0,0,1\n2,,,1,2\n")
	if f := fieldOf(t, d, "patients", "drugs___unk"); f.Role != datasets.RoleIgnore || !strings.Contains(notes, `column "drugs___unk": the column is of a checkbox`) {
		t.Errorf("%+v, %s", f, notes)
	}
	if codes, _ := c.Tables()[0].Codes("drugs____2"); codes[0] < 0 || codes[1] >= 0 {
		t.Errorf("codes %v: the second is missing", codes)
	}
	_, notes, _ = small(t, drugs, "Record,Drugs (choice=Opioid),Drugs (choice=Other drug),Drugs (choice=Unknown),Sex\n1,Checked,Unchecked,Unchecked,Woman\n2,,,Checked,Man\n")
	if !strings.Contains(notes, `column "Drugs (choice=Unknown)": the column is of a checkbox`) {
		t.Error(notes)
	}
}

// Asked for the labels of checkboxes, the interface for programs writes the
// choice's label where a box is ticked and nothing where it is not.
func TestCheckboxLabels(t *testing.T) {
	d, notes, _ := small(t, drugs, "id,drugs___1,drugs____2,sex\n1,Opioid,,Woman\n2,,Other drug,Man\n3,Opioid,,\n")
	for _, name := range []string{"drugs___1", "drugs____2"} {
		if f := fieldOf(t, d, "patients", name); f.Role != datasets.RoleIgnore || f.Categories != nil {
			t.Errorf("%+v", f)
		}
	}
	if f := fieldOf(t, d, "patients", "sex"); f.Categories[0].Value != "Woman" {
		t.Errorf("%+v", f)
	}
	if !strings.Contains(notes, "not ticked cannot be told from not asked") || strings.Contains(notes, "left unticked") {
		t.Error(notes)
	}
	d, _, _ = small(t, drugs, "id,drugs___1\n1,Opioid\n2,\n")
	if f := fieldOf(t, d, "patients", "drugs___1"); f.Role != datasets.RoleIgnore {
		t.Errorf("%+v", f)
	}
}

// REDCap lets numbers beyond a field's range be saved; a code for missing is none.
func TestRange(t *testing.T) {
	m := map[string]string{"d.csv": api + "age,one,,text,A,,,integer,18,99,,,,,,,,\n", "e.csv": "id,age\n1,17\n2,18\n3,99\n4,100\n5,-99\n"}
	_, notes, err := Draft(context.Background(), "d.csv", []string{"e.csv"}, files(m))
	if err != nil || !strings.Contains(notes.Error(), `column "age": cells beyond the field's range: 2;`) {
		t.Error(notes, err)
	}
}

// A usual code for missing in a number without a range is one where no other number
// of the column is below zero; among others it is a number, whatever it is elsewhere.
func TestCodesWithoutRange(t *testing.T) {
	_, notes, c := small(t, "weight,one,,text,W,,,number,,,,,,,,,,\nchange,one,,text,C,,,number,,,,,,,,,,\n", "id,weight,change\n1,-99,-99\n2,70.5,-3.5\n3,80,0\n")
	if !strings.Contains(notes, "usual codes for missing data were found and declared: -99") {
		t.Error(notes)
	}
	if w, d := c.Tables()[0].Floats("weight"), c.Tables()[0].Floats("change"); w[0] == w[0] || w[1] != 70.5 || d[0] != -99 {
		t.Errorf("%v %v, want the first missing and -99", w, d)
	}
}

// An export with carets between its cells is the same as one with commas.
func TestCarets(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(fixture(t, "raw.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = '^'
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	d, _, c := draft(t, b.String())
	want, _, same := draft(t, fixture(t, "raw.csv"))
	if !reflect.DeepEqual(d, want) || c.Patients() != same.Patients() || c.Rows() != same.Rows() {
		t.Errorf("%+v, want %+v", d, want)
	}
}

// Labels in cells may have blanks that the dictionary's do not have.
func TestLabelsAsWritten(t *testing.T) {
	d, _, c := small(t, "sex,one,,radio,Sex,\"1, A <b>woman</b> | 2, Man\",,,,,,,,,,,,\n", "Record,Sex\n1,A  woman\n2,Man\n")
	if codes, levels := c.Tables()[0].Codes("sex"); len(codes) != 2 || codes[0] < 0 || levels[codes[0]] != "A  woman" {
		t.Errorf("%v %v in %+v", codes, levels, d.Resources[0])
	}
}

// Events have the number of their arm in their name, or in their label where a
// project has several arms.
func TestArms(t *testing.T) {
	for _, c := range []struct {
		events [2]string
		first  string
		arms   bool
	}{
		{[2]string{"entry_arm_1", "month_12_arm_1"}, "entry", false},
		{[2]string{"deadline_to_opt_ou_arm_1", "deadline_to_opt_ou_arm_1b"}, "deadline to opt ou", false},
		{[2]string{"entry_arm_1", "entry_arm_2"}, "", true},
		{[2]string{"Entry (Arm 1: Drug)", "Entry (Arm 2: None)"}, "", true},
		{[2]string{"Entry (Arm 1: Drug)", "Month 3 (Arm 1: Drug)"}, "Entry", false},
	} {
		d, notes, _ := small(t, "a,one,,text,A,,,number,,,,,,,,,,\n", "id,redcap_event_name,a\n1,"+c.events[0]+",1\n1,"+c.events[1]+",2\n")
		if got := strings.Contains(notes, "several arms"); got != c.arms || d.Visits[0].Name != c.first {
			t.Errorf("%v: several arms %v, first visit %q", c.events, got, d.Visits[0].Name)
		}
	}
}

func TestTwoEntries(t *testing.T) {
	_, notes, _ := small(t, "a,one,,text,A,,,number,,,,,,,,,,\n", "id,a\n7--1,1\n7--2,2\n8,2\n")
	if !strings.Contains(notes, "--1 or --2 in 2 rows") {
		t.Error(notes)
	}
}

// Line breaks within a label, a cell and after the last row, and a mark of UTF-8
// at the start, as files from a spreadsheet have them.
func TestFiles(t *testing.T) {
	m := map[string]string{
		"d.csv": "\ufeff" + strings.ReplaceAll(api, "Record", "\"Record\nnumber\"") + "note,one,,text,Note,,,,,,,,,,,,,\r\n\r\n",
		"e.csv": "\ufeffid;note;one_complete\r\n1;\"a\nb\";2\r\n2;\"a\nb\";0\r\n\r\n",
	}
	d, _, err := Draft(context.Background(), "d.csv", []string{"e.csv"}, files(m))
	if err != nil || fieldOf(t, d, "patients", "id").Title != "Record number" || len(fieldOf(t, d, "patients", "one_complete").Categories) != 3 {
		t.Errorf("%+v, %v", d, err)
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
