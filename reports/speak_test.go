package reports

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"recoup/analysis"
)

// said is the sentence of a section after Speak.
func said(r Report, id string) string {
	var b strings.Builder
	for _, s := range Speak(r).Sections {
		if s.ID == id {
			for _, x := range s.Found {
				b.WriteString(x.Text)
				if x.Cell.Format.Kind != Blank {
					b.WriteString("#")
				}
			}
		}
	}
	return b.String()
}

// The difference of 56/70 and 48/80 has the interval that Newcombe 1998 printed,
// 0.0524 to 0.3339: MOVER on Wilson intervals is his method 10.
func TestDifferenceOfShares(t *testing.T) {
	wilson := func(x, n int) Cell {
		i := analysis.Wilson(x, n, 0.95)
		c := Share(x, n).Within(float64(i.Low), float64(i.High))
		c.Format.Decimals = 6
		return c
	}
	d, ok := difference(wilson(56, 70), wilson(48, 80))
	if !ok || math.Abs(d.Value-20) > 1e-4 || math.Abs(d.Low-5.243147) > 1e-4 || math.Abs(d.High-33.387265) > 1e-4 {
		t.Errorf("difference %v (%v to %v)", d.Value, d.Low, d.High)
	}
	// As written, without decimals: 80 (69 to 88) less 60 (49 to 70). Below
	// √(11² + 10²) = 14.87, above √(8² + 11²) = 13.60.
	a, b := wilson(56, 70), wilson(48, 80)
	a.Format.Decimals, b.Format.Decimals = 0, 0
	d, _ = difference(a, b)
	if math.Abs(d.Value-20) > 1e-9 || math.Abs(d.Low-(20-math.Hypot(11, 10))) > 1e-9 || math.Abs(d.High-(20+math.Hypot(8, 11))) > 1e-9 {
		t.Errorf("difference %v (%v to %v) of what is written", d.Value, d.Low, d.High)
	}
	back, _ := difference(b, a)
	if math.Abs(back.Low+d.High) > 1e-9 || math.Abs(back.High+d.Low) > 1e-9 {
		t.Error("turned around it is not the same difference")
	}
	hidden := a
	hidden.Hidden = Protected
	for name, c := range map[string]Cell{"hidden": hidden, "no interval": Share(56, 70), "few": wilson(7, 9), "not a share": Estimate(1, 0, 2, 0, 50), "none": NotAvailable("x")} {
		if _, ok := difference(a, c); ok {
			t.Errorf("a difference from %s", name)
		}
	}
}

// A change is one only where the interval as written leaves none out.
func TestWayOf(t *testing.T) {
	hidden := Estimate(-2, -3, -1, 1, 50)
	hidden.Hidden = Protected
	for _, c := range []struct {
		cell Cell
		want way
	}{
		{Estimate(-2, -3, -1, 1, 50), down},
		{Estimate(2, 1, 3, 1, 50), up},
		{Estimate(-0.5, -0.9, -0.04, 1, 50), unclear}, // written as −0.9 to 0.0
		{Estimate(-0.5, -0.9, -0.06, 1, 50), down},    // −0.9 to −0.1
		{Estimate(0.1, -1, 1, 1, 50), unclear},
		{Estimate(-2, -3, -1, 1, 9), unclear}, // nine patients
		{Estimate(-2, math.NaN(), -1, 1, 50), noInterval},
		{Estimate(math.NaN(), -3, -1, 1, 50), noInterval},
		{Estimate(-2, -1, -3, 1, 50), noInterval}, // bounds the wrong way around
		{hidden, noInterval},
		{Count(50), noInterval},
		{Cell{}, noInterval},
	} {
		if got := wayOf(c.cell); got != c.want {
			t.Errorf("%+v: %v, want %v", c.cell, got, c.want)
		}
	}
}

func glanceOf(now, then Cell) Report {
	return Report{Sections: []Section{{ID: "glance", Blocks: []Block{Tiles{Tiles: []Tile{{Topic: "Less pain", Value: now, Detail: Say("x").And(" Same quarter last year: ").With(then.Of("2025Q3")).And(".")}}}}}}}
}

