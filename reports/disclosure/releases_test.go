package disclosure

import (
	"math"
	"strings"
	"testing"

	"recoup/reports"
)

// releasePair is one pair of ../shared/refcases/privacy/release_pairs.json.
type releasePair struct {
	ID       string
	Mode     string
	Rule     string
	R1       map[string]any `json:"release_1"`
	R2       map[string]any `json:"release_2"`
	Revealed int            `json:"attributes_revealed"`
	Built    struct {
		Cost *float64 `json:"cost_of_patient"`
		True float64  `json:"true_cost"`
	} `json:"reconstructed"`
}

// unsafe is what the pair itself says: an attribute of the patient is revealed, or
// the cost is worked out to within 5 %. Where means are rounded the cost of the
// case is that of an attacker who takes rounded means as exact: it is near the
// truth by chance only, and tells nothing.
func (p releasePair) unsafe() bool {
	return p.Revealed > 0 || p.Rule != "round5_and_means_rounded" && p.Built.Cost != nil && math.Abs(*p.Built.Cost-p.Built.True) <= 0.05*p.Built.True
}

// published lays out a release: its counts as its rule rounds them, its means with
// the digits it shows.
func (p releasePair) published(r map[string]any) Release {
	half := map[string]float64{"supp8_round5": 2, "round5_and_means_rounded": 2, "mid6": 3}[p.Rule]
	n := int(r["n"].(float64))
	out := Release{Shown: []Item{{Key: "n", Kind: itemTotal, Value: float64(n), Half: half}}}
	for k, v := range r {
		levels, ok := v.(map[string]any)
		if !ok {
			continue
		}
		for l, x := range levels {
			if value, ok := x.(float64); ok {
				out.Shown = append(out.Shown, Item{Key: k + "=" + l, Kind: itemCount, Value: value, Half: half})
			}
		}
	}
	digits := map[string]float64{"mean_nrs_change": 0.00005, "mean_cost": 0.005}
	if strings.Contains(p.Rule, "round5") {
		digits["mean_nrs_change"] = 0.05
	}
	if p.Rule == "round5_and_means_rounded" {
		digits["mean_cost"] = 50
	}
	for k, h := range digits {
		out.Shown = append(out.Shown, Item{Key: k, Kind: itemMean, Value: r[k].(float64), Half: h, N: n})
	}
	return out
}

// Every pair of releases: what gives a patient away is found, the rest let pass.
func TestReleasePairs(t *testing.T) {
	var pairs []releasePair
	readCases(t, "release_pairs.json", &pairs)
	unsafe := 0
	for _, p := range pairs {
		found := Compare(p.published(p.R1), p.published(p.R2), 11)
		if p.unsafe() {
			unsafe++
		}
		if got := len(found) > 0; got != p.unsafe() {
			t.Errorf("%s: found %v, want unsafe %v", p.ID, found, p.unsafe())
		}
	}
	if len(pairs) < 220 || unsafe < 100 {
		t.Errorf("%d pairs, %d unsafe", len(pairs), unsafe)
	}
}

// 410 patients, then 411, and a mean of one digit after the point: hidden the
// second time, since the count changed by one. A new mean of few digits is not.
func TestEarlierReleaseHides(t *testing.T) {
	report := func(n int, mean float64) reports.Report {
		r := with(reports.Table{ID: "t", Columns: []reports.Column{{Label: "who"}, {Label: "n"}, {Label: "cost"}}, Rows: []reports.Row{
			{Cells: []reports.Cell{reports.Label("all"), reports.Count(n), reports.Number(mean, 2, n)}},
		}})
		r.Period = "2026Q3"
		return r
	}
	cms := named(t, "cms-11")
	first, _ := Protect(report(410, 9154.69), Options{Policy: cms})
	shown := Shown(first, cms)
	if len(shown) != 2 {
		t.Fatalf("shown: %+v", shown)
	}
	earlier := Release{Period: "2026Q3", Policy: "cms-11", Shown: shown}
	second, audit := Protect(report(411, 9149.58), Options{Policy: cms, Earlier: []Release{earlier}})
	if c := shownTable(second).Rows[0].Cells; c[1].Hidden == reports.Shown {
		t.Errorf("411 is shown after 410: %+v, audit %v", c, audit.Findings)
	}
	if !strings.Contains(audit.Findings[0].Code, CodeEarlier) {
		t.Errorf("the audit does not say why: %v", audit.Findings)
	}
	if c := shownTable(first).Rows[0].Cells[2]; c.Value != 9150 {
		t.Errorf("the mean of 410 is shown as %v, want 9150: 9154.69/410 = 22.3, so to the next 50", c.Value)
	}
	same, _ := Protect(report(410, 9154.69), Options{Policy: cms, Earlier: []Release{earlier}})
	if shownTable(same).Rows[0].Cells[1].Hidden != reports.Shown {
		t.Error("what has not changed is hidden")
	}
	other := report(411, 9149.58)
	other.Period = "2026Q4"
	next, _ := Protect(other, Options{Policy: cms, Earlier: []Release{earlier}})
	if shownTable(next).Rows[0].Cells[1].Hidden != reports.Shown {
		t.Error("other patients are held against these")
	}
}
