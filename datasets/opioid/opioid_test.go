package opioid

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func table(t *testing.T, name string) Table {
	t.Helper()
	tab, ok := Find(name)
	if !ok {
		t.Fatalf("no table %s", name)
	}
	return tab
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(1, math.Abs(b)) }

// dispensed is a 30-day supply from day 0 for pain.
func dispensed(drug, route, unit string, strength, quantity float64) Record {
	return Record{Drug: drug, Route: route, Unit: unit, Indication: "pain", Strength: strength, Quantity: quantity, DaysSupplied: 30}
}

// logged is one day's dose for pain on day 0.
func logged(drug, route, unit string, dose float64) Record {
	return Record{Drug: drug, Route: route, Unit: unit, Indication: "pain", Kind: Logged, DosePerDay: dose}
}

func TestTablesDecode(t *testing.T) {
	if _, err := load(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tab := range Tables() {
		got = append(got, tab.Name)
	}
	if s := strings.Join(got, " "); s != "ANZCA-2014 ANZCA-2021 CDC-2022 CMS-2018" {
		t.Errorf("tables: %s", s)
	}
	if _, ok := Find("CDC-1900"); ok {
		t.Error("Find found a table that does not exist")
	}
}

// Every table speaks of every drug: with a factor, or with the reason for none.
func TestTablesAreWhole(t *testing.T) {
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tab := range d.tables {
		if tab.Version == "" || tab.Title == "" || tab.Source == "" || tab.Status != "sourced" {
			t.Errorf("%s: version, title, source and status are needed", tab.Name)
		}
		listed := map[string]bool{}
		for _, f := range tab.Factors {
			listed[f.Drug] = true
			checkFactor(t, d.names, tab.Name, f)
		}
		for drug := range d.names.oud { // holds every drug
			if !listed[drug] {
				t.Errorf("%s says nothing of %s", tab.Name, drug)
			}
			delete(listed, drug)
		}
		for drug := range listed {
			t.Errorf("%s lists %s, which names.yaml does not know", tab.Name, drug)
		}
	}
}

func checkFactor(t *testing.T, n names, table string, f Factor) {
	t.Helper()
	if f.None() {
		if f.Reason == "" || len(f.Routes) > 0 {
			t.Errorf("%s, %s: a missing factor needs a reason and no routes", table, f.Drug)
		}
		return
	}
	for _, r := range f.Routes {
		if n.routes[fold(r)] != r {
			t.Errorf("%s, %s: unknown route %q", table, f.Drug, r)
		}
	}
	if n.units[fold(f.Unit)] != f.Unit || len(f.Routes) == 0 || f.Reason != "" {
		t.Errorf("%s, %s: unit %q, routes %v, reason %q", table, f.Drug, f.Unit, f.Routes, f.Reason)
	}
	patch := f.Basis == Worn || f.Basis == Patch
	if (!patch && f.Basis != Daily) || patch != (f.Unit == "mcg/h") || patch != (f.WearDays > 0) {
		t.Errorf("%s, %s: basis %q, unit %q, wear %g", table, f.Drug, f.Basis, f.Unit, f.WearDays)
	}
	if len(f.Steps) == 0 && !(f.Factor > 0) {
		t.Errorf("%s, %s: factor %g", table, f.Drug, f.Factor)
	}
	for i, s := range f.Steps {
		if !(s.Factor > 0) || (i > 0 && s.UpTo <= f.Steps[i-1].UpTo) || (i == len(f.Steps)-1) != math.IsInf(s.UpTo, 1) {
			t.Errorf("%s, %s: step %d is out of order", table, f.Drug, i+1)
		}
	}
}

// The two examples of the CDC's table: hydrocodone 5 mg four times a day is
// 20 mg and 20 MME a day; extended-release oxycodone 10 mg twice a day is 20 mg
// and 30 MME a day.
func TestCDCExamples(t *testing.T) {
	cdc := table(t, "CDC-2022")
	for _, c := range []struct {
		r    Record
		want float64
	}{
		{dispensed("Hydrocodone/acetaminophen", "PO", "mg", 5, 4*30), 20},
		{dispensed("oxyCODONE ER", "oral", "mg", 10, 2*30), 30},
		{logged("hydrocodone", "oral", "mg", 20), 20},
		{logged("oxycodone", "oral", "mg", 20), 30},
	} {
		got, err := cdc.MMEPerDay(c.r)
		if err != nil || !near(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.r.Drug, got, err, c.want)
		}
	}
}

