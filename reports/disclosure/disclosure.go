package disclosure

import (
	"fmt"
	"math"
	"sort"

	"recoup/reports"
)

// The codes of findings.
const (
	CodeSmallCount = "SMALL_COUNT"           // a count, or what rests on one, under the threshold
	CodeComplement = "COMPLEMENT_SMALL"      // the rest of a share is under the threshold
	CodeDifference = "FLOW_DIFFERENCE_SMALL" // the difference of two steps is under the threshold
	CodeSecondary  = "WOULD_REVEAL"          // hidden so that a small count cannot be found by subtraction
	CodeUnstated   = "BASIS_UNSTATED"        // what the number rests on is not stated
	CodePoint      = "POINT_DROPPED"         // a point of a figure left out
	CodeSurvival   = "SURVIVAL_COARSENED"    // a survival curve drawn on a grid and stopped early
	CodeRiskTable  = "RISK_TABLE_THINNED"    // a number at risk left out
	CodeText       = "SMALL_COUNT_IN_TEXT"   // a small count in running text replaced
	CodeClass      = "CLASS_DISCLOSURE"      // shown, but tells the same of everyone: 0% or 100%
)

// Finding says how often something was found in one block, and never the value.
type Finding struct {
	Code  string
	Where string // the section, and the table or figure
	Count int
}

// Audit lists what was hidden or is worth a look, in order of place and code.
type Audit struct {
	Policy   Policy
	Findings []Finding
}

// Apply returns the report with all hidden that the policy does not let out,
// and the list of what was hidden. The report given is not changed. What is
// hidden is gone from the result: no raw value is left behind a hidden mark.
//
// Counts are judged as they are; shares by numerator, denominator and, where
// the policy says so, the rest; other numbers by the patients they rest on.
// Counts known by sums (Table.Sums, Report.Sums, shares with their rest, the
// steps of a flow, and equal counts in a row) form linear equations; more is
// hidden until an attacker who solves them must think a value above the
// threshold possible for every hidden small count.
func Apply(r reports.Report, p Policy) (reports.Report, Audit) {
	out := clone(r)
	if !p.hides() {
		return out, Audit{Policy: p}
	}
	g := &gate{policy: p, names: map[string]int{}, found: map[Finding]int{}}
	g.report(&out)
	g.primary()
	g.secondary()
	g.sweep()
	out.Provenance.Facts = append(out.Provenance.Facts, reports.Fact{
		Name: "Disclosure rule", Value: reports.Label(p.Name + ": " + p.Title),
	})
	return out, g.audit()
}

// carrier is a cell or point that tells quantities to whoever sees it.
type carrier struct {
	tells  []int
	where  string
	code   string // for a hidden carrier: how the audit calls it
	why    reports.Suppression
	hidden bool
	hide   func(reports.Suppression)
}

// gate collects every number of a report with what it tells, decides, and then
// hides.
type gate struct {
	policy   Policy
	sys      system
	names    map[string]int // of named quantities
	carriers []carrier
	found    map[Finding]int
}

func (g *gate) note(code, where string) { g.found[Finding{Code: code, Where: where}]++ }

// quantity returns the place of a count; equal names are one quantity.
func (g *gate) quantity(name string, value int, listed bool) int {
	if name != "" {
		if i, ok := g.names[name]; ok && g.sys.q[i].value == value {
			g.sys.q[i].listed = g.sys.q[i].listed || listed
			return i
		}
	}
	g.sys.q = append(g.sys.q, quantity{value: value, small: g.policy.small(value), listed: listed})
	i := len(g.sys.q) - 1
	if name != "" {
		g.names[name] = i
	}
	return i
}

// add registers something visible that rests on a basis. It returns the
// quantity that stands for it in sums, or -1 when it rests on no patients.
func (g *gate) add(b reports.Basis, where, code string, hide func(reports.Suppression)) int {
	c := carrier{where: where, code: code, hide: hide}
	main := -1
	if b.Kind == reports.ShareOfPatients && (b.Numerator < 0 || b.Numerator > b.Denominator) || b.Kind == reports.OfPatients && b.N < 0 {
		b.Kind = reports.Unstated // not a basis that can be judged
	}
	switch b.Kind {
	case reports.Public:
		return -1
	case reports.OfPatients:
		main = g.quantity(b.Quantity, b.N, true)
		c.tells = []int{main}
	case reports.ShareOfPatients:
		main = g.quantity(b.Quantity, b.Numerator, true)
		whole := g.quantity("", b.Denominator, true)
		c.tells = []int{main, whole}
		rest := g.quantity("", b.Denominator-b.Numerator, false)
		if g.policy.Complements {
			c.tells = append(c.tells, rest)
		} else {
			g.sys.q[rest].small = false
		}
		g.sys.addSum(whole, []int{main, rest})
		if b.Denominator > 0 && (b.Numerator == 0 || b.Numerator == b.Denominator) {
			g.note(CodeClass, where)
		}
	default:
		c.why, c.hidden = reports.NoBasis, true
		if code == "" {
			c.code = CodeUnstated
		}
	}
	g.carriers = append(g.carriers, c)
	return main
}

