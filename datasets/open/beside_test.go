package open_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/xuri/excelize/v2"

	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/datasets/privacy"
)

// beside opens a file of columns id and pain and returns what is found in it.
func beside(t *testing.T, dir, path string) []privacy.Finding {
	t.Helper()
	y := "name: c\nresources:\n  - {name: p, path: \"" + path + "\", schema: {fields: [{name: id, type: string, role: patient}, {name: pain, type: string}]}}\n"
	if err := os.WriteFile(filepath.Join(dir, "cohort.yaml"), []byte(y), 0o600); err != nil {
		t.Fatal(err)
	}
	_, found, err := open.Examine(t.Context(), filepath.Join(dir, "cohort.yaml"), open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// workbook writes a workbook as edit leaves it and returns its folder.
func workbook(t *testing.T, sheet string, edit func(f *excelize.File) error) string {
	t.Helper()
	dir, f := t.TempDir(), excelize.NewFile()
	err := f.SetSheetName("Sheet1", sheet)
	for i, row := range [][]any{{"id", "pain"}, {"a", "x3"}, {"b", "x4"}} {
		if err == nil {
			cell, _ := excelize.CoordinatesToCellName(1, i+1)
			err = f.SetSheetRow(sheet, cell, &row)
		}
	}
	if err == nil && edit != nil {
		err = edit(f)
	}
	if err == nil {
		err = f.SaveAs(filepath.Join(dir, "book.xlsx"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// withMetadata writes a Parquet file with one key-value pair.
func withMetadata(t *testing.T, key, value string) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "p.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var fields schema.FieldList
	for _, name := range []string{"id", "pain"} {
		n, err := schema.NewPrimitiveNodeLogical(name, parquet.Repetitions.Required, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, n)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		t.Fatal(err)
	}
	kv := file.NewParquetWriter(f, root)
	if err := kv.AppendKeyValueMetadata(key, value); err != nil {
		t.Fatal(err)
	}
	g := kv.AppendRowGroup()
	for range 2 {
		cw, err := g.NextColumn()
		if err == nil {
			_, err = cw.(*file.ByteArrayColumnChunkWriter).WriteBatch([]parquet.ByteArray{[]byte("a"), []byte("b")}, nil, nil)
		}
		if err == nil {
			err = cw.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func text(t *testing.T, name, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// unused writes an Arrow file with a level that no row has.
func unused(t *testing.T, level string) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "p.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	kind := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	ids, levels, codes := array.NewStringBuilder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator), array.NewInt32Builder(memory.DefaultAllocator)
	ids.AppendValues([]string{"a", "b"}, nil)
	levels.AppendValues([]string{"mild", level}, nil)
	codes.AppendValues([]int32{0, 0}, nil)
	sc := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}, {Name: "pain", Type: kind}}, nil)
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(sc))
	if err == nil {
		err = w.Write(array.NewRecord(sc, []arrow.Array{ids.NewArray(), array.NewDictionaryArray(kind, codes.NewArray(), levels.NewArray())}, 2))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestBeside finds what the bank of identifiers puts beside the cells, and passes
// the same files without it.
func TestBeside(t *testing.T) {
	const plain = "id,pain\na,x3\nb,x4\n"
	for _, c := range []struct {
		id, dir, path, where string
		want                 privacy.Severity // "" where nothing is to be found
	}{
		{"p1", text(t, "cohort_SMITH_JOHN_1961.csv", plain), "cohort_SMITH_JOHN_1961.csv", datasets.AsideFile, privacy.High},
		{"p1 ok", text(t, "rehab_visits_2026Q3_v2.csv", plain), "rehab_visits_2026Q3_v2.csv", "", ""},
		{"p2", workbook(t, "Jane Doe", nil), "book.xlsx#Jane Doe", datasets.AsideSheet, privacy.High},
		{"p2 ok", workbook(t, "Baseline visits", nil), "book.xlsx#Baseline visits", "", ""},
		{"p3", withMetadata(t, "extract", `{"extracted_by":"jdoe","mrn":"1234567"}`), "p.parquet", datasets.AsideMetadata, privacy.High},
		{"p3 ok", withMetadata(t, "created", `{"library": "pyarrow", "at": "2026-03-04"}`), "p.parquet", "", ""},
		{"p5", workbook(t, "Visits", func(f *excelize.File) error {
			return f.AddComment("Visits", excelize.Comment{Cell: "B2", Author: "x", Text: "call 614-555-0188 first"})
		}), "book.xlsx", datasets.AsideComment, privacy.High},
		{"p5 ok", workbook(t, "Visits", func(f *excelize.File) error {
			return f.AddComment("Visits", excelize.Comment{Cell: "B2", Author: "x", Text: "scored twice, first kept"})
		}), "book.xlsx", "", ""},
		{"p6", workbook(t, "Visits", func(f *excelize.File) error {
			if _, err := f.NewSheet("KEY"); err != nil {
				return err
			}
			if err := f.SetSheetRow("KEY", "A1", &[]any{"id", "name"}); err != nil {
				return err
			}
			return f.SetSheetVisible("KEY", false)
		}), "book.xlsx#Visits", datasets.AsideHiddenSheet, privacy.Medium},
		{"p10", withMetadata(t, "pandas", `{"columns": [{"name": "id", "field_name": "id"}, {"name": "pain", "field_name": "pain"}, {"name": "surname", "field_name": "surname"}]}`), "p.parquet", datasets.AsideDropped, privacy.Medium},
		{"p10 ok", withMetadata(t, "pandas", `{"columns": [{"name": "id", "field_name": "id"}, {"name": "pain", "field_name": "pain"}]}`), "p.parquet", "", ""},
		{"p13", unused(t, "Smith"), "p.arrow", datasets.AsideLevel, privacy.Low},
		{"p13 ok", unused(t, "severe"), "p.arrow", "", ""},
	} {
		found := beside(t, c.dir, c.path)
		i := slices.IndexFunc(found, func(f privacy.Finding) bool { return f.Where == c.where })
		switch {
		case c.want == "" && slices.ContainsFunc(found, func(f privacy.Finding) bool { return f.Severity == privacy.High }):
			t.Errorf("%s: %+v", c.id, found)
		case c.want != "" && (i < 0 || found[i].Severity != c.want):
			t.Errorf("%s: want %s in the %s, found %+v", c.id, c.want, c.where, found)
		}
	}
}

// TestCommentLine finds a name in a line before the header, where the file cannot
// be read as a table, and shows it nowhere.
func TestCommentLine(t *testing.T) {
	dir := text(t, "p.csv", "# exported for John Smith\nid,pain\na,x3\n")
	y := "name: c\nresources:\n  - {name: p, path: p.csv, schema: {fields: [{name: id, type: string, role: patient}, {name: pain, type: string}]}}\n"
	if err := os.WriteFile(filepath.Join(dir, "cohort.yaml"), []byte(y), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := open.Cohort(t.Context(), filepath.Join(dir, "cohort.yaml"), open.Options{})
	var ps datasets.Problems
	if !errors.As(err, &ps) || !slices.ContainsFunc(ps, func(p datasets.Problem) bool { return p.Code == datasets.CodeIdentifier }) {
		t.Errorf("no identifier told: %v", err)
	}
	if strings.Contains(fmt.Sprint(ps), "Smith") {
		t.Errorf("the name is told: %v", ps)
	}
}