// A headline is better or worse only where the interval of the difference says so.
func TestGlanceClaims(t *testing.T) {
	share := func(x, n int) Cell {
		i := analysis.Wilson(x, n, 0.95)
		return Share(x, n).Within(float64(i.Low), float64(i.High))
	}
	cost := func(v float64) Cell { return Estimate(v, v-100, v+100, 0, 50).WithUnit("$", "") }
	hidden := share(40, 80)
	hidden.Hidden = Protected
	for _, c := range []struct {
		now, then Cell
		want      string
		status    Status
	}{
		{share(56, 70), share(48, 80), "clearly better: less pain", Better},
		{share(48, 80), share(56, 70), "clearly worse: less pain", Worse},
		{share(50, 80), share(48, 80), "without a clear change: less pain", Same},
		{cost(-1000), cost(-500), "clearly better: less pain", Better}, // costs fell by more
		{cost(-500), cost(-1000), "clearly worse: less pain", Worse},
		{cost(-550), cost(-500), "without a clear change", Same},
		{hidden, share(48, 80), "Nothing is compared", NoStatus},
		{share(48, 80), hidden, "Nothing is compared", NoStatus},
		{share(7, 7), share(1, 8), "Nothing is compared", NoStatus},
		{share(56, 70), Share(1, 90), "Nothing is compared", NoStatus},
		{share(1, 1), share(0, 1), "Nothing is compared", NoStatus},
		{share(56, 70), NotAvailable("no last year"), "Nothing is compared", NoStatus},
	} {
		r := glanceOf(c.now, c.then)
		if got := said(r, "glance"); !strings.Contains(got, c.want) {
			t.Errorf("says %q, want %q", got, c.want)
		}
		tile := Speak(r).Sections[0].Blocks[0].(Tiles).Tiles[0]
		if tile.Status != c.status || (c.status != NoStatus) != (len(tile.Detail) == 8) {
			t.Errorf("status %v with %d spans, want %v", tile.Status, len(tile.Detail), c.status)
		}
		if given := r.Sections[0].Blocks[0].(Tiles).Tiles[0]; given.Status != NoStatus || len(given.Detail) != 4 {
			t.Error("Speak changed the report it was given")
		}
	}
}

// Under 70 % seen is said, 70 % is not under it, and a hidden share is not told.
func TestFollowUpIsSaid(t *testing.T) {
	of := func(c Cell) Report {
		return Report{Sections: []Section{{ID: "who", Blocks: []Block{Table{ID: "followed", Rows: []Row{
			{Cells: []Cell{Label("Admitted"), Count(90), Count(100), Label("referred"), Share(90, 100)}},
			{Cells: []Cell{Label("Seen at month 12"), Count(1), Count(2), Label("admitted"), c}},
		}}}}}}
	}
	hidden := Share(3, 90)
	hidden.Hidden = Protected
	for _, c := range []struct {
		cell Cell
		low  bool
	}{{Share(62, 90), true}, {Share(63, 90), false}, {Share(90, 90), false}} {
		if got := said(of(c.cell), "who"); strings.Contains(got, "under 70 %") != c.low || !strings.HasPrefix(got, "Of # referred, # were admitted. # of those admitted were seen at month 12") {
			t.Errorf("%v: says %q", c.cell.Value, got)
		}
	}
	if got := said(of(hidden), "who"); !strings.HasSuffix(got, "How many were seen at month 12 is not shown.") {
		t.Errorf("says %q", got)
	}
}

// Each group is counted by itself; hidden measures are counted as not shown, and what
// crosses no change as no clear change.
func TestOutcomesAreCounted(t *testing.T) {
	hidden := Estimate(1, 0.5, 1.5, 2, 50)
	hidden.Hidden = Protected
	row := func(label string, c Cell) ForestRow { return ForestRow{Label: label, Estimate: c} }
	r := Report{
		Warnings: []Warning{{Code: analysis.WarnLowFollowUp, Text: "Under 70 % came back."}},
		Sections: []Section{
			{ID: "who", Blocks: []Block{Table{ID: "table-one", Columns: []Column{{}, {Label: "A"}, {Label: "B"}}}}},
			{ID: "outcomes", Blocks: []Block{Figure{ID: "effects", Plot: Forest{Rows: []ForestRow{
				{Label: "Pain", Heading: true},
				row("pain, A", Estimate(1, 0.5, 1.5, 2, 50)), row("sleep, A", Estimate(0.1, -0.1, 0.3, 2, 50)), row("mood, A", hidden),
				row("pain, B", Estimate(-1, -1.5, -0.5, 2, 50)),
			}}}}},
		},
	}
	want := "A: of 2 measures with an effect size, 1 improved clearly, 0 got clearly worse and 1 did not change clearly (1 not shown); B: of 1 measure with an effect size, 0 improved clearly, 1 got clearly worse and 0 did not change clearly."
	if got := said(r, "outcomes"); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "Under 70 % came back.") || !strings.Contains(got, "not by themselves an effect") {
		t.Errorf("says %q", got)
	}
}

