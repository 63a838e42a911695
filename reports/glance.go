package reports

import (
	"context"
	"math"
	"strings"

	"recoup/analysis"
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

// lastYear stands before the figure of the same quarter a year earlier; Speak finds it
// by this.
const lastYear = " Same quarter last year: "

func buildGlance(ctx context.Context, q *quarter) (Section, error) {
	s := Section{Lead: Say("The five goals of interdisciplinary pain rehabilitation, for ").With(Count(q.now.Patients()).Named(population("")).PartOf(everybody)).And(" patients. A change from before to after contains the natural course and regression to the mean; only a comparison with like patients is an effect.")}
	group := q.groups[0]
	if group != "" {
		who, _, err := analysis.Input{Cohort: q.now}.Groups(analysis.Question{Arm: group})
		if err != nil {
			return s, err
		}
		s.Lead = append(s.Lead, Say(" Shown here: "+group+", ").With(Count(len(who[0].Patients)).Named(population(group)).PartOf(population(""))).And(" patients.")...)
	}
	var tiles Tiles
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
		t.Topic = g.title
		if q.last != nil {
			before, none, err := g.tile(ctx, q, q.last, group)
			if err != nil {
				return s, err
			}
			if none == "" {
				value := before.Value
				value = value.Of(q.lastName) // of other patients than this quarter's
				t.Detail = t.Detail.And(lastYear).With(value).And(".")
			}
		}
		tiles.Tiles = append(tiles.Tiles, t)
	}
	if len(tiles.Tiles) > 0 {
		s.Blocks = append(s.Blocks, tiles)
	}
	s.Blocks = append(s.Blocks, notices...)
	return s, nil
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
			why = "No sourced important difference is known for " + i.Title + "."
		}
		return Tile{}, why, nil
	}
	seen, _ := find(r, "responders_seen", group)
	all, _ := find(r, "responders_all", group)
	q.define("Important improvement, "+i.Title, seen.Definition, "see recoup instrument show "+i.Name)
	return Tile{
		Label: "had an important improvement in " + lower(f.Label()) + " at " + q.discharge.VisitName() + ", of those seen",
		Value: shared(seen), Detail: Say("").With(shared(all)).And(" if those not seen did not improve."),
	}, "", nil
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
	if why == "" && err == nil && i.Domain == "pain" {
		t.Benchmark, t.BenchmarkSource = benchmark("gerdle-2016", "pain", "pain decreased")
	}
	return t, why, err
}

func moodTile(ctx context.Context, q *quarter, c *datasets.Cohort, group string) (Tile, string, error) {
	f, i, ok := q.outcomeIn("mood", "sleep", "beliefs")
	if !ok {
		return Tile{}, "No outcome has an instrument for mood or sleep.", nil
	}
	t, why, err := importantTile(ctx, q, c, group, f, i)
	if why == "" && err == nil {
		t.Benchmark, t.BenchmarkSource = benchmark("eppoc-painaustralia", moodOf(i), "improved")
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

// benchmark returns a published share and who published it for whom. It is never
// chosen by us to be met: it measures something near, and says what: the outcome,
// the group, when it was seen, and the definition where there is one.
func benchmark(id, outcome, group string) (Cell, string) {
	e, ok := published.Find(id)
	if !ok {
		return Cell{}, ""
	}
	for _, r := range e.Results {
		if r.Outcome != outcome || group != "" && r.Group != group || r.Measure != published.Proportion || math.IsNaN(r.Share()) {
			continue
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
	return Cell{}, ""
}

// unsourced says of a published figure that was not read in its source what it is.
func unsourced(r published.Result) string {
	if r.Status == published.Sourced {
		return ""
	}
	return " (" + string(r.Status) + ")"
}
