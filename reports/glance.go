package reports

import (
	"context"
	"math"
	"strings"

	"recoup/analysis"
	"recoup/analysis/compare"
	"recoup/analysis/effect"
	"recoup/datasets"
	"recoup/datasets/instrument"
	"recoup/datasets/published"
)

// goal is one of the five goals of the field and how a tile measures it.
type goal struct {
	title string
	tile  func(ctx context.Context, q *quarter, c *datasets.Cohort, group string) (Tile, string, error) // the second result says why there is no tile
}

var goals = []goal{
	{"Less pain", painTile},
	{"Back to work or regular activity", workTile},
	{"Better mood and sleep", moodTile},
	{"Less reliance on opioids", opioidTile},
	{"Less reliance on health care", careTile},
}

func buildGlance(ctx context.Context, q *quarter) (Section, error) {
	s := Section{Lead: q.words("The five goals of interdisciplinary pain rehabilitation, for {0} patients. A change from before to after contains the natural course and regression to the mean; only a comparison with like patients is an effect.", Count(q.now.Patients()).Named(population("")).PartOf(everybody))}
	group := q.groups[0]
	if group != "" {
		who, _, err := analysis.Input{Cohort: q.now}.Groups(analysis.Question{Arm: group})
		if err != nil {
			return s, err
		}
		s.Lead = s.Lead.And(" ").join(q.words("Shown here: {0}, {1} patients.", group, Count(len(who[0].Patients)).Named(population(group)).PartOf(population(""))))
	}
	var tiles Tiles
	var then []Tile
	var none []string
	var notices []Block
	for _, g := range goals {
		t, why, err := g.tile(ctx, q, q.now, group)
		if err != nil {
			return s, err
		}
		if why != "" {
			notices = append(notices, cannot(g.title, why))
			continue
		}
		t.Topic = topic(g, t)
		before, missing, err := q.yearBefore(ctx, g, group)
		if err != nil {
			return s, err
		}
		if missing == "" {
			t.Detail = t.Detail.And(" ").join(q.words("Same quarter last year: {0}.", before.Value.Of(q.lastName))) // of other patients than this quarter's
		}
		tiles.Tiles, then, none = append(tiles.Tiles, t), append(then, before), append(none, missing)
	}
	if len(tiles.Tiles) > 0 {
		s.Blocks = append(s.Blocks, tiles)
		if q.opt.Quarter != "" {
			s.Blocks = append(s.Blocks, q.goalsYearBefore(tiles.Tiles, then, none))
		}
	}
	s.Blocks = append(s.Blocks, notices...)
	return s, nil
}

// topic names what a tile tells of its goal, which may be less than the goal.
func topic(g goal, t Tile) string {
	if t.Topic != "" {
		return t.Topic
	}
	return g.title
}

// yearBefore is a goal's figure of the same quarter a year before, or why there is none.
func (q *quarter) yearBefore(ctx context.Context, g goal, group string) (Tile, string, error) {
	if why := q.noYearBefore(); why != "" {
		return Tile{}, why, nil
	}
	return g.tile(ctx, q, q.last, group)
}

// outcomeIn returns the first outcome whose instrument is of one of the domains,
// in the order of the domains: one with a sourced important difference, where
// there is one.
func (q *quarter) outcomeIn(domains ...string) (datasets.Field, instrument.Instrument, bool) {
	for _, sourced := range []bool{true, false} {
		for _, d := range domains {
			for _, f := range q.all.Outcomes() {
				i, ok := instrument.Find(f.Instrument)
				if _, has := i.Default(); ok && f.Instrument != "" && i.Domain == d && (has || !sourced) {
					return f, i, true
				}
			}
		}
	}
	return datasets.Field{}, instrument.Instrument{}, false
}

// importantTile is the share of those seen with an important improvement of an
// outcome at the end of treatment.
func importantTile(ctx context.Context, q *quarter, c *datasets.Cohort, group string, f datasets.Field, i instrument.Instrument) (Tile, string, error) {
	if q.discharge.Value == "" {
		return Tile{}, "There is no visit after the baseline to compare with.", nil
	}
	r, why, err := q.ask(ctx, effect.Responders, c, analysis.Question{Outcome: f.Name, Visit: q.discharge.Value, Arm: group}, map[string]string{"rule": effect.RuleImportant})
	if err != nil {
		return Tile{}, "", err
	}
	if why != "" {
		if _, has := i.Default(); !has {
			why = q.text("No sourced important difference is known for {0}.", q.text(i.Title))
		}
		return Tile{}, why, nil
	}
	seen, _ := find(r, "responders_seen", group)
	all, _ := find(r, "responders_all", group)
	q.defined(q.text("Important improvement, {0}", q.text(i.Title)), seen.Definition, "recoup instrument show "+i.Name)
	return Tile{
		Label: q.text("had an important improvement in {0} at {1}, of those seen", q.in.lower(f.Label()), q.discharge.VisitName()),
		Value: knownOf(seen, all), Detail: q.words("{0} if those not seen did not improve.", shared(all)),
	}, "", nil
}

