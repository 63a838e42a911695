package taper_test

import (
	"context"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/taper"
	"recoup/datasets"
)

// A condition that leaves the first drug of the file unused must not shift the
// others: 10 mg of oxycodone twice a day is 30 MME whoever else is in the file.
func TestUnusedDrugsDoNotShift(t *testing.T) {
	c := analysistest.Cohort(t, `
name: c
resources:
  - name: doses
    path: d
    constants: {route: oral, unit: mg, indication: pain}
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: drug, type: string, role: drug}
        - {name: strength, type: number, role: strength}
        - {name: quantity, type: number, role: quantity}
        - {name: supplied, type: integer, role: days_supplied}
  - name: patients
    path: p
    schema: {fields: [{name: id, type: string, role: patient}, {name: site, type: string, role: site}]}
`, map[string]string{
		"d": "id,day,drug,strength,quantity,supplied\na,-28,tramadol,50,112,28\nb,-28,oxycodone,10,56,28\nb,0,oxycodone,10,400,200\n",
		"p": "id,site\na,N\nb,S\n",
	})
	cond, err := datasets.ParseCondition(`site = "S"`)
	if err != nil {
		t.Fatal(err)
	}
	c, err = c.Where(cond)
	if err != nil {
		t.Fatal(err)
	}
	r, err := taper.Reduction.Run(context.Background(), analysis.Input{Cohort: c}, analysis.Question{}, map[string]string{"windows": "152:180"})
	if err != nil {
		t.Fatal(err)
	}
	if e := analysistest.Find(t, r, "mme_baseline_mean", ""); e.Value != 30 {
		t.Errorf("baseline %v MME a day, want 10 mg x 2 x 1.5 = 30", e.Value)
	}
}
