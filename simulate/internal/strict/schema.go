package strict

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Schema returns the JSON Schema (draft 2020-12) of the files that are read into the
// type of v, as a value to be encoded: keys and which are required from the tag yaml,
// range "least,largest", enum "a,b" and doc. Editors check YAML by it as well.
func Schema(v any, title string) map[string]any {
	s := schemaOf(reflect.TypeOf(v), "")
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = title
	return s
}

func schemaOf(t reflect.Type, limits string) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), limits)
	case reflect.Struct:
		return object(t)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), limits)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), limits)}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	}
	s := map[string]any{"type": "number"}
	if t.Kind() != reflect.Float64 {
		s["type"] = "integer"
	}
	if lo, hi, ok := parseRange(limits); ok {
		s["minimum"], s["maximum"] = lo, hi
	}
	return s
}

func object(t reflect.Type) map[string]any {
	_, required, names := fieldsOf(t)
	index, _, _ := fieldsOf(t)
	properties := map[string]any{}
	for _, name := range names {
		f := t.Field(index[name])
		p := schemaOf(f.Type, f.Tag.Get("range"))
		if e := f.Tag.Get("enum"); e != "" {
			p["enum"] = strings.Split(e, ",")
		}
		if d := f.Tag.Get("doc"); d != "" {
			p["description"] = d
		}
		properties[name] = p
	}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// Paths lists the keys of the files that are read into the type of v, without
// indexes, as in phases.hours; the keys of maps are not among them.
func Paths(v any) map[string]bool {
	out := map[string]bool{}
	paths("", reflect.TypeOf(v), out)
	return out
}

func paths(path string, t reflect.Type, out map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		paths(path, t.Elem(), out)
	case reflect.Struct:
		index, _, names := fieldsOf(t)
		for _, name := range names {
			out[Join(path, name)] = true
			paths(Join(path, name), t.Field(index[name]).Type, out)
		}
	}
}

func parseRange(tag string) (lo, hi float64, ok bool) {
	a, b, ok := strings.Cut(tag, ",")
	if !ok {
		return 0, 0, false
	}
	lo, err := strconv.ParseFloat(a, 64)
	hi, other := strconv.ParseFloat(b, 64)
	return lo, hi, err == nil && other == nil
}

// Bounds returns the numbers of v outside their range and the texts that are not of
// their enum. NaN is outside.
func Bounds(path string, v any) []Problem {
	var out []Problem
	visit(path, reflect.ValueOf(v), "", "", func(path string, v reflect.Value, limits, enum string) {
		if v.Kind() == reflect.String {
			if list := strings.Split(enum, ","); enum != "" && !slices.Contains(list, v.String()) {
				out = append(out, Problem{Path: path, Message: fmt.Sprintf("is %q: use %s", v.String(), strings.Join(list, " or "))})
			}
			return
		}
		x := numberOf(v)
		if lo, hi, ok := parseRange(limits); ok && !(x >= lo && x <= hi) {
			out = append(out, Problem{Path: path, Message: fmt.Sprintf("must be from %s to %s", plain(lo), plain(hi))})
		}
	})
	return out
}

func plain(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// Numbers calls each with every number under v and its path.
func Numbers(path string, v reflect.Value, each func(path string, x float64)) {
	visit(path, v, "", "", func(path string, v reflect.Value, _, _ string) {
		if v.Kind() != reflect.String {
			each(path, numberOf(v))
		}
	})
}

func numberOf(v reflect.Value) float64 {
	switch v.Kind() {
	case reflect.Int:
		return float64(v.Int())
	case reflect.Uint64:
		return float64(v.Uint())
	case reflect.Float64:
		return v.Float()
	}
	return math.NaN()
}

// visit walks the numbers and texts of v in the order of the keys.
func visit(path string, v reflect.Value, limits, enum string, each func(path string, v reflect.Value, limits, enum string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visit(path, v.Elem(), limits, enum, each)
		}
	case reflect.Struct:
		index, _, names := fieldsOf(v.Type())
		for _, name := range names {
			f := v.Type().Field(index[name])
			visit(Join(path, name), v.Field(index[name]), f.Tag.Get("range"), f.Tag.Get("enum"), each)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(fmt.Sprintf("%s[%d]", path, i), v.Index(i), limits, enum, each)
		}
	case reflect.Map:
		for _, k := range sortedStrings(v) {
			visit(Join(path, k), v.MapIndex(reflect.ValueOf(k)), limits, enum, each)
		}
	case reflect.String, reflect.Int, reflect.Uint64, reflect.Float64:
		each(path, v, limits, enum)
	}
}

func sortedStrings(m reflect.Value) []string {
	var keys []string
	for _, k := range m.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}
