package analysistest

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// Case is a reference case of the shared folder: numbers, texts and nulls by their
// path, such as diff/est or tukey/p/0. A test must hold every one of them, or leave
// it out by name: what is neither fails the test at its end.
type Case struct {
	t      *testing.T
	leaves map[string]any
	held   map[string]bool
}

// ReadCase reads the values of a case and skips the test where the folder is absent.
func ReadCase(t *testing.T, dir string) *Case {
	t.Helper()
	b, err := os.ReadFile(dir + "/expected.json")
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	var ref struct{ Values any }
	if err := json.Unmarshal(b, &ref); err != nil {
		t.Fatal(err)
	}
	c := &Case{t: t, leaves: map[string]any{}, held: map[string]bool{}}
	c.walk("", ref.Values)
	if len(c.leaves) == 0 {
		t.Fatalf("%s has no values", dir)
	}
	t.Cleanup(c.done)
	return c
}

func (c *Case) walk(path string, v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, w := range x {
			c.walk(path+"/"+k, w)
		}
	case []any:
		for i, w := range x {
			c.walk(fmt.Sprintf("%s/%d", path, i), w)
		}
	default:
		c.leaves[strings.TrimPrefix(path, "/")] = v
	}
}

// done fails for what no check has held.
func (c *Case) done() {
	var left []string
	for path := range c.leaves {
		if !c.held[path] {
			left = append(left, path)
		}
	}
	if slices.Sort(left); len(left) > 0 && !c.t.Failed() {
		c.t.Errorf("%d values of the case are held by nothing: %s", len(left), strings.Join(left, ", "))
	}
}

// Number returns a number of the case, to compute with; NaN for null.
func (c *Case) Number(path string) float64 {
	c.t.Helper()
	v, ok := c.leaves[path]
	if !ok {
		c.t.Fatalf("the case has no %s", path)
	}
	x, ok := v.(float64)
	if !ok {
		return math.NaN()
	}
	return x
}

// Numbers returns a list of numbers.
func (c *Case) Numbers(path string) []float64 {
	c.t.Helper()
	var out []float64
	for i := 0; ; i++ {
		at := fmt.Sprintf("%s/%d", path, i)
		if _, ok := c.leaves[at]; !ok {
			return out
		}
		out = append(out, c.Number(at))
	}
}

// Near holds a number of the case to a relative tolerance; null is held by a number
// that is not there or is infinite.
func (c *Case) Near(path string, got, tol float64) {
	c.t.Helper()
	want := c.Number(path)
	c.held[path] = true
	if math.IsNaN(want) {
		if !math.IsNaN(got) && !math.IsInf(got, 0) {
			c.t.Errorf("%s: got %.12g, want none", path, got)
		}
		return
	}
	if !(math.Abs(got-want) <= tol*math.Abs(want)+1e-15) {
		c.t.Errorf("%s: got %.15g, want %.15g", path, got, want)
	}
}

// List holds a list of numbers.
func (c *Case) List(path string, tol float64, got ...float64) {
	c.t.Helper()
	for i, v := range got {
		c.Near(fmt.Sprintf("%s/%d", path, i), v, tol)
	}
}

// Text holds a text of the case.
func (c *Case) Text(path, got string) {
	c.t.Helper()
	if c.held[path] = true; c.leaves[path] != got {
		c.t.Errorf("%s: got %q, want %v", path, got, c.leaves[path])
	}
}

// Leave leaves out what lies at or under the paths.
func (c *Case) Leave(paths ...string) {
	c.t.Helper()
	for _, p := range paths {
		found := false
		for leaf := range c.leaves {
			if leaf == p || strings.HasPrefix(leaf, p+"/") {
				c.held[leaf], found = true, true
			}
		}
		if !found {
			c.t.Errorf("there is no %s to leave out", p)
		}
	}
}
