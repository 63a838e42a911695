package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"recoup/simulate"
	"recoup/simulate/rehab"
)

func (a *app) simulateCohort() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "cohort SCENARIO",
		Short: "Write simulated patients as a cohort",
		Long: `Simulate a scenario's patients and write them as an ordinary cohort: patients,
visits, doses, work and costs, with the file that describes them. Each patient is
under one strategy, in turn, so that arms are compared as in a trial. Parameters
are at their values, and nothing is discounted.

truth.json is what the same model gives for all the patients under every strategy:
what an analysis of the cohort should find, but for chance.`,
		Example: "  recoup simulate cohort scenario.yaml --patients 600 -o simulated\n  recoup analyze run simulated/cohort.yaml effect/mean-change --outcome pain --visit week52",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if f.out == "" {
				return usagef("expected a folder to write: -o FOLDER")
			}
			if _, err := replaceable(f.out); err != nil {
				return err
			}
			f.draws = -1
			j, err := a.readJob(args[0], f, c.Flags().Changed("seed"))
			if err != nil {
				return err
			}
			return a.writeCohort(c.Context(), j, f)
		},
	}
	c.Flags().StringVar(&f.evidence, "evidence", "", "file of parameters put over those that come with recoup")
	addPriceIndex(c, &f.prices)
	c.Flags().IntVar(&f.workers, "workers", 0, "goroutines; 0 for one a processor; the result does not depend on it")
	c.Flags().IntVar(&f.patients, "patients", 0, "patients, in place of the scenario's")
	c.Flags().Uint64Var(&f.seed, "seed", 0, "in place of the scenario's")
	c.Flags().StringVarP(&f.out, "output", "o", "", "folder to write")
	return c
}

func (a *app) writeCohort(ctx context.Context, j simulationJob, f simulateFlags) error {
	report, stop := a.progress("Simulating")
	co, err := rehab.SimulateCohort(ctx, j.Scenario, j.Evidence, simulate.Options{Workers: f.workers, Progress: report})
	stop()
	if err != nil {
		return err
	}
	var files []file
	for i, t := range co.Tables {
		files = append(files, file{co.Dictionary.Resources[i].Path[0], func(w io.Writer) error { _, err := io.Copy(w, bytes.NewReader(t)); return err }})
	}
	y, err := co.Dictionary.YAML()
	if err != nil {
		return err
	}
	files = append(files, file{"cohort.yaml", content(string(y))}, file{"truth.json", func(w io.Writer) error {
		return writeSimulation(w, ".json", j.Scenario, co.Truth)
	}})
	var d described
	err = writeFolder(f.out, files, func(dir string) error {
		d, err = a.describe(ctx, filepath.Join(dir, "cohort.yaml"), loadFlags{})
		return err
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(d)
	}
	fmt.Fprintf(a.Out, "%s: %d simulated patients, %d rows in %d tables\n", filepath.Join(f.out, "cohort.yaml"), d.Origin.Patients, d.Origin.Rows, len(d.Tables))
	return nil
}
