package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/datasets/privacy"
)

// privacyTold is what data check --privacy says beyond the problems.
type privacyTold struct {
	Findings   []privacy.Finding `json:"findings"`
	NotCarried []ignored         `json:"not_carried"` // and so not looked at
	Anonymity  privacy.Anonymity `json:"anonymity"`
}

type ignored struct {
	Table   string `json:"table"`
	Columns int    `json:"columns"`
}

func tellPrivacy(co *datasets.Cohort, found []privacy.Finding) *privacyTold {
	t := &privacyTold{Findings: found, NotCarried: []ignored{}, Anonymity: privacy.Measure(co)}
	if t.Findings == nil {
		t.Findings = []privacy.Finding{}
	}
	for _, r := range co.Dictionary().Resources {
		n := 0
		for _, f := range r.Schema.Fields {
			if f.Role == datasets.RoleIgnore {
				n++
			}
		}
		if n > 0 {
			t.NotCarried = append(t.NotCarried, ignored{r.Name, n})
		}
	}
	return t
}

func (t *privacyTold) text(w io.Writer) {
	for _, x := range t.NotCarried {
		fmt.Fprintf(w, "not looked at: %d columns of %s with role: ignore, which are not carried\n", x.Columns, clean(x.Table))
	}
	an := t.Anonymity
	if len(an.QuasiIdentifiers) == 0 {
		fmt.Fprintln(w, "No quasi-identifiers: no column describes a person, and none is named under privacy: quasiIdentifiers.")
		return
	}
	fmt.Fprintf(w, "\nAlike in %s: %d patients in %d classes, the smallest of %d (k)\n", clean(strings.Join(an.QuasiIdentifiers, ", ")), an.Patients, an.Classes, an.K)
	fmt.Fprintf(w, "  alone in their class %d; in a class under 5: %d; under 11: %d\n", an.Unique, an.Under5, an.Under11)
	fmt.Fprintf(w, "  risk: prosecutor %.3g highest, %.3g mean; journalist %.3g highest; marketer %.3g\n", an.ProsecutorHighest, an.ProsecutorMean, an.JournalistHighest, an.Marketer)
	if len(an.Diversity) > 0 {
		g := grid{head: []string{"Sensitive column", "fewest values in a class (l)", "entropy l", "patients in classes of one value"}, right: []bool{false, true, true, true}}
		for _, d := range an.Diversity {
			g.rows = append(g.rows, []string{d.Column, fmt.Sprint(d.Distinct), fmt.Sprintf("%.2f", d.Entropy), fmt.Sprint(d.Alike)})
		}
		fmt.Fprintln(w)
		g.text(w)
	}
	if len(an.Riskiest) > 0 {
		g := grid{head: []string{"Riskiest combination", "patients it singles out"}, right: []bool{false, true}}
		for _, r := range an.Riskiest {
			g.rows = append(g.rows, []string{strings.Join(r.Columns, " + "), fmt.Sprint(r.Unique)})
		}
		fmt.Fprintln(w)
		g.text(w)
	}
	fmt.Fprintln(w)
}

// deidentified is the report of data deidentify.
type deidentified struct {
	Schema     string              `json:"schema"`
	Patients   int                 `json:"patients"`
	Pseudonyms string              `json:"pseudonyms"`
	Dates      string              `json:"dates"`
	Columns    []privacy.Treatment `json:"columns"`
	Anonymity  privacy.Anonymity   `json:"anonymity"`
}

// deidentifiedName is the report's file in the folder.
const deidentifiedName = "deidentified.json"

