package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"recoup/datasets"
	"recoup/reports"
)

// eachSite writes a report for each site from its own patients alone, and an overview.
func (a *app) eachSite(ctx context.Context, co *datasets.Cohort, f reportFlags, g guard) error {
	sites, err := reports.Sites(co)
	if err != nil {
		return usageError{err}
	}
	names := siteFiles(f.out, sites)
	type written struct {
		Site string `json:"site"`
		File string `json:"file"`
		Why  string `json:"not_written,omitempty"`
	}
	var list []written
	for i, s := range sites {
		o := f
		o.options.Site = s.Name
		r, err := quarterly(ctx, s.Cohort, o)
		if errors.Is(err, reports.ErrQuarter) {
			list = append(list, written{Site: s.Name, Why: err.Error()})
			a.note("%s: %v", clean(s.Name), err)
			continue
		}
		if err != nil {
			return fmt.Errorf("site %s: %w", clean(s.Name), err)
		}
		r, audit, err := g.gated(ctx, r)
		if err != nil {
			return err
		}
		if err := a.writeReport(ctx, names[i], r, audit, g); err != nil {
			return err
		}
		list = append(list, written{Site: s.Name, File: names[i]})
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
	r, audit, err := g.gated(ctx, r)
	if err != nil {
		return err
	}
	overview := names[len(sites)]
	if err := a.writeReport(ctx, overview, r, audit, g); err != nil {
		return err
	}
	list = append(list, written{File: overview})
	if a.json {
		return a.writeJSON(struct {
			Schema  string    `json:"schema"`
			Reports []written `json:"reports"`
		}{"recoup.report/v1", list})
	}
	for _, x := range list {
		if x.File != "" {
			fmt.Fprintf(a.Out, "%s written\n", x.File)
		}
	}
	a.note("each report is protected by itself: give a site its own, and the overview to those who may see all")
	return nil
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
