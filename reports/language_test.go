package reports_test

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"recoup/datasets/synthetic"
	"recoup/reports"
	"recoup/reports/disclosure"
	"recoup/reports/render"
)

// Arguments stand where the language puts them, a count of 1 has its own form, and what
// a language lacks is English.
func TestTextsAreFilled(t *testing.T) {
	de, err := reports.LanguageOf("de")
	if err != nil {
		t.Fatal(err)
	}
	var en reports.Language
	for _, c := range []struct{ got, want string }{
		{en.Text("{1} before {0}", "a", "b"), "b before a"},
		{de.Text("Of {0} {1}, {2} were admitted.", 9, "zugewiesen", 7), "Von 9 Patienten (zugewiesen) wurden 7 aufgenommen."},
		{de.Text("no such text of {0}", 1.5), "no such text of 1,5"},
		{en.Text("of {0}", 1.5), "of 1.5"},
		{de.Text("of {0}", -1.5), "of −1,5"},
		{en.Text("open {, {x}, {7} and {0}", "a"), "open {, {x}, {7} and {0}"},
		{en.Text("{0}", "{0}"), "{0}"}, // an argument is no pattern
		{en.Count(1, "{0} site", "{0} sites"), "1 site"},
		{en.Count(0, "{0} site", "{0} sites"), "0 sites"},
		{de.Count(1, "{0} number or point is hidden.", "{0} numbers and points are hidden."), "Eine Zahl oder ein Punkt ist unterdrückt."},
		{de.Count(2, "{0} number or point is hidden.", "{0} numbers and points are hidden."), "2 Zahlen und Punkte sind unterdrückt."},
		{de.Quarter("2026Q3"), "3. Quartal 2026"},
		{en.Quarter("2026Q3"), "2026Q3"},
		{de.Quarter("all patients"), "all patients"},
		{de.Number(-1234567), "−1.234.567"},
		{de.Number(math.NaN()), "nicht bekannt"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if _, err := reports.LanguageOf("xx"); err == nil {
		t.Error("a language that there is not")
	}
}

// Numbers are written as the language does: worked by hand.
func TestNumbersByLanguage(t *testing.T) {
	hidden := reports.Count(3)
	hidden.Hidden = reports.Protected
	for _, c := range []struct {
		cell     reports.Cell
		en, want string
	}{
		{reports.Count(12345), "12,345", "12.345"},
		{reports.Number(-1234.5, 1, 50), "−1,234.5", "−1.234,5"},
		{reports.Share(29, 50).Within(0.44, 0.705), "58% (44% to 70%)", "58 % (44 % bis 70 %)"},
		{reports.Share(1, 1000), "<1%", "<1 %"},
		{reports.Estimate(-2700, -4050, 10, 0, 50).WithUnit("$", ""), "−$2,700 (−$4,050 to $10)", "−2.700 $ (−4.050 $ bis 10 $)"},
		{reports.Estimate(1.25, 0.5, 2, 2, 50).WithSign(), "+1.25 (0.50 to 2.00)", "+1,25 (0,50 bis 2,00)"},
		{reports.Mean(6.44, 1.96, 1, 50), "6.4 (2.0)", "6,4 (2,0)"},
		{reports.P(0.0004, 50), "<0.001", "<0,001"},
		{reports.CountShare(34, 58), "34 (59%)", "34 (59 %)"},
		{reports.NotAvailable("x"), "not available", "nicht verfügbar"},
		{hidden, "hidden", "unterdrückt"},
		{reports.Label("1.5 points"), "1.5 points", "1.5 points"},
	} {
		if got := render.Cell(c.cell); got != c.en {
			t.Errorf("English %q, want %q", got, c.en)
		}
		c.cell.Format.Lang = "de"
		if got := strings.ReplaceAll(render.Cell(c.cell), "\u00a0", " "); got != c.want {
			t.Errorf("German %q, want %q", got, c.want)
		}
	}
}

var reportsIn = map[string]map[string]reports.Report{}

// inLanguage are reports of cohorts that show most of what reports can say: with all
// tables, with arms, of few patients, of sites.
func inLanguage(t *testing.T, lang string) map[string]reports.Report {
	t.Helper()
	if reportsIn[lang] != nil {
		return reportsIn[lang]
	}
	out := map[string]reports.Report{}
	reportsIn[lang] = out
	for _, c := range []struct {
		name, quarter, policy string
		patients, quarters    int
		comparison, overview  bool
	}{
		{"large", "2026Q3", "cms-11", 900, 8, false, false},
		{"arms", "", "none", 300, 8, true, false},
		{"small", "2026Q3", "cms-11", 60, 6, false, false},
		{"nine", "", "none", 9, 1, false, false},
		{"sites", "2026Q3", "none", 900, 8, false, true},
	} {
		o := synthetic.Default
		o.Patients, o.Quarters, o.Comparison = c.patients, c.quarters, c.comparison
		files, err := synthetic.Make(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		co, err := files.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		make := reports.Quarterly
		if c.overview {
			make = reports.Overview
		}
		r, err := make(t.Context(), co, reports.QuarterlyOptions{Quarter: c.quarter, Lang: lang, Fewest: 11})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		p, err := disclosure.Named(c.policy)
		if err != nil {
			t.Fatal(err)
		}
		r, _ = disclosure.Apply(r, p)
		out[c.name] = reports.Speak(r)
	}
	return out
}

// pageText is what a page says to its readers in its own language.
func pageText(t *testing.T, r reports.Report) string {
	t.Helper()
	var b strings.Builder
	if err := render.HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(b.String(), "<body>")
	for _, tag := range []string{"span", "td", "th", "li"} {
		body = regexp.MustCompile(`(?s)<`+tag+`[^>]* lang="en"[^>]*>.*?</`+tag+`>`).ReplaceAllString(body, "")
	}
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, "\n"))
}

// A report in German says none of our English texts, outside of what is marked English.
func TestNoEnglishIsLeft(t *testing.T) {
	listed, err := os.ReadFile("texts/en.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var byFile map[string][]string
	if err := yaml.Unmarshal(listed, &byFile); err != nil {
		t.Fatal(err)
	}
	de := reports.In("de")
	var fragments []string
	for _, texts := range byFile {
		for _, s := range texts {
			for _, f := range regexp.MustCompile(`\{\d\}`).Split(s, -1) {
				if f = strings.Trim(f, " .,;:()"); len(strings.Fields(f)) >= 2 && !strings.Contains(de.Text(s), f) {
					fragments = append(fragments, f)
				}
			}
		}
	}
	if len(fragments) < 400 {
		t.Fatalf("only %d fragments of English are looked for", len(fragments))
	}
	files, err := synthetic.Make(t.Context(), synthetic.Default)
	if err != nil {
		t.Fatal(err)
	}
	labels := string(files.Cohort.Data) // the cohort's own, which stay as they are
	found := func(text string) []string {
		var out []string
		for _, f := range fragments {
			if strings.Contains(text, f) && !strings.Contains(labels, f) && regexp.MustCompile(`(^|[^\pL])`+regexp.QuoteMeta(f)+`([^\pL]|$)`).MatchString(text) {
				out = append(out, f)
			}
		}
		return out
	}
	for name, r := range inLanguage(t, "de") {
		if got := found(pageText(t, r)); len(got) > 0 {
			t.Errorf("%s: the German page says %q", name, got)
		}
	}
	if english := found(pageText(t, inLanguage(t, "")["large"])); len(english) < 60 {
		t.Errorf("in an English page only %d of the texts are found", len(english))
	}
}

// A German report holds the numbers of the English one, and its data formats write them
// as machines read them.
func TestSameNumbersInEveryLanguage(t *testing.T) {
	en, de := inLanguage(t, ""), inLanguage(t, "de")
	for name := range en {
		var a, b []render.Number
		for _, x := range []struct {
			r   reports.Report
			out *[]render.Number
		}{{en[name], &a}, {de[name], &b}} {
			var s strings.Builder
			if err := render.JSON(&s, x.r); err != nil {
				t.Fatal(err)
			}
			var d render.Document
			if err := json.Unmarshal([]byte(s.String()), &d); err != nil {
				t.Fatal(err)
			}
			*x.out = d.Numbers
		}
		if len(a) != len(b) || len(a) < 30 {
			t.Fatalf("%s: %d numbers in English, %d in German", name, len(a), len(b))
		}
		count := map[string]int{}
		for i := range a { // sentences may turn numbers around
			count[number(a[i])]++
			count[number(b[i])]--
		}
		for n, left := range count {
			if left != 0 {
				t.Errorf("%s: %s stands %d times more in English", name, n, left)
			}
		}
	}
}

func number(n render.Number) string {
	say := func(v *float64) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprint(*v)
	}
	return say(n.Value) + " " + say(n.Low) + " " + say(n.High) + " " + n.Text + " " + n.Hidden
}
