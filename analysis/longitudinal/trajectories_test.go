package longitudinal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/longitudinal"
	"recoup/datasets"
	"recoup/simulate/stream"
)

// paths builds a cohort of visits 0, 1, ... weeks; a value that is NaN is missing.
func paths(t *testing.T, values [][]float64, arm func(i int) string) *datasets.Cohort {
	t.Helper()
	dictionary := `
name: paths
resources:
  - name: patients
    path: p.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome}
arms: [{value: A}, {value: B}]
visits:
`
	var patients, visits strings.Builder
	patients.WriteString("id,arm\n")
	visits.WriteString("id,visit,pain\n")
	for v := range values[0] {
		dictionary += fmt.Sprintf("  - {value: w%d, week: %d%s}\n", v, v, map[bool]string{true: ", baseline: true"}[v == 0])
	}
	for i, row := range values {
		fmt.Fprintf(&patients, "%d,%s\n", i, arm(i))
		for v, y := range row {
			if !math.IsNaN(y) {
				fmt.Fprintf(&visits, "%d,w%d,%v\n", i, v, y)
			}
		}
	}
	return analysistest.Cohort(t, dictionary, map[string]string{"p.csv": patients.String(), "v.csv": visits.String()})
}

func grouped(t *testing.T, c *datasets.Cohort, set map[string]string) analysis.Result {
	t.Helper()
	r, err := longitudinal.TrajectoriesAnalysis.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{Outcome: "pain"}, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, longitudinal.TrajectoriesAnalysis, r)
	return r
}

