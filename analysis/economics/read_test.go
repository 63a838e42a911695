package economics

import (
	"strings"
	"testing"
)

func TestReadDraws(t *testing.T) {
	d, p, err := ReadDraws(strings.NewReader("\ufeffCost.usual care,QALY_usual care,p_home,cost: program,effect:program\n1,2,0.3,4,5\n6,7,.8,9,10\n"), "psa.csv")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(d.Strategies, "|") != "usual care|program" || d.Cost[1][1] != 9 || d.Effect[0][1] != 7 || d.Effect[1][0] != 5 {
		t.Errorf("%+v", d)
	}
	if len(p) != 1 || p[0].Name != "p_home" || p[0].Values[1] != 0.8 {
		t.Errorf("%+v", p)
	}
	if p, err = ReadParameters(strings.NewReader("a,b\n1,2\n3,4\n"), "p.csv", 2); err != nil || len(p) != 2 || p[1].Values[1] != 4 {
		t.Errorf("%+v, %v", p, err)
	}
}

// Everything wrong is said at once, with row and column, and no cell is shown.
func TestReadDrawsRefuses(t *testing.T) {
	for in, says := range map[string][]string{
		"":                                   {"header"},
		"cost.a,effect.a\n":                  {"at least one draw"},
		"a,b\n1,2\n":                         {"cost.NAME and effect.NAME"},
		"cost.a,cost.a,effect.a\n1,2,3\n":    {"each column once"},
		"cost.a,Cost:a,effect.a\n1,2,3\n":    {"one column of cost for each"},
		"cost.a,effect.b\n1,2\n":             {"effect.a", "cost.b"},
		"cost.a,effect.a\nx9,NaN\n1\n,Inf\n": {"row 1", "row 2", "row 3", "cost.a", "effect.a"},
	} {
		_, _, err := ReadDraws(strings.NewReader(in), "psa.csv")
		if err == nil {
			t.Errorf("%q was read", in)
			continue
		}
		for _, s := range says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%q: %q is not in %v", in, s, err)
			}
		}
		if strings.Contains(err.Error(), "x9") {
			t.Errorf("a cell's value is in %v", err)
		}
	}
	if _, err := ReadParameters(strings.NewReader("a\n1\n"), "p.csv", 2); err == nil || !strings.Contains(err.Error(), "2 rows") {
		t.Error(err)
	}
}

// Any file is read or refused, never a panic; what is read can be analysed.
func FuzzReadDraws(f *testing.F) {
	for _, s := range []string{"cost.a,effect.a\n1,2\n", "cost.a,effect.a,cost.b,effect.b,p\n1,2,3,4,5\n1,2,3,4,6\n", "\"", "cost.a,effect.a\n1e309,\x00\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d, _, err := ReadDraws(strings.NewReader(in), "f.csv")
		if err != nil {
			return
		}
		if _, err := Analyze(d, Options{WillingnessToPay: []float64{0, 1000}}); err != nil {
			t.Error(err)
		}
	})
}

// A first column that numbers the draws is no parameter, and a file without rows has one
// thing wrong with it.
func TestNumberedDraws(t *testing.T) {
	_, p, err := ReadDraws(strings.NewReader("Iteration,cost.a,effect.a,draw\n1,2,3,4\n"), "f")
	if err != nil || len(p) != 1 || p[0].Name != "draw" {
		t.Errorf("%v, %v", p, err)
	}
	q, err := ReadParameters(strings.NewReader("draw,p\n1,2\n"), "f", 1)
	if err != nil || len(q) != 1 || q[0].Name != "p" {
		t.Errorf("%v, %v", q, err)
	}
	_, _, err = ReadDraws(strings.NewReader("cost.a,effect.a\n"), "f")
	if err == nil || strings.Contains(err.Error(), "cost.a") {
		t.Errorf("no rows: %v", err)
	}
}
