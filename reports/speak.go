package reports

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
)

// Speak puts before each section of a report one or two sentences that say what its
// numbers show, and tells of the headlines how they stand against the same quarter a
// year before. It must come after disclosure.Apply: it reads what is shown and nothing
// else, so it tells nothing that is hidden.
//
// The rules cannot say more than the numbers do. A change is called one only where its
// interval, rounded as it is written, leaves no change out; else it is "no clear
// change", which is not "no change". Nothing is compared without an interval for the
// difference. Nothing is called clear of fewer than ten patients. Groups of unlike
// patients are not compared at all. Where under 70 % were seen again it is said.
func Speak(r Report) Report {
	r.Sections = slices.Clone(r.Sections)
	groups, in := groupsOf(r), In(r.Lang)
	for i := range r.Sections {
		s := &r.Sections[i]
		s.Blocks = slices.Clone(s.Blocks)
		speak := map[string]func(*Section, speaker) Words{
			"glance": sayGlance, "who": sayWho, "outcomes": sayOutcomes, "opioids": sayOpioids,
			"work": sayWork, "time": sayTime, "sites": sayTime, "costs": sayCosts, "data": sayData,
		}[s.ID]
		if speak == nil {
			continue
		}
		s.Found = speak(s, speaker{in: in, groups: groups, warnings: r.Warnings})
		if len(s.Found) == 0 {
			s.Found = Say("Nothing is summed up here: the cohort has no figures for it, or none that may be shown.")
		}
		for j, b := range s.Blocks {
			if t, ok := b.(Table); ok && strings.HasPrefix(t.ID, againstYearBefore) {
				s.Blocks[j] = sayYearBefore(t, in)
			}
		}
	}
	return in.Translate(r)
}

// speaker is what the sentences of all sections need.
type speaker struct {
	in       Language
	groups   []string // as in the tables; one "" where there are none
	warnings []Warning
}

// groupsOf reads the groups of a report from the heads of its table of patients.
func groupsOf(r Report) []string {
	for _, s := range r.Sections {
		if t, ok := tableIn(s, "table-one"); ok && len(t.Columns) > 1 {
			var out []string
			for _, c := range t.Columns[1:] {
				if c.Label == groupName("") {
					return []string{""}
				}
				out = append(out, c.Label)
			}
			return out
		}
	}
	return []string{""}
}

func tableIn(s Section, id string) (Table, bool) {
	for _, b := range s.Blocks {
		if t, ok := b.(Table); ok && t.ID == id {
			return t, true
		}
	}
	return Table{}, false
}

// shown tells whether a cell has a number that may be read.
func shown(c Cell) bool {
	return c.Hidden == Shown && c.Format.Kind != Blank && c.Format.Kind != Text && (c.Format.Kind == CountOf || !math.IsNaN(c.Value))
}

// spoken is a shown number for a sentence: the gate has judged it where it stands.
func spoken(c Cell) Cell { c.Basis = NoPatients(); return c }

// estimateOnly is a shown number without its interval.
func estimateOnly(c Cell) Cell {
	c = spoken(c)
	c.Low, c.High = math.NaN(), math.NaN()
	if c.Format.Kind == Interval {
		c.Format.Kind = NumberOf
	}
	return c
}

// asWritten rounds a bound as it is written, so that words and digits agree: an
// interval that is written as reaching 0 does.
func asWritten(v float64, f Format) float64 {
	round := func(v float64) float64 {
		out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', f.Decimals, 64), 64)
		if err != nil {
			return math.NaN()
		}
		return out
	}
	if f.Kind == Percent {
		return round(100*v) / 100
	}
	return round(v)
}

// way is which side of no change an interval lies on.
type way int

const (
	noInterval way = iota
	unclear
	up
	down
)

// wayOf reads an interval about zero.
func wayOf(c Cell) way {
	if !shown(c) || c.Format.Kind != Interval && c.Format.Kind != Percent {
		return noInterval
	}
	low, value, high := asWritten(c.Low, c.Format), asWritten(c.Value, c.Format), asWritten(c.High, c.Format)
	switch {
	case !(low <= value && value <= high):
		return noInterval
	case few(c):
		return unclear
	case low > 0:
		return up
	case high < 0:
		return down
	}
	return unclear
}

// fewest is how many patients a clear change needs: intervals lean on there being some.
const fewest = 10

// few tells whether fewer patients than that are behind a number.
func few(c Cell) bool {
	switch c.Basis.Kind {
	case OfPatients:
		return c.Basis.N < fewest
	case ShareOfPatients:
		return c.Basis.Denominator < fewest
	}
	return false
}

