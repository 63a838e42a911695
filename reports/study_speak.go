package reports

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// SpeakStudy puts into a study report the sentences that its shown numbers allow: one
// for each primary estimate, and one for each set of sensitivity analyses. Like Speak it
// must come after the disclosure gate, and reads what is shown and nothing else.
//
// A difference is called clear only where its interval, as it is written, leaves out no
// effect, where no p value as written contradicts that, adjusted where the plan adjusts,
// and where ten patients or more stand behind each arm. Else it is "no clear
// difference", which is not "no difference".
func SpeakStudy(r Report) Report {
	r.Sections = slices.Clone(r.Sections)
	in := In(r.Lang)
	level := levelOf(r, in)
	for i := range r.Sections {
		s := &r.Sections[i]
		switch s.ID {
		case summaryID:
			s.Blocks = slices.Concat(saySummary(*s, level, in), withoutSpoken(s.Blocks))
		case "sensitivity":
			s.Blocks = saySensitivity(s.Blocks, level, in)
		}
	}
	return in.Translate(r)
}

// levelOf reads the level of confidence from the head of a table of estimates.
func levelOf(r Report, in Language) float64 {
	for _, s := range r.Sections {
		for _, b := range s.Blocks {
			t, _ := b.(Table)
			for _, c := range t.Columns {
				if text, ok := in.argument(valueHead, c.Label); ok {
					if level, err := strconv.ParseFloat(strings.ReplaceAll(text, in.written().Decimal, "."), 64); err == nil {
						return level / 100
					}
				}
			}
		}
	}
	return math.NaN()
}

// claim is what an estimate's sentence rests on.
type claim struct{ n, reference, value, p, adjusted, null Cell }

// primaryClaim and besideClaim read the rows of the two tables that are spoken of.
func primaryClaim(r Row) claim {
	return claim{r.Cells[3], r.Cells[4], r.Cells[columnValue], r.Cells[5], r.Cells[6], r.Cells[7]}
}

func besideClaim(r Row) claim {
	return claim{r.Cells[5], r.Cells[6], r.Cells[columnValue], r.Cells[7], r.Cells[8], r.Cells[9]}
}

// columnWarnings is the last column of the table of primary estimates, until it is said.
const columnWarnings = 9

func saySummary(s Section, level float64, in Language) []Block {
	t, ok := tableIn(s, "primary")
	if !ok {
		return nil
	}
	var out []Block
	for _, row := range t.Rows {
		if len(row.Cells) <= columnWarnings {
			return nil // said already
		}
		out = append(out, Paragraph{Text: sayEstimate(row, level, in)})
	}
	return out
}

// withoutSpoken are the blocks of the summary without the column of warnings, which the
// sentences name.
func withoutSpoken(blocks []Block) []Block {
	out := slices.Clone(blocks)
	for i, b := range out {
		if t, ok := b.(Table); ok && t.ID == "primary" {
			n := min(len(t.Columns), columnWarnings)
			t.Columns, t.Rows = t.Columns[:n:n], slices.Clone(t.Rows)
			for k := range t.Rows {
				t.Rows[k].Cells = t.Rows[k].Cells[:n:n]
			}
			out[i] = t
		}
	}
	return out
}

// reading is what may be said of an estimate.
type reading int

const (
	readNothing   reading = iota // hidden, or no number
	readPlain                    // a number that nothing is compared with
	readNoClaim                  // no interval
	readFew                      // too few patients
	readUnclear                  // the interval holds no effect
	readDisagrees                // the interval leaves it out, and the test does not agree
	readNumber                   // clear by itself, not with the number of tests
	readAbove
	readBelow
)

// read applies the rules to an estimate.
func (e claim) read(level float64) reading {
	c := e.value
	switch {
	case !shown(c):
		return readNothing
	case !shown(e.null):
		return readPlain
	}
	low, value, high := asWritten(c.Low, c.Format), asWritten(c.Value, c.Format), asWritten(c.High, c.Format)
	no := e.null.Value
	if !(low <= value && value <= high) {
		return readNoClaim
	}
	for _, n := range []Cell{e.n, e.reference, c} {
		if n.Hidden == Shown && (n.Format.Kind == CountOf && n.Count < fewest || few(n)) {
			return readFew
		}
	}
	if !(low > no) && !(high < no) {
		return readUnclear
	}
	passes := func(p Cell) bool {
		return p.Format.Kind == Blank || shown(p) && p.Value <= 1-level+1e-12
	}
	hidden := func(p Cell) bool { return p.Hidden != Shown }
	switch {
	case hidden(e.p) || hidden(e.adjusted): // what the test says may not be told
		return readPlain
	case !passes(e.p):
		return readDisagrees
	case !passes(e.adjusted):
		return readNumber
	case low > no:
		return readAbove
	}
	return readBelow
}

