package sas

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"recoup/datasets"
)

// record is the length of the records that the whole file consists of.
const record = 80

const (
	headerMark = "HEADER RECORD*******"
	headerEnd  = "HEADER RECORD!!!!!!!"
)

// member is one table of the file.
type member struct {
	name  string
	vars  []variable
	width int64 // bytes of a row
	data  int64 // where the rows begin
	end   int64 // of the rows and the blanks that fill the last record
	rows  int64 // -1 where the file does not say
}

// variable is one column.
type variable struct {
	name, title, format string
	text                bool
	at, width           int64 // in a row
	unit                unit
}

// header returns what kind of header record stands at a place, "" for none, and
// the digits that follow.
func (s *source) header(at int64) (kind, digits string, err error) {
	b, err := s.bytes(at, record)
	if err != nil {
		return "", "", err
	}
	kind, digits = headerOf(b)
	return kind, digits, nil
}

func headerOf(b []byte) (kind, digits string) {
	if !bytes.HasPrefix(b, []byte(headerMark)) || string(b[28:48]) != headerEnd {
		return "", ""
	}
	return strings.TrimRight(string(b[20:28]), " "), string(b[48:])
}

// number reads digits, which may stand between blanks.
func number(s string) (int64, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 40)
	return int64(n), err == nil
}

// members lists the tables of the file.
func (s *source) members() ([]member, error) {
	if head, err := s.bytes(0, min(s.size, 40)); err == nil && bytes.HasPrefix(head, []byte("**COMPRESSED**")) {
		return nil, s.refuse(datasets.CodeFile, "expected a SAS transport file as the XPORT engine writes it, found one of PROC CPORT", "write it with: libname out xport 'file.xpt'")
	}
	if s.size < 3*record || s.size%record != 0 {
		return nil, s.damaged("a SAS transport file (.xpt), which consists of records of 80 bytes")
	}
	if kind, _, err := s.header(0); err != nil || kind != "LIBRARY" && kind != "LIBV8" {
		return nil, s.damaged("a SAS transport file (.xpt)")
	}
	var out []member
	for at := int64(3 * record); at < s.size; {
		m, err := s.member1(at)
		if err != nil {
			return nil, err
		}
		if out = append(out, m); len(out) > maxMembers {
			return nil, s.refuse(datasets.CodeTooLarge, fmt.Sprintf("expected at most %d tables in a file", maxMembers), "")
		}
		at = m.end
	}
	return out, nil
}

// member1 reads the head of the table at a place and finds its end.
func (s *source) member1(at int64) (member, error) {
	var m member
	kind, digits, err := s.header(at)
	if err != nil {
		return m, err
	}
	size, ok := number(digits[max(0, min(25, len(digits))):min(30, len(digits))])
	if kind != "MEMBER" && kind != "MEMBV8" || !ok || size != 140 && size != 136 {
		return m, s.damaged("a SAS transport file with a table after its header")
	}
	if kind, _, err = s.header(at + record); err != nil || kind != "DSCRPTR" && kind != "DSCPTV8" {
		return m, s.damaged("a SAS transport file whose tables have a description")
	}
	b, err := s.bytes(at+2*record, record)
	if err != nil {
		return m, err
	}
	end := 16
	if kind == "DSCPTV8" {
		end = 40
	}
	if m.name, err = s.decode(b[8:end], 0, ""); err != nil {
		return m, err
	}
	at, err = s.variables(&m, at+4*record, size)
	if err != nil {
		return m, err
	}
	return m, s.rows(&m, at)
}

// variables reads the records that describe the variables, and returns where
// they end.
func (s *source) variables(m *member, at, size int64) (int64, error) {
	kind, digits, err := s.header(at)
	if err != nil {
		return 0, err
	}
	var n int64
	var ok bool
	if kind == "NAMESTR" || kind == "NAMSTV8" {
		n, ok = number(digits[5:10])
	}
	switch {
	case !ok || n == 0:
		return 0, s.damaged("a SAS transport file whose tables have variables")
	case n > maxColumns:
		return 0, s.refuse(datasets.CodeTooLarge, fmt.Sprintf("expected at most %d columns", maxColumns), "")
	}
	at += record
	b, err := s.bytes(at, n*size)
	if err != nil {
		return 0, err
	}
	for i := range n {
		v, err := s.variable(b[i*size:(i+1)*size], kind == "NAMSTV8")
		if err != nil {
			return 0, err
		}
		m.vars = append(m.vars, v)
	}
	return padded(at + n*size), nil
}

// padded returns where the record ends that a place is in.
func padded(at int64) int64 { return (at + record - 1) / record * record }

// variable reads one description.
func (s *source) variable(b []byte, long bool) (variable, error) {
	u16 := func(at int) int64 { return int64(binary.BigEndian.Uint16(b[at:])) }
	v := variable{text: u16(0) == 2, width: u16(4), at: int64(int32(binary.BigEndian.Uint32(b[84:])))}
	switch {
	case u16(0) != 1 && u16(0) != 2, v.width < 1, v.width > maxCell, !v.text && (v.width < 2 || v.width > 8):
		return v, s.damaged("a SAS transport file whose variables are numbers of 2 to 8 bytes or texts")
	}
	name := b[8:16]
	if long {
		if l := bytes.Trim(b[88:120], " \x00"); len(l) > 0 {
			name = l
		}
	}
	var err error
	for _, t := range []struct {
		to   *string
		from []byte
	}{{&v.name, name}, {&v.title, b[16:56]}, {&v.format, b[56:64]}} {
		if *t.to, err = s.decode(t.from, 0, ""); err != nil {
			return v, err
		}
	}
	v.unit = unitOf(v.format)
	return v, nil
}

