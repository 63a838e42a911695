package redcap

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"recoup/datasets"
)

// What a column of an export is.
type use int

const (
	fieldColumn    use = iota // one of the project's fields
	checkboxColumn            // one choice of a checkbox
	completeColumn            // whether a form is complete
	stampColumn               // when a survey was sent in
	eventColumn
	instrumentColumn
	instanceColumn
	groupColumn
	surveyColumn // the identifier of a survey's participant
)

// column is a column of an export, or what one would be.
type column struct {
	use    use
	name   string // in an export of codes
	header string // in an export of labels
	form   string
	def    *definition
	choice choice // of a checkbox

	at     int // in the file
	inFile string
	look   *look
}

// systemColumns are those that REDCap adds to every record.
var systemColumns = []column{
	{use: eventColumn, name: "redcap_event_name", header: "Event Name"},
	{use: instrumentColumn, name: "redcap_repeat_instrument", header: "Repeat Instrument"},
	{use: instanceColumn, name: "redcap_repeat_instance", header: "Repeat Instance"},
	{use: surveyColumn, name: "redcap_survey_identifier", header: "Survey Identifier"},
	{use: groupColumn, name: "redcap_data_access_group", header: "Data Access Group"},
}

// columns lists every column that an export of the project can have.
func (p *project) columns() []column {
	var out []column
	form := ""
	end := func() {
		if form != "" {
			out = append(out, column{use: completeColumn, name: form + "_complete", header: "Complete?", form: form})
		}
	}
	for i := range p.fields {
		d := &p.fields[i]
		if d.form != form {
			end()
			form = d.form
			out = append(out, column{use: stampColumn, name: form + "_timestamp", header: "Survey Timestamp", form: form})
		}
		switch d.kind {
		case "descriptive": // a text on the page, not a column
		case "checkbox":
			for _, c := range d.choices {
				out = append(out, column{
					use: checkboxColumn, name: d.name + "___" + checkboxCode(c.code),
					header: fmt.Sprintf("%s (choice=%s)", d.label, c.label), form: form, def: d, choice: c,
				})
			}
		default:
			out = append(out, column{name: d.name, header: d.label, form: form, def: d})
		}
		if i == 0 {
			out = append(out, systemColumns...)
		}
	}
	end()
	return out
}

// ofCheckbox reports whether a header is of one of the project's checkboxes, by
// name or by label.
func (p *project) ofCheckbox(header string) bool {
	header = plain(header)
	return slices.ContainsFunc(p.fields, func(d definition) bool {
		return d.kind == "checkbox" && (strings.HasPrefix(header, d.name+"___") || strings.HasPrefix(header, d.label+" (choice="))
	})
}

// checkboxCode writes a choice's code as the export's column name does.
func checkboxCode(code string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(code))
}

// export is what was found in a project's export.
type export struct {
	path    string
	columns []column // that are in the file, in its order
	unknown []string // columns of the file that the dictionary does not have
	unclear []string // headers of labels that stand for more than one column
	labels  bool     // cells hold labels, not codes
	named   bool     // the header holds labels, not names

	events, groups []string
	repeating      []string // instruments of repeated rows, as written in the file
	repeatedEvents bool
	plainRows      bool // rows that are not repeated
	rows           int
	entries        int  // rows of one of two data entries
	ticks          bool // a ticked box holds its choice's label, any other is blank
}

// maxSeen bounds the events, groups and instruments that are remembered.
const maxSeen = 1000

// readExport reads an export and finds out what its columns hold.
func readExport(ctx context.Context, path string, p *project, open OpenFunc) (*export, error) {
	e := &export{path: path}
	system, record := map[use]int{}, 0
	first := p.fields[0]
	err := eachRow(ctx, path, "export", []string{first.name, first.label}, open, func(header []string) ([]int, error) {
		if err := e.match(header, p); err != nil {
			return nil, err
		}
		var at []int
		for i := range e.columns {
			at = append(at, e.columns[i].at)
			if e.columns[i].use >= eventColumn {
				system[e.columns[i].use] = i + 1
			}
			if e.columns[i].def == &p.fields[0] {
				record = i
			}
		}
		return at, nil
	}, func(_ int, cells []string) {
		e.row(cells, system)
		if entry.MatchString(cells[record]) {
			e.entries++
		}
	})
	if err != nil {
		return nil, err
	}
	if e.rows == 0 {
		return nil, datasets.Problems{{Severity: datasets.SeverityError, Code: datasets.CodeEmpty, File: path, Expected: "expected rows below the header, found none"}}
	}
	return e, e.decide()
}

