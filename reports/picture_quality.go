package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
)

// qualityPictures draws the tables of quality analyses: control charts, funnels, sums
// over time, sites in order, calibration.
func qualityPictures(title string, r analysis.Result) []Figure {
	var out []Figure
	for _, t := range r.Tables {
		draw := map[string]func(string, grid, analysis.Result) (Figure, bool){
			"chart": controlPicture, "funnel": funnelPicture, "sites": sitesPicture, "calibration": calibrationPicture,
			"cusum": cusumPicture, "vlad": vladPicture,
		}[t.Name]
		if draw == nil {
			continue
		}
		if f, ok := draw(title, grid{t}, r); ok {
			out = append(out, f)
		}
	}
	return out
}

// drawnApart are the curves that qualityPictures draws.
var drawnApart = []string{"control-chart", "funnel-95", "funnel-998", "cusum-rise", "cusum-fall", "vlad"}

// grid is a table read by its columns' names.
type grid struct{ analysis.Table }

// number returns a cell, NaN for none or for a column that there is not.
func (g grid) number(row []analysis.Value, column string) float64 {
	if at := slices.Index(g.Columns, column); at >= 0 {
		return float64(row[at].Num)
	}
	return math.NaN()
}

func (g grid) text(row []analysis.Value, column string) string {
	if at := slices.Index(g.Columns, column); at >= 0 {
		return row[at].Text
	}
	return ""
}

func (g grid) count(row []analysis.Value, column string) int {
	if v := g.number(row, column); !math.IsNaN(v) {
		return int(v)
	}
	return 0
}

func (g grid) notes() []string { return append(slices.Clone(g.Notes), "", "") }

// signalOf returns the signal of a meaning.
func signalOf(meaning string) Signal {
	switch meaning {
	case "improvement":
		return Improvement
	case "concern":
		return Concern
	case "unclear":
		return Changed
	}
	return CommonCause
}

