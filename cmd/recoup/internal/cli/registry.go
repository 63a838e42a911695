package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

func (a *app) evidenceCommand() *cobra.Command {
	c := &cobra.Command{Use: "evidence", Short: "The simulation's parameters with their sources", Long: "The parameters of the simulation: value, uncertainty, source and kind."}
	list := &cobra.Command{
		Use: "list", Short: "List the parameters", Args: cobra.NoArgs,
		Long:    "List the parameters that come with recoup. Kind: published, cohort or assumed.\nStatus: sourced, unverified (from memory) or assumed (there is no source).",
		Example: "  recoup evidence list\n  recoup evidence list --json",
		RunE: func(*cobra.Command, []string) error {
			set, err := evidence.Default()
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(struct {
					Schema   string       `json:"schema"`
					Evidence evidence.Set `json:"evidence"`
				}{"recoup.evidence/v1", set})
			}
			g := grid{head: []string{"parameter", "value", "unit", "distribution", "kind", "status"}, right: []bool{false, true}}
			for _, p := range set.Parameters {
				g.rows = append(g.rows, []string{p.Name, fmt.Sprintf("%g", p.Value), p.Unit, string(p.Distribution), string(p.Kind), string(p.Status)})
			}
			g.text(a.Out)
			return nil
		},
	}
	show := &cobra.Command{
		Use: "show NAME", Short: "Show a parameter with its source", Args: cobra.ExactArgs(1),
		Long:    "Show one parameter of the simulation with its uncertainty, source and note.",
		Example: "  recoup evidence show care.dropout_mood",
		RunE: func(_ *cobra.Command, args []string) error {
			set, err := evidence.Default()
			if err != nil {
				return err
			}
			i := slices.IndexFunc(set.Parameters, func(p evidence.Parameter) bool { return p.Name == args[0] })
			if i < 0 {
				return usagef("no parameter %q; see: recoup evidence list", args[0])
			}
			p := set.Parameters[i]
			if a.json {
				return a.writeJSON(struct {
					Schema    string             `json:"schema"`
					Parameter evidence.Parameter `json:"parameter"`
				}{"recoup.evidence/v1", p})
			}
			fmt.Fprintf(a.Out, "%s: %g %s (%s)\n%s\nSource: %s [%s, %s]\n", p.Name, p.Value, p.Unit, spread(p), p.Note, orNone(p.Source), p.Kind, p.Status)
			return nil
		},
	}
	c.AddCommand(list, show)
	return c
}

// spread writes how uncertain a parameter is.
func spread(p evidence.Parameter) string {
	s := string(p.Distribution)
	switch {
	case p.SE != nil:
		s += fmt.Sprintf(", standard error %g", *p.SE)
	case p.N != nil:
		s += fmt.Sprintf(", n %g", *p.N)
	case p.Low != nil && p.High != nil:
		s += fmt.Sprintf(", %g to %g", *p.Low, *p.High)
	}
	return s
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func (a *app) designCommand() *cobra.Command {
	c := &cobra.Command{Use: "design", Short: "Program designs", Long: "Program designs that come with recoup: phases, components, staffing, taper and prices."}
	list := &cobra.Command{
		Use: "list", Short: "List the designs", Args: cobra.NoArgs, Long: "List the program designs that come with recoup.",
		Example: "  recoup design list",
		RunE: func(*cobra.Command, []string) error {
			var all []design.Design
			g := grid{head: []string{"design", "title", "weeks", "hours", "planned cost", "numbers"}, right: []bool{false, false, true, true, true}}
			for _, n := range design.BuiltinNames() {
				d, err := design.Builtin(n)
				if err != nil {
					return err
				}
				all = append(all, d)
				g.rows = append(g.rows, []string{n, d.Title, fmt.Sprint(d.PlannedWeeks()), fmt.Sprintf("%.0f", d.PlannedHours()), fmt.Sprintf("%.0f", d.PlannedCost()), statusOf(d)})
			}
			if a.json {
				return a.writeJSON(struct {
					Schema  string          `json:"schema"`
					Designs []design.Design `json:"designs"`
				}{"recoup.design/v1", all})
			}
			g.text(a.Out)
			return nil
		},
	}
	show := &cobra.Command{
		Use: "show NAME", Short: "Print a design's file", Args: cobra.ExactArgs(1),
		Long:    "Print a built-in design as the file that describes it, to start another from.",
		Example: "  recoup design show interdisciplinary-4-week",
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(design.BuiltinNames(), args[0]) {
				return usagef("no design %q; see: recoup design list", args[0])
			}
			if a.json {
				d, err := design.Builtin(args[0])
				if err != nil {
					return err
				}
				return a.writeJSON(struct {
					Schema string        `json:"schema"`
					Design design.Design `json:"design"`
				}{"recoup.design/v1", d})
			}
			b, err := design.BuiltinYAML(args[0])
			if err == nil {
				_, err = a.Out.Write(b)
			}
			return err
		},
	}
	c.AddCommand(list, show, a.designCheck(), a.designSchema())
	return c
}
