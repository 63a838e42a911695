package instrument

import (
	"bytes"
	"embed"
	"fmt"
	"math"
	"path"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed registry/*.yaml
var files embed.FS

// registry decodes the embedded files once. A test holds that it succeeds.
var registry = sync.OnceValues(func() ([]Instrument, error) {
	const dir = "registry"
	list, err := files.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("instrument registry: %w", err)
	}
	var all []Instrument
	for _, f := range list {
		text, err := files.ReadFile(path.Join(dir, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("instrument registry: %w", err)
		}
		part, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("instrument registry, %s: %w", f.Name(), err)
		}
		all = append(all, part...)
	}
	return all, nil
})

// decode reads one file strictly: an unknown or a repeated key is an error.
func decode(text []byte) ([]Instrument, error) {
	var part []Instrument
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&part); err != nil {
		return nil, err
	}
	return part, nil
}

// UnmarshalYAML makes an absent multiplier 1.
func (in *Instrument) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Instrument
	p := plain{Multiply: 1}
	if err := unmarshal(&p); err != nil {
		return err
	}
	*in = Instrument(p)
	return nil
}

// UnmarshalYAML makes an absent range NaN.
func (d *Difference) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Difference
	p := plain{Low: math.NaN(), High: math.NaN()}
	if err := unmarshal(&p); err != nil {
		return err
	}
	*d = Difference(p)
	return nil
}
