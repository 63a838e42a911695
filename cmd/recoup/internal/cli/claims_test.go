package cli

import (
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/compare"
	"recoup/datasets/published"
)

// A reading counts where at least 70 percent were seen: of a percent change the missing
// are beside those counted, 30 of 100 are enough and 31 are not; elsewhere the analysis
// says so.
func TestLittleSeen(t *testing.T) {
	percent := func(seen, missing int) analysis.Estimate {
		e := analysis.NewEstimate("percent_of_means", analysis.ScalePercent)
		e.N = analysis.N{Arm: seen, Missing: missing}
		return e
	}
	share := analysis.NewEstimate("returned_all", analysis.ScaleProportion)
	share.N = analysis.N{Arm: 100, Missing: 90} // among those counted
	for want, list := range map[bool][]analysis.Estimate{false: {percent(70, 30), share}, true: {percent(69, 31), share.Warn(analysis.WarnLowFollowUp, "", "")}} {
		for _, e := range list {
			if littleSeen(e) != want {
				t.Errorf("%s %v: %t", e.Term, e.N, !want)
			}
		}
	}
}

// The first page of an arm: readings of the other arm and those that do not count are in
// none of its numbers; the latest that counts is shown, by the first headline that has one.
func TestAnswerOfAnArm(t *testing.T) {
	test := func(arm, term, definition, visit, verdict string, counted bool) claimTest {
		return claimTest{Row: analysis.Row{Arm: arm, Term: term, Definition: definition, Visit: visit, Scale: analysis.ScaleProportion, Estimate: 0.4, ConfLow: 0.3, ConfHigh: 0.5}, Verdict: verdict, Counted: counted}
	}
	c := testedClaim{Tests: []claimTest{
		test("a", "share", "any; gap unknown", "early", compare.VerdictUnder, true),
		test("a", "share", "any; gap unknown", "later", compare.VerdictHolds, true),
		test("a", "share", "any; gap unknown", "last", compare.VerdictOver, false),
		test("a", "share", "other", "last", compare.VerdictOver, true),
		test("a", "curve", "", "none", compare.VerdictOpen, false),
		test("b", "share", "any", "early", compare.VerdictOver, true),
		test("c", "share", "any", "early", compare.VerdictUnder, false),
	}, Comparators: []claimCompare{
		{Arm: "a", ID: "far", Fair: compare.UnfairComparison, Differs: []string{"payer", "condition"}},
		{Arm: "a", ID: "near", Fair: compare.UnfairComparison, Differs: []string{"payer"}, NotKnown: []string{"age"}},
		{Arm: "b", ID: "like", Fair: compare.FairComparison},
	}}
	headline := []published.Headline{{Term: "curve", Words: "by the curve"}, {Term: "share", Definition: "any", Words: "by count"}}
	a, b, other := c.answer("a", headline), c.answer("b", headline), c.answer("c", headline)
	if a.Shown.Visit != "later" || a.Words != "by count" || a.shown() != "40.0 % (30.0 to 50.0), later" {
		t.Errorf("shown %+v %q", a.Shown, a.Words)
	}
	if want := "not ruled out, not borne out, by 1 of 3 readings; 1 under it, 1 over it (1 not counted)"; a.Verdict != want {
		t.Errorf("%q, want %q", a.Verdict, want)
	}
	if a.Fair != "none of 2; nearest near (differs: payer; not known: age)" || b.Fair != "like, of 1" || other.Fair != "none is on record" {
		t.Errorf("%q, %q, %q", a.Fair, b.Fair, other.Fair)
	}
	if b.Verdict != "over it, by the one reading counted" || other.Verdict != "no test: too few were seen" || c.answer("nobody", headline).Verdict != "cannot be answered" {
		t.Errorf("%q, %q", b.Verdict, other.Verdict)
	}
	c.AboutOthers = true
	if v := c.answer("a", headline).Verdict; !strings.HasPrefix(v, "no test") {
		t.Errorf("a statement about others is tested: %q", v)
	}
}
