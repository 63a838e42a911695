package render

import (
	"math"

	"recoup/reports"
)

var nan = math.NaN()

// example is a report with every kind of block and figure. All its numbers are
// made up; it is marked synthetic.
func example() reports.Report {
	return reports.Report{
		Title:    "Outcome report",
		Subtitle: "Meridian interdisciplinary pain program · synthetic data",
		Period:   "2026Q3",
		Audience: "program directors",
		Warnings: []reports.Warning{{Code: "follow-up-low", Text: "Twelve-month follow-up is 62%: read the later outcomes as those of the people seen, not of everyone who began."}},
		Sections: []reports.Section{glance(), outcomes(), overTime(), economics(), work(), opioids()},
		Provenance: reports.Provenance{
			Facts: []reports.Fact{
				{Name: "Version", Value: reports.Label("0.1.0")},
				{Name: "Cohort digest", Value: reports.Label("sha256:4f0c9a7d5be1f2c38a6d90b1e7c45a2f93d6e8b7a1c0d2e3f4a5b6c7d8e9f0a1")},
				{Name: "Patients", Value: reports.Count(769)},
				{Name: "Seed", Value: reports.Label("20260701")},
			},
			Tables: []reports.Table{{
				ID: "excluded", Caption: "Rows left out", Columns: []reports.Column{{Label: "Reason"}, {Label: "Rows", Align: reports.Right}},
				Rows: []reports.Row{
					{Cells: []reports.Cell{reports.Label("no entry assessment"), reports.Count(31)}},
					{Cells: []reports.Cell{reports.Label("visit out of window"), reports.Count(18)}},
					{Cells: []reports.Cell{reports.Label("no arm stated"), reports.Count(4)}},
					{Total: true, Cells: []reports.Cell{reports.Label("All"), reports.Count(53)}},
				},
				Sums: []reports.Sum{{Total: reports.At{Row: 3, Column: 1}, Parts: []reports.At{{Row: 0, Column: 1}, {Row: 1, Column: 1}, {Row: 2, Column: 1}}}},
			}},
		},
	}
}

func glance() reports.Section {
	return reports.Section{
		ID: "glance", Title: "At a glance",
		Lead: reports.Say("Of ").With(reports.Count(387)).And(" people who completed the program, ").
			With(reports.CountShare(224, 387)).And(" reached the important difference in pain interference."),
		Blocks: []reports.Block{
			reports.Tiles{Tiles: []reports.Tile{
				{
					Label: "reached ≥ 30% better pain interference", Value: reports.Share(224, 387).Within(0.53, 0.63),
					Detail: reports.Say("55% in 2025Q3"), Status: reports.Better,
					Benchmark: reports.Cell{Value: 0.49, Low: nan, High: nan, Format: reports.Format{Kind: reports.Percent}, Basis: reports.NoPatients()}, BenchmarkSource: "made-up registry, 12 clinics",
				},
				{Label: "completed ≥ 80% of sessions", Value: reports.Share(279, 387).Within(0.67, 0.76), Status: reports.Same},
				{Label: "median change in daily opioid dose", Value: reports.Estimate(-31, -37.2, -24.6, 0, 164).WithUnit("", " MME"), Status: reports.Better},
				{Label: "cost per QALY against usual care", Value: reports.Number(15970, 0, 387).WithUnit("$", ""), Status: reports.Unclear, StatusText: "Interval includes no gain"},
			}},
			reports.Figure{
				ID: "flow", Title: "Three in four of those admitted complete the program", Subtitle: "Referrals of the quarter and what became of them",
				Caption: reports.Say("Percentages are of the step before."), Alt: reports.Say("Flow from 612 referred to 240 followed up."),
				Plot: reports.Flow{Steps: []reports.FlowStep{
					{Label: "Referred", Count: reports.Count(612), Lost: []reports.FlowLoss{{Label: "not suited", Count: reports.Count(61)}, {Label: "declined", Count: reports.Count(38)}}},
					{Label: "Admitted", Count: reports.Count(513), Lost: []reports.FlowLoss{{Label: "left early", Count: reports.Count(126)}}},
					{Label: "Completed", Count: reports.Count(387), Lost: []reports.FlowLoss{{Label: "not reached at 12 months", Count: reports.Count(147)}}},
					{Label: "Followed up", Count: reports.Count(240)},
				}},
			},
			reports.Notice{Level: reports.CannotShow, Title: "Costs are not shown", Text: reports.Say("The cohort has no cost table. Adding one with a payer and a date for each amount would cure this.")},
		},
	}
}

