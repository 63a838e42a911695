// Package strict reads YAML files that people write by hand, strictly: every key must
// be known, every value of its kind, and every problem is reported at once with its
// line and column.
package strict

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Limits of a file: its bytes, and its keys and entries.
type Limits struct{ Bytes, Keys int }

// byHand are the limits of files that people write, which are far under them.
var byHand = Limits{Bytes: 64 << 10, Keys: 2000}

const maxDepth = 16

// Problem is one thing wrong with a file.
type Problem struct {
	Line    int    `json:"line"` // from 1; 0 if the place is not known
	Column  int    `json:"column"`
	Path    string `json:"path"` // as in strategies[1]
	Message string `json:"message"`
	Text    string `json:"text,omitempty"` // the line it stands on
}

// Problems is everything wrong with a file; it is the error of the parsers.
type Problems struct {
	File string
	List []Problem
}

// Error lists the problems, one a line.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, x := range p.List {
		where := p.File
		if x.Line > 0 {
			where = fmt.Sprintf("%s:%d:%d", p.File, x.Line, x.Column)
		}
		lines[i] = where + ": " + strings.TrimPrefix(x.Path+": ", ": ") + x.Message
	}
	return strings.Join(lines, "\n")
}

// decoder fills a struct from YAML strictly and remembers where each value
// stood, so that faults found later can be placed too.
type decoder struct {
	limits   Limits
	keys     int
	places   map[string][2]int
	problems []Problem
}

// Parse reads one YAML document over the defaults in v, a pointer to a struct, and
// then, if it could be read, checks it. Name is the file to speak of. The error is
// *Problems with every problem, those of the check placed by their path.
func Parse(name string, b []byte, v any, check func() []Problem) error {
	return ParseWithin(byHand, name, b, v, check)
}

// ParseWithin is Parse of files that a program may have written.
func ParseWithin(limits Limits, name string, b []byte, v any, check func() []Problem) error {
	d := decode(b, v, limits)
	var found []Problem
	if len(d.problems) == 0 {
		found = check()
	}
	return d.result(name, b, found)
}

// decode reads one YAML document over the defaults in v, a pointer to a struct
// whose fields are strings, numbers, booleans, structs, slices or maps of
// these. The tag `yaml:"name,required"` makes a key required; a struct with a field
// tagged `yaml:",number"` or `yaml:",text"` may be written as that alone.
func decode(b []byte, v any, limits Limits) *decoder {
	d := &decoder{limits: limits, places: make(map[string][2]int)}
	if len(b) > limits.Bytes {
		d.problem(nil, "", "the file is larger than %d KiB, which no such file should be", limits.Bytes>>10)
		return d
	}
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		d.syntax(err)
		return d
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		d.problem(nil, "", "expected exactly one YAML document with keys and values")
		return d
	}
	d.value(file.Docs[0].Body, reflect.ValueOf(v).Elem(), "", 0)
	return d
}

// syntax turns an error of the parser, which begins with [line:column], into a
// problem.
func (d *decoder) syntax(err error) {
	first, _, _ := strings.Cut(err.Error(), "\n")
	p := Problem{Message: "not valid YAML: " + first}
	if n, _ := fmt.Sscanf(first, "[%d:%d]", &p.Line, &p.Column); n == 2 {
		_, rest, _ := strings.Cut(first, "] ")
		p.Message = "not valid YAML: " + rest
	}
	d.problems = append(d.problems, p)
}

func (d *decoder) problem(n ast.Node, path, format string, args ...any) {
	p := Problem{Path: path, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		p.Line, p.Column = place(n)
	}
	d.problems = append(d.problems, p)
}

