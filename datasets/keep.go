package datasets

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// keeper puts the batches of a cohort's tables together: each text column gets one
// dictionary, coded in order of first appearance after the levels that are listed.
type keeper struct {
	tables map[string]*keptTable
}

type keptTable struct {
	*Table
	levels   []*texts  // by field; nil where it is not text, or the patient
	patients [][]int32 // by batch
}

func (k *keeper) add(b *Table, seed maphash.Seed) error {
	t := k.tables[b.name]
	if t == nil {
		t = &keptTable{&Table{
			name: b.name, fields: b.fields, codes: b.codes, first: b.line(0),
			columns: make([][]arrow.Array, len(b.fields)), why: make([][][]byte, len(b.fields)),
		}, make([]*texts, len(b.fields)), nil}
		if k.tables == nil {
			k.tables = map[string]*keptTable{}
		}
		k.tables[b.name] = t
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
	for i, batches := range b.columns {
		a := batches[0]
		if d, ok := a.(*array.Dictionary); ok && b.fields[i].Role == RolePatient {
			copy(dictionaryCodes(d), b.patient) // its levels are the cohort's patients
		} else if ok {
			if t.levels[i] == nil {
				t.levels[i] = newTexts(seed)
			}
			recode(d, t.levels[i])
			if len(t.levels[i].bytes) > math.MaxInt32 {
				return fmt.Errorf("table %s: column %q holds more than 2 GiB of different texts; give it role: ignore", b.name, b.fields[i].Name)
			}
		}
		t.columns[i] = append(t.columns[i], a)
		t.why[i] = append(t.why[i], b.why[i][0])
	}
	return nil
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
			continue // no rows
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
