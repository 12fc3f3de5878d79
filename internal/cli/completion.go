package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/client"
)

// completionTime is how long the shell waits for the daemon.
const completionTime = 2 * time.Second

// completer answers what an argument or a flag may be.
type completer = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// complete lets the shell complete routes, targets and ids of messages by
// asking the daemon. Where that fails, it completes nothing.
func (p *program) complete(root *cobra.Command) {
	for path, states := range map[string][]string{
		"messages show": {""}, "messages cancel": {"queued", "leased", "dead"}, "messages requeue": {"dead", "canceled"},
		"messages resume": {"canceled"}, "messages move": {"queued", "dead", "canceled"},
		"dlq show": {"dead"}, "dlq requeue": {"dead"}, "dlq delete": {"dead"},
	} {
		if cmd, _, err := root.Find(strings.Fields(path)); err == nil {
			cmd.ValidArgsFunction = p.completeIDs(states)
		}
	}
	for _, path := range []string{"pause", "resume", "send", "pull", "messages publish"} {
		if cmd, _, err := root.Find(strings.Fields(path)); err == nil {
			cmd.ValidArgsFunction = p.completeLanes(func(l *admin.RouteLane) string { return l.Route }, true)
		}
	}
	p.completeFlags(root)
}

// completeFlags does the flags of cmd and of all commands below it.
func (p *program) completeFlags(cmd *cobra.Command) {
	route := p.completeLanes(func(l *admin.RouteLane) string { return l.Route }, false)
	target := p.completeLanes(func(l *admin.RouteLane) string { return l.Target }, false)
	states := fixed("queued", "leased", "delivered", "dead", "canceled")
	for name, answer := range map[string]completer{
		"route": route, "to-route": route, "target": target, "to-target": target, "state": states,
		"outcome": fixed("acked", "retry", "dead"), "message": p.completeIDs([]string{""}),
	} {
		if cmd.Flags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, answer) // fails for none that is there
		}
	}
	for _, below := range cmd.Commands() {
		p.completeFlags(below)
	}
}

func fixed(words ...string) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// asks makes a client for completions; nil if none can be had.
func (p *program) asks(cmd *cobra.Command) *client.Client {
	if p.bind(cmd) != nil || p.settings.GetString("server") != "" {
		return nil
	}
	c, err := client.New(client.Options{Socket: p.socketPath(), Timeout: completionTime})
	if err != nil {
		return nil
	}
	return c
}

// completeLanes offers something of the routes of the daemon. With single there
// is one argument only.
func (p *program) completeLanes(of func(*admin.RouteLane) string, single bool) completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		c := p.asks(cmd)
		if c == nil || single && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer c.Close()
		list, err := c.Routes(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var words []string
		seen := map[string]bool{}
		for i := range list.Items {
			if word := printable(of(&list.Items[i])); !seen[word] && strings.HasPrefix(word, begun) {
				seen[word] = true
				words = append(words, word)
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeIDs offers the newest messages of some states.
func (p *program) completeIDs(states []string) completer {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		c := p.asks(cmd)
		if c == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer c.Close()
		var words []string
		for _, state := range states {
			page, err := c.Messages(cmd.Context(), admin.ListRequest{Selector: admin.Selector{State: state}})
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			for i := range page.Items {
				if m := &page.Items[i]; strings.HasPrefix(m.ID, begun) {
					words = append(words, printable(m.ID)+"\t"+printable(m.State+" "+m.Route))
				}
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
