package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"recoup/cmd/recoup/internal/selfcheck"
)

func (a *app) selfcheckCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "selfcheck", Short: "Hold this build on this machine against reference numbers", Args: cobra.NoArgs,
		Long: `Run reference cases on this machine and compare what comes out with numbers that
recoup did not make: of R packages by scripts that come with the source, of
publications, and of formulas worked out by hand; and see that one and several workers
give the same bytes. Each line is a requirement, the test, what is expected, what came
out, the tolerance (of the larger of the number expected and 1) and the verdict; the
source of each number is in --json and -o FILE.

The status is 1 where a case fails: the build or the machine is not to be trusted, or a
file of recoup was changed. Nothing of yours is read; it takes some seconds. Keep the
output with a validation file, as of a report for a payer.

-o picks the format by its ending: .json, .csv, .parquet or .txt.`,
		Example: "  recoup selfcheck\n  recoup selfcheck --json\n  recoup selfcheck -o selfcheck.csv",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.selfcheck(c.Context(), out)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "file to write; its ending picks the format")
	return c
}

func (a *app) selfcheck(ctx context.Context, out string) error {
	format, err := formatOf(out, a.json, ".json", ".csv", ".parquet", ".txt")
	if err != nil {
		return err
	}
	report, stop := a.progress("Checking")
	cases, err := selfcheck.Run(ctx, report)
	stop()
	if err != nil {
		return err
	}
	return a.tellCases(ctx, out, format, cases)
}

// tellCases writes the cases, and fails where one of them did.
func (a *app) tellCases(ctx context.Context, out, format string, cases []selfcheck.Case) error {
	failed := 0
	short := grid{head: []string{"area", "requirement", "test", "expected", "got", "tolerance", "verdict"}, right: []bool{5: true}}
	g := grid{head: append(slices.Clone(short.head), "source"), right: short.right}
	for _, c := range cases {
		verdict, got := "passed", c.Got
		if !c.Passed {
			failed++
			verdict = "FAILED"
		}
		if c.Why != "" {
			got = c.Why
		}
		row := []string{c.Area, c.Requirement, c.Test, c.Expected, got, fmt.Sprintf("%.2g", c.Tolerance), verdict}
		short.rows, g.rows = append(short.rows, row), append(g.rows, append(slices.Clone(row), c.Source))
	}
	doc := struct {
		Schema string           `json:"schema"`
		Build  build            `json:"build"`
		Cases  []selfcheck.Case `json:"cases"`
		Failed int              `json:"failed"`
	}{"recoup.selfcheck/v1", thisBuild(), cases, failed}
	err := a.emit(ctx, out, format, result{doc, g, func(w io.Writer) {
		short.text(w)
		fmt.Fprintf(w, "%d of %d cases passed: recoup %s (revision %s), %s, gonum %s, %s\n",
			len(cases)-failed, len(cases), doc.Build.Recoup, doc.Build.Revision, doc.Build.Go, doc.Build.Gonum, doc.Build.Platform)
	}})
	if err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d reference cases failed", failed, len(cases))
	}
	return nil
}
