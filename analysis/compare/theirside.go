package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/datasets/published"
)

// published side of an indirect comparison: a figure with its standard error.
type theirSide struct {
	comparator
	se     float64 // on the figure's scale, that of the logarithm for ratios
	seFrom string
}

// theirNames are what a setting theirs.NAME may name.
var theirNames = []string{"name", "value", "sd", "se", "low", "high", "n", "events", "payer", "work_before", "condition", "procedure", "definition", "horizon", "age"}

// sides returns the published figures: as given under theirs, else of the entry.
func (a indirectAsk) sides(s subject, anchored bool) ([]theirSide, error) {
	e, ok := published.Find(a.comparator)
	if len(a.theirs) > 0 && (!ok || a.theirs["value"]+a.theirs["events"] != "") {
		c, err := a.givenSide(s, anchored)
		if err != nil {
			return nil, err
		}
		return []theirSide{c}, nil
	}
	if !ok {
		return nil, fmt.Errorf("%w: comparator: expected the id of a published entry (see: recoup data comparators), or the published figure as theirs.value, theirs.n and theirs.sd or theirs.events", analysis.ErrOptions)
	}
	if err := a.whichArm(e); err != nil {
		return nil, err
	}
	var list []comparator
	if anchored {
		list = s.contrasts(e, a.arm)
	} else {
		list, _ = s.theirs(PublishedOptions{Comparators: []string{e.ID}}, atEntry(s.horizon))
		list = slices.DeleteFunc(list, func(c comparator) bool { return c.result.Arm != a.arm || math.IsNaN(c.value) })
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: %s has no figure of this kind (%s)%s; see: recoup data comparators %s%s", analysis.ErrCannot, e.ID, s.words(atEntry(s.horizon)), ofArm(a.arm), e.ID, disabilityWord(e))
	}
	var out []theirSide
	for _, c := range list {
		if err := c.refuse(s); err != nil {
			return nil, err
		}
		out = append(out, newSide(c, anchored))
	}
	return a.supplement(out)
}

// supplement chooses among an entry's figures by theirs.horizon, and gives one that has
// no standard error that of theirs.se.
func (a indirectAsk) supplement(sides []theirSide) ([]theirSide, error) {
	bad := func(text string) ([]theirSide, error) {
		var at []string
		for _, t := range sides {
			at = append(at, t.at)
		}
		return nil, fmt.Errorf("%w: theirs: %s; the entry's figures are of: %s", analysis.ErrOptions, text, strings.Join(at, ", "))
	}
	for _, key := range sortedNames(a.theirs) {
		if key != "se" && key != "horizon" {
			return bad("beside an entry that has the figure expected theirs.horizon, to choose it, and theirs.se alone")
		}
	}
	if at, asked := a.theirs["horizon"]; asked {
		var kept []theirSide
		for _, t := range sides {
			if t.at == at {
				kept = append(kept, t)
			}
		}
		if len(kept) == 0 {
			return bad("no figure is of " + at)
		}
		sides = kept
	}
	if text, given := a.theirs["se"]; given {
		se, err := strconv.ParseFloat(text, 64)
		if err != nil || !(se > 0) || math.IsInf(se, 0) || len(sides) != 1 {
			return bad("expected theirs.se as a number above 0, of one figure, chosen by theirs.horizon")
		}
		sides[0].se, sides[0].seFrom = se, "what was given"
	}
	return sides, nil
}

func ofArm(arm string) string {
	if arm == "" {
		return ""
	}
	return " of the arm " + arm
}

// disabilityWord warns those who look for work in an entry that has disability alone.
func disabilityWord(e published.Entry) string {
	for _, r := range e.Results {
		if r.Outcome == "work disability" {
			return "; it reports work disability, and a disability share is not one minus a return-to-work share: who gets no benefit need not work"
		}
	}
	return ""
}

// refuse keeps a complement of a disability share from standing as return to work.
func (c comparator) refuse(s subject) error {
	if c.claim {
		return fmt.Errorf("%w: %s is a statement under test, not a measured figure", analysis.ErrCannot, c.label)
	}
	if (c.complement || c.definition == "on-benefit") && c.definition != s.definition {
		return fmt.Errorf("%w: %s is a disability share or its complement (definition %s): a published disability share is not one minus a return-to-work share, since who gets no benefit need not work; count ours by the same definition with --definition %s, or choose a comparator that measured work", analysis.ErrCannot, c.label, c.definition, c.definition)
	}
	return nil
}

// whichArm asks for the arm where the entry has several.
func (a indirectAsk) whichArm(e published.Entry) error {
	var names []string
	for _, x := range e.Arms {
		names = append(names, x.Name)
	}
	if len(names) > 0 && !slices.Contains(names, a.arm) || len(names) == 0 && a.arm != "" {
		return fmt.Errorf("%w: comparator_arm: expected one of the arms of %s: %s", analysis.ErrOptions, e.ID, orElseNone(names))
	}
	return nil
}

func orElseNone(names []string) string {
	if len(names) == 0 {
		return "it has none; leave it empty"
	}
	return strings.Join(names, ", ")
}

