package cli

import (
	"encoding/csv"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"recoup/simulate"
	"recoup/simulate/evidence"
	"recoup/simulate/rehab"
)

// validation is the envelope of a validation report.
type validation struct {
	Schema     string             `json:"schema"`
	Provenance build              `json:"provenance"`
	Evidence   simulate.Source    `json:"evidence"`
	Draws      int                `json:"draws"`
	Patients   int                `json:"patients_per_draw"`
	Summary    []validationCount  `json:"summary"`
	Figures    []rehab.Validation `json:"figures"`
}

// validationCount counts verdicts of one kind of figure.
type validationCount struct {
	Figures string `json:"figures"`
	Total   int    `json:"total"`
	Agree   int    `json:"agree"`
	Wide    int    `json:"agree_within_a_wide_interval"`
	Miss    int    `json:"miss"`
}

func (a *app) simulateValidate() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "validate",
		Short: "Hold the model against published cohorts",
		Long: `Run the model on patients like those of published studies and set what it predicts
beside what was observed, figure by figure, with a verdict.

A figure marked "fitted" went into the evidence, or is of a table that did: that it
comes out proves the arithmetic, not the model. A figure marked "claim" is what the
field says of itself; nothing is fitted to it.

z is the error over the square root of the sum of squares of the observed standard
error, the spread over the draws and the Monte Carlo error. Up to 1.96 the
prediction agrees; "within a wide interval" says that it only does because its own
interval is wide. Where a study gives no standard error it is taken as 0.

-o picks the format by its ending: .json, .csv or .txt.`,
		Example: "  recoup simulate validate --draws 20 --patients 100",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			format, err := formatOf(f.out, a.json, ".json", ".csv", ".txt")
			if err != nil {
				return err
			}
			if f.draws < 20 || f.patients < 2 {
				return usagef("expected --draws of at least 20 and --patients of at least 2, for an interval")
			}
			ev, err := readEvidence(f.evidence)
			if err != nil {
				return err
			}
			report, stop := a.progress("Simulating studies")
			figures, err := rehab.Validate(c.Context(), ev, f.draws, f.patients, simulate.Options{Workers: f.workers, Progress: report})
			stop()
			if err != nil {
				return err
			}
			v := validation{"recoup.validation/v1", thisBuild(), simulate.Source{Name: ev.Name, Digest: ev.Digest()}, f.draws, f.patients, countVerdicts(figures), figures}
			return a.toFile(f.out, func(w io.Writer) error { return writeValidation(w, format, v) })
		},
	}
	c.Flags().StringVar(&f.evidence, "evidence", "", "file of parameters put over those that come with recoup")
	c.Flags().IntVar(&f.workers, "workers", 0, "goroutines; 0 for one a processor; the result does not depend on it")
	c.Flags().IntVar(&f.draws, "draws", 100, "parameter sets")
	c.Flags().IntVar(&f.patients, "patients", 500, "patients in each draw")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

// readEvidence reads the evidence that comes with recoup with that of a file over it,
// if a file is given.
func readEvidence(path string) (evidence.Set, error) {
	ev, err := evidence.Default()
	if err != nil || path == "" {
		return ev, err
	}
	b, err := readBounded(path, maxEvidence)
	if err != nil {
		return ev, err
	}
	over, err := evidence.Parse(path, b)
	if err == nil {
		ev, err = ev.Override(over)
	}
	if err != nil {
		return ev, fmt.Errorf("%w: %w", errInvalidInput, err)
	}
	return ev, nil
}

func kindOfFigure(v rehab.Validation) string {
	switch {
	case v.Claim:
		return "claim"
	case v.Calibrated:
		return "fitted"
	}
	return "predicted"
}

func countVerdicts(figures []rehab.Validation) []validationCount {
	var out []validationCount
	for _, kind := range []string{"predicted", "fitted", "claim"} {
		n := validationCount{Figures: kind}
		for _, v := range figures {
			if kindOfFigure(v) != kind {
				continue
			}
			n.Total++
			switch v.Verdict {
			case rehab.Agrees:
				n.Agree++
			case rehab.AgreesWide:
				n.Wide++
			default:
				n.Miss++
			}
		}
		out = append(out, n)
	}
	return out
}

func writeValidation(w io.Writer, format string, v validation) error {
	switch format {
	case ".json":
		return writeEncoded(w, v)
	case ".csv":
		rows := [][]string{{"study", "source", "strategy", "versus", "outcome", "unit", "kind", "observed", "observed_se", "predicted", "mcse", "lower", "upper", "error", "z", "verdict", "note"}}
		for _, x := range v.Figures {
			rows = append(rows, []string{
				x.Study, x.Source, x.Strategy, x.Versus, x.Outcome, x.Unit, kindOfFigure(x), full(x.Observed), full(x.SE), full(x.Predicted),
				full(x.MCSE), full(x.Lower), full(x.Upper), full(x.Error), full(x.Z), string(x.Verdict), x.Note,
			})
		}
		return csv.NewWriter(w).WriteAll(rows)
	}
	fmt.Fprintf(w, "The model beside published cohorts: %d draws of %d patients, evidence %s\n", v.Draws, v.Patients, v.Evidence.Name)
	study := ""
	var g grid
	flush := func() {
		if len(g.rows) > 0 {
			g.text(w)
		}
		g = grid{head: []string{"strategy", "outcome", "observed", "predicted", "95 % of draws", "z", "", "verdict", "note"}, right: []bool{false, false, true, true, true, true, false, false, false}}
	}
	for _, x := range v.Figures {
		if x.Study != study {
			flush()
			fmt.Fprintf(w, "\n%s\n%s\n", x.Study, x.Source)
			study = x.Study
		}
		strategy := x.Strategy
		if x.Versus != "" {
			strategy += " − " + x.Versus
		}
		g.rows = append(g.rows, []string{strategy, x.Outcome, number(float64(x.Observed)), number(float64(x.Predicted)), between(float64(x.Lower), float64(x.Upper)), fmt.Sprintf("%.1f", float64(x.Z)), kindOfFigure(x), string(x.Verdict), x.Note})
	}
	flush()
	fmt.Fprintln(w)
	for _, n := range v.Summary {
		fmt.Fprintf(w, "%s: %d of %d agree, %d more within a wide interval, %d miss\n", n.Figures, n.Agree, n.Total, n.Wide, n.Miss)
	}
	return nil
}
