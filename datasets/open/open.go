// Package open is the only door to data files: it knows the list of formats and
// which file is read by which, and lets no cohort pass in which something may
// identify a person, unless its cohort file says by whom and why that is allowed.
package open

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recoup/datasets"
	"recoup/datasets/cdisc"
	"recoup/datasets/fhir"
	"recoup/datasets/opioid"
	"recoup/datasets/parquet"
	"recoup/datasets/privacy"
	"recoup/datasets/redcap"
	"recoup/datasets/sas"
	"recoup/datasets/spss"
	"recoup/datasets/sqldb"
	"recoup/datasets/stata"
	"recoup/datasets/xlsx"
)

// Format is one kind of file that tables are read from.
type Format struct {
	Name       string
	Extensions []string                                                        // lower case, with the dot
	open       func(path string, r datasets.Resource) (datasets.Source, error) // nil: by the reading's databases
}

// Formats lists the kinds of files in the order they are tried by ending.
var Formats = []Format{
	{"CSV", []string{".csv", ".tsv", ".txt", ".tab"}, openCSV},
	{"Arrow IPC", []string{".arrow", ".feather", ".ipc"}, datasets.NewIPC},
	{"Parquet", []string{".parquet"}, parquet.Open},
	{"CDISC Dataset-JSON or FHIR", []string{".json", ".ndjson"}, openJSON},
	{"Excel", []string{".xlsx", ".xlsm"}, xlsx.Open},
	{"Stata", []string{".dta"}, stata.Open},
	{"SPSS", []string{".sav", ".zsav"}, spss.Open},
	{"SAS transport", []string{".xpt"}, sas.Open},
	{"PostgreSQL", sqldb.Endings, nil},
}

func openCSV(path string, r datasets.Resource) (datasets.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return datasets.NewCSV(path, f, r)
}

