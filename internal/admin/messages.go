package admin

import (
	"context"
	"errors"
	"strings"

	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// Queue is what [Messages] needs of a queue engine.
type Queue interface {
	Enqueue(ctx context.Context, b queue.Batch) ([]string, error)
	List(ctx context.Context, r queue.ListRequest) ([]queue.Message, error)
	Get(ctx context.Context, ids []string) ([]queue.Message, error)
	Change(ctx context.Context, r queue.ChangeRequest) (queue.ChangeResult, error)
	Attempts(ctx context.Context, f queue.AttemptFilter) ([]queue.Attempt, error)
}

// MessagesOptions are what a [Messages] is made of.
type MessagesOptions struct {
	Queue Queue
	Clock clock.Clock
	// Config returns the configuration in force.
	Config func() *config.Config
	// Logger gets a line for every change, and for every one that was refused.
	Logger *zap.Logger
}

// Messages lets operators look at messages, publish and change them. It is safe
// for concurrent use.
type Messages struct {
	queue  Queue
	clock  clock.Clock
	config func() *config.Config
	log    *zap.Logger

	published publishTally
}

// NewMessages makes the service.
func NewMessages(o MessagesOptions) *Messages {
	return &Messages{queue: o.Queue, clock: o.Clock, config: o.Config, log: o.Logger}
}

// Config returns the configuration in force. It must not be changed.
func (s *Service) Config() *config.Config { return s.loaded.Load().config }

// Scope is an endpoint: the labels of a route, with its path.
type Scope struct {
	Application  string `json:"application"`
	EndpointName string `json:"endpoint_name"`
	Route        string `json:"route"`
}

// managed reports whether r has labels, so that it is changed by them.
func managed(r *config.Route) bool { return r.Application != "" && r.EndpointName != "" }

func routeOf(cfg *config.Config, path string) *config.Route {
	for i := range cfg.Routes {
		if cfg.Routes[i].Path == path {
			return &cfg.Routes[i]
		}
	}
	return nil
}

// resolve finds the route of s by its labels and fills its path in.
func (s *Scope) resolve(cfg *config.Config) (*config.Route, *Refusal) {
	for _, label := range []struct{ name, text string }{{"application", s.Application}, {"endpoint_name", s.EndpointName}} {
		if !isLabel(label.text) {
			return nil, refuse("invalid_body", "%s must be a label: letters, digits and . _ : -, beginning with a letter or digit, 128 at most", label.name)
		}
	}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if managed(r) && r.Application == s.Application && r.EndpointName == s.EndpointName {
			s.Route = r.Path
			return r, nil
		}
	}
	return nil, refuse("managed_endpoint_not_found", "no route has application %s and endpoint_name %s", s.Application, s.EndpointName)
}

func isLabel(text string) bool {
	const longest = 128
	if text == "" || len(text) > longest {
		return false
	}
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && strings.IndexByte("._:-", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// targetsOf lists the targets that messages of r may have.
func targetsOf(r *config.Route) []string {
	if r.Pull != nil {
		return []string{queue.PullTarget}
	}
	names := make([]string, len(r.Targets))
	for i := range r.Targets {
		names[i] = r.Targets[i].Name()
	}
	return names
}

// deed is a change that is written to the log when it is over.
type deed struct {
	operation string
	audit     *Audit
	fields    []zap.Field
}

func (d *deed) add(fields ...zap.Field) { d.fields = append(d.fields, fields...) }

// record writes how d went.
func (m *Messages) record(d *deed, err error) { d.write(m.log, err) }

// deedKind begins the messages of a kind of deeds in the log.
type deedKind string

const (
	managementDeeds deedKind = "admin_management"
	secretDeeds     deedKind = "admin_secret"
)

// write tells the log how d went.
func (d *deed) write(log *zap.Logger, err error) { d.writeAs(log, managementDeeds, err) }

func (d *deed) writeAs(log *zap.Logger, kind deedKind, err error) {
	fields := append([]zap.Field{zap.String("operation", d.operation)}, d.fields...)
	fields = append(fields, d.audit.fields()...)
	if err == nil {
		log.Info(string(kind)+"_mutation", fields...)
		return
	}
	code := "store_unavailable"
	var refused *Refusal
	var body unreadable
	switch {
	case errors.As(err, &refused):
		code = refused.Code
	case errors.As(err, &body):
		code = "invalid_body"
	}
	log.Warn(string(kind)+"_refused", append(fields, zap.String("code", code), zap.Error(err))...)
}
