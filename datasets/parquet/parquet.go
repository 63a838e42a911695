// Package parquet reads and writes tables as Parquet, through arrow's
// parquet/file alone: pqarrow would add a network stack and its goroutines panic
// on damaged files where no guard can reach them.
package parquet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"recoup/datasets"
)

// Limits on what a file's footer may promise, so that a damaged or hostile file
// is refused before memory is taken for it.
const (
	maxFooter  = 32 << 20 // read, it takes thirty times as much
	maxColumns = 20_000
	maxRows    = 1 << 31
	maxPage    = 128 << 20
	maxPages   = 512 << 20 // of all columns at a time
	maxText    = 1 << 20   // of a cell
	maxTexts   = 256 << 20 // of a column's different texts in a batch
	batchRows  = 1 << 16
	batchBytes = 64 << 20 // as far as the footer tells how large rows are
)

var (
	errFormat = errors.New("not a Parquet file")
	errLarge  = datasets.ErrTooLarge
)

// told turns an error of reading into the problem that a user sees.
func (s *source) told(err error, expected string) error {
	if !errors.Is(err, errLarge) {
		return datasets.FileProblem(s.table, s.path, expected)
	}
	return datasets.Problems{{
		Severity: datasets.SeverityError, Code: datasets.CodeTooLarge, Table: s.table, File: s.path,
		Expected: fmt.Sprintf("expected at most %d columns, a footer of at most %d MiB, pages of at most %d MiB and texts of at most %d bytes", maxColumns, maxFooter>>20, maxPage>>20, maxText),
		Mend:     "write the file again with fewer columns, smaller pages or without its long texts",
	}}
}

type source struct {
	table, path string
	f           *os.File
	r           *file.Reader
	columns     []string
	leaves      []int    // by column: its place in the schema, -1 for lists and groups
	odd         []string // by column: what keeps its cells from being read; "" mostly
	skip        []bool   // by column: the cohort file does not carry it
	group, row  int
	chunks      []*checkedPages // of the current row group
	read        []func(rows int64) (arrow.Array, error)
	left        int64                     // rows of it
	batch       int64                     // rows that are read at a time
	pages       int64                     // bytes of the pages at hand
	entry       func(column, text string) // of dictionaries; nil for nobody
}

