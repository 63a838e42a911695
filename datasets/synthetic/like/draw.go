package like

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"recoup/datasets"
	"recoup/datasets/synthetic"
	"recoup/simulate/stream"
)

const roleVisit = datasets.RoleVisit

// describe writes the cohort file.
func (m *Model) describe(from *datasets.Dictionary) {
	d := &datasets.Dictionary{
		Name:  from.Name + "-like",
		Title: "SYNTHETIC, like: " + from.Name,
		Description: fmt.Sprintf("SYNTHETIC DATA, seed %d: no row is about a person. Drawn to be like a real cohort; what was learned is of groups of at least %d patients. "+
			"It is not anonymous by proof: see like.json.", m.o.Seed, m.o.K),
		Definitions: from.Definitions, CaseMix: from.CaseMix,
	}
	for _, a := range from.Arms {
		if slices.ContainsFunc(m.groups, func(g group) bool { return g.value == a.Value }) {
			d.Arms = append(d.Arms, a)
		}
	}
	for _, v := range from.Visits {
		if slices.Contains(m.visits, v.Value) {
			d.Visits = append(d.Visits, v)
		}
	}
	names := map[string]bool{}
	for _, t := range m.tables {
		file := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
				return r
			}
			return '-'
		}, t.name)
		d.Resources = append(d.Resources, datasets.Resource{Name: t.name, Path: datasets.Paths{file + ".csv"}, Schema: datasets.Schema{Fields: t.fields, MissingValues: []datasets.MissingValue{{Value: ""}}}})
		for _, f := range t.fields {
			names[f.Name] = true
		}
	}
	if p := from.Privacy; p != nil {
		known := func(list []string) (out []string) {
			for _, s := range list {
				if names[s] {
					out = append(out, s)
				}
			}
			return out
		}
		d.Privacy = &datasets.Privacy{QuasiIdentifiers: known(p.QuasiIdentifiers), Sensitive: known(p.Sensitive), K: p.K, SamplingFraction: p.SamplingFraction}
		for _, a := range p.Allowances {
			if names[a.Column] {
				d.Privacy.Allowances = append(d.Privacy.Allowances, a)
			}
		}
	}
	m.dict = d
}

// Source returns the synthetic cohort, to be written as it is drawn.
func (m *Model) Source() synthetic.Source {
	return synthetic.Source{Dictionary: m.dict, Patients: m.o.Patients, Rows: func(dst []byte, table, i int) []byte {
		return m.rows(dst, m.tables[table], i)
	}}
}

// The streams of a patient.
const (
	drawGroup = iota + 1
	drawScores
	drawMissing
	drawTable // and more: one a table
)

// person is what the tables share of a patient.
type person struct {
	group  int
	normal []float64 // of the copula's variables
	s      stream.Stream
}

func (m *Model) person(i int) person {
	p := person{s: m.root.Sub(uint64(i))}
	u := p.s.Sub(drawGroup).Float64(0)
	for p.group < len(m.groups)-1 && u >= m.groups[p.group].upTo {
		p.group++
	}
	p.normal = m.normals(p.s.Sub(drawScores).Cursor())
	return p
}

// normals draws the copula's variables.
func (m *Model) normals(c *stream.Cursor) []float64 {
	z := make([]float64, len(m.vars))
	for j := range z {
		z[j] = c.Norm()
	}
	for j := len(m.lower) - 1; j >= 0; j-- {
		sum := 0.0
		for k, x := range m.lower[j] {
			sum += float64(x * z[k])
		}
		z[j] = sum
	}
	return z
}

// among is the normal number of a variable, standardised among those of the
// patient's group who come.
func (v *variable) among(p person) float64 {
	z := p.normal[v.at]
	if v.shift == nil {
		return z
	}
	return (z - v.shift[p.group].mean) / v.shift[p.group].sd
}

// rows appends a patient's lines of a table.
func (m *Model) rows(dst []byte, t *table, i int) []byte {
	p, id := m.person(i), fmt.Sprintf("L%06d", i+1)
	c := p.s.Sub(drawTable + uint64(slices.Index(m.tables, t))).Cursor()
	switch t.kind {
	case onePatient:
		if c.Float64() < t.present[p.group] {
			var missing bool
			return synthetic.Line(dst, m.cells(t, id, p, 0, &missing)...)
		}
	case byVisit:
		came, z := false, 0.0
		for v := range m.visits {
			in := c.Float64() < t.come.chance(v, p.group, came, z)
			missing := false
			cells := m.cells(t, id, p, v, &missing)
			if came = in; in {
				dst = synthetic.Line(dst, cells...)
			}
			if w := t.come.watched; in && w != nil && !missing {
				z = m.vars[w.vars[v]].among(p)
			}
		}
	case anyRows:
		return m.anyRows(dst, t, id, p, c)
	}
	return dst
}

