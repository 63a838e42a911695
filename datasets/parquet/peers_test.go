package parquet

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"recoup/datasets"
)

// BenchmarkPeers loads 6 and 12 of the 25 columns of 5 million rows of a million
// patients, as pyarrow writes them, with every check on, and has DuckDB read the same
// columns to Arrow, and group them by visit and arm besides: each a process of its own,
// its CPU seconds, those of starting not counted. RECOUP_PYTHON names the Python to ask
// for peers; RECOUP_ROWS makes the file smaller.
func BenchmarkPeers(b *testing.B) {
	if load := os.Getenv("RECOUP_LOAD"); load != "" { // the process that is measured
		loadPeers(b, load)
		return
	}
	python := cmp.Or(os.Getenv("RECOUP_PYTHON"), "python3")
	if exec.Command(python, "-c", "import duckdb, pyarrow, numpy").Run() != nil {
		b.Skipf("SKIPPED: duckdb and pyarrow are not installed for %s", python)
	}
	path := filepath.Join(b.TempDir(), "visits.parquet")
	if out, err := exec.Command(python, "testdata/bench.py", "write", path, cmp.Or(os.Getenv("RECOUP_ROWS"), "5000000")).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for _, columns := range []string{"6", "12"} {
		for _, reader := range []string{"recoup", "read", "group"} {
			b.Run(columns+" columns, "+reader, func(b *testing.B) {
				var cpu []float64
				for b.Loop() {
					c := exec.Command(python, "testdata/bench.py", reader, path, columns)
					if reader == "recoup" {
						c = exec.Command(os.Args[0], "-test.run=^$", "-test.bench=BenchmarkPeers$", "-test.benchtime=1x")
						c.Env = append(os.Environ(), "RECOUP_LOAD="+columns+" "+path)
					}
					out, err := c.CombinedOutput()
					if err != nil {
						b.Fatalf("%v: %s", err, out)
					}
					used := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
					if reader != "recoup" {
						used, err = time.ParseDuration(strings.TrimSpace(string(out)))
					}
					if err != nil {
						b.Fatal(err)
					}
					cpu = append(cpu, used.Seconds())
				}
				slices.Sort(cpu)
				b.ReportMetric(cpu[len(cpu)/2], "median-cpu-s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// loadPeers loads so many columns of a file, named after the number.
func loadPeers(b *testing.B, load string) {
	columns, path, _ := strings.Cut(load, " ")
	n, err := strconv.Atoi(columns)
	if err != nil {
		b.Fatal(err)
	}
	var y strings.Builder
	y.WriteString("name: bench\nresources:\n  - name: visits\n    path: visits.parquet\n    schema:\n      fields:\n" +
		"        - {name: patient_id, type: string, role: patient}\n        - {name: visit, type: string, role: visit}\n        - {name: program, type: string, role: arm}\n")
	for i := range n - 3 {
		fmt.Fprintf(&y, "        - {name: m%d, type: number, role: outcome}\n", i)
	}
	d, err := datasets.ParseDictionary("cohort.yaml", []byte(y.String()))
	if err != nil {
		b.Fatal(err)
	}
	c, err := datasets.Load(b.Context(), d, datasets.LoadOptions{Open: func(_ context.Context, _ string, r datasets.Resource) (datasets.Source, error) {
		return Open(path, r)
	}})
	if err != nil || c.Rows() == 0 {
		b.Fatal(err)
	}
}
