package instrument

import (
	"errors"
	"math"
	"strings"
	"testing"
)

var na = math.NaN()

func TestScoreByHand(t *testing.T) {
	check := func(name string, items []float64, want float64) {
		t.Helper()
		in, ok := Find(name)
		if !ok {
			t.Fatalf("%s is not in the registry", name)
		}
		got, err := in.Score(items)
		if err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("%s%v = %v, %v; want %v", name, items, got, err, want)
		}
	}
	check("nrs", []float64{7}, 7)
	check("bpi-severity", []float64{8, 3, 6, 5}, 5.5) // 22 / 4
	check("peg", []float64{6, 7, 8}, 7)
	// Four of seven answered: (8 + 6 + 7 + 3) / 4 = 6.
	check("bpi-interference", []float64{8, na, 6, na, 7, na, 3}, 6)
	// Seven of nine answered, sum 7 × 2 = 14: 14 × 9 / 7 = 18.
	check("phq9", []float64{2, 2, 2, 2, 2, 2, 2, na, na}, 18)
	// Doubled: 2 × (1 + 2 + 3 + 0 + 1 + 2 + 3) = 24.
	check("dass21-d", []float64{1, 2, 3, 0, 1, 2, 3}, 24)
	// Doubled and prorated: 2 × 12 × 7 / 6 = 28.
	check("dass21-d", []float64{2, 2, 2, 2, 2, 2, na}, 28)
	// All ten sections: sum 16 of 50 = 32 %.
	check("odi", []float64{2, 1, 2, 1, 2, 1, 2, 1, 2, 2}, 32)
	// Nine sections: 16 of 45 = 35.5... %.
	check("odi", []float64{2, 2, 2, 2, 2, 2, 2, 1, 1, na}, 100*16.0/45)
	// Roland-Morris: three yes, the rest no or unanswered.
	rmdq := make([]float64, 24)
	rmdq[0], rmdq[5], rmdq[23], rmdq[10] = 1, 1, 1, na
	check("rmdq", rmdq, 3)
	// TSK-17, every answer 4: 13 × 4 + 4 reversed × (1 + 4 - 4) = 56.
	tsk := make([]float64, 17)
	for i := range tsk {
		tsk[i] = 4
	}
	check("tsk17", tsk, 56)
	check("vas-pain", []float64{62.5}, 62.5)
}

func TestScoreRefuses(t *testing.T) {
	check := func(name string, items []float64, want error) {
		t.Helper()
		in, _ := Find(name)
		got, err := in.Score(items)
		if !errors.Is(err, want) || !math.IsNaN(got) {
			t.Errorf("%s: got %v, %v; want NaN and %v", name, got, err, want)
		}
	}
	check("nrs", []float64{11}, ErrAnswer)
	check("nrs", []float64{6.5}, ErrAnswer)
	check("nrs", []float64{na}, ErrTooFew)
	check("peg", []float64{5, na, 5}, ErrTooFew)
	check("bpi-interference", []float64{8, na, 6, na, 7, na, na}, ErrTooFew)
	check("phq9", []float64{1, 1, 1, 1, 1, 1, na, na, na}, ErrTooFew)
	check("odi", []float64{1, 2, 3, 4, na, na, na, na, na, na}, ErrTooFew)
	check("odi", []float64{1, 2, 3}, ErrItems)
	check("promis-pain-interference", []float64{1, 2, 3, 4}, ErrNotScored)
	check("6mwt", []float64{400}, ErrNotScored)
}

func TestErrorsHoldNoAnswer(t *testing.T) {
	in, _ := Find("nrs")
	if _, err := in.Score([]float64{7321}); err == nil || strings.Contains(err.Error(), "7321") {
		t.Errorf("the error must be there and must not show the answer: %v", err)
	}
}

// Doubling and reversing do not depend on the order in which scales are taken:
// the three DASS scales of one form together hold twice its sum.
func TestPick(t *testing.T) {
	form := make([]float64, 21)
	sum := 0.0
	for i := range form {
		form[i] = float64(i % 4)
		sum += form[i]
	}
	total := 0.0
	for _, name := range []string{"dass21-d", "dass21-a", "dass21-s"} {
		in, _ := Find(name)
		items, err := in.Pick(form)
		if err != nil {
			t.Fatal(err)
		}
		score, err := in.Score(items)
		if err != nil {
			t.Fatal(err)
		}
		total += score
	}
	if total != 2*sum {
		t.Errorf("scales add up to %g, want %g", total, 2*sum)
	}
	in, _ := Find("dass21-d")
	if _, err := in.Pick(form[:20]); !errors.Is(err, ErrItems) {
		t.Errorf("20 items: %v", err)
	}
}
