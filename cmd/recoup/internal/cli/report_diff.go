package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"recoup/reports/render"
)

func (a *app) reportDiff() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "diff EARLIER.json LATER.json",
		Short: "List what changed between two reports, number by number",
		Long: `List what changed between two reports that report quarterly -o FILE.json wrote:
numbers that changed, are new, are gone, or are hidden in one of them. A difference
of two numbers is no finding by itself: it has no interval here. The report's own
comparisons with the year before have one.`,
		Example: "  recoup report quarterly cohort.yaml --quarter 2026Q2 -o 2026Q2.json\n" +
			"  recoup report quarterly cohort.yaml --quarter 2026Q3 -o 2026Q3.json\n" +
			"  recoup report diff 2026Q2.json 2026Q3.json",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			format, err := formatOf(out, a.json, ".txt", ".json", ".csv", ".parquet")
			if err != nil {
				return err
			}
			return a.runDiff(c.Context(), args[0], args[1], out, format)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "file to write: .txt, .json, .csv or .parquet")
	return c
}

func (a *app) runDiff(ctx context.Context, before, after, out, format string) error {
	read := func(path string) (render.Document, error) {
		f, err := os.Open(path)
		if err != nil {
			return render.Document{}, err
		}
		defer f.Close() //nolint:errcheck // read only
		d, err := render.ReadDocument(f)
		if err != nil {
			return d, fmt.Errorf("%w: %s: %w", errInvalidInput, path, err)
		}
		return d, nil
	}
	x, err := read(before)
	if err != nil {
		return err
	}
	y, err := read(after)
	if err != nil {
		return err
	}
	d := render.Diff(x, y)
	g := grid{head: []string{"what", "section", "block", "row", "column", "before", "after", "difference"}, right: []bool{7: true}}
	for _, n := range d.Changes {
		difference := ""
		if n.Difference != nil {
			difference = strconv.FormatFloat(*n.Difference, 'g', -1, 64)
		}
		g.rows = append(g.rows, []string{n.What, n.Section, n.Block, n.Row, n.Column, n.Before, n.After, difference})
	}
	return a.emit(ctx, out, format, result{
		json: struct {
			Schema string `json:"schema"`
			render.Difference
		}{"recoup.report-diff/v1", d},
		table: g,
		text: func(w io.Writer) {
			fmt.Fprintf(w, "%s, %s, against %s\n", clean(d.Title), clean(d.After), clean(d.Before))
			fmt.Fprintf(w, "%d numbers are the same; %d are listed.\n", d.Same, len(d.Changes))
			writeChanges(w, d.Changes)
		},
	})
}

// writeChanges lists changes for a person, each under its table and row: a grid of them
// would be wider than any terminal.
func writeChanges(w io.Writer, changes []render.Change) {
	block, row := "", ""
	for _, c := range changes {
		if at := c.Section + " / " + c.Block; at != block {
			fmt.Fprintf(w, "\n%s\n", clean(at))
			block, row = at, ""
		}
		if c.Row != row {
			fmt.Fprintf(w, "  %s\n", clean(c.Row))
			row = c.Row
		}
		fmt.Fprintf(w, "    %s: %s\n", clean(strings.TrimSuffix(c.Column, ":")), clean(happened(c)))
	}
}

// happened says what became of a number. A difference of percentages is in points.
func happened(c render.Change) string {
	switch c.What {
	case render.Added:
		return "new: " + c.After
	case render.Gone:
		return "gone, was " + c.Before
	case render.HiddenNow:
		return "hidden now, was " + c.Before
	case render.HiddenThen:
		return "was hidden, now " + c.After
	}
	text := c.Before + " → " + c.After
	if c.Difference == nil {
		return text
	}
	v, unit := *c.Difference, ""
	if strings.Contains(c.Before, "%") && strings.Contains(c.After, "%") {
		v, unit = math.Round(1e7*v)/1e5, " points"
	}
	return text + " (" + strings.Replace(fmt.Sprintf("%+.9g", v), "-", "−", 1) + unit + ")"
}
