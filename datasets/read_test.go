package datasets

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// describe is a cohort file for one visits table with the given extra lines.
func cohortFile(extra string) string {
	return `
name: c
resources:
  - name: visits
    path: v.csv
` + extra + `
    schema:
      missingValues: ["", "NA", {value: "-99", label: refused}]
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome, constraints: {minimum: 0, maximum: 10}}
        - {name: note, type: string}
`
}

func load(t *testing.T, dictionary string, files map[string]string, opt ...func(*LoadOptions)) (*Cohort, error) {
	t.Helper()
	d, err := ParseDictionary("cohort.yaml", []byte(dictionary))
	if err != nil {
		return nil, err
	}
	o := LoadOptions{Open: OpenText(files)}
	for _, f := range opt {
		f(&o)
	}
	return Load(context.Background(), d, o)
}

func utf16le(s string) string {
	b := []byte{0xFF, 0xFE}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// However a file is written, the same two rows come out of it.
func TestOneMeaningManyFiles(t *testing.T) {
	want := []float64{3.5, math.NaN()}
	for name, c := range map[string]struct{ extra, text string }{
		"plain":           {"", "id,visit,pain,note\na,x,3.5,é\nb,x,-99,\"q,\"\"z\"\n"},
		"no end of line":  {"", "id,visit,pain,note\na,x,3.5,é\nb,x,NA,\"q,\"\"z\""},
		"byte order mark": {"", "\xEF\xBB\xBFid,visit,pain,note\na,x,3.5,é\nb,x,,\"q,\"\"z\"\n"},
		"CRLF":            {"", "id,visit,pain,note\r\na,x,3.5,é\r\nb,x,,\"q,\"\"z\"\r\n"},
		"CR":              {"", "id,visit,pain,note\ra,x,3.5,é\rb,x,,\"q,\"\"z\"\r"},
		"mixed":           {"", "id,visit,pain,note\r\na,x,3.5,é\nb,x,,\"q,\"\"z\"\r"},
		"semicolon":       {"", "id;visit;pain;note\na;x;3.5;é\nb;x;;\"q,\"\"z\"\n"},
		"tab":             {"", "id\tvisit\tpain\tnote\na\tx\t3.5\té\nb\tx\t\t\"q,\"\"z\"\n"},
		"UTF-16":          {"", utf16le("id,visit,pain,note\na,x,3.5,é\nb,x,,\"q,\"\"z\"\n")},
		"Windows-1252":    {"    encoding: windows-1252", "id,visit,pain,note\na,x,3.5,\xE9\nb,x,,\"q,\"\"z\"\n"},
		"other order":     {"", "note,pain,visit,id\né,3.5,x,a\n\"q,\"\"z\",,x,b\n"},
		"blank lines":     {"", "\nid,visit,pain,note\n\na,x,3.5,é\n\nb,x,,\"q,\"\"z\"\n\n"},
		"blank names":     {"", " id ,visit,\u00a0pain,note\na,x,3.5,é\nb,x,,\"q,\"\"z\"\n"},
		"plus sign":       {"", "id,visit,pain,note\na,x,+3.5,é\nb,x,,\"q,\"\"z\"\n"},
		"combining mark":  {"", "id,visit,pain,note\na,x,3.5,e\u0301\nb,x,,\"q,\"\"z\"\n"},
	} {
		c, err := load(t, cohortFile(c.extra), map[string]string{"v.csv": c.text})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := c.Values("pain", "x")
		if len(got) != 2 || got[0] != want[0] || got[1] == got[1] {
			t.Errorf("%s: pain %v, want %v", name, got, want)
		}
		codes, levels := c.Table("visits").Codes("note")
		if levels[codes[0]] != "é" || levels[codes[1]] != `q,"z` {
			t.Errorf("%s: note %q %q", name, levels[codes[0]], levels[codes[1]])
		}
	}
}

// What cannot be read for certain is refused with the place and the way out, and
// without the cell.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text, code string
		row, line  int
	}{
		"empty":                     {"", CodeEmpty, 0, 0},
		"blank":                     {"\n\n", CodeEmpty, 0, 0},
		"no header":                 {"1,2,3,4\n5,6,7,8\n", CodeHeader, 0, 1},
		"twice":                     {"id,visit,pain,pain\na,x,1,2\n", CodeHeader, 0, 1},
		"too few cells":             {"id,visit,pain,note\na,x,1,n\nb,x\n", CodeRagged, 2, 3},
		"too many cells":            {"id,visit,pain,note\na,x,1,n,SECRET\n", CodeRagged, 1, 2},
		"open quote":                {"id,visit,pain,note\na,x,1,\"SECRET\nb,x,2,n\n", CodeQuote, 1, 2},
		"after a quote":             {"id,visit,pain,note\na,x,1,\"SECRET\"x\n", CodeQuote, 1, 2},
		"NUL":                       {"id,visit,pain,note\na,x,1,SEC\x00RET\n", CodeEncoding, 0, 0},
		"not UTF-8":                 {"id,visit,pain,note\na,x,1,\xE9SECRET\n", CodeEncoding, 1, 2},
		"not a number":              {"id,visit,pain,note\na,x,1,n\nb,x,SECRET,n\n", CodeType, 2, 3},
		"infinity":                  {"id,visit,pain,note\na,x,Inf,SECRET\n", CodeType, 1, 2},
		"underscore":                {"id,visit,pain,note\na,x,1_0,SECRET\n", CodeType, 1, 2},
		"hexadecimal":               {"id,visit,pain,note\na,x,0x1,SECRET\n", CodeType, 1, 2},
		"other digits":              {"id,visit,pain,note\na,x,３,SECRET\n", CodeType, 1, 2},
		"decimal comma":             {"id;visit;pain;note\na;x;3,5;SECRET\n", CodeType, 1, 2},
		"out of range":              {"id,visit,pain,note\na,x,99,SECRET\n", CodeRange, 1, 2},
		"a visit twice":             {"id,visit,pain,note\na,x,1,n\na,x,2,SECRET\n", CodeDuplicate, 2, 3},
		"a column absent":           {"id,visit,note\na,x,SECRET\n", CodeColumnMissing, 0, 0},
		"line after a quoted break": {"id,visit,pain,note\na,x,1,\"two\nlines\"\nb,x,SECRET,n\n", CodeType, 2, 4},
	} {
		_, err := load(t, cohortFile(""), map[string]string{"v.csv": c.text})
		var ps Problems
		if !errors.As(err, &ps) || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want problems", name, err)
			continue
		}
		i := slices.IndexFunc(ps, func(p Problem) bool { return p.Code == c.code })
		if i < 0 {
			t.Errorf("%s: %v, want code %s", name, ps, c.code)
			continue
		}
		if p := ps[i]; p.Row != c.row || p.Line != c.line || p.Expected == "" {
			t.Errorf("%s: row %d line %d %q, want row %d line %d", name, p.Row, p.Line, p.Expected, c.row, c.line)
		}
		if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: the message holds a cell: %v", name, err)
		}
	}
}

