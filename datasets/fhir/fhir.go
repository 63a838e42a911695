// Package fhir reads FHIR QuestionnaireResponses, as one resource, a bundle or
// NDJSON: one row a response, one column a question.
package fhir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"recoup/datasets"
)

const (
	maxColumns = 20_000
	maxCodes   = 10_000 // of one question
	maxDepth   = 50     // groups within groups
	batchRows  = 1 << 16
	batchCells = 1 << 21
)

// The columns of every table, before those of the questions.
var fixed = []string{"patient", "authored", "questionnaire", "status"}

// question is what the first reading of a file finds out about one linkId.
type question struct {
	column  string
	title   string
	kinds   map[string]bool
	many    bool // answered more than once in some response
	order   []string
	codes   map[string]coding
	mixed   bool // one code of two systems, or two units
	unit    string
	columns []int // of the table: one, or one a code where answered more than once
}

type source struct {
	path, table string
	f           *os.File
	in          *datasets.JSONReader
	bundle      bool
	began       bool
	problems    *datasets.ProblemList

	questions []*question
	at        map[string]*question
	names     []string
	described []datasets.Field
	fields    []datasets.Field // as the cohort file describes each column
	others    int              // resources of other types
	mistakes  int              // responses entered in error
	responses int
	row       int
	done      bool
}

// Open opens a file of QuestionnaireResponses. It is read twice: first for its
// questions, then for its rows.
func Open(path string, res datasets.Resource) (datasets.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{path: path, table: res.Name, f: f, problems: datasets.NewProblemList(), at: map[string]*question{}}
	if err := s.survey(res); err != nil {
		_ = f.Close()
		return nil, s.told(err)
	}
	return s, nil
}

// refusal is an error that says itself what was expected.
type refusal struct{ code, expected, mend string }

func (r refusal) Error() string { return r.expected }

func (s *source) told(err error) error {
	var r refusal
	if !errors.As(err, &r) {
		return datasets.FileProblem(s.table, s.path, "FHIR QuestionnaireResponses as JSON or NDJSON, of at most 32 MiB each")
	}
	return datasets.Problems{{Severity: datasets.SeverityError, Code: r.code, Table: s.table, File: s.path, Expected: r.expected, Mend: r.mend}}
}

// rewind goes back to the first resource.
func (s *source) rewind() error {
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	s.in, s.began = datasets.NewJSONReader(s.f), false
	return nil
}

// survey reads the file for its questions and lays out the columns.
func (s *source) survey(res datasets.Resource) error {
	if err := s.kind(); err != nil {
		return err
	}
	if err := s.rewind(); err != nil {
		return err
	}
	for {
		r, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if r.Status == "entered-in-error" {
			s.mistakes++
			continue
		}
		s.responses++
		given, err := r.answers()
		if err != nil {
			return err
		}
		for _, g := range given {
			if err := s.learn(g); err != nil {
				return err
			}
		}
	}
	if s.responses == 0 {
		return refusal{datasets.CodeEmpty, "expected QuestionnaireResponses, found none", ""}
	}
	s.note(datasets.SeverityNote, s.others, "%d resources of other types were passed over")
	s.note(datasets.SeverityWarning, s.mistakes, "%d responses were entered in error, as their status says; they are left out")
	s.others = 0
	if err := s.layOut(); err != nil {
		return err
	}
	for _, name := range s.names {
		f := datasets.Field{}
		if i := slices.IndexFunc(res.Schema.Fields, func(f datasets.Field) bool { return f.Name == name }); i >= 0 {
			f = res.Schema.Fields[i]
		}
		s.fields = append(s.fields, f)
	}
	return s.rewind()
}

func (s *source) note(sev datasets.Severity, n int, format string) {
	if n > 0 {
		s.problems.Add(datasets.Problem{Severity: sev, Code: datasets.CodeFiltered, Table: s.table, File: s.path, Expected: fmt.Sprintf(format, n)})
	}
}

// kind finds out whether the file is one bundle, whose entries are then read one
// by one.
func (s *source) kind() error {
	s.in = datasets.NewJSONReader(s.f)
	if err := s.in.Open('{'); err != nil {
		return err
	}
	for s.in.More() {
		key, err := s.in.Key()
		if err != nil {
			return err
		}
		if key == "resourceType" {
			t, err := s.in.Token()
			s.bundle = t == "Bundle"
			return err
		}
		s.in.Record()
		if err := s.in.Skip(); err != nil {
			return err
		}
	}
	return refusal{datasets.CodeFile, "expected a FHIR resource, which says its resourceType", ""}
}

