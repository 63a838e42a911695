package disclosure

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// x + y = z, all of 5, 20 and 25; costs 1, 3 and 9. To lift x by 10 either y falls
// by 10, for 30, or z rises by 10, for 90. y can fall by 19, so that 25 more take 19
// of y and 6 of z: 25 + 57 + 54.
func TestCheapest(t *testing.T) {
	eqs := []balance{{of: []int{0, 1, 2}, coef: []int64{1, 1, -1}}}
	cost, down := []float64{1, 3, 9}, []float64{-4, -19, -24}
	for amount, want := range map[float64][]float64{10: {10, -10, 0}, 25: {25, -19, 6}} {
		got, err := cheapest(eqs, cost, down, 0, amount)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			if math.Abs(got[i]-w) > 1e-9 {
				t.Errorf("by %g: %v, want %v", amount, got, want)
			}
		}
	}
	alone := []balance{{of: []int{0}, coef: []int64{1}}}
	if _, err := cheapest(alone, cost, down, 0, 10); !errors.Is(err, errInfeasible) {
		t.Errorf("a count that one equation decides: %v", err)
	}
}

// The cost of the changes is the least there is, by the slow linear program, for
// each count of 350 random tables, the same in every run.
func TestCheapestAgreesWithOracle(t *testing.T) {
	n, not := 0, 0
	for seed := range uint64(350) {
		r := rand.New(rand.NewPCG(seed, 3))
		k, truth := published(r)
		cost, down := make([]float64, len(truth)), make([]float64, len(truth))
		for i, v := range truth {
			cost[i], down[i] = 1+float64(r.IntN(8)), -v
			if r.IntN(4) == 0 {
				cost[i] = 1e-3
			}
		}
		for i := range k.eqs {
			k.eqs[i].rhs = 0
		}
		for target := range truth {
			amount := float64(1 + r.IntN(12))
			want, err := oracleOfChanges(k.eqs, cost, down, target, amount)
			got, err2 := cheapest(k.eqs, cost, down, target, amount)
			if (err == nil) != (err2 == nil) {
				t.Fatalf("table %d, count %d: %v, want %v", seed, target, err2, err)
			}
			if n++; err != nil {
				not++
				continue
			}
			sum := 0.0
			for i, d := range got {
				sum += cost[i] * math.Abs(d)
				if d < down[i]-1e-9 {
					t.Errorf("table %d: a count falls by %g of %g", seed, -d, -down[i])
				}
			}
			for _, e := range k.eqs {
				left := 0.0
				for j, i := range e.of {
					left += float64(e.coef[j]) * got[i]
				}
				if math.Abs(left) > 1e-9 {
					t.Errorf("table %d: an equation is off by %g", seed, left)
				}
			}
			if math.Abs(got[target]-amount) > 1e-6 || math.Abs(sum-want) > 1e-6*want {
				t.Errorf("table %d, count %d by %g: %g costs %g, want %g", seed, target, amount, got[target], sum, want)
			}
		}
	}
	if n < 3000 || not < 100 {
		t.Errorf("%d searches, %d in vain: too few to tell", n, not)
	}
}

// oracleOfChanges is the cost of the cheapest changes, as a linear program in the
// rises and falls of all counts.
func oracleOfChanges(eqs []balance, cost, down []float64, target int, amount float64) (float64, error) {
	n := len(cost)
	var a [][]float64
	var b []float64
	add := func(rhs float64) []float64 {
		a, b = append(a, make([]float64, 3*n)), append(b, rhs)
		return a[len(a)-1]
	}
	for _, e := range eqs {
		row := add(0)
		for j, i := range e.of {
			row[i] += float64(e.coef[j])
			row[n+i] -= float64(e.coef[j])
		}
	}
	row := add(amount)
	row[target], row[n+target] = 1, -1
	for i := range down {
		row := add(-down[i])
		row[n+i], row[2*n+i] = 1, 1
	}
	c := append(append(append([]float64{}, cost...), cost...), make([]float64, n)...)
	x, _, err := minimize(c, a, b)
	sum := 0.0
	for i, v := range x {
		sum += c[i] * v
	}
	return sum, err
}
