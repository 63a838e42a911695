package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rule says what a package may import: of this project, and of others by module.
// A name that ends in /... allows everything below it.
type rule struct{ ours, others []string }

const (
	arrow   = "github.com/apache/arrow/go/v17"
	cobra   = "github.com/spf13/cobra"
	fonts   = "codeberg.org/go-fonts/liberation"
	goyaml  = "github.com/goccy/go-yaml"
	gonum   = "gonum.org/v1/gonum"
	image   = "golang.org/x/image"
	pgx     = "github.com/jackc/pgx/v5"
	plot    = "gonum.org/v1/plot"
	pretty  = "github.com/jedib0t/go-pretty/v6"
	xcpu    = "golang.org/x/sys/cpu"
	xunix   = "golang.org/x/sys/unix"
	xtext   = "golang.org/x/text"
	xterm   = "golang.org/x/term"
	estData = "datasets/..."
)

// estimator is what the analysis packages may import.
var estimator = rule{[]string{"analysis", estData, "analysis/internal/fit", "analysis/internal/ledger", "analysis/resample"}, []string{gonum}}

// packages is the house: which packages there are and who may import whom.
var packages = map[string]rule{
	"datasets":            {[]string{"datasets/instrument"}, []string{arrow, goyaml, xcpu, xtext, xunix}},
	"datasets/instrument": {nil, []string{goyaml}},
	"datasets/opioid":     {nil, []string{goyaml}},
	"datasets/open":       {[]string{"datasets", "datasets/cdisc", "datasets/fhir", "datasets/opioid", "datasets/parquet", "datasets/privacy", "datasets/redcap", "datasets/sas", "datasets/spss", "datasets/sqldb", "datasets/stata", "datasets/xlsx"}, nil},
	"datasets/parquet":    {[]string{"datasets"}, []string{arrow}},
	"datasets/prices":     {nil, []string{goyaml}},
	"datasets/privacy":    {[]string{"datasets"}, []string{xtext}},
	"datasets/published":  {nil, []string{goyaml}},
	"datasets/redcap":     {[]string{"datasets"}, nil},
	"datasets/sas":        {[]string{"datasets"}, []string{xtext}},
	"datasets/spss":       {[]string{"datasets"}, []string{xtext}},
	"datasets/sqldb":      {[]string{"datasets"}, []string{pgx}},
	"datasets/stata":      {[]string{"datasets"}, []string{xtext}},
	"datasets/cdisc":      {[]string{"datasets"}, []string{arrow}},
	"datasets/fhir":       {[]string{"datasets"}, []string{arrow}},
	"datasets/xlsx":       {[]string{"datasets"}, nil},
	"datasets/synthetic":  {[]string{"datasets", "simulate/stream"}, nil},

	"datasets/synthetic/truth": {[]string{"datasets", "datasets/instrument", "datasets/synthetic", "simulate/stream"}, nil},
	"datasets/synthetic/like":  {[]string{"datasets", "datasets/synthetic", "simulate/stream"}, []string{gonum}},

	"analysis":                 {[]string{"datasets", "datasets/instrument"}, []string{gonum, goyaml}},
	"analysis/internal/fit":    {nil, []string{gonum}},
	"analysis/internal/ledger": {[]string{"analysis", "datasets", "datasets/prices"}, nil},
	"analysis/analysistest":    {[]string{"analysis", "datasets"}, nil},
	"analysis/catalog":         {[]string{"analysis", "analysis/compare", "analysis/describe", "analysis/economics", "analysis/effect", "analysis/impute", "analysis/longitudinal", "analysis/power", "analysis/quality", "analysis/resample", "analysis/taper", "analysis/work"}, nil},
	"analysis/compare":         {append([]string{"simulate/stream"}, estimator.ours...), estimator.others},
	"analysis/describe":        estimator,
	"analysis/economics":       estimator,
	"analysis/effect":          estimator,
	"analysis/impute":          {append([]string{"simulate/stream"}, estimator.ours...), estimator.others},
	"analysis/longitudinal":    estimator,
	"analysis/meta":            estimator,
	"analysis/power":           estimator,
	"analysis/quality":         {append([]string{"simulate/stream"}, estimator.ours...), estimator.others},
	"analysis/resample":        {[]string{"analysis", "datasets", "simulate/stream"}, []string{gonum}},
	"analysis/taper":           estimator,
	"analysis/work":            estimator,

	"simulate":          {[]string{"simulate/internal/lanes", "simulate/stream"}, []string{gonum}},
	"simulate/stream":   {[]string{"simulate/internal/lanes"}, nil},
	"simulate/design":   {[]string{"simulate", "simulate/internal/strict", "simulate/stream"}, nil},
	"simulate/evidence": {[]string{"simulate", "simulate/internal/strict", "simulate/stream"}, nil},
	"simulate/rehab":    {[]string{"datasets", "simulate", "simulate/design", "simulate/evidence", "simulate/internal/lanes", "simulate/internal/strict", "simulate/queue", "simulate/stream"}, []string{gonum}},

	"simulate/internal/lanes":  {nil, []string{xcpu}},
	"simulate/internal/strict": {nil, []string{goyaml}},
	"simulate/markov":          {[]string{"simulate", "simulate/internal/strict", "simulate/stream"}, []string{gonum}},
	"simulate/queue":           {[]string{"simulate", "simulate/stream"}, []string{gonum}},
	"simulate/simulatetest":    {nil, nil},

	"reports":            {[]string{"analysis", "analysis/...", estData, "simulate/..."}, []string{goyaml}},
	"reports/crate":      {nil, nil},
	"reports/disclosure": {[]string{"reports"}, []string{gonum}},

	"reports/disclosure/readback": {[]string{"datasets/parquet", "datasets/privacy", "reports/disclosure"}, nil},

	"reports/render": {[]string{"datasets", "datasets/parquet", "reports"}, []string{fonts, gonum, image, plot, pretty}},

	"notebooks": {nil, nil},

	"cmd/recoup": {[]string{"cmd/recoup/internal/cli"}, nil},
	"cmd/recoup/internal/cli": {
		[]string{"cmd/recoup/internal/selfcheck", "analysis", "analysis/catalog", "analysis/compare", "analysis/economics", "analysis/meta", "analysis/power", estData, "reports", "reports/...", "simulate", "simulate/..."},
		[]string{cobra, pretty, xterm},
	},
	"cmd/recoup/internal/selfcheck": {
		[]string{"analysis", "analysis/catalog", "analysis/meta", "analysis/quality", estData, "reports", "reports/disclosure", "simulate", "simulate/..."},
		nil,
	},
}

func allows(list []string, path string) bool {
	return slices.ContainsFunc(list, func(a string) bool {
		if base, ok := strings.CutSuffix(a, "/..."); ok {
			return path == base || strings.HasPrefix(path, base+"/")
		}
		return path == a
	})
}

// TestImports holds the house: no package that is not listed, no import that is
// not allowed.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "recoup/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, "recoup/")
		r, ok := packages[name]
		if !ok {
			t.Errorf("package %s is not in the table of packages", name)
			continue
		}
		for _, i := range p.Imports {
			if mine, ok := strings.CutPrefix(i, "recoup/"); ok {
				if !allows(r.ours, mine) {
					t.Errorf("%s may not import %s", name, mine)
				}
				continue
			}
			if !strings.Contains(strings.SplitN(i, "/", 2)[0], ".") {
				continue // the standard library
			}
			if !slices.ContainsFunc(r.others, func(m string) bool { return i == m || strings.HasPrefix(i, m+"/") }) {
				t.Errorf("%s may not import %s", name, i)
			}
		}
	}
}
