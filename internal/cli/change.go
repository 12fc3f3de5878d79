package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/client"
)

// change is something that is done to messages, named or chosen.
type change struct {
	operation admin.Operation
	verb      string // what it does
	done      string // what was done
	// states are those that it takes; none for the dead letters, which have one.
	states []string
	text   changeText
}

// changeText is the help of the command.
type changeText struct{ short, long, example string }

// changeFlags are what the command line says about a change.
type changeFlags struct {
	choice
	yes, dryRun, json bool
	// toRoute and toTarget are where a move goes.
	toRoute, toTarget string
}

func (p *program) changeCommand(ch change) *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use:   ch.verb + " [ID...]",
		Short: ch.text.short,
		Long: ch.text.long + "\n\n" +
			"Name messages by their ids, or - for ids on standard input, one per line; or choose\n" +
			"them by --route and the like, or --all. What was chosen is counted and shown first:\n" +
			"type yes to go on, or give --yes. With --dry-run it ends there.",
		Example: ch.text.example,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.reach(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			changer := &changer{program: p, client: c, change: ch, flags: &flags, audit: p.audit(cmd)}
			return changer.run(cmd, args)
		},
	}
	serverFlags(cmd)
	auditFlags(cmd)
	flags.flags(cmd, len(ch.states) > 1)
	f := cmd.Flags()
	f.BoolVar(&flags.all, "all", false, "all messages that this can be done to")
	f.BoolVar(&flags.yes, "yes", false, "don't ask")
	f.BoolVar(&flags.dryRun, "dry-run", false, "count only")
	f.BoolVar(&flags.json, "json", false, "print JSON for programs")
	if ch.operation == admin.MoveMessages {
		f.StringVar(&flags.toRoute, "to-route", "", "the route to move to, by its path")
		f.StringVar(&flags.toTarget, "to-target", "", "the target to move to, if that route has several")
	}
	return cmd
}

// changer runs one command that changes messages.
type changer struct {
	*program
	client *client.Client
	change change
	flags  *changeFlags
	audit  admin.Audit
}

func (c *changer) run(cmd *cobra.Command, args []string) error {
	named := len(args) > 0
	switch {
	case c.change.operation == admin.MoveMessages && c.flags.toRoute == "":
		return usageError{cmd, errors.New("where to? give --to-route")}
	case named && (c.flags.narrows() || c.flags.all):
		return usageError{cmd, errors.New("name messages by their ids, or choose them by flags, not both")}
	case !named && !c.flags.narrows() && !c.flags.all:
		return usageError{cmd, errors.New("which messages? name their ids, choose by --route and the like, or give --all")}
	case named:
		ids, err := idsOf(args)
		if err != nil {
			return err
		}
		return c.named(cmd.Context(), ids)
	}
	wanted, err := c.flags.choose(cmd)
	if err != nil {
		return err
	}
	if s := c.flags.state; s != "" && len(c.change.states) > 0 && !slices.Contains(c.change.states, strings.ToLower(s)) {
		return usageError{cmd, fmt.Errorf("--state must be one of: %s", strings.Join(c.change.states, ", "))}
	}
	return c.chosen(cmd.Context(), wanted)
}

// idsOf returns the ids of arguments, one of which may be - for those on
// standard input.
func idsOf(args []string) ([]string, error) {
	var ids []string
	for _, arg := range args {
		if arg != "-" {
			ids = append(ids, arg)
			continue
		}
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			if id := strings.TrimSpace(lines.Text()); id != "" {
				ids = append(ids, id)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read ids from standard input: %w", err)
		}
	}
	if len(ids) == 0 {
		return nil, errors.New("there is no id on standard input")
	}
	return ids, nil
}

// outcome is what came of a change, for programs.
type outcome struct {
	Matched int  `json:"matched"`
	Changed int  `json:"changed"`
	DryRun  bool `json:"dry_run"`
}

