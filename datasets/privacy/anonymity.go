package privacy

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"recoup/datasets"
)

// Anonymity says how far the patients of a cohort are alike in the
// quasi-identifiers: what others may know of them, such as age, sex and site.
// Patients with the same values in all of them, missing being a value, are a class.
//
// With n patients in classes of f₁ … f_J, and F_j people of the population in class
// j, which recoup takes as f_j/π with π the sampling fraction (1 unless the cohort
// file says otherwise):
//
//	k                     min f_j
//	prosecutor, highest   max 1/f_j         somebody known to be in the cohort
//	prosecutor, mean      Σ f_j·(1/f_j)/n = J/n
//	journalist, highest   max 1/F_j         somebody of the population
//	marketer              Σ f_j·(1/F_j)/n = π·J/n   the share of all that can be told
//
// Where π is 1 journalist and prosecutor are the same, an upper bound for both.
// These are the risks of ARX and of sdcMicro (individual risk without sampling).
//
// Note: a super-population model of F_j would give smaller risks from assumptions
// that a cohort of one hospital does not support.
type Anonymity struct {
	QuasiIdentifiers  []string      `json:"quasi_identifiers"`
	Patients          int           `json:"patients"`
	Classes           int           `json:"classes"`
	K                 int           `json:"k"`
	Unique            int           `json:"unique"`   // patients alone in their class
	Under5            int           `json:"under_5"`  // patients in classes of fewer than 5
	Under11           int           `json:"under_11"` // patients in classes of fewer than 11
	SamplingFraction  float64       `json:"sampling_fraction"`
	ProsecutorHighest float64       `json:"prosecutor_highest"`
	ProsecutorMean    float64       `json:"prosecutor_mean"`
	JournalistHighest float64       `json:"journalist_highest"`
	Marketer          float64       `json:"marketer"`
	Diversity         []Diversity   `json:"diversity"`
	Riskiest          []Combination `json:"riskiest"`

	sizes []int // of the classes
}

// Below returns how many patients are in classes of fewer than k.
func (a Anonymity) Below(k int) int {
	n := 0
	for _, f := range a.sizes {
		if f < k {
			n += f
		}
	}
	return n
}

// Diversity says how far the patients of a class differ in what should stay
// unknown of them (Machanavajjhala et al. 2007, doi:10.1145/1217299.1217302). A
// class in which all have the same value tells it of everybody in it.
type Diversity struct {
	Column   string  `json:"column"`
	Distinct int     `json:"distinct"` // fewest different values in a class
	Entropy  float64 `json:"entropy"`  // exp of the smallest entropy of a class: l of entropy l-diversity
	Alike    int     `json:"alike"`    // patients in classes of one value
}

// Combination is a choice of quasi-identifiers and how many patients it singles
// out.
type Combination struct {
	Columns []string `json:"columns"`
	Unique  int      `json:"unique"`
	K       int      `json:"k"`
}

// mostQuasi bounds the quasi-identifiers of which combinations are tried: 12 have
// 298 combinations of up to three.
const mostQuasi = 12

// Measure works out the anonymity of a cohort. The quasi-identifiers and the
// sensitive columns are those of the cohort file; without them, the columns of one
// row a patient that describe a person (by role site, by name age, sex, race and
// the like), and the other coded columns. It costs a look-up a patient for each
// combination of up to three quasi-identifiers.
func Measure(c *datasets.Cohort) Anonymity {
	p := c.Dictionary().Privacy
	if p == nil {
		p = &datasets.Privacy{}
	}
	quasi, sensitive := choose(c, *p)
	a := Anonymity{Patients: c.Patients(), SamplingFraction: 1, QuasiIdentifiers: []string{}, Diversity: []Diversity{}, Riskiest: []Combination{}}
	if p.SamplingFraction > 0 {
		a.SamplingFraction = p.SamplingFraction
	}
	shown := shower(c)
	codes := make([][]int32, len(quasi))
	all := make([]int, len(quasi))
	for i, q := range quasi {
		a.QuasiIdentifiers = append(a.QuasiIdentifiers, shown(q))
		codes[i], all[i] = byPatient(c, q), i
	}
	class, sizes := classes(c.Patients(), codes, all)
	a.sizes, a.Classes = sizes, len(sizes)
	if len(sizes) == 0 {
		return a
	}
	a.K = slices.Min(sizes)
	a.Unique, a.Under5, a.Under11 = a.Below(2), a.Below(5), a.Below(11)
	a.ProsecutorHighest = 1 / float64(a.K)
	a.ProsecutorMean = float64(a.Classes) / float64(a.Patients)
	a.JournalistHighest = a.SamplingFraction * a.ProsecutorHighest
	a.Marketer = a.SamplingFraction * a.ProsecutorMean
	for _, s := range sensitive {
		a.Diversity = append(a.Diversity, diversity(shown(s), byPatient(c, s), class, sizes))
	}
	a.Riskiest = riskiest(c.Patients(), a.QuasiIdentifiers, codes)
	return a
}