// All problems come at once, the first few of a kind one by one and the rest
// counted.
func TestAllAtOnce(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,visit,pain,note\n")
	for i := range 100 {
		fmt.Fprintf(&b, "p%d,x,bad,n\n", i)
	}
	b.WriteString("q,x,99,n\n")
	_, err := load(t, cohortFile(""), map[string]string{"v.csv": b.String()})
	var ps Problems
	if !errors.As(err, &ps) {
		t.Fatal(err)
	}
	counted, ranges := 0, 0
	for _, p := range ps {
		switch p.Code {
		case CodeRange:
			ranges++
		case CodeType:
			counted += max(1, p.Rows)
		}
	}
	if counted != 100 || ranges != 1 {
		t.Errorf("%d cells of the wrong type and %d out of range, want 100 and 1", counted, ranges)
	}
}

// A bad cell set aside is missing and counted; a row without a patient or of an
// unlisted visit is left out and counted. Nothing is dropped silently.
func TestSetAside(t *testing.T) {
	file := strings.Replace(cohortFile(""), "name: c\n", "name: c\nvisits: [{value: x}]\n", 1)
	c, err := load(t, file, map[string]string{"v.csv": "id,visit,pain,note\na,x,99,n\nb,x,bad,n\n,x,1,n\nc,other,2,n\nd,,3,n\ne,x,4,n\n"}, func(o *LoadOptions) { o.SetAside = true })
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, x := range c.Excluded() {
		got[x.Code] += x.Rows
	}
	want := map[string]int{"set-aside-range": 1, "set-aside-type": 1, CodeNoPatient: 1, CodeVisitNotListed: 2}
	for code, n := range want {
		if got[code] != n {
			t.Errorf("%s: %d rows, want %d (all: %v)", code, got[code], n, got)
		}
	}
	if v := c.Values("pain", "x"); c.Patients() != 3 || v[2] != 4 || v[0] == v[0] {
		t.Errorf("%d patients with pain %v", c.Patients(), v)
	}
}

