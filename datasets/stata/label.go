package stata

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"recoup/datasets"
)

// labelSet is a set of value labels: levels in the order of their values, and
// the extended missing values that have a label.
type labelSet struct {
	levels  []datasets.Category
	missing []datasets.MissingValue
}

// readLabels reads the value labels: up to the end of the file in formats 114
// and 115, between marks from a place on in the later ones.
func (s *source) readLabels(from int64) error {
	s.labels = map[string]labelSet{}
	spent := int64(0)
	if s.release < 117 {
		for from = s.data + s.rows*s.width; from < s.size; {
			next, err := s.labelTable(from, oldLayout.name, &spent)
			if err != nil {
				return err
			}
			from = next
		}
		return nil
	}
	name := oldLayout.name
	if s.release >= 118 {
		name = wideLayout.name
	}
	from += int64(len("<value_labels>"))
	for {
		b, err := s.bytes(from, 5)
		if err != nil {
			return err
		}
		if string(b) != "<lbl>" {
			return s.markAt(from, "</value_labels></stata_dta>")
		}
		if from, err = s.labelTable(from+5, name, &spent); err != nil {
			return err
		}
		if err := s.markAt(from, "</lbl>"); err != nil {
			return err
		}
		from += int64(len("</lbl>"))
	}
}

// labelTable reads one set of labels at a place and returns where it ends.
func (s *source) labelTable(from, nameWidth int64, spent *int64) (int64, error) {
	head, err := s.bytes(from, 4+nameWidth+3)
	if err != nil {
		return 0, err
	}
	size := int64(s.order.Uint32(head))
	name, ok := s.decode(head[4 : 4+nameWidth])
	from += int64(len(head))
	body, err := s.bytes(from, size)
	if err != nil {
		return 0, err
	}
	c := cursor{b: body, order: s.order}
	n, length := int64(c.u32()), int64(c.u32())
	if c.short || n > maxLabels || int64(len(c.b)) != 8*n+length {
		return 0, s.damaged(fmt.Sprintf("a Stata file whose value labels are as long as they say and at most %d", maxLabels))
	}
	offsets := cursor{b: c.take(int(4 * n)), order: s.order}
	values := cursor{b: c.take(int(4 * n)), order: s.order}
	type label struct {
		value int32
		text  string
	}
	var labels []label
	for range n {
		at, value := int64(offsets.u32()), int32(values.u32())
		if at >= length {
			return 0, s.damaged("a Stata file whose value labels are inside it")
		}
		raw, _, _ := bytes.Cut(c.b[at:], []byte{0})
		if *spent += int64(len(raw)); *spent > maxLabelBytes {
			return 0, s.refuse(datasets.CodeTooLarge, fmt.Sprintf("expected at most %d bytes of value labels", maxLabelBytes), "")
		}
		t, good := s.decode(raw)
		ok = ok && good
		labels = append(labels, label{value, t})
	}
	if !ok {
		return 0, s.refuse(datasets.CodeEncoding, "expected value labels in the file's encoding", "say encoding: windows-1252 (or what the file is written in) for this table")
	}
	slices.SortStableFunc(labels, func(a, b label) int { return cmp.Compare(a.value, b.value) })
	var set labelSet
	for i, l := range labels {
		switch code := int64(l.value) - missingLong; {
		case i > 0 && labels[i-1].value == l.value:
		case code > 0:
			set.missing = append(set.missing, datasets.MissingValue{Value: "." + string(rune('a'+code-1)), Label: l.text})
		case code < 0:
			set.levels = append(set.levels, datasets.Category{Value: string(datasets.AppendNumber(nil, float64(l.value))), Label: l.text})
		}
	}
	if _, dup := s.labels[name]; !dup {
		s.labels[name] = set
	}
	return from + size, nil
}
