package analysis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"recoup/datasets"
)

// Analysis is one named method, found in the catalog and run by a driver. It is a
// value: New makes it, and nothing changes it.
type Analysis struct {
	Name        string          // package/method, the same word everywhere
	Title       string          // what a reader calls it
	Estimand    string          // what is estimated, in words
	Doc         string          // formula, assumptions, missing values, defaults
	Refs        []string        // sources, with DOI
	Needs       []datasets.Role // roles without which it refuses
	Definitions []Definition    // the named definitions it offers; the first is the default
	// Narrow means that it takes nothing of the tables of several rows a patient but
	// the outcome asked about at the baseline and at the visit, so that no more of a
	// large cohort need stay in memory.
	Narrow bool

	defaults any
	run      func(ctx context.Context, in Input, q Question, options any) (Result, error)
}

// Definition is a named rule of the field, such as what counts as return to work.
type Definition struct {
	Name   string `json:"name"`
	Rule   string `json:"rule"`
	Source string `json:"source"`
}

// Option is one setting of an analysis, as shown to users.
type Option struct {
	Name    string   `json:"name"`
	Default string   `json:"default"`
	Doc     string   `json:"doc"`
	Choices []string `json:"choices,omitempty"`
}

// ErrOptions is what errors.Is finds in an error about a setting.
var ErrOptions = errors.New("not a valid setting")

// ErrCannot is what errors.Is finds when the cohort cannot answer the question,
// whatever the settings: a role that no column has, for one.
var ErrCannot = errors.New("the cohort cannot answer this")

// New returns an analysis. O is a struct of options whose exported fields are
// strings, numbers, booleans or lists of them, with tags: opt (the name), doc,
// choices (separated by |), and cohort (the key under definitions in a cohort file
// by which its owner chooses the value). A field that is a map of strings takes every
// setting under its name, as with.threshold under with. Fields of an embedded struct
// are settings too. Defaults are the values used where nobody chooses.
func New[O any](a Analysis, defaults O, run func(ctx context.Context, in Input, q Question, o O) (Result, error)) *Analysis {
	a.defaults = defaults
	a.run = func(ctx context.Context, in Input, q Question, options any) (Result, error) {
		return run(ctx, in, q, options.(O))
	}
	return &a
}

// Options returns the analysis's settings with their defaults.
func (a *Analysis) Options() []Option {
	v := reflect.ValueOf(a.defaults)
	var out []Option
	for _, f := range settings(v.Type()) {
		o := Option{Name: f.Tag.Get("opt"), Doc: f.Tag.Get("doc"), Default: show(v.FieldByIndex(f.Index))}
		if c := f.Tag.Get("choices"); c != "" {
			o.Choices = strings.Split(c, "|")
		}
		out = append(out, o)
	}
	return out
}

// settings returns the fields of a struct of options, with those of structs that it
// embeds in their place.
func settings(t reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return f.Anonymous })
}

func show(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Slice:
		var parts []string
		for i := range v.Len() {
			parts = append(parts, show(v.Index(i)))
		}
		return strings.Join(parts, ",")
	case reflect.Map:
		set := v.Interface().(map[string]string)
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(set)) {
			parts = append(parts, k+"="+set[k])
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v.Interface())
}

