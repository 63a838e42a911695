// Package synthetic makes cohorts whose truth is known: a pain rehabilitation
// program of several sites over some quarters, with all five goals of the field
// (pain, function and mood, opioids, work, use of care), follow-up that is
// missing more for those who did worse, and a file that says what is true.
//
// No row is about a person. The figures of the model are invented to look like
// published cohorts; they are not evidence about any program.
package synthetic

import (
	"context"
	"errors"
	"fmt"

	"recoup/datasets"
)

// Options say which cohort is made. The same options give the same bytes.
type Options struct {
	Seed        uint64  `json:"seed"`
	Patients    int     `json:"patients"`     // people referred: rows of the patients table
	Sites       int     `json:"sites"`        // 1 to 26
	Quarters    int     `json:"quarters"`     // 1 to 40, ending with Last
	Last        string  `json:"last_quarter"` // such as 2026Q3
	NotAdmitted float64 `json:"not_admitted"` // share of those referred who never begin, from 0 to under 1
	Comparison  bool    `json:"comparison"`   // a usual-care arm beside the program, allotted by chance
}

// Default is the cohort of the demonstration: 1,700 people referred to three
// sites in eight quarters, of whom about 1,500 begin the program.
var Default = Options{Seed: 2026, Patients: 1700, Sites: 3, Quarters: 8, Last: "2026Q3", NotAdmitted: 0.12}

// ErrOptions is what errors.Is finds in the error for options that make no cohort.
var ErrOptions = errors.New("not a valid setting of a synthetic cohort")

// most bounds the cohort's size, so that a slip of the keyboard does not fill a disk.
const most = 2_000_000

func (o Options) check() (last string, err error) {
	bad := func(format string, args ...any) (string, error) {
		return "", fmt.Errorf("%w: %w", ErrOptions, fmt.Errorf(format, args...))
	}
	switch {
	case o.Patients < 1 || o.Patients > most:
		return bad("expected 1 to %d patients", most)
	case o.Sites < 1 || o.Sites > 26:
		return bad("expected 1 to 26 sites")
	case o.Quarters < 1 || o.Quarters > 40:
		return bad("expected 1 to 40 quarters")
	case !(o.NotAdmitted >= 0 && o.NotAdmitted < 1):
		return bad("expected the share not admitted to be at least 0 and under 1")
	}
	if last, err = datasets.ParseQuarter(o.Last); err != nil {
		return bad("last quarter: %w", err)
	}
	return last, nil
}

// File is one file of a cohort.
type File struct {
	Name string
	Data []byte
}

// Files is a synthetic cohort: what is written to a folder, and the same truth as
// a value.
type Files struct {
	Cohort File   // cohort.yaml, which describes the tables
	Tables []File // patients.csv, visits.csv, doses.csv, work.csv, costs.csv
	Truth  File   // truth.json

	Known Truth
}

// All returns every file, the cohort file first.
func (f Files) All() []File {
	return append(append([]File{f.Cohort}, f.Tables...), f.Truth)
}

// Load reads the cohort from memory.
func (f Files) Load(ctx context.Context) (*datasets.Cohort, error) {
	d, err := datasets.ParseDictionary(f.Cohort.Name, f.Cohort.Data)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, t := range f.Tables {
		texts[t.Name] = string(t.Data)
	}
	return datasets.Load(ctx, d, datasets.LoadOptions{Open: datasets.OpenText(texts)})
}

// Draw returns a synthetic cohort, to be written as it is drawn, and what is true
// of it. Each person is drawn from a random stream of their own, keyed by the seed
// and their number, so person 7 is the same in a cohort of 50 and in one of 5,000.
func Draw(ctx context.Context, o Options) (Source, Truth, error) {
	last, err := o.check()
	if err != nil {
		return Source{}, Truth{}, err
	}
	m := newModel(o, last)
	var seen tally
	for i := range o.Patients {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return Source{}, Truth{}, err
			}
		}
		seen.add(m.draw(i))
	}
	return Source{Dictionary: m.dictionary(), Patients: o.Patients, Rows: func(dst []byte, table, i int) []byte {
		w := writer{m: m, table: table, out: dst}
		w.person(m.draw(i))
		return w.out
	}}, m.truth(seen), nil
}

// Make makes a synthetic cohort in memory, as Draw does.
func Make(ctx context.Context, o Options) (Files, error) {
	source, known, err := Draw(ctx, o)
	if err != nil {
		return Files{}, err
	}
	f := Files{Known: known}
	if f.Tables, err = source.files(ctx); err != nil {
		return Files{}, err
	}
	if f.Cohort.Data, err = source.Dictionary.YAML(); err != nil {
		return Files{}, err
	}
	if f.Truth.Data, err = known.JSON(); err != nil {
		return Files{}, err
	}
	f.Cohort.Name, f.Truth.Name = "cohort.yaml", "truth.json"
	return f, nil
}
