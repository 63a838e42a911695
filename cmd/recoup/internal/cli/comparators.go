package cli

import (
	"fmt"
	"maps"
	"slices"

	"recoup/analysis"
	"recoup/datasets/published"
)

// comparatorRow is one published result, with what is needed to judge it.
type comparatorRow struct {
	ID         string       `json:"id"`
	Outcome    string       `json:"outcome"`
	Arm        string       `json:"arm,omitempty"`
	Reference  string       `json:"reference,omitempty"`
	Group      string       `json:"group,omitempty"`
	Measure    string       `json:"measure"`
	Value      analysis.Num `json:"value"`
	SD         analysis.Num `json:"sd"`
	Low        analysis.Num `json:"low"`
	High       analysis.Num `json:"high"`
	Unit       string       `json:"unit,omitempty"`
	Events     analysis.Num `json:"events"`
	N          int          `json:"n"`
	Horizon    string       `json:"horizon,omitempty"`
	Definition string       `json:"definition,omitempty"`
	Complement bool         `json:"complement,omitempty"` // the complement of what was measured
	Population string       `json:"population"`
	Payer      string       `json:"payer,omitempty"`
	WorkBefore string       `json:"work_before,omitempty"`
	Procedure  string       `json:"procedure,omitempty"`
	Status     string       `json:"status"`
	Citation   string       `json:"citation"`
	Source     string       `json:"source"`
	Note       string       `json:"note,omitempty"`
}

func comparatorRows(entries []published.Entry) []comparatorRow {
	rows := []comparatorRow{}
	for _, e := range entries {
		for _, r := range e.Results {
			m := e.CaseMix(r)
			rows = append(rows, comparatorRow{
				ID: e.ID, Outcome: r.Outcome, Arm: r.Arm, Reference: r.Reference, Group: r.Group, Measure: string(r.Measure),
				Value: analysis.Num(r.Value), SD: analysis.Num(r.SD), Low: analysis.Num(r.Low), High: analysis.Num(r.High),
				Unit: r.Unit, Events: analysis.Num(r.Events), N: r.N, Horizon: r.At.String(), Definition: r.Definition,
				Complement: r.Complement, Population: e.Population, Payer: m.Payer, WorkBefore: m.WorkBefore, Procedure: m.Procedure,
				Status: string(r.Status), Citation: e.Citation, Source: r.Source, Note: r.Note,
			})
		}
	}
	return rows
}

func comparatorGrid(rows []comparatorRow) grid {
	g := grid{
		head:  []string{"id", "outcome", "arm", "measure", "value", "n", "horizon", "payer", "status"},
		right: []bool{false, false, false, false, true, true, false, false, false},
	}
	for _, r := range rows {
		value := r.Value.Text() + " " + r.Unit
		switch {
		case r.Value.OK():
		case r.Events.OK():
			value = r.Events.Text() + " of " + fmt.Sprint(r.N)
		default:
			value = r.Low.Text() + " to " + r.High.Text() + " " + r.Unit
		}
		arm := r.Arm
		if r.Group != "" {
			arm = fmt.Sprintf("%s (%s)", arm, r.Group)
		}
		n := ""
		if r.N > 0 {
			n = fmt.Sprint(r.N)
		}
		status := r.Status
		if r.Complement {
			status += ", complement"
		}
		g.rows = append(g.rows, []string{r.ID, r.Outcome, arm, r.Measure, value, n, r.Horizon, r.Payer, status})
	}
	return g
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