func outcomes() reports.Section {
	col := func(label string) reports.Column { return reports.Column{Label: label, Align: reports.Right} }
	row := func(name string, n int, a, asd, b, bsd, d, lo, hi float64, reached int) reports.Row {
		return reports.Row{Indent: 1, Cells: []reports.Cell{
			reports.Label(name), reports.Count(n), reports.Mean(a, asd, 1, n), reports.Mean(b, bsd, 1, n),
			reports.Estimate(d, lo, hi, 1, n).WithSign(), reports.Share(reached, n),
		}}
	}
	return reports.Section{
		ID: "outcomes", Title: "Outcomes by domain",
		Blocks: []reports.Block{
			reports.Table{
				ID: "change", Caption: "Patient-reported outcomes, completers with both assessments",
				Columns: []reports.Column{{Label: "Measure"}, col("n"), col("Entry, mean (SD)"), col("12 months, mean (SD)"), col("Change (95% CI)"), col("Reached MCID")},
				Rows: []reports.Row{
					{Heading: true, Cells: []reports.Cell{reports.Label("Pain")}},
					row("Pain interference (BPI, 0–10)", 387, 6.4, 1.9, 4.1, 2.3, -2.3, -2.6, -2.0, 224),
					{Heading: true, Cells: []reports.Cell{reports.Label("Mood and coping")}},
					row("Depression (PHQ-9)", 381, 13.2, 5.8, 9.4, 6.0, -3.8, -4.4, -3.2, 156),
					row("Self-efficacy (PSEQ, 0–60)", 379, 21.7, 11.0, 33.0, 13.1, 11.3, 10.0, 12.6, 235),
					{Indent: 1, Cells: []reports.Cell{reports.Label("Sleep (ISI)"), reports.Count(0), reports.NotAvailable("Not asked before 2026."), reports.NotAvailable("Not asked before 2026."), reports.NotAvailable("Needs both assessments."), reports.Share(0, 0)}},
				},
				Footnotes: []reports.Words{reports.Say("Change is the mean of paired differences with its t interval.")},
			},
			forest(), responders(), balance(),
			reports.Definitions{Title: "Words used here", Items: []reports.Definition{
				{Term: "MCID", Meaning: "the least difference that patients find important", Source: "made-up source, 2020"},
				{Term: "Hedges g", Meaning: "the difference of means over the pooled SD, corrected for small samples"},
			}},
		},
	}
}

func forest() reports.Figure {
	row := func(label string, a, an, b, bn int, v, lo, hi float64) reports.ForestRow {
		return reports.ForestRow{Label: label, Columns: []reports.Cell{reports.Fraction(a, an), reports.Fraction(b, bn)}, Estimate: reports.Estimate(v, lo, hi, 2, an+bn), Weight: float64(an + bn)}
	}
	head := func(label string) reports.ForestRow { return reports.ForestRow{Label: label, Heading: true} }
	all := row("All participants", 158, 387, 120, 382, 1.30, 1.08, 1.57)
	all.Role = reports.Pooled
	bench := reports.ForestRow{Label: "Published trials", Estimate: reports.Estimate(1.22, 1.02, 1.46, 2, 0).WithoutPatients(), Role: reports.Benchmark}
	return reports.Figure{
		ID: "forest", Title: "Clinically important improvement in pain interference at 12 months",
		Subtitle: "Risk ratio for ≥ 30% reduction in BPI interference, interdisciplinary program vs usual care",
		Caption:  reports.Say("Squares sized by n; bars are 95% confidence intervals. Arrow: the interval runs past the axis. Synthetic cohort, n = ").With(reports.Count(769)).And("."),
		Alt:      reports.Say("Risk ratios by subgroup lie between 1.13 and 1.47; all together 1.30."),
		Plot: reports.Forest{
			LabelHead: "Subgroup", Columns: []string{"Program", "Usual care"}, Result: "RR (95% CI)", Log: true, Reference: 1,
			Favors: [2]string{"Favors usual care", "Favors program"}, X: reports.Axis{Range: []float64{0.5, 2.5}},
			Rows: []reports.ForestRow{
				head("Pain site"), row("Low back", 88, 210, 61, 204, 1.40, 1.08, 1.83), row("Neck / shoulder", 41, 96, 34, 99, 1.24, 0.87, 1.77),
				row("Widespread", 29, 81, 25, 79, 1.13, 0.73, 1.75), head("Opioid at entry"), row("None", 97, 222, 73, 219, 1.31, 1.03, 1.66),
				row("< 50 MME a day", 44, 108, 35, 104, 1.21, 0.85, 1.72), row("≥ 50 MME a day", 17, 57, 12, 59, 1.47, 0.77, 2.79), all, bench,
			},
		},
	}
}

