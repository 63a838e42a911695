package evidence

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"recoup/simulate"
)

func TestDefaultIsSound(t *testing.T) {
	s, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Parameters) < 50 || len(s.Digest()) != 64 {
		t.Errorf("%d parameters, digest %q", len(s.Parameters), s.Digest())
	}
	for _, p := range s.Parameters {
		d, err := p.Sampling()
		if err != nil {
			t.Fatal(err)
		}
		lo, hi := d.Quantile(0.001), d.Quantile(0.999)
		if math.IsNaN(lo) || math.IsNaN(hi) || p.Value < lo || p.Value > hi {
			t.Errorf("%s: value %g is not between the quantiles %g and %g", p.Name, p.Value, lo, hi)
		}
	}
}

// Worked by hand. Normal from 1.0 (0.02 to 1.98): SE = 1.96/3.92 = 0.5. Beta
// from 0.2 with n = 50: shapes 10 and 40. Gamma from 4 with SE 2: shape 4,
// scale 1. Lognormal 2 (1 to 4): SD of the logarithm = ln 4 / 3.92 = 0.35365.
func TestSampling(t *testing.T) {
	f := func(x float64) *float64 { return &x }
	for _, c := range []struct {
		p    Parameter
		a, b float64
	}{
		{Parameter{Value: 1, Distribution: simulate.Normal, Low: f(1 - 0.5*z975), High: f(1 + 0.5*z975)}, 1, 0.5},
		{Parameter{Value: 0.2, Distribution: simulate.Beta, N: f(50)}, 10, 40},
		{Parameter{Value: 4, Distribution: simulate.Gamma, SE: f(2)}, 4, 1},
		{Parameter{Value: 2, Distribution: simulate.LogNormal, Low: f(1), High: f(4)}, 2, math.Log(4) / 3.919927969080108},
		{Parameter{Value: 2, Distribution: simulate.Uniform, Low: f(1), High: f(4)}, 1, 4},
		{Parameter{Value: 2, Distribution: simulate.Fixed}, 2, 0},
	} {
		d, err := c.p.Sampling()
		if err != nil || math.Abs(d.A-c.a) > 1e-12 || math.Abs(d.B-c.b) > 1e-12 {
			t.Errorf("%s: %v (%v), want %g and %g", c.p.Distribution, d, err, c.a, c.b)
		}
	}
}

const good = `name: x
title: y
parameters:
  - {name: a, value: 1, unit: points, distribution: normal, se: 0.5, kind: assumed, status: assumed, note: because}
  - {name: b, value: 0.5, unit: share, distribution: beta, n: 20, kind: published, status: sourced, source: here}
`

func TestParseNamesEveryFault(t *testing.T) {
	if _, err := Parse("e.yaml", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for old, c := range map[string]struct{ new, want string }{
		"se: 0.5":         {"se: 0.5, sd: 3", "sd"},
		"se: 0.5,":        {"", "spread is missing"},
		"name: b":         {"name: a", "more than once"},
		"note: because":   {"note: ''", "note"},
		"source: here":    {"source: ''", "source"},
		"n: 20":           {"n: -20", "impossible"},
		"unit: points":    {"unit: ''", "unit"},
		"kind: published": {"kind: assumed", "disagree"},
		"normal":          {"cauchy", "unknown distribution"},
	} {
		_, err := Parse("e.yaml", []byte(strings.Replace(good, old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "e.yaml") {
			t.Errorf("with %q: error %v, want one with %q", c.new, err, c.want)
		}
	}
	// Two faults, both named.
	two := strings.Replace(strings.Replace(good, "note: because", "note: ''", 1), "source: here", "source: ''", 1)
	if _, err := Parse("e", []byte(two)); err == nil || !strings.Contains(err.Error(), "a:") || !strings.Contains(err.Error(), "b:") {
		t.Errorf("error %v, want both parameters named", err)
	}
}

func TestOverride(t *testing.T) {
	s, err := Parse("e", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	p := s.Parameters[0]
	p.Value = 9
	o, err := s.Override(Set{Name: "mine", Parameters: []Parameter{p}})
	if err != nil || o.Base()["a"] != 9 || s.Base()["a"] != 1 || o.Digest() == s.Digest() {
		t.Errorf("override gives %v (%v)", o.Base(), err)
	}
	p.Name = "zz"
	if _, err := s.Override(Set{Name: "mine", Parameters: []Parameter{p}}); err == nil {
		t.Error("an unknown parameter was accepted")
	}
}

// The median draw of a symmetric distribution is its value; u orders the draws.
func TestDrawIsMonotone(t *testing.T) {
	s, err := Parse("e", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	mid, err := s.Draw([]float64{0.5, 0.5})
	if err != nil || math.Abs(mid["a"]-1) > 1e-12 || math.Abs(mid["b"]-0.5) > 1e-9 {
		t.Errorf("median draw %v (%v)", mid, err)
	}
	high, err := s.Draw([]float64{0.9, 0.5})
	if err != nil || high["a"] <= mid["a"] || high["b"] != mid["b"] {
		t.Errorf("high draw %v (%v)", high, err)
	}
	if _, err := s.Draw(nil); err == nil {
		t.Error("a wrong number of uniforms was accepted")
	}
}

const correlatedYAML = `name: own
title: Own figures
parameters:
  - {name: a, value: 1, unit: points, distribution: normal, se: 0.2, kind: cohort, status: sourced}
  - {name: b, value: 2, unit: points, distribution: normal, se: 0.3, kind: cohort, status: sourced}
correlations:
  - names: [a, b]
    %s
`

// By hand: a covariance of 0.03 over 0.2·0.3 is a correlation of 0.5.
func TestCorrelations(t *testing.T) {
	for _, text := range []string{"matrix: [[1, 0.5], [0.5, 1]]", "covariance: [[0.04, 0.03], [0.03, 0.09]]"} {
		s, err := Parse("own", []byte(fmt.Sprintf(correlatedYAML, text)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Copulas()
		if err != nil || len(c) != 1 || math.Abs(c[0].Matrix[0][1]-0.5) > 1e-15 {
			t.Errorf("%s: %v, %v", text, c, err)
		}
	}
	for text, want := range map[string]string{
		"matrix: [[1, 1.5], [1.5, 1]]": "nearest",
		"matrix: [[1, 0.5]]":           "row",
		"covariance: [[0, 0], [0, 1]]": "variance of a",
		"matrix: [[1, 0.5], [0.5, 1]]\n    covariance: [[1, 0.5], [0.5, 1]]": "one of matrix and covariance",
	} {
		if _, err := Parse("own", []byte(fmt.Sprintf(correlatedYAML, text))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not say %q", text, err, want)
		}
	}
}
