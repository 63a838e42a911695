package instrument

import (
	"errors"
	"math"
	"slices"
	"testing"
)

type handScore struct {
	name  string
	items []float64
	want  float64
	least int
}

// byHand holds, for every instrument that is scored from items, a score worked by
// hand and the least number of answers that its form asks for, written down here
// a second time so that a slip in the registry shows.
var byHand = []handScore{
	{"nrs", []float64{7}, 7, 1},
	{"vas-pain", []float64{62.5}, 62.5, 1},
	{"promis-pain-intensity", []float64{4}, 4, 1},
	{"bpi-severity", []float64{8, 3, 6, 5}, 5.5, 4},                       // 22 / 4
	{"bpi-interference", []float64{8, 5, 6, 4, 7, 9, 3}, 6, 4},            // 42 / 7
	{"peg", []float64{6, 7, 8}, 7, 3},                                     // 21 / 3
	{"phq9", []float64{3, 2, 1, 0, 3, 2, 1, 0, 1}, 13, 7},                 // 3+2+1+0+3+2+1+0+1
	{"gad7", []float64{3, 2, 1, 0, 3, 2, 1}, 12, 6},                       // 3+2+1+0+3+2+1
	{"dass21-d", []float64{1, 2, 3, 0, 1, 2, 3}, 24, 6},                   // 2 × 12
	{"dass21-a", []float64{0, 0, 1, 1, 2, 2, 3}, 18, 6},                   // 2 × 9
	{"dass21-s", []float64{3, 3, 3, 0, 0, 0, 1}, 20, 6},                   // 2 × 10
	{"promis-depression-8-raw", []float64{1, 2, 3, 4, 5, 1, 2, 3}, 21, 8}, // 15 + 6
	{"promis-anxiety-8-raw", []float64{5, 5, 4, 4, 3, 3, 2, 2}, 28, 8},    // 10+8+6+4
	{"promis-anger-5-raw", []float64{1, 2, 3, 4, 5}, 15, 5},               // 1+2+3+4+5
	{"pcs", []float64{4, 3, 2, 1, 0, 4, 3, 2, 1, 0, 4, 3, 2}, 29, 12},     // 10+10+9
	{"pcs-rumination", []float64{4, 3, 2, 1}, 10, 4},
	{"pcs-magnification", []float64{4, 0, 2}, 6, 3},
	{"pcs-helplessness", []float64{1, 1, 2, 2, 3, 3}, 12, 6},
	{"pseq", []float64{6, 5, 4, 3, 2, 1, 0, 6, 5, 4}, 36, 9},                                          // 21 + 15
	{"tsk11", []float64{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3}, 26, 11},                                     // 10+10+6
	{"tsk17", []float64{1, 2, 3, 1, 1, 2, 3, 1, 1, 2, 3, 1, 1, 2, 3, 1, 2}, 42, 17},                   // four times 1+2+3+(5-1), and 2
	{"comm", []float64{4, 3, 2, 1, 0, 4, 3, 2, 1, 0, 4, 3, 2, 1, 0, 4, 3}, 37, 17},                    // three times 10, and 7
	{"odi", []float64{5, 4, 3, 2, 1, 0, 5, 4, 3, 2}, 58, 5},                                           // 29 of 50
	{"rmdq", []float64{1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1}, 9, 1}, // nine yes
	{"qbpds", []float64{5, 4, 3, 2, 1, 0, 5, 4, 3, 2, 1, 0, 5, 4, 3, 2, 1, 0, 5, 4}, 54, 20},          // three times 15, and 9
	{"isi", []float64{4, 3, 2, 1, 0, 4, 3}, 17, 7},
	{"eq5d-vas", []float64{71.5}, 71.5, 1},
	{"pgic", []float64{2}, 2, 1},
	{"pgic-reversed", []float64{6}, 6, 1},
}

