package render_test

import (
	"bytes"
	"os"
	"strconv"
	"testing"

	"recoup/reports"
	"recoup/reports/render"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := render.HTML(&b, example()); err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("RECOUP_LOOK"); dir != "" {
		if err := os.WriteFile(dir+"/report.html", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, s := range example().Sections {
			for _, bl := range s.Blocks {
				if f, ok := bl.(reports.Figure); ok {
					var p bytes.Buffer
					if err := render.PNG(&p, f, render.Size{}, 0); err == nil {
						_ = os.WriteFile(dir+"/"+f.ID+".png", p.Bytes(), 0o644)
					}
				}
			}
		}
	}
}
