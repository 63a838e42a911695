package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/analysis/catalog"
)

// calcFlags are the flags of analyze calc.
type calcFlags struct {
	arms, references, set []string
	level                 float64
	out                   string
}

func (a *app) analyzeCalc() *cobra.Command {
	var f calcFlags
	c := &cobra.Command{
		Use:   "calc NAME",
		Short: "Calculate from summary statistics, such as a published table's",
		Long:  calcHelp(),
		Example: `  recoup analyze calc effect/hedges-g --arm n=44,mean=1.18,sd=1.24 --reference n=44,mean=2.84,sd=1.64 --set denominator=post
  recoup analyze calc effect/mean-change --arm n=12,mean-baseline=6.2,sd-baseline=1.5,mean=4.1,sd=1.9,r=0.6
  recoup analyze calc effect/responders --arm n=50,events=33 --reference n=51,events=10
  recoup analyze calc power/means --set difference=1 --set sd=2.2`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.runCalc(c.Context(), args[0], f) },
	}
	c.Flags().StringArrayVar(&f.arms, "arm", nil, "what is known of the arm: n=..,mean=..,sd=..; again for each stratum")
	c.Flags().StringArrayVar(&f.references, "reference", nil, "what is known of the reference")
	c.Flags().StringArrayVar(&f.set, "set", nil, "a setting of the analysis: name=value; may be given again")
	levelFlag(c, &f.level, "confidence level")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

// calcHelp is the long help: the statistics, and what can be calculated.
func calcHelp() string {
	var b strings.Builder
	b.WriteString(`Calculate an analysis from summary statistics in place of patients, to check a
published table or to plan. The answer is that of the analysis on any patients with
exactly these statistics, with the same warnings; terms that need more are left out.

Of each group, with commas between:
  name              of the group
  n                 patients with the values
  mean, sd          at the visit; se, or low and high (of the mean's 95 % t interval),
                    in place of sd
  mean-baseline ... the same at baseline
  mean-change ...   the same of change; of the three means two are enough
  r                 correlation of baseline and visit, in place of sd-change
  events, missing   counts: with the event among n, and not seen beside them
  both, first, second, neither   counts of patients judged twice

Rounding in a table moves the answer: compare to the digits printed.

What can be calculated, with an example of each:
`)
	for _, c := range catalog.Calculations {
		fmt.Fprintf(&b, "  %s\n    %s\n", c.Analysis.Name, c.Example)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// calculated is the envelope of a calculation's result.
type calculated struct {
	Schema     string     `json:"schema"`
	Provenance provenance `json:"provenance"`
	Given      calcGiven  `json:"given"`
	analysis.Result
}

// calcGiven is what a calculation was given.
type calcGiven struct {
	Arms       []string `json:"arms,omitempty"`
	References []string `json:"references,omitempty"`
	Level      float64  `json:"level"`
}

func (a *app) runCalc(ctx context.Context, name string, f calcFlags) error {
	c, err := catalog.FindCalculation(name)
	if err != nil {
		return err
	}
	set, err := settings(f.set)
	if err != nil {
		return err
	}
	format, err := formatOf(f.out, a.json, ".json", ".csv", ".parquet", ".txt")
	if err != nil {
		return err
	}
	strata, compared, err := strataOf(c, f)
	if err != nil {
		return err
	}
	r, err := c.Run(ctx, strata, compared, f.level, set)
	if err != nil {
		return err
	}
	out := calculated{"recoup.calculation/v1", provenance{build: thisBuild(), Analysis: c.Analysis.Name}, calcGiven{f.arms, f.references, f.level}, r}
	return a.emit(ctx, f.out, format, result{out, wide(r), func(w io.Writer) {
		shortResult(w, r)
		fmt.Fprintf(w, "%s from summary statistics; recoup %s\n", c.Analysis.Name, version)
	}})
}

// strataOf reads the groups: one arm, and one reference where it is compared; with
// strata one of each for every stratum.
func strataOf(c catalog.Calculation, f calcFlags) ([]analysis.Stratum, bool, error) {
	compared := len(f.references) > 0
	switch {
	case c.Groups == catalog.NoGroups:
		if len(f.arms)+len(f.references) > 0 {
			return nil, false, usagef("expected no groups: %s takes its settings alone, by --set", c.Analysis.Name)
		}
		return nil, false, nil
	case len(f.arms) == 0:
		return nil, false, usagef("expected what is known of the arm, such as: %s", c.Example)
	case c.Groups == catalog.Two && !compared:
		return nil, false, usagef("expected a reference too, such as: %s", c.Example)
	case !c.Strata && (len(f.arms) > 1 || len(f.references) > 1):
		return nil, false, usagef("expected one --arm and at most one --reference")
	case c.Strata && len(f.arms) != len(f.references):
		return nil, false, usagef("expected as many --arm as --reference, a pair for each stratum")
	}
	var out []analysis.Stratum
	for i := range f.arms {
		var st analysis.Stratum
		var err error
		if st.Arm, err = analysis.ParseSummary(f.arms[i]); err != nil {
			return nil, false, usagef("--arm: %w", err)
		}
		if compared {
			if st.Reference, err = analysis.ParseSummary(f.references[i]); err != nil {
				return nil, false, usagef("--reference: %w", err)
			}
		}
		if c.Strata {
			st.Name, st.Arm.Name, st.Reference.Name = st.Arm.Name, "", ""
			if st.Name == "" {
				st.Name = fmt.Sprintf("stratum %d", i+1)
			}
		}
		if st.Arm.Name == "" {
			st.Arm.Name = "arm"
		}
		if st.Reference.Name == "" {
			st.Reference.Name = "reference"
		}
		if st.Arm.Name == st.Reference.Name {
			return nil, false, usagef("expected different names of the arm and the reference")
		}
		out = append(out, st)
	}
	return out, compared, nil
}
