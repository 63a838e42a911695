package published

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestEntriesDecode(t *testing.T) {
	if _, err := load(); err != nil {
		t.Fatal(err)
	}
	if n := len(All()); n < 45 {
		t.Errorf("%d entries, want at least 45", n)
	}
	for _, id := range []string{
		"juratli-2006", "nguyen-2011", "franklin-1994", "anderson-2016", "sport-idh-2008", "qod-2017", "norspine-2025",
		"fairbank-2005", "brox-2010", "rivano-fischer-2019", "eppoc-2015", "nicholas-2019", "rome-2004", "townsend-2008",
		"murphy-2021", "huffman-2013", "smith-2015", "gerdle-2016", "steiner-2013", "theodore-2014", "kamper-2015",
	} {
		if _, ok := Find(id); !ok {
			t.Errorf("no entry %s", id)
		}
	}
	if _, ok := Find("nobody-1900"); ok {
		t.Error("Find found an entry that does not exist")
	}
}

func TestUnknownKeyIsRefused(t *testing.T) {
	for _, text := range []string{"- {id: x, sauce: y}", "- {id: x, results: [{outcome: work, valeu: 3}]}", "- {id: x, results: [{at: soon after}]}"} {
		var into []Entry
		if err := strict([]byte(text), &into); err == nil {
			t.Errorf("%q gave no error", text)
		}
	}
}

// Every word is in the vocabulary, and every entry says where it is from and
// how sure it is.
func TestEntriesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range All() {
		if seen[e.ID] {
			t.Errorf("%s appears twice", e.ID)
		}
		seen[e.ID] = true
		if e.ID == "" || e.Citation == "" || e.Population == "" || e.Source == "" || len(e.Results)+len(e.Transitions) == 0 {
			t.Errorf("%s: id, citation, population, source and a result are needed", e.ID)
		}
		for field, word := range map[string]string{
			"condition": e.Condition, "payer": e.Payer, "work_before": e.WorkBefore, "procedure": e.Procedure, "design": e.Design,
		} {
			known(t, e.ID, field, word)
		}
		if e.Design == "" || e.Condition == "" {
			t.Errorf("%s: design and condition are needed", e.ID)
		}
		if (e.Status == Claim) != (e.Design == "statement") {
			t.Errorf("%s: a claim, and only a claim, is a statement", e.ID)
		}
		for _, a := range e.Arms {
			known(t, e.ID, "procedure", a.Procedure)
			known(t, e.ID, "work_before", a.WorkBefore)
			if e.N > 0 && a.N > e.N {
				t.Errorf("%s: arm %s has %d of %d people", e.ID, a.Name, a.N, e.N)
			}
		}
		for i, r := range e.Results {
			checkResult(t, e, i, r)
		}
	}
}

