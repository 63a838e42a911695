package reports

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
)

// Site is one site of a cohort with its own patients.
type Site struct {
	Name   string
	Cohort *datasets.Cohort
}

// Sites splits a cohort by site, in the order of the cohort file. Patients without a
// site are in none.
func Sites(c *datasets.Cohort) ([]Site, error) {
	codes, levels := c.Attribute(datasets.RoleSite)
	if codes == nil {
		return nil, fmt.Errorf("%w: the cohort has no column of role site, so there is no report for each site", datasets.ErrUnknownName)
	}
	var out []Site
	for k, name := range levels {
		keep := make([]bool, len(codes))
		for p, code := range codes {
			keep[p] = int(code) == k
		}
		if slices.Contains(keep, true) {
			out = append(out, Site{name, c.Select(keep, "patients of other sites")})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no patient has a site, so there is no report for each site", datasets.ErrUnknownName)
	}
	return out, nil
}

// Overview builds a report of the headlines of all sites side by side. Like Quarterly's
// it must go through disclosure.Apply before rendering.
func Overview(ctx context.Context, c *datasets.Cohort, o QuarterlyOptions) (Report, error) {
	q, err := newQuarter(c, o)
	if err != nil {
		return Report{}, err
	}
	sites, err := Sites(c)
	if err != nil {
		return Report{}, err
	}
	s := Section{ID: "sites", Title: "The sites side by side", Lead: Say("Each row is a report of its own. Not adjusted for who the patients are: sites differ by whom they treat, and by chance; where intervals overlap widely nothing can be said.")}
	t := Table{ID: "by-site", Columns: []Column{{Label: "Site"}, {Label: "Patients", Align: Right}}, Caption: "The five goals by site, " + q.period()}
	if g := q.groups[0]; g != "" {
		t.Caption += ", " + g
	}
	for _, g := range goals {
		t.Columns = append(t.Columns, Column{Label: g.title, Align: Right})
	}
	meaning := make([]string, len(goals))
	for _, site := range sites {
		row, err := q.siteRow(ctx, site, meaning)
		if err != nil {
			return Report{}, err
		}
		t.Rows = append(t.Rows, row)
	}
	for i, g := range goals {
		if meaning[i] != "" {
			t.Footnotes = append(t.Footnotes, Say(g.title+": "+meaning[i]+"."))
		}
	}
	s.Blocks = append(s.Blocks, t)
	if codes, _ := c.Attribute(datasets.RoleSite); slices.Contains(codes, -1) {
		s.Blocks = append(s.Blocks, Notice{Level: Info, Title: "Patients without a site", Text: Say("Some patients have no site recorded and are in none of the reports by site.")})
	}
	if f, _, ok := q.outcomeIn("pain", "interference", "function"); ok && q.discharge.Value != "" {
		b, err := q.funnel(ctx, f)
		if err != nil {
			return Report{}, err
		}
		s.Blocks = append(s.Blocks, b)
	}
	if len(q.words) > 0 {
		s.Blocks = append(s.Blocks, Definitions{Title: "Definitions used", Items: q.words})
	}
	return Report{
		Title: "Outcome overview of the sites", Subtitle: c.Title(), Audience: "those who may see every site", Lang: "en", Brand: o.Brand, Period: q.period(),
		Sections: []Section{s}, Warnings: q.warnings(), Provenance: q.provenance(),
	}, nil
}

// siteRow is the headlines of one site, measured at the visits of the whole cohort.
// What each means is noted once, and again in the row where a site's differs.
func (q *quarter) siteRow(ctx context.Context, site Site, meaning []string) (Row, error) {
	row := Row{Cells: []Cell{Label(site.Name)}}
	own, err := newQuarter(site.Cohort, q.opt)
	if errors.Is(err, ErrQuarter) {
		row.Cells = append(row.Cells, Count(0))
		for range goals {
			row.Cells = append(row.Cells, NotAvailable("The site has no patient in this quarter."))
		}
		return row, nil
	}
	if err != nil {
		return row, err
	}
	own.baseline, own.discharge, own.followUp = q.baseline, q.discharge, q.followUp
	who, _, err := analysis.Input{Cohort: own.now}.Groups(analysis.Question{Arm: q.groups[0]})
	if err != nil {
		return row, err
	}
	named := func(quantity string) string { // as the site's own report calls it
		if quantity != "" {
			quantity += "/" + site.Name
		}
		return quantity
	}
	row.Cells = append(row.Cells, Count(len(who[0].Patients)).Named(named(population(q.groups[0]))))
	for i, g := range goals {
		tile, why, err := g.tile(ctx, own, own.now, q.groups[0])
		if err != nil {
			return row, err
		}
		cell := tile.Value
		if why != "" {
			cell = NotAvailable(upper(strings.TrimSuffix(why, ".")) + ".")
		}
		b := &cell.Basis // the same names mean other patients at another site
		b.Quantity, b.Whole, b.Within = named(b.Quantity), named(b.Whole), named(b.Within)
		switch {
		case why != "":
		case meaning[i] == "":
			meaning[i] = tile.Label
		case meaning[i] != tile.Label:
			cell = NotAvailable("At this site it would be: " + tile.Label + ".")
		}
		row.Cells = append(row.Cells, cell)
	}
	for _, d := range own.words {
		q.define(d.Term, d.Meaning, d.Source)
	}
	return row, nil
}

// period is the time that a report covers, in words.
func (q *quarter) period() string {
	if q.opt.Quarter == "" {
		return "all patients"
	}
	return q.opt.Quarter
}
