package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/compare"
	"recoup/analysis/effect"
	"recoup/analysis/power"
)

// Calculation is an analysis that can be done from summary statistics too: by which
// of them, and with which settings fixed because the statistics have them in them.
type Calculation struct {
	Analysis *analysis.Analysis
	// Groups is what must be known: nothing, of the arm, or of the arm and the reference.
	Groups  Groups
	Strata  bool // several strata of arm and reference
	Fixed   map[string]string
	Needs   []Need
	Example string // of the command line after the name
}

// Groups says of whom summary statistics are asked.
type Groups int

// The groups.
const (
	NoGroups Groups = iota // settings alone
	OneOrTwo               // an arm, and a reference where it is compared
	Two
)

// Need says what terms rest on.
type Need struct {
	Terms []string
	Known []analysis.Known
}

func need(known ...analysis.Known) func(terms ...string) Need {
	return func(terms ...string) Need { return Need{terms, known} }
}

var (
	onBaseline = need(analysis.KnownBaseline)
	onVisit    = need(analysis.KnownVisit)
	onChange   = need(analysis.KnownChange)
	onBoth     = need(analysis.KnownChange, analysis.KnownBaseline)
	onJoint    = need(analysis.KnownJoint)
)

// Calculations lists the analyses that can be done from summary statistics.
var Calculations = []Calculation{
	{
		Analysis: effect.MeanChange, Groups: OneOrTwo,
		Needs: []Need{
			onBaseline("mean_baseline", "sd_baseline"), onVisit("mean_visit", "sd_visit", "difference_at_visit"),
			onChange("change", "sd_change", "difference_in_change"), onJoint("percent_of_means"),
		},
		Example: "--arm n=44,mean-change=-2.9,sd-change=1.6 --reference n=44,mean-change=-1.4,sd-change=1.6",
	},
	{
		Analysis: effect.HedgesG, Groups: OneOrTwo,
		Needs:   []Need{onChange("hedges_g", "cohens_d", "standardised_change")}, // with denominator=change
		Example: "--arm n=44,mean=1.18,sd=1.24 --reference n=44,mean=2.84,sd=1.64 --set denominator=post",
	},
	{
		Analysis: effect.StandardisedDifferences, Groups: OneOrTwo,
		Needs: []Need{
			onChange("d_z"), onJoint("d_av", "d_av_mean", "d_rm", "d_pre", "d_post"), onBoth("d_pre_unequal", "d_baseline"),
			onChange("d_pooled", "d_unequal", "glass_reference", "glass_arm"), // with values=change
		},
		Example: "--arm n=30,mean-baseline=6.1,sd-baseline=1.7,mean=4.2,sd=2.1,r=0.5",
	},
	{
		Analysis: effect.PercentChange, Groups: OneOrTwo,
		Needs:   []Need{onJoint("percent_of_means", "ratio_of_means"), onVisit("ratio_at_visit")},
		Example: "--arm n=30,mean-baseline=6.1,sd-baseline=1.7,mean=4.2,sd=2.1,r=0.5",
	},
	{
		Analysis: effect.Ancova, Groups: Two, Fixed: map[string]string{"errors": "model", "covariates": ""},
		Needs:   []Need{onJoint("adjusted_difference", "adjusted_mean", "slope_baseline")},
		Example: "--arm n=44,mean-baseline=4.2,sd-baseline=1.2,mean=1.2,sd=1.2,r=0.4 --reference n=44,mean-baseline=4.1,sd-baseline=1.3,mean=2.8,sd=1.6,r=0.5",
	},
	{
		Analysis: effect.Responders, Groups: OneOrTwo, Fixed: map[string]string{"rule": "percent", "threshold": "30", "direction": "lower"},
		Needs:   []Need{need(analysis.KnownEvents)("*")},
		Example: "--arm n=50,events=33 --reference n=51,events=10,missing=3",
	},
	{
		Analysis: effect.PairedShares, Groups: OneOrTwo, Fixed: map[string]string{"threshold": "5", "direction": "lower"},
		Needs:   []Need{need(analysis.KnownPairs)("*")},
		Example: "--arm both=59,first=6,second=16,neither=80",
	},
	{
		Analysis: effect.StratifiedResponders, Groups: Two, Strata: true,
		Fixed:   map[string]string{"rule": "percent", "threshold": "30", "direction": "lower", "strata": "stratum"},
		Needs:   []Need{need(analysis.KnownEvents)("*")},
		Example: "--arm name=north,n=40,events=20 --reference n=38,events=11 --arm name=south,n=25,events=15 --reference n=27,events=9",
	},
	{Analysis: compare.Bucher, Example: "--set first_value=-4.1 --set first_low=-8.1 --set first_high=-0.1 --set second_value=1.1 --set second_se=3.6"},
	{Analysis: compare.Sensitivity, Example: "--set scale=hr --set estimate=0.7 --set low=0.5 --set high=0.9"},
	{Analysis: power.Means, Example: "--set difference=1 --set sd=2.2"},
	{Analysis: power.Shares, Example: "--set arm=0.5 --set reference=0.3"},
	{Analysis: power.Events, Example: "--set hazard_ratio=1.5"},
	{Analysis: power.Slopes, Example: "--set difference=0.1 --set sd_slope=0.2 --set sd_residual=1"},
	{Analysis: power.Mixed, Example: "--set difference=1 --set sd=2.2 --set seen=1,0.9,0.8"},
	{Analysis: power.RegressionTest, Example: "--set patients=80"},
}

