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
	columns, read := 0, map[string]bool{}
	for name, want := range files {
		res := datasets.Resource{Name: "t"} // all columns but those whose sum is not known, lists among them
		if want != nil {
			for _, w := range want.Columns {
				if _, known := w[2].(float64); known {
					res.Schema.Fields = append(res.Schema.Fields, datasets.Field{Name: w[0].(string)})
				}
			}
		}
		rows, nulls, sums, err := sumsOf(t, filepath.Join(root, filepath.FromSlash(name)), res)
		if err != nil {
			continue
		}
		if want == nil {
			t.Logf("%s: read, and not by the other reader", name)
			continue
		}
		read[filepath.Base(name)] = true
		if rows != want.Rows {
			t.Errorf("%s: %d rows, want %d", name, rows, want.Rows)
		}
		for _, w := range want.Columns {
			column := w[0].(string)
			v, known := w[2].(float64)
			if !known {
				continue
			}
			columns++
			if float64(nulls[column]) != w[1] || !(math.Abs(v-sums[column]) <= 1e-9*(1+math.Abs(v))) {
				t.Errorf("%s, column %q: %d missing and a sum of %v, want %v and %v", name, column, nulls[column], sums[column], w[1], v)
			}
		}
	}
	if t.Logf("%d of %d files, %d columns with sums", len(read), len(files), columns); len(read) < 50 || columns < 270 {
		t.Errorf("only %d files and %d columns were compared", len(read), columns)
	}
	for _, name := range []string{
		"int32_decimal", "int64_decimal", "fixed_length_decimal", "fixed_length_decimal_legacy", "byte_array_decimal",
		"alltypes_plain.snappy", "alltypes_tiny_pages", "byte_stream_split.zstd", "byte_stream_split_extended.gzip", "float16_nonzeros_and_nans",
		"lz4_raw_compressed", "lz4_raw_compressed_larger", "hadoop_lz4_compressed", "hadoop_lz4_compressed_larger", "non_hadoop_lz4_compressed",
	} {
		if !read[name+".parquet"] {
			t.Errorf("%s is not read", name)
		}
	}
}

// sumsOf reads a file and adds up its columns.
func sumsOf(t *testing.T, path string, res datasets.Resource) (rows int, nulls map[string]int, sums map[string]float64, err error) {
	src, err := Open(path, res)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() {
		if closed := src.Close(); closed != nil {
			t.Errorf("%s: %v", path, closed)
		}
	}()
	nulls, sums = map[string]int{}, map[string]float64{}
	for {
		c, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return rows, nulls, sums, nil
		}
		if err != nil {
			return 0, nil, nil, err
		}
		rows += c.Rows
		for i, a := range c.Arrays {
			if a != nil {
				nulls[src.Columns()[i]] += a.NullN()
				sums[src.Columns()[i]] += sum(a)
			}
		}
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
		case *array.Uint64:
			v = float64(x.Value(i))
		case *array.Timestamp:
			v = float64(x.Value(i).ToTime(x.DataType().(*arrow.TimestampType).Unit).UnixMicro()) / 1e6
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
