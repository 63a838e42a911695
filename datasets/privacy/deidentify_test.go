package privacy_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/datasets"
	"recoup/datasets/privacy"
)

const identified = `name: c
title: Program of Dr. Okonkwo
resources:
  - name: patients
    path: p.csv
    schema:
      fields:
        - {name: mrn, type: string, role: patient}
        - {name: surname, type: string}
        - {name: age, type: integer, unit: years}
        - {name: zip, type: integer}
        - {name: postcode, type: string}
        - {name: sex, type: string, categories: [{value: f, label: female}, {value: m, label: male}]}
        - {name: clinic, type: string, categories: [{value: a, label: Dr. Okonkwo}, {value: b, label: Dr. Berg}]}
        - {name: in, type: date, role: admitted}
        - {name: out, type: datetime, role: discharged}
        - {name: contact, type: string}
        - {name: score_2023-04-01, type: integer}
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: mrn, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: seen, type: date}
        - {name: pain, type: number, role: outcome}
rules: [{table: patients, check: out >= in or out is missing}, {table: patients, check: 'in > "1999-12-31"'}, {table: visits, check: pain >= 0}, {table: patients, check: zip > 0}]
privacy:
  quasiIdentifiers: [age, surname]
  allowances: [{column: quarter, by: office, reason: limited data set}, {column: contact, by: office, reason: a test}]
`

var identifiedData = map[string]string{
	"p.csv": "mrn,surname,age,zip,postcode,sex,clinic,in,out,contact,score_2023-04-01\n" +
		"MRN0048291,Featherstone,44,43210,SW1A 1AA,f,a,2024-01-08,2024-02-05T10:30:00,a@b.example.org,3\n" +
		"MRN0048377,Quartermaine,93,3601,M1 1AE,m,b,2024-03-11,2024-04-08T09:00:00,c@d.example.org,5\n" +
		"MRN0050112,Tanaka-Holt,89,10217,DN55 1PT,f,a,2023-11-20,,e@f.example.org,\n",
	"v.csv": "mrn,visit,seen,pain\nMRN0048291,start,2024-01-08,6\nMRN0048291,end,2024-02-05,3\nMRN0048377,start,2024-03-12,7\nMRN0050112,start,,5\n",
}

func key(s string) []byte { return []byte(strings.Repeat(s, 32)[:32]) }

func deidentified(t *testing.T, o privacy.Options) (*datasets.Cohort, []privacy.Treatment) {
	t.Helper()
	c := cohort(t, identified, identifiedData)
	out, done, err := privacy.Deidentify(c, scan(c, nil), o)
	if err != nil {
		t.Fatal(err)
	}
	return out, done
}

