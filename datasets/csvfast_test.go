package datasets

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const everyKind = `
name: c
resources:
  - name: visits
    path: v.csv
    schema:
      missingValues: ["", "NA", {value: "-99", label: refused}]
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: n, type: number, constraints: {minimum: -1000, maximum: 1000}}
        - {name: i, type: integer}
        - {name: d, type: date}
        - {name: e, type: date, format: "%d/%m/%Y", missingValues: ["", "NA", "-99"]}
        - {name: b, type: boolean}
        - {name: l, type: string, categories: [{value: A}, {value: B}, {value: ""}], missingValues: ["?"]}
        - {name: s, type: string}
        - {name: r, type: number, constraints: {required: true}}
        - {name: c, type: number, decimalChar: ",", missingValues: ["", "NA", "9,5"]}
`

// cells are what a random file's columns hold: mostly plain, sometimes odd, and
// where bad is true sometimes wrong.
func cells(r *rand.Rand, row int, bad bool) []string {
	pick := func(plain, odd, wrong []string) string {
		switch k := r.IntN(40); {
		case k == 0 && bad:
			return wrong[r.IntN(len(wrong))]
		case k < 8:
			return odd[r.IntN(len(odd))]
		}
		return plain[r.IntN(len(plain))]
	}
	number := strconv.FormatFloat(float64(r.IntN(200000)-100000)/100, 'f', r.IntN(3), 64)
	return []string{
		fmt.Sprintf("p%04d", r.IntN(500)), fmt.Sprintf("v%d", row),
		pick([]string{number}, []string{"", "NA", "-99", "-99.0", "1e2", "+5", " 7 ", "-0", ".5", "5.", "0.1234567890123456789", "999.99999999999999999"}, []string{"x", "--1", "1.2.3", "2000", "-", "."}),
		pick([]string{strconv.Itoa(r.IntN(2000) - 1000)}, []string{"", "NA", "-99", "3.0", "+4", "9007199254740992"}, []string{"1.5", "x", "9007199254740994"}),
		pick([]string{"2024-02-29", "1999-12-31", "2000-01-01", "1970-01-01", "1850-01-01"}, []string{"", "NA", " 2024-01-01"}, []string{"2023-02-29", "2024-13-01", "1849-12-31", "2201-01-01", "24-01-01", "2024-1-1", "2024-00-10"}),
		pick([]string{"29/02/2024"}, []string{"", "NA"}, []string{"2024-02-29", "31/02/2024", "29-02/2024", "29/02-2024"}),
		pick([]string{"true", "false", "1", "0"}, []string{"", "NA", "TRUE"}, []string{"yes"}),
		pick([]string{"A", "B", ""}, []string{"?", "A\u200b"}, []string{"C", "a"}),
		pick([]string{"x", "yy", "a longer text than sixteen bytes", "exactly16bytes!!", "aaaaaaaaaa", "aaaaaaaaaaa", "naïve", "12345678"}, []string{"", "NA", "q\"q", "a,b", "two\nlines", "q\"\n", "e\u0301", "\"", "x\u200by"}, []string{"z"}),
		pick([]string{strconv.Itoa(r.IntN(1000))}, []string{"7"}, []string{"", "NA"}),
		pick([]string{"1,5", "2", "-0,25", "12,345", "123456,5", "7"}, []string{"", "NA", "9,5", "9,50", ",5", "5,", "1234567890,5", "1e2", " 3,5"}, []string{"1.5", "1,2,3", ",", "1,234.5"}),
	}
}

func randomFile(r *rand.Rand, rows int, bad, quotes bool, eol string) string {
	var b strings.Builder
	b.WriteString("id,visit,n,i,d,e,b,l,s,r,c" + eol)
	for row := range rows {
		for j, c := range cells(r, row, bad) {
			if j > 0 {
				b.WriteByte(',')
			}
			if strings.ContainsAny(c, ",\"\n") || quotes && r.IntN(3) == 0 {
				c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
			}
			b.WriteString(c)
		}
		if row < rows-1 || r.IntN(2) == 0 {
			b.WriteString(eol)
		}
	}
	return b.String()
}

// outcome is everything that reading a file gives.
type outcome struct {
	Problems Problems
	Digest   string
	Levels   map[string][]string
	Codes    map[string][]int32
	Reasons  map[string][]Reason
	Excluded []Exclusion
	Notes    Problems
	Err      string
}

func read(t *testing.T, text string, o LoadOptions) outcome {
	t.Helper()
	d, err := ParseDictionary("cohort.yaml", []byte(everyKind))
	if err != nil {
		t.Fatal(err)
	}
	o.Open = OpenText(map[string]string{"v.csv": text})
	c, err := Load(context.Background(), d, o)
	out := outcome{Levels: map[string][]string{}, Codes: map[string][]int32{}, Reasons: map[string][]Reason{}}
	if err != nil {
		out.Err = err.Error()
		return out
	}
	origin, err := c.Origin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	out.Digest, out.Excluded, out.Notes = origin.Digest, c.Excluded(), c.Notes()
	for _, f := range c.Tables()[0].Fields() {
		out.Codes[f.Name], out.Levels[f.Name] = c.Tables()[0].Codes(f.Name)
		out.Reasons[f.Name] = c.Tables()[0].MissingReasons(f.Name)
	}
	return out
}

// The fast way and the slow way give the same cohort, codes, counts and problems,
// wherever the file is cut and whatever the number of workers.
func TestFastEqualsSlow(t *testing.T) {
	fastEqualsSlow(t, 50)
	everyWay(t, func() { fastEqualsSlow(t, 10) })
}

