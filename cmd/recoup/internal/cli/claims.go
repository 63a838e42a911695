package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/analysis/catalog"
	"recoup/analysis/compare"
	"recoup/datasets"
	"recoup/datasets/instrument"
	"recoup/datasets/published"
)

// claimsFlags are the flags of analyze claims.
type claimsFlags struct {
	load   loadFlags
	arm    string
	level  float64
	detail bool
	out    string
}

func (a *app) analyzeClaims() *cobra.Command {
	var f claimsFlags
	c := &cobra.Command{
		Use:   "claims COHORT",
		Short: "Test the field's headline claims on a cohort",
		Long: `Test the field's headline claims on a cohort: 40 percent less pain, most taper from
opioids, 50 percent back to work, 20 to 36 percent back to work after surgery. The
claims are data with their sources (recoup data comparators --status claim), under test
and never a default.

The first page has a line for each claim and arm: the reading of it that stands for the
others, how the rest of them turn out, and which published figure is a fair comparison.
--detail has every reading and every published figure, and so have .json and .csv.

Each is held against every reading that the cohort allows, with its interval: the
percentage of means and the mean of percentages, every rule for a taper, every definition
of return to work and every denominator. holds: the interval holds the claim, or reaches
into its range; inside: it lies within the range; under, over: all of it lies short of
the claim or beyond it. Readings of which fewer than 70 percent of the patients were seen
are listed and not counted. Then come the published figures of the same outcome, and whether
each is a fair comparison: payer, work before treatment, condition, definition, time and
age. Without --arm every arm is taken for itself.`,
		Example: "  recoup analyze claims cohort.yaml\n  recoup analyze claims cohort.yaml --arm program --detail\n  recoup analyze claims cohort.yaml --json\n  recoup analyze claims cohort.yaml -o claims.csv",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.runClaims(c.Context(), args[0], f) },
	}
	f.load.add(c)
	c.Flags().StringVar(&f.arm, "arm", "", "arm, by name or value")
	levelFlag(c, &f.level, "confidence level")
	c.Flags().BoolVar(&f.detail, "detail", false, "every reading of each claim, and every published figure beside it")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format: .json, .csv or .txt")
	return c
}

// claimsReport is the envelope of analyze claims.
type claimsReport struct {
	Schema     string        `json:"schema"`
	Provenance provenance    `json:"provenance"`
	Claims     []testedClaim `json:"claims"`
}

// testedClaim is a claim with what the cohort says of it.
type testedClaim struct {
	ID          string         `json:"id"`
	Question    string         `json:"question"`
	Statement   string         `json:"statement"`
	Source      string         `json:"source"`
	Note        string         `json:"note"`
	AboutOthers bool           `json:"about_others"`
	Short       string         `json:"short"`
	Answers     []claimAnswer  `json:"answers"`
	Tests       []claimTest    `json:"tests"`
	Cannot      []string       `json:"cannot"`
	Comparators []claimCompare `json:"comparators"`
}

// claimAnswer is what an arm says of a claim: the reading that stands on the first page,
// and how many of those with enough follow-up turn out how.
type claimAnswer struct {
	Arm     string         `json:"arm"`
	Shown   *claimTest     `json:"shown"` // null where no reading has an interval
	Words   string         `json:"words"` // what is shown
	Counts  map[string]int `json:"counts"`
	Unseen  int            `json:"not_counted"` // readings of which too few patients were seen
	Verdict string         `json:"verdict"`
	Fair    string         `json:"fair"` // which published figures are a fair comparison
}

// claimTest is one reading of a claim: an estimate and what its interval says.
type claimTest struct {
	analysis.Row
	ClaimLow  analysis.Num `json:"claim_low"` // on the estimate's scale
	ClaimHigh analysis.Num `json:"claim_high"`
	Counted   bool         `json:"counted"` // has an interval, and enough patients were seen
	Verdict   string       `json:"verdict"`
	Words     string       `json:"words"`
}

