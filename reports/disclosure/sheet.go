package disclosure

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// ErrSheet is a table that cannot be read for an audit.
var ErrSheet = errors.New("not a table that can be audited")

// entry is what one cell of a published table says.
type entry struct {
	text   string
	kind   entryKind
	low    float64 // a hidden count lies from low to high as far as its mark says
	high   float64
	value  float64 // of a number or a percentage
	half   float64 // half a unit of the last digit shown
	share  float64 // the percentage in "34 (58%)"; NaN for none
	shareH float64
}

type entryKind int

const (
	entryText entryKind = iota
	entryNumber
	entryPercent
	entryHidden
	entryEmpty
)

var (
	numberText = regexp.MustCompile(`^[+−-]?[$€£]?\d[\d, ]*(\.\d+)?$|^[+−-]?[$€£]?\.\d+$`)
	percentTex = regexp.MustCompile(`^([\d.,]+)\s*%$`)
	countShare = regexp.MustCompile(`^([\d, ]+)\s*[(\[]\s*([\d.]+)\s*%?\s*[)\]]$`)
	underText  = regexp.MustCompile(`^(?:<|≤|<=|under|fewer than|less than|up to)\s*(\d+)$`)
	rangeText  = regexp.MustCompile(`^(\d+)\s*(?:-|–|to)\s*(\d+)$`)
	hiddenText = regexp.MustCompile(`^(\*+|†|‡|x+|s|c|hidden.*|suppressed.*|redacted.*|masked|\[(c|x|redacted|z|low)\]|#+|\.\.+|not shown)$`)
)

// readEntry reads one cell. A mark of suppression is a count of which only the
// mark's own words are known: "<11" says 0 to 10, "*" says nothing.
func readEntry(s string) entry {
	s = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), "'"))
	e := entry{text: s, share: math.NaN(), high: math.Inf(1)}
	low := strings.ToLower(s)
	switch m := underText.FindStringSubmatch(low); {
	case s == "" || s == "-" || s == "–" || low == "na" || low == "n/a":
		e.kind = entryEmpty
	case m != nil:
		n, _ := strconv.ParseFloat(m[1], 64)
		e.kind, e.high = entryHidden, n-1
		if strings.HasPrefix(low, "≤") || strings.HasPrefix(low, "<=") || strings.HasPrefix(low, "up") {
			e.high = n
		}
	case hiddenText.MatchString(low):
		e.kind = entryHidden
	case rangeText.MatchString(low):
		m := rangeText.FindStringSubmatch(low)
		e.kind = entryHidden
		e.low, _ = strconv.ParseFloat(m[1], 64)
		e.high, _ = strconv.ParseFloat(m[2], 64)
		if e.high < e.low {
			e.kind = entryText
		}
	case percentTex.MatchString(s):
		e.kind = entryPercent
		e.value, e.half = number(percentTex.FindStringSubmatch(s)[1])
	case countShare.MatchString(s):
		m := countShare.FindStringSubmatch(s)
		e.kind = entryNumber
		e.value, e.half = number(m[1])
		e.share, e.shareH = number(m[2])
	case numberText.MatchString(s):
		e.kind = entryNumber
		e.value, e.half = number(s)
	default:
		e.kind = entryText
	}
	return e
}

// number reads digits and half a unit of the last one shown.
func number(s string) (value, half float64) {
	s = strings.NewReplacer(",", "", " ", "", "$", "", "€", "", "£", "", "−", "-").Replace(s)
	value, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN(), 0
	}
	_, after, _ := strings.Cut(s, ".")
	return value, math.Pow10(-len(after)) / 2
}

// whole tells whether an entry is a count that is shown.
func (e entry) whole() bool {
	return e.kind == entryNumber && e.value >= 0 && e.value == math.Trunc(e.value) && e.half == 0.5
}

// Sheet is one published table.
type Sheet struct {
	Name string
	head []string
	rows [][]entry
}

// The size of a table that is read.
const (
	maxSheetRows    = 5000
	maxSheetColumns = 200
)

// ReadSheet reads a table from CSV: a first row of headings, a first column of
// labels.
func ReadSheet(name string, r io.Reader) (Sheet, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord, c.LazyQuotes = -1, true
	var lines [][]string
	for {
		line, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Sheet{}, fmt.Errorf("%w: %w", ErrSheet, err)
		}
		if len(lines) > maxSheetRows || len(line) > maxSheetColumns {
			return Sheet{}, fmt.Errorf("%w: expected at most %d rows and %d columns of a published table", ErrSheet, maxSheetRows, maxSheetColumns)
		}
		lines = append(lines, line)
	}
	if len(lines) < 2 {
		return Sheet{}, fmt.Errorf("%w: expected a row of headings and at least one more", ErrSheet)
	}
	return newSheet(name, lines), nil
}

func newSheet(name string, lines [][]string) Sheet {
	s := Sheet{Name: name}
	for _, h := range lines[0] {
		s.head = append(s.head, strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))
	}
	for _, line := range lines[1:] {
		row := make([]entry, len(s.head))
		for j := range row {
			if j < len(line) {
				row[j] = readEntry(line[j])
			} else {
				row[j] = readEntry("")
			}
		}
		s.rows = append(s.rows, row)
	}
	return s
}

// where names a cell for a person.
func (s Sheet) where(i, j int) string {
	label := fmt.Sprintf("row %d", i+1)
	if len(s.rows[i]) > 0 && j > 0 && s.rows[i][0].text != "" {
		label = s.rows[i][0].text
	}
	head := s.head[j]
	if head == "" {
		head = fmt.Sprintf("column %d", j+1)
	}
	return s.Name + ": " + label + ", " + head
}

var totalWord = regexp.MustCompile(`(?i)^(grand |sub|row |column )?-?(total|totals|all|sum|overall|any|everyone|all patients)\b`)

// total tells whether a label is that of a margin.
func total(label string) bool { return totalWord.MatchString(strings.TrimSpace(label)) }
