package privacy

import (
	"slices"
	"strings"

	"recoup/datasets"
)

// Scan looks for what may identify a person in a cohort, in what its cohort file
// says of it and in what its files carry beside their cells. Findings that the
// cohort file allows are marked so. The order is that of severity, then of the
// tables and columns.
func Scan(c *datasets.Cohort, asides []datasets.Aside) []Finding {
	d := NewDetectors()
	var found []Finding
	for _, t := range c.Tables() {
		found = append(found, d.table(t, t.Rows() <= c.Patients())...)
	}
	found = append(found, d.asides(c, asides)...)
	p := c.Dictionary().Privacy
	if p != nil && p.K > 0 {
		if a := Measure(c); a.K < p.K && a.Patients > 0 {
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
	return arrange(NewDetectors().asides(nil, asides))
}

func (d *Detectors) table(t *datasets.Table, once bool) []Finding {
	var found []Finding
	for i, f := range t.Fields() {
		c := &column{table: t.Name(), field: f, name: f.Name, tokens: tokens(f.Name), where: inCells, once: once}
		var own []Finding
		own, c.name = d.columnName(t.Name(), f.Name, i)
		found = append(found, own...)
		switch f.Type {
		case datasets.TypeDate, datasets.TypeDatetime:
			if n := t.Rows() - t.Missing(f.Name); n > 0 {
				found = append(found, c.finding(High, ClassDates, kindDate, 0, n))
			}
		case datasets.TypeBoolean:
		case datasets.TypeString:
			c.levels, c.rows = t.Counts(f.Name)
			if f.Role == datasets.RolePeriod {
				found = append(found, c.finding(High, ClassDates, kindPeriod, 0, t.Rows()-t.Missing(f.Name)))
			}
			for _, finding := range d.texts(c) {
				if f.Role != datasets.RolePeriod || finding.Kind != "quarter or week" {
					found = append(found, finding)
				}
			}
			if numeric(c.levels) {
				found = append(found, c.ranges(t, rangeOf(t, f.Name))...)
			}
			found = append(found, c.overBands()...)
			found = append(found, d.labels(c)...)
		default:
			found = append(found, d.numbers(t, c)...)
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
func (d *Detectors) asides(co *datasets.Cohort, asides []datasets.Aside) []Finding {
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
				used, _ := co.Table(a.Table).Counts(f.Name)
				for _, l := range used {
					carried[key+"\x00"+l] = true
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
	if co == nil || co.Table(table) == nil {
		return datasets.Field{}, false
	}
	t := co.Table(table)
	fs := t.Fields()
	i := slices.IndexFunc(fs, func(f datasets.Field) bool { return f.Column == column || f.Column == "" && f.Name == column })
	if i < 0 {
		return datasets.Field{}, false
	}
	return fs[i], true
}
