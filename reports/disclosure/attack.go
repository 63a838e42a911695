package disclosure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"sort"
	"strings"

	"recoup/reports"
)

// The codes of what an attacker can derive from published tables.
const (
	CodeRecovered = "CELL_RECOVERED"              // a hidden count is found exactly and is small
	CodeNarrowed  = "CELL_KNOWN_SMALL"            // a hidden count is found to be under the threshold
	CodeFound     = "CELL_RECOVERED_ABOVE"        // a hidden count is found exactly, above the threshold: a key to others
	CodePercent   = "PERCENT_DERIVES_SMALL_COUNT" // a percentage and its base give a small count
	CodeRate      = "RATE_DERIVES_SMALL_COUNT"    // a rate and its population do

	CodeContradiction = "CONTRADICTION" // the cells of a table cannot all be right
	CodeUnsolved      = "NOT_WORKED_OUT"
)

// Derived is something that follows from what a report shows.
type Derived struct {
	Code      string  `json:"code"`
	Where     string  `json:"where"`
	Low       float64 `json:"low"`  // the least value that it can have
	High      float64 `json:"high"` // the greatest; equal where it is found exactly
	How       string  `json:"how"`
	Dangerous bool    `json:"dangerous"` // tells of fewer people than the threshold
}

// Attack derives what it can from published tables: hidden counts from totals
// and percentages, and small counts from statistics that rest on them. A count
// under k is small.
//
// Margins are columns and rows called total, all, sum or overall, used where
// what is shown does not contradict them. With marked true, a mark says that a
// count is under k and not none, as most rules have it where zeros are printed.
func Attack(ctx context.Context, sheets []Sheet, k int, marked bool) ([]Derived, error) {
	var out []Derived
	for _, s := range sheets {
		found, err := newTrial(s, k, marked).attack(ctx)
		if err != nil {
			return nil, err
		}
		out = append(append(out, found...), s.statistics(k)...)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Dangerous && !out[j].Dangerous })
	return out, nil
}

// trial is an attack on one table.
type trial struct {
	sheet  Sheet
	k      int
	marked bool
	known  known
	at     [][]int // the unknown of a hidden cell, -1 for others
	counts []int   // columns of counts
	totalR []int   // rows of totals
	notes  map[int]string
}

func newTrial(s Sheet, k int, marked bool) *trial {
	t := &trial{sheet: s, k: k, marked: marked, notes: map[int]string{}}
	for i := range s.rows {
		if len(s.rows[i]) > 0 && total(s.rows[i][0].text) {
			t.totalR = append(t.totalR, i)
		}
	}
	for j := 1; j < len(s.head); j++ {
		if s.countColumn(j) {
			t.counts = append(t.counts, j)
		}
	}
	return t
}

// countColumn tells whether a column holds counts, shown or hidden.
func (s Sheet) countColumn(j int) bool {
	any := false
	for _, r := range s.rows {
		switch e := r[j]; {
		case e.kind == entryHidden || e.whole():
			any = true
		case e.kind != entryEmpty && e.kind != entryText:
			return false
		}
	}
	return any && !percentHead(s.head[j]) && role(s.head[j]) != "statistic"
}

func percentHead(h string) bool {
	h = strings.ToLower(h)
	return strings.Contains(h, "%") || strings.Contains(h, "percent") || strings.Contains(h, "share") || strings.HasPrefix(h, "pct")
}

var statisticHead = regexp.MustCompile(`(?i)\b(mean|sd|median|min|max|minimum|maximum|rate|cost|p\d\d|percentile|age|score|estimate|coef|or|rr|hr|weight|r|r2|seed|lower|upper|se)\b`)

// role tells whether a heading is that of a statistic rather than of counts.
func role(h string) string {
	if statisticHead.MatchString(strings.ReplaceAll(h, "_", " ")) {
		return "statistic"
	}
	return ""
}

