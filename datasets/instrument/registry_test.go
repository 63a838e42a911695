package instrument

import (
	"math"
	"slices"
	"testing"
)

func TestRegistryDecodes(t *testing.T) {
	all, err := registry()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 40 {
		t.Errorf("registry holds %d instruments, want at least 40", len(all))
	}
	for _, name := range []string{
		"nrs", "bpi-severity", "bpi-interference", "peg", "phq9", "gad7", "dass21-d", "dass21-a", "dass21-s",
		"pcs", "pseq", "tsk11", "tsk17", "odi", "rmdq", "isi", "eq5d-index", "6mwt", "promis-pain-interference",
	} {
		if _, ok := Find(name); !ok {
			t.Errorf("%s is not in the registry", name)
		}
	}
	if _, ok := Find("no such scale"); ok {
		t.Error("Find found an instrument that does not exist")
	}
}

func TestUnknownKeyIsRefused(t *testing.T) {
	for _, text := range []string{
		"- {name: x, colour: red}",
		"- {name: x, name: y}",
		"- {name: x, differences: [{value: 1, sauce: none}]}",
	} {
		if _, err := decode([]byte(text)); err == nil {
			t.Errorf("decode(%q) gave no error", text)
		}
	}
}

func TestEveryInstrumentIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, in := range All() {
		if seen[in.Name] {
			t.Errorf("%s appears twice", in.Name)
		}
		seen[in.Name] = true
		if in.Name == "" || in.Title == "" || in.Domain == "" || in.Unit == "" || in.Source == "" {
			t.Errorf("%s: name, title, domain, unit and source are all needed", in.Name)
		}
		if in.Direction != LowerIsBetter && in.Direction != HigherIsBetter {
			t.Errorf("%s: direction %q", in.Name, in.Direction)
		}
		if !(in.Min < in.Max) {
			t.Errorf("%s: range %g to %g", in.Name, in.Min, in.Max)
		}
		checkStatus(t, in.Name, in.Status)
		checkItems(t, in)
	}
}

// checkItems holds that the range of the score is what its items can give: the
// range is computed from the extreme answers, reversed items included.
func checkItems(t *testing.T, in Instrument) {
	t.Helper()
	if in.Scoring == Lookup || in.Scoring == Measured {
		if in.Items != 0 {
			t.Errorf("%s: %s scores have no items here", in.Name, in.Scoring)
		}
		return
	}
	low, high := make([]float64, in.Items), make([]float64, in.Items)
	for i := range low {
		low[i], high[i] = in.ItemMin, in.ItemMax
		if slices.Contains(in.Reversed, i+1) {
			low[i], high[i] = high[i], low[i]
		}
	}
	for _, c := range []struct {
		items []float64
		want  float64
	}{{low, in.Min}, {high, in.Max}} {
		got, err := in.Score(c.items)
		if err != nil || got != c.want {
			t.Errorf("%s: extreme answers give %v, %v; the range says %v", in.Name, got, err, c.want)
		}
	}
	if in.Scoring != Single {
		checkStatus(t, in.Name+" missing-item rule", in.Missing.Status)
		if m := in.Missing; m.MinAnswered < 1 || m.MinAnswered > in.Items || (m.Fill == None) != (m.MinAnswered == in.Items) {
			t.Errorf("%s: fill %q with at least %d of %d answered", in.Name, m.Fill, m.MinAnswered, in.Items)
		}
	}
	if in.PartOf != "" && (len(in.Positions) != in.Items || slices.Max(in.Positions) > in.Whole || slices.Min(in.Positions) < 1) {
		t.Errorf("%s: positions %v do not fit %d items of %d", in.Name, in.Positions, in.Items, in.Whole)
	}
}

func TestBands(t *testing.T) {
	for _, in := range All() {
		for _, set := range in.Bands {
			checkStatus(t, in.Name+" bands", set.Status)
			if set.Name == "" || set.Source == "" || len(set.Levels) < 2 {
				t.Errorf("%s: a band set needs a name, a source and two levels", in.Name)
			}
			if set.Levels[0].From != in.Min {
				t.Errorf("%s, %s: bands begin at %g, scores at %g", in.Name, set.Name, set.Levels[0].From, in.Min)
			}
			for i := 1; i < len(set.Levels); i++ {
				if set.Levels[i].From <= set.Levels[i-1].From || set.Levels[i].From > in.Max {
					t.Errorf("%s, %s: level %q is out of order", in.Name, set.Name, set.Levels[i].Label)
				}
			}
		}
	}
}

