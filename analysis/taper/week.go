package taper

import (
	"context"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
	"recoup/datasets/opioid"
)

// Week is the doses of one week: days 7k to 7k+6.
type Week struct {
	Week    int
	Records int
	// MeanRecords is the mean over the records, and SERecords its standard error
	// with the records of one patient taken as a cluster.
	MeanRecords, SERecords float64
	// PatientMeans are the patients' own means, in the order of the patients.
	PatientMeans []float64
}

// ByWeek returns the doses of each week from and to, both included. Week k holds
// the days d with ⌊d/7⌋ = k, so week -1 ends on day -1.
//
//	mean over records  m = Σ dose / n
//	its variance       K/(K-1) Σ (Sᵢ - m nᵢ)² / n², over K patients with sum Sᵢ of nᵢ records
//
// Rows whose patient is negative, or whose day or dose is NaN, are left out. A
// week without records has NaN means. It takes O(rows + patients) and one sort of
// the patients of each week.
//
// R: coef(m) and sandwich::vcovCL(m, patient, type = "HC0") of m <- lm(dose ~ 1).
// Liang and Zeger 1986, 10.1093/biomet/73.1.13.
func ByWeek(patient []int32, day, dose []float64, from, to int) []Week {
	if to < from {
		return nil
	}
	rows := make([][]int, to-from+1)
	most := int32(-1)
	for r, p := range patient {
		k := math.Floor(day[r] / 7)
		if p >= 0 && k >= float64(from) && k <= float64(to) && !math.IsNaN(dose[r]) {
			rows[int(k)-from] = append(rows[int(k)-from], r)
			most = max(most, p)
		}
	}
	sum, n := make([]float64, most+1), make([]int, most+1)
	out := make([]Week, len(rows))
	for i, in := range rows {
		var seen []int32
		for _, r := range in {
			p := patient[r]
			if n[p] == 0 {
				seen = append(seen, p)
			}
			sum[p] += dose[r]
			n[p]++
		}
		slices.Sort(seen)
		out[i] = week(from+i, seen, sum, n)
		for _, p := range seen {
			sum[p], n[p] = 0, 0
		}
	}
	return out
}

func week(k int, seen []int32, sum []float64, n []int) Week {
	w := Week{Week: k, MeanRecords: math.NaN(), SERecords: math.NaN()}
	total := 0.0
	for _, p := range seen {
		total += sum[p]
		w.Records += n[p]
		w.PatientMeans = append(w.PatientMeans, sum[p]/float64(n[p]))
	}
	if w.Records == 0 {
		return w
	}
	w.MeanRecords = total / float64(w.Records)
	ss := 0.0
	for _, p := range seen {
		d := sum[p] - w.MeanRecords*float64(n[p])
		ss += d * d
	}
	if clusters := float64(len(seen)); clusters > 1 {
		w.SERecords = math.Sqrt(clusters/(clusters-1)*ss) / float64(w.Records)
	}
	return w
}

// WeekOptions are the settings of DoseByWeek.
type WeekOptions struct {
	From    int    `opt:"from" doc:"first week; week k holds days 7k to 7k+6"`
	To      int    `opt:"to" doc:"last week; weeks after the last record are not listed"`
	Unit    string `opt:"unit" doc:"as-recorded, or mme: converted, a record being a patient's day" choices:"as-recorded|mme"`
	Table   string `opt:"table" doc:"conversion table, for unit=mme" choices:"CDC-2022|CMS-2018|ANZCA-2014|ANZCA-2021"`
	Listing bool   `opt:"listing" doc:"add each patient's own curves by pseudonym (spaghetti and swimmer): local output, in no report"`
}

