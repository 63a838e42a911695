package render

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// tab is a page of a Chromium that is told what to do over the DevTools protocol, by
// two pipes.
type tab struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	session string
	calls   int
}

// answer is a message of the browser.
type answer struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// openTab starts a browser with an empty page.
func openTab(t *testing.T) *tab {
	t.Helper()
	chromium := chromiumPath()
	if chromium == "" {
		t.Skip("SKIPPED: chromium is not installed; make deps installs it")
	}
	theirs, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "recoup-chromium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) }) // its helpers may still write
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-default-apps", "--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{theirs, out} // 3 and 4
	if err := cmd.Start(); err != nil {
		cancel()
		t.Skipf("SKIPPED: chromium is installed and does not run here: %v", err)
	}
	_, _ = theirs.Close(), out.Close()
	x := &tab{t: t, to: to, from: bufio.NewReader(from)}
	t.Cleanup(func() {
		_, _ = fmt.Fprintf(to, `{"id":-1,"method":"Browser.close"}`+"\x00")
		_ = to.Close()
		_ = cmd.Wait()
		_ = from.Close()
		cancel()
	})
	var target struct {
		TargetID string `json:"targetId"`
	}
	x.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	x.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	x.session = attached.SessionID
	x.call("Page.enable", nil, nil)
	return x
}

// call asks the browser and waits for what it says.
func (x *tab) call(method string, params map[string]any, into any) {
	x.t.Helper()
	x.calls++
	message := map[string]any{"id": x.calls, "method": method}
	if params != nil {
		message["params"] = params
	}
	if x.session != "" {
		message["sessionId"] = x.session
	}
	b, err := json.Marshal(message)
	if err != nil {
		x.t.Fatal(err)
	}
	if _, err := x.to.Write(append(b, 0)); err != nil {
		x.t.Fatal(err)
	}
	x.until(func(a answer) bool {
		if a.ID != x.calls {
			return false
		}
		if a.Error != nil {
			x.t.Fatalf("%s: %s", method, a.Error.Message)
		}
		if into != nil {
			if err := json.Unmarshal(a.Result, into); err != nil {
				x.t.Fatal(err)
			}
		}
		return true
	})
}

// until reads messages until one is as wanted.
func (x *tab) until(wanted func(answer) bool) {
	x.t.Helper()
	for {
		b, err := x.from.ReadBytes(0)
		if err != nil {
			x.t.Fatalf("the browser is gone: %v", err)
		}
		var a answer
		if err := json.Unmarshal(b[:len(b)-1], &a); err != nil {
			x.t.Fatal(err)
		}
		if wanted(a) {
			return
		}
	}
}

// show opens a page of a file in a window of a width.
func (x *tab) show(page string, width int) {
	x.t.Helper()
	path := filepath.Join(x.t.TempDir(), "page.html")
	writeTo(x.t, path, []byte(page))
	x.resize(width)
	x.call("Page.navigate", map[string]any{"url": "file://" + path}, nil)
	for x.eval(`document.readyState === "complete" && location.protocol === "file:"`) != true {
		time.Sleep(5 * time.Millisecond)
	}
}

func (x *tab) resize(width int) {
	x.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// media sets what the reader's system asks of pages, such as forced colors.
func (x *tab) media(features ...string) {
	var list []map[string]string
	for i := 0; i < len(features); i += 2 {
		list = append(list, map[string]string{"name": features[i], "value": features[i+1]})
	}
	x.call("Emulation.setEmulatedMedia", map[string]any{"features": list}, nil)
}

// press presses and lets go of a key.
func (x *tab) press(key string) {
	code, text := map[string]int{"Tab": 9, "Enter": 13, "ArrowRight": 39}[key], map[string]string{"Enter": "\r"}[key]
	for _, kind := range []string{"keyDown", "keyUp"} {
		x.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}, nil)
	}
}

// eval is what an expression of JavaScript gives, as JSON does.
func (x *tab) eval(expression string) any {
	x.t.Helper()
	var out struct {
		Result struct {
			Value any `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	x.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &out)
	if out.Exception != nil {
		x.t.Fatalf("%s: %s %s", expression, out.Exception.Text, out.Exception.Exception.Description)
	}
	return out.Result.Value
}

// list is eval for an expression that gives a list of texts.
func (x *tab) list(expression string) []string {
	x.t.Helper()
	var out []string
	found, _ := x.eval(expression).([]any)
	for _, v := range found {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// node is what a screen reader is told of an element.
type node struct {
	Role, Name, Description string
	Properties              map[string]any
	Within                  string // the roles of what holds it
}

// spoken is the page's accessibility tree, in the order in which it is read, without what
// is passed over.
func (x *tab) spoken() []node {
	x.t.Helper()
	type value struct {
		Value any `json:"value"`
	}
	var tree struct {
		Nodes []struct {
			ID          string   `json:"nodeId"`
			Parent      string   `json:"parentId"`
			Children    []string `json:"childIds"`
			Ignored     bool     `json:"ignored"`
			Role        value    `json:"role"`
			Name        value    `json:"name"`
			Description value    `json:"description"`
			Properties  []struct {
				Name  string `json:"name"`
				Value value  `json:"value"`
			} `json:"properties"`
		} `json:"nodes"`
	}
	x.call("Accessibility.getFullAXTree", nil, &tree)
	at := map[string]int{}
	for i, n := range tree.Nodes {
		at[n.ID] = i
	}
	text := func(v value) string {
		if v.Value == nil {
			return ""
		}
		return fmt.Sprint(v.Value)
	}
	var out []node
	var read func(id, parent string)
	read = func(id, parent string) {
		n := tree.Nodes[at[id]]
		if role := text(n.Role); !n.Ignored {
			made := node{role, text(n.Name), text(n.Description), map[string]any{}, parent}
			for _, p := range n.Properties {
				made.Properties[p.Name] = p.Value.Value
			}
			out, parent = append(out, made), parent+"/"+role
		}
		for _, c := range n.Children {
			read(c, parent)
		}
	}
	if len(tree.Nodes) > 0 {
		read(tree.Nodes[0].ID, "")
	}
	return out
}
