package parquet

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"

	"recoup/datasets"
)

// Texts hands on all that a Parquet file of flat columns says, whatever its pages are
// compressed with: the names of its columns, what describes the file, the entries of
// its dictionaries, which may be of no row, and every value, numbers in digits. The
// column is empty for what describes the file. A text may come more than once.
func Texts(content []byte, each func(column, text string)) error {
	return datasets.Guard(func() error {
		in := bytes.NewReader(content)
		if err := checkEnds(in, in.Size()); err != nil {
			return err
		}
		r, err := file.NewParquetReader(in, file.WithReadProps(parquet.NewReaderProperties(memory.DefaultAllocator)))
		if err != nil {
			return err
		}
		for _, kv := range r.MetaData().KeyValueMetadata() {
			each("", kv.GetKey())
			each("", kv.GetValue())
		}
		s := &source{r: r, entry: each}
		if err := s.checkFooter(); err != nil {
			return err
		}
		s.skip = make([]bool, len(s.columns)) // none: all are looked at
		for i, c := range s.columns {
			if s.leaves[i] < 0 {
				return errFormat
			}
			each("", c)
		}
		s.buffers.New = func() any { return memory.NewResizableBuffer(memory.DefaultAllocator) }
		for range r.NumRowGroups() {
			if err := s.nextGroup(); err != nil {
				return err
			}
			for i, c := range s.chunks {
				if err := inWords(c, s.left, func(text string) { each(s.columns[i], text) }); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// inWords hands on the values of a column chunk in words.
func inWords(chunk file.ColumnChunkReader, rows int64, say func(string)) error {
	def := chunk.Descriptor().MaxDefinitionLevel()
	var err error
	switch r := chunk.(type) {
	case *file.ByteArrayColumnChunkReader:
		_, err = readAll(r, rows, def, each(func(_ int64, v parquet.ByteArray) { say(string(v)) }))
	case *file.FixedLenByteArrayColumnChunkReader:
		_, err = readAll(r, rows, def, each(func(_ int64, v parquet.FixedLenByteArray) { say(string(v)) }))
	case *file.Int32ColumnChunkReader:
		_, err = readAll(r, rows, def, each(func(_ int64, v int32) { say(strconv.FormatInt(int64(v), 10)) }))
	case *file.Int64ColumnChunkReader:
		_, err = readAll(r, rows, def, each(func(_ int64, v int64) { say(strconv.FormatInt(v, 10)) }))
	case *file.Float32ColumnChunkReader:
		_, err = readAll(r, rows, def, each(func(_ int64, v float32) { say(strconv.FormatFloat(float64(v), 'f', -1, 32)) }))
	case *file.Float64ColumnChunkReader:
		_, err = readAll(r, rows, def, each(func(_ int64, v float64) { say(strconv.FormatFloat(v, 'f', -1, 64)) }))
	case *file.Int96ColumnChunkReader:
		_, err = readAll(r, rows, def, each(func(_ int64, v parquet.Int96) { say(v.String()) }))
	case *file.BooleanColumnChunkReader: // says nothing
	default:
		return errFormat
	}
	return err
}

// entries is what takes the texts of a column's dictionaries, nil for nobody.
func (s *source) entries(column int) func(string) {
	if s.entry == nil {
		return nil
	}
	return func(text string) { s.entry(s.columns[column], text) }
}

// inPage hands on the texts of a dictionary page: lengths of four bytes, each before
// its text.
func inPage(page []byte, each func(string)) {
	for len(page) >= 4 {
		n := binary.LittleEndian.Uint32(page)
		page = page[4:]
		if uint64(n) > uint64(len(page)) {
			each(string(page))
			return
		}
		each(string(page[:n]))
		page = page[n:]
	}
}
