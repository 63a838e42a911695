package reports

import (
	"fmt"
	"math"
	"slices"
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
	level := levelOf(r)
	for i := range r.Sections {
		s := &r.Sections[i]
		switch s.ID {
		case summaryID:
			s.Blocks = slices.Concat(saySummary(*s, level), s.Blocks)
		case "sensitivity":
			s.Blocks = saySensitivity(s.Blocks, level)
		}
	}
	return r
}

// levelOf reads the level of confidence from the head of a table of estimates.
func levelOf(r Report) float64 {
	for _, s := range r.Sections {
		for _, b := range s.Blocks {
			t, _ := b.(Table)
			for _, c := range t.Columns {
				var level float64
				if n, err := fmt.Sscanf(c.Label, "Value (%g %% CI)", &level); n == 1 && err == nil {
					return level / 100
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

func saySummary(s Section, level float64) []Block {
	t, ok := tableIn(s, "primary")
	if !ok {
		return nil
	}
	var out []Block
	for _, row := range t.Rows {
		out = append(out, Paragraph{Text: sayEstimate(row, level)})
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
	switch {
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
func sayEstimate(row Row, level float64) (said Words) {
	e := primaryClaim(row)
	c, better := e.value, row.Cells[8].Text
	w := Say(row.Cells[0].Text)
	kind := e.read(level)
	if kind == readNothing {
		switch {
		case c.Hidden != Shown:
			return w.And(": not shown, to protect patients.")
		case c.Why != "":
			return w.And(": not available. " + c.Why)
		}
		return w.And(": not available.")
	}
	w = w.And(": ").With(spoken(c))
	if unit := row.Cells[2].Text; unit != "" && unit != "%" && unit != "ratio" {
		w = w.And(" " + unit)
	}
	if warned := row.Cells[9].Text; warned != "" {
		defer func() { said = said.And(" Read with its warnings: " + warned + ".") }()
	}
	compares := e.reference.Format.Kind != Blank
	thing := "difference"
	if !compares {
		thing = "change"
	}
	switch kind {
	case readPlain:
		return w.And(".")
	case readNoClaim:
		return w.And("; no interval, so no " + thing + " is claimed.")
	case readFew:
		return w.And("; too few patients to call a " + thing + " clear.")
	case readUnclear:
		return w.And(": no clear " + thing + ".")
	case readDisagrees:
		return w.And(": no clear " + thing + "; the interval leaves out no effect, and the test does not agree.")
	case readNumber:
		return w.And(": no clear " + thing + " once the number of tests is allowed for.")
	}
	side, good := "above", betterAbove
	if kind == readBelow {
		side, good = "below", betterBelow
	}
	w = w.And(fmt.Sprintf(": clearly %s no effect (", side)).With(spoken(e.null)).And(")")
	switch {
	case better == "" || !compares:
	case better == good:
		w = w.And(", which is better in this measure")
	default:
		w = w.And(", which is worse in this measure")
	}
	if !compares {
		return w.And("; a change from before to after is not by itself an effect of treatment.")
	}
	return w.And(".")
}

// saySensitivity puts a sentence before each table that sets sensitivity analyses beside
// the main estimate.
func saySensitivity(blocks []Block, level float64) []Block {
	var out []Block
	for _, b := range blocks {
		if t, ok := b.(Table); ok && strings.HasPrefix(t.ID, sensitivityID) && len(t.Rows) > 1 {
			out = append(out, Paragraph{Text: Say(sayBeside(t, level))})
		}
		out = append(out, b)
	}
	return out
}

// sayBeside counts how the others read against the main estimate. What is not on its
// scale, or hidden, is counted apart.
func sayBeside(t Table, level float64) string {
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
	what := t.Caption + ". "
	all := counted(len(t.Rows)-1, "estimate", "estimates") + " beside it: "
	var parts []string
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, text))
		}
	}
	switch first {
	case readAbove, readBelow:
		what += "The main estimate is clear. Of " + all
		add(count["same"], "clear on the same side")
		add(count["other"], "clear on the OTHER side")
		add(count["unclear"], "without a clear difference")
	case readNothing, readPlain, readNoClaim, readFew:
		return what + "The main estimate allows no claim, so nothing is held against it."
	default:
		what += "The main estimate shows no clear difference. Of " + all
		add(count["clear"], "with one")
		add(count["unclear"], "without one")
	}
	add(count["none"], "that allow no claim")
	return what + strings.Join(parts, ", ") + "."
}
