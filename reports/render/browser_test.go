package render

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"html"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// inBrowser opens a page in Chromium at a width and returns the document as it is then,
// what the browser said, and what it asked the network for, but for the browser's own
// services.
func inBrowser(t *testing.T, page string, width int, more ...string) (dom, said string, asked []string) {
	t.Helper()
	chromium := chromiumPath()
	if chromium == "" {
		t.Skip("SKIPPED: chromium is not installed; make deps installs it")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	writeTo(t, path, []byte(page))
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests := make(chan string, 100)
	go func() {
		defer close(requests)
		for {
			c, err := proxy.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(time.Second))
			line, _ := bufio.NewReader(c).ReadString('\n')
			if len(requests) < cap(requests) && !ownService.MatchString(line) {
				requests <- strings.TrimSpace(line)
			}
			_ = c.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	arguments := append(more, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-features=OptimizationHints,MediaRouter,Translate", "--enable-logging=stderr",
		"--proxy-server=http://"+proxy.Addr().String(), "--proxy-bypass-list=<-loopback>",
		fmt.Sprintf("--window-size=%d,900", width), "--user-data-dir="+filepath.Join(dir, "profile"), "--dump-dom", "file://"+path)
	cmd := exec.CommandContext(ctx, chromium, arguments...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	_ = proxy.Close()
	for r := range requests {
		asked = append(asked, r)
	}
	if err != nil {
		t.Skipf("SKIPPED: chromium is installed and does not run here: %v", err)
	}
	return out.String(), errs.String(), asked
}

// ownService is what Chromium asks for by itself, whatever the page.
var ownService = regexp.MustCompile(`(google|googleapis|gstatic)\.com[:/]`)

// complaint is what a browser says of a page in its console.
var complaint = regexp.MustCompile(`(?m)^.*CONSOLE.*$`)

// A browser reads the page as it was meant: every figure and table is there, nothing is
// said in the console, and no connection is made.
func TestPageInBrowser(t *testing.T) {
	t.Parallel()
	page := pageOf(t, example())
	dom, said, asked := inBrowser(t, page, 1280)
	for _, tag := range []string{"<svg", "<table", "<figure", "<h2"} {
		if got, want := strings.Count(dom, tag), strings.Count(page, tag); got != want || want == 0 {
			t.Errorf("the browser sees %d of %d %s", got, want, tag)
		}
	}
	if strings.Contains(dom, "NaN") {
		t.Error("the page shows NaN")
	}
	if lines := complaint.FindAllString(said, -1); len(lines) > 0 {
		t.Errorf("the console says:\n%s", strings.Join(lines, "\n"))
	}
	if len(asked) > 0 {
		t.Errorf("the page asked for %q", asked)
	}
}

// The test above sees a console's complaint and a connection where there is one.
func TestBrowserIsWatched(t *testing.T) {
	t.Parallel()
	_, said, asked := inBrowser(t, `<!DOCTYPE html><html><body><img src="http://192.0.2.1/x.png"><script>console.error("bad")</script></body></html>`, 800)
	if !complaint.MatchString(said) || len(asked) == 0 {
		t.Errorf("it asked for %q, and the browser said:\n%s", asked, said)
	}
}

// policyTag is the page's own rule against scripts, taken out so that a test's may run.
var policyTag = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)

// measure writes how far each page, and which of its elements, reach beyond its frame.
// What scrolls in its own box does not count.
const measure = `<script>
addEventListener("load", () => {
  for (const f of document.querySelectorAll("iframe")) {
    const d = f.contentDocument, w = d.documentElement.clientWidth, out = [];
    for (const e of d.querySelectorAll("body *")) {
      if (e.closest("svg") && e.tagName !== "svg" || e.closest(".scroll, figure") && !e.matches(".scroll, figure") || e.closest(".visually-hidden, .skip")) continue;
      const r = e.getBoundingClientRect();
      if (r.right > w + 1 || r.left < -1) out.push(e.tagName + "." + e.className + " " + Math.round(r.left) + ".." + Math.round(r.right));
    }
    f.setAttribute("data-measured", d.documentElement.scrollWidth + " of " + w + ": " + out.slice(0, 5).join(", "));
    f.removeAttribute("srcdoc");
  }
});
</script>`

// Nothing is wider than a telephone, a tablet or a screen, with hostile labels either;
// a page with a word that does not break is.
func TestPageFitsItsWindow(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString("<!DOCTYPE html><html><head>" + measure + "</head><body>")
	pages := []string{pageOf(t, example()), pageOf(t, hostile()), pageOf(t, quarterlyOf(t, "de")), `<p style="white-space:nowrap">` + strings.Repeat("word ", 400) + "</p>"}
	for _, p := range pages {
		for _, width := range []int{360, 768, 1280} {
			fmt.Fprintf(&page, `<iframe style="width:%dpx;border:0" srcdoc="%s"></iframe>`, width, html.EscapeString(policyTag.ReplaceAllString(p, "")))
		}
	}
	page.WriteString("</body></html>")
	dom, _, _ := inBrowser(t, page.String(), 1400)
	all := regexp.MustCompile(`data-measured="(\d+) of (\d+): ([^"]*)"`).FindAllStringSubmatch(dom, -1)
	if len(all) != 12 {
		t.Fatalf("%d of 12 pages were measured", len(all))
	}
	for i, m := range all {
		wide := m[1] != m[2] || m[3] != ""
		if wide != (i >= 9) {
			t.Errorf("page %d: %s of %s wide: %s", i+1, m[1], m[2], m[3])
		}
	}
}
