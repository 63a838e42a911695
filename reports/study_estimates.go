package reports

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/compare"
	"recoup/datasets"
	"recoup/datasets/instrument"
)

// estimateCells are an estimate as the tables and figures of a study show it.
type estimateCells struct {
	arm, reference Cell // patients; Blank without a reference
	value          Cell // with its interval
	p, adjusted    Cell
	unit           string
}

// cells are the numbers of estimate k of run i, each with the patients it rests on.
func (s *study) cells(i, k int) estimateCells {
	r := s.run(i)
	e := r.Result.Estimates[k]
	basis := s.basis(e, r.Result.Estimates)
	c := estimateCells{arm: s.patients(e, e.Arm, e.N.Arm), unit: s.unit(e)}
	if e.Reference != "" && e.N.Reference > 0 {
		c.reference = s.patients(e, e.Reference, e.N.Reference)
	}
	c.value = s.value(e, basis)
	tested := func(p float64) Cell {
		x := P(p, 0)
		x.Basis = basis
		return x
	}
	if e.P.OK() {
		c.p = tested(float64(e.P))
	}
	if _, _, adjusted := s.tests(i, k); adjusted.OK() {
		c.adjusted = tested(float64(adjusted))
	}
	return c
}

// tests returns the families that an estimate is tested in, and the largest adjusted p
// of them.
func (s *study) tests(i, k int) (families, methods []string, adjusted analysis.Num) {
	adjusted = analysis.None
	for _, t := range s.Result.Tests {
		if t.Run == i && t.Estimate == k {
			families, methods = append(families, t.Family), append(methods, t.Method)
			if !adjusted.OK() || t.Adjusted > adjusted {
				adjusted = t.Adjusted
			}
		}
	}
	return families, methods, adjusted
}

// value is an estimate with its interval, written with the decimals that its interval
// deserves. A positive one has no sign: "+12.4 (2.7 to" looks like a telephone number to
// who scans what goes out.
func (s *study) value(e analysis.Estimate, basis Basis) Cell {
	if !e.Value.OK() {
		c := without(e)
		c.Why = s.coarse(c.Why)
		return c
	}
	by := 1.0
	if e.Scale == analysis.ScaleRiskDiff {
		by = 100
	}
	c := Estimate(by*float64(e.Value), by*float64(e.CI.Low), by*float64(e.CI.High), 0, 0)
	c.Basis = basis
	switch e.Scale {
	case analysis.ScaleProportion:
		c.Format.Kind, c.Format.Decimals = Percent, 1
		if slices.Contains(noPercents, e.Term) {
			c.Format.Kind = Interval
			c.Format.Decimals = 3
			if !e.CI.Low.OK() && !e.CI.High.OK() {
				c.Format.Kind = NumberOf
			}
		}
		return c
	case analysis.ScalePercent:
		c = c.WithUnit("", "%")
	}
	c.Format.Decimals = intervalDecimals(c)
	if !e.CI.Low.OK() && !e.CI.High.OK() {
		c.Format.Kind = NumberOf
	}
	switch {
	case strings.HasPrefix(e.Term, "imbalanced_"):
		c.Format.Decimals = 0
	case isCount(e):
		c = Count(int(e.Value))
		c.Basis.Quantity = s.quantity(e, e.Arm, int(e.Value)) + "/" + e.Term
	}
	return c
}

// isCount tells whether an estimate is a number of patients or records.
func isCount(e analysis.Estimate) bool {
	return e.Scale == analysis.ScaleCount && float64(e.Value) == math.Trunc(float64(e.Value)) && e.Value >= 0 && !strings.HasPrefix(e.Term, "imbalanced_")
}

// intervalDecimals gives half of an interval two digits.
func intervalDecimals(c Cell) int {
	width := (c.High - c.Low) / 2
	if !(width > 0) || math.IsInf(width, 0) {
		width = math.Abs(c.Value)
	}
	if !(width > 0) || math.IsInf(width, 0) {
		return 2
	}
	return max(0, min(4, 1-int(math.Floor(math.Log10(width)))))
}

