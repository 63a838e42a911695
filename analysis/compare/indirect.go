package compare

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/datasets/published"
)

// Codes of warnings of indirect comparisons.
const (
	WarnUnanchored = "unanchored"           // no common comparator
	WarnUnmatched  = "not-matched"          // a covariate without an aggregate, or the reverse
	WarnESS        = "effective-size"       // few patients carry the weight
	WarnOneSided   = "published-error"      // the published side has no error to give
	WarnCollapse   = "non-collapsibility"   // a conditional ratio is no ratio of the population
	WarnExtrapola  = "outside-our-patients" // the model is asked where no patient is
)

// lowESS is the effective sample size under which an estimate rests on too few.
const lowESS = 10

// indirectAsk is what the settings of the indirect comparisons have in common.
type indirectAsk struct {
	comparator, arm        string
	target, theirs         map[string]string
	covariates             []string
	measure, column, pseud string
	working                []string
	horizon                string
}

// MeasureTime is the measure of a time to an event.
const MeasureTime = "time"

// subject is our outcome by patient.
type subject struct {
	kind
	y          []float64 // 0 or 1 for a share, the time for times; NaN where missing
	event      []bool
	name, at   string
	definition string
	note       string
	horizon    published.Horizon
}

// subject reads our outcome.
func (a indirectAsk) subject(in analysis.Input, q analysis.Question) (subject, error) {
	if in.Cohort == nil {
		return subject{}, fmt.Errorf("%w: expected a cohort with patient data", analysis.ErrCannot)
	}
	if a.measure == MeasureTime {
		return a.times(in, q)
	}
	k, err := PublishedOptions{Measure: a.measure, Source: "cohort"}.kind(in, q)
	if errors.Is(err, analysis.ErrCannot) && len(a.theirs) > 0 { // a figure given needs no instrument
		k, err = kind{measure: a.measure, outcome: q.Outcome}, nil
	}
	if err != nil {
		return subject{}, err
	}
	s := subject{kind: k, name: q.Outcome, definition: q.Definition}
	if s.horizon, err = published.ParseHorizon(a.horizon); err != nil {
		return s, fmt.Errorf("%w: %w", analysis.ErrOptions, err)
	}
	var v datasets.Visit
	switch k.measure {
	case MeasureShare:
		v, err = s.share(in, q, a)
	case MeasureMean:
		if q.Visit == "" {
			return s, fmt.Errorf("%w: expected a visit: --visit NAME", datasets.ErrUnknownName)
		}
		if v, err = in.Cohort.Visit(q.Visit); err == nil {
			s.y = in.Cohort.Values(q.Outcome, v.Value)
		}
	default:
		var p analysis.Paired
		if p, err = in.Pair(q); err == nil {
			v, s.y = p.Now, differences(p.After, p.Before)
		}
	}
	if err != nil {
		return s, err
	}
	s.at = v.VisitName()
	if a.horizon == "" {
		s.horizon = horizonOf(in.Cohort, v)
	}
	return s, nil
}

// share reads who has the event.
func (s *subject) share(in analysis.Input, q analysis.Question, a indirectAsk) (datasets.Visit, error) {
	name := a.column
	if name == "" {
		name = q.Outcome
	}
	col, v, err := findColumn(in, q, name)
	if err != nil {
		return v, err
	}
	is, err := col.levels(a.working, "working")
	if err != nil {
		return v, err
	}
	if s.definition == "" && col.field.Role == datasets.RoleWorkStatus {
		s.definition = "any-work"
	}
	s.name, s.note, s.y = s.outcome, col.field.Name+": "+col.chosen(is), make([]float64, len(col.codes))
	for p, code := range col.codes {
		switch {
		case code < 0 && q.Missing != analysis.MissingFailure:
			s.y[p] = math.NaN()
		case code >= 0 && is[code]:
			s.y[p] = 1
		}
	}
	if q.Missing == analysis.MissingFailure {
		s.note += "; patients without a value count as without the event"
	}
	return v, nil
}

