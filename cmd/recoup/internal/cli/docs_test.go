package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The commands that the README shows are run, in order, in a folder with the files they
// name. Those of notebooks/ are run by a test there.
func TestDocumentedCommands(t *testing.T) {
	var lines []string
	for _, doc := range []string{"README.md"} {
		b, err := os.ReadFile(filepath.Join("../../../..", doc))
		if err != nil {
			t.Fatal(err)
		}
		fenced, found := false, 0
		for _, line := range strings.Split(string(b), "\n") {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
				continue
			}
			line, _, _ = strings.Cut(strings.TrimPrefix(line, "$ "), "   #")
			if fenced && strings.HasPrefix(line, "recoup ") {
				lines = append(lines, strings.TrimSpace(strings.Split(line, "  #")[0]))
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s shows no command", doc)
		}
	}
	t.Chdir(t.TempDir())
	if _, errs, code := run(t, "data", "synthesize", "--patients", "400", "--comparison", "-o", "made"); code != 0 {
		t.Fatal(errs)
	}
	files, err := os.ReadDir("made")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Rename(filepath.Join("made", f.Name()), f.Name()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(manifest); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		command, to, redirected := strings.Cut(line, " > ")
		if strings.Contains(command, "data init") {
			command = strings.Replace(command, "cohort.yaml", "drafted.yaml", 1)
		}
		out, errs, code := run(t, shellWords(command)[1:]...)
		if code != 0 {
			t.Errorf("%s: exit %d: %s", line, code, errs)
		}
		if redirected {
			if err := os.WriteFile(to, []byte(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
