package render

import (
	"context"
	"io"

	"recoup/reports"
)

// Format is one way to write a report. Each is given the report as reports/disclosure
// left it, and no other.
type Format struct {
	Ending string // of the file's name
	Title  string
	Write  func(ctx context.Context, w io.Writer, r reports.Report, o Options) error
}

// Options are what a format may need of the machine, and nothing that a report says.
type Options struct {
	Browser string // path of Chromium or Chrome, for PDF
	Folder  string // where files may stand while a PDF is made: that of the target
}

// Formats are the formats of a report, the first one the most read. A format is added
// by one file and one line here.
var Formats = []Format{
	{".html", "one page for a browser, with figures", plainly(HTML)},
	{".pdf", "pages to print or send; needs Chromium or Chrome", PDF},
	{".docx", "a document to edit, with figures", plainly(DOCX)},
	{".xlsx", "a workbook with a sheet for each table and for the numbers of each figure", plainly(XLSX)},
	{".md", "Markdown, with the numbers of each figure", plainly(Markdown)},
	{".txt", "text for a terminal, with the numbers of each figure", plainly(Text)},
	{".csv", "every number in one long table", plainly(CSV)},
	{".json", "every number with its place, which report diff reads", plainly(JSON)},
	{".parquet", "every number in one long table, typed", Parquet},
}

func plainly(write func(io.Writer, reports.Report) error) func(context.Context, io.Writer, reports.Report, Options) error {
	return func(_ context.Context, w io.Writer, r reports.Report, _ Options) error { return write(w, r) }
}

// FormatOf returns the format of a file's ending.
func FormatOf(ending string) (Format, bool) {
	for _, f := range Formats {
		if f.Ending == ending {
			return f, true
		}
	}
	return Format{}, false
}
