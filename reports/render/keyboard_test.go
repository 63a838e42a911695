package render

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// focused describes what has the focus: its place in the document, what it is called, its
// ring, whether it is seen, and where.
const focused = `(() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const s = getComputedStyle(e), r = e.getBoundingClientRect();
  const label = e.getAttribute("aria-labelledby");
  return {
    index: [...document.querySelectorAll("*")].indexOf(e), tag: e.tagName, skip: e.classList.contains("skip"), id: e.id,
    name: (label ? document.getElementById(label).textContent : e.getAttribute("aria-label") || e.textContent).trim(),
    ring: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2, top: r.top + scrollY, left: r.left,
    seen: r.width > 0 && r.height > 0 && r.right > 0 && r.left < innerWidth && r.bottom > 0 && r.top < innerHeight,
    role: e.getAttribute("role") || "", href: e.getAttribute("href") || "",
  };
})()`

// The keyboard reaches everything in the order in which it is read: first the link past
// the contents, which works, then the contents, and each table that may have to scroll,
// and nothing else. What has the focus is seen, has a ring, and a name.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	x := openTab(t)
	for name, page := range map[string]string{"quarterly": pageOf(t, quarterlyOf(t, "")), "hostile": pageOf(t, hostile())} {
		x.show(page, 1280)
		before, top, left := -1.0, -1.0, 0.0
		n := 0
		for ; n < 200; n++ {
			x.press("Tab")
			f, ok := x.eval(focused).(map[string]any)
			if !ok {
				break
			}
			if n == 0 && f["skip"] != true {
				t.Errorf("%s: the first is %v", name, f)
			}
			if f["index"].(float64) <= before || n > 1 && f["top"].(float64) < top-1 && f["left"].(float64) <= left {
				t.Errorf("%s: the focus goes back to %v", name, f)
			}
			before = f["index"].(float64)
			if n > 0 {
				top, left = f["top"].(float64), f["left"].(float64)
			}
			if f["ring"] != true || f["seen"] != true || f["name"] == "" {
				t.Errorf("%s: not seen, without a ring or without a name: %v", name, f)
			}
			if !slices.Contains([]any{"A", "SUMMARY"}, f["tag"]) && f["role"] != "region" {
				t.Errorf("%s: neither a link nor a table: %v", name, f)
			}
		}
		if want := x.eval(`[...document.querySelectorAll("a, summary, [tabindex='0']")].filter(e => e.tagName === "SUMMARY" || !e.closest("details")).length`); float64(n) != want {
			t.Errorf("%s: %d of %v are reached", name, n, want)
		}
		// The first link leads past the contents.
		x.eval("document.activeElement.blur(), scrollTo(0, 0)")
		x.show(page, 1280)
		x.press("Tab")
		x.press("Enter")
		if at := x.eval("document.activeElement.id"); at != "main" {
			t.Errorf("%s: the link past the contents leads to %v", name, at)
		}
		x.press("Tab")
		if inside := x.eval(`document.querySelector("main").contains(document.activeElement) || document.querySelector("footer").contains(document.activeElement)`); inside != true {
			t.Errorf("%s: after the link past the contents the focus is outside the report", name)
		}
	}
}

// The numbers of a figure open by the keyboard, and are a table then.
func TestNumbersOpen(t *testing.T) {
	t.Parallel()
	x := openTab(t)
	x.show(pageOf(t, example()), 1280)
	tables := func() (n int) {
		for _, s := range x.spoken() {
			if s.Role == "table" {
				n++
			}
		}
		return n
	}
	closed := tables()
	x.eval(`document.querySelector("summary").focus()`)
	x.press("Enter")
	if got := tables(); got <= closed {
		t.Errorf("%d tables, %d once the numbers of a figure are open", closed, got)
	}
	if figures, shut := x.eval(`document.querySelectorAll("figure").length`), x.eval(`document.querySelectorAll("figure + details").length`); figures != shut {
		t.Errorf("of %v figures %v have their numbers", figures, shut)
	}
}

