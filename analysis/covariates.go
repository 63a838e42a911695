package analysis

import (
	"fmt"
	"math"

	"recoup/datasets"
)

// Covariates reads the columns to adjust for, by patient: numbers as they are,
// texts as indicators of each level but the first that occurs in the groups. Levels
// holds, for each column, how many levels the text has that it is an indicator of, 0
// for a number. Missing values are NaN.
func (in Input) Covariates(groups []Group, names []string) (columns [][]float64, levels []int, err error) {
	for _, name := range names {
		_, f, err := in.Cohort.PatientField(name)
		if err != nil {
			return nil, nil, err
		}
		if f.Type != datasets.TypeString && f.Type != datasets.TypeBoolean {
			v, err := in.Cohort.Covariate(name)
			if err != nil {
				return nil, nil, err
			}
			columns, levels = append(columns, v), append(levels, 0)
			continue
		}
		codes, names, err := in.Cohort.CovariateLevels(name)
		if err != nil {
			return nil, nil, err
		}
		used := make([]bool, len(names))
		for _, g := range groups {
			for _, p := range g.Patients {
				if codes[p] >= 0 {
					used[codes[p]] = true
				}
			}
		}
		c, n := indicators(codes, used)
		if n > 50 {
			return nil, nil, fmt.Errorf("%w: the covariate %q has %d levels; group them first", ErrCannot, name, n)
		}
		columns = append(columns, c...)
		for range c {
			levels = append(levels, n)
		}
	}
	return columns, levels, nil
}

func indicators(codes []int32, used []bool) (columns [][]float64, n int) {
	for level, u := range used {
		if !u {
			continue
		}
		if n++; n == 1 {
			continue // the reference level
		}
		c := make([]float64, len(codes))
		for p, code := range codes {
			switch {
			case code < 0:
				c[p] = math.NaN()
			case int(code) == level:
				c[p] = 1
			}
		}
		columns = append(columns, c)
	}
	return columns, n
}
