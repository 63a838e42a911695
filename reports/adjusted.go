package reports

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/quality"
	"recoup/datasets"
)

// sitesAdjusted is the figure of the sites in patients alike, which Speak reads.
const sitesAdjusted = "sites-adjusted"

// adjusted compares each site with the average site in patients of the same case mix, by
// quality/sites. How much sites differ beyond chance is in the model: it draws small
// sites to the average.
func (q *quarter) adjusted(ctx context.Context, c sitesCompared) (Figure, error) {
	fig := Figure{
		ID: sitesAdjusted, Title: q.text("Important improvement in {0} by site, adjusted for case mix", q.in.lower(c.field.Label())),
		Subtitle: q.text("Odds of an important improvement at {0} against the average site, {1} % intervals", q.discharge.VisitName(), 100*q.opt.Level),
		Absent:   Say("Too few sites have patients for a comparison."),
	}
	columns, labels := q.caseMix(c)
	ask := func() (analysis.Result, bool, string, error) {
		return q.withoutSmall(ctx, quality.SitesAnalysis, "sites", c.parts, c.question, improved("covariates", strings.Join(columns, ","), "baseline", "true"))
	}
	r, few, why, err := ask()
	if err == nil && why != "" && len(columns) > 0 { // such as a level in which all improved
		columns, labels = nil, labels[:1]
		r, few, why, err = ask()
	}
	if err != nil {
		return fig, err
	}
	if why != "" {
		fig.Absent = Say("The model that adjusts for who the patients are cannot be fitted to so few sites and patients.")
		return fig, nil
	}
	if tau, _ := find(r, "tau", ""); tau.Value == 0 {
		fig.Absent = Say(q.text("Adjusted for {0}, sites differ by no more than chance, so the model puts every one at the average. That is no proof that they are alike.", q.in.list(labels)))
		return fig, nil
	}
	plot := Forest{LabelHead: q.text("Site"), Columns: []string{"n"}, Result: q.text("Odds ratio ({0} % CI)", 100*q.opt.Level), Log: true, Reference: 1, Favors: [2]string{"Worse", "Better"}}
	for _, t := range r.Tables {
		if t.Name != "sites" {
			continue
		}
		g := grid{t}
		for _, row := range g.Rows {
			site, n, events := row[0].Text, g.count(row, "n"), g.count(row, "events")
			if n == 0 {
				continue
			}
			counts, estimate := Count(n), Estimate(g.number(row, "odds_ratio"), g.number(row, "low"), g.number(row, "high"), 2, n)
			estimate.Basis = ShareOf(events, n)
			if c.judged[site] == n && c.improved[site] == events {
				counts, estimate = counts.Named(c.wholes+"/"+site), estimate.Named(c.numerators+"/"+site).OutOf(c.wholes+"/"+site)
			} else { // who lacks a covariate is not in the model
				counts, estimate = counts.Named(c.wholes+"/adjusted/"+site).PartOf(c.wholes+"/"+site), estimate.Named(c.numerators+"/adjusted/"+site).OutOf(c.wholes+"/adjusted/"+site).PartOf(c.wholes+"/"+site)
			}
			plot.Rows = append(plot.Rows, ForestRow{Label: site, Columns: []Cell{counts}, Estimate: estimate})
		}
	}
	if len(plot.Rows) < 2 {
		return fig, nil
	}
	slices.SortStableFunc(plot.Rows, func(a, b ForestRow) int { return cmp.Compare(b.Estimate.Value, a.Estimate.Value) })
	fig.Plot = plot
	fig.Alt = Say(q.count(len(plot.Rows), "{0} site with its odds ratio against the average site.", "{0} sites with their odds ratios against the average site."))
	fig.Caption = q.adjustedCaption(r, labels)
	if few {
		fig.Caption = fig.Caption.And(" " + q.sitesLeftOut())
	}
	return fig, nil
}

// adjustedCaption says what was adjusted for, how sites differ, and what that is not.
func (q *quarter) adjustedCaption(r analysis.Result, labels []string) Words {
	w := Say(q.text("Adjusted for {0}, in a logistic model with a random intercept of site: effects are shrunken towards the average site, those of small sites most. They are not adjusted for what is not recorded, and an interval is against the average, not between two sites.", q.in.list(labels)))
	tau, _ := find(r, "tau", "")
	odds, _ := find(r, "median_odds_ratio", "")
	if tau.P.OK() && odds.Value.OK() {
		w = w.And(" ").join(q.words("Between sites beyond chance: median odds ratio {0}, p {1}.", Number(float64(odds.Value), 2, odds.N.Arm), P(float64(tau.P), tau.N.Arm)))
	}
	for _, x := range r.Warnings {
		if x.Code == quality.WarnShortSeries {
			w = w.And(" " + q.text("How much sites differ is poorly known of fewer than ten."))
		}
	}
	return w
}

// caseMixKnown is the share of the patients of whom a covariate must be known.
const caseMixKnown = 0.9

// perCoefficient is how many patients of the rarer outcome a coefficient needs.
const perCoefficient = 10

// caseMix chooses what sites are adjusted for besides the outcome at entry: who pays,
// work before, and the covariates of the cohort file, in its order, where they are known
// of nine in ten, as long as the rarer outcome has ten patients for each coefficient.
func (q *quarter) caseMix(c sitesCompared) (columns, labels []string) {
	judged, improved := 0, 0
	for site, n := range c.judged {
		judged, improved = judged+n, improved+c.improved[site]
	}
	room := min(improved, judged-improved)/perCoefficient - 1
	labels = []string{q.text("{0} at entry", q.in.lower(c.field.Label()))}
	everyone := analysis.Group{}
	for p, keep := range c.parts.keep {
		if keep {
			everyone.Patients = append(everyone.Patients, p)
		}
	}
	in := analysis.Input{Cohort: c.parts.cohort}
	for _, t := range c.parts.cohort.Tables() {
		if !t.OneRow() {
			continue
		}
		for _, f := range t.Fields() {
			if f.Role != datasets.RoleCovariate && f.Role != datasets.RolePayer && f.Role != datasets.RoleWorkBefore {
				continue
			}
			made, err := in.CovariateColumns([]analysis.Group{everyone}, []string{f.Name})
			if err != nil || len(made) == 0 || len(made) > room || !knownEnough(made[0].Values, everyone.Patients) {
				continue // too many levels, or a date: not what a model can take
			}
			room -= len(made)
			columns, labels = append(columns, f.Name), append(labels, q.in.lower(f.Label()))
		}
	}
	return columns, labels
}

func knownEnough(values []float64, patients []int) bool {
	known := 0
	least, most := 0.0, 0.0
	for _, p := range patients {
		v := values[p]
		if math.IsNaN(v) {
			continue
		}
		if known == 0 {
			least, most = v, v
		}
		known, least, most = known+1, min(least, v), max(most, v)
	}
	return least < most && float64(known) >= caseMixKnown*float64(len(patients))
}