// next returns the next QuestionnaireResponse, or io.EOF.
func (s *source) next() (*response, error) {
	for {
		s.in.Record()
		var r response
		more, err := s.more()
		if err != nil {
			return nil, err
		}
		if !more {
			return nil, io.EOF
		}
		if s.bundle {
			var e struct {
				Resource *response `json:"resource"`
			}
			if err = s.in.Decode(&e); e.Resource != nil {
				r = *e.Resource
			}
		} else {
			err = s.in.Decode(&r)
		}
		switch {
		case err != nil:
			return nil, err
		case r.ResourceType == "QuestionnaireResponse":
			return &r, nil
		case r.ResourceType == "Bundle":
			return nil, refusal{datasets.CodeFile, "expected one bundle alone in a file, or resources in NDJSON", "write each bundle as a file of its own"}
		}
		s.others++
	}
}

// more goes on to the next resource and reports whether there is one.
func (s *source) more() (bool, error) {
	if !s.bundle {
		if s.in.More() {
			return true, nil
		}
		return false, s.ends()
	}
	if s.began && s.in.More() {
		return true, nil
	}
	if s.began {
		if err := s.in.Open(']'); err != nil {
			return false, err
		}
	} else if err := s.in.Open('{'); err != nil {
		return false, err
	}
	for s.in.More() {
		s.in.Record()
		key, err := s.in.Key()
		switch {
		case err != nil:
			return false, err
		case key == "entry" && s.began:
			return false, errors.New("expected one list of entries")
		case key == "entry":
			s.began = true
			if err := s.in.Open('['); err != nil {
				return false, err
			}
			if s.in.More() {
				return true, nil
			}
			if err := s.in.Open(']'); err != nil {
				return false, err
			}
		default:
			if err := s.in.Skip(); err != nil {
				return false, err
			}
		}
	}
	if err := s.in.Open('}'); err != nil {
		return false, err
	}
	return false, s.ends()
}

func (s *source) ends() error {
	if _, err := s.in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("expected the end of the file")
	}
	return nil
}

// learn takes in the answers to one question in one response.
func (s *source) learn(g given) error {
	q := s.at[g.linkID]
	if q == nil {
		if len(s.questions) == maxColumns {
			return refusal{datasets.CodeTooLarge, fmt.Sprintf("expected at most %d questions", maxColumns), ""}
		}
		q = &question{column: g.linkID, kinds: map[string]bool{}, codes: map[string]coding{}}
		if slices.Contains(fixed, g.linkID) {
			q.column = "item:" + g.linkID
		}
		s.at[g.linkID] = q
		s.questions = append(s.questions, q)
	}
	if q.title == "" {
		q.title = g.text
	}
	q.many = q.many || len(g.answers) > 1
	for _, a := range g.answers {
		kind, text, c, unit := a.value()
		q.kinds[kind] = true
		if kind == "coding" {
			old, seen := q.codes[text]
			if !seen {
				if len(q.order) == maxCodes {
					return refusal{datasets.CodeTooLarge, fmt.Sprintf("expected at most %d codes of one question", maxCodes), ""}
				}
				q.order = append(q.order, text)
				q.codes[text] = c
			}
			q.mixed = q.mixed || seen && old.System != c.System
		}
		if kind == "quantity" {
			q.mixed = q.mixed || q.unit != "" && q.unit != unit
			q.unit = unit
		}
	}
	return nil
}

// layOut gives each question its column, or one column a code where more than
// one answer is given.
func (s *source) layOut() error {
	s.names = slices.Clone(fixed)
	s.described = []datasets.Field{
		{Name: "patient", Type: datasets.TypeString, Role: datasets.RolePatient},
		{Name: "authored", Type: datasets.TypeDatetime, Role: datasets.RoleDate},
		{Name: "questionnaire", Type: datasets.TypeString},
		{Name: "status", Type: datasets.TypeString},
	}
	taken := map[string]bool{}
	for _, n := range fixed {
		taken[n] = true
	}
	add := func(q *question, f datasets.Field) error {
		if taken[f.Name] || len(s.names) == maxColumns {
			return refusal{datasets.CodeTooLarge, fmt.Sprintf("expected questions with different names, at most %d columns in all", maxColumns), ""}
		}
		taken[f.Name] = true
		q.columns = append(q.columns, len(s.names))
		s.names = append(s.names, f.Name)
		s.described = append(s.described, f)
		return nil
	}
	for _, q := range s.questions {
		codings := len(q.kinds) == 1 && q.kinds["coding"]
		switch {
		case q.mixed:
			s.bad(0, q.column, "expected one code system, or one unit, for all answers to the question", "write the answers in one of them")
		case q.many && !codings:
			s.bad(0, q.column, "expected one answer to the question in a response, found several", "repeating groups and questions have no place in one row; export them apart")
		}
		if q.many && codings {
			for _, code := range q.order {
				f := datasets.Field{
					Name: q.column + ":" + code, Title: strings.TrimSpace(q.title + ": " + q.codes[code].Display), Type: datasets.TypeString,
					Categories: []datasets.Category{{Value: "0", Label: "not chosen"}, {Value: "1", Label: "chosen"}},
				}
				if err := add(q, f); err != nil {
					return err
				}
			}
			continue
		}
		if err := add(q, q.field()); err != nil {
			return err
		}
	}
	s.done = s.problems.Failed()
	return nil
}

