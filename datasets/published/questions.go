package published

import (
	"bytes"
	_ "embed" // questions.yaml
	"fmt"
	"slices"
	"sync"

	"github.com/goccy/go-yaml"
)

// Question is how a statement under test is put to a cohort.
type Question struct {
	Claim    string `yaml:"claim"` // id of its entry
	Question string `yaml:"question"`
	Short    string `yaml:"short"` // the statement in a few words
	// Headline is which reading stands on the first page: the first that the cohort has,
	// seen as late as enough patients were.
	Headline []Headline `yaml:"headline"`
	// AboutOthers marks a statement about other patients than a program's, which a
	// program's cohort cannot test.
	AboutOthers bool           `yaml:"about_others"`
	Tests       []QuestionTest `yaml:"tests"`
	Comparators struct {
		Outcome    string   `yaml:"outcome"`
		Measure    Measure  `yaml:"measure"`    // empty: proportions and ranges
		Procedures []string `yaml:"procedures"` // empty: all
	} `yaml:"comparators"`
	Note string `yaml:"note"`
}

// Headline is a reading by its term and, where there are several, its definition.
type Headline struct {
	Term       string `yaml:"term"`
	Definition string `yaml:"definition"`
	Words      string `yaml:"words"` // what is counted, of whom
}

// QuestionTest is an analysis that answers a question, and the terms that do.
type QuestionTest struct {
	Analysis        string   `yaml:"analysis"`
	Domain          string   `yaml:"domain"` // of the instruments whose outcomes are asked about
	EveryDefinition bool     `yaml:"every_definition"`
	Terms           []string `yaml:"terms"`
}

//go:embed questions.yaml
var questionsText []byte

var loadQuestions = sync.OnceValues(func() ([]Question, error) {
	var out []Question
	if err := yaml.NewDecoder(bytes.NewReader(questionsText), yaml.Strict()).Decode(&out); err != nil {
		return nil, fmt.Errorf("questions about published statements: %w", err)
	}
	return out, nil
})

// Questions returns how the statements under test are put to a cohort, in their order.
func Questions() []Question {
	q, _ := loadQuestions() // a test holds that it succeeds
	return slices.Clone(q)
}

// Beside returns the published figures to set beside the answers, with their entries.
func (q Question) Beside() (entries []Entry, results []Result) {
	for _, e := range All() {
		for _, r := range e.Results {
			measured := r.Measure == q.Comparators.Measure || q.Comparators.Measure == "" && (r.Measure == Proportion || r.Measure == Range)
			procedures := q.Comparators.Procedures
			if r.Outcome != q.Comparators.Outcome || !measured || r.Status == Claim || r.At.Value == 0 && r.At.After == "entry" || len(procedures) > 0 && !slices.Contains(procedures, e.CaseMix(r).Procedure) {
				continue
			}
			entries, results = append(entries, e), append(results, r)
		}
	}
	return entries, results
}
