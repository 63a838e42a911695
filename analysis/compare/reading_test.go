package compare

import (
	"math"
	"slices"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
)

// Seen from the other arm, the effect in the arm is the effect in the reference with
// the sign turned: of every estimator that has both.
func TestDoublyRobustSwapsArms(t *testing.T) {
	s := confoundedSample(300, 5)
	d, err := s.nuisances(DoublyRobustOptions{Folds: 1, Bound: 0.01}, 1)
	if err != nil {
		t.Fatal(err)
	}
	swapped := &nuisance{y: d.y, m1: d.m0, m0: d.m1}
	for i := range d.t {
		swapped.t, swapped.e = append(swapped.t, 1-d.t[i]), append(swapped.e, 1-d.e[i])
	}
	for _, x := range [][2]string{{targetATT, targetATC}, {targetATE, targetATE}} {
		a1, a0 := d.aipw(x[0])
		b1, b0 := swapped.aipw(x[1])
		a, b := a1.less(a0), b1.less(b0)
		near(t, "aipw "+x[0], analysis.Num(a.value), -b.value, 1e-12)
		for i := range a.influence {
			if math.Abs(a.influence[i]+b.influence[i]) > 1e-10 {
				t.Fatalf("%s: influence of row %d", x[0], i)
			}
		}
		for _, how := range []string{"weights", "covariate"} {
			a, err := d.tmle(how, x[0])
			if err != nil {
				t.Fatal(err)
			}
			b, err := swapped.tmle(how, x[1])
			if err != nil {
				t.Fatal(err)
			}
			near(t, "tmle "+how+x[0], analysis.Num(a.value), -b.value, 1e-9)
		}
	}
}

// Four patients, e = 0.2, 0.5, 0.5, 0.8, the first two in the arm, y = 3, 5, 1, 2,
// m₁ = 4 and m₀ = 1 throughout. att: Σg = 2, mean of the arm (3 + 5)/2 = 4; of the
// reference (1 + 1 + 0.5/0.5 (1-1) + 0.8/0.2 (2-1))/2 = 3; difference 1. ate: arm
// 4 + (-1/0.2 + 1/0.5)/4 = 3.25; reference 1 + (0 + 1/0.2)/4 = 2.25; difference 1.
// g-computation is 3 in both. atc: arm (8 + 0.8/0.2 (-1) + 1)/2 = 2.5, reference 1.5.
func TestAugmentedByHand(t *testing.T) {
	d := &nuisance{y: []float64{3, 5, 1, 2}, t: []float64{1, 1, 0, 0}, e: []float64{0.2, 0.5, 0.5, 0.8}, m1: []float64{4, 4, 4, 4}, m0: []float64{1, 1, 1, 1}}
	for target, want := range map[string][2]float64{targetATT: {4, 3}, targetATE: {3.25, 2.25}, targetATC: {2.5, 1.5}} {
		arm, reference := d.aipw(target)
		near(t, target+" arm", analysis.Num(arm.value), want[0], 1e-12)
		near(t, target+" reference", analysis.Num(reference.value), want[1], 1e-12)
		sum := 0.0
		for i := range arm.influence {
			sum += arm.influence[i]
		}
		near(t, target+" mean influence", analysis.Num(sum), 0, 1e-12)
		m1, m0 := d.averages(target, d.m1, d.m0, false)
		near(t, target+" g-computation", analysis.Num(m1.value-m0.value), 3, 1e-12)
	}
}

// Folds hold near equal numbers of each arm, and the seed decides who is where.
func TestFoldsFollowTheSeed(t *testing.T) {
	s := confoundedSample(103, 2)
	a, again, b := s.folds(5, 1), s.folds(5, 1), s.folds(5, 2)
	if !slices.Equal(a, again) || slices.Equal(a, b) {
		t.Error("the folds do not follow the seed")
	}
	count := map[[2]int]int{}
	for i, k := range a {
		count[[2]int{k, int(s.t[i])}]++
	}
	for arm := range 2 {
		low, high := len(s.t), 0
		for k := range 5 {
			low, high = min(low, count[[2]int{k, arm}]), max(high, count[[2]int{k, arm}])
		}
		if high-low > 1 {
			t.Errorf("arm %d: folds of %d to %d", arm, low, high)
		}
	}
}

// A patient without a value counts as without the event where the question says so:
// every third of the sixty is not seen.
func TestFailureReachesTheIndirectComparisons(t *testing.T) {
	row, events, seen := 0, 0, 0
	c := sixty(t, false, func(r []string) {
		if row++; row%3 == 0 {
			r[6] = ""
			return
		}
		seen++
		if r[6] == "working" {
			events++
		}
	})
	set := map[string]string{"target.age": "50", "theirs.events": "30", "theirs.n": "100", "measure": "share", "column": "work", "working": "working"}
	for missing, want := range map[analysis.Missing]float64{analysis.MissingAvailable: float64(events) / float64(seen), analysis.MissingFailure: float64(events) / 60} {
		for _, a := range []*analysis.Analysis{MAIC, STC} {
			r, err := a.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{Missing: missing, Level: 0.95}, set)
			if err != nil {
				t.Fatal(err)
			}
			e := analysistest.Find(t, r, "ours_unadjusted", "all")
			near(t, a.Name+" "+string(missing), e.Value, want, 1e-12)
			if e.N.Events != events {
				t.Errorf("%d events, want %d", e.N.Events, events)
			}
		}
	}
}

// missing=failure is of responders: of a change it does nothing, which is said.
func TestFailureOfAChangeIsSaid(t *testing.T) {
	c := sixty(t, true, nil)
	q := analysis.Question{Arm: "program", Reference: "usual", Outcome: "pain", Visit: "end", Level: 0.95}
	for _, missing := range []analysis.Missing{analysis.MissingAvailable, analysis.MissingFailure} {
		q.Missing = missing
		said := slices.ContainsFunc(ask(t, Weighted, c, q, "covariates", "age").Warnings, func(w analysis.Warning) bool { return w.Code == analysis.WarnAssumption })
		if said != (missing == analysis.MissingFailure) {
			t.Errorf("%s: said is %t", missing, said)
		}
	}
}

// Scores of 0.2 and 0.4 in the arm, 0.2, 0.3 and 0.6 in the reference: bins of 0.02 from
// 0.2; half of the arm in the first, half in the eleventh; a third of the reference in the
// first, the sixth (0.3) and the last; the line ends at 0.6.
func TestScoreBinsByHand(t *testing.T) {
	s := &sample{t: []float64{1, 1, 0, 0, 0}, groups: []analysis.Group{{Name: "arm"}, {Name: "reference"}}}
	out := s.histogram([]float64{0.2, 0.401, 0.2, 0.301, 0.6}, nil, "score")
	for a, want := range []map[int]float64{{0: 0.5, 10: 0.5}, {0: 1.0 / 3, 5: 1.0 / 3, 19: 1.0 / 3}} {
		for k, p := range out[a].Points {
			near(t, "share", p.Y, want[k], 1e-12)
			near(t, "place", p.X, 0.2+0.02*float64(k), 1e-12)
		}
	}
	if one := s.histogram([]float64{0.5, 0.5, 0.5, 0.5, 0.5}, nil, "score")[0].Points; one[0].X >= 0.5 || one[20].X <= 0.5 {
		t.Errorf("scores that are all alike: %v", one)
	}
}
