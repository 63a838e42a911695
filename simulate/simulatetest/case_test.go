package simulatetest

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// spy keeps what a check would report, to see that a wrong number is one.
type spy struct {
	testing.TB
	errors []string
	ends   []func()
}

func (s *spy) Helper()          {}
func (s *spy) Failed() bool     { return len(s.errors) > 0 }
func (s *spy) Cleanup(f func()) { s.ends = append(s.ends, f) }
func (s *spy) Errorf(format string, args ...any) {
	s.errors = append(s.errors, fmt.Sprintf(format, args...))
}

func readSpied(t *testing.T) (*spy, *Case) {
	t.Helper()
	t.Chdir(t.TempDir())
	dir := filepath.Join("shared", "refcases", "simulation", "toy")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"expected.json": `{"a": 2, "list": [[1, 0], [0.5, 0.5]], "none": null, "note": "a remark", "tolerance": {"relative": 1e-9}}`,
		"inputs.json":   `{"rate": 0.25}`, "draws.csv": "x,name,y\n1,a,2\n3,b,4\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &spy{TB: t}
	return s, ReadCase(s, "toy")
}

func (s *spy) end() {
	for _, f := range s.ends {
		f()
	}
}

func TestEveryNumberMustBeHeld(t *testing.T) {
	s, c := readSpied(t)
	c.Near("a", 2, 0)
	s.end()
	if len(s.errors) != 1 || !strings.Contains(s.errors[0], "5 values") || !strings.Contains(s.errors[0], "list/0/0") {
		t.Errorf("reported %q", s.errors)
	}
}

func TestHoldingAll(t *testing.T) {
	s, c := readSpied(t)
	var in struct{ Rate float64 }
	c.Inputs(&in)
	names, columns := c.Columns("draws.csv")
	if in.Rate != 0.25 || c.Len("list") != 2 || names[2] != "y" || columns[2][1] != 4 || !math.IsNaN(columns[1][0]) {
		t.Errorf("read %v, %v, %d", in, columns, c.Len("list"))
	}
	c.Near("a", 2*(1+1e-10), 1e-9)
	c.List("list/0", []float64{1, 1e-12}, 0, 1e-11)
	c.Leave("made up", "list/1", "none")
	s.end()
	if len(s.errors) != 0 {
		t.Errorf("reported %q", s.errors)
	}
}

func TestWrongNumbersAreReported(t *testing.T) {
	for what, check := range map[string]func(*Case){
		"near":      func(c *Case) { c.Near("a", 2.1, 1e-9) },
		"within":    func(c *Case) { c.Within("a", 2.1, 0.05) },
		"null":      func(c *Case) { c.Near("none", 1, 1) },
		"list":      func(c *Case) { c.List("list/1", []float64{0.5, 0.6}, 1e-9, 0) },
		"length":    func(c *Case) { c.List("list/1", []float64{0.5}, 1e-9, 0) },
		"text":      func(c *Case) { c.Text("note", "another") },
		"leave":     func(c *Case) { c.Leave("made up", "b") },
		"no reason": func(c *Case) { c.Leave("", "a") },
	} {
		s, c := readSpied(t)
		if check(c); len(s.errors) != 1 {
			t.Errorf("%s: reported %q", what, s.errors)
		}
	}
}
