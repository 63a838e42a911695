package datasets

import (
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow/array"
)

// EachColumn calls f for each column of the table, several at a time on several
// processors.
func (t *Table) EachColumn(f func(i int, field Field)) {
	var next atomic.Int32
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(t.fields)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(t.fields); i = int(next.Add(1)) - 1 {
				f(i, t.fields[i])
			}
		})
	}
	wg.Wait()
}

// Counts counts the cells of a text column, level by level and batch by batch.
type Counts struct {
	set   *texts
	cells []int
	size  int  // of the levels
	more  bool // there are more texts than are counted
}

// NewCounts returns counts of no cells.
func NewCounts() *Counts { return &Counts{set: newTexts(maphash.MakeSeed())} }

// Add counts a batch. Once the levels take more than most bytes new ones are no
// longer counted.
func (c *Counts) Add(b *Table, column string, most int) {
	i := b.index(column)
	if i < 0 || b.fields[i].Type != TypeString {
		return
	}
	var of []int32
	var last any
	for _, a := range b.columns[i] {
		d, ok := a.(*array.Dictionary)
		if !ok {
			continue
		}
		if d.Data().Dictionary() != last {
			last = d.Data().Dictionary()
			levels := dictionaryLevels(d)
			of = make([]int32, len(levels))
			for k, s := range levels {
				of[k] = c.number(s, most)
			}
		}
		some := d.NullN() > 0
		for r, code := range dictionaryCodes(d) {
			if some && d.IsNull(r) {
				continue
			}
			if n := of[code]; n >= 0 {
				c.cells[n]++
			}
		}
	}
}

func (c *Counts) number(s string, most int) int32 {
	n, sum := c.set.find(s)
	if n >= 0 {
		return n
	}
	if c.size+len(s) > most {
		c.more = true
		return -1
	}
	c.size += len(s)
	c.cells = append(c.cells, 0)
	return c.set.add(s, sum)
}

// Levels returns the levels, unused ones among them, and how many cells each has.
// More reports that there are others, which were not counted.
func (c *Counts) Levels() (levels []string, cells []int, more bool) {
	return c.set.all(), c.cells, c.more
}

// Counts returns the levels of a text column, unused ones among them, and how
// many cells each has; nil for a column that is not text or not there.
func (t *Table) Counts(column string) (levels []string, cells []int) {
	i := t.index(column)
	if i < 0 || t.fields[i].Type != TypeString {
		return nil, nil
	}
	c := NewCounts()
	c.Add(t, column, 1<<62)
	return c.set.all(), c.cells
}
