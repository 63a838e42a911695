package datasets

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// keeper puts the batches of a cohort's tables together, as far as they are kept:
// each text column gets one dictionary, coded in order of first appearance after the
// levels that are listed.
type keeper struct {
	opt    LoadOptions
	seed   maphash.Seed
	tables map[string]*keptTable
	bytes  int64
}

// ErrMemory is what errors.Is finds in the error for a cohort that needs more memory
// than it may take.
var ErrMemory = errors.New("more memory is needed than there is")

type keptTable struct {
	*Table
	from     []int     // by field: the column of the batches
	levels   []*texts  // by field; nil where it is not text, or the patient
	patients [][]int32 // by batch
}

func newKeeper(opt LoadOptions, seed maphash.Seed) *keeper {
	return &keeper{opt: opt, seed: seed, tables: map[string]*keptTable{}}
}

// begin returns a table without rows, of the columns that are kept.
func (k *keeper) begin(b *Table) *keptTable {
	t := &keptTable{Table: &Table{name: b.name, first: b.line(0)}}
	for i, f := range b.fields {
		if k.opt.Keep != nil && !k.opt.Keep(b, f) {
			continue
		}
		t.from = append(t.from, i)
		t.fields = append(t.fields, f)
		t.codes = append(t.codes, b.codes[i])
	}
	t.columns = make([][]arrow.Array, len(t.fields))
	t.why = make([][][]byte, len(t.fields))
	t.levels = make([]*texts, len(t.fields))
	return t
}

func (k *keeper) add(b *Table) error {
	t := k.tables[b.name]
	if t == nil {
		t = k.begin(b)
		k.tables[b.name] = t
	}
	if len(t.fields) == 0 {
		return nil
	}
	if k.opt.KeepVisits != nil {
		b = b.ofVisits(k.opt.KeepVisits)
	}
	if b.rows == 0 {
		return nil
	}
	if b.lines != nil || t.lines != nil || t.first+t.rows != b.first {
		for r := len(t.lines); r < t.rows; r++ {
			t.lines = append(t.lines, int32(t.first+r))
		}
		for r := range b.rows {
			t.lines = append(t.lines, int32(b.line(r)))
		}
	}
	t.rows += b.rows
	t.patients = append(t.patients, b.patient)
	for _, f := range t.fields {
		k.bytes += int64(b.rows) * int64(width(f.Type))
	}
	if most := k.opt.MostMemory; most > 0 && k.bytes > most {
		return fmt.Errorf("%w: %d rows of table %s and what was read before take more than the %.1f GiB that may be used; give columns that are not needed role: ignore", ErrMemory, t.rows, t.name, float64(most)/(1<<30))
	}
	for i, from := range t.from {
		a := b.columns[from][0]
		if d, ok := a.(*array.Dictionary); ok && t.fields[i].Role == RolePatient {
			copy(dictionaryCodes(d), b.patient) // its levels are the cohort's patients
		} else if ok {
			if t.levels[i] == nil {
				t.levels[i] = newTexts(k.seed)
			}
			recode(d, t.levels[i])
			if len(t.levels[i].bytes) > math.MaxInt32 {
				return fmt.Errorf("table %s: column %q holds more than 2 GiB of different texts; give it role: ignore", b.name, t.fields[i].Name)
			}
		}
		t.columns[i] = append(t.columns[i], a)
		t.why[i] = append(t.why[i], b.why[from][0])
	}
	return nil
}

// width is how many bytes a cell of the type takes.
func width(t Type) int {
	switch t {
	case TypeString, TypeDate:
		return 4
	case TypeBoolean:
		return 1
	}
	return 8
}

// ofVisits returns the rows of the visits; all of a table that has none.
func (t *Table) ofVisits(visits []string) *Table {
	f, ok := t.Field(RoleVisit)
	if !ok {
		return t
	}
	codes, levels := t.Codes(f.Name)
	rows := make([]bool, t.rows)
	for r, code := range codes {
		rows[r] = code >= 0 && slices.Contains(visits, levels[code])
	}
	return t.keep(rows)
}

// recode gives a batch the codes that its texts have among the levels, in place:
// the batch is the loader's own.
func recode(d *array.Dictionary, levels *texts) {
	from := d.Dictionary().(*array.String)
	to := make([]int32, from.Len())
	same := true
	for i := range to {
		to[i] = levels.number(from.Value(i))
		same = same && to[i] == int32(i)
	}
	if same {
		return
	}
	codes := dictionaryCodes(d)
	for i, code := range codes {
		if int(code) < len(to) { // the code of a missing cell means nothing
			codes[i] = to[code]
		}
	}
}

// finish hands the tables to the cohort.
func (k *keeper) finish(c *Cohort, ids *texts) {
	patients := ids.array()
	for i, empty := range c.tables {
		t := k.tables[empty.name]
		if t == nil {
			t = k.begin(empty) // no rows
		}
		if len(t.fields) == 0 {
			t.rows = empty.rows
		}
		t.patient = slices.Concat(t.patients...)
		for j, levels := range t.levels {
			var all arrow.Array
			switch {
			case levels != nil:
				all = levels.array()
			case t.fields[j].Role == RolePatient && t.fields[j].Type == TypeString:
				all = patients
			default:
				continue
			}
			for b, a := range t.columns[j] {
				t.columns[j][b] = array.NewDictionaryArray(arrowType(TypeString), a.(*array.Dictionary).Indices(), all)
			}
		}
		c.tables[i] = t.Table
	}
}
