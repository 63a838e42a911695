package render

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"recoup/datasets/synthetic"
	"recoup/reports"
)

// axeVersion is the version of axe-core that make deps fetches.
const axeVersion = "4.10.3"

// axePath is where make deps puts axe-core; "" where it is not.
func axePath() string {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return ""
	}
	path := filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "recoup-tools", "axe-core-"+axeVersion, "axe.min.js")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// violation is a rule of axe-core that a page breaks.
type violation struct {
	Rule   string   `json:"rule"`
	Impact string   `json:"impact"`
	Nodes  []string `json:"nodes"`
}

// runAxe asks axe-core of a page by all its rules.
const runAxe = `<script src="file://%s"></script><script>
addEventListener("load", () => axe.run(document, {resultTypes: ["violations"]}).then(r => document.documentElement.setAttribute("data-axe", JSON.stringify({
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
  passes: r.passes.length,
  violations: r.violations.map(v => ({rule: v.id, impact: v.impact, nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 160))}))}))))
</script>`

var axeAnswer = regexp.MustCompile(`data-axe="([^"]*)"`)

// audited are the violations of a page, by light or in the dark.
func audited(t *testing.T, page string, dark bool) []violation {
	t.Helper()
	axe := axePath()
	if axe == "" {
		t.Skip("SKIPPED: axe-core is not installed; make deps fetches it")
	}
	page = policyTag.ReplaceAllString(page, "")
	page = strings.Replace(page, "</body>", fmt.Sprintf(runAxe, axe)+"</body>", 1)
	scheme := "--blink-settings=preferredColorScheme=1"
	if dark {
		scheme = "--blink-settings=preferredColorScheme=0"
	}
	dom, said, _ := inBrowser(t, page, 1280, "--virtual-time-budget=60000", "--allow-file-access-from-files", scheme)
	m := axeAnswer.FindStringSubmatch(dom)
	if m == nil {
		t.Fatalf("axe-core gave no answer; the browser said:\n%s", said)
	}
	var answer struct {
		Dark       bool        `json:"dark"`
		Passes     int         `json:"passes"`
		Violations []violation `json:"violations"`
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Dark != dark || answer.Passes < 10 {
		t.Fatalf("dark is %v, want %v; %d rules pass", answer.Dark, dark, answer.Passes)
	}
	return answer.Violations
}

// quarterlyOf is the quarterly report of a synthetic cohort.
func quarterlyOf(t *testing.T, lang string) reports.Report {
	t.Helper()
	o := synthetic.Default
	o.Patients = 400
	files, err := synthetic.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := files.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := reports.Quarterly(t.Context(), c, reports.QuarterlyOptions{Quarter: "2026Q3", Lang: lang})
	if err != nil {
		t.Fatal(err)
	}
	return reports.Speak(r)
}

// No page breaks a rule of axe-core, by light or in the dark, with hostile labels or of a
// cohort; a page made to be bad does.
func TestAccessibleByAxe(t *testing.T) {
	t.Parallel()
	quarterly := pageOf(t, quarterlyOf(t, ""))
	for _, c := range []struct {
		name, page string
		dark       bool
	}{{"quarterly", quarterly, false}, {"quarterly", quarterly, true}, {"hostile", pageOf(t, hostile()), true}} {
		for _, v := range audited(t, c.page, c.dark) {
			t.Errorf("%s, dark %v: %s (%s): %q", c.name, c.dark, v.Rule, v.Impact, v.Nodes)
		}
	}
	bad := `<!DOCTYPE html><html lang="en"><head><title>x</title></head><body><main><h1>x</h1><img src="data:,"><p style="color:#bbb;background:#fff">faint</p></main></body></html>`
	rules := ""
	for _, v := range audited(t, bad, false) {
		rules += v.Rule + " "
	}
	if !strings.Contains(rules, "image-alt") || !strings.Contains(rules, "color-contrast") {
		t.Errorf("of a bad page it says only %q", rules)
	}
}
