// Package compare sets a program's figures beside those of other patients, and
// says how far the two groups of patients can be compared.
package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets/published"
)

// Codes of warnings that only this package gives.
const (
	WarnClaim      = "claim-under-test" // a statement without a source that bears it out
	WarnComplement = "complement"       // 100 percent minus a measured figure, not itself measured
	WarnRange      = "range"            // only a range was published
	WarnNoFigure   = "no-figure"        // an asked comparator has nothing of the kind
)

// Terms of the estimates of Published.
const (
	TermOurs       = "ours"
	TermPublished  = "published"
	TermComplement = "published_complement"
	TermClaim      = "claim"
	TermDifference = "difference"
)

// Measures that can be compared.
const (
	MeasureAuto    = "auto"
	MeasureShare   = "share"
	MeasureMean    = "mean"
	MeasureChange  = "change"
	MeasurePercent = "percent-change"
)

// PublishedOptions are the settings of compare/published.
type PublishedOptions struct {
	Comparators []string `opt:"comparators" doc:"ids of published entries; empty: all that have a figure of the kind asked for"`
	Procedure   string   `opt:"procedure" doc:"only published groups with this treatment, such as lumbar fusion"`
	Measure     string   `opt:"measure" doc:"what is compared; auto: change for an outcome with an instrument, else share" choices:"auto|share|mean|change|percent-change"`
	Published   string   `opt:"published" doc:"the published outcome a share is compared with: work, opioid off, completion, ...; empty: work"`

	Source     string    `opt:"source" doc:"where our figure is from: counted in the cohort, or given by the ours_ settings" choices:"cohort|given"`
	OursEvents []int     `opt:"ours_events" doc:"given: patients with the event"`
	OursN      []int     `opt:"ours_n" doc:"given: patients in the denominator"`
	OursMean   []float64 `opt:"ours_mean" doc:"given: the mean, mean change or percent change"`
	OursSD     []float64 `opt:"ours_sd" doc:"given: its standard deviation"`
	Horizon    string    `opt:"horizon" doc:"when our figure was seen, such as 12 months after discharge; empty: from the visit's week"`

	Column  string   `opt:"column" doc:"cohort: column the share is counted in, of visits or of one row a patient; empty: the outcome asked about, else work_status"`
	Working []string `opt:"working" doc:"cohort: levels of the column that count as the event; the default holds for work alone"`
	Among   []string `opt:"among" doc:"cohort: levels of the column at baseline that put a patient into the denominator; empty: all patients"`

	Test bool `opt:"test" doc:"also give the p value of a difference, as if the two groups were samples of like patients"`
}

var publishedDefaults = PublishedOptions{
	Measure: MeasureAuto, Source: "cohort",
	Working: []string{
		"full duty", "modified duty", "light duty", "restricted duty", "full time", "part time", "working", "working full time",
		"working part time", "at work", "employed", "self employed", "yes", "true",
	},
}

// Published is compare/published: our figure beside published ones, each with the
// ways in which the patients differ.
var Published = analysis.New(analysis.Analysis{
	Name:     "compare/published",
	Title:    "Beside published figures",
	Estimand: "our share, mean or mean change, the same figure as others published it in their patients, and the unadjusted difference, which is not the effect of a treatment",
	Doc: `Terms: ours, for each group; then for each published figure of the same kind
  published             as printed, its interval worked out from its counts (Wilson) or its mean, SD and n (t), or as printed
  published_complement  100 percent minus a measured figure: Juratli's 36.1 percent is those not on benefit, never measured return to work
  claim                 a statement without a source that bears it out, shown to be tested
  difference            ours minus published, unadjusted, only between two counted shares (Newcombe) or two means with SD and n (Welch); never against a claim, and against a complement only where both use its definition
A published percentage without a count is taken at the whole number of patients nearest to it; the interval says so.
A change that is not printed is the difference of the printed means at entry and later, of partly different people, and has no interval.
Shares and means at entry are compared with those at entry, later ones with later ones. Standardised differences, odds ratios and differences from a control group are never set beside a change within one group.
Every difference and every published figure carries a warning (case-mix) with each way in which the patients differ, or may differ since one side is not recorded. Ours comes from caseMix in the cohort file; where that is silent, from payer and work_before: a level that at least 90 percent of the patients have, else mixed. Table case-mix holds the same, table comparators the sources.
Ours: patients without the values needed are left out and counted as missing; with missing=failure they are in the denominator of a share.
A p value is given on test=true alone: it answers whether chance could explain the difference if the patients were alike, and they are not.
R: prop.test(x, n, correct = FALSE); DescTools::BinomDiffCI(method = "score"); BSDA::tsum.test().`,
	Refs: []string{
		"Newcombe 1998, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I",
		"Wilson 1927, 10.1080/01621459.1927.10502953",
		"Welch 1947, 10.1093/biomet/34.1-2.28",
	},
}, publishedDefaults, runPublished)