// difference is the difference of two estimates from different patients, with the
// interval that their own intervals give (MOVER):
//
//	d ± √((θ₁-l₁)² + (u₂-θ₂)²) below, √((u₁-θ₁)² + (θ₂-l₂)²) above
//
// For two shares with Wilson intervals it is Newcombe's hybrid score interval. Zou and
// Donner 2008, 10.1002/sim.3095. The numbers are taken as they are written, so that it
// tells no more than the two do; shares differ by percentage points. It is false where
// either has no interval, or few patients, or is known of few of those it is about.
func difference(now, then Cell) (Cell, bool) {
	if wayOf(now) == noInterval || wayOf(then) == noInterval || now.Format.Kind != then.Format.Kind || few(now) || few(then) || now.Partial || then.Partial {
		return Cell{}, false
	}
	f := now.Format
	v1, l1, u1 := asWritten(now.Value, f), asWritten(now.Low, f), asWritten(now.High, f)
	v2, l2, u2 := asWritten(then.Value, f), asWritten(then.Low, f), asWritten(then.High, f)
	d := v1 - v2
	c := Estimate(d, d-math.Hypot(v1-l1, u2-v2), d+math.Hypot(u1-v1, v2-l2), f.Decimals, 0).WithSign().WithoutPatients()
	c.Format.Prefix, c.Format.Suffix = f.Prefix, f.Suffix
	if f.Kind == Percent {
		c.Value, c.Low, c.High = 100*c.Value, 100*c.Low, 100*c.High
	}
	return c, true
}

// list joins names as a sentence does.
func (l Language) list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return l.Text("{0} and {1}", strings.Join(names[:len(names)-1], ", "), names[len(names)-1])
}

// sayGlance marks each tile by its difference from the same quarter last year, and
// counts them. More is better for a share, less for a cost.
func sayGlance(s *Section, sp speaker) Words {
	var better, worse, open []string
	for i, b := range s.Blocks {
		tiles, ok := b.(Tiles)
		if !ok {
			continue
		}
		tiles.Tiles = slices.Clone(tiles.Tiles)
		for j := range tiles.Tiles {
			t := &tiles.Tiles[j]
			then, ok := ofAnotherPeriod(t.Detail)
			if !ok {
				continue
			}
			if t.Value.Partial || then.Partial {
				t.Detail = t.Detail.And(" ").join(sp.in.Words("Known of under 70 %: not compared."))
			}
			d, ok := difference(t.Value, then)
			if !ok {
				continue
			}
			side := wayOf(d)
			if t.Value.Format.Kind != Percent && side != unclear {
				side = up + down - side
			}
			topic := sp.in.lower(sp.in.Text(t.Topic))
			switch side {
			case up:
				t.Status, t.StatusText = Better, "Better than a year before"
				better = append(better, topic)
			case down:
				t.Status, t.StatusText = Worse, "Worse than a year before"
				worse = append(worse, topic)
			default:
				t.Status, t.StatusText = Same, "No clear change from a year before"
				open = append(open, topic)
			}
			text := "Difference: {0}."
			if t.Value.Format.Kind == Percent {
				text = "Difference: {0} percentage points."
			}
			t.Detail = t.Detail.And(" ").join(sp.in.Words(text, d))
		}
		s.Blocks[i] = tiles
	}
	if len(better)+len(worse)+len(open) == 0 {
		return Say("Nothing is compared with a year before: there are no figures for it with an interval that may be shown.")
	}
	var parts []string
	for _, x := range []struct {
		names []string
		text  string
	}{{better, "clearly better: {0}"}, {worse, "clearly worse: {0}"}, {open, "without a clear change: {0}"}} {
		if len(x.names) > 0 {
			parts = append(parts, sp.in.Text(x.text, sp.in.list(x.names)))
		}
	}
	return Say(sp.in.Text("Against the same quarter last year, {0}. They were other patients, and nothing is adjusted.", strings.Join(parts, "; ")))
}

// ofAnotherPeriod returns the number of another period in running text, such as that of
// the same quarter last year.
func ofAnotherPeriod(w Words) (Cell, bool) {
	for _, s := range w {
		if s.Cell.Basis.Period != "" {
			return s.Cell, true
		}
	}
	return Cell{}, false
}

// enough is the share that must be seen for a visit to speak for all.
const enough = 0.7

