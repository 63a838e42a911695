package rehab

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
	"recoup/simulate/internal/lanes"
)

// TestKernelDigest prints a digest of the base case, which must not depend on the
// processor: simulate's TestArm64 compares it.
func TestKernelDigest(t *testing.T) {
	s := scenario(t, 600)
	s.HorizonWeeks = 60
	s.Perspective = design.Societal
	digest := func(workers int) string {
		b, err := json.Marshal(run(t, s, evidenceWith(t, nil), workers))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", sha256.Sum256(b))
	}
	one, three := digest(1), digest(3)
	if one != three {
		t.Errorf("digest %s with one worker, %s with three", one, three)
	}
	lanes.Use = false
	plain := digest(1)
	lanes.Use = lanes.Have()
	if plain != one {
		t.Errorf("digest %s with vectors, %s without", one, plain)
	}
	t.Log("kernel digest", one)
}

// The weekly loop allocates nothing: six times the blocks may add no more than the
// nodes of a deeper tree of sums.
func TestWeeklyLoopAllocatesNothing(t *testing.T) {
	s := scenario(t, 256)
	m, err := newModel(s, evidenceWith(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	run := func(blocks int) float64 {
		size := simulate.Size{Seed: 1, Draws: 1, Patients: 256 * blocks}
		return testing.AllocsPerRun(3, func() {
			if _, err := simulate.Simulate(context.Background(), m, simulate.Identity{Size: size}, simulate.Options{Workers: 1}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := run(4), run(24); many > few+60 {
		t.Errorf("%v allocations for 4 blocks, %v for 24", few, many)
	}
}

// Correlated parameters are drawn so: with a correlation of −0.9 between the effect
// on pain and the cost of the program, the costs are others and the conventions say
// why; a name the evidence does not have is refused.
func TestCorrelatedParametersAreUsed(t *testing.T) {
	s := scenario(t, 100)
	s.Draws, s.HorizonWeeks = 30, 12
	ev := evidenceWith(t, nil)
	free := run(t, s, ev, 2)
	ev.Correlations = []evidence.Correlation{{Names: []string{"effect.pain", "cost.program"}, Matrix: [][]float64{{1, -0.9}, {-0.9, 1}}}}
	tied := run(t, s, ev, 2)
	said := false
	for _, c := range tied.Conventions {
		said = said || strings.Contains(c.Value, "2 of them correlated")
	}
	if a, b := estimate(t, free, program, "cost_program"), estimate(t, tied, program, "cost_program"); !said || a.Mean == b.Mean {
		t.Errorf("the correlation changed nothing (%v, %v), or is not among the conventions (%v)", a.Mean, b.Mean, said)
	}
	ev.Correlations[0].Names[1] = "no.such"
	if _, err := Run(context.Background(), s, ev, simulate.Options{}); err == nil || !strings.Contains(err.Error(), "no.such") {
		t.Errorf("error %v", err)
	}
}