// entry ends the record identifier of one of two data entries.
var entry = regexp.MustCompile(`.--[12]$`)

// match finds the export's columns in the dictionary, by name or by label,
// whichever finds more.
func (e *export) match(header []string, p *project) error {
	known := p.columns()
	byName, byLabel := map[string][]int{}, map[string][]int{}
	for i, c := range known {
		byName[c.name] = append(byName[c.name], i)
		byLabel[c.header] = append(byLabel[c.header], i)
	}
	count := func(m map[string][]int, key func(string) string) (n int) {
		for _, h := range header {
			if len(m[key(h)]) > 0 {
				n++
			}
		}
		return n
	}
	same := func(s string) string { return s }
	find, key := byName, same
	if count(byLabel, plain) > count(byName, same) {
		find, key, e.named = byLabel, plain, true
	}
	times := map[string]int{}
	for _, h := range header {
		times[key(h)]++
	}
	for at, h := range header {
		found := find[key(h)]
		switch {
		case h == "" || len(found) == 0:
			e.unknown = append(e.unknown, h)
		case len(found) > 1 || times[key(h)] > 1:
			e.unclear = append(e.unclear, h)
		default:
			c := known[found[0]]
			c.at, c.inFile, c.look = at, h, newLook(c)
			e.columns = append(e.columns, c)
		}
	}
	if !slices.ContainsFunc(e.columns, func(c column) bool { return c.def == &p.fields[0] }) {
		return datasets.Problems{{
			Severity: datasets.SeverityError, Code: datasets.CodeHeader, File: e.path, Column: p.fields[0].name,
			Expected: "expected the project's record identifier, the first field of its data dictionary, in the export",
			Mend:     "export the record identifier too, with the data dictionary of the same project",
		}}
	}
	return nil
}

// row takes in one row of the export.
func (e *export) row(cells []string, system map[use]int) {
	get := func(u use) string {
		if i := system[u]; i > 0 {
			return cells[i-1]
		}
		return ""
	}
	e.rows++
	note(&e.events, get(eventColumn))
	note(&e.groups, get(groupColumn))
	instrument, instance := get(instrumentColumn), get(instanceColumn)
	note(&e.repeating, instrument)
	switch {
	case instrument == "" && instance == "":
		e.plainRows = true
	case instrument == "":
		e.repeatedEvents = true
	}
	for i, cell := range cells {
		e.columns[i].look.cell(cell, instrument)
	}
}

func note(list *[]string, s string) {
	if s != "" && len(*list) < maxSeen && !slices.Contains(*list, s) {
		*list = append(*list, strings.Clone(s))
	}
}

// decide tells an export of labels from one of codes.
func (e *export) decide() error {
	codes, labels, checked, ticks := 0, 0, 0, 0
	for _, c := range e.columns {
		codes += c.look.codes
		labels += c.look.labels
		if c.use == checkboxColumn {
			checked += c.look.labels
			ticks += c.look.ticks
		}
	}
	e.labels = labels+ticks > codes
	e.ticks = e.labels && ticks > checked
	if labels += ticks; min(codes, labels)*20 > max(codes, labels) {
		return datasets.Problems{{
			Severity: datasets.SeverityError, Code: datasets.CodeLevel, File: e.path,
			Expected: "expected codes in all columns or labels in all; the export holds both, so it cannot be told which a cell is",
			Mend:     "export again as raw data (codes), with the data dictionary of the same day",
		}}
	}
	return nil
}

// look is what is known of a column's cells.
type look struct {
	code, label   map[string]bool // of a coded column
	shape         func(string) bool
	codes, labels int // cells that are a code alone, a label alone
	tick          string
	ticks         int               // cells of a checkbox that are its choice's label
	written       map[string]string // labels that the cells write in another way
	commas        int               // numbers with a decimal comma
	points        int               // numbers with a decimal point
	outside       int               // numbers beyond the field's range
	below         bool              // a number below zero that is no usual code for missing
	usual         map[string]bool   // numbers within the range that are
	cells         int
	in            map[string]bool // instruments in whose rows it has a cell; "" for rows of none
	odd           map[string]int  // cells that do not fit
	texts         map[string]bool
	numbers       bool
}

// maxOdd bounds the texts that are remembered of a column.
const maxOdd = 200

