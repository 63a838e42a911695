package reports

import (
	"regexp"
	"slices"
	"strings"

	"recoup/analysis"
)

// familyMethods are the ways to allow for the number of tests, in words with sources.
var familyMethods = map[string]struct{ name, meaning, source string }{
	"bonferroni":     {"Bonferroni", "each p times the number of tests", ""},
	"sidak":          {"Šidák", "1 - (1 - p)^m for m tests", "Šidák 1967, 10.1080/01621459.1967.10482935"},
	"holm":           {"Holm", "step down; holds the chance of any false finding under any dependence", "Holm 1979, Scandinavian Journal of Statistics 6:65"},
	"hochberg":       {"Hochberg", "step up; holds the chance of any false finding under independence or positive dependence", "Hochberg 1988, 10.1093/biomet/75.4.800"},
	"hommel":         {"Hommel", "as Hochberg's, and stronger", "Hommel 1988, 10.1093/biomet/75.2.383"},
	"bh":             {"Benjamini-Hochberg", "holds the share of false ones among the findings; one finding may still be false", "Benjamini and Hochberg 1995, 10.1111/j.2517-6161.1995.tb02031.x"},
	"by":             {"Benjamini-Yekutieli", "as Benjamini-Hochberg, under any dependence", "Benjamini and Yekutieli 2001, 10.1214/aos/1013699998"},
	"fixed-sequence": {"fixed sequence", "tests in the plan's order and stops at the first that fails: p is the largest so far", ""},
}

// methods is what was asked: the plan, what holds for all analyses, families of tests
// and the trials that comparisons stand in for.
func (s *study) methods() Section {
	out := Section{ID: "methods", Title: "Methods", Lead: Say("What the plan asked, and what holds for all analyses. Each analysis in its own words, with formulas, assumptions, settings and sources, is under Methods in detail.")}
	out.Blocks = append(out.Blocks, s.conventions(), s.questions())
	if t, ok := s.families(); ok {
		out.Blocks = append(out.Blocks, t)
	} else {
		out.Blocks = append(out.Blocks, Paragraph{Text: Say("The plan adjusts no p value for the number of tests: of twenty true null hypotheses one is expected under 0.05 by chance.")})
	}
	out.Blocks = append(out.Blocks, s.targetTrials()...)
	return out
}

// detail is each analysis in its own words, and how each estimate was made.
func (s *study) detail() (Section, error) {
	out := Section{ID: "detail", Title: "Methods in detail", Lead: Say("Each analysis in its own words, with its settings and sources; then how each estimate was made.")}
	done := map[string]bool{}
	for i := range s.Result.Runs {
		name := s.Result.Runs[i].Analysis
		if done[name] {
			continue
		}
		done[name] = true
		a, err := s.Find(name)
		if err != nil {
			return out, err
		}
		out.Blocks = append(out.Blocks, s.described(a))
	}
	out.Blocks = append(out.Blocks, s.made())
	return out, nil
}

// conventions are what holds for all analyses.
func (s *study) conventions() Definitions {
	d := Definitions{Title: "Conventions", Items: []Definition{
		{Term: "Sign", Meaning: "arm minus reference, or arm over reference, on the outcome's own scale"},
		{Term: "Intervals", Meaning: s.text("{0} %, of the kind that each method names; not adjusted for the number of estimates", 100*s.Plan.Level)},
		{Term: "Adjusted", Meaning: "of an estimate: for what its method names, such as the value at baseline or covariates, and for nothing that is not recorded; of p: for the number of tests in its family"},
		{Term: "n", Meaning: "patients whose own or filled-in values the estimate uses, in the arm and in its reference; weights change no n"},
		{Term: "Seed", Meaning: s.text("{0}, of all analyses that draw random numbers; the number of processors changes no digit", s.Plan.Seed)},
		{Term: "Missing values", Meaning: "patients without the values that an analysis needs are not in it unless it says how they are filled in or counted; each analysis's words say what that assumes"},
	}}
	if s.Plan.Where != "" {
		d.Items = append(d.Items, Definition{Term: "Patients", Meaning: s.text("those of the cohort with {0}", s.Plan.Where)})
	}
	d.Items = append(d.Items, s.q.terms...)
	if !s.q.in.English() {
		d.Items = append(d.Items, Definition{Term: "Language", Meaning: "what an analysis says of itself, its method, warnings and reasons, stands in English, as its sources do"})
	}
	return d
}

