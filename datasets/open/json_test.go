package open

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recoup/datasets"
)

// The rows of everyRow in Dataset-JSON give the same digest as from CSV.
func TestDigestFromDatasetJSON(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"data.csv":    everyRow,
		"cohort.yaml": everyType,
		"json.yaml":   strings.NewReplacer("data.csv", "data.json", `, trueValues: ["yes"], falseValues: ["no"]`, "").Replace(everyType),
		"data.json": `{"datasetJSONVersion":"1.1.0","records":3,"columns":[{"name":"id"},{"name":"visit"},{"name":"n","dataType":"decimal"},{"name":"i"},{"name":"b"},{"name":"d"},{"name":"t"},{"name":"u"},{"name":"s"},{"name":"c"}],"rows":[
["007","x","1.5",3,true,"2020-12-31","2021-01-02T03:04:05","P2W","é","1"],
["7","x",-0.0,null,false,null,null,null,"=SUM(A1)","2"],
["a b","y",0.1,-9007199254740992,null,"1999-02-01","1999-02-01T00:00","PT36H","line\nbreak",null]]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var digests []string
	for _, name := range []string{"cohort.yaml", "json.yaml"} {
		c, _, err := Examine(context.Background(), filepath.Join(dir, name), Options{})
		if err != nil {
			t.Fatal(err)
		}
		o, err := c.Origin(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, o.Digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("digests %v", digests)
	}
}

// A file of JSON is opened by its content; what it says of its columns is in the
// draft.
func TestDraftJSON(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"adsl.json": `{"name":"ADSL","columns":[{"name":"USUBJID","label":"Subject","dataType":"string"},{"name":"AGE","label":"Age","dataType":"integer"}],"rows":[["007",44]]}`,
		"q.ndjson":  `{"id":"1","resourceType":"QuestionnaireResponse","subject":{"reference":"Patient/007"},"authored":"2020-01-31T10:00:00Z","item":[{"linkId":"AGE","text":"Age","answer":[{"valueInteger":44}]}]}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Draft(context.Background(), []string{path})
		if err != nil {
			t.Fatal(name, err)
		}
		fields := d.Resources[0].Schema.Fields
		last := fields[len(fields)-1]
		if fields[0].Role != datasets.RolePatient || last.Title != "Age" || last.Type != datasets.TypeInteger {
			t.Errorf("%s: %+v", name, fields)
		}
	}
	path := filepath.Join(dir, "bad.json")
	if err := os.WriteFile(path, []byte(`[1]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Draft(context.Background(), []string{path}); err == nil || !strings.Contains(err.Error(), "Dataset-JSON") {
		t.Errorf("%v", err)
	}
}
