package admin

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"hookaido/internal/config"
)

// Audit says who changes something and why. Only Caller is proven; the rest is
// what the caller says.
type Audit struct {
	Reason    string `json:"reason,omitempty"`
	Actor     string `json:"actor,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Caller    Caller `json:"-"`
}

// Caller is where a request came from: over a Unix socket the process that
// connected, over TCP an address.
type Caller struct {
	UID     uint32
	PID     int32
	Address string // empty for a Unix socket
}

// The longest values of [Audit], in bytes.
const (
	maxReason = 512
	maxActor  = 256
)

// Refusal is a request that was refused; nothing has changed.
type Refusal struct {
	// Code is for programs and one of those that the admin API documents.
	Code string
	// Detail is for people. It has no secrets.
	Detail string
	// Item is the place of the item that is at fault, from 0; nil if no single
	// one is.
	Item *int
}

// Error implements error.
func (r *Refusal) Error() string { return r.Detail }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// judge is what an audit is held to.
type judge struct {
	policy *config.PublishPolicy
	// names asks for what the policy requires besides a reason, actors also for
	// one of the actors that it allows.
	names, actors bool
}

// check trims a and returns nil if j is content with it.
func (a *Audit) check(j judge) *Refusal {
	a.Reason, a.Actor, a.RequestID = strings.TrimSpace(a.Reason), strings.TrimSpace(a.Actor), strings.TrimSpace(a.RequestID)
	switch {
	case a.Reason == "":
		return refuse("audit_reason_required", "the header X-Hookaido-Audit-Reason must say why, in at most %d bytes", maxReason)
	case len(a.Reason) > maxReason:
		return refuse("audit_reason_required", "X-Hookaido-Audit-Reason may have %d bytes at most", maxReason)
	case len(a.Actor) > maxActor:
		return refuse("audit_reason_required", "X-Hookaido-Audit-Actor may have %d bytes at most", maxActor)
	case len(a.RequestID) > maxActor:
		return refuse("audit_reason_required", "X-Request-ID may have %d bytes at most", maxActor)
	}
	if j.names {
		if refusal := a.checkNames(j.policy); refusal != nil {
			return refusal
		}
	}
	if j.actors {
		return a.checkActor(j.policy)
	}
	return nil
}

func (a *Audit) checkNames(p *config.PublishPolicy) *Refusal {
	switch {
	case p.RequireActor && a.Actor == "":
		return refuse("audit_actor_required", "the header X-Hookaido-Audit-Actor must say who, as publish_policy require_actor wants")
	case p.RequireRequestID && a.RequestID == "":
		return refuse("audit_request_id_required", "the header X-Request-ID is missing, which publish_policy require_request_id wants")
	}
	return nil
}

func (a *Audit) checkActor(p *config.PublishPolicy) *Refusal {
	if len(p.ActorAllow)+len(p.ActorPrefix) == 0 {
		return nil
	}
	if a.Actor == "" {
		return refuse("audit_actor_required", "the header X-Hookaido-Audit-Actor must say who, because publish_policy lists actors")
	}
	begins := func(prefix string) bool { return strings.HasPrefix(a.Actor, prefix) }
	if slices.Contains(p.ActorAllow, a.Actor) || slices.ContainsFunc(p.ActorPrefix, begins) {
		return nil
	}
	return refuse("audit_actor_not_allowed", "publish_policy doesn't allow this actor to change endpoints")
}

// fields are what the log tells of a.
func (a *Audit) fields() []zap.Field {
	fields := make([]zap.Field, 0, 5)
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, zap.String(name, value))
		}
	}
	add("reason", clip(a.Reason, maxReason))
	add("actor", clip(a.Actor, maxActor))
	add("request_id", clip(a.RequestID, maxActor))
	if a.Caller.Address != "" {
		return append(fields, zap.String("client", a.Caller.Address))
	}
	return append(fields, zap.Uint32("uid", a.Caller.UID), zap.Int32("pid", a.Caller.PID))
}

// clip keeps a refused value from filling the log.
func clip(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
