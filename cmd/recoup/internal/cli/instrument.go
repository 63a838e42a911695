package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/datasets/instrument"
)

func (a *app) instrumentCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "instrument", Short: "Questionnaires and performance tests",
		Long: `Questionnaires and performance tests: range, direction, scoring, missing-item rule,
bands and important differences, each with its source and whether that was read
(sourced) or is from memory or second hand (unverified).`,
	}
	c.AddCommand(a.instrumentList(), a.instrumentShow())
	return c
}

func (a *app) instrumentList() *cobra.Command {
	var domain string
	c := &cobra.Command{
		Use: "list", Short: "List the instruments", Args: cobra.NoArgs,
		Long:    "List the questionnaires and performance tests that cohort files may name. Items: how\nmany are scored; none where the score itself is given.",
		Example: "  recoup instrument list\n  recoup instrument list --domain mood\n  recoup instrument list --json",
		RunE: func(*cobra.Command, []string) error {
			var domains []string
			out := []instrumentJSON{}
			g := grid{head: []string{"instrument", "title", "domain", "items", "range", "better", "important difference"}, right: []bool{false, false, false, true}}
			for _, i := range instrument.All() {
				if !slices.Contains(domains, i.Domain) {
					domains = append(domains, i.Domain)
				}
				if domain != "" && domain != i.Domain {
					continue
				}
				important := "no sourced one"
				if d, ok := i.Default(); ok {
					important = differenceText(d)
				}
				items := ""
				if i.Items > 0 {
					items = fmt.Sprint(i.Items)
				}
				g.rows = append(g.rows, []string{i.Name, i.Title, i.Domain, items, rangeText(i), string(i.Direction), important})
				out = append(out, newInstrumentJSON(i))
			}
			if len(out) == 0 {
				return usagef("no instruments of domain %q; there are: %s", domain, strings.Join(domains, ", "))
			}
			if a.json {
				return a.writeJSON(struct {
					Schema      string           `json:"schema"`
					Instruments []instrumentJSON `json:"instruments"`
				}{"recoup.instruments/v1", out})
			}
			g.text(a.Out)
			return nil
		},
	}
	c.Flags().StringVar(&domain, "domain", "", "only those of a domain, such as pain, function, mood or sleep")
	return c
}

func (a *app) instrumentShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show an instrument with its sources", Args: cobra.ExactArgs(1),
		Long:    "Show an instrument: scoring, missing-item rule, bands and every important difference with its method, population and source.",
		Example: "  recoup instrument show nrs\n  recoup instrument show dass21-d --json",
		RunE: func(_ *cobra.Command, args []string) error {
			i, ok := instrument.Find(args[0])
			if !ok {
				if scales, _, err := instrument.Scales(args[0]); err == nil {
					var names []string
					for _, s := range scales {
						names = append(names, s.Name)
					}
					return usagef("%s is scored as %s; show one of them", args[0], strings.Join(names, ", "))
				}
				return usagef("no instrument %q; see: recoup instrument list", args[0])
			}
			if a.json {
				return a.writeJSON(struct {
					Schema     string         `json:"schema"`
					Instrument instrumentJSON `json:"instrument"`
				}{"recoup.instruments/v1", newInstrumentJSON(i)})
			}
			for _, line := range instrumentLines(i) {
				fmt.Fprintln(a.Out, line)
			}
			return nil
		},
	}
}

// instrumentLines says everything about an instrument.
func instrumentLines(i instrument.Instrument) []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	say("%s: %s", i.Name, i.Title)
	say("Domain %s; range %s %s; %s is better", i.Domain, rangeText(i), i.Unit, i.Direction)
	say("Scoring: %s", scoringText(i))
	say("  source: %s [%s]", i.Source, i.Status)
	if i.PartOf != "" {
		say("  items %s of the %d of %s", list(i.Positions), i.Whole, i.PartOf)
	}
	if len(i.Reversed) > 0 {
		say("  reversed items: %s", list(i.Reversed))
	}
	if len(i.SafetyItems) > 0 {
		say("  for a clinician to see, when above %g: item %s", i.ItemMin, list(i.SafetyItems))
	}
	if i.Items > 1 {
		say("Unanswered items: %s [%s]", missingText(i), i.Missing.Status)
		if i.Missing.Source != "" {
			say("  source: %s", i.Missing.Source)
		}
		if i.Missing.Note != "" {
			say("  %s", i.Missing.Note)
		}
	}
	if i.Note != "" {
		say("Note: %s", i.Note)
	}
	for _, b := range i.Bands {
		var levels []string
		for _, l := range b.Levels {
			levels = append(levels, fmt.Sprintf("%s from %g", l.Label, l.From))
		}
		say("Bands, %s: %s", b.Name, strings.Join(levels, ", "))
		say("  source: %s [%s]", b.Source, b.Status)
	}
	if len(i.Differences) == 0 {
		say("No important difference is held.")
	}
	for _, d := range i.Differences {
		mark := ""
		if d.Default {
			mark = " (used by reports)"
		}
		if d.BandChange {
			mark += " and a better band"
		}
		say("Difference %s %s%s: %s, by %s; %s", differenceText(d), unitOf(d, i), mark, d.Meaning, methodText(d.Method), d.Population)
		say("  source: %s [%s]", d.Source, d.Status)
		if d.Note != "" {
			say("  %s", d.Note)
		}
	}
	return lines
}

func unitOf(d instrument.Difference, i instrument.Instrument) string {
	unit := i.Unit
	if d.Kind == instrument.Relative {
		unit = "of baseline"
	}
	if !math.IsNaN(d.Low) {
		unit += fmt.Sprintf(" (%g to %g)", d.Low, d.High)
	}
	return unit
}

