package datasets

import (
	"hash/maphash"
	"maps"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// addConstants adds a column for each constant of the resource, so that what
// holds for the whole table travels with it.
func (t *Table) addConstants(r Resource, seed maphash.Seed) {
	for _, role := range slices.Sorted(maps.Keys(r.Constants)) {
		f := Field{Name: role, Type: TypeString, Role: Role(role)}
		if numericRole(f.Role) {
			f.Type = TypeNumber
		}
		b := newColumnBuilder(newColumnSpec(f, []MissingValue{}, seed))
		for range t.rows {
			b.text(r.Constants[role])
		}
		t.fields = append(t.fields, f)
		t.columns = append(t.columns, []arrow.Array{b.finish().array})
		t.codes = append(t.codes, nil)
		t.why = append(t.why, [][]byte{nil})
	}
}

// matching evaluates a condition for every row.
func (t *Table) matching(cond *Condition) []bool {
	get := map[string]func(row int) cell{}
	for _, c := range cond.Columns() {
		get[c] = t.cells(c)
	}
	keep := make([]bool, t.rows)
	for r := range keep {
		keep[r] = cond.root.eval(func(c string) cell { return get[c](r) })
	}
	return keep
}

// cells returns a reader of a column's cells for conditions.
func (t *Table) cells(column string) func(row int) cell {
	f := t.fields[t.index(column)]
	if f.Type == TypeNumber || f.Type == TypeInteger || f.Type == TypeDuration {
		vs := t.Floats(column)
		return func(r int) cell { return cell{missing: vs[r] != vs[r], numeric: true, num: vs[r]} }
	}
	codes, levels := t.Codes(column)
	labels := map[string]string{}
	for _, c := range f.Categories {
		labels[c.Value] = c.Label
	}
	return func(r int) cell {
		if codes[r] < 0 {
			return cell{missing: true}
		}
		s := levels[codes[r]]
		return cell{text: s, label: labels[s]}
	}
}

// usable takes out the rows that no analysis could use, and counts them: those
// without a patient, and those of a visit that the cohort file does not list.
func (t *tableReader) usable(b *Table) *Table {
	var keep []bool // nil while all are
	drop := func(code, reason string, bad func(r int) bool) {
		for r := range b.rows {
			if (keep == nil || keep[r]) && bad(r) {
				if keep == nil {
					keep = slices.Repeat([]bool{true}, b.rows)
				}
				keep[r] = false
				t.leaveOut(code, reason, "", b.line(r))
			}
		}
	}
	if f, ok := b.Field(RolePatient); ok && b.Missing(f.Name) > 0 {
		codes, _ := b.codesOf(f.Name)
		drop(CodeNoPatient, "rows without a patient", func(r int) bool { return codes[r] < 0 })
	}
	if f, ok := b.Field(RoleVisit); ok && (b.Missing(f.Name) > 0 || len(t.dict.Visits) > 0) {
		codes, levels := b.codesOf(f.Name)
		listed := make([]bool, levels.len())
		for i := range listed {
			_, ok := t.dict.visit(levels.at(i))
			listed[i] = ok || len(t.dict.Visits) == 0
		}
		drop(CodeVisitNotListed, "rows of a visit that the cohort file does not list", func(r int) bool { return codes[r] < 0 || !listed[codes[r]] })
	}
	if keep == nil {
		return b
	}
	return b.keep(keep)
}

// reshape turns a batch of one row a patient with a column a visit into one of one
// row a patient and visit. Rows whose cell is missing stay, with a missing outcome
// and the reason.
func reshape(t *Table, rs Reshape) *Table {
	wide := slices.Sorted(maps.Keys(rs.Columns))
	slices.SortStableFunc(wide, func(a, b string) int { return t.index(a) - t.index(b) })
	out := &Table{name: t.name, rows: t.rows * len(wide), lines: []int32{}}
	for r := range t.rows {
		for range wide {
			out.lines = append(out.lines, int32(t.line(r)))
		}
	}
	for i, f := range t.fields {
		if _, isWide := rs.Columns[f.Name]; isWide {
			continue
		}
		out.fields = append(out.fields, f)
		out.columns = append(out.columns, repeatRows(t.columns[i], len(wide)))
		out.codes = append(out.codes, t.codes[i])
		out.why = append(out.why, [][]byte{repeatWhy(t.why[i], len(wide))})
	}
	visits := array.NewInt32Builder(memory.DefaultAllocator)
	var names []string
	value := t.fields[t.index(wide[0])]
	value.Name, value.Role, value.Type = rs.Outcome, cmpRole(value.Role), TypeNumber
	outcome := array.NewFloat64Builder(memory.DefaultAllocator)
	columns := make([][]float64, len(wide))
	whys := make([][]byte, len(wide))
	codes, number := []MissingValue(nil), make([][256]byte, len(wide))
	for j, c := range wide {
		i := t.index(c)
		columns[j] = t.Floats(c)
		if len(t.why[i]) > 0 {
			whys[j] = t.why[i][0]
		}
		number[j][whySetAside] = whySetAside
		for k, m := range t.codes[i] {
			at := slices.IndexFunc(codes, func(o MissingValue) bool { return o.Value == m.Value })
			if at < 0 && len(codes) < maxMissing {
				at = len(codes)
				codes = append(codes, m)
			}
			number[j][k+1] = byte(at + 1)
		}
		names = append(names, rs.Columns[c])
	}
	var why []byte
	for r := range t.rows {
		for j := range wide {
			visits.Append(int32(j))
			if v := columns[j][r]; v != v {
				outcome.AppendNull()
			} else {
				outcome.Append(v)
			}
			if whys[j] != nil && whys[j][r] != whyPlain {
				if why == nil {
					why = make([]byte, out.rows)
				}
				why[r*len(wide)+j] = number[j][whys[j][r]]
			}
		}
	}
	visit := array.NewDictionaryArray(arrowType(TypeString), visits.NewArray(), stringArray(names))
	out.fields = append(out.fields, Field{Name: "visit", Type: TypeString, Role: RoleVisit}, value)
	out.columns = append(out.columns, []arrow.Array{visit}, []arrow.Array{outcome.NewArray()})
	out.codes = append(out.codes, nil, codes)
	out.why = append(out.why, [][]byte{nil}, [][]byte{why})
	return out
}

func cmpRole(r Role) Role {
	if r == "" {
		return RoleOutcome
	}
	return r
}

// repeatRows writes each cell n times in a row.
func repeatRows(batches []arrow.Array, n int) []arrow.Array {
	out := make([]arrow.Array, len(batches))
	for b, a := range batches {
		var at []int32
		for i := range a.Len() {
			for range n {
				at = append(at, int32(i))
			}
		}
		out[b] = pick([]arrow.Array{a}, at)
	}
	return out
}

// repeatWhy does so with why the cells of a batch are missing.
func repeatWhy(batches [][]byte, n int) []byte {
	if len(batches) == 0 || batches[0] == nil {
		return nil
	}
	out := make([]byte, 0, n*len(batches[0]))
	for _, w := range batches[0] {
		for range n {
			out = append(out, w)
		}
	}
	return out
}
