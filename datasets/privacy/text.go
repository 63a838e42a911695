package privacy

import (
	"regexp"
	"slices"
)

// initialName is a name of which the given name is an initial: J. Smith.
var initialName = regexp.MustCompile(`\b[A-Z]\. ?([A-Z][a-z]+(?:-[A-Z][a-z]+)?)\b`)

// InText returns the classes of identifiers that a text shows, such as a title or
// a sentence of a report, in the order of the rule. It never returns what it
// found. A column's texts tell more together: Look is for those.
func (d *Detectors) InText(s string) []Class {
	s = fold(s)
	sh := shapeOf(s)
	var out []Class
	for k := range d.list {
		if det := &d.list[k]; !det.own && det.severity == High && det.matches(d, s, sh) {
			out = append(out, det.class)
		}
	}
	for _, k := range d.encoded(s, sh) {
		out = append(out, d.list[k].class)
	}
	if d.named(words(s), true) {
		out = append(out, ClassNames)
	}
	for _, m := range initialName.FindAllStringSubmatch(s, 20) {
		if k := d.names[plain(m[1])]; k&family != 0 && k&everyday == 0 {
			out = append(out, ClassNames)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
