package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis/catalog"
	"recoup/datasets/instrument"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// completes gives the words that a shell offers after commands that take a name of
// recoup's own, by the command and the place of the word.
var completes = map[string]struct {
	place int
	words func() []string
}{
	"recoup analyze show":    {0, analysisNames},
	"recoup analyze run":     {1, analysisNames},
	"recoup analyze power":   {1, analysisNames},
	"recoup analyze calc":    {0, analysisNames},
	"recoup instrument show": {0, instrumentNames},
	"recoup evidence show":   {0, parameterNames},
	"recoup design show":     {0, design.BuiltinNames},
}

// complete puts the names where shells ask for them; elsewhere files are offered.
func complete(root *cobra.Command) {
	walkCommands(root, func(c *cobra.Command) {
		offer, ok := completes[c.CommandPath()]
		if !ok {
			return
		}
		c.ValidArgsFunction = func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) != offer.place {
				return nil, cobra.ShellCompDirectiveDefault
			}
			var out []string
			for _, w := range offer.words() {
				if strings.HasPrefix(w, begun) {
					out = append(out, w)
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		}
	})
}

func analysisNames() []string {
	var out []string
	for _, a := range catalog.All {
		out = append(out, a.Name+"\t"+a.Title)
	}
	return out
}

func instrumentNames() []string {
	var out []string
	for _, x := range instrument.All() {
		out = append(out, x.Name+"\t"+x.Title)
	}
	return out
}

func parameterNames() []string {
	set, err := evidence.Default()
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range set.Parameters {
		out = append(out, p.Name+"\t"+string(p.Kind))
	}
	return out
}
