package datasets

import (
	"iter"

	"github.com/apache/arrow/go/v17/arrow/array"
)

// Counts returns the levels of a text column, unused ones among them, and how
// many cells each has; nil for a column that is not text or not there. It copies
// no cell: a column of millions of rows costs a counter each.
func (t *Table) Counts(column string) (levels []string, cells []int) {
	i := t.index(column)
	if i < 0 || t.fields[i].Type != TypeString {
		return nil, nil
	}
	for _, a := range t.columns[i] {
		d, ok := a.(*array.Dictionary)
		if !ok {
			return nil, nil
		}
		if levels == nil {
			levels = dictionaryLevels(d)
			cells = make([]int, len(levels))
		}
		codes := d.Indices().(*array.Int32).Int32Values()
		if d.NullN() == 0 {
			for _, c := range codes {
				cells[c]++
			}
			continue
		}
		for r, c := range codes {
			if d.IsValid(r) {
				cells[c]++
			}
		}
	}
	return levels, cells
}

// Batches returns a column's cells as [Table.Floats] does, batch by batch. The
// slice is valid until the next one.
func (t *Table) Batches(column string) iter.Seq[[]float64] {
	return func(yield func([]float64) bool) {
		i := t.index(column)
		if i < 0 {
			return
		}
		var buf []float64
		for _, a := range t.columns[i] {
			buf = appendFloats(buf[:0], a)
			if !yield(buf) {
				return
			}
		}
	}
}
