package datasets

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// Limits on JSON files: the standard decoder takes a token of any length and a
// value of any size into memory.
const (
	maxToken = 1 << 20
	maxValue = 32 << 20
)

var errJSONLarge = errors.New("expected texts of at most 1 MiB and records of at most 32 MiB")

// JSONReader decodes a JSON file piece by piece in bounded memory: tokens of at
// most 1 MiB, and at most 32 MiB between two calls of Record.
type JSONReader struct {
	*json.Decoder
	in *boundedJSON
}

// NewJSONReader returns a reader of r, which may begin with a byte order mark.
// Numbers are kept as they are written.
func NewJSONReader(r io.Reader) *JSONReader {
	in := &boundedJSON{r: r}
	d := json.NewDecoder(in)
	d.UseNumber()
	return &JSONReader{d, in}
}

// Record says that a new record begins: the bytes of the last no longer count.
func (j *JSONReader) Record() { j.in.value = 0 }

// Skip reads past one value.
func (j *JSONReader) Skip() error {
	for depth := 0; ; {
		t, err := j.inside()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > 200 {
				return errors.New("expected at most 200 nested values")
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// inside reads a token within a value, where the file may not end.
func (j *JSONReader) inside() (json.Token, error) {
	t, err := j.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return t, err
}

// Decode reads a value; the end of the file before it is an error other than
// io.EOF.
func (j *JSONReader) Decode(v any) error {
	err := j.Decoder.Decode(v)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Open reads the given delimiter.
func (j *JSONReader) Open(d json.Delim) error {
	t, err := j.inside()
	if err == nil && t != d {
		err = errors.New("expected " + d.String())
	}
	return err
}

// Key reads a member's name.
func (j *JSONReader) Key() (string, error) {
	t, err := j.inside()
	s, ok := t.(string)
	if err == nil && !ok {
		err = errors.New("expected the name of a member")
	}
	return s, err
}

// boundedJSON passes on bytes and counts those of a token and of a record.
type boundedJSON struct {
	r             io.Reader
	begun         bool
	inText, after bool // within quotes; after a backslash
	token, value  int
}

// Read reads on, or returns an error once a limit is passed.
func (b *boundedJSON) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if !b.begun && n > 0 {
		b.begun = true
		if mark := []byte{0xEF, 0xBB, 0xBF}; bytes.HasPrefix(p[:n], mark) {
			copy(p, "   ")
		}
	}
	for _, c := range p[:n] {
		b.token++
		switch {
		case b.after:
			b.after = false
		case b.inText && c == '\\':
			b.after = true
		case c == '"':
			b.inText = !b.inText
			b.token = 0
		case !b.inText && (c == ',' || c == ':' || c == '[' || c == ']' || c == '{' || c == '}'):
			b.token = 0
		}
		if b.token > maxToken {
			return 0, errJSONLarge
		}
	}
	if b.value += n; b.value > maxValue {
		return 0, errJSONLarge
	}
	return n, err
}

// FromISO writes a date or time that a file holds in ISO 8601 as the field's
// cells are written, and any other text as it is. A time keeps the clock that it
// was written with: its zone is dropped.
func (f Field) FromISO(s string) string {
	if f.Type != TypeDate && f.Type != TypeDatetime {
		return s
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			clock := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
			return f.DateText(clock, layout != "2006-01-02")
		}
	}
	return s
}