// Open opens a Parquet file. Columns that a cohort's table has no place for, lists
// and groups among them, are refused unless the cohort file does not carry them.
func Open(path string, res datasets.Resource) (datasets.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{table: res.Name, path: path, f: f}
	err = datasets.Guard(func() error {
		st, err := f.Stat()
		if err != nil {
			return err
		}
		if err := checkEnds(f, st.Size()); err != nil {
			return err
		}
		r, err := file.NewParquetReader(f, file.WithReadProps(parquet.NewReaderProperties(datasets.Bounded(maxPage))))
		if err != nil {
			return err
		}
		s.r = r
		return s.checkFooter()
	})
	if err == nil {
		s.skip = datasets.Uncarried(s.columns, res.Schema.Fields)
		err = s.unread()
	} else {
		err = s.told(err, "a Parquet file")
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

// unread is the error for columns that are carried and cannot be read.
func (s *source) unread() error {
	ps := datasets.NewProblemList()
	for i, odd := range s.odd {
		if odd != "" && !s.skip[i] {
			ps.Add(datasets.OddColumn(s.table, s.path, s.columns[i], odd))
		}
	}
	if ps.Failed() {
		return ps.All()
	}
	return nil
}

// checkEnds looks for the format's mark at both ends and for a footer that lies
// inside the file.
func checkEnds(f io.ReaderAt, size int64) error {
	var head [4]byte
	var tail [8]byte
	if size < 12 {
		return errFormat
	}
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return err
	}
	if _, err := f.ReadAt(tail[:], size-8); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	switch {
	case string(head[:]) != mark || string(tail[4:]) != mark || n > size-12:
		return errFormat
	case n > maxFooter:
		return errLarge
	}
	return nil
}

func (s *source) checkFooter() error {
	sc := s.r.MetaData().Schema
	switch {
	case sc.NumColumns() > maxColumns:
		return errLarge
	case s.r.NumRows() < 0 || s.r.NumRows() > maxRows:
		return errFormat
	}
	for i := range sc.NumColumns() {
		c := sc.Column(i)
		name := c.ColumnPath()[0]
		if c.MaxRepetitionLevel() == 0 && c.MaxDefinitionLevel() <= 1 && len(c.ColumnPath()) == 1 {
			s.columns, s.leaves, s.odd = append(s.columns, name), append(s.leaves, i), append(s.odd, oddOf(c))
		} else if n := len(s.columns); n == 0 || s.leaves[n-1] >= 0 || s.columns[n-1] != name { // not one more leaf of the same
			s.columns, s.leaves, s.odd = append(s.columns, name), append(s.leaves, -1), append(s.odd, "lists or groups")
		}
	}
	total := int64(0)
	for g := range s.r.NumRowGroups() {
		group := s.r.MetaData().RowGroup(g)
		if group.NumRows() < 0 {
			return errFormat
		}
		total += group.NumRows()
		for i, leaf := range s.leaves {
			if s.odd[i] != "" {
				continue
			}
			chunk, err := group.ColumnChunk(leaf)
			if err != nil {
				return err
			}
			if _, err := compress.GetCodec(chunk.Compression()); err != nil {
				s.odd[i] = "cells compressed in a way that is not read"
			}
		}
	}
	if total != s.r.NumRows() {
		return errFormat
	}
	return nil
}

func (s *source) Columns() []string           { return s.columns }
func (s *source) Problems() datasets.Problems { return nil }

// Describe returns what the file's own description says of its columns.
func (s *source) Describe() []datasets.Field {
	for _, kv := range s.r.MetaData().KeyValueMetadata() {
		if kv.Key == datasets.MetadataKey && kv.Value != nil {
			return datasets.DescribedBy(*kv.Value, s.columns)
		}
	}
	return nil
}

func (s *source) Close() error {
	_ = datasets.Guard(s.r.Close)
	if err := s.f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Next returns the next rows.
func (s *source) Next(ctx context.Context) (*datasets.Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &datasets.Chunk{First: s.row + 1}
	err := datasets.Guard(func() error {
		for s.left == 0 {
			if s.group >= s.r.NumRowGroups() {
				return nil
			}
			if err := s.nextGroup(); err != nil {
				return err
			}
			s.read = make([]func(int64) (arrow.Array, error), len(s.chunks))
			for i, pages := range s.chunks {
				if pages == nil {
					continue
				}
				var err error
				if s.read[i], err = columnReader(pages); err != nil {
					return err
				}
			}
		}
		n := min(s.batch, s.left)
		for _, read := range s.read {
			if read == nil {
				c.Arrays = append(c.Arrays, nil)
				continue
			}
			a, err := read(n)
			if err != nil {
				return err
			}
			c.Arrays = append(c.Arrays, a)
		}
		s.left -= n
		c.Rows = int(n)
		return nil
	})
	switch {
	case err != nil: // io.EOF of the decoder too: rows that the footer promises are missing
		return nil, s.told(err, "a Parquet file whose pages can be read")
	case c.Rows == 0:
		return nil, io.EOF
	}
	s.row += c.Rows
	return c, nil
}

// nextGroup begins the next row group. Its columns are read side by side, some rows
// at a time, so that a group of any size takes little memory.
func (s *source) nextGroup() error {
	g := s.r.RowGroup(s.group)
	s.group++
	s.left = g.NumRows()
	s.chunks, s.pages = s.chunks[:0], 0
	size := int64(0)
	for i := range s.columns {
		if s.skip != nil && s.skip[i] {
			s.chunks = append(s.chunks, nil)
			continue
		}
		pages, err := g.GetColumnPageReader(s.leaves[i])
		if err != nil {
			return err
		}
		if c, err := g.MetaData().ColumnChunk(s.leaves[i]); err == nil {
			size += max(c.TotalUncompressedSize(), 0)
		}
		d := s.r.MetaData().Schema.Column(s.leaves[i])
		s.chunks = append(s.chunks, &checkedPages{
			PageReader: pages, d: d, optional: d.MaxDefinitionLevel() > 0, physical: d.PhysicalType(), width: d.TypeLength(), entry: s.entries(i), all: &s.pages,
		})
	}
	s.batch = max(min(batchRows, batchBytes/(size/max(s.left, 1)+1)), 1)
	return nil
}

// groupRows is how many rows a row group holds at least, but for the last.
const groupRows = 1 << 17

// writer writes a Parquet file.
type writer struct {
	c       *datasets.Contents
	w       io.Writer
	at      int64 // bytes written
	footer  *metadata.FileMetaDataBuilder
	groups  int16
	pending [][]arrow.Array // batches of the next row group
	rows    int
}

// NewWriter begins a table as Parquet, compressed with Zstandard, columns with
// their dictionary where values recur. The file carries the description of its
// columns, and why cells are missing in columns of their own.
func NewWriter(w io.Writer, c *datasets.Contents) (datasets.TableWriter, error) {
	sc, err := parquetSchema(c.Columns())
	if err != nil {
		return nil, err
	}
	description, err := c.Metadata()
	if err != nil {
		return nil, err
	}
	carried := metadata.NewKeyValueMetadata()
	if err := carried.Append(datasets.MetadataKey, description); err != nil {
		return nil, err
	}
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCreatedBy("recoup"))
	out := &writer{c: c, w: w, footer: metadata.NewFileMetadataBuilder(schema.NewSchema(sc), props, carried)}
	return out, out.write([]byte(mark))
}

// mark is at both ends of a file.
const mark = "PAR1"

func (w *writer) write(b []byte) error {
	n, err := w.w.Write(b)
	w.at += int64(n)
	return err
}

// Write writes a batch of rows.
func (w *writer) Write(b *datasets.Table) error {
	w.pending = append(w.pending, w.c.Arrays(b))
	w.rows += b.Rows()
	if w.rows < groupRows {
		return nil
	}
	return w.group()
}

// group writes the batches that wait as a row group. Its columns are encoded side by
// side.
func (w *writer) group() error {
	if w.rows == 0 {
		return nil
	}
	chunks, errs := make([]*chunk, len(w.pending[0])), make([]error, len(w.pending[0]))
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range chunks {
		slots <- struct{}{}
		wg.Go(func() {
			arrays := make([]arrow.Array, len(w.pending))
			for b, columns := range w.pending {
				arrays[b] = columns[i]
			}
			chunks[i], errs[i] = encode(arrays)
			<-slots
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	g := w.footer.AppendRowGroup()
	g.SetNumRows(w.rows)
	total := int64(0)
	for _, c := range chunks {
		if err := c.finish(g.NextColumnChunk(), w.at); err != nil {
			return err
		}
		if err := w.write(c.pages); err != nil {
			return err
		}
		total += c.plain
	}
	err := g.Finish(total, w.groups)
	w.pending, w.rows, w.groups = nil, 0, w.groups+1
	return err
}

// Close ends the file.
func (w *writer) Close() error {
	if err := w.group(); err != nil {
		return err
	}
	footer, err := w.footer.Finish()
	if err != nil {
		return err
	}
	n, err := footer.WriteTo(w.w, nil)
	if err != nil {
		return err
	}
	return w.write(append(binary.LittleEndian.AppendUint32(nil, uint32(n)), mark...))
}

// Write writes a whole table.
func Write(w io.Writer, t *datasets.Table) error {
	out, err := NewWriter(w, datasets.ContentsOf(t))
	if err != nil {
		return err
	}
	for b := range t.Batches() {
		if err := out.Write(b); err != nil {
			return err
		}
	}
	return out.Close()
}

func parquetSchema(columns []arrow.Field) (*schema.GroupNode, error) {
	var fields schema.FieldList
	for _, f := range columns {
		var n schema.Node
		var err error
		opt := parquet.Repetitions.Optional
		switch f.Type.ID() {
		case arrow.FLOAT64:
			n = schema.NewFloat64Node(f.Name, opt, -1)
		case arrow.INT64:
			n = schema.NewInt64Node(f.Name, opt, -1)
		case arrow.BOOL:
			n = schema.NewBooleanNode(f.Name, opt, -1)
		case arrow.DATE32:
			n, err = schema.NewPrimitiveNodeLogical(f.Name, opt, schema.DateLogicalType{}, parquet.Types.Int32, 0, -1)
		case arrow.TIMESTAMP:
			n, err = schema.NewPrimitiveNodeLogical(f.Name, opt, schema.NewTimestampLogicalType(false, schema.TimeUnitMicros), parquet.Types.Int64, 0, -1)
		default:
			n, err = schema.NewPrimitiveNodeLogical(f.Name, opt, schema.StringLogicalType{}, parquet.Types.ByteArray, 0, -1)
		}
		if err != nil {
			return nil, err
		}
		fields = append(fields, n)
	}
	return schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
}
