package work

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Two groups: a 1 3+, b 2 4, as for the log-rank test by hand. O - E of a is 1/2 on day 1
// (4 at risk) and -1/3 on day 2 (3 at risk), their variances 1/4 and 2/9; on day 4 one is
// left, which adds nothing. S(t-) is 1 and 3/4; Π(1 - 1/(n+1)) is 4/5 and 3/5.
func TestWeightsByHand(t *testing.T) {
	time, event, group := []float64{1, 3, 2, 4}, []bool{true, false, true, true}, []int{0, 0, 1, 1}
	for _, c := range []struct {
		w      Weighting
		w1, w2 float64
	}{
		{Weighting{Kind: WeightLogRank}, 1, 1},
		{Weighting{Kind: WeightGehan}, 4, 3},
		{Weighting{Kind: WeightTaroneWare}, 2, 1.7320508075688772},
		{Weighting{Kind: WeightPetoPeto}, 4. / 5, 3. / 5},
		{Weighting{Kind: WeightFleming, Rho: 1}, 1, 3. / 4},
		{Weighting{Kind: WeightFleming, Rho: 1, Gamma: 1}, 0, 3. / 16},
		{Weighting{Kind: WeightFleming, Gamma: 2}, 0, 1. / 16},
	} {
		r := CompareRanks(time, event, group, nil, 2, c.w)
		u, v := c.w1/2-c.w2/3, c.w1*c.w1/4+c.w2*c.w2*2/9
		near(t, c.w.Kind+" U", r.Observed[0]-r.Expected[0], u, 1e-14)
		near(t, c.w.Kind+" V", r.Covariance[0][0], v, 1e-14)
		near(t, c.w.Kind+" chi-square", r.ChiSq, u*u/v, 1e-13)
		trend, p := r.Trend([]float64{5, 7})
		near(t, "trend of two groups", trend, r.ChiSq, 1e-12)
		near(t, "its p", p, r.P, 1e-12)
	}
}

// The numbers of survdiff, from testdata/km.R of analysis/internal/fit.
func TestLogRankAgainstSurvdiff(t *testing.T) {
	const data = "../internal/fit/testdata/km."
	table, err := os.ReadFile(data + "csv")
	if err != nil {
		t.Fatal(err)
	}
	var time []float64
	var event []bool
	var group []int
	for _, line := range strings.Split(strings.TrimSpace(string(table)), "\n")[1:] {
		cells := strings.Split(line, ",")
		v, err := strconv.ParseFloat(cells[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		time, event, group = append(time, v), append(event, cells[1] == "1"), append(group, strings.Index("ab", strings.Trim(strings.TrimSpace(cells[2]), "\"")))
	}
	b, err := os.ReadFile(data + "json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ Logrank []float64 }
	if err := json.Unmarshal(b, &want); err != nil || len(want.Logrank) != 5 {
		t.Fatal(err)
	}
	r := CompareRanks(time, event, group, nil, 2, Weighting{Kind: WeightLogRank})
	for i, v := range []float64{r.Observed[0], r.Expected[0], r.Covariance[0][0], r.ChiSq, r.P} {
		near(t, "log-rank", v, want.Logrank[i], 1e-12)
	}
}

// The names of groups do not matter, nor what scores of a trend are moved or scaled by; a
// stratum in which one group is alone adds nothing.
func TestRankRelations(t *testing.T) {
	time, cause := madeCauses(200, 11)
	event, group, other := make([]bool, 200), make([]int, 200), make([]int, 200)
	for i := range group {
		event[i], group[i] = cause[i] > 0, (i*i+i/7)%3
		other[i] = []int{1, 2, 0}[group[i]]
	}
	w := Weighting{Kind: WeightPetoPeto}
	r := CompareRanks(time, event, group, nil, 3, w)
	near(t, "other names", CompareRanks(time, event, other, nil, 3, w).ChiSq, r.ChiSq, 1e-11)
	a, _ := r.Trend([]float64{1, 2, 4})
	b, _ := r.Trend([]float64{10, 15, 25})
	near(t, "scores", b, a, 1e-10)
	n := len(time)
	alone := make([]int, n, 2*n)
	more := append(append([]float64(nil), time...), time[:50]...)
	for range 50 {
		alone = append(alone, 1)
	}
	g := append(append([]int(nil), group...), make([]int, 50)...)
	e := append(append([]bool(nil), event...), event[:50]...)
	near(t, "a stratum of one group", CompareRanks(more, e, g, alone, 3, w).ChiSq, r.ChiSq, 1e-11)
	if r := CompareRanks([]float64{1, 2}, []bool{false, false}, []int{0, 1}, nil, 2, w); r.P == r.P {
		t.Errorf("no event: %+v", r)
	}
}