// questions is a row for each item of the plan.
func (s *study) questions() Table {
	t := Table{ID: "plan", Caption: "The plan", Columns: []Column{{Label: "Item"}, {Label: "Role"}, {Label: "Title"}, {Label: "Analysis"}, {Label: "Of"}, {Label: "Asked"}, {Label: "Missing values"}}}
	add := func(x studyItem, indent int) {
		var asked []string
		of, missing := "", ""
		for _, i := range x.runs {
			r := s.run(i)
			asked = append(asked, s.asked(r))
			of = r.Question.Arm
			if r.Question.Reference != "" {
				of = s.text("{0} v {1}", of, r.Question.Reference)
			}
			missing = string(r.Question.Missing)
		}
		if of == "" {
			of = s.text("each group")
		}
		if missing == "" {
			missing = s.text("as the analysis has it")
		}
		t.Rows = append(t.Rows, Row{Indent: indent, Cells: []Cell{s.english(x.ID), Label(x.Role), Label(s.title(x.PlanItem)), s.english(x.Run), Label(of), Label(strings.Join(asked, "; ")), Label(missing)}})
	}
	for _, x := range s.items {
		add(x, 0)
		for _, k := range x.sensitivity {
			add(k, 1)
		}
	}
	t.Footnotes = []Words{Say("Indented: sensitivity analyses of the item above. Whether the plan was fixed before the results were seen is for its authors to say; its digest is in the provenance.")}
	return t
}

func (s *study) families() (Table, bool) {
	t := Table{ID: "families", Caption: "How the number of tests is allowed for", Columns: []Column{{Label: "Family"}, {Label: "Method"}, {Label: "What it does"}, {Label: "Analyses"}, {Label: "Tests", Align: Right}, {Label: "Source"}}}
	for _, f := range s.Plan.Multiplicity {
		n := 0
		for _, x := range s.Result.Tests {
			if x.Family == f.Name {
				n++
			}
		}
		m := familyMethods[f.Method]
		of := strings.Join(f.Of, ", ")
		if f.Term != "" {
			of = s.text("{0} ({1})", of, s.term(f.Term))
		}
		if f.Subgroups {
			of = s.text("{0}, subgroups too", of)
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{s.english(f.Name), Label(m.name), Label(m.meaning), Label(of), Count(n).WithoutPatients(), s.english(m.source)}})
	}
	return t, len(t.Rows) > 0
}

// headed is a line of an analysis's words that names what it is about.
var headed = regexp.MustCompile(`^([A-Z][A-Za-z0-9' ,()-]{0,40}): (.+)$`)

// described is an analysis in its own words.
func (s *study) described(a *analysis.Analysis) Definitions {
	d := Definitions{Title: s.text("{0} ({1})", s.text(a.Title), a.Name)}
	var used []string
	for _, r := range s.Result.Runs {
		if r.Analysis == a.Name && !slices.Contains(used, r.ID) {
			used = append(used, r.ID)
		}
	}
	d.Items = append(d.Items, Definition{Term: "Used for", Meaning: strings.Join(used, ", ")}, Definition{Term: "What is estimated", Meaning: a.Estimand, Lang: "en"})
	for _, line := range strings.Split(a.Doc, "\n") {
		listed := strings.HasPrefix(line, " ") && len(d.Items) > 2
		line = strings.TrimSpace(line)
		last := &d.Items[len(d.Items)-1]
		if line == "" {
			continue
		}
		if listed { // an item of a list, of what stands above it
			if !strings.HasSuffix(last.Meaning, ":") {
				last.Meaning += ";"
			}
			last.Meaning += " " + line
			continue
		}
		if m := headed.FindStringSubmatch(line); m != nil && s.q.in.English() { // a heading is in the report's language
			d.Items = append(d.Items, Definition{Term: m[1], Meaning: m[2], Lang: "en"})
			continue
		}
		if last.Term == docHow {
			last.Meaning += " " + line
			continue
		}
		d.Items = append(d.Items, Definition{Term: docHow, Meaning: line, Lang: "en"})
	}
	d.Items = append(d.Items, s.settings(a)...)
	d.Items = append(d.Items, s.definitions(a)...)
	return append1(d, Definition{Term: "Sources", Meaning: strings.Join(a.Refs, "; "), Lang: "en"})
}

// docHow heads the lines of an analysis's words that name nothing themselves.
const docHow = "How"

func append1(d Definitions, x Definition) Definitions {
	if x.Meaning != "" {
		d.Items = append(d.Items, x)
	}
	return d
}

