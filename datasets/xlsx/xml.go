package xlsx

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits on the XML of a part. The standard decoder has none on attributes,
// depth and the length of a token, so that a small file could take any memory.
const (
	maxDepth = 64
	maxTag   = 1 << 16 // bytes
	maxText  = 1 << 20 // bytes: also the longest cell
	maxNames = 4096    // different element and attribute names of a part
)

var errXML = errors.New("the part is not well-formed XML")

// kind is what a token of XML is.
type kind int

const (
	startTag kind = iota
	endTag
	charData
)

type attribute struct {
	name  string
	value []byte // within the tag; valid until the next token
}

// xmlReader reads the XML of a part token by token: UTF-8, no document type,
// nothing longer than the limits. Names come without their prefix.
type xmlReader struct {
	in    *bufio.Reader
	names map[string]string // each name once in memory
	full  []string          // elements that are open, as written
	path  []string          // the same without prefixes
	empty bool              // the last start tag closes itself
	done  bool              // the root element is closed

	name  string // of the element that the last tag opened or closed
	attrs []attribute
	buf   []byte // of the last text or tag
	text  []byte // of the last text; valid until the next token
}

func newXMLReader(r io.Reader) *xmlReader {
	x := &xmlReader{in: bufio.NewReaderSize(r, 1<<16), names: map[string]string{}}
	if mark, _ := x.in.Peek(3); bytes.Equal(mark, []byte{0xEF, 0xBB, 0xBF}) {
		_, _ = x.in.Discard(3)
	}
	return x
}

// attr returns an attribute of the last start tag, "" where it has none.
func (x *xmlReader) attr(name string) string {
	for _, a := range x.attrs {
		if a.name == name {
			return string(a.value)
		}
	}
	return ""
}

// at reports whether the open elements are those of the path.
func (x *xmlReader) at(path ...string) bool {
	if len(x.path) != len(path) {
		return false
	}
	for i := len(path) - 1; i >= 0; i-- {
		if x.path[i] != path[i] {
			return false
		}
	}
	return true
}

// next reads the next token, or returns io.EOF after a complete document. After
// a start tag its element is the last of the path; after an end tag it is off.
func (x *xmlReader) next() (kind, error) {
	if x.empty {
		x.empty = false
		return endTag, x.close(x.full[len(x.full)-1])
	}
	for {
		if err := x.readText(); err != nil {
			return charData, err
		}
		if len(x.buf) > 0 {
			return charData, nil
		}
		k, found, err := x.markup()
		if err != nil || found {
			return k, err
		}
	}
}

// readText reads up to the next tag, whose < stays unread.
func (x *xmlReader) readText() error {
	x.buf = x.buf[:0]
	for {
		part, err := x.in.ReadSlice('<')
		x.buf = append(x.buf, part...)
		if len(x.buf) > maxText+1 {
			return errXML
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == nil {
			x.buf = x.buf[:len(x.buf)-1]
			if err = x.in.UnreadByte(); err != nil {
				return err
			}
			break
		}
		if errors.Is(err, io.EOF) && x.done && len(bytes.TrimSpace(x.buf)) == 0 {
			return io.EOF
		}
		return errOr(err)
	}
	if len(x.path) == 0 {
		if len(bytes.TrimSpace(x.buf)) > 0 {
			return errXML
		}
		x.buf = x.buf[:0]
	}
	var ok bool
	if x.text, ok = unescape(x.buf); !ok {
		return errXML
	}
	return nil
}

// markup reads what begins with <. Comments and instructions are passed over.
func (x *xmlReader) markup() (k kind, found bool, err error) {
	_, _ = x.in.ReadByte() // the <
	head, _ := x.in.Peek(8)
	switch {
	case bytes.HasPrefix(head, []byte("!--")):
		return 0, false, x.skip("-->")
	case bytes.HasPrefix(head, []byte("![CDATA[")):
		return charData, true, x.cdata()
	case bytes.HasPrefix(head, []byte("?")):
		return 0, false, x.skip("?>")
	case bytes.HasPrefix(head, []byte("!")):
		return 0, false, errXML // a document type: entities that grow
	}
	if err := x.readTag(); err != nil {
		return 0, false, err
	}
	if rest, ok := bytes.CutPrefix(x.buf, []byte("/")); ok {
		name, err := x.intern(bytes.TrimSpace(rest))
		if err != nil {
			return 0, false, err
		}
		return endTag, true, x.close(name)
	}
	return startTag, true, x.start()
}

// skip passes over everything up to the end mark.
func (x *xmlReader) skip(end string) error {
	for n := 0; n < len(end); {
		c, err := x.in.ReadByte()
		if err != nil {
			return errOr(err)
		}
		switch {
		case c == end[n]:
			n++
		case c == '-' && n == 2 && end[1] == '-': // a third dash before >
		case c == end[0]:
			n = 1
		default:
			n = 0
		}
	}
	return nil
}

// pass goes on to the end tag of the innermost element without a look at what is in
// it; a text that holds that tag makes what follows no XML.
func (x *xmlReader) pass() error {
	end := []byte("</" + x.full[len(x.full)-1])
	for {
		if _, err := x.in.Peek(len(end)); err != nil {
			return errOr(err)
		}
		held, _ := x.in.Peek(x.in.Buffered())
		if i := bytes.Index(held, end); i >= 0 {
			_, _ = x.in.Discard(i)
			return nil
		}
		_, _ = x.in.Discard(len(held) - len(end) + 1) // the end may be cut in two
	}
}

func (x *xmlReader) cdata() error {
	if len(x.path) == 0 {
		return errXML
	}
	if _, err := x.in.Discard(len("![CDATA[")); err != nil {
		return errOr(err)
	}
	x.buf = x.buf[:0]
	for !bytes.HasSuffix(x.buf, []byte("]]>")) {
		c, err := x.in.ReadByte()
		if err != nil {
			return errOr(err)
		}
		if x.buf = append(x.buf, c); len(x.buf) > maxText {
			return errXML
		}
	}
	x.text = x.buf[:len(x.buf)-3]
	if !utf8.Valid(x.text) {
		return errXML
	}
	return nil
}

// readTag reads up to the > that is not within quotes.
func (x *xmlReader) readTag() error {
	x.buf = x.buf[:0]
	quote := byte(0)
	for {
		part, err := x.in.ReadSlice('>')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return errOr(err)
		}
		if len(x.buf)+len(part) > maxTag {
			return errXML
		}
		for _, c := range part {
			switch {
			case c == '<':
				return errXML
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			}
		}
		x.buf = append(x.buf, part...)
		if err == nil && quote == 0 {
			x.buf = x.buf[:len(x.buf)-1]
			return nil
		}
	}
}

