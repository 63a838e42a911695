package analysis

import (
	"fmt"
	"slices"

	"recoup/datasets"
	"recoup/datasets/instrument"
)

// Missing says what is assumed of patients without the values needed.
type Missing string

// The assumptions about missing values that an analysis may support.
const (
	MissingAvailable Missing = "available" // those seen are used, as they are
	MissingFailure   Missing = "failure"   // those not seen count as not improved
)

// Question is what is asked of a cohort: an estimand, a level and a seed.
// Fields that are empty mean: every arm for itself, the visit marked as baseline,
// the analysis's own definition.
type Question struct {
	Arm        string  `json:"arm,omitempty"`        // name or value of an arm; "" for each arm, or all patients where there are none
	Reference  string  `json:"reference,omitempty"`  // the arm that is subtracted; "" for change within groups alone
	Outcome    string  `json:"outcome,omitempty"`    // a column with role outcome
	Visit      string  `json:"visit,omitempty"`      // name or value of the visit asked about
	Baseline   string  `json:"baseline,omitempty"`   // name or value; "" for the visit marked as baseline
	Subgroup   string  `json:"subgroup,omitempty"`   // a condition on the patients, as in where
	Definition string  `json:"definition,omitempty"` // a named definition of the analysis
	Missing    Missing `json:"missing,omitempty"`
	Level      float64 `json:"level"` // of confidence; 0 means 0.95
	Seed       uint64  `json:"seed,omitempty"`
}

func (q Question) check() error {
	if q.Level <= 0 || q.Level >= 1 {
		return fmt.Errorf("expected a confidence level between 0 and 1, such as 0.95")
	}
	if q.Reference != "" && q.Arm == "" {
		return fmt.Errorf("expected an arm to compare with the reference: --arm NAME")
	}
	if q.Missing != "" && q.Missing != MissingAvailable && q.Missing != MissingFailure {
		return fmt.Errorf("expected missing to be available or failure")
	}
	return nil
}

// Input is what an analysis is given.
type Input struct {
	Cohort *datasets.Cohort
	// Find gives the analyses of the catalog by name to those that run another, such as
	// a bootstrap; nil where there is no catalog.
	Find func(name string) (*Analysis, error)
	// Progress, if set, is told now and then how much of a long run is done.
	Progress func(done, total int)
}

