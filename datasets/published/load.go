package published

import (
	"bytes"
	"embed"
	"fmt"
	"math"
	"path"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed vocabulary.yaml entries/*.yaml
var files embed.FS

type data struct {
	entries    []Entry
	vocabulary vocabulary
}

type vocabulary struct {
	Condition   []string     `yaml:"condition"`
	Payer       []string     `yaml:"payer"`
	WorkBefore  []string     `yaml:"work_before"`
	Procedure   []string     `yaml:"procedure"`
	Design      []string     `yaml:"design"`
	Outcome     []string     `yaml:"outcome"`
	Definitions []Definition `yaml:"definitions"`
}

func (v vocabulary) words(field string) []string {
	switch field {
	case "condition":
		return v.Condition
	case "payer":
		return v.Payer
	case "work_before":
		return v.WorkBefore
	case "procedure":
		return v.Procedure
	case "design":
		return v.Design
	case "outcome":
		return v.Outcome
	case "definition":
		var names []string
		for _, d := range v.Definitions {
			names = append(names, d.Name)
		}
		return names
	}
	return nil
}

// load decodes the embedded files once. A test holds that it succeeds.
var load = sync.OnceValues(func() (data, error) {
	var d data
	if err := decode("vocabulary.yaml", &d.vocabulary); err != nil {
		return data{}, err
	}
	list, err := files.ReadDir("entries") // sorted by name
	if err != nil {
		return data{}, fmt.Errorf("published figures: %w", err)
	}
	for _, f := range list {
		var part []Entry
		if err := decode(path.Join("entries", f.Name()), &part); err != nil {
			return data{}, err
		}
		for i := range part {
			part[i].Kind = strings.TrimSuffix(f.Name(), ".yaml")
			part[i].inherit()
		}
		d.entries = append(d.entries, part...)
	}
	return d, nil
})

// decode reads one embedded file strictly: an unknown key is an error.
func decode(name string, into any) error {
	text, err := files.ReadFile(name)
	if err != nil {
		return fmt.Errorf("published figures: %w", err)
	}
	if err := strict(text, into); err != nil {
		return fmt.Errorf("published figures, %s: %w", name, err)
	}
	return nil
}

func strict(text []byte, into any) error {
	return yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(into)
}

// inherit gives results the status and the source of their entry where they have
// none of their own.
func (e *Entry) inherit() {
	for i := range e.Results {
		r := &e.Results[i]
		if r.Status == "" {
			r.Status = e.Status
		}
		if r.Source == "" {
			r.Source = e.Source
		}
	}
}

// UnmarshalYAML makes an absent age NaN.
func (e *Entry) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Entry
	p := plain{Age: math.NaN()}
	if err := unmarshal(&p); err != nil {
		return err
	}
	*e = Entry(p)
	return nil
}

// UnmarshalYAML makes absent numbers NaN.
func (r *Result) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Result
	nan := math.NaN()
	p := plain{Events: nan, Value: nan, SD: nan, Low: nan, High: nan, At: Horizon{Value: nan}}
	if err := unmarshal(&p); err != nil {
		return err
	}
	*r = Result(p)
	return nil
}

// UnmarshalYAML reads the form that ParseHorizon reads.
func (h *Horizon) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	err := unmarshal(&text)
	if err == nil {
		*h, err = ParseHorizon(text)
	}
	return err
}
