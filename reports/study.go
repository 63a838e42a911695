package reports

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
)

// StudyInput is what a study report is made of: a plan, the cohort it was run on and
// what came of it.
type StudyInput struct {
	Plan       *analysis.Plan
	Cohort     *datasets.Cohort
	Result     analysis.PlanResult
	Find       func(name string) (*analysis.Analysis, error) // the catalog, for the methods' words
	Validation *StudyValidation                              // of the simulator; nil where none is given
	Fewest     int                                           // fewest patients that a text without cells may count; 0 for any
	Facts      []Fact                                        // of the program that writes the report, for its end
	Brand      Brand
	Lang       string // BCP 47 tag of the report's language; "" for English
}

// study is what the sections of one study report share.
type study struct {
	StudyInput
	read   *datasets.Cohort // as the plan was run on it; Cohort has the report's labels
	q      *quarter         // the patients and the groups, as in the quarterly report
	items  []studyItem
	names  []string // in which digits count no patients
	events map[eventsOf]map[int]bool
	seen   map[string]string // the runs in which a table of values seen stands, by what it shows
	left   [][2]string       // item and what is computed and not shown
	sums   []QuantitySum
	known  map[string]map[int]bool // sizes of the sets of patients analysed, by what they are of
}

// studyItem is one item of the plan with its runs, by their places in the result.
type studyItem struct {
	analysis.PlanItem
	runs        []int
	sensitivity []studyItem
}

// Study builds the report of a study from its plan and results. Small cells are not yet
// hidden: pass the report through disclosure, and then through SpeakStudy, before
// rendering.
func Study(ctx context.Context, in StudyInput) (Report, error) {
	s, err := newStudy(in)
	if err != nil {
		return Report{}, err
	}
	r := Report{
		Title: cmp.Or(in.Plan.Title, "Study report"), Subtitle: in.Cohort.Title(), Audience: "researchers and reviewers", Lang: s.q.in.Tag(), Brand: in.Brand,
		Warnings: s.warnings(),
	}
	detail, err := s.detail()
	if err != nil {
		return r, err
	}
	who, err := s.who(ctx)
	if err != nil {
		return r, err
	}
	data, err := buildData(ctx, s.q)
	if err != nil {
		return r, err
	}
	data.ID, data.Title = "data", "Data quality"
	results := s.results()
	sensitivity := s.sensitivity()
	validation := s.validation()
	r.Sections = []Section{s.summary(), s.methods(), who, results, sensitivity, validation, s.checklists(), data, detail}
	r.Sums = slices.Concat(s.q.sums(), s.relations(), s.sums)
	r.Provenance = Provenance{Facts: in.Facts}
	return r, nil
}

func newStudy(in StudyInput) (*study, error) {
	arm, reference := in.Plan.Question.Arm, in.Plan.Question.Reference
	for _, x := range in.Plan.Items {
		if arm == "" {
			arm, reference = x.Question.Arm, x.Question.Reference
		}
	}
	if arm == analysis.All {
		arm, reference = "", ""
	}
	q, err := newQuarter(in.Cohort, QuarterlyOptions{Arm: arm, Reference: reference, Level: in.Plan.Level, Fewest: in.Fewest, Lang: in.Lang})
	if err != nil {
		return nil, err
	}
	s := &study{StudyInput: in, read: in.Cohort, q: q, known: map[string]map[int]bool{}, seen: map[string]string{}, events: map[eventsOf]map[int]bool{}}
	s.relabel()
	for _, x := range in.Plan.Items {
		item := s.item(x)
		for _, k := range x.Sensitivity {
			item.sensitivity = append(item.sensitivity, s.item(k))
		}
		s.items = append(s.items, item)
	}
	s.names = s.digitNames()
	return s, nil
}

// text, say and count are texts in the report's language.
func (s *study) text(english string, arguments ...any) string {
	return s.q.in.Text(english, arguments...)
}

func (s *study) say(english string, arguments ...any) Words {
	return s.q.in.Words(english, arguments...)
}

func (s *study) count(n int, one, many string, arguments ...any) string {
	return s.q.in.Count(n, one, many, arguments...)
}

