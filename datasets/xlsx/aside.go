package xlsx

import (
	"strings"

	"recoup/datasets"
)

// Asides returns the book's texts beside its cells: names of sheets, comments and
// who made it. A part that cannot be read says nothing.
func (s *source) Asides() []datasets.Aside {
	var out []datasets.Aside
	for _, sh := range s.book.sheets {
		out = append(out, datasets.Aside{Where: datasets.AsideSheet, Text: sh.name})
		if sh.hidden {
			out = append(out, datasets.Aside{Where: datasets.AsideHiddenSheet, Text: sh.name})
		}
	}
	for _, f := range s.book.zip.File {
		name := strings.ToLower(strings.TrimPrefix(f.Name, "/"))
		switch {
		case strings.HasPrefix(name, "xl/") && strings.HasSuffix(name, ".xml") && strings.Contains(name, "comment"):
			// each comment or run of text in it
			out = append(out, s.book.said(name, datasets.AsideComment, func(element string) bool { return element == "comment" || element == "threadedComment" })...)
		case name == "docprops/core.xml" || name == "docprops/custom.xml" || name == "docprops/app.xml":
			out = append(out, s.book.said(name, datasets.AsideMetadata, func(string) bool { return true })...)
		}
	}
	return out
}

// said returns the texts of a part, one for each element for which ends is true.
func (b *book) said(part, where string, ends func(element string) bool) []datasets.Aside {
	var out []datasets.Aside
	var text strings.Builder
	_ = b.each(part, func(x *xmlReader, k kind) error {
		switch {
		case k == charData && text.Len() < maxText:
			text.Write(x.text)
		case k == endTag && ends(x.name):
			if s := strings.TrimSpace(text.String()); s != "" {
				if where == datasets.AsideMetadata {
					s = x.name + ": " + s
				}
				out = append(out, datasets.Aside{Where: where, Text: s})
			}
			text.Reset()
		}
		return nil
	})
	return out
}
