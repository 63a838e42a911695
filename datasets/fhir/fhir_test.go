package fhir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

	"recoup/datasets"
)

// Two responses: a number, a coded answer, two drugs at once, a question within a
// group and one that hangs on an answer.
const (
	first = `{"resourceType":"QuestionnaireResponse","id":"a","status":"completed","questionnaire":"http://x/q|1","subject":{"reference":"https://server/fhir/Patient/007/_history/2"},"authored":"2020-01-31T10:20:30+02:00","item":[
 {"linkId":"pain","text":"Average pain","answer":[{"valueInteger":7}]},
 {"linkId":"sex","text":"Sex","answer":[{"valueCoding":{"system":"s","code":"f","display":"female"}}]},
 {"linkId":"drugs","text":"Drugs","answer":[{"valueCoding":{"code":"o","display":"opioid"}},{"valueCoding":{"code":"n"}}]},
 {"linkId":"group","text":"Function","item":[{"linkId":"walk","answer":[{"valueQuantity":{"value":1.50,"unit":"km"},"item":[{"linkId":"where","answer":[{"valueString":"outside"}]}]}]}]}]}`
	second = `{"resourceType":"QuestionnaireResponse","status":"amended","subject":{"reference":"Patient/7"},"authored":"2020-02-01","item":[{"linkId":"pain","answer":[{"valueInteger":3}]},{"linkId":"drugs","answer":[{"valueCoding":{"code":"n"}}]},{"linkId":"status","answer":[{"valueBoolean":true}]}]}`
	wrong  = `{"resourceType":"QuestionnaireResponse","status":"entered-in-error","subject":{"reference":"Patient/8"},"item":[{"linkId":"x","answer":[{"valueInteger":3}]}]}`
	other  = `{"resourceType":"Patient","id":"7","name":[{"family":"Doe"}]}`
)

func bundle(resources ...string) string {
	var entries []string
	for _, r := range resources {
		entries = append(entries, `{"fullUrl":"x","resource":`+r+`}`)
	}
	return `{"resourceType":"Bundle","type":"searchset","entry":[` + strings.Join(entries, ",") + `],"total":1}`
}

func saved(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "q.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(path string, fields ...datasets.Field) (out []string, ps datasets.Problems, err error) {
	src, err := Open(path, datasets.Resource{Name: "t", Schema: datasets.Schema{Fields: fields}})
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = src.Close() }()
	out = append(out, strings.Join(src.Columns(), "|"))
	for {
		c, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return out, src.Problems(), nil
		}
		if err != nil {
			return out, nil, err
		}
		for i := range c.Rows {
			var cells []string
			for _, a := range c.Arrays {
				text := "-"
				if a.IsValid(i) {
					text = a.(*array.String).Value(i)
				}
				cells = append(cells, text)
			}
			out = append(out, fmt.Sprintf("%d: %s", c.First+i, strings.Join(cells, "|")))
		}
	}
}

