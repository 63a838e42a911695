// Package catalog is the list of analyses. An analysis is added by one line here;
// the command line, reports and the conformance suite then see it.
package catalog

import (
	"errors"
	"fmt"
	"strings"

	"recoup/analysis"
	"recoup/analysis/compare"
	"recoup/analysis/describe"
	"recoup/analysis/economics"
	"recoup/analysis/effect"
	"recoup/analysis/impute"
	"recoup/analysis/longitudinal"
	"recoup/analysis/power"
	"recoup/analysis/quality"
	"recoup/analysis/resample"
	"recoup/analysis/taper"
	"recoup/analysis/work"
)

// All lists every analysis, by package and then as a reader would meet them.
var All = []*analysis.Analysis{
	describe.FlowAnalysis,
	describe.TableOneAnalysis,
	describe.CompletenessAnalysis,
	describe.CostsAnalysis,
	effect.MeanChange,
	effect.PercentChange,
	effect.HedgesG,
	effect.StandardisedDifferences,
	effect.SuperiorityAnalysis,
	effect.Responders,
	effect.ResponderCurve,
	effect.PairedShares,
	effect.StratifiedResponders,
	effect.ReliableChange,
	effect.Ancova,
	effect.Contrasts,
	effect.AdjustedResponders,
	effect.Subgroups,
	effect.ImportantDifference,
	effect.RegressionToMean,
	effect.Bootstrap,
	resample.BootstrapAnalysis,
	resample.PermutationAnalysis,
	power.Means,
	power.Shares,
	power.BenchmarkTest,
	power.Events,
	power.RegressionTest,
	power.Slopes,
	power.Mixed,
	longitudinal.MMRM,
	longitudinal.RandomSlope,
	longitudinal.GEEAnalysis,
	longitudinal.InterruptedSeries,
	longitudinal.TrajectoriesAnalysis,
	impute.Pattern,
	impute.Chained,
	impute.ReferenceBased,
	impute.TippingPoint,
	impute.Weighted,
	impute.Bounds,
	taper.DoseByWeek,
	taper.Reduction,
	taper.DefinitionsAnalysis,
	taper.VelocityAnalysis,
	taper.TimeAnalysis,
	taper.SafetyAnalysis,
	taper.OUDMedication,
	taper.TrajectoriesAnalysis,
	work.Return,
	work.LogRankAnalysis,
	work.RestrictedMeans,
	work.CoxAnalysis,
	work.Competing,
	work.FineGrayAnalysis,
	work.ParametricAnalysis,
	work.IntervalCensored,
	work.Grouped,
	work.States,
	work.Transitions,
	work.Recurrent,
	compare.Published,
	compare.MAIC,
	compare.STC,
	compare.Bucher,
	compare.Propensity,
	compare.Balance,
	compare.Matched,
	compare.Weighted,
	compare.WeightedSurvival,
	compare.DoublyRobust,
	compare.NegativeControl,
	compare.Sensitivity,
	economics.Trial,
	economics.Costs,
	quality.ControlChartAnalysis,
	quality.PChartAnalysis,
	quality.XmRAnalysis,
	quality.FunnelAnalysis,
	quality.StandardisedRatioAnalysis,
	quality.SitesAnalysis,
	quality.CUSUMAnalysis,
	quality.VLADAnalysis,
	quality.CalibrationAnalysis,
	quality.BenchmarkAnalysis,
}

// ErrUnknown is what errors.Is finds in the error for a name that is not listed.
var ErrUnknown = errors.New("no such analysis")

// Find returns the analysis of that name.
func Find(name string) (*analysis.Analysis, error) {
	for _, a := range All {
		if a.Name == name {
			return a, nil
		}
	}
	var like []string
	_, method, _ := strings.Cut(name, "/")
	for _, a := range All {
		if method != "" && strings.HasSuffix(a.Name, "/"+method) || strings.HasPrefix(a.Name, name) {
			like = append(like, a.Name)
		}
	}
	if len(like) > 0 {
		return nil, fmt.Errorf("%w: %q; did you mean %s", ErrUnknown, name, strings.Join(like, " or "))
	}
	return nil, fmt.Errorf("%w: %q; see: recoup analyze list", ErrUnknown, name)
}
