package datasets

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// misshapen returns everything in a file of settings that the type of v has no place
// for: unknown and repeated keys, lists where keys are expected, words where numbers
// are. The decoder stops at the first of them, and takes 2.5 for 2. It is empty for
// what the decoder alone finds wrong.
func misshapen(name string, b []byte, v any) Problems {
	file, _ := parser.ParseBytes(b, 0, parser.AllowDuplicateMapKey()) // the decoder tells of what cannot be parsed
	if file == nil || len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil
	}
	s := shape{file: name}
	s.value(file.Docs[0].Body, reflect.TypeOf(v), "")
	slices.SortStableFunc(s.problems, func(a, b Problem) int { return a.Line - b.Line })
	return s.problems
}

// shape holds what is in a file beside the types it is read into.
type shape struct {
	file     string
	problems Problems
}

func (s *shape) bad(n ast.Node, path, format string, args ...any) {
	p := Problem{
		Severity: SeverityError, Code: CodeDictionary, File: s.file, Column: path, Expected: fmt.Sprintf(format, args...),
	}
	if e, ok := n.(*ast.MappingValueNode); ok {
		n = e.Key
	}
	if t := n.GetToken(); t != nil {
		p.Line = t.Position.Line
	}
	s.problems = append(s.problems, p)
}

var (
	readsItself = reflect.TypeFor[yaml.InterfaceUnmarshaler]()
	readsBytes  = reflect.TypeFor[yaml.BytesUnmarshaler]()
)

func (s *shape) value(n ast.Node, t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind := kindOf(n)
	if to := reflect.PointerTo(t); to.Implements(readsItself) || to.Implements(readsBytes) {
		// Such a type may also stand as one word.
		if kind != "a list" && kind != "keys with values" {
			return
		}
	}
	switch {
	case kind == "": // nothing, or an anchor, which others tell of
	case t.Kind() == reflect.Struct:
		s.fields(n, t, path)
	case t.Kind() == reflect.Map:
		for _, e := range s.entries(n, path) {
			s.value(e.Value, t.Elem(), below(path, keyOf(e)))
		}
	case t.Kind() == reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			s.bad(n, path, "expected a list, found %s", kind)
			return
		}
		for i, e := range list.Values {
			s.value(e, t.Elem(), fmt.Sprintf("%s[%d]", path, i))
		}
	default:
		s.scalar(n, t.Kind(), kind, path)
	}
}

func (s *shape) scalar(n ast.Node, t reflect.Kind, kind, path string) {
	if t == reflect.Interface {
		return
	}
	want, fits := "a text", kind != "a list" && kind != "keys with values"
	switch t {
	case reflect.Bool:
		want, fits = "true or false", kind == "true or false"
	case reflect.Float64:
		_, err := strconv.ParseFloat(n.GetToken().Value, 64)
		want, fits = "a number", fits && (kind == "a number" || err == nil)
	case reflect.Int, reflect.Int64, reflect.Uint64:
		x, err := strconv.ParseFloat(n.GetToken().Value, 64)
		want, fits = "a whole number", fits && err == nil && x == math.Trunc(x) // 2.5 would be read as 2
	}
	if !fits {
		s.bad(n, path, "expected %s, found %s", want, kind)
	}
}

func (s *shape) fields(n ast.Node, t reflect.Type, path string) {
	types, names := keysOf(t)
	for _, e := range s.entries(n, path) {
		key := keyOf(e)
		field, ok := types[key]
		if !ok {
			s.bad(e, below(path, key), "unknown key; expected one of %s", strings.Join(names, ", "))
			continue
		}
		s.value(e.Value, field, below(path, key))
	}
}

// keysOf returns the keys of a struct, those of the structs inlined in it too.
func keysOf(t reflect.Type) (types map[string]reflect.Type, names []string) {
	types = make(map[string]reflect.Type)
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case option == "inline":
			inner, more := keysOf(f.Type)
			for _, k := range more {
				types[k] = inner[k]
			}
			names = append(names, more...)
		case name != "" && name != "-":
			types[name] = f.Type
			names = append(names, name)
		}
	}
	return types, names
}

// entries returns the entries of a mapping, each key once.
func (s *shape) entries(n ast.Node, path string) []*ast.MappingValueNode {
	var all []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		all = m.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{m}
	default:
		s.bad(n, path, "expected keys with values, found %s", kindOf(n))
		return nil
	}
	seen := make(map[string]bool, len(all))
	return slices.DeleteFunc(slices.Clone(all), func(e *ast.MappingValueNode) bool {
		if _, merges := e.Key.(*ast.MergeKeyNode); merges {
			return true // of an anchor
		}
		key := keyOf(e)
		if seen[key] {
			s.bad(e, below(path, key), "expected the key once")
		}
		again := seen[key]
		seen[key] = true
		return again
	})
}

// keyOf returns a key as it is written, without quotes.
func keyOf(e *ast.MappingValueNode) string {
	if k, ok := e.Key.(*ast.StringNode); ok {
		return k.Value
	}
	return e.Key.String()
}

func below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// kindOf names what a node is in the words of who wrote it; "" for nothing, and for
// what is not used in these files.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.NanNode, *ast.InfinityNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	}
	return ""
}
