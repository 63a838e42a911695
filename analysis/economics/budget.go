package economics

import (
	"errors"
	"fmt"
	"math"

	"recoup/analysis"
)

// Intake is who comes into an open cohort: new patients at the start of each year, and the
// share of them that gets each strategy.
type Intake struct {
	Patients []float64   // by year
	Shares   [][]float64 // year x strategy; each year sums to 1
}

// Budget is what an open cohort costs in each year, not discounted, as a budget is paid.
// Cost is what one patient costs in each year since they came in, strategy x year; who has
// been followed for as many years costs nothing more.
//
//	B(t) = Σ over k ≤ t of N(k) · Σₛ share(k, s) · cost(s, t − k)
//
// Reference: Sullivan et al. 2014, 10.1016/j.jval.2013.08.2291 (ISPOR budget impact
// analysis). R: heemod's inflow.
func Budget(cost [][]float64, in Intake) ([]float64, error) {
	if err := in.check(len(cost)); err != nil {
		return nil, err
	}
	for s := range cost {
		if len(cost[s]) != len(cost[0]) {
			return nil, errors.New("expected the cost of as many years for every strategy")
		}
		for _, c := range cost[s] {
			if math.IsNaN(c) || math.IsInf(c, 0) {
				return nil, errors.New("expected finite costs")
			}
		}
	}
	out := make([]float64, len(in.Patients))
	for t := range out {
		for k := 0; k <= t; k++ {
			for s := range cost {
				if t-k < len(cost[s]) {
					out[t] += in.Patients[k] * in.Shares[k][s] * cost[s][t-k]
				}
			}
		}
	}
	return out, nil
}

func (in Intake) check(strategies int) error {
	if len(in.Patients) == 0 || len(in.Shares) != len(in.Patients) || strategies == 0 {
		return errors.New("expected patients and shares for one year or more, and one strategy or more")
	}
	for t, n := range in.Patients {
		if !(n >= 0) || math.IsInf(n, 0) {
			return fmt.Errorf("year %d: expected patients of 0 or more", t+1)
		}
		if len(in.Shares[t]) != strategies {
			return fmt.Errorf("year %d: expected a share for each of %d strategies", t+1, strategies)
		}
		sum := 0.0
		for _, p := range in.Shares[t] {
			if !(p >= 0) {
				return fmt.Errorf("year %d: expected shares of 0 or more", t+1)
			}
			sum += p
		}
		if math.Abs(sum-1) > 1e-9 {
			return fmt.Errorf("year %d: the shares sum to %g, not 1", t+1, sum)
		}
	}
	return nil
}

// Shift moves uptake(t) of the patients of year t from the strategies they get to another,
// from each in proportion to its share of them.
func Shift(shares []float64, to int, uptake []float64) ([][]float64, error) {
	if to < 0 || to >= len(shares) {
		return nil, errors.New("expected a strategy to move patients to")
	}
	out := make([][]float64, len(uptake))
	for t, u := range uptake {
		if !(u >= 0 && u <= 1) {
			return nil, fmt.Errorf("year %d: expected an uptake from 0 to 1", t+1)
		}
		out[t] = make([]float64, len(shares))
		for s, p := range shares {
			out[t][s] = (1 - u) * p
		}
		out[t][to] += u
	}
	return out, nil
}

// Occupancy is how full a program must be to cover its costs.
type Occupancy struct {
	Fixed    analysis.Num `json:"fixed_cost"`    // of a group, whoever comes
	Variable analysis.Num `json:"variable_cost"` // of each patient
	Income   analysis.Num `json:"income"`        // for each patient: paid, or saved elsewhere
	Places   analysis.Num `json:"places"`        // in a group
	Patients analysis.Num `json:"patients"`      // at which income covers the costs; null where none does
	Share    analysis.Num `json:"share"`         // of the places
	Reason   string       `json:"reason,omitempty"`
}

// BreakEven returns the share of places filled at which what comes in for each patient
// covers the fixed cost of a group and the variable cost of its patients:
//
//	patients = fixed / (income − variable),   share = patients / places
func BreakEven(fixed, variable, income, places float64) (Occupancy, error) {
	for _, x := range []float64{fixed, variable, income} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return Occupancy{}, errors.New("expected finite costs and income")
		}
	}
	if !(fixed >= 0) || !(variable >= 0) || !(places > 0) || math.IsInf(places, 0) {
		return Occupancy{}, errors.New("expected costs of 0 or more and places above 0")
	}
	o := Occupancy{Fixed: analysis.Num(fixed), Variable: analysis.Num(variable), Income: analysis.Num(income), Places: analysis.Num(places), Patients: nan, Share: nan}
	if income <= variable {
		o.Reason = "each patient brings in no more than they cost, so that no number of them covers the fixed cost"
		return o, nil
	}
	o.Patients = analysis.Num(fixed / (income - variable))
	o.Share = o.Patients / analysis.Num(places)
	if o.Share > 1 {
		o.Reason = "not covered when every place is filled"
	}
	return o, nil
}

// Success is what one more success costs.
type Success struct {
	Strategy string       `json:"strategy"`
	Versus   string       `json:"versus"`
	Outcome  string       `json:"outcome"`
	Rate     analysis.Num `json:"successes_per_patient"` // of all patients who came in
	More     analysis.Num `json:"more_successes"`
	MoreMCSE analysis.Num `json:"more_successes_mcse"`
	Cost     analysis.Num `json:"more_cost"`
	CostMCSE analysis.Num `json:"more_cost_mcse"`
	// PerSuccess is more cost over more successes; it has no error of its own, for those
	// of cost and success hang together.
	PerSuccess analysis.Num `json:"cost_per_success"`
	Reason     string       `json:"reason,omitempty"`
}

// Ratio fills in the cost of one more success, or why there is none.
func (s Success) Ratio() Success {
	s.PerSuccess = nan
	switch more, cost := float64(s.More), float64(s.Cost); {
	case math.IsNaN(more) || math.IsNaN(cost):
		s.Reason = "the outcome has no patients"
	case more == 0 || math.Abs(more) < 2*float64(s.MoreMCSE):
		s.Reason = "the difference in successes is within 2 Monte Carlo standard errors of 0"
	case more > 0 && cost <= 0:
		s.Reason = "costs no more and has more successes"
	case more < 0 && cost >= 0:
		s.Reason = "costs no less and has fewer successes"
	default:
		s.PerSuccess = analysis.Num(cost / more)
		if more < 0 {
			s.Reason = "costs less and has fewer successes: what is saved for each success given up"
		}
	}
	return s
}
