package notebooks_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write the notebooks with the outputs of this run")

// largest is the size in bytes that no notebook may reach.
const largest = 150_000

// Every notebook runs against recoup as it is built here, and prints and draws what
// the committed one shows. make notebooks writes them anew.
func TestNotebooks(t *testing.T) {
	paths, err := filepath.Glob("*.ipynb")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d notebooks, %v", len(paths), err)
	}
	for _, path := range paths {
		committed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		wellKept(t, path, committed)
	}
	nbconvert, err := exec.LookPath("jupyter-nbconvert")
	if err != nil {
		t.Skip("SKIPPED: jupyter-nbconvert is not installed, so the notebooks were not run; make deps installs it")
	}
	bin := filepath.Dir(recoup(t))
	for _, path := range paths {
		t.Run(strings.TrimSuffix(path, ".ipynb"), func(t *testing.T) {
			t.Parallel()
			ran := normal(t, execute(t, nbconvert, bin, path))
			if *update {
				if err := os.WriteFile(path, ran, 0o644); err != nil {
					t.Fatal(err)
				}
				wellKept(t, path, ran)
				return
			}
			committed, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if committed = normal(t, committed); !bytes.Equal(ran, committed) {
				t.Errorf("%s shows other outputs than it has: make notebooks, and look at what changed\n%s", path, firstOther(committed, ran))
			}
		})
	}
}

// machinePlace is the beginning of an absolute path: a slash that no name or tag ends
// before, and two names.
var machinePlace = regexp.MustCompile(`(?:[\s"'=(]|\\")/[A-Za-z][\w.-]*/[\w.-]+|[A-Z]:\\\\[A-Za-z]`)

// A notebook with a path of a machine is found, one with names of analyses is not.
func TestMachinePlace(t *testing.T) {
	for text, want := range map[string]bool{
		`"written to /` + `some/place/x.json\n"`: true,
		`"open(\"/` + `some/place\")"`:           true,
		`"effect/hedges-g and mean / SD\n"`:      false,
		`"</text>\n", "<path d=\"M1,2/3\"/>"`:    false,
		`"https://www.w3.org/2000/svg"`:          false,
	} {
		if got := machinePlace.MatchString(text); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// wellKept holds a notebook to be small, executed, and without places of a machine.
func wellKept(t *testing.T, path string, b []byte) {
	t.Helper()
	if len(b) >= largest {
		t.Errorf("%s has %d bytes, and may have %d", path, len(b), largest)
	}
	if bytes.Contains(b, []byte("Traceback")) {
		t.Errorf("%s shows an error", path)
	}
	if place := machinePlace.Find(b); place != nil {
		t.Errorf("%s holds a place of a machine: %s", path, place)
	}
	if !bytes.Contains(b, []byte(`"outputs"`)) {
		t.Errorf("%s was not executed", path)
	}
}

// execute runs a notebook in a folder of its own.
func execute(t *testing.T, nbconvert, bin, path string) []byte {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{path, "show.py"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), nbconvert, "--to", "notebook", "--execute", "--inplace", "--ExecutePreprocessor.record_timing=False", "--ExecutePreprocessor.timeout=120", path)
	c.Dir = dir
	c.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE=1", "NO_COLOR=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every command that a document shows is run, in order, in a folder with the files of
// notebooks/files, and prints what the document says.
func TestDocuments(t *testing.T) {
	paths, err := filepath.Glob("*.md")
	if err != nil || len(paths) < 4 {
		t.Fatalf("%d documents, %v", len(paths), err)
	}
	program := recoup(t)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(path, ".md"), func(t *testing.T) {
			t.Parallel()
			was, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			is := document(t, program, string(was))
			if *update {
				if err := os.WriteFile(path, []byte(is), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if a, b := anyGo(string(was)), anyGo(is); a != b {
				t.Errorf("%s shows other outputs than it has: make notebooks, and look at what changed\n%s", path, firstOther([]byte(a), []byte(b)))
			}
		})
	}
}

// anyGo leaves out by which version of Go a result was made.
func anyGo(text string) string {
	return regexp.MustCompile(`go1\.\d+(\.\d+)?`).ReplaceAllString(text, "go")
}

// document runs the commands of a text and returns it with what they print.
func document(t *testing.T, program, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("files")); err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```\n\\$ recoup (.*?)\n(.*?)```\n")
	ran := 0
	out := shown.ReplaceAllStringFunc(text, func(block string) string {
		line := shown.FindStringSubmatch(block)[1]
		ran++
		command, to, redirected := strings.Cut(line, " > ")
		c := exec.Command(program, words(command)...)
		c.Dir = dir
		var printed, said bytes.Buffer
		c.Stdout, c.Stderr = &printed, &said
		if err := c.Run(); err != nil {
			t.Errorf("recoup %s: %v: %s", line, err, said.String())
		}
		if redirected {
			if err := os.WriteFile(filepath.Join(dir, to), printed.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			printed.Reset()
		}
		printed.Write(said.Bytes())
		result := strings.TrimRight(printed.String(), "\n")
		if result != "" {
			result += "\n"
		}
		return "```\n$ recoup " + line + "\n" + result + "```\n"
	})
	if ran == 0 {
		t.Error("no command is shown")
	}
	return out
}

// words splits a line at blanks outside of single quotes.
func words(line string) []string {
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

var folder string // of the program, once it is built

// built is the program as it is, built once for both tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "recoup-notebooks-*")
	if err != nil {
		return "", err
	}
	folder = dir
	path := filepath.Join(dir, "recoup")
	if out, err := exec.Command("go", "build", "-o", path, "recoup/cmd/recoup").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func recoup(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if folder != "" {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// notebook is what is kept of a notebook: no versions, no times.
type notebook struct {
	Cells    []cell         `json:"cells"`
	Metadata map[string]any `json:"metadata"`
	Format   int            `json:"nbformat"`
	Minor    int            `json:"nbformat_minor"`
}

type cell struct {
	Type     string         `json:"cell_type"`
	Count    *int           `json:"execution_count,omitempty"`
	ID       string         `json:"id"`
	Metadata map[string]any `json:"metadata"`
	Outputs  *[]any         `json:"outputs,omitempty"` // code has a list, if an empty one
	Source   any            `json:"source"`
}

// normal writes a notebook in the one way that it is kept.
func normal(t *testing.T, b []byte) []byte {
	t.Helper()
	var n notebook
	if err := json.Unmarshal(b, &n); err != nil {
		t.Fatal(err)
	}
	if len(n.Cells) == 0 {
		t.Fatal(errors.New("a notebook without cells"))
	}
	n.Metadata = map[string]any{"kernelspec": map[string]string{"display_name": "Python 3", "language": "python", "name": "python3"}}
	for i := range n.Cells {
		n.Cells[i].Metadata = map[string]any{}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(n); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// firstOther is the first line in which two texts differ.
func firstOther(was, is []byte) string {
	a, b := strings.Split(string(was), "\n"), strings.Split(string(is), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "was: " + a[i] + "\nis:  " + b[i]
		}
	}
	return "one is longer than the other"
}
