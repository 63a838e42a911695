package reports

import (
	"embed"
	"fmt"
	"io/fs"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"

	"recoup/datasets/opioid"
)

// Language writes the words and numbers of a report. The zero value is English, in
// which every text stands in the code; other languages are one file each in texts/,
// which gives for each English text its own. A text that a language lacks stays
// English.
//
// Arguments stand in a text by position, {0} first, so that a language can turn them
// around. Of a cohort's labels those are translated that it gives in the language itself,
// and usual ones (see knownLabels). What an analysis warns of stays English.
type Language struct {
	tag   string
	texts map[string]translated
	marks marks
}

// translated is one text in a language. One is for a count of 1, where it is said
// otherwise; English has its own in Language.Count.
type translated struct{ One, Other string }

// UnmarshalYAML reads a text, or the two of a count.
func (t *translated) UnmarshalYAML(b []byte) error {
	var both struct{ One, Other string }
	if yaml.Unmarshal(b, &both) == nil && both.Other != "" {
		*t = both
		return nil
	}
	return yaml.Unmarshal(b, &t.Other)
}

// marks are how a language writes numbers.
type marks struct {
	Decimal   string `yaml:"decimal"`   // between whole and fraction
	Thousands string `yaml:"thousands"` // between groups of three digits
	Percent   string `yaml:"percent"`   // after a share, with its space
	To        string `yaml:"to"`        // between the bounds of an interval
	Money     string `yaml:"money"`     // before a currency that stands after its amount; empty where it stands before
	Quarter   string `yaml:"quarter"`   // a quarter: {0} its number, {1} its year
	Nouns     string `yaml:"nouns"`     // capital: names are not written small within a sentence
}

var english = marks{Decimal: ".", Thousands: ",", Percent: "%", To: " to ", Quarter: "{1}Q{0}"}

//go:embed texts/*.yaml
var textFiles embed.FS

// languages are those of texts/, read once.
var languages = sync.OnceValues(func() (map[string]Language, error) {
	names, err := fs.Glob(textFiles, "texts/*.yaml")
	if err != nil {
		return nil, err
	}
	out := map[string]Language{"en": {}}
	for _, name := range names {
		tag := languageOfFile(name)
		if tag == "en" {
			continue // a list of what there is to translate, for translators
		}
		b, err := textFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var file struct {
			Numbers marks                 `yaml:"numbers"`
			Texts   map[string]translated `yaml:"texts"`
		}
		if err := yaml.UnmarshalWithOptions(b, &file, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[tag] = Language{tag: tag, texts: file.Texts, marks: file.Numbers}
	}
	return out, nil
})

// LanguageOf returns the language of a BCP 47 tag, such as de; "" is English.
func LanguageOf(tag string) (Language, error) {
	if tag == "" || tag == "en" {
		return Language{}, nil
	}
	all, err := languages()
	if err != nil {
		return Language{}, err
	}
	l, ok := all[tag]
	if !ok {
		return Language{}, fmt.Errorf("no texts in the language %q: expected one of %s", tag, strings.Join(Languages(), ", "))
	}
	return l, nil
}

// In is LanguageOf for a tag that a report carries: English where it is not known.
func In(tag string) Language {
	if tag == "" || tag == "en" {
		return Language{}
	}
	l, _ := LanguageOf(tag)
	return l
}

// Languages lists the tags of the languages that there are, without reading their texts.
func Languages() []string {
	names, err := fs.Glob(textFiles, "texts/*.yaml") // en among them
	if err != nil {
		return []string{"en"}
	}
	for i, name := range names {
		names[i] = languageOfFile(name)
	}
	slices.Sort(names)
	return names
}

// languageOfFile is the tag that a file of texts is named by.
func languageOfFile(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, "texts/"), ".yaml")
}

// Tag returns the language's BCP 47 tag.
func (l Language) Tag() string {
	if l.tag == "" {
		return "en"
	}
	return l.tag
}

