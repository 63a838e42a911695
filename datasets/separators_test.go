package datasets

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// plainly runs a test without the loops in assembly.
func plainly(t *testing.T, run func()) {
	t.Helper()
	hadFast, hadWide := fast, wide
	fast, wide = false, false
	defer func() { fast, wide = hadFast, hadWide }()
	run()
}

// everyWay runs a test with each of the loops that the processor has.
func everyWay(t *testing.T, run func()) {
	t.Helper()
	run()
	had := wide
	wide = false
	defer func() { wide = had }()
	run()
	plainly(t, run)
}

// The loops in assembly see what the plain ones see.
func TestSeparators(t *testing.T) { everyWay(t, func() { separatorsAgree(t) }) }

func separatorsAgree(t *testing.T) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 64))
	for range 2000 {
		text := make([]byte, r.IntN(300))
		few, dense := r.IntN(2) == 0, r.IntN(10) == 0
		for i := range text {
			if dense { // no cell has anything in it
				text[i] = ','
				continue
			}
			text[i] = ",\n\"\r\x00\x80\xac\x8a\xff7x"[r.IntN(11)]
			if few && r.IntN(8) > 0 {
				text[i] = 'x'
			}
		}
		ends, want := make([]uint32, len(text)+endsAfter), make([]uint32, len(text)+endsAfter)
		n, m := separators(text, ',', ends), separatorsPlain(text, ',', 0, want)
		if !slices.Equal(ends[:n], want[:m]) {
			t.Fatalf("%q: ends %v, want %v", text, ends[:n], want[:m])
		}
		var got, all sight
		got.survey(text)
		all.surveyPlain(text)
		if got != all {
			t.Fatalf("%q: seen %+v, want %+v", text, got, all)
		}
		high := bytes.ContainsFunc(text, func(c rune) bool { return c > 127 })
		if all.lines != bytes.Count(text, []byte("\n")) || all.quotes != bytes.Count(text, []byte{'"'}) || all.seen&sawHigh != 0 != high ||
			all.seen&sawZero != 0 != bytes.Contains(text, []byte{0}) || all.seen&sawReturn != 0 != bytes.Contains(text, []byte{'\r'}) {
			t.Fatalf("%q: seen %+v", text, all)
		}
	}
}

// Many numbers at a time are those that the careful parser reads, to the last bit; a
// cell that it refuses is not plain.
func TestManyNumbers(t *testing.T) {
	cells := []string{"", "0", "-0", ".5", "5.", "-.5", "-", ".", "-.", "--1", "1.2.3", "12345678", "-1234567", "123456789", "0.000001", ".0000001", "9999999.", "1e3", "+1", " 1", "1-", "100", "100.1", "-100", "-100.1", "-99", "77", "77.0", "077"}
	for size := range 41 { // digits, with a point at every place
		for point := range size {
			cells = append(cells, strings.Repeat("1", point)+"."+strings.Repeat("2", size-point-1))
		}
		cells = append(cells, strings.Repeat("0", size)+"7", "-"+strings.Repeat("3", size))
	}
	r := rand.New(rand.NewPCG(8, 8))
	for range 100_000 {
		cells = append(cells, strconv.FormatFloat((r.Float64()-0.5)*math.Pow(10, float64(r.IntN(8))), 'f', r.IntN(8), 64))
		odd := make([]byte, r.IntN(10))
		for i := range odd {
			odd[i] = "0123456789-./:;e+ \xae"[r.IntN(19)]
		}
		cells = append(cells, string(odd))
	}
	everyWay(t, func() { manyNumbersAgree(t, cells, ".", &withPoint) })
	for n := range 40 { // and whatever their number
		everyWay(t, func() { manyNumbersAgree(t, cells[n:2*n], ".", &withPoint) })
	}
	for i, c := range cells[:20_000] {
		cells[i] = strings.NewReplacer(".", ",", "/", ".").Replace(c)
	}
	everyWay(t, func() { manyNumbersAgree(t, cells[:20_000], ",", &withComma) })
}

// between lays out cells of one column, between those of others.
func between(cells []string) ([]byte, places) {
	text, ends := make([]byte, before), []uint32{0}
	for _, c := range cells {
		for _, s := range []string{c, "9", "-9.9"} {
			text = append(append(text, s...), ',')
			ends = append(ends, uint32(len(text)-before))
		}
	}
	return append(text, make([]byte, after)...)[before:], places{ends, 3}
}

