package evidence

import (
	"reflect"
	"testing"
)

// What is written is read again as it was: the whole default set, with correlations
// and texts that need quotes.
func TestYAMLIsReadAgain(t *testing.T) {
	s, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	s.Parameters[0].Note = "a \"quoted\" note: with a colon, # and\na new line"
	s.Correlations = []Correlation{{Names: s.Names()[:2], Matrix: [][]float64{{1, 0.25}, {0.25, 1}}}}
	again, err := Parse("written", s.YAML())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s, again) {
		t.Error("the set is not read as it was written")
	}
}
