package datasets

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const plausibleFile = `
name: c
CHECKS
resources:
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: on, type: integer, role: day}
        - {name: age, type: number, role: covariate, unit: years}
        - {name: sex, type: string, role: covariate}
        - {name: pain, type: number, role: outcome, instrument: nrs}
        - {name: walked, type: number, role: outcome}
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: referred, type: integer, role: referred}
        - {name: admitted, type: integer, role: admitted}
        - {name: done, type: boolean, role: completed}
        - {name: discharged, type: integer, role: discharged}
        - {name: sex, type: string, role: covariate}
  - name: doses
    path: doses.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: integer, role: day}
        - {name: drug, type: string, role: drug}
        - {name: strength, type: number, role: strength}
        - {name: quantity, type: number, role: quantity}
        - {name: days, type: integer, role: days_supplied}
  - name: said
    path: said.csv
    constants: {drug: morphine, route: oral, unit: mg}
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: at, type: integer, role: day}
        - {name: dose, type: number, role: dose}
  - name: work
    path: work.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: start, type: integer, role: start}
        - {name: end, type: integer, role: end}
        - {name: state, type: string, role: work_status}
  - name: costs
    path: costs.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: cost, type: number, role: cost}
visits:
  - {value: c, week: 30}
  - {value: a, week: 0, baseline: true}
  - {value: b, week: 4}
`

// plausible writes a cohort of 400 patients in which nothing is implausible.
func plausible() map[string][]string {
	files := map[string][]string{
		"visits.csv": {"id,visit,on,age,sex,pain,walked"}, "patients.csv": {"id,referred,admitted,done,discharged,sex"},
		"doses.csv": {"id,from,drug,strength,quantity,days"}, "said.csv": {"id,at,dose"}, "work.csv": {"id,start,end,state"}, "costs.csv": {"id,day,cost"},
	}
	add := func(file, format string, args ...any) {
		files[file] = append(files[file], fmt.Sprintf(format, args...))
	}
	for i := range 400 {
		sex := []string{"f", "m"}[i%2]
		for v, week := range []int{0, 4, 30} {
			add("visits.csv", "p%d,%c,%d,%d,%s,%d,%d", i, "abc"[v], 7*week+i%5, 40+i%20+week/30, sex, (i*7+3*v)%9, 300+i%50+(v*i*i)%41)
		}
		add("patients.csv", "p%d,%d,0,true,%d,%s", i, -i%90, 20+i%9, sex)
		for d := range 3 {
			add("doses.csv", "p%d,%d,morphine,30,60,30", i, 30*d)
			add("said.csv", "p%d,%d,%d", i, 30*d, 10*(i%8))
			add("work.csv", "p%d,%d,%d,off", i, 30*d, 30*(d+1))
			add("costs.csv", "p%d,%d,%d.5", i, d, i+d)
		}
	}
	return files
}

func joined(files map[string][]string) map[string]string {
	out := map[string]string{}
	for name, lines := range files {
		out[name] = strings.Join(lines, "\n") + "\n"
	}
	return out
}

func ceiling(drug, _, _ string, _ bool) float64 {
	return map[string]float64{"morphine": 1000}[drug]
}

// told lists a cohort's problems of the checks as "code table rows".
func told(ps Problems) []string {
	known := Checks()
	var out []string
	for _, p := range ps {
		if slices.ContainsFunc(known, func(c CodeMeaning) bool { return c.Code == p.Code }) {
			out = append(out, fmt.Sprintf("%s %s %s %v %d", p.Severity, p.Code, p.Table, p.At, p.Rows))
		}
	}
	slices.Sort(out)
	return out
}