// formatOf chooses how values on an axis are written.
func formatOf(share bool, values ...float64) Format {
	if share {
		return Format{Kind: Percent}
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) {
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	f := Format{Kind: NumberOf}
	if wide := high - low; wide < 20 {
		f.Decimals = 1
		if wide < 2 {
			f.Decimals = 2
		}
	}
	return f
}

func isShare(r analysis.Result) bool {
	return len(r.Estimates) > 0 && r.Estimates[0].Scale == analysis.ScaleProportion
}

func controlPicture(title string, g grid, r analysis.Result) (Figure, bool) {
	notes := g.notes()
	f := Figure{ID: "control-chart", Title: title, Subtitle: upper(notes[0]), Caption: Say("Method: " + notes[1] + "."), Alt: Say(fmt.Sprintf("%s: %d points in order, with limits and signals.", title, len(g.Rows)))}
	_, p, ok := controlPlot(r)
	if !ok {
		return f, false
	}
	for _, t := range r.Tables {
		if t.Name == "summary" {
			f.Subtitle += summaryWords(grid{t})
		}
	}
	f.Caption = f.Caption.And(rebaseWords(r) + warningWords(r))
	f.Plot = p
	return f, true
}

// controlPlot is the chart of a result with a table chart. It is false where no point has
// a value.
func controlPlot(r analysis.Result) (grid, Control, bool) {
	at := slices.IndexFunc(r.Tables, func(t analysis.Table) bool { return t.Name == "chart" })
	if at < 0 {
		return grid{}, Control{}, false
	}
	g := grid{r.Tables[at]}
	p := Control{Center: math.NaN(), Target: math.NaN()}
	var values []float64
	starts := rebasedAt(r)
	for _, row := range g.Rows {
		q := ControlPoint{
			Label: row[0].Text, Y: g.number(row, "value"), Lower: g.number(row, "low"), Upper: g.number(row, "high"), Center: g.number(row, "center"),
			Signal: signalOf(g.text(row, "meaning")), Rebased: slices.Contains(starts, row[0].Text), Basis: On(g.count(row, "n")),
		}
		if rules := g.text(row, "rules"); rules != "" {
			q.Rule = strings.ReplaceAll(strings.Split(rules, ", ")[0], "-", " ")
		}
		if isShare(r) {
			q.Basis = ShareOf(g.count(row, "events"), g.count(row, "n"))
		}
		if !math.IsNaN(q.Center) {
			p.Center = q.Center
		}
		values = append(values, q.Y, q.Lower, q.Upper)
		p.Points = append(p.Points, q)
	}
	p.Y.Format = formatOf(isShare(r), values...)
	for _, t := range r.Tables {
		if t.Name == "summary" {
			p.Target = grid{t}.number(t.Rows[0], "target")
		}
	}
	return g, p, slices.ContainsFunc(p.Points, func(q ControlPoint) bool { return !math.IsNaN(q.Y) })
}

// summaryWords are the two icons in words.
func summaryWords(s grid) string {
	row := s.Rows[0]
	variation := strings.ReplaceAll(s.text(row, "variation"), "-", " ")
	if way := s.text(row, "higher"); way != "" {
		variation += " (" + way + ")"
	}
	out := ". Last point: " + variation
	if a := s.text(row, "assurance"); a != "no-target" {
		out += "; target: " + strings.ReplaceAll(a, "-", " ")
	}
	return out
}

// rebasedAt returns the labels at which phases but the first begin.
func rebasedAt(r analysis.Result) []string {
	var out []string
	for _, t := range r.Tables {
		if t.Name == "phases" {
			for _, row := range t.Rows[min(1, len(t.Rows)):] {
				out = append(out, grid{t}.text(row, "from"))
			}
		}
	}
	return out
}

// rebaseWords is the log of rebases.
func rebaseWords(r analysis.Result) string {
	out := ""
	for _, t := range r.Tables {
		if t.Name != "phases" {
			continue
		}
		g := grid{t}
		for _, row := range t.Rows[min(1, len(t.Rows)):] {
			out += fmt.Sprintf(" Limits rebased at %s by %s on %s: %s.", g.text(row, "from"), g.text(row, "rebased_by"), g.text(row, "on"), g.text(row, "why"))
		}
	}
	return out
}

// warningWords are the warnings of a result, for a caption.
func warningWords(r analysis.Result) string {
	out := ""
	for _, w := range r.Warnings {
		out += " " + upper(w.Message) + "."
	}
	return out
}

func funnelPicture(title string, g grid, r analysis.Result) (Figure, bool) {
	notes := g.notes()
	f := Figure{ID: "funnel", Title: title, Subtitle: upper(notes[0]), Caption: Say(upper(notes[1]) + "." + warningWords(r)), Alt: Say(fmt.Sprintf("%s: %d sites by size, with limits.", title, len(g.Rows)))}
	p, ok := funnelPlot(g, r)
	f.Plot = p
	return f, ok
}

// funnelPlot is the funnel of a table and the limit lines beside it. It is false where no
// site has a value.
func funnelPlot(g grid, r analysis.Result) (Funnel, bool) {
	value := g.Columns[min(3, len(g.Columns)-1)]
	p := Funnel{Center: math.NaN(), Target: math.NaN(), X: Axis{Label: "Patients"}}
	if value == "ratio" {
		p.X.Label = "Expected events"
	}
	var values []float64
	for _, row := range g.Rows {
		q := FunnelPoint{Label: row[0].Text, N: g.number(row, "size"), Y: g.number(row, value), Basis: On(g.count(row, "n")), Signal: signalOf(g.text(row, "meaning"))}
		if value == "share" {
			q.Basis = ShareOf(g.count(row, "events"), g.count(row, "n"))
		}
		p.Center = g.number(row, "target")
		values = append(values, q.Y, g.number(row, "low_998"), g.number(row, "high_998"))
		p.Points = append(p.Points, q)
	}
	for _, s := range r.Series {
		for i, q := range s.Points {
			switch s.Name {
			case "funnel-95":
				p.Limits = append(p.Limits, FunnelLimit{N: float64(q.X), Lower95: float64(q.Low), Upper95: float64(q.High)})
			case "funnel-998":
				p.Limits[i].Lower998, p.Limits[i].Upper998 = float64(q.Low), float64(q.High)
			}
		}
	}
	p.Y.Format = formatOf(value == "share", values...)
	if value == "share" && len(p.Limits) > 0 {
		p.Y.Range = funnelRange(p)
	}
	return p, slices.ContainsFunc(p.Points, func(q FunnelPoint) bool { return !math.IsNaN(q.Y) })
}

// sitesPicture is a caterpillar: sites in order of their effect, with intervals.
func sitesPicture(title string, g grid, r analysis.Result) (Figure, bool) {
	notes := g.notes()
	name := g.Columns[3]
	f := Figure{ID: "sites", Title: title, Subtitle: upper(notes[0]) + ". Against the average site, shrunken, in order", Caption: Say(upper(notes[1]) + "." + warningWords(r)), Alt: Say(fmt.Sprintf("%s: %d sites in order, with intervals and ranks.", title, len(g.Rows)))}
	rows := slices.DeleteFunc(slices.Clone(g.Rows), func(row []analysis.Value) bool { return math.IsNaN(g.number(row, name)) })
	slices.SortStableFunc(rows, func(a, b []analysis.Value) int {
		switch x, y := g.number(a, name), g.number(b, name); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	ratio := name == "odds_ratio"
	p := Forest{LabelHead: "Site", Columns: []string{"n", "Rank"}, Result: "Effect (interval)", Log: ratio, Reference: 0}
	if ratio {
		p.Reference, p.Result = 1, "Odds ratio (interval)"
	}
	for _, row := range rows {
		n := g.count(row, "n")
		rank := Label(fmt.Sprintf("%.0f (%.0f to %.0f)", g.number(row, "rank"), g.number(row, "rank_low"), g.number(row, "rank_high")))
		p.Rows = append(p.Rows, ForestRow{Label: row[0].Text, Columns: []Cell{Count(n), rank}, Estimate: Estimate(g.number(row, name), g.number(row, "low"), g.number(row, "high"), 2, n)})
	}
	if len(p.Rows) > mostRows {
		p.Rows = append(p.Rows[:mostRows/2:mostRows/2], p.Rows[len(p.Rows)-mostRows/2:]...)
		f.Caption = f.Caption.And(fmt.Sprintf(" The first and the last %d of %d sites.", mostRows/2, len(rows)))
	}
	f.Plot = p
	return f, len(p.Rows) > 0
}

// calibrationPicture shows observed against expected by tenths.
func calibrationPicture(title string, g grid, r analysis.Result) (Figure, bool) {
	notes := g.notes()
	f := Figure{ID: "calibration", Title: title, Subtitle: "Observed against expected by tenths of what was expected: on the line both are the same", Caption: Say(upper(notes[0]) + "; " + notes[1] + "." + warningWords(r)), Alt: Say("Observed against expected by tenths.")}
	points := Series{Label: "Tenths"}
	low, high := math.Inf(1), math.Inf(-1)
	share := false
	for _, row := range g.Rows {
		n := g.count(row, "n")
		q := Point{X: g.number(row, "expected"), Y: g.number(row, "observed"), Low: g.number(row, "low"), High: g.number(row, "high"), Basis: On(n)}
		if share = share || !math.IsNaN(q.Low); share {
			q.Basis = ShareOf(int(math.Round(q.Y*float64(n))), n)
		}
		points.Points = append(points.Points, q)
		for _, v := range []float64{q.X, q.Y, q.Low, q.High} {
			if !math.IsNaN(v) {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
	}
	room := 0.05 * (high - low)
	if low, high = low-room, high+room; share {
		low, high = math.Max(0, low), math.Min(1, high)
	}
	same := Series{Label: "As expected", Comparator: true}
	for _, v := range []float64{low, high} {
		same.Points = append(same.Points, Point{X: v, Y: v, Low: math.NaN(), High: math.NaN(), Basis: NoPatients()})
	}
	format, ends := formatOf(share, low, high), []float64{low, high}
	f.Plot = Lines{X: Axis{Label: "Expected", Format: format, Range: ends}, Y: Axis{Label: "Observed", Format: format, Range: ends}, Series: []Series{points, same}, Markers: true}
	return f, len(points.Points) > 1
}

// cusumPicture shows both sums by quarter, or case by case, with their limits.
func cusumPicture(title string, g grid, r analysis.Result) (Figure, bool) {
	notes := g.notes()
	f := Figure{ID: "cusum", Title: title, Subtitle: upper(notes[0]) + ". Sums of log-likelihood ratios; a signal at a limit", Caption: Say(upper(notes[1]) + "." + limitWords(r) + warningWords(r)), Alt: Say("Cumulative sums for a rise and a fall, with limits.")}
	p := Lines{Y: Axis{Label: "Sum", Format: Format{Kind: NumberOf, Decimals: 1}}}
	for _, name := range []string{"rise", "fall"} {
		for _, s := range r.Series {
			if s.Name == "cusum-"+name {
				p.X.Label = upper(s.XUnit)
				p.Series = append(p.Series, Series{Label: upper(name), Points: signaled(s, g, name), Comparator: name == "fall"})
			}
		}
		for _, row := range g.Rows {
			if g.text(row, "direction") == name && !math.IsNaN(g.number(row, "limit")) {
				limit := g.number(row, "limit")
				if name == "fall" {
					limit = -limit
				}
				p.Reference = append(p.Reference, ReferenceLine{Value: limit, Label: "Limit " + name})
				break
			}
		}
	}
	if p.X.Label == "Quarter" {
		p.X.Ticks = quarterTicks(g)
	}
	p.Markers = len(p.Series) > 0 && len(p.Series[0].Points) <= 40
	f.Plot = p
	return f, len(p.Series) > 0
}

// signaled are the points of a sum, marked where it signals by what that means.
func signaled(s analysis.Series, g grid, name string) []Point {
	meaning := CommonCause
	for _, row := range g.Rows {
		if said := g.text(row, "meaning"); g.text(row, "direction") == name && said != "" {
			meaning = signalOf(said)
		}
	}
	out := seriesPoints(s)
	for i, q := range s.Points {
		if q.Events > 0 {
			out[i].Signal = meaning
		}
	}
	return out
}

// quarterTicks names the quarters of a table by their order.
func quarterTicks(g grid) []Tick {
	var names []string
	for _, row := range g.Rows {
		if q := g.text(row, "quarter"); !slices.Contains(names, q) {
			names = append(names, q)
		}
	}
	var out []Tick
	every := max(1, (len(names)+7)/8)
	for i := 0; i < len(names); i += every {
		out = append(out, Tick{At: float64(i + 1), Label: names[i]})
	}
	return out
}

// limitWords says when the sums signaled, and how often they would by chance.
func limitWords(r analysis.Result) string {
	out := ""
	for _, e := range r.Estimates {
		switch {
		case strings.HasPrefix(e.Term, "signals_") && e.Value.OK():
			out += fmt.Sprintf(" Signals of a %s: %.0f.", strings.TrimPrefix(e.Term, "signals_"), float64(e.Value))
		case strings.HasPrefix(e.Term, "arl_") && e.Value.OK():
			out += fmt.Sprintf(" Where nothing has changed one false signal of a %s comes in %.0f cases on the average.", strings.TrimPrefix(e.Term, "arl_"), float64(e.Value))
		}
	}
	return out
}

func seriesPoints(s analysis.Series) []Point {
	var out []Point
	for _, q := range s.Points {
		out = append(out, Point{X: float64(q.X), Y: float64(q.Y), Low: float64(q.Low), High: float64(q.High), Basis: On(q.N)})
	}
	return out
}

func vladPicture(title string, g grid, r analysis.Result) (Figure, bool) {
	notes := g.notes()
	f := Figure{ID: "vlad", Title: title, Subtitle: upper(notes[0]) + ". Net gain in events, up is better; the band is where chance alone would lie at one case", Caption: Say(upper(notes[1]) + "." + warningWords(r)), Alt: Say("Net gain case after case, with a band of chance.")}
	p := Lines{Ribbon: true, Y: Axis{Label: "Net gain in events", Format: Format{Kind: NumberOf}}, Reference: []ReferenceLine{{Value: 0, Label: "As expected"}}}
	for _, s := range r.Series {
		if s.Name != "vlad" {
			continue
		}
		p.X.Label = upper(s.XUnit)
		// The band is about zero, not about the line: it stands where chance would.
		none := Point{X: 0, Y: 0, Low: 0, High: 0, Basis: NoPatients()}
		p.Series = append(p.Series, Series{Label: "Net gain", Points: append([]Point{none}, seriesPoints(s)...)})
	}
	f.Plot = p
	return f, len(p.Series) > 0
}
