package datasets

import (
	"math"
	mathbits "math/bits"
)

// copied finds rows of visits whose measurements, all of them, are those of another
// patient's row.
//
// How often chance makes two such rows is worked out from the table itself: a value
// counts for -log2 of the share of the column's cells that fall into the same of 64
// bins, and the row for half of the sum over its cells, since answers of one patient
// go together. That must exceed the bits of the number of pairs of rows by copyBits:
// one table in 2^copyBits, about a thousand, gives a false finding if halving is enough
// for how much its columns tell of each other. Rows with fewer than copyValues different
// values are passed over: many are without any trouble, and answer so throughout.
//
// Note: a fixed number of equal columns was tried first. Nine items with answers from
// 0 to 3 are shared by chance in every cohort of some thousand rows.
type copied struct {
	*found
	held    *held
	columns []string
	counts  [][copyBins]int32
	v       [][]float64
	sums    []uint64
	first   map[uint64]int32 // a sum's first row among those held
	again   []again
	n       int // rows looked at
}

// again is a row whose measurements were there before.
type again struct {
	row  int32
	bins []uint8
}

const (
	copyBins    = 64
	copyBits    = 10
	copyValues  = 4
	copyColumns = 8       // fewer cannot tell a copy from chance
	copyMost    = 1 << 14 // more repeated rows are no copies but a coarse table
)

func (t *tableReader) copyFinders(b *Table) []finder {
	if _, ok := b.Field(RoleVisit); !ok || !t.once {
		return nil
	}
	var columns []string
	for _, x := range t.r.Schema.Fields { // not scores, which items give
		if (x.Role == RoleOutcome || x.Role == RoleItem) && b.Has(x.Name) {
			columns = append(columns, x.Name)
		}
	}
	if len(columns) < copyColumns {
		return nil
	}
	f := t.finds(CodeCopiedVisit, "", "expected no two patients with the same values in all %d outcomes and items of a visit", len(columns))
	if f == nil {
		return nil
	}
	return []finder{&copied{
		found: f, held: t.hold(CodeCopiedVisit), columns: columns, counts: make([][copyBins]int32, len(columns)),
		v: make([][]float64, len(columns)), first: map[uint64]int32{},
	}}
}

// bin puts a value into one of the bins; missing values have their own sum.
func bin(v float64) uint8 { return uint8(mix(1, math.Float64bits(v)) % copyBins) }

func (f *copied) look(b *Table) {
	rows := f.t.holding
	if rows == 0 {
		return
	}
	answered := make([]int, rows)
	f.sums = append(f.sums[:0], make([]uint64, rows)...)
	for i, name := range f.columns {
		f.v[i] = b.AppendFloats(f.v[i][:0], name)
		for r, v := range f.v[i][:rows] {
			if v != v {
				v = math.Inf(1)
			} else {
				answered[r]++
			}
			f.counts[i][bin(v)]++
			f.sums[r] = mix(f.sums[r], math.Float64bits(v))
		}
	}
	for r, sum := range f.sums {
		at := int32(f.n + r)
		switch first, ok := f.first[sum]; {
		case answered[r] < copyColumns:
		case !ok:
			f.first[sum] = at
		case f.held.patient[first] != b.patient[r] && len(f.again) <= copyMost:
			bins := make([]uint8, len(f.columns))
			for i := range bins {
				v := f.v[i][r]
				if v != v {
					v = math.Inf(1)
				}
				bins[i] = bin(v)
			}
			f.again = append(f.again, again{at, bins})
		}
	}
	f.n += rows
}

func (f *copied) tell() {
	if len(f.again) > copyMost {
		return
	}
	needed := 2*math.Log2(float64(f.n)) - 1 + copyBits
	for _, a := range f.again {
		bits, values := 0.0, uint64(0)
		for i, k := range a.bins {
			values |= 1 << k
			bits -= math.Log2(float64(f.counts[i][k]) / float64(f.n))
		}
		if bits/2 > needed && mathbits.OnesCount64(values) >= copyValues {
			f.held.tell(f.found, a.row)
		}
	}
	f.found.tell()
}
