package synthetic

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"recoup/datasets"
)

// Source is a cohort that is drawn patient by patient as it is written: what it
// takes of memory does not grow with its size. What is drawn of a patient depends
// on the seed and the patient's number alone, so the bytes are the same for any
// number of workers, any size of their pieces and any number of other patients.
type Source struct {
	// Dictionary describes the tables as CSV files, each with one path.
	Dictionary *datasets.Dictionary
	Patients   int
	// Rows appends a patient's lines of a table, an index into the dictionary's
	// resources, as CSV. It is called by several goroutines at once.
	Rows func(dst []byte, table, patient int) []byte
}

// Writing says how a source is written. The bytes do not depend on it.
type Writing struct {
	Workers  int                // goroutines; 0 is one a processor
	Piece    int                // patients drawn at a time by one of them; 0 is 256
	Progress func(patients int) // called with the patients written so far; nil is allowed
}

// piece is some patients' lines: from is the first patient, done gets the lines.
type piece struct {
	from int
	done chan []byte
}

// Write writes a table as CSV. It holds two pieces for each worker.
func (s Source) Write(ctx context.Context, w io.Writer, table int, o Writing) error {
	if o.Workers < 1 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Piece < 1 {
		o.Piece = 256
	}
	var head []string
	for _, f := range s.Dictionary.Resources[table].Schema.Fields {
		head = append(head, Cell(f.Name))
	}
	if _, err := io.WriteString(w, strings.Join(head, ",")+"\n"); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work, order := make(chan piece), make(chan piece, o.Workers)
	free := make(chan []byte, 3*o.Workers)
	go func() {
		defer close(order)
		defer close(work)
		for from := 0; from < s.Patients; from += o.Piece {
			p := piece{from, make(chan []byte, 1)}
			for _, to := range []chan<- piece{order, work} {
				select {
				case to <- p:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	for range o.Workers {
		go func() {
			for p := range work {
				var b []byte
				select {
				case b = <-free:
				default:
				}
				for i := p.from; i < min(p.from+o.Piece, s.Patients) && ctx.Err() == nil; i++ {
					b = s.Rows(b, table, i)
				}
				p.done <- b
			}
		}()
	}
	for p := range order {
		select {
		case b := <-p.done:
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
			select {
			case free <- b[:0]:
			default:
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		if o.Progress != nil {
			o.Progress(min(p.from+o.Piece, s.Patients))
		}
	}
	return ctx.Err()
}

// Part returns the cohort of n patients from one on: as many cohorts of the same
// population as are asked for, none with a patient of another. The source must be drawn
// patient by patient without end, as that of a truth file is.
func (s Source) Part(from, n int) Source {
	part := s
	part.Patients = n
	part.Rows = func(dst []byte, table, patient int) []byte { return s.Rows(dst, table, from+patient) }
	return part
}

// Load draws the cohort into memory.
func (s Source) Load(ctx context.Context) (*datasets.Cohort, error) {
	return datasets.Load(ctx, s.Dictionary, datasets.LoadOptions{Open: s.open})
}

// Each draws the tables named, all where none is, and hands them on in batches. Of
// the cohort that is returned no column is kept.
func (s Source) Each(ctx context.Context, each func(*datasets.Table) error, tables ...string) (*datasets.Cohort, error) {
	d := *s.Dictionary
	d.Rules = nil
	d.Resources = slices.DeleteFunc(slices.Clone(d.Resources), func(r datasets.Resource) bool {
		return len(tables) > 0 && !slices.Contains(tables, r.Name)
	})
	return datasets.Load(ctx, &d, datasets.LoadOptions{
		Open: s.open, Each: each, Keep: func(*datasets.Table, datasets.Field) bool { return false },
	})
}

// open reads a table as it is drawn.
func (s Source) open(ctx context.Context, path string, r datasets.Resource) (datasets.Source, error) {
	at := slices.IndexFunc(s.Dictionary.Resources, func(o datasets.Resource) bool { return o.Name == r.Name })
	if at < 0 {
		return nil, fmt.Errorf("no table %s", r.Name)
	}
	in, out := io.Pipe()
	go func() { out.CloseWithError(s.Write(ctx, out, at, Writing{})) }()
	return datasets.NewCSV(path, in, r)
}

// files draws the tables into memory.
func (s Source) files(ctx context.Context) ([]File, error) {
	var out []File
	for i, r := range s.Dictionary.Resources {
		var b bytes.Buffer
		if err := s.Write(ctx, &b, i, Writing{}); err != nil {
			return nil, err
		}
		out = append(out, File{r.Path[0], b.Bytes()})
	}
	return out, nil
}

// Cell quotes a cell of CSV where that is needed.
func Cell(s string) string {
	if !strings.ContainsAny(s, ",\"\r\n") && s == strings.TrimSpace(s) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// Line appends cells as a line of CSV.
func Line(dst []byte, cells ...string) []byte {
	for i, s := range cells {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, Cell(s)...)
	}
	return append(dst, '\n')
}
