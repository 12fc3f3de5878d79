// Package observe has what operators see: the runtime log, the access log, the
// metrics registry. It takes the journal's native protocol when the program
// runs under systemd, and JSON lines elsewhere.
package observe

import "time"

// AccessLine is one request in the access log.
type AccessLine struct {
	// Component is the listener's name: ingress, pull_api, admin_api, metrics.
	Component  string
	Method     string
	Path       string // as decoded, without the query, which may hold tokens
	Status     int
	Bytes      int64 // of the answer's body
	Duration   time.Duration
	RemoteAddr string // ip:port of the peer
	// Route is the configured path that served the request; empty for none.
	Route string
	// MessageID is the message that an accepted webhook became; with several
	// targets the first one.
	MessageID string
	// Reason is the class of a refusal (auth, queue_full, …); empty for none.
	Reason string
}

// AccessLogger writes access lines. Log must not block on a slow reader and
// must not keep the line.
type AccessLogger interface {
	Log(line *AccessLine)
}