func (a *app) dataDeidentify() *cobra.Command {
	var f loadFlags
	var key, newKey, to, ages, out string
	c := &cobra.Command{
		Use:   "deidentify COHORT --key FILE -o FOLDER",
		Short: "Write a cohort without what may identify a person",
		Long: `Write a cohort into a new folder without what may identify a person. It opens
cohorts that every other command refuses for privacy.

  patients' ids   pseudonyms by a keyed hash
  dates           ` + wrapped(privacy.ShiftText) + `
  ages            over 89 as 90, or all in bands of five years (--ages bands)
  postcodes       cut to three digits; 000 where 20,000 people or fewer live
  all else that data check lists as an error or a warning, free text among it, is
  dropped, unless the cohort file has an allowance for the column
  rows            in the order of the pseudonyms

Where the cohort file has an allowance for a column named quarter, the quarter of
discharge (else admission; of who never began, referral) is worked out before dates
are shifted, and added.

The key is read from a file, never a flag: at least 32 bytes, which you keep apart
from the data. Who has it can find a patient's pseudonym again. The same key gives
the same pseudonyms and shifts, so that later deliveries can be joined.
deidentified.json in the folder says what was done to each column, without values.`,
		Example: "  recoup data deidentify --new-key study.key\n  recoup data deidentify cohort.yaml --key study.key -o deidentified",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if newKey != "" {
				if err := makeKey(newKey); err != nil {
					return err
				}
				a.note("a new key is in %s; keep it apart from the data", newKey)
				if len(args) == 0 {
					return nil
				}
				key = newKey
			}
			switch {
			case len(args) == 0:
				return usagef("expected a cohort file")
			case key == "":
				return usagef("expected the owner's key: --key FILE; make one with: recoup data deidentify --new-key FILE")
			case out == "":
				return usagef("expected a folder to write: -o FOLDER")
			case ages != "top" && ages != "bands":
				return usagef("expected --ages top or bands")
			}
			secret, err := a.readKey(key)
			if err != nil {
				return err
			}
			return a.deidentify(c.Context(), args[0], f, privacy.Options{Key: secret, Bands: ages == "bands"}, to, out)
		},
	}
	f.add(c)
	c.Flags().StringVar(&key, "key", "", "file with the owner's key")
	c.Flags().StringVar(&newKey, "new-key", "", "make a key in a new file")
	c.Flags().StringVar(&ages, "ages", "top", "top: exact to 89, 90 for all above; bands: five years")
	c.Flags().StringVar(&to, "to", "csv", "format: csv, arrow or parquet")
	c.Flags().StringVarP(&out, "output", "o", "", "folder to write; it must not exist")
	return c
}

// wrapped breaks a text for the column it stands in.
func wrapped(s string) string {
	var b strings.Builder
	length := 0
	for _, w := range strings.Fields(s) {
		if length+len(w) > 60 {
			b.WriteString("\n                  ")
			length = 0
		} else if length > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
		length += len(w) + 1
	}
	return b.String()
}

func (a *app) deidentify(ctx context.Context, path string, f loadFlags, o privacy.Options, to, out string) error {
	co, found, err := open.Examine(ctx, path, open.Options{SetAside: f.setAside, Where: f.where})
	if err != nil {
		return err
	}
	if f.strict { // what may identify somebody is taken out, so only the data's own warnings count
		if err := a.judge(co.Notes(), f); err != nil {
			return err
		}
	}
	safe, done, err := privacy.Deidentify(co, found, o)
	if err != nil {
		return err
	}
	safe = safe.SortByPatient()
	files, err := tableFiles(safe, to, nil, nil)
	if err != nil {
		return err
	}
	report := deidentified{
		Schema: "recoup.deidentified/v1", Patients: safe.Patients(), Pseudonyms: "HMAC-SHA256 of the id by the owner's key, 80 bits as base32",
		Dates: privacy.ShiftText, Columns: done, Anonymity: privacy.Measure(safe),
	}
	b, err := encode(report)
	if err != nil {
		return err
	}
	files = append(files, file{deidentifiedName, content(string(b))})
	err = writeFolder(out, files, func(dir string) error {
		_, err := open.Cohort(ctx, filepath.Join(dir, "cohort.yaml"), open.Options{})
		if err != nil {
			return fmt.Errorf("the written cohort does not pass; nothing was kept: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(report)
	}
	g := grid{head: []string{"Table", "Column", "Done", "Cells", "Why"}, right: []bool{false, false, false, true, false}}
	for _, d := range done {
		g.rows = append(g.rows, []string{d.Table, d.Column, string(d.Action), fmt.Sprint(d.Cells), d.Why})
	}
	g.text(a.Out)
	fmt.Fprintf(a.Out, "%s: %d patients in %d tables\n", filepath.Join(out, "cohort.yaml"), safe.Patients(), len(safe.Tables()))
	return nil
}

// maxKey bounds what is read of a key file.
const maxKey = 1 << 16

// makeKey writes 32 random bytes, as hexadecimal digits, into a new file that only
// its owner can read.
func makeKey(path string) error {
	var secret [privacy.MinKey]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return fmt.Errorf("no random numbers: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return usagef("%s exists; a key is never written over", path)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, hex.EncodeToString(secret[:])+"\n")
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}

// readKey reads the owner's key; nothing of it is in any message.
func (a *app) readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && st.Mode().Perm()&0o077 != 0 {
		a.note("warning: others can read the key %s; chmod 600 it", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return nil, err
	}
	key := []byte(strings.TrimRight(string(b), "\r\n"))
	different := map[byte]bool{}
	for _, c := range key {
		different[c] = true
	}
	if len(key) < privacy.MinKey || len(b) > maxKey || len(different) < 8 {
		return nil, fmt.Errorf("%w: expected a key of at least %d random bytes in %s; make one with --new-key", errInvalidInput, privacy.MinKey, path)
	}
	return key, nil
}
