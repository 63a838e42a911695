package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"recoup/datasets/synthetic"
	"recoup/reports/render"
	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
	"recoup/simulate/rehab"
)

func (a *app) demoCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the main job on a synthetic cohort",
		Long: `Run the main job end to end on what comes with recoup: a synthetic cohort with
known truth, its quarterly report, the simulation of a four-week program beside
usual care and lumbar fusion, and the comparison of their costs. Everything is
written into one folder; a folder that an earlier demo wrote is replaced.`,
		Example: "  recoup demo -o demo-folder",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.runDemo(c.Context(), out)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "recoup-demo", "folder to write")
	return c
}

func (a *app) runDemo(ctx context.Context, out string) error {
	if _, err := replaceable(out); err != nil {
		return err
	}
	a.note("1 of 4: a synthetic cohort")
	made, err := synthetic.Make(ctx, synthetic.Default)
	if err != nil {
		return err
	}
	var files []file
	for _, f := range append(made.Tables, made.Cohort, made.Truth) {
		files = append(files, file{f.Name, content(string(f.Data))})
	}
	co, err := made.Load(ctx)
	if err != nil {
		return err
	}
	a.note("2 of 4: the report of %s", synthetic.Default.Last)
	f := reportFlags{protect: protectFlags{policy: "cms-11"}}
	f.options.Quarter, f.options.Level = synthetic.Default.Last, 0.95
	r, err := quarterly(ctx, co, f)
	if err != nil {
		return err
	}
	g, err := a.guard(f.protect, out, co)
	if err != nil {
		return err
	}
	if r, _, err = g.gated(ctx, r); err != nil {
		return err
	}
	var page bytes.Buffer
	if err := render.HTML(&page, r); err != nil {
		return err
	}
	a.note("3 of 4: the simulation")
	s, err := design.ParseScenario("the default scenario", design.DefaultScenario())
	if err != nil {
		return err
	}
	ev, err := evidence.Default()
	if err != nil {
		return err
	}
	report, stop := a.progress("Simulating")
	result, err := rehab.Run(ctx, s, ev, simulate.Options{Progress: report})
	stop()
	if err != nil {
		return err
	}
	a.note("4 of 4: the comparison of costs and effects")
	compared, err := compareDraws(s, result)
	if err != nil {
		return err
	}
	files = append(files,
		file{"report.html", content(page.String())},
		file{"scenario.yaml", content(string(design.DefaultScenario()))},
		file{"simulation.json", func(w io.Writer) error { return writeSimulation(w, ".json", s, result) }},
		file{"simulation.txt", func(w io.Writer) error { return writeSimulation(w, ".txt", s, result) }},
		file{"comparison.json", func(w io.Writer) error { return writeComparison(w, ".json", s, result, compared) }},
		file{"comparison.txt", func(w io.Writer) error { return writeComparison(w, ".txt", s, result, compared) }},
	)
	if err := writeFolder(out, files, nil); err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(struct {
			Schema string   `json:"schema"`
			Folder string   `json:"folder"`
			Files  []string `json:"files"`
		}{"recoup.demo/v1", out, names(files)})
	}
	at := func(name string) string { return filepath.Join(out, name) }
	fmt.Fprintf(a.Out, `Everything is in %s:
  %-34s open it in a browser: the outcome report of %s
  %-34s what the designs do to pain, opioids and work
  %-34s what they cost and what they gain
  %-34s the cohort, and beside it the truth it was drawn from
All data here are synthetic.
`, out, at("report.html"), synthetic.Default.Last, at("simulation.txt"), at("comparison.txt"), at("cohort.yaml"))
	return nil
}

func names(files []file) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.name)
	}
	return out
}
