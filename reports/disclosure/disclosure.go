package disclosure

import (
	"context"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

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
	CodeEarlier    = "CHANGED_SINCE_RELEASE" // an earlier report showed it, and the difference is of few
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

	// Broken counts the small numbers that can still be found: a report with any
	// may not go out.
	Broken int
}

// Apply returns the report with all hidden that the policy does not let out,
// and the list of what was hidden: Protect without earlier releases and noise.
func Apply(r reports.Report, p Policy) (reports.Report, Audit) {
	return Protect(r, Options{Policy: p})
}

// Options say by which rule a report is protected, and against what.
type Options struct {
	Policy   Policy
	Earlier  []Release // what went out before of the same patients
	NoiseKey []byte    // of the owner, kept apart from all outputs; nil for no noise
	Override Override  // the zero Override where nothing is let pass
}

// Override says who let a report out against its policy, and why.
type Override struct{ By, Why string }

// Protect returns the report with all hidden that the policy does not let out,
// and the list of what was hidden. The report given is not changed. What is
// hidden is gone from the result: no raw value is left behind a hidden mark.
//
// Counts are judged as they are; shares by numerator, denominator and, where
// the policy says so, the rest; other numbers by the patients they rest on.
// Counts known by sums (Table.Sums, Report.Sums, shares with their rest, parts
// of a whole, the steps of a flow, and equal counts in a row) form linear
// equations; more is hidden until an attacker who solves them must think a value
// above the threshold possible for every hidden small count.
//
// What an earlier release showed of the same patients is hidden where it has
// changed by few of them, or a mean by so little that it tells of one. What is
// then shown is rounded as the policy says, and a statement is added to the
// report.
func Protect(r reports.Report, o Options) (reports.Report, Audit) {
	out, _ := Together(context.Background(), []Member{{Report: r}}, o) // nothing interrupts it
	return out[0].Report, out[0].Audit
}

// Member is one of several reports that go out together: that of one site, or of
// all.
type Member struct {
	Report reports.Report
	Site   string // empty for all patients
}

// Protected is a report with all hidden that may not go out, and what that was.
type Protected struct {
	Report reports.Report
	Audit  Audit
}

// Together protects reports that go out together as one: what is hidden in one must
// not follow from the others. A named count of all patients is the sum of the sites'
// counts of that name and period, and of what they leave; the count NAME/SITE of a
// report of all is the count NAME of that site. What is small in any of them cannot
// be found by whoever has them all.
//
// Every Audit counts the small numbers that can still be found in the whole set.
func Together(ctx context.Context, set []Member, o Options) ([]Protected, error) {
	out := make([]Protected, len(set))
	if !o.Policy.hides() {
		for i, m := range set {
			r := clone(m.Report)
			state(&r, o, 0, false)
			out[i] = Protected{r, Audit{Policy: o.Policy}}
		}
		return out, ctx.Err()
	}
	never := map[string]bool{}
	for {
		g, protected, err := pass(ctx, set, o, never)
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range o.Earlier {
			for i, r := range protected {
				for _, d := range Compare(e, g.release(i, r), o.Policy.Max+1) {
					if d.Dangerous && !never[d.Where] {
						never[d.Where], found = true, true
					}
				}
			}
		}
		if found {
			continue
		}
		for i, r := range protected {
			state(&r, o, g.hidden(i), len(set) > 1)
			out[i] = Protected{r, g.audit(i)}
		}
		return out, nil
	}
}

// pass protects reports once, without the places that may never be shown.
func pass(ctx context.Context, set []Member, o Options, never map[string]bool) (*gate, []reports.Report, error) {
	g := newGate(o.Policy)
	g.noise, g.never = o.NoiseKey, never
	out := make([]reports.Report, len(set))
	for _, m := range set {
		if m.Site != "" {
			g.sites = append(g.sites, m.Site)
		}
	}
	for i, m := range set {
		out[i] = clone(m.Report)
		g.read(set, i)
		g.report(&out[i])
	}
	g.rests()
	g.acrossSites()
	g.primary()
	if err := g.secondary(ctx); err != nil {
		return nil, nil, err
	}
	g.sweep()
	g.finish(set)
	return g, out, nil
}

func newGate(p Policy) *gate {
	return &gate{policy: p, sys: system{zeros: p.Zeros}, names: map[countName]int{}, found: map[place]int{}, keys: map[string]int{}}
}

// countName is the name of a quantity, and whose patients it counts.
type countName struct{ site, period, name string }

// place is where something was found, and in which report.
type place struct {
	report int
	at     Finding
}

