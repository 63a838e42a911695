package open

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"recoup/datasets"
	"recoup/datasets/parquet"
)

// seed adds the small files of the corpora's folders, where they are.
func seed(f *testing.F, folders ...string) {
	for _, folder := range folders {
		_ = filepath.WalkDir(filepath.Join("../../../shared/corpora", folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // the corpora may be absent
			}
			if b, err := os.ReadFile(path); err == nil && len(b) < 1<<14 {
				f.Add(b)
			}
			return nil
		})
	}
	f.Add([]byte("PAR1"))
}

// readsOrRefuses holds that a file ends in whole batches of rows or in an error.
func readsOrRefuses(t *testing.T, b []byte, open func(string, datasets.Resource) (datasets.Source, error)) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := open(path, datasets.Resource{Name: "t"})
	if err != nil {
		return
	}
	for rows := 0; rows < 1<<17; {
		c, err := src.Next(t.Context())
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, datasets.ErrInvalid) {
				t.Fatalf("neither the end nor a problem: %v", err)
			}
			break
		}
		if rows += c.Rows; len(c.Arrays) != len(src.Columns()) {
			t.Fatalf("%d rows, %d columns of %d", c.Rows, len(c.Arrays), len(src.Columns()))
		}
		for _, a := range c.Arrays {
			if a.Len() != c.Rows {
				t.Fatalf("%d cells, want %d", a.Len(), c.Rows)
			}
			for i := range c.Rows {
				_ = a.ValueStr(i)
			}
		}
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
}

func FuzzParquet(f *testing.F) {
	seed(f, "parquet/data", "parquet/bad_data", "arrow/parquet")
	f.Fuzz(func(t *testing.T, b []byte) { readsOrRefuses(t, b, parquet.Open) })
}

func FuzzIPC(f *testing.F) {
	seed(f, "arrow/arrow-ipc-file")
	f.Fuzz(func(t *testing.T, b []byte) { readsOrRefuses(t, b, datasets.NewIPC) })
}
