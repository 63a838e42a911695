package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"recoup/datasets"
	"recoup/reports"
	"recoup/reports/disclosure"
	"recoup/reports/render"
)

func (a *app) reportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "report",
		Short: "Reports: sections, quarterly, policy, study, diff, audit, crate",
		Long:  "Reports for those who run programs. Small cells are hidden before anything is drawn.",
	}
	c.AddCommand(a.reportSections(), a.reportQuarterly(), a.reportPolicy(), a.reportStudy(), a.reportDiff(), a.reportAudit(), a.reportCrate())
	return c
}

func (a *app) reportSections() *cobra.Command {
	return &cobra.Command{
		Use: "sections", Short: "List the sections of the quarterly report", Args: cobra.NoArgs,
		Long:    "List the sections of the quarterly report and what each needs of a cohort.",
		Example: "  recoup report sections",
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				type section struct {
					ID    string `json:"id"`
					Title string `json:"title"`
					Doc   string `json:"shows"`
				}
				var out []section
				for _, s := range reports.QuarterlySections {
					out = append(out, section{s.ID, s.Title, s.Doc})
				}
				return a.writeJSON(struct {
					Schema   string    `json:"schema"`
					Sections []section `json:"sections"`
				}{"recoup.report/v1", out})
			}
			g := grid{head: []string{"section", "title", "shows"}}
			for _, s := range reports.QuarterlySections {
				g.rows = append(g.rows, []string{s.ID, s.Title, s.Doc})
			}
			g.text(a.Out)
			return nil
		},
	}
}

// reportFlags are the flags of report quarterly.
type reportFlags struct {
	load    loadFlags
	options reports.QuarterlyOptions
	protect protectFlags
	each    string
	brand   string
	out     string
}

// endings are the endings of a report's file, in the order of render.Formats.
func endings() []string {
	var out []string
	for _, f := range render.Formats {
		out = append(out, f.Ending)
	}
	return out
}

func (a *app) reportQuarterly() *cobra.Command {
	var f reportFlags
	var formats strings.Builder
	for _, x := range render.Formats {
		fmt.Fprintf(&formats, "  %-9s%s\n", x.Ending, x.Title)
	}
	c := &cobra.Command{
		Use:   "quarterly COHORT -o FILE",
		Short: "Write the quarterly outcome report",
		Long: `Write the quarterly outcome report of a cohort. The ending of the file says the
format:

` + formats.String() + `
What the data cannot show is said in its place. Small cells, and those that would
reveal them, are hidden before anything is written, in every format alike; --policy
names the rule. The audit of what was hidden goes to standard error and stays with
you. Beside each headline stands the same quarter a year before.

With --releases FILE the report is held against what went out before, and added to
the list: who has both must not find a patient by their difference. The finished
file is read back; a report that would break its policy is not written (exit 4).

--each site writes one report for each site, FILE-SITE, of its own patients alone,
and FILE-overview with the headlines of all sites side by side. They are protected as
one set: who is given all of them cannot find by subtraction what one of them hides. A
report of all patients, made apart, is not part of the set: keep it from those who get
the sites'.

--brand FILE.yaml gives the report your title, logo and color: keys title, logo (an SVG
file beside it), logo_text and color. The logo is drawn with its shapes and texts
alone; the color must be readable on white. The logo stands in .html and .pdf.

--language writes the words, numbers and dates of another language; data formats keep
numbers as machines read them, and what an analysis warns of stays English, marked so.

The report holds no date but the one given by --date: the same cohort gives the same bytes.

Without --quarter the report covers all patients. The cohort needs a date of
discharge or admission, or a period column, for a quarter; who was referred and never
began belongs to the quarter of referral.`,
		Example: "  recoup report quarterly cohort.yaml --quarter 2026Q3 -o report.html\n  recoup report quarterly cohort.yaml --each site -o report.docx",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runQuarterly(c.Context(), args[0], f)
		},
	}
	f.load.add(c)
	c.Flags().StringVar(&f.options.Quarter, "quarter", "", "such as 2026Q3; all patients where not given")
	c.Flags().StringVar(&f.options.Arm, "arm", "", "the program's arm, where the cohort has arms; each arm where not given")
	c.Flags().StringVar(&f.options.Reference, "reference", "", "an arm to show beside it")
	levelFlag(c, &f.options.Level, "confidence level")
	languageFlag(c, &f.options.Lang)
	c.Flags().Float64Var(&f.options.Target, "target", 0, "share with an important improvement in pain that the program aims at, such as 0.5, drawn in the charts")
	c.Flags().StringVar(&f.options.Date, "date", "", "date to put on the report, such as 2026-10-15; none where not given")
	f.protect.add(c)
	c.Flags().StringVar(&f.each, "each", "", "site: a report for each site and an overview")
	c.Flags().StringVar(&f.brand, "brand", "", "file with your title, logo and color")
	c.Flags().StringVarP(&f.out, "output", "o", "", "file to write: "+strings.Join(endings(), ", "))
	return c
}

