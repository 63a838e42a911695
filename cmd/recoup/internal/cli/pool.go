package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/analysis/meta"
	"recoup/datasets/published"
	"recoup/reports"
	"recoup/reports/render"
)

// poolFlags are the flags of analyze pool.
type poolFlags struct {
	ask       meta.Ask
	plan      meta.Plan
	net       meta.NetworkOptions
	reference string
	published bool
	filter    published.Filter
	figure    string
	out       string
}

func (a *app) analyzePool() *cobra.Command {
	var f poolFlags
	c := &cobra.Command{
		Use:   "pool [STUDIES.csv]",
		Short: "Pool published studies: meta-analysis, meta-regression, networks",
		Long:  poolHelp(),
		Example: `  recoup analyze pool studies.csv --measure SMD
  recoup analyze pool studies.csv --measure MD --method DL --test z --prediction normal --json
  recoup analyze pool studies.csv --measure SMD --moderators year -o regression.csv
  recoup analyze pool studies.csv --measure SMD -o forest.svg
  recoup analyze pool studies.csv --measure SMD --figure funnel -o funnel.png
  recoup analyze pool network.csv --measure GEN --network --reference usual
  recoup analyze pool --published`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.runPool(c.Context(), args, f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.ask.Measure, "measure", "GEN", "effect size; see above")
	fl.StringVar(&f.plan.Method, "method", meta.REML, "estimator of the variance between studies: "+strings.Join(meta.Methods(), ", "))
	fl.StringVar(&f.plan.Test, "test", "", "interval of the pooled effect: hk (Hartung-Knapp), adhoc (the same, never narrower by its factor), t, z; hk where not given, z with FE")
	fl.StringVar(&f.plan.Prediction, "prediction", meta.PredictK2, "prediction interval: k-2, k-1 (t, classic error), normal, test (as the test)")
	fl.StringSliceVar(&f.ask.Moderators, "moderators", nil, "columns for a meta-regression; words are taken as levels")
	fl.BoolVar(&f.plan.ThreeLevel, "three-level", false, "rows of one study are effects that share a part; robust errors CR2")
	fl.Float64Var(&f.plan.Correlation, "correlation", 0, "with --three-level: of the sampling errors of a study's effects")
	fl.BoolVar(&f.ask.Network, "network", false, "network meta-analysis of treat1 and treat2")
	fl.StringVar(&f.reference, "reference", "", "with --network: the treatment that the others are held against")
	fl.BoolVar(&f.net.Common, "common", false, "with --network: a common effect")
	fl.BoolVar(&f.net.HighBetter, "high-better", false, "with --network: high values rank as better, not low")
	fl.StringVar(&f.ask.Zero, "zero", meta.ZeroOnly, "zero cells: only-zero (1/2 in studies that have one), all, treatment-arm, none")
	fl.StringVar(&f.ask.Median, "median", meta.MeanLuo, "means from medians: luo, wan")
	levelFlag(c, &f.plan.Level, "confidence level")
	fl.BoolVar(&f.published, "published", false, "pool the published shares after surgery that come with recoup, by definition and payer")
	fl.StringVar(&f.filter.Outcome, "outcome", "", "with --published: the outcome; work where not given")
	fl.StringVar(&f.filter.Procedure, "procedure", "", "with --published: only this procedure")
	fl.StringVar(&f.figure, "figure", "", "with -o FILE.svg or .png: forest or funnel; forest where not given")
	fl.StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

func poolHelp() string {
	var b strings.Builder
	b.WriteString(`Pool published studies from a CSV file, a row each, by name in the column study, or
with --published the shares after surgery that come with recoup. Every estimator,
interval and convention is named in the output; ratios are pooled by their logarithm.

Columns that any measure takes: study; yi with vi (variance), sei (standard error) or
low and high (95 %), on the scale of pooling, which go before the others; group
(subgroups); year (cumulative); moderators under any name. For the first group and the
second: m1 sd1 n1 m2 sd2 n2, or median1 with lower1 and upper1 (quartiles) and/or min1
and max1 in place of m1 and sd1. Of SMD also t, or f or p with sign (1 or -1). Of
measures of change 1 is after and 2 before. With --network also treat1 and treat2; a
study of three arms has three rows. Blank and NA are not known; a study without an
effect is left out and said so, and a cell that is not what it must be refuses the file.

Measures, with their columns:
`)
	for _, m := range meta.Measures() {
		needs := strings.ReplaceAll(strings.Join(m.Needs, " "), "|", " or ")
		if len(m.Needs) == 0 {
			needs = "yi, and vi, sei or low and high"
		}
		fmt.Fprintf(&b, "  %-5s %s: %s\n", m.Name, m.Title, needs)
	}
	b.WriteString(`
-o picks the format: .json, .csv, .parquet, .txt, or .svg and .png for a forest or a
funnel plot (--figure).`)
	return b.String()
}

// pooledStudies is the envelope of a pooled result.
type pooledStudies struct {
	Schema     string     `json:"schema"`
	Provenance provenance `json:"provenance"`
	Source     poolSource `json:"source"`
	analysis.Result
}

// poolSource is what was pooled.
type poolSource struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256,omitempty"`
}

func (a *app) runPool(ctx context.Context, args []string, f poolFlags) error {
	format, err := formatOf(f.out, a.json, ".json", ".csv", ".parquet", ".txt", ".svg", ".png")
	if err != nil {
		return err
	}
	drawn := format == ".svg" || format == ".png"
	switch {
	case f.published == (len(args) == 1):
		return usagef("expected a file of studies, or --published")
	case f.figure != "" && !drawn:
		return usagef("expected --figure with -o FILE.svg or FILE.png")
	case f.figure != "" && f.figure != "forest" && f.figure != "funnel":
		return usagef("there is no figure %q; there are: forest, funnel", f.figure)
	case f.ask.Network && (f.plan.ThreeLevel || len(f.ask.Moderators) > 0):
		return usagef("expected --network without --moderators and --three-level")
	case !f.ask.Network && (f.reference != "" || f.net.Common || f.net.HighBetter):
		return usagef("expected --reference, --common and --high-better with --network")
	case !f.published && (f.filter.Outcome != "" || f.filter.Procedure != ""):
		return usagef("expected --outcome and --procedure with --published")
	case f.published && (f.ask.Network || f.plan.ThreeLevel || len(f.ask.Moderators) > 0 || f.figure == "funnel"):
		return usagef("expected --published without --network, --moderators, --three-level and --figure funnel")
	}
	f.net.Level = f.plan.Level
	r, source, err := f.pool(args)
	if err != nil {
		return err
	}
	what := "published studies"
	if r.Settings["measure"] != "" {
		if m, ok := meta.FindMeasure(r.Settings["measure"]); ok {
			what = m.Title
		}
	}
	write := func(w io.Writer) error {
		switch format {
		case ".json":
			return writeEncoded(w, pooledStudies{"recoup.pooled/v1", provenance{build: thisBuild(), Analysis: "meta/pool"}, source, r})
		case ".csv":
			return wide(r).csv(w)
		case ".parquet":
			return wide(r).parquet(ctx, w)
		case ".svg", ".png":
			return drawPooled(w, f, format, what, r)
		}
		pooledText(w, r, f.plan.Level)
		fmt.Fprintf(w, "pooled from %s; recoup %s\n", clean(source.File), version)
		return nil
	}
	if f.out == "" {
		return write(a.Out)
	}
	return writeFile(f.out, write)
}

// pool reads and pools.
func (f poolFlags) pool(args []string) (r analysis.Result, source poolSource, err error) {
	if f.published {
		for _, x := range []struct{ name, word string }{{"outcome", f.filter.Outcome}, {"procedure", f.filter.Procedure}} {
			if is := published.Vocabulary(x.name); x.word != "" && !slices.Contains(is, x.word) {
				return r, source, usagef("no %s %q among the comparators; there are: %s", x.name, x.word, strings.Join(is, ", "))
			}
		}
		r, err = meta.Benchmarks(f.filter, f.plan)
		r = labelled(r)
		return r, poolSource{File: "published figures that come with recoup"}, err
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return r, source, err
	}
	sum := sha256.Sum256(b)
	source = poolSource{filepath.Base(args[0]), hex.EncodeToString(sum[:])}
	s, err := meta.ReadStudies(strings.NewReader(string(b)), source.File, f.ask)
	if err != nil {
		return r, source, err
	}
	if f.ask.Network {
		r, err = s.Network(f.net, f.reference)
	} else {
		r, err = s.Pool(f.plan)
	}
	return labelled(r), source, err
}

func labelled(r analysis.Result) analysis.Result {
	for i := range r.Estimates {
		r.Estimates[i].Analysis = "meta/pool"
	}
	return r
}

// pooledText is the result for a person: the estimates with what sets them apart.
func pooledText(w io.Writer, r analysis.Result, level float64) {
	n := newNotes()
	g := grid{head: []string{"term", "of", "estimate", fmt.Sprintf("%g %% interval", 100*level), "studies", "p", ""}, right: []bool{false, false, true, true, true, true, false}}
	for _, e := range r.Estimates {
		of := strings.Join(slices.DeleteFunc([]string{e.Definition, e.Arm, e.Subgroup}, func(s string) bool { return s == "" }), ", ")
		if e.Reference != "" {
			of += " v " + e.Reference
		}
		e.Definition = "" // it is in the row
		row := shortRow(e, n)
		g.rows = append(g.rows, []string{e.Term, of, row[4], row[5], fmt.Sprint(e.N.Arm), row[7], row[8]})
	}
	g.text(w)
	shortRest(w, r, n)
}

// drawPooled draws a forest of the studies and the pooled effects, or a funnel.
func drawPooled(w io.Writer, f poolFlags, format, what string, r analysis.Result) error {
	figure := pooledForest(what, r, f.plan.Level)
	if f.figure == "funnel" {
		var ok bool
		if figure, ok = pooledFunnel(what, r); !ok {
			return fmt.Errorf("%w: a funnel needs studies pooled without a network or several levels", analysis.ErrCannot)
		}
	}
	if format == ".png" {
		return render.PNG(w, figure, render.Size{}, 0)
	}
	return render.SVG(w, figure, render.Size{})
}

// tableOf finds a table of a result.
func tableOf(r analysis.Result, name string) (analysis.Table, bool) {
	for _, t := range r.Tables {
		if t.Name == name {
			return t, true
		}
	}
	return analysis.Table{}, false
}

// pooledForest has a row for each study, and diamonds for what was pooled.
func pooledForest(what string, r analysis.Result, level float64) reports.Figure {
	p := reports.Forest{LabelHead: "Study", Columns: []string{"Weight"}, Result: fmt.Sprintf("Value (%g %%)", 100*level), Reference: math.NaN()}
	cell := func(v, low, high float64) reports.Cell {
		return reports.Cell{Value: v, Low: low, High: high, Format: reports.Format{Kind: reports.Interval, Decimals: 2}, Basis: reports.NoPatients()}
	}
	if t, ok := tableOf(r, "studies"); ok && len(t.Columns) == 7 {
		for _, row := range t.Rows {
			weight := float64(row[5].Num)
			p.Rows = append(p.Rows, reports.ForestRow{
				Label: row[0].Text, Columns: []reports.Cell{reports.Number(weight, 1, 0).WithoutPatients()}, Weight: weight,
				Estimate: cell(float64(row[2].Num), float64(row[3].Num), float64(row[4].Num)),
			})
		}
	}
	names := map[string]string{"pooled": "Pooled", "prediction": "Prediction", "mantel_haenszel": "Mantel-Haenszel", "peto": "Peto", "network": ""}
	for _, e := range r.Estimates {
		if !e.Value.OK() || !e.CI.Low.OK() || math.IsInf(float64(e.CI.Low), 0) || math.IsInf(float64(e.CI.High), 0) {
			continue
		}
		label, known := names[e.Term]
		if !known {
			if !strings.HasPrefix(e.Term, "coefficient") {
				continue
			}
			label = e.Term
		}
		if len(p.Rows) > 0 && strings.HasPrefix(e.Term, "coefficient") {
			p.Rows = p.Rows[:0] // coefficients are on another scale than the studies
		}
		p.Log = p.Log || e.Scale == analysis.ScaleRatio
		role := reports.Single
		switch { // a line down the plot is of the whole alone
		case e.Definition != "" && e.Term == "pooled":
			role, label = reports.Benchmark, ""
			heading := reports.ForestRow{Label: e.Definition, Heading: true}
			if len(p.Rows) == 0 || !slices.ContainsFunc(p.Rows, func(r reports.ForestRow) bool { return r.Label == heading.Label }) {
				p.Rows = append(p.Rows, heading)
			}
		case e.Term == "pooled" && e.Subgroup == "":
			role = reports.Pooled
		}
		if e.Reference != "" {
			e.Arm += " v " + e.Reference
		}
		for _, x := range []string{e.Arm, e.Subgroup} {
			if x != "" {
				label += ", " + x
			}
		}
		p.Rows = append(p.Rows, reports.ForestRow{Label: strings.TrimPrefix(label, ", "), Columns: []reports.Cell{{Format: reports.Format{Kind: reports.Blank}, Basis: reports.NoPatients()}}, Role: role, Estimate: cell(float64(e.Value), float64(e.CI.Low), float64(e.CI.High))})
	}
	if !slices.ContainsFunc(p.Rows, func(r reports.ForestRow) bool { return r.Weight > 0 }) { // no studies
		p.Columns, p.LabelHead = nil, "What"
		for i := range p.Rows {
			p.Rows[i].Columns = nil
		}
	}
	if m, ok := meta.FindMeasure(r.Settings["measure"]); ok && m.Compares {
		p.Reference = 0
		if p.Log {
			p.Reference = 1
		}
	}
	return reports.Figure{ID: "forest", Title: "Pooled studies", Subtitle: what, Alt: reports.Say("Forest plot of studies and pooled effects: " + what), Caption: reports.Say(poolCaption(r)), Plot: p}
}

// poolCaption names the method, the interval and the convention.
func poolCaption(r analysis.Result) string {
	var parts []string
	for _, k := range []string{"model", "network", "method", "test", "prediction"} {
		if v := r.Settings[k]; v != "" {
			parts = append(parts, k+" "+v)
		}
	}
	return "Settings: " + strings.Join(parts, ", ") + "."
}

// pooledFunnel sets effects against their precision with the limits of chance about
// the pooled effect.
func pooledFunnel(what string, r analysis.Result) (reports.Figure, bool) {
	t, ok := tableOf(r, "funnel")
	if !ok || len(t.Rows) == 0 {
		return reports.Figure{}, false
	}
	center := 0.0
	p := reports.Funnel{Target: math.NaN(), X: reports.Axis{Label: "Precision (1/standard error)"}, Y: reports.Axis{Label: "Effect, on the scale of pooling", Format: reports.Format{Kind: reports.NumberOf, Decimals: 2}}, Unit: "Study"}
	top := 0.0
	for _, row := range t.Rows {
		precision := 1 / float64(row[2].Num)
		top = math.Max(top, precision)
		center = float64(row[3].Num)
		p.Points = append(p.Points, reports.FunnelPoint{Label: row[0].Text, N: precision, Y: float64(row[1].Num), Basis: reports.NoPatients()})
	}
	p.Center = center
	z95, z998 := analysis.NormalQuantile(0.95), analysis.NormalQuantile(0.998)
	for i := 1; i <= 60; i++ {
		n := top * 1.05 * float64(i) / 60
		p.Limits = append(p.Limits, reports.FunnelLimit{N: n, Lower95: center - z95/n, Upper95: center + z95/n, Lower998: center - z998/n, Upper998: center + z998/n})
	}
	return reports.Figure{ID: "funnel", Title: "Studies by precision", Subtitle: what + ", with the limits of chance about the pooled effect", Alt: reports.Say("Funnel plot: " + what), Caption: reports.Say(poolCaption(r)), Plot: p}, true
}
