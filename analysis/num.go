// Package analysis holds what all analyses share: the question that is asked,
// the estimate that answers it, the intervals and warnings that go with it, and
// the value by which an analysis is found, given options and run.
//
// Every estimator sees a cohort and a [Question] and returns a [Result]. The
// value of an estimate is always arm minus reference on the outcome's own scale;
// whether that is better or worse is worked out where a report speaks.
package analysis

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// Num is a number in a result. NaN means that there is no number: it is null in
// JSON and empty in CSV, and a warning says why. Infinite bounds are "+Inf" and
// "-Inf".
type Num float64

// None is the Num that is not there.
var None = Num(math.NaN())

// OK reports whether there is a number.
func (n Num) OK() bool { return !math.IsNaN(float64(n)) }

// MarshalJSON writes null for NaN and a text for an infinity.
func (n Num) MarshalJSON() ([]byte, error) {
	v := float64(n)
	switch {
	case math.IsNaN(v):
		return []byte("null"), nil
	case math.IsInf(v, 1):
		return []byte(`"+Inf"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-Inf"`), nil
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Num) UnmarshalJSON(b []byte) error {
	switch s := string(b); s {
	case "null":
		*n = None
	case `"+Inf"`:
		*n = Num(math.Inf(1))
	case `"-Inf"`:
		*n = Num(math.Inf(-1))
	default:
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return errors.New(`expected a number, null, "+Inf" or "-Inf"`)
		}
		*n = Num(v)
	}
	return nil
}

// Text writes the number with all digits needed to read it back, "" for none.
func (n Num) Text() string {
	v := float64(n)
	switch {
	case math.IsNaN(v):
		return ""
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
