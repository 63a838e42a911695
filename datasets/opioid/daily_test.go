package opioid

import (
	"math"
	"slices"
	"testing"
)

var nan = math.NaN()

func sameDays(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool {
		return math.IsNaN(x) && math.IsNaN(y) || near(x, y)
	})
}

// rx is morphine by mouth, so that milligrams and equivalents are the same.
func rx(start int, days, perDay float64) Record {
	return Record{Drug: "morphine", Route: "oral", Unit: "mg", StartDay: start, Strength: 10, Quantity: perDay * days / 10, DaysSupplied: days}
}

func TestDailyOverlapsAndGaps(t *testing.T) {
	cdc := table(t, "CDC-2022")
	// 20 mg on days 0-2, 30 mg on days 2-3, nothing on days 4-5, 10 mg on day 6.
	records := []Record{rx(0, 3, 20), rx(2, 2, 30), rx(6, 1, 10)}
	days, s := cdc.Daily(records, 0, 6, Options{})
	if want := []float64{20, 20, 50, 30, nan, nan, 10}; !sameDays(days, want) {
		t.Errorf("days %v, want %v", days, want)
	}
	if s.Days != 7 || s.KnownDays != 5 || s.GapDays != 2 || s.IncompleteDays != 0 || s.Used != 3 || s.Options.Gap != GapUnknown {
		t.Errorf("summary %+v", s)
	}
	days, s = cdc.Daily(records, 0, 6, Options{Gap: GapZero})
	if want := []float64{20, 20, 50, 30, 0, 0, 10}; !sameDays(days, want) {
		t.Errorf("gap zero: %v, want %v", days, want)
	}
	if s.KnownDays != 7 || s.GapDays != 2 || s.Options.Gap != GapZero {
		t.Errorf("gap zero: summary %+v", s)
	}
}

func TestDailyWindow(t *testing.T) {
	cdc := table(t, "CDC-2022")
	// Supply that begins before the window and one that ends after it.
	days, s := cdc.Daily([]Record{rx(-5, 7, 20), rx(3, 400, 40), rx(900, 5, 40)}, 0, 4, Options{})
	if want := []float64{20, 20, nan, 40, 40}; !sameDays(days, want) {
		t.Errorf("days %v, want %v", days, want)
	}
	if s.Used != 3 {
		t.Errorf("used %d records, want all 3 though one lies outside", s.Used)
	}
	if days, s := cdc.Daily(nil, 3, 1, Options{}); len(days) != 0 || s.Days != 0 {
		t.Errorf("backward window: %v, %+v", days, s)
	}
}

// A day under a record that cannot be converted has no known total, unless the
// caller asks for the part that is known; never zero.
func TestDailyUnconverted(t *testing.T) {
	cdc := table(t, "CDC-2022")
	patch := Record{Drug: "buprenorphine", Unit: "mcg/h", Indication: "pain", StartDay: 1, Strength: 10, Quantity: 1, DaysSupplied: 2}
	unknown := Record{Drug: "something", Kind: Logged, StartDay: 0, DosePerDay: 1}
	records := []Record{rx(0, 2, 20), patch, unknown}
	days, s := cdc.Daily(records, 0, 3, Options{})
	if want := []float64{nan, nan, nan, nan}; !sameDays(days, want) {
		t.Errorf("days %v, want %v", days, want)
	}
	wantExcluded := []Exclusion{{"unknown-drug", 1}, {"no-factor", 1}}
	if s.Records != 3 || s.Used != 1 || s.IncompleteDays != 3 || s.GapDays != 1 || !slices.Equal(s.Excluded, wantExcluded) {
		t.Errorf("summary %+v", s)
	}
	days, _ = cdc.Daily(records, 0, 3, Options{Unconverted: UnconvertedIgnored, Gap: GapZero})
	if want := []float64{20, 20, nan, 0}; !sameDays(days, want) {
		t.Errorf("ignored: %v, want %v", days, want)
	}
}