// place is where a node begins; a mapping begins at its first key, not at the
// colon behind it.
func place(n ast.Node) (line, column int) {
	switch x := n.(type) {
	case *ast.MappingNode:
		if len(x.Values) > 0 && !x.IsFlowStyle {
			return place(x.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return place(x.Key)
	}
	t := n.GetToken()
	return t.Position.Line, t.Position.Column
}

func (d *decoder) value(n ast.Node, v reflect.Value, path string, depth int) {
	line, column := place(n)
	d.places[path] = [2]int{line, column}
	if depth > maxDepth {
		d.problem(n, path, "nested deeper than %d levels", maxDepth)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if f := short(n, v); f.IsValid() {
			d.scalar(n, f, path)
			return
		}
		d.fields(n, v, path, depth)
	case reflect.Slice:
		d.list(n, v, path, depth)
	case reflect.Map:
		d.numbers(n, v, path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path, depth)
	default:
		d.scalar(n, v, path)
	}
}

// short returns the field that a struct written as a number or text fills, if it has
// one.
func short(n ast.Node, v reflect.Value) reflect.Value {
	want := ""
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.NanNode, *ast.InfinityNode:
		want = ",number"
	case *ast.StringNode, *ast.LiteralNode:
		want = ",text"
	}
	for i := range v.NumField() {
		if want != "" && v.Type().Field(i).Tag.Get("yaml") == want {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// pairs returns the entries of a mapping whose keys are plain and different.
func (d *decoder) pairs(n ast.Node, path string) []*ast.MappingValueNode {
	var all []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		all = m.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{m}
	default:
		d.problem(n, path, "expected keys and values, found %s", kindOf(n))
		return nil
	}
	seen := make(map[string]bool, len(all))
	out := all[:0:0]
	for _, e := range all {
		if d.keys++; d.keys == d.limits.Keys+1 {
			d.problem(e, path, "more than %d keys, which no such file should have", d.limits.Keys)
		}
		key := keyOf(e)
		_, plain := e.Key.(*ast.StringNode)
		switch {
		case d.keys > d.limits.Keys:
		case !plain:
			d.problem(e, path, "expected a plain key")
		case seen[key]:
			d.problem(e, Join(path, key), "stands more than once")
		default:
			seen[key] = true
			out = append(out, e)
		}
	}
	return out
}

func keyOf(e *ast.MappingValueNode) string {
	if s, ok := e.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return e.Key.String()
}

// Join returns the path of a key under a path.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *decoder) fields(n ast.Node, v reflect.Value, path string, depth int) {
	index, required, names := fieldsOf(v.Type())
	given := make(map[string]bool)
	for _, e := range d.pairs(n, path) {
		key := keyOf(e)
		given[key] = true
		i, ok := index[key]
		if !ok {
			d.problem(e, Join(path, key), "unknown key; expected one of %s", strings.Join(names, ", "))
			continue
		}
		d.value(e.Value, v.Field(i), Join(path, key), depth+1)
	}
	for _, name := range required {
		if !given[name] {
			d.problem(n, Join(path, name), "is missing")
		}
	}
}

func fieldsOf(t reflect.Type) (index map[string]int, required, names []string) {
	index = make(map[string]int)
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("yaml")
		name, option, _ := strings.Cut(tag, ",")
		if name == "" || name == "-" {
			continue
		}
		index[name] = i
		names = append(names, name)
		if option == "required" {
			required = append(required, name)
		}
	}
	return index, required, names
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string, depth int) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.problem(n, path, "expected a list, found %s", kindOf(n))
		return
	}
	if d.keys += len(seq.Values); d.keys > d.limits.Keys {
		d.problem(n, path, "more than %d keys and entries, which no such file should have", d.limits.Keys)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, e := range seq.Values {
		d.value(e, v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1)
	}
}

// numbers reads a map from names to numbers.
func (d *decoder) numbers(n ast.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range d.pairs(n, path) {
		x := reflect.New(v.Type().Elem()).Elem()
		d.value(e.Value, x, Join(path, keyOf(e)), 0)
		v.SetMapIndex(reflect.ValueOf(keyOf(e)), x)
	}
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		switch s := n.(type) {
		case *ast.StringNode:
			v.SetString(s.Value)
			return
		case *ast.LiteralNode:
			v.SetString(strings.TrimSpace(s.Value.Value))
			return
		}
		d.problem(n, path, "expected text, found %s (put it in quotes)", kindOf(n))
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			v.SetBool(b.Value)
			return
		}
		d.problem(n, path, "expected true or false, found %s", kindOf(n))
	case reflect.Float64, reflect.Int, reflect.Uint64:
		d.number(n, v, path)
	default:
		d.problem(n, path, "cannot be read from a file")
	}
}

func (d *decoder) number(n ast.Node, v reflect.Value, path string) {
	text := strings.ReplaceAll(n.GetToken().Value, "_", "")
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
	default:
		d.problem(n, path, "expected a number, found %s", kindOf(n))
		return
	}
	var err error
	switch v.Kind() {
	case reflect.Int:
		var i int64
		if i, err = strconv.ParseInt(text, 10, 64); err == nil {
			v.SetInt(i)
		}
	case reflect.Uint64:
		var i uint64
		if i, err = strconv.ParseUint(text, 10, 64); err == nil {
			v.SetUint(i)
		}
	default:
		var f float64
		if f, err = strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			v.SetFloat(f)
		} else {
			d.problem(n, path, "expected a finite decimal number")
		}
		return
	}
	if err != nil {
		d.problem(n, path, "expected a whole number in decimal digits")
	}
}

// kindOf names a node in the words of a reader.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.NanNode, *ast.InfinityNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	}
	return "an anchor, alias or tag, which are not used here"
}

// result places the problems found by checks and returns everything, or nil.
func (d *decoder) result(file string, b []byte, checked []Problem) error {
	for _, p := range checked {
		for path := p.Path; ; path = parent(path) {
			if at, ok := d.places[path]; ok {
				p.Line, p.Column = at[0], at[1]
				break
			}
			if path == "" {
				break
			}
		}
		d.problems = append(d.problems, p)
	}
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	lines := strings.Split(string(b), "\n")
	for i := range d.problems {
		if p := &d.problems[i]; p.Line > 0 && p.Line <= len(lines) {
			p.Text = strings.TrimRight(lines[p.Line-1], "\r")
		}
	}
	return &Problems{File: file, List: d.problems}
}

func parent(path string) string {
	i := strings.LastIndexAny(path, ".[")
	return path[:max(i, 0)]
}
