package cli

import (
	"fmt"
	"io"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/economics"
	"recoup/simulate"
)

// successNames are the outcomes that count as a success, with what tables call them.
var successNames = []struct{ outcome, short string }{
	{"pain_responder_horizon", "30 % less pain"}, {"off_opioids_horizon", "off opioids"}, {"working_horizon", "at work"}, {"sustained_return", "sustained return"},
}

// successesOf works out what one more success costs a strategy against the reference, for
// the outcomes that the result has.
func successesOf(r simulate.Result, at int) []economics.Success {
	out := []economics.Success{}
	if at == 0 {
		return out
	}
	n := float64(r.Draws) * float64(r.Patients)
	ref, st, diff := r.Strategies[0], r.Strategies[at], r.Differences[at-1]
	cost, death := estimateOf(diff, "cost"), float64(estimateOf(diff, "death").MCSE)
	if math.IsNaN(death) {
		death = 0 // not among the outputs
	}
	for _, s := range successNames {
		if !slices.ContainsFunc(r.Outcomes, func(o simulate.Outcome) bool { return o.Name == s.outcome }) {
			continue
		}
		x, y, d := estimateOf(ref, s.outcome), estimateOf(st, s.outcome), estimateOf(diff, s.outcome)
		of := func(e simulate.Estimate) float64 { return float64(e.Mean) * float64(e.N) / n }
		// The error of the difference among those alive in both, and of who is: the dead
		// count as without success.
		mcse := math.Hypot(float64(d.MCSE)*float64(d.N)/n, float64(y.Mean)*death)
		out = append(out, economics.Success{
			Strategy: st.Name, Versus: ref.Name, Outcome: s.outcome, Rate: analysis.Num(of(y)), More: analysis.Num(of(y) - of(x)),
			MoreMCSE: analysis.Num(mcse), Cost: analysis.Num(cost.Mean), CostMCSE: analysis.Num(cost.MCSE),
		}.Ratio())
	}
	return out
}

// allSuccesses are those of every strategy but the reference.
func allSuccesses(r simulate.Result) []economics.Success {
	out := []economics.Success{}
	for i := range r.Strategies {
		out = append(out, successesOf(r, i)...)
	}
	return out
}

// successText writes a row for each strategy: how many more of 100 patients have a success,
// and what one more costs.
func successText(w io.Writer, list []economics.Success) {
	if len(list) == 0 {
		return
	}
	n := newNotes()
	fmt.Fprintf(w, "\nWhat one more success costs against %s; all of the extra cost is set against each success in turn, so the figures cannot be added:\n", list[0].Versus)
	g := grid{head: []string{"strategy"}, right: []bool{false}}
	for _, s := range successNames {
		if slices.ContainsFunc(list, func(x economics.Success) bool { return x.Outcome == s.outcome }) {
			g.head, g.right = append(g.head, s.short+": more of 100", "cost of one"), append(g.right, true, true)
		}
	}
	for i, x := range list {
		if i == 0 || x.Strategy != list[i-1].Strategy {
			g.rows = append(g.rows, []string{x.Strategy})
		}
		cost := number(float64(x.PerSuccess))
		if x.Reason != "" {
			if cost != "" {
				cost += " "
			}
			cost += n.mark(x.Reason)
		}
		last := &g.rows[len(g.rows)-1]
		*last = append(*last, number(100*float64(x.More)), cost)
	}
	g.text(w)
	for i, x := range n.list {
		fmt.Fprintf(w, "[%d] %s\n", i+1, x)
	}
}
