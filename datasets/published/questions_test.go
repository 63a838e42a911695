package published

import (
	"slices"
	"testing"
)

// Every statement under test has a question, and every question a statement, tests and
// published figures beside it that are measured.
func TestQuestionsAreWhole(t *testing.T) {
	list, err := loadQuestions()
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, q := range list {
		e, ok := Find(q.Claim)
		if !ok || e.Status != Claim || q.Question == "" || q.Note == "" || len(q.Tests) == 0 {
			t.Errorf("%s: expected a statement, a question, tests and a note", q.Claim)
		}
		asked[q.Claim] = true
		for _, h := range q.Headline {
			if !slices.ContainsFunc(q.Tests, func(x QuestionTest) bool { return slices.Contains(x.Terms, h.Term) }) || h.Words == "" {
				t.Errorf("%s: the headline %s is no term of its tests, or has no words", q.Claim, h.Term)
			}
		}
		if len(q.Headline) == 0 || q.Short == "" {
			t.Errorf("%s: expected a headline and the statement in short", q.Claim)
		}
		entries, results := q.Beside()
		if len(results) < 2 || len(entries) != len(results) {
			t.Errorf("%s: %d figures beside it", q.Claim, len(results))
		}
		for i, r := range results {
			if r.Status == Claim || r.Outcome != q.Comparators.Outcome || entries[i].Status == Claim {
				t.Errorf("%s: %s stands beside a statement", q.Claim, entries[i].ID)
			}
		}
		for _, p := range q.Comparators.Procedures {
			known(t, q.Claim, "procedure", p)
		}
		known(t, q.Claim, "outcome", q.Comparators.Outcome)
	}
	for _, e := range All() {
		if e.Kind == "claims" && !asked[e.ID] {
			t.Errorf("%s is put to no cohort", e.ID)
		}
	}
	surgery := list[slices.IndexFunc(list, func(q Question) bool { return q.AboutOthers })]
	entries, results := surgery.Beside()
	found := map[string]float64{}
	for i, r := range results {
		found[entries[i].ID+"/"+r.Arm] = r.Value
	}
	// The shares that payer and work before surgery move.
	for id, want := range map[string]float64{"nguyen-2011/fusion": 26, "norspine-2025/all": 76, "norspine-2025/under-30-days": 99, "norspine-2025/assessment-allowance": 40, "qod-2017/": 82} {
		if found[id] != want {
			t.Errorf("%s: %v, want %v", id, found[id], want)
		}
	}
}
