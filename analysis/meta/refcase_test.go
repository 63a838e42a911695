package meta

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"recoup/analysis/analysistest"
)

const refcases = "../../../shared/refcases/statistics/"

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
		for i, c := range r {
			v, err := strconv.ParseFloat(c, 64)
			if err != nil {
				v = math.NaN()
			}
			numbers[rows[0][i]], texts[rows[0][i]] = append(numbers[rows[0][i]], v), append(texts[rows[0][i]], c)
		}
	}
	return numbers, texts
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// heldModel holds a model to the fields that the cases have of one; a single number of
// a list of coefficients is without its index.
func heldModel(v *analysistest.Case, at string, m *Model, tol float64) {
	for i, c := range m.Coef {
		index := ""
		if m.Rank > 1 {
			index = "/" + strconv.Itoa(i)
		}
		for key, got := range map[string]float64{"b": c.Value, "se": c.SE, "stat": c.Statistic, "p": c.P, "lo": float64(c.CI.Low), "hi": float64(c.CI.High)} {
			v.Near(at+"/"+key+index, got, tol)
		}
	}
	for key, got := range map[string]float64{"tau2": m.Tau2, "se_tau2": m.Tau2SE, "I2": m.I2, "H2": m.H2, "Q": m.Q, "Qp": m.QP, "QM": m.QM, "R2": m.R2, "ll": m.LogLik} {
		v.Near(at+"/"+key, got, tol)
	}
	if m.Rank > 1 { // there is no one prediction
		v.Leave(at+"/pi_lo", at+"/pi_hi")
		return
	}
	_, p := m.Predict()
	v.Near(at+"/pi_lo", float64(p.Low), tol)
	v.Near(at+"/pi_hi", float64(p.High), tol)
}

// Vaccination against tuberculosis, to the 1e-6 the case states.
func TestReferenceCaseBCG(t *testing.T) {
	v := analysistest.ReadCase(t, refcases+"meta_bcg")
	x, text := columns(t, "meta_bcg")
	const tol = 1e-6
	var effects []Effect
	var tables []Counts
	for i := range x["tpos"] {
		c := Counts{x["tpos"][i], x["tpos"][i] + x["tneg"][i], x["cpos"][i], x["cpos"][i] + x["cneg"][i]}
		tables = append(tables, c)
		e := RiskRatio(c, ZeroOnly)
		effects = append(effects, e)
		v.Near(fmt.Sprintf("yi/%d", i), e.Value, tol)
		v.Near(fmt.Sprintf("vi/%d", i), e.Variance, tol)
	}
	ask := func(method, test string, mods ...[]float64) *Model {
		return must[*Model](t)(Pool(effects, mods, []string{"a", "b"}, Options{Method: method, Test: test, Prediction: PredictTest}))
	}
	for _, method := range Methods() {
		heldModel(v, method, ask(method, TestZ), tol)
	}
	heldModel(v, "REML_KNHA", ask(REML, TestHK), tol)
	heldModel(v, "DL_adhoc", ask(DL, TestAdhoc), tol)
	heldModel(v, "REML_t", ask(REML, TestT), tol)
	reml := ask(REML, TestZ)
	v.List("tau2_qprofile_ci", tol, reml.Tau2, reml.Tau2Low, reml.Tau2High)
	v.List("I2_qprofile_ci", tol, reml.I2, reml.I2Low, reml.I2High)
	heldModel(v, "metareg_ablat_REML", ask(REML, TestZ, x["ablat"]), tol)
	heldModel(v, "metareg_ablat_year_KNHA", ask(REML, TestHK, x["ablat"], x["year"]), tol)
	var random, systematic []float64
	for _, a := range text["alloc"] {
		random = append(random, map[bool]float64{true: 1}[a == "random"])
		systematic = append(systematic, map[bool]float64{true: 1}[a == "systematic"])
	}
	heldModel(v, "metareg_alloc_DL", ask(DL, TestZ, random, systematic), tol)
	for _, measure := range []string{"OR", "RR", "RD"} {
		s := MantelHaenszel(tables, measure, ZeroOnly, 0.95)
		mh, p := s.CMH, s.CMHP
		for key, got := range map[string]float64{"b": s.Effect.Value, "se": s.Effect.SE, "lo": float64(s.Effect.CI.Low), "hi": float64(s.Effect.CI.High), "Q": s.Q, "MH": mh, "MHp": p} {
			v.Near("MH_"+measure+"/"+key, got, tol)
		}
	}
	peto := Peto(tables, 0.95)
	for key, got := range map[string]float64{"b": peto.Effect.Value, "se": peto.Effect.SE, "Q": peto.Q} {
		v.Near("PETO/"+key, got, tol)
	}
	egger := must[Bias](t)(Egger(effects, Options{Method: REML, Test: TestZ}, false))
	v.Near("egger_rma/z", egger.Statistic, tol)
	v.Near("egger_rma/p", egger.P, tol)
	egger = must[Bias](t)(Egger(effects, Options{}, true))
	v.Near("egger_lm/t", egger.Statistic, tol)
	v.Near("egger_lm/p", egger.P, tol)
	begg := Begg(effects)
	v.Near("begg/tau", begg.Value, tol)
	v.Near("begg/p", begg.P, tol)
	filled := must[Trimmed](t)(TrimAndFill(effects, Options{Method: DL, Test: TestZ}, TrimL0, ""))
	v.Near("trimfill_DL/k0", float64(filled.Missing), 0)
	v.Text("trimfill_DL/side", filled.Side)
	v.Near("trimfill_DL/b", filled.Model.Coef[0].Value, tol)
	v.Near("trimfill_DL/se", filled.Model.Coef[0].SE, tol)
	for i, w := range reml.Influence() {
		at := "/" + strconv.Itoa(i)
		v.Near("leave1out/b"+at, w.Effect.Value, tol)
		v.Near("leave1out/se"+at, w.Effect.SE, tol)
		v.Near("leave1out/tau2"+at, w.Tau2, tol)
		v.Near("cooks_d"+at, w.Cook, tol)
		v.Near("rstudent"+at, w.Residual, tol)
	}
	values, errors := reml.Shrunken()
	v.List("blup/pred", tol, values...)
	v.List("blup/se", tol, errors...)
	order := must[[]*Model](t)(Cumulative(effects, Options{Method: REML, Test: TestZ}))
	v.Near("cumul_last", order[len(order)-1].Coef[0].Value, tol)
	hts := must[*Model](t)(Pool(effects, nil, nil, Options{})) // our defaults are those of the package meta
	_, p := hts.Predict()
	// Its REML stopped early: its τ² is 2e-7 off.
	for key, got := range map[string]float64{"TE": hts.Coef[0].Value, "se": hts.Coef[0].SE, "lo": float64(hts.Coef[0].CI.Low), "hi": float64(hts.Coef[0].CI.High), "pi_lo": float64(p.Low), "pi_hi": float64(p.High), "tau2": hts.Tau2, "I2": hts.I2Q / 100} {
		v.Near("meta_HK/"+key, got, tol)
	}
}

