package taper

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/datasets/opioid"
)

// DoseOptions are the settings by which records become daily doses. The analyses of
// daily doses share them.
type DoseOptions struct {
	Table       string  `opt:"table" cohort:"conversion" doc:"conversion table" choices:"CDC-2022|CMS-2018|ANZCA-2014|ANZCA-2021"`
	Gap         string  `opt:"gap" cohort:"dose-gap" doc:"what a day without a record means: unknown, or zero where the source lists every supply" choices:"unknown|zero"`
	Grace       int     `opt:"grace" cohort:"dose-grace" doc:"longest gap, in days, between records that keeps the dose before it; 0 for none"`
	Overlap     string  `opt:"overlap" cohort:"dose-overlap" doc:"supplies of one product that overlap: sum; shift, to follow each other; truncate, to replace each other" choices:"sum|shift|truncate"`
	Early       int     `opt:"early" cohort:"dose-early" doc:"most days early that a refill is shifted or replaces; an earlier one is added; 0 for no limit"`
	Length      string  `opt:"length" cohort:"dose-length" doc:"how long a supply without days lasts: unknown; next-fill, until the next of its product, at most fill_days; assumed, fill_days" choices:"unknown|next-fill|assumed"`
	FillDays    int     `opt:"fill_days" cohort:"dose-fill-days" doc:"days of a supply that does not say, for length"`
	Hold        string  `opt:"hold" cohort:"dose-hold" doc:"days that a dose said at a visit stands for: day; before, the hold_days that end with it; until-next visit" choices:"day|before|until-next"`
	HoldDays    int     `opt:"hold_days" cohort:"dose-hold-days" doc:"days that a visit's question asks about, for hold=before"`
	Unconverted string  `opt:"unconverted" doc:"a day under a record that has no factor: unknown, or ignored" choices:"unknown|ignored"`
	MinKnown    float64 `opt:"min_known" doc:"share of a window's days whose dose must be known for its mean"`
}

var doseDefaults = DoseOptions{
	Table: defaultTable, Gap: string(opioid.GapUnknown), Overlap: string(opioid.OverlapSum),
	Unconverted: string(opioid.UnconvertedUnknown), MinKnown: 0.5,
	Length: string(opioid.LengthUnknown), FillDays: 30, Hold: string(opioid.HoldDay), HoldDays: 28,
}

// The units that daily doses may be asked for in.
const (
	unitMME        = "mme"
	unitAsRecorded = "as-recorded"
	unitNone       = "" // who has a record is counted, not what was given
)

// rules are the choices of how records become daily doses.
func (o DoseOptions) rules() opioid.Options {
	return opioid.Options{
		Gap: opioid.Gap(o.Gap), Grace: o.Grace, Overlap: opioid.Overlap(o.Overlap), Early: o.Early, Unconverted: opioid.Unconverted(o.Unconverted),
		Length: opioid.Length(o.Length), FillDays: o.FillDays, Hold: opioid.Hold(o.Hold), HoldDays: o.HoldDays,
	}
}

func (o DoseOptions) check() error {
	if err := o.rules().Check(); err != nil || o.FillDays < 1 || o.HoldDays < 1 {
		return errors.Join(fmt.Errorf("%w: expected early and grace from 0 to 3660 days, fill_days and hold_days from 1", analysis.ErrOptions), err)
	}
	if o.MinKnown < 0 || o.MinKnown > 1 {
		return fmt.Errorf("%w: expected min_known to be a share from 0 to 1", analysis.ErrOptions)
	}
	return nil
}

// said writes the choices that differ between results, for their definition.
func (o DoseOptions) said() string {
	out := "gap " + o.Gap
	if o.Overlap != string(opioid.OverlapSum) {
		out = "overlap " + o.Overlap + "; " + out
	}
	if o.Grace > 0 {
		out = fmt.Sprintf("grace %d; ", o.Grace) + out
	}
	return out
}

// doses are the dose records of a cohort, checked and ready to become daily doses.
type doses struct {
	history
	o          DoseOptions
	q          analysis.Question
	groups     []analysis.Group
	mme        bool
	outcome    string // what the estimates are of
	unit       string // of a daily dose
	conversion opioid.Table
	records    [][]opioid.Record
	discharged []float64       // day of discharge by patient, NaN where unknown
	result     analysis.Result // what was left out, and warnings
}

