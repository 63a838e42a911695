package crate

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

var about = About{Name: "Third quarter", Description: "Outcomes of the program", Date: "2026-11-22", License: "https://creativecommons.org/licenses/by/4.0/", Authors: []string{"R. Owner"}}

func folder() fstest.MapFS {
	return fstest.MapFS{
		"report.html": {Data: []byte("<p>report</p>")},
		"report.json": {Data: []byte(`{"schema": "recoup.numbers/v1", "title": "Quarterly outcome report", "facts": [{"name": "recoup", "text": "0.1.0 (revision abc)"}, {"name": "Cohort", "text": "ours"}, {"name": "Digest of the cohort, SHA-256", "text": "c0ffee"}]}`)},
		"sub/effect of pain.json": {Data: []byte(`{"schema": "recoup.estimates/v1", "provenance": {"recoup": "0.1.0", "revision": "abc", "analysis": "effect/hedges-g",
			"origin": {"dictionary": "ours", "patients": 1700, "rows": 5, "digest": "c0ffee"}}}`)},
		"foreign.json": {Data: []byte(`{"schema": "other"}`)},
		Metadata:       {Data: []byte("old")},
	}
}

// Every file but the old metadata is described with its size and digest (that of
// the report as sha256sum has it), and both runs point to one cohort and program.
func TestDescribe(t *testing.T) {
	b, err := Describe(folder(), about)
	if err != nil {
		t.Fatal(err)
	}
	var x struct {
		Graph []map[string]any `json:"@graph"`
	}
	if err := json.Unmarshal(b, &x); err != nil {
		t.Fatal(err)
	}
	nodes, kinds := map[string]map[string]any{}, map[string]int{}
	for _, n := range x.Graph {
		id := n["@id"].(string)
		if nodes[id] != nil {
			t.Errorf("%s stands twice", id)
		}
		nodes[id] = n
		kinds[n["@type"].(string)]++
	}
	if kinds["File"] != 4 || kinds["SoftwareApplication"] != 1 || kinds["CreateAction"] != 2 || kinds["Dataset"] != 2 || kinds["Person"] != 1 {
		t.Errorf("nodes %v", kinds)
	}
	f := nodes["report.html"]
	if f == nil || f["sha256"] != "93aeea0c693969439a2849182734bf191b3426ff0c02e0b98618274496fb398d" || f["contentSize"] != "13" || f["encodingFormat"] != "text/html" {
		t.Errorf("report.html is %v", f)
	}
	if nodes["sub/effect%20of%20pain.json"] == nil {
		t.Error("a space in a name is not escaped")
	}
	r := nodes["#run-report"]
	if r == nil || len(r["result"].([]any)) != 2 || r["name"] != "Quarterly outcome report" {
		t.Errorf("the run of the report is %v", r)
	}
	for _, id := range []string{"#run-report", "#run-sub/effect%20of%20pain"} {
		if n := nodes[id]; n == nil || n["object"].([]any)[0].(map[string]any)["@id"] != "#cohort-c0ffee" {
			t.Errorf("%s is %v, want the cohort by its digest", id, n)
		}
	}
	// Whatever is pointed to stands there.
	var check func(v any)
	check = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if id, ok := v["@id"].(string); ok && len(v) == 1 && nodes[id] == nil && !strings.HasPrefix(id, "https://w3id.org/") {
				t.Errorf("%s is pointed to and is not there", id)
			}
			for _, y := range v {
				check(y)
			}
		case []any:
			for _, y := range v {
				check(y)
			}
		}
	}
	for _, n := range x.Graph {
		check(n)
	}
	again, err := Describe(folder(), about)
	if err != nil || !bytes.Equal(b, again) {
		t.Error("the same folder is described in other bytes")
	}
}

func TestDescribeRefuses(t *testing.T) {
	_, err := Describe(folder(), About{Date: "22.11.2026"})
	if !errors.Is(err, ErrAbout) || !strings.Contains(err.Error(), "a name, a description, a license, a date as 2026-11-22") {
		t.Errorf("error %v, want all that is missing", err)
	}
	if _, err := Describe(fstest.MapFS{}, about); !errors.Is(err, ErrAbout) {
		t.Errorf("error %v for an empty folder", err)
	}
}