// What comes out passes the gate; each column was treated as the table says, no
// more and no less.
func TestDeidentify(t *testing.T) {
	out, done := deidentified(t, privacy.Options{Key: key("k1")})
	if err := privacy.Refusal(scan(out, nil)); err != nil {
		t.Errorf("the result is refused: %v", err)
	}
	want := []string{
		"mrn pseudonyms 3", "surname dropped 3", "age ages over 89 as 90 1", "zip postcodes cut to three digits 3", "postcode postcodes cut to three digits 3", "sex kept 0",
		"clinic labels taken out 3", "clinic kept 0", "in dates shifted 3", "quarter added 3", "out dates shifted 2", "contact kept 0", "column_11 renamed 2", "column_11 kept 0",
		"mrn pseudonyms 4", "visit kept 0", "seen dates shifted 3", "pain kept 0",
	}
	var got []string
	for _, d := range done {
		got = append(got, fmt.Sprintf("%s %s %d", d.Column, d.Action, d.Cells))
	}
	if !slices.Equal(got, want) {
		t.Errorf("done\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var b bytes.Buffer
	if err := out.Tables()[0].WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	y, err := out.Described(func(s string) string { return s }, true, nil).YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"MRN", "Feather", "43210", "SW1A", "93", "2023-04", "Okonkwo", "10:30"} {
		if strings.Contains(b.String()+string(y), value) {
			t.Errorf("%q is still there:\n%s\n%s", value, b.String(), y)
		}
	}
	p := out.Tables()[0]
	if ages := p.Floats("age"); !slices.Equal(ages, []float64{44, 90, 89}) {
		t.Errorf("ages %v", ages)
	}
	// 03601 is of a sparse area by the list; 432 is not; 102 is
	if _, zips := p.Codes("zip"); !slices.Equal(zips, []string{"432", "000"}) {
		t.Errorf("zips %q", zips)
	}
	if _, areas := p.Codes("postcode"); !slices.Equal(areas, []string{"SW", "M", "DN"}) {
		t.Errorf("areas %q", areas)
	}
	quarters, from := out.Quarters()
	if !slices.Equal(quarters, []string{"2024Q1", "2024Q2", "2023Q4"}) || !slices.Equal(from, []datasets.Role{datasets.RolePeriod}) {
		t.Errorf("quarters %q from %q: want those before the shift", quarters, from)
	}
	d := out.Dictionary()
	if len(d.Rules) != 2 || d.Rules[0].Check[:3] != "out" || d.Rules[1].Table != "visits" || !slices.Equal(d.Privacy.QuasiIdentifiers, []string{"age"}) || len(d.Privacy.Allowances) != 2 || d.Title != "" {
		t.Errorf("cohort file %+v %+v", d, d.Privacy)
	}
}

// Each patient's dates move by one number of whole weeks, never none, the same in
// every table and with the same key; another key gives others.
func TestShift(t *testing.T) {
	before := cohort(t, identified, identifiedData)
	after, _ := deidentified(t, privacy.Options{Key: key("k1")})
	again, _ := deidentified(t, privacy.Options{Key: key("k1")})
	other, _ := deidentified(t, privacy.Options{Key: key("k2")})
	shift := func(c *datasets.Cohort, table, column string) []float64 {
		out := c.Table(table).Floats(column)
		for i, v := range before.Table(table).Floats(column) {
			out[i] -= math.Floor(v)
		}
		return out
	}
	in := shift(after, "patients", "in")
	for i, days := range shift(after, "patients", "out") {
		if days == days && days != in[i] {
			t.Errorf("patient %d: admission moved by %g days, discharge by %g", i, in[i], days)
		}
	}
	for r, days := range shift(after, "visits", "seen") {
		if p := before.Table("visits").Patient()[r]; days == days && days != in[p] {
			t.Errorf("row %d moved by %g days, its patient by %g", r, days, in[p])
		}
	}
	for _, days := range in {
		if days == 0 || math.Mod(days, 7) != 0 || math.Abs(days) > 182 {
			t.Errorf("moved by %g days", days)
		}
	}
	_, ids := after.Table("patients").Codes("mrn")
	_, same := again.Table("patients").Codes("mrn")
	_, others := other.Table("patients").Codes("mrn")
	if !slices.Equal(ids, same) || !slices.Equal(in, shift(again, "patients", "in")) {
		t.Error("the same key gives another cohort")
	}
	if slices.Contains(others, ids[0]) || slices.Equal(in, shift(other, "patients", "in")) {
		t.Error("another key gives the same pseudonyms or shifts")
	}
	if _, vs := after.Table("visits").Codes("mrn"); !slices.Equal(ids, vs) {
		t.Errorf("pseudonyms %q and %q in two tables", ids, vs)
	}
}

// The shifts of many patients are spread evenly over the 52 that there are: the
// chi-squared statistic of 20,800 is under 100 (51 degrees of freedom: beyond it
// once in 20,000 keys, and this key is fixed).
func TestShiftsAreEven(t *testing.T) {
	const n = 20_800
	var b strings.Builder
	b.WriteString("id,d\n")
	for i := range n {
		fmt.Fprintf(&b, "p%d,2020-01-01\n", i)
	}
	c := cohort(t, "name: c\nresources: [{name: p, path: p.csv, schema: {fields: [{name: id, type: string, role: patient}, {name: d, type: date}]}}]", map[string]string{"p.csv": b.String()})
	out, _, err := privacy.Deidentify(c, scan(c, nil), privacy.Options{Key: key("even")})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[float64]int{}
	for _, v := range out.Tables()[0].Floats("d") {
		counts[v]++
	}
	x2 := 0.0
	for _, k := range counts {
		x2 += (float64(k) - n/52) * (float64(k) - n/52) / (n / 52)
	}
	if len(counts) != 52 || x2 > 100 {
		t.Errorf("%d shifts, chi-squared %g", len(counts), x2)
	}
}

func TestBands(t *testing.T) {
	out, _ := deidentified(t, privacy.Options{Key: key("k1"), Bands: true})
	codes, levels := out.Tables()[0].Codes("age")
	var ages []string
	for _, c := range codes {
		ages = append(ages, levels[c])
	}
	if !slices.Equal(ages, []string{"40-44", "90+", "85-89"}) {
		t.Errorf("ages %q", ages)
	}
	if _, _, err := privacy.Deidentify(out, nil, privacy.Options{Key: []byte("short")}); err == nil {
		t.Error("a short key is taken")
	}
}