func (t *trial) attack(ctx context.Context) ([]Derived, error) {
	s := t.sheet
	t.at = make([][]int, len(s.rows))
	for i, row := range s.rows {
		t.at[i] = make([]int, len(row))
		for j := range row {
			t.at[i][j] = -1
		}
	}
	for _, j := range t.counts {
		for i, row := range s.rows {
			switch low := row[j].low; {
			case row[j].kind == entryHidden && t.marked:
				t.at[i][j] = t.known.unknown(math.Max(low, 1), row[j].high)
			case row[j].kind == entryHidden, row[j].kind == entryEmpty && !s.heading(i):
				t.at[i][j] = t.known.unknown(low, row[j].high)
			}
		}
	}
	t.margins()
	t.percentages()
	return t.answers(ctx)
}

// margins states the equations that totals give.
func (t *trial) margins() {
	isTotal := map[int]bool{}
	for _, i := range t.totalR {
		isTotal[i] = true
	}
	totalC := -1
	var parts []int
	for _, j := range t.counts {
		if total(t.sheet.head[j]) {
			totalC = j
		} else {
			parts = append(parts, j)
		}
	}
	if totalC >= 0 {
		for i := range t.sheet.rows {
			var cells [][2]int
			for _, j := range parts {
				cells = append(cells, [2]int{i, j})
			}
			t.sum([2]int{i, totalC}, cells)
		}
	}
	for _, j := range t.counts {
		var cells [][2]int
		for i := range t.sheet.rows {
			if !isTotal[i] {
				cells = append(cells, [2]int{i, j})
				continue
			}
			t.sum([2]int{i, j}, cells)
		}
	}
}

// sum states that cells add up to a total, unless what is shown speaks against it.
func (t *trial) sum(whole [2]int, parts [][2]int) {
	e := balance{}
	hidden := 0
	add := func(at [2]int, coef int64) bool {
		c := t.sheet.rows[at[0]][at[1]]
		switch {
		case t.at[at[0]][at[1]] >= 0:
			e.of, e.coef = append(e.of, t.at[at[0]][at[1]]), append(e.coef, coef)
			hidden++
		case c.whole():
			e.rhs -= coef * int64(c.value)
		case c.kind != entryEmpty:
			return false
		}
		return true
	}
	unprinted := t.sheet.rows[whole[0]][whole[1]].kind == entryEmpty && t.at[whole[0]][whole[1]] < 0
	if len(parts) == 0 || unprinted || !add(whole, -1) {
		return
	}
	for _, p := range parts {
		if !add(p, 1) {
			return
		}
	}
	if hidden == 0 || t.at[whole[0]][whole[1]] < 0 && e.rhs < 0 {
		return // nothing to find, or the parts shown are more than the total
	}
	t.known.eqs = append(t.known.eqs, e)
	for _, i := range e.of {
		t.notes[i] = "totals less the cells shown"
	}
}

// heading tells whether a row has nothing but a label: it is a heading, where an
// empty cell elsewhere is one that is not shown.
func (s Sheet) heading(i int) bool {
	for _, e := range s.rows[i][1:] {
		if e.kind != entryEmpty {
			return false
		}
	}
	return true
}

// percentages states what percentages say of hidden counts. The base of a
// percentage is the total of its column or of its row: the one that agrees with
// every count that is shown beside its percentage.
func (t *trial) percentages() {
	for _, j := range t.counts {
		p := t.percentOf(j)
		if p == nil {
			continue
		}
		for _, base := range [](func(i int) (int, int)){t.columnTotal(j), t.rowTotal()} {
			if base == nil || !t.agrees(j, p, base) {
				continue
			}
			for i := range t.sheet.rows {
				t.band(i, j, p, base)
			}
			break
		}
	}
}

// percentOf returns how to read the percentages of a column of counts: from the
// cells themselves, or from a column of percentages to the right of it.
func (t *trial) percentOf(j int) func(i int) (value, half float64, ok bool) {
	s := t.sheet
	for i := range s.rows {
		if !math.IsNaN(s.rows[i][j].share) {
			return func(i int) (float64, float64, bool) {
				e := s.rows[i][j]
				return e.share, e.shareH, !math.IsNaN(e.share)
			}
		}
	}
	if j+1 >= len(s.head) || !percentHead(s.head[j+1]) {
		return nil
	}
	return func(i int) (float64, float64, bool) {
		e := s.rows[i][j+1]
		return e.value, e.half, (e.kind == entryPercent || e.kind == entryNumber) && e.half > 0
	}
}

