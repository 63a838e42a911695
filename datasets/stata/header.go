package stata

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"recoup/datasets"
)

const opening = "<stata_dta><header><release>"

// cursor reads numbers and texts one after the other. Once it is asked for more
// than there is it is short, and gives nothing but zeros.
type cursor struct {
	b     []byte
	order binary.ByteOrder
	short bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.short, c.b = true, nil
		return make([]byte, min(max(n, 0), 8))
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

// tag takes a mark that must stand here.
func (c *cursor) tag(mark string) {
	if string(c.take(len(mark))) != mark {
		c.short, c.b = true, nil
	}
}

func (c *cursor) u8() byte    { return c.take(1)[0] }
func (c *cursor) u16() uint16 { return c.order.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return c.order.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return c.order.Uint64(c.take(8)) }

// layout is how wide the texts about variables are in a format.
type layout struct{ name, format, title int64 }

var (
	oldLayout  = layout{name: 33, format: 49, title: 81}
	wideLayout = layout{name: 129, format: 57, title: 321} // of 118 and 119
)

// oldFormat reads the head of formats 114 and 115, which have no marks between
// their parts.
func (s *source) oldFormat(head []byte, res datasets.Resource) error {
	s.release = int(head[0])
	switch head[1] {
	case 1:
		s.order = binary.BigEndian
	case 2:
		s.order = binary.LittleEndian
	default:
		return s.damaged("a Stata file that says its byte order")
	}
	if err := s.encoding(res); err != nil {
		return err
	}
	c := cursor{b: head[4:], order: s.order}
	k, n := int64(c.u16()), int64(c.u32())
	if err := s.checkSize(k, n); err != nil {
		return err
	}
	const at = 109
	l := oldLayout
	sizes := []int64{k, l.name * k, 2 * (k + 1), l.format * k, l.name * k, l.title * k}
	parts := make([][]byte, len(sizes))
	from := int64(at)
	for i, size := range sizes {
		var err error
		if parts[i], err = s.bytes(from, size); err != nil {
			return err
		}
		from += size
	}
	codes := make([]uint16, k)
	for i, b := range parts[0] {
		codes[i] = uint16(b)
	}
	if err := s.variables(codes, parts[1], parts[3], parts[4], parts[5], l); err != nil {
		return err
	}
	from, err := s.skipNotes(from)
	if err != nil {
		return err
	}
	s.data = from
	return s.checkRows()
}

// skipNotes passes over the notes that formats 114 and 115 keep before the rows.
func (s *source) skipNotes(from int64) (int64, error) {
	const most = 1 << 20
	for range most {
		b, err := s.bytes(from, 5)
		if err != nil {
			return 0, err
		}
		n := int64(int32(s.order.Uint32(b[1:])))
		from += 5
		if b[0] == 0 && n == 0 {
			return from, nil
		}
		if n < 0 || n > s.size-from {
			return 0, s.damaged("a Stata file whose notes end inside it")
		}
		from += n
	}
	return 0, s.damaged(fmt.Sprintf("a Stata file of at most %d notes", most))
}

// newFormat reads the head of formats 117 to 119, whose parts stand between
// marks, and returns where the value labels begin.
func (s *source) newFormat(head []byte, res datasets.Resource) (int64, error) {
	c := cursor{b: head, order: binary.LittleEndian}
	c.tag(opening)
	s.release, _ = strconv.Atoi(string(c.take(3)))
	if s.release < 117 || s.release > 119 {
		return 0, s.damaged("a Stata file of format 117, 118 or 119")
	}
	c.tag("</release><byteorder>")
	switch string(c.take(3)) {
	case "MSF":
		c.order = binary.BigEndian
	case "LSF":
	default:
		return 0, s.damaged("a Stata file that says its byte order")
	}
	s.order = c.order
	if err := s.encoding(res); err != nil {
		return 0, err
	}
	k, n := s.counts(&c)
	c.tag("<timestamp>")
	c.take(int(c.u8()))
	c.tag("</timestamp></header><map>")
	var places [14]int64
	for i := range places {
		places[i] = int64(c.u64())
	}
	c.tag("</map>")
	if c.short {
		return 0, s.damaged("a Stata file with its header")
	}
	if err := s.checkSize(k, n); err != nil {
		return 0, err
	}
	if places[13] < 0 || places[13] > s.size {
		return 0, s.damaged("a Stata file that goes on to its end")
	}
	if err := s.marked(int64(len(head)-len(c.b)), k); err != nil {
		return 0, err
	}
	return places[11], s.rowsAt(places)
}

// counts reads the numbers of variables and rows, and passes over the title.
func (s *source) counts(c *cursor) (k, n int64) {
	c.tag("</byteorder><K>")
	if s.release == 119 {
		k = int64(c.u32())
	} else {
		k = int64(c.u16())
	}
	c.tag("</K><N>")
	if s.release == 117 {
		n = int64(c.u32())
	} else {
		n = int64(c.u64())
	}
	c.tag("</N><label>")
	if s.release == 117 {
		c.take(int(c.u8()))
	} else {
		c.take(int(c.u16()))
	}
	c.tag("</label>")
	return k, n
}

// marked reads what stands of the variables between marks, from a place on.
func (s *source) marked(from, k int64) error {
	l, sort := oldLayout, int64(2)
	if s.release >= 118 {
		l = wideLayout
	}
	if s.release == 119 {
		sort = 4
	}
	parts := []struct {
		mark string
		size int64
		b    []byte
	}{
		{"variable_types", 2 * k, nil},
		{"varnames", l.name * k, nil},
		{"sortlist", sort * (k + 1), nil},
		{"formats", l.format * k, nil},
		{"value_label_names", l.name * k, nil},
		{"variable_labels", l.title * k, nil},
	}
	for i, p := range parts {
		head, foot := []byte("<"+p.mark+">"), []byte("</"+p.mark+">")
		b, err := s.bytes(from, int64(len(head)+len(foot))+p.size)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(b, head) || !bytes.HasSuffix(b, foot) {
			return s.damaged("a Stata file with " + p.mark + " in their place")
		}
		parts[i].b = b[len(head) : len(b)-len(foot)]
		from += int64(len(b))
	}
	codes := make([]uint16, k)
	for i := range codes {
		codes[i] = s.order.Uint16(parts[0].b[2*i:])
	}
	return s.variables(codes, parts[1].b, parts[3].b, parts[4].b, parts[5].b, l)
}

// rowsAt finds the rows and the long strings of formats 117 to 119.
func (s *source) rowsAt(places [14]int64) error {
	const mark = "<data>"
	s.data = places[9] + int64(len(mark))
	if err := s.markAt(places[9], mark); err != nil {
		return err
	}
	if err := s.checkRows(); err != nil {
		return err
	}
	foot := "</data><strls>"
	strls := s.data + s.rows*s.width
	if err := s.markAt(strls, foot); err != nil {
		return err
	}
	if err := s.markAt(places[11], "<value_labels>"); err != nil {
		return err
	}
	return s.readLong(strls+int64(len(foot)), places[11])
}

// markAt checks that a mark stands at a place.
func (s *source) markAt(at int64, mark string) error {
	b, err := s.bytes(at, int64(len(mark)))
	if err != nil {
		return err
	}
	if string(b) != mark {
		return s.damaged("a Stata file with " + mark + " in its place")
	}
	return nil
}

func (s *source) checkSize(k, n int64) error {
	if k > maxColumns {
		return s.refuse(datasets.CodeTooLarge, fmt.Sprintf("expected at most %d columns", maxColumns), "")
	}
	if k <= 0 || n < 0 {
		return s.damaged("a Stata file with variables")
	}
	s.rows = n
	return nil
}

// checkRows checks that the file is as long as its rows need.
func (s *source) checkRows() error {
	if s.data < 0 || s.data > s.size || s.rows > (s.size-s.data)/s.width {
		return s.damaged(fmt.Sprintf("a Stata file of %d rows of %d bytes", s.rows, s.width))
	}
	return nil
}

// variables puts together what is known of each variable.
func (s *source) variables(codes []uint16, names, formats, sets, titles []byte, l layout) error {
	s.vars = make([]variable, len(codes))
	for i, code := range codes {
		v := &s.vars[i]
		var ok bool
		if s.release < 117 {
			v.kind, v.width, ok = oldKind(code)
		} else {
			v.kind, v.width, ok = newKind(code)
		}
		if !ok {
			return s.damaged("a Stata file whose variables are of known types")
		}
		at := int64(i)
		for _, t := range []struct {
			to   *string
			from []byte
		}{
			{&v.name, names[at*l.name : (at+1)*l.name]},
			{&v.format, formats[at*l.format : (at+1)*l.format]},
			{&v.set, sets[at*l.name : (at+1)*l.name]},
			{&v.title, titles[at*l.title : (at+1)*l.title]},
		} {
			if *t.to, ok = s.decode(t.from); !ok {
				return s.refuse(datasets.CodeEncoding, "expected names and labels in the file's encoding", "say encoding: windows-1252 (or what the file is written in) for this table")
			}
		}
		v.unit = unitOf(v.format)
		s.width += v.width
	}
	return nil
}

// oldKind returns the type that a code of formats 114 and 115 means.
func oldKind(code uint16) (kind, int64, bool) {
	switch {
	case code >= 1 && code <= 244:
		return text, int64(code), true
	case code >= 251 && code <= 255:
		return byteNumber + kind(code-251), []int64{1, 2, 4, 4, 8}[code-251], true
	}
	return 0, 0, false
}

// newKind returns the type that a code of formats 117 to 119 means.
func newKind(code uint16) (kind, int64, bool) {
	switch {
	case code >= 1 && code <= 2045:
		return text, int64(code), true
	case code == 32768:
		return longText, 8, true
	case code >= 65526 && code <= 65530:
		i := 65530 - code // byte, int, long, float, double
		return byteNumber + kind(i), []int64{1, 2, 4, 4, 8}[i], true
	}
	return 0, 0, false
}
