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

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
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
	maxFooter  = 64 << 20
	maxColumns = 20_000
	maxRows    = 1 << 31
	batchRows  = 1 << 16
)

var errFormat = errors.New("not a Parquet file")

type source struct {
	table, path string
	f           *os.File
	r           *file.Reader
	columns     []string
	group, row  int
	arrays      []arrow.Array // of the current row group
	from        int64         // next row of the current row group
}

// Open opens a Parquet file of flat columns.
func Open(path string, res datasets.Resource) (datasets.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{table: res.Name, path: path, f: f}
	err = datasets.Guard(func() error {
		if err := checkEnds(f); err != nil {
			return err
		}
		r, err := file.NewParquetReader(f, file.WithReadProps(parquet.NewReaderProperties(memory.DefaultAllocator)))
		if err != nil {
			return err
		}
		s.r = r
		return s.checkFooter()
	})
	if err != nil {
		_ = f.Close()
		return nil, datasets.FileProblem(res.Name, path, "a Parquet file of flat columns")
	}
	return s, nil
}

// checkEnds looks for the format's mark at both ends and for a footer that lies
// inside the file.
func checkEnds(f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	var head [4]byte
	var tail [8]byte
	if st.Size() < 12 {
		return errFormat
	}
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return err
	}
	if _, err := f.ReadAt(tail[:], st.Size()-8); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if string(head[:]) != "PAR1" || string(tail[4:]) != "PAR1" || n > maxFooter || n > st.Size()-12 {
		return errFormat
	}
	return nil
}

