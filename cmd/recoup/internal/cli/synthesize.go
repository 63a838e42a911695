package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"recoup/datasets/synthetic"
)

func (a *app) dataSynthesize() *cobra.Command {
	o := synthetic.Default
	var out string
	c := &cobra.Command{
		Use:   "synthesize -o FOLDER",
		Short: "Make a synthetic cohort with known truth",
		Long: `Make a synthetic cohort of a pain rehabilitation program, with the truth it was
drawn from in truth.json: to try recoup on, and to test analyses by. The same
settings give the same bytes. No row is about a person.`,
		Example: "  recoup data synthesize --patients 300 -o synthetic",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return usagef("expected a folder to write: -o FOLDER")
			}
			files, err := synthesize(c.Context(), o)
			if err != nil {
				return err
			}
			if err := writeFolder(out, files, nil); err != nil {
				return err
			}
			d, err := a.describe(c.Context(), filepath.Join(out, "cohort.yaml"), loadFlags{})
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(d)
			}
			fmt.Fprintf(a.Out, "%s: %d people, %d rows in %d tables\n", filepath.Join(out, "cohort.yaml"), d.Origin.Patients, d.Origin.Rows, len(d.Tables))
			return nil
		},
	}
	c.Flags().Uint64Var(&o.Seed, "seed", o.Seed, "of the random numbers")
	c.Flags().IntVar(&o.Patients, "patients", o.Patients, "people referred")
	c.Flags().IntVar(&o.Sites, "sites", o.Sites, "sites")
	c.Flags().IntVar(&o.Quarters, "quarters", o.Quarters, "quarters")
	c.Flags().StringVar(&o.Last, "last", o.Last, "last quarter")
	c.Flags().BoolVar(&o.Comparison, "comparison", o.Comparison, "add a usual-care arm, allotted by chance")
	c.Flags().StringVarP(&out, "output", "o", "", "folder to write")
	return c
}

// synthesize makes the files of a synthetic cohort.
func synthesize(ctx context.Context, o synthetic.Options) ([]file, error) {
	made, err := synthetic.Make(ctx, o)
	if errors.Is(err, synthetic.ErrOptions) {
		return nil, usageError{err}
	}
	if err != nil {
		return nil, err
	}
	var files []file
	for _, f := range append(made.Tables, made.Cohort, made.Truth) {
		files = append(files, file{f.Name, content(string(f.Data))})
	}
	return files, nil
}
