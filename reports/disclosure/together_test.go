package disclosure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"recoup/reports"
)

// asSet protects reports of the sites A, B, ... and then one of all.
func asSet(t *testing.T, rs ...reports.Report) []reports.Report {
	t.Helper()
	var set []Member
	for i, r := range rs {
		m := Member{Report: r, Site: string(rune('A' + i))}
		if i == len(rs)-1 {
			m.Site = ""
		}
		set = append(set, m)
	}
	out, err := Together(t.Context(), set, Options{Policy: named(t, "cms-11")})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]reports.Report, len(out))
	for i, p := range out {
		if got[i] = p.Report; p.Audit.Broken > 0 {
			t.Errorf("%d small counts can be found", p.Audit.Broken)
		}
	}
	return got
}

// list is a report with a table of one column of counts.
func list(cells ...reports.Cell) reports.Report {
	t := reports.Table{ID: "t"}
	for _, c := range cells {
		t.Rows = append(t.Rows, reports.Row{Cells: []reports.Cell{c}})
	}
	return with(t)
}

// seen tells which counts of such a report are shown.
func seen(r reports.Report) []bool {
	var out []bool
	for _, row := range shownTable(r).Rows {
		out = append(out, row.Cells[0].Hidden == reports.Shown)
	}
	return out
}

func everybody(n int) reports.Cell {
	return reports.Count(n).Named(reports.Everybody).Of(reports.WholeCohort)
}

// The overview shows 400 patients, site A 200 and site B 195: C's own report hides
// its 5, and 400 − 200 − 195 gives it away. By themselves all but the 5 are shown.
func TestSiteIsNotFoundFromTheOthers(t *testing.T) {
	rs := []reports.Report{list(everybody(200)), list(everybody(195)), list(everybody(5)), list(everybody(400))}
	shown := func(rs []reports.Report) (n int) {
		for _, r := range rs {
			if seen(r)[0] {
				n++
			}
		}
		return n
	}
	var alone []reports.Report
	for _, r := range rs {
		out, _ := Apply(r, named(t, "cms-11"))
		alone = append(alone, out)
	}
	if shown(alone) != 3 {
		t.Fatalf("%d reports show their number by themselves, want 3", shown(alone))
	}
	got := asSet(t, rs...)
	if seen(got[2])[0] || shown(got) > 2 {
		t.Errorf("together %d are shown, C's 5: %v", shown(got), seen(got[2])[0])
	}
	if !seen(got[3])[0] {
		t.Error("the total is hidden where one more site would do")
	}
}

// 400 in all, 200 at A and 197 at B leave 3 without a site. With 400 = 200 + 200
// nothing is left, and nothing is hidden; nor with 30 left.
func TestPatientsWithoutSite(t *testing.T) {
	for b, hidden := range map[int]bool{197: true, 200: false, 170: false} {
		got := asSet(t, list(everybody(200)), list(everybody(b)), list(everybody(400)))
		all := seen(got[0])[0] && seen(got[1])[0] && seen(got[2])[0]
		if all == hidden {
			t.Errorf("200 and %d of 400: all are shown: %v", b, all)
		}
	}
}

// The overview says of site B what B's own report calls by the same name: a count
// hidden there, since its neighbor is small, is hidden in the overview, and the same
// count of site A is not.
func TestOverviewHidesWhatTheSiteHides(t *testing.T) {
	site := func(small int) reports.Report {
		r := list(reports.Count(small).Named("a"), reports.Count(30).Named("b"), reports.Count(small+30))
		table := r.Sections[0].Blocks[0].(reports.Table)
		table.Sums = []reports.Sum{{Total: reports.At{Row: 2}, Parts: []reports.At{{Row: 0}, {Row: 1}}}}
		r.Sections[0].Blocks[0] = table
		return r
	}
	got := asSet(t, site(20), site(4), list(reports.Count(30).Named("b/A"), reports.Count(30).Named("b/B")))
	if want := []bool{true, true, true}; !slices.Equal(seen(got[0]), want) {
		t.Errorf("site A shows %v", seen(got[0]))
	}
	if want := []bool{false, false, true}; !slices.Equal(seen(got[1]), want) {
		t.Errorf("site B shows %v, want %v", seen(got[1]), want)
	}
	if want := []bool{true, false}; !slices.Equal(seen(got[2]), want) {
		t.Errorf("the overview shows %v, want %v", seen(got[2]), want)
	}
}