// languageFlag is the flag of a report's language.
func languageFlag(c *cobra.Command, tag *string) {
	c.Flags().StringVar(tag, "language", "en", "of the report: "+strings.Join(reports.Languages(), ", "))
}

func (a *app) runQuarterly(ctx context.Context, path string, f reportFlags) error {
	if _, err := reports.LanguageOf(f.options.Lang); err != nil {
		return usagef("--language: %w", err)
	}
	if _, err := disclosure.Named(f.protect.policy); err != nil {
		return usageError{err}
	}
	if f.options.Quarter != "" {
		if _, err := datasets.ParseQuarter(f.options.Quarter); err != nil {
			return usagef("--quarter: %w", err)
		}
	}
	if _, err := time.Parse(time.DateOnly, f.options.Date); f.options.Date != "" && err != nil {
		return usagef("--date: expected a date such as 2026-10-15")
	}
	if f.options.Target != 0 && !(f.options.Target > 0 && f.options.Target < 1) {
		return usagef("--target: expected a share between 0 and 1, such as 0.5")
	}
	if f.each != "" && (f.each != "site" || f.out == "") {
		return usagef("expected --each site with -o FILE")
	}
	if f.each != "" && f.protect.releases != "" {
		return usagef("expected --releases without --each: a register is of the reports of one group of patients")
	}
	if f.out == "" && !a.json {
		return usagef("expected a file to write: -o report.html")
	}
	if _, err := formatOf(f.out, a.json, endings()...); err != nil {
		return err
	}
	brand, err := f.branding()
	if err != nil {
		return err
	}
	co, err := a.load(ctx, path, f.load)
	if err != nil {
		return err
	}
	g, err := a.guard(f.protect, path, co)
	if err != nil {
		return err
	}
	f.options.Fewest = g.options.Policy.Max + 1
	f.options.Brand = brand
	if f.each != "" {
		return a.eachSite(ctx, co, f, g)
	}
	progress, stop := a.progress("Writing the report")
	f.options.Progress = progress
	r, err := quarterly(ctx, co, f)
	stop()
	if errors.Is(err, reports.ErrQuarter) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	policy := g.options.Policy
	r, audit, err := g.gated(ctx, r)
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := a.writeReport(ctx, f.out, r, audit, g); err != nil {
			return err
		}
	}
	if a.json {
		return a.writeJSON(outlineOf(r, policy, audit))
	}
	fmt.Fprintf(a.Out, "%s written\n", f.out)
	return nil
}

// branding reads the brand file, where one is given.
func (f reportFlags) branding() (reports.Brand, error) {
	if f.brand == "" {
		return reports.Brand{}, nil
	}
	b, err := os.ReadFile(f.brand)
	if err != nil {
		return reports.Brand{}, err
	}
	beside, err := os.OpenRoot(filepath.Dir(f.brand)) // a brand reads no file elsewhere
	if err != nil {
		return reports.Brand{}, err
	}
	defer beside.Close() //nolint:errcheck // read only
	brand, err := render.ParseBrand(filepath.Base(f.brand), b, beside.ReadFile)
	if err != nil {
		return reports.Brand{}, fmt.Errorf("%w: %w", errInvalidInput, err)
	}
	return brand, nil
}

// gated is a report after the disclosure rules, with the sentences that its shown
// numbers allow.
func (g guard) gated(ctx context.Context, r reports.Report) (reports.Report, disclosure.Audit, error) {
	r, audit, err := g.protect(ctx, r)
	return reports.Speak(r), audit, err
}

// written is a gated report and its file.
type written struct {
	path   string
	report reports.Report
	audit  disclosure.Audit
}

// writeReport writes a gated report in the format of the file's ending and tells what
// was hidden.
func (a *app) writeReport(ctx context.Context, path string, r reports.Report, audit disclosure.Audit, g guard) error {
	return a.writeReports(ctx, []written{{path, r, audit}}, g)
}

// hiddenIn counts what the gate found, and in how many tables and figures.
func hiddenIn(audit disclosure.Audit) (n, places int) {
	where := map[string]bool{}
	for _, f := range audit.Findings {
		n += f.Count
		where[f.Where] = true
	}
	return n, len(where)
}