func responders() reports.Figure {
	share := func(a, n int, lo, hi float64) reports.Cell { return reports.Share(a, n).Within(lo, hi) }
	return reports.Figure{
		ID: "responders", Title: "The rule for missing follow-up changes the answer", Subtitle: "Share reaching the important difference at 12 months, with Wilson 95% intervals",
		Caption: reports.Say("n = ").With(reports.Count(387)).And(" began; those seen differ by measure."), Alt: reports.Say("Shares under two rules."),
		Plot: reports.Dots{
			X:    reports.Axis{Label: "Share of patients", Format: reports.Format{Kind: reports.Percent}, Range: []float64{0, 1}},
			Rows: []string{"Pain interference (BPI), 30% reduction", "Depression (PHQ-9), 5 points", "Self-efficacy (PSEQ), 7 points"},
			Series: []reports.DotSeries{
				{Label: "Those seen", Values: []reports.Cell{share(224, 387, .53, .63), share(156, 381, .36, .46), share(235, 379, .57, .67)}},
				{Label: "Missing counts as no improvement", Comparator: true, Values: []reports.Cell{share(224, 513, .39, .48), share(156, 513, .27, .35), share(235, 513, .42, .50)}},
			},
		},
	}
}

func balance() reports.Figure {
	names := []string{"Opioid dose (MME)", "BPI interference", "PHQ-9", "Off work at entry", "Age", "Female sex"}
	before, after := []float64{.47, .42, .36, .22, .18, .06}, []float64{.12, .06, .05, .03, .02, .01}
	cells := func(vs []float64) (out []reports.Cell) {
		for _, v := range vs {
			out = append(out, reports.Number(v, 2, 769))
		}
		return out
	}
	return reports.Figure{
		ID: "balance", Title: "Weighting balances the groups on all but opioid dose", Subtitle: "Absolute standardized mean difference, program vs comparison, before and after weighting",
		Caption: reports.Say("Effective sample size 612 of 769."), Alt: reports.Say("All but one difference fall under 0.1 after weighting."),
		Plot: reports.Dots{
			X: reports.Axis{Label: "Absolute standardized mean difference"}, Rows: names, Join: true,
			Lines:  []reports.ReferenceLine{{Value: 0.1, Label: "Balance threshold 0.10"}},
			Series: []reports.DotSeries{{Label: "Weighted (overlap weights)", Values: cells(after)}, {Label: "Unadjusted", Values: cells(before), Comparator: true}},
		},
	}
}

func overTime() reports.Section {
	ys := []float64{.589, .609, .573, .646, .632, .650, .575, .629, .425, .566, .643, .569, .619, .605, .583, .705, .741, .712, .715, .720, .675, .710, .712, .720}
	labels := map[int]string{0: "Jan 24", 3: "Apr", 6: "Jul", 9: "Oct", 12: "Jan 25", 15: "Apr", 18: "Jul", 21: "Oct"}
	var pts, pchart []reports.ControlPoint
	for i, y := range ys {
		p := reports.ControlPoint{Label: labels[i], Y: y, Lower: .429, Upper: .760, Center: nan, Basis: reports.On(60)}
		if i >= 15 {
			p.Signal, p.Rule = reports.Improvement, "seven or more in a row on one side of the center"
		}
		if i == 8 {
			p.Signal, p.Rule = reports.Concern, "point outside the limits"
		}
		pts = append(pts, p)
		n := 40 + 7*(i%5)
		w := 3 * math.Sqrt(.6*.4/float64(n))
		q := reports.ControlPoint{Label: labels[i], Y: y, Lower: .6 - w, Upper: .6 + w, Center: nan, Basis: reports.On(n)}
		pchart = append(pchart, q)
	}
	pct := reports.Axis{Format: reports.Format{Kind: reports.Percent}}
	return reports.Section{ID: "time", Title: "Over time and between sites", Blocks: []reports.Block{
		reports.Figure{
			ID: "xmr", Title: "Participants completing the program", Subtitle: "Share of starters finishing ≥ 80% of sessions, by month of entry. XmR chart, limits from first 15 months",
			Alt: reports.Say("Completion rises above the center from April 2025."), Caption: reports.Say("Limits: center ± 2.66 × average moving range."),
			Plot: reports.Control{Y: pct, Points: pts, Center: .594, Target: .65},
		},
		reports.Figure{
			ID: "p-chart", Title: "Follow-up at 12 months by month of entry", Subtitle: "Share followed up; p chart with limits for each month's n",
			Alt: reports.Say("p chart."), Plot: reports.Control{Y: pct, Points: pchart, Center: .6, Target: nan, Limits: "center ± 3 √(p(1−p)/n)"},
		},
		funnelFigure(),
	}}
}

