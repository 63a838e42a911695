package cli

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"
)

// level is a confidence level as a flag: 0, which an analysis takes for the usual one,
// is refused as any other that is none.
type level struct{ *float64 }

func levelFlag(c *cobra.Command, to *float64, usage string) {
	*to = 0.95
	c.Flags().Var(level{to}, "level", usage)
}

func (l level) String() string {
	if l.float64 == nil {
		return "0"
	}
	return strconv.FormatFloat(*l.float64, 'g', -1, 64)
}

func (l level) Type() string { return "float" }

func (l level) Set(s string) error {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x > 0 && x < 1) {
		return errors.New("expected a confidence level between 0 and 1, such as 0.95")
	}
	*l.float64 = x
	return nil
}