// sayEstimate is the sentence of a primary estimate.
func sayEstimate(row Row, level float64, in Language) Words {
	e := primaryClaim(row)
	c, name := e.value, row.Cells[0].Text
	kind := e.read(level)
	if kind == readNothing {
		switch {
		case c.Hidden != Shown:
			return warned(in.Words("{0}: not shown, to protect patients.", name), row, in)
		case c.Why != "":
			return in.Words("{0}: not available. {1}", name, Words{{Text: c.Why, Lang: c.Lang}})
		}
		return in.Words("{0}: not available.", name)
	}
	value := Words{}.With(spoken(c))
	if unit := row.Cells[2].Text; unit != "" && unit != "%" && unit != in.Text("ratio") {
		value = in.Words("{0} {1}", spoken(c), unit)
	}
	w := in.Words("{0}: {1}", name, value).join(e.finding(kind, row.Cells[8].Text, in))
	return warned(w, row, in)
}

// warned is a sentence with the warnings of its estimate.
func warned(w Words, row Row, in Language) Words {
	if codes := row.Cells[columnWarnings].Text; codes != "" {
		return w.join(in.Words(" Read with its warnings: {0}.", codes))
	}
	return w
}

// unclearTexts say why nothing clear is said of a difference, and of a change.
var unclearTexts = map[reading][2]string{
	readNoClaim:   {"; no interval, so no difference is claimed.", "; no interval, so no change is claimed."},
	readFew:       {"; too few patients to call a difference clear.", "; too few patients to call a change clear."},
	readUnclear:   {": no clear difference.", ": no clear change."},
	readDisagrees: {": no clear difference; the interval leaves out the null value, and the test does not agree.", ": no clear change; the interval leaves out the null value, and the test does not agree."},
	readNumber:    {": no clear difference once the number of tests is allowed for.", ": no clear change once the number of tests is allowed for."},
}

// finding is what follows the number in an estimate's sentence; better says which side
// of the null value is better, "" where that is not known.
func (e claim) finding(kind reading, better string, in Language) Words {
	compares := e.reference.Format.Kind != Blank
	if texts, ok := unclearTexts[kind]; ok {
		if compares {
			return in.Words(texts[0])
		}
		return in.Words(texts[1])
	}
	text, good := ": clearly above the null value ({0})", betterAbove
	if kind == readBelow {
		text, good = ": clearly below the null value ({0})", betterBelow
	}
	switch {
	case kind == readPlain:
		return in.Words(".")
	case !compares:
		return in.Words(text, spoken(e.null)).join(in.Words("; a change from before to after is not by itself an effect of treatment."))
	case better == "":
		return in.Words(text, spoken(e.null)).And(".")
	case better == good:
		return in.Words(text, spoken(e.null)).join(in.Words(", which is better in this measure."))
	}
	return in.Words(text, spoken(e.null)).join(in.Words(", which is worse in this measure."))
}

// saySensitivity puts a sentence before each table that sets sensitivity analyses beside
// the main estimate.
func saySensitivity(blocks []Block, level float64, in Language) []Block {
	var out []Block
	for _, b := range blocks {
		if t, ok := b.(Table); ok && strings.HasPrefix(t.ID, sensitivityID) && len(t.Rows) > 1 {
			out = append(out, Paragraph{Text: Say(sayBeside(t, level, in))})
		}
		out = append(out, b)
	}
	return out
}

// sayBeside counts how the others read against the main estimate. What is not on its
// scale, or hidden, is counted apart.
func sayBeside(t Table, level float64, in Language) string {
	first := besideClaim(t.Rows[0]).read(level)
	count := map[string]int{}
	for _, r := range t.Rows[1:] {
		kind := besideClaim(r).read(level)
		switch kind {
		case readNothing, readPlain, readNoClaim, readFew:
			count["none"]++
		case readAbove, readBelow:
			switch first {
			case kind:
				count["same"]++
			case readAbove, readBelow:
				count["other"]++
			default:
				count["clear"]++
			}
		default:
			count["unclear"]++
		}
	}
	if first == readNothing || first == readPlain || first == readNoClaim || first == readFew {
		return in.Text("{0}. The main estimate allows no claim, so nothing is held against it.", t.Caption)
	}
	var parts []string
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, in.Text(text, n))
		}
	}
	clear := first == readAbove || first == readBelow
	if clear {
		add(count["same"], "{0} clear on the same side")
		add(count["other"], "{0} clear on the OTHER side")
		add(count["unclear"], "{0} without a clear difference")
	} else {
		add(count["clear"], "{0} with one")
		add(count["unclear"], "{0} without one")
	}
	add(count["none"], "{0} that allow no claim")
	n, beside := len(t.Rows)-1, strings.Join(parts, ", ")
	if clear {
		return in.Count(n, "{1}. The main estimate is clear. Of {0} estimate beside it: {2}.", "{1}. The main estimate is clear. Of {0} estimates beside it: {2}.", t.Caption, beside)
	}
	return in.Count(n, "{1}. The main estimate shows no clear difference. Of {0} estimate beside it: {2}.", "{1}. The main estimate shows no clear difference. Of {0} estimates beside it: {2}.", t.Caption, beside)
}