// One patient under the four tables: oxycodone 20 mg, tramadol 200 mg,
// tapentadol 100 mg a day, and a fentanyl patch of 25 mcg/h changed every three
// days (10 patches in 30 days).
//
//	CDC-2022    30 + 40 + 40 + 25 × 2.4           = 170
//	CMS-2018    30 + 20 + 40 + 25 × 10/30 × 7.2   = 150
//	ANZCA-2014  30 + 40 + 40 + 25 × 3             = 185
//	ANZCA-2021  30 + 40 + 30 + 25 × 3             = 175
func TestSamePatientUnderFourTables(t *testing.T) {
	records := []Record{
		dispensed("oxycodone", "oral", "mg", 10, 60),
		dispensed("tramadol", "oral", "mg", 50, 120),
		dispensed("tapentadol", "oral", "mg", 50, 60),
		dispensed("fentanyl", "patch", "mcg/h", 25, 10),
	}
	for name, want := range map[string]float64{"CDC-2022": 170, "CMS-2018": 150, "ANZCA-2014": 185, "ANZCA-2021": 175} {
		days, s := table(t, name).Daily(records, 0, 29, Options{})
		for day, mme := range days {
			if !near(mme, want) {
				t.Fatalf("%s day %d: %v, want %v", name, day, mme, want)
			}
		}
		if s.Table != name || s.Version == "" || s.Source == "" || s.Used != 4 || len(s.Excluded) != 0 || s.KnownDays != 30 {
			t.Errorf("%s: summary %+v", name, s)
		}
	}
}

func TestFactorsThatChanged(t *testing.T) {
	check := func(name string, r Record, want float64) {
		t.Helper()
		got, err := table(t, name).MMEPerDay(r)
		if err != nil || !near(got, want) {
			t.Errorf("%s %s: %v, %v; want %v", name, r.Drug, got, err, want)
		}
	}
	hydromorphone := logged("hydromorphone", "oral", "mg", 8)
	check("CDC-2022", hydromorphone, 40)
	check("CMS-2018", hydromorphone, 32)
	check("CDC-2022", logged("methadone", "oral", "mg", 30), 141)   // 30 × 4.7
	check("ANZCA-2021", logged("pethidine", "IM", "mg", 100), 40)   // by injection
	check("ANZCA-2021", logged("morphine", "IV", "mg", 10), 30)     // three times the oral factor
	check("ANZCA-2014", logged("fentanyl", "IV", "mcg", 100), 20)   // per microgram
	check("ANZCA-2014", logged("fentanyl", "IV", "mg", 0.1), 20)    // the same in milligrams
	check("CMS-2018", logged("fentanyl", "buccal", "mcg", 400), 52) // 400 × 0.13
	check("CMS-2018", logged("fentanyl", "oral spray", "mcg", 400), 72)
	check("CMS-2018", logged("fentanyl", "nasal", "mcg", 400), 64)
	check("ANZCA-2021", logged("buprenorphine", "SL", "mg", 2), 80)
	// One 10 mcg/h patch a week, 4 in 28 days: 10 × 2.
	patch := dispensed("Norspan", "transdermal", "mcg/hr", 10, 4)
	patch.DaysSupplied = 28
	check("ANZCA-2014", patch, 20)
}

// Each step holds for the whole dose: 20 × 4, 21 × 8, 40 × 8, 41 × 10, 60 × 10, 61 × 12.
func TestGraduatedMethadone(t *testing.T) {
	cms := table(t, "CMS-2018")
	for dose, want := range map[float64]float64{0: 0, 20: 80, 21: 168, 40: 320, 41: 410, 60: 600, 61: 732} {
		got, err := cms.MMEPerDay(logged("methadone", "oral", "mg", dose))
		if err != nil || !near(got, want) {
			t.Errorf("%g mg: %v, %v; want %v", dose, got, err, want)
		}
	}
	// Two prescriptions of 15 mg a day are 30 mg a day: 30 × 8, not 2 × 15 × 4.
	// Oxycodone 10 mg on the same days adds 15.
	rx := dispensed("methadone", "oral", "mg", 5, 90)
	days, _ := cms.Daily([]Record{rx, dispensed("oxycodone", "oral", "mg", 5, 60), rx}, 0, 0, Options{})
	if !near(days[0], 255) {
		t.Errorf("two methadone prescriptions and oxycodone: %v, want 255", days[0])
	}
}

