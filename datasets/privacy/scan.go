package privacy

import (
	"slices"
	"strconv"
	"strings"

	"recoup/datasets"
)

// Look gathers, batch by batch, what must be known of a cohort's cells to find what
// may identify a person in them: the different texts of each text column with the
// rows of each, up to 64 MiB of them, and of numbers the range, the first thousands
// of different long ones, and how many are out of what may stay. Where the cohort file
// asks for k, what each patient has in the quasi-identifiers too.
type Look struct {
	d      *Detectors
	dict   *datasets.Dictionary
	tables map[string][]*columnLook
	firsts map[[2]string]*firsts // by table and column
}

// columnLook is what is gathered of one column.
type columnLook struct {
	column
	cells   int
	texts   *datasets.Counts
	numbers *numberLook
	batch   []float64
}

// NewLook returns a look at nothing yet.
func NewLook(d *datasets.Dictionary) *Look {
	return &Look{d: NewDetectors(), dict: d, tables: map[string][]*columnLook{}, firsts: map[[2]string]*firsts{}}
}

// Add looks at a batch of rows.
func (l *Look) Add(b *datasets.Table) {
	columns := l.tables[b.Name()]
	if columns == nil {
		for _, f := range b.Fields() {
			c := &columnLook{column: column{table: b.Name(), field: f, name: f.Name, tokens: tokens(f.Name), where: inCells}}
			switch f.Type {
			case datasets.TypeString:
				c.texts = datasets.NewCounts()
			case datasets.TypeDate, datasets.TypeDatetime, datasets.TypeBoolean:
			default:
				c.numbers = newNumberLook(&c.column)
			}
			columns = append(columns, c)
		}
		l.tables[b.Name()] = columns
	}
	b.EachColumn(func(i int, f datasets.Field) {
		c := columns[i]
		c.cells += b.Rows() - b.Missing(f.Name)
		switch {
		case c.texts != nil:
			c.texts.Add(b, f.Name, maxText)
		case c.numbers != nil:
			c.batch = b.AppendFloats(c.batch[:0], f.Name)
			c.numbers.addAll(c.batch)
		}
		if p := l.dict.Privacy; p != nil && p.K > 0 && quasi(f, *p) {
			key := [2]string{b.Name(), f.Name}
			if l.firsts[key] == nil {
				l.firsts[key] = &firsts{index: map[string]int32{}}
			}
			l.firsts[key].add(b, f.Name)
		}
	})
}

// Findings returns what may identify a person in the cohort whose batches were
// looked at, in what its cohort file says of it and in what its files carry beside
// their cells. Findings that the cohort file allows are marked so. The order is that
// of severity, then of the tables and columns.
func (l *Look) Findings(c *datasets.Cohort, asides []datasets.Aside) []Finding {
	var found []Finding
	for _, t := range c.Outline() {
		found = append(found, l.table(t, t.Rows() <= c.Patients())...)
	}
	found = append(found, l.asides(c, asides)...)
	p := l.dict.Privacy
	if p != nil && p.K > 0 {
		if a := l.likeness(c); len(a.sizes) > 0 && slices.Min(a.sizes) < p.K {
			found = append(found, Finding{
				Severity: High, Class: ClassOther, Kind: kindAnonymity, Where: inCohort, Rows: a.Below(p.K),
				Mend: "band or drop quasi-identifiers, or lower k under privacy in the cohort file",
			})
		}
	}
	allow(found, p)
	return arrange(found)
}

// Beside looks at what files carry beside their cells alone, for a cohort that
// cannot be read.
func Beside(asides []datasets.Aside) []Finding {
	return arrange((&Look{d: NewDetectors()}).asides(nil, asides))
}

func (l *Look) table(t *datasets.Table, once bool) []Finding {
	d := l.d
	var found []Finding
	columns := l.tables[t.Name()]
	for i, f := range t.Fields() {
		var c columnLook
		if columns != nil {
			c = *columns[i]
		} else { // no rows
			c.column = column{table: t.Name(), field: f, name: f.Name, tokens: tokens(f.Name), where: inCells}
		}
		c.once = once
		var own []Finding
		own, c.name = d.columnName(t.Name(), f.Name, i)
		found = append(found, own...)
		switch f.Type {
		case datasets.TypeDate, datasets.TypeDatetime:
			if c.cells > 0 {
				found = append(found, c.finding(High, ClassDates, kindDate, 0, c.cells))
			}
		case datasets.TypeBoolean:
		case datasets.TypeString:
			if c.texts != nil {
				c.levels, c.rows, c.long = c.texts.Levels()
			}
			if f.Role == datasets.RolePeriod {
				found = append(found, c.finding(High, ClassDates, kindPeriod, 0, c.cells))
			}
			for _, finding := range d.texts(&c.column) {
				if f.Role != datasets.RolePeriod || finding.Kind != "quarter or week" {
					found = append(found, finding)
				}
			}
			if numeric(c.levels) {
				n := newNumberLook(&c.column)
				for k, level := range c.levels {
					if v, err := strconv.ParseFloat(level, 64); err == nil && c.rows[k] > 0 {
						n.add(v, c.rows[k])
					}
				}
				found = append(found, c.ranges(n)...)
			}
			found = append(found, c.overBands()...)
			found = append(found, d.labels(&c.column)...)
		default:
			if c.numbers != nil {
				found = append(found, d.numbers(&c.column, c.numbers)...)
			}
		}
	}
	return found
}

