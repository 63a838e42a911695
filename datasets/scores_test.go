package datasets

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/datasets/instrument"
)

// itemFields describes the items of a questionnaire as columns prefix1, prefix2 ...
func itemFields(prefix, form string, n int, extra string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "        - {name: %s%d, type: integer, role: item, instrument: %s, item: %d%s}\n", prefix, i+1, form, i+1, extra)
	}
	return b.String()
}

func itemsFile(fields string) string {
	return `
name: c
resources:
  - name: visits
    path: v.csv
    schema:
      missingValues: ["", {value: "-99", label: refused}]
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
` + fields
}

// header names the columns of such a file; row writes one.
func header(prefix string, n int, more ...string) string {
	cells := []string{"id", "visit"}
	for i := range n {
		cells = append(cells, fmt.Sprint(prefix, i+1))
	}
	return strings.Join(append(cells, more...), ",") + "\n"
}

func counts(c *Cohort) map[string]int {
	out := map[string]int{}
	for _, x := range c.Excluded() {
		out[x.Code] += x.Rows
	}
	for _, n := range c.Notes() {
		out[n.Code] += n.Rows
	}
	return out
}

// Each row is worked by hand: whole, just enough answers, one fewer, none, and an
// answer of the last item that a clinician must see.
func TestItemsAreScored(t *testing.T) {
	c, err := load(t, itemsFile(itemFields("q", "phq9", 9, "")), map[string]string{"v.csv": header("q", 9) +
		"whole,x,3,2,1,0,3,2,1,0,1\n" + // 13
		"seven,x,2,2,2,2,2,2,2,,-99\n" + // 14 × 9 / 7
		"six,x,2,2,2,2,2,2,,,\n" +
		"none,x,,,,,,,,,\n" +
		"zero,x,0,0,0,0,0,0,0,0,0\n" +
		"all,x,3,3,3,3,3,3,3,3,3\n"})
	if err != nil {
		t.Fatal(err)
	}
	got, want := c.Values("phq9", "x"), []float64{13, 18, math.NaN(), math.NaN(), 0, 27}
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || a != a && b != b }) {
		t.Errorf("scores %v, want %v", got, want)
	}
	n := counts(c)
	for code, want := range map[string]int{CodeTooFewItems: 1, CodeScoreFilled: 1, CodeSafetyItem: 2} {
		if n[code] != want {
			t.Errorf("%s: %d rows, want %d (all: %v)", code, n[code], want, n)
		}
	}
	f, err := c.Outcome("phq9")
	if err != nil || f.Instrument != "phq9" || f.Label() != "Patient Health Questionnaire, depression" {
		t.Errorf("outcome %+v, %v", f, err)
	}
	want2 := []Reason{{"no-items", "no item answered", 1}, {"too-few-items", "too few items answered", 1}}
	if got := c.Table("visits").MissingReasons("phq9"); !slices.Equal(got, want2) {
		t.Errorf("reasons %v, want %v", got, want2)
	}
}

