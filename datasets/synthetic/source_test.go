package synthetic

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
)

// The bytes do not depend on the number of workers or the size of their pieces.
func TestWorkersAndPiecesDoNotShow(t *testing.T) {
	o := Default
	o.Patients = 500
	s, _, err := Draw(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for table, r := range s.Dictionary.Resources {
		var want bytes.Buffer
		if err := s.Write(t.Context(), &want, table, Writing{Workers: 1, Piece: 1}); err != nil {
			t.Fatal(err)
		}
		for workers := 1; workers <= 7; workers++ {
			for _, piece := range []int{0, 1, 7, 499, 10_000} {
				var got bytes.Buffer
				if err := s.Write(t.Context(), &got, table, Writing{Workers: workers, Piece: piece}); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Errorf("%s: other bytes with %d workers and pieces of %d", r.Name, workers, piece)
				}
			}
		}
	}
}

// heap counts bytes and the most memory in use while they are written.
type heap struct {
	written int64
	most    uint64
	calls   int
}

func (h *heap) Write(b []byte) (int, error) {
	h.written += int64(len(b))
	if h.calls++; h.calls%100 == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		h.most = max(h.most, m.HeapAlloc)
	}
	return len(b), nil
}

// What is held does not grow with the patients: of the lines of ten times as many
// patients no more is in memory.
func TestMemoryDoesNotGrow(t *testing.T) {
	most := func(patients int) *heap {
		s := Source{Dictionary: newModel(Default, "2026Q3").dictionary(), Patients: patients, Rows: func(dst []byte, _, i int) []byte {
			return append(dst, bytes.Repeat([]byte{byte(i)}, 200)...)
		}}
		var h heap
		if err := s.Write(t.Context(), &h, 0, Writing{Workers: 4}); err != nil {
			t.Fatal(err)
		}
		return &h
	}
	few, many := most(100_000), most(1_000_000)
	if many.written < 200_000_000 || many.most > few.most+8<<20 {
		t.Errorf("%d bytes in memory for %d, %d for %d", few.most, few.written, many.most, many.written)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriteStops(t *testing.T) {
	s, _, err := Draw(t.Context(), Options{Seed: 1, Patients: 5000, Sites: 1, Quarters: 1, Last: "2026Q3"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), failing{}, 0, Writing{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a failing disk gives %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	last := 0
	err = s.Write(ctx, io.Discard, 1, Writing{Progress: func(n int) { last = n; stop() }})
	if !errors.Is(err, context.Canceled) || last == 0 || last == 5000 {
		t.Errorf("a cancelled run gives %v after %d", err, last)
	}
}