// sayWho says how many began, and how many were seen at the last visit.
func sayWho(s *Section, sp speaker) Words {
	t, ok := tableIn(*s, "followed")
	if !ok {
		return nil
	}
	var w Words
	for _, r := range t.Rows {
		if r.Cells[0].Text == "Admitted" && shown(r.Cells[1]) && shown(r.Cells[2]) {
			w = sp.in.Words("Of {0} {1}, {2} were admitted.", spoken(r.Cells[2]), r.Cells[3].Text, spoken(r.Cells[1])).And(" ")
		}
	}
	last := t.Rows[len(t.Rows)-1]
	visit, ok := sp.in.argument(seenAt, last.Cells[0].Text)
	if !ok {
		return w
	}
	share, whom := last.Cells[4], last.Cells[3].Text
	switch {
	case shown(share) && share.Value == 0:
		return w.join(sp.in.Words("Nobody was seen at {0}, or not yet.", visit))
	case !shown(share):
		return w.join(sp.in.Words("How many were seen at {0} is not shown.", visit))
	case asWritten(share.Value, share.Format) < enough && whom == sp.in.Text("all"):
		return w.join(sp.in.Words("{0} of all patients were seen at {1}: under 70 %, so the results at that visit are those of the patients who came back.", estimateOnly(share), visit))
	case asWritten(share.Value, share.Format) < enough:
		return w.join(sp.in.Words("{0} of those {2} were seen at {1}: under 70 %, so the results at that visit are those of the patients who came back.", estimateOnly(share), visit, whom))
	case whom == sp.in.Text("all"):
		return w.join(sp.in.Words("{0} of all patients were seen at {1}.", estimateOnly(share), visit))
	}
	return w.join(sp.in.Words("{0} of those {2} were seen at {1}.", estimateOnly(share), visit, whom))
}

