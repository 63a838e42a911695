// Package selfcheck holds this build of recoup, on the machine that it runs on,
// against numbers that it did not make: of R packages by committed scripts, of
// publications, and of formulas worked out by hand. Each case is a requirement, a
// test, what is expected and what came out.
package selfcheck

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Case is one requirement, how it was tried and what came of it.
type Case struct {
	Area        string  `json:"area"`
	Requirement string  `json:"requirement"`
	Test        string  `json:"test"`
	Source      string  `json:"source"`
	Expected    string  `json:"expected"`
	Got         string  `json:"got"`
	Tolerance   float64 `json:"tolerance"` // of the larger of the number expected and 1; 0: the same
	Passed      bool    `json:"passed"`
	Why         string  `json:"why,omitempty"` // why there is no number to compare
}

// check is a case before it is run.
type check struct {
	Case
	number float64                                                      // what is expected, where a number is
	get    func(ctx context.Context, b *bench) (string, float64, error) // a text, or a number where the text is empty
}

// Run runs every case and returns them in order, whatever failed. It returns an error
// where they could not be run at all: interrupted, or without their own data.
func Run(ctx context.Context, progress func(done, total int)) ([]Case, error) {
	refs, err := readReferences()
	if err != nil {
		return nil, err
	}
	return run(ctx, refs, progress)
}

func run(ctx context.Context, refs references, progress func(done, total int)) ([]Case, error) {
	list := checks(refs)
	b := newBench()
	defer b.close()
	var out []Case
	for i, c := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		text, number, err := c.get(ctx, b)
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		out = append(out, c.judge(text, number, err))
		if progress != nil {
			progress(i+1, len(list))
		}
	}
	return out, nil
}

// judge compares what came out with what is expected.
func (c check) judge(text string, number float64, err error) Case {
	r := c.Case
	switch {
	case err != nil:
		r.Why = err.Error()
	case text != "":
		r.Got, r.Passed = text, text == r.Expected
	default:
		r.Got = digits(number)
		r.Passed = math.Abs(number-c.number) <= r.Tolerance*math.Max(1, math.Abs(c.number))
	}
	return r
}

// digits writes a number as people compare them.
func digits(v float64) string { return strconv.FormatFloat(v, 'g', 12, 64) }

// near is a case whose answer is a number.
func near(area, requirement, test, source string, want, tolerance float64, get func(ctx context.Context, b *bench) (float64, error)) check {
	return check{
		Case:   Case{Area: area, Requirement: requirement, Test: test, Source: source, Expected: digits(want), Tolerance: tolerance},
		number: want,
		get: func(ctx context.Context, b *bench) (string, float64, error) {
			v, err := get(ctx, b)
			return "", v, err
		},
	}
}

// same is a case whose answer is a word.
func same(area, requirement, test, source, want string, get func(ctx context.Context, b *bench) (string, error)) check {
	return check{
		Case: Case{Area: area, Requirement: requirement, Test: test, Source: source, Expected: want},
		get: func(ctx context.Context, b *bench) (string, float64, error) {
			s, err := get(ctx, b)
			if err == nil && s == "" {
				err = errors.New("nothing came out")
			}
			return s, 0, err
		},
	}
}

// checks lists every case, area by area.
func checks(refs references) []check {
	var out []check
	for _, area := range []func(references) []check{files, doses, estimates, pooled, charts, simulated, disclosed} {
		out = append(out, area(refs)...)
	}
	for i := range out {
		if out[i].Expected == "" || out[i].Expected == "NaN" {
			out[i].get = func(context.Context, *bench) (string, float64, error) {
				return "", 0, fmt.Errorf("there is no expected number: %s", out[i].Source)
			}
		}
	}
	return out
}
