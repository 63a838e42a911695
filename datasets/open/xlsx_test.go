package open

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"recoup/datasets"
)

// The rows of everyRow as a person would keep them in a workbook: dates as dates
// in whatever format, booleans as booleans, numbers as numbers, one padded.
func TestDigestFromExcel(t *testing.T) {
	dir := t.TempDir()
	digest := func(cohort string) string {
		path := filepath.Join(dir, "cohort.yaml")
		if err := os.WriteFile(path, []byte(cohort), 0o600); err != nil {
			t.Fatal(err)
		}
		c, _, err := Examine(context.Background(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		o, err := c.Origin(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return o.Digest
	}
	if err := os.WriteFile(filepath.Join(dir, "data.csv"), []byte(everyRow), 0o600); err != nil {
		t.Fatal(err)
	}
	want := digest(everyType)
	day := func(y int, m time.Month, d, h, min, s int) time.Time {
		return time.Date(y, m, d, h, min, s, 0, time.UTC)
	}
	for _, from1904 := range []bool{false, true} {
		f := excelize.NewFile()
		if err := f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &from1904}); err != nil {
			t.Fatal(err)
		}
		style := func(code string) int {
			id, err := f.NewStyle(&excelize.Style{CustomNumFmt: &code})
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		padded, date, timed, length := style("000"), style("dd/mm/yyyy"), style("yyyy-mm-dd hh:mm:ss"), style("[h]:mm")
		for i, row := range [][]any{
			{"id", "visit", "n", "i", "b", "d", "t", "u", "s", "c"},
			{7, "x", 1.5, 3, true, day(2020, 12, 31, 0, 0, 0), day(2021, 1, 2, 3, 4, 5), 14.0, "é", 1},
			{"7", "x", 0, "NA", false, nil, nil, nil, "=SUM(A1)", "2"},
			{"a b", "y", 0.1, -9007199254740992, "NA", day(1999, 2, 1, 0, 0, 0), day(1999, 2, 1, 0, 0, 0), 1.5, "line\nbreak", "NA"},
		} {
			for j, v := range row {
				cell, err := excelize.CoordinatesToCellName(j+1, i+1)
				if err != nil {
					t.Fatal(err)
				}
				if err := f.SetCellValue("Sheet1", cell, v); err != nil {
					t.Fatal(err)
				}
			}
		}
		for cell, id := range map[string]int{"A2": padded, "F2": date, "F4": date, "G2": timed, "G4": timed, "H2": length, "H4": length} {
			if err := f.SetCellStyle("Sheet1", cell, cell, id); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.SaveAs(filepath.Join(dir, "data.xlsx")); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"data.xlsx", "data.xlsx#Sheet1"} {
			if got := digest(strings.Replace(everyType, "path: data.csv", "path: "+path, 1)); got != want {
				t.Errorf("%s, 1904 %v: digest %s, want %s", path, from1904, got, want)
			}
		}
	}
}

// Every sheet of a workbook is drafted as a table of its own.
func TestDraftSheets(t *testing.T) {
	f := excelize.NewFile()
	for _, sheet := range []string{"people.old", "Visits"} {
		if _, err := f.NewSheet(sheet); err != nil {
			t.Fatal(err)
		}
		for cell, v := range map[string]any{"A1": "id", "B1": "age", "A2": "007", "B2": 44} {
			if err := f.SetCellValue(sheet, cell, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "book.xlsx")
	if err := f.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	d, err := Draft(context.Background(), []string{path + "#people.old", path + "#Visits"})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Resources) != 2 || d.Resources[0].Name != "people-old" || d.Resources[1].Name != "visits" || d.Resources[0].Schema.Fields[1].Type != datasets.TypeInteger {
		t.Errorf("%+v", d.Resources)
	}
}
