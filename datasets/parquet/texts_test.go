package parquet

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A dictionary may hold texts of no row, and one cut off is told as far as it goes.
func TestEntries(t *testing.T) {
	page := func(texts ...string) []byte {
		var b []byte
		for _, s := range texts {
			b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
		}
		return b
	}
	read := func(b []byte) (got []string) {
		inPage(b, func(s string) { got = append(got, s) })
		return got
	}
	b := page("one", "", "three")
	if got := read(b); !slices.Equal(got, []string{"one", "", "three"}) {
		t.Errorf("%q", got)
	}
	if got := read(b[:len(b)-2]); !slices.Equal(got, []string{"one", "", "thr"}) {
		t.Errorf("cut off: %q", got)
	}
}

// Damaged files end in an error or in texts, and in nothing else.
func TestTextsOfDamagedFiles(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpora/parquet/*/*.parquet")
	if len(files) == 0 {
		t.Skip("SKIPPED: the corpus of Parquet files is absent from the shared folder beside the project")
	}
	read, n := 0, 0
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if Texts(b, func(_, text string) { n += len(text) }) == nil {
			read++
		}
	}
	if t.Logf("%d of %d files read, %d characters", read, len(files), n); read < 10 {
		t.Errorf("%d of %d files read", read, len(files))
	}
}
