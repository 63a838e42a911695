package reports

import (
	"math"

	"recoup/simulate/rehab"
)

// StudyValidation is the simulator held against published cohorts, as
// recoup simulate validate writes it.
type StudyValidation struct {
	Evidence, Digest string
	Recoup           string // the version that made it
	Draws, Patients  int
	Figures          []rehab.Validation
}

// validation shows how the simulator's predictions stand to published figures.
func (s *study) validation() Section {
	out := Section{ID: "validation", Title: "Validation of the simulator"}
	v := s.Validation
	if v == nil {
		out.Blocks = []Block{cannot("The simulator is not judged here", "No number of this report is simulated. To show how the simulator stands to published cohorts: recoup simulate validate -o validation.json, then recoup report study ... --validation validation.json.")}
		return out
	}
	out.Lead = s.say("The model is run on patients like those of published studies, {0} draws of {1} patients. Figures marked fitted went into its evidence: that they come out proves the arithmetic, not the model. Claims are what the field says of itself; nothing is fitted to them. No number of the other sections is simulated.", v.Draws, v.Patients)
	out.Blocks = []Block{v.verdicts(s.q.in), v.figures(s.q.in), v.errors(s.q.in)}
	return out
}

func figureKind(v rehab.Validation) string {
	switch {
	case v.Claim:
		return "claim"
	case v.Calibrated:
		return "fitted"
	}
	return "predicted"
}

var figureKinds = []string{"predicted", "fitted", "claim"}

func (v *StudyValidation) verdicts(in Language) Table {
	t := Table{
		ID: "verdicts", Caption: "Verdicts by kind of figure",
		Columns: []Column{{Label: "Kind"}, {Label: "Figures", Align: Right}, {Label: "Agree", Align: Right}, {Label: "Agree within a wide interval", Align: Right}, {Label: "Miss", Align: Right}},
		Footnotes: []Words{
			Say("A prediction agrees where its error is at most 1.96 of its standard errors: of the observed figure, the spread over the draws and Monte Carlo. Within a wide interval: only because the draws are spread widely."),
			in.Words("Evidence {0}, SHA-256 {1}; made by recoup {2}.", v.Evidence, v.Digest, v.Recoup),
		},
	}
	for _, kind := range figureKinds {
		var all, agree, wide int
		for _, x := range v.Figures {
			if figureKind(x) != kind {
				continue
			}
			all++
			switch x.Verdict {
			case rehab.Agrees:
				agree++
			case rehab.AgreesWide:
				wide++
			}
		}
		row := Row{Cells: []Cell{Label(upper(in.Text(kind)))}}
		for _, n := range []int{all, agree, wide, all - agree - wide} {
			row.Cells = append(row.Cells, Count(n).WithoutPatients())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (v *StudyValidation) figures(in Language) Table {
	t := Table{
		ID: "validated", Caption: "Each published figure and its prediction",
		Columns: []Column{{Label: "Study"}, {Label: "Figure"}, {Label: "Kind"}, {Label: "Unit"}, {Label: "Observed", Align: Right}, {Label: "Predicted (95 % of draws)", Align: Right}, {Label: in.Text("z"), Align: Right}, {Label: "Verdict"}, {Label: "Source"}},
	}
	for _, x := range v.Figures {
		t.Rows = append(t.Rows, Row{Cells: []Cell{
			Label(x.Study), Label(figureName(in, x)), Label(in.Text(figureKind(x))), Label(in.Text(x.Unit)), simulated(float64(x.Observed)),
			spanned(float64(x.Predicted), float64(x.Lower), float64(x.Upper), digitsOf(float64(x.Predicted))),
			because(simulated(float64(x.Z)), "the study gives no standard error that z could be worked out by"), Label(in.Text(string(x.Verdict))), Label(x.Source).English(),
		}})
		if x.Note != "" {
			t.Footnotes = append(t.Footnotes, in.Words("{0}, {1}: {2}", x.Study, figureName(in, x), foreign(x.Note)))
		}
	}
	return t
}

func figureName(in Language, x rehab.Validation) string {
	name := in.Text("{0}, {1}", in.term(x.Outcome), x.Strategy)
	if x.Versus != "" {
		return in.Text("{0} v {1}", name, x.Versus)
	}
	return name
}

func digitsOf(v float64) int { return max(decimalsFor(v), 0) }

func simulated(v float64) Cell { return figureOf(v, digitsOf(v)) }

// errors draws each prediction's error in its standard errors.
func (v *StudyValidation) errors(in Language) Figure {
	p := Dots{X: Axis{Label: "Error, in standard errors"}, Lines: []ReferenceLine{{Value: -1.96, Label: "−1.96"}, {Value: 1.96, Label: "1.96"}}}
	f := Figure{
		ID: "validation-errors", Title: "Predicted minus observed", Subtitle: "In standard errors; within ±1.96 a prediction agrees",
		Absent: Say("No figure has an error that could be worked out."), Caption: Say("The table gives the same numbers."),
	}
	for _, kind := range figureKinds {
		p.Series = append(p.Series, DotSeries{Label: upper(in.Text(kind)), Comparator: kind == "claim"})
	}
	const most = 60
	left := 0
	for _, x := range v.Figures {
		if math.IsNaN(float64(x.Z)) || math.IsInf(float64(x.Z), 0) {
			continue
		}
		if len(p.Rows) == most {
			left++
			continue
		}
		p.Rows = append(p.Rows, in.Text("{0}: {1}", x.Study, figureName(in, x)))
		for k, kind := range figureKinds {
			c := Cell{}
			if figureKind(x) == kind {
				c = simulated(float64(x.Z))
				c.Format.Decimals = 1
			}
			p.Series[k].Values = append(p.Series[k].Values, c)
		}
	}
	if left > 0 {
		f.Caption = in.Words("The table gives the same numbers. The first {0}; {1} more are in the table.", most, left)
	}
	if len(p.Rows) > 0 {
		f.Plot = p
		f.Alt = Say(in.Count(len(p.Rows), "Errors of {0} prediction in standard errors; the table gives the same numbers.", "Errors of {0} predictions in standard errors; the table gives the same numbers."))
	}
	return f
}