// Reports of two or three sites, each with some counts and their total, and one of
// all with the same: the slow attacker, who is given what is shown in all of them and
// knows nothing of names, must think more than 10 possible for each small count. The
// 150 sets are the same in every run, so that none fails by chance.
func TestRandomSetsWithstandOracle(t *testing.T) {
	small, hidden := 0, 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 4))
		sites, levels := 2+r.IntN(2), 2+r.IntN(2)
		truth := make([][]int, sites+1) // the last of all; the last count of each is its total
		truth[sites] = make([]int, levels+1)
		for i := range sites {
			truth[i] = make([]int, levels+1)
			for j := range levels {
				n := 1 + r.IntN(14)
				if r.IntN(2) == 0 {
					n = 20 + r.IntN(60)
				}
				for _, at := range [][2]int{{i, j}, {i, levels}, {sites, j}, {sites, levels}} {
					truth[at[0]][at[1]] += n
				}
			}
		}
		var set []reports.Report
		for _, counts := range truth {
			var cells []reports.Cell
			sum := reports.Sum{Total: reports.At{Row: levels}}
			for j, n := range counts {
				cells = append(cells, reports.Count(n).Named(fmt.Sprint("level ", j)))
				if j < levels {
					sum.Parts = append(sum.Parts, reports.At{Row: j})
				}
			}
			rep := list(cells...)
			table := rep.Sections[0].Blocks[0].(reports.Table)
			table.Sums = []reports.Sum{sum}
			rep.Sections[0].Blocks[0] = table
			set = append(set, rep)
		}
		got := asSet(t, set...)
		k := &known{}
		at := make([][]int, sites+1)
		for i, rep := range got {
			for j, ok := range seen(rep) {
				at[i] = append(at[i], k.unknown(1, math.Inf(1)))
				if ok {
					k.eqs = append(k.eqs, balance{[]int{at[i][j]}, []int64{1}, int64(truth[i][j])})
				} else {
					hidden++
				}
			}
		}
		add := func(total int, parts ...int) {
			e := balance{of: append(parts, total), coef: slices.Repeat([]int64{1}, len(parts)+1)}
			e.coef[len(parts)] = -1
			k.eqs = append(k.eqs, e)
		}
		for i := range at {
			add(at[i][levels], at[i][:levels:levels]...)
		}
		for j := range levels + 1 {
			var parts []int
			for i := range sites {
				parts = append(parts, at[i][j])
			}
			add(at[sites][j], parts...)
		}
		for i := range at {
			for j, n := range truth[i] {
				if n > 10 {
					continue
				}
				small++
				if low, high, err := (oracle{k}).bounds(at[i][j]); err != nil || high < 11 {
					t.Errorf("set %d: a count of %d is known to lie from %g to %g: %v", seed, n, low, high, err)
				}
			}
		}
	}
	if per := float64(hidden) / float64(small); small < 300 || per > 2.6 {
		t.Errorf("%d hidden for %d small ones: %.2f each", hidden, small, per)
	} else {
		t.Logf("%d hidden for %d small ones: %.2f each", hidden, small, per)
	}
}