// A scrolled table moves by the arrow keys, and every target is 24 pixels high and wide.
func TestTablesScrollAndTargetsAreLarge(t *testing.T) {
	t.Parallel()
	x := openTab(t)
	x.show(pageOf(t, quarterlyOf(t, "")), 360)
	for _, small := range x.list(`[...document.querySelectorAll("a, [tabindex='0'], summary")].filter(e => !e.classList.contains("skip")).filter(e => { const r = e.getBoundingClientRect(); return r.width < 24 || r.height < 24; }).map(e => e.outerHTML.slice(0, 120))`) {
		t.Errorf("under 24 pixels: %s", small)
	}
	if x.eval(`(() => { const e = [...document.querySelectorAll(".scroll")].find(e => e.scrollWidth > e.clientWidth); if (!e) return false; window.wide = e; e.focus(); return true; })()`) != true {
		t.Fatal("no table is wider than a telephone, so nothing is tested")
	}
	x.press("ArrowRight")
	if x.eval(`new Promise(done => { let n = 0; const look = () => wide.scrollLeft > 0 || n++ > 100 ? done(wide.scrollLeft > 0) : setTimeout(look, 20); look(); })`) != true {
		t.Error("the arrow keys do not move a table")
	}
	// A caption stays in sight while its table moves.
	if x.eval(`(() => { wide.scrollLeft = 1e6; const r = wide.querySelector("caption span").getBoundingClientRect(); return r.left >= 0 && r.right <= innerWidth; })()`) != true {
		t.Error("the caption of a wide table leaves the window")
	}
}

// A screen reader is told of landmarks, of headings without a jump, of tables with their
// captions and the heads of columns and rows, and of each figure as one picture with name
// and description.
func TestScreenReader(t *testing.T) {
	t.Parallel()
	x := openTab(t)
	report := quarterlyOf(t, "")
	page := pageOf(t, report)
	x.show(page, 1280)
	count := map[string]int{}
	level := 0.0
	for _, n := range x.spoken() {
		count[n.Role]++
		switch n.Role {
		case "heading":
			l, _ := n.Properties["level"].(float64)
			if l > level+1 || n.Name == "" {
				t.Errorf("heading %q of level %v after one of level %v", n.Name, l, level)
			}
			level = l
		case "image":
			if n.Name == "" || n.Description == "" && !strings.Contains(page, `class="logo"`) {
				t.Errorf("a picture is called %q and described as %q", n.Name, n.Description)
			}
		case "table", "region", "navigation", "link":
			if n.Name == "" {
				t.Errorf("a %s without a name", n.Role)
			}
		case "columnheader":
			if n.Name == "" {
				t.Error("the head of a column says nothing")
			}
		}
		if strings.Contains(n.Within, "/image") && (n.Role != "generic" || n.Name != "") {
			t.Errorf("inside a picture: %s %q", n.Role, n.Name)
		}
	}
	of := func(what string) int { // but for the numbers of figures, which are closed
		n, _ := x.eval(`[...document.querySelectorAll('` + what + `')].filter(e => !e.closest("details")).length`).(float64)
		return int(n)
	}
	tables, figures := of("table"), of("figure")
	for role, want := range map[string]int{"main": 1, "navigation": 1, "contentinfo": 1, "banner": 1, "table": tables, "caption": tables, "image": figures, "figure": figures, "columnheader": of("[scope=col]"), "rowheader": of("[scope=row], [scope=rowgroup]")} {
		if count[role] != want || want == 0 {
			t.Errorf("%d of %d %s", count[role], want, role)
		}
	}
	// On a telephone each figure is one picture too.
	x.resize(360)
	pictures := 0
	for _, n := range x.spoken() {
		if n.Role == "image" {
			pictures++
		}
	}
	if pictures != figures {
		t.Errorf("on a telephone %d of %d pictures", pictures, figures)
	}
}

// cut lists what is wider than the window, and texts that their box cuts off.
const cut = `(() => {
  const w = document.documentElement.clientWidth, out = [];
  if (document.documentElement.scrollWidth > w) out.push("page " + document.documentElement.scrollWidth + " of " + w);
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest("svg") && e.tagName !== "svg" || e.closest(".visually-hidden, .skip")) continue;
    const r = e.getBoundingClientRect();
    if (!e.closest(".scroll") && (r.right > w + 1 || r.left < -1) && r.width > 0) out.push(e.tagName + "." + e.className.baseVal + e.className + " " + Math.round(r.left) + ".." + Math.round(r.right));
    const s = getComputedStyle(e);
    if (s.overflowY === "hidden" && e.scrollHeight > e.clientHeight + 1) out.push("cut " + e.outerHTML.slice(0, 80));
  }
  return out.slice(0, 5);
})()`

