package opioid

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// The four tables, written down a second time: drug, route, unit, and the factors of
// CDC-2022, CMS-2018, ANZCA-2021 and ANZCA-2014, NaN for none. Methadone of CMS-2018
// is graduated and has tests of its own.
var fourTables = []struct {
	drug, route, unit        string
	cdc, cms, anz21, anz2014 float64
}{
	{"codeine", "oral", "mg", 0.15, 0.15, 0.13, 0.13},
	{"hydrocodone", "oral", "mg", 1, 1, nan, nan},
	{"hydromorphone", "oral", "mg", 5, 4, 5, 5},
	{"methadone", "oral", "mg", 4.7, 4, nan, nan}, // 10 mg: the first step
	{"morphine", "oral", "mg", 1, 1, 1, 1},
	{"oxycodone", "oral", "mg", 1.5, 1.5, 1.5, 1.5},
	{"oxymorphone", "oral", "mg", 3, 3, nan, nan},
	{"tapentadol", "oral", "mg", 0.4, 0.4, 0.3, 0.4},
	{"tramadol", "oral", "mg", 0.2, 0.1, 0.2, 0.2},
	{"fentanyl", "transdermal", "mcg/h", 2.4, 2.4, 3, 3}, // 7.2 a patch that lasts three days
	{"fentanyl", "buccal", "mcg", nan, 0.13, nan, nan},
	{"fentanyl", "sublingual", "mcg", nan, 0.13, nan, nan},
	{"fentanyl", "film", "mcg", nan, 0.18, nan, nan},
	{"fentanyl", "oral spray", "mcg", nan, 0.18, nan, nan},
	{"fentanyl", "nasal", "mcg", nan, 0.16, nan, nan},
	{"fentanyl", "parenteral", "mcg", nan, nan, 0.2, 0.2},
	{"buprenorphine", "sublingual", "mg", nan, nan, 40, 40},
	{"buprenorphine", "transdermal", "mcg/h", nan, nan, 2, 2},
	{"butorphanol", "nasal", "mg", nan, 7, nan, nan},
	{"dihydrocodeine", "oral", "mg", nan, 0.25, nan, nan},
	{"levorphanol", "oral", "mg", nan, 11, nan, nan},
	{"meperidine", "oral", "mg", nan, 0.1, nan, nan},
	{"opium", "oral", "mg", nan, 1, nan, nan},
	{"pentazocine", "oral", "mg", nan, 0.37, nan, nan},
	{"dextropropoxyphene", "oral", "mg", nan, nan, 0.1, 0.1},
	{"morphine", "parenteral", "mg", nan, nan, 3, 3},
	{"oxycodone", "parenteral", "mg", nan, nan, 3, 3},
	{"hydromorphone", "parenteral", "mg", nan, nan, 15, 15},
	{"codeine", "parenteral", "mg", nan, nan, 0.25, 0.25},
	{"meperidine", "parenteral", "mg", nan, nan, 0.4, 0.4},
}

func TestEveryFactor(t *testing.T) {
	for _, f := range fourTables {
		for name, want := range map[string]float64{"CDC-2022": f.cdc, "CMS-2018": f.cms, "ANZCA-2021": f.anz21, "ANZCA-2014": f.anz2014} {
			got, err := table(t, name).MMEPerDay(logged(f.drug, f.route, f.unit, 10))
			if math.IsNaN(want) {
				if !errors.Is(err, ErrNoFactor) {
					t.Errorf("%s %s %s: %v, %v; want no factor", name, f.drug, f.route, got, err)
				}
				continue
			}
			if err != nil || !near(got, 10*want) {
				t.Errorf("%s %s %s: %v, %v; want %v", name, f.drug, f.route, got, err, 10*want)
			}
		}
	}
	rows := 0
	for _, tab := range Tables() {
		for _, f := range tab.Factors {
			rows += len(f.Routes)
		}
	}
	want := 0
	for _, f := range fourTables {
		for _, x := range []float64{f.cdc, f.cms, f.anz21, f.anz2014} {
			if !math.IsNaN(x) {
				want++
			}
		}
	}
	if want++; rows != want { // butorphanol by mouth in CMS-2018, its factor the nasal one
		t.Errorf("the tables have %d factors, want %d", rows, want)
	}
}