// unit is the unit of an estimate as it is written; of a questionnaire, its range.
func (s *study) unit(e analysis.Estimate) string {
	switch e.Scale {
	case analysis.ScaleMean, analysis.ScaleSD, analysis.ScaleDifference:
		if f, err := s.Cohort.Outcome(e.Outcome); err == nil && e.Unit == "" && f.Instrument != "" {
			if i, ok := instrument.Find(f.Instrument); ok && i.Max > i.Min {
				return s.text("points ({0}–{1})", i.Min, i.Max)
			}
		}
	case analysis.ScaleChiSquare:
		return s.text("chi-square")
	case analysis.ScaleRiskDiff:
		return s.text("percentage points")
	case analysis.ScaleProportion, analysis.ScalePercent:
		return "" // the sign stands with the number
	case analysis.ScaleStandardised:
		return "SD"
	case analysis.ScaleRatio:
		return s.text("ratio")
	case analysis.ScaleCount:
		switch {
		case strings.HasPrefix(e.Term, "imbalanced_"):
			return s.text("covariates and levels")
		case e.Term == "effective_sample_size":
			return s.text("patients, effective")
		}
		return s.text("patients or records")
	}
	return s.text(e.Unit)
}

// quantity names a set of patients: those of an arm who are analysed for an outcome.
func (s *study) quantity(e analysis.Estimate, group string, n int) string {
	of := s.setOf(e, group)
	if s.known[of] == nil {
		s.known[of] = map[int]bool{}
	}
	s.known[of][n] = true
	return fmt.Sprintf("%s/%d", of, n)
}

func (s *study) setOf(e analysis.Estimate, group string) string {
	return strings.Join([]string{"analysed", group, e.Subgroup, e.Outcome, e.Visit, stem(e.Term)}, "/")
}

// stem is the part of a term that says of which patients: all and those seen of them
// have the same. Sets of unlike stems are not taken as parts of each other.
func stem(term string) string {
	for _, prefix := range []string{"risk_difference_", "risk_ratio_", "odds_ratio_", "nnt_", "difference_", "returned_", "responders_"} {
		if rest, ok := strings.CutPrefix(term, prefix); ok {
			rest = strings.TrimSuffix(strings.TrimSuffix(rest, "_seen"), "_known")
			if rest == "all" || rest == "seen" || rest == "known" || rest == "worst" || rest == "best" {
				rest = ""
			}
			return strings.TrimSuffix(rest, "_all")
		}
	}
	return ""
}

// patients is the number of patients of a group behind an estimate.
func (s *study) patients(e analysis.Estimate, group string, n int) Cell {
	if slices.Contains(publishedTerms, e.Term) && e.Analysis == "compare/published" {
		if n == 0 {
			return Cell{} // not reported
		}
		return Count(n).WithoutPatients()
	}
	c := Count(n).Named(s.quantity(e, group, n))
	if _, err := s.Cohort.Arm(group); err != nil && group != analysis.All && group != "" {
		if group == e.Reference && slices.Contains(besidePublished, e.Analysis) {
			return Count(n).WithoutPatients()
		}
		return c // a site, a class: no arm that they are a part of
	}
	return c.PartOf(s.population(group, e.Subgroup))
}

// publishedTerms are the estimates of compare/published that are figures of others.
var publishedTerms = []string{compare.TermPublished, compare.TermComplement, compare.TermClaim}

// besidePublished are the analyses whose reference is a published group.
var besidePublished = []string{"compare/published", "compare/maic", "compare/stc", "compare/bucher"}

// population names the patients of a group, or of one of a subgroup of it.
func (s *study) population(group, subgroup string) string {
	if group == analysis.All {
		group = ""
	}
	if subgroup == "" {
		return population(group)
	}
	return population(group) + "/where " + subgroup
}

