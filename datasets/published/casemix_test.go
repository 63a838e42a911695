package published

import (
	"math"
	"strings"
	"testing"
)

func fields(list []Mismatch) string {
	var names []string
	for _, m := range list {
		names = append(names, m.Field)
	}
	return strings.Join(names, " ")
}

func mixOf(t *testing.T, id string, result int) CaseMix {
	t.Helper()
	e, ok := Find(id)
	if !ok {
		t.Fatalf("no entry %s", id)
	}
	return e.CaseMix(e.Results[result])
}

func horizon(t *testing.T, text string) Horizon {
	t.Helper()
	h, err := ParseHorizon(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCompareEqual(t *testing.T) {
	mix := mixOf(t, "qod-2017", 0)
	if list := Compare(mix, mix); len(list) != 0 {
		t.Errorf("a case mix differs from itself: %+v", list)
	}
}

// A program that says nothing of its patients cannot claim to match anything.
func TestCompareNothingRecorded(t *testing.T) {
	list := Compare(CaseMix{Horizon: Horizon{Value: math.NaN()}, Age: math.NaN()}, mixOf(t, "steiner-2013", 4))
	if got := fields(list); got != "payer work_before condition procedure definition horizon origin age" {
		t.Errorf("mismatches: %s", got)
	}
	for _, m := range list {
		if m.Ours != "not recorded" || m.Why == "" {
			t.Errorf("%+v", m)
		}
	}
	if list[0].Theirs != "not reported" || list[1].Theirs != "sick leave" || list[7].Theirs != "40.0 years" {
		t.Errorf("theirs: %+v", list)
	}
}

func TestCompareProgramWithFusion(t *testing.T) {
	ours := CaseMix{
		Condition: "chronic pain", Payer: "mixed", WorkBefore: "off work", Procedure: "interdisciplinary rehabilitation",
		Definition: "any-work", Horizon: horizon(t, "12 months after discharge"), Age: 47,
	}
	list := Compare(ours, mixOf(t, "juratli-2006", 1))
	if got := fields(list); got != "payer work_before condition procedure definition horizon origin" {
		t.Errorf("mismatches: %s", got)
	}
	for _, m := range list {
		switch m.Field {
		case "payer":
			if m.Ours != "mixed" || m.Theirs != "workers-compensation" {
				t.Errorf("%+v", m)
			}
		case "work_before":
			if m.Theirs != "not reported" {
				t.Errorf("%+v", m)
			}
		case "horizon":
			if m.Ours != "12 months" || m.Theirs != "2 years" {
				t.Errorf("%+v", m)
			}
		case "origin":
			if m.Ours != "discharge" || m.Theirs != "surgery" {
				t.Errorf("%+v", m)
			}
		}
	}
}

// Horizons agree within a tenth of the longer, ages within five years.
func TestCompareTolerances(t *testing.T) {
	base := mixOf(t, "steiner-2013", 4)
	base.Payer = "mixed"
	check := func(change func(*CaseMix), want string) {
		t.Helper()
		ours := base
		change(&ours)
		if got := fields(Compare(ours, base)); got != want {
			t.Errorf("mismatches %q, want %q", got, want)
		}
	}
	check(func(m *CaseMix) { m.Horizon = horizon(t, "39 weeks after discharge") }, "")  // 273 of 274 days
	check(func(m *CaseMix) { m.Horizon = horizon(t, "10 months after discharge") }, "") // exactly a tenth
	check(func(m *CaseMix) { m.Horizon = horizon(t, "11 months after discharge") }, "horizon")
	check(func(m *CaseMix) { m.Age = 45 }, "")
	check(func(m *CaseMix) { m.Age = 45.1 }, "age")
	check(func(m *CaseMix) { m.Age = 34.9 }, "age")
	// Discharge is discharge: a horizon of zero agrees with itself.
	zero := base
	zero.Horizon = horizon(t, "discharge")
	if got := fields(Compare(zero, zero)); got != "" {
		t.Errorf("at discharge: %s", got)
	}
	// No definition on either side is no mismatch, on one side it is.
	plain := base
	plain.Definition = ""
	if got := fields(Compare(plain, plain)); got != "" {
		t.Errorf("no definitions: %s", got)
	}
	if got := fields(Compare(base, plain)); got != "definition" {
		t.Errorf("one definition: %s", got)
	}
}

// What an arm states goes before what its entry states.
func TestArmOverridesEntry(t *testing.T) {
	if mix := mixOf(t, "norspine-2025", 0); mix.WorkBefore != "sick leave" || mix.Procedure != "discectomy" {
		t.Errorf("all: %+v", mix)
	}
	if mix := mixOf(t, "norspine-2025", 3); mix.WorkBefore != "off work" {
		t.Errorf("allowance: %+v", mix)
	}
	if mix := mixOf(t, "brox-2010", 3); mix.Procedure != "interdisciplinary rehabilitation" {
		t.Errorf("rehabilitation arm: %+v", mix)
	}
}
