package taper

import (
	"cmp"
	"math"
	"slices"

	"recoup/analysis"
)

// dayDose is what the records of one patient say of one day.
type dayDose struct {
	day  int
	dose float64
}

// byDay returns the known days of each patient, in order, what was recorded for one
// day added up.
func (rs rows) byDay(patients int) [][]dayDose {
	out := make([][]dayDose, patients)
	for r, p := range rs.patient {
		if p >= 0 && !math.IsNaN(rs.dose[r]) && !math.IsNaN(rs.day[r]) {
			out[p] = append(out[p], dayDose{int(math.Floor(rs.day[r])), rs.dose[r]})
		}
	}
	for p, days := range out {
		slices.SortFunc(days, func(a, b dayDose) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.dose, b.dose)) })
		var one []dayDose
		for _, d := range days {
			if k := len(one) - 1; k >= 0 && one[k].day == d.day {
				one[k].dose += d.dose
				continue
			}
			one = append(one, d)
		}
		out[p] = one
	}
	return out
}

// listed returns the curves of single patients of the groups, in the order of their
// pseudonyms: the mean of each week (spaghetti), and whether they were on the drug (1),
// off (0) or unknown (null) from a day on (swimmer). They are for local eyes.
func (rs rows) listed(h *history, groups []analysis.Group, o WeekOptions) []analysis.Series {
	in := make([]bool, h.c.Patients())
	for _, g := range groups {
		for _, p := range g.Patients {
			in[p] = true
		}
	}
	ids, days := h.pseudonyms(), rs.byDay(len(in))
	var out []analysis.Series
	for _, p := range h.c.ByIdentifier() {
		from, _ := slices.BinarySearchFunc(days[p], 7*o.From, func(d dayDose, day int) int { return d.day - day })
		to, _ := slices.BinarySearchFunc(days[p], 7*o.To+7, func(d dayDose, day int) int { return d.day - day })
		if in[p] && from < to {
			out = append(out, spaghetti(ids[p], days[p][from:to], rs.unit), swimmer(ids[p], days[p][from:to]))
		}
	}
	return out
}

func point(x, y float64, n int) analysis.Point {
	return analysis.Point{X: analysis.Num(x), Y: analysis.Num(y), Low: analysis.None, High: analysis.None, N: 1, Records: n}
}

func spaghetti(id string, days []dayDose, unit string) analysis.Series {
	s := analysis.Series{Name: "spaghetti", Group: id, XUnit: "week", YUnit: unit, Local: true}
	for i := 0; i < len(days); {
		k, sum, n := math.Floor(float64(days[i].day)/7), 0.0, 0
		for ; i < len(days) && math.Floor(float64(days[i].day)/7) == k; i++ {
			sum += days[i].dose
			n++
		}
		s.Points = append(s.Points, point(k, sum/float64(n), n))
	}
	return s
}

func swimmer(id string, days []dayDose) analysis.Series {
	s := analysis.Series{Name: "swimmer", Group: id, Step: true, XUnit: "days", YUnit: "1 on, 0 off, null unknown", Local: true}
	state := math.NaN()
	for i, d := range days {
		if i > 0 && d.day > days[i-1].day+1 {
			s.Points = append(s.Points, point(float64(days[i-1].day+1), math.NaN(), 0))
			state = math.NaN()
		}
		now := 0.0
		if d.dose > 0 {
			now = 1
		}
		if now != state {
			s.Points = append(s.Points, point(float64(d.day), now, 1))
			state = now
		}
	}
	s.Points = append(s.Points, point(float64(days[len(days)-1].day+1), math.NaN(), 0))
	return s
}