// Each check finds what is planted for it and nothing else, by row, wherever the file
// is cut, by however many workers it is read, and whatever is kept; in another order
// of the rows as many; and each can be switched off or made an error.
func TestChecksFindWhatIsPlanted(t *testing.T) {
	clean := strings.Replace(plausibleFile, "CHECKS", "", 1)
	c, err := load(t, clean, joined(plausible()), func(o *LoadOptions) { o.DoseCeiling = ceiling })
	if err != nil {
		t.Fatal(err)
	}
	if got := told(c.Notes()); got != nil {
		t.Fatalf("found in a cohort without anything implausible: %q", got)
	}

	files := plausible()
	set := func(file string, row int, column, value string) {
		at := slices.Index(strings.Split(files[file][0], ","), column)
		cells := strings.Split(files[file][row], ",")
		cells[at] = value
		files[file][row] = strings.Join(cells, ",")
	}
	set("patients.csv", 3, "referred", "2")
	set("patients.csv", 9, "discharged", "-1")
	set("patients.csv", 12, "discharged", "")
	set("visits.csv", 31, "on", "40")   // p10, a: after b
	set("visits.csv", 63, "on", "500")  // p20, c: 26 weeks after week 30 are 392 days
	set("visits.csv", 91, "on", "-400") // p30, a: before referral
	set("visits.csv", 123, "age", "20") // p40, c: p40 is 40
	set("visits.csv", 152, "age", "63") // p50, b: p50 is 50; and back at c
	set("visits.csv", 182, "sex", "x")  // p60
	for i, pain := range []string{"0", "10", "1"} {
		set("visits.csv", 211+i, "pain", pain) // p70: row 212 is the odd one
	}
	set("visits.csv", 242, "walked", "3000") // p80, b: far up, and far down after it
	set("doses.csv", 5, "strength", "3000")
	set("doses.csv", 7, "quantity", "0")
	set("doses.csv", 8, "days", "400")
	set("doses.csv", 9, "quantity", "6000") // 200 a day, of 30 mg: both
	set("said.csv", 4, "dose", "1001")
	set("work.csv", 2, "start", "29")
	set("work.csv", 8, "end", "10")
	set("costs.csv", 6, "cost", "-5")
	files["costs.csv"] = append(files["costs.csv"], files["costs.csv"][17])

	want := []string{
		"warning admitted-before-referred patients [3] 1",
		"error discharged-before-admitted patients [9] 1",
		"warning completed-not-discharged patients [12] 1",
		"warning visit-order visits [32] 1",
		"warning visit-outside-stay visits [63 91] 2",
		"warning age-changes visits [123 152 153] 3",
		"warning attribute-changes visits [182] 1",
		"warning impossible-jump visits [212] 1",
		"warning impossible-jump visits [242 243] 2",
		"warning dose-ceiling doses [5 9] 2",
		"warning supply-implausible doses [7] 1",
		"warning supply-implausible doses [8] 1",
		"warning supply-implausible doses [9] 1",
		"warning dose-ceiling said [4] 1",
		"warning overlapping-spells work [2] 1",
		"error end-before-start work [8] 1",
		"warning negative-cost costs [6] 1",
		"warning duplicate-row costs [1201] 1",
	}
	slices.Sort(want)
	mild := strings.Replace(plausibleFile, "CHECKS", "checks: {discharged-before-admitted: warning, end-before-start: note}", 1)
	read := func(file string, files map[string][]string, o LoadOptions) Problems {
		c, err := load(t, file, joined(files), func(to *LoadOptions) {
			o.Open, o.DoseCeiling = to.Open, ceiling
			*to = o
		})
		var ps Problems
		if errors.As(err, &ps) {
			return ps
		}
		if err != nil {
			t.Fatal(err)
		}
		return c.Notes()
	}
	if got := told(read(clean, files, LoadOptions{})); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "error end-before-start") }) || len(got) != 2 {
		t.Errorf("errors: %q", got)
	}
	wantMild := slices.Clone(want)
	for i, w := range wantMild {
		wantMild[i] = strings.NewReplacer("error discharged", "warning discharged", "error end", "note end").Replace(w)
	}
	slices.Sort(wantMild)
	none := func(*Table, Field) bool { return false }
	for name, o := range map[string]LoadOptions{
		"whole": {}, "slow": {slow: true}, "pieces": {piece: 300, Workers: 1}, "workers": {piece: 700, Workers: 3}, "nothing kept": {Keep: none, piece: 500},
	} {
		if diff := cmp.Diff(wantMild, told(read(mild, files, o))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}

	shuffled := map[string][]string{}
	r := rand.New(rand.NewPCG(1, 1))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		lines := files[name]
		rest := slices.Clone(lines[1:])
		r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		shuffled[name] = append([]string{lines[0]}, rest...)
	}
	count := func(lines []string) (out []string) {
		for _, l := range lines {
			if strings.Contains(l, CodeAttribute) { // the first of a patient's rows is the standard
				continue
			}
			before, _, _ := strings.Cut(l, "[")
			out = append(out, before+l[strings.LastIndex(l, " "):])
		}
		slices.Sort(out)
		return out
	}
	if diff := cmp.Diff(count(wantMild), count(told(read(mild, shuffled, LoadOptions{})))); diff != "" {
		t.Errorf("in another order (-want +got):\n%s", diff)
	}

	for _, c := range Checks() {
		off := strings.Replace(plausibleFile, "CHECKS", "checks: {discharged-before-admitted: warning, end-before-start: warning, "+c.Code+": off}", 1)
		if c.Code == CodeDischargedBeforeAdmitted || c.Code == CodeEndBeforeStart {
			off = strings.Replace(plausibleFile, "CHECKS", "checks: {"+c.Code+": off}", 1)
		}
		for _, line := range told(read(off, files, LoadOptions{})) {
			if strings.Contains(line, " "+c.Code+" ") {
				t.Errorf("switched off, and told: %s", line)
			}
		}
	}
	if ps := read(strings.Replace(plausibleFile, "CHECKS", "checks: {negative-cost: error, end-before-start: off, discharged-before-admitted: off}", 1), files, LoadOptions{}); len(ps) != 1 || ps[0].Code != CodeNegativeCost || ps[0].Severity != SeverityError {
		t.Errorf("made an error: %v", ps)
	}
	for _, bad := range []string{"checks: {nonsense: off}", "checks: {visit-order: loud}"} {
		if ps := read(strings.Replace(plausibleFile, "CHECKS", bad, 1), files, LoadOptions{}); len(ps) != 1 || ps[0].Code != CodeDictionary {
			t.Errorf("%s: %v", bad, ps)
		}
	}
}