// Length of hospital stay, to the 1e-8 the case states.
func TestReferenceCaseNormand(t *testing.T) {
	v := analysistest.ReadCase(t, refcases+"ratio_of_means_normand")
	x, _ := columns(t, "ratio_of_means_normand")
	const tol = 1e-8
	of := map[string]func(a, b Moments) Effect{"ROM": RatioOfMeans, "MD": MeanDifference, "SMD": StandardisedDifference}
	effects := map[string][]Effect{}
	for name, f := range of {
		for i := range x["m1i"] {
			e := f(Moments{N: int(x["n1i"][i]), Mean: x["m1i"][i], SD: x["sd1i"][i]}, Moments{N: int(x["n2i"][i]), Mean: x["m2i"][i], SD: x["sd2i"][i]})
			effects[name] = append(effects[name], e)
			v.Near(fmt.Sprintf("%s_yi/%d", name, i), e.Value, tol)
			v.Near(fmt.Sprintf("%s_vi/%d", name, i), e.Variance, tol)
		}
	}
	for _, at := range []string{"ROM_REML", "MD_REML", "MD_DL", "MD_FE", "MD_REML_KNHA", "SMD_REML", "SMD_DL"} {
		parts := strings.Split(at, "_")
		test := TestZ
		if len(parts) == 3 {
			test = TestHK
		}
		m := must[*Model](t)(Pool(effects[parts[0]], nil, nil, Options{Method: parts[1], Test: test, Prediction: PredictTest}))
		c := m.Coef[0]
		_, p := m.Predict()
		for key, got := range map[string]float64{"b": c.Value, "se": c.SE, "lo": float64(c.CI.Low), "hi": float64(c.CI.High), "p": c.P, "tau2": m.Tau2, "Q": m.Q, "I2": m.I2, "pi_lo": float64(p.Low), "pi_hi": float64(p.High)} {
			v.Near(at+"/"+key, got, tol)
		}
	}
}

