package parquet

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"recoup/datasets"
)

const everyColumn = `
name: c
resources:
  - name: t
    path: %s
    schema:
      missingValues: ["", {value: "-99", label: refused}]
      fields:
        - {name: id, type: string, role: patient}
        - {name: few, type: number}
        - {name: many, type: number}
        - {name: whole, type: integer}
        - {name: day, type: date}
        - {name: at, type: datetime}
        - {name: yes, type: boolean}
        - {name: level, type: string}
        - {name: one, type: string}
        - {name: none, type: number}
        - {name: never, type: string}
        - {name: free, type: string}
        - {name: last, type: boolean}
`

// written loads a table of every type, with missing cells and without, of values that
// recur and that do not, and writes it. It returns the file and both cohorts.
func written(t *testing.T, rows int) (path string, before, after *datasets.Cohort) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(rows), 2))
	var b strings.Builder
	b.WriteString("id,few,many,whole,day,at,yes,level,one,none,never,free,last\n")
	for row := range rows {
		cell := func(s string) string {
			switch r.IntN(20) {
			case 0:
				return ""
			case 1:
				return "-99"
			}
			return s
		}
		fmt.Fprintf(&b, "p%06d,%s,%v,%s,%s,%s,%s,%s,same,,,%s,%v\n", row,
			cell(fmt.Sprintf("%.1f", 10*r.Float64()-3)), r.NormFloat64(), cell(fmt.Sprint(r.IntN(1<<50)-1<<49)),
			cell(fmt.Sprintf("20%02d-0%d-1%d", r.IntN(30), 1+r.IntN(9), r.IntN(10))), cell(fmt.Sprintf("1965-03-01T1%d:0%d:00", r.IntN(10), r.IntN(10))),
			cell(fmt.Sprint(r.IntN(2) == 0)), cell(fmt.Sprintf("level %d", r.IntN(17))), cell(fmt.Sprintf("näive text %d", r.IntN(1<<40))), row%3 == 0)
	}
	load := func(name string, open func(context.Context, string, datasets.Resource) (datasets.Source, error), y string) *datasets.Cohort {
		d, err := datasets.ParseDictionary("cohort.yaml", []byte(y))
		if err != nil {
			t.Fatal(err)
		}
		c, err := datasets.Load(t.Context(), d, datasets.LoadOptions{Open: open})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return c
	}
	before = load("csv", datasets.OpenText(map[string]string{"t.csv": b.String()}), fmt.Sprintf(everyColumn, "t.csv"))
	var file bytes.Buffer
	if err := Write(&file, before.Tables()[0]); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "t.parquet")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	y, err := before.Described(func(string) string { return path }, false, nil).YAML()
	if err != nil {
		t.Fatal(err)
	}
	return path, before, load("parquet", func(_ context.Context, path string, r datasets.Resource) (datasets.Source, error) {
		return Open(path, r)
	}, string(y))
}

// A table reads back as it was, of one page and of several, of one row group and of
// several, at the limits of pages and groups too.
func TestWriteReadsBack(t *testing.T) {
	for _, rows := range []int{1, 2, 3, 7, 8, 9, 1000, pageRows, groupRows + pageRows + 5} {
		_, before, after := written(t, rows)
		want, err := before.Origin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := after.Origin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != want.Digest || got.Rows != rows {
			t.Errorf("%d rows: %d rows read back, digest %s, want %s", rows, got.Rows, got.Digest, want.Digest)
		}
		for _, f := range before.Tables()[0].Fields() {
			a, b := before.Tables()[0].MissingReasons(f.Name), after.Tables()[0].MissingReasons(f.Name)
			for _, reason := range a {
				if reason.Code == "-99" && reason.Cells > 0 && (len(b) == 0 || fmt.Sprint(b[len(b)-1]) != fmt.Sprint(reason)) {
					t.Errorf("%d rows, %s: reasons %v, want %v", rows, f.Name, b, a)
				}
			}
		}
	}
}

// Columns that the cohort file does not carry are not read, and the others are as
// when all are.
func TestSkippedColumns(t *testing.T) {
	path, before, _ := written(t, 1000)
	fields := before.Tables()[0].Fields()
	fields[1].Role = datasets.RoleIgnore
	src, err := Open(path, datasets.Resource{Name: "t", Schema: datasets.Schema{Fields: append(fields[:2:2], fields[4], fields[8])}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := src.Next(t.Context())
	if err != nil || c.Rows != 1000 {
		t.Fatalf("%v: %v", c, err)
	}
	for i, name := range src.Columns() {
		if read := name == "id" || name == "day" || name == "one"; read != (c.Arrays[i] != nil) {
			t.Errorf("%s was read: %v", name, !read)
		} else if read && c.Arrays[i].NullN() != before.Tables()[0].Missing(name) {
			t.Errorf("%s: %d missing", name, c.Arrays[i].NullN())
		}
	}
	if err := src.Close(); err != nil {
		t.Error(err)
	}
}

// Other readers find the same cells in the file. RECOUP_PYTHON names the Python to ask.
func TestPeersReadIt(t *testing.T) {
	python := cmp.Or(os.Getenv("RECOUP_PYTHON"), "python3")
	path, _, after := written(t, groupRows+pageRows+77)
	table := after.Tables()[0]
	for _, peer := range []string{"pyarrow", "duckdb", "polars"} {
		t.Run(peer, func(t *testing.T) {
			if exec.Command(python, "-c", "import pyarrow, "+peer).Run() != nil {
				t.Skipf("SKIPPED: %s is not installed for %s", peer, python)
			}
			out, err := exec.Command(python, "testdata/peers.py", peer, path).Output()
			if err != nil {
				t.Fatal(err)
			}
			var found map[string][2]float64
			if err := json.Unmarshal(out, &found); err != nil {
				t.Fatal(err)
			}
			for _, f := range table.Fields() {
				missing, sum := float64(table.Missing(f.Name)), 0.0
				switch f.Type {
				case datasets.TypeString:
					codes, levels := table.Codes(f.Name)
					for _, code := range codes {
						if code >= 0 {
							sum += float64(len([]rune(levels[code])))
						}
					}
				default:
					for _, v := range table.Floats(f.Name) {
						if v == v {
							sum += v
						}
					}
				}
				if f.Type == datasets.TypeDatetime {
					sum *= 86_400e6
				}
				got, ok := found[f.Name]
				if !ok || got[0] != missing || math.Abs(got[1]-sum) > 1e-9*(1+math.Abs(sum)) {
					t.Errorf("%s: %v missing, sum %v; want %v and %v", f.Name, got[0], got[1], missing, sum)
				}
			}
		})
	}
}
