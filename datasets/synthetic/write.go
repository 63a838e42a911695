package synthetic

import (
	"fmt"
	"strconv"
)

// writer gathers the rows of one of the tables as CSV.
type writer struct {
	m     *model
	table int
	out   []byte
}

// The tables, in the order of the cohort file.
const (
	patients = iota
	visits
	doses
	work
	costs
)

var tableNames = [...]string{"patients", "visits", "doses", "work", "costs"}

// row writes cells that need no quotes: words and numbers of this package.
func (w *writer) row(table int, cells ...string) {
	if table != w.table {
		return
	}
	for i, s := range cells {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(w.out, s...)
	}
	w.out = append(w.out, '\n')
}

func (w *writer) person(p *person) {
	id := fmt.Sprintf("P%06d", p.number)
	w.patient(id, p)
	if !p.admitted {
		return
	}
	for v, at := range occasions {
		if p.seen[v] {
			w.visit(id, at.value, p, v)
		}
	}
	if p.extra {
		w.visit(id, "unscheduled", p, 0)
	}
	for _, d := range p.doses {
		strength, quantity, none := number(d.product.strength), "", ""
		switch {
		case d.none:
			strength, none = "", "0"
		case d.quantity >= 0:
			quantity = strconv.Itoa(d.quantity)
		}
		w.row(doses, id, strconv.Itoa(d.day), d.product.drug, d.product.route, strength, d.product.unit,
			quantity, strconv.Itoa(d.days), none, d.indication)
	}
	for _, s := range p.spells {
		w.row(work, id, strconv.Itoa(s.start), strconv.Itoa(s.end), statuses[s.status])
	}
	for _, c := range p.costs {
		w.row(costs, id, strconv.Itoa(c.day), c.category, strconv.FormatFloat(c.amount, 'f', 2, 64), strconv.Itoa(priceYear))
	}
}

// patient writes a row of patients. What happens at admission and after it is
// empty for those who never began.
func (w *writer) patient(id string, p *person) {
	cells := []string{id, w.m.sites[p.site].name, w.m.quarters[p.quarter]}
	if w.m.o.Comparison {
		arm := ""
		if p.admitted {
			arm = arms[p.arm]
		}
		cells = append(cells, arm)
	}
	weeks := ""
	if p.weeksOff >= 0 {
		weeks = strconv.Itoa(p.weeksOff)
	}
	admitted, completed, discharged := "", "", ""
	if p.admitted {
		admitted = strconv.Itoa(p.wait)
		if p.arm == 0 {
			completed, discharged = strconv.FormatBool(p.completed), strconv.Itoa(p.wait+p.stay)
		}
	}
	cells = append(cells, strconv.Itoa(p.age), []string{"male", "female"}[p.sex], payers[p.payer], conditions[p.condition],
		number(p.duration), workBefore[p.work], weeks, "0", admitted, completed, discharged)
	w.row(patients, cells...)
}

func (w *writer) visit(id, visit string, p *person, v int) {
	cells := []string{id, visit}
	for k, x := range p.scores[v] {
		if code := p.missing[v][k]; code != "" {
			cells = append(cells, code)
		} else {
			cells = append(cells, number(x))
		}
	}
	status := statuses[p.status[v]]
	if p.workGone[v] {
		status = "-99"
	}
	w.row(visits, append(cells, status, strconv.FormatBool(p.onOpioids[v]))...)
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