// knownOf is a share of those known, partial where they are under 70 % of all: who is
// known may then be who did well.
func knownOf(known, all analysis.Estimate) Cell {
	c := shared(known)
	c.Partial = float64(known.N.Arm) < enough*float64(all.N.Arm)
	return c
}

func lower(s string) string {
	r := []rune(s)
	if len(r) > 1 && r[1] >= 'a' && r[1] <= 'z' {
		return string(r[0]|0x20) + string(r[1:])
	}
	return s
}

func painTile(ctx context.Context, q *quarter, c *datasets.Cohort, group string) (Tile, string, error) {
	f, i, ok := q.outcomeIn("pain", "interference")
	if !ok {
		return Tile{}, "No outcome has an instrument for pain.", nil
	}
	t, why, err := importantTile(ctx, q, c, group, f, i)
	if i.Domain != "pain" {
		t.Topic = "Less interference by pain"
	}
	if why == "" && err == nil && i.Domain == "pain" {
		q.benchmark(&t, "gerdle-2016", "pain", "pain decreased", "", q.horizonOf(q.discharge.VisitName()))
	}
	return t, why, err
}

func moodTile(ctx context.Context, q *quarter, c *datasets.Cohort, group string) (Tile, string, error) {
	f, i, ok := q.outcomeIn("mood", "sleep", "beliefs")
	if !ok {
		return Tile{}, "No outcome has an instrument for mood or sleep.", nil
	}
	t, why, err := importantTile(ctx, q, c, group, f, i)
	t.Topic = map[string]string{"mood": "Better mood", "sleep": "Better sleep", "beliefs": "Better coping"}[i.Domain] // one instrument tells of no more
	if why == "" && err == nil {
		q.benchmark(&t, "eppoc-painaustralia", moodOf(i), "improved", "", q.horizonOf(q.discharge.VisitName()))
	}
	return t, why, err
}

// moodOf is the published outcome that an instrument of mood measures, "" where it
// is neither: a figure for depression says nothing of sleep.
func moodOf(i instrument.Instrument) string {
	title := strings.ToLower(i.Title)
	for _, mood := range []string{"depression", "anxiety"} {
		if i.Domain == "mood" && strings.Contains(title, mood) {
			return mood
		}
	}
	return ""
}

// benchmark puts a published share beside a tile, with how its patients differ from ours.
func (q *quarter) benchmark(t *Tile, id, outcome, group, definition string, at published.Horizon) {
	t.Benchmark, t.BenchmarkSource = benchmark(id, outcome, group)
	if e, r, ok := publishedShare(id, outcome, group); ok {
		t.Unlike = q.unlike(compare.CaseMix(q.now, nil, definition, at), e.CaseMix(r))
	}
}

func publishedShare(id, outcome, group string) (published.Entry, published.Result, bool) {
	e, _ := published.Find(id)
	for _, r := range e.Results {
		if r.Outcome == outcome && (group == "" || r.Group == group) && !math.IsNaN(r.Share()) {
			return e, r, true
		}
	}
	return e, published.Result{}, false
}

// benchmark returns a published share and who published it for whom. It is never
// chosen by us to be met: it measures something near, and says what: the outcome,
// the group, when it was seen, and the definition where there is one.
func benchmark(id, outcome, group string) (Cell, string) {
	e, r, ok := publishedShare(id, outcome, group)
	if !ok {
		return Cell{}, ""
	}
	c := Cell{Value: r.Share(), Low: math.NaN(), High: math.NaN(), Format: Format{Kind: Percent}, Basis: NoPatients()}
	source := e.ID + ": " + e.Population
	if !strings.Contains(r.Group, r.Outcome) {
		source += ", " + r.Outcome
	}
	if r.Group != "" {
		source += ", " + r.Group
	}
	if at := r.At.String(); at != "" {
		source += ", at " + at
	}
	if r.Definition != "" {
		source += ", by " + r.Definition
	}
	if r.Note != "" {
		source += ": " + lower(strings.TrimSuffix(r.Note, "."))
	}
	return c, source + unsourced(r)
}

// unsourced says of a published figure that was not read in its source what it is.
func unsourced(r published.Result) string {
	if r.Status == published.Sourced {
		return ""
	}
	return " (" + string(r.Status) + ")"
}
