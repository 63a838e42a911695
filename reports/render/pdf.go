package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"recoup/reports"
)

// ErrNoBrowser is returned where a PDF is asked for and no Chromium is installed.
var ErrNoBrowser = errors.New("no Chromium or Chrome to write the PDF with: write .html instead, open it in any browser and print it to PDF from there; or install chromium")

// printTime is how long a browser may take to print a report.
const printTime = 2 * time.Minute

// PDF has Chromium print the page of HTML: tagged, with vector figures, numbered pages
// and table heads repeated. The dates that the browser writes are replaced; pages are
// the same for the same report and browser, bytes may differ between browsers.
func PDF(ctx context.Context, w io.Writer, r reports.Report, o Options) (err error) {
	if o.Browser == "" {
		return ErrNoBrowser
	}
	var page bytes.Buffer
	if err := HTML(&page, r); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.Folder, ".recoup-pdf-*")
	if err != nil {
		return fmt.Errorf("writing PDF: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	in, out := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.pdf")
	if err := os.WriteFile(in, page.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing PDF: %w", err)
	}
	if err := browse(ctx, o.Browser, dir, "--no-pdf-header-footer", "--export-tagged-pdf", "--generate-pdf-document-outline", "--print-to-pdf="+out, "file://"+filepath.ToSlash(in)); err != nil {
		return err
	}
	pdf, err := os.ReadFile(out)
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		return errors.New("the browser wrote no PDF: write .html instead, and print it to PDF from a browser")
	}
	_, err = w.Write(pdfDate.ReplaceAll(pdf, []byte("${1}D:20000101000000+00'00'")))
	return err
}

// pdfDate is a date in a PDF, replaced by another of equal length, since a PDF refers to
// its parts by their place.
var pdfDate = regexp.MustCompile(`(/(?:CreationDate|ModDate) ?\()D:\d{14}[+-]\d\d'\d\d'`)

// browse runs Chromium without a window, with no network and a profile in dir.
func browse(ctx context.Context, browser, dir string, arguments ...string) error {
	ctx, cancel := context.WithTimeout(ctx, printTime)
	defer cancel()
	fixed := []string{
		"--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
		"--proxy-server=127.0.0.1:1", "--user-data-dir=" + filepath.Join(dir, "profile"),
	}
	if os.Geteuid() == 0 {
		fixed = append(fixed, "--no-sandbox") // Chromium has no sandbox for root, and refuses to start
	}
	cmd := exec.CommandContext(ctx, browser, append(fixed, arguments...)...)
	cmd.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("the browser did not finish the PDF: %w", ctx.Err())
		}
		return fmt.Errorf("the browser could not write the PDF (%w): write .html instead, and print it to PDF from a browser", err)
	}
	return nil
}
