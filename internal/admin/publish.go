package admin

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// MaxItems is the largest number of messages of one publication, and of ids of
// one change.
const MaxItems = 1000

// maxID is the longest id of a message that a publisher may choose, in bytes.
const maxID = 256

// Item is one message to publish, as the request has it.
type Item struct {
	ID           string `json:"id"`
	Route        string `json:"route,omitempty"`
	Target       string `json:"target,omitempty"`
	Application  string `json:"application,omitempty"`
	EndpointName string `json:"endpoint_name,omitempty"`
	// Payload is base64 of the standard alphabet with padding.
	Payload string            `json:"payload_b64,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Trace   map[string]string `json:"trace,omitempty"`
	// ReceivedAt and NextRunAt are RFC 3339; empty is now.
	ReceivedAt string `json:"received_at,omitempty"`
	NextRunAt  string `json:"next_run_at,omitempty"`
}

// Publication asks for messages to be put into the queue: all of them or none.
type Publication struct {
	Audit Audit
	// Scope names the endpoint that all items go to; nil lets each name its
	// route.
	Scope *Scope
	// Items decodes the items. It is called once the caller may publish at all.
	Items func() ([]Item, error)
}

// Published is the answer to a publication.
type Published struct {
	Published int    `json:"published"`
	Scope     *Scope `json:"scope,omitempty"`
	Audit     Audit  `json:"audit"`
}

// Publish puts messages into the queue. When it returns without an error they
// are stored. An error is a [*Refusal], what Items returned, or one of the
// queue.
func (m *Messages) Publish(ctx context.Context, p Publication) (Published, error) {
	d := &deed{operation: "publish_messages", audit: &p.Audit}
	n, err := m.publish(ctx, &p, d)
	m.record(d, err)
	m.published.count(n, p.Scope != nil, err)
	if err != nil {
		return Published{}, err
	}
	return Published{Published: n, Scope: p.Scope, Audit: p.Audit}, nil
}

func (m *Messages) publish(ctx context.Context, p *Publication, d *deed) (int, error) {
	cfg := m.config()
	pub := publisher{cfg: cfg, policy: &cfg.Defaults.PublishPolicy, now: m.clock.Now(), ids: map[string]bool{}}
	if refusal := pub.admit(p, d); refusal != nil {
		return 0, refusal
	}
	items, err := p.Items()
	if err != nil {
		return 0, unreadable{err}
	}
	if len(items) == 0 || len(items) > MaxItems {
		return 0, refuse("invalid_body", "items must have 1 to %d entries", MaxItems)
	}
	batch := queue.Batch{Messages: make([]queue.NewMessage, len(items))}
	for i := range items {
		if refusal := pub.message(&items[i], &batch.Messages[i]); refusal != nil {
			refusal.Item = &i
			return 0, refusal
		}
	}
	d.add(common("route", batch.Messages, func(n *queue.NewMessage) string { return n.Route }),
		common("target", batch.Messages, func(n *queue.NewMessage) string { return shown([]string{n.Target})[0] }),
		zap.Int("matched", len(items)))
	if _, err := m.queue.Enqueue(ctx, batch); err != nil {
		return 0, duplicate(err)
	}
	d.add(zap.Int("changed", len(items)))
	return len(items), nil
}

// common is a field with what all messages have in common, or none.
func common(name string, list []queue.NewMessage, of func(*queue.NewMessage) string) zap.Field {
	for i := range list {
		if of(&list[i]) != of(&list[0]) {
			return zap.Skip()
		}
	}
	return zap.String(name, of(&list[0]))
}

// duplicate turns the error of a taken id into a refusal.
func duplicate(err error) error {
	var taken *queue.DuplicateError
	if !errors.As(err, &taken) {
		return err
	}
	return &Refusal{Code: "duplicate_id", Detail: "a message with this id exists already, in whatever state; nothing was published",
		Item: &taken.Index}
}

// MaxPublication is how long the body of a publication may be, in bytes: least,
// or what a message of the route with the largest bodies needs.
func (m *Messages) MaxPublication(least int) int {
	most := int64(0)
	cfg := m.config()
	for i := range cfg.Routes {
		const room = 4 << 10 // ids, names and times
		r := &cfg.Routes[i]
		most = max(most, r.MaxBody/3*4+r.MaxHeaders*6+room)
	}
	return int(max(int64(least), most))
}

// publisher checks one publication.
type publisher struct {
	cfg    *config.Config
	policy *config.PublishPolicy
	now    time.Time
	ids    map[string]bool
	// route is that of the scope; nil for a publication by paths.
	route *config.Route
}

// admit decides whether p may be made, whatever its items are.
func (b *publisher) admit(p *Publication, d *deed) *Refusal {
	if p.Scope == nil {
		if !b.policy.Direct {
			return refuse("global_publish_disabled", "publish_policy direct off: publish to an endpoint by its labels")
		}
		return p.Audit.check(judge{policy: b.policy, names: true})
	}
	d.add(zap.String("application", p.Scope.Application), zap.String("endpoint_name", p.Scope.EndpointName))
	if !b.policy.Managed {
		return refuse("scoped_publish_disabled", "publish_policy managed off: publish by path")
	}
	r, refusal := p.Scope.resolve(b.cfg)
	if refusal != nil {
		return refusal
	}
	if refusal := p.Audit.check(judge{policy: b.policy, names: true, actors: true}); refusal != nil {
		return refusal
	}
	b.route = r
	return b.open(r)
}

// open decides whether anything may be published to r.
func (b *publisher) open(r *config.Route) *Refusal {
	direct := b.route == nil
	switch {
	case !r.Publish.Enabled, direct && !r.Publish.Direct, !direct && !r.Publish.Managed:
		return refuse("route_publish_disabled", "the route %s has publish off", r.Path)
	case r.Pull != nil && !b.policy.AllowPullRoutes:
		return refuse("pull_route_publish_disabled", "publish_policy allow_pull_routes off, and %s is a pull route", r.Path)
	case r.Pull == nil && !b.policy.AllowDeliverRoutes:
		return refuse("deliver_route_publish_disabled", "publish_policy allow_deliver_routes off, and %s is a deliver route", r.Path)
	}
	return nil
}

// message checks an item and makes it a message.
func (b *publisher) message(it *Item, into *queue.NewMessage) *Refusal {
	if refusal := b.identify(it); refusal != nil {
		return refusal
	}
	r, refusal := b.routeFor(it)
	if refusal != nil {
		return refusal
	}
	target, refusal := targetFor(it, r)
	if refusal != nil {
		return refusal
	}
	received, refusal := b.time("received_at", it.ReceivedAt)
	if refusal != nil {
		return refusal
	}
	due, refusal := b.time("next_run_at", it.NextRunAt)
	if refusal != nil {
		return refusal
	}
	*into = queue.NewMessage{ID: it.ID, Route: r.Path, Target: target, ReceivedAt: received, Due: due}
	if into.Payload, refusal = payload(it, r); refusal != nil {
		return refusal
	}
	into.Envelope, refusal = envelope(it, r)
	return refusal
}

// identify checks the id of an item.
func (b *publisher) identify(it *Item) *Refusal {
	it.ID = strings.TrimSpace(it.ID)
	switch {
	case it.ID == "":
		return refuse("invalid_body", "id is missing: it keeps a repeated request from publishing twice")
	case len(it.ID) > maxID, strings.ContainsFunc(it.ID, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return refuse("invalid_body", "id must have %d bytes at most and no control characters", maxID)
	case b.ids[it.ID]:
		return refuse("invalid_body", "id stands twice in this request")
	}
	b.ids[it.ID] = true
	return nil
}

// routeFor finds the route of an item and decides whether it may go there.
func (b *publisher) routeFor(it *Item) (*config.Route, *Refusal) {
	selected := strings.TrimSpace(it.Application) != "" || strings.TrimSpace(it.EndpointName) != ""
	path := strings.TrimSpace(it.Route)
	if b.route != nil {
		if selected || path != "" {
			return nil, refuse("selector_scope_forbidden", "the path of this request names the endpoint; leave route, application and endpoint_name out")
		}
		return b.route, nil
	}
	switch {
	case selected:
		return nil, refuse("scoped_publish_required", "publish by labels at /applications/{application}/endpoints/{endpoint_name}/messages/publish")
	case !strings.HasPrefix(path, "/"):
		return nil, refuse("invalid_body", "route is missing or doesn't begin with /")
	}
	r := routeOf(b.cfg, path)
	switch {
	case r == nil:
		return nil, refuse("route_not_found", "the Hookaidofile has no route %q", clip(path, maxID))
	case managed(r):
		return nil, refuse("managed_selector_required", "the route %s has labels; publish at /applications/%s/endpoints/%s/messages/publish",
			r.Path, r.Application, r.EndpointName)
	}
	return r, b.open(r)
}

func targetFor(it *Item, r *config.Route) (string, *Refusal) {
	names, target := targetsOf(r), strings.TrimSpace(it.Target)
	switch {
	case target == "" && len(names) == 1:
		return names[0], nil
	case slices.Contains(names, target):
		return target, nil
	}
	return "", refuse("target_unresolvable", "target must be one of: %s", strings.Join(shown(names), ", "))
}

// shown leaves the queries of URLs out, and users, which may hold secrets.
func shown(targets []string) []string {
	list := make([]string, len(targets))
	for i, name := range targets {
		list[i], _, _ = strings.Cut(name, "?")
		if u, err := url.Parse(list[i]); err == nil && u.User != nil {
			u.User = nil
			list[i] = u.String()
		}
	}
	return list
}

// The first and the last year of times that are kept.
const firstYear, lastYear = 1970, 2261

// time reads a time; empty is now.
func (b *publisher) time(name, text string) (time.Time, *Refusal) {
	text = strings.TrimSpace(text)
	if text == "" {
		return b.now, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, refuse("invalid_"+name, "%s must be a time such as 2026-01-31T12:00:00Z", name)
	}
	at = at.UTC()
	if at.Year() < firstYear || at.Year() > lastYear {
		return at, refuse("invalid_"+name, "%s is out of range: the years %d to %d can be kept", name, firstYear, lastYear)
	}
	return at, nil
}

func payload(it *Item, r *config.Route) ([]byte, *Refusal) {
	b, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(it.Payload))
	switch {
	case err != nil:
		return nil, refuse("invalid_payload_b64", "payload_b64 must be base64 of the standard alphabet with padding")
	case int64(len(b)) > r.MaxBody:
		return nil, refuse("payload_too_large", "the payload has %d bytes, the route %s takes %d", len(b), r.Path, r.MaxBody)
	}
	return b, nil
}

// envelope makes the headers and the trace of a message. Names are sorted, so
// that equal requests are kept as equal messages.
func envelope(it *Item, r *config.Route) (queue.Envelope, *Refusal) {
	var e queue.Envelope
	size := 0
	for name, value := range it.Headers {
		if !validHeader(name, value) {
			return e, refuse("invalid_header", "headers: %q is not a name with a value that HTTP allows", clip(name, maxID))
		}
		e.Headers = append(e.Headers, queue.Pair{Name: http.CanonicalHeaderKey(name), Value: value})
		size += len(name) + len(value)
	}
	for name, value := range it.Trace {
		e.Trace = append(e.Trace, queue.Pair{Name: name, Value: value})
		size += len(name) + len(value)
	}
	if int64(size) > r.MaxHeaders {
		return e, refuse("headers_too_large", "headers and trace have %d bytes, the route %s takes %d", size, r.Path, r.MaxHeaders)
	}
	byName := func(a, b queue.Pair) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(e.Headers, byName)
	slices.SortFunc(e.Trace, byName)
	for i := 1; i < len(e.Headers); i++ {
		if name := e.Headers[i].Name; name == e.Headers[i-1].Name {
			return e, refuse("invalid_header", "headers: %q stands twice", clip(name, maxID))
		}
	}
	return e, nil
}

// validHeader reports whether HTTP allows the name and the value (RFC 9110,
// section 5).
func validHeader(name, value string) bool {
	if name == "" {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return value == strings.Trim(value, " \t")
}
