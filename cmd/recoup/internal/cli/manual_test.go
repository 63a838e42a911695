package cli

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"recoup/analysis/catalog"
	"recoup/cmd/recoup/internal/selfcheck"
)

// Every schema that the code writes is in help json.
func TestSchemasAreListed(t *testing.T) {
	page, _, code := run(t, "help", "json")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	schema, found := regexp.MustCompile(`"(recoup\.[a-z-]+/v\d+)"`), 0
	err := filepath.WalkDir("../../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range schema.FindAllStringSubmatch(string(b), -1) {
			found++
			if !strings.Contains(page, m[1]+" ") {
				t.Errorf("%s writes %s, which help json does not list", path, m[1])
			}
		}
		return err
	})
	if err != nil || found < 30 {
		t.Errorf("%d schemas found, %v", found, err)
	}
}

// help definitions has every definition of every analysis, each with a source.
func TestDefinitionsAreListed(t *testing.T) {
	page, _, _ := run(t, "help", "definitions")
	for _, x := range catalog.All {
		for _, d := range x.Definitions {
			if d.Source == "" || !strings.Contains(page, "\n  "+d.Name+"\n") {
				t.Errorf("%s: %s is not listed with its source", x.Name, d.Name)
			}
		}
	}
}

// There is a page for each command and topic, and groff sets them all without a
// complaint.
func TestManual(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "manual")
	if out, errs, code := run(t, "man", dir); code != 0 || !strings.Contains(out, "pages") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	groff, missing := exec.LookPath("groff")
	for _, name := range []string{"recoup.1", "recoup-data-check.1", "recoup-exit-codes.7", "recoup-completion-zsh.1"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), ".SH NAME\nrecoup") || strings.HasSuffix(name, ".1") != strings.Contains(string(b), ".SH EXIT STATUS") {
			t.Errorf("%s lacks a part", name)
		}
	}
	if missing != nil {
		t.Skip("SKIPPED: groff is not installed, so the pages were written and not set")
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.[17]"))
	if err != nil || len(pages) < 60 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	out, err := exec.Command(groff, append([]string{"-man", "-Tutf8", "-Kutf8", "-ww", "-z"}, pages...)...).CombinedOutput()
	if text := strings.TrimSpace(string(out)); err != nil || text != "" {
		t.Errorf("groff: %v\n%.2000s", err, text)
	}
}

// Each shell gets a script, which those that are installed take, and the names of
// recoup's own things are offered.
func TestCompletion(t *testing.T) {
	for shell, check := range map[string][]string{"bash": {"-n"}, "zsh": {"-n"}, "fish": {"--no-execute"}, "powershell": nil} {
		out, errs, code := run(t, "completion", shell)
		if code != 0 || !strings.Contains(out, "__complete") || !strings.Contains(out, "recoup") {
			t.Errorf("%s: exit %d: %s", shell, code, errs)
		}
		path, err := exec.LookPath(shell)
		if check == nil || err != nil {
			t.Logf("%s is not installed, so its script was not tried", shell)
			continue
		}
		c := exec.Command(path, check...)
		c.Stdin = strings.NewReader(out)
		if said, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, said)
		}
	}
	for _, c := range [][]string{
		{"effect/ancova", "analyze", "show", "effect/a"},
		{"work/return", "analyze", "run", "cohort.yaml", "work/re"},
		{"phq9", "instrument", "show", "ph"},
		{"effect.pain", "evidence", "show", "effect"},
		{"interdisciplinary-4-week", "design", "show", ""},
	} {
		out, _, code := run(t, append([]string{"__complete"}, c[1:]...)...)
		if code != 0 || !strings.HasPrefix(out, c[0]) && !strings.Contains(out, "\n"+c[0]) {
			t.Errorf("%v offers %q, want %s in it", c[1:], out, c[0])
		}
	}
	if out, _, _ := run(t, "__complete", "analyze", "run", ""); !strings.HasPrefix(out, ":0\n") {
		t.Errorf("analyze run offers %q, want files", out)
	}
}

// A case that failed is told with what was expected, in every format, and the status
// is 1.
func TestSelfcheckFails(t *testing.T) {
	cases := []selfcheck.Case{
		{Area: "a", Requirement: "r", Test: "t", Source: "s", Expected: "1", Got: "1", Passed: true},
		{Area: "b", Requirement: "r", Test: "t", Source: "s", Expected: "2", Got: "3"},
	}
	for _, format := range []string{".txt", ".json", ".csv"} {
		var out bytes.Buffer
		a := &app{Streams: Streams{Out: &out, Err: io.Discard}}
		err := a.tellCases(t.Context(), "", format, cases)
		if code, kind := classify(err); code != exitFailed || kind != "failed" {
			t.Errorf("%s: exit %d %s: %v", format, code, kind, err)
		}
		if s := out.String(); !strings.Contains(s, "3") || !strings.Contains(s, "FAILED") && !strings.Contains(s, `"failed": 1`) {
			t.Errorf("%s: %s", format, s)
		}
	}
}
