package like

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/datasets"
)

// Num is a number as it is written: to four digits, NaN as null.
type Num float64

// MarshalJSON writes the number.
func (n Num) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return []byte(strconv.FormatFloat(float64(n), 'g', 4, 64)), nil
}

// Report says how near a synthetic cohort is to the real one, and what was left out.
// No figure in it is of fewer than K patients of the real cohort, and a share of which
// fewer are missing, or have a row, is null.
type Report struct {
	Schema       string       `json:"schema"`
	Note         string       `json:"note"`
	K            int          `json:"k"`
	Patients     int          `json:"patients"` // drawn
	Compared     int          `json:"compared"` // of them, the first, for what follows
	Numbers      []Number     `json:"numbers"`
	Levels       []Levels     `json:"levels"`
	Rows         []RowsOf     `json:"rows"`
	Correlations Correlations `json:"correlations"`
	Copies       Copies       `json:"copies"`
	LeftOut      []Note       `json:"left_out"`
}

// Pair is a figure of the real cohort and the synthetic one.
type Pair struct {
	Real      Num `json:"real"`
	Synthetic Num `json:"synthetic"`
}

// Number is a number in a table, at a visit.
type Number struct {
	Table   string `json:"table"`
	Column  string `json:"column"`
	Visit   string `json:"visit,omitempty"`
	Mean    Pair   `json:"mean"`
	SD      Pair   `json:"sd"`
	Missing Pair   `json:"share_missing"` // of rows
}

// Levels is a text in a table, over all visits.
type Levels struct {
	Table   string `json:"table"`
	Column  string `json:"column"`
	Levels  int    `json:"levels"`
	Largest Num    `json:"largest_difference_of_shares"`
}

// RowsOf is the mean number of rows a patient, at a visit where there are visits.
type RowsOf struct {
	Table string `json:"table"`
	Visit string `json:"visit,omitempty"`
	Pair
}

// Correlations compares the correlations of normal scores within arms, for pairs of
// columns at visits that enough patients of both cohorts have.
type Correlations struct {
	Pairs   int      `json:"pairs"`
	Least   int      `json:"patients_at_least"` // with both, of a pair that is compared
	Largest Num      `json:"largest_difference"`
	Of      []string `json:"largest_difference_of"`
	Mean    Num      `json:"mean_difference"`
}

// Copies counts rows of visits, or of patients where there are none, that are like
// one of the real cohort in the quasi-identifiers and all numbers. Chance is the
// share of real rows that are like one of another real patient: where few columns
// of few values are compared, many are.
type Copies struct {
	Columns []string `json:"columns"`
	Rows    int      `json:"synthetic_rows"`
	Same    int      `json:"like_a_real_row"`
	Chance  Num      `json:"share_of_real_rows_like_another_real_patients"`
	Most    int      `json:"most_by_chance"` // Same may be at most this
}

// JSON writes the report.
func (r Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return append(b, '\n'), nil
}

// mostCompared is how many patients are drawn to be compared.
const mostCompared = 5000

// Compare draws the first patients and compares them with the real cohort. It
// refuses a cohort of which more rows are like a real one than chance gives.
func (m *Model) Compare(ctx context.Context, real *datasets.Cohort) (Report, error) {
	s := m.Source()
	s.Patients = min(s.Patients, mostCompared)
	made, err := s.Load(ctx)
	if err != nil {
		return Report{}, err
	}
	r := Report{
		Schema: "recoup.like/v1", K: m.o.K, Patients: m.o.Patients, Compared: s.Patients, Numbers: []Number{}, Levels: []Levels{}, Rows: []RowsOf{}, LeftOut: m.notes,
		Note: fmt.Sprintf("SYNTHETIC, but learned of real patients: bins, levels and rates of groups of at least %d, extremes cut at the mean of the outermost group, no id, date or free text. "+
			"This is not anonymous by proof: there is no differential privacy. Who knows all patients of a group but one can work that one out of its mean.", m.o.K),
	}
	a, b := &side{c: real, m: m}, &side{c: made, m: m}
	for _, t := range m.tables {
		visits := []string{""}
		if t.kind == byVisit {
			visits = m.visits
		}
		for _, v := range visits {
			r.Rows = append(r.Rows, RowsOf{t.name, v, Pair{a.rows(t, v), b.rows(t, v)}})
		}
		for _, c := range t.columns {
			switch c.how {
			case isText:
				r.Levels = append(r.Levels, Levels{t.name, c.field.Name, len(c.levels), largest(a.shares(t, c), b.shares(t, c))})
			case isNumber:
				for _, v := range visits {
					x, y := a.number(t, c, v), b.number(t, c, v)
					if x.n >= m.o.K {
						r.Numbers = append(r.Numbers, Number{t.name, c.field.Name, v, Pair{x.mean, y.mean}, Pair{x.sd, y.sd}, Pair{x.missing, y.missing}})
					}
				}
			}
		}
	}
	r.Correlations = m.correlations(a, b)
	r.Copies = m.copies(a, b)
	if r.Copies.Same > r.Copies.Most {
		return r, fmt.Errorf("%w: %d synthetic rows are like a real one, where chance gives at most %d", datasets.ErrPrivacy, r.Copies.Same, r.Copies.Most)
	}
	return r, ctx.Err()
}

