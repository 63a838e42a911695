// Package crate describes a folder of results so that others can tell what made them: an
// RO-Crate, a file ro-crate-metadata.json with each file's size and SHA-256, the program,
// and the cohorts, scenarios and evidence that the results say they are of.
//
// Those are named by their digests and are not in the folder: a crate holds no patient.
//
// Reference: RO-Crate Metadata Specification 1.1, doi:10.5281/zenodo.4541002.
package crate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Metadata is the name of the file that describes a crate.
const Metadata = "ro-crate-metadata.json"

// About is what the files do not say.
type About struct {
	Name        string
	Description string
	Date        string // of publication, as 2026-11-22
	License     string // its address, or words that say who may use it
	Authors     []string
}

// ErrAbout marks what a crate cannot be described without.
var ErrAbout = errors.New("cannot describe the folder")

func (a About) check() error {
	var missing []string
	for _, x := range []struct{ what, text string }{{"a name", a.Name}, {"a description", a.Description}, {"a license", a.License}} {
		if strings.TrimSpace(x.text) == "" {
			missing = append(missing, x.what)
		}
	}
	if _, err := time.Parse(time.DateOnly, a.Date); err != nil {
		missing = append(missing, "a date as 2026-11-22")
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: expected %s", ErrAbout, strings.Join(missing, ", "))
	}
	return nil
}

// object is a node of the graph.
type object map[string]any

func ref(id string) object { return object{"@id": id} }

// Describe returns the metadata of all files of a folder but its own. Results of recoup
// (JSON with a schema) say which program made them and from what; a file of the same name
// with another ending is taken to be of the same run.
func Describe(folder fs.FS, about About) ([]byte, error) {
	if err := about.check(); err != nil {
		return nil, err
	}
	c := &crate{nodes: map[string]object{}, runs: map[string]*run{}}
	var names []string
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && name != Metadata {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: there is no file in it", ErrAbout)
	}
	for _, name := range names {
		b, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		c.file(name, b)
	}
	return c.encode(about, names)
}

type crate struct {
	nodes map[string]object
	order []string
	runs  map[string]*run // by the name of their files without ending
}

// run is what is known of one run of the program.
type run struct {
	title   string
	program string
	from    []string
}

func (c *crate) add(id string, o object) string {
	if _, ok := c.nodes[id]; !ok {
		o["@id"] = id
		c.nodes[id], c.order = o, append(c.order, id)
	}
	return id
}

// formats are the media types of what recoup writes.
var formats = map[string]string{
	".html": "text/html", ".pdf": "application/pdf", ".csv": "text/csv", ".json": "application/json", ".md": "text/markdown", ".txt": "text/plain",
	".svg": "image/svg+xml", ".png": "image/png", ".yaml": "application/yaml", ".parquet": "application/vnd.apache.parquet",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}

func (c *crate) file(name string, b []byte) {
	sum := sha256.Sum256(b)
	o := object{"@type": "File", "name": path.Base(name), "contentSize": fmt.Sprint(len(b)), "sha256": hex.EncodeToString(sum[:])}
	if f, ok := formats[strings.ToLower(path.Ext(name))]; ok {
		o["encodingFormat"] = f
	}
	c.add(escape(name), o)
	if path.Ext(name) == ".json" {
		if r := c.read(b); r != nil {
			c.runs[stem(name)] = r
		}
	}
}

// escape makes a path the relative address it has to be.
func escape(name string) string {
	return reserved.ReplaceAllStringFunc(name, func(s string) string {
		out := ""
		for _, b := range []byte(s) {
			out += fmt.Sprintf("%%%02X", b)
		}
		return out
	})
}

var reserved = regexp.MustCompile(`[^A-Za-z0-9/._~-]`)

func stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

// source is a scenario or evidence.
type source struct {
	Name   string `json:"name"`
	Digest string `json:"sha256"`
}