// Identifiers stay apart however they look like numbers.
func TestIdentifiersAreText(t *testing.T) {
	c, err := load(t, cohortFile(""), map[string]string{"v.csv": "id,visit,pain,note\n007,x,1,n\n7,x,2,n\n7.0,x,3,n\n1e5,x,4,n\n100000,x,5,n\n9007199254740993,x,6,n\n9007199254740992,x,7,n\n"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Patients() != 7 {
		t.Errorf("%d patients, want 7", c.Patients())
	}
}

func TestDecimalCommaAndThousands(t *testing.T) {
	for _, c := range []struct {
		text, decimal, group string
		want                 float64
		ok                   bool
	}{
		{"1,5", ",", "", 1.5, true},
		{"1.5", ",", "", 0, false},
		{"1.234,5", ",", ".", 1234.5, true},
		{"1,234.5", "", ",", 1234.5, true},
		{"12,34", "", ",", 0, false},
		{"1,2345", "", ",", 0, false},
		{"1234,567", "", ",", 0, false},
		{"\u22123", "", "", -3, true},
		{"-0", "", "", 0, true},
		{"", "", "", 0, false},
		{"e5", "", "", 0, false},
		{"1e400", "", "", 0, false},
		{"NaN", "", "", 0, false},
	} {
		v, err := parseNumber(c.text, c.decimal, c.group)
		if (err == nil) != c.ok || err == nil && (v != c.want || math.Signbit(v) != math.Signbit(c.want)) {
			t.Errorf("%q (decimal %q, group %q): %v, %v", c.text, c.decimal, c.group, v, err)
		}
	}
}

func TestConditions(t *testing.T) {
	c, err := load(t, cohortFile(""), map[string]string{"v.csv": "id,visit,pain,note\na,x,1,m\nb,x,5,\nc,x,NA,k\n"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"pain >= 5": "b", "pain < 5": "a", "not pain >= 5": "a c", "pain is missing": "c", "note is not missing and pain = 1": "a",
		`note = "k" or pain = 5`: "b c", "(pain = 1 or pain = 5) and not note = 'm'": "b", "pain != 1": "b", "pain <= 1.0": "a",
	} {
		cond, err := ParseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		kept, err := c.Where(cond)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := strings.Join(kept.patients, " "); got != want {
			t.Errorf("%s keeps %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"", "pain", "pain >", "pain = 'x", "(pain = 1", "pain = 1 pain = 2", "= 3", strings.Repeat("(", 1000) + "pain = 1"} {
		if _, err := ParseCondition(text); err == nil {
			t.Errorf("%q is not refused", text)
		}
	}
}

// Where the cohort file is wrong it says the line, and every fault of meaning.
func TestDictionaryProblems(t *testing.T) {
	_, err := ParseDictionary("cohort.yaml", []byte("name: c\nresources:\n  - name: v\n    paths: v.csv\n"))
	var ps Problems
	if !errors.As(err, &ps) || ps[0].Line != 4 {
		t.Errorf("unknown key: %v", err)
	}
	_, err = ParseDictionary("cohort.yaml", []byte(`
resources:
  - name: v
    path: v.csv
    dialect: {delimiter: x}
    where: "pain >"
    schema:
      fields:
        - {name: id, type: integer, role: patient}
        - {name: id, type: string}
        - {name: p, type: numbr, role: outcom, instrument: nosuch}
        - {name: d, type: date, format: "%y-%m-%d"}
        - {name: q, type: number, constraints: {minimum: 3, maximum: 1}}
  - name: v
    path: w.csv
    schema: {fields: [{name: x, type: string}]}
arms: [{value: a}, {value: a}]
visits: [{value: x, baseline: true}, {value: y, baseline: true}]
`))
	if !errors.As(err, &ps) || len(ps) < 12 {
		t.Errorf("%d problems, want at least 12:\n%v", len(ps), err)
	}
}

// A column may hold the quarter itself.
func TestPeriod(t *testing.T) {
	c, err := load(t, `
name: c
resources:
  - name: patients
    path: p.csv
    schema: {fields: [{name: id, type: string, role: patient}, {name: q, type: string, role: period}]}
`, map[string]string{"p.csv": "id,q\na,2026Q3\nb,2026-q2\nc,\nd,soon\n"})
	if err != nil {
		t.Fatal(err)
	}
	quarters, from := c.Quarters()
	if !slices.Equal(quarters, []string{"2026Q3", "2026Q2", "", ""}) || !slices.Equal(from, []Role{RolePeriod}) {
		t.Errorf("quarters %q from %v", quarters, from)
	}
}

// A wide table is read as a long one.
func TestReshape(t *testing.T) {
	c, err := load(t, `
name: c
resources:
  - name: visits
    path: w.csv
    reshape: {outcome: pain, columns: {p0: entry, p4: exit}}
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: p0, type: number, instrument: nrs}
        - {name: p4, type: number, instrument: nrs}
        - {name: site, type: string, role: site}
visits: [{value: entry, baseline: true}, {value: exit}]
`, map[string]string{"w.csv": "id,p4,p0,site\na,2,6,N\nb,,7,S\n"})
	if err != nil {
		t.Fatal(err)
	}
	if before, after := c.Values("pain", "entry"), c.Values("pain", "exit"); before[0] != 6 || before[1] != 7 || after[0] != 2 || after[1] == after[1] {
		t.Errorf("entry %v exit %v", before, after)
	}
	if codes, levels := c.Attribute(RoleSite); levels[codes[1]] != "S" {
		t.Error("the site is lost")
	}
}

// An arm that two tables disagree about is told.
func TestArmConflict(t *testing.T) {
	_, err := load(t, `
name: c
resources:
  - name: patients
    path: p
    schema: {fields: [{name: id, type: string, role: patient}, {name: arm, type: string, role: arm}]}
  - name: visits
    path: v
    schema: {fields: [{name: id, type: string, role: patient}, {name: visit, type: string, role: visit}, {name: g, type: string, role: arm}]}
`, map[string]string{"p": "id,arm\na,1\nb,2\n", "v": "id,visit,g\na,x,1\nb,x,1\n"})
	var ps Problems
	if !errors.As(err, &ps) || ps[0].Code != CodeConflict || ps[0].Rows != 1 {
		t.Errorf("%v", err)
	}
}

// Whatever the bytes, reading ends with rows or problems, and every chunk has as
// many cells as it has rows and columns.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"", "a\r\n\"x\ny\",", "\xEF\xBB\xBFa;b\n", "\xFF\xFEa\x00", "a,a\n1,2\n", "a\n\n\n1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		src, err := OpenText(map[string]string{"f": string(b)})(context.Background(), "f", Resource{Name: "t"})
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for {
			c, err := src.Next(context.Background())
			if err != nil {
				break
			}
			rows += c.Rows
			if len(c.Text) != len(src.Columns()) || len(c.Lines) != c.Rows {
				t.Fatalf("%d columns of %d, %d lines of %d", len(c.Text), len(src.Columns()), len(c.Lines), c.Rows)
			}
			for _, col := range c.Text {
				if len(col) != c.Rows {
					t.Fatalf("%d cells, want %d", len(col), c.Rows)
				}
			}
		}
		if rows == 0 && len(src.Problems()) == 0 && len(src.Columns()) == 0 {
			t.Fatal("neither a header nor a problem")
		}
	})
}

// A patient of the visits who is in no list of patients is told of, once a table;
// without such a list nobody is.
func TestUnmatchedPatient(t *testing.T) {
	list := `
  - name: patients
    path: p.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: age, type: integer, role: covariate}
`
	files := map[string]string{
		"v.csv": "id,visit,pain,note\na,x,1,n\na,y,2,n\nSECRET,x,3,n\nSECRET,y,3,n\nSECRETER,x,3,n\n",
		"p.csv": "id,age\na,40\nunseen,50\n",
	}
	for _, c := range []struct {
		list string
		want string
	}{
		{list, "visits (v.csv): expected each patient in a table of one row a patient (patients); patients who are in none of them: 2, and they are kept as patients of their own (3 rows); correct the ids, or add the patients [unmatched-patient]"},
		{"", ""},
	} {
		co, err := load(t, cohortFile("")+c.list, files)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range co.Notes() {
			if p.Code == CodeUnmatched {
				got = append(got, p.String())
			}
		}
		if s := strings.Join(got, "\n"); s != c.want {
			t.Errorf("got %q, want %q", s, c.want)
		}
	}
}
