package economics

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/datasets"
)

// Limits of a file of draws.
const (
	mostDraws = 1_000_000
	mostBytes = 1 << 30
)

// ReadDraws reads a probabilistic analysis: CSV with a row for each draw, columns
// cost.NAME and effect.NAME for each strategy in the order they stand (a dot, colon,
// underscore, hyphen or space after the word, in any case; eff, qaly and qalys are the
// same as effect), and one for each parameter under its own name; a first column draw,
// iteration or simulation numbers the rows and is none. All that is wrong comes back at once, by row and column, without a cell's value; nothing is left out.
func ReadDraws(r io.Reader, file string) (Draws, []Parameter, error) {
	t := &drawTable{file: file, problems: datasets.NewProblemList()}
	t.read(r)
	var d Draws
	var p []Parameter
	seen := map[string]bool{}
	for k, name := range t.head {
		kind, strategy := outcomeOf(name)
		switch {
		case k == 0 && numbersRows(name):
			continue
		case kind == "":
			p = append(p, Parameter{Name: name, Values: t.columns[k]})
			continue
		case !slices.Contains(d.Strategies, strategy):
			d.Strategies = append(d.Strategies, strategy)
			d.Cost, d.Effect = append(d.Cost, nil), append(d.Effect, nil)
		}
		at := slices.Index(d.Strategies, strategy)
		side := &d.Cost[at]
		if kind == "effect" {
			side = &d.Effect[at]
		}
		if seen[kind+"."+strategy] {
			t.bad(datasets.CodeHeader, 0, name, fmt.Sprintf("expected one column of %s for each strategy", kind))
		}
		*side, seen[kind+"."+strategy] = t.columns[k], true
	}
	for _, name := range d.Strategies {
		for _, kind := range []string{"cost", "effect"} {
			if !seen[kind+"."+name] {
				t.bad(datasets.CodeColumnMissing, 0, kind+"."+name, "expected a column of cost and one of effect for each strategy")
			}
		}
	}
	if len(t.head) > 0 && len(d.Strategies) == 0 {
		t.bad(datasets.CodeColumnMissing, 0, "", "expected columns cost.NAME and effect.NAME for each strategy")
	}
	if t.problems.Failed() {
		return Draws{}, nil, t.problems.All()
	}
	return d, p, nil
}

// ReadParameters reads a file of parameters alone, a row for each draw in the order of the
// file of draws.
func ReadParameters(r io.Reader, file string, draws int) ([]Parameter, error) {
	t := &drawTable{file: file, problems: datasets.NewProblemList()}
	t.read(r)
	var p []Parameter
	for k, name := range t.head {
		if k > 0 || !numbersRows(name) {
			p = append(p, Parameter{Name: name, Values: t.columns[k]})
		}
	}
	if !t.problems.Failed() && t.rows != draws {
		t.bad(datasets.CodeFile, 0, "", fmt.Sprintf("expected %d rows of parameters, one for each draw, not %d", draws, t.rows))
	}
	if t.problems.Failed() {
		return nil, t.problems.All()
	}
	return p, nil
}

// numbersRows says whether a column counts the draws.
func numbersRows(name string) bool {
	return slices.ContainsFunc([]string{"draw", "iteration", "simulation"}, func(w string) bool { return strings.EqualFold(name, w) })
}

// outcomeOf splits the name of a column of costs or effects; kind is "" for a parameter.
func outcomeOf(column string) (kind, strategy string) {
	for _, word := range []string{"cost", "effect", "eff", "qalys", "qaly"} {
		if len(column) > len(word)+1 && strings.EqualFold(column[:len(word)], word) && strings.ContainsRune("._:- ", rune(column[len(word)])) {
			kind = "effect"
			if word == "cost" {
				kind = "cost"
			}
			return kind, strings.TrimSpace(column[len(word)+1:])
		}
	}
	return "", ""
}

// drawTable is a file of numbers.
type drawTable struct {
	file     string
	head     []string
	columns  [][]float64
	rows     int
	problems *datasets.ProblemList
}

func (t *drawTable) bad(code string, row int, column, expected string) {
	t.problems.Add(datasets.Problem{Code: code, File: t.file, Row: row, Column: column, Expected: expected})
}

func (t *drawTable) read(r io.Reader) {
	c := csv.NewReader(io.LimitReader(r, mostBytes))
	c.ReuseRecord, c.TrimLeadingSpace = true, true
	head, err := c.Read()
	if err != nil {
		t.bad(datasets.CodeHeader, 0, "", "expected CSV with a header")
		return
	}
	for i, name := range head {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		name = strings.TrimSpace(name)
		switch {
		case name == "":
			t.bad(datasets.CodeHeader, 0, "", fmt.Sprintf("expected a name for column %d", i+1))
		case slices.Contains(t.head, name):
			t.bad(datasets.CodeHeader, 0, name, "expected each column once")
		}
		t.head = append(t.head, name)
	}
	t.columns = make([][]float64, len(t.head))
	for row := 1; ; row++ {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) && errors.Is(parse.Err, csv.ErrFieldCount) {
			t.bad(datasets.CodeRagged, row, "", "expected as many cells as the header has")
			continue
		}
		if err != nil || row > mostDraws {
			t.bad(datasets.CodeFile, row, "", fmt.Sprintf("expected CSV of at most %d rows", mostDraws))
			return
		}
		t.rows++
		for k, cell := range rec {
			v, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				t.bad(datasets.CodeType, row, t.head[k], "expected a number: every draw needs all costs, effects and parameters")
			}
			t.columns[k] = append(t.columns[k], v)
		}
	}
	if t.rows == 0 && !t.problems.Failed() {
		t.bad(datasets.CodeEmpty, 0, "", "expected at least one draw")
	}
}
