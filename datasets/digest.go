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
// whichever format the values were read, and however they were cut into batches.
func (c *Cohort) Origin(ctx context.Context) (Origin, error) {
	var d Digester
	for _, t := range c.tables {
		if err := d.Add(ctx, t); err != nil {
			return Origin{}, err
		}
	}
	return d.Origin(c), nil
}

// Digester computes a cohort's digest from the batches of its tables, as [LoadOptions].Each
// gives them.
type Digester struct{ tables map[string][]*columnDigest }

// Add adds a batch of a table's rows. Columns are hashed side by side.
func (d *Digester) Add(ctx context.Context, t *Table) error {
	if d.tables == nil {
		d.tables = map[string][]*columnDigest{}
	}
	columns := d.tables[t.name]
	if columns == nil {
		for range t.fields {
			columns = append(columns, &columnDigest{block: sha256.New()})
		}
		d.tables[t.name] = columns
	}
	t.EachColumn(func(i int, _ Field) {
		for _, a := range t.columns[i] {
			if ctx.Err() == nil {
				columns[i].add(a)
			}
		}
	})
	return ctx.Err()
}

// Origin returns the digest of the rows added, with the cohort's size. The cohort
// may be one without rows.
func (d *Digester) Origin(c *Cohort) Origin {
	o := Origin{Dictionary: c.dict.Name, Patients: len(c.patients), Drafted: c.dict.Drafted, Allowed: c.dict.Privacy.allowed()}
	tables := c.Outline()
	slices.SortFunc(tables, func(a, b *Table) int { return strings.Compare(a.name, b.name) })
	top := sha256.New()
	for _, t := range tables {
		o.Rows += t.rows
		writeText(top, t.name)
		writeInt(top, uint64(t.rows))
		order := make([]int, len(t.fields))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return strings.Compare(t.fields[a].Name, t.fields[b].Name) })
		for _, i := range order {
			writeText(top, t.fields[i].Name)
			writeText(top, arrowType(t.fields[i].Type).String())
			if columns := d.tables[t.name]; columns != nil {
				top.Write(columns[i].finish())
			}
		}
	}
	o.Digest = hex.EncodeToString(top.Sum(nil))
	return o
}

// columnDigest is the digest of each block of a column's cells.
type columnDigest struct {
	block  hash.Hash
	rows   int    // in the block
	blocks []byte // digests of those that are full
	buf    []byte
	levels arrow.ArrayData // whose texts are known
	texts  []string        // in normal form C
}

func (d *columnDigest) add(a arrow.Array) {
	for from := 0; from < a.Len(); {
		to := min(a.Len(), from+batchRows-d.rows)
		d.cells(a, from, to)
		d.rows += to - from
		from = to
		if d.rows == batchRows {
			d.blocks = d.block.Sum(d.blocks)
			d.block.Reset()
			d.rows = 0
		}
	}
}

// finish returns the digests of all blocks.
func (d *columnDigest) finish() []byte {
	if d.rows > 0 {
		return d.block.Sum(slices.Clone(d.blocks))
	}
	return d.blocks
}

// cells writes cells into the block: 0 for a missing one, else 1 and the value.
func (d *columnDigest) cells(a arrow.Array, from, to int) {
	var value func(buf []byte, i int) []byte
	put := binary.LittleEndian.AppendUint64
	switch v := a.(type) {
	case *array.Float64:
		xs := v.Float64Values()
		value = func(buf []byte, i int) []byte {
			x := xs[i] + 0 // one zero
			if x != x {
				x = math.NaN()
			}
			return put(buf, math.Float64bits(x))
		}
	case *array.Int64:
		xs := v.Int64Values()
		value = func(buf []byte, i int) []byte { return put(buf, uint64(xs[i])) }
	case *array.Boolean:
		value = func(buf []byte, i int) []byte {
			if v.Value(i) {
				return put(buf, 1)
			}
			return put(buf, 0)
		}
	case *array.Date32:
		xs := v.Date32Values()
		value = func(buf []byte, i int) []byte { return put(buf, uint64(xs[i])) }
	case *array.Timestamp:
		xs := v.TimestampValues()
		value = func(buf []byte, i int) []byte { return put(buf, uint64(xs[i])) }
	case *array.Dictionary:
		if d.levels != v.Data().Dictionary() {
			d.levels, d.texts = v.Data().Dictionary(), dictionaryLevels(v)
			for i, s := range d.texts {
				if !plainText(s) {
					d.texts[i] = norm.NFC.String(s)
				}
			}
		}
		codes := dictionaryCodes(v)
		value = func(buf []byte, i int) []byte {
			s := d.texts[codes[i]]
			return append(put(buf, uint64(len(s))), s...)
		}
	}
	buf := d.buf[:0]
	some := a.NullN() > 0
	for i := from; i < to; i++ {
		if some && a.IsNull(i) {
			buf = append(buf, 0)
		} else {
			buf = value(append(buf, 1), i)
		}
		if len(buf) > 1<<15 {
			d.block.Write(buf)
			buf = buf[:0]
		}
	}
	d.block.Write(buf)
	d.buf = buf
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
