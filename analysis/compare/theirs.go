package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets/published"
)

// comparator is a published figure with its entry.
type comparator struct {
	figure
	entry      published.Entry
	result     published.Result
	claim      bool
	complement bool
	origins    string // the events from which the entry's groups count, where they differ
}

// theirs returns the published figures of the kind in the order of the registry,
// whatever the order of the ids asked for, and warnings about ids without any.
func (k kind) theirs(o PublishedOptions, entry bool) ([]comparator, []analysis.Warning) {
	var out []comparator
	found := map[string]bool{}
	for _, e := range published.All() {
		if len(o.Comparators) > 0 && !slices.Contains(o.Comparators, e.ID) {
			continue
		}
		for _, r := range k.results(e) {
			mix := e.CaseMix(r)
			if atEntry(r.At) != entry || o.Procedure != "" && mix.Procedure != o.Procedure || undated(e, r) {
				continue
			}
			found[e.ID] = true
			out = append(out, k.comparator(e, r, mix))
		}
	}
	var warnings []analysis.Warning
	for _, id := range o.Comparators {
		if !found[id] {
			warnings = append(warnings, analysis.Warning{
				Code: WarnNoFigure, Message: fmt.Sprintf("%s has no figure of this kind: %s", id, k.words(entry)),
				Cure: "see what it has: recoup data comparators",
			})
		}
	}
	if len(out) == 0 && len(o.Comparators) == 0 {
		warnings = append(warnings, analysis.Warning{Code: WarnNoFigure, Message: "no published entry has a figure of this kind: " + k.words(entry)})
	}
	slices.SortStableFunc(warnings, func(a, b analysis.Warning) int { return strings.Compare(a.Message, b.Message) })
	return out, warnings
}

func (k kind) words(entry bool) string {
	s := k.measure + " of " + k.outcome
	if k.instrument != "" {
		s = k.measure + " of " + k.instrument
	}
	if entry {
		return s + " at entry"
	}
	return s + " after entry"
}

// atEntry reports a figure from before treatment.
func atEntry(h published.Horizon) bool {
	return h.Value == 0 && slices.Contains([]string{"entry", "referral", "admission"}, h.After)
}

// undated reports a figure without a time from an entry that dates others of the
// same outcome: nobody can say whether it is from before or after treatment.
func undated(e published.Entry, r published.Result) bool {
	return math.IsNaN(r.At.Days()) && slices.ContainsFunc(e.Results, func(x published.Result) bool {
		return x.Outcome == r.Outcome && x.Measure == r.Measure && !math.IsNaN(x.At.Days())
	})
}

// results picks an entry's results of the kind. A change that is not printed is
// made from the means of the same group at entry and later.
func (k kind) results(e published.Entry) []published.Result {
	var out []published.Result
	for _, r := range e.Results {
		same := r.Instrument == k.instrument && r.Outcome != "leg pain"
		switch k.measure {
		case MeasureShare:
			if r.Outcome == k.outcome && r.Instrument == "" && (r.Measure == published.Proportion || r.Measure == published.Range && r.Unit == "percent") {
				out = append(out, r)
			}
		case MeasureMean:
			if same && r.Measure == published.Mean {
				out = append(out, r)
			}
		case MeasureChange:
			if same && r.Measure == published.Change {
				out = append(out, r)
			}
			if c, ok := derived(e, r); same && ok {
				out = append(out, c)
			}
		case MeasurePercent:
			// Percentages of pain are printed without their instrument more often
			// than with it.
			if r.Outcome == k.outcome && (r.Instrument == "" || same) && r.Measure == published.PercentChange {
				out = append(out, r)
			}
		}
	}
	return out
}

const derivedNote = "difference of the printed means at entry and later, of partly different people; no SD of change is printed"

// derived returns the change from the mean at entry to a later mean of the same
// arm and group, where the entry prints no change itself.
func derived(e published.Entry, r published.Result) (published.Result, bool) {
	if r.Measure != published.Mean || atEntry(r.At) {
		return r, false
	}
	for _, b := range e.Results {
		if b.Measure != published.Mean || !atEntry(b.At) || b.Outcome != r.Outcome || b.Instrument != r.Instrument || b.Arm != r.Arm || b.Group != r.Group {
			continue
		}
		c := r
		c.Measure, c.SD, c.Low, c.High = published.Change, math.NaN(), math.NaN(), math.NaN()
		c.Value = r.Value - b.Value
		c.Note = strings.Trim(r.Note+" "+derivedNote, " ")
		if b.Status != published.Sourced {
			c.Status = b.Status
		}
		return c, true
	}
	return r, false
}