// Morphine by mouth throughout: 20 mg for days 0-3 fetched again on day 2 for four
// days, and 30 mg for days 10-11.
//
//	sum       20 20 40 40 20 20  - ...  days 2-3 are under both
//	shift     20 20 20 20 20 20 20 20   the second supply begins on day 4
//	truncate  20 20 20 20 20 20  - ...  the first ends on day 1
func TestOverlapRulesByHand(t *testing.T) {
	cdc := table(t, "CDC-2022")
	records := []Record{rx(0, 4, 20), rx(2, 4, 20), rx(10, 2, 30)}
	for _, c := range []struct {
		opt        Options
		want       []float64
		moved, cut int
	}{
		{Options{}, []float64{20, 20, 40, 40, 20, 20, nan, nan, nan, nan, 30, 30}, 0, 0},
		{Options{Overlap: OverlapShift}, []float64{20, 20, 20, 20, 20, 20, 20, 20, nan, nan, 30, 30}, 1, 0},
		{Options{Overlap: OverlapTruncate}, []float64{20, 20, 20, 20, 20, 20, nan, nan, nan, nan, 30, 30}, 0, 1},
		// Two days early is more than one: a higher dose.
		{Options{Overlap: OverlapShift, Early: 1}, []float64{20, 20, 40, 40, 20, 20, nan, nan, nan, nan, 30, 30}, 0, 0},
		{Options{Overlap: OverlapTruncate, Early: 1}, []float64{20, 20, 40, 40, 20, 20, nan, nan, nan, nan, 30, 30}, 0, 0},
		{Options{Overlap: OverlapTruncate, Early: 2}, []float64{20, 20, 20, 20, 20, 20, nan, nan, nan, nan, 30, 30}, 0, 1},
		// The gap of days 6-9 keeps 20 from four days of grace on; by shift it is two days.
		{Options{Grace: 3}, []float64{20, 20, 40, 40, 20, 20, nan, nan, nan, nan, 30, 30}, 0, 0},
		{Options{Grace: 4}, []float64{20, 20, 40, 40, 20, 20, 20, 20, 20, 20, 30, 30}, 0, 0},
		{Options{Grace: 2, Overlap: OverlapShift, Gap: GapZero}, []float64{20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 30, 30}, 1, 0},
		{Options{Grace: 3, Gap: GapZero}, []float64{20, 20, 40, 40, 20, 20, 0, 0, 0, 0, 30, 30}, 0, 0},
	} {
		got, s := cdc.Daily(records, 0, 11, c.opt)
		if !sameDays(got, c.want) || s.Moved != c.moved || s.Cut != c.cut {
			t.Errorf("%+v: %v, moved %d, cut %d; want %v, %d, %d", c.opt, got, s.Moved, s.Cut, c.want, c.moved, c.cut)
		}
	}
	// A gap that begins before the days asked for and ends after them is seen whole.
	for grace, want := range map[int]float64{3: nan, 4: 20} {
		got, s := cdc.Daily(records, 7, 8, Options{Grace: grace})
		if !sameDays(got, []float64{want, want}) || s.Days != 2 || s.GapDays != 2 || s.BridgedDays != s.KnownDays {
			t.Errorf("grace %d within the gap: %v, %+v", grace, got, s)
		}
	}
	if records[1].StartDay != 2 || records[0].cut != 0 {
		t.Error("the records were changed")
	}
}

// The dose a day of a supply that is cut short stays what it was; another strength is
// another product, and adds up under every rule.
func TestTruncateByHand(t *testing.T) {
	cdc := table(t, "CDC-2022")
	other := rx(2, 2, 30)
	other.Strength, other.Quantity = 15, 4
	records := []Record{rx(0, 6, 60), other, rx(3, 2, 10)}
	got, s := cdc.Daily(records, 0, 5, Options{Overlap: OverlapTruncate})
	if want := []float64{60, 60, 90, 40, 10, nan}; !sameDays(got, want) || s.Cut != 1 {
		t.Errorf("%v, cut %d; want %v, 1", got, s.Cut, want)
	}
	// Two boxes of one day are one supply: both hold, and both end.
	got, s = cdc.Daily([]Record{rx(0, 4, 20), rx(0, 4, 20), rx(2, 2, 20)}, 0, 3, Options{Overlap: OverlapTruncate})
	if want := []float64{40, 40, 20, 20}; !sameDays(got, want) || s.Cut != 2 {
		t.Errorf("two boxes: %v, cut %d; want %v, 2", got, s.Cut, want)
	}
	// By shift the second box waits for the first.
	got, _ = cdc.Daily([]Record{rx(0, 2, 20), rx(0, 2, 20)}, 0, 4, Options{Overlap: OverlapShift})
	if want := []float64{20, 20, 20, 20, nan}; !sameDays(got, want) {
		t.Errorf("shifted boxes: %v, want %v", got, want)
	}
}

