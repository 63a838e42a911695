package open

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recoup/datasets"
)

// The cases of csv-spectrum are read as their answers say.
func TestCSVSpectrum(t *testing.T) {
	root := "../../../shared/corpora/csv-spectrum"
	files, err := os.ReadDir(filepath.Join(root, "csvs"))
	if err != nil {
		t.Skip("SKIPPED: the corpora are absent from the shared folder beside the project")
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".csv")
		b, err := os.ReadFile(filepath.Join(root, "json", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want []map[string]string
		if b = bytes.TrimSpace(b); b[0] == '{' { // of one row
			b = append(append([]byte("["), b...), ']')
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		src, err := openCSV(filepath.Join(root, "csvs", f.Name()), datasets.Resource{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		var got []map[string]string
		for err == nil {
			var c *datasets.Chunk
			if c, err = src.Next(t.Context()); err != nil {
				break
			}
			for r := range c.Rows {
				row := map[string]string{}
				for i, column := range src.Columns() {
					row[column] = c.Text[i][r]
				}
				got = append(got, row)
			}
		}
		if !errors.Is(err, io.EOF) || len(src.Problems()) > 0 || len(got) != len(want) {
			t.Errorf("%s: %d rows, want %d (%v, %v)", name, len(got), len(want), err, src.Problems())
			continue
		}
		for r := range want {
			for column, cell := range want[r] {
				switch { // where the answers are not of the files
				case name == "location_coordinates" && column == "Contact Phone Number": // another number
					continue
				case name == "newlines_crlf": // the file has LF
					cell = strings.ReplaceAll(cell, "\r\n", "\n")
				}
				if got[r][column] != cell {
					t.Errorf("%s, row %d, column %q: another cell", name, r+1, column)
				}
			}
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}