// Every instrument with items is there; all its items give the hand's score, just
// enough answers give one, and one fewer gives none.
func TestEveryScoreByHand(t *testing.T) {
	for _, in := range All() {
		if in.Items > 0 && !slices.ContainsFunc(byHand, func(h handScore) bool { return h.name == in.Name }) {
			t.Errorf("%s has no score worked by hand", in.Name)
		}
	}
	for _, h := range byHand {
		in, _ := Find(h.name)
		if got, err := in.Score(h.items); err != nil || math.Abs(got-h.want) > 1e-12 {
			t.Errorf("%s: %v, %v; want %v", h.name, got, err, h.want)
		}
		if in.Needed() != h.least {
			t.Errorf("%s needs %d answers, want %d", h.name, in.Needed(), h.least)
		}
		some := slices.Clone(h.items)
		for i := h.least; i < len(some); i++ {
			some[i] = na
		}
		if got, err := in.Score(some); err != nil || !in.InRange(got) {
			t.Errorf("%s with %d answers: %v, %v", h.name, h.least, got, err)
		}
		some[h.least-1] = na
		if got, err := in.Score(some); !errors.Is(err, ErrTooFew) || !math.IsNaN(got) {
			t.Errorf("%s with %d answers: %v, %v", h.name, h.least-1, got, err)
		}
	}
}