// contrasts are an entry's differences between the arm and its reference.
func (s subject) contrasts(e published.Entry, arm string) []comparator {
	var out []comparator
	for _, r := range e.Results {
		if r.Measure != published.Difference || r.Arm != arm || r.Outcome == "leg pain" || r.Instrument != s.instrument || s.measure == MeasureShare {
			continue
		}
		c := s.comparator(e, r, e.CaseMix(r))
		c.label += " v " + r.Reference
		out = append(out, c)
	}
	return out
}

// newSide works out the standard error of a published figure.
func newSide(c comparator, contrast bool) theirSide {
	t := theirSide{comparator: c, se: math.NaN()}
	switch {
	case !contrast && c.counted():
		p := float64(c.events) / float64(c.n)
		t.value, t.se, t.seFrom = p, math.Sqrt(p*(1-p)/float64(c.n)), "its counts"
	case !contrast && c.measured():
		t.se, t.seFrom = c.sd/math.Sqrt(float64(c.n)), "its SD and n"
	case c.low < c.high:
		t.se, t.seFrom = (c.high-c.low)/(2*analysis.NormalQuantile(0.95)), "its printed 95 percent interval"
	}
	return t
}

// givenSide reads the settings under theirs.
func (a indirectAsk) givenSide(s subject, contrast bool) (theirSide, error) {
	bad := func(format string, args ...any) (theirSide, error) {
		return theirSide{}, fmt.Errorf("%w: theirs.%w", analysis.ErrOptions, fmt.Errorf(format, args...))
	}
	if a.comparator != "" {
		return bad("value: expected a published entry or a figure given, not both; the figure's name is theirs.name")
	}
	f := newFigure()
	f.label, f.outcome, f.unit = "published", s.outcome, s.unit
	f.share, f.change, f.percent = s.measure == MeasureShare, s.measure == MeasureChange, s.measure == MeasurePercent
	se := math.NaN()
	numbers := map[string]*float64{"value": &f.value, "sd": &f.sd, "se": &se, "low": &f.low, "high": &f.high, "age": &f.mix.Age}
	words := map[string]*string{"name": &f.label, "payer": &f.mix.Payer, "work_before": &f.mix.WorkBefore, "condition": &f.mix.Condition, "procedure": &f.mix.Procedure, "definition": &f.definition}
	counts := map[string]*int{"n": &f.n, "events": &f.events}
	for _, key := range sortedNames(a.theirs) {
		text := a.theirs[key]
		switch {
		case numbers[key] != nil:
			v, err := strconv.ParseFloat(text, 64)
			if err != nil || math.IsNaN(v) || math.Abs(v) > 1e300 {
				return bad("%s: expected a number", key)
			}
			*numbers[key] = v
		case counts[key] != nil:
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return bad("%s: expected a whole number of at least 0", key)
			}
			*counts[key] = n
		case words[key] != nil:
			*words[key] = inVocabulary(key, text)
		case key == "horizon":
			h, err := published.ParseHorizon(text)
			if err != nil {
				return bad("horizon: %w", err)
			}
			f.mix.Horizon, f.at = h, h.String()
		default:
			return bad("%s: expected one of %s", key, strings.Join(theirNames, ", "))
		}
	}
	f.mix.Definition = f.definition
	switch {
	case f.share && !contrast && f.events > f.n:
		return bad("events: expected n, at least as many patients")
	case f.share && !contrast && f.events < 0 && f.n > 0 && f.value >= 0 && f.value <= 1:
		f.events = wholeCount(100*f.value, f.n)
		f.note = "the count is the whole number nearest to the share given"
	case f.share && !contrast && f.events < 0 && !(f.value >= 0 && f.value <= 1):
		return bad("value: expected a share from 0 to 1, or theirs.events and theirs.n")
	case !f.share && math.IsNaN(f.value), contrast && math.IsNaN(f.value):
		return bad("value: expected the published figure")
	case f.low > f.high:
		return bad("low: expected at most theirs.high")
	}
	if contrast {
		f.events = -1
	}
	c := comparator{figure: f, entry: published.Entry{ID: f.label, Citation: "as given"}, result: published.Result{Status: published.Sourced}}
	if err := c.refuse(s); err != nil {
		return theirSide{}, err
	}
	t := newSide(c, contrast)
	if se > 0 {
		t.se, t.seFrom = se, "what was given"
	}
	return t, nil
}

// shown is the published figure as an estimate.
func (t theirSide) shown(level float64) analysis.Estimate {
	e := t.estimate(TermPublished, level)
	e.Method.Ref = t.entry.Citation
	if !e.CI.Low.OK() && t.se > 0 {
		e.SE, e.CI = analysis.Num(t.se), analysis.NormalInterval(t.value, t.se, level)
		e.Method.Name = "as published, with a standard error from " + t.seFrom
	}
	if t.result.Status == published.Unverified {
		e = e.Warn(analysis.WarnUnverified, "unverified: the figure was not read in its source ("+t.result.Source+")", "read "+t.entry.Citation)
	}
	if t.complement {
		e = e.Warn(WarnComplement, t.result.Note, "do not call it return to work")
	}
	if t.origins != "" {
		e = e.Warn(analysis.WarnTimeOrigin, "the groups of "+t.entry.ID+" count from different events ("+t.origins+"): "+t.entry.Note, "use each group's own figure")
	}
	return e
}
