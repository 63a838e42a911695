package fit

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
)

// made is the trial of testdata/repeated.csv: columns as in R, a group of the
// covariance where by asks for it, a weight where weighted does.
func made(t testing.TB, byArm, weighted bool) (*Repeated, []Patient) {
	t.Helper()
	f, err := os.Open("testdata/repeated.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var patients []Patient
	for at := 1; at < len(rows); at += 4 {
		p := Patient{X: make([][]float64, 4), Y: make([]float64, 4), Weight: 1}
		for v := range 4 {
			var n [7]float64 // visit, id, arm, site, base, weight, y
			for k, cell := range rows[at+v] {
				if n[k], err = strconv.ParseFloat(cell, 64); err != nil {
					n[k] = math.NaN()
				}
			}
			x := []float64{1, n[2], 0, 0, 0, n[4], n[3], 0, 0, 0}
			if v > 0 {
				x[1+v], x[6+v] = 1, n[2]
			}
			p.X[v], p.Y[v] = x, n[6]
			if byArm {
				p.Group = int(n[2])
			}
			if weighted {
				p.Weight = n[5]
			}
		}
		patients = append(patients, p)
	}
	groups := 1
	if byArm {
		groups = 2
	}
	return summed(t, groups, patients), patients
}

func summed(t testing.TB, groups int, patients []Patient) *Repeated {
	t.Helper()
	r, err := NewRepeated(len(patients[0].Y), len(patients[0].X[0]), groups)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range patients {
		r.Add(p)
	}
	r.Times = []float64{2, 6, 14, 26}[:len(patients[0].Y)]
	return r
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// A made trial agrees with dense matrices in R: a covariance for each arm, weights of
// patients, a spatial covariance, and the linear form of Kenward and Roger in each.
func TestRepeatedDense(t *testing.T) {
	var want map[string]struct {
		Deviance     float64
		Coef, SE, DF []float64
		KR           []float64 `json:"kr_se"`
	}
	readJSON(t, "testdata/repeated.json", &want)
	for _, c := range []struct {
		key             string
		s               Structure
		byArm, weighted bool
		reml            bool
	}{
		{"us", Unstructured, false, false, true},
		{"group", Unstructured, true, false, true},
		{"group_ar1h", AR1H, true, false, true},
		{"weight", AR1H, false, true, true},
		{"spatial", Spatial, false, false, true},
		{"spatial_ml", Spatial, false, false, false},
	} {
		r, patients := made(t, c.byArm, c.weighted)
		w := want[c.key]
		if len(w.Coef) != r.Columns {
			t.Fatalf("%s: %d coefficients in the reference", c.key, len(w.Coef))
		}
		f, got := infer(t, r, patients, c.s, c.reml, modelled)
		near(t, c.key+" deviance", f.Deviance, w.Deviance, 1e-9)
		for i := range got {
			near(t, c.key+" coefficient", got[i].Value, w.Coef[i], 1e-6)
			near(t, c.key+" se", got[i].SE, w.SE[i], 1e-6)
			near(t, c.key+" df", got[i].DF, w.DF[i], 1e-5)
		}
		if !c.reml {
			continue
		}
		_, kr := infer(t, r, patients, c.s, true, Inference{CovKenwardRogerLinear, DFKenwardRoger})
		for i := range kr {
			near(t, c.key+" Kenward and Roger's se", kr[i].SE, w.KR[i], 1e-6)
		}
	}
}

// Robust errors and their degrees of freedom are clubSandwich's on whitened rows.
func TestRepeatedRobust(t *testing.T) {
	var want map[string]map[string]struct{ SE, DF []float64 }
	b, err := os.ReadFile("testdata/repeated.json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	want = map[string]map[string]struct{ SE, DF []float64 }{}
	for _, key := range []string{"robust_us", "robust_weight", "robust_group"} {
		one := map[string]struct{ SE, DF []float64 }{}
		if err := json.Unmarshal(raw[key], &one); err != nil {
			t.Fatal(err)
		}
		want[key] = one
	}
	for key, s := range map[string]Structure{"robust_us": Unstructured, "robust_weight": AR1H, "robust_group": Unstructured} {
		r, patients := made(t, key == "robust_group", key == "robust_weight")
		for _, kind := range []string{CovCR0, CovCR2, CovCR3} {
			_, got := infer(t, r, patients, s, true, Inference{kind, DFSatterthwaite})
			w := want[key][kind]
			if len(w.SE) != len(got) || len(w.DF) != len(got) {
				t.Fatalf("%s %s: %d errors in the reference", key, kind, len(w.SE))
			}
			for i := range got {
				near(t, key+" "+kind+" se", got[i].SE, w.SE[i], 1e-6)
				near(t, key+" "+kind+" df", got[i].DF, w.DF[i], 1e-6)
			}
		}
	}
}

// Joint tests agree with the same dense fit: Fai and Cornelius, Kenward and Roger.
func TestRepeatedJoint(t *testing.T) {
	var raw map[string]json.RawMessage
	readJSON(t, "testdata/repeated.json", &raw)
	for key, columns := range map[string][]int{"interaction": {7, 8, 9}, "arm": {1, 7, 8, 9}, "interaction_group": {7, 8, 9}} {
		var w struct {
			F, Denominator, P float64
			KRF               float64 `json:"kr_f"`
			KRDenominator     float64 `json:"kr_denominator"`
			KRP               float64 `json:"kr_p"`
		}
		if err := json.Unmarshal(raw[key], &w); err != nil {
			t.Fatal(err)
		}
		r, patients := made(t, key == "interaction_group", false)
		f, err := r.FitRepeated(t.Context(), Unstructured, true)
		if err != nil {
			t.Fatal(err)
		}
		var rows [][]float64
		for _, c := range columns {
			rows = append(rows, units(10)[c])
		}
		test := func(by Inference) FTest {
			i, err := f.Infer(by, slices.Values(patients))
			if err != nil {
				t.Fatal(err)
			}
			return i.Test(rows)
		}
		s, k := test(modelled), test(Inference{CovKenwardRogerLinear, DFKenwardRoger})
		near(t, key+" F", s.F, w.F, 1e-6)
		near(t, key+" df", s.Denominator, w.Denominator, 1e-5)
		near(t, key+" p", s.P, w.P, 1e-6)
		near(t, key+" Kenward and Roger's F", k.F, w.KRF, 1e-6)
		near(t, key+" Kenward and Roger's df", k.Denominator, w.KRDenominator, 1e-5)
		near(t, key+" Kenward and Roger's p", k.P, w.KRP, 1e-6)
	}
}

// Means of complete visits are a single multivariate normal sample, of which Kenward
// and Roger's joint test is Hotelling's, exactly: F = (n - q) / (q (n-1)) T² with q
// and n - q degrees of freedom.
func TestRepeatedHotelling(t *testing.T) {
	y := [][]float64{{1, 2, 4}, {2, 2, 3}, {4, 5, 4}, {3, 6, 9}, {0, 1, 5}, {2, 7, 1}, {-1, 3, 2}, {1, 0, 3}}
	var patients []Patient
	for _, row := range y {
		patients = append(patients, Patient{X: units(3), Y: row, Weight: 1})
	}
	f, err := summed(t, 1, patients).FitRepeated(t.Context(), Unstructured, true)
	if err != nil {
		t.Fatal(err)
	}
	i, err := f.Infer(Inference{CovKenwardRogerLinear, DFKenwardRoger}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := i.Test(units(3))
	// T² = n m' S⁻¹ m, with S the sample covariance, and C = S/n the model's.
	plain, err := f.Infer(modelled, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, q := 8.0, 3.0
	near(t, "F", got.F, (n-q)/(q*(n-1))*q*plain.Test(units(3)).F, 1e-7)
	near(t, "df", got.Denominator, n-q, 1e-5)
}

// Two arms with all columns their own and a covariance each are two models, by full
// likelihood and by restricted.
func TestRepeatedGroupsAreSeparate(t *testing.T) {
	_, patients := made(t, true, false)
	for _, reml := range []bool{true, false} {
		var both []Patient
		var one [2][]Patient
		for _, p := range patients {
			wide := Patient{Y: p.Y, Group: p.Group, Weight: 1}
			narrow := Patient{Y: p.Y, Weight: 1}
			for v := range p.X {
				x := []float64{0, 0, 0, 0, p.X[v][5]}
				x[v] = 1
				w := make([]float64, 10)
				copy(w[5*p.Group:], x)
				wide.X, narrow.X = append(wide.X, w), append(narrow.X, x)
			}
			both, one[p.Group] = append(both, wide), append(one[p.Group], narrow)
		}
		whole, got := infer(t, summed(t, 2, both), both, Unstructured, reml, modelled)
		_, crWhole := infer(t, summed(t, 2, both), both, Unstructured, reml, Inference{CovCR2, DFSatterthwaite})
		full := Inference{CovKenwardRoger, DFKenwardRoger}
		if !reml {
			full = modelled
		}
		_, krWhole := infer(t, summed(t, 2, both), both, Unstructured, reml, full)
		deviance := 0.0
		for g := range one {
			part, alone := infer(t, summed(t, 1, one[g]), one[g], Unstructured, reml, modelled)
			_, cr := infer(t, summed(t, 1, one[g]), one[g], Unstructured, reml, Inference{CovCR2, DFSatterthwaite})
			_, kr := infer(t, summed(t, 1, one[g]), one[g], Unstructured, reml, full)
			deviance += part.Deviance
			for k := range alone {
				w, c := got[5*g+k], crWhole[5*g+k]
				near(t, "coefficient", w.Value, alone[k].Value, 1e-8)
				near(t, "se", w.SE, alone[k].SE, 1e-8)
				near(t, "df", w.DF, alone[k].DF, 1e-6)
				near(t, "Kenward and Roger's se", krWhole[5*g+k].SE, kr[k].SE, 1e-8)
				near(t, "CR2", c.SE, cr[k].SE, 1e-8)
				near(t, "CR2 df", c.DF, cr[k].DF, 1e-6)
			}
		}
		near(t, "deviance", whole.Deviance, deviance, 1e-10)
	}
}

// Weights of two for all change the covariance by half, and nothing of the
// coefficients; by full likelihood neither do patients twice, who halve the variance
// of the coefficients.
func TestRepeatedWeights(t *testing.T) {
	r, patients := made(t, false, false)
	f, got := infer(t, r, patients, Unstructured, true, modelled)
	var heavy, twice []Patient
	for _, p := range patients {
		p.Weight = 2
		heavy = append(heavy, p)
		p.Weight = 1
		twice = append(twice, p, p)
	}
	g, with := infer(t, summed(t, 1, heavy), heavy, Unstructured, true, modelled)
	near(t, "deviance", g.Deviance, f.Deviance, 1e-10)
	near(t, "variance", g.Sigma[0].At(1, 1), 2*f.Sigma[0].At(1, 1), 1e-7)
	_, ml := infer(t, r, patients, Unstructured, false, modelled)
	_, mlTwice := infer(t, summed(t, 1, twice), twice, Unstructured, false, modelled)
	for i := range got {
		near(t, "coefficient", with[i].Value, got[i].Value, 1e-8)
		near(t, "se", with[i].SE, got[i].SE, 1e-8)
		near(t, "df", with[i].DF, got[i].DF, 1e-6)
		near(t, "coefficient twice", mlTwice[i].Value, ml[i].Value, 1e-8)
		near(t, "variance twice", mlTwice[i].SE*mlTwice[i].SE*2, ml[i].SE*ml[i].SE, 1e-8)
	}
}

// The unit of the outcome and of a covariate scale what is in that unit, whatever
// they are, and nothing else.
func TestRepeatedScale(t *testing.T) {
	r, patients := made(t, false, false)
	for _, s := range []Structure{Unstructured, Spatial, ToeplitzH} {
		f, want := infer(t, r, patients, s, true, modelled)
		for _, scale := range []float64{1e-7, 1e8} {
			var other []Patient
			for _, p := range patients {
				o := Patient{Weight: 1}
				for v := range p.Y {
					x := slices.Clone(p.X[v])
					x[5] *= 1e9
					o.X, o.Y = append(o.X, x), append(o.Y, p.Y[v]*scale)
				}
				other = append(other, o)
			}
			g, got := infer(t, summed(t, 1, other), other, s, true, modelled)
			for i := range got {
				unit := scale
				if i == 5 {
					unit /= 1e9
				}
				near(t, string(s)+" coefficient", got[i].Value/unit, want[i].Value, 1e-6)
				near(t, string(s)+" se", got[i].SE/unit, want[i].SE, 1e-6)
				near(t, string(s)+" df", got[i].DF, want[i].DF, 1e-5)
			}
			near(t, string(s)+" variance", g.Sigma[0].At(2, 2)/scale/scale, f.Sigma[0].At(2, 2), 1e-6)
		}
	}
}

// What does not go together is refused before anything is computed, and so is CR3
// where one patient alone decides a coefficient; CR2 is there.
func TestRepeatedCombinations(t *testing.T) {
	for _, c := range []struct {
		by   Inference
		s    Structure
		reml bool
		ok   bool
	}{
		{Inference{CovModel, DFSatterthwaite}, AR1, false, true},
		{Inference{CovModel, DFBetweenWithin}, AR1, true, true},
		{Inference{CovCR2, DFResidual}, AR1, true, true},
		{Inference{CovKenwardRogerLinear, DFKenwardRoger}, AR1, true, true},
		{Inference{CovKenwardRogerLinear, DFSatterthwaite}, AR1, true, false},
		{Inference{CovModel, DFKenwardRoger}, Unstructured, true, false},
		{Inference{CovKenwardRoger, DFKenwardRoger}, AR1, true, true},
		{Inference{CovKenwardRoger, DFKenwardRoger}, Spatial, true, false},
		{Inference{CovKenwardRoger, DFKenwardRoger}, Unstructured, false, false},
	} {
		if err := c.by.Check(c.s, c.reml); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrInference) {
			t.Errorf("%+v of %s: %v", c.by, c.s, err)
		}
	}
	_, patients := made(t, false, false)
	for i := range patients {
		for v := range patients[i].X {
			alone := 0.0
			if i == 3 {
				alone = 1
			}
			patients[i].X[v][6] = alone
		}
	}
	f, err := summed(t, 1, patients).FitRepeated(t.Context(), AR1H, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Infer(Inference{CovCR3, DFSatterthwaite}, slices.Values(patients)); !errors.Is(err, ErrRepeatedSingular) {
		t.Errorf("CR3: %v", err)
	}
	i, err := f.Infer(Inference{CovCR2, DFSatterthwaite}, slices.Values(patients))
	if err != nil {
		t.Fatal(err)
	}
	if c := i.Contrasts(units(10))[1]; !(c.SE > 0) || !(c.DF > 1) {
		t.Errorf("CR2: %+v", c)
	}
}

// Denominators of joint tests by hand: alike, they are that; E = 10/8 + 4/2 = 3.25 gives
// 2 × 3.25 / (3.25 - 2) = 5.2; one that is not above 2 leaves 2; one unknown, nothing.
func TestFaiCornelius(t *testing.T) {
	for _, c := range []struct {
		dfs  []float64
		want float64
	}{{[]float64{7}, 7}, {[]float64{5, 5, 5}, 5}, {[]float64{10, 4}, 5.2}, {[]float64{10, 1.5}, 2}, {[]float64{10, 2}, 2}} {
		near(t, "df", faiCornelius(c.dfs), c.want, 1e-12)
	}
	if got := faiCornelius([]float64{10, math.NaN()}); !math.IsNaN(got) {
		t.Errorf("one unknown: %v", got)
	}
}

// A column that is another but for a part in 10⁷, and an outcome that the columns give
// but for rounding, are refused, each for what it is.
func TestRepeatedNearlySingular(t *testing.T) {
	_, patients := made(t, false, false)
	var twins []Patient
	for i, p := range patients {
		twin := Patient{Y: p.Y, Weight: 1}
		for _, x := range p.X {
			x = slices.Clone(x)
			x[6] = x[5] * (1 + 1e-7*float64(i%5))
			twin.X = append(twin.X, x)
		}
		twins = append(twins, twin)
	}
	var s *SingularError
	if _, err := summed(t, 1, twins).FitRepeated(t.Context(), Unstructured, true); !errors.As(err, &s) || s.Column != 6 {
		t.Errorf("a column nearly twice: %v", err)
	}
	for k := range 30 { // of some, rounding leaves more than nothing
		var exact []Patient
		for _, p := range patients {
			given := Patient{X: p.X, Weight: 1}
			for v, x := range p.X {
				given.Y = append(given.Y, x[5]/float64(k+3)+x[6]/3+0.1*float64(v*k))
			}
			exact = append(exact, given)
		}
		if f, err := summed(t, 1, exact).FitRepeated(t.Context(), Unstructured, true); !errors.Is(err, ErrRepeatedExact) {
			t.Errorf("an outcome that is given: %v, %+v", err, f)
		}
	}
}

// Kenward and Roger's full form of every structure is that of dense matrices in R with
// numerical second derivatives, by the parameters of mmrm's source.
func TestRepeatedKenwardRogerFull(t *testing.T) {
	var want struct {
		Full map[Structure]struct {
			Deviance float64
			KR       []float64 `json:"kr_se"`
			Linear   []float64 `json:"linear_se"`
		}
	}
	readJSON(t, "testdata/repeated.json", &want)
	if len(want.Full) != len(Structures)-1 {
		t.Fatalf("%d structures in the reference", len(want.Full))
	}
	for s, w := range want.Full {
		r, patients := made(t, false, false)
		f, kr := infer(t, r, patients, s, true, Inference{CovKenwardRoger, DFKenwardRoger})
		near(t, string(s)+" deviance", f.Deviance, w.Deviance, 1e-9)
		_, linear := infer(t, r, patients, s, true, Inference{CovKenwardRogerLinear, DFKenwardRoger})
		for i := range kr {
			near(t, string(s)+" full se", kr[i].SE, w.KR[i], 2e-6)
			near(t, string(s)+" linear se", linear[i].SE, w.Linear[i], 2e-6)
		}
	}
}
