package impute

import (
	"math"

	"recoup/simulate/stream"
)

// Ways to impute a variable given the others.
const (
	byMatching    = "pmm"
	byNormal      = "norm"
	byLogistic    = "logistic"
	byPolytomous  = "polytomous"
	donors        = 5    // that predictive mean matching draws from, as mice
	ridge         = 1e-5 // of the diagonal, where predictors repeat each other, as mice
	priorVariance = 25   // of the coefficients of a category per standard deviation
)

// variable is one column of a chained imputation: numbers, or codes 0 to levels-1 of
// categories. Missing values are NaN.
type variable struct {
	label   string
	values  []float64
	method  string // how missing ones are imputed
	levels  int    // of categories, 0 for numbers
	missing []int32
	seen    []int32
	columns []int // of the design: one for numbers and 0/1, levels-1 for categories
}

// equations are the variables of patients, and the design made of them: an intercept and
// a column for each number and each category but the first, with mean 0 and variance 1
// among the values seen. They do not change while they are run.
type equations struct {
	variables []variable
	place     []uint64 // of the patient of each row
	rows      int
	columns   [][]float64 // 0 where missing
	centre    []float64
	scale     []float64
}

func newEquations(variables []variable, place []uint64) *equations {
	e := &equations{variables: variables, place: place, rows: len(place)}
	ones := make([]float64, e.rows)
	for i := range ones {
		ones[i] = 1
	}
	e.columns, e.centre, e.scale = [][]float64{ones}, []float64{0}, []float64{1}
	for k := range e.variables {
		v := &e.variables[k]
		v.missing, v.seen = nil, nil
		for r, x := range v.values {
			if math.IsNaN(x) {
				v.missing = append(v.missing, int32(r))
			} else {
				v.seen = append(v.seen, int32(r))
			}
		}
		if v.levels == 0 {
			v.columns = append(v.columns, e.add(v, func(x float64) float64 { return x }))
		}
		for level := 1; level < v.levels; level++ {
			v.columns = append(v.columns, e.add(v, func(x float64) float64 {
				if int(x) == level {
					return 1
				}
				return 0
			}))
		}
	}
	return e
}

// add adds a standardised column of a variable to the design.
func (e *equations) add(v *variable, of func(x float64) float64) int {
	column := make([]float64, e.rows)
	n, first, sum, squares := float64(len(v.seen)), 0.0, 0.0, 0.0
	for i, r := range v.seen {
		column[r] = of(v.values[r])
		if i == 0 {
			first = column[r]
		}
		sum += column[r] - first
	}
	mean := 0.0
	if n > 0 {
		mean = first + sum/n
	}
	for _, r := range v.seen {
		squares += (column[r] - mean) * (column[r] - mean)
	}
	scale := math.Sqrt(squares / n)
	if !(scale > 1e-12*math.Abs(mean)) {
		scale = 1
	}
	for _, r := range v.seen {
		column[r] = (column[r] - mean) / scale
	}
	e.columns, e.centre, e.scale = append(e.columns, column), append(e.centre, mean), append(e.scale, scale)
	return len(e.columns) - 1
}

// Notes of a run that a reader must know.
type notes struct{ ridge, donors bool }

// trace is the mean and variance of the imputed values of a variable by iteration.
type trace struct{ mean, variance []float64 }

// chain is one imputation as it runs.
type chain struct {
	*equations
	columns [][]float64 // the design with imputed values
	cross   []float64   // cross products of all columns, by rows
	keys    []uint64    // of the stream of each row
	root    stream.Stream
	values  [][]float64 // imputed, by variable and its missing rows
	traces  []trace
	notes   notes

	// room that is used again
	linear  linear
	predict []float64
	order   []int32
	sorted  []float64
	counts  []int32
}

// run imputes all variables once. The draws of a patient depend on the seed, the
// imputation's number and the patient's place alone.
func (e *equations) run(base stream.Stream, iterations int) *chain {
	c := &chain{equations: e, root: base, traces: make([]trace, len(e.variables)), values: make([][]float64, len(e.variables))}
	patients := base.Sub(0)
	c.keys = make([]uint64, e.rows)
	c.columns = append(c.columns, e.columns...)
	any := false
	for k, v := range e.variables {
		if len(v.missing) == 0 || len(v.seen) == 0 {
			continue
		}
		any = true
		for _, j := range v.columns {
			c.columns[j] = append([]float64(nil), e.columns[j]...)
		}
		c.values[k] = make([]float64, len(v.missing))
		for _, r := range v.missing {
			if c.keys[r] == 0 {
				c.keys[r] = patients.Sub(e.place[r]).Key()
			}
		}
	}
	if !any {
		return c
	}
	c.begin()
	c.sum()
	for t := 1; t <= iterations; t++ {
		for k := range e.variables {
			if v := &e.variables[k]; len(v.missing) > 0 && len(v.seen) > 0 {
				c.step(k, v, t)
				c.follow(k)
			}
		}
	}
	return c
}

// begin fills in values drawn from those seen.
func (c *chain) begin() {
	for k, v := range c.variables {
		if c.values[k] == nil {
			continue
		}
		for i, r := range v.missing {
			at := int(c.uniform(r, k, 0) * float64(len(v.seen)))
			c.values[k][i] = v.values[v.seen[at]]
		}
		c.fill(k)
	}
}

