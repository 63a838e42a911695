package reports

import (
	"fmt"
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
	out.Lead = Say(fmt.Sprintf("The model is run on patients like those of published studies, %d draws of %d patients. Figures marked fitted went into its evidence: that they come out proves the arithmetic, not the model. Claims are what the field says of itself; nothing is fitted to them. No number of the other sections is simulated.", v.Draws, v.Patients))
	out.Blocks = []Block{v.verdicts(), v.figures(), v.errors()}
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

func (v *StudyValidation) verdicts() Table {
	t := Table{
		ID: "verdicts", Caption: "Verdicts by kind of figure",
		Columns: []Column{{Label: "Kind"}, {Label: "Figures", Align: Right}, {Label: "Agree", Align: Right}, {Label: "Agree within a wide interval", Align: Right}, {Label: "Miss", Align: Right}},
		Footnotes: []Words{
			Say("A prediction agrees where its error is at most 1.96 of its standard errors: of the observed figure, the spread over the draws and Monte Carlo. Within a wide interval: only because the draws are spread widely."),
			Say(fmt.Sprintf("Evidence %s, SHA-256 %s; made by recoup %s.", v.Evidence, v.Digest, v.Recoup)),
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
		row := Row{Cells: []Cell{Label(upper(kind))}}
		for _, n := range []int{all, agree, wide, all - agree - wide} {
			row.Cells = append(row.Cells, Count(n).WithoutPatients())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (v *StudyValidation) figures() Table {
	t := Table{
		ID: "validated", Caption: "Each published figure and its prediction",
		Columns: []Column{{Label: "Study"}, {Label: "Figure"}, {Label: "Kind"}, {Label: "Unit"}, {Label: "Observed", Align: Right}, {Label: "Predicted (95 % of draws)", Align: Right}, {Label: "z", Align: Right}, {Label: "Verdict"}, {Label: "Source"}},
	}
	for _, x := range v.Figures {
		t.Rows = append(t.Rows, Row{Cells: []Cell{
			Label(x.Study), Label(figureName(x)), Label(figureKind(x)), Label(x.Unit), simulated(float64(x.Observed)),
			spanned(float64(x.Predicted), float64(x.Lower), float64(x.Upper), digitsOf(float64(x.Predicted))),
			because(simulated(float64(x.Z)), "the study gives no standard error that z could be worked out by"), Label(string(x.Verdict)), Label(x.Source),
		}})
		if x.Note != "" {
			t.Footnotes = append(t.Footnotes, Say(x.Study+", "+figureName(x)+": "+x.Note))
		}
	}
	return t
}

func figureName(x rehab.Validation) string {
	name := termName(x.Outcome) + ", " + x.Strategy
	if x.Versus != "" {
		name += " v " + x.Versus
	}
	return name
}

func digitsOf(v float64) int { return max(decimalsFor(v), 0) }

func simulated(v float64) Cell { return figureOf(v, digitsOf(v)) }

// errors draws each prediction's error in its standard errors.
func (v *StudyValidation) errors() Figure {
	p := Dots{X: Axis{Label: "Error, in standard errors"}, Lines: []ReferenceLine{{Value: -1.96, Label: "−1.96"}, {Value: 1.96, Label: "1.96"}}}
	f := Figure{
		ID: "validation-errors", Title: "Predicted minus observed", Subtitle: "In standard errors; within ±1.96 a prediction agrees",
		Absent: Say("No figure has an error that could be worked out."), Caption: Say("The table gives the same numbers."),
	}
	for _, kind := range figureKinds {
		p.Series = append(p.Series, DotSeries{Label: upper(kind), Comparator: kind == "claim"})
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
		p.Rows = append(p.Rows, x.Study+": "+figureName(x))
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
		f.Caption = f.Caption.And(fmt.Sprintf(" The first %d; %d more are in the table.", most, left))
	}
	if len(p.Rows) > 0 {
		f.Plot = p
		f.Alt = Say(fmt.Sprintf("Errors of %s in standard errors; the table gives the same numbers.", counted(len(p.Rows), "prediction", "predictions")))
	}
	return f
}
