package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages", Args: cobra.ExactArgs(1),
		Long: `Write the manual pages of every command (section 1) and of every help topic
(section 7) into a folder, made from the same words as --help. man -l FILE reads one;
copied to man1 and man7 of a folder where man looks, they are found by name.`,
		Example: "  recoup man manual",
		RunE: func(c *cobra.Command, args []string) error {
			var files []file
			walkCommands(c.Root(), func(c *cobra.Command) {
				name, section := manName(c)
				files = append(files, file{fmt.Sprintf("%s.%d", name, section), func(w io.Writer) error {
					_, err := io.WriteString(w, manPage(c))
					return err
				}})
			})
			if err := writeFolder(args[0], files, nil); err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(struct {
					Schema string   `json:"schema"`
					Folder string   `json:"folder"`
					Files  []string `json:"files"`
				}{"recoup.manual/v1", args[0], names(files)})
			}
			fmt.Fprintf(a.Out, "%s: %d pages\n", args[0], len(files))
			return nil
		},
	}
}

// walkCommands visits every command and topic that has a help, the caller first.
func walkCommands(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		if available(sub) || sub.IsAdditionalHelpTopicCommand() {
			walkCommands(sub, visit)
		}
	}
}

// manName is the name of a page and its section: commands are in 1, topics in 7.
func manName(c *cobra.Command) (name string, section int) {
	name = strings.ReplaceAll(c.CommandPath(), " ", "-")
	if c.IsAdditionalHelpTopicCommand() {
		return name, 7
	}
	return name, 1
}

// manPage is a page in roff. Texts are set as they are, line by line: their lists and
// tables are laid out for 80 columns.
func manPage(c *cobra.Command) string {
	var b strings.Builder
	name, section := manName(c)
	fmt.Fprintf(&b, ".TH \"%s\" \"%d\" \"\" \"recoup %s\" \"recoup manual\"\n", strings.ToUpper(roff(name)), section, version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(c.Short))
	part := func(title, text string) {
		if text = strings.Trim(text, "\n"); text != "" {
			fmt.Fprintf(&b, ".SH %s\n.nf\n%s\n.fi\n", title, roff(text))
		}
	}
	if section == 1 {
		line := c.UseLine()
		if c.HasAvailableSubCommands() {
			line = c.CommandPath() + " COMMAND"
		}
		fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n[FLAGS]\n", roff(line))
	}
	part("DESCRIPTION", c.Long)
	if section == 1 {
		c.InitDefaultHelpFlag()
		part("OPTIONS", c.LocalFlags().FlagUsages()+c.InheritedFlags().FlagUsages())
	}
	part("EXAMPLES", c.Example)
	if section == 1 {
		part("EXIT STATUS", strings.TrimPrefix(exitStatus, "Exit status:\n"))
	}
	b.WriteString(".SH SEE ALSO\n" + seeAlso(c) + "\n")
	return b.String()
}

// seeAlso names the pages above and below a page.
func seeAlso(c *cobra.Command) string {
	var pages []string
	add := func(c *cobra.Command) {
		name, section := manName(c)
		pages = append(pages, fmt.Sprintf("\\fB%s\\fR(%d)", roff(name), section))
	}
	if c.HasParent() {
		add(c.Parent())
	}
	for _, sub := range c.Commands() {
		if available(sub) || sub.IsAdditionalHelpTopicCommand() {
			add(sub)
		}
	}
	return strings.Join(pages, ",\n")
}

// roff escapes a text: backslashes, hyphens that may be copied, and points and
// apostrophes that would begin a request.
func roff(s string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`, "\t", "    ").Replace(s), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
