package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"recoup/datasets"
	"recoup/datasets/parquet"
)

// version and revision are set when the binary is built.
var (
	version  = "0.1.0"
	revision = "unknown"
)

// build says which program made a result.
type build struct {
	Recoup   string `json:"recoup"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Gonum    string `json:"gonum"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Recoup: version, Revision: revision, Go: runtime.Version(), Gonum: "unknown", Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "gonum.org/v1/gonum" {
				b.Gonum = m.Version
			}
		}
	}
	return b
}

// writeJSON writes a value indented, on standard output.
func (a *app) writeJSON(v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	_, err = a.Out.Write(b)
	return err
}

func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// writeEncoded writes a value as JSON.
func writeEncoded(w io.Writer, v any) error {
	b, err := encode(v)
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}

// writeFile writes a file whole: beside its target, to the disk, then under its
// name, so that a run that is stopped leaves no half file.
func writeFile(path string, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("cannot write beside %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err = write(f); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// grid is a table of texts, for people and for CSV.
type grid struct {
	head  []string
	right []bool // columns of numbers
	rows  [][]string
}

// text writes the grid for a person.
func (g grid) text(w io.Writer) {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Options.SeparateHeader = true
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	row := func(cells []string) table.Row {
		r := make(table.Row, len(cells))
		for i, c := range cells {
			r[i] = clean(c)
		}
		return r
	}
	t.AppendHeader(row(g.head))
	var configs []table.ColumnConfig
	for i := range g.head {
		c := table.ColumnConfig{Number: i + 1}
		if i < len(g.right) && g.right[i] {
			c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
		}
		configs = append(configs, c)
	}
	t.SetColumnConfigs(configs)
	for _, r := range g.rows {
		t.AppendRow(row(r))
	}
	for _, line := range strings.Split(t.Render(), "\n") {
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// clean keeps a label from the data from steering the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// neutral keeps a spreadsheet from running a text as a formula.
func neutral(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// csv writes the grid as CSV. Texts that a spreadsheet would take for a formula
// are kept from being one; numbers are written as they are.
func (g grid) csv(w io.Writer) error {
	cw := csv.NewWriter(w)
	if err := cw.Write(g.head); err != nil {
		return err
	}
	for _, r := range g.rows {
		out := make([]string, len(r))
		for i, c := range r {
			out[i] = c
			if !(i < len(g.right) && g.right[i]) {
				out[i] = neutral(c)
			}
		}
		if err := cw.Write(out); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// parquet writes the grid as Parquet: numbers as numbers, the rest as text.
func (g grid) parquet(ctx context.Context, w io.Writer) error {
	r := datasets.Resource{Name: "table", Path: datasets.Paths{"table"}}
	r.Schema.MissingValues = []datasets.MissingValue{{Value: ""}, {Value: "+Inf"}, {Value: "-Inf"}}
	r.Schema.Fields = []datasets.Field{{Name: "row", Type: datasets.TypeString, Role: datasets.RolePatient}}
	for i, h := range g.head {
		f := datasets.Field{Name: h, Type: datasets.TypeString}
		if i < len(g.right) && g.right[i] {
			f.Type = datasets.TypeNumber
		}
		r.Schema.Fields = append(r.Schema.Fields, f)
	}
	var buf bytes.Buffer
	cw := csv.NewWriter(&buf)
	rows := [][]string{append([]string{"row"}, g.head...)}
	for i, row := range g.rows {
		rows = append(rows, append([]string{fmt.Sprint(i + 1)}, row...))
	}
	if err := cw.WriteAll(rows); err != nil {
		return err
	}
	c, err := datasets.Load(ctx, &datasets.Dictionary{Name: "table", Resources: []datasets.Resource{r}},
		datasets.LoadOptions{Open: datasets.OpenText(map[string]string{"table": buf.String()})})
	if err != nil {
		return err
	}
	return parquet.Write(w, c.Tables()[0])
}

// progress draws a bar on standard error while a long run goes on, if that is a
// terminal. The returned function, which any goroutine may call, takes what is done
// and of how much, and the bar is there from its first call; stop ends the drawing.
func (a *app) progress(what string) (report func(done, total int), stop func()) {
	if !a.ErrTerminal || a.quiet || a.noProgress {
		return nil, func() {}
	}
	var begin sync.Once
	pw, tr := progress.NewWriter(), &progress.Tracker{Message: what}
	started := false
	return func(done, total int) {
			begin.Do(func() {
				started = true
				pw.SetOutputWriter(a.Err)
				pw.SetUpdateFrequency(100e6) // 10 Hz
				pw.SetStyle(progress.StyleBlocks)
				pw.Style().Visibility.ETA = true
				pw.SetTrackerLength(30)
				pw.AppendTracker(tr)
				go pw.Render()
			})
			tr.UpdateTotal(int64(total))
			tr.SetValue(int64(done))
		}, func() {
			begin.Do(func() {}) // none begins from here on
			if started {
				tr.MarkAsDone()
				pw.Stop()
			}
		}
}
