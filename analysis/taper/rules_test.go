package taper_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/taper"
	"recoup/datasets"
)

const visitDoses = `name: v
resources:
  - name: visits
    path: visits.csv
    schema:
      missingValues: [""]
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: mme, type: number, role: dose, unit: MME/day}
visits:
  - {value: entry, week: 0, baseline: true}
  - {value: out, week: 4, role: discharge}
  - {value: later, week: 26}
  - {value: unplanned}
`

// Doses said in MME at visits, never converted again. Held for the 28 days that end
// with the visit, entry is known on 27 of the days -28 to -1 and week 26 on days 155
// to 180:
//
//	a  60 -> 20
//	b  40 -> 40
//	c  90 -> not said: unknown, not zero
//
// Change of a and b: (-40 + 0) / 2 = -20. Held for the day alone, nobody's is known.
func TestReductionOfDosesSaidAtVisits(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": visitDoses, "visits.csv": "id,visit,mme\n" +
		"a,entry,60\na,out,30\na,later,20\nb,entry,40\nb,out,40\nb,later,40\nc,entry,90\nc,out,90\nc,later,\nc,unplanned,80\n"})
	for _, table := range []string{"CDC-2022", "CMS-2018", "ANZCA-2014", "ANZCA-2021"} {
		r := run(t, taper.Reduction, in, analysis.Question{}, map[string]string{"hold": "before", "windows": "152:180", "table": table})
		near(t, table+" before", find(t, r, "mme_baseline_mean", after, "all").Value, 50, 1e-12)
		change := find(t, r, "mme_change_mean", after, "all")
		near(t, table+" change", change.Value, -20, 1e-12)
		near(t, table+" halved", find(t, r, "reduced_50_known", after, "all").Value, 0.5, 1e-12)
		near(t, table+" halved of all", find(t, r, "reduced_50_all", after, "all").Value, 1./3, 1e-12)
		if !strings.Contains(change.Method.Name, "the 28 days that end with it") || !strings.Contains(change.Method.Name, "week 0 of the visits") {
			t.Errorf("method %q", change.Method.Name)
		}
		if !slices.ContainsFunc(r.Excluded, func(e datasets.Exclusion) bool {
			return e.Rows == 1 && strings.Contains(e.Reason, "without a usable day")
		}) {
			t.Errorf("nothing tells of the visit without a week: %+v", r.Excluded)
		}
	}
	// What was not said is unknown, even where a day without a record is zero.
	zero := run(t, taper.Reduction, in, analysis.Question{}, map[string]string{"hold": "before", "windows": "180:182", "gap": "zero"})
	if e := find(t, zero, "reduced_50_all", "days 180 to 182", "all"); e.N != (analysis.N{Arm: 3, Missing: 1, Events: 1}) {
		t.Errorf("gaps as zero: %+v", e.N)
	}
	r := run(t, taper.Reduction, in, analysis.Question{}, map[string]string{"windows": "152:180"})
	near(t, "day alone", find(t, r, "on_opioids_at_entry", "days -28 to -1", "all").Value, math.NaN(), 0)
	if !slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool { return strings.Contains(w.Cure, "hold=before") }) {
		t.Error("no warning says how to hold a dose for longer")
	}
}

// Morphine 28 days at 20 mg from day -28, fetched again on day -14: the mean of the
// 28 days is (14 × 20 + 14 × 40) / 28 = 30 summed, 20 shifted or truncated. By shift
// the second lasts to day 27; then 10 mg from day 152.
func TestReductionUnderNamedRules(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": dosesYAML, "doses.csv": "id,arm,drug,route,why,day,strength,units,supplied,logged\n" +
		"a,x,morphine,oral,pain,-28,10,56,28,\na,x,morphine,oral,pain,-14,10,56,28,\na,x,morphine,oral,pain,152,10,29,29,\n"})
	for _, c := range []struct {
		set  map[string]string
		want float64
		said string
	}{
		{nil, 30, "are added [sourced]"},
		{map[string]string{"overlap": "shift"}, 20, "carried over [unverified]"},
		{map[string]string{"overlap": "truncate"}, 20, "not taken [unverified]"},
		{map[string]string{"overlap": "truncate", "early": "7"}, 30, "more than 7 days early"},
		{map[string]string{"grace": "14"}, 30, "at most 14 days keeps the dose before it [unverified]"},
	} {
		r := run(t, taper.Reduction, in, analysis.Question{}, c.set)
		e := find(t, r, "mme_baseline_mean", after, "x")
		near(t, c.said, e.Value, c.want, 1e-12)
		if !strings.Contains(e.Method.Name, c.said) {
			t.Errorf("method %q does not say %q", e.Method.Name, c.said)
		}
		if o := c.set["overlap"]; o != "" && !strings.Contains(e.Definition, "overlap "+o) {
			t.Errorf("definition %q", e.Definition)
		}
	}
	// The cohort's owner chooses in the cohort file.
	owned := strings.Replace(dosesYAML, "name: d\n", "name: d\ndefinitions: {dose-overlap: shift}\n", 1)
	own := cohort(t, map[string]string{"cohort.yaml": owned, "doses.csv": "id,arm,drug,route,why,day,strength,units,supplied,logged\n" +
		"a,x,morphine,oral,pain,-28,10,56,28,\na,x,morphine,oral,pain,-14,10,56,28,\na,x,morphine,oral,pain,152,10,29,29,\n"})
	near(t, "owner's rule", find(t, run(t, taper.Reduction, own, analysis.Question{}, nil), "mme_baseline_mean", after, "x").Value, 20, 1e-12)
	for _, set := range []map[string]string{{"grace": "-1"}, {"overlap": "x"}, {"fill_days": "0"}} {
		if _, err := taper.Reduction.Run(t.Context(), in, analysis.Question{}, set); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%v: %v", set, err)
		}
	}
}

// A patch worn 48 hours: 15 patches of 50 mcg/h in 30 days are 50 mcg/h throughout,
// by CDC-2022 120 MME; read as worn 72 hours they would be 180.
func TestReductionWearHours(t *testing.T) {
	file := strings.Replace(dosesYAML, "        - {name: logged", "        - {name: hours, type: number, role: wear_hours}\n        - {name: logged", 1)
	file = strings.Replace(file, "role: strength, unit: mg", "role: strength, unit: mcg/h", 1)
	in := cohort(t, map[string]string{"cohort.yaml": file, "doses.csv": "id,arm,drug,route,why,day,strength,units,supplied,hours,logged\n" +
		"a,x,fentanyl,transdermal,pain,-30,50,15,30,48,\nb,x,fentanyl,transdermal,pain,-30,50,10,30,,\na,x,fentanyl,transdermal,pain,152,25,15,30,48,\nb,x,fentanyl,transdermal,pain,152,50,10,30,,\n"})
	r := run(t, taper.Reduction, in, analysis.Question{}, nil)
	near(t, "before", find(t, r, "mme_baseline_mean", after, "x").Value, 120, 1e-9)
	near(t, "change", find(t, r, "mme_change_mean", after, "x").Value, -30, 1e-9)
}