func TestRead(t *testing.T) {
	want := []string{
		"patient|authored|questionnaire|status|pain|sex|drugs:o|drugs:n|walk|where|item:status",
		"1: 007|2020-01-31T10:20:30+02:00|http://x/q|1|completed|7|f|1|1|1.50|outside|-",
		"2: 7|2020-02-01|-|amended|3|-|0|1|-|-|true",
	}
	oneLine := func(s string) string { return strings.ReplaceAll(s, "\n", "") }
	for name, text := range map[string]string{
		"bundle": bundle(other, first, wrong, second),
		"NDJSON": oneLine(other) + "\n" + oneLine(first) + "\n" + oneLine(wrong) + "\n" + oneLine(second) + "\n",
	} {
		got, ps, err := read(saved(t, text))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q %v, want %q", name, got, err, want)
		}
		if told := ps.Error(); len(ps) != 2 || !strings.Contains(told, "1 resources of other types") || !strings.Contains(told, "1 responses were entered in error") {
			t.Errorf("%s: %v", name, ps)
		}
	}
	src, err := Open(saved(t, bundle(first)), datasets.Resource{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	d := src.(datasets.Describer).Describe()
	if d[0].Role != datasets.RolePatient || d[4].Type != datasets.TypeInteger || d[4].Title != "Average pain" ||
		d[5].Categories[0] != (datasets.Category{Value: "f", Label: "female"}) || d[6].Title != "Drugs: opioid" || d[8].Unit != "km" || d[8].Type != datasets.TypeNumber {
		t.Errorf("%+v", d)
	}
	// the clock that was written, without its zone; the day alone where a date is wanted
	for typ, want := range map[datasets.Type]string{datasets.TypeDatetime: "2020-01-31T10:20:30|", datasets.TypeDate: "2020-01-31|"} {
		got, _, err := read(saved(t, first), datasets.Field{Name: "authored", Type: typ})
		if err != nil || !strings.HasPrefix(got[1], "1: 007|"+want) {
			t.Errorf("%s: %q %v", typ, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	answer := func(a string) string {
		return `{"resourceType":"QuestionnaireResponse","subject":{"reference":"Patient/S3CRET"},"item":[{"linkId":"q","answer":[` + a + `]}]}`
	}
	for name, x := range map[string]struct{ text, want string }{
		"empty":             {"", "expected FHIR"},
		"no resource":       {"{}", "which says its resourceType"},
		"no responses":      {other, "expected QuestionnaireResponses, found none"},
		"an empty bundle":   {bundle(), "expected QuestionnaireResponses, found none"},
		"a bundle within":   {bundle(bundle(first)), "expected one bundle alone"},
		"cut off":           {bundle(first)[:300], "expected FHIR"},
		"more behind":       {bundle(first) + "}", "expected FHIR"},
		"no linkId":         {`{"resourceType":"QuestionnaireResponse","item":[{"answer":[{"valueInteger":1}]}]}`, "expected every item to have a linkId"},
		"several numbers":   {answer(`{"valueInteger":1},{"valueInteger":2}`), "expected one answer to the question"},
		"two code systems":  {answer(`{"valueCoding":{"system":"a","code":"1"}},{"valueCoding":{"system":"b","code":"1"}}`), "expected one code system"},
		"an attachment":     {answer(`{"valueAttachment":{"url":"x"}}`), `row 1, column "q": expected an answer with a value`},
		"a group's subject": {strings.Replace(answer(`{"valueInteger":1}`), "Patient/S3CRET", "Group/S3CRET", 1), `row 1, column "patient": expected the subject`},
		"not UTF-8":         {answer(`{"valueString":"` + "\xff" + `"}`), "expected UTF-8"},
		"deep groups":       {`{"resourceType":"QuestionnaireResponse","item":[` + strings.Repeat(`{"linkId":"a","item":[`, 100) + strings.Repeat("]}", 100) + "]}", "nested at most 50 deep"},
		"deep JSON":         {`{"resourceType":"QuestionnaireResponse","item":` + strings.Repeat("[", 1<<20), "expected FHIR"},
		"a long text":       {answer(`{"valueString":"` + strings.Repeat("a", 2<<20) + `"}`), "expected FHIR"},
		"a large response":  {answer(strings.Repeat(`{"valueInteger":1},`, 3<<20) + `{"valueInteger":1}`), "expected FHIR"},
	} {
		_, ps, err := read(saved(t, x.text))
		if err == nil {
			err = ps
		}
		if !strings.Contains(err.Error(), x.want) || !errors.Is(err, datasets.ErrInvalid) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
		if strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("%s: %v shows a cell", name, err)
		}
	}
}

// A bundle that is cut off anywhere is refused, also behind a whole entry.
func TestTruncated(t *testing.T) {
	whole := bundle(first, second)
	for n := range len(whole) {
		if rows, _, err := read(saved(t, whole[:n])); err == nil {
			t.Fatalf("cut at %d of %d: %q", n, len(whole), rows)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(bundle(other, first, wrong, second))
	f.Add(first + "\n" + second)
	f.Fuzz(func(t *testing.T, text string) { _, _, _ = read(saved(t, text)) })
}
