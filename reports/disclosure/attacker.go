package disclosure

import (
	"context"
	"math"
	"sort"
)

// quantity is one count that a report shows or could reveal.
type quantity struct {
	value  int
	small  bool // may not become known
	shown  bool // a visible cell or point tells it
	listed bool // it has a place in the report, so that a hidden one is known not to be 0
	sum    bool // it is the total of others: costlier to hide

	// disjoint says that it is one of parts that add up without overlap, so that a
	// mean of all less the means of the others gives its own.
	disjoint bool

	// guarded says that it is to be hidden for another reason than its size.
	guarded bool
}

// mayRest tells whether a mean may be shown that rests on this many, where the
// number itself is not: a mean does not tell its n, and where no other means add
// up with it nothing can be taken off it.
func (q quantity) mayRest() bool { return !q.disjoint && !q.small }

// equation says that the sum of coefficient times quantity is 0, as anyone who
// reads the table knows.
type equation struct {
	of   []int
	coef []float64
}

// system is what an attacker knows: all equations, and the quantities shown.
type system struct {
	q     []quantity
	eqs   []equation
	zeros bool // zeros are hidden too

	touching map[int][]int // of the part indexed last: the equations of each quantity
	indexed  *equation
	together map[int]*together // what each hidden quantity hangs together with
}

// together are hidden quantities that hang together, and what is known of them.
type together struct {
	known
	at  map[int]int // the place of each
	old bool        // more is hidden since: what was possible still is
}

// addSum notes that parts add up to total.
func (s *system) addSum(total int, parts []int) {
	e := equation{of: []int{total}, coef: []float64{-1}}
	for _, p := range parts {
		e.of = append(e.of, p)
		e.coef = append(e.coef, 1)
	}
	s.q[total].sum = true
	s.eqs = append(s.eqs, e)
}

// addSame notes that two quantities are one count.
func (s *system) addSame(a, b int) {
	s.eqs = append(s.eqs, equation{of: []int{a, b}, coef: []float64{1, -1}})
}

// least is the smallest value that an attacker must think possible.
func (s *system) least(i int) float64 {
	if s.q[i].listed && !s.zeros && s.q[i].value > 0 {
		return 1
	}
	return 0
}

// part is a connected part of the system: quantities that share equations.
type part struct {
	of  []int // quantities, in order
	eqs []equation
}

// parts splits the system, so that each search stays small.
func (s *system) parts() []part {
	joined := make([][]int, len(s.eqs))
	for i, e := range s.eqs {
		joined[i] = e.of
	}
	of, n := connected(len(s.q), joined)
	out := make([]part, n)
	for i, k := range of {
		out[k].of = append(out[k].of, i)
	}
	for _, e := range s.eqs {
		k := of[e.of[0]]
		out[k].eqs = append(out[k].eqs, e)
	}
	return out
}

// bounds is the interval of values of quantity i that agree with everything
// shown. Both ends are equal where the value is found exactly; the upper end is
// +Inf where nothing limits it.
func (s *system) bounds(p part, i int) (low, high float64, err error) {
	if s.q[i].shown {
		v := float64(s.q[i].value)
		return v, v, nil
	}
	t := s.hidden(s.around(p, i))
	return t.bounds(t.at[i])
}

// hidden is what an attacker knows of the hidden quantities of a part.
func (s *system) hidden(p part) *together {
	t := &together{at: map[int]int{}}
	for _, i := range p.of {
		if !s.q[i].shown {
			t.at[i] = t.unknown(s.least(i), math.Inf(1))
			t.start = append(t.start, float64(s.q[i].value))
		}
	}
	for _, e := range p.eqs {
		var b balance
		for j, i := range e.of {
			if c, ok := t.at[i]; ok {
				b.of, b.coef = append(b.of, c), append(b.coef, int64(e.coef[j]))
			} else {
				b.rhs -= int64(e.coef[j]) * int64(s.q[i].value)
			}
		}
		if len(b.of) > 0 {
			t.eqs = append(t.eqs, b)
		}
	}
	return t
}

// hangs is what quantity i hangs together with, worked out once until more of it
// is hidden.
func (s *system) hangs(p part, i int) *together {
	if t := s.together[i]; t != nil && !t.old {
		return t
	}
	t := s.hidden(s.around(p, i))
	if s.together == nil {
		s.together = map[int]*together{}
	}
	for k := range t.at {
		s.together[k] = t
	}
	return t
}

// hide hides quantities of a part.
func (s *system) hide(p part, which []int) {
	s.index(p)
	for _, i := range which {
		s.q[i].shown = false
		for _, e := range s.touching[i] {
			for _, k := range p.eqs[e].of {
				if t := s.together[k]; t != nil {
					t.old = true
				}
			}
		}
	}
}

