package datasets

import (
	"context"
	"hash/maphash"
	"math"
)

// Tally counts, batch by batch, the patients who were seen at each visit and those
// who have a value of each outcome there, and adds up the values' mean and standard
// deviation. It takes eight bytes for each patient and outcome, whatever the number
// of rows.
type Tally struct {
	visits   *texts
	seen     tallied
	outcomes map[string]*tallied
}

// tallied is what is counted of one column, by visit.
type tallied struct {
	pairs   pairs
	moments []Moments
	batch   []float64
}

// Moments are the count, mean and sum of squared differences from the mean of
// values, updated one value at a time (Welford 1962, 10.1080/00401706.1962.10490022).
type Moments struct {
	N        int
	Mean, M2 float64
}

// Add takes a value in.
func (m *Moments) Add(x float64) {
	m.N++
	d := x - m.Mean
	m.Mean += d / float64(m.N)
	m.M2 += d * (x - m.Mean)
}

// SD returns the standard deviation with divisor N-1, NaN for fewer than two values.
func (m Moments) SD() float64 {
	if m.N < 2 {
		return math.NaN()
	}
	return math.Sqrt(m.M2 / float64(m.N-1))
}

// NewTally returns an empty tally.
func NewTally() *Tally {
	return &Tally{visits: newTexts(maphash.MakeSeed()), outcomes: map[string]*tallied{}}
}

// Add counts a batch of rows. Outcomes are counted side by side. Of several values
// of a patient at a visit the first counts.
func (t *Tally) Add(ctx context.Context, b *Table) error {
	f, ok := b.Field(RoleVisit)
	if !ok {
		return nil
	}
	for _, c := range f.Categories {
		t.visits.number(c.Value)
	}
	visits := numbered(nil, b, f.Name, t.visits)
	t.seen.add(b.patient, visits, nil, t.visits.len())
	for _, f := range b.fields {
		if f.Role == RoleOutcome && t.outcomes[f.Name] == nil {
			t.outcomes[f.Name] = &tallied{}
		}
	}
	b.EachColumn(func(_ int, f Field) {
		if f.Role == RoleOutcome && ctx.Err() == nil {
			o := t.outcomes[f.Name]
			o.batch = b.AppendFloats(o.batch[:0], f.Name)
			o.add(b.patient, visits, o.batch, t.visits.len())
		}
	})
	return ctx.Err()
}

// add counts rows; values are nil where the row itself is what is counted.
func (t *tallied) add(patients, visits []int32, values []float64, n int) {
	t.moments = grown(t.moments, n, Moments{})
	for r, p := range patients {
		v := visits[r]
		if v < 0 || values != nil && math.IsNaN(values[r]) {
			continue
		}
		if t.pairs.bits = grown(t.pairs.bits, int(p)+1, 0); t.pairs.again(p, v) {
			continue
		}
		if values != nil {
			t.moments[v].Add(values[r])
		} else {
			t.moments[v].N++
		}
	}
}

// Visits returns the visits met: those that are listed as levels first, then in order
// of first appearance.
func (t *Tally) Visits() []string { return t.visits.all() }

// Seen returns how many patients have a row for the visit.
func (t *Tally) Seen(visit string) int { return t.at(&t.seen, visit).N }

// Values returns how many patients have a value of the outcome at the visit, with
// the values' mean and spread.
func (t *Tally) Values(outcome, visit string) Moments {
	if o := t.outcomes[outcome]; o != nil {
		return t.at(o, visit)
	}
	return Moments{}
}

func (t *Tally) at(c *tallied, visit string) Moments {
	v, _ := t.visits.find(visit)
	if v < 0 || int(v) >= len(c.moments) {
		return Moments{}
	}
	return c.moments[v]
}
