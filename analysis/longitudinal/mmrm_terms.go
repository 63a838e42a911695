package longitudinal

import (
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// term is one number to estimate: a contrast of the coefficients and what is added.
type term struct {
	estimate analysis.Estimate
	contrast []float64
	add      float64
	tested   bool
}

// point returns the contrast of a group's adjusted mean at a visit.
func (m *model) point(i, v int, o MMRMOptions) []float64 {
	c := make([]float64, len(m.names))
	m.cell(c, i, v)
	if o.Weights == "equal" {
		at := len(c) - len(m.covariates)
		for k, n := range m.levels {
			if n > 0 {
				c[at+k] = 1/float64(n) - m.centre[k]
			}
		}
	}
	return c
}

// over returns the mean of a group's contrasts over visits, and of what was taken off
// the values there.
func (m *model) over(i int, visits []int, o MMRMOptions) (c []float64, shift float64) {
	c = make([]float64, len(m.names))
	for _, v := range visits {
		for k, x := range m.point(i, v, o) {
			c[k] += x / float64(len(visits))
		}
		shift += m.shift[v] / float64(len(visits))
	}
	return c, shift
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for k := range a {
		out[k] = a[k] - b[k]
	}
	return out
}

// terms lists what the question asks for.
func (m *model) terms(asked int, q analysis.Question, o MMRMOptions) []term {
	var out []term
	var all []int
	for v := m.from(); v < len(m.visits); v++ {
		all = append(all, v)
		if (asked < 0 || v == asked) && o.Visits != "average" {
			out = append(out, m.termsOver("adjusted", []int{v}, q, o)...)
		}
	}
	if asked < 0 && o.Visits != "each" && (len(all) > 1 || o.Visits == "average") {
		out = append(out, m.termsOver("average", all, q, o)...)
	}
	return out
}

// termsOver lists the means, changes and difference averaged over visits.
func (m *model) termsOver(kind string, visits []int, q analysis.Question, o MMRMOptions) []term {
	begin := func(name string, scale analysis.Scale, i int) analysis.Estimate {
		e := analysis.NewEstimate(kind+name, scale)
		e.Outcome, e.Arm, e.Unit = m.field.Name, m.groups[i].Name, m.field.Unit
		e.N.Arm = m.used[i]
		if kind == "adjusted" {
			e.Visit, e.N.Arm = m.visits[visits[0]].VisitName(), m.n[i][visits[0]]
		}
		e.N.Missing = len(m.groups[i].Patients) - e.N.Arm
		return e
	}
	var out []term
	for i := range m.groups {
		c, shift := m.over(i, visits, o)
		out = append(out, term{begin("_mean", analysis.ScaleMean, i), c, shift, false})
		change := begin("_change", analysis.ScaleDifference, i)
		switch {
		case m.baseline != nil:
			out = append(out, term{change, c, shift - m.mean, true})
		case m.constrained:
			start, at := m.over(i, []int{0}, o)
			out = append(out, term{change, minus(c, start), shift - at, true})
		}
	}
	if q.Reference != "" {
		c, _ := m.over(0, visits, o)
		ref, _ := m.over(1, visits, o)
		e, other := begin("_difference", analysis.ScaleDifference, 0), begin("", "", 1)
		e.Reference, e.N.Reference = other.Arm, other.N.Arm
		e.N.Missing += other.N.Missing
		out = append(out, term{e, minus(c, ref), 0, true})
	}
	return out
}

// estimates fills the terms with numbers.
func (m *model) estimates(i *fit.Inferred, terms []term, q analysis.Question, method analysis.Method) []analysis.Estimate {
	var cs [][]float64
	for _, t := range terms {
		cs = append(cs, t.contrast)
	}
	var out []analysis.Estimate
	for k, c := range i.Contrasts(cs) {
		e, value := terms[k].estimate, c.Value+terms[k].add
		e.Method, e.Value = method, analysis.Num(value)
		switch {
		case !(c.SE > 0):
			e = e.Warn(analysis.WarnNoVariance, "the estimated variance is not above 0, so there is no error to give", "choose errors=model")
		case math.IsNaN(c.DF):
			e.SE = analysis.Num(c.SE)
			e = e.Warn(analysis.WarnTooFew, "no degrees of freedom are left for this number, so it has no interval", "choose a simpler covariance or other degrees of freedom")
		default:
			e.SE, e.DF, e.CI = analysis.Num(c.SE), analysis.Num(c.DF), analysis.TInterval(value, c.SE, c.DF, q.Level)
			if terms[k].tested {
				e.Statistic = analysis.Num(value / c.SE)
				e.P = analysis.Num(analysis.TP(value/c.SE, c.DF))
			}
		}
		out = append(out, e)
	}
	return out
}

// seen warns of visits at which under 70 % of the patients have values, and of means
// of very few.
func (m *model) seen() []analysis.Warning {
	var out []analysis.Warning
	for i, g := range m.groups {
		for v := m.from(); v < len(m.visits); v++ {
			n, of, at := m.n[i][v], len(g.Patients), m.visits[v].VisitName()
			if float64(n) < 0.7*float64(of) {
				out = append(out, analysis.Warning{
					Code:    analysis.WarnLowFollowUp,
					Message: fmt.Sprintf("%s: %s seen at %s in %d of %d patients (%.0f %%); the model rests on those not seen being like those seen with the same values before", g.Name, m.field.Name, at, n, of, 100*float64(n)/float64(of)),
					Cure:    "follow up more patients, and show the result under other assumptions about those not seen",
				})
			}
			if n < 5 {
				out = append(out, analysis.Warning{
					Code:    analysis.WarnSmallCount,
					Message: fmt.Sprintf("%s: the mean at %s rests on %d patients, and its error on the variance of the other arms' or visits' patients as much as on theirs", g.Name, at, n),
					Cure:    "leave the visit out, or read the interval as a rough guide",
				})
			}
		}
	}
	return out
}

// edge warns of a spatial covariance at the edge of what it can be: it has no negative
// correlation, and 0 where the data ask for one.
func (m *model) edge(f *fit.RepeatedFit) []analysis.Warning {
	if f.Structure != fit.Spatial || len(m.visits) < 2 {
		return nil
	}
	for _, s := range f.Sigma {
		for v := range len(m.visits) - 1 {
			if s.At(v, v+1) > 1e-6*s.At(v, v) {
				return nil
			}
		}
	}
	return []analysis.Warning{{
		Code: "covariance-edge", Message: "the correlation between visits is 0, the least that sp_exp can have; values of a patient may be negatively correlated",
		Cure: "choose another covariance, such as us or toeph",
	}}
}
