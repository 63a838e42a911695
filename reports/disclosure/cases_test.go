package disclosure

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"recoup/datasets/privacy"
)

// readCases reads a file of ../shared/refcases/privacy.
func readCases(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile("../../../shared/refcases/privacy/" + name)
	if err != nil {
		t.Skip("SKIPPED: " + name + " is absent from the shared folder beside the project")
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// sheetOf lays out what a case published as a stranger would find it: one row, or
// one for each part.
func sheetOf(id string, published map[string]any) Sheet {
	parts := true
	var keys []string
	for k, v := range published {
		keys = append(keys, k)
		_, object := v.(map[string]any)
		parts = parts && object
	}
	sort.Strings(keys)
	head := []string{""}
	cells := map[string]map[string]string{}
	set := func(row, column string, v any) {
		if cells[row] == nil {
			cells[row] = map[string]string{}
		}
		cells[row][column] = fmt.Sprint(v)
		for _, h := range head {
			if h == column {
				return
			}
		}
		head = append(head, column)
	}
	for _, k := range keys {
		switch v := published[k].(type) {
		case map[string]any:
			for c, x := range v {
				if parts {
					set(k, c, x)
				} else {
					set("", k+" "+c, x)
				}
			}
		case []any:
			for i, x := range v {
				switch object, ok := x.(map[string]any); {
				case ok:
					for c, y := range object {
						set(fmt.Sprint(i), c, y)
					}
				case len(v) == 2:
					set("", fmt.Sprintf("%s %d", k, i+1), x)
				default:
					set(fmt.Sprint(i), k, x)
				}
			}
		default:
			set("", k, v)
		}
	}
	lines := [][]string{head}
	var rows []string
	for r := range cells {
		rows = append(rows, r)
	}
	sort.Strings(rows)
	for _, r := range rows {
		line := []string{r}
		for _, h := range head[1:] {
			line = append(line, cells[r][h])
		}
		lines = append(lines, line)
	}
	return newSheet(id, lines)
}

// elsewhere are cases that are no table: what holds them.
var elsewhere = map[string]string{
	"s12": "a drawing: the scan of finished files counts its marks",
	"s13": "a drawing: no plot of the model holds patients",
	"s30": "a drawing: the scan of finished files reads every text and attribute",
	"s32": "a workbook: the scan of finished files reads every part",
	"s33": "a manifest: the scan of finished files knows paths and users",
}

// Every case of statistics must be found, under the code that it names.
func TestStatisticAttacks(t *testing.T) {
	var cases []struct {
		ID        string
		Class     string `json:"cls"`
		Published map[string]any
		Expected  string `json:"expected_finding"`
	}
	readCases(t, "statistic_attacks.json", &cases)
	d := privacy.NewDetectors()
	held := 0
	for _, c := range cases {
		if why, ok := elsewhere[c.ID]; ok {
			t.Logf("%s %s is held elsewhere: %s", c.ID, c.Class, why)
			continue
		}
		s := sheetOf(c.ID, c.Published)
		var codes []string
		found, err := Attack(t.Context(), []Sheet{s}, 11, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			codes = append(codes, f.Code)
		}
		for _, v := range c.Published {
			if text, ok := v.(string); ok && len(d.InText(text)) > 0 {
				codes = append(codes, CodeIdentifier)
			}
		}
		if !strings.Contains(" "+strings.Join(codes, " ")+" ", " "+c.Expected+" ") {
			t.Errorf("%s %s: found %v, want %s", c.ID, c.Class, codes, c.Expected)
			continue
		}
		held++
	}
	if held+len(elsewhere) != len(cases) || len(cases) < 38 {
		t.Errorf("%d of %d cases held, %d elsewhere", held, len(cases), len(elsewhere))
	}
}

// Every table of the cases, as a stranger gets it: CSV with its totals.
func TestTableAttacksAsCSV(t *testing.T) {
	unsafe, hidden, found := 0, 0, 0
	for _, c := range attackCases(t) {
		text := func(v any) string {
			if v == nil {
				return ""
			}
			return fmt.Sprint(v)
		}
		head := []string{"group"}
		for j := range c.Truth[0] {
			head = append(head, fmt.Sprintf("level %d", j+1))
		}
		lines := [][]string{append(head, "Total")}
		for i, row := range c.Published.Cells {
			line := []string{fmt.Sprintf("row %d", i+1)}
			for _, e := range row {
				line = append(line, text(e))
			}
			if i < len(c.Published.RowTotals) {
				line = append(line, text(c.Published.RowTotals[i]))
			}
			lines = append(lines, line)
		}
		last := []string{"Total"}
		for j := range c.Truth[0] {
			if j < len(c.Published.ColTotals) {
				last = append(last, text(c.Published.ColTotals[j]))
			} else {
				last = append(last, "")
			}
		}
		grand := c.Published.Grand
		lines = append(lines, append(last, text(grand)))
		s := newSheet(c.ID, lines)
		recovered := map[string]float64{}
		derived, err := newTrial(s, 11, c.Verdict == "unsafe_if_zeros_are_published").attack(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range derived {
			if d.Low == d.High {
				recovered[d.Where] = d.Low
			}
			if d.Code == CodeRecovered {
				unsafe++
			}
		}
		got := false
		for i, row := range c.Truth {
			for j, v := range row {
				if c.Published.Cells[i][j] == "*" {
					hidden++
				}
				if x, ok := recovered[s.where(i, j+1)]; ok {
					found++
					got = got || v > 0 && v < 11
					if x != float64(v) {
						t.Errorf("%s: found %g at %d,%d, which is %d", c.ID, x, i, j, v)
					}
				}
			}
		}
		for _, w := range c.Exact {
			if x, ok := recovered[s.where(w.Row, w.Col+1)]; !ok || x != float64(w.Value) {
				t.Errorf("%s: %d at %d,%d is not found", c.ID, w.Value, w.Row, w.Col)
			}
		}
		if want := c.Verdict != "safe"; got != want {
			t.Errorf("%s: a small cell is found: %v, verdict %q", c.ID, got, c.Verdict)
		}
	}
	t.Logf("%d of %d hidden cells found", found, hidden)
}