func fastEqualsSlow(t *testing.T, seeds uint64) {
	t.Helper()
	fast := 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		bad, quotes := seed%3 == 1, seed%2 == 0
		text := randomFile(r, 1+r.IntN(300), bad, quotes, []string{"\n", "\r\n"}[seed/2%2])
		if seed%7 == 6 { // something that the fast way must leave to the slow
			text = strings.Replace(text, "\n", []string{"\n\n", "\n,,\n", "\r", "\n\"x\"y\n"}[seed/7%4], 2)
		}
		for _, aside := range []bool{false, true} {
			want := read(t, text, LoadOptions{slow: true, SetAside: aside})
			for _, o := range []LoadOptions{{}, {piece: 700, Workers: 1}, {piece: 900, Workers: 2}, {piece: 2500, Workers: 7}, {piece: 100_000, Workers: 3}} {
				o.SetAside = aside
				if diff := cmp.Diff(want, read(t, text, o)); diff != "" {
					t.Fatalf("seed %d, piece %d, workers %d: slow and fast differ (-slow +fast):\n%s", seed, o.piece, o.Workers, diff)
				}
				fast++
			}
		}
	}
	if fast == 0 {
		t.Fatal("nothing was read")
	}
}

// So do they on any bytes below the header.
func FuzzFast(f *testing.F) {
	for seed := range uint64(4) {
		_, body, _ := strings.Cut(randomFile(rand.New(rand.NewPCG(seed, 3)), 6, seed%2 == 1, seed > 1, "\n"), "\n")
		f.Add([]byte(body), seed)
	}
	f.Add([]byte("a,b\n\"\"\"\",\r\n,,,,,,,,,,\n"), uint64(5))
	f.Fuzz(func(t *testing.T, body []byte, cut uint64) {
		text := "id,visit,n,i,d,e,b,l,s,r,c\n" + string(body)
		for _, aside := range []bool{false, true} {
			want := read(t, text, LoadOptions{slow: true, SetAside: aside})
			if diff := cmp.Diff(want, read(t, text, LoadOptions{piece: 20 + int(cut%200), Workers: 1 + int(cut%3), SetAside: aside})); diff != "" {
				t.Fatalf("slow and fast differ (-slow +fast):\n%s", diff)
			}
		}
	})
}

// A plain file does go the fast way: it is not enough that both agree.
func TestFastIsTaken(t *testing.T) {
	text := randomFile(rand.New(rand.NewPCG(4, 4)), 50, false, true, "\n")
	d, err := ParseDictionary("cohort.yaml", []byte(everyKind))
	if err != nil {
		t.Fatal(err)
	}
	r := d.Resources[0]
	src, err := OpenText(map[string]string{"v.csv": text})(t.Context(), "v.csv", r)
	if err != nil {
		t.Fatal(err)
	}
	f := &fastReader{src: src.(*csvSource), piece: 2000, workers: 2, slab: &slab{}}
	for i, field := range r.Schema.Fields {
		f.specs, f.at, f.stay = append(f.specs, newColumnSpec(field, r.Schema.MissingValues, maphash.MakeSeed())), append(f.at, i), append(f.stay, i%2 == 0)
	}
	rows, pieces := 0, 0
	_, err = f.each(t.Context(), func(p *piece) error {
		rows += p.rows
		pieces++
		return nil
	})
	if err != nil || rows != 50 || pieces < 2 {
		t.Errorf("%d rows in %d pieces: %v", rows, pieces, err)
	}
}

// The plain parsers agree with the careful ones on all that they take.
func TestPlainParsers(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	taken := 0
	for range 200_000 {
		s := make([]byte, 1+r.IntN(18))
		for i := range s {
			s[i] = "0123456789012345678901234567890123456789-+. e"[r.IntN(45)]
		}
		if v, ok := plainNumber(s, '.'); ok {
			taken++
			want, err := parseNumber(string(s), ".", "")
			if err != nil || v != want {
				t.Fatalf("%q: %v, want %v (%v)", s, v, want, err)
			}
		}
	}
	if taken < 1000 {
		t.Fatalf("only %d numbers were plain", taken)
	}
	first := time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := range 128_563 { // to the end of 2201
		at := first.AddDate(0, 0, day)
		v, ok := plainDate([]byte(at.Format("2006-01-02")))
		if ok != (at.Year() <= 2200) || ok && int64(v) != at.Unix()/86_400 {
			t.Fatalf("%s: %d %v", at.Format("2006-01-02"), v, ok)
		}
	}
	for _, s := range []string{"2023-02-29", "2024-02-30", "2024-00-01", "2024-13-01", "2024-01-00", "2024-01-32", "2024/01/01", "202a-01-01", "1900-02-29", "2\xc3\xa94-01-01", "20\xe2\x80\x8b-01-1", "2024-\xc3\xa9-01", "2024-01-\xc3\xa9", "2024-01-/9", "2024-01-1:", "2024-01-:0"} {
		if _, ok := plainDate([]byte(s)); ok {
			t.Errorf("%s is taken for a date", s)
		}
	}
}

func BenchmarkCSV(b *testing.B) {
	text := randomFile(rand.New(rand.NewPCG(4, 4)), 100_000, false, false, "\n")
	d, err := ParseDictionary("cohort.yaml", []byte(everyKind))
	if err != nil {
		b.Fatal(err)
	}
	for _, way := range []struct {
		name string
		o    LoadOptions
	}{{"fast", LoadOptions{}}, {"slow", LoadOptions{slow: true}}} {
		b.Run(way.name, func(b *testing.B) {
			way.o.Open = OpenText(map[string]string{"v.csv": text})
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Load(b.Context(), d, way.o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
