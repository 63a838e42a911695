package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/datasets"
)

// CovariateColumn is one column of a design that adjusts for a covariate.
type CovariateColumn struct {
	Name   string    // the covariate
	Level  string    // of a text: the level that the column indicates; "" for a number
	Levels int       // of a text: how many levels occur; 0 for a number
	Values []float64 // by patient, missing NaN
}

// CovariateColumns reads the columns to adjust for: numbers as they are, texts as
// indicators of each level that occurs in the groups but the first, in the order of
// the cohort file's categories and then by name, so that the order of rows means
// nothing.
func (in Input) CovariateColumns(groups []Group, names []string) ([]CovariateColumn, error) {
	var out []CovariateColumn
	for _, name := range names {
		_, f, err := in.Cohort.PatientField(name)
		if err != nil {
			return nil, err
		}
		if f.Type != datasets.TypeString && f.Type != datasets.TypeBoolean {
			v, err := in.Cohort.Covariate(name)
			if err != nil {
				return nil, err
			}
			out = append(out, CovariateColumn{Name: name, Values: v})
			continue
		}
		codes, levels, err := in.Cohort.CovariateLevels(name)
		if err != nil {
			return nil, err
		}
		columns := indicators(f, codes, levels, groups)
		if len(columns) >= 50 {
			return nil, fmt.Errorf("%w: the covariate %q has %d levels; group them first", ErrCannot, name, len(columns)+1)
		}
		out = append(out, columns...)
	}
	return out, nil
}

// Covariates is CovariateColumns without names: the values, and of each column how
// many levels the text has that it is an indicator of, 0 for a number.
func (in Input) Covariates(groups []Group, names []string) (columns [][]float64, levels []int, err error) {
	all, err := in.CovariateColumns(groups, names)
	for _, c := range all {
		columns, levels = append(columns, c.Values), append(levels, c.Levels)
	}
	return columns, levels, err
}

func indicators(f datasets.Field, codes []int32, levels []string, groups []Group) []CovariateColumn {
	used := make([]bool, len(levels))
	for _, g := range groups {
		for _, p := range g.Patients {
			if codes[p] >= 0 {
				used[codes[p]] = true
			}
		}
	}
	var order []int
	for l, u := range used {
		if u {
			order = append(order, l)
		}
	}
	rank := func(l int) int {
		i := slices.IndexFunc(f.Categories, func(c datasets.Category) bool { return c.Value == levels[l] || c.Label == levels[l] })
		if i < 0 {
			return len(f.Categories)
		}
		return i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(levels[a], levels[b]))
	})
	var out []CovariateColumn
	for k, level := range order {
		if k == 0 {
			continue // the reference level
		}
		c := CovariateColumn{Name: f.Name, Level: levels[level], Levels: len(order), Values: make([]float64, len(codes))}
		for p, code := range codes {
			switch {
			case code < 0:
				c.Values[p] = math.NaN()
			case int(code) == level:
				c.Values[p] = 1
			}
		}
		out = append(out, c)
	}
	return out
}