// safe tells whether an attacker must think it possible that quantity i is
// above the threshold, and that it has another value than it has.
func (s *system) safe(p part, i, limit int) (bool, error) {
	if s.q[i].shown {
		return false, nil
	}
	t := s.hangs(p, i)
	if s.q[i].value <= limit {
		return t.canBe(t.at[i], float64(limit+1)) // its own value is as possible as that one
	}
	for _, other := range []int{s.q[i].value + 1, s.q[i].value - 1} {
		if ok, err := t.canBe(t.at[i], float64(other)); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// around is the part of a part that hangs together with quantity i by what is
// hidden: what is shown is known, and tells nothing of what is beyond it.
func (s *system) around(p part, i int) part {
	s.index(p)
	in := map[int]bool{i: true}
	out := part{of: []int{i}}
	seen := map[int]bool{}
	for n := 0; n < len(out.of); n++ {
		for _, e := range s.touching[out.of[n]] {
			if seen[e] {
				continue
			}
			seen[e] = true
			out.eqs = append(out.eqs, p.eqs[e])
			for _, k := range p.eqs[e].of {
				if !in[k] && !s.q[k].shown {
					in[k] = true
					out.of = append(out.of, k)
				}
			}
		}
	}
	return out
}

// index notes which equations of a part touch each quantity.
func (s *system) index(p part) {
	if len(p.eqs) > 0 && s.indexed == &p.eqs[0] {
		return
	}
	s.touching = map[int][]int{}
	for e := range p.eqs {
		for _, k := range p.eqs[e].of {
			s.touching[k] = append(s.touching[k], e)
		}
	}
	if len(p.eqs) > 0 {
		s.indexed = &p.eqs[0]
	}
}

// protect chooses shown quantities of a part to hide so that no small quantity
// can be found, as few and as small as it can. It hides them in s and returns
// them. Where the search fails it hides the whole part. What is safe stays so when
// more is hidden, so that each is asked once.
func (s *system) protect(ctx context.Context, p part, limit int) ([]int, error) {
	var out []int
	for _, target := range p.of {
		if !s.q[target].small {
			continue
		}
		for {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			more := s.hideFor(p, target, limit)
			if len(more) == 0 {
				break
			}
			s.hide(p, more)
			out = append(out, more...)
		}
	}
	return out, nil
}

// hideFor returns what more to hide for the sake of a quantity, nothing where it is
// safe, and all that is left of the part where that cannot be told.
func (s *system) hideFor(p part, target, limit int) []int {
	ok, err := s.safe(p, target, limit)
	if ok && err == nil {
		return nil
	}
	if err == nil {
		more, err := s.cover(p, target, math.Max(1, float64(limit+1-s.q[target].value)))
		if err == nil && len(more) > 0 {
			return more
		}
	}
	var all []int
	for _, i := range p.of {
		if s.q[i].shown {
			all = append(all, i)
		}
	}
	return all
}

// hub is how many equations touch a quantity of which all the report is part: a
// search for what to hide does not go through it unless it must.
const hub = 12

// near returns the quantities that equations join to a quantity in so many steps,
// those joined by hidden ones among them.
func (s *system) near(p part, target, steps int, through bool) map[int]bool {
	s.index(p)
	in := map[int]bool{target: true}
	edge := []int{target}
	for range steps {
		var next []int
		for _, i := range edge {
			if len(s.touching[i]) > hub && !through && i != target {
				continue
			}
			for _, e := range s.touching[i] {
				for _, k := range p.eqs[e].of {
					if !in[k] {
						in[k] = true
						next = append(next, k)
					}
				}
			}
		}
		edge = next
	}
	return in
}

// cover looks for what to hide near the target first, and further where that does
// not do.
func (s *system) cover(p part, target int, amount float64) ([]int, error) {
	before := 0
	for _, try := range []struct {
		steps   int
		through bool
	}{{3, false}, {6, false}, {3, true}, {len(p.of), true}} {
		in := s.near(p, target, try.steps, try.through)
		if len(in) == before {
			continue
		}
		before = len(in)
		local := part{}
		for _, i := range p.of {
			if in[i] {
				local.of = append(local.of, i)
			}
		}
		seen := map[int]bool{}
		for _, i := range local.of {
			for _, e := range s.touching[i] {
				seen[e] = true
			}
		}
		for e := range p.eqs {
			if seen[e] {
				local.eqs = append(local.eqs, p.eqs[e])
			}
		}
		if more, err := s.coverIn(local, target, amount); err == nil && len(more) > 0 {
			return more, nil
		}
	}
	return nil, errInfeasible
}

// coverIn finds the cheapest set of shown quantities that would have to be hidden
// for target to be able to be higher by amount, as another table that agrees
// with what is left: the least weighted sum of absolute moves
//
//	min Σ costᵢ·|dᵢ| subject to E d = 0, d_target = amount, valueᵢ + dᵢ ≥ leastᵢ
//
// whose moved quantities are the answer: the linear-programming heuristic of
// complementary cell suppression (Kelly, Golden and Assad, Networks 1992).
func (s *system) coverIn(p part, target int, amount float64) ([]int, error) {
	col := make(map[int]int, len(p.of))
	cost, down := make([]float64, 0, len(p.of)), make([]float64, 0, len(p.of))
	var list []int
	for _, i := range p.of {
		if q := s.q[i]; q.shown && q.value == 0 {
			continue // a shown zero stays: hiding it tells that it is one
		}
		col[i] = len(list)
		list = append(list, i)
		cost, down = append(cost, s.cost(i)), append(down, s.least(i)-float64(s.q[i].value))
	}
	var eqs []balance
	for _, e := range p.eqs {
		var b balance
		for j, i := range e.of {
			if c, ok := col[i]; ok { // what lies outside stays as it is
				b.of, b.coef = append(b.of, c), append(b.coef, int64(e.coef[j]))
			}
		}
		eqs = append(eqs, b)
	}
	change, err := cheapest(eqs, cost, down, col[target], amount)
	if err != nil {
		return nil, err
	}
	var out []int
	for j, i := range list {
		if s.q[i].shown && math.Abs(change[j]) > near {
			out = append(out, i)
		}
	}
	sort.Ints(out)
	return out, nil
}

// cost is what hiding a quantity is worth: large counts and totals tell more.
func (s *system) cost(i int) float64 {
	q := s.q[i]
	if !q.shown {
		return 1e-3
	}
	c := 1 + math.Log1p(float64(q.value))
	if q.sum {
		c *= 4
	}
	return c
}