// shower returns how columns may be called: by their place where their name
// identifies somebody.
func shower(c *datasets.Cohort) func(name string) string {
	d := NewDetectors()
	return func(name string) string {
		for _, t := range c.Tables() {
			if i := slices.IndexFunc(t.Fields(), func(f datasets.Field) bool { return f.Name == name }); i >= 0 {
				_, shown := d.columnName(t.Name(), name, i)
				return shown
			}
		}
		return name
	}
}

// choose returns the columns that others may know, and those that they should not
// learn.
func choose(c *datasets.Cohort, p datasets.Privacy) (quasi, sensitive []string) {
	quasi, sensitive = slices.Clone(p.QuasiIdentifiers), slices.Clone(p.Sensitive)
	for _, t := range c.Outline() {
		if t.Rows() > c.Patients() {
			continue // not one row a patient
		}
		for _, f := range t.Fields() {
			known := describes(f)
			text := f.Type == datasets.TypeString && f.Role != datasets.RolePatient && f.Role != datasets.RoleArm && f.Role != datasets.RoleVisit
			switch {
			case slices.Contains(quasi, f.Name) || slices.Contains(sensitive, f.Name):
			case known && p.QuasiIdentifiers == nil && len(quasi) < mostQuasi:
				quasi = append(quasi, f.Name)
			case !known && text && p.Sensitive == nil:
				sensitive = append(sensitive, f.Name)
			}
		}
	}
	return quasi, sensitive
}

// describes tells a column that describes a person as others may know them.
func describes(f datasets.Field) bool {
	return f.Role == datasets.RoleSite || f.Role == datasets.RolePeriod || describing(tokens(f.Name)) || postcodes(tokens(f.Name))
}

// quasi reports a column that may be among the quasi-identifiers.
func quasi(f datasets.Field, p datasets.Privacy) bool {
	if p.QuasiIdentifiers != nil {
		return slices.Contains(p.QuasiIdentifiers, f.Name)
	}
	return describes(f)
}

// firsts are the first values that patients have in a column, as codes: what a batch
// leaves behind, so that the rows need not be kept.
type firsts struct {
	codes []int32 // by patient; -1 where missing
	index map[string]int32
}

func (v *firsts) add(b *datasets.Table, column string) {
	codes, levels := b.Codes(column)
	for r, p := range b.Patient() {
		for int(p) >= len(v.codes) {
			v.codes = append(v.codes, -1)
		}
		if codes[r] < 0 || v.codes[p] >= 0 {
			continue
		}
		code, known := v.index[levels[codes[r]]]
		if !known {
			code = int32(len(v.index))
			v.index[strings.Clone(levels[codes[r]])] = code
		}
		v.codes[p] = code
	}
}

