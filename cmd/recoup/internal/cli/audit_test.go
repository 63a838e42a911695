package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestAudit(t *testing.T) {
	t.Chdir(t.TempDir())
	plant(t, "unsafe.csv", "site,women,men,Total\nNorth,24,31,55\nSouth,40,*,44\nTotal,64,35,99\n")
	out, errs, code := run(t, "report", "audit", "unsafe.csv")
	if code != exitPrivacy || !strings.Contains(out, "unsafe.csv: not safe to give out\n  unsafe  South, men: hidden, but it is 4, from totals less the cells shown\n") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	// A mark that says 1 to 10, of 40 in all: 7.5 % lies from 7.45 to 7.55 %, 2.98 to 3.02.
	plant(t, "percent.csv", "answer,n,%\nyes,37,92.5\nno,<11,7.5\nTotal,40,100.0\n")
	if out, _, code := run(t, "report", "audit", "percent.csv", "--json"); code != exitPrivacy || !strings.Contains(out, `"low": 3`) {
		t.Errorf("exit %d: %s", code, out)
	} else if err := json.Unmarshal([]byte(out), &struct{ Schema string }{}); err != nil {
		t.Error(err)
	}
	plant(t, "safe.csv", "site,women,men,Total\nNorth,*,*,55\nSouth,*,*,44\nTotal,64,35,99\n")
	if out, _, code := run(t, "report", "audit", "safe.csv"); code != 0 || !strings.Contains(out, "nothing could be derived") {
		t.Errorf("exit %d: %s", code, out)
	}
	plant(t, "old.csv", "site,n\nNorth,80\n")
	plant(t, "new.csv", "site,n\nNorth,83\n")
	if out, _, code := run(t, "report", "audit", "new.csv", "--before", "old.csv"); code != exitPrivacy || !strings.Contains(out, "unsafe  North, n: 3: an earlier release less this one\n") {
		t.Errorf("exit %d: %s", code, out)
	}
	many := "name,n\n"
	for i := range 20 {
		many += fmt.Sprintf("row %d,%d\n", i, 1+i%10)
	}
	plant(t, "many.csv", many)
	if out, _, code := run(t, "report", "audit", "many.csv"); code != exitPrivacy || strings.Count(out, "\n") != 14 || !strings.Contains(out, "  and 8 more") || strings.Contains(out, "SMALL_COUNT") {
		t.Errorf("exit %d: %s", code, out)
	}
	plant(t, "page.html", "<p title='write to someone@example.org'>x</p>")
	if out, _, code := run(t, "report", "audit", "page.html"); code != exitPrivacy || strings.Contains(out, "someone") {
		t.Errorf("exit %d: %s", code, out)
	}
	if _, _, code := run(t, "report", "audit", "old.csv", "--k", "1"); code != exitUsage {
		t.Errorf("k of 1: exit %d", code)
	}
}

// A report under another rule than before is not written, unless somebody answers
// for it, which then stands in it; the register is as it was.
func TestReleases(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, errs, code := run(t, "data", "synthesize", "--patients", "120", "-o", "c"); code != 0 {
		t.Fatal(errs)
	}
	report := func(args ...string) (string, int) {
		_, errs, code := run(t, append([]string{"report", "quarterly", "c/cohort.yaml", "--releases", "releases.json"}, args...)...)
		return errs, code
	}
	if errs, code := report("-o", "first.md"); code != 0 {
		t.Fatal(errs)
	}
	before, err := os.ReadFile("releases.json")
	if err != nil {
		t.Fatal(err)
	}
	if errs, code := report("-o", "second.md", "--policy", "k-5"); code != exitPrivacy || !strings.Contains(errs, "another disclosure rule") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, err := os.Stat("second.md"); err == nil {
		t.Error("a refused report is written")
	}
	if _, code := report("-o", "second.md", "--policy", "k-5", "--override-by", "Dr. Who"); code != exitUsage {
		t.Errorf("an override without a reason: exit %d", code)
	}
	if now, _ := os.ReadFile("releases.json"); string(now) != string(before) {
		t.Error("a refused report is in the register")
	}
	if errs, code := report("-o", "second.md", "--policy", "k-5", "--override-by", "the data office", "--override-why", "asked by the board"); code != 0 {
		t.Fatal(errs)
	}
	text, err := os.ReadFile("second.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "the data office: asked by the board") {
		t.Error("the report does not say who let it out")
	}
	plant(t, "releases.json", "{}")
	if _, code := report("-o", "third.md"); code != exitInvalid {
		t.Errorf("a damaged register: exit %d", code)
	}
}