func (c *changer) named(ctx context.Context, ids []string) error {
	if c.flags.dryRun {
		return c.report(outcome{Matched: len(ids), DryRun: true})
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	n, err := c.apply(ctx, ids)
	if err != nil {
		return err
	}
	if err := c.report(outcome{Matched: len(ids), Changed: n}); err != nil {
		return err
	}
	if n < len(ids) {
		fmt.Fprintf(c.Stderr, "hookaido: not %s: %s of %s; there is no such message, or its state doesn't allow it\n",
			c.change.done, number(len(ids)-n), number(len(ids)))
		return errSilent
	}
	return nil
}

func (c *changer) report(o outcome) error {
	if c.flags.json {
		return c.printJSON(o)
	}
	if o.DryRun {
		_, err := fmt.Fprintf(c.Stdout, "would %s %s\n", c.change.verb, plural(o.Matched, "message"))
		return err
	}
	_, err := fmt.Fprintf(c.Stdout, "%s %s\n", c.change.done, plural(o.Changed, "message"))
	return err
}

// chosen changes what the flags select. The ids are collected first, so that
// what is changed is what was shown.
func (c *changer) chosen(ctx context.Context, wanted chosen) error {
	found, err := c.collect(ctx, wanted)
	if err != nil {
		return err
	}
	if c.flags.dryRun || len(found.ids) == 0 {
		return errors.Join(c.report(outcome{Matched: len(found.ids), DryRun: c.flags.dryRun}), c.show(found))
	}
	if !c.flags.yes {
		fmt.Fprintf(c.Stderr, "would %s %s\n", c.change.verb, plural(len(found.ids), "message"))
		if err := c.show(found); err != nil {
			return err
		}
	}
	if err := c.confirm(ctx, "This will "+c.change.verb+" "+plural(len(found.ids), "message")+".", c.flags.yes); err != nil {
		return err
	}
	slices.Reverse(found.ids) // those that came in first go first
	n, err := c.apply(ctx, found.ids)
	if err != nil {
		return err
	}
	if n < len(found.ids) {
		fmt.Fprintf(c.Stderr, "%s had changed meanwhile and stayed as they were\n", number(len(found.ids)-n))
	}
	return c.report(outcome{Matched: len(found.ids), Changed: n})
}

// kind is what the dry run counts by.
type kind struct{ route, target, state string }

// found is what was chosen, the newest first.
type found struct {
	ids   []string
	kinds map[kind]int
}

func (c *changer) collect(ctx context.Context, wanted chosen) (found, error) {
	out := found{kinds: map[kind]int{}}
	states := c.change.states
	if wanted.selector.State != "" || len(states) == 0 {
		states = []string{wanted.selector.State}
	}
	progress := c.progress()
	defer progress.done()
	type entry struct {
		id   string
		at   int64
		kind kind
	}
	var entries []entry
	for _, state := range states {
		wanted.selector.State = state
		_, err := messagesOf(c.client, len(c.change.states) == 0).each(ctx, wanted, func(m *admin.Message) error {
			entries = append(entries, entry{m.ID, m.ReceivedAt.UnixNano(), kind{m.Route, shownTarget(m.Target), m.State}})
			if len(entries)%batch == 0 {
				progress.show("%s found", number(len(entries)))
			}
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	if len(states) > 1 {
		slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(b.at, a.at) })
	}
	if wanted.limit > 0 {
		entries = entries[:min(wanted.limit, len(entries))]
	}
	for i := range entries {
		out.ids = append(out.ids, entries[i].id)
		out.kinds[entries[i].kind]++
	}
	return out, nil
}

// show prints what a change would be done to. It goes to standard error,
// because it is no result.
func (c *changer) show(f found) error {
	if len(f.ids) == 0 {
		return nil
	}
	kinds := make([]kind, 0, len(f.kinds))
	for k := range f.kinds {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, func(a, b kind) int {
		return cmp.Or(cmp.Compare(a.route, b.route), cmp.Compare(a.target, b.target), cmp.Compare(a.state, b.state))
	})
	t := newTable(c.Stderr, "ROUTE", "TARGET", "STATE", "MESSAGES")
	for _, k := range kinds {
		t.row(k.route, k.target, k.state, number(f.kinds[k]))
	}
	return t.flush()
}

// apply changes messages, as many at a time as one request may name, and counts
// those that changed.
func (c *changer) apply(ctx context.Context, ids []string) (int, error) {
	progress := c.progress()
	defer progress.done()
	n := 0
	for chunk := range slices.Chunk(ids, admin.MaxItems) {
		done, err := c.send(ctx, chunk)
		if err != nil {
			if n > 0 {
				err = fmt.Errorf("after %s %s: %w", plural(n, "message"), c.change.done, err)
			}
			return n, err
		}
		n += done
		progress.show("%s of %s", number(n), plural(len(ids), "message"))
	}
	return n, nil
}

// send changes what one request may name.
func (c *changer) send(ctx context.Context, ids []string) (int, error) {
	if c.change.operation == admin.MoveMessages {
		answer, err := c.client.Move(ctx, c.audit, admin.MoveBody{IDs: ids, ToRoute: c.flags.toRoute, ToTarget: c.flags.toTarget})
		return answer.Moved, err
	}
	answer, err := c.client.ChangeByIDs(ctx, c.change.operation, c.audit, ids)
	if err != nil {
		return 0, err
	}
	return changed(&answer), nil
}

// changed is the count of an answer, whatever it counts.
func changed(a *admin.Changed) int {
	for _, n := range []*int{a.Canceled, a.Requeued, a.Resumed, a.Deleted} {
		if n != nil {
			return *n
		}
	}
	return 0
}