// claimCompare is a published figure beside the answers.
type claimCompare struct {
	Arm        string       `json:"arm"` // of the cohort
	ID         string       `json:"id"`
	Treatment  string       `json:"treatment"`
	Group      string       `json:"group,omitempty"`
	When       string       `json:"when"`
	Definition string       `json:"definition,omitempty"`
	Value      analysis.Num `json:"value"` // percent
	Low        analysis.Num `json:"low"`
	High       analysis.Num `json:"high"`
	Status     string       `json:"status"`
	Fair       string       `json:"fair"`
	Differs    []string     `json:"differs"`
	NotKnown   []string     `json:"not_known"`
	Words      string       `json:"words"`
}

func (a *app) runClaims(ctx context.Context, path string, f claimsFlags) error {
	format, err := formatOf(f.out, a.json, ".json", ".csv", ".txt")
	if err != nil {
		return err
	}
	co, err := a.load(ctx, path, f.load)
	if err != nil {
		return err
	}
	origin, err := co.Origin(ctx)
	if err != nil {
		return err
	}
	q := analysis.Question{Arm: f.arm, Level: f.level}
	groups, _, err := analysis.Input{Cohort: co}.Groups(q)
	if err != nil {
		return err
	}
	r := claimsReport{Schema: "recoup.claims/v1", Provenance: provenance{
		build: thisBuild(), Origin: &origin, Question: &q, Where: f.load.where, SetAside: f.load.setAside,
	}}
	for _, x := range published.Questions() {
		t, err := testClaim(ctx, co, groups, q, x)
		if err != nil {
			return err
		}
		r.Claims = append(r.Claims, t)
	}
	write := func(w io.Writer) error {
		switch format {
		case ".json":
			return writeEncoded(w, r)
		case ".csv":
			return r.grid().csv(w)
		}
		r.text(w, f.detail)
		return nil
	}
	if f.out == "" {
		return write(a.Out)
	}
	return writeFile(f.out, write)
}

// testClaim asks a cohort one question.
func testClaim(ctx context.Context, co *datasets.Cohort, groups []analysis.Group, q analysis.Question, x published.Question) (testedClaim, error) {
	e, ok := published.Find(x.Claim)
	if !ok || len(e.Results) != 1 {
		return testedClaim{}, fmt.Errorf("the statement %s is not among the published entries with one figure", x.Claim)
	}
	t := testedClaim{
		ID: e.ID, Question: x.Question, Short: x.Short, Statement: strings.TrimPrefix(e.Citation, "Statement: "), Source: e.Source, Note: x.Note, AboutOthers: x.AboutOthers,
		Tests: []claimTest{}, Cannot: []string{}, Comparators: []claimCompare{},
	}
	for _, test := range x.Tests {
		if err := t.ask(ctx, co, q, test, e.Results[0]); err != nil {
			return t, err
		}
	}
	entries, results := x.Beside()
	for _, g := range groups {
		for i, r := range results {
			t.Comparators = append(t.Comparators, t.beside(co, g, entries[i], r))
		}
		t.Answers = append(t.Answers, t.answer(g.Name, x.Headline))
	}
	return t, nil
}

