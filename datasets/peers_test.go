//go:build unix

package datasets

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/csv"
)

// benchFields are the columns of the file that loaders are measured with: numbers
// have decimals, the least and the greatest, levels how many there are.
var benchFields = []struct {
	name     string
	role     Role
	decimals int
	low      float64
	high     float64
	levels   int
	missing  float64
}{
	{"patient_id", RolePatient, 0, 0, 0, 0, 0},
	{"program", RoleArm, 0, 0, 0, 12, 0},
	{"site", RoleSite, 0, 0, 0, 40, 0},
	{"visit", RoleVisit, 0, 0, 0, 5, 0},
	{"visit_date", RoleDate, 0, 0, 0, 0, 0},
	{"enrol_date", RoleAdmitted, 0, 0, 0, 0, 0},
	{"age", RoleCovariate, 1, 18, 90, 0, 0},
	{"sex", RoleCovariate, 0, 0, 0, 3, 0},
	{"bmi", RoleCovariate, 1, 16, 60, 0, 0.1},
	{"pain", RoleOutcome, 1, 0, 10, 0, 0.14},
	{"interference", RoleOutcome, 2, 0, 10, 0, 0.14},
	{"pdi", RoleOutcome, 0, 0, 70, 0, 0.14},
	{"pcs", RoleOutcome, 0, 0, 52, 0, 0.14},
	{"fabq", RoleOutcome, 0, 0, 96, 0, 0.24},
	{"phq9", RoleOutcome, 0, 0, 27, 0, 0.14},
	{"gad7", RoleOutcome, 0, 0, 21, 0, 0.14},
	{"tsk", RoleOutcome, 0, 17, 68, 0, 0.14},
	{"psqi", RoleOutcome, 0, 0, 21, 0, 0.2},
	{"eq5d", RoleOutcome, 3, -0.594, 1, 0, 0.14},
	{"walk6m", RoleOutcome, 1, 20, 800, 0, 0.3},
	{"meq_mg", RoleOutcome, 2, 0, 600, 0, 0.05},
	{"work_status", RoleCovariate, 0, 0, 0, 7, 0},
	{"diagnosis", RoleCovariate, 0, 0, 0, 20, 0},
	{"payer", RolePayer, 0, 0, 0, 6, 0},
	{"region", RoleCovariate, 0, 0, 0, 10, 0},
}

