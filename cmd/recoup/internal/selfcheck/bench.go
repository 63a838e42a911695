package selfcheck

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"

	"recoup/analysis"
	"recoup/analysis/catalog"
	"recoup/datasets"
)

// reference holds cohorts, and the numbers that the scripts of the analyses got of
// them: copies of analysis/*/testdata, which a test holds to be equal.
//
//go:embed reference/*.csv reference/*.yaml reference/*.json
var reference embed.FS

// references are expected numbers, by file and name.
type references map[string]map[string][]float64

func readReferences() (references, error) {
	entries, err := reference.ReadDir("reference")
	if err != nil {
		return nil, err
	}
	out := references{}
	for _, e := range entries {
		name, ok := jsonName(e.Name())
		if !ok {
			continue
		}
		b, err := reference.ReadFile("reference/" + e.Name())
		if err != nil {
			return nil, err
		}
		var raw map[string]any
		if err := json.Unmarshal(b, &raw); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		out[name] = map[string][]float64{}
		flatten(out[name], "", raw)
	}
	return out, nil
}

func jsonName(file string) (string, bool) {
	const end = ".json"
	if len(file) <= len(end) || file[len(file)-len(end):] != end {
		return "", false
	}
	return file[:len(file)-len(end)], true
}

// flatten names the numbers of nested objects by the names on the way to them.
func flatten(into map[string][]float64, prefix string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			flatten(into, join(prefix, k), x)
		}
	case []any:
		for _, x := range v {
			if f, ok := x.(float64); ok {
				into[prefix] = append(into[prefix], f)
			}
		}
	case float64:
		into[prefix] = []float64{v}
	}
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// at is a number of a file; NaN, which fails the case, where there is none.
func (r references) at(file, name string, i int) float64 {
	if list := r[file][name]; i < len(list) {
		return list[i]
	}
	return math.NaN()
}

// bench is where the cases are run: it keeps what several of them need.
type bench struct {
	cohorts map[string]*datasets.Cohort
	results map[string]analysis.Result
	dir     string // made when first asked for
}

func newBench() *bench {
	return &bench{cohorts: map[string]*datasets.Cohort{}, results: map[string]analysis.Result{}}
}

func (b *bench) close() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // a folder of our own for temporary files
	}
}

// folder is an empty place for files.
func (b *bench) folder() (string, error) {
	if b.dir != "" {
		return b.dir, nil
	}
	dir, err := os.MkdirTemp("", "recoup-selfcheck-*")
	b.dir = dir
	return dir, err
}

// cohort reads one of the cohorts of reference.
func (b *bench) cohort(ctx context.Context, name string) (*datasets.Cohort, error) {
	if c, ok := b.cohorts[name]; ok {
		return c, nil
	}
	text, err := reference.ReadFile("reference/" + name + ".yaml")
	if err != nil {
		return nil, err
	}
	d, err := datasets.ParseDictionary(name+".yaml", text)
	if err != nil {
		return nil, err
	}
	tables := map[string]string{}
	for _, r := range d.Resources {
		for _, path := range r.Path {
			csv, err := reference.ReadFile("reference/" + path)
			if err != nil {
				return nil, err
			}
			tables[path] = string(csv)
		}
	}
	c, err := datasets.Load(ctx, d, datasets.LoadOptions{Open: datasets.OpenText(tables)})
	if err != nil {
		return nil, err
	}
	b.cohorts[name] = c
	return c, nil
}

// run answers a question of a cohort of reference.
func (b *bench) run(ctx context.Context, cohort, name string, q analysis.Question, set map[string]string) (analysis.Result, error) {
	key := fmt.Sprint(cohort, name, q, set) // maps are printed in the order of their keys
	if r, ok := b.results[key]; ok {
		return r, nil
	}
	c, err := b.cohort(ctx, cohort)
	if err != nil {
		return analysis.Result{}, err
	}
	a, err := catalog.Find(name)
	if err != nil {
		return analysis.Result{}, err
	}
	if q.Level == 0 {
		q.Level = 0.95
	}
	r, err := a.Run(ctx, analysis.Input{Cohort: c, Find: catalog.Find}, q, set)
	if err == nil {
		b.results[key] = r
	}
	return r, err
}

// errAbsent is of a term that an analysis did not return.
var errAbsent = errors.New("the analysis did not return it")

// term finds an estimate; where arm or visit is empty, any will do.
func term(r analysis.Result, term, arm, visit string) (analysis.Estimate, error) {
	for _, e := range r.Estimates {
		if e.Term == term && (arm == "" || e.Arm == arm) && (visit == "" || e.Visit == visit) {
			return e, nil
		}
	}
	return analysis.Estimate{}, fmt.Errorf("%s %s %s: %w", term, arm, visit, errAbsent)
}
