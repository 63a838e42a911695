package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"recoup/reports"
	"recoup/reports/render"
)

// twoSites writes a synthetic cohort and a copy of it with the patients of one site
// alone.
func twoSites(t *testing.T, site string) {
	t.Helper()
	if _, errs, code := run(t, "data", "synthesize", "--patients", "900", "--comparison", "-o", "all"); code != 0 {
		t.Fatal(errs)
	}
	if err := os.Mkdir("one", 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir("all")
	if err != nil {
		t.Fatal(err)
	}
	whose := map[string]bool{}
	for _, row := range rowsOf(t, "all/patients.csv") {
		whose[row[0]] = row[1] == site
	}
	for _, f := range files {
		from, to := filepath.Join("all", f.Name()), filepath.Join("one", f.Name())
		if !strings.HasSuffix(f.Name(), ".csv") {
			b, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, b, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		for i, row := range rowsOf(t, from) {
			if i == 0 || whose[row[0]] {
				if err := w.Write(row); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.Flush()
		if err := os.WriteFile(to, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func rowsOf(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// digest is a SHA-256 as written: it differs with the files, and tells nothing of them.
var digest = regexp.MustCompile(`[0-9a-f]{64}`)

// Sites of 40, 30 and 5 patients: the five are hidden in their own report, and neither
// all 75 less the other two nor any other sum of the four reports gives them away.
func TestSmallSiteIsNotFoundBySubtraction(t *testing.T) {
	t.Chdir(t.TempDir())
	plant(t, "c.yaml", "name: c\nresources:\n  - name: p\n    path: p.csv\n    schema:\n      fields:\n        - {name: id, type: string, role: patient}\n        - {name: place, type: string, role: site}\n        - {name: visit, type: string, role: visit}\n        - {name: pain, type: number, role: outcome, instrument: nrs}\nvisits: [{value: before, role: baseline}, {value: after, role: discharge}]\n")
	var b strings.Builder
	b.WriteString("id,place,visit,pain\n")
	n := 0
	for _, site := range []struct {
		name string
		n    int
	}{{"North", 40}, {"East", 30}, {"West", 5}} {
		for range site.n {
			n++
			for k, visit := range []string{"before", "after"} {
				fmt.Fprintf(&b, "p%d,%s,%s,%d\n", n, site.name, visit, 8-3*k-n%4)
			}
		}
	}
	plant(t, "p.csv", b.String())
	out, errs, code := run(t, "report", "quarterly", "c.yaml", "--each", "site", "-o", "r.md")
	if code != 0 {
		t.Fatal(out, errs)
	}
	shown := map[string]bool{}
	for site, n := range map[string]string{"north": "40", "east": "30", "west": "5", "overview": "75"} {
		text, err := os.ReadFile("r-" + site + ".md")
		if err != nil {
			t.Fatal(err)
		}
		shown[site] = strings.Contains(string(text), "**Patients in the cohort:** "+n)
	}
	if shown["west"] || shown["overview"] && shown["north"] && shown["east"] {
		t.Errorf("shown: %v", shown)
	}
	if !shown["north"] && !shown["east"] {
		t.Errorf("more is hidden than it takes: %v", shown)
	}
}

// The report of a site from the file of all sites is, byte for byte, the report from a
// file that holds that site alone: nothing of another site is in it, neither a figure
// nor what could be found by subtraction. Where a site is small, what others hide may
// depend on it; here none is.
func TestEachSiteHoldsItsOwnFiguresOnly(t *testing.T) {
	t.Chdir(t.TempDir())
	twoSites(t, "Harbor")
	for _, from := range []string{"all", "one"} {
		for _, ending := range []string{".html", ".csv"} {
			if _, errs, code := run(t, "report", "quarterly", from+"/cohort.yaml", "--quarter", "2026Q3", "--each", "site", "-o", from+"-r"+ending); code != 0 {
				t.Fatal(errs)
			}
		}
	}
	for _, ending := range []string{".html", ".csv"} {
		a, err := os.ReadFile("all-r-harbor" + ending)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile("one-r-harbor" + ending)
		if err != nil {
			t.Fatal(err)
		}
		a, b = digest.ReplaceAll(a, nil), digest.ReplaceAll(b, nil)
		if !bytes.Equal(a, b) {
			x, y := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
			for i := range min(len(x), len(y)) {
				if x[i] != y[i] {
					t.Errorf("%s, line %d:\n%s\n%s", ending, i+1, x[i], y[i])
				}
			}
			t.Errorf("%s: the report of a site depends on others", ending)
		}
		for _, other := range []string{"North", "Valley"} {
			if strings.Contains(string(a), other) {
				t.Errorf("%s names %s", ending, other)
			}
		}
	}
	overview, err := os.ReadFile("all-r-overview.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, site := range []string{"North", "Harbor", "Valley"} {
		if !strings.Contains(string(overview), site) {
			t.Errorf("the overview lacks %s", site)
		}
	}
	if _, err := os.Stat("all-r-valley.html"); err != nil {
		t.Error(err)
	}
}

func TestEachNeedsSites(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("c.yaml", "name: c\nresources:\n  - name: p\n    path: p.csv\n    schema: {fields: [{name: id, type: string, role: patient}]}\n")
	write("p.csv", "id\na\n")
	for _, args := range [][]string{{"--each", "site", "-o", "r.html"}, {"--each", "arm", "-o", "r.html"}, {"--each", "site", "--json"}, {"-o", "r.doc"}} {
		if _, errs, code := run(t, append([]string{"report", "quarterly", "c.yaml"}, args...)...); code != exitUsage || !strings.Contains(errs, "expected") && !strings.Contains(errs, "role site") {
			t.Errorf("%q: exit %d: %s", args, code, errs)
		}
	}
}

func TestSiteFiles(t *testing.T) {
	var sites []reports.Site
	for _, name := range []string{"North", "north!", "../../etc", "שלום", "Overview", strings.Repeat("x", 90)} {
		sites = append(sites, reports.Site{Name: name})
	}
	want := "out/r-north.html out/r-north-2.html out/r-etc.html out/r-site-4.html out/r-overview-2.html out/r-site-6.html out/r-overview.html"
	if got := strings.Join(siteFiles("out/r.html", sites), " "); got != want {
		t.Errorf("files %s, want %s", got, want)
	}
}

// Two reports as numbers, compared number by number.
func TestReportDiff(t *testing.T) {
	t.Chdir(t.TempDir())
	number := func(row string, value float64, text, hidden string) render.Number {
		n := render.Number{Section: "s", Block: "b", Row: row, Column: "c", Text: text, Hidden: hidden}
		if hidden == "" {
			n.Value = &value
		}
		return n
	}
	write := func(name string, d render.Document) {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.json", render.Document{Schema: render.DocumentSchema, Title: "T", Period: "2026Q2", Numbers: []render.Number{
		number("same", 1, "1", ""), number("changed", 0.1, "10%", ""), number("gone", 3, "3", ""), number("was hidden", 0, "hidden", "protected"), number("shown", 5, "5", ""), number("still hidden", 0, "hidden", "protected"),
	}})
	write("b.json", render.Document{Schema: render.DocumentSchema, Title: "T", Period: "2026Q3", Numbers: []render.Number{
		number("new", 12, "12", ""), number("same", 1, "1", ""), number("changed", 0.3, "30%", ""), number("was hidden", 4, "4", ""), number("shown", 0, "hidden", "protected"), number("still hidden", 0, "hidden", "protected"),
	}})
	out, errs, code := run(t, "report", "diff", "a.json", "b.json", "--json")
	if code != 0 {
		t.Fatal(errs)
	}
	var got struct {
		Same    int
		Changes []render.Change
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range got.Changes {
		line := c.What + ": " + c.Row + ": " + c.Before + " to " + c.After
		if c.Difference != nil {
			line += " by " + number2(*c.Difference)
		}
		lines = append(lines, line)
	}
	want := "added: new:  to 12\nchanged: changed: 10% to 30% by 0.2\nhidden then: was hidden: hidden to 4\nhidden now: shown: 5 to hidden\ngone: gone: 3 to "
	if s := strings.Join(lines, "\n"); s != want || got.Same != 2 {
		t.Errorf("%d the same, changes\n%s\nwant\n%s", got.Same, s, want)
	}
	if out, _, code := run(t, "report", "diff", "a.json", "b.json"); code != 0 || !strings.Contains(out, "2026Q3, against 2026Q2") || !strings.Contains(out, "2 numbers are the same; 5 are listed.") {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, _, _ := run(t, "report", "diff", "a.json", "a.json"); !strings.Contains(out, "6 numbers are the same; 0 are listed.") {
		t.Error(out)
	}
	if err := os.WriteFile("c.json", []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := run(t, "report", "diff", "a.json", "c.json"); code != exitInvalid || !strings.Contains(errs, "c.json") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, _, code := run(t, "report", "diff", "a.json", "none.json"); code != exitFailed {
		t.Errorf("a file that is not there: exit %d", code)
	}
}

func number2(v float64) string {
	b, _ := json.Marshal(v) // a number
	return string(b)
}
