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
	t := Table{ID: "by-site", Columns: []Column{{Label: "Site"}, {Label: "Patients", Align: Right}}, Caption: q.text("The five goals by site, {0}", q.periodWords())}
	if g := q.groups[0]; g != "" {
		t.Caption += ", " + g
	}
	compared := q.yearBeforeTable("-sites", q.text("Each site against the same quarter last year"), "Goal")
	for _, g := range goals {
		t.Columns = append(t.Columns, Column{Label: g.title, Align: Right})
	}
	meaning := make([]Tile, len(goals))
	for _, site := range sites {
		row, before, err := q.siteRow(ctx, site, meaning)
		if err != nil {
			return Report{}, err
		}
		t.Rows, compared.Rows = append(t.Rows, row), append(compared.Rows, before...)
	}
	for i, g := range goals {
		if m := meaning[i]; m.Label != "" {
			t.Columns[2+i].Label = topic(g, m)
			t.Footnotes = append(t.Footnotes, Say(q.text(topic(g, m))+": "+m.Label+"."))
		}
	}
	s.Blocks = append(s.Blocks, t)
	if why := q.noYearBefore(); why != "" {
		s.Blocks = append(s.Blocks, cannot("The same quarter last year is not compared", why))
	} else {
		s.Blocks = append(s.Blocks, compared)
	}
	if codes, _ := c.Attribute(datasets.RoleSite); slices.Contains(codes, -1) {
		s.Blocks = append(s.Blocks, Notice{Level: Info, Title: "Patients without a site", Text: Say("Some patients have no site recorded and are in none of the reports by site.")})
	}
	if f, i, ok := q.outcomeIn("pain", "interference", "function"); ok && q.discharge.Value != "" {
		blocks, err := q.between(ctx, f, i)
		if err != nil {
			return Report{}, err
		}
		s.Blocks = append(s.Blocks, blocks...)
	}
	if len(q.terms) > 0 {
		s.Blocks = append(s.Blocks, Definitions{Title: "Definitions used", Items: q.terms})
	}
	return Report{
		Title: "Outcome overview of the sites", Subtitle: c.Title() + q.dated(), Audience: "those who may see every site", Lang: q.in.Tag(), Brand: o.Brand, Period: q.period(),
		Sections: []Section{s}, Warnings: q.warnings(), Provenance: q.provenance(),
	}, nil
}

// siteRow is the headlines of one site, measured at the visits of the whole cohort, and
// the same against the year before. What each means is noted once, and again in the row
// where a site's differs.
func (q *quarter) siteRow(ctx context.Context, site Site, meaning []Tile) (Row, []Row, error) {
	compared := []Row{{Heading: true, Cells: []Cell{Label(site.Name)}}}
	row := Row{Cells: []Cell{Label(site.Name)}}
	own, err := newQuarter(site.Cohort, q.opt)
	if errors.Is(err, ErrQuarter) {
		row.Cells = append(row.Cells, Count(0))
		for range goals {
			row.Cells = append(row.Cells, NotAvailable("The site has no patient in this quarter."))
		}
		return row, append(compared, Row{Indent: 1, Cells: []Cell{Label("The site has no patient in this quarter.")}}), nil
	}
	if err != nil {
		return row, nil, err
	}
	own.baseline, own.discharge, own.followUp = q.baseline, q.discharge, q.followUp
	who, _, err := analysis.Input{Cohort: own.now}.Groups(analysis.Question{Arm: q.groups[0]})
	if err != nil {
		return row, nil, err
	}
	row.Cells = append(row.Cells, ofSite(Count(len(who[0].Patients)).Named(population(q.groups[0])), site))
	for i, g := range goals {
		tile, why, err := g.tile(ctx, own, own.now, q.groups[0])
		if err != nil {
			return row, nil, err
		}
		cell := ofSite(tile.Value, site)
		if why != "" {
			cell = NotAvailable(upper(strings.TrimSuffix(why, ".")) + ".")
		} else {
			before, missing, err := own.yearBefore(ctx, g, q.groups[0])
			if err != nil {
				return row, nil, err
			}
			then := ofSite(before.Value, site)
			if missing != "" {
				then = NotAvailable(upper(strings.TrimSuffix(missing, ".")) + ".")
			}
			line := q.yearBeforeRow(topic(g, tile), cell, then)
			line.Indent = 1
			compared = append(compared, line)
		}
		switch {
		case why != "":
		case meaning[i].Label == "":
			meaning[i] = tile
		case meaning[i].Label != tile.Label:
			cell = NotAvailable(q.text("At this site it would be: {0}.", tile.Label))
		}
		row.Cells = append(row.Cells, cell)
	}
	for _, d := range own.terms {
		q.note(d)
	}
	return row, compared, nil
}

// ofSite names the counts behind a cell as those of one site, as the gate calls them in its
// own report: the same names mean other patients at another.
func ofSite(c Cell, site Site) Cell {
	for _, name := range []*string{&c.Basis.Quantity, &c.Basis.Whole, &c.Basis.Within} {
		if *name != "" {
			*name += "/" + site.Name
		}
	}
	return c
}

// periodWords is the time that a report covers, as its language writes it.
func (q *quarter) periodWords() string { return q.text(q.in.Quarter(q.period())) }

// period is the time that a report covers, in words.
func (q *quarter) period() string {
	if q.opt.Quarter == "" {
		return "all patients"
	}
	return q.opt.Quarter
}
