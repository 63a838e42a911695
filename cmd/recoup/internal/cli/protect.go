package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"recoup/datasets"
	"recoup/datasets/privacy"
	"recoup/reports"
	"recoup/reports/disclosure"
	"recoup/reports/disclosure/readback"
)

// protectFlags say how a report is protected before it goes out.
type protectFlags struct {
	policy   string
	releases string
	noise    string
	override disclosure.Override
}

func (f *protectFlags) add(c *cobra.Command) {
	var policies []string
	for _, p := range disclosure.Policies() {
		policies = append(policies, p.Name)
	}
	c.Flags().StringVar(&f.policy, "policy", "cms-11", "rule for small cells: "+strings.Join(policies, ", ")+"; k-5 to k-11 hides counts under k")
	c.Flags().StringVar(&f.releases, "releases", "", "file that lists what went out before; this report is held against it and added")
	c.Flags().StringVar(&f.noise, "noise", "", "file with the owner's key: adds a little noise to counts")
	c.Flags().StringVar(&f.override.By, "override-by", "", "who lets the report out against its policy; written in it")
	c.Flags().StringVar(&f.override.Why, "override-why", "", "why; written in it")
}

// guard is what a report passes before it goes out.
type guard struct {
	options  disclosure.Options
	path     string // of the register, "" for none
	register disclosure.Register
	cohort   string
	known    readback.Known
}

// errBreaks refuses a report that would break its policy.
var errBreaks = fmt.Errorf("%w: the report would break its policy, so nothing is written", datasets.ErrPrivacy)

const mayOverride = "; who answers for it can let it out with --override-by and --override-why"

// guard reads what protects the reports of a cohort.
func (a *app) guard(f protectFlags, path string, co *datasets.Cohort) (guard, error) {
	g := guard{path: f.releases, cohort: co.Dictionary().Name, register: disclosure.Register{Schema: disclosure.RegisterSchema}}
	var err error
	if g.options.Policy, err = disclosure.Named(f.policy); err != nil {
		return g, usageError{err}
	}
	if g.options.Override = f.override; (f.override.By == "") != (f.override.Why == "") {
		return g, usagef("expected both --override-by and --override-why")
	}
	if f.noise != "" {
		if g.options.NoiseKey, err = a.readKey(f.noise); err != nil {
			return g, err
		}
	}
	if f.releases != "" {
		file, err := os.Open(f.releases)
		switch {
		case errors.Is(err, os.ErrNotExist): // the first release makes it
		case err != nil:
			return g, err
		default:
			g.register, err = disclosure.ReadRegister(file)
			_ = file.Close()
			if err != nil {
				return g, fmt.Errorf("%w: %s: %w", errInvalidInput, f.releases, err)
			}
		}
		g.options.Earlier = g.register.Of(g.cohort)
		if err := g.register.Check(g.cohort, g.options.Policy); err != nil && g.options.Override.By == "" {
			return g, fmt.Errorf("%w: %w%s", errBreaks, err, mayOverride)
		}
	}
	g.known = readback.Known{IDs: co.IDs(), K: g.options.Policy.Max + 1}
	for _, p := range []string{path, filepath.Dir(path)} {
		if full, err := filepath.Abs(p); err == nil && len(full) > 4 {
			g.known.Texts = append(g.known.Texts, full)
		}
	}
	return g, nil
}

// protect hides what may not go out and attacks what is left.
func (g guard) protect(ctx context.Context, r reports.Report) (reports.Report, disclosure.Audit, error) {
	out, err := g.together(ctx, []disclosure.Member{{Report: r}})
	if err != nil {
		return reports.Report{}, disclosure.Audit{}, err
	}
	return out[0].Report, out[0].Audit, nil
}

// together protects reports that go out together.
func (g guard) together(ctx context.Context, set []disclosure.Member) ([]disclosure.Protected, error) {
	out, err := disclosure.Together(ctx, set, g.options)
	if err != nil || g.options.Override.By != "" || g.options.Policy.Max == 0 {
		return out, err
	}
	if n := out[0].Audit.Broken; n > 0 {
		return nil, fmt.Errorf("%w: %d small numbers can still be found from totals%s", errBreaks, n, mayOverride)
	}
	if g.options.NoiseKey != nil {
		return out, nil
	}
	for _, p := range out {
		found, err := disclosure.Finished(ctx, p.Report, g.options.Policy)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return nil, fmt.Errorf("%w: a hidden cell can be found in %s, from %s%s", errBreaks, clean(found[0].Where), found[0].How, mayOverride)
		}
	}
	return out, nil
}

// leaves are the findings that keep a file of ours in. Names and dates are not
// among them: sources are cited by their authors' names and years. Marks are not
// either: the model of a report has none that is a patient.
func (g guard) leaves(l readback.Leak) bool {
	switch l.Code {
	case readback.CodeKnown, readback.CodeMicrodata, readback.CodeHidden, readback.CodeUnread, disclosure.CodeText:
		return true
	case readback.CodeManifest:
		return l.What == "a path of a file"
	case readback.CodeIdentifier:
		return l.What != privacy.ClassNames.String() && l.What != privacy.ClassDates.String() && l.What != privacy.ClassURL.String()
	}
	return false
}

// letOut writes the file of a report only where nothing in the finished bytes may
// identify anybody, and adds the report to the register.
func (g guard) letOut(name string, r reports.Report, write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		if g.options.Override.By == "" && g.options.Policy.Max > 0 {
			for _, l := range readback.Scan(name, b.Bytes(), g.known) {
				if g.leaves(l) {
					return fmt.Errorf("%w: the finished file holds %s (%s), %d times in %s%s", errBreaks, l.What, l.Code, l.Count, clean(l.Where), mayOverride)
				}
			}
		}
		if err := g.record(r); err != nil {
			return err
		}
		_, err := w.Write(b.Bytes())
		return err
	}
}

// record adds a report to the register of releases, before the report is written:
// a release that is listed and did not go out costs little, the other way round
// much.
func (g guard) record(r reports.Report) error {
	if g.path == "" {
		return nil
	}
	o := g.options
	release := disclosure.Release{
		Report: r.Title, Period: r.Period, Policy: o.Policy.Name, Cohort: g.cohort,
		By: o.Override.By, Why: o.Override.Why, Shown: disclosure.Shown(r, o.Policy),
	}
	last := len(g.register.Releases) - 1
	if last >= 0 && equalJSON(g.register.Releases[last], release) {
		return nil
	}
	g.register.Releases = append(g.register.Releases, release)
	return writeFile(g.path, func(w io.Writer) error {
		return writeEncoded(w, g.register)
	})
}

func equalJSON(x, y any) bool {
	a, err1 := encode(x)
	b, err2 := encode(y)
	return err1 == nil && err2 == nil && bytes.Equal(a, b)
}