// All scales of a questionnaire are scored from its items, wherever its columns stand.
func TestScalesAreScored(t *testing.T) {
	fields := strings.Split(strings.TrimRight(itemFields("d", "dass21", 21, ""), "\n"), "\n")
	slices.Reverse(fields)
	row := make([]string, 21)
	for i := range row {
		row[i] = "0"
	}
	row[4-1], row[15-1] = "3", "1" // anxiety
	row[3-1] = "2"                 // depression
	row[0], row[18-1] = "1", ""    // stress: 2 × 1 × 7 / 6
	c, err := load(t, itemsFile(strings.Join(fields, "\n")+"\n"), map[string]string{"v.csv": header("d", 21) + "a,x," + strings.Join(row, ",") + "\n"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"dass21-a": 8, "dass21-d": 4, "dass21-s": 14.0 / 6} {
		if got := c.Values(name, "x")[0]; math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// Answers counted from 1 are moved to the form's codes, reversed items after that,
// and it is told.
func TestItemsCountedFromAnotherCode(t *testing.T) {
	c, err := load(t, itemsFile(itemFields("o", "odi", 10, ", constraints: {minimum: 1, maximum: 6}")),
		map[string]string{"v.csv": header("o", 10) + "a,x,1,1,1,1,1,1,1,1,1,1\nb,x,6,6,6,6,6,6,6,6,6,6\nc,x,3,2,3,2,3,2,3,2,3,3\n"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Values("odi", "x"); !slices.Equal(got, []float64{0, 100, 32}) { // 26 - 10 = 16 of 50
		t.Errorf("scores %v, want 0, 100 and 32", got)
	}
	if !slices.ContainsFunc(c.Notes(), func(p Problem) bool { return p.Code == CodeItemCoding }) {
		t.Error("nothing tells that the answers were moved")
	}
}

// A score of the file is held against its items, to the digits it has, and stays.
func TestScoreOfTheFileIsCompared(t *testing.T) {
	c, err := load(t, itemsFile(itemFields("b", "bpi-interference", 7, "")+"        - {name: total, type: number, role: outcome, instrument: bpi-interference}\n"),
		map[string]string{"v.csv": header("b", 7, "total") +
			"same,x,1,1,1,1,1,1,2,1.142857142857143\n" + // 8 / 7
			"rounded,x,1,1,1,1,1,1,2,1.1\n" +
			"whole,x,1,1,1,1,1,1,2,1\n" +
			"other,x,1,1,1,1,1,1,2,1.2\n" +
			"absent,x,1,1,1,1,1,1,2,\n" +
			"few,x,1,,,,,,,3\n" +
			"alone,x,,,,,,,,3\n"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Table("visits").Has("bpi-interference") {
		t.Error("a second column was made for a score that the file has")
	}
	if got := c.Values("total", "x"); got[3] != 1.2 || got[4] == got[4] {
		t.Errorf("the file's scores were changed: %v", got)
	}
	var rows []int
	for _, p := range c.Notes() {
		if p.Code == CodeScoreDiffers {
			rows = append(rows, p.Rows)
			if p.Column != "total" || p.Severity == SeverityError {
				t.Errorf("%+v", p)
			}
		}
	}
	if !slices.Equal(rows, []int{1, 1, 1}) { // another, none, not to be checked
		t.Errorf("told of %v rows, want 1 that differs, 1 without and 1 that cannot be checked", rows)
	}
}

// Answers of yes and no, and answers that need not be whole.
func TestItemsOfOtherTypes(t *testing.T) {
	yes := strings.ReplaceAll(itemFields("r", "rmdq", 24, ""), "type: integer", "type: boolean, trueValues: [yes], falseValues: [no]")
	c, err := load(t, itemsFile(yes+"        - {name: line, type: number, role: item, instrument: vas-pain, item: 1}\n"),
		map[string]string{"v.csv": header("r", 24, "line") + "a,x,yes,no,yes" + strings.Repeat(",no", 20) + ",,62.5\n"})
	if err != nil {
		t.Fatal(err)
	}
	if r, v := c.Values("rmdq", "x")[0], c.Values("vas-pain", "x")[0]; r != 2 || v != 62.5 {
		t.Errorf("scores %v and %v, want 2 and 62.5", r, v)
	}
}

// Two sets of one questionnaire in a row have scores of the names they say.
func TestTwoSetsInARow(t *testing.T) {
	fields := itemFields("a", "peg", 3, ", score: entry") + itemFields("z", "peg", 3, ", score: exit")
	c, err := load(t, itemsFile(fields), map[string]string{"v.csv": "id,visit,a1,a2,a3,z1,z2,z3\np,x,6,7,8,1,2,3\n"})
	if err != nil {
		t.Fatal(err)
	}
	if a, z := c.Values("entry", "x")[0], c.Values("exit", "x")[0]; a != 7 || z != 2 {
		t.Errorf("scores %v and %v, want 7 and 2", a, z)
	}
}

// What cannot be scored for certain is refused, with what is missing by number.
func TestItemsRefused(t *testing.T) {
	lines := strings.SplitAfter(itemFields("q", "phq9", 9, ""), "\n")
	without := func(n ...int) string {
		var b strings.Builder
		for i, l := range lines {
			if !slices.Contains(n, i+1) {
				b.WriteString(l)
			}
		}
		return b.String()
	}
	all := strings.Join(lines, "")
	for name, c := range map[string]struct{ fields, want string }{
		"missing items":      {without(3, 7), "expected all 9 items of phq9; there is no column for item 3, 7"},
		"no number":          {strings.Replace(all, ", item: 4", "", 1), "from 1 to 9"},
		"number too high":    {strings.Replace(all, "item: 4", "item: 10", 1), "from 1 to 9"},
		"twice":              {strings.Replace(all, "item: 4", "item: 3", 1), "each item of phq9 once"},
		"numbers with parts": {strings.Replace(all, "type: integer", "type: number", 1), "whole numbers"},
		"another range":      {strings.Replace(all, "item: 4", "item: 4, constraints: {maximum: 4}", 1), "answers of phq9 from 0 to 3"},
		"T scores":           {itemFields("q", "promis-depression", 8, ""), "enter the T score itself"},
		"no such scale":      {itemFields("q", "nonsense", 8, ""), "no questionnaire of that name"},
		"name taken":         {all + "        - {name: phq9, type: string}\n", "another name than the score of phq9"},
		"name taken twice":   {itemFields("a", "pcs", 13, "") + itemFields("b", "pcs-rumination", 4, ""), "one set of items for each score"},
		"item of an outcome": {"        - {name: s, type: number, role: outcome, instrument: phq9, item: 2}\n", "with role: item alone"},
		"no instrument":      {"        - {name: s, type: integer, role: item, item: 2}\n", "the questionnaire that the item is of"},
	} {
		_, err := load(t, itemsFile(c.fields), nil)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	reshaped := strings.Replace(itemsFile(all+"        - {name: w, type: number}\n"), "    path: v.csv\n", "    path: v.csv\n    reshape: {outcome: pain, columns: {w: x}}\n", 1)
	reshaped = strings.Replace(reshaped, "        - {name: visit, type: string, role: visit}\n", "", 1)
	if _, err := load(t, reshaped, nil); err == nil || !strings.Contains(err.Error(), "reshaped") {
		t.Errorf("reshaped: %v", err)
	}
}

// An impossible answer is told with its cell, and is as if not given where bad cells
// are set aside. Scores of the file are held to the instrument's range, on both sides
// and on the one side that it has.
func TestImpossibleAnswersAndScores(t *testing.T) {
	file := itemsFile(itemFields("q", "phq9", 9, "") +
		"        - {name: pain, type: number, role: outcome, instrument: nrs}\n" +
		"        - {name: walk, type: number, role: outcome, instrument: 6mwt}\n" +
		"        - {name: pcs0, type: number, role: covariate, instrument: pcs, constraints: {minimum: 5}}\n")
	text := map[string]string{"v.csv": header("q", 9, "pain", "walk", "pcs0") + "a,x,1,1,1,1,1,1,1,1,4,10,400,5\nb,x,1,1,1,1,1,1,1,1,0,11,-1,53\n"}
	_, err := load(t, file, text)
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != 4 {
		t.Fatalf("%v, want four problems", err)
	}
	for i, want := range []struct {
		column string
		row    int
	}{{"q9", 1}, {"pain", 2}, {"walk", 2}, {"pcs0", 2}} {
		if p := ps[i]; p.Code != CodeRange || p.Column != want.column || p.Row != want.row || p.Line != want.row+1 {
			t.Errorf("problem %d: %+v, want column %s row %d", i, p, want.column, want.row)
		}
	}
	c, err := load(t, file, text, func(o *LoadOptions) { o.SetAside = true })
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Values("phq9", "x"); got[0] != 9 || got[1] != 8 { // 8 × 9 / 8, and 8
		t.Errorf("scores %v, want 9 and 8", got)
	}
}

// The order of columns, how the file is cut and how many workers read it change
// neither the scores nor the digest; the order of rows changes no patient's score.
// Batches that are streamed have the same scores, and a cohort that is written and
// read again has the same digest.
func TestScoresDoNotDependOnReading(t *testing.T) {
	const rows = 3000
	cell := func(r, i int) string {
		if (r*7+i*3)%11 == 0 {
			return ""
		}
		return fmt.Sprint((r*5 + i*i + r/7) % 5)
	}
	write := func(columns, order []int) string {
		var b strings.Builder
		b.WriteString("id,visit")
		for _, i := range columns {
			fmt.Fprintf(&b, ",p%d", i+1)
		}
		b.WriteString("\n")
		for _, r := range order {
			fmt.Fprintf(&b, "n%d,x", r)
			for _, i := range columns {
				b.WriteString("," + cell(r, i))
			}
			b.WriteString("\n")
		}
		return b.String()
	}
	straight := func(n int) []int {
		out := make([]int, n)
		for i := range out {
			out[i] = i
		}
		return out
	}
	columns, order := straight(13), straight(rows)
	file := itemsFile(itemFields("p", "pcs", 13, ""))
	first, err := load(t, file, map[string]string{"v.csv": write(columns, order)})
	if err != nil {
		t.Fatal(err)
	}
	digest := func(c *Cohort) string {
		o, err := c.Origin(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return o.Digest
	}
	pcs, _ := instrument.Find("pcs")
	for r, got := range first.Values("pcs", "x") {
		items := make([]float64, 13)
		for i := range items {
			items[i] = math.NaN()
			if s := cell(r, i); s != "" {
				items[i] = float64(s[0] - '0')
			}
		}
		if want, _ := pcs.Score(items); got != want && (got == got || want == want) {
			t.Fatalf("row %d: %v, want %v", r+1, got, want)
		}
	}
	backward := straight(13)
	slices.Reverse(backward)
	for name, o := range map[string]func(*LoadOptions){
		"small pieces": func(o *LoadOptions) { o.piece, o.Workers = 1000, 3 },
		"slow":         func(o *LoadOptions) { o.slow = true },
	} {
		c, err := load(t, file, map[string]string{"v.csv": write(backward, order)}, o)
		if err != nil {
			t.Fatal(err)
		}
		if digest(c) != digest(first) || fmt.Sprint(counts(c)) != fmt.Sprint(counts(first)) {
			t.Errorf("%s: another digest or other counts: %v, %v", name, counts(c), counts(first))
		}
	}
	shuffled := make([]int, rows)
	for i := range shuffled {
		shuffled[i] = i * 1237 % rows // 1237 is prime to 3000
	}
	c, err := load(t, file, map[string]string{"v.csv": write(columns, shuffled)})
	if err != nil {
		t.Fatal(err)
	}
	was, is := first.Values("pcs", "x"), c.Values("pcs", "x")
	for i, r := range shuffled {
		if is[i] != was[r] && (is[i] == is[i] || was[r] == was[r]) {
			t.Fatalf("patient n%d: %v, was %v", r, is[i], was[r])
		}
	}

	d, err := ParseDictionary("c", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	var streamed []float64
	empty, err := Load(t.Context(), d, LoadOptions{
		Open: OpenText(map[string]string{"v.csv": write(columns, order)}), piece: 1000,
		Keep: func(*Table, Field) bool { return false },
		Each: func(b *Table) error {
			streamed = append(streamed, b.Floats("pcs-rumination")...)
			return nil
		},
	})
	if err != nil || !empty.Outline()[0].Has("pcs-rumination") {
		t.Fatalf("streamed: %v", err)
	}
	if want := first.Table("visits").Floats("pcs-rumination"); !slices.EqualFunc(streamed, want, func(a, b float64) bool { return a == b || a != a && b != b }) {
		t.Error("streamed batches have other scores")
	}

	var text strings.Builder
	if err := first.Table("visits").WriteCSV(&text); err != nil {
		t.Fatal(err)
	}
	y, err := first.Described(func(string) string { return "v.csv" }, true, nil).YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := load(t, string(y), map[string]string{"v.csv": text.String()})
	if err != nil {
		t.Fatal(err)
	}
	if digest(again) != digest(first) {
		t.Error("written and read again the cohort has another digest")
	}
	if n := counts(again); n[CodeScoreDiffers] != 0 {
		t.Errorf("written and read again the scores differ from their items: %v", n)
	}
}

// A draft knows items by their names, when all are there and no answer is impossible.
func TestDraftItems(t *testing.T) {
	draft := func(text string) []Field {
		t.Helper()
		d, err := Draft(context.Background(), []string{"v.csv"}, OpenText(map[string]string{"v.csv": text}))
		if err != nil {
			t.Fatal(err)
		}
		return d.Resources[0].Schema.Fields
	}
	items := func(fields []Field) (n int) {
		for _, f := range fields {
			if f.Role == RoleItem {
				n++
			}
		}
		return n
	}
	row := "a,x" + strings.Repeat(",1", 9) + "\nb,x" + strings.Repeat(",-99", 9) + "\nc,x" + strings.Repeat(",3", 9) + "\n"
	for prefix, want := range map[string]int{"phq9_": 9, "PHQ-9 item ": 9, "phq9_q0": 9, "phq": 0, "other_": 0} {
		fields := draft(header(prefix, 9) + row)
		if n := items(fields); n != want {
			t.Errorf("%s: %d items, want %d", prefix, n, want)
		} else if f := fields[4]; n > 0 && (f.Instrument != "phq9" || f.Item != 3 || len(f.MissingValues) != 2 || f.Guess == "") {
			t.Errorf("%s: third item %+v", prefix, f)
		}
	}
	if n := items(draft(header("phq9_", 9) + strings.Replace(row, "3", "5", 1))); n != 0 {
		t.Errorf("an answer of 5: %d items", n)
	}
	if n := items(draft(strings.Replace(header("phq9_", 9), "phq9_4", "fourth", 1) + row)); n != 0 {
		t.Errorf("without the fourth: %d items", n)
	}
	if n := items(draft(header("dass21_", 21) + "a,x" + strings.Repeat(",1", 21) + "\n")); n != 21 {
		t.Errorf("DASS-21: %d items", n)
	}
}