// DoseByWeek gives the weekly mean daily dose, over the records and over the
// patients.
var DoseByWeek = analysis.New(analysis.Analysis{
	Name:     "taper/dose-by-week",
	Title:    "Dose by week",
	Estimand: "the mean daily dose in each week: over the dose records of the week, and over the patients' own means of the week",
	Doc: `Week k holds days 7k to 7k+6, counted from the cohort's own day 0 or from admission.
mean_dose_records is the mean over the records of the week, so a patient with more
records weighs more; its error takes the records of one patient as a cluster.
mean_dose_patients is the mean over patients of their own weekly means, with a t
interval; median_dose_patients, q25_ and q75_dose_patients describe the same.
Patients without a record in a week are not in that week: no record is not a dose
of zero. Those who stay may differ from those who left, so a falling or rising mean
is not the course of a patient.
The series dose-by-week/quartiles has the median and the quartiles as lines: the spread
of patients, no interval of confidence. listing=true adds the series
spaghetti (weekly means) and swimmer (on, off, unknown by day) of each patient, by
pseudonym and marked local_only: no report takes them.
unit=as-recorded refuses a table of several drugs, units or indications, whose
milligrams do not add. unit=mme converts with a stamped table and adds up each patient's day, which
is then one record; medication for opioid use disorder is never converted.`,
	Refs: []string{"Liang and Zeger 1986, 10.1093/biomet/73.1.13", refWelch},
}, WeekOptions{From: 0, To: 51, Unit: "as-recorded", Table: defaultTable}, runWeeks)

// rows are dose records as the kernel takes them.
type rows struct {
	patient   []int32
	day, dose []float64
	outcome   string
	unit      string
	method    string
}

func runWeeks(_ context.Context, in analysis.Input, q analysis.Question, o WeekOptions) (analysis.Result, error) {
	if in.Cohort == nil {
		return analysis.Result{}, cannot("expected a cohort")
	}
	if o.To < o.From || o.To-o.From > 1040 {
		return analysis.Result{}, fmt.Errorf("%w: expected to to be at least from, and at most 1040 weeks after it", analysis.ErrOptions)
	}
	groups, excluded, err := in.Groups(q)
	if err != nil {
		return analysis.Result{}, err
	}
	h, err := read(in.Cohort)
	if err != nil {
		return analysis.Result{}, err
	}
	out := analysis.Result{Excluded: append(excluded, h.exclusions()...)}
	var rs rows
	if o.Unit == "mme" {
		rs, err = h.converted(o, &out)
	} else {
		rs, err = h.asRecorded()
	}
	if err != nil {
		return analysis.Result{}, err
	}
	o.To = min(o.To, rs.lastWeek(o.From))
	w := weekly{rs, q, h.clock}
	var all [][]Week
	var dosed []int
	for _, g := range groups {
		weeks, n := rs.of(g, in.Cohort.Patients(), o)
		all, dosed = append(all, weeks), append(dosed, n)
		if n < len(g.Patients) {
			out.Warnings = append(out.Warnings, analysis.Warning{
				Code:    analysis.WarnExcluded,
				Message: fmt.Sprintf("%s: %d of %d patients have no dose record at all", g.Name, len(g.Patients)-n, len(g.Patients)),
				Cure:    "where these patients took nothing, record a dose of zero",
			})
		}
		for _, k := range weeks {
			out.Estimates = append(out.Estimates, w.estimates(g, k, n)...)
		}
		out.Series = append(out.Series, w.series(g, weeks)...)
	}
	if o.Listing {
		out.Series = append(out.Series, rs.listed(&h, groups, o)...)
	}
	if q.Reference != "" {
		for i := range all[0] {
			out.Estimates = append(out.Estimates, w.difference(groups, all[0][i], all[1][i], dosed))
		}
	}
	return out, nil
}