// A change of dose or cost that crosses zero is no clear change, and one of nine
// patients is not called clear.
func TestDoseAndCostClaims(t *testing.T) {
	of := func(c Cell) Report {
		return Report{Sections: []Section{
			{ID: "opioids", Blocks: []Block{Table{ID: "dose-all-patients", Rows: []Row{{Cells: []Cell{Label("Day 180"), Count(50), {}, {}, c}}}}}},
			{ID: "costs", Blocks: []Block{Table{ID: "costs-all-patients", Columns: make([]Column, 6), Rows: []Row{{Cells: []Cell{Label(careRow), Count(50), {}, {}, c}}}}}},
		}}
	}
	hidden := Estimate(-2, -3, -1, 1, 50)
	hidden.Hidden = Protected
	for _, c := range []struct {
		cell Cell
		want string
	}{
		{Estimate(-2, -3, -1, 1, 50), "a clear fall."},
		{Estimate(2, 1, 3, 1, 50), "a clear rise."},
		{Estimate(-2, -5, 1, 1, 50), "no clear change."},
		{Estimate(-2, -3, -1, 1, 9), "too few patients to call it clear."},
		{Number(-2, 1, 50), "no interval, so no change is claimed."},
		{hidden, "is not shown."},
	} {
		for _, id := range []string{"opioids", "costs"} {
			if got := said(of(c.cell), id); !strings.HasSuffix(got, c.want) {
				t.Errorf("%s says %q, want %q", id, got, c.want)
			}
		}
	}
}

// A site where all improved is outside the limits only by its own chance: of 12
// patients at 60 % all improve once in 459 times, of 20 once in 27,351.
func TestSitesOutsideTheLimits(t *testing.T) {
	limits := []FunnelLimit{{N: 1, Lower998: 0, Upper998: 0.99}, {N: 100, Lower998: 0.4, Upper998: 0.8}}
	of := func(points ...FunnelPoint) string {
		return sayFunnel(Funnel{Center: 0.6, Limits: limits, Points: append(points, FunnelPoint{Label: "x", N: 100, Y: 0.6})}, Language{})
	}
	for _, c := range []struct {
		n, y float64
		want string
	}{{12, 1, "none lies outside"}, {20, 1, "limits: A."}, {100, 0.81, "limits: A."}, {100, 0.8, "none lies"}, {100, 0.39, "limits: A."}, {9, 0, "not compared"}, {12, 0, "limits: A."}, {math.NaN(), 1, "not compared"}, {200, 1, "not compared"}} {
		got := of(FunnelPoint{Label: "A", N: c.n, Y: c.y})
		if !strings.Contains(got, c.want) {
			t.Errorf("%v of %v: says %q, want %q", c.y, c.n, got, c.want)
		}
	}
}

// A site is called better or worse than the average only where its interval, as it is
// written, leaves an odds ratio of 1 out, and of ten patients or more.
func TestAdjustedSitesClaims(t *testing.T) {
	site := func(label string, value, low, high float64, n int) ForestRow {
		e := Estimate(value, low, high, 2, n)
		e.Basis = ShareOf(n/2, n)
		return ForestRow{Label: label, Estimate: e}
	}
	hidden := site("H", 3, 2, 4, 50)
	hidden.Estimate.Hidden = Protected
	average := site("x", 1, 0.5, 2, 50)
	for _, c := range []struct {
		row  ForestRow
		want string
	}{
		{site("A", 2, 1.2, 3.3, 50), "of 2 sites, clearly better than the average site: A."},
		{site("A", 0.5, 0.3, 0.8, 50), "of 2 sites, clearly worse than the average site: A."},
		{site("A", 2, 0.9, 4.4, 50), "none of 2 sites differs clearly"},
		{site("A", 1.5, 1.004, 2.2, 50), "none of 2 sites differs clearly"}, // written as 1.00 to 2.20
		{site("A", 0.7, 0.5, 0.996, 50), "none of 2 sites differs clearly"},
		{site("A", 9, 3, 27, 9), "none of 2 sites differs clearly"}, // nine patients
		{site("A", 2, math.NaN(), math.NaN(), 50), ""},
		{hidden, ""},
	} {
		got := sayAdjusted(Forest{Rows: []ForestRow{c.row, average}}, Language{})
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%+v: says %q, want %q", c.row.Estimate, got, c.want)
		}
	}
	both := Forest{Rows: []ForestRow{site("A", 2, 1.2, 3.3, 50), site("B", 0.5, 0.3, 0.8, 50), average}}
	if got, want := sayAdjusted(both, Language{}), "Adjusted for case mix, of 3 sites, clearly better than the average site: A; clearly worse than the average site: B. What is not recorded is not adjusted for."; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
}

