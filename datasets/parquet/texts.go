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

// inWords hands on the values of a column chunk in words, those of its dictionary
// once.
func inWords(pages *checkedPages, rows int64, say func(string)) error {
	switch pages.physical {
	case parquet.Types.ByteArray:
		return said(pages, rows, func(v parquet.ByteArray) { say(string(v)) })
	case parquet.Types.FixedLenByteArray:
		return said(pages, rows, func(v parquet.FixedLenByteArray) { say(string(v)) })
	case parquet.Types.Int32:
		return said(pages, rows, func(v int32) { say(strconv.FormatInt(int64(v), 10)) })
	case parquet.Types.Int64:
		return said(pages, rows, func(v int64) { say(strconv.FormatInt(v, 10)) })
	case parquet.Types.Float:
		return said(pages, rows, func(v float32) { say(strconv.FormatFloat(float64(v), 'f', -1, 32)) })
	case parquet.Types.Double:
		return said(pages, rows, func(v float64) { say(strconv.FormatFloat(v, 'f', -1, 64)) })
	case parquet.Types.Int96:
		return said(pages, rows, func(v parquet.Int96) { say(v.String()) })
	case parquet.Types.Boolean: // says nothing
		return nil
	}
	return errFormat
}

func said[T any](pages *checkedPages, rows int64, say func(T)) error {
	_, err := newCells(pages, &numbers[T, struct{}]{as: func(v T) (none struct{}) {
		say(v)
		return none
	}}).read(make([]struct{}, rows))
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
