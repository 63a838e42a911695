package parquet

import (
	"bytes"
	"strings"
	"testing"
)

// Blocks worked by hand after the description of the format: the upper half of a
// token is how many bytes follow as they are, the lower how many less four to repeat.
func TestBlock(t *testing.T) {
	long := strings.Repeat("x", 15+255+2)
	for name, c := range map[string]struct{ src, want string }{
		"as they are":            {"\x30abc", "abc"},
		"a repeat":               {"\x31abc\x03\x00\x10z", "abcabcabz"},
		"a repeat within itself": {"\x11a\x01\x00\x10b", "aaaaaab"},
		"a long run":             {"\xf0\xff\x02" + long, long},
		"a long repeat":          {"\x1fa\x01\x00\xff\x01\x10b", strings.Repeat("a", 1+19+256) + "b"},
	} {
		dst := make([]byte, len(c.want))
		if !block(dst, []byte(c.src)) || string(dst) != c.want {
			t.Errorf("%s: %q", name, dst)
		}
		if block(make([]byte, len(c.want)+1), []byte(c.src)) || block(make([]byte, len(c.want)-1), []byte(c.src)) {
			t.Errorf("%s: decoded to another length", name)
		}
	}
	for name, src := range map[string]string{
		"more than there is": "\x50abc", "a repeat from before the start": "\x11a\x02\x00\x10b", "a distance of none": "\x11a\x00\x00\x10b",
		"half a distance": "\x11a\x01", "a length without its end": "\xf0\xff",
	} {
		if dst := make([]byte, 7); block(dst, []byte(src)) {
			t.Errorf("%s: %q", name, dst)
		}
	}
	// Hadoop's: unpacked and packed lengths before each block.
	two := "\x00\x00\x00\x03\x00\x00\x00\x04\x30abc\x00\x00\x00\x01\x00\x00\x00\x02\x10z"
	if got := (lz4{hadoop: true}).Decode(make([]byte, 4), []byte(two)); string(got) != "abcz" {
		t.Errorf("%q", got)
	}
	if got := (lz4{hadoop: true}).Decode(make([]byte, 3), []byte("\x30abc")); !bytes.Equal(got, []byte("abc")) {
		t.Errorf("%q", got)
	}
}
