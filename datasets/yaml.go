package datasets

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	yamltoken "github.com/goccy/go-yaml/token"
)

// Limits of what DecodeYAML reads: the decoder takes seconds for deep nesting.
const (
	maxSettings = 64 << 10
	maxNested   = 50
)

// DecodeYAML decodes a small file that a format needs besides the cohort file,
// strictly: an unknown or repeated key is a problem with its line, and so are
// anchors and aliases, by which a short file can stand for an endless one. All that
// is wrong with its shape comes back at once, as Problems. The name is used in problems alone. On success it returns the line at which a path
// such as $.tables[0].name stands, 0 where it does not, for what the caller then
// finds wrong with the meaning.
func DecodeYAML(name string, b []byte, into any) (line func(path string) int, err error) {
	bad := func(line int, expected, mend string) error {
		return Problems{{Severity: SeverityError, Code: CodeDictionary, File: name, Line: line, Expected: expected, Mend: mend}}
	}
	if len(b) > maxSettings {
		return nil, bad(0, fmt.Sprintf("expected a file of at most %d bytes", maxSettings), "")
	}
	depth := 0
	for _, t := range lexer.Tokenize(string(b)) {
		switch t.Type {
		case yamltoken.SequenceStartType, yamltoken.MappingStartType:
			if depth++; depth > maxNested {
				return nil, bad(t.Position.Line, fmt.Sprintf("expected lists within lists at most %d deep", maxNested), "")
			}
		case yamltoken.SequenceEndType, yamltoken.MappingEndType:
			depth--
		case yamltoken.AnchorType, yamltoken.AliasType, yamltoken.MergeKeyType:
			return nil, bad(t.Position.Line, "expected no anchors or aliases", "write it out")
		}
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, bad(0, "expected settings, found an empty file", "")
	}
	if ps := decodeStrictly(name, b, into); len(ps) > 0 {
		return nil, ps
	}
	return lines(b), nil
}

// decodeStrictly decodes a file of settings into v. It tells of all that is not of its
// shape, else of the decoder's error, without its excerpt of the file.
func decodeStrictly(name string, b []byte, v any) Problems {
	if ps := misshapen(name, b, v); len(ps) > 0 {
		return ps
	}
	err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(v)
	if err == nil {
		return nil
	}
	p := Problem{Severity: SeverityError, Code: CodeDictionary, File: name}
	p.Expected, _, _ = strings.Cut(yaml.FormatError(err, false, false), "\n")
	var column int
	if n, _ := fmt.Sscanf(p.Expected, "[%d:%d]", &p.Line, &column); n == 2 {
		_, p.Expected, _ = strings.Cut(p.Expected, "] ")
	}
	return Problems{p}
}

// lines returns where in a file of settings a path stands: its line, 0 where it does
// not.
func lines(b []byte) func(path string) int {
	var f *ast.File // parsed once, when first asked
	return func(path string) int {
		p, err := yaml.PathString(path)
		if err != nil {
			return 0
		}
		if f == nil {
			if f, err = parser.ParseBytes(b, 0); err != nil {
				return 0
			}
		}
		n, err := p.FilterFile(f)
		if err != nil || n == nil || n.GetToken() == nil {
			return 0
		}
		return n.GetToken().Position.Line
	}
}
