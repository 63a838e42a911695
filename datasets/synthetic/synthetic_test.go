package synthetic

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/datasets/opioid"
)

func make5000(t *testing.T, seed uint64) (Files, *datasets.Cohort) {
	t.Helper()
	o := Default
	o.Seed, o.Patients = seed, 5000
	f, err := Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

// The cohort loads through the door that commands use, without a problem of any
// severity, and says what it is.
func TestLoads(t *testing.T) {
	for _, change := range []func(*Options){
		func(*Options) {},
		func(o *Options) { o.Patients = 50 },
		func(o *Options) { o.Patients = 5000 },
		func(o *Options) { o.Comparison = true },
		func(o *Options) { o.Patients, o.Sites, o.Quarters, o.NotAdmitted = 1, 1, 1, 0 },
		func(o *Options) { o.Sites, o.Quarters, o.Last, o.Seed = 26, 40, "2025-Q1", math.MaxUint64 },
	} {
		o := Default
		change(&o)
		f, err := Make(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for _, x := range f.All() {
			if err := os.WriteFile(filepath.Join(dir, x.Name), x.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := open.Cohort(t.Context(), filepath.Join(dir, "cohort.yaml"), open.Options{})
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		graver := slices.ContainsFunc(c.Notes(), func(p datasets.Problem) bool { return p.Severity != datasets.SeverityNote })
		if c.Patients() != o.Patients || graver || (len(c.Arms()) == 2) != o.Comparison {
			t.Errorf("%+v: %d patients, %d arms, notes %v", o, c.Patients(), len(c.Arms()), c.Notes())
		}
		if d := c.Dictionary(); !strings.HasPrefix(d.Title, "SYNTHETIC") || !strings.HasPrefix(d.Description, "SYNTHETIC") {
			t.Errorf("the cohort must be marked synthetic: %q, %q", d.Title, d.Description)
		}
		quarters, from := c.Quarters()
		if len(from) != 1 || from[0] != datasets.RolePeriod {
			t.Errorf("quarters come from %v, want the period", from)
		}
		if last, _ := datasets.ParseQuarter(o.Last); o.Patients > 1000 {
			if got := latest(quarters); got != last {
				t.Errorf("last quarter %s, want %s", got, last)
			}
		}
		var back Truth
		if err := json.Unmarshal(f.Truth.Data, &back); err != nil || back.Options != o {
			t.Errorf("the truth file gives the options %+v, want %+v (%v)", back.Options, o, err)
		}
	}
}

func latest(quarters []string) string {
	out := ""
	for _, q := range quarters {
		out = max(out, q)
	}
	return out
}

// The same options give the same bytes, another seed others, and a person does
// not depend on how many others there are.
func TestDeterministic(t *testing.T) {
	bytesOf := func(o Options) []byte {
		t.Helper()
		f, err := Make(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		for _, x := range f.All() {
			b = append(b, x.Data...)
		}
		return b
	}
	o := Default
	o.Patients = 300
	if !bytes.Equal(bytesOf(o), bytesOf(o)) {
		t.Error("two runs differ")
	}
	other := o
	other.Seed++
	if bytes.Equal(bytesOf(o), bytesOf(other)) {
		t.Error("another seed gives the same cohort")
	}
	digest := func(o Options) string {
		f, err := Make(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		c, err := f.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g, err := c.Origin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return g.Digest
	}
	if first, again := digest(o), digest(o); first != again || first == digest(other) {
		t.Error("digests do not follow the seed")
	}
	few, many := o, o
	few.Patients = 50
	a, err := Make(t.Context(), few)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Make(t.Context(), many)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Tables {
		if !bytes.HasPrefix(b.Tables[i].Data, a.Tables[i].Data) {
			t.Errorf("%s: the first 50 people of 300 are not the 50 people alone", a.Tables[i].Name)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, change := range []func(*Options){
		func(o *Options) { o.Patients = 0 },
		func(o *Options) { o.Sites = 27 },
		func(o *Options) { o.Quarters = 0 },
		func(o *Options) { o.Last = "autumn" },
		func(o *Options) { o.NotAdmitted = 1 },
		func(o *Options) { o.NotAdmitted = math.NaN() },
	} {
		o := Default
		change(&o)
		if _, err := Make(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v gave %v", o, err)
		}
	}
}

// Every factor of a product is that of the conversion table.
func TestFactors(t *testing.T) {
	table, ok := opioid.Find("CDC-2022")
	if !ok {
		t.Fatal("no table CDC-2022")
	}
	for _, list := range [][]product{weakProducts, middleProducts, strongProducts, {breakthrough}} {
		for _, p := range list {
			d := p.supply(0, 30, 2, 1)
			got, err := table.MMEPerDay(record(d))
			if err != nil || math.Abs(got-d.mme()) > 1e-9 {
				t.Errorf("%s: %v MME a day by the table (%v), %v here", p.drug, got, err, d.mme())
			}
		}
	}
	if _, err := table.MMEPerDay(record(dose{product: agonist, quantity: 56, days: 28, indication: "opioid use disorder"})); !errors.Is(err, opioid.ErrOUD) {
		t.Errorf("buprenorphine for opioid use disorder: %v", err)
	}
}

func record(d dose) opioid.Record {
	return opioid.Record{
		Drug: d.product.drug, Route: d.product.route, Unit: d.product.unit, Indication: d.indication,
		StartDay: d.day, Strength: d.product.strength, Quantity: float64(d.quantity), DaysSupplied: float64(d.days),
	}
}

// By hand, 40 MME of tramadol 50 mg at 0.2: one tablet is 10, so four a day; a
// fill of 30 days is 120 tablets, at a half 60. A patch of 25 mcg/h at 2.4 is 60
// MME: for 120, two at a time, twenty in 30 days.
func TestSupplyByHand(t *testing.T) {
	tramadol, patch := weakProducts[0], strongProducts[4]
	if n := tramadol.units(40); n != 4 {
		t.Errorf("%v tablets", n)
	}
	if d := tramadol.supply(0, 30, 4, 1); d.quantity != 120 || d.mme() != 40 {
		t.Errorf("%+v, %v MME", d, d.mme())
	}
	if d := tramadol.supply(0, 30, 4, 0.5); d.quantity != 60 || d.mme() != 20 {
		t.Errorf("%+v, %v MME", d, d.mme())
	}
	if d := patch.supply(0, 30, patch.units(120), 1); d.quantity != 20 || math.Abs(d.mme()-120) > 1e-12 {
		t.Errorf("%+v, %v MME", d, d.mme())
	}
}

// The chance of each level of a score, summed by brute force over a fine grid of
// the normal density, and the work shares by following single days.
func TestExpectationsByBruteForce(t *testing.T) {
	m := newModel(Default, "2026Q3")
	c := cell{site: 1, quarter: 7, completed: true}
	for k, o := range outcomes {
		sd, mu := o.sd*math.Sqrt(1+spread*spread), o.mean+o.drift+o.effect*1.2*stepFactor
		worse := 1.0
		if o.higher {
			worse = -1
		}
		mu += worse * o.sd * 0.10
		want, total := 0.0, 0.0
		for z := -8.0; z < 8; z += 1e-4 {
			w := math.Exp(-z * z / 2)
			want += w * o.grid(mu+sd*z)
			total += w
		}
		if got := m.distribution(c, k, 1).mean(); math.Abs(got-want/total) > 1e-3*o.step {
			t.Errorf("%s: mean %v, by brute force %v", o.name, got, want/total)
		}
	}
	// A rate of ln 2 a day: half are back on day 29, three quarters by day 30. Those
	// back on day 29 still work on day 30 with chance e^-λ.
	works, returned := workAt(math.Ln2, programEnd+2)
	if math.Abs(returned-0.75) > 1e-12 || math.Abs(works-(0.25+0.5*math.Exp(-leavesAgain))) > 1e-12 {
		t.Errorf("returned %v, at work %v", returned, works)
	}
}
