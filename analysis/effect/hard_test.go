package effect_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/effect"
)

// every analysis of the package, with what it cannot do without.
var every = map[*analysis.Analysis][]map[string]string{
	effect.MeanChange:              {nil, {"variance": "pooled", "ranks": "exact"}},
	effect.PercentChange:           {nil, {"variance": "pooled"}},
	effect.HedgesG:                 {nil, {"denominator": "baseline"}, {"denominator": "post"}},
	effect.StandardisedDifferences: {nil, {"values": "visit", "errors": "unbiased"}, {"interval": "unequal-variances"}},
	effect.SuperiorityAnalysis:     {nil, {"values": "visit", "interval": "brunner-munzel"}, {"test": "wilcoxon"}},
	effect.Responders:              {nil, {"interval": "wald", "ratio": "log", "share": "jeffreys"}, {"interval": "agresti-caffo", "share": "mid-p"}, {"interval": "miettinen-nurminen", "share": "clopper-pearson"}, {"rule": "important", "share": "agresti-coull"}, {"interval": "scas", "share": "wald", "test": "fisher", "ratio": "exact"}, {"interval": "mee", "share": "wilson-corrected", "test": "yates", "ratio": "score-unbiased"}},
	effect.ResponderCurve:          {nil, {"rule": "points"}},
	effect.PairedShares:            {{"threshold": "3"}, {"threshold": "3", "interval": "wald"}},
	effect.StratifiedResponders:    {nil, {"variance": "greenland-robins", "correct": "true", "equal": "breslow-day"}},
	effect.ReliableChange:          {{"reliability": "0.9"}, {"reliability": "0.9", "method": "hageman-arrindell", "cutoff": "c", "norm_mean": "2", "norm_sd": "1"}, {"reliability": "0.5", "method": "nunnally-kotsch", "cutoff": "b", "norm_mean": "2", "norm_sd": "1"}},
	effect.Ancova:                  {nil, {"errors": "HC3"}, {"errors": "CR2"}},
	effect.Contrasts:               {nil, {"adjust": "tukey"}, {"adjust": "scheffe", "errors": "HC3"}},
	effect.AdjustedResponders:      {nil, {"errors": "influence"}},
	effect.Subgroups:               {nil},
	effect.ImportantDifference:     {{"reliability": "0.8"}, {"anchor": "age", "anchor_improved": "50"}},
	effect.RegressionToMean:        {{"reliability": "0.8", "mean": "5", "sd": "2", "entry": "over", "threshold": "4"}},
	effect.Bootstrap:               {{"replicates": "100"}, {"replicates": "100", "interval": "basic"}, {"replicates": "100", "cluster": "true"}, {"replicates": "100", "interval": "normal", "quantile": "type-6"}, {"replicates": "100", "interval": "abc", "quantile": "type-7"}},
}

// Nobody, one patient, no variance, all missing, ties, zeros, one arm empty, and
// both arms parted without overlap: a number or a null that is explained
// (Conforms), or a refusal, never a panic or a bare NaN.
func TestHardData(t *testing.T) {
	head := "id,arm,site,age,base,after\n"
	bodies := map[string]string{
		"one patient":  "1,program,N,50,5,3\n",
		"one each":     "1,program,N,50,5,3\n2,usual,S,50,5,4\n",
		"all missing":  "1,program,N,50,5,\n2,program,N,50,6,\n3,usual,S,50,5,\n4,usual,N,40,4,\n",
		"no variance":  "1,program,N,50,5,3\n2,program,N,50,5,3\n3,program,S,50,5,3\n4,usual,N,50,5,3\n5,usual,S,50,5,3\n6,usual,S,50,5,3\n",
		"zeros":        "1,program,N,50,0,0\n2,program,N,51,0,0\n3,program,S,50,0,0\n4,usual,N,50,0,0\n5,usual,S,52,0,0\n6,usual,S,50,0,0\n",
		"empty arm":    "1,program,N,50,5,3\n2,program,N,50,6,3\n3,program,S,50,7,1\n",
		"parted":       "1,program,N,50,9,1\n2,program,N,51,8,2\n3,program,S,50,9,1\n4,program,S,50,8,1\n5,usual,N,50,9,8\n6,usual,S,52,8,8\n7,usual,S,50,9,9\n8,usual,N,50,8,8\n",
		"no baseline":  "1,program,N,50,,1\n2,program,N,51,,2\n3,usual,S,50,,1\n4,usual,S,50,,5\n",
		"two each":     "1,program,N,50,5,3\n2,program,S,60,6,2\n3,usual,N,50,5,4\n4,usual,S,40,7,7\n",
		"nobody moves": "1,program,N,50,5,5\n2,program,S,60,6,6\n3,program,S,60,3,3\n4,usual,N,50,5,5\n5,usual,S,40,7,7\n6,usual,S,40,1,1\n",
	}
	questions := []analysis.Question{
		between,
		{Outcome: "pain", Visit: "end"},
		{Arm: "program", Outcome: "pain", Visit: "end"},
		{Arm: "program", Reference: "usual", Outcome: "pain", Visit: "end", Missing: analysis.MissingAvailable, Level: 0.999},
	}
	for name, body := range bodies {
		c := trial(t, head+body)
		for a, settings := range every {
			for _, set := range settings {
				for _, q := range questions {
					r, err := a.Run(context.Background(), analysis.Input{Cohort: c}, q, set)
					if err != nil {
						if !errors.Is(err, analysis.ErrCannot) && !errors.Is(err, analysis.ErrOptions) {
							t.Errorf("%s, %s %v: %v", name, a.Name, set, err)
						}
						continue
					}
					t.Run(fmt.Sprintf("%s, %s %v %s", name, a.Name, set, q.Reference), func(t *testing.T) { analysistest.Conforms(t, a, r) })
				}
			}
		}
	}
}