// Inner finds the analysis that another one runs, and the question it is asked: the
// same, of the patients left.
func (in Input) Inner(name string, q Question) (*Analysis, Question, error) {
	if name == "" || in.Find == nil {
		return nil, q, fmt.Errorf("%w: expected the analysis to run: --set analysis=NAME", ErrOptions)
	}
	a, err := in.Find(name)
	if err != nil {
		return nil, q, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	q.Subgroup = "" // the cohort is restricted already
	return a, q, nil
}

// Group is a set of patients an estimate is about.
type Group struct {
	Name     string
	Patients []int
}

// All is the name of the group of all patients of a cohort without arms.
const All = "all"

// Groups returns the groups that a question asks about: the arm and, where
// asked, the reference after it; else each arm; else all patients. Patients
// without an arm where one is needed are counted as excluded, and so are those
// who never began: who was referred and never came has no outcome to be missing.
func (in Input) Groups(q Question) ([]Group, []datasets.Exclusion, error) {
	groups, excluded, err := in.arms(q)
	if err != nil {
		return nil, nil, err
	}
	began, never := in.Cohort.Began(), 0
	for i, g := range groups {
		groups[i].Patients = slices.DeleteFunc(g.Patients, func(p int) bool { return !began[p] })
		never += len(g.Patients) - len(groups[i].Patients)
	}
	if never > 0 {
		excluded = append(excluded, datasets.Exclusion{Code: datasets.CodeNeverBegan, Patients: never, Reason: "patients who were never admitted and have no visit or record"})
	}
	return groups, excluded, nil
}

func (in Input) arms(q Question) ([]Group, []datasets.Exclusion, error) {
	c := in.Cohort
	arms := c.Arms()
	if len(arms) == 0 {
		if q.Arm != "" && q.Arm != All {
			_, err := c.Arm(q.Arm)
			return nil, nil, err
		}
		g := Group{Name: All}
		for p := range c.Patients() {
			g.Patients = append(g.Patients, p)
		}
		return []Group{g}, nil, nil
	}
	of := c.ArmOf()
	var wanted []int
	for _, word := range []string{q.Arm, q.Reference} {
		if word == "" {
			continue
		}
		i, err := c.Arm(word)
		if err != nil {
			return nil, nil, err
		}
		wanted = append(wanted, i)
	}
	if len(wanted) == 2 && wanted[0] == wanted[1] {
		return nil, nil, fmt.Errorf("%w: the arm and the reference are the same", datasets.ErrUnknownName)
	}
	if len(wanted) == 0 {
		for i := range arms {
			wanted = append(wanted, i)
		}
	}
	groups := make([]Group, len(wanted))
	for i, w := range wanted {
		groups[i].Name = arms[w].ArmName()
		for p, a := range of {
			if int(a) == w {
				groups[i].Patients = append(groups[i].Patients, p)
			}
		}
	}
	return groups, noArm(c), nil
}

// noArm counts the rows of patients without an arm, table by table.
func noArm(c *datasets.Cohort) []datasets.Exclusion {
	var out []datasets.Exclusion
	of := c.ArmOf()
	for _, t := range c.Tables() {
		rows, patients := 0, 0
		for p, n := range c.RowsOf(t) {
			if of[p] < 0 && n > 0 {
				rows += int(n)
				patients++
			}
		}
		if rows > 0 {
			out = append(out, datasets.Exclusion{
				Code: datasets.CodeNoArm, Table: t.Name(), Rows: rows, Patients: patients,
				Reason: "rows of patients without an arm, where an arm is needed",
			})
		}
	}
	return out
}

// Paired is an outcome before and after by patient, and the names to print.
type Paired struct {
	Field          datasets.Field
	Baseline, Now  datasets.Visit
	Before, After  []float64 // by patient of the cohort, NaN where missing
	Lower          bool      // a lower value is better
	DirectionKnown bool
}

// Pair reads the outcome that a question asks about at baseline and at its visit.
func (in Input) Pair(q Question) (Paired, error) {
	c := in.Cohort
	var p Paired
	var err error
	if q.Outcome == "" {
		return p, fmt.Errorf("%w: expected an outcome: --outcome COLUMN", datasets.ErrUnknownName)
	}
	if p.Field, err = c.Outcome(q.Outcome); err != nil {
		return p, err
	}
	if p.Baseline, err = in.baseline(q); err != nil {
		return p, err
	}
	if q.Visit == "" {
		return p, fmt.Errorf("%w: expected a visit: --visit NAME", datasets.ErrUnknownName)
	}
	if p.Now, err = c.Visit(q.Visit); err != nil {
		return p, err
	}
	if p.Now.Value == p.Baseline.Value {
		return p, fmt.Errorf("%w: the visit asked about is the baseline", datasets.ErrUnknownName)
	}
	p.Before, p.After = c.Values(q.Outcome, p.Baseline.Value), c.Values(q.Outcome, p.Now.Value)
	p.Lower, p.DirectionKnown = Direction(p.Field)
	return p, nil
}

func (in Input) baseline(q Question) (datasets.Visit, error) {
	if q.Baseline != "" {
		return in.Cohort.Visit(q.Baseline)
	}
	v, ok := in.Cohort.Baseline()
	if !ok {
		return v, fmt.Errorf("%w: no visit is marked as baseline: add baseline: true under visits, or pass --baseline NAME", datasets.ErrUnknownName)
	}
	return v, nil
}

// Direction returns whether lower values of an outcome are better, from its
// instrument, and whether that is known at all.
func Direction(f datasets.Field) (lower, known bool) {
	i, ok := instrument.Find(f.Instrument)
	if !ok || f.Instrument == "" {
		return true, false
	}
	return i.Direction == instrument.LowerIsBetter, true
}

// Subgroup returns the input restricted to the question's subgroup.
func (in Input) subgroup(q Question) (Input, error) {
	if q.Subgroup == "" {
		return in, nil
	}
	cond, err := datasets.ParseCondition(q.Subgroup)
	if err != nil {
		return in, fmt.Errorf("%w: subgroup: %w", datasets.ErrUnknownName, err)
	}
	c, err := in.Cohort.Where(cond)
	if err != nil {
		return in, err
	}
	in.Cohort = c
	return in, nil
}

// Pick returns the values of a group's patients.
func (g Group) Pick(byPatient []float64) []float64 {
	out := make([]float64, len(g.Patients))
	for i, p := range g.Patients {
		out[i] = byPatient[p]
	}
	return out
}

// Complete returns the pairs of a group that have both values, and how many do
// not.
func (g Group) Complete(before, after []float64) (b, a []float64, missing int) {
	for _, p := range g.Patients {
		if before[p] != before[p] || after[p] != after[p] {
			missing++
			continue
		}
		b, a = append(b, before[p]), append(a, after[p])
	}
	return b, a, missing
}
