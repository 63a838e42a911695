package reports

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/goccy/go-yaml"
)

//go:generate go test -run TestTextsAreListed -update

var update = flag.Bool("update", false, "write texts/en.yaml")

// covered are the files whose texts a report in another language must have. Pictures of
// analyses are not among them: they are for who runs the analysis, and in its words.
var covered = []string{"*.go", "render/*.go", "disclosure/statement.go", "disclosure/figures.go"}

var apart = regexp.MustCompile(`_test\.go$|^picture|^language\.go$|^formula\.go$|render/(brand|pdf|data|diff|sketch)\.go$|^render/formats\.go$`)

// asking are the functions whose first texts are translated where they are called.
var asking = map[string]int{"Text": 1, "text": 1, "Words": 1, "words": 1, "say": 1, "Say": 1, "Count": 2, "count": 2, "argument": 1}

// unread are calls whose texts no reader sees.
var unread = regexp.MustCompile(`^(fmt\.(Errorf|Sscanf|Fprintf)|errors\.New|strings\.\w+|regexp\.\w+|usagef|slices\.\w+|NewReplacer|MustCompile|Select|FieldByName|ask|improved|tableIn|find|at|template\.\w+|analysis\.NewEstimate|benchmark|published\.Find|style|run|field|Named|PartOf|OutOf|Errorf)$`)

// extract returns the texts of the code by file, and what is put together by hand.
func extract(t *testing.T) (byFile map[string][]string, patched []string) {
	t.Helper()
	byFile = map[string][]string{}
	for _, glob := range covered {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if apart.MatchString(file) {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var e extractor
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, file, source, 0)
			if err != nil {
				t.Fatal(err)
			}
			e.set = set
			ast.Walk(&e, f)
			if len(e.texts) > 0 {
				byFile[file] = e.texts
			}
			patched = append(patched, e.patched...)
		}
	}
	byFile["(terms of other packages)"] = vocabulary
	byFile["(terms of analyses)"] = analysisTerms
	byFile["(phrases of analyses)"] = phrases
	byFile["(labels of cohorts)"] = knownLabels
	return byFile, patched
}

// unshown are texts that no reader of a report sees: names of counts, of styles and
// settings, columns of tables of analyses, parts of terms, reasons of exclusion that are only
// counted, commands, citations, and what report sections lists.
var unshown = regexp.MustCompile(`^(}@media|patients of |on opioids at entry/|dose known/|left out/|Heading\d|Subtitle$|Caption$|Sheet1$|Location$|005EB8|XmR$|EUR$|GBP$|found$|lead$|nobody is left|recoup (analyze|instrument) show|rows of patients without|SD $|Liberation|the five goals of the field,|from referral to follow-up,|entry, now, change|daily dose at entry and|work status and time to|control charts by quarter and|cost of the program and|completeness, what was| is best$| \(complement of|Holm 1979|(arm|reference|difference|variance ratio) (raw|adjusted)$|(difference|gray|cumulative_incidence) of $|(share|days) in $)|\b10\.\d{4,}/\S*[^.\s]$`)

type extractor struct {
	set     *token.FileSet
	texts   []string
	patched []string
}

func (e *extractor) add(s string) {
	if unshown.MatchString(s) {
		return
	}
	if !slices.Contains(e.texts, s) {
		e.texts = append(e.texts, s)
	}
}

// text is the literal of an expression.
func text(n ast.Expr) (string, bool) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if n.Kind == token.STRING {
			s, err := strconv.Unquote(n.Value)
			return s, err == nil
		}
	case *ast.BinaryExpr: // two literals, of which one stands on the next line
		a, one := text(n.X)
		b, two := text(n.Y)
		return a + b, n.Op == token.ADD && one && two
	}
	return "", false
}

// natural tells whether a text is for readers: of words, or of one with a capital.
func natural(s string) bool {
	letters := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, bad := range []string{"http", "%s", "%d", "%g", "<w", "font", "\n", "=\"", "/>", "stroke"} {
		if strings.Contains(s, bad) {
			return false
		}
	}
	words := 0
	for _, l := range letters {
		if len(l) > 1 {
			words++
		}
	}
	spaced := strings.Contains(strings.TrimSpace(s), " ")
	return spaced && words > 1 || spaced && words == 1 && (unicode.IsUpper([]rune(s)[0]) || strings.HasPrefix(s, "a ")) || words == 1 && len(letters[0]) > 1 && unicode.IsUpper([]rune(letters[0])[0]) && !strings.ContainsAny(s, ".:/_-")
}

func calledName(n *ast.CallExpr) string {
	switch f := n.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && unread.MatchString(x.Name+"."+f.Sel.Name) {
			return x.Name + "." + f.Sel.Name
		}
		return f.Sel.Name
	}
	return ""
}

