package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"recoup/datasets"
	"recoup/reports/disclosure"
	"recoup/reports/disclosure/readback"
)

// maxAudited bounds what is read of one file.
const maxAudited = 256 << 20

// audited is what report audit says of one file.
type audited struct {
	File    string               `json:"file"`
	Derived []disclosure.Derived `json:"derived"`
	Leaks   []readback.Leak      `json:"leaks"`
}

func (a *app) reportAudit() *cobra.Command {
	var k int
	var zeros bool
	var before string
	c := &cobra.Command{
		Use:   "audit FILE...",
		Short: "Tell what can be derived from a report, whoever made it",
		Long: `Attack a published report as a stranger with time would, and tell what can be
derived from it.

Tables are given as CSV: a row of headings, a column of labels. Hidden counts (*,
<11, 1-10, hidden, suppressed) are worked out from totals and percentages: a row or
a column called total, all, sum or overall is a margin, and a percentage is taken
with its rounding, of the base that agrees with what is shown. Equations are solved
exactly; where they leave a count open, linear programming finds its least and its
greatest value. Statistics that rest on too few people are told as well: means of
few, extremes, percentiles, survival steps, odds ratios with their margins, weights.

Every other file (HTML, SVG, PDF, XLSX, DOCX, JSON, Parquet and more) is read through,
hidden and compressed parts too, for identifiers, paths, users and small counts in
words. Names of authors and dates of sources are found as well; a person has to look.

--before FILE holds one table against an earlier form of it: the difference of two
counts, and the value of a patient who came or went between two means.

What is unsafe comes first; --json lists all, each with a code. The result may say
what nobody should know: keep it. The exit status is 4 where
something about fewer than k people can be derived.`,
		Example: "  recoup report audit table.csv\n  recoup report audit this-quarter.csv --before last-quarter.csv --k 8",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if k < 2 || k > 100 {
				return usagef("expected --k from 2 to 100")
			}
			if before != "" && len(args) != 1 {
				return usagef("expected one file with --before")
			}
			return a.runAudit(c.Context(), args, before, k, !zeros)
		},
	}
	c.Flags().IntVar(&k, "k", 11, "counts under k are small")
	c.Flags().BoolVar(&zeros, "zeros-hidden", false, "a hidden count can be none: the report hides zeros too")
	c.Flags().StringVar(&before, "before", "", "an earlier form of the same table, as CSV")
	return c
}

func (a *app) runAudit(ctx context.Context, paths []string, before string, k int, marked bool) error {
	out := struct {
		Schema    string    `json:"schema"`
		K         int       `json:"k"`
		Dangerous int       `json:"dangerous"`
		Files     []audited `json:"files"`
	}{Schema: "recoup.audit/v1", K: k, Files: []audited{}}
	for _, path := range paths {
		x, err := auditFile(ctx, path, before, k, marked)
		if err != nil {
			return err
		}
		for _, d := range x.Derived {
			if d.Dangerous {
				out.Dangerous++
			}
		}
		out.Dangerous += len(x.Leaks)
		out.Files = append(out.Files, x)
	}
	if a.json {
		if err := a.writeJSON(out); err != nil {
			return err
		}
	} else {
		for _, x := range out.Files {
			x.text(a.Out, k)
		}
	}
	if out.Dangerous > 0 {
		return fmt.Errorf("%w: findings in what was given: %d", datasets.ErrPrivacy, out.Dangerous)
	}
	return nil
}

func auditFile(ctx context.Context, path, before string, k int, marked bool) (audited, error) {
	name := filepath.Base(path)
	x := audited{File: name, Derived: []disclosure.Derived{}, Leaks: []readback.Leak{}}
	b, err := readBounded(path, maxAudited)
	if err != nil {
		return x, err
	}
	if len(b) == 0 {
		return x, fmt.Errorf("%w: %s: expected a report, found an empty file", errInvalidInput, path)
	}
	x.Leaks = append(x.Leaks, readback.Scan(name, b, readback.Known{K: k})...)
	if !isTable(path) {
		return x, nil
	}
	sheet, err := disclosure.ReadSheet(name, bytes.NewReader(b))
	if err != nil {
		return x, fmt.Errorf("%w: %s: %w", errInvalidInput, path, err)
	}
	found, err := disclosure.Attack(ctx, []disclosure.Sheet{sheet}, k, marked)
	if err != nil {
		return x, err
	}
	x.Derived = append(x.Derived, found...)
	if before == "" {
		return x, nil
	}
	if b, err = readBounded(before, maxAudited); err != nil {
		return x, err
	}
	earlier, err := disclosure.ReadSheet(filepath.Base(before), bytes.NewReader(b))
	if err != nil {
		return x, fmt.Errorf("%w: %s: %w", errInvalidInput, before, err)
	}
	x.Derived = append(x.Derived, disclosure.Compare(earlier.AsRelease(), sheet.AsRelease(), k)...)
	return x, nil
}

func isTable(path string) bool { return strings.EqualFold(filepath.Ext(path), ".csv") }

// mostTold is how many findings of a file are told on a terminal.
const mostTold = 12

// text writes what was found in one file for a person: what is unsafe first, without
// codes.
func (x audited) text(w io.Writer, k int) {
	name := clean(x.File)
	var unsafe, look []string
	for _, d := range x.Derived {
		line := strings.TrimPrefix(clean(d.Where), name+": ") + ": " + clean(d.String())
		if d.Dangerous {
			unsafe = append(unsafe, line)
		} else {
			look = append(look, line)
		}
	}
	for _, l := range x.Leaks {
		line := l.What
		if l.Count > 1 {
			line += fmt.Sprintf(", %d times", l.Count)
		}
		if at := strings.TrimLeft(strings.TrimPrefix(clean(l.Where), name), "/, "); at != "" {
			line += ", in " + at
		}
		unsafe = append(unsafe, line)
	}
	switch {
	case len(unsafe)+len(look) == 0:
		fmt.Fprintf(w, "%s: nothing could be derived\n", name)
		return
	case len(unsafe) == 0:
		fmt.Fprintf(w, "%s: nothing about fewer than %d people could be derived\n", name, k)
	default:
		fmt.Fprintf(w, "%s: not safe to give out\n", name)
	}
	told := 0
	for i, lines := range [][]string{unsafe, look} {
		for _, line := range lines {
			if told++; told <= mostTold {
				fmt.Fprintf(w, "  %s  %s\n", [2]string{"unsafe", "look  "}[i], line)
			}
		}
	}
	if told > mostTold {
		fmt.Fprintf(w, "  and %d more: --json lists all, with codes\n", told-mostTold)
	}
}
