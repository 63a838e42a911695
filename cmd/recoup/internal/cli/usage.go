package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// help is what --help prints of a command or topic.
func help(c *cobra.Command) string {
	long := c.Long
	if long == "" {
		long = c.Short
	}
	long = strings.TrimRight(long, " \n") + "\n"
	if c.IsAdditionalHelpTopicCommand() {
		return long
	}
	return long + "\n" + usage(c) + "\n" + exitStatus + "\n"
}

// usage is how a command is called. A group runs only to refuse a wrong word: its
// usage is that of its commands.
func usage(c *cobra.Command) string {
	var b strings.Builder
	b.WriteString("Usage:\n  ")
	if group := c.HasAvailableSubCommands(); group {
		b.WriteString(c.CommandPath() + " [command]\n")
	} else {
		b.WriteString(c.UseLine() + "\n")
	}
	section := func(title, text string) {
		if text = strings.TrimRight(text, " \n"); text != "" {
			fmt.Fprintf(&b, "\n%s:\n%s\n", title, text)
		}
	}
	list := func(name func(*cobra.Command) string, width int, take func(*cobra.Command) bool) string {
		var b strings.Builder
		for _, sub := range c.Commands() {
			if take(sub) {
				fmt.Fprintf(&b, "  %-*s %s\n", width, name(sub), sub.Short)
			}
		}
		return b.String()
	}
	section("Examples", c.Example)
	if c.HasAvailableSubCommands() {
		section("Available Commands", list((*cobra.Command).Name, c.Commands()[0].NamePadding(), available))
	}
	section("Flags", c.LocalFlags().FlagUsages())
	section("Global Flags", c.InheritedFlags().FlagUsages())
	if c.HasHelpSubCommands() {
		section("Additional help topics", list((*cobra.Command).CommandPath, c.Commands()[0].CommandPathPadding(), (*cobra.Command).IsAdditionalHelpTopicCommand))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nUse %q for more information about a command.\n", c.CommandPath()+" [command] --help")
	}
	return b.String()
}

// available says that a command is shown in lists.
func available(c *cobra.Command) bool { return c.IsAvailableCommand() || c.Name() == "help" }