// One answer throughout is told where items are reversed, and elsewhere where it is
// neither the lowest nor the highest; a copied form where chance does not explain it.
func TestStraightAndCopiedForms(t *testing.T) {
	text := "id,visit"
	forms := []struct {
		name, form     string
		items, answers int
	}{{"p", "pcs", 13, 5}, {"q", "phq9", 9, 4}, {"g", "gad7", 7, 4}}
	var fields string
	for _, f := range forms {
		fields += itemFields(f.name, f.form, f.items, "")
		for i := range f.items {
			text += fmt.Sprintf(",%s%d", f.name, i+1)
		}
	}
	r := rand.New(rand.NewPCG(2, 2))
	form := func(answer func(answers int) int) (row string) {
		for _, f := range forms {
			for range f.items {
				row += "," + strconv.Itoa(answer(f.answers))
			}
		}
		return row
	}
	var rows []string
	for range 300 {
		rows = append(rows, form(r.IntN))
	}
	lowest := form(func(int) int { return 0 })
	rows[10] = strings.Repeat(",2", 13) + rows[10][26:]
	rows[20], rows[21] = lowest, form(func(answers int) int { return answers - 1 })
	for i := range 20 {
		rows[50+i] = lowest // many are without any trouble
	}
	rows[30] = rows[0] // a copy
	for i, row := range rows {
		text += fmt.Sprintf("\nn%d,x%s", i, row)
	}
	file := itemsFile(fields)
	for _, o := range []LoadOptions{{}, {piece: 400, Workers: 2}, {slow: true}} {
		c, err := load(t, file, map[string]string{"v.csv": text + "\n"}, func(to *LoadOptions) { o.Open = to.Open; *to = o })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"warning copied-visit visits [31] 1", "warning straight-lining visits [11] 1"}, told(c.Notes())); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}

	// Nine items with four answers are shared by chance, and are not told.
	text = "id,visit"
	for i := range 9 {
		text += fmt.Sprintf(",q%d", i+1)
	}
	for i := range 300 {
		text += fmt.Sprintf("\nn%d,x%s", i, rows[i][26:44])
	}
	if c, err := load(t, itemsFile(itemFields("q", "phq9", 9, "")), map[string]string{"v.csv": text + "\n"}); err != nil || told(c.Notes()) != nil {
		t.Errorf("a short form: %v", err)
	}

	tsk := "id,visit"
	for i := range 17 {
		tsk += fmt.Sprintf(",t%d", i+1)
	}
	c, err := load(t, itemsFile(itemFields("t", "tsk17", 17, "")), map[string]string{"v.csv": tsk + "\na,x" + strings.Repeat(",1", 17) + "\nb,x" + strings.Repeat(",1", 16) + ",2\n"})
	if err != nil {
		t.Fatal(err)
	}
	if got := told(c.Notes()); len(got) != 1 || got[0] != "warning straight-lining visits [1] 1" {
		t.Errorf("a form with reversed items: %q", got)
	}
}

