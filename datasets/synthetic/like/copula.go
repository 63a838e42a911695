package like

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"recoup/datasets"
	"recoup/simulate/stream"
)

// scored makes the normal scores of a variable's values within groups.
func (l *learner) scored(v *variable) {
	v.scores = make([]float64, len(v.values))
	for p := range v.scores {
		v.scores[p] = math.NaN()
	}
	for g := range l.groups {
		var xs []float64
		var who []int
		for p, x := range v.values {
			if l.group[p] == int32(g) {
				xs, who = append(xs, x), append(who, p)
			}
		}
		if count(xs) < l.o.K {
			continue
		}
		for i, z := range normalScores(xs) {
			v.scores[who[i]] = z
		}
	}
}

// learnedOf are the patients by whom correlations and attendance are learned: all,
// or every so many of them.
func (l *learner) learnedOf() []int {
	var out []int
	every := 1 + (l.c.Patients()-1)/mostLearned
	for p := 0; p < l.c.Patients(); p += every {
		if l.group[p] >= 0 {
			out = append(out, p)
		}
	}
	return out
}

// correlate learns the copula: the correlations of normal scores of pairs that enough
// patients have, each divided by how far what is drawn of a variable keeps of the
// normal number it is drawn by; then the nearest matrix that is one of correlations
// (Higham 2002, doi:10.1093/imanum/22.3.329).
func (l *learner) correlate(ctx context.Context) error {
	n := len(l.vars)
	if n > mostVariables {
		l.note("", "", fmt.Sprintf("columns at visits beyond the first %d are drawn apart from the others", mostVariables), n-mostVariables)
		n = mostVariables
	}
	people := l.learnedOf()
	scores, strength := make([][]float64, n), make([]float64, n)
	each(n, func(i int) {
		v := l.vars[i]
		if v.scores == nil {
			l.scored(v)
		}
		for _, p := range people {
			scores[i] = append(scores[i], v.scores[p])
		}
		sum := 0.0
		for g, m := range v.by {
			sum += m.strength(v.column) * float64(l.size[g])
		}
		all := 0
		for g := range v.by {
			if len(v.by[g].bins) > 0 {
				all += l.size[g]
			}
		}
		strength[i] = sum / float64(max(all, 1))
	})
	r := mat.NewSymDense(max(n, 1), nil)
	r.SetSym(0, 0, 1)
	each(n, func(i int) {
		for j := range i {
			of, pairs := paired(scores[i], scores[j])
			if s := strength[i] * strength[j]; pairs >= 2*l.o.K && s > 0.05 {
				r.SetSym(i, j, min(max(of/s, -0.98), 0.98))
			}
		}
		r.SetSym(i, i, 1)
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	near, err := nearest(ctx, r)
	for _, v := range l.vars {
		v.values, v.scores = nil, nil
	}
	if err != nil {
		return err
	}
	var c mat.Cholesky
	if !c.Factorize(near) {
		return errors.New("the correlations of the cohort could not be made into a matrix of correlations")
	}
	var lower mat.TriDense
	c.LTo(&lower)
	for i := range n {
		row := make([]float64, i+1)
		for j := range row {
			row[j] = lower.At(i, j)
		}
		l.lower = append(l.lower, row)
	}
	return nil
}

// each calls f for 0 to n-1 on several processors.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	room := make(chan struct{}, 8)
	for i := range n {
		room <- struct{}{}
		wg.Go(func() {
			f(i)
			<-room
		})
	}
	wg.Wait()
}

// nearest returns the matrix of correlations nearest to a symmetric one, all of
// whose eigenvalues are at least 0.001.
func nearest(ctx context.Context, r *mat.SymDense) (*mat.SymDense, error) {
	const least, rounds = 1e-3, 40
	n := r.SymmetricDim()
	y, correction := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
	y.CopySym(r)
	for round := range rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var eigen mat.EigenSym
		x := mat.NewSymDense(n, nil)
		subtract(x, y, correction)
		if !eigen.Factorize(x, true) {
			return nil, errors.New("the eigenvalues of the correlations were not found")
		}
		values := eigen.Values(nil)
		if slices.Min(values) >= least && round == 0 {
			return r, nil
		}
		var vectors, scaled, product mat.Dense
		eigen.VectorsTo(&vectors)
		scaled.CloneFrom(&vectors)
		for j, value := range values {
			for i := range n {
				scaled.Set(i, j, scaled.At(i, j)*max(value, 2*least))
			}
		}
		product.Mul(&scaled, vectors.T())
		positive := mat.NewSymDense(n, nil)
		for i := range n {
			for j := range i + 1 {
				positive.SetSym(i, j, (product.At(i, j)+product.At(j, i))/2)
			}
		}
		subtract(correction, positive, x)
		for i := range n {
			for j := range i + 1 {
				if round == rounds-1 { // positive definite by its scaling
					y.SetSym(i, j, positive.At(i, j)/math.Sqrt(positive.At(i, i)*positive.At(j, j)))
				} else {
					y.SetSym(i, j, positive.At(i, j))
				}
			}
			y.SetSym(i, i, 1)
		}
	}
	return y, nil
}