// side is one of the two cohorts.
type side struct {
	c *datasets.Cohort
	m *Model
}

// at returns which rows of a table are of a visit; nil for all.
func (s *side) at(t *datasets.Table, visit string) []bool {
	if visit == "" {
		return nil
	}
	f, _ := t.Field(roleVisit)
	codes, levels := t.Codes(f.Name)
	want := int32(slices.Index(levels, visit))
	out := make([]bool, len(codes))
	for r, c := range codes {
		out[r] = c == want
	}
	return out
}

func (s *side) rows(t *table, visit string) Num {
	from := s.c.Table(t.name)
	at := s.at(from, visit)
	n := 0
	for r := range from.Rows() {
		if at == nil || at[r] {
			n++
		}
	}
	if gone := s.c.Patients() - n; t.kind != anyRows && s.few(gone) || s.few(n) {
		return Num(math.NaN())
	}
	return Num(float64(n) / float64(s.c.Patients()))
}

// few reports a number of cells or rows that may be of too few patients to be told.
func (s *side) few(n int) bool { return n > 0 && n < s.m.o.K }

// summary is of a number; n counts patients.
type summary struct {
	n                 int
	mean, sd, missing Num
}

func (s *side) number(t *table, c *column, visit string) summary {
	from := s.c.Table(t.name)
	at, xs := s.at(from, visit), from.Floats(c.field.Name)
	var m datasets.Moments
	who, rows := map[int32]bool{}, 0
	for r, x := range xs {
		if at != nil && !at[r] {
			continue
		}
		if rows++; !math.IsNaN(x) {
			m.Add(x)
			who[from.Patient()[r]] = true
		}
	}
	if m.N == 0 {
		return summary{0, Num(math.NaN()), Num(math.NaN()), 1}
	}
	missing := Num(1 - float64(m.N)/float64(rows))
	if s.few(rows - m.N) {
		missing = Num(math.NaN())
	}
	return summary{len(who), Num(m.Mean), Num(m.SD()), missing}
}

// shares of a text's levels that were kept.
func (s *side) shares(t *table, c *column) map[string]float64 {
	codes, levels := s.c.Table(t.name).Codes(c.field.Name)
	out := map[string]float64{}
	n := 0
	for _, code := range codes {
		if code >= 0 {
			level := levels[code]
			if !slices.Contains(c.levels, level) {
				level = "other"
			}
			out[level]++
			n++
		}
	}
	for level := range out {
		out[level] /= float64(n)
	}
	return out
}

func largest(a, b map[string]float64) Num {
	most := 0.0
	for k, x := range a {
		most = max(most, math.Abs(x-b[k]))
	}
	for k, x := range b {
		most = max(most, math.Abs(x-a[k]))
	}
	return Num(most)
}

// within are the normal scores of values within arms, by patient.
func within(c *datasets.Cohort, values []float64) []float64 {
	out := make([]float64, len(values))
	for p := range out {
		out[p] = math.NaN()
	}
	for arm := int32(-1); arm < int32(len(c.Arms())); arm++ {
		var xs []float64
		var who []int
		for p, of := range c.ArmOf() {
			if of == arm {
				xs, who = append(xs, values[p]), append(who, p)
			}
		}
		for i, z := range normalScores(xs) {
			out[who[i]] = z
		}
	}
	return out
}

// numbers returns the normal scores of the numbers among the copula's variables.
func (s *side) numbers() (out [][]float64, names []string) {
	for _, t := range s.m.tables {
		if t.kind == anyRows {
			continue
		}
		from := s.c.Table(t.name)
		for _, c := range t.columns {
			if c.how != isNumber {
				continue
			}
			visits := []string{""}
			if t.kind == byVisit {
				visits = s.m.visits
			}
			for _, v := range visits {
				values := make([]float64, s.c.Patients())
				for p := range values {
					values[p] = math.NaN()
				}
				at, xs := s.at(from, v), from.Floats(c.field.Name)
				for r, p := range from.Patient() {
					if at == nil || at[r] {
						values[p] = xs[r]
					}
				}
				out, names = append(out, within(s.c, values)), append(names, strings.TrimSpace(c.field.Name+" "+v))
			}
		}
	}
	return out, names
}

