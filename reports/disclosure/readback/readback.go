// Package readback reads finished files as whoever receives them could: every text,
// attribute, property, hidden sheet and metadata field, and says what of it may
// identify somebody. It never says what it found.
package readback

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"recoup/datasets/privacy"
	"recoup/reports/disclosure"
)

// The codes of leaks in a finished file.
const (
	CodeIdentifier = "IDENTIFIER_IN_OUTPUT"
	CodeKnown      = "PATIENT_IN_OUTPUT" // a patient's id or a planted text
	CodeHidden     = "HIDDEN_TEXT_IN_OUTPUT"
	CodeMicrodata  = "MICRODATA_EMBEDDED"
	CodeManifest   = "MANIFEST_LEAK"
	CodeUnread     = "UNREAD" // a part that cannot be read, and so cannot be vouched for
)

// Known is what the one who scans knows and no file may say.
type Known struct {
	// IDs are patients' ids. Those of fewer than seven characters that are all
	// digits are passed over: any count could be one.
	IDs []string

	// Texts may stand nowhere at all: canaries, paths, names of users.
	Texts []string

	// K is the threshold of small counts in words; 0 for none.
	K int
}

// Leak is a kind of finding in one part of a file.
type Leak struct {
	Code  string `json:"code"`
	Where string `json:"where"` // the part of the file
	What  string `json:"what"`  // what it looks like, never the text itself
	Count int    `json:"count"`
}

// piece is one text of a file.
type piece struct {
	where  string
	text   string
	hidden bool // not seen by who opens the file
}

// Scan reads a finished file, by the ending of its name, and returns what leaks.
func Scan(name string, content []byte, known Known) []Leak {
	s := &scan{known: known, ids: map[string]bool{}, found: map[Leak]int{}, detectors: privacy.NewDetectors()}
	for _, id := range known.IDs {
		if len(id) >= 7 || strings.IndexFunc(id, func(r rune) bool { return r < '0' || r > '9' }) >= 0 && len(id) >= 3 {
			s.ids[id] = true
		}
	}
	s.file(filepath.Base(name), strings.ToLower(filepath.Ext(name)), content, 0)
	out := make([]Leak, 0, len(s.found))
	for l, n := range s.found {
		l.Count = n
		out = append(out, l)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Where != b.Where {
			return a.Where < b.Where
		}
		return a.Code+a.What < b.Code+b.What
	})
	return out
}

type scan struct {
	known     Known
	ids       map[string]bool
	found     map[Leak]int
	detectors *privacy.Detectors
}

func (s *scan) leak(code, where, what string) {
	s.found[Leak{Code: code, Where: where, What: what}]++
}

var storesRows = map[string]bool{".rds": true, ".rdata": true, ".pkl": true, ".pickle": true, ".joblib": true, ".dta": true, ".sav": true, ".sas7bdat": true, ".gph": true}

// file reads one file, or one part of one.
func (s *scan) file(where, ending string, content []byte, depth int) {
	if depth > 4 {
		s.leak(CodeUnread, where, "files within files within files")
		return
	}
	switch ending {
	case ".html", ".htm", ".svg", ".xml", ".rels", ".vml", ".json", ".csv", ".tsv", ".md", ".txt", ".css", ".yaml", ".yml":
		var ok bool
		if content, ok = asText(content); !ok {
			s.leak(CodeUnread, where, "not the text that its name says")
			s.printable(where, content)
			return
		}
	}
	switch ending {
	case ".html", ".htm", ".svg", ".xml", ".rels", ".vml":
		s.markup(where, string(content), depth)
	case ".xlsx", ".docx", ".xlsm", ".zip":
		s.archive(where, content, depth)
	case ".json":
		s.json(where, content)
	case ".pdf":
		s.pdf(where, content)
	case ".csv":
		s.cells(where, string(content))
	case ".parquet":
		s.parquet(where, content)
	case ".png":
		s.png(where, content)
	case ".gz":
		s.gzip(where, content, depth)
	case ".tsv", ".md", ".txt", ".css", ".yaml", ".yml":
		s.lines(where, string(content))
	default:
		if storesRows[ending] {
			s.leak(disclosure.CodeStoresRows, where, "a file that keeps patients' rows")
		}
		s.printable(where, content)
	}
}

// asText returns a text in UTF-8, whatever it was in: a spreadsheet program writes
// UTF-16 and Windows-1252 too. It is false for what is no text.
func asText(b []byte) ([]byte, bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	}
	if order != nil {
		units := make([]uint16, 0, len(b)/2)
		for i := 2; i+1 < len(b); i += 2 {
			units = append(units, order.Uint16(b[i:]))
		}
		b = []byte(string(utf16.Decode(units)))
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return b, false
	}
	if utf8.Valid(b) {
		return b, true
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return []byte(string(runes)), true
}

// cells looks at each cell of a table by itself: what stands in two of them is no text.
// A file that is no table is looked at line by line.
func (s *scan) cells(where, text string) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		s.lines(where, text)
		return
	}
	for _, row := range rows {
		for _, cell := range row {
			s.text(piece{where: where, text: cell})
		}
	}
}

func (s *scan) lines(where, text string) {
	for _, line := range strings.Split(text, "\n") {
		s.text(piece{where: where, text: line})
	}
}

// printable looks at the runs of readable characters of a file of another kind.
func (s *scan) printable(where string, content []byte) {
	from := -1
	for i := 0; i <= len(content); i++ {
		ok := i < len(content) && (content[i] >= 0x20 && content[i] < 0x7f || content[i] >= 0x80)
		switch {
		case ok && from < 0:
			from = i
		case !ok && from >= 0:
			if i-from >= 5 {
				s.text(piece{where: where, text: string(content[from:i]), hidden: true})
			}
			from = -1
		}
	}
}

var (
	pathText = regexp.MustCompile(`(?:^|[\s"'=(:>])(?:/(?:home|Users|root|mnt|media|srv|data|tmp|var)/[^\s"'<]+|[A-Za-z]:\\[^\s"'<]+|\\\\[A-Za-z0-9._-]+\\[^\s"'<]+|file://\S+)`)
	idHead   = regexp.MustCompile(`(?i)^(?:patient|person|subject|participant|record|case)[ _-]?(?:id|no|number|key)?$|^(?:mrn|pid|record_id|nhs number)$`)
)

// text looks at one text.
func (s *scan) text(p piece) {
	if strings.TrimSpace(p.text) == "" {
		return
	}
	for _, t := range s.known.Texts {
		if t != "" && strings.Contains(p.text, t) {
			s.leak(CodeKnown, p.where, "a text that may stand nowhere")
		}
	}
	if len(s.ids) > 0 {
		for _, word := range strings.FieldsFunc(p.text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;:()[]{}<>\"'|=/", r) }) {
			if s.ids[strings.Trim(word, ".")] {
				s.leak(CodeKnown, p.where, "a patient's id")
			}
		}
	}
	if pathText.MatchString(p.text) {
		s.leak(CodeManifest, p.where, "a path of a file")
	}
	for _, c := range s.detectors.InText(p.text) {
		s.leak(CodeIdentifier, p.where, c.String())
	}
	for _, n := range disclosure.CountsInText(p.text) {
		if n > 0 && n < s.known.K {
			code := disclosure.CodeText
			if p.hidden {
				code = CodeHidden
			}
			s.leak(code, p.where, "a small number of patients in words")
		}
	}
}
