package parquet

import (
	"encoding/json"
	"slices"

	"recoup/datasets"
)

// Asides returns the file's own key-value pairs, and the columns that pandas wrote
// down there but that are no longer in the file.
func (s *source) Asides() []datasets.Aside {
	var out []datasets.Aside
	for _, kv := range s.r.MetaData().KeyValueMetadata() {
		key, value := kv.GetKey(), kv.GetValue()
		switch key {
		case "ARROW:schema", datasets.MetadataKey: // the schema itself, encoded; our description, which is read as one
		case "pandas":
			var said struct {
				Columns []struct {
					Name  *string `json:"name"`
					Field *string `json:"field_name"`
				} `json:"columns"`
			}
			if json.Unmarshal([]byte(value), &said) != nil {
				continue
			}
			for _, c := range said.Columns {
				for _, name := range []*string{c.Field, c.Name} {
					if name != nil && !slices.Contains(s.columns, *name) && *name != "" {
						out = append(out, datasets.Aside{Where: datasets.AsideDropped, Text: *name})
						break
					}
				}
			}
		default:
			out = append(out, datasets.Aside{Where: datasets.AsideMetadata, Text: key + ": " + value})
		}
	}
	return out
}
