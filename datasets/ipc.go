package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Guard runs a third-party decoder and turns a panic of its on a damaged file
// into an error.
func Guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errDamaged
			if e, ok := r.(error); ok {
				err = errors.Join(errDamaged, e)
			}
		}
	}()
	return f()
}

var errDamaged = errors.New("the file is damaged or not of this format")

// bounded is an allocator that refuses what a file of its size cannot need, even
// compressed: the decoder believes the lengths that a file states.
type bounded struct {
	memory.Allocator
	most int64
}

// ErrTooLarge is what errors.Is finds in the error for a piece of a file that is larger
// than it may be.
var ErrTooLarge = errors.New("a piece of the file is larger than it may be")

// Bounded returns an allocator for a third-party decoder that is run under [Guard]: it
// refuses pieces of more than so many bytes.
func Bounded(most int64) memory.Allocator { return bounded{memory.DefaultAllocator, most} }

// Allocate refuses by a panic, since an allocator has no other way; Guard makes it
// an error.
func (b bounded) Allocate(size int) []byte {
	if size < 0 || int64(size) > b.most {
		panic(ErrTooLarge) //nolint:forbidigo // see above
	}
	return b.Allocator.Allocate(size)
}

// Reallocate refuses as Allocate does.
func (b bounded) Reallocate(size int, old []byte) []byte {
	if size < 0 || int64(size) > b.most {
		panic(ErrTooLarge) //nolint:forbidigo // see above
	}
	return b.Allocator.Reallocate(size, old)
}

// ipcSource reads an Arrow IPC file (also called Feather version 2).
type ipcSource struct {
	f       *os.File
	r       *ipc.FileReader
	columns []string
	skip    []bool // by column: the cohort file does not carry it
	next    int
	row     int
}

// NewIPC opens an Arrow IPC file.
func NewIPC(path string, res Resource) (Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &ipcSource{f: f}
	err = Guard(func() error {
		st, err := f.Stat()
		if err != nil {
			return err
		}
		if err := checkIPC(f, st.Size()); err != nil {
			return err
		}
		s.r, err = ipc.NewFileReader(f, ipc.WithAllocator(Bounded(64<<20+256*st.Size())))
		if err != nil {
			return err
		}
		for _, field := range s.r.Schema().Fields() {
			s.columns = append(s.columns, field.Name)
		}
		return nil
	})
	var nested nestedError
	var other otherArrow
	switch {
	case errors.As(err, &other):
		err = Problems{{
			Severity: SeverityError, Code: CodeFile, Table: res.Name, File: path,
			Expected: "expected an Arrow IPC file (Feather version 2), found " + string(other), Mend: "write it as a file: write_feather in R and in Python does",
		}}
	case errors.As(err, &nested):
		err = Problems{OddColumn(res.Name, path, string(nested), "lists or groups")}
	case err != nil:
		err = FileProblem(res.Name, path, "an Arrow IPC file")
	default:
		s.skip = Uncarried(s.columns, res.Schema.Fields)
		err = s.unread(res.Name, path)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

// unread is the error for columns that are carried and hold what no cell can.
func (s *ipcSource) unread(table, path string) error {
	for i, field := range s.r.Schema().Fields() {
		if !s.skip[i] && field.Type.ID() == arrow.FIXED_SIZE_BINARY {
			return Problems{OddColumn(table, path, s.columns[i], "bytes of a fixed length")}
		}
	}
	return nil
}

// FileProblem is the error for a file that is not of its format.
func FileProblem(table, path, expected string) error {
	return Problems{{
		Severity: SeverityError, Code: CodeFile, Table: table, File: path,
		Expected: "expected " + expected + "; the file is damaged or of another format",
		Mend:     "write it again from its source",
	}}
}

// Columns returns the column names.
func (s *ipcSource) Columns() []string { return s.columns }

// Problems returns nil: a damaged file is an error.
func (s *ipcSource) Problems() Problems { return nil }

// Close closes the file.
func (s *ipcSource) Close() error {
	_ = Guard(s.r.Close)
	return s.f.Close()
}

// Next returns the next record batch of the file.
func (s *ipcSource) Next(ctx context.Context) (*Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &Chunk{First: s.row + 1}
	err := Guard(func() error {
		if s.next >= s.r.NumRecords() {
			return nil
		}
		rec, err := s.r.RecordAt(s.next)
		if err != nil {
			return err
		}
		s.next++
		c.Rows = int(rec.NumRows())
		c.Arrays = slices.Clone(rec.Columns())
		for i, a := range c.Arrays {
			switch {
			case s.skip[i]:
				c.Arrays[i] = nil
			case a.Len() != c.Rows:
				return errIPC
			case a.DataType().ID() == arrow.NULL: // a column without any value has no other type
				c.Arrays[i] = array.MakeArrayOfNull(memory.DefaultAllocator, arrow.BinaryTypes.String, c.Rows)
			case !sound(a):
				return errIPC
			}
		}
		return nil
	})
	switch {
	case err != nil: // the decoder's end of file too: batches that the footer promises are missing
		return nil, FileProblem("", s.f.Name(), "an Arrow IPC file")
	case c.Arrays == nil:
		return nil, io.EOF
	}
	s.row += c.Rows
	return c, nil
}

// Describe returns what the file's own description says of its columns.
func (s *ipcSource) Describe() []Field {
	m := s.r.Schema().Metadata()
	if i := m.FindKey(MetadataKey); i >= 0 {
		return DescribedBy(m.Values()[i], s.columns)
	}
	return nil
}

// ipcWriter writes an Arrow IPC file.
type ipcWriter struct {
	c      *Contents
	w      *ipc.FileWriter
	schema *arrow.Schema
}

// NewIPCWriter begins a table as an Arrow IPC file. The file carries the
// description of its columns, and why cells are missing in columns of their own.
func NewIPCWriter(w io.Writer, c *Contents) (TableWriter, error) {
	description, err := c.Metadata()
	if err != nil {
		return nil, err
	}
	m := arrow.NewMetadata([]string{MetadataKey}, []string{description})
	schema := arrow.NewSchema(c.Columns(), &m)
	fw, err := ipc.NewFileWriter(&position{w: w}, ipc.WithSchema(schema))
	return &ipcWriter{c, fw, schema}, err
}

// Write writes a batch of rows.
func (w *ipcWriter) Write(b *Table) error {
	if err := w.w.Write(array.NewRecord(w.schema, w.c.Arrays(b), int64(b.rows))); err != nil {
		return fmt.Errorf("arrow: %w", err)
	}
	return nil
}

// Close ends the file.
func (w *ipcWriter) Close() error { return w.w.Close() }

// position is a writer that knows how far it is, which the IPC writer asks by
// seeking to where it stands; it seeks nowhere else.
type position struct {
	w io.Writer
	n int64
}

// Write passes on and counts.
func (p *position) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}

// Seek answers where the writer stands.
func (p *position) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return p.n, errors.New("this writer cannot move")
	}
	return p.n, nil
}