// basis is what an estimate rests on. A share rests on its two counts; so does what
// compares two shares, since with one it tells the other: the arm with the smaller
// count, of those with the event or of those without, stands for both. Everything else
// rests on the patients of the smaller arm.
func (s *study) basis(e analysis.Estimate, all []analysis.Estimate) Basis {
	n := e.N.Arm
	group := e.Arm
	if e.Reference != "" && e.N.Reference > 0 && e.N.Reference < n {
		n, group = e.N.Reference, e.Reference
	}
	if b, ok := s.levelBasis(e); ok {
		return b
	}
	least := s.patients(e, group, n).Basis
	if least.Kind == Public && n != e.N.Arm {
		least = s.patients(e, e.Arm, e.N.Arm).Basis
	}
	switch {
	case slices.Contains(publishedTerms, e.Term) && e.Analysis == "compare/published":
		return NoPatients()
	case e.Scale == analysis.ScaleProportion && e.N.Arm > 0 && e.Reference == "" && !slices.Contains(noShares, e.Term):
		return s.ownShare(e)
	case e.Scale == analysis.ScaleRiskDiff || e.Scale == analysis.ScaleRatio || e.Scale == analysis.ScaleNNT:
		if arm, ok := s.smallestShare(e, all); ok {
			return arm
		}
	}
	return least
}

// levelTerm is an estimate of one level of a covariate, such as "hazard_ratio of sex: female".
var levelTerm = regexp.MustCompile(`^\w+ of (.+): (.+)$`)

// levelBasis is what an estimate of one level of a covariate rests on: the patients of
// that level, or the others, who may be few. How many of them are analysed is not known,
// only that no more than those not analysed are lacking; where that may leave none the
// basis is unstated.
func (s *study) levelBasis(e analysis.Estimate) (Basis, bool) {
	m := levelTerm.FindStringSubmatch(e.Term)
	if m == nil {
		return Basis{}, false
	}
	codes, levels, err := began(s.read).CovariateLevels(m[1])
	if err != nil {
		return Basis{}, true
	}
	with, all := 0, s.q.now.Patients()
	for _, c := range codes {
		if c >= 0 && levels[c] == m[2] {
			with++
		}
	}
	lacking := all - e.N.Arm - e.N.Reference
	least := min(with, all-with) - max(0, lacking)
	if least < 1 {
		return Basis{}, true
	}
	return On(least), true
}

// noShares are proportions that are no share of patients.
var noShares = []string{"largest_weight", "concordance", "c_statistic"}

// noPercents are proportions that nobody reads as percentages.
var noPercents = []string{"concordance", "c_statistic", "probability_of_superiority", "kappa"}

// ownShare is the basis of a share: its events and, where the share is another one, such
// as by Kaplan and Meier, the count that it comes to; the smaller of the two stands.
func (s *study) ownShare(e analysis.Estimate) Basis {
	n := e.N.Arm
	x := max(0, min(n, int(math.Round(float64(e.Value)*float64(n)))))
	if e.N.Events > 0 && e.N.Events <= n && leastOf(e.N.Events, n) < leastOf(x, n) {
		x = e.N.Events
	}
	return s.shareBasis(e, e.Arm, x, n)
}

// leastOf is the smallest count that a share tells: of those with the event, of those
// without, where there are any, else of all.
func leastOf(events, n int) int {
	m := n
	for _, k := range []int{events, n - events} {
		if k > 0 {
			m = min(m, k)
		}
	}
	return m
}

// shareBasis is the basis of a share of a group. Equal counts of one outcome at one time
// are one quantity, whichever estimate tells them.
func (s *study) shareBasis(e analysis.Estimate, group string, events, n int) Basis {
	b := ShareOf(min(events, n), n)
	b.Whole = s.quantity(e, group, n)
	b.Within = s.population(group, e.Subgroup)
	key := eventsOf{strings.Join([]string{group, e.Subgroup, e.Outcome, e.Visit, e.Definition}, "/"), b.Whole, n}
	if s.events[key] == nil {
		s.events[key] = map[int]bool{}
	}
	s.events[key][b.Numerator] = true
	b.Quantity = key.name(b.Numerator)
	return b
}

