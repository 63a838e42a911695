package economics

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"
)

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// By hand, a horizon of 10 in two intervals of 5. Four patients: A dies on day 4 at a cost
// of 40; B is lost on day 6 with 30 in the first interval and 5 in the second; C and D
// reach the end with 20 + 10 and 50 + 30.
// Censoring: one of the three followed to day 6 is lost, so K is 1 before and at day 6, and
// 2/3 after. Weighted: (40/1 + 30/(2/3) + 80/(2/3))/4 = (40 + 45 + 120)/4 = 51.25.
// Partitioned: the first interval is complete for all, K 1: (40 + 30 + 20 + 50)/4 = 35; in
// the second A has 0 and C and D count 3/2: (10 + 30)·1.5/4 = 15: 50.
// Lin: all four at the start, mean 35; after day 5 S = 3/4 and B, C and D are followed:
// 3/4·(5 + 10 + 30)/3 = 11.25: 46.25, too low for what B would still have cost.
func TestCensoredCostsByHand(t *testing.T) {
	f := followUp{time: []float64{4, 6, 10, 10}, complete: []bool{true, false, true, true}, ended: []bool{true, false, false, false}}
	cost := [][]float64{{40, 30, 20, 50}, {0, 5, 10, 30}}
	total := []float64{40, 35, 30, 80}
	breaks, w := []float64{5, 10}, ones(4)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"weighted", f.weightedMean(total, w), 51.25}, {"partitioned", f.partitionedMean(cost, breaks, w), 50}, {"Lin", f.linMean(cost, breaks, w), 46.25},
	} {
		if math.Abs(c.got-c.want) > 1e-12*c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
	// Twice each patient, by weights, is the same; with nobody lost all are the plain mean.
	if got := f.partitionedMean(cost, breaks, []float64{2, 2, 2, 2}); math.Abs(got-50) > 1e-12 {
		t.Errorf("doubled: %v", got)
	}
	f.complete, f.time[1] = []bool{true, true, true, true}, 10
	for name, got := range map[string]float64{"weighted": f.weightedMean(total, w), "partitioned": f.partitionedMean(cost, breaks, w), "Lin": f.linMean(cost, breaks, w)} {
		if math.Abs(got-46.25) > 1e-12 {
			t.Errorf("%s without losses: %v, want the mean 46.25", name, got)
		}
	}
}

// costsTable reads the columns of costs.csv.
func costsTable(t *testing.T) map[string][]float64 {
	t.Helper()
	file, err := os.Open("testdata/costs.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for j, name := range rows[0] {
		for _, row := range rows[1:] {
			v := 0.0
			switch row[j] {
			case "TRUE":
				v = 1
			case "FALSE":
			default:
				if v, err = strconv.ParseFloat(row[j], 64); err != nil {
					t.Fatal(err)
				}
			}
			out[name] = append(out[name], v)
		}
	}
	return out
}

// testdata/costs.R: the estimators by survfit, and glm.
func TestCostsAgainstR(t *testing.T) {
	var want struct {
		Weighted, Partitioned, Lin float64
		Gamma                      struct {
			Coef, SE                   []float64
			Dispersion, Arm, Reference float64
		}
		TwoPart struct{ Arm, Reference float64 } `json:"two_part"`
	}
	b, err := os.ReadFile("testdata/costs.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	same := func(what string, got, want float64) {
		if !(math.Abs(got-want) <= 1e-8*math.Abs(want)) {
			t.Errorf("%s: %.12g, want %.12g", what, got, want)
		}
	}
	d := costsTable(t)
	n := len(d["x"])
	f := followUp{time: d["time"]}
	total := make([]float64, n)
	cost := [][]float64{d["c1"], d["c2"], d["c3"], d["c4"]}
	for i := range n {
		f.complete, f.ended = append(f.complete, d["complete"][i] == 1), append(f.ended, d["ended"][i] == 1)
		for _, c := range cost {
			total[i] += c[i]
		}
	}
	breaks, w := []float64{30, 60, 90, 120}, ones(n)
	same("weighted", f.weightedMean(total, w), want.Weighted)
	same("partitioned", f.partitionedMean(cost, breaks, w), want.Partitioned)
	same("Lin", f.linMean(cost, breaks, w), want.Lin)

	x := [][]float64{ones(n), d["x"], d["age"]}
	arm, reference, m, err := modelMeans(d["skewed"], x, w, false)
	if err != nil {
		t.Fatal(err)
	}
	for j, c := range want.Gamma.Coef {
		same("coefficient", m.coef[j], c)
		same("error", math.Sqrt(m.cov.At(j, j)), want.Gamma.SE[j])
	}
	same("dispersion", m.dispersion, want.Gamma.Dispersion)
	same("gamma, arm", arm, want.Gamma.Arm)
	same("gamma, reference", reference, want.Gamma.Reference)
	if arm, reference, _, err = modelMeans(d["sparse"], x, w, true); err != nil {
		t.Fatal(err)
	}
	same("two parts, arm", arm, want.TwoPart.Arm)
	same("two parts, reference", reference, want.TwoPart.Reference)
	if _, _, _, err := modelMeans(d["sparse"], x, w, false); err == nil {
		t.Error("a gamma model takes costs of 0")
	}
	if _, _, _, err := modelMeans(d["skewed"], [][]float64{ones(n), d["x"], d["x"]}, w, false); err == nil {
		t.Error("a column twice is not refused")
	}
}