// sayOutcomes counts the measures that changed for the better, for each group by
// itself.
func sayOutcomes(s *Section, sp speaker) Words {
	var forest Forest
	found := false
	for _, b := range s.Blocks {
		if f, ok := b.(Figure); ok && f.ID == "effects" {
			forest, _ = f.Plot.(Forest)
			found = true
		}
	}
	if !found {
		return nil
	}
	var parts []string
	for _, g := range sp.groups {
		count, hidden := map[way]int{}, 0
		for _, r := range forest.Rows {
			if r.Heading || g != "" && !strings.HasSuffix(r.Label, ", "+g) {
				continue
			}
			if k := wayOf(r.Estimate); k == noInterval {
				hidden++
			} else {
				count[k]++
			}
		}
		all := count[up] + count[down] + count[unclear]
		if all == 0 {
			continue
		}
		text := sp.in.Count(all, "of {0} measure with an effect size, {1} improved clearly, {2} got clearly worse and {3} did not change clearly", "of {0} measures with an effect size, {1} improved clearly, {2} got clearly worse and {3} did not change clearly", count[up], count[down], count[unclear])
		if g != "" {
			text = g + ": " + text
		}
		if hidden > 0 {
			text += " (" + sp.in.Text("{0} not shown", hidden) + ")"
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return Say("What changed is not summed up: no measure has an effect size with an interval that may be shown.")
	}
	w := Say(upper(strings.Join(parts, "; ")) + ". " + sp.in.Text("These are changes of the patients who came back, from before to after: they are not by themselves an effect of the treatment."))
	for _, x := range sp.warnings {
		if x.Code == analysis.WarnLowFollowUp {
			w = w.And(" " + x.Text)
		}
	}
	return w
}

// verdict is what a change may be called.
func verdict(c Cell) string {
	k := wayOf(c)
	switch {
	case k == noInterval:
	case few(c):
		return "too few patients to call it clear"
	case c.Partial:
		return "known of under 70 %, too few to call it clear"
	}
	return map[way]string{up: "a clear rise", down: "a clear fall", unclear: "no clear change", noInterval: "no interval, so no change is claimed"}[k]
}

// ofGroup is a sentence about a group, which is named before it.
func ofGroup(w Words, group string, sentence Words) Words {
	if len(w) > 0 {
		w = w.And(" ")
	}
	if group != "" {
		w = w.And(upper(group) + ": ")
	}
	return w.join(sentence)
}

// sayOpioids says for each group how the mean dose changed by its last window.
func sayOpioids(s *Section, sp speaker) Words {
	var w Words
	for _, g := range sp.groups {
		t, ok := tableIn(*s, "dose-"+slug(groupName(g)))
		if !ok || len(t.Rows) == 0 {
			continue
		}
		r := t.Rows[len(t.Rows)-1]
		if !shown(r.Cells[4]) || !shown(r.Cells[1]) {
			w = ofGroup(w, g, sp.in.Words("The change in dose is not shown."))
			continue
		}
		w = ofGroup(w, g, sp.in.Words("The mean daily dose changed by {0} MME by {1}, among {2} patients on opioids at entry whose dose is known: {3}.",
			spoken(r.Cells[4]), sp.in.lower(r.Cells[0].Text), spoken(r.Cells[1]), sp.in.Text(verdict(r.Cells[4]))))
	}
	return w
}

// sayWork repeats the cohort's own shares at work, which are not compared: their
// patients differ.
func sayWork(s *Section, sp speaker) Words {
	t, ok := tableIn(*s, "surgery")
	if !ok {
		return nil
	}
	var w Words
	ours := 0
	for _, r := range t.Rows {
		if !r.Total || len(r.Cells) < 5 {
			continue
		}
		if ours++; ours > 1 {
			w = w.And(" ")
		}
		when, who, definition := r.Cells[2].Text, r.Cells[1].Text, r.Cells[3].Text
		if !shown(r.Cells[4]) {
			w = w.join(sp.in.Words("The share at work at {0} is not shown ({1}).", when, who))
			continue
		}
		w = w.join(sp.in.Words("At {0}, {1} had returned or were at work ({2}, {3}).", when, spoken(r.Cells[4]), who, definition))
	}
	if ours > 1 {
		return w.And(" " + sp.in.Text("The groups are not compared here: their patients may differ."))
	}
	return w
}

// sayTime says whether the rules of the chart signal in the last quarter, and which
// sites lie outside the wide limits.
func sayTime(s *Section, sp speaker) Words {
	var w Words
	for _, b := range s.Blocks {
		f, ok := b.(Figure)
		if !ok {
			continue
		}
		text := ""
		switch p := f.Plot.(type) {
		case Control:
			switch f.ID {
			case importantByQuarter:
				text = sayChart(p, sp.in)
			case changeByQuarter:
				text = sayChange(p, sp.in)
			}
		case Funnel:
			text = sayFunnel(p, sp.in)
		case Forest:
			if f.ID == sitesAdjusted {
				text = sayAdjusted(p, sp.in)
			}
		}
		if text != "" && len(w) > 0 {
			text = " " + text
		}
		if text != "" {
			w = w.And(text)
		}
	}
	return w
}

func sayChart(p Control, in Language) string {
	n := len(p.Points)
	if n == 0 {
		return ""
	}
	last := p.Points[n-1]
	quarter := in.Quarter(last.Label)
	if math.IsNaN(last.Y) {
		return in.Text("The share improved in {0} is not shown.", quarter)
	}
	if !slices.ContainsFunc(p.Points, func(q ControlPoint) bool { return !math.IsNaN(q.Upper) }) {
		return in.Text("The chart of important improvements has no limits, so nothing is said of {0}.", quarter)
	}
	what := signalled(last, in)
	return in.Count(n, "The control chart of important improvements gives {1} in {2}, the last of {0} quarter.", "The control chart of important improvements gives {1} in {2}, the last of {0} quarters.", what, quarter)
}

// signalled says what the rules make of a point.
func signalled(q ControlPoint, in Language) string {
	what := map[Signal]string{CommonCause: "no signal", Improvement: "a signal for the better", Concern: "a signal of concern"}[q.Signal]
	if what == "" {
		what = "a signal"
	}
	what = in.Text(what)
	if q.Rule != "" && q.Signal != CommonCause {
		what += " (" + q.Rule + ")"
	}
	return what
}

// sayChange adds the signal of the chart of mean changes, where it gives one: the chart
// of shares is the coarser of the two.
func sayChange(p Control, in Language) string {
	if len(p.Points) == 0 {
		return ""
	}
	last := p.Points[len(p.Points)-1]
	if math.IsNaN(last.Y) || last.Signal == CommonCause {
		return ""
	}
	return in.Text("The chart of the mean change gives {0} in {1}.", signalled(last, in), in.Quarter(last.Label))
}

func sayFunnel(p Funnel, in Language) string {
	var outside []string
	known := 0
	for _, q := range p.Points {
		if math.IsNaN(q.Y) || math.IsNaN(q.N) || q.N < fewest {
			continue
		}
		low, high, ok := wideLimits(p.Limits, q.N)
		if !ok {
			continue
		}
		known++
		// Limits between two counts pass by a site where all or none improved; that
		// site's own chance says whether it is outside.
		if q.Y >= 1 && math.Pow(p.Center, q.N) >= 0.001 || q.Y <= 0 && math.Pow(1-p.Center, q.N) >= 0.001 {
			continue
		}
		if q.Y < low || q.Y > high {
			outside = append(outside, q.Label)
		}
	}
	switch {
	case known < 2:
		return in.Text("The sites are not compared: too few of them have figures that may be shown.")
	case len(outside) == 0:
		return in.Text("Of {0} sites shown none lies outside the 99.8 % limits.", known)
	}
	return in.Text("Of {0} sites shown these lie outside the 99.8 % limits: {1}. That is a reason to look, not a verdict.", known, in.list(outside))
}

// sayAdjusted says which sites differ from the average in patients alike.
func sayAdjusted(p Forest, in Language) string {
	var higher, lower []string
	known := 0
	for _, r := range p.Rows {
		about := r.Estimate // about no difference, which is a ratio of 1
		about.Value, about.Low, about.High = about.Value-1, about.Low-1, about.High-1
		switch wayOf(about) {
		case noInterval:
			continue
		case up:
			higher = append(higher, r.Label)
		case down:
			lower = append(lower, r.Label)
		}
		known++
	}
	var parts []string
	if len(higher) > 0 {
		parts = append(parts, in.Text("clearly better than the average site: {0}", in.list(higher)))
	}
	if len(lower) > 0 {
		parts = append(parts, in.Text("clearly worse than the average site: {0}", in.list(lower)))
	}
	switch {
	case known < 2:
		return ""
	case len(parts) == 0:
		return in.Text("Adjusted for case mix, none of {0} sites differs clearly from the average site.", known)
	}
	return in.Text("Adjusted for case mix, of {0} sites, {1}. What is not recorded is not adjusted for.", known, strings.Join(parts, "; "))
}

// wideLimits returns the 99.8 % limits at a size, between those that are drawn.
func wideLimits(limits []FunnelLimit, n float64) (low, high float64, ok bool) {
	for i := range limits {
		b := limits[i]
		if b.N < n {
			continue
		}
		if i == 0 || b.N == n {
			return b.Lower998, b.Upper998, b.N == n
		}
		a := limits[i-1]
		at := (n - a.N) / (b.N - a.N)
		return a.Lower998 + at*(b.Lower998-a.Lower998), a.Upper998 + at*(b.Upper998-a.Upper998), true
	}
	return 0, 0, false
}

// sayCosts says how the cost of other care changed, for each group by itself.
func sayCosts(s *Section, sp speaker) Words {
	var w Words
	for _, g := range sp.groups {
		t, ok := tableIn(*s, "costs-"+slug(groupName(g)))
		if !ok || len(t.Columns) < 6 {
			continue // no time before and after
		}
		for _, r := range t.Rows {
			if r.Cells[0].Text != careRow {
				continue
			}
			if !shown(r.Cells[4]) {
				w = ofGroup(w, g, sp.in.Words("The change in the cost of other care is not shown."))
				continue
			}
			w = ofGroup(w, g, sp.in.Words("The mean cost of other care than the program's changed by {0} a patient, after admission against before: {1}.", spoken(r.Cells[4]), sp.in.Text(verdict(r.Cells[4]))))
		}
	}
	return w
}

// sayData says how complete the measures are at the last visit.
func sayData(s *Section, sp speaker) Words {
	t, ok := tableIn(*s, "completeness")
	if !ok {
		return nil
	}
	column := len(t.Columns) - 1
	var least, most Cell
	low, high, hidden, none := math.Inf(1), math.Inf(-1), 0, 0
	for _, r := range t.Rows {
		c := r.Cells[column]
		if !shown(c) || math.IsNaN(c.Value) {
			hidden++
			continue
		}
		if c.Count == 0 {
			none++
			continue
		}
		c = spoken(c)
		c.Format.Kind, c.Low, c.High = Percent, math.NaN(), math.NaN()
		if c.Value < low {
			low, least = c.Value, c
		}
		if c.Value > high {
			high, most = c.Value, c
		}
	}
	visit := sp.in.lower(t.Columns[column].Label)
	if math.IsInf(low, 1) {
		return sp.in.Words("How complete the measures are at {0} is not shown.", visit)
	}
	shares := Words{{Cell: least}}
	if low != high {
		shares = sp.in.Words("{0} to {1}", least, most)
	}
	text := "At {0} the measures are known for {1} of the patients."
	if hidden > 0 {
		text = "At {0} the measures are known for {1} of the patients where that is shown."
	}
	w := sp.in.Words(text, visit, shares)
	if none > 0 {
		w = w.And(" " + sp.in.Count(none, "{0} measure has no value there at all.", "{0} measures have no value there at all."))
	}
	if low < enough {
		w = w.And(" " + sp.in.Text("Under 70 % are known: what is said of that visit is of those who came back."))
	}
	return w
}
