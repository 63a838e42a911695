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
				e := entry{k.atVisit(v.Value, is, n), text + " at " + v.VisitName()}
				if out, err := r.outside(k); err == nil {
					e.set(k.atVisit(v.Value, out, n))
				}
				if e.known() {
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
		if out, _, err := r.spells(r.o.Outside, "outside"); err == nil {
			at := states(n)
			for p, s := range out {
				if is, known := AtOrigin(s, GapCensor); known {
					at[p] = truth(is)
				}
			}
			e.set(at)
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
	out, err := r.outside(k)
	if err != nil {
		out = make([]bool, len(k.levels))
	}
	e := entry{states(r.c.Patients()), text}
	for row, p := range t.Patient() {
		switch code := k.codes[row]; {
		case code < 0:
		case out[code]:
			e.working[p] = outside
		default:
			e.working[p] = truth(is[code])
		}
	}
	return e, e.known()
}

// outside returns which levels are outside the work force.
func (r *reader) outside(k coded) ([]bool, error) {
	is, _, err := k.match(r.o.Outside, "outside")
	return is, err
}

// set puts those who are outside the work force over what is known of them.
func (e entry) set(at []state) {
	for p, s := range at {
		if s == yes {
			e.working[p] = outside
		}
	}
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

// unsure counts those who began and of whom it is not known.
func (r *reader) unsure(e entry) (n int) {
	for p, w := range e.working {
		if w == unknown && r.began[p] {
			n++
		}
	}
	return n
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
	if n := r.unsure(e); n > 0 {
		r.warn(analysis.WarnExcluded, fmt.Sprintf("work status at entry is not known for %d of the patients, who count only among all", n), "record it at entry")
	}
	out = append(out, denominator{"off_work", "patients off work at entry and in the work force (" + e.text + ")", e.are(no)})
	before, ok := r.once(datasets.RoleWorkBefore, r.o.Before, "before")
	if !ok {
		before = e
	} else if n := r.unsure(before); n > 0 {
		r.warn(analysis.WarnExcluded, fmt.Sprintf("work before is not known for %d of the patients, who are not in the denominator working_before", n), "record it at entry")
	}
	return append(out, denominator{"working_before", "patients working before (" + before.text + ")", before.are(yes)})
}