// What is hidden is in no sentence, whatever it is: every number of every section is
// hidden here, and Speak writes none.
func TestSpeakTellsNothingHidden(t *testing.T) {
	hide := func(c Cell) Cell { return Cell{Format: c.Format, Hidden: Protected} }
	e, n, s := hide(Estimate(-2, -3, -1, 1, 50)), hide(Count(50)), hide(Share(1, 50))
	r := Report{Sections: []Section{
		glanceOf(s, s).Sections[0],
		{ID: "who", Blocks: []Block{Table{ID: "followed", Rows: []Row{{Cells: []Cell{Label("Admitted"), n, n, Label("referred"), s}}, {Cells: []Cell{Label("Seen at end"), n, n, Label("admitted"), s}}}}}},
		{ID: "outcomes", Blocks: []Block{Figure{ID: "effects", Plot: Forest{Rows: []ForestRow{{Label: "pain", Estimate: e}}}}}},
		{ID: "opioids", Blocks: []Block{Table{ID: "dose-all-patients", Rows: []Row{{Cells: []Cell{Label("d"), n, e, e, e}}}}}},
		{ID: "work", Blocks: []Block{Table{ID: "surgery", Rows: []Row{{Total: true, Cells: []Cell{Label("this cohort"), Label("all"), Label("day 365"), Label("any-work"), s}}}}}},
		{ID: "time", Blocks: []Block{Figure{ID: "important-by-quarter", Plot: Control{Points: []ControlPoint{{Label: "2026Q3", Y: math.NaN()}}}}}},
		{ID: "costs", Blocks: []Block{Table{ID: "costs-all-patients", Columns: make([]Column, 6), Rows: []Row{{Cells: []Cell{Label(careRow), n, e, e, e}}}}}},
		{ID: "data", Blocks: []Block{Table{ID: "completeness", Columns: []Column{{}, {Label: "End"}}, Rows: []Row{{Cells: []Cell{Label("pain"), hide(CountShare(1, 50))}}}}}},
	}}
	for _, s := range r.Sections {
		got := said(r, s.ID)
		if got == "" || strings.Contains(got, "#") || strings.Contains(got, "clear ") {
			t.Errorf("%s says %q of hidden numbers", s.ID, got)
		}
	}
}

// A share of draws that is not all of them is not written as 100 %.
func TestPercentOf(t *testing.T) {
	for p, want := range map[float64]string{0: "0", 0.73: "73", 0.004: "0.4", 0.996: "99.6", 0.9994: "99.9", 0.99996: "99.996", 0.0001: "0.01", 1: "100", 0.5: "50"} {
		if got := percentOf(p); got != want {
			t.Errorf("%g is written %s, want %s", p, got, want)
		}
	}
}

// The first sentence of the charts says what both of them show of the last quarter, and
// of the chart of means no more than a signal.
func TestSayBothCharts(t *testing.T) {
	chart := func(id string, signals ...Signal) Block {
		p := Control{}
		for i, s := range signals {
			p.Points = append(p.Points, ControlPoint{Label: fmt.Sprintf("2026Q%d", i+1), Y: 0.5, Upper: 0.8, Signal: s, Rule: "outside limits"})
		}
		return Figure{ID: id, Plot: p}
	}
	for _, c := range []struct {
		shares, means []Signal
		want          string
	}{
		{[]Signal{Improvement, CommonCause}, []Signal{CommonCause, Concern}, "gives no signal in 2026Q2, the last of 2 quarters. The chart of the mean change gives a signal of concern (outside limits) in 2026Q2."},
		{[]Signal{CommonCause, Improvement}, []Signal{Concern, CommonCause}, "gives a signal for the better (outside limits) in 2026Q2, the last of 2 quarters."},
	} {
		s := Section{ID: "time", Blocks: []Block{chart(importantByQuarter, c.shares...), chart(changeByQuarter, c.means...)}}
		text := ""
		for _, x := range sayTime(&s, speaker{}) {
			text += x.Text
		}
		if want := "The control chart of important improvements " + c.want; text != want {
			t.Errorf("got %q, want %q", text, want)
		}
	}
}
