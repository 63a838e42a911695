package datasets

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Sorting keeps every row whole, of every type and over batches, and those of one
// patient in their order.
func TestSortByPatient(t *testing.T) {
	const n = batchRows + 1000
	var b strings.Builder
	b.WriteString("id,n,i,b,d,t,s\n")
	row := func(i int) string {
		if i%11 == 0 {
			return ",,,,,"
		}
		return fmt.Sprintf("%g,%d,%t,2020-01-%02d,2020-01-01T00:00:%02d,s%d", float64(i)/4, i, i%2 == 0, i%28+1, i%60, i%5)
	}
	id := func(i int) string { return fmt.Sprintf("p%05d", (i*7919)%20011) }
	for i := range n {
		b.WriteString(id(i) + "," + row(i) + "\n")
	}
	c, err := load(t, `
name: c
resources:
  - name: doses
    path: d.csv
    schema: {fields: [{name: id, type: string, role: patient}, {name: n, type: number, role: dose}, {name: i, type: integer, role: day}, {name: b, type: boolean}, {name: d, type: date}, {name: t, type: datetime}, {name: s, type: string}]}
`, map[string]string{"d.csv": b.String()})
	if err != nil {
		t.Fatal(err)
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(id(a), id(b)) })
	var want, got strings.Builder
	want.WriteString("id,n,i,b,d,t,s\n")
	for _, i := range order {
		want.WriteString(id(i) + "," + row(i) + "\n")
	}
	sorted := c.SortByPatient()
	if err := sorted.Tables()[0].WriteCSV(&got); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Error("rows are not those that were, in the order of patients")
	}
	if sorted.Patients() != c.Patients() || sorted.Rows() != n {
		t.Errorf("%d patients, %d rows", sorted.Patients(), sorted.Rows())
	}
}