func (t *trial) columnTotal(j int) func(int) (int, int) {
	if len(t.totalR) == 0 {
		return nil
	}
	last := t.totalR[len(t.totalR)-1]
	return func(int) (int, int) { return last, j }
}

func (t *trial) rowTotal() func(int) (int, int) {
	for c, h := range t.sheet.head {
		if c > 0 && (total(h) || baseHead(h)) {
			return func(i int) (int, int) { return i, c }
		}
	}
	return nil
}

func baseHead(h string) bool {
	switch strings.ToLower(strings.TrimSpace(h)) {
	case "of", "n", "denominator", "base", "patients", "population", "denominator_round5":
		return true
	}
	return false
}

// agrees tells whether the percentages of a column are of a base, as far as both
// are shown.
func (t *trial) agrees(j int, p func(int) (float64, float64, bool), base func(int) (int, int)) bool {
	seen := 0
	for i, row := range t.sheet.rows {
		r, c := base(i)
		b := t.sheet.rows[r][c]
		value, half, ok := p(i)
		if !ok || !row[j].whole() || !b.whole() || b.value == 0 || c == j && r == i {
			continue
		}
		if math.Abs(100*row[j].value/b.value-value) > half+1e-9 {
			return false
		}
		seen++
	}
	return seen > 0
}

func (t *trial) band(i, j int, p func(int) (float64, float64, bool), base func(int) (int, int)) {
	r, c := base(i)
	value, half, ok := p(i)
	me, of := t.at[i][j], t.at[r][c]
	if !ok || me < 0 && of < 0 || r == i && c == j {
		return
	}
	low, high := math.Max(0, value-half)/100, (value+half)/100
	count, whole := t.sheet.rows[i][j], t.sheet.rows[r][c]
	switch {
	case me >= 0 && of < 0 && whole.whole():
		t.known.bands = append(t.known.bands, band{of: []int{me}, coef: []float64{1}, low: low * whole.value, high: high * whole.value})
	case me < 0 && of >= 0 && count.whole() && low > 0:
		t.known.bands = append(t.known.bands, band{of: []int{of}, coef: []float64{1}, low: count.value / high, high: count.value / low})
	case me >= 0 && of >= 0:
		inf := 1e9
		t.known.bands = append(t.known.bands,
			band{of: []int{me, of}, coef: []float64{1, -low}, low: 0, high: inf},
			band{of: []int{me, of}, coef: []float64{1, -high}, low: -inf, high: 0})
	default:
		return
	}
	for _, x := range []int{me, of} {
		if x >= 0 {
			t.notes[x] = "a percentage with its base, and totals"
		}
	}
}

// answers asks for each hidden cell what it can be.
func (t *trial) answers(ctx context.Context) ([]Derived, error) {
	var out []Derived
	said := map[string]bool{}
	parts, of, at := t.known.apart()
	for i, row := range t.at {
		for j, x := range row {
			if x < 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			d, err := t.answer(parts[of[x]], at[x], i, j)
			if err != nil {
				d = t.unanswered(err)
			}
			if d.Code == "" || err != nil && said[d.Code] {
				continue
			}
			said[d.Code] = true
			if d.How == "" {
				d.How = t.notes[x]
			}
			if d.How == "" {
				d.How = "its mark"
			}
			out = append(out, d)
		}
	}
	return out, nil
}

// answer is what one hidden cell can be, no code for nothing that its mark does not
// say.
func (t *trial) answer(p *known, x, i, j int) (Derived, error) {
	e := t.sheet.rows[i][j]
	if e.kind == entryEmpty && (total(t.sheet.head[j]) || total(t.sheet.rows[i][0].text)) {
		return Derived{}, nil // a total that nobody printed is no secret
	}
	if p.openTo(x, float64(t.k)) {
		return Derived{}, nil
	}
	low, high, err := p.bounds(x)
	d := Derived{Where: t.sheet.where(i, j), Low: low, High: high}
	small := high < float64(t.k) && high > 0
	switch {
	case err != nil:
	case low == high && small:
		d.Code, d.Dangerous = CodeRecovered, true
	case small && (low > math.Max(e.low, 1) || high < math.Min(e.high, float64(t.k-1))):
		d.Code = CodeNarrowed
	case low == high:
		d.Code = CodeFound
	}
	return d, err
}