// What is shown of an entry is there and in the range of its kind, so that no listing
// of it can leave out how sure it is.
func TestEntriesCanBeShown(t *testing.T) {
	id, pmc := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`), regexp.MustCompile(`^(PMC[0-9]+)?$`)
	results := map[Status]int{}
	for _, e := range All() {
		if !id.MatchString(e.ID) || !pmc.MatchString(e.PMC) || e.DOI != "" && !strings.HasPrefix(e.DOI, "10.") || e.Year != 0 && (e.Year < 1980 || e.Year > 2030) {
			t.Errorf("%s: id, PMC %q, DOI %q or year %d", e.ID, e.PMC, e.DOI, e.Year)
		}
		if !slices.Contains(Kinds(), e.Kind) || !slices.Contains([]Status{Sourced, Unverified, Claim}, e.Status) {
			t.Errorf("%s: kind %q, status %q", e.ID, e.Kind, e.Status)
		}
		if (e.Kind == "claims") != (e.Status == Claim) || len(e.Population) < 8 {
			t.Errorf("%s: %s filed under %s, population %q", e.ID, e.Status, e.Kind, e.Population)
		}
		for i, r := range e.Results {
			results[r.Status]++
			bad := false
			switch r.Measure {
			case Proportion:
				share := r.Share()
				bad = !(share >= 0 && share <= 1)
			case PercentChange:
				bad = r.Value < -100
			case OddsRatio, Ratio, Total, Median:
				bad = !(r.Value > 0)
			case SMD, LogOddsRatio:
				bad = !(math.Abs(r.Value) < 5)
			case VarianceExplained:
				bad = !(r.Value >= 0 && r.Value <= 100)
			case Mean:
				bad = r.Unit == "utility" && !(r.Value >= -1 && r.Value <= 1) || r.Value < 0
			case Range:
				bad = !(r.Low < r.High) || r.Unit == "percent" && (r.Low < 0 || r.High > 100)
			case Difference, Change:
				bad = r.Unit == "utility" && math.Abs(r.Value) > 2
			}
			if bad {
				t.Errorf("%s, result %d: %s of %g (%g to %g) %s", e.ID, i+1, r.Measure, r.Value, r.Low, r.High, r.Unit)
			}
			if e.Status == Unverified && r.Status == Sourced && r.Source == e.Source {
				t.Errorf("%s, result %d is sourced and its entry is not: it needs a source of its own", e.ID, i+1)
			}
		}
	}
	if results[Sourced] < 250 || results[Unverified] < 30 || results[Claim] != 4 {
		t.Errorf("results by status: %v", results)
	}
	for _, k := range Kinds() {
		if len(Select(Filter{Kind: k})) == 0 {
			t.Errorf("nothing of kind %s", k)
		}
	}
}

// A horizon picks what was seen as long after, of whatever event unless it names one.
func TestSelectByHorizon(t *testing.T) {
	at := func(text string) map[string]bool {
		h, err := ParseHorizon(text)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]bool{}
		for _, e := range Select(Filter{Horizon: &h}) {
			for _, r := range e.Results {
				if !near(r.At.Days(), h.Days()) {
					t.Errorf("%s: %s at %s", text, e.ID, r.At)
				}
			}
			out[e.ID] = true
		}
		return out
	}
	if got := at("2 years"); !got["juratli-2006"] || !got["fairbank-2005"] || !got["rivano-fischer-2019"] || got["qod-2017"] {
		t.Errorf("2 years: %v", got)
	}
	if got := at("24 months after surgery"); !got["juratli-2006"] || got["fairbank-2005"] || got["rivano-fischer-2019"] {
		t.Errorf("24 months after surgery: %v", got)
	}
	if got := at("discharge"); !got["rome-2004"] || got["juratli-2006"] {
		t.Errorf("discharge: %v", got)
	}
}

func known(t *testing.T, id, field, word string) {
	t.Helper()
	if word != "" && !slices.Contains(Vocabulary(field), word) {
		t.Errorf("%s: %s %q is not in the vocabulary", id, field, word)
	}
}

func checkResult(t *testing.T, e Entry, i int, r Result) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s, result %d (%s %s): "+format, append([]any{e.ID, i + 1, r.Arm, r.Outcome}, args...)...)
	}
	if r.Outcome == "" || r.Unit == "" || r.Source == "" {
		fail("outcome, unit and source are needed")
	}
	if !slices.Contains([]Status{Sourced, Unverified, Claim}, r.Status) {
		fail("status %q", r.Status)
	}
	known(t, e.ID, "outcome", r.Outcome)
	known(t, e.ID, "definition", r.Definition)
	if (r.Outcome == "work" || r.Outcome == "work disability" || r.Outcome == "sick leave") && r.Definition == "" {
		fail("a work outcome needs a definition")
	}
	named := func(arm string) bool {
		return slices.ContainsFunc(e.Arms, func(a Arm) bool { return a.Name == arm })
	}
	if (len(e.Arms) > 0) != (r.Arm != "") || (r.Arm != "" && !named(r.Arm)) || (r.Reference != "" && !named(r.Reference)) {
		fail("arm %q, reference %q are not among the entry's arms", r.Arm, r.Reference)
	}
	between := r.Measure == SMD || r.Measure == OddsRatio || (r.Measure == Difference && len(e.Arms) > 0)
	if between && r.Reference == "" {
		fail("a %s needs a reference arm", r.Measure)
	}
	if e.N > 0 && r.N > e.N {
		fail("n = %d of %d people", r.N, e.N)
	}
	checkNumbers(t, r, fail)
}

func checkNumbers(t *testing.T, r Result, fail func(string, ...any)) {
	t.Helper()
	measures := []Measure{Proportion, Mean, Median, Change, PercentChange, Difference, SMD, OddsRatio, Ratio, Total, Range, LogOddsRatio, VarianceExplained}
	if !slices.Contains(measures, r.Measure) {
		fail("measure %q", r.Measure)
	}
	if math.IsNaN(r.Low) != math.IsNaN(r.High) || r.Low > r.High || r.Value < r.Low || r.Value > r.High {
		fail("%g with limits %g to %g", r.Value, r.Low, r.High)
	}
	if r.SD <= 0 {
		fail("SD %g", r.SD)
	}
	counted := !math.IsNaN(r.Events)
	switch r.Measure {
	case Range:
		if !math.IsNaN(r.Value) || math.IsNaN(r.Low) {
			fail("a range has two ends and no value")
		}
	case Proportion:
		if counted && (r.N == 0 || r.Events < 0 || r.Events > float64(r.N) || r.Events != math.Trunc(r.Events)) {
			fail("%g events of %d", r.Events, r.N)
		}
		if !counted && math.IsNaN(r.Value) || r.Value < 0 || r.Value > 100 || r.Unit != "percent" {
			fail("%g %s", r.Value, r.Unit)
		}
		if counted && !math.IsNaN(r.Value) && printed(100*r.Events/float64(r.N), r.Value) != r.Value {
			fail("%g of %d is %.3f percent, printed as %g", r.Events, r.N, 100*r.Events/float64(r.N), r.Value)
		}
	default:
		if math.IsNaN(r.Value) || counted {
			fail("a %s has a value and no events", r.Measure)
		}
	}
}

// printed rounds x to as many decimals as like was printed with.
func printed(x, like float64) float64 {
	_, decimals, _ := strings.Cut(strconv.FormatFloat(like, 'f', -1, 64), ".")
	scale := math.Pow10(len(decimals))
	return math.Round(x*scale) / scale
}

// A complement is 100 minus a measured proportion of the same entry, of the
// same people at the same time, and says so.
func TestComplements(t *testing.T) {
	found := 0
	for _, e := range All() {
		for _, r := range e.Results {
			if !r.Complement {
				continue
			}
			found++
			ok := slices.ContainsFunc(e.Results, func(m Result) bool {
				return !m.Complement && m.Measure == Proportion && m.N == r.N && m.At == r.At && math.Abs(m.Value+r.Value-100) < 1e-9
			})
			if !ok || !strings.Contains(r.Note, "complement") {
				t.Errorf("%s: complement %g has no measured partner or no note", e.ID, r.Value)
			}
		}
	}
	if found < 2 {
		t.Errorf("%d complements, want Juratli's and Franklin's", found)
	}
}

// Rows add up to the people who started in each state, and the columns of "none"
// add up to the men and women without sick leave in the same paper's other table.
func TestTransitions(t *testing.T) {
	e, _ := Find("rivano-fischer-2019")
	if len(e.Transitions) != 2 {
		t.Fatalf("%d transition tables, want 2", len(e.Transitions))
	}
	for _, e := range All() {
		for _, tr := range e.Transitions {
			total := 0
			for i, row := range tr.Counts {
				sum := 0
				for _, n := range row {
					sum += n
				}
				if sum != tr.Before[i] || len(row) != len(tr.States) {
					t.Errorf("%s, %s: row %s adds up to %d, want %d", e.ID, tr.At, tr.States[i], sum, tr.Before[i])
				}
				total += sum
			}
			if total != e.N || len(tr.Counts) != len(tr.States) || len(tr.Before) != len(tr.States) {
				t.Errorf("%s, %s: table holds %d people, want %d", e.ID, tr.At, total, e.N)
			}
			known(t, e.ID, "definition", tr.Definition)
			known(t, e.ID, "outcome", tr.Outcome)
		}
	}
	for i, want := range []int{1057 + 2627, 1275 + 3322} {
		got := 0
		for _, row := range e.Transitions[i].Counts {
			got += row[0]
		}
		if got != want {
			t.Errorf("%s: %d without sick leave, table III has %d", e.Transitions[i].At, got, want)
		}
	}
	// The summary rows are cells of the tables.
	for i, r := range e.Results[:2] {
		if int(r.Events) != e.Transitions[i].Counts[2][0] || r.N != e.Transitions[i].Before[2] || r.At != e.Transitions[i].At {
			t.Errorf("result %d is not the cell full temporary to none", i+1)
		}
	}
}

func TestFamousFigures(t *testing.T) {
	nguyen, _ := Find("nguyen-2011")
	if got := nguyen.Results[0].Share(); math.Abs(got-188.0/725) > 1e-15 {
		t.Errorf("Nguyen, fusion: %v", got)
	}
	if nguyen.Results[0].At.After == nguyen.Results[1].At.After || !strings.Contains(nguyen.Note, "time origins") {
		t.Error("Nguyen's cases and controls must show their different time origins")
	}
	juratli, _ := Find("juratli-2006")
	if got := juratli.Results[0].Share(); math.Abs(got-0.639) > 1e-12 {
		t.Errorf("Juratli: %v", got)
	}
	kamper, _ := Find("kamper-2015")
	for _, r := range kamper.Results {
		if r.Status != Unverified {
			t.Error("every figure of Kamper 2015 is unverified")
		}
	}
	if got := kamper.Results[0].Share(); !math.IsNaN(got) {
		t.Errorf("a standardised difference has no share, got %v", got)
	}
	mrc, _ := Find("rivero-arias-2005")
	if last := mrc.Results[len(mrc.Results)-1]; last.Status != Unverified || math.Round(3304/0.068) != last.Value {
		t.Errorf("the MRC trial's ratio is unverified and 3304/0.068, got %s %v", last.Status, last.Value)
	}
}

func TestSelect(t *testing.T) {
	got := Select(Filter{Outcome: "work", Procedure: "lumbar fusion", Payer: "workers-compensation", Measure: "proportion", Status: "sourced"})
	var ids []string
	for _, e := range got {
		ids = append(ids, e.ID)
		for _, r := range e.Results {
			if mix := e.CaseMix(r); r.Outcome != "work" || mix.Procedure != "lumbar fusion" || mix.Payer != "workers-compensation" {
				t.Errorf("%s: %s after %s", e.ID, r.Outcome, mix.Procedure)
			}
		}
	}
	slices.Sort(ids)
	if s := strings.Join(ids, " "); s != "anderson-2016 franklin-1994 juratli-2006 nguyen-2011" {
		t.Errorf("selected %s", s)
	}
	nguyen, _ := Find("nguyen-2011")
	if len(nguyen.Results) < 10 {
		t.Error("Select changed the entry itself")
	}
	if n := len(Select(Filter{})); n != len(All()) {
		t.Errorf("the empty filter gives %d of %d", n, len(All()))
	}
	if got := Select(Filter{Outcome: "sick leave", Definition: "sick-leave-window"}); len(got) != 1 || len(got[0].Transitions) != 2 || len(got[0].Results) != 0 {
		t.Errorf("transition tables: %v", got)
	}
	if got := Select(Filter{Instrument: "odi", Outcome: "work"}); len(got) != 0 {
		t.Errorf("an impossible filter gives %d entries", len(got))
	}
}

func TestParseHorizon(t *testing.T) {
	check := func(text string, want Horizon, days float64) {
		t.Helper()
		got, err := ParseHorizon(text)
		if err != nil || got != want || math.Abs(got.Days()-days) > 1e-9 || got.String() != text {
			t.Errorf("%q: %+v %q %v, %v; want %+v", text, got, got.String(), got.Days(), err, want)
		}
	}
	check("2 years after surgery", Horizon{2, "years", "surgery"}, 730.5)
	check("1 year", Horizon{1, "years", ""}, 365.25)
	check("4 weeks after start of treatment", Horizon{4, "weeks", "start of treatment"}, 28)
	check("discharge", Horizon{0, "days", "discharge"}, 0)
	if h, err := ParseHorizon(""); err != nil || !math.IsNaN(h.Days()) || h.String() != "" {
		t.Errorf("empty: %+v, %v", h, err)
	}
	for _, text := range []string{"two years", "2 fortnights", "2 years before surgery", "-1 years", "soon after surgery"} {
		if _, err := ParseHorizon(text); err == nil {
			t.Errorf("%q gave no error", text)
		}
	}
}

// A horizon worked out from weeks is written as people read it.
func TestHorizonIsReadable(t *testing.T) {
	if s := (Horizon{Value: 365.0 / 7, Unit: "weeks", After: "discharge"}).String(); s != "52.1 weeks after discharge" {
		t.Errorf("a year in weeks is written %q", s)
	}
}