// read finds what a result says of its making; nil where it is none of ours.
func (c *crate) read(b []byte) *run {
	var x struct {
		Schema     string `json:"schema"`
		Title      string `json:"title"`
		Provenance struct {
			Recoup   string `json:"recoup"`
			Revision string `json:"revision"`
			Analysis string `json:"analysis"`
			Origin   *struct {
				Dictionary string `json:"dictionary"`
				Patients   int    `json:"patients"`
				Rows       int    `json:"rows"`
				Digest     string `json:"digest"`
			} `json:"origin"`
		} `json:"provenance"`
		Scenario source `json:"scenario"`
		Evidence source `json:"evidence"`
		Facts    []struct {
			Name string `json:"name"`
			Text string `json:"text"`
		} `json:"facts"`
	}
	if json.Unmarshal(b, &x) != nil || !strings.HasPrefix(x.Schema, "recoup.") {
		return nil
	}
	fact := map[string]string{}
	for _, f := range x.Facts {
		fact[f.Name] = f.Text
	}
	r := &run{title: x.Title}
	if r.title == "" {
		r.title = strings.TrimPrefix(x.Schema, "recoup.")
		if x.Provenance.Analysis != "" {
			r.title = x.Provenance.Analysis
		}
	}
	p := x.Provenance
	switch {
	case p.Recoup != "":
		r.program = c.program(p.Recoup + " (revision " + p.Revision + ")")
	case fact["recoup"] != "":
		r.program = c.program(fact["recoup"])
	}
	if o := p.Origin; o != nil {
		r.from = append(r.from, c.input("Dataset", "cohort", o.Dictionary, o.Digest, fmt.Sprintf("De-identified cohort of %d patients and %d rows; not in this folder.", o.Patients, o.Rows)))
	} else if d := fact["Digest of the cohort, SHA-256"]; d != "" {
		r.from = append(r.from, c.input("Dataset", "cohort", fact["Cohort"], d, "De-identified cohort; not in this folder."))
	}
	if x.Scenario.Digest != "" {
		r.from = append(r.from, c.input("CreativeWork", "scenario", x.Scenario.Name, x.Scenario.Digest, "Scenario of a simulation, in canonical form."))
	}
	if x.Evidence.Digest != "" {
		r.from = append(r.from, c.input("CreativeWork", "evidence", x.Evidence.Name, x.Evidence.Digest, "Parameters of a simulation, in canonical form."))
	}
	return r
}

func (c *crate) program(version string) string {
	return c.add("#recoup-"+reserved.ReplaceAllString(version, "-"), object{"@type": "SoftwareApplication", "name": "recoup", "version": version, "description": "Cohort analytics and simulation for chronic pain rehabilitation programs. For the evaluation of programs, not for advice on a patient."})
}

func (c *crate) input(kind, what, name, digest, description string) string {
	return c.add("#"+what+"-"+digest, object{"@type": kind, "name": strings.TrimSpace(what + " " + name), "description": description, "identifier": "sha256:" + digest})
}

func (c *crate) encode(about About, names []string) ([]byte, error) {
	root := object{
		"@id": "./", "@type": "Dataset", "name": about.Name, "description": about.Description, "datePublished": about.Date,
		"license": c.license(about.License),
	}
	var parts, authors, actions []object
	for _, n := range names {
		parts = append(parts, ref(escape(n)))
	}
	for _, a := range about.Authors {
		authors = append(authors, ref(c.add("#author-"+reserved.ReplaceAllString(a, "-"), object{"@type": "Person", "name": a})))
	}
	made := map[string][]object{}
	for _, n := range names {
		if c.runs[stem(n)] != nil {
			made[stem(n)] = append(made[stem(n)], ref(escape(n)))
		}
	}
	for _, n := range names { // in the order of the files
		r := c.runs[stem(n)]
		if r == nil || made[stem(n)] == nil {
			continue
		}
		o := object{"@type": "CreateAction", "name": r.title, "result": made[stem(n)]}
		if r.program != "" {
			o["instrument"] = ref(r.program)
		}
		var from []object
		for _, id := range r.from {
			from = append(from, ref(id))
		}
		if from != nil {
			o["object"] = from
		}
		actions = append(actions, ref(c.add("#run-"+escape(stem(n)), o)))
		delete(made, stem(n))
	}
	root["hasPart"] = parts
	for key, list := range map[string][]object{"author": authors, "mentions": actions} {
		if list != nil {
			root[key] = list
		}
	}
	graph := []object{
		{"@id": Metadata, "@type": "CreativeWork", "conformsTo": ref("https://w3id.org/ro/crate/1.1"), "about": ref("./")},
		root,
	}
	for _, id := range slices.Clip(c.order) {
		graph = append(graph, c.nodes[id])
	}
	return json.MarshalIndent(object{
		"@context": []any{"https://w3id.org/ro/crate/1.1/context", object{"sha256": "https://schema.org/sha256"}},
		"@graph":   graph,
	}, "", " ")
}

// license is a node where it is an address, else words.
func (c *crate) license(text string) any {
	if strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") {
		return ref(c.add(text, object{"@type": "CreativeWork", "name": path.Base(text)}))
	}
	return text
}
