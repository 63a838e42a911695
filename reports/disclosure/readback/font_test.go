package readback

import (
	"bytes"
	"compress/zlib"
	"testing"
)

// The bytes of a font in a PDF are outlines, in which a telephone number is chance; the
// same in a stream of text is one.
func TestFontsAreNoText(t *testing.T) {
	pdf := func(start string) []byte {
		var b bytes.Buffer
		b.WriteString("%PDF-1.4\n1 0 obj <</Length 1>>\nstream\n")
		w := zlib.NewWriter(&b)
		if _, err := w.Write([]byte(start + "BT (call 212 555 0147) Tj ET")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\nendstream\nendobj\n")
		return b.Bytes()
	}
	for start, want := range map[string]bool{"": true, "\x00\x01\x00\x00\x00\x0f": false, "OTTO\x00\x0c": false, "true ": true} {
		if got := has(Scan("r.pdf", pdf(start), Known{K: 11}), CodeIdentifier); got != want {
			t.Errorf("%q: found %v, want %v", start, got, want)
		}
	}
}
