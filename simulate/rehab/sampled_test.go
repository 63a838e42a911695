package rehab

import (
	"context"
	"testing"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// A run of one draw is the base case of an evidence that has the draw's values: the values
// handed out are those that were simulated.
func TestSampledIsWhatIsSimulated(t *testing.T) {
	s, err := design.ParseScenario("default", design.DefaultScenario())
	if err != nil {
		t.Fatal(err)
	}
	ev, err := evidence.Default()
	if err != nil {
		t.Fatal(err)
	}
	s.Draws, s.Patients, s.HorizonWeeks = 1, 64, 30
	drawn, err := Run(context.Background(), s, ev, simulate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	values, err := Sampled(s, ev, 1)
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	fixed := evidence.Set{Name: ev.Name, Title: ev.Title, Parameters: append([]evidence.Parameter{}, ev.Parameters...)}
	for i, v := range values {
		if v[0] != fixed.Parameters[i].Value {
			moved++
		}
		fixed.Parameters[i].Value = v[0]
	}
	if moved < len(values)/2 {
		t.Errorf("%d of %d parameters differ from their base values", moved, len(values))
	}
	s.Draws = 0
	base, err := Run(context.Background(), s, fixed, simulate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for k, st := range drawn.Strategies {
		for i, e := range st.Estimates {
			if b := base.Strategies[k].Estimates[i]; b.N != e.N || e.N > 0 && b.Mean != e.Mean {
				t.Errorf("%s %s: %v in the draw, %v with its values", st.Name, e.Outcome, e.Mean, b.Mean)
			}
		}
	}
	if other, err := Sampled(s, ev, 1); err != nil || other[0][0] != ev.Parameters[0].Value {
		t.Errorf("without draws the values are not the base values: %v, %v", other[0], err)
	}
}