// Site A has 30 of 60, and 4 of 50 at B are left out: the center line of all
// sites would give it back. So it would where the point is left out only for the
// sake of another number.
func TestCenterGoesWithAPoint(t *testing.T) {
	funnel := func(events int) reports.Report {
		return with(reports.Figure{ID: "f", Plot: reports.Funnel{
			Center: 0.4, Limits: []reports.FunnelLimit{{N: 10}}, Points: []reports.FunnelPoint{
				{Label: "A", N: 60, Y: 0.5, Basis: reports.ShareOf(30, 60), Signal: reports.Improvement},
				{Label: "B", N: 50, Y: float64(events) / 50, Basis: reports.Basis{Kind: reports.ShareOfPatients, Numerator: events, Denominator: 50, Quantity: "x"}},
			},
		}}, counts([][]int{{4, 20}, {40, 30}}))
	}
	for events, goes := range map[int]bool{4: true, 25: false} {
		out, _ := Apply(funnel(events), named(t, "cms-11"))
		f := out.Sections[0].Blocks[0].(reports.Figure)
		p := f.Plot.(reports.Funnel)
		if gone := math.IsNaN(p.Center) && len(p.Limits) == 0 && p.Points[0].Signal == reports.CommonCause; gone != goes || gone != (len(f.Caption) > 0) {
			t.Errorf("%d of 50: the center line goes: %v", events, gone)
		}
		if math.IsNaN(p.Points[0].Y) || math.IsNaN(p.Points[1].Y) != goes {
			t.Errorf("%d of 50: points %v", events, p.Points)
		}
	}
	// 20 stands beside the small 4 of its row: hidden for its sake, in the table and in
	// the figure.
	r := funnel(20)
	table := r.Sections[0].Blocks[1].(reports.Table)
	table.Rows[0].Cells[1] = table.Rows[0].Cells[1].Named("x")
	out, _ := Apply(r, named(t, "cms-11"))
	if f := out.Sections[0].Blocks[0].(reports.Figure).Plot.(reports.Funnel); !math.IsNaN(f.Points[1].Y) || !math.IsNaN(f.Center) {
		t.Errorf("the center line stays: %+v", f)
	}
}

// What says why a number is missing is text like any other.
func TestReasonsAreText(t *testing.T) {
	out, audit := Apply(with(reports.Tiles{Tiles: []reports.Tile{{Value: reports.NotAvailable("The group has 2 patients with the values needed.")}}}), named(t, "cms-11"))
	if why := out.Sections[0].Blocks[0].(reports.Tiles).Tiles[0].Value.Why; why != "The group has few patients with the values needed." || len(audit.Findings) != 1 {
		t.Errorf("%q, %v", why, audit.Findings)
	}
}

// Who interrupts gets no report.
func TestTogetherCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	set := []Member{{Report: with(counts([][]int{{24, 31, 3}, {40, 22, 18}}))}}
	if out, err := Together(ctx, set, Options{Policy: named(t, "cms-11")}); !errors.Is(err, context.Canceled) || out != nil {
		t.Errorf("%v, %v", out, err)
	}
	if _, err := Attack(ctx, []Sheet{newSheet("t", [][]string{{"", "a", "Total"}, {"x", "*", "3"}})}, 11, true); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Where a site's number is hidden so that nothing follows from the total, its mean goes
// with it: the total's mean less the others' is its own.
func TestMeansOfSitesGoWithTheirNumbers(t *testing.T) {
	report := func(n int) reports.Report {
		return list(reports.Count(n).Named("seen"), reports.Mean(5, 1, 1, n).Named("seen"))
	}
	hidden := 0
	for i, r := range asSet(t, report(200), report(195), report(5), report(400)) {
		got := seen(r)
		if got[0] != got[1] {
			t.Errorf("report %d: the number is shown: %v, its mean: %v", i, got[0], got[1])
		}
		if !got[0] {
			hidden++
		}
	}
	if hidden != 2 {
		t.Errorf("%d are hidden, want the 5 and one more", hidden)
	}
}

// Places of two sites are not held against each other.
func TestPlacesNameTheirSite(t *testing.T) {
	set := []Member{{Report: list(reports.Count(40)), Site: "A"}, {Report: list(reports.Count(43)), Site: "B"}, {Report: list(reports.Count(90))}}
	g, out, err := pass(t.Context(), set, Options{Policy: named(t, "cms-11")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"A|all patients|s/t|", "B|all patients|s/t|", "all patients|s/t|"} {
		if r := g.release(i, out[i]); len(r.Shown) != 1 || !strings.HasPrefix(r.Shown[0].Key, want) {
			t.Errorf("report %d: %+v, want the key %s", i, r.Shown, want)
		}
	}
}

// A total of 8 over two hidden counts of at least one leaves each 1 to 7.
func TestEachHiddenCountIsAsked(t *testing.T) {
	found, err := Attack(t.Context(), []Sheet{newSheet("t", [][]string{{"", "a", "b", "Total"}, {"x", "*", "*", "8"}, {"y", "20", "30", "50"}})}, 11, true)
	if err != nil || len(found) < 2 {
		t.Fatalf("%v, %v", found, err)
	}
	for i, d := range found[len(found)-2:] {
		if d.Code != CodeNarrowed || d.Low != 1 || d.High != 7 {
			t.Errorf("count %d: %+v", i, d)
		}
	}
}