func funnelFigure() reports.Figure {
	var limits []reports.FunnelLimit
	for n := 10; n <= 260; n += 5 {
		se := math.Sqrt(.56 * .44 / float64(n))
		limits = append(limits, reports.FunnelLimit{N: float64(n), Lower95: .56 - 1.96*se, Upper95: .56 + 1.96*se, Lower998: .56 - 3.09*se, Upper998: .56 + 3.09*se})
	}
	site := func(name string, n, a int, own bool) reports.FunnelPoint {
		return reports.FunnelPoint{Label: name, N: float64(n), Y: float64(a) / float64(n), Own: own, Basis: reports.ShareOf(a, n)}
	}
	return reports.Figure{
		ID: "funnel", Title: "One site of nine lies above the limits", Subtitle: "Share reaching the important difference, by number of patients", Alt: reports.Say("Funnel plot of nine sites."),
		Caption: reports.Say("Each point is a program."),
		Plot: reports.Funnel{
			X: reports.Axis{Label: "Patients"}, Y: reports.Axis{Format: reports.Format{Kind: reports.Percent}}, Center: .56, Target: nan, Limits: limits,
			Dispersion: "Over-dispersion φ = 1.3: limits not inflated.",
			Points: []reports.FunnelPoint{
				site("Alder", 32, 20, false), site("Birch", 48, 24, false), site("Cedar", 75, 47, false), site("Elm", 77, 40, false), site("Meridian", 120, 86, true),
				site("Hazel", 142, 80, false), site("Larch", 180, 98, false), site("Oak", 215, 118, false), site("Pine", 240, 137, false),
			},
		},
	}
}

func economics() reports.Section {
	var pts [][2]float64
	u := uint32(7)
	next := func() float64 { // sum of 12 uniforms less 6: nearly normal
		s := -6.0
		for range 12 {
			u = u*1664525 + 1013904223
			s += float64(u) / (1 << 32)
		}
		return s
	}
	for range 2000 {
		a, b := next(), next()
		pts = append(pts, [2]float64{.072 + .035*a, 1150 + 620*(-.3*a+.954*b)})
	}
	ell := func(l float64) reports.Ellipse {
		return reports.Ellipse{Level: l, MeanX: .072, MeanY: 1150, VarX: .035 * .035, VarY: 620 * 620, Covariance: -.3 * .035 * 620}
	}
	curve := func(label string, f func(float64) float64) reports.Series {
		s := reports.Series{Label: label}
		for x := 0.0; x <= 60000; x += 1000 {
			s.Points = append(s.Points, reports.Point{X: x, Y: f(x), Low: nan, High: nan, Basis: reports.NoPatients()})
		}
		return s
	}
	usual := curve("Usual care", func(x float64) float64 { return .8 * math.Exp(-x/7000) })
	usual.Comparator = true
	digital := curve("Digital self-management", func(x float64) float64 {
		return (1 - .8*math.Exp(-x/7000)) * (1 - .65*(1-math.Exp(-x/25000))) * .9
	})
	inter := curve("Interdisciplinary", func(x float64) float64 { return 0 })
	for i := range inter.Points {
		inter.Points[i].Y = 1 - usual.Points[i].Y - digital.Points[i].Y
	}
	frontier := make([]reports.Point, len(inter.Points))
	for i := range frontier {
		frontier[i] = inter.Points[i]
		frontier[i].Y = max(inter.Points[i].Y, usual.Points[i].Y, digital.Points[i].Y)
	}
	money := reports.Format{Kind: reports.NumberOf, Prefix: "$"}
	return reports.Section{ID: "economics", Title: "Costs", Blocks: []reports.Block{
		reports.Figure{
			ID: "plane", Title: "The interdisciplinary program costs more and gains health", Subtitle: "2,000 probabilistic simulations, per participant over 5 years, versus usual care",
			Alt: reports.Say("Most simulations lie in the upper right."), Caption: reports.Say("88% of simulations lie below the $20,000 line. Discounted at 3%."),
			Plot: reports.Plane{
				X: reports.Axis{Label: "Incremental QALYs"}, Y: reports.Axis{Label: "Incremental cost", Format: money}, Points: pts, MeanX: .072, MeanY: 1150,
				Ellipses: []reports.Ellipse{ell(.5), ell(.95)}, Threshold: 20000, ThresholdText: "$20,000 per QALY",
			},
		},
		reports.Figure{
			ID: "ceac", Title: "Which program is most likely to be cost-effective?", Subtitle: "Cost-effectiveness acceptability curves, 4,000 simulations", Alt: reports.Say("Acceptability curves of three strategies."),
			Caption: reports.Say("Shaded: decision range $20,000 to $30,000 per QALY."),
			Plot:    reports.Acceptability{X: reports.Axis{Label: "Willingness to pay per QALY", Format: money}, Series: []reports.Series{inter, digital, usual}, Frontier: frontier, Shaded: []float64{20000, 30000}},
		},
	}}
}