// benchCohort writes visits.csv of five visits for each patient, and returns the
// cohort file that describes it, with a range or levels for every column.
func benchCohort(b *testing.B, dir string, patients int) string {
	f, err := os.Create(filepath.Join(dir, "visits.csv"))
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var names []string
	var y strings.Builder
	y.WriteString("name: bench\nresources:\n  - name: visits\n    path: visits.csv\n    schema:\n      missingValues: [\"\", {value: \"-99\", label: not asked}]\n      fields:\n")
	for _, c := range benchFields {
		names = append(names, c.name)
		switch {
		case strings.HasSuffix(c.name, "_date"):
			fmt.Fprintf(&y, "        - {name: %s, type: date, role: %s}\n", c.name, c.role)
		case c.high != 0:
			fmt.Fprintf(&y, "        - {name: %s, type: number, role: %s, constraints: {minimum: %g, maximum: %g}}\n", c.name, c.role, c.low, c.high)
		default:
			fmt.Fprintf(&y, "        - {name: %s, type: string, role: %s}\n", c.name, c.role)
		}
	}
	fmt.Fprintln(w, strings.Join(names, ","))
	r := rand.New(rand.NewPCG(5, 25))
	first := time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)
	var row []byte
	levels := make([]int, len(benchFields))
	for p := range patients {
		enrolled := r.IntN(2000)
		for i, c := range benchFields {
			if c.levels > 0 {
				levels[i] = r.IntN(c.levels)
			}
		}
		for v := range 5 {
			row = row[:0]
			for i, c := range benchFields {
				switch {
				case c.role == RolePatient:
					row = strconv.AppendInt(row, int64(100_000_001+7*p), 10)
				case c.role == RoleVisit:
					row = fmt.Appendf(row, "month%d", 3*v)
				case c.name == "visit_date":
					row = first.AddDate(0, 0, enrolled+90*v+r.IntN(9)).AppendFormat(row, "2006-01-02")
				case c.name == "enrol_date":
					row = first.AddDate(0, 0, enrolled).AppendFormat(row, "2006-01-02")
				case c.levels > 0:
					row = fmt.Appendf(row, "%s_%03d", c.name[:3], levels[i])
				case r.Float64() >= c.missing:
					row = strconv.AppendFloat(row, c.low+(c.high-c.low)*r.Float64(), 'f', c.decimals, 64)
				}
				row = append(row, ',')
			}
			row[len(row)-1] = '\n'
			if _, err := w.Write(row); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return y.String()
}

// openFile opens a file of delimited text in a folder.
func openFile(dir string) func(context.Context, string, Resource) (Source, error) {
	return func(_ context.Context, path string, r Resource) (Source, error) {
		f, err := os.Open(filepath.Join(dir, path))
		if err != nil {
			return nil, err
		}
		return NewCSV(path, f, r)
	}
}

// loadArrow loads the file as Arrow's own reader of CSV does, told the columns' types.
func loadArrow(b *testing.B, path string) {
	b.Helper()
	var fields []arrow.Field
	for _, c := range benchFields {
		f := arrow.Field{Name: c.name, Type: arrow.BinaryTypes.String, Nullable: true}
		switch {
		case strings.HasSuffix(c.name, "_date"):
			f.Type = arrow.FixedWidthTypes.Date32
		case c.high != 0:
			f.Type = arrow.PrimitiveTypes.Float64
		}
		fields = append(fields, f)
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f, arrow.NewSchema(fields, nil), csv.WithHeader(true), csv.WithChunk(batchRows), csv.WithNullReader(true, "", "-99"))
	defer r.Release()
	var records []arrow.Record
	for r.Next() {
		r.Record().Retain()
		records = append(records, r.Record())
	}
	if r.Err() != nil || len(records) == 0 {
		b.Fatal(r.Err())
	}
}

// BenchmarkPeers loads 5 million rows of 25 columns, with every type and check on,
// and has what is installed beside it do so: each a process of its own, its CPU
// seconds and peak memory as the system counts them. RECOUP_PYTHON names the Python
// to ask for peers; RECOUP_ROWS makes the file smaller.
func BenchmarkPeers(b *testing.B) {
	if dir := os.Getenv("RECOUP_ARROW"); dir != "" {
		loadArrow(b, filepath.Join(dir, "visits.csv"))
		return
	}
	if dir := os.Getenv("RECOUP_LOAD"); dir != "" { // the process that is measured
		y, err := os.ReadFile(filepath.Join(dir, "cohort.yaml"))
		if err != nil {
			b.Fatal(err)
		}
		d, err := ParseDictionary("cohort.yaml", y)
		if err != nil {
			b.Fatal(err)
		}
		c, err := Load(b.Context(), d, LoadOptions{Open: openFile(dir)})
		if err != nil || c.Rows() == 0 {
			b.Fatal(err)
		}
		return
	}
	rows := 5_000_000
	if n, err := strconv.Atoi(os.Getenv("RECOUP_ROWS")); err == nil {
		rows = n
	}
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cohort.yaml"), []byte(benchCohort(b, dir, rows/5)), 0o600); err != nil {
		b.Fatal(err)
	}
	python := os.Getenv("RECOUP_PYTHON")
	if python == "" {
		python = "python3"
	}
	path := filepath.Join(dir, "visits.csv")
	self := func(loads string) *exec.Cmd {
		c := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=BenchmarkPeers$", "-test.benchtime=1x")
		c.Env = append(os.Environ(), loads+"="+dir)
		return c
	}
	for _, peer := range []struct {
		name    string
		command *exec.Cmd
		asked   *exec.Cmd // whether it is installed
	}{
		{"recoup", self("RECOUP_LOAD"), nil},
		{"arrow", self("RECOUP_ARROW"), nil},
		{"polars", exec.Command(python, "testdata/peers/load_polars.py", path), exec.Command(python, "-c", "import polars")},
		{"fread", exec.Command("Rscript", "testdata/peers/load_fread.R", path), exec.Command("Rscript", "-e", "library(data.table)")},
		{"duckdb", exec.Command(python, "testdata/peers/load_duckdb.py", path), exec.Command(python, "-c", "import duckdb")},
		{"pyarrow", exec.Command(python, "testdata/peers/load_pyarrow.py", path), exec.Command(python, "-c", "import pyarrow")},
		{"pandas", exec.Command(python, "testdata/peers/load_pandas.py", path), exec.Command(python, "-c", "import pandas")},
	} {
		b.Run(peer.name, func(b *testing.B) {
			if peer.asked != nil && exec.Command(peer.asked.Args[0], peer.asked.Args[1:]...).Run() != nil {
				b.Skip("SKIPPED: not installed")
			}
			var cpu, system time.Duration
			peak := int64(0)
			for b.Loop() {
				c := exec.Command(peer.command.Args[0], peer.command.Args[1:]...)
				c.Env = peer.command.Env
				if out, err := c.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
				cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
				system += c.ProcessState.SystemTime()
				if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok && runtime.GOOS == "linux" {
					peak = max(peak, u.Maxrss>>10)
				}
			}
			b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(system.Seconds()/float64(b.N), "of-it-system-s/op")
			b.ReportMetric(float64(peak), "peak-MiB")
			b.ReportMetric(0, "B/op")
			b.ReportMetric(0, "allocs/op")
		})
	}
}

