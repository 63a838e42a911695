package work

import (
	"fmt"

	"recoup/analysis"
	"recoup/datasets"
)

// denominator is the patients that a share is taken of.
type denominator struct {
	term string
	text string
	in   []bool // by patient; nil for all
}

// entry is work status before treatment, by patient.
type entry struct {
	working []state
	text    string // where it was read
}

// entry reads whether each patient worked at entry: from the first that is there
// of the baseline visit, spells on day 0, work_status in a table of one row a
// patient, and work_before.
func (r *reader) entry() (entry, bool) {
	n := r.c.Patients()
	if t := r.table([]datasets.Role{datasets.RoleVisit, datasets.RoleWorkStatus}, nil); t != nil {
		f, _ := t.Field(datasets.RoleWorkStatus)
		k := readCoded(t, f)
		if v, ok := r.baseline(); ok {
			if is, text, err := k.match(r.o.Working, "working"); err == nil {
				if e := (entry{k.atVisit(v.Value, is, n), text + " at " + v.VisitName()}); e.known() {
					return e, true
				}
			}
		}
	}
	if spells, text, err := r.spells(r.o.Working, "working"); err == nil {
		e := entry{states(n), "spells with " + text + ", on day 0"}
		for p, s := range spells {
			if working, known := AtOrigin(s, Gap(r.o.Gap)); known {
				e.working[p] = truth(working)
			}
		}
		if e.known() {
			return e, true
		}
	}
	if e, ok := r.once(datasets.RoleWorkStatus, r.o.Working, "working"); ok {
		return e, true
	}
	return r.once(datasets.RoleWorkBefore, r.o.Before, "before")
}

// once reads a status from a table of one row a patient.
func (r *reader) once(role datasets.Role, words []string, option string) (entry, bool) {
	t := r.table([]datasets.Role{role}, []datasets.Role{datasets.RoleVisit, datasets.RoleStart})
	if t == nil {
		return entry{}, false
	}
	f, _ := t.Field(role)
	k := readCoded(t, f)
	is, text, err := k.match(words, option)
	if err != nil {
		r.warn(analysis.WarnExcluded, "work status at entry was not read: "+err.Error(), "pass --set "+option+"=LEVEL,LEVEL")
		return entry{}, false
	}
	e := entry{states(r.c.Patients()), text}
	for row, p := range t.Patient() {
		if k.codes[row] >= 0 {
			e.working[p] = truth(is[k.codes[row]])
		}
	}
	return e, e.known()
}

func (e entry) known() bool {
	for _, s := range e.working {
		if s != unknown {
			return true
		}
	}
	return false
}

func (e entry) are(want state) []bool {
	out := make([]bool, len(e.working))
	for p, s := range e.working {
		out[p] = s == want
	}
	return out
}

// denominators returns the patients that shares are taken of, side by side.
func (r *reader) denominators() []denominator {
	out := []denominator{{term: "all", text: "all patients"}}
	e, ok := r.entry()
	if !ok {
		r.warn("denominator-not-available", "shares of those off work at entry and of those working before are not given: work status at entry is not known",
			"give work_status at the baseline visit, or a column with role work_before")
		return out
	}
	unsure := 0
	for _, w := range e.working {
		if w == unknown {
			unsure++
		}
	}
	if unsure > 0 {
		r.warn(analysis.WarnExcluded, fmt.Sprintf("work status at entry is not known for %d of %d patients, who count only among all", unsure, len(e.working)), "record it at entry")
	}
	out = append(out, denominator{"off_work", "patients off work at entry (" + e.text + ")", e.are(no)})
	before, ok := r.once(datasets.RoleWorkBefore, r.o.Before, "before")
	if !ok {
		before = e
	}
	return append(out, denominator{"working_before", "patients working before (" + before.text + ")", before.are(yes)})
}
