// Package work analyses return to work: shares by named definition and by
// denominator, and time to return.
//
// There is no one rate of return to work. Whether modified duty counts, whether
// work must last, who is in the denominator and what becomes of patients who were
// not seen move the figure more than most treatments do. So each is named in the
// result.
package work

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
)

// Reading says how the time to return is read from a cohort. The analyses of it share
// these settings.
type Reading struct {
	Working   []string `opt:"working" doc:"levels of work status that count as any work, by label"`
	FullDuty  []string `opt:"full_duty" doc:"levels that count as full duty"`
	FullTime  []string `opt:"full_time" doc:"levels that count as full time"`
	Before    []string `opt:"before" doc:"levels of work_before that count as working before"`
	Outside   []string `opt:"outside" doc:"levels outside the work force, who are not off work at entry"`
	NoBenefit []string `opt:"no_benefit" doc:"levels of sick leave that count as none"`
	Event     []string `opt:"event" doc:"levels of the event column that mean return; all others are censored"`
	AtRisk    string   `opt:"at_risk" doc:"whose time counts: off-work at entry, all, or auto (off-work where known)" choices:"auto|off-work|all"`
	Gap       string   `opt:"gap" doc:"what a day without a spell means: censor, or off-work where every spell of work is listed (then give until too)" choices:"censor|off-work"`
	Origin    string   `opt:"origin" doc:"date from which spells on dates count" choices:"admitted|discharged"`
	Until     string   `opt:"until" doc:"last day that the data cover, a date or a number as the spells have it; ends spells without an end and, with gap=off-work, follow-up"`
}

var reading = Reading{
	Working: []string{
		"full duty", "modified duty", "light duty", "restricted duty", "full time", "part time", "working", "working full time",
		"working part time", "at work", "employed", "self employed", "1", "yes", "true",
	},
	FullDuty:  []string{"full duty"},
	FullTime:  []string{"full time", "working full time"},
	Before:    []string{"working", "at work", "employed", "self employed", "full time", "part time", "full duty", "modified duty", "1", "yes", "true"},
	Outside:   []string{"not in the work force", "not in the labor force", "retired", "student", "homemaker"},
	NoBenefit: []string{"none", "no sick leave", "no benefit", "0", "no", "false"},
	Event:     []string{"returned", "return to work", "1", "yes", "true"},
	AtRisk:    "auto",
	Gap:       string(GapCensor),
	Origin:    string(datasets.RoleAdmitted),
}

// ReturnOptions are the settings of Return.
type ReturnOptions struct {
	Reading
	Horizon  float64   `opt:"horizon" doc:"day by which shares from times are taken"`
	At       []float64 `opt:"at" doc:"days at which the curve and the numbers at risk are given"`
	Interval string    `opt:"interval" doc:"interval of the curve: the default of R is log, of SAS and Stata log-log" choices:"log|log-log|plain|logit|arcsine"`
	Weights  string    `opt:"weights" doc:"column of case weights, one row a patient: the answer is then the weighted curves alone, without unweighted shares and tests"`
	Tau      float64   `opt:"tau" doc:"day to which the restricted mean runs; 0: the largest to which every group was followed"`
}

var returnDefaults = ReturnOptions{
	Reading:  reading,
	Horizon:  year,
	At:       []float64{28, 91, 182, year, twoYears},
	Interval: "log",
}

// Return answers who returned to work, under each definition that the cohort can
// support or the one asked for, and how long it took where the cohort has times
// or spells.
var Return = analysis.New(analysis.Analysis{
	Name:     "work/return",
	Title:    "Return to work",
	Estimand: "the share of patients who had returned to work by a named definition, of all patients, of those off work at entry and of those working before; and the time to return",
	Doc: `Shares x/n with Wilson intervals, for every denominator that the cohort supports:
terms returned_all, returned_off_work, returned_working_before count patients who
were not seen as not returned; the same terms with _seen leave them out.
Time to return is the Kaplan-Meier estimate: km_returned is 1 - S(t) with
Greenwood's variance, median_time the first day by which half had returned
(Brookmeyer and Crowley), restricted_mean the mean days not returned up to tau.
A patient lost to follow-up is censored, which assumes that those lost return as
those who are followed; patients working at entry are not at risk of returning.
weights=COLUMN gives the Kaplan-Meier terms with case weights, errors between patients
(infinitesimal jackknife, survfit with robust = TRUE), and leaves out what R has no
weights for: restricted means and the log-rank test, and shares, which would be unweighted.
With a reference: Newcombe differences of shares, differences of curves and of
restricted means, and the log-rank test, whose estimate is observed less expected
returns in the arm.
Interval of the curve (interval): log by default as in R, log-log as in SAS and Stata, plain, logit or arcsine.
Spells that touch join. A run of work cut short by the end of follow-up before it
is long enough is censored on the day before it began. Days that no spell covers end
follow-up; with gap=off-work they are off work, up to the day until, and so is a patient
without any spell. Times in months or years are rounded down to whole days.
Not working is not unemployed: it holds those who retired, study or keep house.`,
	Refs: []string{
		"Wilson 1927, 10.1080/01621459.1927.10502953",
		"Kaplan and Meier 1958, 10.1080/01621459.1958.10501452",
		"Brookmeyer and Crowley 1982, 10.2307/2530286",
		"Newcombe 1998, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I",
		"Young 2016, PMC5104762 (taxonomy of return-to-work outcomes)",
	},
	Definitions: named(),
}, returnDefaults, runReturn)

