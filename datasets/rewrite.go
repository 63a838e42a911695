package datasets

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Column is a column to put in a table, a cell a row: Codes into Levels for text
// (-1 missing), Numbers for all other types (NaN missing, dates in days since
// 1970). One with neither keeps the cells that are there.
type Column struct {
	Field   Field
	Levels  []string
	Codes   []int32
	Numbers []float64
}

// Rewrite returns a cohort with other columns: edit is called for each column of
// each table and returns what takes its place, nothing to take it out. The rows
// and their order stay; patients are joined anew by their ids. The dictionary is
// that of the new cohort.
func (c *Cohort) Rewrite(d *Dictionary, edit func(t *Table, f Field) []Column) (*Cohort, error) {
	out := &Cohort{dict: d, excluded: slices.Clone(c.excluded)}
	for _, t := range c.tables {
		n := &Table{name: t.name, rows: t.rows, first: t.first, lines: t.lines}
		for i, f := range t.fields {
			for _, col := range edit(t, f) {
				arrays := t.columns[i]
				switch {
				case col.Codes != nil:
					arrays = t.coded(col)
				case col.Numbers != nil:
					arrays = t.numbers(col)
				}
				if arrays == nil || col.Codes != nil && len(col.Codes) != t.rows || col.Numbers != nil && len(col.Numbers) != t.rows {
					return nil, fmt.Errorf("table %s: column %q cannot be put in place", t.name, col.Field.Name)
				}
				n.fields = append(n.fields, col.Field)
				n.columns = append(n.columns, arrays)
				codes, why := []MissingValue(nil), make([][]byte, len(arrays))
				if col.Codes == nil && col.Numbers == nil {
					codes, why = t.codes[i], t.why[i]
				}
				n.codes, n.why = append(n.codes, codes), append(n.why, why)
			}
		}
		if _, ok := n.Field(RolePatient); !ok {
			return nil, fmt.Errorf("table %s: no patient column is left", t.name)
		}
		out.tables = append(out.tables, n)
	}
	if conflicts := out.rejoin(); conflicts > 0 {
		return nil, fmt.Errorf("%d patients would be in two arms", conflicts)
	}
	return out, nil
}

// rejoin numbers the patients over all tables anew and settles their arms. It
// returns how many are in two.
func (c *Cohort) rejoin() (conflicts int) {
	ids := newTexts(maphash.MakeSeed())
	for _, t := range c.tables {
		f, _ := t.Field(RolePatient)
		t.patient = numbered(nil, t, f.Name, ids)
	}
	c.patients = ids.all()
	codes, levels, conflicts := c.byRole(RoleArm)
	c.setArms(codes, levels)
	return conflicts
}

// each calls f with the bounds of each batch of the table's rows.
func (t *Table) each(f func(from, to int)) {
	from := 0
	for _, a := range t.columns[0] {
		f(from, from+a.Len())
		from += a.Len()
	}
}

func (t *Table) coded(c Column) []arrow.Array {
	if len(c.Codes) != t.rows {
		return nil
	}
	levels := stringArray(c.Levels)
	var out []arrow.Array
	t.each(func(from, to int) {
		b := array.NewInt32Builder(memory.DefaultAllocator)
		for _, code := range c.Codes[from:to] {
			if code < 0 {
				b.AppendNull()
			} else {
				b.Append(code)
			}
		}
		out = append(out, array.NewDictionaryArray(arrowType(TypeString), b.NewArray(), levels))
	})
	return out
}

func (t *Table) numbers(c Column) []arrow.Array {
	if len(c.Numbers) != t.rows {
		return nil
	}
	var out []arrow.Array
	t.each(func(from, to int) {
		b := array.NewBuilder(memory.DefaultAllocator, arrowType(c.Field.Type))
		for _, v := range c.Numbers[from:to] {
			if math.IsNaN(v) {
				b.AppendNull()
				continue
			}
			switch bb := b.(type) {
			case *array.Float64Builder:
				bb.Append(v)
			case *array.Int64Builder:
				bb.Append(int64(v))
			case *array.Date32Builder:
				bb.Append(arrow.Date32(v))
			default:
				b.AppendNull()
			}
		}
		out = append(out, b.NewArray())
	})
	return out
}