// settings are those of each item that ran the analysis, and which of them are not the
// defaults.
func (s *study) settings(a *analysis.Analysis) []Definition {
	defaults := map[string]string{}
	for _, o := range a.Options() {
		defaults[o.Name] = o.Default
	}
	var out []Definition
	for i := range s.Result.Runs {
		r := s.run(i)
		if r.Analysis != a.Name || len(r.Result.Settings) == 0 {
			continue
		}
		var chosen, others []string
		for _, k := range sortedKeys(r.Result.Settings) {
			v := r.Result.Settings[k]
			if v == defaults[k] {
				if v == "" {
					v = `""`
				}
				others = append(others, k+"="+v)
			} else {
				chosen = append(chosen, k+"="+v)
			}
		}
		text := s.text("all defaults: {0}", strings.Join(others, ", "))
		if len(chosen) > 0 {
			text = strings.Join(chosen, ", ")
			if len(others) > 0 {
				text = s.text("{0}; defaults: {1}", text, strings.Join(others, ", "))
			}
		}
		x := Definition{Term: s.text("Settings of {0}", r.ID), Meaning: text}
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// definitions are the named rules of the field that an analysis went by.
func (s *study) definitions(a *analysis.Analysis) []Definition {
	var used []string
	for _, r := range s.Result.Runs {
		if r.Analysis != a.Name {
			continue
		}
		for _, name := range append([]string{r.Result.Definition}, definitionsOf(r.Result.Estimates)...) {
			if name != "" && !slices.Contains(used, name) {
				used = append(used, name)
			}
		}
	}
	var out []Definition
	for _, x := range a.Definitions {
		if slices.Contains(used, x.Name) {
			out = append(out, Definition{Term: s.text("Definition {0}", x.Name), Meaning: x.Rule, Source: x.Source, Lang: "en"})
		}
	}
	var others []string
	for _, name := range used {
		if !slices.ContainsFunc(a.Definitions, func(d analysis.Definition) bool { return d.Name == name }) {
			others = append(others, s.said(name).Text)
		}
	}
	if len(others) > 0 {
		out = append(out, Definition{Term: "Definitions used", Meaning: strings.Join(others, "; ")})
	}
	return out
}

func definitionsOf(es []analysis.Estimate) []string {
	var out []string
	for _, e := range es {
		if e.Definition != "" && !slices.Contains(out, e.Definition) {
			out = append(out, e.Definition)
		}
	}
	return out
}

// made says of each estimate how it was made, those made alike together.
func (s *study) made() Block {
	t := Table{ID: "made", Caption: "How each estimate was made", Columns: []Column{{Label: "Estimates"}, {Label: "How"}, {Label: "The same in R"}, {Label: "Source"}}}
	type way struct{ how, r, ref string }
	var order []way
	terms := map[way][]string{}
	for i := range s.Result.Runs {
		r := s.run(i)
		for _, e := range r.Result.Estimates {
			how := e.Method.Name
			if e.CI.Kind != "" && !strings.Contains(how, e.CI.Kind) {
				how += "; interval: " + e.CI.Kind // English, as all of it
			}
			w := way{s.coarse(how), withoutNumbers(e.Method.R), e.Method.Ref}
			if terms[w] == nil {
				order = append(order, w)
			}
			if name := r.ID + ": " + s.term(e.Term); !slices.Contains(terms[w], name) {
				terms[w] = append(terms[w], name)
			}
		}
	}
	for _, w := range order {
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(joinedNames(terms[w])), s.english(w.how), s.english(w.r), s.english(w.ref)}})
	}
	if len(t.Rows) == 0 {
		return cannot("No estimate was made", "The cohort could answer nothing that the plan asks.")
	}
	return t
}

var countArgument = regexp.MustCompile(`([(,]\s*)\d+(\s*[,)])`)

// withoutNumbers is an R call with its counts of patients as x.
func withoutNumbers(call string) string {
	for {
		out := countArgument.ReplaceAllString(call, "${1}x${2}")
		if out == call {
			return out
		}
		call = out
	}
}

// joinedNames joins names that begin with an item, each item once.
func joinedNames(names []string) string {
	var out strings.Builder
	last := ""
	for _, name := range names {
		item, term, _ := strings.Cut(name, ": ")
		switch {
		case out.Len() == 0:
			out.WriteString(name)
		case item == last:
			out.WriteString(", " + term)
		default:
			out.WriteString("; " + name)
		}
		last = item
	}
	return out.String()
}
