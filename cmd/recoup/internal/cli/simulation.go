package cli

import (
	"fmt"
	"strings"

	"recoup/simulate"
)

// simulationTable is a simulation as one long table: outcomes by strategy,
// differences, and trajectories by week with percentiles over the patients.
func simulationTable(r simulate.Result) grid {
	g := grid{head: strings.Fields("kind strategy outcome unit week n mean sd mcse parameter_sd lower upper dominant")}
	g.right = []bool{false, false, false, false, true, true, true, true, true, true, true, true, false}
	var percentiles []float64
	for _, st := range r.Strategies {
		for _, t := range st.Trajectories {
			for _, q := range t.Quantiles {
				if len(percentiles) < len(t.Quantiles) {
					percentiles = append(percentiles, q.P)
					g.head, g.right = append(g.head, fmt.Sprintf("p%g", 100*q.P)), append(g.right, true)
				}
			}
		}
	}
	none := make([]string, len(percentiles))
	estimates := func(kind string, list []simulate.Strategy) {
		for _, st := range list {
			for _, e := range st.Estimates {
				row := []string{kind, st.Name, e.Outcome, e.Unit, "", fmt.Sprint(e.N), full(e.Mean), full(e.SD), full(e.MCSE), full(e.ParameterSD), full(e.Lower), full(e.Upper), e.Dominant}
				g.rows = append(g.rows, append(row, none...))
			}
		}
	}
	estimates("strategy", r.Strategies)
	estimates("difference", r.Differences)
	for _, st := range r.Strategies {
		for _, t := range st.Trajectories {
			for week := range t.Mean {
				row := []string{"trajectory", st.Name, t.Series, t.Unit, fmt.Sprint(week), "", full(t.Mean[week]), "", full(t.MCSE[week]), "", "", "", ""}
				for k := range percentiles {
					x := ""
					if k < len(t.Quantiles) {
						x = full(t.Quantiles[k].Values[week])
					}
					row = append(row, x)
				}
				g.rows = append(g.rows, row)
			}
		}
	}
	return g
}
