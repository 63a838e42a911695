package readback

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"recoup/reports/disclosure"
)

func zipped(t *testing.T, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range parts {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func deflated(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func has(found []Leak, code string) bool {
	for _, l := range found {
		if l.Code == code {
			return true
		}
	}
	return false
}

const canary = "Zzyzx-canary"

// A planted text is found wherever a format can carry it, by each reader.
func TestCanaryInEveryPlace(t *testing.T) {
	svg := `<svg><title>` + canary + `</title></svg>`
	for name, content := range map[string]string{
		"text.html":      "<p>a " + canary + " b</p>",
		"split.html":     "<p data-x='" + canary + "'>a</p>",
		"entity.html":    "<p title=\"Zzyzx&#45;canary\">a</p>",
		"comment.html":   "<!-- " + canary + " -->",
		"script.html":    "<script>var x = '" + canary + "'</script>",
		"inside.html":    `<img src="data:image/svg+xml;base64,` + base64.StdEncoding.EncodeToString([]byte(svg)) + `">`,
		"plain.html":     `<img src="data:image/svg+xml,` + strings.ReplaceAll(svg, "<", "%3C") + `">`,
		"desc.svg":       `<svg><desc>` + canary + `</desc></svg>`,
		"aria.svg":       `<svg><path d="M0 0" aria-label="` + canary + `"/></svg>`,
		"key.json":       `{"` + canary + `": 1}`,
		"deep.json":      `{"a": [{"b": "` + canary + `"}]}`,
		"broken.json":    `{"a": "` + canary,
		"cell.csv":       "a,b\n1," + canary + "\n",
		"note.md":        "# x\n\n" + canary,
		"props.docx":     string(zipped(t, map[string]string{"docProps/core.xml": "<cp:x><dc:creator>" + canary + "</dc:creator></cp:x>"})),
		"comment.xlsx":   string(zipped(t, map[string]string{"xl/comments1.xml": "<t>" + canary + "</t>"})),
		"name.xlsx":      string(zipped(t, map[string]string{"xl/workbook.xml": `<definedName name="` + canary + `">x</definedName>`})),
		"part.xlsx":      string(zipped(t, map[string]string{"xl/" + canary + ".bin": "x"})),
		"within.zip":     string(zipped(t, map[string]string{"a.xlsx": string(zipped(t, map[string]string{"x.xml": canary}))})),
		"stream.pdf":     "%PDF-1.4\n1 0 obj<<>>stream\n" + deflated(t, "BT ("+canary+") Tj ET") + "\nendstream",
		"info.pdf":       "%PDF-1.4\n1 0 obj<</Author (" + canary + ")>>",
		"glyphs.pdf":     "%PDF-1.4\n1 0 obj<<>>stream\n" + deflated(t, "begincmap 1 beginbfrange <0001> <0060> <0021> endbfrange") + "\nendstream 2 0 obj<<>>stream\n" + deflated(t, "BT <"+glyphs(canary)+"> Tj ET") + "\nendstream",
		"footer.parquet": "PAR1\x00\x01" + canary + "\x00PAR1",
		"text.png":       pngOf("tEXt", "Comment\x00"+canary),
		"packed.png":     pngOf("zTXt", "Comment\x00\x00"+deflated(t, canary)),
		"itext.png":      pngOf("iTXt", "Comment\x00\x01\x00\x00\x00"+deflated(t, canary)),
		"after.png":      pngOf("tEXt", "x") + canary,
		"none.png":       canary,
		"unknown.bin":    "\x00\x00" + canary + "\x00",
	} {
		if found := Scan(name, []byte(content), Known{Texts: []string{canary}}); !has(found, CodeKnown) {
			t.Errorf("%s: %v", name, found)
		}
		clean := strings.ReplaceAll(content, canary, "harmless")
		if found := Scan(name, []byte(clean), Known{Texts: []string{canary}}); clean != content && has(found, CodeKnown) {
			t.Errorf("%s without it: %v", name, found)
		}
	}
}

// pngOf is a picture with pixels that say a small number by chance, and one chunk
// more.
func pngOf(kind, data string) string {
	chunk := func(kind, data string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(data)))) + kind + data + "\x00\x00\x00\x00"
	}
	return "\x89PNG\r\n\x1a\n" + chunk("IHDR", "\x00") + chunk("IDAT", "\x01x n = 3 x\x02") + chunk(kind, data) + chunk("IEND", "")
}

