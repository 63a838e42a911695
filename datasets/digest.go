package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"golang.org/x/text/unicode/norm"
)

// Origin says which data a result was made from.
type Origin struct {
	Dictionary string `json:"dictionary"`
	Patients   int    `json:"patients"`
	Rows       int    `json:"rows"`
	Digest     string `json:"digest"`
	Drafted    bool   `json:"drafted,omitempty"`
	// Allowed is what the cohort file lets pass though it may identify a person, by
	// whom and why; column "dates" for all columns of dates.
	Allowed []Allowance `json:"allowed,omitempty"`
}

// Origin computes the cohort's digest and returns it with its size.
//
// The digest is a SHA-256 tree over the typed values: tables and columns in name
// order, rows in file order in blocks of 65,536, numbers as bits (one zero, one
// NaN), texts in normal form C, missing as its own mark. It is the same from
// whichever format the values were read.
func (c *Cohort) Origin(ctx context.Context) (Origin, error) {
	o := Origin{Dictionary: c.dict.Name, Patients: len(c.patients), Rows: c.Rows(), Drafted: c.dict.Drafted, Allowed: c.dict.Privacy.allowed()}
	tables := slices.Clone(c.tables)
	slices.SortFunc(tables, func(a, b *Table) int { return strings.Compare(a.name, b.name) })
	top := sha256.New()
	for _, t := range tables {
		writeText(top, t.name)
		writeInt(top, uint64(t.rows))
		order := make([]int, len(t.fields))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return strings.Compare(t.fields[a].Name, t.fields[b].Name) })
		for _, i := range order {
			if err := ctx.Err(); err != nil {
				return o, err
			}
			writeText(top, t.fields[i].Name)
			writeText(top, arrowType(t.fields[i].Type).String())
			digestColumn(top, t.columns[i])
		}
	}
	o.Digest = hex.EncodeToString(top.Sum(nil))
	return o, nil
}

// digestColumn writes the digest of each block of a column's cells.
func digestColumn(top hash.Hash, batches []arrow.Array) {
	block := sha256.New()
	n := 0
	for _, a := range batches {
		var levels []string
		if d, ok := a.(*array.Dictionary); ok {
			levels = dictionaryLevels(d)
		}
		for i := range a.Len() {
			digestCell(block, a, i, levels)
			if n++; n == batchRows {
				top.Write(block.Sum(nil))
				block.Reset()
				n = 0
			}
		}
	}
	if n > 0 {
		top.Write(block.Sum(nil))
	}
}

func digestCell(h hash.Hash, a arrow.Array, i int, levels []string) {
	if a.IsNull(i) {
		h.Write([]byte{0})
		return
	}
	h.Write([]byte{1})
	switch v := a.(type) {
	case *array.Float64:
		x := v.Value(i)
		if x == 0 {
			x = 0
		}
		if x != x {
			x = math.NaN()
		}
		writeInt(h, math.Float64bits(x+0))
	case *array.Int64:
		writeInt(h, uint64(v.Value(i)))
	case *array.Boolean:
		b := uint64(0)
		if v.Value(i) {
			b = 1
		}
		writeInt(h, b)
	case *array.Date32:
		writeInt(h, uint64(v.Value(i)))
	case *array.Timestamp:
		writeInt(h, uint64(v.Value(i)))
	case *array.Dictionary:
		writeText(h, levels[v.GetValueIndex(i)])
	}
}

func writeInt(h hash.Hash, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	h.Write(b[:])
}

func writeText(h hash.Hash, s string) {
	s = norm.NFC.String(s)
	writeInt(h, uint64(len(s)))
	h.Write([]byte(s))
}

// quarterOf returns the calendar quarter of a day since 1970, "" for NaN.
func quarterOf(day float64) string {
	if math.IsNaN(day) {
		return ""
	}
	t := time.Unix(int64(day)*86_400, 0).UTC()
	return t.Format("2006") + "Q" + string(rune('1'+(int(t.Month())-1)/3))
}