// Delinquency: 100 effects of 17 studies, to the 1e-5 the case states.
func TestReferenceCaseThreeLevel(t *testing.T) {
	v := analysistest.ReadCase(t, refcases+"meta_multilevel_assink")
	x, text := columns(t, "meta_multilevel_assink")
	const tol = 1e-5
	var effects []Effect
	var general, overt []float64
	for i := range x["yi"] {
		effects = append(effects, Effect{x["yi"][i], x["vi"][i]})
		general = append(general, map[bool]float64{true: 1}[text["deltype"][i] == "general"])
		overt = append(overt, map[bool]float64{true: 1}[text["deltype"][i] == "overt"])
	}
	study := text["study"]
	m := must[*Multilevel](t)(ThreeLevel(effects, study, nil, nil, 0, 0.95))
	v.Near("three_level/b", m.Coef[0].Value, tol)
	v.Near("three_level/se", m.Coef[0].SE, tol)
	v.List("three_level/sigma2", tol, m.Between, m.Within)
	v.Near("three_level/ll", m.LogLik, tol)
	v.Near("three_level/Q", m.Q, tol)
	for key, kind := range map[string]string{"robust_CR1": CR1, "CR2": CR2} {
		c, df, err := m.RobustErrors(kind)
		if err != nil {
			t.Fatal(err)
		}
		v.Near(key+"/se", c[0].SE, tol)
		v.Near(key+"/df", df[0], tol)
		if kind == CR2 {
			v.Near(key+"/p", c[0].P, tol)
		}
	}
	m = must[*Multilevel](t)(ThreeLevel(effects, study, [][]float64{general, overt}, []string{"general", "overt"}, 0, 0.95))
	for i, c := range m.Coef {
		v.Near(fmt.Sprintf("moderator/b/%d", i), c.Value, tol)
		v.Near(fmt.Sprintf("moderator/se/%d", i), c.SE, tol)
	}
	v.List("moderator/sigma2", tol, m.Between, m.Within)
	v.Near("moderator/QM", m.QM, tol)
	m = must[*Multilevel](t)(ThreeLevel(effects, study, nil, nil, 0.6, 0.95))
	v.Near("che_rho0.6/b", m.Coef[0].Value, tol)
	v.Near("che_rho0.6/se", m.Coef[0].SE, tol)
	v.List("che_rho0.6/sigma2", tol, m.Between, m.Within)
}

// Ten treatments of diabetes in 26 studies, to the 1e-6 the case states.
func TestReferenceCaseNetwork(t *testing.T) {
	v := analysistest.ReadCase(t, refcases+"nma_senn2013")
	contrasts := senn(t)
	const tol = 1e-6
	random := must[*Netted](t)(Network(contrasts, NetworkOptions{}))
	common := must[*Netted](t)(Network(contrasts, NetworkOptions{Common: true}))
	for i, name := range random.Treatments {
		at := "/" + strconv.Itoa(i)
		v.Text("trts"+at, name)
		for key, n := range map[string]*Netted{"random": random, "common": common} {
			v.Near(key+"/TE"+at, n.Value[i][5], tol)
			v.Near(key+"/se"+at, n.SE[i][5], tol)
			v.Near("pscore_"+key+"/"+name, n.PScore[i], tol)
		}
	}
	for key, got := range map[string]float64{"tau": math.Sqrt(random.Tau2), "tau2": random.Tau2, "Q": random.Q, "df_Q": random.QDF, "I2": random.I2, "Q_het": random.Within, "Q_inc": random.Between} {
		v.Near(key, got, tol)
	}
	found := 0
	for _, p := range random.Comparisons {
		for i := range 45 { // the case has six pairs the other way round
			at, flip := "/"+strconv.Itoa(i), 1.0
			name := p.Treat1 + ":" + p.Treat2
			if _, said, _ := strings.Cut(pairs[i], ":"); said == p.Treat1 {
				name, flip = p.Treat2+":"+p.Treat1, -1
			}
			if name != pairs[i] {
				continue
			}
			found++
			v.Text("direct_prop/comparison"+at, name)
			v.Near("direct_prop/prop"+at, p.Share, tol)
			v.Near("direct_prop/direct"+at, flip*p.Direct.Value, tol)
			v.Near("direct_prop/indirect"+at, flip*p.Indirect.Value, tol)
			v.Near("direct_prop/diff_p"+at, p.Inconsistency.P, tol)
		}
	}
	if found != 45 {
		t.Errorf("%d pairs of 45", found)
	}
}

// pairs is the order of the case's comparisons.
var pairs = strings.Fields("acar:benf acar:metf acar:migl acar:piog acar:plac acar:rosi acar:sita acar:sulf acar:vild benf:metf benf:migl benf:piog benf:plac benf:rosi benf:sita benf:sulf benf:vild metf:migl metf:piog metf:plac metf:rosi metf:sita metf:sulf metf:vild migl:piog migl:plac migl:rosi migl:sita migl:sulf migl:vild piog:plac piog:rosi piog:sita piog:sulf piog:vild rosi:plac sita:plac sulf:plac vild:plac rosi:sita rosi:sulf rosi:vild sita:sulf sita:vild sulf:vild")

func senn(t *testing.T) []Contrast {
	t.Helper()
	x, text := columns(t, "nma_senn2013")
	var out []Contrast
	for i := range x["TE"] {
		out = append(out, Contrast{text["studlab"][i], text["treat1"][i], text["treat2"][i], Effect{x["TE"][i], x["seTE"][i] * x["seTE"][i]}})
	}
	return out
}