// times reads the table with a time and an event of each patient.
func (a indirectAsk) times(in analysis.Input, q analysis.Question) (subject, error) {
	s := subject{kind: kind{measure: MeasureTime, outcome: "work"}, name: "time to event", definition: q.Definition, horizon: published.Horizon{Value: math.NaN()}}
	t, err := timesOf(in, append([]string{"1"}, a.working...), "working")
	s.y, s.event, s.unit = t.y, t.event, t.unit
	return s, err
}

// aggregate is one published number that ours must have.
type aggregate struct {
	name, level string
	statistic   string // mean, sd, median, share
	value       float64
	from        string
}

func (g aggregate) String() string {
	s := g.statistic + " of " + g.name
	if g.level != "" {
		s += " = " + g.level
	}
	return s
}

// parseTarget reads target.NAME[.sd|.median|.LEVEL]=VALUE, in the order of names.
func parseTarget(in analysis.Input, key, value string) (aggregate, error) {
	bad := func(format string, args ...any) (aggregate, error) {
		return aggregate{}, fmt.Errorf("%w: target.%s: %w", analysis.ErrOptions, key, fmt.Errorf(format, args...))
	}
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > 1e300 {
		return bad("expected a number")
	}
	g := aggregate{name: key, statistic: "mean", value: v, from: "given"}
	text, err := textual(in, g.name)
	if err != nil {
		name, last, cut := cutLast(key)
		if !cut {
			return bad("%w", err)
		}
		g.name = name
		if text, err = textual(in, name); err != nil {
			return bad("%w", err)
		}
		switch {
		case text:
			g.statistic, g.level = "share", last
		case last == "sd" || last == "median":
			g.statistic = last
		default:
			return bad("expected %s, %s.sd or %s.median: the column holds numbers", name, name, name)
		}
	} else if text {
		return bad("expected %s.LEVEL and a share from 0 to 1: the column holds levels", g.name)
	}
	if g.statistic == "share" && (v < 0 || v > 1) || g.statistic == "sd" && v < 0 {
		return bad("expected a share from 0 to 1, or an SD of at least 0")
	}
	return g, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndex(s, ".")
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// textual reports whether a covariate holds levels. A covariate is a column of one row
// a patient, else an outcome, of which it is the value at baseline.
func textual(in analysis.Input, name string) (bool, error) {
	_, f, err := in.Cohort.PatientField(name)
	if err != nil {
		if _, err2 := in.Cohort.Outcome(name); err2 == nil {
			return false, nil
		}
		return false, err
	}
	return f.Type == datasets.TypeString || f.Type == datasets.TypeBoolean, nil
}

// aggregates collects what ours must have: as given, else as the entry has it. Missed
// says what an asked covariate, or one that the entry reports, lacks.
func (a indirectAsk) aggregates(in analysis.Input) (list []aggregate, missed []string, err error) {
	given := map[string]bool{}
	for _, key := range sortedNames(a.target) {
		g, err := parseTarget(in, key, a.target[key])
		if err != nil {
			return nil, nil, err
		}
		list, given[g.name] = append(list, g), true
	}
	own, missed := a.entryAggregates(in)
	for _, g := range own {
		if !given[g.name] {
			list = append(list, g)
		}
	}
	if len(a.covariates) > 0 {
		list = slices.DeleteFunc(list, func(g aggregate) bool { return !slices.Contains(a.covariates, g.name) })
		for _, name := range a.covariates {
			if !slices.ContainsFunc(list, func(g aggregate) bool { return g.name == name }) {
				missed = append(missed, "the published side has no aggregate of "+name)
			}
		}
	}
	shares := map[string]float64{}
	for _, g := range list {
		if g.statistic == "share" {
			if shares[g.name] += g.value; shares[g.name] > 1+1e-9 {
				return nil, nil, fmt.Errorf("%w: the shares of target.%s add up to more than 1; scale rounded shares, or leave one level out", analysis.ErrOptions, g.name)
			}
		}
		if g.statistic == "sd" && !slices.ContainsFunc(list, func(m aggregate) bool { return m.name == g.name && m.statistic == "mean" }) {
			return nil, nil, fmt.Errorf("%w: target.%s.sd needs the mean beside it: target.%s", analysis.ErrOptions, g.name, g.name)
		}
	}
	if len(list) == 0 {
		return nil, nil, fmt.Errorf("%w: no aggregate of the published patients to match: expected --set target.NAME=VALUE, such as target.age=54.2 and target.age.sd=8, or a published entry that reports the mean age or a questionnaire at entry that the cohort has", analysis.ErrOptions)
	}
	slices.SortStableFunc(list, func(x, y aggregate) int { return strings.Compare(x.name+"\x00"+x.level, y.name+"\x00"+y.level) })
	return list, missed, nil
}

// entryAggregates takes from a published entry the mean age, and mean and SD at entry
// of every questionnaire that a column of the cohort holds.
func (a indirectAsk) entryAggregates(in analysis.Input) (list []aggregate, missed []string) {
	e, ok := published.Find(a.comparator)
	if !ok {
		return nil, nil
	}
	if !math.IsNaN(e.Age) {
		if text, err := textual(in, "age"); err == nil && !text {
			list = append(list, aggregate{name: "age", statistic: "mean", value: e.Age, from: e.ID})
		} else {
			missed = append(missed, "the cohort has no age, of which "+e.ID+" reports the mean")
		}
	}
	for _, r := range e.Results {
		if r.Measure != published.Mean || !atEntry(r.At) || r.Arm != a.arm || r.Group != "" || r.Instrument == "" {
			continue
		}
		column := ""
		for _, f := range in.Cohort.Outcomes() {
			if f.Instrument == r.Instrument && column == "" && r.Outcome != "leg pain" {
				column = f.Name
			}
		}
		switch {
		case column == "":
			missed = append(missed, "the cohort has no "+r.Instrument+", of which "+e.ID+" reports the mean at entry")
		case slices.ContainsFunc(list, func(g aggregate) bool { return g.name == column }):
		default:
			list = append(list, aggregate{name: column, statistic: "mean", value: r.Value, from: e.ID})
			if r.SD > 0 {
				list = append(list, aggregate{name: column, statistic: "sd", value: r.SD, from: e.ID})
			}
		}
	}
	return list, missed
}

func sortedNames(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// values reads a covariate by patient: the number, or 1 for the level and 0 for another.
func (g aggregate) values(in analysis.Input, q analysis.Question) ([]float64, error) {
	if _, _, err := in.Cohort.PatientField(g.name); err != nil {
		v, ok := in.Cohort.Baseline()
		if q.Baseline != "" {
			if v, err = in.Cohort.Visit(q.Baseline); err != nil {
				return nil, err
			}
		} else if !ok {
			return nil, fmt.Errorf("%w: no visit is marked as baseline, at which %s would be taken", datasets.ErrUnknownName, g.name)
		}
		return in.Cohort.Values(g.name, v.Value), nil
	}
	if g.level == "" {
		return in.Cohort.Covariate(g.name)
	}
	codes, names, err := in.Cohort.CovariateLevels(g.name)
	if err != nil {
		return nil, err
	}
	_, f, err := in.Cohort.PatientField(g.name)
	if err != nil {
		return nil, err
	}
	is, err := column{field: f, codes: codes, names: names}.levels([]string{g.level}, "target."+g.name)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(codes))
	for p, code := range codes {
		switch {
		case code < 0:
			out[p] = math.NaN()
		case is[code]:
			out[p] = 1
		}
	}
	return out, nil
}

// centred returns what must have mean 0: x - m for a mean or a share, (x - m)² - s² for
// an SD, and 1{x > median} - 1/2 for a median.
func (g aggregate) centred(x, mean float64) float64 {
	switch g.statistic {
	case "sd":
		return (x-mean)*(x-mean) - g.value*g.value
	case "median":
		if x > g.value {
			return 0.5
		}
		return -0.5
	}
	return x - g.value
}

// patients are those of ours with all that the comparison needs, in an order that rows
// of the file do not change.
type patients struct {
	subject
	list    []aggregate
	group   analysis.Group
	index   []int       // of the cohort
	arm     []int       // 0, or 1 of the reference of an anchored comparison
	y       []float64   // outcome
	x       [][]float64 // by aggregate: the covariate
	z       [][]float64 // by aggregate: what must have mean 0
	missing int         // without outcome or covariates
	noX     int         // with the outcome, without a covariate
}

// complete picks the patients of groups that have everything.
func (a indirectAsk) complete(in analysis.Input, q analysis.Question, s subject, list []aggregate, groups []analysis.Group) (*patients, error) {
	out := &patients{subject: s, list: list, group: groups[0], x: make([][]float64, len(list)), z: make([][]float64, len(list))}
	columns := make([][]float64, len(list))
	means := map[string]float64{}
	for j, g := range list {
		var err error
		if columns[j], err = g.values(in, q); err != nil {
			return nil, err
		}
		if g.statistic == "mean" {
			means[g.name] = g.value
		}
	}
	place := make([]int, in.Cohort.Patients())
	for i, p := range in.Cohort.ByIdentifier() {
		place[p] = i
	}
	for arm, g := range groups {
		mine := slices.Clone(g.Patients)
		slices.SortFunc(mine, func(x, y int) int { return place[x] - place[y] })
		for _, p := range mine {
			lacks := slices.ContainsFunc(columns, func(c []float64) bool { return math.IsNaN(c[p]) })
			if lacks || math.IsNaN(s.y[p]) {
				out.missing++
				if lacks && !math.IsNaN(s.y[p]) {
					out.noX++
				}
				continue
			}
			out.index, out.arm, out.y = append(out.index, p), append(out.arm, arm), append(out.y, s.y[p])
			for j, g := range list {
				out.x[j] = append(out.x[j], columns[j][p])
				out.z[j] = append(out.z[j], g.centred(columns[j][p], means[g.name]))
			}
		}
	}
	return out, nil
}

// match weights the patients, or says in words what cannot be met.
func (p *patients) match() (MomentWeights, error) {
	if len(p.y) == 0 {
		return MomentWeights{}, fmt.Errorf("%w: no patient of %s has the outcome and every covariate", analysis.ErrCannot, p.group.Name)
	}
	m, err := MatchMoments(p.z, nil)
	if err == nil {
		return m, nil
	}
	return m, fmt.Errorf("%w: %s", analysis.ErrCannot, p.refusal(err))
}

// refusal says which aggregates are out of reach.
func (p *patients) refusal(err error) string {
	var e *HullError
	switch {
	case !errors.As(err, &e):
		return err.Error()
	case e.Edge:
		return fmt.Sprintf("the aggregates lie on the edge of what the %d patients of %s span, so that weights went to ever fewer of them; match fewer aggregates with covariates=", e.Patients, p.group.Name)
	}
	var alone, joint []string
	for _, u := range e.Unmet {
		g := p.list[u.Column]
		text := fmt.Sprintf("%s %g", g, g.value)
		if u.Alone {
			alone = append(alone, text+" lies outside of all our patients")
			continue
		}
		joint = append(joint, text)
	}
	words := strings.Join(alone, "; ")
	if len(joint) > 0 {
		words = strings.Trim(words+"; not together with the others: "+strings.Join(joint, ", "), "; ")
	}
	return fmt.Sprintf("no weights of the %d patients of %s have the published aggregates (convex hull): %s; the two populations do not overlap there: leave those out with covariates=, and say so, or choose another comparator", e.Patients, p.group.Name, words)
}

// weightedMean is Σ w x / Σ w.
func weightedMean(w, x []float64) float64 {
	s, sw := 0.0, 0.0
	for i, v := range x {
		s += w[i] * v
		sw += w[i]
	}
	return s / sw
}

// achieved is an aggregate as our patients have it under weights.
func (p *patients) achieved(j int, w []float64) float64 {
	switch g := p.list[j]; g.statistic {
	case "sd":
		m := weightedMean(w, p.x[j])
		s, sw := 0.0, 0.0
		for i, x := range p.x[j] {
			s += w[i] * (x - m) * (x - m)
			sw += w[i]
		}
		return math.Sqrt(s / sw)
	case "median": // the share above the published median, which must be a half
		s, sw := 0.0, 0.0
		for i, x := range p.x[j] {
			sw += w[i]
			if x > g.value {
				s += w[i]
			}
		}
		return s / sw
	default:
		return weightedMean(w, p.x[j])
	}
}
