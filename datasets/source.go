package datasets

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"
)

// Source gives one file's cells in batches. Each format has one; text formats
// fill Text, typed formats Arrays.
type Source interface {
	// Columns returns the column names as found in the file, in order.
	Columns() []string
	// Next returns the next batch, or io.EOF after the last. The batch is valid
	// until the next call.
	Next(ctx context.Context) (*Chunk, error)
	// Problems returns what was found wrong with the file so far.
	Problems() Problems
	// Close releases the file.
	Close() error
}

// Chunk is a batch of rows of a file, column by column.
type Chunk struct {
	First  int           // data row number of the first row; the first of the file is 1
	Rows   int           // number of rows
	Lines  []int         // line of each row in a text file, else nil
	Text   [][]string    // cells as text, one slice a column; nil where none is text
	Arrays []arrow.Array // cells as typed, one array a column; nil where none is typed
}

// text returns a column's cells as text, nil where they are typed. A format may
// give some columns as text and some as arrays: numbers with several missing
// codes, say, as text.
func (c *Chunk) text(column int) []string {
	if c.Text == nil {
		return nil
	}
	return c.Text[column]
}

// cell returns a cell as text, "" where it is missing.
func (c *Chunk) cell(column, row int) string {
	if cells := c.text(column); cells != nil {
		return cells[row]
	}
	if a := c.Arrays[column]; a.IsValid(row) {
		return cellText(a, row)
	}
	return ""
}

// Describer is a Source whose file says what its columns mean: their titles,
// types, levels with labels and missing codes. A draft takes these in place of
// guesses.
type Describer interface {
	// Describe returns a field for each column, in order. Only what the file says
	// is set; Name is the column's.
	Describe() []Field
}

// batchRows is how many rows a record batch holds: also the block of the digest.
const batchRows = 1 << 16
