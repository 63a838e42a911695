package render

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"recoup/datasets"
	"recoup/datasets/parquet"
	"recoup/reports"
)

// numberColumns are the columns of the long table, in order.
var numberColumns = []string{"section", "block", "row", "column", "value", "low", "high", "n", "text", "hidden"}

func (n Number) record() []string {
	real := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	}
	count := ""
	if n.N != nil {
		count = strconv.Itoa(*n.N)
	}
	return []string{n.Section, n.Block, n.Row, n.Column, real(n.Value), real(n.Low), real(n.High), count, n.Text, n.Hidden}
}

// CSV writes every number of a report as one long table; see Number. Text that a
// spreadsheet would take for a formula gets an apostrophe before it.
func CSV(w io.Writer, r reports.Report) error {
	cw := csv.NewWriter(w)
	if err := cw.Write(numberColumns); err != nil {
		return err
	}
	for _, n := range Numbers(r).Numbers {
		record := n.record()
		for _, i := range []int{0, 1, 2, 3, 8, 9} {
			record[i] = neutral(record[i])
		}
		if err := cw.Write(record); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// JSON writes every number of a report as a Document.
func JSON(w io.Writer, r reports.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(Numbers(r))
}

// ErrDocument is what errors.Is finds where a file is no report as numbers.
var ErrDocument = errors.New("not a report as numbers")

// ReadDocument reads what JSON wrote.
func ReadDocument(r io.Reader) (Document, error) {
	var d Document
	decoder := json.NewDecoder(r)
	if err := decoder.Decode(&d); err != nil {
		return Document{}, fmt.Errorf("%w: expected a file that report quarterly -o FILE.json wrote: %w", ErrDocument, err)
	}
	if d.Schema != DocumentSchema {
		return Document{}, fmt.Errorf("%w: expected schema %s, as report quarterly -o FILE.json writes", ErrDocument, DocumentSchema)
	}
	return d, nil
}

// Parquet writes every number of a report as one long table, numbers as numbers and n
// as an integer.
func Parquet(ctx context.Context, w io.Writer, r reports.Report, _ Options) error {
	resource := datasets.Resource{Name: "numbers", Path: datasets.Paths{"numbers"}}
	resource.Schema.MissingValues = []datasets.MissingValue{{Value: ""}}
	resource.Schema.Fields = []datasets.Field{{Name: "number", Type: datasets.TypeString, Role: datasets.RolePatient}}
	for _, name := range numberColumns {
		f := datasets.Field{Name: name, Type: datasets.TypeString}
		switch name {
		case "value", "low", "high":
			f.Type = datasets.TypeNumber
		case "n":
			f.Type = datasets.TypeInteger
		}
		resource.Schema.Fields = append(resource.Schema.Fields, f)
	}
	var text bytes.Buffer
	cw := csv.NewWriter(&text)
	rows := [][]string{append([]string{"number"}, numberColumns...)}
	for i, n := range Numbers(r).Numbers {
		rows = append(rows, append([]string{strconv.Itoa(i + 1)}, n.record()...))
	}
	if err := cw.WriteAll(rows); err != nil {
		return err
	}
	c, err := datasets.Load(ctx, &datasets.Dictionary{Name: "numbers", Resources: []datasets.Resource{resource}},
		datasets.LoadOptions{Open: datasets.OpenText(map[string]string{"numbers": text.String()})})
	if err != nil {
		return fmt.Errorf("writing Parquet: %w", err)
	}
	return parquet.Write(w, c.Tables()[0])
}

// neutral keeps a spreadsheet from running a text as a formula.
func neutral(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
