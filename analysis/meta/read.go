package meta

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
)

// Ask says what is made of a file of studies.
type Ask struct {
	Measure    string   // one of Measures
	Zero       string   // correction of zero cells; only-zero where empty
	Median     string   // luo or wan: means from medians; luo where empty
	Moderators []string // columns
	Network    bool     // treat1 and treat2 are asked for
}

// Studies are the rows of a file with their effects, in order of the name.
type Studies struct {
	Measure    Measure
	Ask        Ask
	Rows       []Row
	Moderators []Moderator
	Excluded   []datasets.Exclusion
}

// Row is one study, or one comparison or effect of it.
type Row struct {
	Study, Group   string
	Treat1, Treat2 string
	Year, N        float64
	Counts         Counts // of measures of two-by-two tables
	Effect
	moderators []string
}

// Moderator is a column of a meta-regression.
type Moderator struct {
	Name   string
	Values []float64 // one a row
}

// numeric are the columns that hold numbers, with the least value they may have.
var numeric = func() map[string]float64 {
	none := math.Inf(-1)
	out := map[string]float64{
		"yi": none, "vi": 0, "sei": 0, "low": none, "high": none, "hr": 0, "r": -1, "t": none, "f": 0, "p": 0, "sign": -1, "year": none,
	}
	for _, g := range []string{"", "1", "2"} {
		for _, c := range []string{"m", "median", "lower", "upper", "min", "max"} {
			out[c+g] = none
		}
		out["sd"+g], out["n"+g], out["events"+g] = 0, 0, 0
	}
	return out
}()

// mostRows is more than any file of published studies has.
const mostRows = 100_000

// ReadStudies reads a file of studies: CSV with a header. All that is wrong comes back
// at once, by row and column, without a cell's value. A study of which too little is
// given for an effect is left out and said so; yi with vi or sei goes before the rest.
func ReadStudies(r io.Reader, file string, a Ask) (*Studies, error) {
	m, ok := FindMeasure(a.Measure)
	if !ok {
		return nil, fmt.Errorf("%w: no measure %q; there are: %s", analysis.ErrOptions, a.Measure, names())
	}
	if a.Zero == "" {
		a.Zero = ZeroOnly
	}
	if a.Median == "" {
		a.Median = MeanLuo
	}
	if !slices.Contains([]string{ZeroOnly, ZeroAll, ZeroOther, ZeroNone}, a.Zero) || !slices.Contains([]string{MeanLuo, MeanWan}, a.Median) {
		return nil, fmt.Errorf("%w: expected zero cells %s, %s, %s or %s and medians %s or %s", analysis.ErrOptions, ZeroOnly, ZeroAll, ZeroOther, ZeroNone, MeanLuo, MeanWan)
	}
	s := &reader{Studies: Studies{Measure: m, Ask: a}, file: file, problems: datasets.NewProblemList()}
	if s.header(r) {
		s.rows()
	}
	if s.problems.Failed() {
		return nil, s.problems.All()
	}
	s.exclude()
	return &s.Studies, s.moderate()
}

func names() string {
	var out []string
	for _, m := range Measures() {
		out = append(out, m.Name)
	}
	return strings.Join(out, ", ")
}

type reader struct {
	Studies
	file     string
	csv      *csv.Reader
	columns  map[string]int
	problems *datasets.ProblemList
	left     []string
}

func (s *reader) bad(code string, row int, column, expected string) {
	s.problems.Add(datasets.Problem{Code: code, File: s.file, Row: row, Column: column, Expected: expected})
}

// header reads the first row and reports whether the rows can be read by it.
func (s *reader) header(r io.Reader) bool {
	s.csv = csv.NewReader(io.LimitReader(r, 64<<20))
	s.csv.TrimLeadingSpace = true
	head, err := s.csv.Read()
	if err != nil {
		s.bad(datasets.CodeHeader, 0, "", "expected CSV with a header")
		return false
	}
	s.columns = map[string]int{}
	for i, h := range head {
		h = strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))
		if _, numeric := numeric[strings.ToLower(h)]; numeric || slices.Contains([]string{"study", "group", "treat1", "treat2"}, strings.ToLower(h)) {
			h = strings.ToLower(h)
		}
		if _, twice := s.columns[h]; twice {
			s.bad(datasets.CodeHeader, 0, h, "expected each column once")
		}
		s.columns[h] = i
	}
	need := append([]string{"study"}, s.Ask.Moderators...)
	if s.Ask.Network {
		need = append(need, "treat1", "treat2")
	}
	if !s.any("yi") || !s.any("vi|sei|low") {
		need = append(need, s.Measure.Needs...)
		if s.Measure.Needs == nil {
			need = append(need, "yi", "vi|sei|low")
		}
	}
	for _, c := range need {
		if !s.any(c) && !(strings.HasPrefix(c, "m") && s.any("median"+c[1:])) && !(strings.HasPrefix(c, "sd") && s.any("lower"+c[2:]+"|min"+c[2:])) {
			s.bad(datasets.CodeColumnMissing, 0, c, "expected a column "+strings.ReplaceAll(c, "|", " or ")+" in the header")
		}
	}
	return !s.problems.Failed()
}

// any reports whether there is one of the columns.
func (s *reader) any(columns string) bool {
	for _, c := range strings.Split(columns, "|") {
		if _, ok := s.columns[c]; ok {
			return true
		}
	}
	return false
}