// uniform is the number that a patient has for a variable in an iteration.
func (c *chain) uniform(row int32, variable, iteration int) float64 {
	return stream.Uniform(stream.Word(c.keys[row], uint64(iteration*len(c.variables)+variable)))
}

// fill writes the imputed values of a variable into the design.
func (c *chain) fill(k int) {
	v := &c.variables[k]
	for level, j := range v.columns {
		column, centre, scale := c.columns[j], c.centre[j], c.scale[j]
		for i, r := range v.missing {
			x := c.values[k][i]
			if v.levels > 0 {
				x = 0
				if int(c.values[k][i]) == level+1 {
					x = 1
				}
			}
			column[r] = (x - centre) / scale
		}
	}
}

// sum works out the cross products of all rows, once.
func (c *chain) sum() {
	d := len(c.columns)
	c.cross = make([]float64, d*d)
	for a := range d {
		for b := a; b < d; b++ {
			s := 0.0
			x, y := c.columns[a], c.columns[b]
			for r := range x {
				s += x[r] * y[r]
			}
			c.cross[a*d+b], c.cross[b*d+a] = s, s
		}
	}
}

// without returns the cross products of the rows in which a variable was seen: those of
// all less those of the few in which it was not.
func (c *chain) without(missing []int32) []float64 {
	d := len(c.columns)
	out := append(c.linear.cross[:0], c.cross...)
	c.linear.cross = out
	row := make([]float64, d)
	for _, r := range missing {
		for j := range row {
			row[j] = c.columns[j][r]
		}
		for a, x := range row {
			line := out[a*d : a*d+d]
			for b := a; b < d; b++ {
				line[b] -= x * row[b]
			}
		}
	}
	for a := range d {
		for b := range a {
			out[a*d+b] = out[b*d+a]
		}
	}
	return out
}

// step imputes a variable given all others.
func (c *chain) step(k int, v *variable, t int) {
	others := c.predictors(v)
	draws := c.root.Sub(1).Sub(uint64(t*len(c.variables) + k)).Cursor()
	seen := c.without(v.missing)
	switch v.method {
	case byLogistic, byPolytomous:
		c.categories(k, v, t, others, draws)
	default:
		c.numbers(k, v, t, others, seen, draws)
	}
	before := c.cross
	c.fill(k)
	d := len(c.columns)
	for _, j := range v.columns {
		for b := range d {
			s := seen[j*d+b]
			x, y := c.columns[j], c.columns[b]
			for _, r := range v.missing {
				s += x[r] * y[r]
			}
			before[j*d+b], before[b*d+j] = s, s
		}
	}
}

// predictors are the columns of all other variables that vary where this one was seen.
func (c *chain) predictors(v *variable) []int {
	var out []int
	for j := range c.columns {
		own := false
		for _, mine := range v.columns {
			own = own || mine == j
		}
		if !own {
			out = append(out, j)
		}
	}
	return out
}

// numbers imputes by matching or from the normal distribution, with coefficients and
// variance drawn from their posterior under a flat prior (Rubin 1987, p. 167).
func (c *chain) numbers(k int, v *variable, t int, others []int, seen []float64, draws *stream.Cursor) {
	y := v.columns[0]
	l := &c.linear
	if l.fit(seen, len(c.columns), y, others, len(v.seen)) {
		c.notes.ridge = true
	}
	sigma := l.draw(draws)
	c.predict = predicted(c.predict, c.columns, others, l.drawn)
	if v.method == byNormal {
		for i, r := range v.missing {
			c.values[k][i] = c.centre[y] + c.scale[y]*(c.predict[r]+sigma*stream.Quantile(c.uniform(r, k, t)))
		}
		return
	}
	target := make([]float64, len(v.missing))
	for i, r := range v.missing {
		target[i] = c.predict[r]
	}
	c.predict = predicted(c.predict, c.columns, others, l.beta)
	c.sort(v.seen)
	if len(v.seen) < donors {
		c.notes.donors = true
	}
	for i, r := range v.missing {
		at := nearest(c.sorted, target[i], donors, c.uniform(r, k, t))
		c.values[k][i] = v.values[c.order[at]]
	}
}

// predicted returns the sum of columns times coefficients.
func predicted(out []float64, columns [][]float64, which []int, beta []float64) []float64 {
	if out == nil {
		out = make([]float64, len(columns[0]))
	}
	clear(out)
	for i, j := range which {
		b := beta[i]
		if b == 0 {
			continue
		}
		for r, x := range columns[j] {
			out[r] += b * x
		}
	}
	return out
}

// follow keeps the mean and the variance of what was imputed.
func (c *chain) follow(k int) {
	x := c.values[k]
	m, s := 0.0, 0.0
	for _, v := range x {
		m += v - x[0]
	}
	m = x[0] + m/float64(len(x))
	for _, v := range x {
		s += (v - m) * (v - m)
	}
	c.traces[k].mean = append(c.traces[k].mean, m)
	c.traces[k].variance = append(c.traces[k].variance, s/float64(max(1, len(x)-1)))
}
