package open

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"recoup/datasets"
	"recoup/datasets/privacy"
	"recoup/datasets/sas"
	"recoup/datasets/sqldb"
	"recoup/datasets/xlsx"
)

// door opens the files of one cohort, whose paths are relative to its cohort
// file's folder, and keeps what they carry beside their cells for the gate.
type door struct {
	dir       string
	detectors *privacy.Detectors
	asides    []datasets.Aside
	looked    map[string]bool   // files, by table
	masks     map[string]string // names in the dictionary that identify somebody
	databases sqldb.Databases
}

// close ends the reading and returns the first error, err or its own.
func (in *door) close(err error) error {
	if closed := in.databases.Close(); err == nil {
		return closed
	}
	return err
}

func newDoor(dir string) *door {
	return &door{dir: dir, detectors: privacy.NewDetectors(), looked: map[string]bool{}, masks: map[string]string{}}
}

func (in *door) open(ctx context.Context, path string, r datasets.Resource) (datasets.Source, error) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(in.dir, filepath.FromSlash(path))
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
		src, err = in.databases.Open(ctx, full, inFile)
	} else {
		src, err = f.open(full, inFile)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("table %s: no file %s beside the cohort file: %w", r.Name, path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, in.hushed(err)
	}
	in.look(src, full, r)
	if r.Renames() {
		src = datasets.Renamed(src, r)
	}
	return in.mask(src, r), nil
}

// hushed takes names of sheets and the like that identify somebody out of what a
// reader says of a file.
func (in *door) hushed(err error) error {
	var ps datasets.Problems
	if !errors.As(err, &ps) {
		return err
	}
	out := slices.Clone(ps)
	for i := range out {
		for _, m := range quotedPattern.FindAllStringSubmatch(out[i].Expected, -1) {
			if in.detectors.Identifies(m[1]) {
				out[i].Expected = strings.ReplaceAll(out[i].Expected, m[1], "(not shown)")
				out[i].Mend = strings.ReplaceAll(out[i].Mend, m[1], "(not shown)")
			}
		}
	}
	return out
}

var quotedPattern = regexp.MustCompile(`"([^"]+)"`)

// look keeps what a file carries beside its cells.
func (in *door) look(src datasets.Source, path string, r datasets.Resource) {
	key := r.Name + "\x00" + path
	if in.looked[key] {
		return // a file is opened again where the fast way gives up
	}
	in.looked[key] = true
	file, _ := xlsx.Split(path)
	file, _ = sas.Split(file)
	file, _ = sqldb.Split(file)
	asides := []datasets.Aside{{Where: datasets.AsideFile, Text: filepath.Base(file)}}
	if a, ok := src.(datasets.Asider); ok {
		asides = append(asides, a.Asides()...)
	}
	if slices.Contains(Formats[0].Extensions, strings.ToLower(filepath.Ext(file))) {
		asides = append(asides, comments(file)...)
	}
	if d, ok := src.(datasets.Describer); ok {
		for _, f := range d.Describe() {
			for _, c := range f.Categories {
				asides = append(asides, datasets.Aside{Where: datasets.AsideLevel, Column: f.Name, Text: c.Label})
			}
		}
	}
	for i := range asides {
		asides[i].Table = r.Name
	}
	in.asides = append(in.asides, asides...)
}

// comments returns the lines of a text file's beginning that start with #.
func comments(file string) []datasets.Aside {
	f, err := os.Open(file)
	if err != nil {
		return nil // told of by the reader
	}
	defer func() { _ = f.Close() }()
	var out []datasets.Aside
	for s := bufio.NewScanner(io.LimitReader(f, 1<<16)); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			out = append(out, datasets.Aside{Where: datasets.AsideComment, Text: s.Text()})
		}
	}
	return out
}

// masked is a source whose column names that identify somebody, and that nobody
// chose to describe, are told by their place.
type masked struct {
	datasets.Source
	names []string
}

// Columns returns the names that may be shown.
func (m masked) Columns() []string { return m.names }

type maskedDescriber struct {
	masked
	datasets.Describer
}

// mask keeps identifying names of columns out of messages and drafts.
func (in *door) mask(src datasets.Source, r datasets.Resource) datasets.Source {
	for i, f := range r.Schema.Fields {
		if in.detectors.Identifies(f.Name) {
			in.masks[f.Name] = fmt.Sprintf("column %d", i+1)
		}
	}
	names := slices.Clone(src.Columns())
	changed := false
	for i, name := range names {
		described := func(n string) bool {
			return slices.ContainsFunc(r.Schema.Fields, func(f datasets.Field) bool { return f.Name == n })
		}
		if name == "" || described(name) || !in.detectors.Identifies(name) {
			continue
		}
		names[i] = fmt.Sprintf("column_%d_of_the_file", i+1)
		changed = true
		if j := slices.IndexFunc(r.Schema.Fields, func(f datasets.Field) bool { return f.Name == names[i] }); j >= 0 && r.Schema.Fields[j].Role != datasets.RoleIgnore {
			in.asides = append(in.asides, datasets.Aside{Where: datasets.AsideColumn, Table: r.Name, Column: names[i], Text: name})
		}
	}
	if !changed {
		return src
	}
	if d, ok := src.(datasets.Describer); ok {
		return maskedDescriber{masked{src, names}, d}
	}
	return masked{src, names}
}

// masked takes names that identify somebody out of a list of problems, and adds
// what the files carry beside their cells.
func (in *door) masked(err error) error {
	var ps datasets.Problems
	if !errors.As(err, &ps) {
		return err
	}
	out := slices.Clone(ps)
	for i := range out {
		if m, ok := in.masks[out[i].Column]; ok {
			out[i].Column = m
		}
	}
	return append(out, privacy.Problems(privacy.Beside(in.asides))...)
}