func (s *study) item(x analysis.PlanItem) studyItem {
	out := studyItem{PlanItem: x}
	for i, r := range s.Result.Runs {
		if r.ID == x.ID {
			out.runs = append(out.runs, i)
		}
	}
	return out
}

// run is a run with what a report may hold of its result.
func (s *study) run(i int) analysis.PlanRun {
	r := s.Result.Runs[i]
	r.Result = r.Result.Shared()
	return r
}

// digitNames are the names with digits, the longest first.
func (s *study) digitNames() []string {
	var out []string
	add := func(name string) {
		if strings.ContainsAny(name, "0123456789") && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, c := range []*datasets.Cohort{s.read, s.Cohort} {
		for _, v := range c.Visits() {
			add(v.Value)
			add(v.VisitName())
		}
		for _, a := range c.Arms() {
			add(a.ArmName())
		}
		for _, t := range c.Tables() {
			for _, f := range t.Fields() {
				add(f.Name)
				add(f.Label())
			}
		}
	}
	for _, r := range s.Result.Runs {
		add(r.Question.Subgroup)
		add(r.ID)
		add(r.Analysis)
	}
	out = slices.DeleteFunc(out, func(name string) bool { // a name that is a number would hide counts
		return strings.Trim(name, "0123456789., ") == ""
	})
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	return out
}

// words is a text of an analysis about run i, which is English, with its counts as cells.
// One that is the size of a group,
// or the number of its patients that the run has used, is that same count.
func (s *study) words(i int, text string) Words {
	r := s.run(i)
	size, used := map[int]string{}, map[int]string{}
	wholes := map[int]string{s.q.now.Patients(): population("")}
	if groups, err := s.groupsOfRun(r); err == nil {
		for _, g := range groups {
			size[len(g.Patients)] = s.population(g.Name, r.Question.Subgroup)
			wholes[len(g.Patients)] = size[len(g.Patients)]
		}
	}
	sizes := slices.Sorted(maps.Keys(wholes))
	for _, e := range r.Result.Estimates {
		for _, x := range []struct {
			group string
			n     int
		}{{e.Arm, e.N.Arm}, {e.Reference, e.N.Reference}} {
			if x.group != "" && used[x.n] == "" {
				used[x.n] = s.quantity(e, x.group, x.n)
			}
		}
	}
	w := countedWords(text, s.names)
	for k := range w {
		w[k].Lang = "en"
		b := &w[k].Cell.Basis
		switch b.Kind {
		case OfPatients:
			b.Quantity = cmp.Or(size[b.N], used[b.N])
			if at, _ := slices.BinarySearch(sizes, b.N); b.Quantity == "" && at < len(sizes) {
				b.Within = wholes[sizes[at]] // what it leaves of them is judged too
			}
		case ShareOfPatients:
			b.Quantity, b.Whole = used[b.Numerator], size[b.Denominator]
		}
	}
	return w
}

// coarse is a text of an analysis for a place without cells.
func (s *study) coarse(text string) string { return coarse(text, s.names, s.Fewest) }

// said is a text of an analysis as a cell: in the report's language where that knows it,
// else in English and marked so.
func (s *study) said(text string) Cell {
	text = s.coarse(text)
	if known, ok := s.q.in.phrase(text); ok {
		return Label(known)
	}
	return s.english(text)
}

// english is a cell of words that no language translates: names, calls, sources.
func (s *study) english(text string) Cell {
	if s.q.in.English() || text == "" {
		return Label(text)
	}
	return Label(text).English()
}

// title is what an item is called.
func (s *study) title(x analysis.PlanItem) string {
	if x.Title != "" {
		return x.Title
	}
	return s.analysisTitle(x.Run)
}

func (s *study) analysisTitle(name string) string {
	if a, err := s.Find(name); err == nil {
		return s.text(a.Title)
	}
	return name
}

// asked says in words what a run asks: outcome, visit, subgroup.
func (s *study) asked(r analysis.PlanRun) string {
	var parts []string
	if r.Question.Outcome != "" {
		name := r.Question.Outcome
		if f, err := s.Cohort.Outcome(name); err == nil {
			name = f.Label()
		}
		parts = append(parts, name)
	}
	if v := r.Question.Visit; v != "" {
		if at, err := s.Cohort.Visit(v); err == nil {
			v = at.VisitName()
		}
		parts = append(parts, s.text("at {0}", v))
	}
	if r.Question.Subgroup != "" {
		parts = append(parts, s.text("where {0}", r.Question.Subgroup))
	}
	if len(parts) == 0 {
		return s.text("the patients that the analysis is about")
	}
	return strings.Join(parts, ", ")
}

// against says whose figure is compared with whose.
func (s *study) against(e analysis.Estimate) string {
	switch {
	case e.Reference == "" || e.Term == "mean_arm" || e.Term == "matched_arm":
		return s.text(cmp.Or(e.Arm, analysis.All))
	case e.Term == "mean_reference" || e.Term == "matched_reference":
		return e.Reference
	}
	return s.text("{0} v {1}", e.Arm, e.Reference)
}

// warnings are what must be read before the numbers.
func (s *study) warnings() []Warning {
	var out []Warning
	if s.Cohort.Dictionary().Drafted {
		out = append(out, Warning{Code: datasets.CodeDraft, Text: "What the columns mean was guessed from the data file; a person has to check it before the numbers are used."})
	}
	for _, w := range s.Result.Warnings {
		out = append(out, Warning{Code: w.Code, Text: s.coarse(told(w)), Lang: "en"})
	}
	var cannot []string
	for _, r := range s.Result.Runs {
		if r.Cannot != "" && !slices.Contains(cannot, r.ID) {
			cannot = append(cannot, r.ID)
		}
	}
	if len(cannot) > 0 {
		out = append(out, Warning{Code: "not-answered", Text: s.text("The cohort could not answer all of the plan; the reasons stand in place of: {0}.", s.q.in.list(cannot))})
	}
	if low := s.lowFollowUp(); low != "" {
		out = append(out, Warning{Code: analysis.WarnLowFollowUp, Text: low})
	}
	return out
}

// lowFollowUp says which items rest on under 70 % of their patients.
func (s *study) lowFollowUp() string {
	var ids []string
	for i, r := range s.Result.Runs {
		if slices.ContainsFunc(s.allWarnings(i), func(w studyWarning) bool { return w.Code == analysis.WarnLowFollowUp }) && !slices.Contains(ids, r.ID) {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return s.text("Under 70 % of the patients were followed up in: {0}. These results are those of the people who came back, or rest on what is assumed of the others.", s.q.in.list(ids))
}

// told is a warning as a sentence with its cure.
func told(w analysis.Warning) string {
	text := upper(w.Message)
	if w.Cure != "" {
		text += "; " + w.Cure
	}
	return strings.TrimRight(text, ".") + "."
}

// studyWarning is a warning of a run, and of how many of its estimates.
type studyWarning struct {
	analysis.Warning
	about     []string // the terms; none for the run as a whole
	estimates int
}

// allWarnings are those of a run and of its estimates, each once.
func (s *study) allWarnings(i int) []studyWarning {
	r := s.run(i)
	var out []studyWarning
	at := func(w analysis.Warning) *studyWarning {
		for k := range out {
			if out[k].Code == w.Code && out[k].Message == w.Message {
				return &out[k]
			}
		}
		out = append(out, studyWarning{Warning: w})
		return &out[len(out)-1]
	}
	for _, w := range r.Result.Warnings {
		at(w)
	}
	for _, e := range r.Result.Estimates {
		for _, w := range e.Warnings {
			x := at(w)
			x.estimates++
			if !slices.Contains(x.about, e.Term) {
				x.about = append(x.about, e.Term)
			}
		}
	}
	return out
}

// says is a warning of run i with what it is about.
func (s *study) says(i int, w studyWarning) Words {
	text := told(w.Warning)
	if w.estimates == 0 {
		return s.words(i, text)
	}
	var names []string
	for k, term := range w.about {
		if k == 3 {
			names = append(names, s.text("others"))
			break
		}
		names = append(names, s.term(term))
	}
	return s.say("Of {0}: {1}", s.q.in.list(names), s.words(i, lower(text)))
}
