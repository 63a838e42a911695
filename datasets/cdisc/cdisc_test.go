package cdisc

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

const columns = `"columns":[
 {"itemOID":"a","name":"USUBJID","label":"Subject","dataType":"string"},
 {"itemOID":"b","name":"AGE","label":"Age","dataType":"integer"},
 {"itemOID":"c","name":"COST","label":"Cost","dataType":"decimal","targetDataType":"decimal"},
 {"itemOID":"d","name":"SEEN","label":"Seen","dataType":"date","targetDataType":"integer"},
 {"itemOID":"e","name":"WELL","label":"Well","dataType":"boolean"}]`

const rows = `"rows":[["007",44,"1,234.5","2020-01-31",true],["7",null,"","2020-02","é\n"]]`

// The same in version 1.0.
var (
	columns10 = strings.NewReplacer(`"columns"`, `"items"`, `"dataType"`, `"type"`).Replace(columns)
	rows10    = strings.Replace(rows, `"rows"`, `"itemData"`, 1)
)

const before = `"datasetJSONVersion":"1.0.0","clinicalData":{"studyOID":"S","itemGroupData":{"IG.DM":{"records":2,"name":"DM",`

var old = "{" + before + columns10 + "," + rows10 + `,"label":"x"}},"metaDataVersionOID":"1"}}`

func saved(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "d.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns the rows of a dataset, "-" for what is missing, and the error.
func read(path string, fields ...datasets.Field) (out []string, err error) {
	src, err := Open(path, datasets.Resource{Name: "t", Schema: datasets.Schema{Fields: fields}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = src.Close() }()
	for {
		c, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			if ps := src.Problems(); len(ps) > 0 {
				return out, ps
			}
			return out, nil
		}
		if err != nil {
			return out, err
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
	want := []string{"1: 007|44|1234.5|2020-01-31|true", "2: 7|-|-|2020-02|é\n"}
	head := `"datasetJSONVersion":"1.1.0","sourceSystem":{"name":"x","version":"1"},"records":2,"name":"DM",`
	for name, text := range map[string]string{
		"in order":            "{" + head + columns + "," + rows + "}",
		"a byte order mark":   "\ufeff{" + head + columns + "," + rows + "}\n",
		"rows before columns": "{" + rows + "," + head + columns + "}",
		"NDJSON":              "{" + strings.ReplaceAll(head+columns, "\n", "") + "}\n" + `["007",44,"1,234.5","2020-01-31",true]` + "\n" + `["7",null,"","2020-02","é\n"]` + "\n",
		"version 1.0":         old,
		"1.0, rows first":     "{" + before + rows10 + "," + columns10 + "}}},\"records\":2}",
		"members after":       "{" + head + columns + "," + rows + `,"more":[[{}]]}`,
	} {
		got, err := read(saved(t, text))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q %v, want %q", name, got, err, want)
		}
	}
	src, err := Open(saved(t, "{"+head+columns+","+rows+"}"), datasets.Resource{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	d := src.(datasets.Describer).Describe()
	if d[0].Role != datasets.RolePatient || d[1].Type != datasets.TypeInteger || d[2].Type != datasets.TypeNumber || d[3].Type != datasets.TypeDate || d[4].Title != "Well" {
		t.Errorf("%+v", d)
	}
	got, err := read(saved(t, "{"+columns+","+rows+"}"), datasets.Field{Name: "SEEN", Type: datasets.TypeDate, Format: "%d/%m/%Y"})
	if err != nil || !strings.Contains(got[0], "31/01/2020") {
		t.Errorf("%q %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	c := "{" + columns + ","
	long := strings.Repeat("a", 2<<20)
	for name, x := range map[string]struct{ text, want string }{
		"empty":           {"", "expected a dataset"},
		"no object":       {"[]", "expected a dataset"},
		"version 1.0":     {`{"clinicalData":{}}`, "expected a dataset"},
		"two datasets":    {`{"clinicalData":{"itemGroupData":{"IG.DM":{` + columns + "," + rows + `},"IG.AE":{}}}}`, "found several"},
		"two of a kind":   {`{"clinicalData":{"itemGroupData":{"IG.DM":{` + columns + "," + rows + `}}},"referenceData":{}}`, "found several"},
		"version 2":       {`{"datasetJSONVersion":"2.0",` + columns + "}", "found another version"},
		"no columns":      {`{"columns":[],"rows":[]}`, "expected the dataset to list its columns"},
		"a name twice":    {`{"columns":[{"name":"A"},{"name":"A"}],"rows":[]}`, "expected each column name once"},
		"a value too few": {c + `"rows":[["S3CRET",1]]}`, "expected 5 values in the row, found 2"},
		"one too many":    {c + `"rows":[["S3CRET",1,"1",null,true,1]]}`, "expected 5 values in the row, found more"},
		"a value of rows": {c + `"rows":[["S3CRET",1,"1",[],true]]}`, "expected a dataset"},
		"records missing": {`{"records":3,` + columns + "," + rows + "}", "expected the 3 records that the dataset promises; it ends after 2"},
		"cut off":         {"{" + columns + "," + rows, "expected a dataset"},
		"more behind":     {"{" + columns + "," + rows + "}{}", "expected a dataset"},
		"not UTF-8":       {c + `"rows":[["` + "\xff" + `",1,"1",null,true]]}`, "expected UTF-8"},
		"a long text":     {c + `"rows":[["` + long + `",1,"1",null,true]]}`, "at most 1 MiB"},
		"a long number":   {c + `"rows":[["1",` + strings.Repeat("1", 2<<20) + `,"1",null,true]]}`, "at most 1 MiB"},
		"deep":            {`{"x":` + strings.Repeat("[", 1<<20), "expected a dataset"},
		"a wide record":   {`{"sourceSystem":[` + strings.Repeat(`"`+strings.Repeat("a", 1000)+`",`, 40<<10) + "1]," + columns + "}", "expected a dataset"},
	} {
		_, err := read(saved(t, x.text))
		if err == nil || !strings.Contains(err.Error(), x.want) || !errors.Is(err, datasets.ErrInvalid) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
		if err != nil && strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("%s: %v shows a cell", name, err)
		}
	}
}

// A dataset that is cut off anywhere is refused, also behind a whole row.
func TestTruncated(t *testing.T) {
	for _, whole := range []string{"{" + columns + "," + rows + "}", "{" + rows + "," + columns + "}", old} {
		for n := range len(whole) {
			if got, err := read(saved(t, whole[:n])); err == nil {
				t.Fatalf("cut at %d of %d: %q", n, len(whole), got)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("{" + columns + "," + rows + "}")
	f.Add("{" + rows + "," + columns + "}")
	f.Add(old)
	f.Add("{" + columns + "}\n[\"1\",2,\"3\",null,true]")
	f.Fuzz(func(t *testing.T, text string) { _, _ = read(saved(t, text)) })
}
