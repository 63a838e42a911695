package opioid

import (
	"fmt"
	"strings"
	"unicode"
)

type rawNames struct {
	Drugs map[string]struct {
		Other []string `yaml:"other"`
		OUD   bool     `yaml:"oud"`
	} `yaml:"drugs"`
	Ignored     []string            `yaml:"ignored"`
	Routes      map[string][]string `yaml:"routes"`
	Units       map[string][]string `yaml:"units"`
	Indications map[string][]string `yaml:"indications"`
}

// names maps folded spellings to names.
type names struct {
	drugs, routes, units, indications map[string]string
	ignored                           map[string]bool
	oud                               map[string]bool // drugs that also treat opioid use disorder
}

func (raw rawNames) index() (names, error) {
	n := names{ignored: map[string]bool{}, oud: map[string]bool{}}
	drugs := map[string][]string{}
	for name, d := range raw.Drugs {
		drugs[name] = d.Other
		n.oud[name] = d.OUD
	}
	for _, w := range raw.Ignored {
		n.ignored[w] = true
	}
	for _, part := range []struct {
		into *map[string]string
		from map[string][]string
	}{{&n.drugs, drugs}, {&n.routes, raw.Routes}, {&n.units, raw.Units}, {&n.indications, raw.Indications}} {
		index, err := spellings(part.from)
		if err != nil {
			return names{}, err
		}
		*part.into = index
	}
	return n, nil
}

func spellings(from map[string][]string) (map[string]string, error) {
	index := map[string]string{}
	for name, other := range from {
		for _, s := range append([]string{name}, other...) {
			key := fold(s)
			if had, ok := index[key]; ok && had != name {
				return nil, fmt.Errorf("opioid names: %q stands for %s and for %s", s, had, name)
			}
			index[key] = name
		}
	}
	return index, nil
}

// fold lower-cases and leaves single spaces between runs of letters and digits.
func fold(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return strings.ReplaceAll(strings.Join(words, " "), "µ", "μ")
}

// Drug returns the name under which the tables list a drug, from its generic
// or a common brand name, with or without salt, release form and the usual
// companion drug; false if it is not an opioid known here.
func Drug(written string) (string, bool) {
	d, _ := load()
	return d.names.drug(written)
}

func (n names) drug(written string) (string, bool) {
	key := fold(written)
	if name, ok := n.drugs[key]; ok {
		return name, true
	}
	var kept []string
	for _, w := range strings.Fields(key) {
		if !n.ignored[w] {
			kept = append(kept, w)
		}
	}
	name, ok := n.drugs[strings.Join(kept, " ")]
	return name, ok
}
