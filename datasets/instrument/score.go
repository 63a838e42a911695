package instrument

import (
	"errors"
	"fmt"
	"math"
)

// Errors that Score and Pick wrap; a caller tells them apart with errors.Is.
var (
	// ErrNotScored: the instrument's items are not scored here.
	ErrNotScored = errors.New("not scored from items")
	// ErrItems: the number of items is not the instrument's.
	ErrItems = errors.New("wrong number of items")
	// ErrAnswer: an answer is not possible.
	ErrAnswer = errors.New("impossible answer")
	// ErrTooFew: too few items are answered for the missing-item rule.
	ErrTooFew = errors.New("too few items answered")
)

// Score turns item answers, in the form's order and coding, into the score.
// NaN marks an unanswered item.
//
//	single   the answer
//	sum      Multiply × Items × mean of the answered items   (prorated)
//	mean     mean of the answered items
//	percent  100 × Σ(answer - ItemMin) / (answered × (ItemMax - ItemMin))
//
// Reversed items count as ItemMin + ItemMax - answer. Where the missing-item
// rule fills with zero an unanswered item counts as ItemMin. A score that
// cannot be made is NaN with an error that wraps ErrNotScored, ErrItems,
// ErrAnswer or ErrTooFew; the error names the item, never the answer.
// Prorated scores are not rounded.
func (in Instrument) Score(items []float64) (float64, error) {
	switch in.Scoring {
	case Single, Sum, Mean, Percent:
	default:
		return math.NaN(), fmt.Errorf("%s: %w: enter %s", in.Name, ErrNotScored, in.entry())
	}
	if in.Items == 0 || len(items) != in.Items {
		return math.NaN(), fmt.Errorf("%s: %w: got %d, want %d", in.Name, ErrItems, len(items), in.Items)
	}
	sum, answered, err := in.add(items)
	if err != nil {
		return math.NaN(), err
	}
	if need := in.Needed(); answered < need {
		return math.NaN(), fmt.Errorf("%s: %w: %d of %d, at least %d needed", in.Name, ErrTooFew, answered, in.Items, need)
	}
	if in.Missing.Fill == Zero {
		sum += float64(in.Items-answered) * in.ItemMin
		answered = in.Items
	}
	n := float64(answered)
	switch in.Scoring {
	case Mean, Single:
		return sum / n, nil
	case Percent:
		return 100 * (sum - n*in.ItemMin) / (n * (in.ItemMax - in.ItemMin)), nil
	default:
		return in.Multiply * sum * float64(in.Items) / n, nil
	}
}

// add sums the answered items after reversing and counts them.
func (in Instrument) add(items []float64) (sum float64, answered int, err error) {
	for i, x := range items {
		if math.IsNaN(x) {
			continue
		}
		if x < in.ItemMin || x > in.ItemMax || (!in.Continuous && x != math.Trunc(x)) {
			return 0, 0, fmt.Errorf("%s: %w at item %d: want %s from %g to %g",
				in.Name, ErrAnswer, i+1, in.answerKind(), in.ItemMin, in.ItemMax)
		}
		if in.reverses(i + 1) {
			x = in.ItemMin + in.ItemMax - x
		}
		sum += x
		answered++
	}
	return sum, answered, nil
}

func (in Instrument) answerKind() string {
	if in.Continuous {
		return "a number"
	}
	return "a whole number"
}

func (in Instrument) reverses(item int) bool {
	for _, r := range in.Reversed {
		if r == item {
			return true
		}
	}
	return false
}

// entry is what is entered in place of the items.
func (in Instrument) entry() string {
	if in.Unit == "T" {
		return "the T score itself: the table from raw sums to T scores is not held here"
	}
	return "the score itself"
}

// Needed is the least number of answered items that gives a score.
func (in Instrument) Needed() int {
	if in.Missing.MinAnswered == 0 || in.Missing.Fill == None {
		return in.Items
	}
	return in.Missing.MinAnswered
}

// Scales returns what the items of a questionnaire are scored to, in the
// registry's order: the instrument of that name, where there is one, and the
// scales that are part of it; and how many items the questionnaire has, 0 where
// it is not scored from items. The error wraps ErrNotScored where no instrument
// of the name, or none of its scales, is scored from items.
func Scales(questionnaire string) (scales []Instrument, items int, err error) {
	err = fmt.Errorf("%w: no questionnaire of that name", ErrNotScored)
	for _, in := range All() {
		n := in.Items
		switch {
		case in.PartOf == questionnaire && questionnaire != "":
			n = in.Whole
		case in.Name != questionnaire:
			continue
		}
		if n == 0 {
			_, err = in.Score(nil)
			continue
		}
		scales, items = append(scales, in), n
	}
	if scales != nil {
		err = nil
	}
	return scales, items, err
}

// Pick takes this scale's items out of the answers to the whole questionnaire,
// ready for Score. An instrument that is no part of another returns the
// answers as they are.
func (in Instrument) Pick(whole []float64) ([]float64, error) {
	if in.PartOf == "" {
		return whole, nil
	}
	if len(whole) != in.Whole {
		return nil, fmt.Errorf("%s: %w: %s has %d, got %d", in.Name, ErrItems, in.PartOf, in.Whole, len(whole))
	}
	items := make([]float64, len(in.Positions))
	for i, p := range in.Positions {
		items[i] = whole[p-1]
	}
	return items, nil
}