// 12 tablets of 10 mg without days on day 0, fetched again on day 4 and day 30.
//
//	unknown    no day is known
//	next-fill  120 mg over 4 days: 30 a day; then 120 over 26 days; the last stays unknown
//	assumed    120 mg over 6 days: 20 a day, days 4-5 under two supplies
func TestLengthRulesByHand(t *testing.T) {
	cdc := table(t, "CDC-2022")
	fill := func(day int) Record {
		return Record{Drug: "morphine", Route: "oral", Unit: "mg", StartDay: day, Strength: 10, Quantity: 12, DaysSupplied: nan}
	}
	records := []Record{fill(30), fill(0), fill(4)}
	for _, c := range []struct {
		opt     Options
		day0    []float64 // days 0, 3, 4, 5, 6, 9, 10, 30, 31
		lengths int
	}{
		{Options{}, []float64{nan, nan, nan, nan, nan, nan, nan, nan, nan}, 0},
		{Options{Length: LengthNextFill}, []float64{30, 30, 120.0 / 26, 120.0 / 26, 120.0 / 26, 120.0 / 26, 120.0 / 26, nan, nan}, 2},
		{Options{Length: LengthNextFill, FillDays: 6}, []float64{30, 30, 20, 20, 20, 20, nan, nan, nan}, 2},
		{Options{Length: LengthAssumed, FillDays: 6}, []float64{20, 20, 40, 40, 20, 20, nan, 20, 20}, 3},
		{Options{Length: LengthAssumed, FillDays: 6, Overlap: OverlapShift}, []float64{20, 20, 20, 20, 20, 20, 20, 20, 20}, 3},
	} {
		days, s := cdc.Daily(records, 0, 40, c.opt)
		var got []float64
		for _, d := range []int{0, 3, 4, 5, 6, 9, 10, 30, 31} {
			got = append(got, days[d])
		}
		if !sameDays(got, c.day0) || s.Lengths != c.lengths {
			t.Errorf("%+v: %v, %d lengths; want %v, %d", c.opt, got, s.Lengths, c.day0, c.lengths)
		}
	}
	// The rule is for what is missing, not for what is impossible.
	wrong := fill(0)
	wrong.DaysSupplied = -3
	if _, s := cdc.Daily([]Record{wrong}, 0, 1, Options{Length: LengthAssumed}); s.Lengths != 0 || s.Used != 0 {
		t.Errorf("-3 days: %+v", s)
	}
}

// 40 mg said at a visit on day 5 and 10 mg at one on day 8.
func TestHoldRulesByHand(t *testing.T) {
	cdc := table(t, "CDC-2022")
	at := func(day int, mg float64) Record {
		return Record{Drug: "morphine", Route: "oral", Unit: "mg", Kind: AtVisit, StartDay: day, DosePerDay: mg}
	}
	records := []Record{at(8, 10), at(5, 40)}
	for _, c := range []struct {
		opt  Options
		want []float64 // days 0 to 9
	}{
		{Options{}, []float64{nan, nan, nan, nan, nan, 40, nan, nan, 10, nan}},
		{Options{Hold: HoldBefore, HoldDays: 4}, []float64{nan, nan, 40, 40, 40, 40, 10, 10, 10, nan}},
		{Options{Hold: HoldBefore}, []float64{40, 40, 40, 40, 40, 40, 10, 10, 10, nan}},
		{Options{Hold: HoldUntilNext}, []float64{nan, nan, nan, nan, nan, 40, 40, 40, 10, nan}},
	} {
		if got, _ := cdc.Daily(records, 0, 9, c.opt); !sameDays(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.opt, got, c.want)
		}
	}
	// Two drugs of one visit add up, and a visit that does not say is not zero.
	unknown := at(8, nan)
	got, s := cdc.Daily([]Record{at(5, 40), at(5, 5), unknown}, 4, 9, Options{Gap: GapZero, Hold: HoldUntilNext})
	if want := []float64{0, 45, 45, 45, nan, 0}; !sameDays(got, want) || s.IncompleteDays != 1 {
		t.Errorf("%v, %+v; want %v", got, s, want)
	}
}

