package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/datasets/published"
)

// comparatorRow is one published result, with what is needed to judge it.
type comparatorRow struct {
	ID         string       `json:"id"`
	Kind       string       `json:"kind"`
	Outcome    string       `json:"outcome"`
	Instrument string       `json:"instrument,omitempty"`
	Arm        string       `json:"arm,omitempty"`
	ArmTitle   string       `json:"arm_title,omitempty"`
	Reference  string       `json:"reference,omitempty"`
	Group      string       `json:"group,omitempty"`
	Measure    string       `json:"measure"`
	Value      analysis.Num `json:"value"`
	SD         analysis.Num `json:"sd"`
	Low        analysis.Num `json:"low"`
	High       analysis.Num `json:"high"`
	Share      analysis.Num `json:"share"` // of a proportion, from its counts where there are
	Unit       string       `json:"unit,omitempty"`
	Events     analysis.Num `json:"events"`
	N          int          `json:"n"`
	StudyN     int          `json:"study_n"`
	Horizon    string       `json:"horizon,omitempty"`
	Definition string       `json:"definition,omitempty"`
	Complement bool         `json:"complement,omitempty"` // the complement of what was measured
	Population string       `json:"population"`
	Age        analysis.Num `json:"age"`
	Country    string       `json:"country,omitempty"`
	Setting    string       `json:"setting,omitempty"`
	Condition  string       `json:"condition,omitempty"`
	Payer      string       `json:"payer,omitempty"`
	WorkBefore string       `json:"work_before,omitempty"`
	Procedure  string       `json:"procedure,omitempty"`
	Design     string       `json:"design"`
	Status     string       `json:"status"`
	Citation   string       `json:"citation"`
	Year       int          `json:"year,omitempty"`
	DOI        string       `json:"doi,omitempty"`
	PMC        string       `json:"pmc,omitempty"`
	Source     string       `json:"source"`
	Note       string       `json:"note,omitempty"`
	StudyNote  string       `json:"study_note,omitempty"`
}

