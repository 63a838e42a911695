package render

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"recoup/reports"
)

const goodLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40" width="9000"><defs><linearGradient id="g"><stop offset="0" stop-color="#005EB8"/></linearGradient></defs><rect width="120" height="40" fill="url(#g)"/><text x="4" y="20">Pain &amp; Spine</text></svg>`

// WCAG's own numbers: black 21 to 1, white 1 to 1, and #767676 the lightest gray that
// text on white may have, 4.54 to 1.
func TestBrandContrast(t *testing.T) {
	for color, want := range map[string]float64{"#000000": 21, "#FFFFFF": 1, "#767676": 4.54, "#777777": 4.48} {
		if got := contrastOnWhite(color); math.Abs(got-want) > 0.005 {
			t.Errorf("%s: %.3f to 1, want %.2f", color, got, want)
		}
	}
	for _, bad := range []string{"#777777", "#FFFF00", "red", "#12345", "#12345G", "#005EB8}*{display:none", ""} {
		if _, err := brandColor(bad); !errors.Is(err, ErrBrand) {
			t.Errorf("%q: error %v, want ErrBrand", bad, err)
		}
	}
}

func TestParseBrand(t *testing.T) {
	read := func(path string) ([]byte, error) {
		if path != "logo.svg" {
			return nil, os.ErrNotExist
		}
		return []byte(goodLogo), nil
	}
	b, err := ParseBrand("b.yaml", []byte("title: Our outcomes\nlogo: logo.svg\nlogo_text: Pain and Spine\ncolor: \"#00695c\"\n"), read)
	if err != nil {
		t.Fatal(err)
	}
	r := example()
	r.Brand = b
	p := pageOf(t, r)
	for want, n := range map[string]int{"<h1>Our outcomes</h1>": 1, "--blue:#00695C": 1, `aria-label="Pain and Spine"`: 1, "url(#logo-g)": 1, `id="logo-g"`: 1, "Pain &amp; Spine": 1, "9000": 0} {
		if got := strings.Count(p, want); got != n {
			t.Errorf("%d times %q in the page, want %d", got, want, n)
		}
	}
	for _, bad := range []string{"", "colour: x\n", "color: yellow\n", "logo: logo.svg\n", "logo: none.svg\nlogo_text: x\n", "title: [a]\n"} {
		if _, err := ParseBrand("b.yaml", []byte(bad), read); !errors.Is(err, ErrBrand) {
			t.Errorf("%q: error %v, want ErrBrand", bad, err)
		}
	}
}

// What a logo may hide: none of it is left, and what is left is XML of the few elements.
func TestHostileLogos(t *testing.T) {
	wrap := func(s string) string {
		return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 1 1" onload="alert(1)" style="position:fixed">` + s + `<path d="M0 0h1"/></svg>`
	}
	for _, bad := range []string{
		`<script>alert(1)</script>`, `<style>*{display:none}</style>`, `<foreignObject><iframe src="x"/></foreignObject>`, `<image href="http://x/y.png"/>`,
		`<a xlink:href="javascript:alert(1)"><path d="M0 0"/></a>`, `<use href="#x"/>`, `<path d="M0 0" onclick="alert(1)"/>`, `<rect fill="url(http://x/y)"/>`, `<rect fill="URL('//x')"/>`,
		`<animate attributeName="href" to="javascript:1"/>`, `<text><![CDATA[</text><script>alert(1)</script>]]></text>`, `<path d="M0 0&quot; onload=&quot;alert(1)"/>`, `<svg onload="alert(1)"><script>1</script></svg>`,
		`<script><path d="M1 1"/></script>`, `<g style="background:url(//x)"><!-- <script> --></g>`, `<rect id="contents"/>`,
	} {
		got, err := logo(wrap(bad))
		if err != nil {
			t.Errorf("%s: %v", bad, err)
			continue
		}
		for _, word := range []string{"<script", "<style", "style=", "onload=", "onclick", "http://x", "//x", "javascript", "iframe", "<a", "<use", "<image", "<!--", `id="contents"`} {
			if strings.Contains(strings.ReplaceAll(got, ` aria-hidden`, ""), word) {
				t.Errorf("%s leaves %q in %s", bad, word, got)
			}
		}
		if !strings.Contains(got, `d="M0 0h1"`) {
			t.Errorf("%s takes the drawing with it: %s", bad, got)
		}
		for d := xml.NewDecoder(strings.NewReader(got)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s is no XML afterwards: %v", bad, err)
			}
		}
	}
	for name, bad := range map[string]string{
		"no XML": "<svg", "another": "<html/>", "empty": "", "nothing drawn": `<svg viewBox="0 0 1 1"><script/></svg>`, "no size": `<svg><path d="M0 0"/></svg>`,
		"large": `<svg viewBox="0 0 1 1"><path d="` + strings.Repeat("M0 0", mostLogo) + `"/></svg>`, "entities": `<!DOCTYPE svg [<!ENTITY x "y">]><svg viewBox="0 0 1 1"><text>&x;</text></svg>`,
	} {
		if _, err := logo(bad); !errors.Is(err, ErrBrand) {
			t.Errorf("%s: error %v, want ErrBrand", name, err)
		}
	}
	r := reports.Report{Brand: reports.Brand{Logo: "<script/>"}}
	if err := HTML(io.Discard, r); !errors.Is(err, ErrBrand) {
		t.Errorf("a page with no logo that holds up: %v", err)
	}
}