// rows reads the long labels, if there are any, and finds the rows.
func (s *source) rows(m *member, at int64) error {
	kind, digits, err := s.header(at)
	if err != nil {
		return err
	}
	if kind == "LABELV8" || kind == "LABELV9" {
		n, ok := number(digits[:30])
		if !ok || n > int64(len(m.vars)) {
			return s.damaged("a SAS transport file whose labels belong to its variables")
		}
		at += record
		for range n {
			if at, err = s.label(m, at, kind == "LABELV9"); err != nil {
				return err
			}
		}
		at = padded(at)
		if kind, digits, err = s.header(at); err != nil {
			return err
		}
	}
	m.rows = -1
	switch kind {
	case "OBS":
	case "OBSV8": // some writers leave zeros where the number of rows belongs
		if count := digits[:15]; count != strings.Repeat("0", 15) && strings.TrimSpace(count) != "" {
			var ok bool
			if m.rows, ok = number(count); !ok {
				return s.damaged("a SAS transport file that says how many rows it has")
			}
		}
	default:
		return s.damaged("a SAS transport file whose tables have rows")
	}
	m.data = at + record
	if m.end, err = s.nextMember(m.data); err != nil {
		return err
	}
	return nil
}

// label reads a label of more than 40 characters, with the name, and in version
// 9 the formats, of the variable.
func (s *source) label(m *member, at int64, formats bool) (int64, error) {
	head := int64(6)
	if formats {
		head = 10
	}
	b, err := s.bytes(at, head)
	if err != nil {
		return 0, err
	}
	var sizes [5]int64
	total := int64(0)
	for i := 2; i < int(head); i += 2 {
		sizes[i/2] = int64(binary.BigEndian.Uint16(b[i:]))
		total += sizes[i/2]
	}
	i := int64(binary.BigEndian.Uint16(b)) - 1
	if i < 0 || i >= int64(len(m.vars)) {
		return 0, s.damaged("a SAS transport file whose labels belong to its variables")
	}
	text, err := s.bytes(at+head, total)
	if err != nil {
		return 0, err
	}
	v := &m.vars[i]
	for k, to := range []*string{&v.name, &v.title, &v.format} {
		if sizes[k+1] > 0 {
			if *to, err = s.decode(text[:sizes[k+1]], 0, ""); err != nil {
				return 0, err
			}
		}
		text = text[sizes[k+1]:]
	}
	v.unit = unitOf(v.format)
	return at + head + total, nil
}

// nextMember returns where the next table begins, or the end of the file.
func (s *source) nextMember(from int64) (int64, error) {
	if from > s.size {
		return 0, s.damaged("a SAS transport file that goes on to its end")
	}
	in := bufio.NewReaderSize(io.NewSectionReader(s.in, from, s.size-from), 1<<18)
	b := make([]byte, record)
	for at := from; at < s.size; at += record {
		if _, err := io.ReadFull(in, b); err != nil {
			return 0, s.damaged("a SAS transport file that goes on to its end")
		}
		if kind, _ := headerOf(b); kind == "MEMBER" || kind == "MEMBV8" {
			return at, nil
		}
	}
	return s.size, nil
}

// check settles where the cells of a row stand and how many rows there are. Where
// the file does not say, the rows end with the last that is not within the blanks
// that fill the last record.
func (m *member) check(s *source) error {
	order := make([]int, len(m.vars))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(m.vars[a].at - m.vars[b].at) })
	seen := map[string]bool{}
	for _, i := range order {
		v := m.vars[i]
		if v.at != m.width {
			return s.damaged("a SAS transport file whose variables stand one after the other")
		}
		m.width += v.width
		if v.name == "" || seen[v.name] {
			return s.damaged("a SAS transport file whose variables have names of their own")
		}
		seen[v.name] = true
	}
	length := m.end - m.data
	said := m.rows >= 0
	if !said {
		m.rows = length / m.width
	}
	if m.rows > length/m.width {
		return s.damaged(fmt.Sprintf("a SAS transport file of %d rows of %d bytes", m.rows, m.width))
	}
	tail := min(length, record) // filling is shorter than a record
	b, err := s.bytes(m.end-tail, tail)
	if err != nil {
		return err
	}
	blank := int64(len(b) - len(bytes.TrimRight(b, " ")))
	blank = min(blank, record-1)
	for !said && m.rows > 0 && length-(m.rows-1)*m.width <= blank {
		m.rows--
	}
	if rest := length - m.rows*m.width; rest > blank {
		return s.damaged(fmt.Sprintf("a SAS transport file whose last row of %d bytes is whole", m.width))
	}
	return nil
}

// fields returns what the file says of its columns.
func (m *member) fields() []datasets.Field {
	out := make([]datasets.Field, len(m.vars))
	for i, v := range m.vars {
		f := datasets.Field{Name: v.name, Title: v.title, Type: datasets.TypeString}
		if !v.text {
			switch v.unit {
			case plain:
				f.Type = datasets.TypeNumber
			case seconds:
				f.Type, f.Unit = datasets.TypeNumber, "seconds"
			case day:
				f.Type = datasets.TypeDate
			case clock:
				f.Type = datasets.TypeDatetime
			}
		}
		out[i] = f
	}
	return out
}