// asRecorded takes the doses in their own unit.
func (h *history) asRecorded() (rows, error) {
	f, ok := h.table.Field(datasets.RoleDose)
	if !ok {
		return rows{}, cannot("table %s has no column with role dose; supplies are converted with --set unit=mme", h.table.Name())
	}
	for _, role := range []datasets.Role{datasets.RoleDrug, datasets.RoleUnit, datasets.RoleIndication} {
		if _, levels := h.texts(role); len(levels) > 1 {
			return rows{}, cannot("table %s holds more than one %s, whose doses do not add; keep one with --where, or pass --set unit=mme", h.table.Name(), role)
		}
	}
	unit := h.unit()(0)
	if f.Unit != "" {
		unit = f.Unit
	}
	return rows{h.table.Patient(), h.day, h.table.Floats(f.Name), f.Name, unit, "doses as recorded, never converted"}, nil
}

// converted takes each patient's days in MME.
func (h *history) converted(o WeekOptions, out *analysis.Result) (rows, error) {
	if h.onlyOUD() {
		return rows{}, errOUD
	}
	table, ok := opioid.Find(o.Table)
	if !ok {
		return rows{}, fmt.Errorf("%w: no conversion table %q", analysis.ErrOptions, o.Table)
	}
	rs := rows{outcome: "mme", unit: "MME/day", method: "patients' days converted by " + table.Name + " (" + table.Version + "), days without a known dose left out"}
	byPatient, already := h.records()
	var t tally
	for p, records := range byPatient {
		if len(records) == 0 {
			continue
		}
		days, s := table.Daily(records, 7*o.From, 7*o.To+6, opioid.Options{})
		t.add(s)
		for i, mme := range days {
			if !math.IsNaN(mme) {
				rs.patient, rs.day, rs.dose = append(rs.patient, int32(p)), append(rs.day, float64(7*o.From+i)), append(rs.dose, mme)
			}
		}
	}
	out.Excluded = append(out.Excluded, t.exclusions(h.table.Name(), table.Name)...)
	out.Warnings = append(out.Warnings, conversionWarnings(already)...)
	return rs, nil
}

// conversionWarnings are what a reader of any MME must know.
func conversionWarnings(already int) []analysis.Warning {
	ws := []analysis.Warning{{Code: analysis.WarnAssumption, Message: opioid.Caution}}
	if already > 0 {
		ws = append(ws, analysis.Warning{
			Code:    analysis.WarnAssumption,
			Message: fmt.Sprintf("%d doses were recorded in MME; by which table they were converted is not known", already),
			Cure:    "give drug, route, strength, quantity and days supplied",
		})
	}
	return ws
}

// lastWeek is the last week with a record, or the week before from.
func (rs rows) lastWeek(from int) int {
	last := from - 1
	for r, d := range rs.day {
		if k := math.Floor(d / 7); !math.IsNaN(rs.dose[r]) && k > float64(last) {
			last = int(k)
		}
	}
	return last
}

// of returns the weeks of a group, and how many of its patients have any record.
func (rs rows) of(g analysis.Group, patients int, o WeekOptions) ([]Week, int) {
	in := make([]bool, patients)
	for _, p := range g.Patients {
		in[p] = true
	}
	own := make([]int32, len(rs.patient))
	dosed := 0
	for r, p := range rs.patient {
		own[r] = -1
		if in[p] {
			own[r] = p
		}
	}
	for r, p := range rs.patient {
		if in[p] && !math.IsNaN(rs.dose[r]) {
			in[p] = false
			dosed++
		}
	}
	return ByWeek(own, rs.day, rs.dose, o.From, o.To), dosed
}

// weekly writes the results of dose-by-week.
type weekly struct {
	rows
	q     analysis.Question
	clock string
}

func (w weekly) empty(term string, scale analysis.Scale, arm string, k Week, missing int) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Unit, e.Arm, e.Visit = w.outcome, w.unit, arm, fmt.Sprintf("week %d", k.Week)
	e.N = analysis.N{Arm: len(k.PatientMeans), Missing: missing}
	e.Definition = fmt.Sprintf("week k: days 7k to 7k+6 from %s; days without a record are unknown", w.clock)
	return e
}

