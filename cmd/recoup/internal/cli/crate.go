package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"recoup/datasets"
	"recoup/reports/crate"
	"recoup/reports/disclosure/readback"
)

func (a *app) reportCrate() *cobra.Command {
	var about crate.About
	c := &cobra.Command{
		Use:   "crate FOLDER",
		Short: "Describe a folder of results for an archive: what made each, and from what",
		Long: `Write ro-crate-metadata.json into a folder of reports and results (RO-Crate 1.1, which
archives and research offices read): every file with its size and SHA-256, the version
of recoup, and the cohort, scenario and evidence by their digests. What a file is of is
read from results in JSON; a file of the same name with another ending is taken to be of
the same run.

Every file is read through first: a folder in which something may identify a patient, or
which holds patients' rows (a table with a column patient, person_id, record_id or the
like, or a file of a statistical package), is refused with exit status 4.`,
		Example: "  recoup report crate results --name 'Third quarter' --description 'Outcomes of the program' --date 2026-11-22 --license 'within the hospital' --author 'R. Owner'",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := cleanFolder(args[0]); err != nil {
				return err
			}
			b, err := crate.Describe(os.DirFS(args[0]), about)
			if errors.Is(err, crate.ErrAbout) {
				return usageError{err}
			}
			if err != nil {
				return err
			}
			return a.toFile(filepath.Join(args[0], crate.Metadata), func(w io.Writer) error {
				_, err := w.Write(append(b, '\n'))
				return err
			})
		},
	}
	f := c.Flags()
	f.StringVar(&about.Name, "name", "", "title")
	f.StringVar(&about.Description, "description", "", "what the folder holds")
	f.StringVar(&about.Date, "date", "", "of publication, as 2026-11-22")
	f.StringVar(&about.License, "license", "", "address of a license, or who may use it")
	f.StringArrayVar(&about.Authors, "author", nil, "name of an author; may be given again")
	return c
}

// cleanFolder reads every file through and refuses what may identify somebody, all files
// at once.
func cleanFolder(folder string) error {
	var problems []error
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := readBounded(path, maxAudited)
		if err != nil {
			return err
		}
		if name := patientColumn(path, b); name != "" {
			problems = append(problems, fmt.Errorf("%s holds patients' rows: it has a column %s", path, name))
		}
		for _, l := range readback.Scan(path, b, readback.Known{}) {
			if (guard{}).leaves(l) {
				problems = append(problems, fmt.Errorf("%s holds %s (%s), %d times", path, l.What, l.Code, l.Count))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%w: take these out, or hide them, and try again:\n%w", datasets.ErrPrivacy, errors.Join(problems...))
	}
	return nil
}

// patientColumn is the column of a CSV or TSV file that numbers patients; "" for none.
func patientColumn(path string, b []byte) string {
	ending := strings.ToLower(filepath.Ext(path))
	if ending != ".csv" && ending != ".tsv" {
		return ""
	}
	head, _, _ := strings.Cut(strings.TrimPrefix(string(b), "\ufeff"), "\n")
	for _, name := range strings.FieldsFunc(head, func(r rune) bool { return strings.ContainsRune(",;\t|\r", r) }) {
		name = strings.Trim(name, "\" ")
		switch strings.NewReplacer("_", "", " ", "", "-", "").Replace(strings.ToLower(name)) {
		case "patient", "patientid", "person", "personid", "personno", "record", "recordid", "subject", "subjectid", "usubjid", "pseudonym", "mrn", "pid":
			return clean(name)
		}
	}
	return ""
}
