package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/simulate/design"
)

func (a *app) designSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [design|scenario]",
		Short: "Print the JSON Schema of a design's or a scenario's file, for editors",
		Long: `Print the JSON Schema (draft 2020-12) of a design's file, or of a scenario's.
Editors that know YAML complete and check a file by it: keep it beside the file and
begin the file with

  # yaml-language-server: $schema=design.schema.json

The schema knows keys, kinds and ranges; recoup design check knows more.`,
		Example: "  recoup design schema\n  recoup design schema scenario",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			schema := design.Schema()
			switch {
			case len(args) == 0 || args[0] == "design":
			case args[0] == "scenario":
				schema = design.ScenarioSchema()
			default:
				return usagef("expected design or scenario, found %q", args[0])
			}
			b, err := json.MarshalIndent(schema, "", "  ")
			if err == nil {
				_, err = a.Out.Write(append(b, '\n'))
			}
			return err
		},
	}
}

// checkedDesign is the answer of design check.
type checkedDesign struct {
	Schema   string          `json:"schema"`
	Valid    bool            `json:"valid"`
	Warnings []string        `json:"warnings"`
	Numbers  []design.Number `json:"numbers"`
	Design   design.Design   `json:"design"`
}

func (a *app) designCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check DESIGN",
		Short: "List every problem of a design, and where its numbers come from",
		Long: `Check a design, by its name or from a file: every problem at once, with line, column
and the line itself; then what is unusual but may be meant, what the program takes
of staff, and where each of its numbers comes from. A number without a source is
assumed.`,
		Example: "  recoup design check stepped-care",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := readDesign(args[0])
			if err != nil {
				return err
			}
			c := checkedDesign{"recoup.design/v1", true, append([]string{}, d.Warnings()...), d.Numbers(), d}
			if a.json {
				return a.writeJSON(c)
			}
			writeCheckedDesign(a.Out, c)
			return nil
		},
	}
}

func writeCheckedDesign(w io.Writer, c checkedDesign) {
	d := c.Design
	fmt.Fprintf(w, "%s is valid: %d phases, %d weeks and %.0f hours as planned, %.0f %s a patient\n", d.Name, len(d.Phases), d.PlannedWeeks(), d.PlannedHours(), d.PlannedCost(), d.MoneyName())
	names, hours := d.StaffHours()
	for _, n := range names {
		fmt.Fprintf(w, "  %-26s %6.1f hours a patient\n", n, hours[n])
	}
	for _, x := range c.Warnings {
		fmt.Fprintf(w, "warning: %s\n", x)
	}
	fmt.Fprintln(w)
	g := grid{head: []string{"number", "value", "kind", "status", "source or reason"}, right: []bool{false, true}}
	for _, n := range c.Numbers {
		from := "none given"
		if n.Source != nil {
			if from = n.Source.Source; from == "" {
				from = n.Source.Note
			}
		}
		g.rows = append(g.rows, []string{n.Path, fmt.Sprintf("%g", n.Value), n.Kind, n.Status, from})
	}
	g.text(w)
}

// scenarioWarnings are those of the designs a scenario uses.
func scenarioWarnings(s design.Scenario) []string {
	out := []string{}
	for _, name := range s.Strategies {
		if d, ok, err := s.Design(name); ok && err == nil {
			for _, w := range d.Warnings() {
				out = append(out, name+": "+w)
			}
		}
	}
	return out
}

// statusOf says in one word how well the numbers of a design are sourced.
func statusOf(d design.Design) string {
	counts := map[string]int{}
	for _, n := range d.Numbers() {
		counts[n.Status]++
	}
	var out []string
	for _, s := range []string{"sourced", "unverified", "assumed"} {
		if counts[s] > 0 {
			out = append(out, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	return strings.Join(out, ", ")
}

// writeProblems lists problems with the lines they stand on.
func writeProblems(w io.Writer, p *design.Problems) {
	lines := strings.Split(p.Error(), "\n")
	if len(lines) != len(p.List) {
		return
	}
	fmt.Fprintf(w, "recoup: %d problem%s\n", len(lines), map[bool]string{true: "s"}[len(lines) > 1])
	for i, x := range p.List {
		fmt.Fprintln(w, "  "+lines[i])
		if x.Text == "" {
			continue
		}
		// The mark stands under the place: what is before it is kept if it is a tab.
		before := []rune(x.Text)
		before = before[:min(max(x.Column-1, 0), len(before))]
		for k, r := range before {
			if r != '\t' {
				before[k] = ' '
			}
		}
		fmt.Fprintf(w, "    | %s\n    | %s^\n", x.Text, string(before))
	}
}

// problemsOf returns the problems an error holds.
func problemsOf(err error) *design.Problems {
	var p *design.Problems
	if errors.As(err, &p) && !slices.ContainsFunc(p.List, func(x design.Problem) bool { return strings.Contains(x.Message, "\n") }) {
		return p
	}
	return nil
}
