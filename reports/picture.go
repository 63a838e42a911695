package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
)

// Pictures returns the figures of an analysis's result: its curves by name, tables that
// are a grid, and its estimates by scale as forests. They are for the eyes of who runs
// the analysis: nothing in them is suppressed.
func Pictures(title string, r analysis.Result, level float64) []Figure {
	out := qualityPictures(title, r)
	for _, whole := range wholes {
		if f, ok := stack(Language{}, title, whole, r.Series); ok {
			out = append(out, f)
		}
	}
	for _, name := range seriesNames(r.Series) {
		switch {
		case name == "weights":
			out = append(out, weights(r))
		case name == "love-adjusted": // drawn with love-raw
		case name == "love-raw":
			if f, ok := love(Language{}, r); ok {
				out = append(out, f)
			}
		case slices.Contains(drawnApart, name):
		default:
			out = append(out, curves(Language{}, title, name, r.Series, level))
		}
	}
	for _, t := range r.Tables {
		switch t.Name {
		case "patterns":
			out = append(out, patterns(Language{}, t))
		case "tipping":
			out = append(out, tipping(Language{}, t))
		}
	}
	var scales []analysis.Scale
	for _, e := range r.Estimates {
		if !slices.Contains(scales, e.Scale) {
			scales = append(scales, e.Scale)
		}
	}
	for _, s := range scales {
		if f, ok := forestOf(title, s, r.Estimates, level); ok {
			out = append(out, f)
		}
	}
	return out
}

func seriesNames(ss []analysis.Series) []string {
	var out []string
	for _, s := range ss {
		if !slices.Contains(out, s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// weights draws how many patients have which weight, a line for each group, with what
// the weights leave of them.
func weights(r analysis.Result) Figure {
	f := curves(Language{}, "", "weights", r.Series, 0)
	var parts []string
	for _, e := range r.Estimates {
		if e.Term == "effective_sample_size" && e.Value.OK() {
			parts = append(parts, fmt.Sprintf("%d patients of %s count as %.0f", e.N.Arm, e.Arm, float64(e.Value)))
		}
	}
	f.Title, f.Subtitle = "Weighted, "+strings.Join(parts, ", "), "Number of patients by weight, scaled to a mean of 1; the effective sample size is (Σw)²/Σw²"
	f.Alt = Say(f.Title + ".")
	return f
}

func decimalsFor(v float64) int {
	switch a := math.Abs(v); {
	case a >= 100:
		return 0
	case a >= 10:
		return 1
	}
	return 2
}

// mostRows is how many estimates a forest shows.
const mostRows = 60

// forestOf draws the estimates of a scale that have an interval.
func forestOf(title string, scale analysis.Scale, es []analysis.Estimate, level float64) (Figure, bool) {
	f := Figure{ID: "estimates-" + string(scale), Title: title, Subtitle: fmt.Sprintf("Estimates with %g %% intervals, %s", 100*level, strings.ReplaceAll(string(scale), "-", " ")), Alt: Say(title + ": estimates with intervals")}
	p := Forest{LabelHead: "Estimate", Columns: []string{"n"}, Result: fmt.Sprintf("Value (%g %%)", 100*level), Log: scale == analysis.ScaleRatio, Reference: math.NaN()}
	if p.Log {
		p.Reference = 1
	}
	left := 0
	for _, e := range es {
		if e.Scale != scale || !e.Value.OK() || !finite(float64(e.CI.Low)) || !finite(float64(e.CI.High)) || p.Log && !(e.CI.Low > 0) {
			continue
		}
		if len(p.Rows) == mostRows {
			left++
			continue
		}
		if null, ok := e.NoEffect(); ok && math.IsNaN(p.Reference) {
			p.Reference = null
		}
		n := Count(e.N.Arm + e.N.Reference)
		cell := Cell{Value: float64(e.Value), Low: float64(e.CI.Low), High: float64(e.CI.High), Format: Format{Kind: Interval, Decimals: decimalsFor(float64(e.Value))}, Basis: On(e.N.Arm + e.N.Reference)}
		p.Rows = append(p.Rows, ForestRow{Label: estimateLabel(e), Columns: []Cell{n}, Estimate: cell})
	}
	if left > 0 {
		f.Caption = Say(fmt.Sprintf("The first %d estimates; %d more are in the table.", mostRows, left))
	}
	f.Plot = p
	return f, len(p.Rows) > 0
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// estimateLabel names an estimate by what sets it apart.
func estimateLabel(e analysis.Estimate) string {
	parts := []string{strings.ReplaceAll(e.Term, "_", " ")}
	who := e.Arm
	if e.Reference != "" {
		who += " v " + e.Reference
	}
	for _, s := range []string{who, e.Visit, e.Subgroup, e.Definition} {
		if s != "" && s != analysis.All {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}
