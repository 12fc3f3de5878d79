package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/client"
	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// pullFlags are what the command line says about a worker.
type pullFlags struct {
	ack, follow      bool
	exec             string
	batch, most      int
	wait, lease      time.Duration
	nackDelay        time.Duration
	url, tokenSource string
}

func (p *program) pullCommand() *cobra.Command {
	var flags pullFlags
	cmd := &cobra.Command{
		Use:   "pull ROUTE",
		Short: "Take messages of a pull route: a worker for the shell",
		Long: "Pull takes the messages of a route that are due, prints each as a JSON object on a line\n" +
			"of its own, with its payload in base64, and acknowledges it once it is printed. With\n" +
			"--exec it runs a command for each instead, one after the other, with the payload on\n" +
			"standard input: if it ends with 0 the message is acknowledged, otherwise given back,\n" +
			"due again after --nack-delay. The command finds HOOKAIDO_EVENT_ID, HOOKAIDO_ROUTE,\n" +
			"HOOKAIDO_ATTEMPT and HOOKAIDO_CONTENT_TYPE in its environment.\n\n" +
			"It ends when nothing is due or when --max messages were taken. With --follow it goes on\n" +
			"when nothing is due, and once it has reached the daemon it waits for one that is away,\n" +
			"as while it restarts. It uses the pull API of the Hookaidofile with its token, which it reads with your\n" +
			"rights, or --url with --token-file. Exit codes: 1 a command failed or a message was\n" +
			"lost to another worker, 69 no pull API answers, 77 it wants another token.",
		Example: "  hookaido pull /github --ack --max 10 | jq -r '.payload_b64 | @base64d'\n" +
			"  hookaido pull /github --exec ./handle.sh --follow",
		Args: oneArgument("the ROUTE to take messages of"),
		RunE: func(cmd *cobra.Command, args []string) error { return p.pull(cmd, args[0], &flags) },
	}
	configFlag(cmd)
	f := cmd.Flags()
	f.String("dotenv", "", "file of KEY=VALUE lines to add to the environment, such as /etc/default/hookaido")
	f.BoolVar(&flags.ack, "ack", false, "acknowledge what was printed")
	f.StringVar(&flags.exec, "exec", "", "a command of the shell to run for each message")
	f.BoolVar(&flags.follow, "follow", false, "go on when nothing is due")
	f.IntVar(&flags.batch, "batch", 10, "how many to take at a time; with --exec it is always one")
	f.IntVar(&flags.most, "max", 0, "end after this many messages")
	f.DurationVar(&flags.wait, "wait", 0, "how long to wait for a message when none is due")
	f.DurationVar(&flags.lease, "lease", time.Minute, "how long messages are had; that of --exec is extended while it runs")
	f.DurationVar(&flags.nackDelay, "nack-delay", 10*time.Second, "when a message is due again whose command failed")
	f.StringVar(&flags.url, "url", "", "the pull endpoint, such as https://hooks.example:9443/pull/github")
	f.StringVar(&flags.tokenSource, "token-file", "", "file with the token for it")
	return cmd
}

func (f *pullFlags) check() error {
	switch {
	case f.ack == (f.exec != ""):
		return errors.New("give --ack to print messages and acknowledge them, or --exec to run a command for each")
	case f.batch < 1 || f.most < 0:
		return errors.New("--batch and --max must be numbers from 1")
	case f.lease < time.Second:
		return errors.New("--lease must be 1s or longer")
	case f.wait < 0 || f.nackDelay < 0:
		return errors.New("--wait and --nack-delay must not be negative")
	}
	return nil
}

// followWait is how long a worker waits at a time for messages to come.
const followWait = 20 * time.Second

func (p *program) pull(cmd *cobra.Command, path string, flags *pullFlags) error {
	if err := flags.check(); err != nil {
		return usageError{cmd, err}
	}
	if err := p.bind(cmd); err != nil {
		return err
	}
	worker, err := p.worker(cmd.Context(), path, flags)
	if err != nil {
		return err
	}
	defer worker.HTTP.CloseIdleConnections()
	run := &pulling{program: p, worker: worker, flags: flags}
	err = run.all(cmd.Context())
	if err == nil && run.failed > 0 {
		p.complain(fmt.Errorf("failed or lost to another worker: %s of %s", number(run.failed), plural(run.taken, "message")))
		return errSilent
	}
	return err
}

