package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"recoup/analysis/catalog"
	"recoup/simulate/design"
)

// run runs a command line and returns what it wrote and its exit code.
func run(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(context.Background(), args, Streams{Out: &o, Err: &e})
	return o.String(), e.String(), code
}

// walk visits every command of the tree with the words that call it.
func walk(c *cobra.Command, words []string, f func(c *cobra.Command, words []string)) {
	f(c, words)
	for _, sub := range c.Commands() {
		if sub.Name() == "completion" {
			continue
		}
		walk(sub, append(words[:len(words):len(words)], sub.Name()), f)
	}
}

// Every command has a help with an example and the exit codes; a wrong word, a
// wrong flag or too many arguments are a misuse, never a success.
func TestTreeIsStrict(t *testing.T) {
	root := (&app{}).root()
	walk(root, nil, func(c *cobra.Command, words []string) {
		name := strings.Join(append([]string{"recoup"}, words...), " ")
		help, _, code := run(t, append(words, "--help")...)
		if code != 0 {
			t.Errorf("%s --help: exit %d", name, code)
		}
		if c.Short == "" || c.Long == "" {
			t.Errorf("%s: no description", name)
		}
		if c.IsAdditionalHelpTopicCommand() {
			return
		}
		if !strings.Contains(help, "Exit status:") {
			t.Errorf("%s --help does not say the exit codes", name)
		}
		if _, _, code := run(t, append(words, "--no-such-flag")...); code != exitUsage {
			t.Errorf("%s --no-such-flag: exit %d, want %d", name, code, exitUsage)
		}
		if _, _, code := run(t, append(words, "no-such-word", "b", "c", "d", "e")...); code != exitUsage && !strings.Contains(c.Use, "...") {
			t.Errorf("%s with wrong words: exit %d, want %d", name, code, exitUsage)
		}
		if !c.HasSubCommands() && c.Example == "" {
			t.Errorf("%s has no example", name)
		}
		if c.HasSubCommands() && c.HasParent() {
			if _, _, code := run(t, words...); code != exitUsage {
				t.Errorf("%s without a command: exit %d, want %d", name, code, exitUsage)
			}
		}
	})
}

// A wrong word after help is a misuse too.
func TestHelpIsStrict(t *testing.T) {
	for _, args := range [][]string{{"help", "nonsense"}, {"help", "data", "nonsense"}} {
		if out, _, code := run(t, args...); code != exitUsage || out != "" {
			t.Errorf("%v: exit %d", args, code)
		}
	}
	if out, _, code := run(t, "help", "data", "check"); code != 0 || !strings.Contains(out, "recoup data check COHORT") {
		t.Errorf("help data check: exit %d: %s", code, out)
	}
}

// An interrupted run exits with 130 and leaves no file.
func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("scenario.yaml", design.DefaultScenario(), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var o, e bytes.Buffer
	code := Main(ctx, []string{"simulate", "run", "scenario.yaml", "-o", "out.json"}, Streams{Out: &o, Err: &e})
	left, err := os.ReadDir(".")
	if err != nil || code != exitInterrupted || len(left) != 1 {
		t.Errorf("exit %d, %d files left, %v: %s", code, len(left), err, e.String())
	}
}

// Output that cannot be written is a failure, not a success.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("SKIPPED: this system has no /dev/full, which is not installed here")
	}
	defer func() { _ = full.Close() }()
	var e bytes.Buffer
	for _, args := range [][]string{{"analyze", "list"}, {"evidence", "list", "--json"}, {"help", "json"}} {
		if code := Main(context.Background(), args, Streams{Out: full, Err: &e}); code != exitFailed {
			t.Errorf("%v on a full disk: exit %d", args, code)
		}
	}
}

// With --json an error is one JSON object on standard error, and nothing is on
// standard output.
func TestErrorsAsJSON(t *testing.T) {
	for _, args := range [][]string{{"--json", "no-such"}, {"analyze", "run", "absent.yaml", "effect/hedges-g", "--json"}, {"data", "check", "absent.yaml", "--json"}} {
		out, errs, code := run(t, args...)
		var e struct {
			Schema string `json:"schema"`
			Code   int    `json:"exit_code"`
		}
		if err := json.Unmarshal([]byte(errs), &e); err != nil || e.Schema != "recoup.error/v1" || e.Code != code || out != "" {
			t.Errorf("%v: exit %d, stderr %q, stdout %q", args, code, errs, out)
		}
	}
}

