package datasets

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// An Arrow file says in its footer, in Google's FlatBuffers, which columns it has and
// where its batches lie. The decoder takes memory for every count that stands there,
// so counts and places are held against the file first. A cohort's tables have no
// nested columns: a footer with some is refused.

var errIPC = errors.New("not an Arrow file of flat columns")

// otherArrow is what a file is that is not of the format, but nearly.
type otherArrow string

// Error implements error.
func (o otherArrow) Error() string { return string(o) }

// nestedError is the name of a column of lists or groups.
type nestedError string

// Error implements error.
func (nestedError) Error() string { return errIPC.Error() }

const maxIPCFooter = 64 << 20

// checkIPC checks the footer of a file of the size.
func checkIPC(r io.ReaderAt, size int64) error {
	var tail [10]byte
	if size < 20 {
		return errIPC
	}
	if _, err := r.ReadAt(tail[:], size-10); err != nil {
		return err
	}
	n := int64(int32(binary.LittleEndian.Uint32(tail[:4])))
	var head [4]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return err
	}
	switch string(head[:]) {
	case "\xff\xff\xff\xff":
		return otherArrow("a stream of Arrow IPC")
	case "FEA1":
		return otherArrow("a Feather file of version 1")
	}
	if string(tail[4:]) != "ARROW1" || n <= 8 || n > maxIPCFooter || n > size-18 {
		return errIPC
	}
	footer := flat(make([]byte, n))
	if _, err := r.ReadAt(footer, size-10-n); err != nil {
		return err
	}
	root, ok := footer.follow(0)
	if !ok {
		return errIPC
	}
	for _, slot := range []int{2, 3} { // dictionaries and record batches
		at, count, ok := footer.list(root, slot, 24)
		if !ok {
			return errIPC
		}
		for i := range count {
			block := footer[at+24*i:]
			offset, meta, body := int64(binary.LittleEndian.Uint64(block)), int64(int32(binary.LittleEndian.Uint32(block[8:]))), int64(binary.LittleEndian.Uint64(block[16:]))
			if offset < 8 || meta <= 0 || body < 0 || offset > size || body > size || offset+meta+body > size {
				return errIPC
			}
		}
	}
	schema, ok := footer.table(root, 1)
	if !ok || schema == 0 {
		return errIPC
	}
	at, count, ok := footer.list(schema, 1, 4)
	if !ok || count > maxColumns {
		return errIPC
	}
	if _, _, ok := footer.list(schema, 2, 4); !ok {
		return errIPC
	}
	for i := range count {
		field, ok := footer.follow(at + 4*i)
		if !ok {
			return errIPC
		}
		_, children, ok := footer.list(field, 5, 4)
		name, size, named := footer.list(field, 0, 1)
		switch {
		case !ok || !named:
			return errIPC
		case children > 0:
			return nestedError(footer[name : name+size])
		}
		if _, _, ok := footer.list(field, 6, 4); !ok {
			return errIPC
		}
	}
	return nil
}

// flat is a FlatBuffer: tables that find their fields by a table of offsets.
type flat []byte

// follow returns the place that the offset at a place points to.
func (b flat) follow(at int) (int, bool) {
	if at < 0 || at+4 > len(b) {
		return 0, false
	}
	to := at + int(binary.LittleEndian.Uint32(b[at:]))
	return to, to >= 0 && to+4 <= len(b)
}

// field returns the place of a table's field, 0 where the table has none.
func (b flat) field(table, slot int) (int, bool) {
	if table < 0 || table+4 > len(b) {
		return 0, false
	}
	fields := table - int(int32(binary.LittleEndian.Uint32(b[table:])))
	if fields < 0 || fields+4 > len(b) {
		return 0, false
	}
	size := int(binary.LittleEndian.Uint16(b[fields:]))
	at := 4 + 2*slot
	if fields+size > len(b) {
		return 0, false
	}
	if at+2 > size {
		return 0, true
	}
	offset := int(binary.LittleEndian.Uint16(b[fields+at:]))
	if offset == 0 {
		return 0, true
	}
	return table + offset, table+offset+4 <= len(b)
}

// table returns the table that a field points to, 0 where there is none.
func (b flat) table(table, slot int) (int, bool) {
	at, ok := b.field(table, slot)
	if !ok || at == 0 {
		return 0, ok
	}
	return b.follow(at)
}

// list returns where the elements of a field's list begin and how many there are.
func (b flat) list(table, slot, width int) (at, count int, ok bool) {
	at, ok = b.table(table, slot)
	if !ok || at == 0 {
		return 0, 0, ok
	}
	count = int(binary.LittleEndian.Uint32(b[at:]))
	return at + 4, count, count <= (len(b)-at-4)/width
}

// sound reports an array whose cells can all be read: the decoder believes offsets,
// codes and the count of missing cells.
func sound(a arrow.Array) bool {
	missing := 0
	for i := range a.Len() {
		if a.IsNull(i) {
			missing++
		}
	}
	if missing != a.NullN() {
		return false
	}
	switch v := a.(type) {
	case *array.Dictionary:
		n := v.Dictionary().Len()
		for i := range v.Len() {
			if v.IsValid(i) && (v.GetValueIndex(i) < 0 || v.GetValueIndex(i) >= n) {
				return false
			}
		}
		return sound(v.Dictionary())
	case *array.String:
		for i := range v.Len() {
			_ = v.Value(i) // out of bounds it is a panic, which the guard turns into an error
		}
	case *array.Float64, *array.Float32, *array.Int64, *array.Int32, *array.Int16, *array.Int8, *array.Date32, *array.Timestamp, *array.Boolean:
	default:
		for i := range v.Len() {
			_ = cellText(v, i)
		}
	}
	return true
}