// openJSON opens a file of JSON by what its first member says it is.
func openJSON(path string, r datasets.Resource) (datasets.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in := datasets.NewJSONReader(f)
	fhirResource := false
	err = in.Open('{')
	for err == nil && in.More() && !fhirResource {
		var key string
		if key, err = in.Key(); err != nil {
			break
		}
		if key == "columns" || key == "rows" || key == "datasetJSONVersion" || key == "clinicalData" || key == "referenceData" {
			break
		}
		if fhirResource = key == "resourceType"; !fhirResource {
			in.Record()
			err = in.Skip()
		}
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	switch {
	case err != nil:
		return nil, datasets.FileProblem(r.Name, path, "a dataset in Dataset-JSON, or FHIR QuestionnaireResponses")
	case fhirResource:
		return fhir.Open(path, r)
	}
	return cdisc.Open(path, r)
}

// Options says how a cohort is opened: see [datasets.LoadOptions].
type Options struct {
	SetAside   bool
	Where      string
	Progress   func(rows int)
	Each       func(*datasets.Table) error
	Keep       func(t *datasets.Table, f datasets.Field) bool
	KeepVisits []string
	Only       string // table; the others are not read
	MostMemory int64
	LeftOut    func(datasets.LeftOut)
}

// Cohort opens a cohort file, or a bare data file, for which a dictionary is
// drafted in memory and its guesses are kept as warnings. A cohort that may
// identify a person is refused; what is allowed or not grave is among its notes.
// What Each made of the batches of a cohort that is refused must be thrown away.
func Cohort(ctx context.Context, path string, opt Options) (*datasets.Cohort, error) {
	c, found, err := read(ctx, path, opt)
	if err != nil {
		return nil, err
	}
	if err := privacy.Refusal(found); err != nil {
		return nil, err
	}
	return narrow(c.Noting(privacy.Problems(found)), path, opt)
}

// Examine opens a cohort whatever may identify a person in it, and returns that.
// It is for those who tell of it or take it out; all others use Cohort.
func Examine(ctx context.Context, path string, opt Options) (*datasets.Cohort, []privacy.Finding, error) {
	c, found, err := read(ctx, path, opt)
	if err != nil {
		return nil, nil, err
	}
	c, err = narrow(c, path, opt)
	return c, found, err
}

// read reads a cohort and looks at all of it, whatever is kept: a condition must not
// lead around the gate.
func read(ctx context.Context, path string, opt Options) (*datasets.Cohort, []privacy.Finding, error) {
	d, err := Dictionary(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	if opt.Only != "" {
		d.Resources = slices.DeleteFunc(d.Resources, func(r datasets.Resource) bool { return r.Name != opt.Only })
	}
	in := newDoor(filepath.Dir(path))
	look := privacy.NewLook(d)
	c, err := datasets.Load(ctx, d, datasets.LoadOptions{
		Open: in.open, SetAside: opt.SetAside, Progress: opt.Progress, KeepVisits: opt.KeepVisits, MostMemory: opt.MostMemory,
		Keep: opt.Keep, DoseCeiling: opioid.Ceiling, LeftOut: opt.LeftOut,
		Each: func(b *datasets.Table) error {
			look.Add(b)
			if opt.Each != nil {
				return opt.Each(b)
			}
			return nil
		},
	})
	if err = in.close(err); err != nil {
		return nil, nil, in.masked(err)
	}
	return c, look.Findings(c, in.asides), nil
}

// narrow keeps the patients or rows that are asked for.
func narrow(c *datasets.Cohort, path string, opt Options) (*datasets.Cohort, error) {
	if opt.Where != "" {
		cond, err := datasets.ParseCondition(opt.Where)
		if err != nil {
			return nil, fmt.Errorf("where: %w", err)
		}
		if c, err = c.Where(cond); err != nil {
			return nil, err
		}
	}
	if c.Patients() == 0 && opt.Only == "" {
		return nil, datasets.Problems{{
			Severity: datasets.SeverityError, Code: datasets.CodeEmpty, File: path,
			Expected: "expected at least one patient; the files have no rows that can be used" + left(c),
		}}
	}
	return c, nil
}

// left says what was left out of a cohort, for one that has nobody left.
func left(c *datasets.Cohort) string {
	out := ""
	for _, x := range c.Excluded() {
		out += "; left out: " + x.String()
	}
	return out
}

// Dictionary reads a cohort file, or drafts one for a bare data file.
func Dictionary(ctx context.Context, path string) (*datasets.Dictionary, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case sqldb.IsMapping(path): // its tables are data
	case ext == ".yaml", ext == ".yml", ext == ".json":
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return datasets.ParseDictionary(path, b)
	}
	d, err := Draft(ctx, []string{path})
	if err != nil {
		return nil, err
	}
	for i := range d.Resources {
		d.Resources[i].Path = datasets.Paths{filepath.Base(d.Resources[i].Path[0])}
	}
	return d, nil
}

// Draft guesses a dictionary for data files. The paths in it are as given; a
// mapping file of a database stands for all its tables.
func Draft(ctx context.Context, paths []string) (*datasets.Dictionary, error) {
	var all []string
	for _, p := range paths {
		if !sqldb.IsMapping(p) {
			all = append(all, p)
			continue
		}
		tables, err := sqldb.Tables(p)
		if err != nil {
			return nil, err
		}
		all = append(all, tables...)
	}
	in := newDoor("")
	d, err := datasets.Draft(ctx, all, in.open)
	if err = in.close(err); err != nil {
		return nil, in.masked(err)
	}
	if in.detectors.Identifies(d.Name) { // it is the file's name
		d.Name = "cohort"
	}
	for i := range d.Resources {
		r := &d.Resources[i]
		if in.detectors.Identifies(r.Name) {
			r.Name = fmt.Sprintf("table_%d", i+1)
		}
		for j := range r.Schema.Fields {
			f := &r.Schema.Fields[j]
			if slices.ContainsFunc(f.Categories, func(l datasets.Category) bool {
				return in.detectors.Identifies(l.Value) || in.detectors.Identifies(l.Label)
			}) {
				f.Categories, f.Guess = nil, "levels are left out: one may identify a person"
			}
		}
	}
	if slices.ContainsFunc(d.Visits, func(v datasets.Visit) bool { return in.detectors.Identifies(v.Value) }) {
		d.Visits = nil
	}
	if slices.ContainsFunc(d.Arms, func(a datasets.Arm) bool { return in.detectors.Identifies(a.Value) }) {
		d.Arms = nil
	}
	return d, nil
}

// DraftREDCap drafts a cohort file from a REDCap project's data dictionary and
// its exports. The problems, none of severity error, are what a person must know
// of the draft.
func DraftREDCap(ctx context.Context, dictionary string, exports []string) (*datasets.Dictionary, datasets.Problems, error) {
	in := newDoor("")
	d, ps, err := redcap.Draft(ctx, dictionary, exports, in.open)
	return d, ps, in.close(err)
}

func format(path string) (Format, error) {
	file, _ := xlsx.Split(path) // a sheet's name may hold a dot
	file, _ = sas.Split(file)
	file, _ = sqldb.Split(file)
	lower := strings.ToLower(file)
	var known []string
	for _, f := range Formats {
		if slices.ContainsFunc(f.Extensions, func(ending string) bool { return strings.HasSuffix(lower, ending) }) {
			return f, nil
		}
		known = append(known, f.Extensions...)
	}
	return Format{}, fmt.Errorf("expected a file ending in %s", strings.Join(known, " "))
}
