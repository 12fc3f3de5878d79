package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/client"
	"hookaido/internal/clock"
)

// choice is which messages a command is about, as the flags have it.
type choice struct {
	route, target             string
	application, endpointName string
	state                     string
	before, after             string
	limit                     int
	all                       bool
}

// flags adds the flags of c to a command; withState adds that of the state.
func (c *choice) flags(cmd *cobra.Command, withState bool) {
	f := cmd.Flags()
	f.StringVar(&c.route, "route", "", "only this route, by its path")
	f.StringVar(&c.target, "target", "", "only this target of push routes, or pull")
	f.StringVar(&c.application, "application", "", "only the route with this label and --endpoint-name")
	f.StringVar(&c.endpointName, "endpoint-name", "", "see --application")
	if withState {
		f.StringVar(&c.state, "state", "", "only queued, leased, delivered, dead or canceled ones")
	}
	f.StringVar(&c.before, "before", "", "only what came in before this time: 2026-01-31T12:00:00Z, or 90m, 12h, 7d ago")
	f.StringVar(&c.after, "after", "", "only what came in at this time or later, in the same forms")
	f.IntVar(&c.limit, "limit", 0, "the newest so many at most")
}

// narrows reports whether c leaves anything out.
func (c *choice) narrows() bool {
	return c.route+c.target+c.application+c.endpointName+c.state+c.before+c.after != "" || c.limit > 0
}

// chosen is a checked choice, in the words of the API.
type chosen struct {
	selector admin.Selector
	since    time.Time // the oldest that is wanted; zero for all
	limit    int       // 0 for no limit
}

// read checks c. Times in the past count from now.
func (c *choice) read(now time.Time) (chosen, error) {
	out := chosen{limit: c.limit, selector: admin.Selector{
		Route: c.route, Target: c.target, Application: c.application, EndpointName: c.endpointName, State: c.state,
	}}
	if c.limit < 0 {
		return out, errors.New("--limit must be a number from 1")
	}
	if c.all && c.limit > 0 {
		return out, errors.New("--all and --limit exclude each other")
	}
	if c.before != "" {
		at, err := moment(c.before, now)
		if err != nil {
			return out, fmt.Errorf("--before %w", err)
		}
		out.selector.Before = at.UTC().Format(time.RFC3339Nano)
	}
	if c.after != "" {
		at, err := moment(c.after, now)
		if err != nil {
			return out, fmt.Errorf("--after %w", err)
		}
		out.since = at
	}
	return out, nil
}

var errMoment = errors.New("must be a time such as 2026-01-31T12:00:00Z, or an age such as 90m, 12h or 7d")

// moment reads a time, or an age.
func moment(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return time.Time{}, errMoment
		}
		return now.Add(-time.Duration(n) * 24 * time.Hour), nil //nolint:gosec // 16 bits
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return time.Time{}, errMoment
	}
	return now.Add(-d), nil
}

// choose is read for a command.
func (c *choice) choose(cmd *cobra.Command) (chosen, error) {
	out, err := c.read(clock.System{}.Now())
	if err != nil {
		return out, usageError{cmd, err}
	}
	return out, nil
}

// lister asks for one page of a list.
type lister[T any] func(ctx context.Context, s admin.Selector) (admin.Page[T], error)

// walk is a way through a list, page by page.
type walk[T any] struct {
	ask lister[T]
	// at says when an entry came in.
	at func(*T) time.Time
}

// each calls f with entries until there are no more, or limit is reached. It
// reports whether the limit ended it.
func (w walk[T]) each(ctx context.Context, c chosen, f func(*T) error) (more bool, err error) {
	for n := 0; ; {
		if c.selector.Limit = admin.MaxItems; c.limit > 0 {
			// one more than is wanted tells whether there are more
			c.selector.Limit = min(admin.MaxItems, c.limit-n+1)
		}
		page, err := w.ask(ctx, c.selector)
		if err != nil {
			return false, err
		}
		for i := range page.Items {
			switch {
			case !c.since.IsZero() && w.at(&page.Items[i]).Before(c.since):
				return false, nil
			case c.limit > 0 && n == c.limit:
				return true, nil
			}
			if err := f(&page.Items[i]); err != nil {
				return false, err
			}
			n++
		}
		if page.NextAfter == "" {
			return false, nil
		}
		c.selector.After = page.NextAfter
	}
}

func receivedAt(m *admin.Message) time.Time { return m.ReceivedAt }

// messagesOf walks through messages of any state, or of the dead letters.
func messagesOf(c *client.Client, dead bool) walk[admin.Message] {
	ask := func(ctx context.Context, s admin.Selector) (admin.Page[admin.Message], error) {
		return c.Messages(ctx, admin.ListRequest{Selector: s})
	}
	if dead {
		ask = func(ctx context.Context, s admin.Selector) (admin.Page[admin.Message], error) {
			s.State = "" // of dead letters there is one state
			return c.DeadLetters(ctx, admin.ListRequest{Selector: s})
		}
	}
	return walk[admin.Message]{ask, receivedAt}
}

// listLimit is how many entries a list shows unless told otherwise.
const listLimit = 100

// listing prints a list that may be long: a table, or one JSON document per
// line.
type listing[T any] struct {
	walk    walk[T]
	titles  []string
	cells   func(*T) []string
	nothing string // what to say if there is nothing
	form    listForm
}

// show prints what c chooses.
func (l listing[T]) show(ctx context.Context, p *program, c chosen) error {
	if c.limit == 0 && !l.form.all {
		c.limit = listLimit
	}
	if l.form.json {
		_, err := l.walk.each(ctx, c, func(entry *T) error { return p.printJSONLine(entry) })
		return err
	}
	return l.print(ctx, p, c)
}

// listForm says how to print a list.
type listForm struct{ json, all bool }

// batch is how many rows of a long table line up. More would have to be held
// back.
const batch = 1000

func (l listing[T]) print(ctx context.Context, p *program, c chosen) error {
	t, n := newTable(p.Stdout, l.titles...), 0
	more, err := l.walk.each(ctx, c, func(entry *T) error {
		t.row(l.cells(entry)...)
		if n++; n%batch == 0 {
			return t.flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n == 0 {
		_, err := io.WriteString(p.Stderr, l.nothing+"\n")
		return err
	}
	if err := t.flush(); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(p.Stderr, "the newest %s; --all shows all, --limit another number\n", number(c.limit))
	}
	return nil
}

// listFlags adds the flags of a list.
func listFlags(cmd *cobra.Command, c *choice, asJSON *bool) {
	cmd.Flags().BoolVar(&c.all, "all", false, "all there are, page by page")
	cmd.Flags().BoolVar(asJSON, "json", false, "one JSON object per line, for programs")
}