func (s *reader) rows() {
	for row := 1; ; row++ {
		rec, err := s.csv.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) && errors.Is(parse.Err, csv.ErrFieldCount) {
			s.bad(datasets.CodeRagged, row, "", "expected as many cells as the header has")
			continue
		}
		if err != nil || row > mostRows {
			s.bad(datasets.CodeFile, row, "", fmt.Sprintf("expected CSV of at most %d rows", mostRows))
			return
		}
		s.row(row, rec)
	}
	if len(s.Rows) == 0 && len(s.left) == 0 && !s.problems.Failed() {
		s.bad(datasets.CodeEmpty, 0, "", "expected at least one study")
	}
	// The order of the file changes nothing: sums run in the order of the names.
	slices.SortStableFunc(s.Rows, func(a, b Row) int {
		if c := strings.Compare(a.Study+"\x00"+a.Treat1+"\x00"+a.Treat2, b.Study+"\x00"+b.Treat1+"\x00"+b.Treat2); c != 0 {
			return c
		}
		if c := sign(a.Value - b.Value); c != 0 {
			return c
		}
		return sign(a.Variance - b.Variance)
	})
}

func (s *reader) row(row int, rec []string) {
	text := func(column string) string {
		if i, ok := s.columns[column]; ok {
			if v := strings.TrimSpace(rec[i]); v != "NA" {
				return v
			}
		}
		return ""
	}
	c := cells{}
	for _, column := range slices.Sorted(maps.Keys(numeric)) {
		least := numeric[column]
		c[column] = math.NaN()
		v := text(column)
		if v == "" {
			continue
		}
		x, err := strconv.ParseFloat(v, 64)
		if expected := outside(column, x, least, err); expected != "" {
			s.bad(datasets.CodeType, row, column, expected)
			continue
		}
		c[column] = x
	}
	for _, g := range []string{"", "1", "2"} {
		if c["events"+g] > c["n"+g] {
			s.bad(datasets.CodeRange, row, "events"+g, "expected at most n"+g+" events")
		}
	}
	out := Row{Study: text("study"), Group: text("group"), Treat1: text("treat1"), Treat2: text("treat2"), Year: c["year"], Counts: c.counts(), N: c["n"]}
	if out.Study == "" {
		s.bad(datasets.CodeRequired, row, "study", "expected the name of the study")
	}
	if s.Ask.Network && (out.Treat1 == "" || out.Treat2 == "" || out.Treat1 == out.Treat2) {
		s.bad(datasets.CodeRequired, row, "treat1", "expected two different treatments, treat1 and treat2")
	}
	if !(out.N > 0) {
		out.N = c["n1"] + c["n2"]
	}
	for _, m := range s.Ask.Moderators {
		out.moderators = append(out.moderators, text(m))
	}
	out.Effect = s.effect(c)
	known := out.known() && !slices.Contains(out.moderators, "")
	if !known {
		s.left = append(s.left, out.Study)
		return
	}
	s.Rows = append(s.Rows, out)
}

// outside says what was expected of a number, "" where it is.
func outside(column string, x, least float64, err error) string {
	counts := strings.HasPrefix(column, "n") || strings.HasPrefix(column, "events")
	switch {
	case err != nil || math.IsNaN(x) || math.IsInf(x, 0) || math.Abs(x) > 1e12:
		return "expected a number"
	case counts && (x < 0 || x != math.Trunc(x) || x > 1e9):
		return "expected a whole number of at least 0"
	case column == "sign" && math.Abs(x) != 1:
		return "expected 1 or -1"
	case (column == "p" || column == "r") && x > 1:
		return fmt.Sprintf("expected at least %g and at most 1", least)
	case x < least:
		return fmt.Sprintf("expected at least %g", least)
	}
	return ""
}

// effect is that given as such, or that of the measure.
func (s *reader) effect(c cells) Effect {
	switch {
	case c.has("yi") && c.has("vi"):
		return Effect{c["yi"], c["vi"]}
	case c.has("yi") && c.has("sei"):
		return Effect{c["yi"], c["sei"] * c["sei"]}
	case c.has("yi") && c.has("low"):
		return FromInterval(c["yi"], c["low"], c["high"], 0.95)
	}
	return s.Measure.effect(c, s.Ask)
}

func (s *reader) exclude() {
	if len(s.left) == 0 {
		return
	}
	slices.Sort(s.left)
	list := strings.Join(s.left[:min(10, len(s.left))], ", ")
	if len(s.left) > 10 {
		list += " ..."
	}
	s.Excluded = append(s.Excluded, datasets.Exclusion{
		Code: "no-effect", Table: s.file, Rows: len(s.left),
		Reason: "what is given makes no effect with a variance above 0 (and moderators where asked for): " + list,
	})
}

// moderate makes columns of the moderators: numbers as they are, texts as one column
// for each level but the first in order.
func (s *Studies) moderate() error {
	for i, name := range s.Ask.Moderators {
		var values []float64
		var levels []string
		for _, r := range s.Rows {
			x, err := strconv.ParseFloat(r.moderators[i], 64)
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
				levels = append(levels, r.moderators[i])
				continue
			}
			values = append(values, x)
		}
		if len(levels) == 0 {
			s.Moderators = append(s.Moderators, Moderator{name, values})
			continue
		}
		if len(values) > 0 {
			return datasets.Problems{{Severity: datasets.SeverityError, Code: datasets.CodeType, Column: name, Expected: "expected numbers alone or words alone in a moderator"}}
		}
		of := slices.Clone(levels)
		slices.Sort(levels)
		levels = slices.Compact(levels)
		for _, l := range levels[1:] {
			m := Moderator{Name: name + ": " + l + " v " + levels[0]}
			for _, v := range of {
				x := 0.0
				if v == l {
					x = 1
				}
				m.Values = append(m.Values, x)
			}
			s.Moderators = append(s.Moderators, m)
		}
	}
	return nil
}

// Effects are those of the rows.
func (s *Studies) Effects() []Effect {
	var out []Effect
	for _, r := range s.Rows {
		out = append(out, r.Effect)
	}
	return out
}