// read turns to a report of the set.
func (g *gate) read(set []Member, i int) {
	g.reading, g.site, g.period, g.in = i, set[i].Site, set[i].Report.Period, reports.In(set[i].Report.Lang)
}

// called names a quantity of the report that is being read. In a report of all
// NAME/SITE is NAME of that site, where the site has a report of its own.
func (g *gate) called(period, name string) countName {
	if g.site == "" {
		for _, s := range g.sites {
			if base, ok := strings.CutSuffix(name, "/"+s); ok {
				return countName{s, period, base}
			}
		}
	}
	return countName{g.site, period, name}
}

// acrossSites states that the sites' counts of one name add up to that of all, with
// what they leave: patients of no site, or of one without a report.
func (g *gate) acrossSites() {
	var all []countName
	for n := range g.names {
		if n.site == "" {
			all = append(all, n)
		}
	}
	sort.Slice(all, func(i, j int) bool { return g.names[all[i]] < g.names[all[j]] })
	for _, n := range all {
		var parts []int
		for _, site := range g.sites {
			if k, ok := g.names[countName{site, n.period, n.name}]; ok {
				parts = append(parts, k)
				g.sys.q[k].disjoint = true
			}
		}
		if len(parts) > 0 {
			g.sys.q[g.names[n]].disjoint = true
			g.addParts(g.names[n], parts)
		}
	}
}

// carrier is a cell or point that tells quantities to whoever sees it.
type carrier struct {
	report int
	tells  []int
	where  string
	key    string // its place and whose patients it is about: the same in the next report
	mean   bool   // it rests on its quantity and does not show it
	code   string // for a hidden carrier: how the audit calls it
	why    reports.Suppression
	hidden bool
	hide   func(reports.Suppression)
	get    func() reports.Cell // what it shows, as a cell
	set    func(reports.Cell)  // puts another value in its place
}

// slot is where a value stands: how it is hidden, read and replaced.
type slot struct {
	hide func(reports.Suppression)
	get  func() reports.Cell
	set  func(reports.Cell)
}

// gate collects every number of a report with what it tells, decides, and then
// hides.
type gate struct {
	policy   Policy
	sys      system
	names    map[countName]int
	within   []nested
	carriers []carrier
	found    map[place]int
	later    []func() // what depends on what is hidden in the end

	in      reports.Language // of the report that is being registered
	broken  int              // small counts that can still be found
	noise   []byte
	reading int             // the report that is being registered
	sites   []string        // of all reports
	site    string          // of the report
	period  string          // of the report
	place   string          // of what is being registered
	keys    map[string]int  // how often a place has been registered
	never   map[string]bool // keys that may not be shown, from earlier releases
}

// nested is a quantity that is part of a named one.
type nested struct {
	part  int
	whole countName
}

func (g *gate) note(code, where string) {
	g.found[place{g.reading, Finding{Code: code, Where: where}}]++
}

// quantity returns the place of a count; equal names are one quantity.
func (g *gate) quantity(name countName, value int, listed bool) int {
	if name.name != "" {
		if i, ok := g.names[name]; ok && g.sys.q[i].value == value {
			g.sys.q[i].listed = g.sys.q[i].listed || listed
			return i
		}
	}
	g.sys.q = append(g.sys.q, quantity{value: value, small: g.policy.small(value), listed: listed})
	i := len(g.sys.q) - 1
	if name.name != "" {
		g.names[name] = i
	}
	return i
}