// likeness puts the patients of a cohort whose batches were looked at into classes.
func (l *Look) likeness(c *datasets.Cohort) Anonymity {
	names, _ := choose(c, *l.dict.Privacy)
	codes, all := make([][]int32, len(names)), make([]int, len(names))
	for i, name := range names {
		all[i] = i
		for _, t := range c.Outline() {
			if !t.Has(name) {
				continue
			}
			if v := l.firsts[[2]string{t.Name(), name}]; v != nil {
				codes[i] = v.codes
			}
			break // the first table that has it
		}
		for len(codes[i]) < c.Patients() {
			codes[i] = append(codes[i], -1)
		}
	}
	_, sizes := classes(c.Patients(), codes, all)
	return Anonymity{sizes: sizes}
}

// byPatient returns a column's values by patient as codes, -1 where missing: the
// first that a patient has.
func byPatient(c *datasets.Cohort, name string) []int32 {
	out := make([]int32, c.Patients())
	for i := range out {
		out[i] = -1
	}
	for _, t := range c.Tables() {
		if !t.Has(name) {
			continue
		}
		codes, _ := t.Codes(name)
		for r, p := range t.Patient() {
			if out[p] < 0 {
				out[p] = codes[r]
			}
		}
		break // the first table that has it
	}
	return out
}

// classes puts patients into classes by some of the columns: the class of each, and
// the size of each.
func classes(patients int, codes [][]int32, which []int) (class []int32, sizes []int) {
	class = make([]int32, patients)
	if patients == 0 {
		return class, nil
	}
	n := 1 // all in one
	for _, i := range which {
		at := make(map[[2]int32]int32, n)
		for p := range class {
			k := [2]int32{class[p], codes[i][p]}
			j, ok := at[k]
			if !ok {
				j = int32(len(at))
				at[k] = j
			}
			class[p] = j
		}
		n = len(at)
	}
	sizes = make([]int, n)
	for _, j := range class {
		sizes[j]++
	}
	return class, sizes
}

func diversity(name string, values []int32, class []int32, sizes []int) Diversity {
	counts := make([]map[int32]int, len(sizes))
	for p, j := range class {
		if counts[j] == nil {
			counts[j] = map[int32]int{}
		}
		counts[j][values[p]]++
	}
	d := Diversity{Column: name, Distinct: math.MaxInt, Entropy: math.Inf(1)}
	for j, of := range counts {
		d.Distinct = min(d.Distinct, len(of))
		if len(of) == 1 {
			d.Alike += sizes[j]
		}
		shares := make([]float64, 0, len(of))
		for _, n := range of {
			shares = append(shares, float64(n)/float64(sizes[j]))
		}
		slices.Sort(shares) // a sum in the order of a map would not be the same each time
		h := 0.0
		for _, s := range shares {
			h -= s * math.Log(s)
		}
		d.Entropy = min(d.Entropy, math.Exp(h))
	}
	return d
}

// riskiest returns the combinations of up to three quasi-identifiers that single
// out most patients, and more than any part of them does.
func riskiest(patients int, quasi []string, codes [][]int32) []Combination {
	const most = 10
	var out []Combination
	try := func(which ...int) {
		_, sizes := classes(patients, codes, which)
		x := Combination{K: slices.Min(sizes)}
		for _, i := range which {
			x.Columns = append(x.Columns, quasi[i])
		}
		for _, f := range sizes {
			if f == 1 {
				x.Unique++
			}
		}
		if x.Unique > 0 {
			out = append(out, x)
		}
	}
	n := min(len(quasi), mostQuasi)
	for i := range n {
		try(i)
		for j := i + 1; j < n; j++ {
			try(i, j)
			for k := j + 1; k < n; k++ {
				try(i, j, k)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Combination) int {
		return cmp.Or(cmp.Compare(b.Unique, a.Unique), cmp.Compare(len(a.Columns), len(b.Columns)), strings.Compare(strings.Join(a.Columns, " "), strings.Join(b.Columns, " ")))
	})
	kept := []Combination{}
	for _, x := range out {
		shorter := func(y Combination) bool { // a part of it singles out as many
			return y.Unique >= x.Unique && !slices.ContainsFunc(y.Columns, func(c string) bool { return !slices.Contains(x.Columns, c) })
		}
		if len(kept) < most && !slices.ContainsFunc(kept, shorter) {
			kept = append(kept, x)
		}
	}
	return kept
}