// cells draws a row; missing tells of the column that attendance watches.
func (m *Model) cells(t *table, id string, p person, v int, missing *bool) []string {
	var out []string
	for _, col := range t.columns {
		switch col.how {
		case isPatient:
			out = append(out, id)
		case isArm:
			out = append(out, m.groups[p.group].value)
		case isVisit:
			out = append(out, m.visits[v])
		default:
			s := m.cell(col, p, v)
			if t.come != nil && col == t.come.watched {
				*missing = s == ""
			}
			out = append(out, s)
		}
	}
	return out
}

// cell draws a column of a table of one row a patient, or a patient and visit. What
// a column repeats of another table is drawn as it was there. The days of a stay are
// drawn apart and put in order.
func (m *Model) cell(col *column, p person, v int) string {
	if col.source != nil {
		col = col.source
	}
	x := m.value(col, p, v)
	if len(col.stay) < 2 || math.IsNaN(x) {
		return col.text(x)
	}
	var days []float64
	own := 0
	for _, c := range col.stay {
		if c == col {
			own = len(days)
		}
		if d := m.value(c, p, v); !math.IsNaN(d) {
			days = append(days, d)
		}
	}
	slices.Sort(days)
	return col.text(days[own])
}

// value draws a number, or the number of a level; NaN where it is missing.
func (m *Model) value(col *column, p person, v int) float64 {
	if len(col.vars) == 1 {
		v = 0
	}
	at := col.vars[v]
	own := m.vars[at].by[p.group]
	z := m.vars[at].among(p)
	if p.s.Sub(drawMissing).Float64(uint64(at)) < own.missing {
		return math.NaN()
	}
	return own.draw(col, math.Erfc(-z/math.Sqrt2)/2)
}

// text writes a value.
func (c *column) text(x float64) string {
	switch {
	case math.IsNaN(x):
		return ""
	case c.how == isText:
		return c.levels[int(x)]
	case c.field.Type == datasets.TypeDuration:
		return "P" + strconv.FormatFloat(math.Round(x), 'f', -1, 64) + "D"
	case c.field.Type == datasets.TypeInteger:
		x = math.Round(x)
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// anyRows draws a table of any number of rows a patient.
func (m *Model) anyRows(dst []byte, t *table, id string, p person, c *stream.Cursor) []byte {
	n := int(max(0, t.rows[p.group].draw(&column{how: isNumber, whole: true, step: 1}, c.Float64())))
	if len(t.texts) == 0 {
		n = 0
	}
	type row struct {
		combo  int
		values []float64
	}
	rows := make([]row, n)
	order := -1 // the column by which a patient's rows are in order
	for i, col := range t.columns {
		if col.field.Role == datasets.RoleDay || col.field.Role == datasets.RoleTime {
			order = i
		}
	}
	for r := range rows {
		u := c.Float64()
		for rows[r].combo < len(t.texts)-1 && u >= t.combos[p.group][rows[r].combo] {
			rows[r].combo++
		}
		for _, col := range t.columns {
			x := math.NaN()
			if gone, u := c.Float64(), c.Float64(); col.how == isNumber {
				if d := col.by[p.group][rows[r].combo]; gone >= d.missing {
					x = d.draw(col, u)
				}
			}
			rows[r].values = append(rows[r].values, x)
		}
	}
	if order >= 0 {
		sort.SliceStable(rows, func(a, b int) bool { return rows[a].values[order] < rows[b].values[order] })
	}
	start := slices.IndexFunc(t.columns, func(c *column) bool { return c.field.Role == datasets.RoleStart && c.how == isNumber })
	end := slices.IndexFunc(t.columns, func(c *column) bool { return c.field.Role == datasets.RoleEnd && c.how == isNumber })
	last := math.NaN()
	for _, r := range rows {
		if start >= 0 && end >= 0 {
			if !math.IsNaN(last) {
				r.values[start] = last + max(0, r.values[start])
			}
			r.values[end] += r.values[start]
			last = r.values[end]
		}
		var cells []string
		text := 0
		for i, col := range t.columns {
			switch col.how {
			case isPatient:
				cells = append(cells, id)
			case isArm:
				cells = append(cells, m.groups[p.group].value)
			case isText:
				s := ""
				if level := t.texts[r.combo][text]; level >= 0 {
					s = col.levels[level]
				}
				text++
				if col.source != nil {
					s = m.cell(col, p, 0)
				}
				cells = append(cells, s)
			default:
				cells = append(cells, col.text(r.values[i]))
			}
		}
		dst = synthetic.Line(dst, cells...)
	}
	return dst
}