// primary hides what tells a small count outright.
func (g *gate) primary() {
	for i := range g.carriers {
		c := &g.carriers[i]
		if c.hidden {
			continue
		}
		for _, k := range c.tells {
			if !g.sys.q[k].small {
				continue
			}
			c.hidden, c.why = true, reports.Protected
			if c.code == "" {
				c.code = CodeSmallCount
				if !g.sys.q[k].listed {
					c.code = CodeComplement
				}
			}
			break
		}
	}
	g.settle(func(k int) bool { return g.sys.q[k].small })
}

// settle hides every carrier of the quantities that must be hidden, and then
// marks as shown what the others tell.
func (g *gate) settle(mustHide func(int) bool) {
	for i := range g.carriers {
		c := &g.carriers[i]
		for _, k := range c.tells {
			if !c.hidden && mustHide(k) {
				c.hidden, c.why = true, reports.Protected
				if c.code == "" {
					c.code = CodeSecondary
				}
			}
		}
	}
	for k := range g.sys.q {
		g.sys.q[k].shown = false
	}
	for _, c := range g.carriers {
		if !c.hidden {
			for _, k := range c.tells {
				g.sys.q[k].shown = true
			}
		}
	}
}

// secondary hides more until no small count can be found by solving the sums.
func (g *gate) secondary() {
	hide := map[int]bool{}
	for _, p := range g.sys.parts() {
		if len(p.eqs) == 0 {
			continue
		}
		for _, k := range g.sys.protect(p, g.policy.Max) {
			hide[k] = true
		}
	}
	g.settle(func(k int) bool { return hide[k] })
}

// sweep takes the hidden values out of the report.
func (g *gate) sweep() {
	for _, c := range g.carriers {
		if c.hidden {
			c.hide(c.why)
			g.note(c.code, c.where)
		}
	}
}

func (g *gate) audit() Audit {
	a := Audit{Policy: g.policy}
	for f, n := range g.found {
		f.Count = n
		a.Findings = append(a.Findings, f)
	}
	sort.Slice(a.Findings, func(i, j int) bool {
		x, y := a.Findings[i], a.Findings[j]
		if x.Where != y.Where {
			return x.Where < y.Where
		}
		return x.Code < y.Code
	})
	return a
}

// wipe takes the value out of a cell.
func wipe(c *reports.Cell, why reports.Suppression) {
	nan := math.NaN()
	*c = reports.Cell{
		Value: nan, SD: nan, Low: nan, High: nan, Format: c.Format,
		Basis: reports.NoPatients(), Hidden: why,
	}
}

// cell registers one cell and returns its quantity, or -1.
func (g *gate) cell(c *reports.Cell, where string) int {
	b := c.Basis
	kind := c.Format.Kind
	if kind == reports.Blank || c.Hidden != reports.Shown {
		return -1
	}
	if b.Kind == reports.Unstated && (kind == reports.CountOf || kind == reports.CountPercent) {
		b = reports.On(c.Count)
	}
	if kind == reports.Text && (b.Kind == reports.Unstated || b.Kind == reports.Public) {
		c.Text = g.text(c.Text, where)
		return -1
	}
	if math.IsNaN(c.Value) && kind != reports.CountOf && kind != reports.Text && c.Why != "" && b.Kind == reports.Unstated {
		return -1 // not available, and says so
	}
	return g.add(b, where, "", func(why reports.Suppression) { wipe(c, why) })
}

func (g *gate) words(w reports.Words, where string) {
	for i := range w {
		w[i].Text = g.text(w[i].Text, where)
		g.cell(&w[i].Cell, where)
	}
}

func (g *gate) report(r *reports.Report) {
	r.Title, r.Subtitle = g.text(r.Title, "title"), g.text(r.Subtitle, "title")
	for i := range r.Warnings {
		r.Warnings[i].Text = g.text(r.Warnings[i].Text, "warnings")
	}
	for i := range r.Sections {
		s := &r.Sections[i]
		s.Title = g.text(s.Title, s.ID)
		g.words(s.Lead, s.ID)
		for j := range s.Blocks {
			s.Blocks[j] = g.block(s.Blocks[j], s.ID)
		}
	}
	for i := range r.Provenance.Facts {
		g.cell(&r.Provenance.Facts[i].Value, "provenance")
	}
	for i := range r.Provenance.Tables {
		g.table(&r.Provenance.Tables[i], "provenance")
	}
	for _, s := range r.Sums {
		g.namedSum(s)
	}
}