// unanswered says why nothing is said of some cells of a table.
func (t *trial) unanswered(err error) Derived {
	if errors.Is(err, errInfeasible) {
		return Derived{Code: CodeContradiction, Where: t.sheet.Name, How: "what is shown contradicts itself: a total is of other cells than it seems, or is rounded"}
	}
	return Derived{Code: CodeUnsolved, Where: t.sheet.Name, How: err.Error()}
}

// String says in plain words what was derived, without its place and code.
func (d Derived) String() string {
	value := fmt.Sprintf("%g", d.High)
	if d.Low != d.High {
		value = fmt.Sprintf("%g to %g", d.Low, d.High)
	}
	switch {
	case d.Code == CodeRecovered || d.Code == CodeFound || d.Code == CodeNarrowed:
		return fmt.Sprintf("hidden, but it is %s, from %s", value, d.How)
	case d.Code == CodeSmallCount:
		return value + ", and it is shown"
	case d.Code == CodeRelease && d.High > 0:
		return value + ": " + d.How
	case d.High == 0 || d.High == 1:
		return d.How
	}
	return fmt.Sprintf("about %s people: %s", value, d.How)
}

// Finished attacks a protected report as its reader would: each table as it
// stands, with its totals and percentages, knowing that a mark hides a count of at
// least one. It shares no equation with what hid them. Rounded counts do not add
// up, and are not attacked.
func Finished(ctx context.Context, r reports.Report, p Policy) ([]Derived, error) {
	if !p.hides() || p.Base > 1 {
		return nil, nil
	}
	var out []Derived
	tables := append([]reports.Table{}, r.Provenance.Tables...)
	for _, s := range r.Sections {
		for _, b := range s.Blocks {
			if t, ok := b.(reports.Table); ok {
				t.ID = s.ID + "/" + t.ID
				tables = append(tables, t)
			}
		}
	}
	for _, t := range tables {
		found, err := newTrial(sheetOfTable(t), p.Max+1, !p.Zeros).attack(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			if d.Dangerous {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

// sheetOfTable is a table of a report as a reader has it.
func sheetOfTable(t reports.Table) Sheet {
	head := make([]string, len(t.Columns))
	for j, c := range t.Columns {
		head[j] = c.Label
	}
	lines := [][]string{head}
	for _, row := range t.Rows {
		line := make([]string, len(row.Cells))
		for j, c := range row.Cells {
			switch k := c.Format.Kind; {
			case c.Hidden != reports.Shown && k != reports.CountOf && k != reports.CountPercent:
				line[j] = "not a count"
			case c.Hidden != reports.Shown:
				line[j] = "*"
			case k == reports.CountOf:
				line[j] = fmt.Sprint(c.Count)
			case k == reports.CountPercent && !math.IsNaN(c.Value):
				line[j] = fmt.Sprintf("%d (%.*f%%)", c.Count, c.Format.Decimals, 100*c.Value)
			case k == reports.Text:
				line[j] = c.Text
			default:
				line[j] = "not a count"
			}
		}
		lines = append(lines, line)
	}
	return newSheet(t.ID, lines)
}

// AsRelease is a published table as a release, to hold another against it.
func (s Sheet) AsRelease() Release {
	out := Release{Report: s.Name}
	for i, row := range s.rows {
		n := 0
		for j, e := range row {
			if j == 0 || e.kind != entryNumber {
				continue
			}
			key := s.where(i, j)[len(s.Name)+2:]
			switch head := strings.ToLower(s.head[j]); {
			case s.countColumn(j) && e.whole():
				kind := itemCount
				if total(row[0].text) || total(head) {
					kind = itemTotal
				}
				n = max(n, int(e.value))
				out.Shown = append(out.Shown, Item{Key: key, Kind: kind, Value: e.value})
			case strings.Contains(head, "mean") || strings.Contains(head, "average"):
				out.Shown = append(out.Shown, Item{Key: key, Kind: itemMean, Value: e.value, Half: e.half, N: n})
			}
		}
	}
	return out
}
