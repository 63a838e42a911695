package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const manyDoses = `
name: doses
resources:
  - name: doses
    path: doses.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: dose, type: number, role: dose, constraints: {minimum: 0}}
        - {name: drug, type: string, role: drug}
        - {name: site, type: string, role: site}
`

// endless is a file of rows that are made as they are read: 200 patients, who take
// turns.
type endless struct {
	rows, next int
	at         int64
	rest       []byte
}

func (e *endless) Read(b []byte) (int, error) {
	for len(e.rest) < len(b) && e.next <= e.rows {
		if e.next == 0 {
			e.rest = append(e.rest, "id,day,dose,drug,site\n"...)
		} else {
			e.rest = fmt.Appendf(e.rest, "p%04d,%d,%d.5,drug%d,north\n", e.next%200, e.next/200, e.next%90, e.next%7)
		}
		e.next++
	}
	if len(e.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, e.rest)
	e.rest = e.rest[n:]
	e.at += int64(n)
	return n, nil
}

// ReadAt and Seek serve the fast way, which asks for the first bytes and goes back
// to the end of the header.
func (e *endless) ReadAt(b []byte, _ int64) (int, error) { return (&endless{rows: 1}).Read(b) }

func (e *endless) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekCurrent {
		return e.at + offset, nil
	}
	*e = endless{rows: e.rows}
	_, err := io.CopyN(io.Discard, e, offset)
	e.at = offset
	return offset, err
}

func (e *endless) Close() error { return nil }

// The memory that reading takes does not grow with the rows: 4.5 million rows more
// take less than half of what these hold. What is in hand at a moment, a few pieces
// for each worker, varies with the machine.
func TestMemoryDoesNotGrowWithRows(t *testing.T) {
	d, err := ParseDictionary("cohort.yaml", []byte(manyDoses))
	if err != nil {
		t.Fatal(err)
	}
	peak := func(rows int) (most uint64) {
		opt := LoadOptions{Keep: func(*Table, Field) bool { return false }, Workers: 2}
		opt.Open = func(_ context.Context, path string, r Resource) (Source, error) {
			return NewCSV(path, &endless{rows: rows}, r)
		}
		var digest Digester
		seen, batches := 0, 0
		opt.Each = func(b *Table) error {
			seen += b.Rows()
			if batches++; batches%4 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			return digest.Add(t.Context(), b)
		}
		c, err := Load(t.Context(), d, opt)
		if err != nil {
			t.Fatal(err)
		}
		if o := digest.Origin(c); seen != rows || o.Rows != rows || o.Patients != 200 || c.Tables()[0].Rows() != rows {
			t.Fatalf("%d rows seen, %+v", seen, o)
		}
		return most
	}
	peak(100_000)
	small, large := int64(peak(1_500_000)), int64(peak(6_000_000))
	if t.Logf("%d and %d MiB", small>>20, large>>20); large-small > 4_500_000*28/2 {
		t.Errorf("1.5 million rows took %d bytes, 6 million %d", small, large)
	}
}

// What is kept of a cohort is what the whole cohort has, and what was not kept is
// still counted.
func TestKeep(t *testing.T) {
	text := "id,visit,arm,a,b\n"
	for i := range 500 {
		for v, visit := range []string{"x", "y", "z"} {
			if (i+v)%7 > 0 {
				text += fmt.Sprintf("%d,%s,%d,%d,%d.25\n", i, visit, i%2, i, v)
			}
		}
	}
	d, err := ParseDictionary("cohort.yaml", []byte(`
name: k
resources:
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: arm, type: string, role: arm}
        - {name: a, type: number, role: outcome}
        - {name: b, type: number, role: outcome}
`))
	if err != nil {
		t.Fatal(err)
	}
	open := OpenText(map[string]string{"v.csv": text})
	whole, err := Load(t.Context(), d, LoadOptions{Open: open})
	if err != nil {
		t.Fatal(err)
	}
	var digest Digester
	part, err := Load(t.Context(), d, LoadOptions{
		Open: open, piece: 1000, KeepVisits: []string{"x", "z"},
		Keep: func(_ *Table, f Field) bool { return f.Name != "b" },
		Each: func(b *Table) error { return digest.Add(t.Context(), b) },
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := whole.Origin(t.Context())
	if got := digest.Origin(part); err != nil || o.Digest != got.Digest || o.Rows != got.Rows || o.Patients != got.Patients {
		t.Errorf("%+v, want %+v (%v)", digest.Origin(part), o, err)
	}
	if whole.Patients() != part.Patients() || !slices.Equal(whole.ArmOf(), part.ArmOf()) || !slices.Equal(whole.Began(), part.Began()) {
		t.Error("other patients, arms or admissions")
	}
	if !slices.Equal(whole.RowsOf(whole.Tables()[0]), part.RowsOf(part.Tables()[0])) {
		t.Error("other numbers of rows")
	}
	for _, visit := range []string{"x", "z"} {
		if fmt.Sprint(whole.Values("a", visit)) != fmt.Sprint(part.Values("a", visit)) {
			t.Errorf("other values at %s", visit)
		}
	}
	table := part.Tables()[0]
	if table.Has("b") || slices.ContainsFunc(part.Values("a", "y"), func(v float64) bool { return v == v }) || len(part.OutcomesRead()) != 2 || table.Rows() >= whole.Rows() {
		t.Error("more was kept than asked for")
	}
	if _, err := Load(t.Context(), d, LoadOptions{Open: open, Where: "a > 3", KeepVisits: []string{"x"}}); err == nil || !strings.Contains(err.Error(), "where") {
		t.Errorf("a condition on a cohort of which a part is kept: %v", err)
	}
}

// A cohort that needs more memory than it may take is refused; one of which nothing
// is kept is not.
func TestMostMemory(t *testing.T) {
	d, err := ParseDictionary("cohort.yaml", []byte(manyDoses))
	if err != nil {
		t.Fatal(err)
	}
	opt := LoadOptions{MostMemory: 100_000 * 28, Open: func(_ context.Context, path string, r Resource) (Source, error) {
		return NewCSV(path, &endless{rows: 200_000}, r)
	}}
	if _, err := Load(t.Context(), d, opt); !errors.Is(err, ErrMemory) {
		t.Errorf("200,000 rows where 100,000 may be kept: %v", err)
	}
	opt.Keep = func(*Table, Field) bool { return false }
	if c, err := Load(t.Context(), d, opt); err != nil || c.Patients() != 200 {
		t.Error(err)
	}
}
