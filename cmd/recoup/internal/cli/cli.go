// Package cli turns flags into options, calls the library and writes what it
// returns. One file a command group. Data goes to standard output, everything
// else to standard error.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"recoup/analysis"
	"recoup/analysis/catalog"
	"recoup/datasets"
	"recoup/simulate/design"
)

// Streams are what the commands read and write, and what is known of them.
type Streams struct {
	Out, Err    io.Writer
	ErrTerminal bool // progress may be drawn
}

// System returns the process's own streams.
func System() Streams {
	return Streams{Out: os.Stdout, Err: os.Stderr, ErrTerminal: term.IsTerminal(int(os.Stderr.Fd()))}
}

// app is what all commands share.
type app struct {
	Streams
	json       bool
	quiet      bool
	noProgress bool
}

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInvalid     = 3
	exitPrivacy     = 4
	exitInterrupted = 130
)

const exitStatus = `Exit status:
  0  done
  1  failed: a file is missing, the disk is full, the cohort cannot answer
  2  misuse of the command line
  3  an input file is not valid
  4  refused for privacy
  130  interrupted`

// usageError is a mistake on the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Main runs the command line and returns the exit code.
func Main(ctx context.Context, args []string, s Streams) int {
	out := &checked{w: s.Out}
	s.Out = out
	a := &app{Streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if err == nil && out.err != nil {
		err = fmt.Errorf("the output could not be written: %w", out.err)
	}
	if err == nil {
		return exitDone
	}
	code, kind := classify(err)
	a.fail(err, code, kind)
	return code
}

// checked remembers the first error of writing, so that output on a full disk or
// into a closed pipe does not end as a success.
type checked struct {
	w   io.Writer
	err error
}

// Write passes on until a write has failed.
func (c *checked) Write(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(b)
	c.err = err
	return n, err
}

// classify returns the exit code of an error and its name.
func classify(err error) (int, string) {
	var usage usageError
	var problems *design.Problems
	switch {
	case errors.Is(err, context.Canceled):
		return exitInterrupted, "interrupted"
	case errors.Is(err, datasets.ErrPrivacy):
		return exitPrivacy, "privacy"
	case errors.Is(err, datasets.ErrInvalid), errors.As(err, &problems), errors.Is(err, errInvalidInput):
		return exitInvalid, "invalid-input"
	case errors.As(err, &usage), errors.Is(err, analysis.ErrOptions), errors.Is(err, datasets.ErrUnknownName), errors.Is(err, catalog.ErrUnknown):
		return exitUsage, "usage"
	}
	return exitFailed, "failed"
}

// errInvalidInput marks an input file that is not valid, where its package has no
// error of its own for that.
var errInvalidInput = errors.New("input is not valid")

func (a *app) fail(err error, code int, kind string) {
	if a.json {
		out := struct {
			Schema   string            `json:"schema"`
			Code     int               `json:"exit_code"`
			Kind     string            `json:"kind"`
			Message  string            `json:"message"`
			Problems datasets.Problems `json:"problems,omitempty"`
		}{Schema: "recoup.error/v1", Code: code, Kind: kind, Message: err.Error()}
		errors.As(err, &out.Problems)
		b, jerr := json.Marshal(out)
		if jerr == nil {
			fmt.Fprintln(a.Err, string(b))
			return
		}
	}
	if code == exitInterrupted {
		left := "nothing was written"
		if kept := (keptError{}); errors.As(err, &kept) {
			left = kept.kept
		}
		fmt.Fprintln(a.Err, "recoup: interrupted; "+left)
		return
	}
	if p := problemsOf(err); p != nil {
		writeProblems(a.Err, p)
		return
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		fmt.Fprintln(a.Err, "recoup: "+lines[0])
		return
	}
	fmt.Fprintf(a.Err, "recoup: %d problems\n", len(lines))
	for _, l := range lines {
		fmt.Fprintln(a.Err, "  "+l)
	}
}

// root returns the whole command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "recoup",
		Short: "Outcomes and simulation for chronic pain rehabilitation programs",
		Long: `recoup reads de-identified cohorts of interdisciplinary chronic pain
rehabilitation programs, estimates their outcomes, simulates program designs and
writes reports. Everything stays on this machine.

Start with:
  recoup demo
  recoup data init FILE > cohort.yaml`,
		Example: "  recoup demo -o demo-folder\n  recoup analyze list",
	}
	root.AddCommand(
		a.demoCommand(), a.dataCommand(), a.analyzeCommand(), a.simulateCommand(), a.reportCommand(),
		a.evidenceCommand(), a.designCommand(), a.instrumentCommand(), a.opioidCommand(), a.manCommand(), a.selfcheckCommand(), a.versionCommand(),
	)
	root.AddCommand(topics()...)
	root.PersistentFlags().BoolVar(&a.json, "json", false, "write JSON; an error is JSON too, on standard error")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "no notes and no progress on standard error")
	root.PersistentFlags().BoolVar(&a.noProgress, "no-progress", false, "no progress on standard error")
	if a.Out != nil { // the scripts of completion go where the output is by now
		root.SetOut(a.Out)
	}
	root.InitDefaultCompletionCmd()
	root.SetHelpCommand(helpCommand(root))
	root.SetUsageFunc(func(c *cobra.Command) error {
		_, err := fmt.Fprint(c.OutOrStderr(), usage(c))
		return err
	})
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		fmt.Fprint(c.OutOrStdout(), help(c))
	})
	complete(root)
	strict(root)
	return root
}

// helpCommand is help that refuses a word it does not know.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND or TOPIC]",
		Short:   "Help about a command or a topic",
		Long:    "Help about a command or a topic. Topics: " + topicNames(root) + ".",
		Example: "  recoup help data check\n  recoup help exit-codes",
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("no help about %q; there is help about: %s, and %s", strings.Join(args, " "), words(root), topicNames(root))
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}

// strict closes cobra's traps over the whole tree: a wrong word after a group is
// a misuse, not a help page with success; a flag error is a misuse; errors are
// printed once, by Main; and every help ends with the exit codes.
func strict(c *cobra.Command) {
	c.SilenceErrors, c.SilenceUsage = true, true
	c.DisableFlagsInUseLine = true
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w; see: %s --help", err, c.CommandPath())
	})
	group := c.HasSubCommands() && c.RunE == nil && c.Run == nil
	switch {
	case group && c.HasParent():
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("expected a command after %s: %s", c.CommandPath(), words(c))
			}
			return usagef("no command %q after %s; there are: %s", args[0], c.CommandPath(), words(c))
		}
	case group:
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return usagef("no command %q; there are: %s", args[0], words(c))
		}
	case c.Args != nil:
		check := c.Args
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			switch {
			case err == nil:
				return nil
			case check(c, nil) == nil && len(args) > 0 && check(c, args[:1]) != nil:
				return usagef("expected no words after %s; usage: %s", c.CommandPath(), c.UseLine())
			}
			return usagef("%w; usage: %s", err, c.UseLine())
		}
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

// words lists the commands of a group.
func words(c *cobra.Command) string {
	var out []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			out = append(out, sub.Name())
		}
	}
	return strings.Join(out, ", ")
}

// topicNames lists the help topics.
func topicNames(root *cobra.Command) string {
	var out []string
	for _, sub := range root.Commands() {
		if sub.IsAdditionalHelpTopicCommand() {
			out = append(out, sub.Name())
		}
	}
	return strings.Join(out, ", ")
}

// note writes a remark to standard error.
func (a *app) note(format string, args ...any) {
	if !a.quiet && !a.json {
		fmt.Fprintf(a.Err, format+"\n", args...)
	}
}
