package parquet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// packed writes numbers of so many bits as runs of eight, as the format packs them.
func packed(numbers []uint32, width int) []byte {
	groups := (len(numbers) + 7) / 8
	out := append([]byte{byte(groups<<1 | 1)}, make([]byte, groups*width)...)
	for i, v := range numbers {
		for b := range width {
			at := i*width + b
			out[1+at>>3] |= byte(v>>b&1) << (at & 7)
		}
	}
	return out
}

// Runs of equal and of packed numbers of every width read back, cut anywhere.
func TestRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for width := range 33 {
		var data []byte
		var want []uint32
		for range 6 {
			v := uint32(r.Uint64() & (1<<width - 1))
			n := 1 + r.IntN(60)
			data = append(data, byte(n<<1))
			for b := range (width + 7) / 8 {
				data = append(data, byte(v>>(8*b)))
			}
			want = append(want, slices.Repeat([]uint32{v}, n)...)
			some := make([]uint32, 8*(1+r.IntN(7)))
			for i := range some {
				some[i] = uint32(r.Uint64() & (1<<width - 1))
			}
			data = append(data, packed(some, width)...)
			want = append(want, some...)
		}
		for _, step := range []int{1, 7, 64, len(want)} {
			in := runReader{data: data, width: width}
			var got []uint32
			for len(got) < len(want) {
				out := make([]uint32, min(step, len(want)-len(got)))
				if !in.read(out) {
					t.Fatalf("width %d: ends after %d", width, len(got))
				}
				got = append(got, out...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("width %d by %d: %v, want %v", width, step, got, want)
			}
			if in.read(make([]uint32, 1)) {
				t.Errorf("width %d: more than there are", width)
			}
		}
		if width != 1 {
			continue
		}
		for _, step := range []int{1, 7, 64, len(want)} {
			in, bits := runReader{data: data, width: 1}, make([]byte, (len(want)+10)/8)
			for at := 0; at < len(want); at += step {
				if !in.bits(bits, at+3, min(step, len(want)-at)) {
					t.Fatalf("bits end after %d", at)
				}
			}
			for i, v := range want {
				if uint32(bits[(i+3)>>3]>>((i+3)&7)&1) != v {
					t.Fatalf("by %d: bit %d is not %d", step, i, v)
				}
			}
		}
	}
	for _, bad := range [][]byte{{}, {0}, {0x80}, {2}, {2, 2}, {3}} {
		if in := (runReader{data: bad, width: 1}); in.read(make([]uint32, 1)) {
			t.Errorf("%v is read", bad)
		}
	}
}

// Texts and numbers read back as they were written, with missing cells, with a
// dictionary, one that is given up and none, packed as differences, in pages of any
// size and of both versions.
func TestReadsWhatWasWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const rows = batchRows + 5000
	var texts []parquet.ByteArray
	var numbers []int64
	def, wantTexts, wantNumbers := make([]int16, rows), make([]string, rows), make([]string, rows)
	for i := range rows {
		if wantTexts[i], wantNumbers[i] = "(null)", "(null)"; r.IntN(7) > 0 {
			n := int64(r.IntN(1+i/3)) - 1000
			def[i], wantTexts[i], wantNumbers[i] = 1, fmt.Sprintf("id%06d", n), fmt.Sprint(n)
			texts, numbers = append(texts, parquet.ByteArray(wantTexts[i])), append(numbers, n)
		}
	}
	optional := parquet.Repetitions.Optional
	for _, encoding := range []parquet.Encoding{parquet.Encodings.Plain, parquet.Encodings.DeltaBinaryPacked} {
		for _, dictionary := range []int64{0, 10_000, 10_000_000} {
			for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
				for _, page := range []int64{100, 100_000} {
					of := func(encoding parquet.Encoding) *parquet.WriterProperties {
						return parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithDictionaryDefault(dictionary > 0),
							parquet.WithDictionaryPageSizeLimit(dictionary), parquet.WithDataPageSize(page), parquet.WithDataPageVersion(version), parquet.WithBatchSize(500), parquet.WithEncoding(encoding))
					}
					paths := []string{columnFile(t, schema.NewInt64Node("x", optional, -1), of(encoding), numbers, def)}
					ofTexts := encoding
					if encoding == parquet.Encodings.DeltaBinaryPacked {
						ofTexts = parquet.Encodings.DeltaByteArray
					}
					paths = append(paths, columnFile(t, schema.NewByteArrayNode("x", optional, -1), of(ofTexts), texts, def))
					for i, want := range [][]string{wantNumbers, wantTexts} {
						got, err := cells(t, paths[i])
						if err != nil {
							t.Fatal(err)
						}
						if !slices.Equal(got, want) {
							t.Errorf("%v, dictionary of %d, version %v, pages of %d: %d rows, which differ", encoding, dictionary, version, page, len(got))
						}
					}
				}
			}
		}
	}
}

// The values 5, 6, 7 of rows 1, 2 and 4 of five, whose bits begin at bit 6: 01101.
func TestSpread(t *testing.T) {
	rows := []int{5, 6, 7, 8, 9}
	spread(rows, 3, []byte{0b1011_1111, 0b0000_0101}, 6)
	if !slices.Equal(rows, []int{0, 5, 6, 0, 7}) {
		t.Error(rows)
	}
}

// Texts of a batch have codes in order of first appearance, one each; the entries of a
// dictionary have none before they are met, and again in the next batch.
func TestCoder(t *testing.T) {
	c := coder[parquet.ByteArray]{text: func(v parquet.ByteArray) []byte { return v }}
	codes := make([]int32, 5)
	c.begin()
	c.take(codes, []parquet.ByteArray{[]byte("b"), []byte("b"), []byte("a"), []byte("b"), []byte("c")})
	if !slices.Equal(codes, []int32{0, 0, 1, 0, 2}) || c.levels.Len() != 3 {
		t.Errorf("%v of %d", codes, c.levels.Len())
	}
	c.dictionary([]parquet.ByteArray{[]byte("x"), []byte("y"), []byte("z")})
	for _, want := range [][]int32{{0, 0, 1, 0, 1}, {0, 1, 0, 0, 0}} {
		c.begin()
		indices := []uint32{2, 2, 0, 2, 0}
		if want[1] == 1 {
			indices = []uint32{1, 2, 1, 1, 1}
		}
		if !c.indexed(codes, indices) || !slices.Equal(codes, want) || c.levels.Len() != 2 {
			t.Errorf("%v of %d, want %v", codes, c.levels.Len(), want)
		}
	}
	if c.indexed(codes, []uint32{3}) {
		t.Error("an index beyond the dictionary is read")
	}
}