// field says what a question's column means.
func (q *question) field() datasets.Field {
	f := datasets.Field{Name: q.column, Title: q.title, Unit: q.unit, Type: datasets.TypeString}
	types := map[string]datasets.Type{
		"boolean": datasets.TypeBoolean, "integer": datasets.TypeInteger, "decimal": datasets.TypeNumber,
		"quantity": datasets.TypeNumber, "date": datasets.TypeDate, "dateTime": datasets.TypeDatetime,
	}
	switch len(q.kinds) {
	case 1:
		for kind := range q.kinds {
			if t, ok := types[kind]; ok {
				f.Type = t
			}
		}
	case 2:
		if q.kinds["integer"] && q.kinds["decimal"] {
			f.Type = datasets.TypeNumber
		}
	}
	if len(q.kinds) == 1 && q.kinds["coding"] {
		for _, code := range q.order {
			f.Categories = append(f.Categories, datasets.Category{Value: code, Label: q.codes[code].Display})
		}
	}
	return f
}

func (s *source) bad(row int, column, expected, mend string) {
	s.problems.Add(datasets.Problem{
		Severity: datasets.SeverityError, Code: datasets.CodeType, Table: s.table, File: s.path,
		Row: row, Column: column, Expected: expected, Mend: mend,
	})
}

// Columns returns the patient, the response's own columns and the questions.
func (s *source) Columns() []string { return s.names }

// Problems returns what was found so far.
func (s *source) Problems() datasets.Problems { return s.problems.All() }

// Close closes the file.
func (s *source) Close() error { return s.f.Close() }

// Describe returns each question's text, type and codes.
func (s *source) Describe() []datasets.Field { return s.described }

// Next returns the next rows.
func (s *source) Next(ctx context.Context) (*datasets.Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.done {
		return nil, io.EOF
	}
	c := &datasets.Chunk{First: s.row + 1}
	builders := make([]*array.StringBuilder, len(s.names))
	for i := range builders {
		builders[i] = array.NewStringBuilder(memory.DefaultAllocator)
	}
	cells := make([]string, len(s.names))
	for c.Rows < batchRows && c.Rows*len(s.names) < batchCells {
		r, err := s.next()
		if errors.Is(err, io.EOF) {
			s.done = true
			break
		}
		if err != nil {
			return nil, s.told(err)
		}
		if r.Status == "entered-in-error" {
			continue
		}
		s.row++
		clear(cells)
		if err := s.fill(cells, r); err != nil {
			return nil, s.told(err)
		}
		for i, text := range cells {
			if text == "" {
				builders[i].AppendNull()
			} else {
				builders[i].Append(s.fields[i].FromISO(text))
			}
		}
		c.Rows++
	}
	if c.Rows == 0 {
		return nil, io.EOF
	}
	for _, b := range builders {
		c.Arrays = append(c.Arrays, b.NewArray())
	}
	return c, nil
}

// fill writes a response into the cells of its row.
func (s *source) fill(cells []string, r *response) error {
	patient, ok := patientOf(r.Subject.Reference)
	if !ok {
		s.bad(s.row, "patient", "expected the subject to be a reference to a Patient", "")
	}
	cells[0], cells[1], cells[2], cells[3] = patient, r.Authored, r.Questionnaire, r.Status
	if s.fields[1].Type == datasets.TypeDate && len(cells[1]) > len("2006-01-02") {
		cells[1] = cells[1][:len("2006-01-02")]
	}
	given, err := r.answers()
	if err != nil {
		return err
	}
	for _, g := range given {
		q := s.at[g.linkID]
		if q == nil {
			return errors.New("the file has changed while it was read")
		}
		if len(g.answers) > 0 && q.many {
			for _, at := range q.columns {
				cells[at] = "0"
			}
		}
		for _, a := range g.answers {
			kind, text, _, _ := a.value()
			if kind == "" {
				s.bad(s.row, q.column, "expected an answer with a value that can stand in a cell; attachments and references cannot", "")
			}
			if q.many {
				i := slices.Index(q.order, text)
				if i < 0 || i >= len(q.columns) {
					return errors.New("the file has changed while it was read")
				}
				cells[q.columns[i]] = "1"
				continue
			}
			cells[q.columns[0]] = text
		}
	}
	for i, text := range cells {
		if strings.ContainsRune(text, '\uFFFD') {
			s.problems.Add(datasets.Problem{Code: datasets.CodeEncoding, Table: s.table, File: s.path, Row: s.row, Column: s.names[i], Expected: "expected UTF-8 text"})
			cells[i] = ""
		}
	}
	return nil
}

