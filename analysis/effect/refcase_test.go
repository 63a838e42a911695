package effect_test

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"recoup/analysis/effect"
)

const refcases = "../../../shared/refcases/statistics/"

// refcase reads the values of a reference case of the shared folder, and skips
// where the folder is absent.
func refcase(t *testing.T, name string, values any) {
	t.Helper()
	b, err := os.ReadFile(refcases + name + "/expected.json")
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	if err := json.Unmarshal(b, &struct{ Values any }{values}); err != nil {
		t.Fatal(err)
	}
}

// columns reads the data of a case, by column; texts that are no numbers are NaN.
func columns(t *testing.T, name string) (numbers map[string][]float64, texts map[string][]string) {
	t.Helper()
	b, err := os.ReadFile(refcases + name + "/data.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	numbers, texts = map[string][]float64{}, map[string][]string{}
	for _, r := range rows[1:] {
		for j, c := range r {
			v, err := strconv.ParseFloat(c, 64)
			if err != nil {
				v = math.NaN()
			}
			k := rows[0][j]
			numbers[k], texts[k] = append(numbers[k], v), append(texts[k], c)
		}
	}
	return numbers, texts
}

func same(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Abs(want)) && got != want {
		t.Errorf("%s: got %.15g, want %.15g", what, got, want)
	}
}

// Six departments, to the 1e-8 the case states.
func TestReferenceCaseStrata(t *testing.T) {
	var v struct {
		CMH, P, OR float64
		OrCI       [2]float64 `json:"or_ci"`
		RR, RD     struct{ B, SE float64 }
		BreslowDay struct{ X float64 } `json:"breslow_day"`
		Tarone     struct{ X, P float64 }
	}
	refcase(t, "stratified_mh_ucb", &v)
	d, _ := columns(t, "stratified_mh_ucb")
	var strata []effect.Stratum
	for i := range d["a"] {
		a, b, c, e := int(d["a"][i]), int(d["b"][i]), int(d["c"][i]), int(d["d"][i])
		strata = append(strata, effect.Stratum{X1: a, N1: a + b, X2: c, N2: c + e})
	}
	m := effect.Pool(strata)
	const tol = 1e-8
	same(t, "CMH", m.CMH, v.CMH, tol)
	same(t, "p", m.CMHP, v.P, tol)
	same(t, "OR", math.Exp(m.LogOR), v.OR, tol)
	same(t, "OR low", math.Exp(m.LogOR-1.959963984540054*m.LogORSE), v.OrCI[0], tol)
	same(t, "OR high", math.Exp(m.LogOR+1.959963984540054*m.LogORSE), v.OrCI[1], tol)
	same(t, "log RR", m.LogRR, v.RR.B, tol)
	same(t, "log RR SE", m.LogRRSE, v.RR.SE, tol)
	same(t, "RD", m.RD, v.RD.B, tol)
	same(t, "RD SE", m.SatoSE, v.RD.SE, tol)
	same(t, "Breslow-Day", m.BreslowDay, v.BreslowDay.X, tol)
	same(t, "Tarone", m.Tarone, v.Tarone.X, tol)
	same(t, "Tarone p", m.TaroneP, v.Tarone.P, tol)
	// Greenland and Robins's error is close to Sato's with six large strata.
	same(t, "Greenland-Robins SE", m.GreenlandRobinsSE, m.SatoSE, 0.02)
}
