package fit

import (
	"fmt"
	"math"
	"slices"
)

// Repeated are the sufficient statistics of a mixed model for repeated measures:
// for each pattern of visits that are there, the cross products of the visits' rows
// of the design and outcome. What a fit costs does not depend on how many patients
// there are.
type Repeated struct {
	Visits   int // in all
	Columns  int // of the design
	Groups   int // with a covariance each
	Patients int // with a value at some visit
	Values   int
	Times    []float64 // of the visits, for a spatial covariance

	patterns map[patternKey]*pattern
	order    []*pattern
	logs     float64 // sum of the logarithms of the values' weights
	varies   []bool  // by column: within some patient
	first    []float64
	constant []bool // by column: the same in all rows

	// Designs are sparse: a visit's columns are nothing at the others. Support are, by
	// visit, the columns of (x, y) that some patient has there, y first, and slot their
	// place in it (-1 for those that none has).
	support, slot [][]int
	nonzero       [][]int // of the patient being added
}

// Patient is one patient's part in a model.
type Patient struct {
	X      [][]float64 // the design's row at each visit
	Y      []float64   // the outcome, NaN where it is missing
	Group  int         // whose covariance
	Weight float64     // the covariance is divided by it; 1 where patients weigh alike
}

type patternKey struct {
	group  int
	visits uint64
}

// pattern is what is summed over the patients of a group with values at the same
// visits.
type pattern struct {
	group  int
	visits []int
	n      int
	// cross[a][b], a <= b, is the sum over patients of the outer product of the rows
	// (x, y) at visits a and b of the pattern, by rows, along the visits' support.
	cross [][][]float64
}

// MaxVisits is how many visits a model may have.
const MaxVisits = 30

// NewRepeated returns the statistics of no patients.
func NewRepeated(visits, columns, groups int) (*Repeated, error) {
	if visits < 1 || visits > MaxVisits || columns < 1 || groups < 1 {
		return nil, fmt.Errorf("expected 1 to %d visits, a column and a group", MaxVisits)
	}
	r := &Repeated{
		Visits: visits, Columns: columns, Groups: groups, patterns: map[patternKey]*pattern{},
		varies: make([]bool, columns), constant: make([]bool, columns),
		support: make([][]int, visits), slot: make([][]int, visits), nonzero: make([][]int, visits),
	}
	for v := range visits {
		r.support[v] = []int{columns}
		r.slot[v] = slices.Repeat([]int{-1}, columns)
	}
	return r, nil
}

func (p Patient) key() (patternKey, int) {
	key, k := patternKey{group: p.Group}, 0
	for v, y := range p.Y {
		if y == y {
			key.visits |= 1 << v
			k++
		}
	}
	return key, k
}

// Add takes a patient in.
func (r *Repeated) Add(p Patient) {
	key, k := p.key()
	if k == 0 {
		return
	}
	q := r.patterns[key]
	if q == nil {
		q = r.newPattern(key, k)
		r.patterns[key] = q
		r.order = append(r.order, q)
	}
	q.n++
	r.Patients++
	r.Values += k
	r.logs += float64(k) * math.Log(p.Weight)
	r.look(p.X, q.visits)
	for a, va := range q.visits {
		xa, ya := p.X[va], p.Weight*p.Y[va]
		for b := a; b < k; b++ {
			vb := q.visits[b]
			xb, yb := p.X[vb], p.Y[vb]
			c, m, slot := q.cross[a][b], len(r.support[vb]), r.slot[vb]
			for _, i := range r.nonzero[va] {
				u, at := p.Weight*xa[i], r.slot[va][i]
				row := c[at*m : at*m+m]
				row[0] += u * yb
				for _, j := range r.nonzero[vb] {
					row[slot[j]] += u * xb[j]
				}
			}
			c[0] += ya * yb
			for _, j := range r.nonzero[vb] {
				c[slot[j]] += ya * xb[j]
			}
		}
	}
}

func (r *Repeated) newPattern(key patternKey, k int) *pattern {
	q := &pattern{group: key.group, cross: make([][][]float64, k)}
	for v := range MaxVisits {
		if key.visits>>v&1 == 1 {
			q.visits = append(q.visits, v)
		}
	}
	for a, va := range q.visits {
		q.cross[a] = make([][]float64, k)
		for b := a; b < k; b++ {
			q.cross[a][b] = make([]float64, len(r.support[va])*len(r.support[q.visits[b]]))
		}
	}
	return q
}

// widen adds a column to the support of a visit, and room for it to all patterns. It
// happens with the first patients, when patterns are few.
func (r *Repeated) widen(v, column int) {
	r.slot[v][column] = len(r.support[v])
	r.support[v] = append(r.support[v], column)
	for _, q := range r.order {
		at := slices.Index(q.visits, v)
		if at < 0 {
			continue
		}
		for a := range at + 1 { // v gives the columns of these
			old := q.cross[a][at]
			m := len(r.support[v])
			rows := len(old) / (m - 1)
			next := make([]float64, 0, (rows+1)*m)
			for i := range rows {
				next = append(append(next, old[i*(m-1):(i+1)*(m-1)]...), 0)
			}
			q.cross[a][at] = next
		}
		for b := at; b < len(q.visits); b++ { // and the rows of these
			q.cross[at][b] = append(q.cross[at][b], make([]float64, len(r.support[q.visits[b]]))...)
		}
	}
}

// look notes which columns are not zero, which differ within the patient, and which
// are the same in all rows.
func (r *Repeated) look(x [][]float64, visits []int) {
	if r.first == nil {
		r.first = append([]float64(nil), x[visits[0]]...)
		for i, u := range r.first {
			r.constant[i] = u != 0
		}
	}
	head := x[visits[0]]
	for _, v := range visits {
		at := r.nonzero[v][:0]
		for i, u := range x[v] {
			if u != 0 {
				at = append(at, i)
				if r.slot[v][i] < 0 {
					r.widen(v, i)
				}
			}
			if u != head[i] {
				r.varies[i] = true
			}
			if u != r.first[i] {
				r.constant[i] = false
			}
		}
		r.nonzero[v] = at
	}
}