// Noting returns the cohort with further notes that a reader must know of.
func (c *Cohort) Noting(ps Problems) *Cohort {
	out := *c
	out.notes = append(slices.Clone(c.notes), ps...)
	return &out
}

// SortByPatient returns the cohort with the rows of each table in the order of the
// patients' ids, those of one patient as they were: where ids are pseudonyms the
// order of rows no longer tells who came first.
func (c *Cohort) SortByPatient() *Cohort {
	out := &Cohort{dict: c.dict, excluded: c.excluded, notes: c.notes}
	for _, t := range c.tables {
		order := make([]int, t.rows)
		for r := range order {
			order[r] = r
		}
		slices.SortStableFunc(order, func(a, b int) int {
			return strings.Compare(c.patients[t.patient[a]], c.patients[t.patient[b]])
		})
		n := &Table{name: t.name, fields: t.fields, rows: t.rows, codes: t.codes, lines: []int32{}}
		for i, batches := range t.columns {
			n.columns = append(n.columns, gather(batches, order))
			n.why = append(n.why, gatherWhy(batches, t.why[i], order))
		}
		for _, r := range order {
			n.lines = append(n.lines, int32(t.line(r)))
		}
		out.tables = append(out.tables, n)
	}
	out.rejoin() // which agreed before
	return out
}

// gather returns a column's cells in another order, in batches of the same sizes.
func gather(batches []arrow.Array, order []int) []arrow.Array {
	var batch, at []int // of each row
	for b, a := range batches {
		for i := range a.Len() {
			batch, at = append(batch, b), append(at, i)
		}
	}
	var out []arrow.Array
	from := 0
	for _, a := range batches {
		b := array.NewBuilder(memory.DefaultAllocator, indexType(a))
		for _, r := range order[from : from+a.Len()] {
			appendCell(b, batches[batch[r]], at[r])
		}
		from += a.Len()
		cells := b.NewArray()
		if d, ok := a.(*array.Dictionary); ok {
			cells = array.NewDictionaryArray(d.DataType(), cells, d.Dictionary())
		}
		out = append(out, cells)
	}
	return out
}

// gatherWhy returns why the cells are missing, in another order.
func gatherWhy(batches []arrow.Array, why [][]byte, order []int) [][]byte {
	var all []byte
	some := false
	for b, a := range batches {
		if why[b] == nil {
			all = append(all, make([]byte, a.Len())...)
			continue
		}
		some = true
		all = append(all, why[b]...)
	}
	out := make([][]byte, len(batches))
	if !some {
		return out
	}
	from := 0
	for b, a := range batches {
		for _, r := range order[from : from+a.Len()] {
			out[b] = append(out[b], all[r])
		}
		from += a.Len()
	}
	return out
}

// indexType is the type of a column's cells, codes for text.
func indexType(a arrow.Array) arrow.DataType {
	if d, ok := a.DataType().(*arrow.DictionaryType); ok {
		return d.IndexType
	}
	return a.DataType()
}

func appendCell(b array.Builder, a arrow.Array, i int) {
	if a.IsNull(i) {
		b.AppendNull()
		return
	}
	switch v := a.(type) {
	case *array.Float64:
		b.(*array.Float64Builder).Append(v.Value(i))
	case *array.Int64:
		b.(*array.Int64Builder).Append(v.Value(i))
	case *array.Boolean:
		b.(*array.BooleanBuilder).Append(v.Value(i))
	case *array.Date32:
		b.(*array.Date32Builder).Append(v.Value(i))
	case *array.Timestamp:
		b.(*array.TimestampBuilder).Append(v.Value(i))
	case *array.Dictionary: // all batches of a column share their levels
		b.(*array.Int32Builder).Append(int32(v.GetValueIndex(i)))
	}
}
