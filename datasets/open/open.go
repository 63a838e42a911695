// Package open is the only door to data files: it knows the list of formats and
// which file is read by which.
package open

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recoup/datasets"
	"recoup/datasets/cdisc"
	"recoup/datasets/fhir"
	"recoup/datasets/parquet"
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
		if key == "columns" || key == "rows" || key == "datasetJSONVersion" || key == "clinicalData" {
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
		return nil, datasets.FileProblem(r.Name, path, "a dataset in Dataset-JSON 1.1, or FHIR QuestionnaireResponses")
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
}

// Cohort opens a cohort file, or a bare data file, for which a dictionary is
// drafted in memory and its guesses are kept as warnings.
func Cohort(ctx context.Context, path string, opt Options) (*datasets.Cohort, error) {
	d, err := Dictionary(ctx, path)
	if err != nil {
		return nil, err
	}
	if opt.Only != "" {
		d.Resources = slices.DeleteFunc(d.Resources, func(r datasets.Resource) bool { return r.Name != opt.Only })
	}
	o := &opener{dir: filepath.Dir(path)}
	c, err := datasets.Load(ctx, d, datasets.LoadOptions{
		Open: o.open, SetAside: opt.SetAside, Where: opt.Where, Progress: opt.Progress, Each: opt.Each, Keep: opt.Keep, KeepVisits: opt.KeepVisits,
	})
	err = o.close(err)
	if err == nil && c.Patients() == 0 && opt.Only == "" {
		return nil, datasets.Problems{{
			Severity: datasets.SeverityError, Code: datasets.CodeEmpty, File: path,
			Expected: "expected at least one patient; the files have no rows that can be used" + left(c),
		}}
	}
	return c, err
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
	o := &opener{}
	d, err := datasets.Draft(ctx, all, o.open)
	return d, o.close(err)
}

// DraftREDCap drafts a cohort file from a REDCap project's data dictionary and
// its exports. The problems, none of severity error, are what a person must know
// of the draft.
func DraftREDCap(ctx context.Context, dictionary string, exports []string) (*datasets.Dictionary, datasets.Problems, error) {
	o := &opener{}
	d, ps, err := redcap.Draft(ctx, dictionary, exports, o.open)
	return d, ps, o.close(err)
}

// opener opens the files of one reading of a cohort.
type opener struct {
	dir       string // of the cohort file
	databases sqldb.Databases
}

// close ends the reading and returns the first error, err or its own.
func (o *opener) close(err error) error {
	if closed := o.databases.Close(); err == nil {
		return closed
	}
	return err
}

// open opens a resource's path, which is relative to the cohort file's folder.
func (o *opener) open(ctx context.Context, path string, r datasets.Resource) (datasets.Source, error) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(o.dir, filepath.FromSlash(path))
	}
	f, err := format(path)
	if err != nil {
		return nil, datasets.Problems{{Severity: datasets.SeverityError, Code: datasets.CodeFile, Table: r.Name, File: path, Expected: err.Error()}}
	}
	inFile := r
	if r.Renames() {
		inFile = r.AsInFile()
	}
	var src datasets.Source
	if f.open == nil {
		src, err = o.databases.Open(ctx, full, inFile)
	} else {
		src, err = f.open(full, inFile)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("table %s: no file %s beside the cohort file: %w", r.Name, path, fs.ErrNotExist)
	}
	if err == nil && r.Renames() {
		src = datasets.Renamed(src, r)
	}
	return src, err
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
