package cli

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hookaido/internal/admin"
	"hookaido/internal/client"
	"hookaido/internal/clock"
)

// publication is what the command line says about messages to publish.
type publication struct {
	item       admin.Item
	body, from string
	headers    []string
	delay      time.Duration
	newIDs     bool
	json       bool
}

func (p *program) publishCommand() *cobra.Command {
	var pub publication
	cmd := &cobra.Command{
		Use:   "publish [ROUTE]",
		Short: "Put messages into the queue",
		Long: "Publish puts one message on a route: its payload comes from --body, or standard\n" +
			"input. With --from it takes many, one JSON object per line with the members of the\n" +
			"admin API (id, route, target, payload_b64, headers, trace, received_at,\n" +
			"next_run_at), such as hookaido dlq export prints; up to a thousand at a time go in\n" +
			"or stay out together. A route with labels is named by --application and\n" +
			"--endpoint-name.\n\n" +
			"It prints the id of the message. An id that is taken is refused, so that a command\n" +
			"that is repeated with the same --id publishes once.",
		Example: "  hookaido messages publish /jobs --body job.json --header 'Content-Type: application/json'\n" +
			"  hookaido messages publish --from dead.jsonl --new-ids",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				pub.item.Route = args[0]
			}
			return p.publish(cmd, &pub)
		},
	}
	serverFlags(cmd)
	auditFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&pub.body, "body", "-", "file with the payload, or - for standard input")
	f.StringVar(&pub.from, "from", "", "file with many messages, one JSON object per line, or - for standard input")
	f.StringArrayVar(&pub.headers, "header", nil, "a header, as Name: value; may be repeated")
	f.StringVar(&pub.item.ID, "id", "", "the id of the message (default a new one)")
	f.StringVar(&pub.item.Target, "target", "", "one of the targets of the route, if it has several")
	f.StringVar(&pub.item.Application, "application", "", "the route with this label and --endpoint-name")
	f.StringVar(&pub.item.EndpointName, "endpoint-name", "", "see --application")
	f.DurationVar(&pub.delay, "delay", 0, "deliver it no sooner than after this time")
	f.BoolVar(&pub.newIDs, "new-ids", false, "with --from: give each message an id of its own")
	f.BoolVar(&pub.json, "json", false, "print JSON for programs")
	return cmd
}

func (p *program) publish(cmd *cobra.Command, pub *publication) error {
	if err := pub.check(); err != nil {
		return usageError{cmd, err}
	}
	c, err := p.reach(cmd)
	if err != nil {
		return err
	}
	defer c.Close()
	press := &press{client: c, audit: p.audit(cmd), scope: pub.scope()}
	if pub.from != "" {
		err = press.many(cmd, pub)
	} else {
		err = press.one(cmd, pub)
	}
	if err != nil {
		if press.published > 0 {
			return fmt.Errorf("after %s published: %w", plural(press.published, "message"), err)
		}
		return err
	}
	if pub.json {
		return p.printJSON(struct {
			Published int    `json:"published"`
			ID        string `json:"id,omitempty"`
		}{press.published, press.lastID})
	}
	if pub.from == "" {
		_, err = fmt.Fprintln(p.Stdout, press.lastID)
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "published %s\n", plural(press.published, "message"))
	return err
}

func (pub *publication) check() error {
	scoped := pub.item.Application != "" || pub.item.EndpointName != ""
	switch {
	case scoped && (pub.item.Application == "" || pub.item.EndpointName == ""):
		return errors.New("--application and --endpoint-name go together")
	case pub.from != "" && (pub.item.Route != "" || pub.item.ID != "" || pub.item.Target != "" || len(pub.headers) > 0 || pub.delay != 0):
		return errors.New("with --from the messages say themselves where they go")
	case pub.from == "" && pub.newIDs:
		return errors.New("--new-ids is for --from")
	case pub.from == "" && scoped == (pub.item.Route != ""):
		return errors.New("give the ROUTE, or its labels by --application and --endpoint-name")
	case pub.delay < 0:
		return errors.New("--delay must not be negative")
	}
	return nil
}