// BenchmarkOddities loads 100,000 rows of the columns that BenchmarkPeers has, as programs
// and hospitals write them; the first is the plain file.
func BenchmarkOddities(b *testing.B) {
	dir := b.TempDir()
	y := benchCohort(b, dir, 20_000)
	plain, err := os.ReadFile(filepath.Join(dir, "visits.csv"))
	if err != nil {
		b.Fatal(err)
	}
	cells := func(change func(string) string) string {
		var out strings.Builder
		for line := range strings.Lines(string(plain)) {
			row := strings.Split(strings.TrimSuffix(line, "\n"), ",")
			for i, c := range row {
				row[i] = change(c)
			}
			out.WriteString(strings.Join(row, ",") + "\n")
		}
		return out.String()
	}
	number := func(c string) bool { return c == "" || c[0] == '-' || c[0] >= '0' && c[0] <= '9' }
	quoted := cells(func(c string) string { return `"` + c + `"` })
	for _, file := range []struct{ name, text, cohort string }{
		{"plain", string(plain), y},
		{"quoted", quoted, y},
		{"quoted, CRLF", strings.ReplaceAll(quoted, "\n", "\r\n"), y},
		{"texts quoted", cells(func(c string) string {
			if number(c) {
				return c
			}
			return `"` + c + `"`
		}), y},
		{"CRLF", strings.ReplaceAll(string(plain), "\n", "\r\n"), y},
		{"BOM", "\xef\xbb\xbf" + string(plain), y},
		{"decimal comma", strings.NewReplacer(",", ";", ".", ",").Replace(string(plain)), strings.ReplaceAll(y, "type: number,", `type: number, decimalChar: ",",`)},
		{"required", string(plain), regexp.MustCompile(`(string|date), role: [a-z]*`).ReplaceAllString(y, "$0, constraints: {required: true}")},
		{"days first", regexp.MustCompile(`(\d{4})-(\d\d)-(\d\d)`).ReplaceAllString(string(plain), "$3.$2.$1"), strings.ReplaceAll(y, "type: date,", `type: date, format: "%d.%m.%Y",`)},
		{"missing codes", cells(func(c string) string { return cmp.Or(c, "-99") }), y},
		{"missing codes in range", cells(func(c string) string { return cmp.Or(c, "-99") }), regexp.MustCompile(`, constraints: {[^}]*}`).ReplaceAllString(y, "")},
		{"missing words", cells(func(c string) string { return cmp.Or(c, "NA") }), strings.ReplaceAll(y, `"-99"`, `"NA"`)},
		{"letters beyond ASCII", cells(func(c string) string { return strings.ReplaceAll(c, "_", "é") }), strings.ReplaceAll(y, "_", "é")},
	} {
		b.Run(file.name, func(b *testing.B) {
			d, err := ParseDictionary("cohort.yaml", []byte(file.cohort))
			if err != nil {
				b.Fatal(err)
			}
			o := LoadOptions{Workers: 1, Open: OpenText(map[string]string{"visits.csv": file.text})}
			b.SetBytes(int64(len(file.text)))
			for b.Loop() {
				if _, err := Load(b.Context(), d, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
