package sqldb

import (
	"math"
	"strconv"
	"testing"

	"recoup/datasets"
)

func span(from, day, to int) *window { return &window{Day: day, From: &from, To: &to} }

// values are candidates of one column, by day and id as the database gives them:
// on days -3, 0, 0, 5 and 7 of a window from -3 to 7. The two of day 0 differ.
var values = []cell{
	{value: "100"},
	{day: -4, value: "100", dated: true},
	{day: -3, value: "1", dated: true},
	{day: 0, value: "2", dated: true},
	{day: 0, value: "3", dated: true, operator: "4171756"},
	{day: 5, value: "6.0", dated: true},
	{day: 5, value: "6.00", dated: true},
	{day: 6, missing: true, dated: true},
	{day: 7, value: "8", dated: true},
	{day: 8, value: "100", dated: true},
}

// Which value wins, and what is counted, by hand.
func TestTake(t *testing.T) {
	for _, x := range []struct {
		take         take
		day          int
		want         string
		ties, limits int
	}{
		{takeFirst, 0, "1", 0, 0},
		{takeLast, 0, "8", 0, 0},
		{takeNearest, 0, "2", 1, 0},   // of one day the lowest id; they differ
		{takeNearest, -1, "2", 1, 0},  // one day away, against two
		{takeNearest, -2, "1", 0, 0},  // one day away, against two
		{takeNearest, 1, "2", 1, 0},   // one day away, against four
		{takeNearest, 6, "6.0", 0, 0}, // 5 and 7 are as near: the earlier; 6.0 and 6.00 are one number
		{takeNearest, 7, "8", 0, 0},
		{takeMean, 0, strconv.FormatFloat((1+2+3+6+6+8)/6., 'g', -1, 64), 0, 1},
	} {
		p := newPicker([]column{{Field: valueAsNumber, Take: x.take, Window: span(-3, x.day, 7)}}, nil)
		for _, c := range values {
			p.add(c)
		}
		got, missing := p.picks[0].result(&p.columns[0])
		p.count(0)
		n := p.tallies[0]
		if got != x.want || missing || n.ties != x.ties || n.limits != x.limits || n.outside != 2 || n.undated != 1 || n.passed+n.averaged != map[bool]int{true: 6, false: 5}[x.take == takeMean] {
			t.Errorf("%s to day %d: %q %+v, want %q with %d ties and %d limits", x.take, x.day, got, n, x.want, x.ties, x.limits)
		}
	}
}

// The last of one day is the one with the highest id, with its operator.
func TestTakeLastOfOneDay(t *testing.T) {
	p := newPicker([]column{{Field: valueAsNumber, Take: takeLast, Window: span(-3, 0, 0)}}, nil)
	for _, c := range values {
		p.add(c)
	}
	got, _ := p.picks[0].result(&p.columns[0])
	p.count(0)
	if n := p.tallies[0]; got != "3" || n.ties != 1 || n.limits != 1 || n.passed != 2 || n.outside != 7-1 {
		t.Errorf("%q %+v", got, n)
	}
	if k := p.picks[0]; k != (pick{}) {
		t.Errorf("the next person begins with %+v", k)
	}
}

// A cell for which there is nothing is missing; concept 0 is the reason where it
// is all there is.
func TestMissing(t *testing.T) {
	col := column{Field: "value_as_concept_id", Take: takeFirst, Window: span(0, 0, 9)}
	zero, null, some := cell{value: "0", dated: true}, cell{missing: true, dated: true}, cell{value: "7", dated: true}
	for _, x := range []struct {
		cells   []cell
		want    string
		missing bool
	}{
		{nil, "", true},
		{[]cell{null}, "", true},
		{[]cell{null, zero}, "0", true},
		{[]cell{zero, null, some}, "7", false},
	} {
		p := newPicker([]column{col}, nil)
		for _, c := range x.cells {
			p.add(c)
		}
		if got, missing := p.picks[0].result(&col); got != x.want || missing != x.missing {
			t.Errorf("%+v: %q %v", x.cells, got, missing)
		}
	}
	listed := col
	listed.Levels = map[string]string{"0": "none"}
	p := newPicker([]column{listed}, nil)
	p.add(zero)
	if got, missing := p.picks[0].result(&listed); got != "0" || missing {
		t.Errorf("concept 0 listed as a level: %q %v", got, missing)
	}
}

// Each visit takes its own days, its ends included; a mean of what is no number is
// no number, for the loader to refuse.
func TestVisits(t *testing.T) {
	visits := []visit{{"a", *span(-3, 0, 0)}, {"b", *span(1, 5, 5)}}
	p := newPicker([]column{{Field: valueAsNumber, Take: takeFirst}, {Field: valueAsNumber, Take: takeMean}}, visits)
	for _, day := range []int{-4, -3, 0, 1, 5, 6} {
		p.add(cell{column: 0, day: day, dated: true, value: strconv.Itoa(day)})
	}
	p.add(cell{column: 1, day: 2, dated: true, value: "NaN"})
	a, _ := p.row(0)[0].result(&p.columns[0])
	b, _ := p.row(1)[0].result(&p.columns[0])
	mean, _ := p.row(1)[1].result(&p.columns[1])
	if v, err := strconv.ParseFloat(mean, 64); a != "-3" || b != "1" || err != nil || !math.IsNaN(v) || p.tallies[0].outside != 2 || !p.seen(0) || p.row(0)[1].any {
		t.Errorf("%q %q %q %+v", a, b, mean, p.tallies)
	}
	var told []string
	p.count(0)
	p.count(1)
	p.problems(func(x datasets.Problem) { told = append(told, string(x.Severity)+" "+x.Code+" "+strconv.Itoa(x.Rows)) })
	if len(told) != 2 || told[0] != "note several-in-window 2" || told[1] != "note outside-window 2" {
		t.Errorf("%q", told)
	}
}
