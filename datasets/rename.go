package datasets

import (
	"fmt"
	"slices"
)

// Renames reports whether a field has another name in the file than in the
// cohort.
func (r Resource) Renames() bool {
	return slices.ContainsFunc(r.Schema.Fields, func(f Field) bool { return f.Column != "" && f.Column != f.Name })
}

// AsInFile returns the resource with the names that its columns have in the
// file.
func (r Resource) AsInFile() Resource {
	r.Schema.Fields = slices.Clone(r.Schema.Fields)
	for i := range r.Schema.Fields {
		f := &r.Schema.Fields[i]
		f.Name, f.Column = cmpOr(f.Column, f.Name), ""
	}
	return r
}

// Renamed gives a source's columns the names that the resource's fields have in
// the cohort. A column of the file that no field means keeps its name, unless
// that is the name of a field which another column is.
func Renamed(src Source, r Resource) Source {
	names := slices.Clone(src.Columns())
	for i, c := range names {
		for _, f := range r.Schema.Fields {
			switch {
			case c == cmpOr(f.Column, f.Name):
				names[i] = f.Name
			case c == f.Name && names[i] == c:
				names[i] = fmt.Sprintf("%s (column %d of the file)", c, i+1)
			}
		}
	}
	return renamed{src, names}
}

type renamed struct {
	Source
	names []string
}

// Columns returns the names in the cohort.
func (r renamed) Columns() []string { return r.names }
