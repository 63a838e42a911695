package taper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets/opioid"
)

// OUDOptions are the settings of OUDMedication. Those of records are DoseOptions'.
type OUDOptions struct {
	Gap      string   `opt:"gap" cohort:"dose-gap" doc:"what a day without a record means: unknown, or zero where the source lists every supply" choices:"unknown|zero"`
	Overlap  string   `opt:"overlap" cohort:"dose-overlap" doc:"supplies of one product that overlap: sum; shift, to follow each other; truncate, to replace each other" choices:"sum|shift|truncate"`
	Early    int      `opt:"early" cohort:"dose-early" doc:"most days early that a refill is shifted or replaces; an earlier one is added; 0 for no limit"`
	Length   string   `opt:"length" cohort:"dose-length" doc:"how long a supply without days lasts: unknown; next-fill, until the next of its product, at most fill_days; assumed, fill_days" choices:"unknown|next-fill|assumed"`
	FillDays int      `opt:"fill_days" cohort:"dose-fill-days" doc:"days of a supply that does not say, for length"`
	Hold     string   `opt:"hold" cohort:"dose-hold" doc:"days that a dose said at a visit stands for: day; before, the hold_days that end with it; until-next visit" choices:"day|before|until-next"`
	HoldDays int      `opt:"hold_days" cohort:"dose-hold-days" doc:"days that a visit's question asks about, for hold=before"`
	Baseline string   `opt:"baseline" doc:"days before treatment, counted from admission"`
	Windows  []string `opt:"windows" doc:"days held against the baseline: discharge (the day of discharge and the 6 after) or FROM:TO"`
}

// doses are the options of records; what concerns amounts is not used.
func (o OUDOptions) doses() DoseOptions {
	d := doseDefaults
	d.Gap, d.Overlap, d.Early, d.Length, d.FillDays, d.Hold, d.HoldDays = o.Gap, o.Overlap, o.Early, o.Length, o.FillDays, o.Hold, o.HoldDays
	return d
}

var oudDefaults = OUDOptions{
	Gap: doseDefaults.Gap, Overlap: doseDefaults.Overlap, Length: doseDefaults.Length, FillDays: doseDefaults.FillDays,
	Hold: doseDefaults.Hold, HoldDays: doseDefaults.HoldDays, Baseline: reductionDefaults.Baseline, Windows: reductionDefaults.Windows,
}

// OUDMedication counts the patients on medication for opioid use disorder, apart from
// opioids for pain.
var OUDMedication = analysis.New(analysis.Analysis{
	Name:     "taper/oud-medication",
	Title:    "Medication for opioid use disorder",
	Estimand: "the share of patients with a record of medication for opioid use disorder on at least one day before admission, and of a window of days after it",
	Doc: `A patient is on medication for opioid use disorder in a window if a record of it covers
at least one of the window's days: x / n, with n all patients of the arm (_all) or those
known (_known), and Wilson's interval.
Which records: those whose indication says so (oud, opioid dependence, moud, mat ...),
whatever the drug, route and dose above 0; none is converted. Buprenorphine or
methadone for pain is not; without an indication it does not say, and makes its days unknown.
A patient is known not to be on it in a window where a record for pain, or a dose of 0,
covers a day of it, and none of its days is unknown so. A day without a record is
unknown, not none, unless gap=zero (and then not after the last record of the whole
source): so _all, which counts the unknown as not on it, is the share on record and the
least that the share can be, and _known is of patients who have dose records, who are not
like those who have none.
A record without length covers its first day and leaves the days after it unknown,
unless length says otherwise; overlaps and visits go by overlap and hold, as doses do.
A gap between two records is not bridged.
Terms: on_oud_medication_at_entry, in the days of baseline, and for each window
on_oud_medication; began_oud_medication, of the patients known not to be on it at entry,
those on it in the window; stopped_oud_medication, of those on it at entry, those known
not to be on it in the window. The window at discharge is the day of discharge and the 6
days after it. Patients who were never admitted and have no record are in no denominator.
Medication for opioid use disorder is a treatment, not an opioid to be tapered: a share
that falls is no success, and one that stopped may be a patient lost to treatment.
R: prop.test(x, n, correct = FALSE); differences of arms DescTools::BinomDiffCI(x1, n1, x2, n2, method = "score").`,
	Refs: []string{refWilson, refNewcombe},
}, oudDefaults, runOUD)

