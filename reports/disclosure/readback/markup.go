package readback

import (
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"strings"

	"recoup/reports/disclosure"
)

var (
	attribute = regexp.MustCompile(`([A-Za-z_:][-A-Za-z0-9_:.]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))`)
	unseen    = map[string]bool{"title": true, "desc": true, "metadata": true, "script": true, "template": true, "noscript": true, "comment": true}
	dataURI   = regexp.MustCompile(`^data:([a-z]+/[a-z0-9.+-]+)?(?:;charset=[^;,]+)?(;base64)?,`)
	endings   = map[string]string{"image/svg+xml": ".svg", "application/json": ".json", "text/csv": ".csv", "text/html": ".html"}
)

// markup looks at HTML, SVG and XML: text, attributes, comments, and files within.
func (s *scan) markup(where, doc string, depth int) {
	marks := 0
	var open []string // elements whose text nobody sees
	for len(doc) > 0 {
		at := strings.IndexByte(doc, '<')
		if at < 0 {
			at = len(doc)
		}
		if at > 0 {
			p := piece{where: where, text: html.UnescapeString(doc[:at]), hidden: len(open) > 0}
			if p.hidden {
				p.where += ", " + open[len(open)-1]
			}
			s.text(p)
			doc = doc[at:]
			continue
		}
		if strings.HasPrefix(doc, "<!--") {
			text, rest, _ := strings.Cut(doc[4:], "-->")
			s.text(piece{where: where + ", comment", text: text, hidden: true})
			doc = rest
			continue
		}
		end := tagEnd(doc)
		tag := doc[1:end]
		doc = doc[min(len(doc), end+1):]
		name := strings.ToLower(strings.Trim(strings.FieldsFunc(tag+" ", func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '\r' })[0], "/"))
		if strings.HasPrefix(tag, "/") {
			if n := len(open); n > 0 && open[n-1] == name {
				open = open[:n-1]
			}
			continue
		}
		if unseen[name] && !strings.HasSuffix(tag, "/") {
			open = append(open, name)
		}
		if name == "circle" {
			marks++
		}
		s.attributes(where, name, tag, depth)
		if (name == "script" || name == "style") && !strings.HasSuffix(tag, "/") {
			at := strings.Index(strings.ToLower(doc), "</"+name)
			if at < 0 {
				at = len(doc)
			}
			s.lines(where+", "+name, doc[:at])
			doc = doc[at:]
		}
	}
	if marks > 0 && strings.HasSuffix(where, ".svg") {
		s.found[Leak{Code: disclosure.CodePoints, Where: where, What: "marks that may be patients, one each"}] += marks
	}
}

// tagEnd is where a tag ends: at a > outside its quotes.
func tagEnd(doc string) int {
	quote := byte(0)
	for i := 1; i < len(doc); i++ {
		switch c := doc[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i
		}
	}
	return len(doc)
}

// drawn are attributes that draw and say nothing in words.
var drawn = map[string]bool{"d": true, "points": true, "transform": true, "viewbox": true, "class": true, "xmlns": true, "x": true, "y": true, "style": true, "fill": true, "stroke": true, "r": true, "s": true, "t": true}

func (s *scan) attributes(where, name, tag string, depth int) {
	for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
		key, value := strings.ToLower(m[1]), html.UnescapeString(m[2]+m[3]+m[4])
		if key == "style" && strings.Contains(strings.ReplaceAll(value, " ", ""), "display:none") {
			s.leak(CodeHidden, where+", "+name, "an element that is not displayed")
		}
		if drawn[key] || strings.HasPrefix(key, "xmlns") {
			continue
		}
		if u := dataURI.FindStringSubmatch(value); u != nil {
			s.embedded(where+", "+key, u[1], u[2] != "", value[len(u[0]):], depth)
			continue
		}
		if strings.HasPrefix(value, "http://schemas.") || strings.HasPrefix(value, "http://www.w3.org/") || strings.HasPrefix(value, "http://purl.org/") {
			continue // names of XML, not addresses of anybody
		}
		if depth == 0 && (key == "href" || key == "src") && strings.HasPrefix(value, "https://") {
			continue // a source that is named
		}
		s.text(piece{where: where + ", " + name + " " + key, text: value, hidden: true})
	}
}

func (s *scan) embedded(where, kind string, encoded bool, value string, depth int) {
	content := []byte(value)
	if encoded {
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil {
			s.leak(CodeUnread, where, "an embedded file")
			return
		}
		content = b
	} else if text, err := url.PathUnescape(value); err == nil {
		content = []byte(text)
	}
	s.file(where, endings[kind], content, depth+1)
}