// Visit gathers texts, and what is put together by + or Sprintf.
func (e *extractor) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.ImportSpec:
		return nil
	case *ast.Field:
		if n.Tag != nil {
			return nil
		}
	case *ast.IndexExpr:
		ast.Walk(e, n.X)
		return nil
	case *ast.KeyValueExpr:
		if k, ok := n.Key.(*ast.Ident); ok && (k.Name == "ID" || k.Name == "Code" || k.Name == "Quantity") {
			return nil
		}
		ast.Walk(e, n.Value) // keys of maps are no texts
		return nil
	case *ast.BinaryExpr:
		if s, ok := text(n); ok {
			e.literal(s)
			return nil
		}
		if n.Op == token.EQL || n.Op == token.NEQ {
			return nil
		}
		for _, side := range []ast.Expr{n.X, n.Y} {
			if s, ok := text(side); ok && n.Op == token.ADD && natural(s) && !unshown.MatchString(s) {
				e.patched = append(e.patched, e.set.Position(n.Pos()).String()+": "+strconv.Quote(s))
			}
		}
	case *ast.CallExpr:
		name := calledName(n)
		if unread.MatchString(name) {
			for _, a := range n.Args { // calls within it may ask
				if _, ok := text(a); !ok {
					ast.Walk(e, a)
				}
			}
			return nil
		}
		if strings.HasSuffix(name, "Sprintf") || name == "fmt.Sprintf" {
			if s, ok := text(n.Args[0]); ok && regexp.MustCompile(`[A-Za-z]{3}`).MatchString(strings.NewReplacer("%s", "", "%d", "", "%g", "").Replace(s)) && strings.Contains(s, " ") && !strings.Contains(s, "<") {
				e.patched = append(e.patched, e.set.Position(n.Pos()).String()+": "+strconv.Quote(s))
			}
			return nil
		}
		if k, ok := asking[name]; ok {
			for _, a := range n.Args {
				if s, ok := text(a); ok && k > 0 && strings.ContainsFunc(s, unicode.IsLetter) {
					if k--; k == 0 { // of a count the form of many
						e.add(s)
					}
				} else {
					ast.Walk(e, a)
				}
			}
			return nil
		}
	case *ast.BasicLit:
		if s, ok := text(n); ok {
			e.literal(s)
		}
	}
	return e
}

func (e *extractor) literal(s string) {
	if natural(s) {
		e.add(s)
	}
}

// textList is texts/en.yaml: every text of the code, by file, for translators.
func textList(byFile map[string][]string) []byte {
	var b bytes.Buffer
	b.WriteString("# Every text of the reports, as it stands in the code, by file. Written by\n#   go generate ./reports\n# A language is one file beside this one, which gives each its own.\n")
	var files []string
	for f := range byFile {
		files = append(files, f)
	}
	slices.Sort(files)
	seen := map[string]bool{}
	for _, f := range files {
		var lines []string
		for _, s := range byFile[f] {
			if !seen[s] {
				seen[s] = true
				lines = append(lines, fmt.Sprintf("- %s\n", strconv.Quote(s)))
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(&b, "%s:\n%s", filepath.ToSlash(f), strings.Join(lines, ""))
		}
	}
	return b.Bytes()
}

// The list of texts is that of the code.
func TestTextsAreListed(t *testing.T) {
	byFile, patched := extract(t)
	want := textList(byFile)
	path := filepath.Join("texts", "en.yaml")
	if *update {
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("texts/en.yaml is not what the code says: go generate ./reports (%v)", err)
	}
	for _, p := range patched {
		t.Errorf("%s is part of a text put together by hand: no language can turn it around; use Text", p)
	}
	var list map[string][]string
	if err := yaml.Unmarshal(want, &list); err != nil {
		t.Error(err)
	}
}

var placeholder = regexp.MustCompile(`\{\d\}`)

// holes are the arguments of a text, each once.
func holes(s string) []string {
	out := placeholder.FindAllString(s, -1)
	slices.Sort(out)
	return slices.Compact(out)
}

// Every language has every text, with the same arguments, and none that the code has not.
// The only thing left out of a count may be the number itself, where it is 1.
func TestLanguagesAreComplete(t *testing.T) {
	byFile, _ := extract(t)
	all := map[string]string{}
	for file, texts := range byFile {
		for _, s := range texts {
			all[s] = file
		}
	}
	if len(all) < 500 {
		t.Fatalf("%d texts were found", len(all))
	}
	for _, tag := range Languages() {
		if tag == "en" {
			continue
		}
		l := In(tag)
		for s, file := range all {
			got, ok := l.lookup(s)
			if !ok {
				t.Errorf("%s lacks %q of %s", tag, s, file)
				continue
			}
			if !slices.Equal(holes(got.Other), holes(s)) {
				t.Errorf("%s: %q has other arguments than %q", tag, got.Other, s)
			}
			if got.One != "" && !slices.Equal(holes(got.One), holes(s)) && !slices.Equal(append([]string{"{0}"}, holes(got.One)...), holes(s)) {
				t.Errorf("%s: %q has other arguments than %q", tag, got.One, s)
			}
		}
		for s := range l.texts {
			if _, ok := all[s]; !ok && !spokenByVariable(s) {
				t.Errorf("%s has %q, which no report says", tag, s)
			}
		}
	}
}

// spokenByVariable are short words that the code keeps where the list does not look, such
// as names of columns of one small word.
func spokenByVariable(s string) bool { return !strings.Contains(s, " ") || s == "3 sigma" }