func runPublished(_ context.Context, in analysis.Input, q analysis.Question, o PublishedOptions) (analysis.Result, error) {
	if err := o.check(q); err != nil {
		return analysis.Result{}, err
	}
	k, err := o.kind(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	ours, r, err := k.ours(in, q, o)
	if err != nil {
		return analysis.Result{}, err
	}
	theirs, warnings := k.theirs(o, atEntry(ours[0].mix.Horizon))
	r.Warnings = append(r.Warnings, warnings...)
	mixes := analysis.Table{
		Name: "case-mix", Title: "How the published patients differ from ours",
		Columns: []string{"group", "comparator", "field", "ours", "theirs", "why"},
		Notes:   []string{"A field that is not listed agrees on both sides; \"not recorded\" and \"not reported\" may hide a difference."},
	}
	for _, our := range ours {
		r.Estimates = append(r.Estimates, our.own(q.Level))
		for _, their := range theirs {
			differ, fields := published.Compare(our.mix, their.mix), Fields(our.mix, their.mix)
			r.Estimates = append(r.Estimates, shout(their.published(differ, q.Level), fields))
			if d, ok := difference(our, their, q.Level, o.Test); ok {
				r.Estimates = append(r.Estimates, shout(their.warn(d, differ), fields))
			}
			for _, m := range differ {
				mixes.Rows = append(mixes.Rows, []analysis.Value{
					analysis.Text(our.label), analysis.Text(their.label),
					analysis.Text(m.Field), analysis.Text(m.Ours), analysis.Text(m.Theirs), analysis.Text(m.Why),
				})
			}
		}
	}
	if len(theirs) > 0 {
		r.Tables = append(r.Tables, mixes, sources(theirs))
	}
	return r, nil
}

func (o PublishedOptions) check(q analysis.Question) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %w", analysis.ErrOptions, fmt.Errorf(format, args...))
	}
	for _, id := range o.Comparators {
		if _, ok := published.Find(id); !ok {
			return bad("comparators: no published entry %q; see: recoup data comparators", id)
		}
	}
	for _, s := range []struct{ option, field, word string }{{"procedure", "procedure", o.Procedure}, {"published", "outcome", o.Published}} {
		if words := published.Vocabulary(s.field); s.word != "" && !slices.Contains(words, s.word) {
			return bad("%s: expected one of %s", s.option, strings.Join(words, ", "))
		}
	}
	if q.Reference != "" {
		return bad("expected no reference arm: the published groups are what ours is compared with")
	}
	for _, s := range []struct {
		option string
		given  int
	}{{"ours_events", len(o.OursEvents)}, {"ours_n", len(o.OursN)}, {"ours_mean", len(o.OursMean)}, {"ours_sd", len(o.OursSD)}} {
		switch {
		case s.given > 1:
			return bad("%s: expected one number", s.option)
		case s.given > 0 && o.Source != "given":
			return bad("%s: expected source=given beside it, since our figure is otherwise counted in the cohort", s.option)
		}
	}
	return nil
}

// kind is what is compared.
type kind struct {
	measure    string
	outcome    string // in the published vocabulary, for shares
	instrument string // for means and changes
	unit       string
}

// kind settles what is compared from the settings and the outcome asked about.
func (o PublishedOptions) kind(in analysis.Input, q analysis.Question) (kind, error) {
	k := kind{measure: o.Measure, outcome: o.Published}
	instrument := q.Outcome // given figures name the instrument itself
	unit := ""
	if in.Cohort != nil && q.Outcome != "" {
		if f, err := in.Cohort.Outcome(q.Outcome); err == nil {
			instrument, unit = f.Instrument, f.Unit
		} else if o.Source == "cohort" && o.Measure != MeasureAuto && o.Measure != MeasureShare {
			return k, err
		}
	}
	found, known := findInstrument(instrument)
	if k.measure == MeasureAuto {
		k.measure = MeasureShare
		if known && o.Published == "" && len(o.OursEvents) == 0 {
			k.measure = MeasureChange
		}
	}
	if k.measure == MeasureShare {
		if k.outcome == "" {
			k.outcome = "work"
		}
		return k, nil
	}
	if !known {
		return k, fmt.Errorf("%w: a %s is compared in one instrument: expected an outcome whose column names its instrument in the cohort file, or with source=given the instrument's name as the outcome", analysis.ErrCannot, k.measure)
	}
	k.instrument, k.outcome, k.unit = found.Name, found.Domain, unit
	if k.unit == "" {
		k.unit = found.Unit
	}
	if k.measure == MeasurePercent {
		k.unit = "%"
	}
	return k, nil
}