func (pub *publication) scope() *admin.Scope {
	if pub.item.Application == "" {
		return nil
	}
	return &admin.Scope{Application: pub.item.Application, EndpointName: pub.item.EndpointName}
}

// press publishes.
type press struct {
	client    *client.Client
	audit     admin.Audit
	scope     *admin.Scope
	published int
	lastID    string
}

func (s *press) one(cmd *cobra.Command, pub *publication) error {
	payload, err := readInput(pub.body)
	if err != nil {
		return err
	}
	it := pub.item
	it.Application, it.EndpointName = "", ""
	it.Payload = base64.StdEncoding.EncodeToString(payload)
	if it.Headers, err = headersOf(pub.headers); err != nil {
		return usageError{cmd, err}
	}
	if pub.delay > 0 {
		it.NextRunAt = clock.System{}.Now().Add(pub.delay).UTC().Format(time.RFC3339Nano)
	}
	if it.ID == "" {
		it.ID = newID()
	}
	s.lastID = it.ID
	return s.put(cmd, []admin.Item{it})
}

func (s *press) put(cmd *cobra.Command, items []admin.Item) error {
	done, err := s.client.Publish(cmd.Context(), s.audit, s.scope, items)
	s.published += done.Published
	return err
}

// batchBytes is about how long the body of one request may become. The daemon
// takes 16 MiB at least.
const batchBytes = 8 << 20

// many publishes what a file has, line by line.
func (s *press) many(cmd *cobra.Command, pub *publication) error {
	from, err := openInput(pub.from)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // read only
	var items []admin.Item
	lines, long := bufio.NewReaderSize(from, 64<<10), 0
	for n := 1; ; n++ {
		line, readErr := lines.ReadBytes('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return fmt.Errorf("read %s: %w", pub.from, readErr)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if len(items) > 0 && (len(items) == admin.MaxItems || long+len(line) > batchBytes) {
				if err := s.put(cmd, items); err != nil {
					return err
				}
				items, long = nil, 0
			}
			it, err := s.item(line, pub.newIDs)
			if err != nil {
				return fmt.Errorf("%s, line %d: %w", pub.from, n, err)
			}
			items, long = append(items, it), long+len(line)
		}
		if readErr != nil {
			break
		}
	}
	if len(items) == 0 {
		return nil
	}
	return s.put(cmd, items)
}

// item reads one line. It may have more members than can be published, such as
// the state of a dead letter.
func (s *press) item(line []byte, newIDs bool) (admin.Item, error) {
	var it admin.Item
	if err := json.Unmarshal(line, &it); err != nil {
		return it, fmt.Errorf("it is no JSON object of a message: %w", err)
	}
	if it.ID == "" || newIDs {
		it.ID = newID()
	}
	it.NextRunAt = laterOnly(it.NextRunAt)
	if s.scope != nil {
		it.Route = "" // the scope says where it goes
	}
	return it, nil
}

// laterOnly drops a due time that is over: of a dead letter it is the time at
// which it died.
func laterOnly(text string) string {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil && at.Before(clock.System{}.Now()) {
		return ""
	}
	return text
}

// newID makes an id for a message.
func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return "cli_" + hex.EncodeToString(b[:])
}

// headersOf reads headers that are written as Name: value.
func headersOf(list []string) (map[string]string, error) {
	headers := map[string]string{}
	for _, text := range list {
		name, value, found := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !found || name == "" {
			return nil, fmt.Errorf("--header %q must be like Name: value", text)
		}
		if _, twice := headers[name]; twice {
			return nil, fmt.Errorf("--header %s is given twice", name)
		}
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}

// openInput opens a file, or standard input for -.
func openInput(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// maxInput bounds the payload of one message, in bytes.
const maxInput = 1 << 30

func readInput(name string) ([]byte, error) {
	f, err := openInput(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case len(b) > maxInput:
		return nil, fmt.Errorf("%s has more than 1 GiB", name)
	}
	return b, nil
}