// A patch taper by the rate worn: 75, 50, then 25 mcg/h, three patches of three days
// each, by CDC-2022 180, 120 and 60; the same patches worn 48 hours.
func TestPatchTaperByHand(t *testing.T) {
	cdc := table(t, "CDC-2022")
	patch := func(day int, rate, patches, wear float64) Record {
		return Record{Drug: "fentanyl", Unit: "mcg/h", StartDay: day, Strength: rate, Quantity: patches, DaysSupplied: patches * wear, WearDays: wear}
	}
	days, _ := cdc.Daily([]Record{patch(0, 75, 3, 3), patch(9, 50, 3, 3), patch(18, 25, 3, 3)}, 0, 27, Options{})
	for day, want := range map[int]float64{0: 180, 8: 180, 9: 120, 17: 120, 18: 60, 26: 60, 27: nan} {
		if got := days[day]; !sameDays([]float64{got}, []float64{want}) {
			t.Errorf("day %d: %v, want %v", day, got, want)
		}
	}
	days, _ = cdc.Daily([]Record{patch(0, 75, 3, 2), patch(6, 50, 3, 2)}, 0, 12, Options{})
	if want := []float64{180, 180, 180, 180, 180, 180, 120, 120, 120, 120, 120, 120, nan}; !sameDays(days, want) {
		t.Errorf("48 hours: %v, want %v", days, want)
	}
}

// Whatever the rules, the order of records does not matter, a shorter window is a
// piece of a longer one, and records a week later are doses a week later.
func TestRulesRelations(t *testing.T) {
	cms := table(t, "CMS-2018")
	noDays := rx(20, 1, 30)
	noDays.DaysSupplied = nan
	records := []Record{
		rx(0, 5, 20), rx(3, 4, 50), rx(3, 4, 20), rx(3, 2, 20), noDays, rx(26, 3, 20), dispensed("methadone", "oral", "mg", 10, 60),
		{Drug: "morphine", Route: "oral", Unit: "mg", Kind: AtVisit, StartDay: 35, DosePerDay: 8},
		{Drug: "morphine", Route: "oral", Unit: "mg", Kind: AtVisit, StartDay: 33, DosePerDay: 4},
	}
	for _, overlap := range []Overlap{OverlapSum, OverlapShift, OverlapTruncate} {
		for _, length := range []Length{LengthUnknown, LengthNextFill, LengthAssumed} {
			for _, hold := range []Hold{HoldDay, HoldBefore, HoldUntilNext} {
				opt := Options{Overlap: overlap, Length: length, Hold: hold, Grace: 2, Early: 3}
				name := fmt.Sprintf("%+v", opt)
				days, s := cms.Daily(records, -10, 50, opt)
				back := slices.Clone(records)
				slices.Reverse(back)
				again, s2 := cms.Daily(back, -10, 50, opt)
				if !sameDays(days, again) || fmt.Sprint(s) != fmt.Sprint(s2) {
					t.Errorf("%s: the order of the records changes the doses", name)
				}
				if short, _ := cms.Daily(records, 5, 30, opt); !sameDays(short, days[15:41]) {
					t.Errorf("%s: the window changes the doses: %v, %v", name, short, days[15:41])
				}
				moved := slices.Clone(records)
				for i := range moved {
					moved[i].StartDay += 7
				}
				if later, _ := cms.Daily(moved, -3, 57, opt); !sameDays(later, days) {
					t.Errorf("%s: a week later the doses are others", name)
				}
			}
		}
	}
}

func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if r.Text == "" || r.Source == "" || !slices.Contains([]string{"sourced", "unverified", "own"}, r.Status) || seen[r.Kind+r.Name] {
			t.Errorf("%+v", r)
		}
		seen[r.Kind+r.Name] = true
	}
	if err := (Options{}).Check(); err != nil {
		t.Error(err)
	}
	for _, opt := range []Options{{Gap: "x"}, {Overlap: "x"}, {Length: "x"}, {Hold: "x"}, {Unconverted: "x"}, {Grace: -1}, {FillDays: 5000}} {
		if err := opt.Check(); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", opt, err)
		}
	}
	said := strings.Join(Options{Overlap: OverlapShift, Early: 7, Grace: 14, Length: LengthAssumed, Hold: HoldBefore}.Said(), "; ")
	for _, want := range []string{"carried over", "7 days early", "14 days", "lasts 30 days [unverified]", "the 28 days that end with it"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q does not say %q", said, want)
		}
	}
}
