package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/app"
	"hookaido/internal/client"
	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/secret"
)

// sendFlags are what the command line says about a test webhook.
type sendFlags struct {
	body, url, method string
	headers           []string
	timeout           time.Duration
	json              bool
}

func (p *program) sendCommand() *cobra.Command {
	var flags sendFlags
	cmd := &cobra.Command{
		Use:   "send ROUTE",
		Short: "Send a signed test webhook to a route",
		Long: "Send makes a webhook as the provider of the route would, signs it with the route's own\n" +
			"secret and sends it to the ingress listener of the Hookaidofile, or to --url. The\n" +
			"secrets are read with your rights: for those of the service, run it as root. It\n" +
			"prints the answer, and the id of the message if the daemon tells.\n\n" +
			"Providers that sign with a private key (discord, sendgrid) can only send tests\n" +
			"themselves. Exit codes: 0 it was accepted, 1 it was not, 69 nobody answered.",
		Example: "  hookaido send /github\n" +
			"  hookaido send /stripe --body event.json\n" +
			"  hookaido send /github --url https://hooks.example/github --header 'X-GitHub-Event: push'",
		Args: oneArgument("the ROUTE to send to"),
		RunE: func(cmd *cobra.Command, args []string) error { return p.send(cmd, args[0], &flags) },
	}
	configFlag(cmd)
	socketFlag(cmd)
	f := cmd.Flags()
	f.String("dotenv", "", "file of KEY=VALUE lines to add to the environment, such as /etc/default/hookaido")
	f.StringVar(&flags.body, "body", "", "file with the body, or - for standard input (default a small one)")
	f.StringVar(&flags.url, "url", "", "where to send it; without a path that of the route is added")
	f.StringVar(&flags.method, "method", "", "the method (default POST, or the first that the route takes)")
	f.StringArrayVar(&flags.headers, "header", nil, "a header to add or to replace, as Name: value; may be repeated")
	f.DurationVar(&flags.timeout, "timeout", 30*time.Second, "how long to wait for the answer")
	f.BoolVar(&flags.json, "json", false, "print JSON for programs")
	return cmd
}

func (p *program) send(cmd *cobra.Command, path string, flags *sendFlags) error {
	if err := p.bind(cmd); err != nil {
		return err
	}
	lookup, err := p.environment()
	if err != nil {
		return err
	}
	cfg, err := p.readConfig(lookup)
	if err != nil {
		return err
	}
	route := routeAt(cfg, path)
	if route == nil {
		return fmt.Errorf("the Hookaidofile %s has no route %q", p.configPath(), path)
	}
	w := &webhook{cfg: cfg, route: route, resolver: resolver(lookup), flags: flags, mark: newMark(),
		place: place{cfg.Ingress.Listen, cfg.Ingress.TLS}}
	req, err := w.request(cmd.Context())
	if err != nil {
		return err
	}
	transport := plainTransport()
	if flags.url == "" {
		if transport, err = w.place.transport(); err != nil {
			return err
		}
	}
	return p.deliver(cmd, w, req, transport)
}

// environment is what placeholders and secrets see.
func (p *program) environment() (func(string) (string, bool), error) {
	path := p.settings.GetString("dotenv")
	if path == "" {
		return os.LookupEnv, nil
	}
	vars, err := readDotenv(path)
	if err != nil {
		return nil, err
	}
	return overlay(os.LookupEnv, vars), nil
}

// readConfig compiles the Hookaidofile as the daemon would.
func (p *program) readConfig(lookup func(string) (string, bool)) (*config.Config, error) {
	opts := checking()
	opts.LookupEnv = lookup
	cfg, diagnostics := compile.File(p.configPath(), opts)
	if cfg == nil {
		for _, d := range diagnostics {
			fmt.Fprintln(p.Stderr, d.String())
		}
		return nil, &app.Failure{Code: app.ExitConfig, Err: fmt.Errorf("%s can't be used", p.configPath())}
	}
	return cfg, nil
}

// Where root finds the credentials of the service: systemd keeps them while it
// runs, and those that are not encrypted have files of their own.
const (
	serviceCredentials = "/run/credentials/hookaido.service"
	plainSecrets       = "/etc/hookaido/secrets"
)

// resolver reads secrets as the service does.
func resolver(lookup func(string) (string, bool)) secret.Resolver {
	dir, _ := lookup("CREDENTIALS_DIRECTORY")
	for _, place := range []string{serviceCredentials, plainSecrets} {
		if dir == "" && hasFiles(place) {
			dir = place
		}
	}
	return secret.Resolver{LookupEnv: lookup, CredentialsDir: dir}
}

// hasFiles reports whether there is anything in a folder that we may see.
func hasFiles(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 0
}

func routeAt(cfg *config.Config, path string) *config.Route {
	for i := range cfg.Routes {
		if cfg.Routes[i].Path == path {
			return &cfg.Routes[i]
		}
	}
	return nil
}

// newMark is a text by which the message is found again.
func newMark() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// answered is what became of a test webhook.
type answered struct {
	URL       string `json:"url"`
	Status    int    `json:"status"`
	Body      string `json:"body"`
	MessageID string `json:"message_id,omitempty"`
	TookMS    int64  `json:"took_ms"`
}

// maxAnswer bounds what is shown of an answer, in bytes.
const maxAnswer = 64 << 10

func (p *program) deliver(cmd *cobra.Command, w *webhook, req *http.Request, transport http.RoundTripper) error {
	clk := clock.System{}
	began := clk.Monotonic()
	c := &http.Client{
		Transport: transport, Timeout: w.flags.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := c.Do(req)
	if err != nil {
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		p.complain(fmt.Errorf("send to %s: %w", req.URL.Redacted(), errors.Unwrap(err)))
		return codeError(exitUnavailable)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	a := answered{URL: req.URL.Redacted(), Status: resp.StatusCode, Body: string(body), TookMS: (clk.Monotonic() - began).Milliseconds()}
	accepted := a.Status >= 200 && a.Status < 300
	if accepted {
		a.MessageID = p.find(cmd.Context(), w)
	}
	if err := p.printAnswer(&a, w.flags.json); err != nil {
		return err
	}
	if !accepted {
		return errSilent
	}
	return nil
}

func (p *program) printAnswer(a *answered, asJSON bool) error {
	if asJSON {
		return p.printJSON(a)
	}
	fmt.Fprintf(p.Stdout, "%d %s from %s in %v\n", a.Status, http.StatusText(a.Status), a.URL, time.Duration(a.TookMS)*time.Millisecond)
	if text := strings.TrimSpace(a.Body); text != "" {
		fmt.Fprintln(p.Stdout, printable(text))
	}
	if a.MessageID != "" {
		fmt.Fprintf(p.Stdout, "message %s\n", a.MessageID)
	}
	return nil
}

// find looks for the message of a webhook. It may be gone already, or the
// daemon out of reach; then there is no id.
func (p *program) find(ctx context.Context, w *webhook) string {
	c, err := client.New(client.Options{Socket: p.socketPath(), Timeout: 5 * time.Second})
	if err != nil {
		return ""
	}
	defer c.Close()
	page, err := c.Messages(ctx, admin.ListRequest{Selector: admin.Selector{Route: w.route.Path, Limit: 50}, Headers: true})
	if err != nil {
		return ""
	}
	for i := range page.Items {
		if page.Items[i].Headers[markHeader] == w.mark {
			return page.Items[i].ID
		}
	}
	return ""
}
