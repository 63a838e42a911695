package open

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recoup/datasets"
)

// A file as clinics have it: names with blanks and hyphens, decimal commas, and codes
// for missing that are numbers.
func TestDraftOfAClinicsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "export.csv")
	text := "Patient-ID;Visit Name;Dose (mg);Weeks off;Age;Balance;Change\n"
	for i := range 20 {
		dose, weeks := "20,5", fmt.Sprint(i)
		if i%5 == 0 {
			dose, weeks = "-99", "999"
		}
		if i == 7 {
			dose = "k.A."
		}
		text += fmt.Sprintf("P%02d;baseline;%s;%s;%d;-99;%d\n", i, dose, weeks, 40+i, i-9)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Draft(context.Background(), []string{path})
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]datasets.Field{}
	for _, f := range d.Resources[0].Schema.Fields {
		fields[f.Name] = f
	}
	for name, role := range map[string]datasets.Role{"Patient-ID": datasets.RolePatient, "Visit Name": datasets.RoleVisit} {
		if fields[name].Role != role {
			t.Errorf("%s has the role %q", name, fields[name].Role)
		}
	}
	codes := func(name string) string {
		var out []string
		for _, m := range fields[name].MissingValues {
			out = append(out, m.Value)
		}
		return strings.Join(out, "|")
	}
	for name, want := range map[string]string{
		"Dose (mg)": "|k.A.|-99",
		"Weeks off": "", // 999 can be a number: told, not declared
		"Age":       "",
		"Balance":   "", // nothing but -99: no number to hold it against
		"Change":    "", // others are below 0 too
	} {
		if got := codes(name); got != want {
			t.Errorf("%s: missing codes %q, want %q (%s)", name, got, want, fields[name].Guess)
		}
	}
	if !strings.Contains(fields["Weeks off"].Guess, "check whether 999 means missing") {
		t.Errorf("999 is not told: %s", fields["Weeks off"].Guess)
	}
	if f := fields["Dose (mg)"]; f.Type != datasets.TypeNumber || f.DecimalChar != "," {
		t.Errorf("the dose is drafted as %+v", f)
	}
}

// Names that many exports give to the patient's column, and some that are no patient's.
func TestDraftFindsThePatient(t *testing.T) {
	for name, want := range map[string]bool{
		"patient_id": true, "Patient-ID": true, "PatientID": true, "Patient (ID)": true, "Subject.Number": true,
		"USUBJID": true, "study_id": true, "StudyID": true, "record_id": true, "Pat. Nr.": true, "Case No": true, "pid": true,
		"study": false, "case": false, "identity": false, "paid": false, "valid": false,
	} {
		path := filepath.Join(t.TempDir(), "t.csv")
		if err := os.WriteFile(path, []byte(name+",x\nA1,1\nA2,2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Draft(context.Background(), []string{path}); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
