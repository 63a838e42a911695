package spss

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
)

var (
	errEBCDIC  = errors.New("in EBCDIC")
	errTooMany = errors.New("of so many variables")
	errMark    = errors.New("that begins with its mark")
	errRecord  = errors.New("whose records are of known kinds and sizes")
	errLabels  = errors.New("whose value labels belong to its variables")
)

// reader reads the records before the rows one after the other. The first error
// stays; after it all is zero.
type reader struct {
	src   io.ReaderAt
	size  int64
	at    int64
	in    *bufio.Reader
	order binary.ByteOrder
	err   error
}

func newReader(src io.ReaderAt, size int64) *reader {
	return &reader{src: src, size: size, in: bufio.NewReaderSize(io.NewSectionReader(src, 0, size), 1<<16), order: binary.LittleEndian}
}

// move goes on at another place of the file.
func (r *reader) move(at int64) error {
	if at < 0 || at > r.size {
		return errShort
	}
	r.at = at
	r.in.Reset(io.NewSectionReader(r.src, at, r.size-at))
	return nil
}

// take returns the next n bytes, if the file has them.
func (r *reader) take(n int64) []byte {
	if r.err == nil && (n < 0 || n > r.size-r.at) {
		r.err = errShort
	}
	if r.err != nil {
		return make([]byte, min(max(n, 0), element))
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.in, b); err != nil {
		r.err = errShort
	}
	r.at += n
	return b
}

func (r *reader) u8() byte    { return r.take(1)[0] }
func (r *reader) u32() uint32 { return r.order.Uint32(r.take(4)) }
func (r *reader) i32() int64  { return int64(int32(r.u32())) }
func (r *reader) u64() uint64 { return r.order.Uint64(r.take(8)) }

// head is what the file says of its rows.
type head struct {
	order                    binary.ByteOrder
	compression              int
	rows                     int64 // -1 where the file does not say
	bias                     float64
	missing, lowest, highest float64 // numbers that stand for none, and the ends of ranges
}

// isMissing reports a number that stands for none.
func (h head) isMissing(v float64) bool {
	return v == h.missing || v == h.lowest || v == h.highest || v != v
}

// dictionary is what stands before the rows, as bytes.
type dictionary struct {
	head       head
	records    []record // one for each element of a row
	labels     []labels
	longNames  []byte
	longTexts  []byte
	textLabels []byte // of texts longer than an element
	textCodes  []byte // missing, of texts longer than an element
	charset    string
}

// record is one variable record; width -1 continues the one before.
type record struct {
	width   int64 // 0 for numbers
	name    []byte
	label   []byte
	format  byte
	missing [][element]byte
	ranged  bool // the first two are the ends of a range
}

// labels is a set of value labels and the elements of a row that it is for.
type labels struct {
	values [][element]byte
	texts  [][]byte
	of     []int64
}

// readDictionary reads all that stands before the rows.
func readDictionary(r *reader) (*dictionary, error) {
	d := &dictionary{}
	if err := d.readHead(r); err != nil {
		return nil, err
	}
	for {
		kind := r.u32()
		var err error
		switch {
		case r.err != nil:
			return nil, r.err
		case kind == 2:
			err = d.readVariable(r)
		case kind == 3:
			err = d.readLabels(r)
		case kind == 6:
			r.take(80 * r.i32())
		case kind == 7:
			err = d.readExtension(r)
		case kind == 999:
			r.take(4)
			return d, r.err
		default:
			err = errRecord
		}
		if err != nil {
			return nil, err
		}
		if r.err != nil {
			return nil, r.err
		}
	}
}

func (d *dictionary) readHead(r *reader) error {
	b := r.take(176)
	if r.err != nil {
		return errMark
	}
	switch mark := string(b[:4]); {
	case mark == "\x5b\xc6\xd3\xf2": // $FL2
		return errEBCDIC
	case mark != "$FL2" && mark != "$FL3":
		return errMark
	}
	switch le, be := binary.LittleEndian.Uint32(b[64:]), binary.BigEndian.Uint32(b[64:]); {
	case le == 2 || le == 3:
	case be == 2 || be == 3:
		r.order = binary.BigEndian
	default:
		return errMark
	}
	h := &d.head
	h.order = r.order
	h.compression = int(r.order.Uint32(b[72:]))
	h.rows = int64(int32(r.order.Uint32(b[80:])))
	h.bias = math.Float64frombits(r.order.Uint64(b[84:]))
	h.missing, h.highest = -math.MaxFloat64, math.MaxFloat64
	h.lowest = math.Nextafter(-math.MaxFloat64, 0)
	if h.compression < 0 || h.compression > 2 || h.rows < -1 || !(math.Abs(h.bias) < 1e6) {
		return errRecord
	}
	return nil
}

func (d *dictionary) readVariable(r *reader) error {
	v := record{width: r.i32()}
	labelled, missing, format := r.u32(), r.i32(), r.u32()
	r.u32() // the format for writing
	v.format = byte(format >> 16)
	v.name = r.take(8)
	if labelled > 1 || missing < -3 || missing > 3 || missing == -1 || v.width < -1 || v.width > 255 {
		return errRecord
	}
	if labelled == 1 {
		n := r.i32()
		v.label = r.take(n)
		r.take((4 - n%4) % 4)
	}
	v.ranged = missing < 0
	for range max(missing, -missing) {
		var m [element]byte
		copy(m[:], r.take(element))
		v.missing = append(v.missing, m)
	}
	d.records = append(d.records, v)
	return nil
}

// readLabels reads a set of labels and the record that says what it is for.
func (d *dictionary) readLabels(r *reader) error {
	var l labels
	for n := r.i32(); n > 0 && r.err == nil; n-- {
		var v [element]byte
		copy(v[:], r.take(element))
		size := int64(r.u8())
		l.values = append(l.values, v)
		l.texts = append(l.texts, r.take(size))
		r.take((element - (size+1)%element) % element)
	}
	if r.u32() != 4 {
		return errLabels
	}
	for n := r.i32(); n > 0 && r.err == nil; n-- {
		at := r.i32()
		if at < 1 || at > int64(len(d.records)) {
			return errLabels
		}
		l.of = append(l.of, at-1)
	}
	d.labels = append(d.labels, l)
	return nil
}

// readExtension reads a record of kind 7; those of no use here are passed over.
func (d *dictionary) readExtension(r *reader) error {
	subtype, size, count := r.u32(), r.i32(), r.i32()
	if size < 0 || count < 0 || r.err != nil {
		return errRecord
	}
	b := r.take(size * count)
	if r.err != nil {
		return r.err
	}
	switch subtype {
	case 3:
		if len(b) < 32 {
			return errRecord
		}
		if page := int(int32(r.order.Uint32(b[28:]))); d.charset == "" {
			d.charset = codePage(page)
		}
	case 4:
		if len(b) < 24 {
			return errRecord
		}
		d.head.missing = math.Float64frombits(r.order.Uint64(b))
		d.head.highest = math.Float64frombits(r.order.Uint64(b[8:]))
		d.head.lowest = math.Float64frombits(r.order.Uint64(b[16:]))
	case 13:
		d.longNames = b
	case 14:
		d.longTexts = b
	case 16:
		if len(b) >= 16 && d.head.rows < 0 {
			d.head.rows = int64(r.order.Uint64(b[8:]))
			if d.head.rows < -1 {
				return errRecord
			}
		}
	case 20:
		d.charset = strings.Trim(string(b), " \x00")
	case 21:
		d.textLabels = b
	case 22:
		d.textCodes = b
	}
	return nil
}
