package spss

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// Bytecodes of compressed rows. Those between are whole numbers plus the bias.
const (
	codePad     = 0
	codeEnd     = 252
	codeLiteral = 253
	codeBlanks  = 254
	codeMissing = 255
)

// Limits of a .zsav file: of one block, and of all text that a small file may
// grow to.
const (
	maxBlock   = 16 << 20
	maxGrowth  = 50
	freeGrowth = 256 << 20
)

var (
	errShort   = errors.New("that goes on to its end")
	errCode    = errors.New("whose compressed rows can be read")
	errBlocks  = errors.New("whose compressed blocks are inside it")
	errGrowing = errors.New("that does not grow without bound when it is unpacked")
	errRows    = errors.New("that is as long as its rows need")
)

// stream gives the elements of the rows one after the other.
type stream struct {
	in      *bufio.Reader
	head    head
	packed  bool
	codes   [8]byte
	next    int // index of the next code; 8 when more must be read
	over    bool
	literal [element]byte
}

// openStream opens the rows, which begin at a place of the file.
func openStream(in io.ReaderAt, at, size int64, h head, elements int64) (stream, error) {
	s := stream{head: h, packed: h.compression > 0, next: 8}
	have := size - at // elements that the file can hold: one byte each at least
	if !s.packed {
		have /= element
	}
	var rows io.Reader = io.NewSectionReader(in, at, size-at)
	if h.compression == 2 {
		z, err := openBlocks(in, at, size, h.order)
		if err != nil {
			return s, err
		}
		rows, have = z, z.total
	}
	if h.rows > have/elements {
		return s, errRows
	}
	s.in = bufio.NewReaderSize(rows, 1<<18)
	return s, nil
}

// ended reports, before a row of a file that does not say how many it has, that
// there are no more.
func (s *stream) ended() bool {
	if s.over || !s.packed {
		_, err := s.in.Peek(1)
		return s.over || err != nil
	}
	c, err := s.code()
	if err != nil || c == codeEnd {
		s.over = errors.Is(err, io.EOF) || c == codeEnd
		return s.over // another error comes again when the row is read
	}
	s.next-- // not taken
	return false
}

// code returns the next bytecode that is not filling.
func (s *stream) code() (byte, error) {
	for {
		if s.next == 8 {
			if _, err := io.ReadFull(s.in, s.codes[:]); err != nil {
				return 0, err
			}
			s.next = 0
		}
		c := s.codes[s.next]
		s.next++
		if c != codePad {
			return c, nil
		}
	}
}

func (s *stream) raw() error {
	_, err := io.ReadFull(s.in, s.literal[:])
	return err
}

// number returns the next element as a number, false where it is missing.
func (s *stream) number() (v float64, present bool, err error) {
	if s.packed {
		c, err := s.code()
		switch {
		case err != nil:
			return 0, false, err
		case c == codeEnd || c == codeBlanks:
			return 0, false, errCode
		case c == codeMissing:
			return 0, false, nil
		case c != codeLiteral:
			return float64(c) - s.head.bias, true, nil
		}
	}
	if err := s.raw(); err != nil {
		return 0, false, err
	}
	v = math.Float64frombits(s.head.order.Uint64(s.literal[:]))
	return v, !s.head.isMissing(v), nil
}

// appendText appends the next element as eight bytes of text.
func (s *stream) appendText(b []byte) ([]byte, error) {
	if s.packed {
		c, err := s.code()
		switch {
		case err != nil:
			return b, err
		case c == codeBlanks:
			return append(b, "        "...), nil
		case c != codeLiteral:
			return b, errCode
		}
	}
	if err := s.raw(); err != nil {
		return b, err
	}
	return append(b, s.literal[:]...), nil
}

// blocks reads the bytecodes of a .zsav file, which stand in blocks compressed
// one by one and listed at the end of the file.
type blocks struct {
	in    io.ReaderAt
	list  []block
	total int64 // bytes when unpacked
	data  []byte
	z     io.ReadCloser
	buf   bytes.Buffer
}

type block struct{ at, packed, unpacked int64 }

func openBlocks(in io.ReaderAt, at, size int64, order binary.ByteOrder) (*blocks, error) {
	r := newReader(in, size)
	if err := r.move(at); err != nil {
		return nil, err
	}
	r.order = order
	here, trailer, length := int64(r.u64()), int64(r.u64()), int64(r.u64())
	if r.err != nil || here != at || trailer < at+24 || length < 24 || trailer > size || length > size-trailer {
		return nil, errBlocks
	}
	if err := r.move(trailer); err != nil {
		return nil, err
	}
	r.take(16) // bias and zero
	r.u32()    // the usual size of a block
	n := int64(r.u32())
	if r.err != nil || 24+24*n != length {
		return nil, errBlocks
	}
	b := &blocks{in: in}
	from, unpackedFrom := at+24, at
	for range n {
		logical, place := int64(r.u64()), int64(r.u64())
		k := block{at: place, unpacked: int64(r.u32()), packed: int64(r.u32())}
		if r.err != nil || logical != unpackedFrom || k.at != from || k.unpacked > maxBlock || k.packed > trailer-from {
			return nil, errBlocks
		}
		from += k.packed
		unpackedFrom += k.unpacked
		b.total += k.unpacked
		b.list = append(b.list, k)
	}
	if from != trailer {
		return nil, errBlocks
	}
	if b.total > freeGrowth+maxGrowth*size {
		return nil, errGrowing
	}
	return b, nil
}

// Read implements io.Reader.
func (b *blocks) Read(p []byte) (int, error) {
	for len(b.data) == 0 {
		if len(b.list) == 0 {
			return 0, io.EOF
		}
		if err := b.unpack(b.list[0]); err != nil {
			return 0, err
		}
		b.list = b.list[1:]
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}

// unpack reads one block, whose size must be the one promised.
func (b *blocks) unpack(k block) error {
	in := io.NewSectionReader(b.in, k.at, k.packed)
	var err error
	if b.z == nil {
		b.z, err = zlib.NewReader(in)
	} else {
		err = b.z.(zlib.Resetter).Reset(in, nil)
	}
	if err != nil {
		return errBlocks
	}
	b.buf.Reset()
	n, err := b.buf.ReadFrom(io.LimitReader(b.z, k.unpacked+1))
	if err != nil || n != k.unpacked {
		return errBlocks
	}
	b.data = b.buf.Bytes()
	return nil
}
