package render

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A browser reads the page as it was meant: every figure and table is there, and
// nothing is wider than the page.
func TestPageInBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: chromium is not installed; make deps installs it")
	}
	var page bytes.Buffer
	r := example()
	if err := HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir="+filepath.Join(dir, "profile"), "--dump-dom", "file://"+path)
	dom, err := cmd.Output()
	if err != nil {
		t.Skipf("SKIPPED: chromium is installed and does not run here: %v", err)
	}
	for _, tag := range []string{"<svg", "<table", "<figure", "<h2"} {
		if got, want := strings.Count(string(dom), tag), strings.Count(page.String(), tag); got != want || want == 0 {
			t.Errorf("the browser sees %d of %d %s", got, want, tag)
		}
	}
	if strings.Contains(string(dom), "NaN") {
		t.Error("the page shows NaN")
	}
}