func (s *source) checkFooter() error {
	sc := s.r.MetaData().Schema
	if sc.NumColumns() > maxColumns || s.r.NumRows() < 0 || s.r.NumRows() > maxRows {
		return errFormat
	}
	for i := range sc.NumColumns() {
		c := sc.Column(i)
		if c.MaxRepetitionLevel() > 0 || c.MaxDefinitionLevel() > 1 || len(c.ColumnPath()) != 1 {
			return errFormat // nested columns have no place in a cohort's tables
		}
		s.columns = append(s.columns, c.Name())
	}
	total := int64(0)
	for g := range s.r.NumRowGroups() {
		rows := s.r.MetaData().RowGroup(g).NumRows()
		if rows < 0 {
			return errFormat
		}
		total += rows
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
	for len(s.arrays) == 0 || s.from >= int64(s.arrays[0].Len()) {
		if s.group >= s.r.NumRowGroups() {
			return nil, io.EOF
		}
		if err := datasets.Guard(s.readGroup); err != nil {
			return nil, datasets.FileProblem(s.table, s.path, "a Parquet file whose pages can be read")
		}
	}
	to := min(s.from+batchRows, int64(s.arrays[0].Len()))
	c := &datasets.Chunk{First: s.row + 1, Rows: int(to - s.from)}
	for _, a := range s.arrays {
		c.Arrays = append(c.Arrays, array.NewSlice(a, s.from, to))
	}
	s.from = to
	s.row += c.Rows
	return c, nil
}

func (s *source) readGroup() error {
	g := s.r.RowGroup(s.group)
	s.group++
	s.from = 0
	s.arrays = s.arrays[:0]
	rows := g.NumRows()
	for i := range s.columns {
		cr, err := g.Column(i)
		if err != nil {
			return err
		}
		a, err := readColumn(cr, rows)
		if err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
		if int64(a.Len()) != rows {
			return errFormat
		}
		s.arrays = append(s.arrays, a)
	}
	return nil
}

// batchReader is what the typed column readers have in common.
type batchReader[T any] interface {
	ReadBatch(n int64, values []T, def, rep []int16) (int64, int, error)
}

// readAll reads a column chunk and hands each row's value, or nothing where it
// is missing, to add.
func readAll[T any](r batchReader[T], rows int64, maxDef int16, add func(v T, ok bool)) error {
	const n = 4096
	values, def := make([]T, n), make([]int16, n)
	for done := int64(0); done < rows; {
		levels, _, err := r.ReadBatch(min(n, rows-done), values, def, nil)
		if err != nil {
			return err
		}
		if levels == 0 {
			return errFormat
		}
		k := 0
		for i := range levels {
			var zero T
			if maxDef > 0 && def[i] < maxDef {
				add(zero, false)
				continue
			}
			add(values[k], true)
			k++
		}
		done += levels
	}
	return nil
}

// readColumn reads one column chunk as the Arrow type its logical type says.
func readColumn(cr file.ColumnChunkReader, rows int64) (arrow.Array, error) {
	d := cr.Descriptor()
	def := d.MaxDefinitionLevel()
	mem := memory.DefaultAllocator
	logical := d.LogicalType()
	switch r := cr.(type) {
	case *file.Float64ColumnChunkReader:
		b := array.NewFloat64Builder(mem)
		return finish(b, readAll(r, rows, def, func(v float64, ok bool) { appendTo(b, b.Append, v, ok) }))
	case *file.Float32ColumnChunkReader:
		b := array.NewFloat32Builder(mem)
		return finish(b, readAll(r, rows, def, func(v float32, ok bool) { appendTo(b, b.Append, v, ok) }))
	case *file.BooleanColumnChunkReader:
		b := array.NewBooleanBuilder(mem)
		return finish(b, readAll(r, rows, def, func(v bool, ok bool) { appendTo(b, b.Append, v, ok) }))
	case *file.Int32ColumnChunkReader:
		switch logical.(type) {
		case schema.DateLogicalType:
			b := array.NewDate32Builder(mem)
			return finish(b, readAll(r, rows, def, func(v int32, ok bool) { appendTo(b, b.Append, arrow.Date32(v), ok) }))
		case schema.DecimalLogicalType, *schema.DecimalLogicalType:
			return nil, errFormat
		}
		b := array.NewInt64Builder(mem)
		return finish(b, readAll(r, rows, def, func(v int32, ok bool) { appendTo(b, b.Append, int64(v), ok) }))
	case *file.Int64ColumnChunkReader:
		if ts, ok := timestampOf(logical); ok {
			b := array.NewTimestampBuilder(mem, ts)
			return finish(b, readAll(r, rows, def, func(v int64, ok bool) { appendTo(b, b.Append, arrow.Timestamp(v), ok) }))
		}
		if _, ok := logical.(*schema.DecimalLogicalType); ok {
			return nil, errFormat
		}
		b := array.NewInt64Builder(mem)
		return finish(b, readAll(r, rows, def, func(v int64, ok bool) { appendTo(b, b.Append, v, ok) }))
	case *file.ByteArrayColumnChunkReader:
		b := array.NewStringBuilder(mem)
		return finish(b, readAll(r, rows, def, func(v parquet.ByteArray, ok bool) { appendTo(b, b.Append, string(v), ok) }))
	}
	return nil, errFormat // INT96 and fixed-length bytes: not written by the tools that make cohorts today
}

func timestampOf(l schema.LogicalType) (*arrow.TimestampType, bool) {
	var unit schema.TimeUnitType
	switch t := l.(type) {
	case schema.TimestampLogicalType:
		unit = t.TimeUnit()
	case *schema.TimestampLogicalType:
		unit = t.TimeUnit()
	default:
		return nil, false
	}
	switch unit {
	case schema.TimeUnitMillis:
		return arrow.FixedWidthTypes.Timestamp_ms.(*arrow.TimestampType), true
	case schema.TimeUnitNanos:
		return arrow.FixedWidthTypes.Timestamp_ns.(*arrow.TimestampType), true
	}
	return arrow.FixedWidthTypes.Timestamp_us.(*arrow.TimestampType), true
}

func appendTo[T any](b array.Builder, appendValue func(T), v T, ok bool) {
	if ok {
		appendValue(v)
	} else {
		b.AppendNull()
	}
}

func finish(b array.Builder, err error) (arrow.Array, error) {
	if err != nil {
		return nil, err
	}
	return b.NewArray(), nil
}

// groupRows is how many rows a row group holds at least, but for the last.
const groupRows = 1 << 17

// writer writes a Parquet file.
type writer struct {
	c       *datasets.Contents
	w       *file.Writer
	pending [][]arrow.Array // batches of the next row group
	rows    int
}

// NewWriter begins a table as Parquet, compressed with Zstandard, text columns with
// their dictionary. The file carries the description of its columns, and why cells
// are missing in columns of their own.
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
	// The writer would close a file; what it was handed is the caller's to close.
	pw := file.NewParquetWriter(struct{ io.Writer }{w}, sc, file.WithWriteMetadata(carried), file.WithWriterProps(parquet.NewWriterProperties(
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCreatedBy("recoup"))))
	return &writer{c: c, w: pw}, nil
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

// group writes the batches that wait as a row group.
func (w *writer) group() error {
	if w.rows == 0 {
		return nil
	}
	g := w.w.AppendRowGroup()
	for i := range w.pending[0] {
		cw, err := g.NextColumn()
		if err != nil {
			return err
		}
		for _, columns := range w.pending {
			if err := writeColumn(cw, columns[i]); err != nil {
				return err
			}
		}
		if err := cw.Close(); err != nil {
			return err
		}
	}
	w.pending, w.rows = nil, 0
	return g.Close()
}

// Close ends the file.
func (w *writer) Close() error {
	if err := w.group(); err != nil {
		return err
	}
	return w.w.Close()
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

func writeColumn(cw file.ColumnChunkWriter, a arrow.Array) error {
	def := make([]int16, a.Len())
	for i := range def {
		if a.IsValid(i) {
			def[i] = 1
		}
	}
	var err error
	switch w := cw.(type) {
	case *file.Float64ColumnChunkWriter:
		_, err = w.WriteBatch(present(a, a.(*array.Float64).Value), def, nil)
	case *file.Int64ColumnChunkWriter:
		if ts, ok := a.(*array.Timestamp); ok {
			_, err = w.WriteBatch(present(a, func(i int) int64 { return int64(ts.Value(i)) }), def, nil)
		} else {
			_, err = w.WriteBatch(present(a, a.(*array.Int64).Value), def, nil)
		}
	case *file.Int32ColumnChunkWriter:
		_, err = w.WriteBatch(present(a, func(i int) int32 { return int32(a.(*array.Date32).Value(i)) }), def, nil)
	case *file.BooleanColumnChunkWriter:
		_, err = w.WriteBatch(present(a, a.(*array.Boolean).Value), def, nil)
	case *file.ByteArrayColumnChunkWriter:
		value := func(i int) string { return a.(*array.String).Value(i) }
		if d, ok := a.(*array.Dictionary); ok {
			levels := d.Dictionary().(*array.String)
			value = func(i int) string { return levels.Value(d.GetValueIndex(i)) }
		}
		_, err = w.WriteBatch(present(a, func(i int) parquet.ByteArray { return parquet.ByteArray(value(i)) }), def, nil)
	default:
		err = fmt.Errorf("parquet: no writer for %s", a.DataType())
	}
	return err
}

// present returns the values that are not missing, as the writer wants them.
func present[T any](a arrow.Array, value func(int) T) []T {
	out := make([]T, 0, a.Len())
	for i := range a.Len() {
		if a.IsValid(i) {
			out = append(out, value(i))
		}
	}
	return out
}