// decode returns the defaults, with what the cohort's owner has chosen put over
// them, and the given settings over those.
func (a *Analysis) decode(set, chosen map[string]string) (reflect.Value, error) {
	v := reflect.New(reflect.TypeOf(a.defaults)).Elem()
	v.Set(reflect.ValueOf(a.defaults))
	known := map[string]reflect.StructField{}
	var names []string
	var errs []error
	for _, f := range settings(v.Type()) {
		known[f.Tag.Get("opt")] = f
		names = append(names, f.Tag.Get("opt"))
		if s, ok := chosen[f.Tag.Get("cohort")]; ok {
			if err := assign(v.FieldByIndex(f.Index), s, f.Tag.Get("choices")); err != nil {
				errs = append(errs, fmt.Errorf("%w: %s under definitions in the cohort file: %w", ErrOptions, f.Tag.Get("cohort"), err))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		group, name, _ := strings.Cut(key, ".")
		if f, ok := known[group]; ok && name != "" && f.Type.Kind() == reflect.Map {
			if at := v.FieldByIndex(f.Index); at.IsNil() {
				at.Set(reflect.MakeMap(f.Type))
			}
			v.FieldByIndex(f.Index).SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(set[key]))
			continue
		}
		f, ok := known[key]
		if !ok {
			errs = append(errs, fmt.Errorf("%w: %s has no setting %q; it has: %s", ErrOptions, a.Name, key, strings.Join(names, ", ")))
			continue
		}
		if err := assign(v.FieldByIndex(f.Index), set[key], f.Tag.Get("choices")); err != nil {
			errs = append(errs, fmt.Errorf("%w: %s: %w", ErrOptions, key, err))
		}
	}
	return v, errors.Join(errs...)
}

func assign(v reflect.Value, s, choices string) error {
	if v.Kind() == reflect.Slice {
		parts := strings.Split(s, ",")
		if s == "" {
			parts = nil
		}
		list := reflect.MakeSlice(v.Type(), len(parts), len(parts))
		for i, p := range parts {
			if err := assign(list.Index(i), strings.TrimSpace(p), choices); err != nil {
				return err
			}
		}
		v.Set(list)
		return nil
	}
	if choices != "" && !slices.Contains(strings.Split(choices, "|"), s) {
		return fmt.Errorf("expected one of %s", strings.ReplaceAll(choices, "|", ", "))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("expected true or false")
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(s)
		if err != nil {
			return errors.New("expected a whole number")
		}
		v.SetInt(int64(n))
	case reflect.Float64:
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || x != x || x > 1e300 || x < -1e300 {
			return errors.New("expected a number")
		}
		v.SetFloat(x)
	case reflect.Map:
		return errors.New("expected each setting by its name, as with.threshold=30")
	default:
		return fmt.Errorf("a setting of kind %s cannot be given", v.Kind())
	}
	return nil
}

// Run answers a question. Settings that are not given have their defaults. Every
// estimate comes back with the analysis's name and what was asked; everything
// that was left out, when the cohort was read or here, is in Excluded.
func (a *Analysis) Run(ctx context.Context, in Input, q Question, set map[string]string) (Result, error) {
	if q.Level == 0 {
		q.Level = 0.95
	}
	if err := q.check(); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	var chosen map[string]string
	if in.Cohort != nil {
		chosen = in.Cohort.Dictionary().Definitions
	}
	options, err := a.decode(set, chosen)
	if err != nil {
		return Result{}, err
	}
	if q.Definition == "" {
		q.Definition = a.chosen(chosen)
	}
	if q.Definition != "" && len(a.Definitions) > 0 {
		if err := a.defines(q.Definition); err != nil {
			return Result{}, err
		}
	}
	if in.Cohort != nil {
		if err := a.needs(in.Cohort); err != nil {
			return Result{}, err
		}
		if in, err = in.subgroup(q); err != nil {
			return Result{}, err
		}
	}
	r, err := a.run(ctx, in, q, options.Interface())
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", a.Name, err)
	}
	r.Definition, r.Settings = q.Definition, map[string]string{}
	for _, f := range settings(options.Type()) {
		r.Settings[f.Tag.Get("opt")] = show(options.FieldByIndex(f.Index))
	}
	a.label(&r, in, q)
	return r, nil
}

// chosen returns the definition of the analysis that a cohort's owner has chosen,
// or "".
func (a *Analysis) chosen(definitions map[string]string) string {
	for _, d := range a.Definitions {
		for _, name := range definitions {
			if d.Name == name {
				return name
			}
		}
	}
	return ""
}

// defines reports an error where the analysis has no definition of that name.
func (a *Analysis) defines(name string) error {
	var names []string
	for _, d := range a.Definitions {
		if d.Name == name {
			return nil
		}
		names = append(names, d.Name)
	}
	return fmt.Errorf("%w: %s has no definition %q; it has: %s", ErrOptions, a.Name, name, strings.Join(names, ", "))
}

// Keeps says which columns the analysis takes of a cohort's tables of several rows a
// patient, for one that is narrow: the outcome asked about, and who, when and where.
func (a *Analysis) Keeps(q Question) func(t *datasets.Table, f datasets.Field) bool {
	return func(t *datasets.Table, f datasets.Field) bool {
		if !a.Narrow || t.OneRow() {
			return true
		}
		switch f.Role {
		case datasets.RoleOutcome:
			return f.Name == q.Outcome
		case datasets.RoleItem, datasets.RoleCovariate, "":
			return false
		}
		return true
	}
}

func (a *Analysis) needs(c *datasets.Cohort) error {
	var missing []string
	for _, r := range a.Needs {
		if !c.Has(r) {
			missing = append(missing, string(r))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: %s needs a column with role %s, and the cohort has none", ErrCannot, a.Name, strings.Join(missing, " and "))
	}
	return nil
}

// label writes on every estimate what was asked, and carries over what the cohort
// left out.
func (a *Analysis) label(r *Result, in Input, q Question) {
	for i := range r.Estimates {
		e := &r.Estimates[i]
		e.Analysis = a.Name
		if e.Subgroup == "" {
			e.Subgroup = q.Subgroup
		}
	}
	if in.Cohort != nil {
		r.Excluded = append(in.Cohort.Excluded(), r.Excluded...)
	}
	if r.Excluded == nil {
		r.Excluded = []datasets.Exclusion{}
	}
	if r.Warnings == nil {
		r.Warnings = []Warning{}
	}
	if r.Estimates == nil {
		r.Estimates = []Estimate{}
	}
}
