package ingress

import (
	"net/http"
	"net/netip"
	"time"

	"hookaido/internal/auth"
	"hookaido/internal/auth/hmac"
	"hookaido/internal/httpx"
	"hookaido/internal/limit"
	"hookaido/internal/queue"
	"hookaido/internal/route"
)

// exchange is one request on its way through the steps.
type exchange struct {
	*Handler
	snapshot *Snapshot
	w        http.ResponseWriter
	r        *http.Request
	note     *httpx.Note
	began    time.Duration // monotonic

	client   netip.Addr // behind trusted proxies; zero for none
	match    route.Match
	rt       *Route
	bodyRead bool
	outcome  outcome
}

// run takes the request through the steps. It returns what to answer, or the
// first refusal.
func (x *exchange) run() (*reply, *refusal) {
	x.client = x.snapshot.proxies.Client(x.r.RemoteAddr, x.r.Header)
	if len(x.snapshot.proxies.Trusted) > 0 && x.client.IsValid() {
		x.note.Client = x.client.String()
	}
	if reply, refused := x.enter(); reply != nil || refused != nil {
		return reply, refused
	}
	if refused := x.admit(); refused != nil {
		return nil, refused
	}
	attempt, refused := x.begin()
	if refused != nil {
		return nil, refused
	}
	if attempt != nil {
		defer attempt.Release()
	}
	var hold hold
	defer hold.release()
	body, refused := x.bodies.read(x, &hold, x.rt.Config.MaxBody)
	if refused != nil {
		return nil, refused
	}
	x.bodyRead = true
	copied, claims, refused := x.authenticate(attempt, body)
	if refused != nil {
		return nil, refused
	}
	return x.take(body, copied, claims)
}

// enter finds the route of the request, takes from its rate limit and answers
// it if it is a handshake that needs no body. Without a reply or a refusal the
// request goes on.
func (x *exchange) enter() (*reply, *refusal) {
	x.match = x.snapshot.table.Match(x.r, x.client)
	if refused := x.setRoute(); refused != nil {
		return nil, refused
	}
	if refused := x.limit(); refused != nil {
		return nil, refused
	}
	if reply, refused := x.early(); reply != nil || refused != nil || !x.match.HandshakeOnly {
		return reply, refused
	}
	limited := x.rt
	x.match = x.snapshot.table.MatchMessage(x.r, x.client)
	if refused := x.setRoute(); refused != nil || x.rt == limited {
		return nil, refused
	}
	return nil, x.limit()
}

func (x *exchange) setRoute() *refusal {
	if x.match.Outcome != route.Found && x.match.Outcome != route.Ignored {
		return noRoute(&x.match)
	}
	x.rt = &x.snapshot.routes[x.match.Index]
	x.note.Route = x.rt.Config.Path
	return nil
}

func (x *exchange) limit() *refusal {
	if wait, ok := x.rt.Limit.Take(); !ok {
		return tooMany(wait)
	}
	return nil
}

// admit turns away what can be told from the head of the request. The backlog
// is no reason to leave a handshake unanswered, and whether a request is one may
// show in its body, so such a route looks at the backlog when it stores.
func (x *exchange) admit() *refusal {
	if !x.rt.Handshakes.NeedsBody() {
		if refused := x.backlog(); refused != nil {
			return refused
		}
	}
	if refused := x.credentials(); refused != nil {
		return refused
	}
	if x.r.ContentLength > x.rt.Config.MaxBody {
		return bodyTooLarge(x.rt.Config.MaxBody)
	}
	return nil
}

func (x *exchange) backlog() *refusal {
	if x.pressure == nil || x.snapshot.thresholds == nil {
		return nil
	}
	if reason := x.pressure.Check(x.r.Context(), x.snapshot.thresholds); reason != limit.Admitted {
		return x.backlogged(reason)
	}
	return nil
}

// take deals with a request that is who it says: answers a handshake, leaves
// out what the route's conditions don't want, and stores the rest.
func (x *exchange) take(body []byte, copied []auth.Header, claims []queue.Claim) (*reply, *refusal) {
	if reply, refused := x.afterAuth(body); reply != nil || refused != nil {
		return reply, refused
	}
	if x.match.Outcome == route.Ignored {
		x.note.Reason = "ignored"
		x.metrics.ignored.Inc()
		x.outcome = outcomeIgnored
		return &reply{status: x.rt.Config.IgnoreUnmatched}, nil
	}
	if x.rt.Handshakes.NeedsBody() {
		if refused := x.backlog(); refused != nil {
			return nil, refused
		}
	}
	envelope := x.envelope(copied)
	if headerBytes(envelope.Headers) > x.rt.Config.MaxHeaders {
		return nil, headersTooLarge(x.rt.Config.MaxHeaders)
	}
	refused := x.store(claims, queue.NewMessage{Route: x.rt.Config.Path, Envelope: envelope, Payload: body})
	if refused != nil {
		return nil, refused
	}
	x.metrics.accepted.Inc()
	x.outcome = outcomeAccepted
	return x.rt.accepted, nil
}

// count counts a request that was answered and not refused.
func (x *exchange) count() {
	x.rt.metrics.count(x.outcome)
	if x.outcome == outcomeAccepted {
		x.rt.metrics.seconds.Observe((x.clock.Monotonic() - x.began).Seconds())
	}
}

// signed is what of the request signatures are made over.
func (x *exchange) signed(body []byte) hmac.Signed {
	s := hmac.Signed{
		Method: x.r.Method, Path: x.match.Path, RawPath: x.match.Raw, RawQuery: x.r.URL.RawQuery,
		Host: x.r.Host, Body: body,
	}
	if x.r.TLS != nil {
		s.Scheme = "https"
	}
	return s
}