// ask runs one analysis for each way of asking it.
func (t *testedClaim) ask(ctx context.Context, co *datasets.Cohort, q analysis.Question, test published.QuestionTest, claim published.Result) error {
	x, err := catalog.Find(test.Analysis)
	if err != nil {
		return err
	}
	asked := questionsOf(co, q, x, test)
	if len(asked) == 0 {
		t.Cannot = append(t.Cannot, fmt.Sprintf("%s: no outcome of the cohort has an instrument of %s, or there is no visit after the baseline", x.Name, test.Domain))
	}
	seen := map[analysis.Key]bool{}
	for _, q := range asked {
		r, err := x.Run(ctx, analysis.Input{Cohort: co, Find: catalog.Find}, q, nil)
		if errors.Is(err, analysis.ErrCannot) || errors.Is(err, datasets.ErrUnknownName) {
			what := x.Name
			if q.Definition != "" {
				what = q.Definition
			}
			t.Cannot = append(t.Cannot, what+": "+clean(err.Error()))
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range r.Estimates {
			if !slices.Contains(test.Terms, e.Term) || seen[e.Key()] {
				continue
			}
			seen[e.Key()] = true
			j := compare.Judge(claim, e, t.AboutOthers)
			k := claimTest{Row: e.Row(), ClaimLow: j.Low, ClaimHigh: j.High, Verdict: j.Verdict, Words: j.Words}
			if k.Counted = j.Verdict != compare.VerdictOpen && !littleSeen(e); !k.Counted && j.Verdict != compare.VerdictOpen {
				k.Words += "; fewer than 70 % of the patients were seen, so it is not counted"
			}
			t.Tests = append(t.Tests, k)
		}
	}
	return nil
}

// questionsOf are the outcomes and visits, or the definitions, that a test asks about.
func questionsOf(co *datasets.Cohort, q analysis.Question, x *analysis.Analysis, test published.QuestionTest) []analysis.Question {
	if test.EveryDefinition {
		var out []analysis.Question
		for _, d := range x.Definitions {
			q.Definition = d.Name
			out = append(out, q)
		}
		return out
	}
	if test.Domain == "" {
		return []analysis.Question{q}
	}
	base, ok := co.Baseline()
	if !ok {
		return nil
	}
	var out []analysis.Question
	for _, f := range co.Outcomes() {
		if i, ok := instrument.Find(f.Instrument); f.Instrument == "" || !ok || i.Domain != test.Domain {
			continue
		}
		for _, v := range co.Visits() {
			if v.Value != base.Value {
				q.Outcome, q.Visit = f.Name, v.VisitName()
				out = append(out, q)
			}
		}
	}
	return out
}

// littleSeen reports an estimate of which fewer than 70 percent of the patients were seen.
func littleSeen(e analysis.Estimate) bool {
	if slices.ContainsFunc(e.Warnings, func(w analysis.Warning) bool { return w.Code == analysis.WarnLowFollowUp }) {
		return true
	}
	// Of a percent change the missing are beside those counted, not among them.
	return e.Scale == analysis.ScalePercent && float64(e.N.Missing) > 0.3*float64(e.N.Arm+e.N.Missing)
}

// answer sums up what an arm says.
func (t *testedClaim) answer(arm string, headline []published.Headline) claimAnswer {
	a := claimAnswer{Arm: arm, Counts: map[string]int{}}
	for _, x := range t.Tests {
		switch {
		case x.Arm != arm || x.Verdict == compare.VerdictOpen:
		case x.Counted:
			a.Counts[x.Verdict]++
		default:
			a.Unseen++
		}
	}
	// The latest reading with enough follow-up; where none has it, the first without.
	for _, counted := range []bool{true, false} {
		for _, h := range headline {
			for i, x := range t.Tests {
				if a.Shown != nil && !counted || x.Arm != arm || x.Term != h.Term || x.Counted != counted || x.Verdict == compare.VerdictOpen {
					continue
				}
				if base, _, _ := strings.Cut(x.Definition, ";"); h.Definition == "" || h.Definition == base {
					a.Shown, a.Words = &t.Tests[i], h.Words
				}
			}
			if a.Shown != nil {
				break
			}
		}
		if a.Shown != nil {
			break
		}
	}
	a.Verdict, a.Fair = a.verdict(t.AboutOthers), t.fair(arm)
	return a
}

var verdictWords = []struct{ verdict, is, are string }{
	{compare.VerdictInside, "within it", "within it"},
	{compare.VerdictHolds, "not ruled out, not borne out", "do not rule it out"},
	{compare.VerdictUnder, "under it", "under it"},
	{compare.VerdictOver, "over it", "over it"},
}

// verdict says in words what the reading shown and the others come to.
func (a claimAnswer) verdict(aboutOthers bool) string {
	if a.Shown == nil {
		return "cannot be answered"
	}
	if aboutOthers {
		return "no test: said of patients after surgery"
	}
	if !a.Shown.Counted {
		return "no test: too few were seen"
	}
	out, all, others := "", 0, []string{}
	for _, x := range verdictWords {
		n := a.Counts[x.verdict]
		all += n
		if x.verdict == a.Shown.Verdict {
			out = x.is
		} else if n > 0 {
			others = append(others, fmt.Sprintf("%d %s", n, x.are))
		}
	}
	same := a.Counts[a.Shown.Verdict]
	switch {
	case all == 1:
		out += ", by the one reading counted"
	case len(others) == 0:
		out += fmt.Sprintf(", by all %d readings", all)
	default:
		out += fmt.Sprintf(", by %d of %d readings; %s", same, all, strings.Join(others, ", "))
	}
	if a.Unseen > 0 {
		out += fmt.Sprintf(" (%d not counted)", a.Unseen)
	}
	return out
}

// fair says which published figures are a fair comparison with an arm, or which comes
// nearest.
func (t *testedClaim) fair(arm string) string {
	var fair []string
	near, all, unknown := (*claimCompare)(nil), 0, 0
	for i, x := range t.Comparators {
		if x.Arm != arm {
			continue
		}
		all++
		switch x.Fair {
		case compare.FairComparison:
			if !slices.Contains(fair, x.ID) {
				fair = append(fair, x.ID)
			}
			continue
		case compare.UnknownComparison:
			unknown++
		}
		if gap := func(c *claimCompare) int { return 2*len(c.Differs) + len(c.NotKnown) }; near == nil || gap(&t.Comparators[i]) < gap(near) {
			near = &t.Comparators[i]
		}
	}
	switch {
	case all == 0:
		return "none is on record"
	case len(fair) > 0:
		return fmt.Sprintf("%s, of %d", strings.Join(fair, ", "), all)
	}
	var why []string
	if len(near.Differs) > 0 {
		why = append(why, "differs: "+strings.Join(near.Differs, ", "))
	}
	if len(near.NotKnown) > 0 {
		why = append(why, "not known: "+strings.Join(near.NotKnown, ", "))
	}
	is := "none"
	if unknown > 0 {
		is = "none known"
	}
	return fmt.Sprintf("%s of %d; nearest %s (%s)", is, all, near.ID, strings.Join(why, "; "))
}

// beside sets a published figure beside the cohort, under the definition that is
// likest to the figure's own.
func (t *testedClaim) beside(co *datasets.Cohort, g analysis.Group, e published.Entry, r published.Result) claimCompare {
	definition, at := "", published.Horizon{Value: math.NaN()}
	best := math.Inf(1)
	for _, x := range t.Tests {
		if x.Arm != g.Name || x.Verdict == compare.VerdictOpen {
			continue
		}
		h := compare.HorizonOf(co, x.Visit)
		far := math.Abs(h.Days() - r.At.Days())
		if math.IsNaN(far) {
			far = 1e6
		}
		if x.Definition != r.Definition {
			far += 1e7
		}
		if far < best {
			best, definition, at = far, x.Definition, h
		}
	}
	if r.Definition == "" {
		definition = ""
	}
	mix := e.CaseMix(r)
	f := compare.FairBeside(co, g.Patients, definition, at, e, r)
	c := claimCompare{
		Arm: g.Name, ID: e.ID, Treatment: mix.Procedure, Group: strings.TrimPrefix(r.Arm+", "+r.Group, ", "), When: r.At.String(), Definition: r.Definition,
		Value: analysis.Num(r.Value), Low: analysis.Num(r.Low), High: analysis.Num(r.High), Status: string(r.Status), Fair: f.Fair, Differs: append([]string{}, f.Differs...), NotKnown: append([]string{}, f.Unknown...), Words: f.Words,
	}
	c.Group = strings.TrimSuffix(c.Group, ", ")
	if share := r.Share(); !math.IsNaN(share) && !c.Value.OK() {
		c.Value = analysis.Num(100 * share)
	}
	return c
}

// grid is a line for every reading of every claim.
func (r claimsReport) grid() grid {
	g := grid{
		head:  strings.Fields("claim question analysis outcome visit arm term definition estimate conf_low conf_high conf_level scale n_arm n_missing claim_low claim_high verdict counted words"),
		right: []bool{false, false, false, false, false, false, false, false, true, true, true, true, false, true, true, true, true, false, false, false},
	}
	for _, c := range r.Claims {
		for _, x := range c.Tests {
			g.rows = append(g.rows, []string{
				c.ID, c.Question, x.Analysis, x.Outcome, x.Visit, x.Arm, x.Term, x.Definition, x.Estimate.Text(), x.ConfLow.Text(), x.ConfHigh.Text(), x.ConfLevel.Text(),
				string(x.Scale), fmt.Sprint(x.NArm), fmt.Sprint(x.NMissing), x.ClaimLow.Text(), x.ClaimHigh.Text(), x.Verdict, fmt.Sprint(x.Counted), x.Words,
			})
		}
	}
	return g
}

// text writes the claims for a person: a page, and behind it, where asked, every reading.
func (r claimsReport) text(w io.Writer, detail bool) {
	r.page(w)
	if detail {
		for _, c := range r.Claims {
			fmt.Fprintf(w, "\n%s\nClaim under test: %s (%s)\n\n", c.Question, c.Statement, c.Source)
			c.testGrid().text(w)
			for _, x := range c.Cannot {
				fmt.Fprintf(w, "not answered: %s\n", x)
			}
			fmt.Fprintln(w, "\nPublished figures of the same outcome, and whether they are a fair comparison:")
			c.compareGrid().text(w)
		}
	}
	o := r.Provenance.Origin
	fmt.Fprintf(w, "\nclaims on %s: %d patients, digest %s; recoup %s\n", clean(o.Dictionary), o.Patients, o.Digest[:16], version)
}

// page is the first page: a line for each claim and arm, and what must be known of each.
func (r claimsReport) page(w io.Writer) {
	g := grid{head: []string{"claim under test", "arm", "this cohort", "the claim is", "published figure that is a fair comparison"}}
	for _, c := range r.Claims {
		for i, x := range c.Answers {
			claim := c.Short
			if i > 0 {
				claim = ""
			}
			g.rows = append(g.rows, []string{claim, x.Arm, x.shown(), x.Verdict, x.Fair})
		}
	}
	g.text(w)
	fmt.Fprintln(w)
	for _, c := range r.Claims {
		seen := ""
		for _, x := range c.Answers {
			if x.Shown != nil && seen == "" {
				seen = "Shown: " + x.Words + ". "
			}
		}
		fmt.Fprintf(w, "%s: %s%s\n", c.Short, seen, c.Note)
	}
	fmt.Fprintln(w, "Readings are the ways in which a claim can be meant: rule, definition, time, of whom. Those with under 70 % of the patients seen are not counted. Every reading, and every published figure: --detail, or --json.")
}

// shown is the reading that stands for the others.
func (a claimAnswer) shown() string {
	if a.Shown == nil {
		return "no reading has an interval"
	}
	x := a.Shown
	by, tail := 1.0, ""
	if x.Scale == analysis.ScaleProportion {
		by = 100
	}
	value, low, high := by*float64(x.Estimate), by*float64(x.ConfLow), by*float64(x.ConfHigh)
	switch {
	case by == 1 && high <= 0:
		value, low, high, tail = -value, -high, -low, " less"
	case by == 1:
		tail = " change"
	}
	return fmt.Sprintf("%.1f %%%s (%.1f to %.1f), %s", value, tail, low, high, x.Visit)
}

func (t testedClaim) testGrid() grid {
	g := grid{head: []string{"reading", "definition", "outcome", "when", "arm", "estimate", "interval", "n", "verdict", "in words"}, right: []bool{false, false, false, false, false, true, true, true, false, false}}
	for _, x := range t.Tests {
		interval, value := "", digits(x.Estimate)
		if x.ConfLow.OK() {
			interval = digits(x.ConfLow) + " to " + digits(x.ConfHigh)
		}
		if value == "" {
			value = "not available"
		}
		g.rows = append(g.rows, []string{x.Term, x.Definition, x.Outcome, x.Visit, x.Arm, value, interval, fmt.Sprint(x.NArm), x.Verdict, x.Words})
	}
	return g
}

func (t testedClaim) compareGrid() grid {
	g := grid{head: []string{"published", "of whom", "when", "definition", "percent", "status", "arm", "fair", "why"}, right: []bool{false, false, false, false, true, false, false, false, false}}
	for _, x := range t.Comparators {
		value := digits(x.Value)
		if !x.Value.OK() && x.Low.OK() {
			value = digits(x.Low) + " to " + digits(x.High)
		}
		whom := x.Treatment
		if x.Group != "" {
			whom += ": " + x.Group
		}
		g.rows = append(g.rows, []string{x.ID, whom, x.When, x.Definition, value, x.Status, x.Arm, x.Fair, x.Words})
	}
	return g
}