func comparatorRows(entries []published.Entry) []comparatorRow {
	rows := []comparatorRow{}
	for _, e := range entries {
		for _, r := range e.Results {
			m := e.CaseMix(r)
			row := comparatorRow{
				ID: e.ID, Kind: e.Kind, Outcome: r.Outcome, Instrument: r.Instrument, Arm: r.Arm, Reference: r.Reference, Group: r.Group, Measure: string(r.Measure),
				Value: analysis.Num(r.Value), SD: analysis.Num(r.SD), Low: analysis.Num(r.Low), High: analysis.Num(r.High), Share: analysis.Num(r.Share()),
				Unit: r.Unit, Events: analysis.Num(r.Events), N: r.N, StudyN: e.N, Horizon: r.At.String(), Definition: r.Definition,
				Complement: r.Complement, Population: e.Population, Age: analysis.Num(e.Age), Country: e.Country, Setting: e.Setting, Condition: m.Condition,
				Payer: m.Payer, WorkBefore: m.WorkBefore, Procedure: m.Procedure, Design: e.Design,
				Status: string(r.Status), Citation: e.Citation, Year: e.Year, DOI: e.DOI, PMC: e.PMC, Source: r.Source, Note: r.Note, StudyNote: e.Note,
			}
			for _, arm := range e.Arms {
				if arm.Name == r.Arm {
					row.ArmTitle = arm.Title
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// comparatorMoves is a published table of moves between states.
type comparatorMoves struct {
	ID         string   `json:"id"`
	Outcome    string   `json:"outcome"`
	States     []string `json:"states"`
	Before     []int    `json:"before"`
	Counts     [][]int  `json:"counts"`
	Horizon    string   `json:"horizon,omitempty"`
	Definition string   `json:"definition,omitempty"`
	Population string   `json:"population"`
	Status     string   `json:"status"`
	Citation   string   `json:"citation"`
	Source     string   `json:"source"`
	Note       string   `json:"note,omitempty"`
}

func movesOf(entries []published.Entry) []comparatorMoves {
	out := []comparatorMoves{}
	for _, e := range entries {
		for _, t := range e.Transitions {
			out = append(out, comparatorMoves{e.ID, t.Outcome, t.States, t.Before, t.Counts, t.At.String(), t.Definition, e.Population, string(e.Status), e.Citation, e.Source, t.Note})
		}
	}
	return out
}

func comparatorGrid(rows []comparatorRow) grid {
	g := grid{
		head:  []string{"id", "outcome", "arm", "measure", "value", "n", "horizon", "payer", "work before", "status"},
		right: []bool{false, false, false, false, true, true, false, false, false, false},
	}
	for _, r := range rows {
		arm := r.Arm
		if r.Group != "" {
			arm = strings.TrimSpace(fmt.Sprintf("%s (%s)", arm, r.Group))
		}
		n := ""
		if r.N > 0 {
			n = fmt.Sprint(r.N)
		}
		status := r.Status
		if r.Complement {
			status += ", complement"
		}
		g.rows = append(g.rows, []string{r.ID, r.Outcome, arm, r.Measure, r.valueText(), n, r.Horizon, r.Payer, r.WorkBefore, status})
	}
	return g
}

// valueText writes the value with its spread.
func (r comparatorRow) valueText() string {
	switch {
	case r.Value.OK() && r.SD.OK():
		return r.Value.Text() + " " + r.Unit + " (SD " + r.SD.Text() + ")"
	case r.Value.OK() && r.Low.OK():
		return r.Value.Text() + " " + r.Unit + " (" + r.Low.Text() + " to " + r.High.Text() + ")"
	case r.Value.OK():
		return r.Value.Text() + " " + r.Unit
	case r.Events.OK():
		return r.Events.Text() + " of " + fmt.Sprint(r.N)
	}
	return r.Low.Text() + " to " + r.High.Text() + " " + r.Unit
}

func (a *app) dataComparators() *cobra.Command {
	var f published.Filter
	var horizon string
	statuses := []string{string(published.Sourced), string(published.Unverified), string(published.Claim)}
	// Each filter with the words that it takes.
	filters := []struct {
		name string
		to   *string
		is   []string
	}{
		{"outcome", &f.Outcome, published.Vocabulary("outcome")},
		{"procedure", &f.Procedure, published.Vocabulary("procedure")},
		{"condition", &f.Condition, published.Vocabulary("condition")},
		{"payer", &f.Payer, published.Vocabulary("payer")},
		{"work-before", &f.WorkBefore, published.Vocabulary("work_before")},
		{"definition", &f.Definition, published.Vocabulary("definition")},
		{"kind", &f.Kind, published.Kinds()},
		{"status", &f.Status, statuses},
	}
	c := &cobra.Command{
		Use:   "comparators [ID]",
		Short: "List published comparators and benchmarks with their sources",
		Long: `List the published comparators and benchmarks that come with recoup, or show one:
in whom, by which definition, how long after what, of how many, and how sure.
Status sourced: read in a public copy of the source. Unverified: from memory, or
not clear as read; to be checked before use. Claim: a headline claim under test,
never a default. --json has all that is known of each, tables of moves between
states too.`,
		Example: "  recoup data comparators --outcome work --payer workers-compensation\n  recoup data comparators --outcome completion --horizon discharge\n  recoup data comparators --status unverified --kind costs\n  recoup data comparators nguyen-2011",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, x := range filters {
				if *x.to != "" && !slices.Contains(x.is, *x.to) {
					return usagef("no %s %q among the comparators; there are: %s", x.name, *x.to, strings.Join(x.is, ", "))
				}
			}
			if horizon != "" {
				h, err := published.ParseHorizon(horizon)
				if err != nil {
					return usageError{err}
				}
				f.Horizon = &h
			}
			entries := published.Select(f)
			if len(args) == 1 {
				if _, ok := published.Find(args[0]); !ok {
					return usagef("no comparator %q; see: recoup data comparators", args[0])
				}
				entries = slices.DeleteFunc(entries, func(e published.Entry) bool { return e.ID != args[0] })
			}
			return a.showComparators(entries, len(args) == 1)
		},
	}
	for _, x := range filters {
		c.Flags().StringVar(x.to, x.name, "", "only this "+strings.ReplaceAll(x.name, "-", " ")+": "+strings.Join(x.is, ", "))
	}
	c.Flags().StringVar(&horizon, "horizon", "", "only so long after, to a tenth: \"2 years\", \"2 years after surgery\", entry, discharge")
	return c
}

// showComparators writes results, and of one entry what it says of itself.
func (a *app) showComparators(entries []published.Entry, one bool) error {
	rows, moves := comparatorRows(entries), movesOf(entries)
	if a.json {
		return a.writeJSON(struct {
			Schema      string            `json:"schema"`
			Comparators []comparatorRow   `json:"comparators"`
			Transitions []comparatorMoves `json:"transitions"`
		}{"recoup.comparators/v1", rows, moves})
	}
	comparatorGrid(rows).text(a.Out)
	for _, t := range moves {
		fmt.Fprintf(a.Out, "\n%s: %s %s, from before (rows) to then; %s\n", t.ID, t.Outcome, t.Horizon, t.Status)
		g := grid{head: append([]string{""}, t.States...)}
		for i, row := range t.Counts {
			cells := []string{t.States[i]}
			for _, n := range row {
				cells = append(cells, fmt.Sprint(n))
			}
			g.rows = append(g.rows, cells)
		}
		g.text(a.Out)
	}
	if !one {
		return nil
	}
	for _, e := range entries {
		fmt.Fprintf(a.Out, "\n%s\nPopulation: %s\nSource: %s (%s)\n", e.Citation, e.Population, e.Source, e.Status)
		for _, r := range e.Results {
			if r.Source != e.Source {
				fmt.Fprintf(a.Out, "Source of %s %s: %s (%s)\n", r.Outcome, r.Measure, r.Source, r.Status)
			}
		}
		if e.Note != "" {
			fmt.Fprintln(a.Out, e.Note)
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