// shellWords splits a line at blanks outside of single quotes.
func shellWords(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// What the help of analyze calc shows of each analysis must do what it says.
func TestCalculationExamples(t *testing.T) {
	for _, c := range catalog.Calculations {
		if _, errs, code := run(t, append([]string{"analyze", "calc", c.Analysis.Name}, strings.Fields(c.Example)...)...); code != 0 {
			t.Errorf("%s %s: %s", c.Analysis.Name, c.Example, errs)
		}
	}
}

// The examples of every help are run, in a folder with a synthetic cohort and a
// scenario.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if _, errs, code := run(t, "data", "synthesize", "--patients", "400", "--comparison", "-o", "made"); code != 0 {
		t.Fatal(errs)
	}
	files, err := os.ReadDir("made")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Rename(filepath.Join("made", f.Name()), f.Name()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove("made"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("scenario.yaml", design.DefaultScenario(), 0o644); err != nil {
		t.Fatal(err)
	}
	project := "field_name,form_name,field_type,field_label,select_choices_or_calculations,text_validation_type_or_show_slider_number,text_validation_min,text_validation_max,identifier\n" +
		"record_id,pain,text,Record,,,,,\npain,pain,text,Average pain,,integer,0,10,\n"
	studies := "study,year,m1,sd1,n1,m2,sd2,n2\nAune,2004,3.1,1.9,40,4.2,2.0,41\nBerg,2009,3.6,2.1,55,4.1,2.2,50\nCato,2013,2.8,1.8,30,4.4,2.1,33\nDahl,2018,3.3,2.0,80,3.9,1.9,84\n"
	fitted := "name: c\nparameters: [effect.pain]\ntargets: [{strategy: interdisciplinary-4-week, outcome: pain_change_26w, value: -1.6, se: 0.2}]\npatients: 200\n"
	network := "study,treat1,treat2,yi,sei\nAune,program,usual,-1.1,0.3\nBerg,program,exercise,-0.4,0.3\nCato,exercise,usual,-0.5,0.25\nDahl,program,usual,-0.8,0.28\n"
	psa, parameters := "cost.usual,effect.usual,cost.program,effect.program,p_stay\n", "p_back,p_relapse\n"
	for i := range 60 {
		x, y := float64(i*37%60)/60, float64(i*23%60)/60
		psa += fmt.Sprintf("%g,%g,%g,%g,%g\n", 9000+1000*y, 0.6+0.1*x, 14000-2000*x, 0.75+0.2*x*y, y*y)
		parameters += fmt.Sprintf("%g,%g\n", x, y)
	}
	if err := os.Mkdir("results", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"results/table.csv": "site,patients\nNorth,40\n", "calibration.yaml": fitted, "psa.csv": psa, "parameters.csv": parameters, "dictionary.csv": project, "export.csv": "record_id,pain,pain_complete\n1,7,2\n", "studies.csv": studies, "network.csv": network, "table.csv": "site,women,men\nNorth,40,*\nSouth,31,*\n", "this-quarter.csv": "site,n\nNorth,80\n", "last-quarter.csv": "site,n\nNorth,60\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	count := 0
	walk((&app{}).root(), nil, func(c *cobra.Command, _ []string) {
		for _, line := range strings.Split(c.Example, "\n") {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			words := shellWords(line)
			if words[0] != "recoup" {
				t.Errorf("%s: the example %q does not begin with recoup", c.CommandPath(), line)
				continue
			}
			out, errs, code := run(t, words[1:]...)
			if code != 0 {
				t.Errorf("%s: exit %d: %s", line, code, errs)
			}
			if strings.Contains(line, "--json") && !json.Valid([]byte(out)) {
				t.Errorf("%s: not JSON", line)
			}
			if strings.Contains(out, "NaN") {
				t.Errorf("%s: prints NaN", line)
			}
			count++
		}
	})
	if count < 20 {
		t.Errorf("%d examples, expected at least 20", count)
	}
}