// The page is read at 400 % (a window 320 wide), at 200 %, and with wide spacing of text,
// without scrolling in two directions or losing text (WCAG 1.4.10, 1.4.4 and 1.4.12); texts
// of figures are 9 pixels high or more.
func TestReflow(t *testing.T) {
	t.Parallel()
	x := openTab(t)
	for name, page := range map[string]string{"quarterly": pageOf(t, quarterlyOf(t, "")), "German": pageOf(t, quarterlyOf(t, "de")), "hostile": pageOf(t, hostile()), "every figure": pageOf(t, example())} {
		x.show(page, 320)
		for _, width := range []int{320, 360, 640, 768, 1280} {
			x.resize(width)
			for _, spacing := range []string{"", "*{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}p{margin-bottom:2em!important}"} {
				x.eval(fmt.Sprintf(`(() => { let s = document.getElementById("spacing"); if (!s) { s = document.createElement("style"); s.id = "spacing"; document.head.append(s); } s.textContent = %q; })()`, spacing))
				for _, what := range x.list(cut) {
					t.Errorf("%s, %d wide, spaced %v: %s", name, width, spacing != "", what)
				}
			}
			least, _ := x.eval(`Math.min(...[...document.querySelectorAll("svg text")].filter(e => e.getBoundingClientRect().width > 0).map(e => parseFloat(getComputedStyle(e).fontSize) * Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b)))`).(float64)
			if least < 9 {
				t.Errorf("%s, %d wide: a text of a figure is %.1f pixels high", name, width, least)
			}
		}
	}
}

// In colors that the reader's system forces, figures keep theirs, marks keep a border, and
// the focus a ring; nothing moves where the reader asked for less motion, nor elsewhere.
func TestForcedColorsAndMotion(t *testing.T) {
	t.Parallel()
	x := openTab(t)
	x.show(pageOf(t, quarterlyOf(t, "")), 1280)
	colors := `[...document.querySelectorAll(".wide svg text, .wide svg path")].map(e => getComputedStyle(e).fill + getComputedStyle(e).stroke)`
	plain := x.list(colors)
	for _, forced := range []string{"active", "none"} {
		x.media("forced-colors", forced, "prefers-color-scheme", "dark", "prefers-reduced-motion", "reduce")
		if active := x.eval(`matchMedia("(forced-colors: active)").matches`); active != (forced == "active") {
			t.Fatalf("forced colors %s: active %v", forced, active)
		}
		// Browsers differ in what they force in a drawing that does not say.
		if forcible := x.eval(`[...document.querySelectorAll("figure svg")].filter(e => getComputedStyle(e).forcedColorAdjust !== "none").length`); forcible != 0.0 {
			t.Errorf("%v figures may be recolored", forcible)
		}
		if got := x.list(colors); len(got) == 0 || !slices.Equal(got, plain) {
			t.Errorf("forced colors %s: the figures' colors change", forced)
		}
		if bare := x.list(`[...document.querySelectorAll(".tiles li, .notice, .status, thead th")].filter(e => { const s = getComputedStyle(e); return ["borderLeftStyle", "borderBottomStyle"].every(b => s[b] === "none"); }).map(e => e.outerHTML.slice(0, 80))`); len(bare) > 0 {
			t.Errorf("forced colors %s: without a border: %q", forced, bare)
		}
		x.press("Tab")
		if f, ok := x.eval(focused).(map[string]any); !ok || f["ring"] != true {
			t.Errorf("forced colors %s: no ring about %v", forced, f)
		}
	}
	if moving := x.list(`[...document.querySelectorAll("*")].filter(e => { const s = getComputedStyle(e); return s.animationName !== "none" || parseFloat(s.transitionDuration) > 0 || s.scrollBehavior === "smooth"; }).map(e => e.tagName)`); len(moving) > 0 {
		t.Errorf("these move: %q", moving)
	}
}
