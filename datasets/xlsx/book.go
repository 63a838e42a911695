package xlsx

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	maxUnpacked = 256 << 20 // bytes of all parts that are read
	maxSheets   = 1024
	maxFormats  = 1 << 16
)

var (
	errPart  = errors.New("a part of the book is not there or is there twice")
	errLarge = errors.New("the book is too large")
)

// book is an open workbook: its sheets, texts and number formats.
type book struct {
	zip      *zip.Reader
	budget   int64 // bytes that may still be unpacked
	charged  map[string]bool
	sheets   []sheet
	from1904 bool
	texts    texts
	formats  []numberFormat // by the style of a cell
}

type sheet struct {
	name, part string // part "" for a sheet of a chart or a macro
	hidden     bool
}

// openPart opens a part for reading, within what may be unpacked.
func (b *book) openPart(name string) (io.ReadCloser, error) {
	var found *zip.File
	for _, f := range b.zip.File {
		if strings.EqualFold(strings.TrimPrefix(f.Name, "/"), name) {
			if found != nil {
				return nil, errPart
			}
			found = f
		}
	}
	if found == nil {
		return nil, errPart
	}
	if !b.charged[found.Name] {
		b.charged[found.Name] = true
		if found.UncompressedSize64 > uint64(b.budget) {
			return nil, errLarge
		}
		b.budget -= int64(found.UncompressedSize64)
	}
	return found.Open() // gives at most the bytes that its entry says
}

// each reads a part and calls f for every token.
func (b *book) each(name string, f func(x *xmlReader, k kind) error) error {
	r, err := b.openPart(name)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	x := newXMLReader(r)
	for {
		k, err := x.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(x, k); err != nil {
			return err
		}
	}
}

// relation is an entry of a part's relationships.
type relation struct{ id, kind, target string }

// relations returns the relationships of a part; "" is the package itself.
func (b *book) relations(part string) ([]relation, error) {
	var out []relation
	dir := path.Dir("/" + part)
	err := b.each(strings.TrimPrefix(path.Join(dir, "_rels", strings.TrimPrefix(path.Base("/"+part), "/")+".rels"), "/"), func(x *xmlReader, k kind) error {
		if k != startTag || x.name != "Relationship" || len(out) > 2*maxSheets {
			return nil
		}
		target := x.attr("Target")
		if !strings.HasPrefix(target, "/") {
			target = path.Join(dir, target)
		}
		out = append(out, relation{x.attr("Id"), path.Base(x.attr("Type")), strings.TrimPrefix(path.Clean("/"+target), "/")})
		return nil
	})
	return out, err
}

// read reads all of the book but its sheets.
func (b *book) read() error {
	roots, err := b.relations("")
	if err != nil {
		return err
	}
	main := "xl/workbook.xml"
	if i := slices.IndexFunc(roots, func(r relation) bool { return r.kind == "officeDocument" }); i >= 0 {
		main = roots[i].target
	}
	parts, err := b.relations(main)
	if err != nil {
		return err
	}
	if err := b.readSheets(main, parts); err != nil {
		return err
	}
	for _, p := range parts {
		switch p.kind {
		case "styles":
			err = b.readStyles(p.target)
		case "sharedStrings":
			err = b.readTexts(p.target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *book) readSheets(part string, parts []relation) error {
	return b.each(part, func(x *xmlReader, k kind) error {
		switch {
		case k == startTag && x.at("workbook", "workbookPr"):
			b.from1904 = isTrue(x.attr("date1904"))
		case k == startTag && x.at("workbook", "sheets", "sheet"):
			if len(b.sheets) == maxSheets {
				return errLarge
			}
			s := sheet{name: x.attr("name"), hidden: x.attr("state") == "hidden" || x.attr("state") == "veryHidden"}
			id := x.attr("id")
			i := slices.IndexFunc(parts, func(r relation) bool { return r.id == id })
			if i < 0 {
				return errPart
			}
			if parts[i].kind == "worksheet" {
				s.part = parts[i].target
			}
			b.sheets = append(b.sheets, s)
		}
		return nil
	})
}

func isTrue(s string) bool { return s == "1" || s == "true" }

// readStyles learns which styles show dates.
func (b *book) readStyles(part string) error {
	codes := map[int]numberFormat{}
	return b.each(part, func(x *xmlReader, k kind) error {
		if k != startTag {
			return nil
		}
		id, err := strconv.Atoi(x.attr("numFmtId"))
		switch {
		case x.at("styleSheet", "numFmts", "numFmt"):
			if err != nil || len(codes) == maxFormats {
				return errXML
			}
			codes[id] = parseFormat(x.attr("formatCode"))
		case x.at("styleSheet", "cellXfs", "xf"):
			if len(b.formats) == maxFormats {
				return errLarge
			}
			f, custom := codes[id]
			if !custom && err == nil {
				f = builtin(id)
			}
			b.formats = append(b.formats, f)
		}
		return nil
	})
}

// texts are the book's shared texts, one after the other.
type texts struct {
	all  string
	ends []uint32
}

// get returns text number i.
func (t texts) get(i int) (string, bool) {
	if i < 0 || i >= len(t.ends) {
		return "", false
	}
	from := uint32(0)
	if i > 0 {
		from = t.ends[i-1]
	}
	return t.all[from:t.ends[i]], true
}

func (b *book) readTexts(part string) error {
	var all strings.Builder
	var one []byte
	err := b.each(part, func(x *xmlReader, k kind) error {
		switch {
		case k == charData && (x.at("sst", "si", "t") || x.at("sst", "si", "r", "t")):
			if one = append(one, x.text...); len(one) > maxText {
				return errLarge
			}
		case k == endTag && x.name == "si" && x.at("sst"):
			all.WriteString(unmark(string(one)))
			b.texts.ends = append(b.texts.ends, uint32(all.Len()))
			one = one[:0]
		}
		return nil
	})
	b.texts.all = all.String()
	return err
}

// unmark puts characters in place of the marks _xHHHH_ that stand for those that
// XML cannot hold.
func unmark(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '_' && i+7 <= len(s) && s[i+1] == 'x' && s[i+6] == '_' {
			if n, err := strconv.ParseUint(s[i+2:i+6], 16, 16); err == nil && n > 0 && (n < 0xD800 || n > 0xDFFF) {
				b.WriteRune(rune(n))
				i += 6
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// cellName writes a column and row as a spreadsheet does: B7.
func cellName(column, row int) string { return fmt.Sprintf("%s%d", letters(column), row) }

// letters writes a column number, from 0, as a spreadsheet does.
func letters(column int) string {
	var s []byte
	for c := column + 1; c > 0; c = (c - 1) / 26 {
		s = append(s, byte('A'+(c-1)%26))
	}
	slices.Reverse(s)
	return string(s)
}

// position reads a cell's name such as B7 or $B$7 into a column and row, from 0
// and 1.
func position(name string) (column, row int, ok bool) {
	name = strings.ReplaceAll(name, "$", "")
	i := 0
	for i < len(name) && name[i] >= 'A' && name[i] <= 'Z' {
		if column = column*26 + int(name[i]-'A') + 1; column > maxColumns {
			return 0, 0, false
		}
		i++
	}
	row, err := strconv.Atoi(name[i:])
	return column - 1, row, i > 0 && err == nil && row > 0 && row <= maxRows
}
