package open

import (
	"context"
	"os"
	"testing"
)

// shared skips loudly where the real data is absent.
func shared(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat("../../../shared/data/" + path); err != nil {
		t.Skipf("SKIPPED: the real data %s is absent from the shared folder beside the project", path)
	}
}

func TestRealCohorts(t *testing.T) {
	shared(t, "ashar2022")
	for _, c := range []struct {
		file           string
		patients, rows int
	}{
		// 151 randomised and one stray patient without a group; 1,176 visit
		// rows and 151 patient rows.
		{"ashar2022", 152, 1176 + 151},
		{"ctn0094", 3560, 3560 + 216_242},
	} {
		co, err := Cohort(context.Background(), "../testdata/"+c.file+".yaml", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if co.Patients() != c.patients || co.Rows() != c.rows {
			t.Errorf("%s: %d patients and %d rows, want %d and %d", c.file, co.Patients(), co.Rows(), c.patients, c.rows)
		}
	}
}
