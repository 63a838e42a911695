package render

import (
	"fmt"
	"math"
	"strings"
)

// Difference is what changed from one report to another.
type Difference struct {
	Title   string   `json:"title"`
	Before  string   `json:"before"` // the earlier report's period
	After   string   `json:"after"`
	Same    int      `json:"same"` // how many numbers are alike
	Changes []Change `json:"changes"`
}

// What happened to a number, in Change.What.
const (
	Changed    = "changed"
	Added      = "added"
	Gone       = "gone"
	HiddenNow  = "hidden now"
	HiddenThen = "hidden then"
)

// Change is one number that is not as it was.
type Change struct {
	What       string   `json:"what"`
	Section    string   `json:"section"`
	Block      string   `json:"block"`
	Row        string   `json:"row"`
	Column     string   `json:"column"`
	Before     string   `json:"before"` // as readers saw it; empty where it was not there
	After      string   `json:"after"`
	Difference *float64 `json:"difference"` // after less before, of the rounded values; nil where one has none
}

type place struct{ section, block, row, column string }

// placeIn is where a number stands in a report of a period. A column of the period
// itself, or of a year before it, is the same in every report; a row is not, such as a
// quarter of a chart over time.
func (n Number) placeIn(period string) place {
	column := n.Column
	var year, quarter int
	if k, err := fmt.Sscanf(period, "%dQ%d", &year, &quarter); k == 2 && err == nil {
		column = strings.ReplaceAll(column, period, "\x00now")
		column = strings.ReplaceAll(column, fmt.Sprintf("%dQ%d", year-1, quarter), "\x00a year before")
	}
	return place{n.Section, n.Block, n.Row, column}
}

// Diff compares two reports number by number: those of the later one in its order, then
// what only the earlier one has. It reads what both show and so tells no more than they.
func Diff(before, after Document) Difference {
	d := Difference{Title: after.Title, Before: before.Period, After: after.Period, Changes: []Change{}}
	was := map[place]Number{}
	for _, n := range before.Numbers {
		was[n.placeIn(before.Period)] = n
	}
	is := map[place]bool{}
	for _, n := range after.Numbers {
		at := n.placeIn(after.Period)
		is[at] = true
		old, ok := was[at]
		switch {
		case !ok:
			d.add(Added, Number{}, n, n)
		case old.Hidden != "" && n.Hidden == "":
			d.add(HiddenThen, old, n, n)
		case old.Hidden == "" && n.Hidden != "":
			d.add(HiddenNow, old, n, n)
		case old.Text != n.Text || !equal(old.Value, n.Value) || !equal(old.Low, n.Low) || !equal(old.High, n.High):
			d.add(Changed, old, n, n)
		default:
			d.Same++
		}
	}
	for _, n := range before.Numbers {
		if !is[n.placeIn(before.Period)] {
			d.add(Gone, n, Number{}, n)
		}
	}
	return d
}

func (d *Difference) add(what string, before, after, at Number) {
	c := Change{What: what, Section: at.Section, Block: at.Block, Row: at.Row, Column: at.Column, Before: before.Text, After: after.Text}
	if before.Value != nil && after.Value != nil {
		// Both are decimals of a few digits; so is their difference.
		v := math.Round((*after.Value-*before.Value)*1e9) / 1e9
		c.Difference = &v
	}
	d.Changes = append(d.Changes, c)
}

func equal(a, b *float64) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}