// eventsOf are the counts of events of a group at one time.
type eventsOf struct {
	of, whole string
	n         int
}

func (k eventsOf) name(events int) string { return fmt.Sprintf("events/%s/%d/%d", k.of, k.n, events) }

// complementSums say that the events, and those without, are everybody.
func (s *study) complementSums() []QuantitySum {
	var out []QuantitySum
	for key, counts := range s.events {
		for x := range counts {
			if counts[key.n-x] && 2*x <= key.n && x > 0 {
				out = append(out, QuantitySum{Total: key.whole, Parts: []string{key.name(x), key.name(key.n - x)}})
			}
		}
	}
	slices.SortFunc(out, func(a, b QuantitySum) int { return slices.Compare(a.Parts, b.Parts) })
	return out
}

// smallestShare finds the events of both arms of a comparison of shares: those of the
// arm are with the estimate, those of the reference follow from it, or stand in its own
// share.
func (s *study) smallestShare(e analysis.Estimate, all []analysis.Estimate) (Basis, bool) {
	type count struct {
		group     string
		events, n int
	}
	var counts []count
	if e.N.Events > 0 {
		counts = append(counts, count{e.Arm, e.N.Events, e.N.Arm})
	}
	for _, x := range referenceEvents(e) {
		counts = append(counts, count{e.Reference, x, e.N.Reference})
	}
	for _, x := range all {
		if x.Scale == analysis.ScaleProportion && x.Reference == "" && x.Visit == e.Visit && x.Definition == e.Definition && x.N.Events > 0 &&
			(x.Arm == e.Reference && x.N.Arm == e.N.Reference || x.Arm == e.Arm && x.N.Arm == e.N.Arm) {
			counts = append(counts, count{x.Arm, x.N.Events, x.N.Arm})
		}
	}
	if len(counts) == 0 {
		return Basis{}, false
	}
	worst := slices.MinFunc(counts, func(a, b count) int { return leastOf(a.events, a.n) - leastOf(b.events, b.n) })
	return s.shareBasis(e, worst.group, worst.events, worst.n), true
}

// referenceEvents are the counts of events in the reference that an estimate and its
// arm's events may tell: by a difference, a ratio of shares or of odds.
func referenceEvents(e analysis.Estimate) []int {
	if e.N.Arm == 0 || e.N.Reference == 0 || e.N.Events == 0 || !e.Value.OK() {
		return nil
	}
	p, v := float64(e.N.Events)/float64(e.N.Arm), float64(e.Value)
	var shares []float64
	switch e.Scale {
	case analysis.ScaleRiskDiff:
		shares = []float64{p - v}
	case analysis.ScaleNNT:
		shares = []float64{p - 1/v}
	case analysis.ScaleRatio:
		odds := p / (1 - p) / v
		shares = []float64{p / v, odds / (1 + odds)}
	}
	var out []int
	for _, q := range shares {
		if x := math.Round(q * float64(e.N.Reference)); x > 0 && x <= float64(e.N.Reference) {
			out = append(out, int(x))
		}
	}
	return out
}

// relations are what stands between the counts of patients analysed: the smaller set
// is taken as a part of the next larger one of the same outcome, and a subgroup's of
// the whole's of the same analysis, so that the few between two of them are judged too.
func (s *study) relations() []QuantitySum {
	out := slices.Concat(s.subgroupSums(), s.eventSums(), s.complementSums())
	var sets []string
	for of := range s.known {
		sets = append(sets, of)
	}
	slices.Sort(sets)
	sizes := func(of string) []int {
		var ns []int
		for n := range s.known[of] {
			ns = append(ns, n)
		}
		slices.Sort(ns)
		return ns
	}
	named := func(of string, n int) string { return fmt.Sprintf("%s/%d", of, n) }
	for _, of := range sets {
		ns := sizes(of)
		for i := 1; i < len(ns); i++ {
			out = append(out, QuantitySum{Total: named(of, ns[i]), Parts: []string{named(of, ns[i-1])}})
		}
	}
	return out
}