func manyNumbersAgree(t *testing.T, cells []string, mark string, d *decimals) {
	t.Helper()
	text, places := between(cells)
	codes := []float64{77, -99}
	out := make([]float64, len(cells)+1)
	out[len(cells)] = 5
	var s fastScratch
	s.reserve(len(cells))
	n, plain := s.manyNumbers(text, places, out[:len(cells)], -100, 100, d, codes), 0
	for i, c := range cells[:n] {
		isEmpty, isOdd := s.empty[i/64]>>(i%64)&1 == 1, s.odd[i/64]>>(i%64)&1 == 1
		want, err := parseNumber(c, mark, "")
		good := err == nil && want >= -100 && want <= 100 && !slices.Contains(codes, want)
		switch {
		case isEmpty != (c == "") || isEmpty && (isOdd || out[i] != 0):
			t.Fatalf("%q: empty %v, odd %v, %v", c, isEmpty, isOdd, out[i])
		case !isEmpty && !isOdd:
			plain++
			if !good || math.Float64bits(out[i]) != math.Float64bits(want) {
				t.Fatalf("%q: %v, want %v (%v)", c, out[i], want, err)
			}
		case isOdd && len(c) <= 8 && good && !strings.ContainsAny(c, "e+ "):
			t.Fatalf("%q is not taken for plain", c)
		}
	}
	if out[len(cells)] != 5 {
		t.Fatal("a number was written behind the last")
	}
	if fast && plain < n/8 && n > 1000 {
		t.Errorf("only %d of %d cells are plain", plain, n)
	}
}

// So are many dates at a time those that one is.
func TestManyDates(t *testing.T) {
	first := time.Date(1849, 12, 1, 0, 0, 0, 0, time.UTC)
	cells := []string{"", "2024-02-2", "2024-02-290", "2024-02-29 ", " 2024-02-29", "0000-00-00", "9999-12-31", "24-02-29", "2"}
	r := rand.New(rand.NewPCG(10, 10))
	for day := range 128_563 {
		s := first.AddDate(0, 0, day).Format("2006-01-02")
		odd := []byte(s)
		odd[r.IntN(10)] = "0123456789-/: \x00\xb0"[r.IntN(16)]
		cells = append(cells, s, string(odd))
	}
	agree := func(cells []string) {
		text, places := between(cells)
		out := make([]int32, len(cells)+1)
		out[len(cells)] = 5
		var s fastScratch
		s.reserve(len(cells))
		for i, c := range cells[:s.manyDates(text, places, out[:len(cells)])] {
			want, ok := plainDate([]byte(c))
			isEmpty, isOdd := s.empty[i/64]>>(i%64)&1 == 1, s.odd[i/64]>>(i%64)&1 == 1
			if isEmpty != (c == "") || isOdd != (!ok && c != "") || out[i] != want {
				t.Fatalf("%q: %d, empty %v, odd %v; want %d, %v", c, out[i], isEmpty, isOdd, want, ok)
			}
		}
		if out[len(cells)] != 5 {
			t.Fatal("a date was written behind the last")
		}
	}
	agree(cells)
	for n := range 40 {
		agree(cells[n : 2*n])
	}
}

// Cells are without a value one by one or 64 at a time, from any row on.
func TestNulled(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 4))
	for row := range 70 {
		c := fastColumn{rows: 200, memory: func(n int) []byte { return make([]byte, n) }}
		want := fastColumn{rows: 200, memory: c.memory}
		empty := r.Uint64() & r.Uint64()
		c.nulled(row, empty)
		for k := range 64 {
			if empty>>k&1 == 1 {
				want.null(row + k)
			}
		}
		if !bytes.Equal(c.valid, want.valid) || c.nulls != want.nulls {
			t.Fatalf("row %d, %x: %x, want %x", row, empty, c.valid, want.valid)
		}
	}
}

// Sums that come again are known again, whatever they are.
func TestSums(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var s sums
	seen := map[uint64]bool{}
	for range 50_000 {
		sum := r.Uint64N(30_000) << (r.Uint64N(2) * 40)
		if s.again(sum) != seen[sum] {
			t.Fatalf("%d: it was there: %v", sum, seen[sum])
		}
		seen[sum] = true
	}
}

// A slab's memory is zero, its parts do not overlap, and each begins a cache line.
func TestSlab(t *testing.T) {
	var s slab
	var parts [][]byte
	for _, size := range []int{1, 64, 65, 0, 1 << 20, 3 << 20, 100, 9 << 20, 40 << 20, 7} {
		b := s.bytes(size)
		if len(b) < size || cap(b) != len(b) || bytes.Count(b, []byte{0}) != len(b) {
			t.Fatalf("%d bytes: %d, or not zero", size, len(b))
		}
		for i := range b {
			b[i] = byte(1 + len(parts))
		}
		parts = append(parts, b)
	}
	for i, b := range parts {
		if bytes.Count(b, []byte{byte(1 + i)}) != len(b) {
			t.Errorf("part %d was written to by another", i)
		}
	}
}