// A missing answer among others, by each rule and at its edge.
func TestMissingItemsByHand(t *testing.T) {
	for _, c := range []struct {
		name  string
		items []float64
		want  float64
	}{
		{"gad7", []float64{3, 2, 1, 0, 3, 2, na}, 77.0 / 6},                    // 11 × 7 / 6
		{"pcs", []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, na}, 13},         // 12 × 13 / 12
		{"pseq", []float64{6, 6, 6, 6, 6, 6, 6, 6, na, 0}, 480.0 / 9},          // 48 × 10 / 9
		{"odi", []float64{5, 5, 5, 0, 0, na, na, na, na, na}, 60},              // 15 of 25
		{"dass21-s", []float64{3, na, 3, 0, 0, 0, 0}, 14},                      // 2 × 6 × 7 / 6
		{"bpi-interference", []float64{10, 10, 0, 0, na, na, na}, 5},           // 20 / 4
		{"rmdq", append([]float64{1}, slices.Repeat([]float64{na}, 23)...), 1}, // the others count as no
	} {
		in, _ := Find(c.name)
		if got, err := in.Score(c.items); err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

// The two bands at each of the edges that the forms print.
func TestBandEdges(t *testing.T) {
	for _, c := range []struct {
		name, set string
		edges     []float64 // first score of each band
		labels    []string
	}{
		{"nrs", "ePPOC", []float64{0, 5, 7}, []string{"mild", "moderate", "severe"}},
		{"nrs", "conventional", []float64{0, 1, 5, 7}, []string{"none", "mild", "moderate", "severe"}},
		{"phq9", "conventional", []float64{0, 5, 10, 15, 20}, []string{"minimal", "mild", "moderate", "moderately severe", "severe"}},
		{"gad7", "conventional", []float64{0, 5, 10, 15}, []string{"minimal", "mild", "moderate", "severe"}},
		{"dass21-d", "DASS", []float64{0, 10, 14, 21, 28}, []string{"normal", "mild", "moderate", "severe", "extremely severe"}},
		{"dass21-a", "DASS", []float64{0, 8, 10, 15, 20}, []string{"normal", "mild", "moderate", "severe", "extremely severe"}},
		{"dass21-s", "DASS", []float64{0, 15, 19, 26, 34}, []string{"normal", "mild", "moderate", "severe", "extremely severe"}},
		{"promis-depression", "PROMIS depression", []float64{10, 55, 60, 65, 70}, []string{"within normal limits", "mild", "moderate", "moderately severe", "severe"}},
		{"promis-anxiety", "PROMIS", []float64{10, 55, 60, 70}, []string{"within normal limits", "mild", "moderate", "severe"}},
		{"promis-fatigue", "PROMIS", []float64{10, 55, 60, 70}, []string{"within normal limits", "mild", "moderate", "severe"}},
		{"pcs", "clinical cut-off", []float64{0, 30}, []string{"below", "clinically relevant"}},
		{"pcs", "ePPOC", []float64{0, 20, 31}, []string{"mild", "high", "severe"}},
		{"pseq", "ePPOC", []float64{0, 20, 31, 41}, []string{"severe", "moderate", "mild", "minimal"}},
		{"tsk17", "conventional", []float64{17, 38}, []string{"low", "high"}},
		{"comm", "conventional", []float64{0, 9}, []string{"below", "possible misuse"}},
		{"odi", "conventional", []float64{0, 21, 41, 61, 81}, []string{"minimal", "moderate", "severe", "crippled", "bed-bound"}},
		{"isi", "conventional", []float64{0, 8, 15, 22}, []string{"none", "subthreshold", "moderate", "severe"}},
		{"isi", "trial entry", []float64{0, 11}, []string{"below", "insomnia"}},
		{"tug", "fall risk", []float64{0, 12}, []string{"usual", "at risk of falls"}},
		{"steps", "conventional", []float64{0, 5000}, []string{"sedentary", "not sedentary"}},
		{"pgic", "IMMPACT responder", []float64{1, 3}, []string{"responder", "not a responder"}},
		{"pgic-reversed", "IMMPACT responder", []float64{1, 6}, []string{"not a responder", "responder"}},
	} {
		in, _ := Find(c.name)
		at := slices.IndexFunc(in.Bands, func(b BandSet) bool { return b.Name == c.set })
		if at < 0 {
			t.Errorf("%s has no bands %q", c.name, c.set)
			continue
		}
		for i, from := range c.edges {
			if got, ok := in.Bands[at].Band(from); !ok || got != c.labels[i] {
				t.Errorf("%s %s at %g: %q, want %q", c.name, c.set, from, got, c.labels[i])
			}
			if i > 0 {
				if got, _ := in.Bands[at].Band(from - 0.5); got != c.labels[i-1] {
					t.Errorf("%s %s below %g: %q, want %q", c.name, c.set, from, got, c.labels[i-1])
				}
			}
		}
	}
}

func TestScales(t *testing.T) {
	for name, want := range map[string]struct {
		scales []string
		items  int
	}{
		"phq9":     {[]string{"phq9"}, 9},
		"dass21":   {[]string{"dass21-d", "dass21-a", "dass21-s"}, 21},
		"dass21-a": {[]string{"dass21-a"}, 7},
		"pcs":      {[]string{"pcs", "pcs-rumination", "pcs-magnification", "pcs-helplessness"}, 13},
	} {
		scales, items, err := Scales(name)
		var got []string
		for _, in := range scales {
			got = append(got, in.Name)
			if in.Items > items || in.ItemMin != scales[0].ItemMin || in.ItemMax != scales[0].ItemMax || in.Continuous != scales[0].Continuous {
				t.Errorf("%s: the answers of %s are others than those of %s", name, in.Name, scales[0].Name)
			}
		}
		if err != nil || items != want.items || !slices.Equal(got, want.scales) {
			t.Errorf("Scales(%q) = %v, %d, %v; want %v", name, got, items, err, want)
		}
	}
	for _, name := range []string{"", "no such scale", "promis-fatigue", "6mwt", "eq5d-index", "sf12-pcs"} {
		if scales, _, err := Scales(name); !errors.Is(err, ErrNotScored) || scales != nil {
			t.Errorf("Scales(%q) = %v, %v", name, scales, err)
		}
	}
}

// Each scale takes its own items out of the form, whose answers are told apart here
// by the place that a hand gives them.
func TestPickByHand(t *testing.T) {
	form := make([]float64, 21)
	form[4-1], form[15-1] = 3, 1 // both of anxiety
	for name, want := range map[string]float64{"dass21-d": 0, "dass21-a": 8, "dass21-s": 0} {
		in, _ := Find(name)
		items, err := in.Pick(form)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := in.Score(items); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
}
