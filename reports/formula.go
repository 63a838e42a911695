package reports

// Formula says how a number follows from others of the report, for formats in which a
// reader may change one and see the rest follow. It is built by code alone, of places and
// numbers: it holds no text, so no word of data can become part of one.
type Formula struct {
	op    formulaOp
	args  []*Formula
	table string
	row   int
	col   int
}

type formulaOp int

const (
	opCell formulaOp = iota
	opSum
	opProduct
	opDifference
)

// CellAt is the number in a table of the report, by the table's ID and by row and column from
// 0, headings and the column of labels counted.
func CellAt(table string, row, column int) *Formula {
	return &Formula{table: table, row: row, col: column}
}

// SumOf adds.
func SumOf(args ...*Formula) *Formula { return &Formula{op: opSum, args: args} }

// ProductOf multiplies.
func ProductOf(args ...*Formula) *Formula { return &Formula{op: opProduct, args: args} }

// DifferenceOf is a less b.
func DifferenceOf(a, b *Formula) *Formula {
	return &Formula{op: opDifference, args: []*Formula{a, b}}
}

// Write writes a formula by a function that names the cell at a place, and false where
// there is none; then the formula is false as well. The names must be safe as they are.
func (f *Formula) Write(name func(table string, row, column int) (string, bool)) (string, bool) {
	if f.op == opCell {
		return name(f.table, f.row, f.col)
	}
	parts := make([]string, len(f.args))
	for i, a := range f.args {
		var ok bool
		if parts[i], ok = a.Write(name); !ok {
			return "", false
		}
	}
	if len(parts) == 0 {
		return "", false
	}
	before, between := "SUM(", ","
	switch f.op {
	case opProduct:
		before = "PRODUCT("
	case opDifference:
		before, between = "(", "-"
	}
	out := before + parts[0]
	for _, p := range parts[1:] {
		out += between + p
	}
	return out + ")", true
}

// Live returns the cell as one that follows from others where a format can compute. Only
// numbers that no patient stands behind do.
func (c Cell) Live(f *Formula) Cell {
	c.Formula = f
	return c
}

// Changeable returns the cell as a number that a reader may put another in place of.
func (c Cell) Changeable() Cell {
	c.Input = true
	return c
}
