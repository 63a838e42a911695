package parquet

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"recoup/datasets"
)

// expected is what another reader finds in a file: testdata/expected.py.
type expected struct {
	Rows    int
	Columns [][3]any // name, missing cells, sum
}

// No valid file of the corpora is read silently wrong: each ends in an error, or
// in the rows, missing cells and sums that another reader finds.
func TestNoSilentMismatch(t *testing.T) {
	root := "../../../shared/corpora"
	if _, err := os.Stat(root); err != nil {
		t.Skip("SKIPPED: the corpora are absent from the shared folder beside the project")
	}
	b, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var files map[string]*expected
	if err := json.Unmarshal(b, &files); err != nil {
		t.Fatal(err)
	}
	read, columns := 0, 0
	for name, want := range files {
		src, err := Open(filepath.Join(root, filepath.FromSlash(name)), datasets.Resource{Name: "t"})
		if err != nil {
			continue
		}
		rows := 0
		nulls, sums := make([]int, len(src.Columns())), make([]float64, len(src.Columns()))
		for err == nil {
			var c *datasets.Chunk
			if c, err = src.Next(t.Context()); err == nil {
				rows += c.Rows
				for i, a := range c.Arrays {
					nulls[i] += a.NullN()
					sums[i] += sum(a)
				}
			}
		}
		if closed := src.Close(); closed != nil {
			t.Errorf("%s: %v", name, closed)
		}
		if !errors.Is(err, io.EOF) {
			continue
		}
		if want == nil {
			t.Logf("%s: read, and not by the other reader", name)
			continue
		}
		read++
		if rows != want.Rows || len(src.Columns()) != len(want.Columns) {
			t.Errorf("%s: %d rows of %d columns, want %d of %d", name, rows, len(src.Columns()), want.Rows, len(want.Columns))
			continue
		}
		for i, w := range want.Columns {
			if src.Columns()[i] != w[0] || float64(nulls[i]) != w[1] {
				t.Errorf("%s: column %q with %d missing, want %v with %v", name, src.Columns()[i], nulls[i], w[0], w[1])
			}
			if v, ok := w[2].(float64); ok {
				columns++
				if math.Abs(v-sums[i]) > 1e-9*(1+math.Abs(v)) {
					t.Errorf("%s, column %v: sum %v, want %v", name, w[0], sums[i], v)
				}
			}
		}
	}
	if t.Logf("%d of %d files, %d columns with sums", read, len(files), columns); read < 15 || columns < 50 {
		t.Errorf("only %d files and %d columns were compared", read, columns)
	}
}

// sum adds up a column as expected.py does.
func sum(a arrow.Array) (s float64) {
	for i := range a.Len() {
		if a.IsNull(i) {
			continue
		}
		v := 0.0
		switch x := a.(type) {
		case *array.Float64:
			v = x.Value(i)
		case *array.Float32:
			v = float64(x.Value(i))
		case *array.Int64:
			v = float64(x.Value(i))
		case *array.Date32:
			v = float64(x.Value(i))
		case *array.Boolean:
			if x.Value(i) {
				v = 1
			}
		case *array.Dictionary:
			v = float64(len(x.Dictionary().(*array.String).Value(x.GetValueIndex(i))))
		}
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			s += v
		}
	}
	return s
}
