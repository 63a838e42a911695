package stata

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"recoup/datasets"
)

// strL names a long string, which cells refer to: the variable and the row where
// it was first met.
type strL struct {
	variable uint32
	row      uint64
}

// span is where a long string stands in the file.
type span struct {
	at     int64
	length uint32
	binary bool
}

var errStrL = errors.New("not a long string")

// readLong finds the long strings, which stand between the rows and the value
// labels. It keeps where they are, not what they say.
func (s *source) readLong(from, to int64) error {
	const foot = "</strls>"
	to -= int64(len(foot))
	if from > to {
		return s.damaged("a Stata file with its long strings before its value labels")
	}
	if err := s.markAt(to, foot); err != nil {
		return err
	}
	s.long = map[strL]span{}
	in := bufio.NewReaderSize(io.NewSectionReader(s.in, from, to-from), 1<<16)
	head := make([]byte, 16)
	if s.release >= 118 {
		head = make([]byte, 20)
	}
	for from < to {
		length, err := s.oneLong(in, head, from, to)
		if err != nil {
			return s.damaged("a Stata file whose long strings are inside it")
		}
		from += length
	}
	return nil
}

// oneLong notes one long string and returns how many bytes it takes.
func (s *source) oneLong(in *bufio.Reader, head []byte, from, to int64) (int64, error) {
	if _, err := io.ReadFull(in, head); err != nil {
		return 0, err
	}
	c := cursor{b: head, order: s.order}
	c.tag("GSO")
	key := strL{variable: c.u32()}
	if s.release >= 118 {
		key.row = c.u64()
	} else {
		key.row = uint64(c.u32())
	}
	form, length := c.u8(), c.u32()
	at := from + int64(len(head))
	if c.short || form != 129 && form != 130 || int64(length) > to-at {
		return 0, errStrL
	}
	if _, err := in.Discard(int(length)); err != nil {
		return 0, err
	}
	if _, dup := s.long[key]; !dup {
		s.long[key] = span{at: at, length: length, binary: form == 129}
	}
	return int64(len(head)) + int64(length), nil
}

// reference reads the eight bytes of a cell that name a long string. How they
// are shared between variable and row depends on the format; R's haven writes format
// 119 with the shares of 118, which the first such cell tells.
func (s *source) reference(raw []byte) strL {
	switch s.release {
	case 117:
		return strL{s.order.Uint32(raw), uint64(s.order.Uint32(raw[4:]))}
	case 118:
		return s.shared(raw, 2)
	}
	key := s.shared(raw, 3)
	if s.asIn118 == nil && key != (strL{}) {
		_, found := s.long[key]
		_, other := s.long[s.shared(raw, 2)]
		s.asIn118 = new(!found && other)
	}
	if s.asIn118 != nil && *s.asIn118 {
		return s.shared(raw, 2)
	}
	return key
}

// shared reads a reference whose variable takes so many of its bytes.
func (s *source) shared(raw []byte, bytesOfVariable int) strL {
	var a, b [8]byte
	if s.order == binary.ByteOrder(binary.LittleEndian) {
		copy(a[:], raw[:bytesOfVariable])
		copy(b[:], raw[bytesOfVariable:])
	} else {
		copy(a[8-bytesOfVariable:], raw[:bytesOfVariable])
		copy(b[bytesOfVariable:], raw[bytesOfVariable:])
	}
	return strL{uint32(s.order.Uint64(a[:])), s.order.Uint64(b[:])}
}

// longString returns the long string that a cell refers to.
func (s *source) longString(v variable, raw []byte) (string, error) {
	key := s.reference(raw)
	if key == (strL{}) {
		return "", nil
	}
	at, ok := s.long[key]
	if !ok {
		return "", s.refuseCell(v, datasets.CodeFile, "expected the long string that this cell refers to; the file is damaged", "write it again from its source")
	}
	if at.binary {
		return "", s.refuseCell(v, datasets.CodeType, "expected text, found binary content in a long string", "drop the column in Stata")
	}
	if at.length > maxCell+1 {
		return "", s.refuseCell(v, datasets.CodeTooLarge, fmt.Sprintf("expected cells of at most %d bytes", maxCell), "")
	}
	// Cells may share a string: a small file must not give text without end.
	if s.spent += int64(at.length); s.spent > 64<<20+64*s.size {
		return "", s.refuseCell(v, datasets.CodeTooLarge, "expected long strings of at most 64 times the file's size", "")
	}
	b, err := s.bytes(at.at, int64(at.length))
	if err != nil {
		return "", err
	}
	t, ok := s.decode(b)
	if !ok {
		return "", s.refuseCell(v, datasets.CodeEncoding, "expected text in the file's encoding", "say encoding: windows-1252 (or what the file is written in) for this table")
	}
	return t, nil
}