// open reads the records that a question is about. Unit is mme; as-recorded: one
// drug in its own unit, which is never converted and never mixed by indication; or
// none, where no dose is asked for.
func open(in analysis.Input, q analysis.Question, o DoseOptions, unit string) (*doses, error) {
	if in.Cohort == nil {
		return nil, cannot("expected a cohort")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	groups, excluded, err := in.Groups(q)
	if err != nil {
		return nil, err
	}
	h, err := read(in.Cohort)
	if err != nil {
		return nil, err
	}
	d := &doses{history: h, o: o, q: q, groups: groups, mme: unit == unitMME, outcome: "mme", unit: "MME/day"}
	if d.mme && h.onlyOUD() {
		return nil, errOUD
	}
	if unit == unitAsRecorded {
		recorded, err := h.asRecorded()
		if err != nil {
			return nil, err
		}
		d.outcome, d.unit = recorded.outcome, recorded.unit
	}
	var ok bool
	if d.conversion, ok = opioid.Find(o.Table); !ok {
		return nil, fmt.Errorf("%w: no conversion table %q", analysis.ErrOptions, o.Table)
	}
	d.result.Excluded = append(excluded, h.exclusions()...)
	records, already := h.records()
	d.records = records
	switch unit {
	case unitMME:
		d.result.Warnings = conversionWarnings(already)
		if d.conversion.Status != "sourced" {
			d.warn(analysis.WarnUnverified, "the conversion table "+d.conversion.Name+" was not read in its source", "choose another table")
		}
	case unitAsRecorded:
		d.takeAsRecorded()
	}
	if o.rules().Hold == opioid.HoldDay && d.anyRecord(func(r opioid.Record) bool { return r.Kind == opioid.AtVisit }) {
		d.warn(analysis.WarnUnknownDose, "doses are recorded by visit, and each stands for the day of its visit alone",
			"pass --set hold=before with the days that the question asks about as hold_days, or say dose-hold under definitions in the cohort file")
	}
	d.discharged = h.dischargeDays()
	return d, nil
}

// sayDischarge warns where discharge is put on a clock that need not be admission's.
func (d *doses) sayDischarge() {
	if d.clock != clockAdmission && slices.ContainsFunc(d.discharged, func(v float64) bool { return !math.IsNaN(v) }) {
		d.warn(analysis.WarnAssumption, "discharge is put on the days of the doses as days from admission, which takes "+d.clock+" as the day of admission", "give doses dates, or count their days from admission")
	}
}

// takeAsRecorded leaves the doses in their unit: morphine by mouth in milligrams
// passes every table unchanged.
func (d *doses) takeAsRecorded() {
	if d.onlyOUD() {
		d.warn(analysis.WarnAssumption, "these are doses of medication for opioid use disorder: a lower dose is not a better one, and no rule for tapers of opioids for pain was made for them",
			"do not hold them against thresholds for pain")
	}
	if _, ok := d.table.Field(datasets.RoleDrug); !ok {
		d.warn(analysis.WarnAssumption, "no column says which drug a dose is of; all are taken as one drug in one unit", "keep one drug with --where, or add a column with role drug")
	}
	for p, records := range d.records {
		d.records[p] = slices.Clone(records)
		for i := range d.records[p] {
			r := &d.records[p][i]
			r.Drug, r.Route, r.Unit, r.Indication = "morphine", "oral", "mg", "pain"
		}
	}
}

func (d *doses) warn(code, message, cure string) {
	d.result.Warnings = append(d.result.Warnings, analysis.Warning{Code: code, Message: message, Cure: cure})
}

func (d *doses) anyRecord(is func(opioid.Record) bool) bool {
	return slices.ContainsFunc(d.records, func(rs []opioid.Record) bool { return slices.ContainsFunc(rs, is) })
}

// convert returns the daily doses of every patient from a day to that patient's last,
// and counts what was not converted. It is called once.
func (d *doses) convert(from int, to func(p int) int) []Daily {
	out := make([]Daily, len(d.records))
	var t tally
	for p, records := range d.records {
		days, s := d.conversion.Daily(records, from, to(p), d.o.rules())
		t.add(s)
		out[p] = Daily{from, days}
	}
	d.result.Excluded = append(d.result.Excluded, t.exclusions(d.table.Name(), d.conversion.Name)...)
	return out
}

// ended forgets what gap=zero says of days after the last record of any patient: the
// source may have ended there.
func (d *doses) ended(ds []Daily) {
	if d.o.Gap != string(opioid.GapZero) {
		return
	}
	last := d.lastDays()
	for p := range ds {
		for i := range ds[p].Dose {
			if float64(ds[p].From+i) > last[p] {
				ds[p].Dose[i] = math.NaN()
			}
		}
	}
}

// lastDays returns the last day of any patient's records, on each patient's clock.
func (d *doses) lastDays() []float64 {
	offset := make([]float64, len(d.records)) // of a patient's clock
	if d.clock == clockAdmission {
		offset = d.c.Days(datasets.RoleAdmitted)
	}
	last := math.Inf(-1)
	for p, records := range d.records {
		for _, r := range records {
			days := 1.0
			if r.DaysSupplied >= 1 {
				days = r.DaysSupplied
			}
			last = math.Max(last, offset[p]+float64(r.StartDay)+days-1)
		}
	}
	out := make([]float64, len(d.records))
	for p := range out {
		out[p] = last - offset[p]
	}
	return out
}

// dischargeDays returns the day of discharge on the clock of the doses, NaN where
// it is not known or implausible.
func (h *history) dischargeDays() []float64 {
	out := make([]float64, h.c.Patients())
	discharged, admitted := h.c.Days(datasets.RoleDischarged), h.c.Days(datasets.RoleAdmitted)
	for p := range out {
		out[p] = math.NaN()
		if discharged == nil || admitted == nil {
			continue
		}
		if d := discharged[p] - admitted[p]; d >= 0 && d <= maxDay {
			out[p] = d
		}
	}
	return out
}

// empty begins an estimate.
func (d *doses) empty(term string, scale analysis.Scale, visit, arm, definition string) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Visit, e.Arm, e.Definition = d.outcome, visit, arm, definition
	how := "daily dose as recorded, never converted"
	if d.mme {
		how = "daily MME by " + d.o.Table
	}
	e.Method.Name = fmt.Sprintf("%s, days from %s; %s; means where at least %g %% of the days are known",
		how, d.clock, strings.Join(d.o.rules().Said(), "; "), 100*d.o.MinKnown)
	return e
}

// describe says how an estimate was made, before how the daily doses were.
func describe(e analysis.Estimate, text string) analysis.Estimate {
	e.Method.Name = text + "; " + e.Method.Name
	return e
}

// notStopped are the rules of reading doses that every result repeats.
const notStopped = "Unknown is not stopped: a day without a record is no day without opioids unless gap=zero, and then not after the last record of the whole source. Medication for opioid use disorder is kept apart, never converted and never added to opioids for pain."