// labels looks at the labels of a column's levels.
func (d *Detectors) labels(c *column) []Finding {
	l := *c
	l.where, l.levels, l.rows, l.tokens = inLabel, nil, nil, nil
	for _, cat := range c.field.Categories {
		if cat.Label != "" && cat.Label != cat.Value {
			l.levels = append(l.levels, cat.Label)
		}
	}
	return d.beside(&l)
}

// beside looks at texts that are not cells: what stands in them alone counts, not
// how many there are.
func (d *Detectors) beside(c *column) []Finding {
	var out []Finding
	for _, text := range c.levels {
		s := fold(text)
		sh := shapeOf(s)
		for k := range d.list {
			if det := &d.list[k]; !det.own && det.matches(d, s, sh) {
				out = append(out, c.finding(c.weigh(*det, hits{}, 0), det.class, det.kind, 1, 0))
			}
		}
		for _, k := range d.encoded(s, sh) {
			out = append(out, c.finding(High, d.list[k].class, d.list[k].kind+", encoded", 1, 0))
		}
	}
	return out
}

// columnName looks at a column's own name, and returns how findings may call the
// column: by its name, or by its place where the name identifies somebody.
func (d *Detectors) columnName(table, name string, i int) ([]Finding, string) {
	c := &column{table: table, field: datasets.Field{Name: name}, name: place(i), where: inName, levels: []string{name, strings.ReplaceAll(name, "_", " ")}}
	found := d.beside(c)
	if d.named(words(name), false) && len(found) == 0 {
		found = append(found, c.finding(High, ClassNames, "name", 1, 0))
	}
	for j := range found {
		found[j].Severity = High // a name is shown wherever the column is
		found[j].Mend = "give the column another name in the file, or under column: and name: in the cohort file"
	}
	if len(found) == 0 {
		return nil, name
	}
	return found[:1], place(i)
}

// Identifies reports whether a text, such as a column's name, would itself be a
// finding of high severity.
func (d *Detectors) Identifies(name string) bool {
	found, _ := d.columnName("", name, 0)
	return len(found) > 0
}

// asides looks at what the files carry beside their cells.
func (l *Look) asides(co *datasets.Cohort, asides []datasets.Aside) []Finding {
	d := l.d
	var out []Finding
	levels := map[string]*column{}
	carried := map[string]bool{}
	var order []string
	for _, a := range asides {
		c := &column{table: a.Table, where: a.Where, levels: []string{a.Text}, rows: []int{0}}
		switch a.Where {
		case datasets.AsideLevel:
			key := a.Table + "\x00" + a.Column
			if levels[key] == nil {
				f, ok := fieldOf(co, a.Table, a.Column)
				if !ok {
					continue // not carried
				}
				levels[key] = &column{table: a.Table, field: f, name: f.Name, where: a.Where, tokens: tokens(f.Name)}
				order = append(order, key)
				for _, own := range l.tables[a.Table] {
					if own.field.Name == f.Name && own.texts != nil {
						used, _, _ := own.texts.Levels()
						for _, level := range used {
							carried[key+"\x00"+level] = true
						}
					}
				}
			}
			if carried[key+"\x00"+a.Text] {
				continue // looked at among the cells
			}
			levels[key].levels = append(levels[key].levels, a.Text)
			levels[key].rows = append(levels[key].rows, 0)
		case datasets.AsideHiddenSheet:
			out = append(out, c.finding(Medium, ClassOther, "sheet that is not shown", 1, 0))
		case datasets.AsideDropped:
			class := ClassOther
			if h, ok := hinted(tokens(a.Text)); ok {
				class = h.class
			}
			out = append(out, c.finding(Medium, class, "column that is no longer in the file", 1, 0))
		case datasets.AsideMetadata:
			for _, f := range d.beside(c) {
				if f.Class == ClassDates {
					continue // when the file was made
				}
				if f.Class == ClassNames {
					f.Severity = Medium // of who made it, most often
				}
				out = append(out, f)
			}
			if userName.MatchString(a.Text) {
				out = append(out, c.finding(Low, ClassNames, "user name", 1, 0))
			}
		default:
			found := d.beside(c)
			if d.named(words(a.Text), false) {
				found = append(found, c.finding(High, ClassNames, "name", 1, 0))
			}
			for _, f := range found {
				if f.Class != ClassDates || a.Where == datasets.AsideComment {
					out = append(out, f)
				}
			}
		}
	}
	for _, key := range order {
		out = append(out, d.texts(levels[key])...)
	}
	return out
}

// fieldOf finds the field that a column of a file is carried as.
func fieldOf(co *datasets.Cohort, table, column string) (datasets.Field, bool) {
	if co == nil {
		return datasets.Field{}, false
	}
	tables := co.Outline()
	at := slices.IndexFunc(tables, func(t *datasets.Table) bool { return t.Name() == table })
	if at < 0 {
		return datasets.Field{}, false
	}
	fs := tables[at].Fields()
	i := slices.IndexFunc(fs, func(f datasets.Field) bool { return f.Column == column || f.Column == "" && f.Name == column })
	if i < 0 {
		return datasets.Field{}, false
	}
	return fs[i], true
}