func warned(r analysis.Result, code string) bool {
	for _, w := range r.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

// The published simulation as a cohort: three groups have the smallest BIC, and the
// table of models and the shares are the reference's.
func TestTrajectoriesCohort(t *testing.T) {
	dir := filepath.Join("../../../shared/refcases/statistics", "gbtm_bics")
	data, err := os.ReadFile(filepath.Join(dir, "data.csv"))
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Values struct {
			Models []struct {
				G, Npar     int
				LogLik, AIC float64
				Patients    float64 `json:"bic_subjects"`
				Obs         float64 `json:"bic_obs"`
				Entropy     *float64
			} `json:"common_sigma"`
		}
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	values := make([][]float64, 150)
	for k, r := range analysistest.Rows(t, string(data))[1:] {
		var y float64
		if _, err := fmt.Sscan(r[3], &y); err != nil {
			t.Fatal(err)
		}
		values[k/6] = append(values[k/6], y)
	}
	r := grouped(t, paths(t, values, func(i int) string { return []string{"A", "B"}[i%2] }), nil)
	models := r.Tables[0]
	if len(models.Rows) != 4 {
		t.Fatalf("%d models, want 4", len(models.Rows))
	}
	for k, w := range want.Values.Models {
		for j, v := range []float64{float64(w.G), float64(w.Npar), w.LogLik, w.Patients, w.Obs, w.AIC} {
			near(t, models.Columns[j], models.Rows[k][j].Num, v, 1e-6)
		}
		if w.Entropy != nil {
			near(t, "entropy", models.Rows[k][6].Num, *w.Entropy, 1e-6)
		}
	}
	// In ascending order of their means: the falling path, the low one, the high one.
	for g, share := range []float64{0.317786026984685, 0.260274900562723, 0.421939072452592} {
		found := false
		for _, e := range r.Estimates {
			if e.Term == "group_share" && e.Definition == fmt.Sprintf("group %d of 3", g+1) {
				near(t, e.Definition, e.Value, share, 5e-6)
				found = true
			}
			if e.Term == "group_mean" && e.Visit == "w0" && e.Definition == "group 1 of 3" {
				near(t, "mean at the start", e.Value, 6.80796174298182, 5e-6)
			}
		}
		if !found {
			t.Errorf("no share of group %d of 3: the smallest BIC is that of three groups", g+1)
		}
	}
	if !warned(r, "groups-assumed") {
		t.Error("no warning against over-reading groups")
	}
	if len(r.Series) != 6 {
		t.Errorf("%d series, want a path and what was seen for each of three groups", len(r.Series))
	}
	// With as many coefficients as visits, each path goes through the weighted means of
	// what was seen; shares have intervals on the logit scale.
	full := grouped(t, paths(t, values, func(int) string { return "A" }), map[string]string{"groups": "2", "order": "5"})
	for g := range 2 {
		for v, point := range full.Series[2*g+1].Points {
			mean := full.Series[2*g].Points[8*v]
			near(t, "mean of what was seen", point.Y, float64(mean.Y), 1e-5)
			near(t, "its time", point.X, float64(mean.X), 1e-12)
		}
		e := full.Estimates[7*g]
		p := float64(e.Value)
		low := math.Log(p/(1-p)) - 1.959963984540054*float64(e.SE)/(p*(1-p))
		near(t, "low of a share", e.CI.Low, 1/(1+math.Exp(-low)), 1e-9)
	}
	sum := 0.0
	for _, v := range r.Tables[3].Rows[0][2:] {
		sum += float64(v.Num)
	}
	near(t, "membership of an arm", analysis.Num(sum), 1, 1e-9)
}

// Paths that spread evenly, without any groups, are cut into several all the same:
// the warning says so, and the groups do not come out apart.
func TestNoGroups(t *testing.T) {
	c := stream.New(9, "no groups").Cursor()
	values := make([][]float64, 200)
	for i := range values {
		u := 5 + 1.5*c.Norm()
		for v := range 4 {
			y := u + c.Norm()
			if v > 0 && c.Float64() < 0.2 {
				y = math.NaN()
			}
			values[i] = append(values[i], y)
		}
	}
	r := grouped(t, paths(t, values, func(int) string { return "A" }), map[string]string{"order": "0", "most": "3"})
	if !warned(r, "groups-assumed") || !warned(r, "largest-model") {
		t.Errorf("warnings: %v", r.Warnings)
	}
	said := false
	for _, w := range r.Warnings {
		said = said || w.Code == analysis.WarnAssumption && strings.Contains(w.Message, "missing at random")
	}
	if !said {
		t.Errorf("missing values are not told: %v", r.Warnings)
	}
}

// Responders and counts, and what has no answer.
func TestTrajectoryFamilies(t *testing.T) {
	c := stream.New(4, "families").Cursor()
	values, counts := make([][]float64, 120), make([][]float64, 120)
	for i := range values {
		for v := range 5 {
			fall := 0.0
			if i%2 == 0 {
				fall = 1.2 * float64(v)
			}
			y := math.Round(10 * (8 - fall + 0.8*c.Norm()))
			values[i] = append(values[i], y/10)
			counts[i] = append(counts[i], math.Max(0, math.Round(y/10*float64((i+v)%3)/2)))
		}
	}
	arm := func(int) string { return "A" }
	r := grouped(t, paths(t, values, arm), map[string]string{"family": "logit", "rule": "percent", "direction": "lower", "groups": "2", "order": "1"})
	for _, e := range r.Estimates {
		if e.Visit == "w0" {
			t.Error("response at baseline itself is in the model")
		}
		if e.Term == "group_share" && e.Definition == "group 2 of 2" && math.Abs(float64(e.Value)-0.5) > 0.1 {
			t.Errorf("half fall by design; the share of those who respond is %v", e.Value)
		}
	}
	grouped(t, paths(t, counts, arm), map[string]string{"family": "zip", "groups": "1", "order": "1"})
	for name, k := range map[string]struct {
		set  map[string]string
		want error
	}{
		"values as counts":      {map[string]string{"family": "zip"}, analysis.ErrOptions},
		"values as 0 and 1":     {map[string]string{"family": "logit"}, analysis.ErrOptions},
		"a rule for values":     {map[string]string{"rule": "percent"}, analysis.ErrOptions},
		"orders without groups": {map[string]string{"order": "1,2"}, analysis.ErrOptions},
		"floor over ceiling":    {map[string]string{"floor": "5", "ceiling": "3"}, analysis.ErrOptions},
		"a floor in words":      {map[string]string{"floor": "low"}, analysis.ErrOptions},
		"too high an order":     {map[string]string{"order": "5", "groups": "1"}, analysis.ErrCannot},
	} {
		_, err := longitudinal.TrajectoriesAnalysis.Run(t.Context(), analysis.Input{Cohort: paths(t, values, arm)}, analysis.Question{Outcome: "pain"}, k.set)
		if !errors.Is(err, k.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