func work() reports.Section {
	curve := func(label string, n int, rate float64, comparator bool, risk ...int) reports.Curve {
		c := reports.Curve{Label: label, N: n, End: 24, Comparator: comparator}
		for i := 1; i <= 72; i++ {
			t := float64(i) / 3
			f := 1 - math.Exp(-rate*t)
			se := 1.96 * math.Sqrt(f*(1-f)/float64(n)) * 1.3
			s := reports.Step{Time: t, Value: f, Low: max(f-se, 0), High: min(f+se, 1), AtRisk: n - i, Events: 2}
			if i%5 == 0 {
				s.Censored = 1
			}
			c.Steps = append(c.Steps, s)
		}
		for _, r := range risk {
			c.AtRisk = append(c.AtRisk, reports.Count(r))
		}
		return c
	}
	panel := func(label string, n int, back, retired float64) reports.StackPanel {
		p := reports.StackPanel{Label: label, N: n, End: 24}
		for i := range 48 {
			t := float64(i+1) / 2
			p.Steps = append(p.Steps, reports.StackStep{Time: t, Shares: []float64{back * t / 24, retired * t / 24}, Followed: n - i, Changes: []int{1, 1}})
		}
		for i := range 7 {
			p.AtRisk = append(p.AtRisk, reports.Count(n*(7-i)/7))
		}
		return p
	}
	return reports.Section{ID: "work", Title: "Work", Blocks: []reports.Block{
		reports.Figure{
			ID: "first", Title: "What happened first", Subtitle: "Share by month (Aalen-Johansen)", Alt: reports.Say("Most return, some retire."),
			Plot: reports.Stack{
				X: reports.Axis{Label: "Months since program entry"}, Layers: []string{"return", "leaving the work force"}, Rest: "no event yet",
				RiskTimes: []float64{0, 4, 8, 12, 16, 20, 24}, RiskTitle: "Number without an event and still followed",
				Panels: []reports.StackPanel{panel("Interdisciplinary", 12214, .7, .1), panel("Usual care", 207, .4, .2), panel("Waiting list", 80, .2, .3)},
			},
		},
		reports.Figure{
			ID: "rtw", Title: "Return to work after program entry", Subtitle: "Cumulative proportion back at work (1 − Kaplan–Meier), with 95% pointwise confidence bands",
			Caption: reports.Say("Log-rank p ").With(reports.P(0.0002, 421)).And(". Synthetic cohort."), Alt: reports.Say("Return to work is faster in the program."),
			Plot: reports.Survival{
				X: reports.Axis{Label: "Months since program entry"}, RiskTimes: []float64{0, 4, 8, 12, 16, 20, 24}, RiskTitle: "Number still off work and under observation",
				Curves: []reports.Curve{curve("Interdisciplinary", 214, .08, false, 214, 163, 104, 67, 35, 24, 18), curve("Usual care", 207, .036, true, 207, 172, 143, 108, 81, 69, 48)},
			},
		},
	}}
}