// Pixels say nothing.
func TestPixelsAreNoText(t *testing.T) {
	if found := Scan("a.png", []byte(pngOf("gAMA", "\x00")), Known{K: 11}); len(found) > 0 {
		t.Errorf("%v", found)
	}
	if found := Scan("a.png", []byte(pngOf("tEXt", "Title\x00n = 3")), Known{K: 11}); !has(found, CodeHidden) {
		t.Errorf("%v", found)
	}
}

func glyphs(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, "%04X", r-0x20)
	}
	return b.String()
}

func TestIDs(t *testing.T) {
	known := Known{IDs: []string{"P-0007", "12", "0123456", "ab"}}
	for text, want := range map[string]bool{"seen: P-0007.": true, "12 patients, ab": false, "(0123456)": true, "P-00071": false} {
		if got := has(Scan("x.txt", []byte(text), known), CodeKnown); got != want {
			t.Errorf("%q: found %v", text, got)
		}
	}
}

// The cases that are files rather than tables, made as the case describes them.
func TestCasesOfFiles(t *testing.T) {
	raw, err := os.ReadFile("../../../../shared/refcases/privacy/statistic_attacks.json")
	if err != nil {
		t.Skip("SKIPPED: statistic_attacks.json is absent from the shared folder beside the project")
	}
	var cases []struct {
		ID        string
		Published json.RawMessage
		Expected  string `json:"expected_finding"`
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	circles := func(n int) string { return "<svg>" + strings.Repeat(`<circle cx="14" cy="2" r="2"/>`, n) + "</svg>" }
	made := map[string][2]string{
		"s12": {"box.svg", circles(2)},
		"s13": {"scatter.svg", circles(412)},
		"s30": {"fig.svg", "<svg><title>n=3</title></svg>"},
		"s32": {"report.xlsx", string(zipped(t, map[string]string{"xl/workbook.xml": `<workbook><sheets><sheet name="raw" sheetId="2" state="hidden"/></sheets></workbook>`}))},
	}
	n := 0
	for _, c := range cases {
		f, ok := made[c.ID]
		if c.ID == "s33" {
			f, ok = [2]string{"manifest.json", string(c.Published)}, true
		}
		if !ok {
			continue
		}
		n++
		if found := Scan(f[0], []byte(f[1]), Known{K: 11}); !has(found, c.Expected) {
			t.Errorf("%s: found %v, want %s", c.ID, found, c.Expected)
		}
	}
	if n != 5 {
		t.Errorf("%d cases", n)
	}
	if found := Scan("a.svg", []byte(`<svg><title>Mean change by quarter</title><path d="M0 0"/></svg>`), Known{K: 11}); len(found) > 0 {
		t.Errorf("a harmless figure: %v", found)
	}
	if !has(Scan("model.rds", []byte("x"), Known{}), disclosure.CodeStoresRows) {
		t.Error("a model's file is let pass")
	}
}

// What a spreadsheet program saves in UTF-16 or Windows-1252 is read as what it says,
// and what is no text is not vouched for.
func TestTextsInOtherEncodings(t *testing.T) {
	wide := func(order binary.AppendByteOrder, s string) []byte {
		b := order.AppendUint16(nil, 0xfeff)
		for _, r := range s {
			b = order.AppendUint16(b, uint16(r))
		}
		return b
	}
	text := "label,note\nx,zebrafish-9271\n"
	for name, b := range map[string][]byte{
		"UTF-16 of Excel":     wide(binary.LittleEndian, text),
		"UTF-16, most first":  wide(binary.BigEndian, text),
		"Windows-1252":        []byte("caf\xe9 " + text),
		"UTF-8 with its mark": []byte("\ufeff" + text),
	} {
		for _, file := range []string{"a.csv", "a.txt", "a.md"} {
			if found := Scan(file, b, Known{Texts: []string{"zebrafish-9271"}}); !has(found, CodeKnown) || has(found, CodeUnread) {
				t.Errorf("%s, %s: found %v", name, file, found)
			}
		}
	}
	for _, file := range []string{"a.csv", "a.json", "a.yaml", "a.html"} {
		if found := Scan(file, []byte("\x00\x01\x02\xfe zebra"), Known{}); !has(found, CodeUnread) {
			t.Errorf("%s of no text is vouched for: %v", file, found)
		}
	}
}