// A supply that does not say for how many days is not followed by days without
// opioids, whatever a gap means: 20 mg on days 0-1, a supply of unknown length
// from day 3, 10 mg on day 5. Day 2 lies before it and stays a gap.
func TestDailySupplyOfUnknownLength(t *testing.T) {
	cdc := table(t, "CDC-2022")
	records := []Record{rx(0, 2, 20), rx(3, nan, 20), rx(5, 1, 10)}
	days, s := cdc.Daily(records, 0, 6, Options{Gap: GapZero})
	if want := []float64{20, 20, 0, nan, nan, 10, nan}; !sameDays(days, want) {
		t.Errorf("days %v, want %v", days, want)
	}
	if want := []Exclusion{{"amount", 1}}; !slices.Equal(s.Excluded, want) {
		t.Errorf("excluded %v, want %v", s.Excluded, want)
	}
}

// Medication for opioid use disorder adds nothing and spoils nothing.
func TestDailyLeavesOUDApart(t *testing.T) {
	cdc := table(t, "CDC-2022")
	oud := Record{Drug: "methadone", Route: "oral", Unit: "mg", Indication: "oud", StartDay: 0, Strength: 10, Quantity: 24, DaysSupplied: 3}
	days, s := cdc.Daily([]Record{rx(0, 2, 20), oud}, 0, 2, Options{})
	if want := []float64{20, 20, nan}; !sameDays(days, want) {
		t.Errorf("days %v, want %v", days, want)
	}
	if s.GapDays != 1 || s.IncompleteDays != 0 || !slices.Equal(s.Excluded, []Exclusion{{"opioid-use-disorder", 1}}) {
		t.Errorf("summary %+v", s)
	}
}

// The second supply is fetched two days early: added, two days have 40 mg;
// shifted, seven days have 20 mg.
func TestDailyEarlyRefill(t *testing.T) {
	cdc := table(t, "CDC-2022")
	records := []Record{rx(1, 3, 20), rx(-1, 4, 20)} // order does not matter
	days, _ := cdc.Daily(records, -1, 6, Options{})
	if want := []float64{20, 20, 40, 40, 20, nan, nan, nan}; !sameDays(days, want) {
		t.Errorf("added: %v, want %v", days, want)
	}
	days, s := cdc.Daily(records, -1, 6, Options{Overlap: OverlapShift})
	if want := []float64{20, 20, 20, 20, 20, 20, 20, nan}; !sameDays(days, want) {
		t.Errorf("shifted: %v, want %v", days, want)
	}
	if s.Options.Overlap != OverlapShift || records[0].StartDay != 1 {
		t.Errorf("the rule is not in the summary, or the records were changed: %+v", s)
	}
}

// Order does not matter, twice the supply is twice the dose, and a longer
// window repeats the shorter one.
func TestDailyRelations(t *testing.T) {
	cms := table(t, "CMS-2018")
	records := []Record{rx(0, 5, 20), dispensed("methadone", "oral", "mg", 10, 60), dispensed("fentanyl", "", "mcg/h", 25, 10), rx(3, 4, 50)}
	days, s := cms.Daily(records, 0, 40, Options{})
	slices.Reverse(records)
	again, s2 := cms.Daily(records, 0, 40, Options{})
	if !sameDays(days, again) || s.KnownDays != s2.KnownDays {
		t.Error("the order of the records changes the doses")
	}
	short, _ := cms.Daily(records, 10, 20, Options{})
	if !sameDays(short, days[10:21]) {
		t.Error("the window changes the doses")
	}
	one, _ := cms.Daily([]Record{rx(0, 5, 20)}, 0, 4, Options{})
	two, _ := cms.Daily([]Record{rx(0, 5, 20), rx(0, 5, 20)}, 0, 4, Options{})
	for i := range one {
		if !near(two[i], 2*one[i]) {
			t.Errorf("day %d: %v is not twice %v", i, two[i], one[i])
		}
	}
}