// start takes a start tag apart.
func (x *xmlReader) start() error {
	tag := x.buf
	if n := len(tag); n > 0 && tag[n-1] == '/' {
		x.empty, tag = true, tag[:n-1]
	}
	end := 0
	for end < len(tag) && !isBlank(tag[end]) {
		end++
	}
	full, err := x.intern(tag[:end])
	if err != nil || x.done || len(x.full) == maxDepth {
		return errXML
	}
	x.name = localName(full)
	x.full, x.path = append(x.full, full), append(x.path, x.name)
	return x.attributes(tag[end:])
}

func (x *xmlReader) attributes(rest []byte) error {
	x.attrs = x.attrs[:0]
	for {
		rest = unblank(rest)
		if len(rest) == 0 {
			return nil
		}
		name, after, ok := bytes.Cut(rest, []byte("="))
		after = unblank(after)
		if !ok || len(after) < 2 || after[0] != '"' && after[0] != '\'' {
			return errXML
		}
		value, next, ok := bytes.Cut(after[1:], after[:1])
		if !ok {
			return errXML
		}
		for len(name) > 0 && isBlank(name[len(name)-1]) {
			name = name[:len(name)-1]
		}
		key, err := x.intern(name)
		if err != nil {
			return err
		}
		plain, ok := unescape(value)
		if !ok {
			return errXML
		}
		x.attrs = append(x.attrs, attribute{localName(key), plain})
		rest = next
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func unblank(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	return b
}

// close takes the innermost element, which must have the name, off the path.
func (x *xmlReader) close(full string) error {
	n := len(x.full) - 1
	if n < 0 || x.full[n] != full {
		return errXML
	}
	x.name = x.path[n]
	x.full, x.path = x.full[:n], x.path[:n]
	x.done = n == 0
	return nil
}

func (x *xmlReader) intern(b []byte) (string, error) {
	if s, ok := x.names[string(b)]; ok {
		return s, nil
	}
	if len(b) == 0 || len(b) > 256 || len(x.names) == maxNames || !utf8.Valid(b) || bytes.ContainsAny(b, " \t\r\n\"'/&=") {
		return "", errXML
	}
	s := string(b)
	x.names[s] = s
	return s, nil
}

func localName(full string) string { return full[strings.IndexByte(full, ':')+1:] }

// errOr tells a document that ends too early from a reader's own error.
func errOr(err error) error {
	if errors.Is(err, io.EOF) {
		return errXML
	}
	return err
}

// unescape puts characters in place of their references, in b's own memory, and
// a line feed in place of a carriage return with one. It reports text that is
// not UTF-8 or has a reference to no character.
func unescape(b []byte) ([]byte, bool) {
	if !utf8.Valid(b) {
		return nil, false
	}
	if bytes.IndexByte(b, '&') < 0 && bytes.IndexByte(b, '\r') < 0 {
		return b, true
	}
	out := b[:0]
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\r':
			if i+1 == len(b) || b[i+1] != '\n' {
				out = append(out, '\n')
			}
		case '&':
			end := bytes.IndexByte(b[i:min(len(b), i+12)], ';')
			if end < 0 {
				return nil, false
			}
			r, ok := character(string(b[i+1 : i+end]))
			if !ok {
				return nil, false
			}
			out = utf8.AppendRune(out, r) // never longer than its reference
			i += end
		default:
			out = append(out, b[i])
		}
	}
	return out, true
}

// character returns what a reference stands for.
func character(ref string) (rune, bool) {
	switch ref {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return 0, false
	}
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n == 0 || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return 0, false
	}
	return rune(n), true
}
