package render

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"recoup/datasets"
	"recoup/reports"
)

// ErrBrand is what errors.Is finds where a brand file cannot be used.
var ErrBrand = errors.New("the brand cannot be used")

// brandFile is a brand as a YAML file has it.
type brandFile struct {
	Title    string `yaml:"title"`
	Logo     string `yaml:"logo"`      // path of an SVG file, from the brand file
	LogoText string `yaml:"logo_text"` // for those who cannot see it
	Color    string `yaml:"color"`     // of links and marks, such as "#005EB8"
}

// ParseBrand reads a brand file. A logo is read by its path and must hold up as Logo
// says; a color must stand out from white and from the text on it, 4.5 to 1 by WCAG 2.2
// (1.4.3), since links are written in it.
func ParseBrand(name string, b []byte, read func(path string) ([]byte, error)) (reports.Brand, error) {
	var f brandFile
	if _, err := datasets.DecodeYAML(name, b, &f); err != nil {
		return reports.Brand{}, fmt.Errorf("%w: %w", ErrBrand, err)
	}
	out := reports.Brand{Title: f.Title, LogoText: f.LogoText, Color: f.Color}
	if f.Color != "" {
		if _, err := brandColor(f.Color); err != nil {
			return reports.Brand{}, err
		}
	}
	if f.Logo == "" {
		return out, nil
	}
	if f.LogoText == "" {
		return reports.Brand{}, fmt.Errorf("%w: expected logo_text with the logo, for those who cannot see it", ErrBrand)
	}
	svg, err := read(f.Logo)
	if err != nil {
		return reports.Brand{}, fmt.Errorf("%w: logo: %w", ErrBrand, err)
	}
	out.Logo = string(svg)
	if _, err := logo(out.Logo); err != nil {
		return reports.Brand{}, err
	}
	return out, nil
}

// least is the contrast that a text needs on its ground.
const leastContrast = 4.5

var hexColor = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

// brandColor checks a color: its form, and that it can be read on white.
func brandColor(s string) (string, error) {
	if !hexColor.MatchString(s) {
		return "", fmt.Errorf("%w: expected a color such as \"#005EB8\"", ErrBrand)
	}
	if c := contrastOnWhite(s); c < leastContrast {
		return "", fmt.Errorf("%w: the color %s stands out from white by %.2f to 1 and needs %.1f to 1: choose a darker one", ErrBrand, s, math.Floor(c*100)/100, leastContrast)
	}
	return strings.ToUpper(s), nil
}

// contrastOnWhite is the contrast of a color with white by WCAG 2.2: 1.05 over its
// relative luminance and 0.05.
func contrastOnWhite(s string) float64 {
	channel := func(at int) float64 {
		n, _ := strconv.ParseUint(s[at:at+2], 16, 8) // hexColor matched
		v := float64(n) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 1.05 / (0.2126*channel(1) + 0.7152*channel(3) + 0.0722*channel(5) + 0.05)
}

// mostLogo is the greatest size of a logo in bytes.
const mostLogo = 64 << 10

// What a logo may be drawn with; all else is dropped.
var (
	logoElements = strings.Fields("svg g path rect circle ellipse line polyline polygon defs linearGradient radialGradient stop clipPath text tspan title desc")
	logoDrawn    = strings.Fields("path rect circle ellipse line polyline polygon text")
	logoAllowed  = strings.Fields("viewBox d fill fill-rule fill-opacity stroke stroke-width stroke-linecap stroke-linejoin stroke-opacity clip-path clip-rule transform x y cx cy r rx ry x1 y1 x2 y2 fx fy width height points offset stop-color stop-opacity opacity id gradientUnits gradientTransform spreadMethod font-size font-weight font-family text-anchor preserveAspectRatio")
	logoValue    = regexp.MustCompile(`^[-+#.,%()\w\s]*$`)
	logoLocal    = regexp.MustCompile(`^url\(#([\w-]+)\)$`)
)

// logo reads an SVG drawing and writes it anew with the shapes, colors and texts that a
// logo needs and nothing else: no script, style, event, link, picture, font or reference
// out of the page. It is refused where it is no drawing, too large, or nothing is left.
func logo(svg string) (string, error) {
	refuse := func(why string) (string, error) { return "", fmt.Errorf("%w: logo: %s", ErrBrand, why) }
	if len(svg) > mostLogo {
		return refuse(fmt.Sprintf("expected at most %d bytes", mostLogo))
	}
	var out strings.Builder
	drawn, depth, skip, sized := 0, 0, 0, false
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return refuse("expected an SVG drawing: it is not well-formed XML")
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			name := tok.Name.Local
			if depth == 0 && name != "svg" {
				return refuse("expected an SVG drawing")
			}
			depth++
			if skip > 0 || !slices.Contains(logoElements, name) || depth > 1 && name == "svg" {
				skip++
				continue
			}
			sized = sized || depth == 1 && slices.ContainsFunc(tok.Attr, func(a xml.Attr) bool { return a.Name.Local == "viewBox" })
			if slices.Contains(logoDrawn, name) {
				drawn++
			}
			out.WriteString("<" + name)
			if depth == 1 {
				out.WriteString(` xmlns="http://www.w3.org/2000/svg" aria-hidden="true" class="logo"`)
			}
			writeLogoAttributes(&out, tok.Attr, depth == 1)
			out.WriteString(">")
		case xml.EndElement:
			depth--
			if skip > 0 {
				skip--
				continue
			}
			out.WriteString("</" + tok.Name.Local + ">")
		case xml.CharData:
			if skip == 0 && depth > 0 {
				out.WriteString(xmlText(string(tok)))
			}
		}
	}
	switch {
	case drawn == 0:
		return refuse("nothing in it can be drawn: expected paths, shapes or texts")
	case !sized:
		return refuse("expected a viewBox, which says how large it is")
	}
	return out.String(), nil
}

// writeLogoAttributes writes what is allowed of an element. Its size is the page's to
// choose, and its ids are set apart from the page's.
func writeLogoAttributes(out *strings.Builder, attributes []xml.Attr, root bool) {
	for _, a := range attributes {
		name, value := a.Name.Local, strings.TrimSpace(a.Value)
		if a.Name.Space != "" || !slices.Contains(logoAllowed, name) || root && (name == "width" || name == "height" || name == "id") {
			continue
		}
		if m := logoLocal.FindStringSubmatch(value); m != nil {
			value = "url(#logo-" + m[1] + ")"
		} else if !logoValue.MatchString(value) || strings.Contains(strings.ToLower(value), "url") {
			continue
		}
		if name == "id" {
			value = "logo-" + value
		}
		out.WriteString(" " + name + `="`)
		var b bytes.Buffer
		_ = xml.EscapeText(&b, []byte(value)) // a buffer takes everything
		out.WriteString(b.String() + `"`)
	}
}
