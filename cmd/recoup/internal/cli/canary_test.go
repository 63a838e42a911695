package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// canary is planted in every cell, header, label, comment and sheet name: it
// looks like an e-mail address, and must be nowhere in what a command prints or
// leaves behind.
const canary = "canary@example.org"

func plant(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCanary(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", filepath.Join(".", "tmp"))
	if err := os.Mkdir("tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	fields := `{name: id, type: string, role: patient}, {name: visit, type: string, role: visit}, {name: pain, type: number, role: outcome, instrument: nrs}, {name: note, type: string, categories: [{value: a, label: "` + canary + `"}, {value: "` + canary + `"}]}`
	cohort := func(path, fields string) string {
		return "name: c\nresources:\n  - {name: visits, path: \"" + path + "\", schema: {fields: [" + fields + "]}}\n"
	}
	header, rows := "id,visit,pain,note,"+canary+"\n", "1"+canary+",v"+canary+",3,a,x\n2"+canary+",v"+canary+",4,"+canary+","+canary+"\n"
	plant(t, "cells.csv", header+rows)
	plant(t, "cells.yaml", cohort("cells.csv", fields))
	plant(t, "named.yaml", cohort("cells.csv", fields+`, {name: "`+canary+`", type: string}`))
	plant(t, "broken.csv", header+"1,"+canary+","+canary+","+canary+",\n\""+canary)
	plant(t, "broken.yaml", cohort("broken.csv", fields))
	plant(t, "comment.csv", "# "+canary+"\n"+header+rows)
	plant(t, "comment.yaml", cohort("comment.csv", fields))
	book := excelize.NewFile()
	for i, row := range [][]any{{"id", "visit", "pain", "note", canary}, {canary, canary, 3, "a", canary}, {"2", "end", canary, canary, 1}} {
		cell, _ := excelize.CoordinatesToCellName(1, i+1)
		if err := book.SetSheetRow("Sheet1", cell, &row); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := book.NewSheet("canary@example.org"); err != nil {
		t.Fatal(err)
	}
	if err := book.SetSheetVisible("canary@example.org", false); err != nil {
		t.Fatal(err)
	}
	if err := book.AddComment("Sheet1", excelize.Comment{Cell: "B2", Author: canary, Text: canary}); err != nil {
		t.Fatal(err)
	}
	if err := book.SetDocProps(&excelize.DocProperties{Creator: canary, Title: canary}); err != nil {
		t.Fatal(err)
	}
	if err := book.SaveAs("book.xlsx"); err != nil {
		t.Fatal(err)
	}
	plant(t, "book.yaml", cohort("book.xlsx", fields))
	if err := book.SetSheetVisible("canary@example.org", true); err != nil {
		t.Fatal(err)
	}
	for _, sheet := range []string{"canary@example.org", "Maria Gonzalez canary"} {
		if _, err := book.NewSheet(sheet); err != nil {
			t.Fatal(err)
		}
		if err := book.SetSheetRow(sheet, "A1", &[]any{"id", canary}); err != nil {
			t.Fatal(err)
		}
	}
	if err := book.SaveAs("sheets.xlsx"); err != nil {
		t.Fatal(err)
	}
	plant(t, "sheets.yaml", cohort("sheets.xlsx", fields))
	plant(t, "nosheet.yaml", cohort("sheets.xlsx#Absent", fields))
	if _, errs, code := run(t, "data", "deidentify", "--new-key", "key"); code != 0 {
		t.Fatal(errs)
	}
	mine := map[string]bool{}
	for _, f := range files(t) {
		mine[f] = true
	}
	for _, c := range []string{"cells.yaml", "named.yaml", "broken.yaml", "comment.yaml", "book.yaml", "sheets.yaml", "nosheet.yaml", "cells.csv", "book.xlsx"} {
		commands := [][]string{
			{"data", "check", c},
			{"data", "check", c, "--json"},
			{"data", "check", c, "--privacy"},
			{"data", "check", c, "--privacy", "--json"},
			{"data", "check", c, "--set-aside"},
			{"data", "check", c, "--set-aside", "--set-aside-to", "left-out.csv"},
			{"data", "check", c, "--strict", "--json"},
			{"data", "describe", c},
			{"data", "describe", c, "--json", "--where", "pain > 3"},
			{"data", "convert", c, "-o", "converted"},
			{"analyze", "run", c, "effect/mean-change", "--outcome", "pain", "--visit", "end", "--json"},
			{"analyze", "run", c, "describe/table-one", "-o", "out.csv"},
			{"report", "quarterly", c, "-o", "report.html"},
			{"data", "deidentify", c, "--key", "key", "-o", "safe-" + c},
			{"data", "deidentify", c, "--key", "key", "-o", "safer-" + c, "--set-aside", "--json"},
		}
		for _, args := range commands {
			out, errs, code := run(t, args...)
			if strings.Contains(out+errs, "canary") {
				t.Errorf("%q shows a canary:\n%s%s", args, out, errs)
			}
			if args[1] != "deidentify" && code != exitPrivacy && code != exitInvalid {
				t.Errorf("%q: exit %d", args, code)
			}
		}
	}
	for _, f := range files(t) {
		if mine[f] {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "canary") {
			t.Errorf("%s holds a canary:\n%s", f, b)
		}
		if !strings.HasPrefix(f, "safe") {
			t.Errorf("%s was left behind", f)
		}
	}
	if _, err := os.Stat("safe-cells.yaml"); err != nil {
		t.Error("the cohort of canaries was not de-identified: ", err)
	}
}

func files(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The key is never shown, never written over, and one that can be guessed is not
// taken.
func TestKey(t *testing.T) {
	t.Chdir(t.TempDir())
	if out, errs, code := run(t, "data", "deidentify", "--new-key", "key"); code != 0 || out != "" {
		t.Fatal(code, out, errs)
	}
	secret, err := os.ReadFile("key")
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat("key"); err != nil || st.Mode().Perm() != 0o600 || len(secret) != 65 {
		t.Errorf("key of %d bytes, %v %v", len(secret), st.Mode(), err)
	}
	if _, _, code := run(t, "data", "deidentify", "--new-key", "key"); code != exitUsage {
		t.Errorf("a key is written over: exit %d", code)
	}
	plant(t, "p.csv", "id,surname\n1,Featherstone\n2,Quartermaine\n3,Holt\n")
	plant(t, "c.yaml", "name: c\nresources: [{name: p, path: p.csv, schema: {fields: [{name: id, type: string, role: patient}, {name: surname, type: string}]}}]\n")
	out, errs, code := run(t, "data", "deidentify", "c.yaml", "--key", "key", "-o", "safe")
	if code != 0 || errs != "" {
		t.Errorf("exit %d: %s", code, errs)
	}
	all := out + errs
	for _, f := range files(t) {
		if strings.HasPrefix(f, "safe") {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all += string(b)
		}
	}
	if strings.Contains(all, strings.TrimSpace(string(secret))[:16]) {
		t.Error("the key is in an output")
	}
	if err := os.Chmod("key", 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs, _ := run(t, "data", "deidentify", "c.yaml", "--key", "key", "-o", "safe"); !strings.Contains(errs, "others can read the key") {
		t.Errorf("no warning of a key that others can read: %s", errs)
	}
	for name, text := range map[string]string{"short": "0123456789", "same": strings.Repeat("a", 64)} {
		plant(t, name, text)
		if _, errs, code := run(t, "data", "deidentify", "c.yaml", "--key", name, "-o", "other"); code != exitInvalid || strings.Contains(errs, text) {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
}
