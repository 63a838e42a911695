package datasets

import (
	"strings"

	"github.com/apache/arrow/go/v17/arrow/array"
)

// Aside is a text that a file carries beside its cells: a sheet's name, a
// comment, a level that no row has. It is looked at for what may identify a
// person and goes nowhere else.
type Aside struct {
	Where  string // one of the places below
	Table  string // by the door that opens it
	Column string // the column it belongs to, "" for the whole file
	Text   string
}

// Places where a file carries a text beside its cells.
const (
	AsideFile        = "file name"
	AsideSheet       = "sheet name"
	AsideHiddenSheet = "hidden sheet"
	AsideComment     = "comment"
	AsideMetadata    = "metadata"
	AsideDropped     = "dropped column" // described in the metadata, not in the file
	AsideColumn      = "column name"
	AsideLevel       = "level"
)

// Asider is a Source whose file can carry texts beside its cells.
type Asider interface{ Asides() []Aside }

// Asides returns the levels of the file's coded columns, used or not.
func (s *ipcSource) Asides() []Aside {
	var out []Aside
	_ = Guard(func() error { // a damaged file is told of by Next
		if s.r.NumRecords() == 0 {
			return nil
		}
		rec, err := s.r.RecordAt(0)
		if err != nil {
			return err
		}
		for i, a := range rec.Columns() {
			if d, ok := a.(*array.Dictionary); ok {
				for _, level := range dictionaryLevels(d) {
					out = append(out, Aside{Where: AsideLevel, Column: s.columns[i], Text: strings.Clone(level)})
				}
			}
		}
		return nil
	})
	return append(out, metadataAsides(s.r.Schema().Metadata().Keys(), s.r.Schema().Metadata().Values())...)
}

// metadataAsides returns a file's own key-value pairs.
func metadataAsides(keys, values []string) []Aside {
	var out []Aside
	for i, k := range keys {
		if k != "ARROW:schema" && k != MetadataKey { // the schema itself, encoded; our description, which is read as one
			out = append(out, Aside{Where: AsideMetadata, Text: k + ": " + values[i]})
		}
	}
	return out
}