// estimates returns the numbers of one week; dosed is how many patients of the
// group have any record.
func (w weekly) estimates(g analysis.Group, k Week, dosed int) []analysis.Estimate {
	n := len(k.PatientMeans)
	records := w.empty("mean_dose_records", analysis.ScaleMean, g.Name, k, dosed-n)
	records.Value, records.SE = analysis.Num(k.MeanRecords), analysis.Num(k.SERecords)
	records.Method = analysis.Method{
		Name: fmt.Sprintf("mean over the %d records of the week (%s); error with the patient as cluster", k.Records, w.method),
		R:    `sandwich::vcovCL(lm(dose ~ 1), patient, type = "HC0")`, Ref: "Liang and Zeger 1986, 10.1093/biomet/73.1.13",
	}
	if n > 1 && k.SERecords > 0 {
		records.DF = analysis.Num(n - 1)
		records.CI = analysis.TInterval(k.MeanRecords, k.SERecords, float64(n-1), w.q.Level)
	} else if n > 0 {
		records.SE = analysis.None
		records = records.Warn(analysis.WarnTooFew, "one patient, or patients who are all alike, give no standard error", "include more patients")
	}
	own := w.empty("mean_dose_patients", analysis.ScaleMean, g.Name, k, dosed-n)
	own.Method = analysis.Method{Name: "mean of the patients' own weekly means (" + w.method + ")"}
	own = withMean(own, k.PatientMeans, w.q.Level)
	out := []analysis.Estimate{records, own}
	sorted := ascending(k.PatientMeans)
	for _, at := range []struct {
		term string
		p    float64
	}{{"median_dose_patients", 0.5}, {"q25_dose_patients", 0.25}, {"q75_dose_patients", 0.75}} {
		e := w.empty(at.term, analysis.ScaleMean, g.Name, k, dosed-n)
		e.Value = analysis.Num(fit.Quantile(sorted, at.p))
		e.Method = analysis.Method{Name: "quantile of the patients' own weekly means (" + w.method + ")", R: fmt.Sprintf("quantile(x, %g)", at.p)}
		out = append(out, e)
	}
	for i, e := range out {
		if n == 0 && len(e.Warnings) == 0 {
			e = e.Warn(analysis.WarnTooFew, "no dose was recorded in this week", "record doses in it, or choose other weeks")
		}
		out[i] = followUp(e, dosed, dosed-n)
	}
	return out
}

// series returns the two means as curves, and the median and quartiles as three lines
// of one name: quartiles are the spread of patients, which no band of confidence is.
func (w weekly) series(g analysis.Group, weeks []Week) []analysis.Series {
	var out []analysis.Series
	for _, s := range [][2]string{{"records", ""}, {"patients", ""}, {"quartiles", ", median"}, {"quartiles", ", lower quartile"}, {"quartiles", ", upper quartile"}} {
		out = append(out, analysis.Series{Name: "dose-by-week/" + s[0], Group: g.Name + s[1], XUnit: "week", YUnit: w.unit})
	}
	for _, k := range weeks {
		for i, e := range w.estimates(g, k, len(k.PatientMeans)) {
			out[i].Points = append(out[i].Points, analysis.Point{
				X: analysis.Num(k.Week), Y: e.Value, Low: e.CI.Low, High: e.CI.High,
				N: len(k.PatientMeans), Records: k.Records,
			})
		}
	}
	return out
}

// difference returns the difference of the patients' means in one week.
func (w weekly) difference(groups []analysis.Group, a, b Week, dosed []int) analysis.Estimate {
	missing := dosed[0] + dosed[1] - len(a.PatientMeans) - len(b.PatientMeans)
	e := w.empty("difference_dose_patients", analysis.ScaleDifference, groups[0].Name, a, missing)
	e.Reference = groups[1].Name
	e.Method.Name = "difference of the means of the patients' own weekly means (" + w.method + ")"
	return followUp(withDifference(e, a.PatientMeans, b.PatientMeans, w.q.Level), dosed[0]+dosed[1], missing)
}