// FindCalculation returns the calculation of that name.
func FindCalculation(name string) (Calculation, error) {
	a, err := Find(name)
	if err != nil {
		return Calculation{}, err
	}
	var names []string
	for _, c := range Calculations {
		if c.Analysis == a {
			return c, nil
		}
		names = append(names, c.Analysis.Name)
	}
	return Calculation{}, fmt.Errorf("%w: %s rests on more than summary statistics; from them there are: %s", analysis.ErrOptions, name, strings.Join(names, ", "))
}

// needsOf returns what each term rests on, with the settings.
func (c Calculation) needsOf(set map[string]string) []Need {
	switch {
	case c.Analysis == effect.HedgesG && set["denominator"] == effect.DenominatorPost:
		return []Need{onVisit("hedges_g", "cohens_d"), onJoint("standardised_change")}
	case c.Analysis == effect.HedgesG && set["denominator"] == effect.DenominatorBaseline:
		return []Need{onBoth("hedges_g", "cohens_d"), onJoint("standardised_change")}
	case c.Analysis == effect.StandardisedDifferences && set["values"] == "visit":
		return append(c.Needs[:len(c.Needs)-1:len(c.Needs)-1], onVisit(c.Needs[len(c.Needs)-1].Terms...))
	}
	return c.Needs
}

// Run does the calculation for the strata, of which there is one without strata, and
// keeps the terms that the statistics given suffice for.
func (c Calculation) Run(ctx context.Context, strata []analysis.Stratum, compared bool, level float64, set map[string]string) (analysis.Result, error) {
	for k := range set {
		if _, fixed := c.Fixed[k]; fixed {
			return analysis.Result{}, fmt.Errorf("%w: %s has no meaning for summary statistics; leave it out", analysis.ErrOptions, k)
		}
	}
	all := maps.Clone(c.Fixed)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, set)
	q := analysis.Question{Level: level}
	if c.Groups == NoGroups {
		return c.Analysis.Run(ctx, analysis.Input{}, q, all)
	}
	kept, err := c.terms(strata, compared, all)
	if err != nil {
		return analysis.Result{}, err
	}
	co, err := analysis.Made(ctx, strata, compared)
	if err != nil {
		return analysis.Result{}, err
	}
	q.Outcome, q.Visit, q.Arm = "outcome", "visit", strata[0].Arm.Name
	if compared {
		q.Reference = strata[0].Reference.Name
	}
	r, err := c.Analysis.Run(ctx, analysis.Input{Cohort: co}, q, all)
	if err != nil {
		return analysis.Result{}, err
	}
	r.Estimates = slices.DeleteFunc(r.Estimates, func(e analysis.Estimate) bool { return !kept[e.Term] && !kept["*"] })
	for i := range r.Estimates {
		r.Estimates[i].Definition = "" // the statistics' own, which they do not say
	}
	for k := range c.Fixed {
		delete(r.Settings, k)
	}
	r.Warnings = slices.DeleteFunc(r.Warnings, func(w analysis.Warning) bool { // of an occasion that was not given
		return w.Code == analysis.WarnLowFollowUp && !strata[0].Arm.Knows(analysis.KnownEvents) && !strata[0].Arm.Knows(analysis.KnownPairs)
	})
	return r, nil
}

// terms returns the terms for which every group has what they rest on; it is an error
// where none has.
func (c Calculation) terms(strata []analysis.Stratum, compared bool, set map[string]string) (map[string]bool, error) {
	kept := map[string]bool{}
	var lacks []string
	for _, n := range c.needsOf(set) {
		ok := true
		for _, k := range n.Known {
			for _, st := range strata {
				ok = ok && st.Arm.Knows(k) && (!compared || st.Reference.Knows(k))
			}
			if s := string(k); !ok && !slices.Contains(lacks, s) {
				lacks = append(lacks, s)
			}
		}
		if ok {
			for _, t := range n.Terms {
				kept[t] = true
			}
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("%w: expected of each group %s", analysis.ErrOptions, strings.Join(lacks, ", or "))
	}
	return kept, nil
}