func opioids() reports.Section {
	visit := func(x, y, h float64) reports.Point {
		return reports.Point{X: x, Y: y, Low: y - h, High: y + h, Basis: reports.On(150)}
	}
	var weekly reports.Series
	weekly.Label = "Mean daily dose"
	for w := 0; w <= 26; w++ {
		y := 20 + 62*math.Exp(-float64(w)/7)
		weekly.Points = append(weekly.Points, reports.Point{X: float64(w), Y: y, Low: y - 6, High: y + 6, Basis: reports.On(164)})
	}
	ticks := []reports.Tick{{At: 0, Label: "Entry"}, {At: 1, Label: "Discharge"}, {At: 2, Label: "6 months"}, {At: 3, Label: "12 months"}}
	return reports.Section{ID: "opioids", Title: "Opioids", Blocks: []reports.Block{
		reports.Figure{
			ID: "dose", Title: "Dose falls by two thirds in half a year", Subtitle: "Mean daily dose (MME) by week, with 95% interval; those with a dose at entry", Alt: reports.Say("Dose falls from 82 to 22 MME."),
			Plot: reports.Lines{
				X: reports.Axis{Label: "Weeks since entry"}, Y: reports.Axis{}, Series: []reports.Series{weekly}, Step: true, Ribbon: true,
				Reference: []reports.ReferenceLine{{Value: 50, Label: "50 MME a day"}},
			},
		},
		reports.Figure{
			ID: "trajectory", Title: "Pain interference over the visits", Subtitle: "Mean (95% interval), mixed model, by arm", Alt: reports.Say("Both arms improve, the program more."),
			Caption: reports.Say("Scale 0 to 10, lower is better."),
			Plot: reports.Lines{X: reports.Axis{Ticks: ticks, Range: []float64{-0.15, 3.15}}, Y: reports.Axis{Range: []float64{0, 10}}, Markers: true, Series: []reports.Series{
				{Label: "Interdisciplinary", Points: []reports.Point{visit(0, 6.4, .2), visit(1, 4.4, .25), visit(2, 4.2, .3), visit(3, 4.1, .33)}},
				{Label: "Waiting list", Points: []reports.Point{visit(0, 6.3, .2), visit(1, 6.1, .25), {X: 2, Y: nan}, visit(3, 5.5, .35)}},
				{Label: "Usual care", Comparator: true, Points: []reports.Point{visit(0, 6.3, .2), visit(1, 5.9, .25), visit(2, 5.6, .3), visit(3, 5.4, .35)}},
			}},
		},
		reports.Figure{
			ID: "patterns", Title: "Half of those who miss a visit come back", Subtitle: "Which visits have values, and of how many",
			Caption: reports.Say("Made up."), Alt: reports.Say("Patterns of visits seen and missing."),
			Plot: reports.Matrix{
				RowTitle: "Order", ColumnTitle: "Visit", Rows: []string{"complete", "monotone", "intermittent, with a long name that must be cut"},
				Columns: []string{"baseline", "discharge", "six months after discharge", "patients"},
				Kinds:   [4]string{reports.MatrixFirst: "Seen", reports.MatrixSecond: "By telephone", reports.MatrixEmpty: "Missing"},
				Cells: [][]reports.MatrixCell{
					{{Kind: reports.MatrixFirst}, {Kind: reports.MatrixFirst}, {Kind: reports.MatrixFirst}, {Cell: reports.Count(210)}},
					{{Kind: reports.MatrixFirst}, {Kind: reports.MatrixFirst}, {Kind: reports.MatrixEmpty}, {Cell: reports.Count(88)}},
					{{Kind: reports.MatrixFirst}, {Kind: reports.MatrixEmpty}, {Kind: reports.MatrixSecond, Cell: reports.Number(-1.5, 1, 40)}},
				},
			},
		},
		reports.Figure{
			ID: "nothing", Title: "Tapering speed", Subtitle: "Percent of entry dose a week", Plot: reports.Lines{},
			Absent: reports.Say("No dose was recorded between entry and discharge; a weekly dose record would cure this."),
		},
	}}
}