func (m *Model) correlations(a, b *side) Correlations {
	x, names := a.numbers()
	y, _ := b.numbers()
	c := Correlations{Least: max(50, 2*m.o.K)}
	n := min(len(x), mostVariables)
	sum := 0.0
	for i := range n {
		for j := range i {
			r, nr := paired(x[i], x[j])
			q, nq := paired(y[i], y[j])
			if nr >= c.Least && nq >= c.Least {
				d := math.Abs(r - q)
				c.Pairs++
				if d > float64(c.Largest) {
					c.Largest, c.Of = Num(d), []string{names[i], names[j]}
				}
				sum += d
			}
		}
	}
	c.Mean = Num(sum / float64(max(c.Pairs, 1)))
	return c
}

// copies counts rows that both cohorts have.
func (m *Model) copies(a, b *side) Copies {
	var c Copies
	at := slices.IndexFunc(m.tables, func(t *table) bool { return t.kind == byVisit })
	if at < 0 {
		at = slices.IndexFunc(m.tables, func(t *table) bool { return t.kind == onePatient })
	}
	if at < 0 {
		return c
	}
	t := m.tables[at]
	quasi := m.quasi()
	c.Columns = append(c.Columns, quasi...)
	for _, col := range t.columns {
		if col.how == isNumber || col.how == isVisit {
			c.Columns = append(c.Columns, col.field.Name)
		}
	}
	owner, several := map[string]int32{}, map[string]bool{}
	real := a.keys(t, quasi)
	for _, k := range real {
		if p, ok := owner[k.key]; ok && p != k.patient {
			several[k.key] = true
		}
		owner[k.key] = k.patient
	}
	twins := 0
	for _, k := range real {
		if several[k.key] {
			twins++
		}
	}
	made := b.keys(t, quasi)
	c.Rows = len(made)
	for _, k := range made {
		if _, ok := owner[k.key]; ok {
			c.Same++
		}
	}
	share := float64(twins) / float64(max(len(real), 1))
	c.Chance = Num(share)
	// Of a binomial, 5 standard deviations up, and a handful more where none is expected.
	n := float64(c.Rows)
	c.Most = int(math.Ceil(n*share+5*math.Sqrt(n*share*(1-share)))) + 3 + c.Rows/1000
	return c
}

// quasi are the columns by which others may know a patient: those of the cohort
// file, or else all texts and numbers of one row a patient.
func (m *Model) quasi() []string {
	if p := m.dict.Privacy; p != nil && len(p.QuasiIdentifiers) > 0 {
		return p.QuasiIdentifiers
	}
	var out []string
	for _, t := range m.tables {
		if t.kind != onePatient {
			continue
		}
		for _, c := range t.columns {
			if (c.how == isNumber || c.how == isText) && !slices.Contains(out, c.field.Name) {
				out = append(out, c.field.Name)
			}
		}
	}
	return out
}

type keyed struct {
	key     string
	patient int32
}

// keys writes the quasi-identifiers and numbers of each row, those without any
// number left out.
func (s *side) keys(t *table, quasi []string) []keyed {
	own := make([][]string, s.c.Patients())
	for _, q := range quasi {
		for _, o := range s.c.Tables() {
			if !o.Has(q) {
				continue
			}
			codes, levels := o.Codes(q)
			set := make([]bool, len(own))
			for r, p := range o.Patient() {
				if !set[p] && codes[r] >= 0 {
					set[p] = true
					own[p] = append(own[p], q+"="+levels[codes[r]])
				}
			}
			break
		}
	}
	from := s.c.Table(t.name)
	var columns [][]float64
	var visits []int32
	var names []string
	for _, c := range t.columns {
		switch c.how {
		case isNumber:
			columns = append(columns, from.Floats(c.field.Name))
		case isVisit:
			visits, names = from.Codes(c.field.Name)
		}
	}
	var out []keyed
	for r, p := range from.Patient() {
		var b strings.Builder
		some := len(columns) == 0
		for _, x := range columns {
			fmt.Fprintf(&b, "|%v", x[r])
			some = some || !math.IsNaN(x[r])
		}
		if visits != nil && visits[r] >= 0 {
			b.WriteString("|" + names[visits[r]])
		}
		if some {
			out = append(out, keyed{strings.Join(own[p], ",") + b.String(), p})
		}
	}
	return out
}