// subtract sets x to a less b.
func subtract(x, a, b *mat.SymDense) {
	for i := range x.SymmetricDim() {
		for j := range i + 1 {
			x.SetSym(i, j, a.At(i, j)-b.At(i, j))
		}
	}
}

// attendance says who has a row for a visit:
//
//	logit P(row) = level[visit][group] + came · (came to the visit before) + last · z
//
// with z the normal score of the last value of the column that is watched. A level
// of ±Inf is never or always. From the second visit on.
type attendance struct {
	level   [][]float64
	came    float64
	last    float64
	watched *column // nil for none
}

// chance of a row.
func (a *attendance) chance(v, g int, came bool, z float64) float64 {
	x := a.level[v][g]
	if v > 0 {
		if came {
			x += a.came
		}
		x += float64(a.last * z)
	}
	return stream.Logistic(x)
}

// attended is one patient's visit, as attendance is learned.
type attended struct {
	cell    int // of the level
	came, z float64
	row     bool
}

// attendance learns who comes, by Newton's method with a small penalty on the slopes.
func (l *learner) attendance(ctx context.Context, t *table) {
	a := t.come
	for _, c := range t.columns {
		if c.how == isNumber && a.watched == nil {
			a.watched = c
			for _, i := range c.vars {
				l.scored(l.vars[i])
			}
		}
	}
	from := l.c.Table(t.name)
	f, _ := from.Field(roleVisit)
	codes, names := from.Codes(f.Name)
	row := make([][]bool, len(l.visits))
	for v, name := range l.visits {
		row[v] = make([]bool, l.c.Patients())
		at := int32(slices.Index(names, name))
		for r, p := range from.Patient() {
			if codes[r] == at {
				row[v][p] = true
			}
		}
	}
	people := l.learnedOf()
	cells, n := l.levels(a, row, people)
	var data []attended
	for _, p := range people {
		came, z := 0.0, 0.0
		for v := range l.visits {
			if cell := cells[v][l.group[p]]; cell >= 0 {
				x := attended{cell: cell, row: row[v][p]}
				if v > 0 {
					x.came, x.z = came, z
				}
				data = append(data, x)
			}
			came = 0
			if row[v][p] {
				came = 1
			}
			if a.watched != nil {
				if s := l.vars[a.watched.vars[v]].scores[p]; !math.IsNaN(s) {
					z = s
				}
			}
		}
	}
	b := newton(ctx, data, n)
	a.came, a.last = b[n], b[n+1]
	for v := range cells {
		for g, cell := range cells[v] {
			if cell >= 0 {
				a.level[v][g] = b[cell]
			}
		}
	}
}