func TestDifferences(t *testing.T) {
	for _, in := range All() {
		defaults := 0
		for _, d := range in.Differences {
			checkStatus(t, in.Name+" difference", d.Status)
			if d.Source == "" || d.Population == "" {
				t.Errorf("%s: difference %g has no source or no population", in.Name, d.Value)
			}
			if !slices.Contains([]Kind{Absolute, Relative}, d.Kind) ||
				!slices.Contains([]Method{Anchor, Distribution, Consensus, Unstated}, d.Method) ||
				!slices.Contains([]Meaning{Detectable, Minimal, Moderate, Substantial}, d.Meaning) {
				t.Errorf("%s: difference %g has kind %q, method %q, meaning %q", in.Name, d.Value, d.Kind, d.Method, d.Meaning)
			}
			if !(d.Value > 0) || d.Value < d.Low || d.Value > d.High || math.IsNaN(d.Low) != math.IsNaN(d.High) {
				t.Errorf("%s: difference %g with range %g to %g", in.Name, d.Value, d.Low, d.High)
			}
			if d.Default {
				defaults++
				if d.Status != Sourced || d.Meaning == Detectable {
					t.Errorf("%s: the default must be sourced and say something of importance", in.Name)
				}
			}
		}
		if defaults > 1 {
			t.Errorf("%s has %d defaults", in.Name, defaults)
		}
		if _, ok := in.Default(); ok != (defaults == 1) {
			t.Errorf("%s: Default() = %v with %d defaults", in.Name, ok, defaults)
		}
	}
}

// Each item of the DASS-21 belongs to exactly one of its scales, and each of
// the PCS to one of its three.
func TestScalesPartitionTheirQuestionnaire(t *testing.T) {
	count := map[string][]int{"dass21": make([]int, 22), "pcs": make([]int, 14)}
	for _, in := range All() {
		for _, p := range in.Positions {
			count[in.PartOf][p]++
		}
	}
	for whole, c := range count {
		for item, n := range c[1:] {
			if n != 1 {
				t.Errorf("%s item %d is in %d scales", whole, item+1, n)
			}
		}
	}
}

func TestBandOfScore(t *testing.T) {
	check := func(name string, score float64, want string, wantOK bool) {
		t.Helper()
		in, _ := Find(name)
		got, ok := in.Bands[0].Band(score)
		if got != want || ok != wantOK {
			t.Errorf("%s %g: got %q, %v; want %q, %v", name, score, got, ok, want, wantOK)
		}
	}
	check("nrs", 4, "mild", true)
	check("nrs", 4.5, "mild", true) // between the published bands: the lower
	check("nrs", 5, "moderate", true)
	check("nrs", 10, "severe", true)
	check("dass21-a", 14, "moderate", true)
	check("dass21-a", 15, "severe", true)
	check("pseq", 19, "severe", true)
	check("pseq", 41, "minimal", true)
	check("nrs", math.NaN(), "", false)
	check("nrs", -1, "", false)
}

func TestBetter(t *testing.T) {
	nrs, _ := Find("nrs")
	pseq, _ := Find("pseq")
	for _, c := range []struct {
		in     Instrument
		change float64
		want   int
	}{{nrs, -2, 1}, {nrs, 2, -1}, {nrs, 0, 0}, {nrs, math.NaN(), 0}, {pseq, 7, 1}, {pseq, -7, -1}} {
		if got := c.in.Better(c.change); got != c.want {
			t.Errorf("%s change %g: %d, want %d", c.in.Name, c.change, got, c.want)
		}
	}
}

func TestInRange(t *testing.T) {
	walk, _ := Find("6mwt")
	if !walk.InRange(900) || walk.InRange(-1) || walk.InRange(math.NaN()) {
		t.Error("a six-minute walk is possible from 0 m upwards")
	}
}

func checkStatus(t *testing.T, what string, s Status) {
	t.Helper()
	if s != Sourced && s != Unverified {
		t.Errorf("%s: status %q, want sourced or unverified", what, s)
	}
}

func TestWordsOfADifference(t *testing.T) {
	for want, d := range map[string]Difference{
		"2 points (consensus; low back pain; A 2008)":            {Value: 2, Kind: Absolute, Method: Consensus, Population: "low back pain", Source: "A 2008"},
		"1 point (consensus; chronic pain; B 2008)":              {Value: 1, Kind: Absolute, Method: Consensus, Population: "chronic pain", Source: "B 2008"},
		"26.8 % of baseline (anchor; primary care; C 2020)":      {Value: 26.8, Kind: Relative, Method: Anchor, Population: "primary care", Source: "C 2020"},
		"1 % of baseline (anchor; one per cent is plural; none)": {Value: 1, Kind: Relative, Method: Anchor, Population: "one per cent is plural", Source: "none"},
	} {
		if got := d.Words(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