// English tells whether texts stay as they stand in the code.
func (l Language) English() bool { return l.tag == "" }

// lookup returns the pattern of a text and whether the language has it.
func (l Language) lookup(english string) (translated, bool) {
	t, ok := l.texts[english]
	return t, ok
}

// pattern is a text in the language with its arguments open.
func (l Language) pattern(english string) string {
	if t, ok := l.lookup(english); ok {
		return t.Other
	}
	return english
}

// Text returns an English text in the language, its arguments filled in: texts as they
// are, numbers as the language writes them.
func (l Language) Text(english string, arguments ...any) string {
	return l.fill(l.pattern(english), arguments)
}

// Count is Text for a number of things, which is the first argument.
func (l Language) Count(n int, one, many string, arguments ...any) string {
	arguments = append([]any{n}, arguments...)
	t, ok := l.lookup(many)
	switch {
	case ok && n == 1 && t.One != "":
		return l.fill(t.One, arguments)
	case ok:
		return l.fill(t.Other, arguments)
	case n == 1:
		return l.fill(one, arguments)
	}
	return l.fill(many, arguments)
}

func (l Language) fill(pattern string, arguments []any) string {
	var b strings.Builder
	for _, s := range l.spans(pattern, arguments) {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Words is Text for running text: arguments may be cells, which stay numbers.
func (l Language) Words(english string, arguments ...any) Words {
	return l.spans(l.pattern(english), arguments)
}

// spans fills a pattern; a cell begins a span of its own.
func (l Language) spans(pattern string, arguments []any) Words {
	var out Words
	add := func(text string) {
		if n := len(out); n > 0 && out[n-1].Cell.Format.Kind == Blank && out[n-1].Lang == "" {
			out[n-1].Text += text
		} else if text != "" {
			out = append(out, Span{Text: text})
		}
	}
	for len(pattern) > 0 {
		open := strings.IndexByte(pattern, '{')
		end := open + 2
		if open < 0 || end >= len(pattern) || pattern[end] != '}' || int(pattern[open+1]-'0') >= len(arguments) {
			add(pattern)
			break
		}
		add(pattern[:open])
		switch a := arguments[pattern[open+1]-'0'].(type) {
		case Cell:
			out = append(out, Span{Cell: a})
		case Words:
			out = append(out, a...)
		case string:
			add(a)
		case int:
			add(strconv.Itoa(a))
		case float64:
			add(l.Digits(strings.Replace(strconv.FormatFloat(a, 'g', -1, 64), "-", "−", 1)))
		default:
			add(fmt.Sprint(a))
		}
		pattern = pattern[end+1:]
	}
	if out == nil {
		out = Say("")
	}
	return out
}

// argument returns what stands for {0} in a text that Text made of a pattern with that
// argument alone.
func (l Language) argument(english, text string) (string, bool) {
	before, after, ok := strings.Cut(l.pattern(english), "{0}")
	if !ok || !strings.HasPrefix(text, before) || !strings.HasSuffix(text, after) || len(text) < len(before)+len(after) {
		return "", false
	}
	return text[len(before) : len(text)-len(after)], true
}

// written are the language's marks.
func (l Language) written() marks {
	if l.marks.Decimal == "" {
		return english
	}
	return l.marks
}

// phrases are what analyses say in a form that languages know, with what stands in it.
var phrases = []string{
	"improved by at least {0} % of baseline", "improved by at least {0} points",
	"delta {0} in {1}, {2} in {3}", "delta {0} in {1}", "level: {0}", "group {0} of {1}",
	"patients of either arm who could have been given the other treatment, with {0}", "{0} against {1}",
	"not by chance; made alike by {0} in {1}",
	"nearest matching 1:{0} on the {1}, without replacement, largest score first, caliper {2}; ties by identifier",
	"the visit {0}, at admission", "the visit {0}", "to the visit {0} (week {1})", "to the visit {0}",
	"{0}, change from baseline", "{0}, value at the visit", "{0}, by the arm recorded",
	"Adjusted by {0}; {1}; {2}.", "Adjusted by {0}; {1}.", "Adjusted by {0}.", "weights of the propensity score, {0}",
	"Differences, before and after alike, in standard deviations before adjustment: {0}; of 0/1 covariates √(p(1-p)).",
	"Missing values of {0} by arm and visit", "Patterns of visits with a value of {0}",
	"{0}, {1}: not off work at entry, or not known to be, so not at risk of returning",
}

// matchers are patterns of texts with what stands in them, compiled once.
var matchers sync.Map

func matcher(pattern string) *regexp.Regexp {
	if known, ok := matchers.Load(pattern); ok {
		return known.(*regexp.Regexp)
	}
	quoted := regexp.QuoteMeta(pattern)
	for k := range 5 {
		quoted = strings.Replace(quoted, `\{`+strconv.Itoa(k)+`\}`, "(.+?)", 1)
	}
	out := regexp.MustCompile("(?i)^" + quoted + "$")
	matchers.Store(pattern, out)
	return out
}

// mostName is the longest argument of a phrase that is taken as a name, not a sentence.
const mostName = 90

// phrase returns what an analysis says in the language, and whether it is known there.
func (l Language) phrase(text string) (string, bool) {
	if l.English() {
		return text, true
	}
	if t, ok := l.lookup(text); ok {
		return t.Other, true
	}
	return l.match(phrases, text)
}

// match returns a text that is made by one of some patterns in the language, and whether
// there is such a one.
func (l Language) match(patterns []string, text string) (string, bool) {
	for _, p := range patterns {
		m := matcher(p).FindStringSubmatch(text)
		if m == nil {
			continue
		}
		var arguments []any
		clear := true
		for _, a := range m[1:] {
			if _, err := strconv.ParseFloat(a, 64); err == nil {
				a = strings.Replace(l.Digits(a), "-", "−", 1)
			} else {
				known := false
				a, known = l.phrase(a)
				clear = clear && (known || len(a) <= mostName)
			}
			arguments = append(arguments, a)
		}
		if clear {
			return l.Text(p, arguments...), true
		}
	}
	return text, false
}

// Digits turns a number written in English, such as 1,234.5, into the language's.
func (l Language) Digits(s string) string {
	if l.English() {
		return s
	}
	m := l.written()
	return strings.NewReplacer(",", m.Thousands, ".", m.Decimal).Replace(s)
}

// Percent is what follows a share.
func (l Language) Percent() string { return l.written().Percent }

// To stands between two bounds.
func (l Language) To() string { return l.written().To }

// Money joins an amount and its currency, such as $, and a sign before both.
func (l Language) Money(sign, currency, digits string) string {
	if m := l.written().Money; m != "" && currency != "" {
		return sign + digits + m + strings.TrimSpace(currency)
	}
	return sign + currency + digits
}

// Quarter writes a quarter such as 2026Q3; what is none stays as it is.
func (l Language) Quarter(name string) string {
	year, n, ok := strings.Cut(name, "Q")
	if !ok || len(year) != 4 || len(n) != 1 || l.English() {
		return name
	}
	return l.fill(l.written().Quarter, []any{n, year})
}

// Number writes a whole number with its thousands apart.
func (l Language) Number(v float64) string {
	if math.IsNaN(v) {
		return l.Text("not known")
	}
	return l.Digits(thousands(v))
}

// lower writes a label within a sentence.
func (l Language) lower(s string) string {
	if l.written().Nouns == "capital" {
		return s
	}
	return lower(s)
}

// Translate returns a report whose fixed texts, those without arguments, are in the
// language, and whose numbers are written as it writes them. Texts with arguments were
// made in the language when their arguments were filled in. A text that the language
// lacks stays as it is; so do a cohort's labels, unless one is word for word a text of
// ours.
func (l Language) Translate(r Report) Report {
	if l.English() {
		return r
	}
	return l.translate(reflect.ValueOf(r), "").Interface().(Report)
}

// Table is Translate for one table.
func (l Language) Table(t Table) Table {
	if l.English() {
		return t
	}
	return l.translate(reflect.ValueOf(t), "").Interface().(Table)
}

// Machine returns a report with its numbers written in English, which machines read; its
// texts stay in their language.
func Machine(r Report) Report {
	if In(r.Lang).English() {
		return r
	}
	return Language{}.translate(reflect.ValueOf(r), "").Interface().(Report)
}

// names are fields that hold names and codes, no texts to read.
var names = []string{"ID", "Code", "Quantity", "Whole", "Within", "Period", "Total", "Parts", "Lang", "Logo", "Color", "Prefix", "Suffix"}

// translate copies a value with its texts translated, but for those of another language.
func (l Language) translate(v reflect.Value, field string) reflect.Value {
	if !v.IsValid() || slices.Contains(names, field) && v.Kind() != reflect.Struct {
		return v
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		out.Set(l.translate(v.Elem(), field))
		return out
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		if v.Kind() == reflect.Slice {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		}
		for i := range v.Len() {
			out.Index(i).Set(l.translate(v.Index(i), field))
		}
		return out
	case reflect.String:
		if t, ok := l.lookup(v.String()); ok {
			return reflect.ValueOf(t.Other).Convert(v.Type())
		}
		return v
	case reflect.Struct:
		return l.translateFields(v)
	}
	return v
}

// foreignFields are the fields of a structure that its Lang speaks for.
var foreignFields = []string{"Text", "Why", "Meaning", "Source"}

func (l Language) translateFields(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	lang := v.FieldByName("Lang")
	other := v.Type() != reflect.TypeFor[Report]() && lang.IsValid() && lang.String() != ""
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if other && slices.Contains(foreignFields, name) {
			out.Field(i).Set(v.Field(i))
			continue
		}
		out.Field(i).Set(l.translate(v.Field(i), name))
	}
	if v.Type() == reflect.TypeFor[Format]() {
		out.FieldByName("Lang").SetString(l.tag)
	}
	return out
}

// vocabulary are terms of other packages that reports translate where they show them.
var vocabulary = []string{
	// stages of a flow
	"referred", "admitted", "completed", "discharged", "all", "Referred", "Admitted", "Completed", "Discharged",
	// work
	"working", "modified duty", "outside the work force", "off work", "Kaplan-Meier",
	// fields in which case mixes differ
	"payer", "work before", "condition", "procedure", "definition", "horizon", "origin", "age",
	// what a chart signals, and its rules
	"improvement", "concern", "change", "outside limits", "run", "trend", "two of three",
	opioid.Caution,
	// facts of a report's end
	"Platform", "Cohort", "Digest of the cohort, SHA-256", "Patients in the cohort", "Rows in the cohort", "Confidence level", "Where", "Bad cells",
	"set aside as missing, counted under Data quality", "Scenario", "Digest of the scenario, SHA-256", "Evidence", "Digest of the evidence, SHA-256", "Seed", "Size",
	"counts of 1 to 10 hidden, and what would reveal them",
	// outcomes, units, costs, perspectives and standings of simulated strategies
	"pain change", "pain responder", "interference", "off opioids", "sustained return", "overdose", "death", "qaly", "cost",
	"points (0-10)", "share", "events per patient",
	"cost program", "cost surgery", "cost medical", "visits", "imaging", "procedures", "emergency", "cost drugs", "cost overdose", "cost indemnity", "cost work loss",
	"cost health system", "cost insurer", "cost societal", "health-system", "insurer", "societal",
	"on-frontier", "dominated", "extended-dominated", "sourced", "unverified", "assumed",
	// headings made of numbers
	"low", "high",
}
