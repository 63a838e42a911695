package rehab

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"recoup/simulate/design"
	"recoup/simulate/internal/strict"
)

// Calibration says which parameters are fitted to what.
type Calibration struct {
	Name  string `yaml:"name,required" json:"name"`
	Title string `yaml:"title" json:"title,omitempty"`
	// Parameters are fitted; the others stay at their values.
	Parameters []string `yaml:"parameters,required" json:"parameters"`
	Targets    []Target `yaml:"targets,required" json:"targets"`
	// Method is gauss-newton (default) or nelder-mead, which find the values that fit
	// best; or imis, which samples all that fit, weighed by how well and by the evidence's
	// own spread.
	Method string `yaml:"method" json:"method" enum:"gauss-newton,nelder-mead,imis"`
	// Prior adds the evidence's own value and spread of each parameter as a target.
	Prior bool `yaml:"prior" json:"prior,omitempty"`
	// Patients is the number simulated for each scenario (default 4000).
	Patients int `yaml:"patients" json:"patients" range:"100,1000000"`
	// Samples is the number of sets imis adds in each iteration (default 100); it begins
	// with ten times as many.
	Samples int `yaml:"samples" json:"samples,omitempty" range:"0,100000"`
	// Iterations is the most of them (default 30 for gauss-newton and imis, 300
	// evaluations for nelder-mead).
	Iterations int `yaml:"iterations" json:"iterations,omitempty" range:"0,10000"`
}

// Target is a figure the model should give. With a study alone it stands for all the
// published figures of that study.
type Target struct {
	// Study is a published one (see Studies), whose patients are then simulated;
	// without it the scenario's are.
	Study    string  `yaml:"study" json:"study,omitempty"`
	Strategy string  `yaml:"strategy" json:"strategy,omitempty"`
	Versus   string  `yaml:"versus" json:"versus,omitempty"`
	Outcome  string  `yaml:"outcome" json:"outcome,omitempty"`
	Value    float64 `yaml:"value" json:"value"`
	SE       float64 `yaml:"se" json:"se"`
	Source   string  `yaml:"source" json:"source,omitempty"`
	// HoldOut keeps the target out of the fit; its error is reported all the same.
	HoldOut bool `yaml:"hold_out" json:"hold_out,omitempty"`
	scale   float64
	unit    string
}

// ErrCalibration marks a calibration that cannot be done as asked.
var ErrCalibration = errors.New("cannot calibrate")

// Studies lists the published studies that targets and validation know.
func Studies() []string {
	var out []string
	for _, s := range studies() {
		out = append(out, s.id)
	}
	return out
}

// ParseCalibration reads a calibration from YAML. The error is *design.Problems with
// every problem of the file.
func ParseCalibration(name string, b []byte) (Calibration, error) {
	c := Calibration{Method: "gauss-newton", Patients: 4000}
	err := strict.Parse(name, b, &c, func() []strict.Problem { return c.check() })
	return c, err
}

func (c Calibration) check() []strict.Problem {
	out := strict.Bounds("", c)
	add := func(path, format string, args ...any) {
		out = append(out, strict.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	known := ParameterNames()
	for i, p := range c.Parameters {
		path := fmt.Sprintf("parameters[%d]", i)
		if !slices.Contains(known, p) {
			add(path, "%q is not a parameter; see: recoup evidence list", p)
		}
		if slices.Contains(c.Parameters[:i], p) {
			add(path, "stands more than once")
		}
	}
	if len(c.Parameters) == 0 || len(c.Parameters) > 20 {
		add("parameters", "must be 1 to 20 parameters")
	}
	if len(c.Targets) == 0 {
		add("targets", "must be at least one")
	}
	for i, t := range c.Targets {
		path := fmt.Sprintf("targets[%d]", i)
		if t.Study != "" && !slices.Contains(Studies(), t.Study) {
			add(path+".study", "is not known; use one of %s", strings.Join(Studies(), ", "))
		}
		if t.Study != "" && t.Outcome == "" && t.Strategy == "" {
			continue
		}
		if t.Outcome == "" || t.Strategy == "" {
			add(path, "must name a strategy and an outcome, or a study alone")
		}
		if !(t.SE > 0) {
			add(path+".se", "must be over 0: how far the value may be from the truth")
		}
	}
	return out
}

// expand turns targets that are a study alone into its figures. Claims and figures
// without a standard error are never fitted to.
func (c Calibration) expand() []Target {
	var out []Target
	for _, t := range c.Targets {
		if t.Study == "" || t.Outcome != "" {
			out = append(out, t)
			continue
		}
		for _, x := range studies() {
			if x.id != t.Study {
				continue
			}
			for _, o := range x.seen {
				if o.claim || o.se == 0 {
					continue
				}
				out = append(out, Target{
					Study: t.Study, Strategy: o.strategy, Versus: o.versus, Outcome: o.outcome, Value: o.value, SE: o.se,
					Source: x.source, HoldOut: t.HoldOut, scale: o.scale, unit: o.unit,
				})
			}
		}
	}
	return out
}

// scenarioOf is the scenario a target is of.
func (c Calibration) scenarioOf(t Target, own design.Scenario) (design.Scenario, error) {
	s := own
	for _, x := range studies() {
		if x.id == t.Study {
			var err error
			if s, err = x.scenario(0, c.Patients); err != nil {
				return s, err
			}
			s.Seed, s.Generator = own.Seed, own.Generator
		}
	}
	s.Draws, s.Patients, s.Outputs = 0, c.Patients, nil
	return s, nil
}
