package cli

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/datasets/opioid"
)

func (a *app) opioidCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "opioid", Short: "Conversion tables of opioid doses, and rules for dose records",
		Long: `Morphine equivalents (MME a day) by four published tables, which disagree and change:
every dose names its table, and doses by different tables are never pooled.

` + opioid.Caution,
	}
	c.AddCommand(a.opioidTables(), a.opioidConvert(), a.opioidRules())
	return c
}

// factorJSON is one row of a conversion table.
type factorJSON struct {
	Table    string       `json:"table"`
	Drug     string       `json:"drug"`
	Routes   []string     `json:"routes"`
	Unit     string       `json:"unit"`
	Basis    string       `json:"basis"`
	Factor   analysis.Num `json:"factor"`
	Steps    []stepJSON   `json:"steps"`
	WearDays float64      `json:"wear_days"`
	Reason   string       `json:"reason"`
}

type stepJSON struct {
	UpTo   analysis.Num `json:"up_to"`
	Factor float64      `json:"factor"`
}

type tableJSON struct {
	Name    string       `json:"name"`
	Version string       `json:"version"`
	Title   string       `json:"title"`
	Source  string       `json:"source"`
	Status  string       `json:"status"`
	Note    string       `json:"note"`
	Factors []factorJSON `json:"factors"`
}

func newTableJSON(t opioid.Table) tableJSON {
	out := tableJSON{t.Name, t.Version, t.Title, t.Source, t.Status, t.Note, []factorJSON{}}
	for _, f := range t.Factors {
		row := factorJSON{t.Name, f.Drug, append([]string{}, f.Routes...), f.Unit, string(f.Basis), analysis.Num(f.Factor), []stepJSON{}, f.WearDays, f.Reason}
		for _, s := range f.Steps {
			row.Steps = append(row.Steps, stepJSON{analysis.Num(s.UpTo), s.Factor})
		}
		out.Factors = append(out.Factors, row)
	}
	return out
}

func (a *app) opioidTables() *cobra.Command {
	return &cobra.Command{
		Use: "tables", Short: "Show the conversion tables side by side", Args: cobra.NoArgs,
		Long: `Show every drug and route with the factor that each table gives it, MME a day for one
unit a day; patches are per mcg/h worn, where a table counts patches used up by its own
days of wear. An empty cell: the table gives none.`,
		Example: "  recoup opioid tables\n  recoup opioid tables --json",
		RunE: func(*cobra.Command, []string) error {
			tables := opioid.Tables()
			if a.json {
				out := struct {
					Schema  string      `json:"schema"`
					Caution string      `json:"caution"`
					Tables  []tableJSON `json:"tables"`
				}{"recoup.opioid/v1", opioid.Caution, []tableJSON{}}
				for _, t := range tables {
					out.Tables = append(out.Tables, newTableJSON(t))
				}
				return a.writeJSON(out)
			}
			sideBySide(tables).text(a.Out)
			for _, t := range tables {
				fmt.Fprintf(a.Out, "%s: %s. %s Source: %s [%s]\n", t.Name, t.Title, t.Note, t.Source, t.Status)
			}
			fmt.Fprintln(a.Out, opioid.Caution)
			return nil
		},
	}
}

func sideBySide(tables []opioid.Table) grid {
	g := grid{head: []string{"drug", "route", "unit"}, right: []bool{false, false, false}}
	type key struct{ drug, route, unit string }
	var keys []key
	cells := map[key][]string{}
	for i, t := range tables {
		g.head, g.right = append(g.head, t.Name), append(g.right, true)
		for _, f := range t.Factors {
			for _, route := range f.Routes {
				k := key{f.Drug, route, f.Unit}
				if cells[k] == nil {
					keys = append(keys, k)
					cells[k] = make([]string, len(tables))
				}
				cells[k][i] = factorText(f)
			}
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		return slices.Compare([]string{a.drug, a.route, a.unit}, []string{b.drug, b.route, b.unit})
	})
	for _, k := range keys {
		g.rows = append(g.rows, append([]string{k.drug, k.route, k.unit}, cells[k]...))
	}
	return g
}

