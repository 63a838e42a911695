package datasets

import (
	"iter"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Table is one table of a cohort: Arrow record batches typed by the dictionary,
// and to which patient each row belongs. It is immutable.
type Table struct {
	name    string
	fields  []Field
	columns [][]arrow.Array // by field, then batch
	rows    int
	patient []int32          // row to patient of the cohort
	codes   [][]MissingValue // by field: the codes that mean missing
	why     [][][]byte       // by field, then batch: why each cell is missing; nil where no cell has a code
	first   int              // data row of the file of the first row, where lines is nil
	lines   []int32          // row to data row of the file, for messages; nil where they follow each other
}

// line returns a row's data row in the file.
func (t *Table) line(r int) int {
	if t.lines == nil {
		return t.first + r
	}
	return int(t.lines[r])
}

// Name returns the table's name in the cohort file.
func (t *Table) Name() string { return t.name }

// Rows returns the number of rows.
func (t *Table) Rows() int { return t.rows }

// Fields returns the columns that are carried, constants among them.
func (t *Table) Fields() []Field { return slices.Clone(t.fields) }

// Patient returns, for each row, the index of its patient in the cohort. The
// slice is shared and must not be written to.
func (t *Table) Patient() []int32 { return t.patient }

// Field returns the first column with the role.
func (t *Table) Field(role Role) (Field, bool) {
	for _, f := range t.fields {
		if f.Role == role {
			return f, true
		}
	}
	return Field{}, false
}

func (t *Table) index(column string) int {
	return slices.IndexFunc(t.fields, func(f Field) bool { return f.Name == column })
}

// Has reports whether the table carries a column.
func (t *Table) Has(column string) bool { return t.index(column) >= 0 }

// Batches returns the table's rows in batches, each a table of its own.
func (t *Table) Batches() iter.Seq[*Table] {
	return func(yield func(*Table) bool) {
		if t.rows == 0 {
			return
		}
		from := 0
		for n, a := range t.columns[0] {
			b := &Table{name: t.name, fields: t.fields, codes: t.codes, rows: a.Len(), first: t.line(from)}
			if t.patient != nil {
				b.patient = t.patient[from : from+b.rows]
			}
			if t.lines != nil {
				b.lines = t.lines[from : from+b.rows]
			}
			for i := range t.columns {
				b.columns = append(b.columns, t.columns[i][n:n+1])
				b.why = append(b.why, t.why[i][n:n+1])
			}
			if !yield(b) {
				return
			}
			from += b.rows
		}
	}
}

// Floats returns a column as numbers, one a row, NaN where missing: numbers and
// whole numbers as they are, durations in days, booleans as 0 and 1, dates in
// days and date-times in fractional days since 1970. A text column gives its
// numbers where its cells are numbers, else NaN. It returns nil for a column
// that the table does not have.
func (t *Table) Floats(column string) []float64 {
	return t.AppendFloats(make([]float64, 0, t.rows), column)
}

// AppendFloats appends what Floats returns to a slice, to be used again batch after
// batch.
func (t *Table) AppendFloats(out []float64, column string) []float64 {
	i := t.index(column)
	if i < 0 {
		return nil
	}
	for _, a := range t.columns[i] {
		out = appendFloats(out, a)
	}
	return out
}

func appendFloats(out []float64, a arrow.Array) []float64 {
	from := len(out)
	switch v := a.(type) {
	case *array.Float64:
		out = append(out, v.Float64Values()...)
	case *array.Int64:
		for _, x := range v.Int64Values() {
			out = append(out, float64(x))
		}
	case *array.Date32:
		for _, x := range v.Date32Values() {
			out = append(out, float64(x))
		}
	case *array.Timestamp:
		for _, x := range v.TimestampValues() {
			out = append(out, float64(x)/86_400e6)
		}
	case *array.Boolean:
		for i := range v.Len() {
			x := 0.0
			if v.Value(i) {
				x = 1
			}
			out = append(out, x)
		}
	case *array.Dictionary:
		levels := make([]float64, v.Dictionary().Len())
		for i := range levels {
			x, err := parseNumber(cellText(v.Dictionary(), i), ".", "")
			if err != nil {
				x = math.NaN()
			}
			levels[i] = x
		}
		for i := range v.Len() {
			x := math.NaN()
			if v.IsValid(i) {
				x = levels[v.GetValueIndex(i)]
			}
			out = append(out, x)
		}
	}
	if a.NullN() > 0 {
		valid, at := a.NullBitmapBytes(), a.Data().Offset()
		for i := range a.Len() {
			if !bitutil.BitIsSet(valid, at+i) {
				out[from+i] = math.NaN()
			}
		}
	}
	return out
}

// Codes returns a text column as codes into levels, one a row, -1 where missing.
// A column of another type gives its values as text levels in order of first
// appearance. It returns nil for a column that the table does not have.
func (t *Table) Codes(column string) (codes []int32, levels []string) {
	i := t.index(column)
	if i < 0 {
		return nil, nil
	}
	codes = make([]int32, 0, t.rows)
	index := map[string]int32{}
	for _, a := range t.columns[i] {
		if d, ok := a.(*array.Dictionary); ok {
			if levels == nil {
				levels = dictionaryLevels(d)
			}
			from := len(codes)
			codes = append(codes, dictionaryCodes(d)...)
			if d.NullN() > 0 {
				for r := range d.Len() {
					if d.IsNull(r) {
						codes[from+r] = -1
					}
				}
			}
			continue
		}
		for r := range a.Len() {
			if a.IsNull(r) {
				codes = append(codes, -1)
				continue
			}
			s := cellText(a, r)
			c, ok := index[s]
			if !ok {
				c = int32(len(levels))
				index[s] = c
				levels = append(levels, s)
			}
			codes = append(codes, c)
		}
	}
	return codes, levels
}

// codesOf returns what Codes does of a batch of rows, for reading only: of a text
// column without a missing cell these are its own codes.
func (t *Table) codesOf(column string) ([]int32, levels) {
	if batches := t.columns[t.index(column)]; len(batches) == 1 && batches[0].NullN() == 0 {
		if d, ok := batches[0].(*array.Dictionary); ok {
			return dictionaryCodes(d), levels{array: d.Dictionary().(*array.String)}
		}
	}
	codes, list := t.Codes(column)
	return codes, levels{list: list}
}

// levels are the texts of a column, in an array or a list.
type levels struct {
	array *array.String
	list  []string
}

func (l levels) len() int {
	if l.array != nil {
		return l.array.Len()
	}
	return len(l.list)
}

func (l levels) at(i int) string {
	if l.array != nil {
		return l.array.Value(i)
	}
	return l.list[i]
}

// dictionaryCodes returns the codes of a text column's batch; those of missing
// cells mean nothing.
func dictionaryCodes(d *array.Dictionary) []int32 {
	return d.Indices().(*array.Int32).Int32Values()
}

func dictionaryLevels(d *array.Dictionary) []string {
	out := make([]string, d.Dictionary().Len())
	for i := range out {
		out[i] = cellText(d.Dictionary(), i)
	}
	return out
}

// MissingReasons returns how many cells of a column are missing, by the code
// that said so; cells that are empty come under the code "", where it is one. Cells
// set aside are not among them: they are exclusions.
func (t *Table) MissingReasons(column string) []Reason {
	i := t.index(column)
	if i < 0 || i >= len(t.codes) || len(t.codes[i]) == 0 {
		return nil
	}
	var count [256]int
	for _, why := range t.why[i] {
		for _, w := range why {
			count[w]++
		}
	}
	plain := t.Missing(column)
	for w, n := range count {
		if w != whyPlain {
			plain -= n
		}
	}
	out := make([]Reason, len(t.codes[i]))
	for k, m := range t.codes[i] {
		out[k] = Reason{Code: m.Value, Label: m.Label, Cells: count[k+1]}
		if m.Value == "" {
			out[k].Cells = plain
		}
	}
	return out
}

// Missing returns how many cells of a column are missing.
func (t *Table) Missing(column string) int {
	n := 0
	if i := t.index(column); i >= 0 {
		for _, a := range t.columns[i] {
			n += a.NullN()
		}
	}
	return n
}

// keep returns the table's rows for which keep is true. The patient indices stay
// as they are; the caller renumbers them.
func (t *Table) keep(rows []bool) *Table {
	if !slices.Contains(rows, false) {
		same := *t
		return &same
	}
	out := &Table{name: t.name, fields: t.fields, codes: t.codes, lines: []int32{}}
	for r, k := range rows {
		if k {
			out.rows++
			if t.patient != nil {
				out.patient = append(out.patient, t.patient[r])
			}
			out.lines = append(out.lines, int32(t.line(r)))
		}
	}
	out.columns = make([][]arrow.Array, len(t.columns))
	out.why = make([][][]byte, len(t.columns))
	for i, batches := range t.columns {
		from := 0
		for b, a := range batches {
			var at []int32
			for r := range a.Len() {
				if rows[from+r] {
					at = append(at, int32(r))
				}
			}
			if len(at) > 0 {
				one := []arrow.Array{a}
				out.columns[i] = append(out.columns[i], pick(one, at))
				out.why[i] = append(out.why[i], pickWhy(one, t.why[i][b:b+1], at))
			}
			from += a.Len()
		}
	}
	return out
}

// pickWhy copies why cells are missing at rows of a column's batches.
func pickWhy(batches []arrow.Array, why [][]byte, at []int32) []byte {
	if !slices.ContainsFunc(why, func(w []byte) bool { return w != nil }) {
		return nil
	}
	out := make([]byte, len(at))
	each(batches, at, func(k, b, i int) {
		if why[b] != nil {
			out[k] = why[b][i]
		}
	})
	return out
}

// each finds the batch and the place in it of rows of a column.
func each(batches []arrow.Array, at []int32, do func(k, batch, i int)) {
	if len(batches) == 1 {
		for k, r := range at {
			do(k, 0, int(r))
		}
		return
	}
	ends := make([]int, len(batches))
	n := 0
	for b, a := range batches {
		n += a.Len()
		ends[b] = n
	}
	for k, r := range at {
		b, _ := slices.BinarySearch(ends, int(r)+1) // the first that ends after it
		do(k, b, int(r)-ends[b]+batches[b].Len())
	}
}

// pick copies the cells of a column's batches at the rows, in their order.
func pick(batches []arrow.Array, at []int32) arrow.Array {
	mem := memory.DefaultAllocator
	switch v := batches[0].(type) {
	case *array.Float64:
		b := array.NewFloat64Builder(mem)
		return picked(b, batches, at, func(a arrow.Array, i int) { b.UnsafeAppend(a.(*array.Float64).Value(i)) })
	case *array.Int64:
		b := array.NewInt64Builder(mem)
		return picked(b, batches, at, func(a arrow.Array, i int) { b.UnsafeAppend(a.(*array.Int64).Value(i)) })
	case *array.Boolean:
		b := array.NewBooleanBuilder(mem)
		return picked(b, batches, at, func(a arrow.Array, i int) { b.UnsafeAppend(a.(*array.Boolean).Value(i)) })
	case *array.Date32:
		b := array.NewDate32Builder(mem)
		return picked(b, batches, at, func(a arrow.Array, i int) { b.UnsafeAppend(a.(*array.Date32).Value(i)) })
	case *array.Timestamp:
		b := array.NewTimestampBuilder(mem, v.DataType().(*arrow.TimestampType))
		return picked(b, batches, at, func(a arrow.Array, i int) { b.UnsafeAppend(a.(*array.Timestamp).Value(i)) })
	default:
		d := v.(*array.Dictionary) // batches share their levels
		b := array.NewInt32Builder(mem)
		codes := picked(b, batches, at, func(a arrow.Array, i int) { b.UnsafeAppend(int32(a.(*array.Dictionary).GetValueIndex(i))) })
		return settled(array.NewDictionaryArray(d.DataType(), codes, d.Dictionary()))
	}
}

// settled makes a text column's levels now: arrow makes them when they are first asked
// for, which goroutines that read one cohort must not do at once.
func settled(a arrow.Array) arrow.Array {
	if d, ok := a.(*array.Dictionary); ok {
		d.Dictionary()
	}
	return a
}

func picked(b interface {
	array.Builder
	UnsafeAppendBoolToBitmap(bool)
}, batches []arrow.Array, at []int32, appendCell func(a arrow.Array, i int),
) arrow.Array {
	b.Reserve(len(at))
	each(batches, at, func(_, batch, i int) {
		if a := batches[batch]; a.IsNull(i) {
			b.UnsafeAppendBoolToBitmap(false)
		} else {
			appendCell(a, i)
		}
	})
	return b.NewArray()
}