// eventSums say that the events by one time are a part of those by a later one, so that
// the few between two times are judged too.
func (s *study) eventSums() []QuantitySum {
	var out []QuantitySum
	for i := range s.Result.Runs {
		es := s.run(i).Result.Estimates
		for k, e := range es {
			for _, later := range es[k+1:] {
				if e.Scale != analysis.ScaleProportion || later.Term != e.Term || later.Arm != e.Arm || later.Definition != e.Definition || later.Visit == e.Visit || later.Scale != e.Scale || !e.Value.OK() || !later.Value.OK() {
					continue
				}
				a, b := s.basis(e, es), s.basis(later, es)
				if a.Numerator > b.Numerator {
					a, b = b, a
				}
				if a.Numerator < b.Numerator && a.Denominator == b.Denominator {
					out = append(out, QuantitySum{Total: b.Quantity, Parts: []string{a.Quantity}})
				}
			}
		}
	}
	return out
}

// subgroupSums say that the patients of a subgroup are a part of those of the whole.
func (s *study) subgroupSums() []QuantitySum {
	var out []QuantitySum
	for i := range s.Result.Runs {
		r := s.run(i)
		for j := range s.Result.Runs {
			whole := s.run(j)
			if r.Question.Subgroup == "" || whole.Question.Subgroup != "" || whole.ID != r.ID || whole.Question.Outcome != r.Question.Outcome || whole.Question.Visit != r.Question.Visit {
				continue
			}
			for _, e := range r.Result.Estimates {
				for _, w := range whole.Result.Estimates {
					if w.Term != e.Term || w.Arm != e.Arm || w.Reference != e.Reference || w.Visit != e.Visit || w.Definition != e.Definition {
						continue
					}
					out = append(out, QuantitySum{Total: s.quantity(w, w.Arm, w.N.Arm), Parts: []string{s.quantity(e, e.Arm, e.N.Arm)}})
					if e.Reference != "" {
						out = append(out, QuantitySum{Total: s.quantity(w, w.Reference, w.N.Reference), Parts: []string{s.quantity(e, e.Reference, e.N.Reference)}})
					}
				}
			}
		}
	}
	return out
}

// subgroups are the conditions that the plan asks about beside all patients.
func (s *study) subgroups() []string {
	var out []string
	for _, r := range s.Result.Runs {
		if r.Question.Subgroup != "" && !slices.Contains(out, r.Question.Subgroup) {
			out = append(out, r.Question.Subgroup)
		}
	}
	return out
}

// better says which side of no effect is better for the outcome of an estimate: lower,
// higher, or "" where that is not known.
func (s *study) better(e analysis.Estimate) string {
	if e.Outcome == "" || e.Scale != analysis.ScaleDifference && e.Scale != analysis.ScaleStandardised && e.Scale != analysis.ScalePercent {
		return ""
	}
	f, err := s.Cohort.Outcome(e.Outcome)
	if err != nil {
		return ""
	}
	lower, known := analysis.Direction(f)
	switch {
	case !known:
		return ""
	case lower:
		return betterBelow
	}
	return betterAbove
}

const (
	betterBelow = "lower"
	betterAbove = "higher"
)

// estimateTable is a table of estimates: rows of headings, estimates and what could not
// be answered.
func (s *study) estimateTable(id, caption string) Table {
	right := func(label string) Column { return Column{Label: label, Align: Right} }
	return Table{
		ID: id, Caption: caption,
		Columns: []Column{
			{Label: "Estimate"},
			right(s.valueHead()),
			{Label: "Unit"},
			{Label: s.text("Estimate of")},
			{Label: "When"},
			right(s.text("n")), right(s.text("n, reference")), right(s.text("p")), right(s.text("p, adjusted")),
		},
	}
}