func runOUD(_ context.Context, in analysis.Input, q analysis.Question, o OUDOptions) (analysis.Result, error) {
	d, err := open(in, q, o.doses(), unitNone)
	if err != nil {
		return analysis.Result{}, err
	}
	d.outcome = "medication for opioid use disorder"
	if !d.anyRecord(d.forOUD) {
		return analysis.Result{}, cannot("no dose record says that it is of medication for opioid use disorder; a column with role indication says so by oud")
	}
	baseline, err := parseWindow(o.Baseline)
	if err != nil {
		return analysis.Result{}, fmt.Errorf("%w: baseline: %w", analysis.ErrOptions, err)
	}
	spans, err := d.place(o.Windows)
	if err != nil {
		return analysis.Result{}, err
	}
	x := &treated{doses: d, last: d.lastDays()}
	if x.before, err = x.verdicts(span{Window: baseline}); err != nil {
		return analysis.Result{}, err
	}
	x.add("on_oud_medication_at_entry", baseline.String(), "of all patients", "at least one day covered by medication for opioid use disorder", x.before)
	for _, s := range spans {
		if err := x.window(s); err != nil {
			return analysis.Result{}, err
		}
	}
	x.unstated()
	return d.result, nil
}

// forOUD reports whether a record is of medication for opioid use disorder.
func (d *doses) forOUD(r opioid.Record) bool {
	_, err := d.conversion.MMEPerDay(r)
	return errors.Is(err, opioid.ErrOUD)
}

// treated holds who is on medication for opioid use disorder.
type treated struct {
	*doses
	last   []float64 // day of the whole source's last record, by patient
	before []Verdict // at entry
}

// verdicts returns whether each patient is on it in a window.
func (x *treated) verdicts(s span) ([]Verdict, error) {
	out := make([]Verdict, len(x.records))
	for p, records := range x.records {
		out[p] = Unknown
		w, ok := x.at(s, p)
		if !ok {
			continue
		}
		days, err := opioid.OUDDays(records, w.From, w.To, x.o.rules())
		if err != nil {
			return nil, err
		}
		for i, says := range days {
			if says == opioid.NotOUD && float64(w.From+i) > x.last[p] {
				days[i] = opioid.NoRecord // gap=zero: the source may have ended
			}
		}
		out[p] = onOUD(days)
	}
	return out, nil
}

// onOUD is Yes by one day, and No by one unless another does not say.
func onOUD(days []opioid.OUDDay) Verdict {
	switch {
	case slices.Contains(days, opioid.OnOUD):
		return Yes
	case slices.Contains(days, opioid.NotOUD) && !slices.Contains(days, opioid.UnstatedOUD):
		return No
	}
	return Unknown
}

// window adds the shares of one window, and who began and stopped since entry.
func (x *treated) window(s span) error {
	now, err := x.verdicts(s)
	if err != nil {
		return err
	}
	began, stopped := make([]Verdict, len(now)), make([]Verdict, len(now))
	for p := range now {
		began[p], stopped[p] = outside, outside
		switch x.before[p] {
		case No:
			began[p] = now[p]
		case Yes:
			stopped[p] = not(now[p])
		}
	}
	x.add("on_oud_medication", s.visit, "of all patients", "at least one day covered by medication for opioid use disorder", now)
	x.add("began_oud_medication", s.visit, "of all known not to be on it at entry", "on medication for opioid use disorder in the window", began)
	x.add("stopped_oud_medication", s.visit, "of all on it at entry", "known not to be on medication for opioid use disorder in the window", stopped)
	return nil
}

// outside is the verdict of a patient who is in no denominator.
const outside Verdict = -2

func not(v Verdict) Verdict {
	switch v {
	case Yes:
		return No
	case No:
		return Yes
	}
	return v
}

// add adds the shares of the groups, and their difference.
func (x *treated) add(term, visit, all, rule string, of []Verdict) {
	b := func(prefix, suffix, who, arm string, scale analysis.Scale) analysis.Estimate {
		e := analysis.NewEstimate(prefix+term+suffix, scale)
		e.Outcome, e.Visit, e.Arm, e.Definition = x.outcome, visit, arm, x.o.said()
		e.Method.Name = rule + "; " + who + "; days from " + x.clock + "; " + strings.Join(x.o.rules().Said(), "; ")
		return e
	}
	var counts []tallied
	for i, g := range x.groups {
		var c tallied
		for _, p := range g.Patients {
			if of[p] != outside {
				c.add(of[p])
			}
		}
		counts = append(counts, c)
		x.result.Estimates = append(x.result.Estimates, x.sharesOf(b, all, g.Name, c)...)
		if i == 1 && x.q.Reference != "" {
			x.result.Estimates = append(x.result.Estimates, x.shareDifferences(b, all, x.groups[0], g, counts[0], c)...)
		}
	}
}

// unstated warns of patients with records that do not say what they are for.
func (x *treated) unstated() {
	n, of := 0, 0
	for _, g := range x.groups {
		of += len(g.Patients)
		for _, p := range g.Patients {
			if slices.ContainsFunc(x.records[p], func(r opioid.Record) bool {
				_, err := x.conversion.MMEPerDay(r)
				return errors.Is(err, opioid.ErrIndication)
			}) {
				n++
			}
		}
	}
	if n > 0 {
		x.warn(analysis.WarnUnknownDose, fmt.Sprintf("%d of %d patients have records of buprenorphine or methadone without an indication, or of an indication that is neither pain nor oud: on their days it is unknown whether they are on medication for opioid use disorder", n, of),
			"give these records an indication, pain or oud")
	}
}