// A patch dispensed and the same patch logged give the same, in every table
// that counts patches.
func TestPatchDispensedEqualsPatchLogged(t *testing.T) {
	for _, tab := range Tables() {
		a, errA := tab.MMEPerDay(dispensed("fentanyl", "", "mcg/h", 50, 10))
		b, errB := tab.MMEPerDay(logged("fentanyl", "", "mcg/h", 50))
		if errA != nil || errB != nil || !near(a, b) {
			t.Errorf("%s: dispensed %v %v, logged %v %v", tab.Name, a, errA, b, errB)
		}
	}
	// Changed every two days, 15 patches in 30 days is still one patch worn.
	r := dispensed("fentanyl", "", "mcg/h", 50, 15)
	r.WearDays = 2
	if got, err := table(t, "CDC-2022").MMEPerDay(r); err != nil || !near(got, 120) {
		t.Errorf("48-hour patches: %v, %v; want 120", got, err)
	}
}

func TestRefusals(t *testing.T) {
	cdc := table(t, "CDC-2022")
	check := func(r Record, want error, code string) {
		t.Helper()
		got, err := cdc.MMEPerDay(r)
		if !errors.Is(err, want) || Reason(err) != code || !math.IsNaN(got) {
			t.Errorf("%+v: %v, %v; want %v", r, got, err, want)
		}
	}
	bup := logged("buprenorphine", "sublingual", "mg", 16)
	check(bup, ErrNoFactor, "no-factor")
	bup.Indication = "Opioid use disorder"
	check(bup, ErrOUD, "opioid-use-disorder")
	bup.Indication = ""
	check(bup, ErrIndication, "indication")
	bup.Indication = "cough"
	check(bup, ErrIndication, "indication")
	check(logged("ibuprofen", "oral", "mg", 400), ErrUnknownDrug, "unknown-drug")
	check(logged("", "oral", "mg", 1), ErrUnknownDrug, "unknown-drug")
	check(logged("morphine", "", "mg", 10), ErrRoute, "route")
	check(logged("morphine", "by owl", "mg", 10), ErrRoute, "route")
	check(logged("morphine", "IV", "mg", 10), ErrNoFactor, "no-factor")
	check(logged("levorphanol", "oral", "mg", 2), ErrNoFactor, "no-factor")
	check(logged("morphine", "oral", "", 10), ErrUnit, "unit")
	check(logged("morphine", "oral", "mcg/h", 10), ErrUnit, "unit")
	check(logged("fentanyl", "transdermal", "mg", 5), ErrUnit, "unit")
	check(logged("morphine", "oral", "mg", -1), ErrAmount, "amount")
	check(logged("morphine", "oral", "mg", math.NaN()), ErrAmount, "amount")
	check(dispensed("morphine", "oral", "mg", 10, 0), ErrAmount, "amount")
	check(dispensed("morphine", "oral", "mg", math.NaN(), 30), ErrAmount, "amount")
	noDays := dispensed("morphine", "oral", "mg", 10, 30)
	noDays.DaysSupplied = 0
	check(noDays, ErrAmount, "amount")
	if Reason(nil) != "" || Reason(errors.New("other")) != "" {
		t.Error("Reason gives a code to an error that is not its own")
	}
	if _, err := cdc.MMEPerDay(logged("Jane Q Patient", "oral", "mg", 1)); strings.Contains(err.Error(), "Jane") {
		t.Errorf("the error shows a cell's value: %v", err)
	}
	// A logged dose of nothing is a dose: zero.
	if got, err := cdc.MMEPerDay(logged("morphine", "oral", "mg", 0)); err != nil || got != 0 {
		t.Errorf("dose of 0: %v, %v", got, err)
	}
}

func TestDrugNames(t *testing.T) {
	for written, want := range map[string]string{
		"MORPHINE SULFATE ER": "morphine", "MS Contin": "morphine", "Oxycodone-Acetaminophen": "oxycodone",
		" Pethidine ": "meperidine", "buprenorphine / naloxone": "buprenorphine", "tramadol HCl": "tramadol", "codeine": "codeine",
	} {
		if got, ok := Drug(written); !ok || got != want {
			t.Errorf("Drug(%q) = %q, %v; want %q", written, got, ok, want)
		}
	}
	for _, written := range []string{"naloxone", "acetaminophen", "", "gabapentin"} {
		if got, ok := Drug(written); ok {
			t.Errorf("Drug(%q) = %q, want none", written, got)
		}
	}
}
