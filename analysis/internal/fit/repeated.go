package fit

import (
	"fmt"
	"math"
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
	nonzero  [][]int
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
	// (x, y) at visits a and b of the pattern: (columns+1) squared, by rows.
	cross [][][]float64
}

// MaxVisits is how many visits a model may have.
const MaxVisits = 30

// NewRepeated returns the statistics of no patients.
func NewRepeated(visits, columns, groups int) (*Repeated, error) {
	if visits < 1 || visits > MaxVisits || columns < 1 || groups < 1 {
		return nil, fmt.Errorf("expected 1 to %d visits, a column and a group", MaxVisits)
	}
	return &Repeated{
		Visits: visits, Columns: columns, Groups: groups, patterns: map[patternKey]*pattern{},
		varies: make([]bool, columns), constant: make([]bool, columns), nonzero: make([][]int, visits),
	}, nil
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
		q = newPattern(key, k, r.Columns+1)
		r.patterns[key] = q
		r.order = append(r.order, q)
	}
	q.n++
	r.Patients++
	r.Values += k
	r.logs += float64(k) * math.Log(p.Weight)
	r.look(p.X, q.visits)
	m := r.Columns + 1
	for a, va := range q.visits {
		xa, ya := p.X[va], p.Weight*p.Y[va]
		for b := a; b < k; b++ {
			vb := q.visits[b]
			xb, yb := p.X[vb], p.Y[vb]
			s := q.cross[a][b]
			last := s[(m-1)*m:]
			for _, i := range r.nonzero[va] {
				u := p.Weight * xa[i]
				row := s[i*m : i*m+m]
				for _, j := range r.nonzero[vb] {
					row[j] += u * xb[j]
				}
				row[m-1] += u * yb
			}
			for _, j := range r.nonzero[vb] {
				last[j] += ya * xb[j]
			}
			last[m-1] += ya * yb
		}
	}
}

func newPattern(key patternKey, k, m int) *pattern {
	q := &pattern{group: key.group, cross: make([][][]float64, k)}
	for v := range MaxVisits {
		if key.visits>>v&1 == 1 {
			q.visits = append(q.visits, v)
		}
	}
	for a := range q.cross {
		q.cross[a] = make([][]float64, k)
		for b := a; b < k; b++ {
			q.cross[a][b] = make([]float64, m*m)
		}
	}
	return q
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