// add registers something visible that rests on a basis. It returns the
// quantity that stands for it in sums, or -1 when it rests on no patients.
func (g *gate) add(b reports.Basis, where, code string, at slot) int {
	c := carrier{report: g.reading, where: where, code: code, hide: at.hide, get: at.get, set: at.set, key: g.key(b, where)}
	called := func(name string) countName { return g.called(g.of(b), name) }
	main, holds := -1, -1
	if b.Kind == reports.ShareOfPatients && (b.Numerator < 0 || b.Numerator > b.Denominator) || b.Kind == reports.OfPatients && b.N < 0 {
		b.Kind = reports.Unstated // not a basis that can be judged
	}
	switch b.Kind {
	case reports.Public:
		return -1
	case reports.OfPatients:
		main = g.quantity(called(b.Quantity), b.N, true)
		c.tells, holds = []int{main}, main
		c.mean = at.get != nil && at.get().Format.Kind != reports.CountOf
	case reports.ShareOfPatients:
		main = g.quantity(called(b.Quantity), b.Numerator, true)
		whole := g.quantity(called(b.Whole), b.Denominator, true)
		c.tells, holds = []int{main, whole}, whole
		rest := g.quantity(countName{}, b.Denominator-b.Numerator, false)
		if g.policy.Complements && b.Denominator > b.Numerator { // where all did, no count of none is shown
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
	if g.never[c.key] && main >= 0 && !c.hidden {
		g.sys.q[main].small, g.sys.q[main].guarded = true, true
		c.code = CodeEarlier
	}
	if b.Within != "" && holds >= 0 {
		g.within = append(g.within, nested{holds, called(b.Within)})
	}
	g.carriers = append(g.carriers, c)
	return main
}

// of is whose patients a basis is about.
func (g *gate) of(b reports.Basis) string {
	switch {
	case b.Period != "":
		return b.Period
	case g.period != "":
		return g.period
	}
	return reports.WholeCohort
}

// key names a place for good: two reports that show the same thing of the same
// patients show it under one key.
func (g *gate) key(b reports.Basis, where string) string {
	key := g.of(b) + "|" + where + "|" + g.place
	if g.site != "" {
		key = g.site + "|" + key
	}
	g.keys[key]++
	if n := g.keys[key]; n > 1 {
		key += "#" + strconv.Itoa(n)
	}
	return key
}

// rests states what is left of each whole without its part: a count of its own,
// which stands nowhere and is known to whoever knows both.
func (g *gate) rests() {
	seen := map[[2]int]bool{}
	for _, n := range g.within {
		whole, ok := g.names[n.whole]
		if !ok {
			n.whole.period = reports.WholeCohort
			whole, ok = g.names[n.whole]
		}
		left := 0
		if ok {
			left = g.sys.q[whole].value - g.sys.q[n.part].value
		}
		if !ok || left < 0 || whole == n.part || seen[[2]int{whole, n.part}] {
			continue
		}
		seen[[2]int{whole, n.part}] = true
		g.sys.addSum(whole, append([]int{n.part}, g.left(left)...))
	}
}

// left is a count that stands nowhere; one of none is no count.
func (g *gate) left(n int) []int {
	if n == 0 {
		return nil
	}
	rest := g.quantity(countName{}, n, false)
	g.sys.q[rest].small = g.policy.Complements && g.policy.small(n)
	return []int{rest}
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
			if !c.hidden && mustHide(k) && !(c.mean && g.sys.q[k].mayRest()) {
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
				if c.mean && g.sys.q[k].mayRest() {
					continue
				}
				g.sys.q[k].shown = true
			}
		}
	}
}

// secondary hides more until no small count can be found by solving the sums.
func (g *gate) secondary(ctx context.Context) error {
	hide := map[int]bool{}
	for _, p := range g.sys.parts() {
		if len(p.eqs) == 0 {
			continue
		}
		more, err := g.sys.protect(ctx, p, g.policy.Max)
		if err != nil {
			return err
		}
		for _, k := range more {
			hide[k] = true
		}
	}
	g.settle(func(k int) bool { return hide[k] })
	g.again()
	return ctx.Err()
}

// again asks of what is left whether it still gives a small count away.
func (g *gate) again() {
	g.sys.together = nil
	for _, p := range g.sys.parts() {
		if len(p.eqs) == 0 {
			continue
		}
		for _, i := range p.of {
			if !g.sys.q[i].small {
				continue
			}
			if ok, err := g.sys.safe(p, i, g.policy.Max); err != nil || !ok {
				g.broken++
			}
		}
	}
}

// sweep takes the hidden values out of the report.
func (g *gate) sweep() {
	for _, c := range g.carriers {
		if c.hidden {
			c.hide(c.why)
			g.reading = c.report
			g.note(c.code, c.where)
		}
	}
	for _, do := range g.later {
		do()
	}
}

// hidden counts what is hidden of a report.
func (g *gate) hidden(report int) int {
	n := 0
	for _, c := range g.carriers {
		if c.hidden && c.report == report {
			n++
		}
	}
	return n
}

func (g *gate) audit(report int) Audit {
	a := Audit{Policy: g.policy, Broken: g.broken}
	for f, n := range g.found {
		if f.report == report {
			f.at.Count = n
			a.Findings = append(a.Findings, f.at)
		}
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
	c.Why = g.text(c.Why, where)
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
	return g.add(b, where, "", slot{
		hide: func(why reports.Suppression) { wipe(c, why) },
		get:  func() reports.Cell { return *c },
		set:  func(to reports.Cell) { *c = to },
	})
}

// words registers the numbers of running text, each by the words before it.
func (g *gate) words(w reports.Words, where string) {
	before := ""
	for i := range w {
		w[i].Text = g.text(w[i].Text, where)
		before += w[i].Text
		g.place = "text: " + before[max(0, len(before)-60):]
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
			from := len(g.carriers)
			s.Blocks[j] = g.block(s.Blocks[j], s.ID)
			g.centers(s.Blocks, j, from)
		}
	}
	for i := range r.Provenance.Facts {
		g.place = r.Provenance.Facts[i].Name
		g.cell(&r.Provenance.Facts[i].Value, "provenance")
	}
	for i := range r.Provenance.Tables {
		g.table(&r.Provenance.Tables[i], "provenance")
	}
	for _, s := range r.Sums {
		g.namedSum(s)
	}
}