// namedSum joins named quantities; a name that no number bears leaves a gap
// that no equation can use.
func (g *gate) namedSum(s reports.QuantitySum) {
	total, ok := g.names[s.Total]
	if !ok {
		return
	}
	var parts []int
	sum := 0
	for _, name := range s.Parts {
		k, ok := g.names[name]
		if !ok {
			return
		}
		parts = append(parts, k)
		sum += g.sys.q[k].value
	}
	if sum == g.sys.q[total].value {
		g.sys.addSum(total, parts)
	}
}

func (g *gate) block(b reports.Block, section string) reports.Block {
	switch b := b.(type) {
	case reports.Paragraph:
		g.words(b.Text, section)
		return b
	case reports.Notice:
		b.Title = g.text(b.Title, section)
		g.words(b.Text, section)
		return b
	case reports.Tiles:
		for i := range b.Tiles {
			t := &b.Tiles[i]
			t.StatusText = g.text(t.StatusText, section)
			g.tile(t, section+"/tiles")
			g.words(t.Detail, section+"/tiles")
			g.cell(&t.Benchmark, section+"/tiles")
		}
		return b
	case reports.Table:
		g.table(&b, section)
		return b
	case reports.Figure:
		return g.figure(b, section)
	case reports.Definitions:
		for i := range b.Items {
			b.Items[i].Meaning = g.text(b.Items[i].Meaning, section)
		}
		return b
	}
	return b
}

// tile registers the value of a tile; its status goes with it, since "better"
// tells something of it.
func (g *gate) tile(t *reports.Tile, where string) {
	first := len(g.carriers)
	g.cell(&t.Value, where)
	for i := first; i < len(g.carriers); i++ {
		hide := g.carriers[i].hide
		g.carriers[i].hide = func(why reports.Suppression) {
			hide(why)
			t.Status, t.StatusText = reports.NoStatus, ""
		}
	}
}

func (g *gate) table(t *reports.Table, section string) {
	where := section + "/" + t.ID
	t.Caption = g.text(t.Caption, where)
	at := make([][]int, len(t.Rows))
	for i := range t.Rows {
		at[i] = g.row(t.Rows[i].Cells, where)
	}
	for i := range t.Footnotes {
		g.words(t.Footnotes[i], where)
	}
	for _, s := range t.Sums {
		g.tableSum(s, at)
	}
}

// row registers the cells of a row. A number that rests on as many patients as
// a count in the same row says is taken to rest on that very count, so that a
// mean is hidden with its n.
func (g *gate) row(cells []reports.Cell, where string) []int {
	at := make([]int, len(cells))
	for i := range cells {
		at[i] = -1
		if cells[i].Format.Kind == reports.CountOf {
			at[i] = g.cell(&cells[i], where)
		}
	}
	for i := range cells {
		if cells[i].Format.Kind == reports.CountOf {
			continue
		}
		first := len(g.carriers)
		at[i] = g.cell(&cells[i], where)
		if len(g.carriers) > first {
			g.tie(&g.carriers[first], at, cells)
		}
	}
	return at
}

// tie makes what a carrier tells one with equal counts of its row.
func (g *gate) tie(c *carrier, at []int, cells []reports.Cell) {
	for j, k := range c.tells {
		if j == 2 {
			return // the rest of a share stands in no column
		}
		for i := range cells {
			if at[i] >= 0 && at[i] != k && cells[i].Format.Kind == reports.CountOf && g.sys.q[at[i]].value == g.sys.q[k].value {
				c.tells = append(c.tells, at[i])
				g.sys.addSame(k, at[i])
				break
			}
		}
	}
}

// tableSum adds an equation where all its places hold counts that add up. A sum
// that does not hold is a fault of the section that stated it: nothing can be
// found from it, and nothing is.
func (g *gate) tableSum(s reports.Sum, at [][]int) {
	place := func(a reports.At) int {
		if a.Row < 0 || a.Row >= len(at) || a.Column < 0 || a.Column >= len(at[a.Row]) {
			return -1
		}
		return at[a.Row][a.Column]
	}
	total := place(s.Total)
	if total < 0 {
		return
	}
	var parts []int
	sum := 0
	for _, a := range s.Parts {
		k := place(a)
		if k < 0 {
			return
		}
		parts = append(parts, k)
		sum += g.sys.q[k].value
	}
	if sum == g.sys.q[total].value {
		g.sys.addSum(total, parts)
	}
}

// String writes a finding for a log or a terminal.
func (f Finding) String() string { return fmt.Sprintf("%s: %s (%d)", f.Where, f.Code, f.Count) }