// columnValue is the place of the value in a row of an estimate table.
const columnValue = 1

// valueHead heads the column of values; SpeakStudy reads the level in it.
func (s *study) valueHead() string { return s.text(valueHead, 100*s.Plan.Level) }

const valueHead = "Value ({0} % CI)"

// row is an estimate as a row of an estimate table.
func (s *study) row(i, k int, label string) Row {
	e := s.run(i).Result.Estimates[k]
	c := s.cells(i, k)
	if label == "" {
		label = s.defined(i, e)
	}
	return Row{Indent: 1, Cells: []Cell{Label(label), c.value, Label(c.unit), Label(s.against(e)), Label(s.q.when(e.Visit)), c.arm, c.reference, c.p, c.adjusted}}
}

// defined is the term of an estimate, with its definition where the run has several.
func (s *study) defined(i int, e analysis.Estimate) string {
	if e.Definition == "" || !s.severalDefinitions(i, e.Term) {
		return s.term(e.Term)
	}
	return s.text("{0}, {1}", s.term(e.Term), s.said(e.Definition).Text)
}

// severalDefinitions tells whether a term stands under more than one definition.
func (s *study) severalDefinitions(i int, term string) bool {
	first, seen := "", false
	for _, e := range s.Result.Runs[i].Result.Estimates {
		if e.Term != term {
			continue
		}
		if seen && e.Definition != first {
			return true
		}
		first, seen = e.Definition, true
	}
	return false
}

// refused is a row that says why a run has no answer.
func (s *study) refused(r analysis.PlanRun) Row {
	return s.withoutAnswer(upper(s.coarse(strings.TrimPrefix(r.Cannot, r.Analysis+": ")))+".", "en")
}

func (s *study) withoutAnswer(why, lang string) Row {
	e := NotAvailable(why)
	e.Lang = lang
	return Row{Indent: 1, Cells: []Cell{Label(s.text("no answer")), e, Label(""), Label(""), Label(""), {}, {}, {}, {}}}
}

// comparison returns the estimate that speaks for a run: the first of a comparison,
// else the first with an interval, else the first; -1 where there is none.
func comparison(r analysis.PlanRun) int {
	es := r.Result.Estimates
	for _, is := range []func(analysis.Estimate) bool{
		func(e analysis.Estimate) bool { _, ok := e.NoEffect(); return ok },
		func(e analysis.Estimate) bool { return e.CI.Low.OK() || e.CI.High.OK() },
		func(analysis.Estimate) bool { return true },
	} {
		if k := slices.IndexFunc(es, is); k >= 0 {
			return k
		}
	}
	return -1
}

// onScale are estimates that can stand on one axis.
type onScale struct {
	key, title, unit string
	item             string // of the last row
	estimates        int
	log              bool
	null             float64
	favors           [2]string
	rows             []ForestRow
}

