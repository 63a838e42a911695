package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/simulate"
	"recoup/simulate/rehab"
)

// calibration is the envelope of a calibration's result.
type calibration struct {
	Schema      string            `json:"schema"`
	Provenance  build             `json:"provenance"`
	Calibration rehab.Calibration `json:"calibration"`
	Scenario    simulate.Source   `json:"scenario"`
	Start       simulate.Source   `json:"start"`
	rehab.Fitted
}

func (a *app) simulateCalibrate() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "calibrate SCENARIO CALIBRATION",
		Short: "Fit parameters to published figures or to a cohort's",
		Long: fmt.Sprintf(`Fit named parameters so that the model gives the figures asked for, by weighted
least squares on common random numbers. A calibration is a file such as

  name: our-program
  parameters: [effect.pain, taper.pause]
  targets:
    - {strategy: interdisciplinary-4-week, outcome: pain_change_26w, value: -1.4, se: 0.2, source: our cohort}
    - {study: brox-2010, hold_out: true}
  method: gauss-newton   # or nelder-mead; or imis, which samples all that fits
  prior: true            # hold to the evidence's own values, with their spread
  patients: 4000

A target is of the scenario's patients, or of those of a published study; a study
alone stands for all its figures with a standard error. With hold_out a target is
not fitted to, but told. Claims of the field are never fitted to. The studies are
%s.

Every parameter is told with its standard error, every target with its error before
and after. -o FILE.yaml writes the parameters as evidence, to be given to --evidence,
with their correlations; .json and .txt the whole result. method: imis gives the
posterior of prior and targets (incremental mixture importance sampling), and .csv its
draws; it runs the model some thousand times.`, strings.Join(rehab.Studies(), ", ")),
		Example: "  recoup simulate calibrate scenario.yaml calibration.yaml\n  recoup simulate calibrate scenario.yaml calibration.yaml -o fitted.yaml",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			format, err := formatOf(f.out, a.json, ".yaml", ".json", ".txt", ".csv")
			if err != nil {
				return err
			}
			f.draws = -1
			j, err := a.readJob(args[0], f, c.Flags().Changed("seed"))
			if err != nil {
				return err
			}
			b, err := readBounded(args[1], maxScenario)
			if err != nil {
				return err
			}
			k, err := rehab.ParseCalibration(args[1], b)
			if err != nil {
				return err
			}
			if f.patients > 0 {
				k.Patients = f.patients
			}
			if format == ".csv" && k.Method != "imis" {
				return usagef("only method: imis has draws to write as CSV; write .yaml, .json or .txt")
			}
			report, stop := a.progress("Fitting")
			fitted, err := rehab.Calibrate(c.Context(), k, j.Scenario, j.Evidence, simulate.Options{Workers: f.workers, Progress: report})
			stop()
			if errors.Is(err, rehab.ErrCalibration) {
				err = fmt.Errorf("%w: %w", errInvalidInput, err)
			}
			if err != nil {
				return err
			}
			digest, err := j.Scenario.Digest()
			if err != nil {
				return err
			}
			out := calibration{"recoup.calibration/v1", thisBuild(), k, simulate.Source{Name: j.Scenario.Name, Digest: digest}, simulate.Source{Name: j.Evidence.Name, Digest: j.Evidence.Digest()}, fitted}
			return a.toFile(f.out, func(w io.Writer) error { return writeCalibration(w, format, out) })
		},
	}
	c.Flags().StringVar(&f.evidence, "evidence", "", "file of parameters put over those that come with recoup")
	addPriceIndex(c, &f.prices)
	c.Flags().IntVar(&f.workers, "workers", 0, "goroutines; 0 for one a processor; the result does not depend on it")
	c.Flags().IntVar(&f.patients, "patients", 0, "patients of each scenario, in place of the calibration's")
	c.Flags().Uint64Var(&f.seed, "seed", 0, "in place of the scenario's")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

func writeCalibration(w io.Writer, format string, c calibration) error {
	switch format {
	case ".yaml":
		return writeEvidence(w, format, c.Evidence)
	case ".csv":
		return posteriorTable(c).csv(w)
	case ".json":
		return writeEncoded(w, c)
	}
	settled := "settled"
	if !c.Converged {
		settled = "not settled"
	}
	fmt.Fprintf(w, "%s: %d parameters by %s, %s after %d evaluations\n\n", c.Calibration.Name, len(c.Parameters), c.Method, settled, c.Evaluations)
	g := grid{head: []string{"parameter", "start", "fitted", "SE", "95 % interval"}, right: []bool{false, true, true, true, true}}
	for _, p := range c.Parameters {
		g.rows = append(g.rows, []string{p.Name, number(float64(p.Start)), number(float64(p.Value)), number(float64(p.SE)), between(float64(p.Lower), float64(p.Upper))})
	}
	g.text(w)
	fmt.Fprintln(w)
	t := grid{head: []string{"study", "strategy", "outcome", "target", "SE", "before", "after", "MCSE", "z", ""}, right: []bool{false, false, false, true, true, true, true, true, true, false}}
	for _, x := range c.Targets {
		mark, strategy, study := "", x.Strategy, x.Study
		if x.HoldOut {
			mark = "held out"
		}
		if x.Versus != "" {
			strategy += " − " + x.Versus
		}
		if study == "" {
			study = "the scenario"
		}
		t.rows = append(t.rows, []string{study, strategy, x.Outcome, number(x.Value), number(x.SE), number(float64(x.Before)), number(float64(x.After)), number(float64(x.MCSE)), fmt.Sprintf("%.2f", float64(x.Z)), mark})
	}
	t.text(w)
	fmt.Fprintf(w, "\nchi-square %s on %d, p %s\n", number(float64(c.ChiSquare)), c.DF, number(float64(c.P)))
	if p := c.Posterior; p != nil {
		fmt.Fprintf(w, "posterior: %d sets, worth %.0f; log evidence %s\n", p.Samples, float64(p.Effective), number(float64(p.LogEvidence)))
	}
	for _, x := range c.Warnings {
		fmt.Fprintf(w, "warning: %s [%s]\n", x.Message, x.Code)
	}
	return nil
}

// posteriorTable has a row for each draw.
func posteriorTable(c calibration) grid {
	g := grid{head: []string{"draw"}}
	for _, p := range c.Parameters {
		g.head = append(g.head, p.Name)
	}
	for i, row := range c.Posterior.Draws {
		cells := []string{fmt.Sprint(i + 1)}
		for _, x := range row {
			cells = append(cells, analysis.Num(x).Text())
		}
		g.rows = append(g.rows, cells)
	}
	return g
}
