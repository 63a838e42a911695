package datasets

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/goccy/go-yaml"
)

// missingMark returns the text that stands for missing when the table is written
// as CSV: empty, or NA where an empty text is a value of some column.
func (t *Table) missingMark() string {
	taken := map[string]bool{}
	for i := range t.fields {
		if t.fields[i].Type == TypeString {
			_, levels := t.Codes(t.fields[i].Name)
			for _, s := range levels {
				taken[s] = true
			}
		}
	}
	for _, mark := range []string{"", "NA", ".", "missing"} {
		if !taken[mark] {
			return mark
		}
	}
	return "\\N"
}

// WriteCSV writes the table as comma-separated UTF-8 with LF, dates as ISO 8601,
// numbers with every digit needed to read the same number back.
func (t *Table) WriteCSV(w io.Writer) error {
	bw := bufio.NewWriterSize(w, 1<<18)
	cw := csv.NewWriter(bw)
	row := make([]string, len(t.fields))
	for i, f := range t.fields {
		row[i] = f.Name
	}
	if err := cw.Write(row); err != nil {
		return err
	}
	mark := t.missingMark()
	for rec := range t.Records() {
		cols := rec.Columns()
		for r := range int(rec.NumRows()) {
			for i, a := range cols {
				row[i] = mark
				if a.IsValid(r) {
					row[i] = t.fieldText(i, a, r)
				}
			}
			if err := cw.Write(row); err != nil {
				return err
			}
		}
	}
	cw.Flush()
	if err := cw.Error(); err != nil {
		return err
	}
	return bw.Flush()
}

func (t *Table) fieldText(i int, a arrow.Array, r int) string {
	s := cellText(a, r)
	if t.fields[i].Type == TypeDuration {
		return "P" + s + "D"
	}
	return s
}

// Described returns the cohort file that describes the cohort once its tables
// are written under the given file names by table, in the given format's own
// missing marks: filters, reshaping and constants are done, so they go.
func (c *Cohort) Described(path func(table string) string, text bool) *Dictionary {
	d := *c.dict
	d.Resources = nil
	for _, t := range c.tables {
		r := Resource{Name: t.name, Path: Paths{path(t.name)}}
		for _, old := range c.dict.Resources {
			if old.Name == t.name {
				r.Title, r.Description = old.Title, old.Description
			}
		}
		for _, f := range t.fields {
			f.Format, f.DecimalChar, f.GroupChar, f.TrueValues, f.FalseValues = "", "", "", nil, nil
			f.Column, f.MissingValues = "", nil
			r.Schema.Fields = append(r.Schema.Fields, f)
		}
		r.Schema.MissingValues = []MissingValue{{Value: ""}}
		if text {
			r.Schema.MissingValues[0].Value = t.missingMark()
		}
		d.Resources = append(d.Resources, r)
	}
	return &d
}

// YAML writes the cohort file.
func (d *Dictionary) YAML() ([]byte, error) {
	b, err := yaml.MarshalWithOptions(d, yaml.Indent(2), yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("cohort file: %w", err)
	}
	return b, nil
}
