package economics

import (
	"cmp"
	"math"
	"slices"

	"recoup/analysis"
)

// table sorts the strategies by mean cost and finds the efficient frontier.
func (d Draws) table() []Row {
	rows := make([]Row, len(d.Strategies))
	index := make([]int, len(rows))
	for s, name := range d.Strategies {
		c, seC := d.linear(map[int]float64{s: 1}, nil)
		e, seE := d.linear(nil, map[int]float64{s: 1})
		rows[s] = Row{
			Strategy: name, Cost: analysis.Num(c), CostMCSE: analysis.Num(seC), Effect: analysis.Num(e), EffectMCSE: analysis.Num(seE),
			Comparison: Comparison{Strategy: name, Cost: nan, CostMCSE: nan, Effect: nan, EffectMCSE: nan, ICER: nan, ICERMCSE: nan},
		}
		index[s] = s
	}
	slices.SortStableFunc(index, func(a, b int) int {
		return cmp.Or(cmp.Compare(rows[a].Cost, rows[b].Cost), -cmp.Compare(rows[a].Effect, rows[b].Effect))
	})
	frontier := efficient(rows, index)
	for at, s := range frontier {
		rows[s].Status = OnFrontier
		if at == 0 {
			rows[s].Reason = "the first of the frontier; there is nothing before it"
			continue
		}
		rows[s].Comparison = d.compare(s, frontier[at-1])
	}
	out := make([]Row, 0, len(rows))
	for _, s := range index {
		out = append(out, rows[s])
	}
	return out
}

// efficient returns the strategies of the frontier by rising cost and marks the
// others. Strong dominance first: along rising cost only a new highest effect
// survives. Then extended dominance: a strategy falls if the next one has the
// lower ratio against the one before it, until ratios rise all along.
func efficient(rows []Row, index []int) []int {
	var keep []int
	for _, s := range index {
		if len(keep) > 0 && rows[s].Effect <= rows[keep[len(keep)-1]].Effect {
			rows[s].Status = Dominated
			by := rows[keep[len(keep)-1]]
			rows[s].Reason = "dominated by " + by.Strategy
			if rows[s].Cost == by.Cost && rows[s].Effect == by.Effect {
				rows[s].Reason = "the same cost and effect as " + by.Strategy + ", which is listed before it"
			}
			continue
		}
		keep = append(keep, s)
	}
	ratio := func(a, b int) float64 {
		return float64(rows[b].Cost-rows[a].Cost) / float64(rows[b].Effect-rows[a].Effect)
	}
	for i := 1; i+1 < len(keep); {
		a, b, c := keep[i-1], keep[i], keep[i+1]
		if ratio(a, b) <= ratio(b, c) || math.IsNaN(ratio(a, b)) {
			i++
			continue
		}
		rows[b].Status = Extended
		rows[b].Reason = "extended dominance by a mix of " + rows[a].Strategy + " and " + rows[c].Strategy
		keep = slices.Delete(keep, i, i+1)
		i = max(1, i-1)
	}
	return keep
}
