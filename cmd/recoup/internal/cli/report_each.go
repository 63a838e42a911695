package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"recoup/datasets"
	"recoup/reports"
	"recoup/reports/disclosure"
)

// siteReport is what became of the report of one site, or of the overview.
type siteReport struct {
	Site string `json:"site"`
	File string `json:"file"`
	Why  string `json:"not_written,omitempty"`
}

// eachSite writes a report for each site from its own patients alone, and an
// overview. They are protected as one: what one hides does not follow from the others.
func (a *app) eachSite(ctx context.Context, co *datasets.Cohort, f reportFlags, g guard) error {
	sites, err := reports.Sites(co)
	if err != nil {
		return usageError{err}
	}
	names := siteFiles(f.out, sites)
	var list []siteReport
	var set []disclosure.Member
	progress, stop := a.progress("Writing the reports")
	stop = sync.OnceFunc(stop)
	defer stop()
	for i, s := range sites {
		if progress != nil {
			progress(i, len(sites)+1)
		}
		o := f
		o.options.Site = s.Name
		r, err := quarterly(ctx, s.Cohort, o)
		if errors.Is(err, reports.ErrQuarter) {
			list = append(list, siteReport{Site: s.Name, Why: err.Error()})
			a.note("%s: %v", clean(s.Name), err)
			continue
		}
		if err != nil {
			return fmt.Errorf("site %s: %w", clean(s.Name), err)
		}
		list = append(list, siteReport{Site: s.Name, File: names[i]})
		set = append(set, disclosure.Member{Report: r, Site: s.Name})
	}
	o, err := f.sourced(ctx, co)
	if err != nil {
		return err
	}
	r, err := reports.Overview(ctx, co, o)
	if errors.Is(err, reports.ErrQuarter) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	stop()
	list = append(list, siteReport{File: names[len(sites)]})
	set = append(set, disclosure.Member{Report: r})
	if err := a.writeSet(ctx, set, list, g); err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(struct {
			Schema  string       `json:"schema"`
			Reports []siteReport `json:"reports"`
		}{"recoup.report/v1", list})
	}
	for _, x := range list {
		if x.File != "" {
			fmt.Fprintf(a.Out, "%s written\n", x.File)
		}
	}
	a.note("the reports are protected as one set; a report of all patients that is made apart is not part of it")
	return nil
}

// writeSet protects reports as one set and writes each to its file, or none.
func (a *app) writeSet(ctx context.Context, set []disclosure.Member, list []siteReport, g guard) error {
	safe, err := g.together(ctx, set)
	if err != nil {
		return err
	}
	var all []written
	for _, x := range list {
		if x.File != "" {
			all = append(all, written{x.File, reports.Speak(safe[0].Report), safe[0].Audit})
			safe = safe[1:]
		}
	}
	return a.writeReports(ctx, all, g)
}

// siteFiles names a file for each site and one for the overview: report.html becomes
// report-north.html.
func siteFiles(out string, sites []reports.Site) []string {
	ending := filepath.Ext(out)
	base := strings.TrimSuffix(out, ending)
	used := map[string]bool{"overview": true}
	var names []string
	for i, s := range sites {
		slug := strings.Join(strings.FieldsFunc(strings.ToLower(s.Name), func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') }), "-")
		if slug == "" || len(slug) > 60 {
			slug = "site-" + strconv.Itoa(i+1)
		}
		for n := 2; used[slug]; n++ {
			slug = strings.TrimSuffix(slug, "-"+strconv.Itoa(n-1)) + "-" + strconv.Itoa(n)
		}
		used[slug] = true
		names = append(names, base+"-"+slug+ending)
	}
	return append(names, base+"-overview"+ending)
}
