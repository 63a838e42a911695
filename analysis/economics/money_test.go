package economics_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/economics"
)

const moneyCohort = `name: made
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: followed, type: number}
        - {name: died, type: integer}
        - {name: age, type: number, role: covariate}
  - name: costs
    path: costs.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: cost, type: number, role: cost}
        - {name: unit, type: string, role: unit}
        - {name: year, type: string, role: price_year}
arms: [{value: program}, {value: usual}]
`

const fourPatients = "a,program,9,0,1\nb,program,9,0,2\nc,usual,9,0,3\nd,usual,9,0,4\n"

// By hand, from consumer prices of the United States of 255.657 in 2019, 258.811 in 2020
// and 313.689 in 2024: each record from its own year.
func TestCostsAreMovedRecordByRecord(t *testing.T) {
	in := openedAs(t, moneyCohort, fourPatients, "id,day,cost,unit,year\na,0,100,USD,2019\na,1,50,USD,2024\nb,0,100,USD,2020\nc,0,50,USD,2024\nd,0,50,USD,2024\n")
	r := ofMethod(t, in, map[string]string{"horizon": "9", "replicates": "100", "price_year": "2024"})
	close(t, "program", r.Estimates[0].Value, (100*313.689/255.657+50+100*313.689/258.811)/2)
	close(t, "usual", r.Estimates[1].Value, 50)
	if r.Estimates[0].Unit != "USD of 2024" || strings.Contains(fmt.Sprint(r.Warnings), "price years") {
		t.Errorf("%s, %v", r.Estimates[0].Unit, r.Warnings)
	}
	if len(r.Tables) != 1 || r.Tables[0].Name != "prices" || len(r.Tables[0].Rows) != 2 || !strings.Contains(fmt.Sprint(r.Tables[0]), "CUUR0000SA0") {
		t.Errorf("%+v", r.Tables)
	}
	medical := ofMethod(t, in, map[string]string{"horizon": "9", "replicates": "100", "price_year": "2024", "price_index": "cpi-medical"})
	close(t, "by medical prices", medical.Estimates[0].Value, (100*563.841/498.413+50+100*563.841/518.876)/2)
}

// By hand: 8.709642 and 8.750849 kronor were an international dollar in 2019 and 2022, and
// Swedish prices were 110.5092 and 122.9572 (2010 = 100) by the rates of the World Bank.
func TestCostsInTwoCurrencies(t *testing.T) {
	in := openedAs(t, moneyCohort, fourPatients, "id,day,cost,unit,year\na,0,1000,SEK,2019\nb,0,100,USD,2022\nc,0,50,USD,2022\nd,0,50,USD,2022\n")
	set := map[string]string{"horizon": "9", "replicates": "100"}
	if _, err := economics.Costs.Run(t.Context(), in, ofCosts, set); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("two currencies were added: %v", err)
	}
	set["price_year"], set["currency"] = "2022", "USD"
	sweden := 1.0
	for _, rate := range []float64{0.497367318853572, 2.16319736447153, 8.36929098869189} { // of 2020 to 2022
		sweden *= 1 + rate/100
	}
	near := func(what string, got analysis.Num, want float64) {
		t.Helper()
		if d := float64(got) - want; d > 1e-4*want || d < -1e-4*want { // the index is kept to 4 decimals
			t.Errorf("%s is %g, want %g", what, got, want)
		}
	}
	near("inflate first", ofMethod(t, in, set).Estimates[0].Value, (1000*sweden/8.750849+100)/2)
	set["price_order"] = "convert-first"
	near("convert first", ofMethod(t, in, set).Estimates[0].Value, (1000/8.709642*292.655/255.657+100)/2)
}

// A file that states neither is helped by the options, and refused without them.
func TestCostsOfUnstatedMoney(t *testing.T) {
	cohort := strings.Replace(costsCohort, ", unit: USD", "", 1)
	in := openedAs(t, cohort, fourPatients, "id,day,cost\na,0,100\nb,0,100\nc,0,50\nd,0,50\n")
	base := map[string]string{"horizon": "9", "replicates": "100", "price_year": "2022"}
	with := func(more ...string) map[string]string {
		set := map[string]string{}
		for k, v := range base {
			set[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			set[more[i]] = more[i+1]
		}
		return set
	}
	r := ofMethod(t, in, with("cost_year", "2019", "cost_currency", "EUR/DEU"))
	if r.Estimates[0].Unit != "EUR/DEU of 2022" || !(r.Estimates[0].Value > 100) {
		t.Errorf("%+v", r.Estimates[0])
	}
	for says, set := range map[string]map[string]string{
		"no price year":          with("cost_currency", "USD"),
		"cost_currency=USD":      with("cost_year", "2019"),
		"DEU, FIN, NLD":          with("cost_year", "2019", "cost_currency", "EUR"),
		"has no 1950":            with("cost_year", "1950", "cost_currency", "USD"),
		"four digits":            with("cost_year", "19", "cost_currency", "USD"),
		"ppp of SWE has no 2024": {"horizon": "9", "replicates": "100", "price_year": "2024", "currency": "USD", "cost_year": "2019", "cost_currency": "SEK"},
		"go with price_year":     {"horizon": "9", "replicates": "100", "currency": "USD"},
		"index goes with":        {"horizon": "9", "replicates": "100", "index": "2019:1"},
	} {
		if _, err := economics.Costs.Run(t.Context(), in, ofCosts, set); err == nil || !strings.Contains(err.Error(), says) || !errors.Is(err, analysis.ErrCannot) && !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}