func runReturn(_ context.Context, in analysis.Input, q analysis.Question, o ReturnOptions) (analysis.Result, error) {
	if in.Cohort == nil {
		return analysis.Result{}, cannot("expected a cohort")
	}
	if err := o.check(); err != nil {
		return analysis.Result{}, err
	}
	groups, excluded, err := in.Groups(q)
	if err != nil {
		return analysis.Result{}, err
	}
	if q.Visit != "" {
		v, err := in.Cohort.Visit(q.Visit)
		if err != nil {
			return analysis.Result{}, err
		}
		if v.Week != nil && *v.Week > 0 { // where there are only times, they are read on the visit's day
			o.Horizon, o.At = 7**v.Week, []float64{7 * *v.Week}
		}
	}
	r := &reader{c: in.Cohort, q: q, o: o.Reading, horizon: o.Horizon, excluded: excluded, began: in.Cohort.Began()}
	found, err := r.find()
	if err != nil {
		return analysis.Result{}, err
	}
	var out analysis.Result
	denominators := r.denominators()
	if r.weight, err = r.caseWeights(o.Weights); err != nil {
		return analysis.Result{}, err
	}
	for _, f := range found {
		if r.weight == nil {
			out.Estimates = append(out.Estimates, f.shares(groups, denominators, q)...)
		}
	}
	for _, f := range found {
		if f.clock != nil {
			r.times(&out, f, groups, denominators, o)
		}
	}
	out.Excluded = r.excluded
	out.Warnings = append(r.warnings, analysis.Warning{
		Code:    analysis.WarnAssumption,
		Message: "not working is not unemployed: it holds everyone whose status is not among the levels that count as work, such as those who retired or study",
		Cure:    "choose the levels with --set working=LEVEL,LEVEL, and the patients with --subgroup",
	})
	return out, nil
}

// caseWeights reads the weights of patients, nil where no column is named.
func (r *reader) caseWeights(column string) ([]float64, error) {
	if column == "" {
		return nil, nil
	}
	w, err := r.c.Covariate(column)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(w, func(v float64) bool { return v < 0 || math.IsInf(v, 0) }) {
		return nil, cannot("a weight is below 0 or infinite; a case weight is a number above 0, or 0 to leave the patient out")
	}
	r.warn(analysis.WarnAssumption, "patients count by the weights of "+column+"; numbers of patients and events are not weighted, and patients without a weight above 0 count as missing", "")
	return w, nil
}

func (o ReturnOptions) check() error {
	if !(o.Horizon > 0) || o.Tau < 0 {
		return fmt.Errorf("%w: expected horizon to be above 0 and tau not below 0", analysis.ErrOptions)
	}
	for i, t := range o.At {
		if !(t > 0) || (i > 0 && t <= o.At[i-1]) {
			return fmt.Errorf("%w: expected at to be days above 0 in rising order", analysis.ErrOptions)
		}
	}
	return nil
}

// read is a finding with the definition it was made under.
type read struct {
	finding
	definition analysis.Definition
}

// find reads the definition asked for, or chosen in the cohort file under
// definitions: work, else every one that the cohort supports.
func (r *reader) find() ([]read, error) {
	name := r.q.Definition
	if name == "" {
		name = r.c.Dictionary().Definitions["work"]
	}
	var out []read
	var refused []string
	for _, d := range definitions {
		if name != "" && d.Name != name {
			continue
		}
		f, err := d.read(r)
		switch {
		case err == nil:
			out = append(out, read{f, d.Definition})
		case name != "" || !errors.Is(err, analysis.ErrCannot):
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		default:
			refused = append(refused, d.Name+" ("+strings.TrimPrefix(err.Error(), analysis.ErrCannot.Error()+": ")+")")
		}
	}
	switch {
	case len(out) == 0 && name != "":
		return nil, fmt.Errorf("%w: the cohort file chooses the definition work: %s, which work/return does not have", analysis.ErrOptions, name)
	case len(out) == 0:
		return nil, cannot("no definition of return to work fits: %s", strings.Join(refused, "; "))
	case len(refused) > 0:
		r.warn("definition-not-available", "definitions that this cohort cannot support: "+strings.Join(refused, "; "), "")
	}
	return out, nil
}

// shares returns the shares of each group, and the differences where the second
// is a reference.
func (f read) shares(groups []analysis.Group, denominators []denominator, q analysis.Question) []analysis.Estimate {
	var out []analysis.Estimate
	for _, a := range f.answers {
		for _, d := range denominators {
			for _, seen := range ways(q.Missing) {
				s := share{f.definition, a, d, seen, q.Level}
				for _, g := range groups {
					out = append(out, s.estimate(g))
				}
				if q.Reference != "" {
					out = append(out, s.difference(groups[0], groups[1]))
				}
			}
		}
	}
	return out
}

// ways returns what is made of patients not seen: counted as not returned, left
// out, or both side by side.
func ways(m analysis.Missing) []bool {
	switch m {
	case analysis.MissingFailure:
		return []bool{false}
	case analysis.MissingAvailable:
		return []bool{true}
	}
	return []bool{false, true}
}