// forests draw estimates of comparisons, those on one scale together: differences in
// one outcome, standardised ones of all, shares, ratios.
func (s *study) forests(id, title string, from []forestRow) []Block {
	var scales []*onScale
	for _, x := range from {
		e := s.run(x.run).Result.Estimates[x.estimate]
		c := s.cells(x.run, x.estimate)
		null, compares := e.NoEffect()
		low, high := c.value.Low, c.value.High
		if !compares || !e.Value.OK() || !finite(low) || !finite(high) || e.Scale == analysis.ScaleRatio && !(low > 0) {
			continue
		}
		key, what := string(e.Scale), s.text(map[analysis.Scale]string{
			analysis.ScaleStandardised: "standardised difference", analysis.ScaleRiskDiff: "difference of shares", analysis.ScaleRatio: "ratio", analysis.ScalePercent: "difference in percent",
		}[e.Scale])
		if e.Scale == analysis.ScaleDifference {
			key, what = key+"/"+e.Outcome+"/"+e.Unit, s.text("difference")
			if f, err := s.Cohort.Outcome(e.Outcome); err == nil {
				what = s.text("difference in {0}", s.q.in.lower(f.Label()))
			}
		}
		at := slices.IndexFunc(scales, func(o *onScale) bool { return o.key == key })
		if at < 0 {
			at = len(scales)
			o := &onScale{key: key, title: what, unit: c.unit, log: e.Scale == analysis.ScaleRatio, null: null, favors: s.favors(e)}
			scales = append(scales, o)
		}
		o := scales[at]
		if o.favors != s.favors(e) {
			o.favors = [2]string{}
		}
		n := c.arm
		if c.reference.Format.Kind != Blank {
			n = c.reference
		}
		if x.item != o.item {
			o.item = x.item
			o.rows = append(o.rows, ForestRow{Label: x.item, Heading: true})
		}
		o.estimates++
		o.rows = append(o.rows, ForestRow{Label: x.label, Columns: []Cell{c.arm, n}, Estimate: c.value})
		if c.reference.Format.Kind == Blank {
			o.rows[len(o.rows)-1].Columns[1] = Cell{}
		}
	}
	var out []Block
	for _, o := range scales {
		if o.estimates < 2 {
			continue
		}
		out = append(out, s.forest(id, title, o))
	}
	return out
}

// forestRow names an estimate that is to be drawn.
type forestRow struct {
	run, estimate int
	label         string
	item          string // the heading that it stands under, "" for none
}

func (s *study) forest(id, title string, o *onScale) Figure {
	more := max(0, len(o.rows)-mostRows)
	f := Figure{
		ID: id + "-" + slug(o.key), Title: s.text("{0}: {1}", title, o.title),
		Subtitle: s.text("Estimates with {0} % intervals, {1}; the line is the null value", 100*s.Plan.Level, o.unit),
		Caption:  Say("Intervals are not adjusted for the number of estimates. n: patients of the arm and of its reference."),
		Alt:      Say(s.count(o.estimates, "{0} estimate with intervals; the tables of this section give the same numbers.", "{0} estimates with intervals; the tables of this section give the same numbers.")),
	}
	if o.unit == "" || o.log {
		f.Subtitle = s.text("Estimates with {0} % intervals; the line is the null value", 100*s.Plan.Level)
	}
	if more > 0 {
		f.Caption = s.say("Intervals are not adjusted for the number of estimates. n: patients of the arm and of its reference. The first {0} rows; {1} more are in the tables.", mostRows, more)
	}
	f.Plot = Forest{
		LabelHead: "Estimate", Columns: []string{s.text("n"), s.text("n, ref.")}, Result: s.text("Value ({0} %)", 100*s.Plan.Level),
		Rows: o.rows[:len(o.rows)-more], Log: o.log, Reference: o.null, Favors: o.favors,
	}
	return f
}

// favors are what stands at either side of the null value, where it is known which is
// better.
func (s *study) favors(e analysis.Estimate) [2]string {
	better := func(arm string) string { return s.text("Better in {0}", arm) }
	switch s.better(e) {
	case betterBelow:
		return [2]string{better(e.Arm), better(e.Reference)}
	case betterAbove:
		return [2]string{better(e.Reference), better(e.Arm)}
	}
	return [2]string{}
}

// groupsOfRun counts the patients of the groups that a run asks about.
func (s *study) groupsOfRun(r analysis.PlanRun) ([]analysis.Group, error) {
	in := analysis.Input{Cohort: s.read}
	if r.Question.Subgroup != "" {
		cond, err := datasets.ParseCondition(r.Question.Subgroup)
		if err != nil {
			return nil, err
		}
		if in.Cohort, err = s.read.Where(cond); err != nil {
			return nil, err
		}
	}
	in.Cohort = s.q.in.relabeled(in.Cohort)
	groups, _, err := in.Groups(r.Question)
	return groups, err
}