// writeReports writes reports once all of them may go out.
func (a *app) writeReports(ctx context.Context, all []written, g guard) error {
	made := make([]bytes.Buffer, len(all))
	for i, x := range all {
		format, ok := render.FormatOf(strings.ToLower(filepath.Ext(x.path)))
		if !ok {
			return usagef("expected a file ending in %s", strings.Join(endings(), ", "))
		}
		o := render.Options{Folder: filepath.Dir(x.path)}
		if format.Ending == ".pdf" {
			o.Browser = browser()
		}
		if err := g.letOut(x.path, x.report, func(w io.Writer) error { return format.Write(ctx, w, x.report, o) })(&made[i]); err != nil {
			return err
		}
	}
	for i, x := range all {
		if err := writeFile(x.path, func(w io.Writer) error { _, err := made[i].WriteTo(w); return err }); err != nil {
			return err
		}
		if n, places := hiddenIn(x.audit); n > 0 {
			a.note("small cells (%s): %d findings in %d tables and figures of %s are hidden, thinned or coarsened; its disclosure statement lists them", x.audit.Policy.Name, n, places, filepath.Base(x.path))
		}
	}
	return nil
}

// browser is the path of a Chromium or Chrome, "" where there is none.
func browser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// quarterly builds the report with the provenance of this program.
func quarterly(ctx context.Context, co *datasets.Cohort, f reportFlags) (reports.Report, error) {
	o, err := f.sourced(ctx, co)
	if err != nil {
		return reports.Report{}, err
	}
	return reports.Quarterly(ctx, co, o)
}

// sourced are the options with where the numbers come from.
func (f reportFlags) sourced(ctx context.Context, co *datasets.Cohort) (reports.QuarterlyOptions, error) {
	origin, err := co.Origin(ctx)
	if err != nil {
		return f.options, err
	}
	b := thisBuild()
	fact := func(name, value string) reports.Fact { return reports.Fact{Name: name, Value: reports.Label(value)} }
	o := f.options
	o.Facts = []reports.Fact{
		fact("recoup", b.Recoup+" (revision "+b.Revision+")"), fact("Go", b.Go), fact("gonum", b.Gonum), fact("Platform", b.Platform),
		fact("Cohort", origin.Dictionary), fact("Digest of the cohort, SHA-256", origin.Digest),
		{Name: "Patients in the cohort", Value: reports.Count(co.Patients()).Named(reports.Everybody).Of(reports.WholeCohort)},
		{Name: "Rows in the cohort", Value: reports.Count(co.Rows()).WithoutPatients()},
		fact("Confidence level", fmt.Sprint(o.Level)),
	}
	if o.Site != "" { // the digest is that of the files, and with it the counts above are the site's
		o.Facts = append(o.Facts, fact("Site", o.Site))
	}
	if f.load.where != "" {
		o.Facts = append(o.Facts, fact("Where", f.load.where))
	}
	if f.load.setAside {
		o.Facts = append(o.Facts, fact("Bad cells", "set aside as missing, counted under Data quality"))
	}
	return o, nil
}

// outline is a report's contents for scripts: what it shows and what it cannot.
type outline struct {
	Schema   string           `json:"schema"`
	Title    string           `json:"title"`
	Period   string           `json:"period"`
	Policy   string           `json:"policy"`
	Warnings []outlineWarning `json:"warnings"`
	Sections []outlineSection `json:"sections"`
	Hidden   []outlineHidden  `json:"hidden"`
}

type outlineWarning struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

type outlineSection struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Tables  []string `json:"tables"`
	Figures []string `json:"figures"`
	Cannot  []string `json:"cannot_show"`
}

type outlineHidden struct {
	Code  string `json:"code"`
	Where string `json:"where"`
	Count int    `json:"count"`
}

func outlineOf(r reports.Report, p disclosure.Policy, audit disclosure.Audit) outline {
	o := outline{Schema: "recoup.report/v1", Title: r.Title, Period: r.Period, Policy: p.Name, Warnings: []outlineWarning{}, Sections: []outlineSection{}, Hidden: []outlineHidden{}}
	for _, w := range r.Warnings {
		o.Warnings = append(o.Warnings, outlineWarning{w.Code, w.Text})
	}
	for _, s := range r.Sections {
		x := outlineSection{ID: s.ID, Title: s.Title, Tables: []string{}, Figures: []string{}, Cannot: []string{}}
		for _, b := range s.Blocks {
			switch b := b.(type) {
			case reports.Table:
				x.Tables = append(x.Tables, b.ID)
			case reports.Figure:
				if b.Plot != nil {
					x.Figures = append(x.Figures, b.ID)
				} else {
					x.Cannot = append(x.Cannot, b.ID)
				}
			case reports.Notice:
				if b.Level == reports.CannotShow {
					x.Cannot = append(x.Cannot, b.Title)
				}
			}
		}
		x.Cannot = slices.Clip(x.Cannot)
		o.Sections = append(o.Sections, x)
	}
	for _, h := range audit.Findings {
		o.Hidden = append(o.Hidden, outlineHidden{h.Code, h.Where, h.Count})
	}
	return o
}