// worker makes the client for a route.
func (p *program) worker(ctx context.Context, path string, flags *pullFlags) (*client.Worker, error) {
	lookup, err := p.environment()
	if err != nil {
		return nil, err
	}
	w := &client.Worker{URL: flags.url, HTTP: &http.Client{
		Transport: plainTransport(), Timeout: max(flags.wait, followWait) + time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if flags.tokenSource != "" {
		token, err := resolver(lookup).Resolve(secret.Ref{Scheme: secret.File, Name: flags.tokenSource})
		if err != nil {
			return nil, fmt.Errorf("read the token: %w", err)
		}
		w.Token = token
	}
	if w.URL != "" && w.Token != nil {
		return w, nil
	}
	cfg, err := p.readConfig(lookup)
	if err != nil {
		return nil, err
	}
	route := routeAt(cfg, path)
	switch {
	case route == nil:
		return nil, fmt.Errorf("the Hookaidofile %s has no route %q", p.configPath(), path)
	case route.Pull == nil:
		return nil, fmt.Errorf("%s is a push route: its messages go to its targets", path)
	}
	if w.URL == "" {
		at := place{cfg.PullAPI.Listen, cfg.PullAPI.TLS}
		base, err := at.base()
		if err != nil {
			return nil, fmt.Errorf("%w: give --url", err)
		}
		w.URL = base.String() + cfg.PullAPI.Prefix + route.Pull.Path
		if w.HTTP.Transport, err = at.transport(); err != nil {
			return nil, err
		}
	}
	if w.Token != nil {
		return w, nil
	}
	token, err := pullToken(ctx, cfg, route, resolver(lookup))
	if err != nil {
		return nil, err
	}
	w.Token = token
	return w, nil
}

// pullToken is one that the route takes.
func pullToken(ctx context.Context, cfg *config.Config, route *config.Route, r secret.Resolver) (secret.Value, error) {
	refs := route.Pull.Tokens
	if len(refs) == 0 {
		refs = cfg.PullAPI.Tokens
	}
	if len(refs) == 0 {
		return secret.Value{}, errors.New("the route has no token: give --token-file")
	}
	token, err := r.ResolveContext(ctx, refs[0].Ref)
	if err != nil {
		return token, fmt.Errorf("read the token of the pull API: %w", err)
	}
	return token, nil
}

// pulling is a worker at its work.
type pulling struct {
	*program
	worker        *client.Worker
	flags         *pullFlags
	taken, failed int
	reached       bool // the daemon, at least once
}

func (r *pulling) all(ctx context.Context) error {
	for {
		var list []client.Leased
		err := r.persist(ctx, func() (err error) {
			list, err = r.worker.Dequeue(ctx, r.want())
			return err
		})
		if err != nil {
			return ended(ctx, err)
		}
		for i := range list {
			if err := r.one(ctx, &list[i]); err != nil {
				r.giveBack(ctx, list[i:])
				return ended(ctx, err)
			}
			r.taken++
		}
		if len(list) == 0 && !r.flags.follow || r.flags.most > 0 && r.taken >= r.flags.most {
			return nil
		}
	}
}

// ended makes an interruption of an error that comes from one.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (r *pulling) want() client.Want {
	want := client.Want{Batch: r.flags.batch, Lease: r.flags.lease, Wait: r.flags.wait}
	if r.flags.exec != "" {
		want.Batch = 1
	}
	if r.flags.most > 0 {
		want.Batch = min(want.Batch, r.flags.most-r.taken)
	}
	if r.flags.follow {
		want.Wait = max(want.Wait, followWait)
	}
	return want
}

// one deals with a message. An error is the end of the work.
func (r *pulling) one(ctx context.Context, m *client.Leased) error {
	if r.flags.exec == "" {
		if err := r.printJSONLine(m); err != nil {
			return fmt.Errorf("print message %s, which is given back: %w", m.ID, err)
		}
	} else {
		done, err := r.execute(ctx, m)
		if err != nil {
			return err
		}
		if !done {
			r.failed++
			return r.settled(m, r.persist(ctx, func() error { return r.worker.Nack(ctx, m.LeaseID, r.flags.nackDelay) }))
		}
	}
	return r.settled(m, r.persist(ctx, func() error { return r.worker.Ack(context.WithoutCancel(ctx), m.LeaseID) }))
}

// absence is how long a daemon that is away is left alone before it is asked
// again.
const absence = time.Second

// persist repeats a call while the daemon is away, if the work is to go on for
// good and the daemon was there before: at first it is more likely a wrong
// address.
func (r *pulling) persist(ctx context.Context, call func() error) error {
	for told := false; ; told = true {
		err := call()
		if !away(err) {
			r.reached = r.reached || err == nil
			return err
		}
		if !r.flags.follow || !r.reached || ctx.Err() != nil {
			return err
		}
		if !told {
			fmt.Fprintf(r.Stderr, "hookaido: waiting for the daemon: %v\n", err)
		}
		timer := clock.System{}.NewTimer(absence)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// away reports whether an error is one of a daemon that is down, or going down.
func away(err error) bool {
	var remote *client.Error
	return errors.As(err, &remote) && (remote.Class == client.Unreachable || remote.Code == "store_unavailable")
}

// settled counts a message that was lost to another worker.
func (r *pulling) settled(m *client.Leased, err error) error {
	if errors.Is(err, client.ErrLeaseLost) {
		r.failed++
		_, err = fmt.Fprintf(r.Stderr, "hookaido: %s: %v\n", printable(m.ID), err)
	}
	return err
}

// giveBack gives up messages that were not dealt with. If that fails they come
// back when their leases run out.
func (r *pulling) giveBack(ctx context.Context, list []client.Leased) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for i := range list {
		if err := r.worker.Nack(ctx, list[i].LeaseID, 0); err != nil {
			_, _ = io.WriteString(r.Stderr, "hookaido: messages that were not dealt with come back when their leases run out\n")
			return
		}
	}
}