// patientOf returns the logical id of a reference to a patient: Patient/7 and
// https://server/fhir/Patient/7/_history/2 are both 7. Without a subject it is
// "", which is missing.
func patientOf(ref string) (string, bool) {
	if ref == "" || strings.HasPrefix(ref, "urn:") {
		return ref, true
	}
	ref, _, _ = strings.Cut(ref, "/_history/")
	parts := strings.Split(ref, "/")
	if n := len(parts); n >= 2 && parts[n-2] == "Patient" && parts[n-1] != "" {
		return parts[n-1], true
	}
	return "", false
}

// response is a QuestionnaireResponse, as far as it is read.
type response struct {
	ResourceType  string `json:"resourceType"`
	Status        string `json:"status"`
	Questionnaire string `json:"questionnaire"`
	Authored      string `json:"authored"`
	Subject       struct {
		Reference string `json:"reference"`
	} `json:"subject"`
	Item []item `json:"item"`
}

type item struct {
	LinkID string   `json:"linkId"`
	Text   string   `json:"text"`
	Answer []answer `json:"answer"`
	Item   []item   `json:"item"`
}

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

type answer struct {
	Boolean  *bool        `json:"valueBoolean"`
	Decimal  *json.Number `json:"valueDecimal"`
	Integer  *json.Number `json:"valueInteger"`
	Date     *string      `json:"valueDate"`
	DateTime *string      `json:"valueDateTime"`
	Time     *string      `json:"valueTime"`
	String   *string      `json:"valueString"`
	URI      *string      `json:"valueUri"`
	Coding   *coding      `json:"valueCoding"`
	Quantity *struct {
		Value *json.Number `json:"value"`
		Unit  string       `json:"unit"`
		Code  string       `json:"code"`
	} `json:"valueQuantity"`
	Item []item `json:"item"`
}

// value returns the answer's kind and text: for a coding its code, and its
// display where it has no code. The kind is "" for what cannot stand in a cell.
func (a answer) value() (kind, text string, c coding, unit string) {
	switch {
	case a.Boolean != nil:
		return "boolean", strconv.FormatBool(*a.Boolean), c, ""
	case a.Integer != nil:
		return "integer", a.Integer.String(), c, ""
	case a.Decimal != nil:
		return "decimal", a.Decimal.String(), c, ""
	case a.Quantity != nil && a.Quantity.Value != nil:
		if unit = a.Quantity.Code; unit == "" {
			unit = a.Quantity.Unit
		}
		return "quantity", a.Quantity.Value.String(), c, unit
	case a.Coding != nil && a.Coding.Code != "":
		return "coding", a.Coding.Code, *a.Coding, ""
	case a.Coding != nil && a.Coding.Display != "":
		return "coding", a.Coding.Display, *a.Coding, ""
	case a.Date != nil:
		return "date", *a.Date, c, ""
	case a.DateTime != nil:
		return "dateTime", *a.DateTime, c, ""
	}
	for _, s := range []*string{a.Time, a.String, a.URI} {
		if s != nil {
			return "string", *s, c, ""
		}
	}
	return "", "", c, ""
}

// given are the answers to one question in one response, wherever they stand.
type given struct {
	linkID, text string
	answers      []answer
}

// answers lists the questions of a response in order. Groups, which have no
// answer of their own, give what is in them; a group that repeats gives its
// questions several answers.
func (r *response) answers() ([]given, error) {
	var out []given
	at := map[string]int{}
	var walk func(items []item, depth int) error
	walk = func(items []item, depth int) error {
		if depth > maxDepth {
			return refusal{datasets.CodeTooLarge, fmt.Sprintf("expected groups nested at most %d deep", maxDepth), ""}
		}
		for _, it := range items {
			if it.LinkID == "" {
				return refusal{datasets.CodeFile, "expected every item to have a linkId", ""}
			}
			if len(it.Answer) > 0 {
				i, seen := at[it.LinkID]
				if !seen {
					i = len(out)
					at[it.LinkID] = i
					out = append(out, given{linkID: it.LinkID, text: it.Text})
				}
				out[i].answers = append(out[i].answers, it.Answer...)
			}
			for _, a := range it.Answer {
				if err := walk(a.Item, depth+1); err != nil {
					return err
				}
			}
			if err := walk(it.Item, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	err := walk(r.Item, 0)
	return out, err
}