func methodText(m instrument.Method) string {
	if m == instrument.Unstated {
		return "a method the source does not state"
	}
	return string(m)
}

func scoringText(i instrument.Instrument) string {
	answers := fmt.Sprintf("%d items from %g to %g", i.Items, i.ItemMin, i.ItemMax)
	switch i.Scoring {
	case instrument.Single:
		return fmt.Sprintf("the one answer, from %g to %g", i.ItemMin, i.ItemMax)
	case instrument.Sum:
		if i.Multiply != 1 {
			return fmt.Sprintf("%g × the sum of %s", i.Multiply, answers)
		}
		return "the sum of " + answers
	case instrument.Mean:
		return "the mean of " + answers
	case instrument.Percent:
		return "the sum of " + answers + ", as percent of what the answered items could give"
	case instrument.Measured:
		return "measured, not asked"
	}
	return "by a table or weights that are not held here: items are not scored, enter the score itself"
}

func missingText(i instrument.Instrument) string {
	switch i.Missing.Fill {
	case instrument.Prorate:
		return fmt.Sprintf("at least %d of %d must be answered; their mean stands for the others", i.Missing.MinAnswered, i.Items)
	case instrument.Zero:
		return fmt.Sprintf("at least %d of %d must be answered; the others count as the lowest answer", i.Missing.MinAnswered, i.Items)
	}
	return fmt.Sprintf("none may be; all %d are needed", i.Items)
}

func list(ns []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ns), " ", ", "), "[]")
}

func rangeText(i instrument.Instrument) string {
	if math.IsInf(i.Max, 1) {
		return fmt.Sprintf("%g and over", i.Min)
	}
	return fmt.Sprintf("%g to %g", i.Min, i.Max)
}

func differenceText(d instrument.Difference) string {
	if d.Kind == instrument.Relative {
		return fmt.Sprintf("%g %%", d.Value)
	}
	return fmt.Sprintf("%g", d.Value)
}

// instrumentJSON is an instrument under JSON's names; a number that is not there is
// null, and so is a greatest score that nothing bounds.
type instrumentJSON struct {
	Name        string           `json:"name"`
	Title       string           `json:"title"`
	Domain      string           `json:"domain"`
	Unit        string           `json:"unit"`
	Minimum     float64          `json:"minimum"`
	Maximum     *float64         `json:"maximum"`
	Better      string           `json:"better"`
	Scoring     string           `json:"scoring"`
	Items       int              `json:"items"`
	ItemMinimum *float64         `json:"item_minimum"`
	ItemMaximum *float64         `json:"item_maximum"`
	Reversed    []int            `json:"reversed_items"`
	Multiply    float64          `json:"multiply"`
	Safety      []int            `json:"safety_items"`
	Missing     *missingJSON     `json:"missing_items"`
	PartOf      string           `json:"part_of"`
	Positions   []int            `json:"positions"`
	Status      string           `json:"status"`
	Source      string           `json:"source"`
	Note        string           `json:"note"`
	Bands       []bandsJSON      `json:"bands"`
	Differences []differenceJSON `json:"important_differences"`
}

type missingJSON struct {
	Fill   string `json:"fill"`
	Needed int    `json:"needed"`
	Status string `json:"status"`
	Source string `json:"source"`
	Note   string `json:"note"`
}

type bandJSON struct {
	Label string  `json:"label"`
	From  float64 `json:"from"`
}

type bandsJSON struct {
	Name   string     `json:"name"`
	Levels []bandJSON `json:"levels"`
	Status string     `json:"status"`
	Source string     `json:"source"`
}

type differenceJSON struct {
	Value      float64      `json:"value"`
	Low        analysis.Num `json:"low"`
	High       analysis.Num `json:"high"`
	Kind       string       `json:"kind"`
	Meaning    string       `json:"meaning"`
	Method     string       `json:"method"`
	Population string       `json:"population"`
	BandChange bool         `json:"band_change"`
	Source     string       `json:"source"`
	Status     string       `json:"status"`
	Default    bool         `json:"default"`
	Note       string       `json:"note"`
}

func newInstrumentJSON(i instrument.Instrument) instrumentJSON {
	out := instrumentJSON{
		Name: i.Name, Title: i.Title, Domain: i.Domain, Unit: i.Unit, Minimum: i.Min, Better: string(i.Direction),
		Scoring: string(i.Scoring), Items: i.Items, Reversed: append([]int{}, i.Reversed...), Multiply: i.Multiply,
		Safety: append([]int{}, i.SafetyItems...), PartOf: i.PartOf, Positions: append([]int{}, i.Positions...),
		Status: string(i.Status), Source: i.Source, Note: i.Note, Bands: []bandsJSON{}, Differences: []differenceJSON{},
	}
	if !math.IsInf(i.Max, 1) {
		out.Maximum = &i.Max
	}
	if i.Items > 0 {
		out.ItemMinimum, out.ItemMaximum = &i.ItemMin, &i.ItemMax
	}
	if i.Items > 1 {
		out.Missing = &missingJSON{string(i.Missing.Fill), i.Needed(), string(i.Missing.Status), i.Missing.Source, i.Missing.Note}
	}
	for _, b := range i.Bands {
		levels := []bandJSON{}
		for _, l := range b.Levels {
			levels = append(levels, bandJSON(l))
		}
		out.Bands = append(out.Bands, bandsJSON{b.Name, levels, string(b.Status), b.Source})
	}
	for _, d := range i.Differences {
		out.Differences = append(out.Differences, differenceJSON{
			d.Value, analysis.Num(d.Low), analysis.Num(d.High), string(d.Kind), string(d.Meaning), string(d.Method),
			d.Population, d.BandChange, d.Source, string(d.Status), d.Default, d.Note,
		})
	}
	return out
}