func factorText(f opioid.Factor) string {
	if len(f.Steps) > 0 {
		var steps []string
		for _, s := range f.Steps {
			to := fmt.Sprintf("to %g", s.UpTo)
			if math.IsInf(s.UpTo, 1) {
				to = "above"
			}
			steps = append(steps, fmt.Sprintf("%g %s", s.Factor, to))
		}
		return strings.Join(steps, ", ")
	}
	if f.Basis == opioid.Patch {
		return fmt.Sprintf("%s (%g / %g days)", sixDigits(f.Factor/f.WearDays), f.Factor, f.WearDays)
	}
	return fmt.Sprintf("%g", f.Factor)
}

func (a *app) opioidConvert() *cobra.Command {
	r := opioid.Record{Kind: opioid.Logged}
	c := &cobra.Command{
		Use: "convert DRUG DOSE", Short: "Convert a daily dose by every table", Args: cobra.ExactArgs(2),
		Long: `Convert a dose a day, or the rate of the patches worn, by every table. Buprenorphine
and methadone need --indication: for opioid use disorder they are never converted.

` + opioid.Caution,
		Example: "  recoup opioid convert hydrocodone 20\n  recoup opioid convert fentanyl 25 --route transdermal --unit mcg/h\n  recoup opioid convert methadone 30 --indication pain --json",
		RunE: func(_ *cobra.Command, args []string) error {
			dose, err := strconv.ParseFloat(args[1], 64)
			if err != nil || !(dose >= 0) || math.IsInf(dose, 0) {
				return usagef("expected the dose a day as a number")
			}
			r.Drug, r.DosePerDay = args[0], dose
			return a.convertDose(r)
		},
	}
	c.Flags().StringVar(&r.Route, "route", "oral", "route: oral, sublingual, buccal, film, nasal, transdermal, parenteral ...")
	c.Flags().StringVar(&r.Unit, "unit", "mg", "unit of the dose: mg, mcg, g, or mcg/h of patches worn")
	c.Flags().StringVar(&r.Indication, "indication", "", "pain or oud")
	return c
}

// convertedJSON is a dose by one table.
type convertedJSON struct {
	Table   string       `json:"table"`
	Version string       `json:"version"`
	MME     analysis.Num `json:"mme_per_day"`
	Reason  string       `json:"reason"` // code, where there is no number
	Why     string       `json:"why"`
	Source  string       `json:"source"`
	Status  string       `json:"status"`
}

func (a *app) convertDose(r opioid.Record) error {
	out := []convertedJSON{}
	g := grid{head: []string{"table", "MME a day", "why not"}, right: []bool{false, true, false}}
	for _, t := range opioid.Tables() {
		mme, err := t.MMEPerDay(r)
		if err != nil && !errors.Is(err, opioid.ErrNoFactor) {
			return usagef("%w", err) // the same by every table
		}
		row := convertedJSON{t.Name, t.Version, analysis.Num(mme), opioid.Reason(err), "", t.Source, t.Status}
		if err != nil {
			row.Why = err.Error()
		}
		out = append(out, row)
		g.rows = append(g.rows, []string{t.Name, sixDigits(mme), row.Why})
	}
	if a.json {
		return a.writeJSON(struct {
			Schema  string          `json:"schema"`
			Caution string          `json:"caution"`
			Doses   []convertedJSON `json:"doses"`
		}{"recoup.opioid/v1", opioid.Caution, out})
	}
	g.text(a.Out)
	fmt.Fprintln(a.Out, opioid.Caution)
	return nil
}

// sixDigits writes a number for people; "" where there is none.
func sixDigits(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

func (a *app) opioidRules() *cobra.Command {
	return &cobra.Command{
		Use: "rules", Short: "List the named rules for dose records", Args: cobra.NoArgs,
		Long: `List the rules by which prescriptions, logs and doses said at visits become daily doses:
gaps, overlapping supplies and early refills, supplies without days, visits. Each names
its source: sourced (read), unverified (a convention), or own (this project's choice, for
which no source is claimed). Choose them
with analyze run ... taper/reduction --set overlap=shift, or under definitions in the
cohort file: dose-overlap, dose-early, dose-gap, dose-grace, dose-length,
dose-fill-days, dose-hold, dose-hold-days.`,
		Example: "  recoup opioid rules\n  recoup opioid rules --json",
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.writeJSON(struct {
					Schema string        `json:"schema"`
					Rules  []opioid.Rule `json:"rules"`
				}{"recoup.opioid/v1", opioid.Rules()})
			}
			for _, r := range opioid.Rules() {
				fmt.Fprintf(a.Out, "%s=%s: %s\n  source: %s [%s]\n", r.Kind, r.Name, r.Text, r.Source, r.Status)
			}
			return nil
		},
	}
}
