package selfcheck

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/catalog"
	"recoup/analysis/meta"
	"recoup/analysis/quality"
)

// bcg is events and patients of the trials of the BCG vaccine: Colditz et al. 1994,
// 10.1001/jama.1994.03510330076038, as metafor has them.
var bcg = []meta.Counts{
	{Events1: 4, N1: 123, Events2: 11, N2: 139},
	{Events1: 6, N1: 306, Events2: 29, N2: 303},
	{Events1: 3, N1: 231, Events2: 11, N2: 220},
	{Events1: 62, N1: 13598, Events2: 248, N2: 12867},
	{Events1: 33, N1: 5069, Events2: 47, N2: 5808},
	{Events1: 180, N1: 1541, Events2: 372, N2: 1451},
	{Events1: 8, N1: 2545, Events2: 10, N2: 629},
	{Events1: 505, N1: 88391, Events2: 499, N2: 88391},
	{Events1: 29, N1: 7499, Events2: 45, N2: 7277},
	{Events1: 17, N1: 1716, Events2: 65, N2: 1665},
	{Events1: 186, N1: 50634, Events2: 141, N2: 27338},
	{Events1: 5, N1: 2498, Events2: 3, N2: 2341},
	{Events1: 27, N1: 16913, Events2: 29, N2: 17854},
}

// pooled are studies and sample sizes.
func pooled(refs references) []check {
	pool := func(method, test string, get func(*meta.Model) float64) func(context.Context, *bench) (float64, error) {
		return func(context.Context, *bench) (float64, error) {
			var effects []meta.Effect
			for _, c := range bcg {
				effects = append(effects, meta.RiskRatio(c, meta.ZeroOnly))
			}
			m, err := meta.Pool(effects, nil, nil, meta.Options{Method: method, Test: test})
			if err != nil {
				return 0, err
			}
			return get(m), nil
		}
	}
	sized := func(name, termName string, set map[string]string) func(context.Context, *bench) (float64, error) {
		return func(ctx context.Context, _ *bench) (float64, error) {
			a, err := catalog.Find(name)
			if err != nil {
				return 0, err
			}
			r, err := a.Run(ctx, analysis.Input{}, analysis.Question{Level: 0.95}, set)
			if err != nil {
				return 0, err
			}
			e, err := term(r, termName, "", "")
			return float64(e.Value), err
		}
	}
	counted := func(arm, reference, termName string, f field) func(context.Context, *bench) (float64, error) {
		return func(ctx context.Context, _ *bench) (float64, error) {
			c, err := catalog.FindCalculation("effect/responders")
			if err != nil {
				return 0, err
			}
			var s analysis.Stratum
			if s.Arm, err = analysis.ParseSummary(arm); err != nil {
				return 0, err
			}
			if reference != "" {
				if s.Reference, err = analysis.ParseSummary(reference); err != nil {
					return 0, err
				}
			}
			r, err := c.Run(ctx, []analysis.Stratum{s}, reference != "", 0.95, nil)
			if err != nil {
				return 0, err
			}
			e, err := term(r, termName, "", "")
			return f.get(e), err
		}
	}
	first := func(m *meta.Model) float64 { return m.Coef[0].Value }
	const script, published = "bcg, by reference.R (metafor)", "Viechtbauer 2010, 10.18637/jss.v036.i03"
	const one, two = "Newcombe 1998, 10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E", "Newcombe 1998, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I"
	return []check{
		near("effect", "the interval of a share is Wilson's", "81 of 263, lower bound, 4 digits", one, 0.2553, 5e-5, counted("name=a,n=263,events=81", "", "responders_all", low)),
		near("effect", "the interval of a difference of shares is Newcombe's", "56 of 70 and 48 of 80, lower bound, 4 digits", two, 0.0524, 5e-5, counted("name=a,n=70,events=56", "name=b,n=80,events=48", "risk_difference_all", low)),
		near("meta", "studies are pooled by REML", "log risk ratio of 13 trials of BCG", script, refs.at("reference", "bcg", 0), 1e-7, pool(meta.REML, meta.TestZ, first)),
		near("meta", "the published figure comes out", "log risk ratio of 13 trials of BCG, 4 digits", published, -0.7145, 5e-5, pool(meta.REML, meta.TestZ, first)),
		near("meta", "its error is the model's", "standard error", script, refs.at("reference", "bcg", 1), 1e-6, pool(meta.REML, meta.TestZ, func(m *meta.Model) float64 { return m.Coef[0].SE })),
		near("meta", "the variance between studies is by REML", "tau²", script, refs.at("reference", "bcg", 2), 1e-6, pool(meta.REML, meta.TestZ, func(m *meta.Model) float64 { return m.Tau2 })),
		near("meta", "Hartung and Knapp widen the error, with DerSimonian and Laird's variance", "standard error", script, refs.at("reference", "bcg", 4), 1e-9, pool(meta.DL, meta.TestHK, func(m *meta.Model) float64 { return m.Coef[0].SE })),
		near("power", "patients to compare means are by the non-central t", "power/means, half an SD", "power_t, by reference.R (power.t.test, both tails)", refs.at("reference", "power_t", 0), 1e-6,
			sized("power/means", "n_arm_exact", map[string]string{"difference": "0.5", "sd": "1"})),
		near("power", "patients to compare shares", "power/shares, 0.3 and 0.5", "power_prop, by reference.R (power.prop.test)", refs.at("reference", "power_prop", 0), 1e-6,
			sized("power/shares", "n_arm_exact", map[string]string{"arm": "0.3", "reference": "0.5"})),
	}
}

// charts are control charts and funnels.
func charts(refs references) []check {
	const script = "quality.R (base R)"
	at := func(name string, i int) float64 { return refs.at("quality", name, i) }
	xmr := func() quality.Chart {
		var series []quality.Measurement
		for _, x := range refs["quality"]["x"] {
			series = append(series, quality.Measurement{Value: x, N: 1})
		}
		return quality.XmR(series, quality.DefaultChart)
	}
	counts := func() []quality.Count {
		var out []quality.Count
		for i, e := range refs["quality"]["events"] {
			out = append(out, quality.Count{Label: fmt.Sprint(i + 1), Events: int(e), N: int(at("n", i))})
		}
		return out
	}
	return []check{
		near("quality", "limits of single values are by moving ranges", "individuals chart, lower limit", "xmr, by "+script, at("xmr", 3), 1e-12, func(context.Context, *bench) (float64, error) {
			return number(float64(xmr().Points[0].Low))
		}),
		near("quality", "shares over-dispersed take Laney's limits", "p' chart, σ of z", "laney, by "+script, at("laney", 0), 1e-12, func(context.Context, *bench) (float64, error) {
			o := quality.DefaultChart
			o.Dispersion = quality.DispersionAuto
			return number(float64(quality.PChart(counts(), o).SigmaZ))
		}),
		near("quality", "limits of a funnel are exact", "funnel, lower 95 % limit", "exact_low95, by "+script, at("exact_low95", 0), 1e-11, func(context.Context, *bench) (float64, error) {
			sites := quality.Funnel(counts(), quality.DefaultFunnel).Sites
			if len(sites) == 0 {
				return 0, errAbsent
			}
			return number(float64(sites[0].Limits.Low95))
		}),
	}
}

// number is a number, or an error that there is none.
func number(v float64) (float64, error) {
	if math.IsNaN(v) {
		return 0, errAbsent
	}
	return v, nil
}