func (k kind) comparator(e published.Entry, r published.Result, mix published.CaseMix) comparator {
	f := newFigure()
	f.label, f.outcome, f.at, f.unit = label(e, r), r.Outcome, r.At.String(), r.Unit
	f.share, f.change, f.percent = k.measure == MeasureShare, k.measure == MeasureChange, k.measure == MeasurePercent
	f.n, f.definition, f.mix = r.N, r.Definition, mix
	switch {
	case r.Measure == published.Range: // two ends and no value; low and high are no interval
	case f.share:
		f.value, f.unit = r.Share(), ""
		switch {
		case !math.IsNaN(r.Events):
			f.events = int(r.Events)
		case r.N > 0:
			f.events = wholeCount(r.Value, r.N)
			f.note = "the count is the whole number nearest to the printed percentage"
		}
		f.low, f.high = r.Low/100, r.High/100
	default:
		f.value, f.low, f.high = r.Value, r.Low, r.High
		if !f.percent || r.N > 1 && r.SD > 0 {
			f.sd = r.SD
		}
		if strings.Contains(r.Note, derivedNote) {
			f.note = derivedNote
		}
	}
	return comparator{figure: f, entry: e, result: r, claim: r.Status == published.Claim, complement: r.Complement, origins: origins(e, r)}
}

// label names a published figure in one line: its entry, arm, group and time.
func label(e published.Entry, r published.Result) string {
	s := e.ID
	if r.Arm != "" {
		s += "/" + r.Arm
	}
	for _, part := range []string{r.Group, r.At.String()} {
		if part != "" {
			s += ", " + part
		}
	}
	return s
}

// origins lists the events from which an entry's groups count the time to one
// outcome by one definition, where there is more than one.
func origins(e published.Entry, r published.Result) string {
	var all []string
	for _, x := range e.Results {
		if x.Outcome == r.Outcome && x.Definition == r.Definition && x.Measure == r.Measure && x.At.Value > 0 && x.At.After != "" && !slices.Contains(all, x.At.After) {
			all = append(all, x.At.After)
		}
	}
	if len(all) < 2 {
		return ""
	}
	return strings.Join(all, ", ")
}

// published returns the comparator's figure with all that a reader must know.
func (c comparator) published(differ []published.Mismatch, level float64) analysis.Estimate {
	term := TermPublished
	switch {
	case c.claim:
		term = TermClaim
	case c.complement:
		term = TermComplement
	}
	e := c.estimate(term, level)
	e.Method.Ref = c.entry.Citation
	if c.result.Measure == published.Range {
		e = e.Warn(WarnRange, fmt.Sprintf("published as a range of %g to %g %s, without a single figure; it is no confidence interval", c.result.Low, c.result.High, c.result.Unit), "")
	}
	return c.warn(e, differ)
}

// warn adds the comparator's warnings to an estimate that uses it.
func (c comparator) warn(e analysis.Estimate, differ []published.Mismatch) analysis.Estimate {
	e = e.Warn(analysis.WarnCaseMix, mixMessage(differ), "a difference of case mix cannot be mended by arithmetic: choose a comparator of like patients, and record ours under caseMix in the cohort file")
	switch c.result.Status {
	case published.Claim:
		e = e.Warn(WarnClaim, "a statement under test, without a source that bears it out: "+c.entry.Note, "compare with published figures that count patients")
	case published.Unverified:
		e = e.Warn(analysis.WarnUnverified, "unverified: the figure was not read in its source ("+c.result.Source+")", "read "+c.entry.Citation)
	}
	if c.complement {
		e = e.Warn(WarnComplement, c.result.Note, "compare by the definition "+c.result.Definition+", and do not call it return to work")
	}
	if c.origins != "" {
		e = e.Warn(analysis.WarnTimeOrigin, "the groups of "+c.entry.ID+" count from different events ("+c.origins+"): "+c.entry.Note, "use each group's own figure, and no ratio or difference between them")
	}
	return e
}

// sources lists where the published figures are from.
func sources(theirs []comparator) analysis.Table {
	t := analysis.Table{
		Name: "comparators", Title: "Published figures and their sources",
		Columns: []string{"comparator", "population", "treatment", "outcome", "definition", "time", "n", "value", "low", "high", "unit", "status", "citation", "source", "note"},
		Notes:   []string{"Value, low and high are as printed; low and high are 95 percent limits or the ends of a range."},
	}
	for _, c := range theirs {
		r, e := c.result, c.entry
		n := math.NaN()
		if r.N > 0 {
			n = float64(r.N)
		}
		note := strings.TrimSpace(r.Note + " " + e.Note)
		t.Rows = append(t.Rows, []analysis.Value{
			analysis.Text(c.label), analysis.Text(e.Population), analysis.Text(c.mix.Procedure), analysis.Text(r.Outcome), analysis.Text(r.Definition),
			analysis.Text(r.At.String()), analysis.Number(n), analysis.Number(r.Value), analysis.Number(r.Low), analysis.Number(r.High), analysis.Text(r.Unit),
			analysis.Text(string(r.Status)), analysis.Text(e.Citation), analysis.Text(r.Source), analysis.Text(note),
		})
	}
	return t
}