func newLook(c column) *look {
	l := &look{in: map[string]bool{}, odd: map[string]int{}, texts: map[string]bool{}, written: map[string]string{}, usual: map[string]bool{}, numbers: true}
	choices := c.coded()
	if choices != nil {
		l.code, l.label = map[string]bool{}, map[string]bool{}
		for _, ch := range choices {
			l.code[ch.code], l.label[ch.label] = true, true
		}
		if tick := c.choice.label; !l.code[tick] && !l.label[tick] {
			l.tick = tick
		}
		return l
	}
	if c.use != fieldColumn {
		return l
	}
	switch typ, format := c.def.typed(); typ {
	case datasets.TypeNumber, datasets.TypeInteger:
		bounds := c.def.bounds()
		l.shape = func(s string) bool {
			v, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(s), ",", ".", 1), 64)
			if err != nil {
				return false
			}
			if strings.Contains(s, ",") {
				l.commas++
			} else if strings.Contains(s, ".") {
				l.points++
			}
			_, missing := usualMissing[strings.TrimSpace(s)]
			within := (bounds.Minimum == nil || v >= *bounds.Minimum) && (bounds.Maximum == nil || v <= *bounds.Maximum)
			switch {
			case missing && within:
				l.usual[strings.Clone(strings.TrimSpace(s))] = true
			case !within && !missing:
				l.outside++
			case v < 0 && !missing:
				l.below = true
			}
			return within
		}
	case datasets.TypeDate, datasets.TypeDatetime:
		layout := strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05").Replace(format)
		l.shape = func(s string) bool {
			_, err := time.Parse(layout, s)
			return err == nil
		}
	}
	return l
}

func (l *look) cell(s, instrument string) {
	if s == "" {
		return
	}
	l.cells++
	if !l.in[instrument] && len(l.in) < maxSeen {
		l.in[strings.Clone(instrument)] = true
	}
	fits := true
	switch {
	case l.code != nil:
		text := plain(s)
		code, label, tick := l.code[s], l.label[text], l.tick != "" && l.tick == text
		switch fits = code || label || tick; {
		case tick:
			l.ticks++
		case code && !label:
			l.codes++
		case label && !code:
			l.labels++
		}
		if label && s != text && l.written[text] == "" {
			l.written[text] = strings.Clone(s)
		}
	case l.shape != nil:
		fits = l.shape(s)
	default:
		if l.numbers {
			_, err := strconv.ParseFloat(s, 64)
			l.numbers = err == nil && (len(s) == 1 || s[0] != '0' || s[1] == '.')
		}
		if len(l.texts) <= maxLevels {
			l.texts[strings.Clone(s)] = true
		}
	}
	if !fits && (l.odd[s] > 0 || len(l.odd) < maxOdd) {
		l.odd[strings.Clone(s)]++
	}
}

// comma reports whether the column's numbers have a decimal comma: as its cells
// have, since an export may write all numbers with one and the same sign and
// calculations follow the fields that they are made of; else as it is validated.
func (l *look) comma(validation string) bool {
	if (l.commas > 0) != (l.points > 0) {
		return l.commas > 0
	}
	return strings.Contains(validation, "comma_decimal")
}

// coded returns the levels of a coded column, nil for any other.
func (c column) coded() []choice {
	switch c.use {
	case checkboxColumn:
		return []choice{{"0", "Unchecked"}, {"1", "Checked"}}
	case completeColumn:
		return []choice{{"0", "Incomplete"}, {"1", "Unverified"}, {"2", "Complete"}}
	case fieldColumn:
		return c.def.choices
	}
	return nil
}

// typed returns the type of a field that is not coded.
func (d *definition) typed() (datasets.Type, string) {
	v := d.validation
	switch {
	case d.kind == "calc", d.kind == "slider":
		return datasets.TypeNumber, ""
	case d.kind != "text":
	case v == "integer":
		return datasets.TypeInteger, ""
	case v == "number", strings.HasPrefix(v, "number_"):
		return datasets.TypeNumber, ""
	case strings.HasPrefix(v, "datetime_seconds"):
		return datasets.TypeDatetime, "%Y-%m-%d %H:%M:%S"
	case strings.HasPrefix(v, "datetime"):
		return datasets.TypeDatetime, "%Y-%m-%d %H:%M"
	case strings.HasPrefix(v, "date"):
		return datasets.TypeDate, "%Y-%m-%d" // whichever way it was entered
	}
	return datasets.TypeString, ""
}