// find finds a named quantity of the report's patients, else of the whole cohort.
func (g *gate) find(name string) (int, bool) {
	for _, period := range []string{g.of(reports.Basis{}), reports.WholeCohort} {
		if k, ok := g.names[g.called(period, name)]; ok {
			return k, true
		}
	}
	return 0, false
}

// namedSum joins named quantities of the report's period. What the parts that are
// shown anywhere leave of their total is a count that stands nowhere, such as the
// patients without an arm, or of a site that is left out.
func (g *gate) namedSum(s reports.QuantitySum) {
	total, ok := g.find(s.Total)
	if !ok {
		return
	}
	var parts []int
	for _, name := range s.Parts {
		if k, ok := g.find(name); ok {
			parts = append(parts, k)
		}
	}
	if len(parts) == 0 {
		return
	}
	g.addParts(total, parts)
}

// addParts states that parts, and what they leave, add up to a total. Parts that
// are more than their total are a fault of the section that stated them: nothing
// can be found from them, and nothing is.
func (g *gate) addParts(total int, parts []int) {
	left := g.sys.q[total].value
	for _, k := range parts {
		left -= g.sys.q[k].value
	}
	if left < 0 {
		return
	}
	g.sys.addSum(total, append(parts, g.left(left)...))
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
			g.place = t.Label
			g.tile(t, section+"/tiles")
			g.detail(t, section+"/tiles")
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

// detail registers what stands beside a tile's value. What is of another period is
// the value of that period's own tile: its report showed it there.
func (g *gate) detail(t *reports.Tile, where string) {
	for i := range t.Detail {
		s := &t.Detail[i]
		s.Text = g.text(s.Text, where)
		g.place = t.Label
		if s.Cell.Basis.Period == "" {
			g.place += "|" + strconv.Itoa(i)
		}
		g.cell(&s.Cell, where)
	}
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
	heading := ""
	for i := range t.Rows {
		label := ""
		if len(t.Rows[i].Cells) > 0 {
			label = t.Rows[i].Cells[0].Text
		}
		if t.Rows[i].Heading {
			heading = label
		}
		at[i] = g.row(t.Rows[i].Cells, where, func(j int) {
			g.place = heading + "|" + label
			if j < len(t.Columns) {
				g.place += "|" + t.Columns[j].Label
			}
		})
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
func (g *gate) row(cells []reports.Cell, where string, name func(column int)) []int {
	at := make([]int, len(cells))
	for i := range cells {
		at[i] = -1
		if cells[i].Format.Kind == reports.CountOf {
			name(i)
			at[i] = g.cell(&cells[i], where)
		}
	}
	for i := range cells {
		if cells[i].Format.Kind == reports.CountOf {
			continue
		}
		first := len(g.carriers)
		name(i)
		at[i] = g.cell(&cells[i], where)
		if len(g.carriers) > first {
			g.tie(&g.carriers[first], at, cells)
		}
	}
	return at
}

// tie makes what a carrier tells one with equal counts of its row, each with
// another one: where all did, numerator and denominator are not one for that.
func (g *gate) tie(c *carrier, at []int, cells []reports.Cell) {
	used := map[int]bool{}
	for j, k := range c.tells {
		if j == 2 {
			return // the rest of a share stands in no column
		}
		for i := range cells {
			if at[i] < 0 || cells[i].Format.Kind != reports.CountOf || used[i] || g.sys.q[at[i]].value != g.sys.q[k].value {
				continue
			}
			used[i] = true
			if at[i] != k {
				c.tells = append(c.tells, at[i])
				g.sys.addSame(k, at[i])
			}
			break
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
	for _, a := range s.Parts {
		k := place(a)
		if k < 0 {
			return
		}
		parts = append(parts, k)
	}
	sum := 0
	for _, k := range parts {
		g.sys.q[k].disjoint = true
		sum += g.sys.q[k].value
	}
	if g.sys.q[total].disjoint = true; sum == g.sys.q[total].value {
		g.sys.addSum(total, parts) // as anyone sees from the table
		return
	}
	g.addParts(total, parts)
}

// String writes a finding for a log or a terminal.
func (f Finding) String() string { return fmt.Sprintf("%s: %s (%d)", f.Where, f.Code, f.Count) }