// levels gives each visit and group a level to learn, or one that is known: never
// where fewer than K came, always where nobody stayed away. Groups of which fewer
// than K stayed away share a level.
func (l *learner) levels(a *attendance, row [][]bool, people []int) (cells [][]int, n int) {
	for v := range row {
		a.level = append(a.level, make([]float64, len(l.groups)))
		cell := make([]int, len(l.groups))
		came, all := make([]int, len(l.groups)), make([]int, len(l.groups))
		for _, p := range people {
			g := l.group[p]
			all[g]++
			if row[v][p] {
				came[g]++
			}
		}
		shared, away := -1, 0
		for g := range came {
			if came[g] >= l.o.K && all[g]-came[g] < l.o.K {
				away += all[g] - came[g]
			}
		}
		for g := range came {
			switch {
			case came[g] < l.o.K:
				cell[g], a.level[v][g] = -1, math.Inf(-1)
			case all[g]-came[g] >= l.o.K:
				cell[g] = n
				n++
			case away == 0:
				cell[g], a.level[v][g] = -1, math.Inf(1)
			default:
				if shared < 0 {
					shared = n
					n++
				}
				cell[g] = shared
			}
		}
		cells = append(cells, cell)
	}
	return cells, n
}

// newton fits the levels and the two slopes.
func newton(ctx context.Context, data []attended, n int) []float64 {
	b := make([]float64, n+2)
	for range 30 {
		if ctx.Err() != nil {
			return b
		}
		h, g := mat.NewSymDense(n+2, nil), mat.NewVecDense(n+2, nil)
		for i := range b {
			penalty := 1e-3
			if i >= n {
				penalty = 1
			}
			h.SetSym(i, i, penalty)
			g.SetVec(i, -penalty*b[i])
		}
		for _, d := range data {
			at, x := [3]int{d.cell, n, n + 1}, [3]float64{1, d.came, d.z}
			p := stream.Logistic(b[d.cell] + d.came*b[n] + d.z*b[n+1])
			y := 0.0
			if d.row {
				y = 1
			}
			for i := range at {
				g.SetVec(at[i], g.AtVec(at[i])+x[i]*(y-p))
				for j := range i + 1 {
					h.SetSym(at[i], at[j], h.At(at[i], at[j])+x[i]*x[j]*p*(1-p))
				}
			}
		}
		var c mat.Cholesky
		var step mat.VecDense
		if !c.Factorize(h) || c.SolveVecTo(&step, g) != nil {
			return b
		}
		most := 0.0
		for i := range b {
			d := min(max(step.AtVec(i), -3), 3)
			b[i] += d
			most = max(most, math.Abs(d))
		}
		if most < 1e-8 {
			break
		}
	}
	return b
}

// settled is how many patients of a group are drawn to settle it, fewer where there
// are more than about 150 variables.
func (m *Model) settled() int {
	n := max(len(m.vars), 1)
	return min(max(4000, 500_000_000/(n*n)), 20_000)
}

// settle standardises, visit by visit, the normal numbers of those who come. Marginals
// were learned of those who came; who comes depends on the last value, which goes with
// the next, so without this those who come would be chosen twice.
func (m *Model) settle(ctx context.Context) error {
	settled := m.settled()
	for _, t := range m.tables {
		if t.kind != byVisit {
			continue
		}
		for g := range m.groups {
			if err := ctx.Err(); err != nil {
				return err
			}
			s := stream.New(m.o.Seed, "like settled").Sub(uint64(g))
			people, came, last := make([]person, settled), make([]bool, settled), make([]float64, settled)
			each(settled, func(i int) {
				people[i] = person{group: g, normal: m.normals(s.Sub(uint64(i)).Cursor())}
			})
			chance := s.Sub(uint64(settled)).Cursor()
			for v := range m.visits {
				for i := range people {
					came[i] = chance.Float64() < t.come.chance(v, g, came[i], last[i])
				}
				for _, c := range t.columns {
					if len(c.vars) > 0 {
						m.vars[c.vars[v]].settle(len(m.groups), g, people, came)
					}
				}
				if w := t.come.watched; w != nil {
					for i := range people {
						if came[i] {
							last[i] = m.vars[w.vars[v]].among(people[i])
						}
					}
				}
			}
		}
	}
	return nil
}

// settle works out a variable's shift in a group.
func (v *variable) settle(groups, g int, people []person, came []bool) {
	if v.shift == nil {
		for range groups {
			v.shift = append(v.shift, shift{0, 1})
		}
	}
	var m datasets.Moments
	for i, p := range people {
		if came[i] {
			m.Add(p.normal[v.at])
		}
	}
	if sd := m.SD(); m.N >= 100 && sd > 0.1 {
		v.shift[g] = shift{m.Mean, sd}
	}
}
