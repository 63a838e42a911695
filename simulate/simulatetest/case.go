// Package simulatetest reads the published and worked cases that the simulator is
// held to, and sees to it that no number of a case is passed over in silence.
package simulatetest

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Case is a reference case: its inputs, and its numbers, texts and nulls by their
// path, such as trace_SoC/3/0. A test must hold every one of them, or leave it out
// with the reason: what is neither fails the test at its end. What lies under
// tolerance is for the test to obey, and a text elsewhere is a remark: neither has
// to be held.
type Case struct {
	t      testing.TB
	dir    string
	leaves map[string]any
	held   map[string]bool
}

// ReadCase reads the case of a name from refcases/simulation of the shared folder
// beside the project, and skips the test where the folder is absent.
func ReadCase(t testing.TB, name string) *Case {
	t.Helper()
	dir, err := find(filepath.Join("shared", "refcases", "simulation", name))
	if err != nil {
		t.Skipf("SKIPPED: needs refcases/simulation/%s in the shared folder beside the project", name)
	}
	c := &Case{t: t, dir: dir, leaves: map[string]any{}, held: map[string]bool{}}
	var values any
	c.decode("expected.json", &values)
	c.walk("", values)
	if len(c.leaves) == 0 {
		t.Fatalf("case %s has no values", name)
	}
	t.Cleanup(c.done)
	return c
}

// find looks for a path in the folder of the test and those above it.
func find(path string) (string, error) {
	for range 8 {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		path = filepath.Join("..", path)
	}
	return "", os.ErrNotExist
}

func (c *Case) decode(file string, v any) {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, file))
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		c.t.Fatal(err)
	}
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
		path = strings.TrimPrefix(path, "/")
		c.leaves[path] = v
		if _, text := v.(string); text || path == "tolerance" || strings.HasPrefix(path, "tolerance/") {
			c.held[path] = true
		}
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

// Inputs decodes inputs.json into v.
func (c *Case) Inputs(v any) {
	c.t.Helper()
	c.decode("inputs.json", v)
}

// Columns reads a CSV file of the case as numbers: the names of the columns, and the
// columns. NaN stands for what is not a number.
func (c *Case) Columns(file string) (names []string, columns [][]float64) {
	c.t.Helper()
	f, err := os.Open(filepath.Join(c.dir, file))
	if err != nil {
		c.t.Fatal(err)
	}
	rows, err := csv.NewReader(f).ReadAll()
	if err := errors.Join(err, f.Close()); err != nil || len(rows) == 0 {
		c.t.Fatalf("%s cannot be read: %v", file, err)
	}
	columns = make([][]float64, len(rows[0]))
	for j := range columns {
		for _, row := range rows[1:] {
			x, err := strconv.ParseFloat(row[j], 64)
			if err != nil {
				x = math.NaN()
			}
			columns[j] = append(columns[j], x)
		}
	}
	return rows[0], columns
}

// Number returns a number of the case, to compute with; NaN for null.
func (c *Case) Number(path string) float64 {
	c.t.Helper()
	v, ok := c.leaves[path]
	if !ok {
		c.t.Fatalf("the case has no %s", path)
	}
	if x, ok := v.(float64); ok {
		return x
	}
	return math.NaN()
}

// Len returns how many entries the list at path has.
func (c *Case) Len(path string) int {
	n := 0
	for leaf := range c.leaves {
		rest, ok := strings.CutPrefix(leaf, path+"/")
		if !ok {
			continue
		}
		first, _, _ := strings.Cut(rest, "/")
		if i, err := strconv.Atoi(first); err == nil {
			n = max(n, i+1)
		}
	}
	return n
}

// Near holds a number of the case to a relative tolerance; null is held by NaN.
func (c *Case) Near(path string, got, tol float64) {
	c.t.Helper()
	want := c.Number(path)
	c.held[path] = true
	if math.IsNaN(want) && math.IsNaN(got) {
		return
	}
	if !(math.Abs(got-want) <= float64(tol*math.Abs(want))+1e-300) {
		c.t.Errorf("%s: got %.15g, want %.15g", path, got, want)
	}
}

// Within holds a number of the case to an absolute distance: half a unit of the last
// printed digit, or as many standard errors as the case allows.
func (c *Case) Within(path string, got, distance float64) {
	c.t.Helper()
	want := c.Number(path)
	c.held[path] = true
	if !(math.Abs(got-want) <= distance) {
		c.t.Errorf("%s: got %.15g, want %.15g within %.3g", path, got, want, distance)
	}
}

// List holds a list of numbers to a relative tolerance, over the absolute one where
// numbers come near 0; all of it must be given.
func (c *Case) List(path string, got []float64, tol, absolute float64) {
	c.t.Helper()
	if n := c.Len(path); n != len(got) {
		c.t.Errorf("%s: got %d numbers, want %d", path, len(got), n)
		return
	}
	for i, v := range got {
		at := fmt.Sprintf("%s/%d", path, i)
		c.Within(at, v, float64(tol*math.Abs(c.Number(at)))+absolute)
	}
}

// Text holds a text of the case.
func (c *Case) Text(path, got string) {
	c.t.Helper()
	if c.held[path] = true; c.leaves[path] != got {
		c.t.Errorf("%s: got %q, want %v", path, got, c.leaves[path])
	}
}

// Leave leaves out what lies at or under the paths, for a reason.
func (c *Case) Leave(reason string, paths ...string) {
	c.t.Helper()
	for _, p := range paths {
		found := false
		for leaf := range c.leaves {
			if leaf == p || strings.HasPrefix(leaf, p+"/") {
				c.held[leaf], found = true, true
			}
		}
		if !found || reason == "" {
			c.t.Errorf("there is no %s to leave out, or no reason to", p)
		}
	}
}
