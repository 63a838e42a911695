package opioid

import (
	"bytes"
	"embed"
	"fmt"
	"math"
	"path"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed names.yaml tables/*.yaml
var files embed.FS

type data struct {
	tables []Table
	names  names
}

// load decodes the embedded files once. A test holds that it succeeds.
var load = sync.OnceValues(func() (data, error) {
	var d data
	list, err := files.ReadDir("tables") // sorted by name
	if err != nil {
		return data{}, fmt.Errorf("conversion tables: %w", err)
	}
	for _, f := range list {
		var t Table
		if err := decode(path.Join("tables", f.Name()), &t); err != nil {
			return data{}, err
		}
		d.tables = append(d.tables, t)
	}
	var raw rawNames
	if err := decode("names.yaml", &raw); err != nil {
		return data{}, err
	}
	d.names, err = raw.index()
	return d, err
})

// decode reads one embedded file strictly: an unknown key is an error.
func decode(name string, into any) error {
	text, err := files.ReadFile(name)
	if err != nil {
		return fmt.Errorf("opioid data: %w", err)
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(into); err != nil {
		return fmt.Errorf("opioid data, %s: %w", name, err)
	}
	return nil
}

// UnmarshalYAML makes an absent factor NaN.
func (f *Factor) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Factor
	p := plain{Factor: math.NaN()}
	if err := unmarshal(&p); err != nil {
		return err
	}
	*f = Factor(p)
	return nil
}
