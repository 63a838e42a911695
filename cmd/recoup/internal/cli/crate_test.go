package cli

import "testing"

func TestPatientColumn(t *testing.T) {
	for text, want := range map[string]string{
		"site,patients\nNorth,40\n":     "",
		"\ufeffPatient_ID;pain\n1;2\n":  "Patient_ID",
		"\"record id\"\tpain\r\n1\t2\n": "record id",
		"":                              "",
	} {
		if got := patientColumn("x.csv", []byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := patientColumn("x.json", []byte("patient,pain")); got != "" {
		t.Errorf("%q in what is no table", got)
	}
}
