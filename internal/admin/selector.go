package admin

import (
	"fmt"
	"strings"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// Selector selects messages or records of attempts, as a query or a body has
// it. Empty members select all.
type Selector struct {
	Route, Target string
	// Application and EndpointName name a route by its labels, both together
	// and without Route.
	Application, EndpointName string
	State                     string
	// Before leaves out what came in at this time, RFC 3339, or later. After is
	// the cursor that the page before ended with.
	Before, After string
	// Limit is the size of a page: 0 is [DefaultLimit], and more than
	// [queue.MaxList] is that.
	Limit int
	// Query is set for a query, which has codes of its own.
	Query bool
}

// DefaultLimit is the size of a page when none is asked for.
const DefaultLimit = 100

func (s *Selector) code() string {
	if s.Query {
		return "invalid_query"
	}
	return "invalid_body"
}

// resolve finds the route that s names by its labels, and puts its path into
// s; nil if s has no labels.
func (s *Selector) resolve(cfg *config.Config) (*Scope, *Refusal) {
	s.Route, s.Target = strings.TrimSpace(s.Route), strings.TrimSpace(s.Target)
	scope := &Scope{Application: strings.TrimSpace(s.Application), EndpointName: strings.TrimSpace(s.EndpointName)}
	switch {
	case s.Route != "" && s.Route[0] != '/':
		return nil, refuse(s.code(), "route must begin with /")
	case scope.Application == "" && scope.EndpointName == "":
		return nil, nil
	case scope.Application == "" || scope.EndpointName == "":
		return nil, refuse("selector_scope_mismatch", "application and endpoint_name go together")
	case s.Route != "":
		return nil, refuse("selector_scope_mismatch", "name the messages by route, or by application and endpoint_name")
	}
	r, refusal := scope.resolve(cfg)
	if refusal != nil {
		return nil, refusal
	}
	s.Route = r.Path
	return scope, nil
}

// limit returns the size of the page.
func (s *Selector) limit() (int, *Refusal) {
	switch {
	case s.Limit < 0:
		return 0, refuse(s.code(), "limit must be a number from 1 to %d", queue.MaxList)
	case s.Limit == 0:
		return DefaultLimit, nil
	}
	return min(s.Limit, queue.MaxList), nil
}

// filter turns s, whose labels are resolved, into one of messages.
func (s *Selector) filter() (queue.Filter, *Refusal) {
	f := queue.Filter{Route: s.Route, Target: s.Target}
	var refusal *Refusal
	if f.Limit, refusal = s.limit(); refusal != nil {
		return f, refusal
	}
	if f.States, refusal = s.states(); refusal != nil {
		return f, refusal
	}
	if f.Before, refusal = s.before(); refusal != nil {
		return f, refusal
	}
	if after := strings.TrimSpace(s.After); after != "" {
		place, err := queue.ParseCursor(after)
		if err != nil {
			return f, refuse(s.code(), "after is %v", err)
		}
		f.After = &place
	}
	return f, nil
}

func (s *Selector) states() ([]queue.State, *Refusal) {
	name := strings.ToLower(strings.TrimSpace(s.State))
	if name == "" {
		return nil, nil
	}
	var names []string
	for _, state := range queue.States() {
		if state.String() == name {
			return []queue.State{state}, nil
		}
		names = append(names, state.String())
	}
	return nil, refuse(s.code(), "state must be one of: %s", strings.Join(names, ", "))
}

func (s *Selector) before() (time.Time, *Refusal) {
	text := strings.TrimSpace(s.Before)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, refuse(s.code(), "before must be a time such as 2026-01-31T12:00:00Z")
	}
	return at.UTC(), nil
}

// attempts turns s, whose labels are resolved, into a filter of records.
func (s *Selector) attempts() (queue.AttemptFilter, *Refusal) {
	f := queue.AttemptFilter{Route: s.Route, Target: s.Target}
	var refusal *Refusal
	if f.Max, refusal = s.limit(); refusal != nil {
		return f, refusal
	}
	at, refusal := s.before()
	if refusal != nil {
		return f, refusal
	}
	if !at.IsZero() {
		f.Before = &queue.AttemptCursor{At: at}
	}
	after := strings.TrimSpace(s.After)
	if after == "" {
		return f, nil
	}
	place, err := queue.ParseCursor(after)
	if err != nil {
		return f, refuse(s.code(), "after is %v", err)
	}
	if f.Before == nil || place.ReceivedAt.Before(at) {
		f.Before = &queue.AttemptCursor{At: place.ReceivedAt, ID: queue.FormatID(queue.AttemptPrefix, place.Seq)}
	}
	return f, nil
}

// attemptPlace is the cursor of a record, in the form of that of messages.
func attemptPlace(a *queue.Attempt) (string, error) {
	n, ok := queue.ParseID(queue.AttemptPrefix, a.ID)
	if !ok {
		return "", fmt.Errorf("the id %q of a record of an attempt is damaged", a.ID)
	}
	return queue.Cursor{ReceivedAt: a.At, Seq: n}.String(), nil
}
