package disclosure

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// attackCase is one table of ../shared/refcases/privacy/table_attacks.json.
type attackCase struct {
	ID        string `json:"id"`
	Published struct {
		Cells     [][]any `json:"cells"`
		RowTotals []any   `json:"row_totals"`
		ColTotals []any   `json:"col_totals"`
		Grand     any     `json:"grand_total"`
	} `json:"published"`
	Truth     [][]int                          `json:"truth"`
	Intervals []struct{ Row, Col, Lo, Hi int } `json:"hidden_intervals"`
	Exact     []struct{ Row, Col, Value int }  `json:"recoverable_exact"`
	Positive  []struct {
		Row, Col int
		Interval [2]int
	} `json:"disclosed_if_hidden_is_known_positive"`
	Verdict string `json:"verdict"`
}

func attackCases(t *testing.T) []attackCase {
	t.Helper()
	raw, err := os.ReadFile("../../../shared/refcases/privacy/table_attacks.json")
	if err != nil {
		t.Skip("SKIPPED: the table attacks are absent from the shared folder beside the project")
	}
	var cases []attackCase
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 100 {
		t.Fatalf("%d cases read, want at least 100", len(cases))
	}
	return cases
}

// crosstab is the system of a two-way table with its margins.
type crosstab struct {
	system
	cell [][]int
}

// newCrosstab lays out a table; shownAt says what an entry shows (nil, "*" or a
// number), for cells and for each margin.
func newCrosstab(c attackCase, all bool) crosstab {
	t := crosstab{}
	add := func(v int, entry any) int {
		_, number := entry.(float64)
		t.q = append(t.q, quantity{value: v, shown: number || all, listed: entry != nil, small: v >= 1 && v <= 10})
		return len(t.q) - 1
	}
	rows, cols := len(c.Truth), len(c.Truth[0])
	rowSum, colSum, grand := make([]int, rows), make([]int, cols), 0
	for i, row := range c.Truth {
		t.cell = append(t.cell, nil)
		for j, v := range row {
			t.cell[i] = append(t.cell[i], add(v, c.Published.Cells[i][j]))
			rowSum[i] += v
			colSum[j] += v
			grand += v
		}
	}
	margin := func(of []any, i int) any {
		if i < len(of) {
			return of[i]
		}
		return nil
	}
	var rowTotals []int
	for i := range rows {
		total := add(rowSum[i], margin(c.Published.RowTotals, i))
		rowTotals = append(rowTotals, total)
		t.addSum(total, t.cell[i])
	}
	var colTotals []int
	for j := range cols {
		total := add(colSum[j], margin(c.Published.ColTotals, j))
		colTotals = append(colTotals, total)
		var parts []int
		for i := range rows {
			parts = append(parts, t.cell[i][j])
		}
		t.addSum(total, parts)
	}
	g := add(grand, c.Published.Grand)
	t.addSum(g, rowTotals)
	t.addSum(g, colTotals)
	return t
}

func (c *crosstab) part(i int) part {
	for _, p := range c.parts() {
		for _, k := range p.of {
			if k == i {
				return p
			}
		}
	}
	return part{}
}

// The attacker must find the very intervals that the reference cases state, in
// tables that others published.
func TestBoundsOfPublishedTables(t *testing.T) {
	n := 0
	for _, c := range attackCases(t) {
		tab := newCrosstab(c, false)
		check := func(row, col, lo, hi int) {
			k := tab.cell[row][col]
			low, high, err := tab.bounds(tab.part(k), k)
			if err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
			if math.Abs(low-float64(lo)) > 1e-6 || math.Abs(high-float64(hi)) > 1e-6 {
				t.Errorf("%s: cell %d,%d lies in [%g, %g], want [%d, %d]", c.ID, row, col, low, high, lo, hi)
			}
			n++
		}
		tab.zeros = true // the intervals of the cases allow a hidden zero
		for _, w := range c.Intervals {
			check(w.Row, w.Col, w.Lo, w.Hi)
		}
		tab.zeros = false // and these do not
		for _, w := range c.Positive {
			check(w.Row, w.Col, w.Interval[0], w.Interval[1])
		}
	}
	if n < 500 {
		t.Errorf("%d intervals compared, want at least 500", n)
	}
}

// Each verdict of the cases must be ours.
func TestVerdicts(t *testing.T) {
	for _, c := range attackCases(t) {
		tab := newCrosstab(c, false)
		tab.zeros = c.Verdict != "unsafe_if_zeros_are_published"
		exact := false
		for i, row := range c.Truth {
			for j := range row {
				k := tab.cell[i][j]
				if tab.q[k].shown || !tab.q[k].small {
					continue
				}
				low, high, err := tab.bounds(tab.part(k), k)
				if err != nil {
					t.Fatal(err)
				}
				exact = exact || high-low < 0.5
			}
		}
		if want := c.Verdict != "safe"; exact != want {
			t.Errorf("%s: a small cell is found: %v, verdict of the case %q", c.ID, exact, c.Verdict)
		}
	}
}

// Our own suppression of the same tables must withstand the attacker and hide at
// most 2.6 cells for each small one.
func TestProtectPublishedTables(t *testing.T) {
	small, hidden := 0, 0
	for _, c := range attackCases(t) {
		for _, e := range c.Published.Cells {
			for j := range e {
				e[j] = 0.0
			}
		}
		tab := newCrosstab(c, true)
		for i := range tab.q {
			if tab.q[i].listed && tab.q[i].small {
				tab.q[i].shown = false
				small++
			} else if !tab.q[i].listed {
				tab.q[i].shown = false
			}
		}
		for _, p := range tab.parts() {
			if _, err := tab.protect(t.Context(), p, 10); err != nil {
				t.Fatal(err)
			}
			for _, k := range p.of {
				if tab.q[k].listed && !tab.q[k].shown {
					hidden++
				}
				if !tab.q[k].small {
					continue
				}
				low, high, err := tab.bounds(p, k)
				if err != nil {
					t.Fatal(err)
				}
				if high < 11-1e-6 || high-low < 1-1e-6 {
					t.Errorf("%s: a hidden count is still known to lie in [%g, %g]", c.ID, low, high)
				}
			}
		}
	}
	if ratio := float64(hidden) / float64(small); ratio > 2.6 {
		t.Errorf("%d cells hidden for %d small ones: %.2f each, want at most 2.6", hidden, small, ratio)
	} else {
		t.Logf("%d cells hidden for %d small ones: %.2f each", hidden, small, ratio)
	}
}