// A table of more rows than are held says so, and finds the same in the first of them.
func TestRowsBeyondThoseHeld(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,day,dose,drug,site\n")
	for i := range heldRows + 10 {
		fmt.Fprintf(&b, "p%d,%d,%d,m,n\n", i%100, i/100, i%7)
	}
	b.WriteString("p0,0,0,m,n\n") // as the first, and too late
	text := b.String()
	for _, o := range []LoadOptions{{Workers: 2}, {Workers: 1, piece: 5000}} {
		c, err := load(t, manyDoses, map[string]string{"doses.csv": text}, func(to *LoadOptions) { o.Open = to.Open; *to = o })
		if err != nil {
			t.Fatal(err)
		}
		notes := c.Notes()
		if len(notes) != 1 || notes[0].Code != CodeCheckedInPart || notes[0].Severity != SeverityNote {
			t.Errorf("%v", notes)
		}
	}
}

// What is left out is handed on row by row, in file order, as often as the exclusions
// count it, and says no cell's value.
func TestLeftOut(t *testing.T) {
	file := itemsFile(itemFields("p", "phq9", 9, ""))
	file = strings.Replace(file, "path: v.csv", "path: v.csv\n    where: id != \"secret\"", 1)
	file += "\nvisits: [{value: x}]\n"
	text := "id,visit"
	for i := range 9 {
		text += fmt.Sprintf(",p%d", i+1)
	}
	for i := range 200 {
		id, visit, first, rest := fmt.Sprintf("n%d", i), "x", "1", ",2,1,3,0,1,2,1,1"
		switch i % 10 {
		case 1:
			id = ""
		case 2:
			visit = "elsewhere"
		case 3:
			first = "secret"
		case 4:
			id = "secret"
		case 5:
			rest = ",,,,,,,,1"
		}
		text += fmt.Sprintf("\n%s,%s,%s%s", id, visit, first, rest)
	}
	var want []LeftOut
	for _, o := range []LoadOptions{{}, {piece: 300, Workers: 3}, {slow: true}} {
		var got []LeftOut
		c, err := load(t, file, map[string]string{"v.csv": text + "\n"}, func(to *LoadOptions) {
			o.Open, o.SetAside, o.LeftOut = to.Open, true, func(x LeftOut) { got = append(got, x) }
			*to = o
		})
		if err != nil {
			t.Fatal(err)
		}
		counts := map[[3]string]int{}
		for i, x := range got {
			counts[[3]string{x.Table, x.Code, x.Reason}]++
			if x.Line != x.Row+1 || x.File != "v.csv" || i > 0 && got[i-1].Row > x.Row {
				t.Fatalf("%+v", x)
			}
		}
		for _, x := range c.Excluded() {
			k := [3]string{x.Table, x.Code, x.Reason}
			if counts[k] != x.Rows {
				t.Errorf("%+v: %d were handed on", x, counts[k])
			}
			delete(counts, k)
		}
		if len(counts) > 0 {
			t.Errorf("handed on and not counted: %v", counts)
		}
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) != 100 {
			t.Errorf("%d handed on; cut in another way:\n%s", len(got), diff)
		}
	}
}

// Every code that the packages of datasets give problems or exclusions is in the one
// table, once, with its meaning.
func TestCodesAreComplete(t *testing.T) {
	listed := map[string]bool{}
	for _, c := range Codes() {
		if listed[c.Code] || c.Meaning == "" {
			t.Errorf("%s: twice, or without a meaning", c.Code)
		}
		listed[c.Code] = true
	}
	for _, c := range Checks() {
		if !listed[c.Code] || c.Severity == "" || c.Mend == "" {
			t.Errorf("%s is not whole", c.Code)
		}
	}
	found := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		need := func(e ast.Expr) {
			lit, ok := e.(*ast.BasicLit)
			if !ok || lit.Kind != gotoken.STRING {
				return
			}
			found++
			if code, err := strconv.Unquote(lit.Value); err != nil || !listed[code] {
				t.Errorf("%s: code %s is not in Codes", path, lit.Value)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if strings.HasPrefix(name.Name, "Code") && i < len(n.Values) {
						need(n.Values[i])
					}
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
					need(n.Value)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || found < 60 {
		t.Errorf("%d codes found: %v", found, err)
	}
}
