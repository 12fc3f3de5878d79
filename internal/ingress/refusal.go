package ingress

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"hookaido/internal/auth/hmac"
	"hookaido/internal/httpx"
	"hookaido/internal/limit"
	"hookaido/internal/route"
)

// refusal is the answer to a request that is not accepted.
type refusal struct {
	answer *httpx.Error
	// label is the reason in the metrics, class the finer one in the logs.
	label reason
	class string
	// cause is what the store or another service said, and hint what to look at,
	// for the log.
	cause error
	hint  string
	// header has further fields of the answer.
	header http.Header
	// hangUp closes the connection after the answer, because what comes next
	// on it can't be trusted or is not worth reading.
	hangUp bool
}

// drainable is how much of a body that nobody reads may be swallowed to keep
// the connection.
const drainable = 64 << 10

// maxRetryAfter is the longest that a sender is asked to wait.
const maxRetryAfter = time.Hour

// replay is the class of a request that was accepted before.
const replay = "replay"

func noRoute(m *route.Match) *refusal {
	switch m.Outcome {
	case route.BadPath:
		return &refusal{
			answer: &httpx.Error{Status: http.StatusBadRequest, Code: "bad_request",
				Detail: "the path is ambiguous: send it without .. segments, control characters or encoded slashes"},
			label: reasonPolicy, class: "bad_path", hangUp: true,
		}
	case route.WrongMethod:
		return &refusal{
			answer: &httpx.Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
				Detail: "this path takes other methods, see the Allow header"},
			label: reasonNotFound, class: "method_not_allowed",
			header: http.Header{"Allow": {strings.Join(m.Allow, ", ")}},
		}
	default:
		return &refusal{
			answer: &httpx.Error{Status: http.StatusNotFound, Code: "not_found", Detail: "no route has this path"},
			label:  reasonNotFound, class: "not_found",
		}
	}
}

func bodyTooLarge(maxBody int64) *refusal {
	return &refusal{
		answer: &httpx.Error{Status: http.StatusRequestEntityTooLarge, Code: "payload_too_large",
			Detail: fmt.Sprintf("the body may have %d bytes on this path", maxBody)},
		label: reasonPolicy, class: "payload_too_large", hangUp: true,
	}
}

func headersTooLarge(maxHeaders int64) *refusal {
	return &refusal{
		answer: &httpx.Error{Status: http.StatusRequestEntityTooLarge, Code: "headers_too_large",
			Detail: fmt.Sprintf("the headers may have %d bytes on this path", maxHeaders)},
		label: reasonPolicy, class: "headers_too_large",
	}
}

func bodyBroken() *refusal {
	return &refusal{
		answer: &httpx.Error{Status: http.StatusBadRequest, Code: "bad_request", Detail: "the body broke off or is not framed properly"},
		label:  reasonPolicy, class: "body_broken", hangUp: true,
	}
}

func bodySlow() *refusal {
	return &refusal{
		answer: &httpx.Error{Status: http.StatusRequestTimeout, Code: "request_timeout", Detail: "the body came in too slowly"},
		label:  reasonPolicy, class: "body_slow", hangUp: true,
	}
}

func overloaded() *refusal {
	return &refusal{
		answer: &httpx.Error{Status: http.StatusServiceUnavailable, Code: "overloaded",
			Detail: "too many large requests are in flight", RetryAfter: httpx.RetryAfter},
		label: reasonMemoryPressure, class: "overloaded",
	}
}

// unauthorized is the same answer whatever the reason, so that a forger learns
// nothing. The class goes to the logs and the metrics.
func (x *exchange) unauthorized(class string) *refusal {
	x.metrics.signatureFailures.WithLabelValues(class).Inc()
	f := &refusal{
		answer: &httpx.Error{Status: http.StatusUnauthorized, Code: "unauthorized", Detail: "the request is not authenticated"},
		label:  reasonAuth, class: "auth_" + class,
	}
	if len(x.rt.challenges) > 0 {
		f.header = http.Header{"Www-Authenticate": x.rt.challenges}
	}
	return f
}

func (x *exchange) badSignature(failure hmac.Failure) *refusal {
	f := x.unauthorized(failure.String())
	f.hint = x.rt.Verifier.Hint(failure)
	return f
}

// passwordsBusy says nothing about the sender: a flood of guesses keeps those
// waiting whose password is right.
func passwordsBusy() *refusal {
	return &refusal{
		answer: &httpx.Error{Status: http.StatusServiceUnavailable, Code: "auth_busy",
			Detail: "too many passwords are being checked", RetryAfter: httpx.RetryAfter},
		label: reasonAuth, class: "auth_busy",
	}
}

func forbidden() *refusal {
	return &refusal{
		answer: &httpx.Error{Status: http.StatusForbidden, Code: "forbidden", Detail: "the request is not allowed"},
		label:  reasonAuth, class: "auth_forward_forbidden",
	}
}

func authUnavailable(cause error) *refusal {
	return &refusal{
		answer: &httpx.Error{Status: http.StatusServiceUnavailable, Code: "auth_unavailable",
			Detail: "the service that decides about requests can't be asked", RetryAfter: httpx.RetryAfter},
		label: reasonAuth, class: "auth_forward_unavailable", cause: cause,
	}
}

func tooMany(wait time.Duration) *refusal {
	return &refusal{
		answer: &httpx.Error{Status: http.StatusTooManyRequests, Code: "rate_limited",
			Detail: "too many requests on this path", RetryAfter: min(max(wait, time.Second), maxRetryAfter)},
		label: reasonRateLimit, class: "rate_limited",
	}
}

func (x *exchange) backlogged(reason limit.Reason) *refusal {
	x.metrics.backedUp.Inc()
	x.metrics.backpressure.WithLabelValues(string(reason)).Inc()
	return &refusal{
		answer: &httpx.Error{Status: http.StatusServiceUnavailable, Code: "backpressure",
			Detail: "the backlog is too large to take more right now", RetryAfter: httpx.RetryAfter},
		label: reasonAdaptiveBackpressure, class: "backpressure_" + string(reason),
	}
}

func notStored(err error) *refusal {
	answer := httpx.StoreError(err)
	label := reasonOther
	if answer.Code == "queue_full" {
		label = reasonQueueFull
	}
	return &refusal{answer: answer, label: label, class: answer.Code, cause: err}
}

// refuse answers, counts and logs.
func (x *exchange) refuse(f *refusal) {
	x.note.Reason = f.class
	x.metrics.refused(f.label, f.answer.Status)
	if x.rt != nil {
		x.rt.metrics.count(outcomeOf(f.label))
	} else {
		x.metrics.routes.unmatched.count(outcomeOf(f.label))
	}
	x.refusals.log(&refusedRequest{
		class: f.class, status: f.answer.Status, cause: f.cause, hint: f.hint, route: x.note.Route,
		method: x.r.Method, path: x.match.Raw, remoteAddr: x.r.RemoteAddr, client: x.note.Client,
	})
	header := x.w.Header()
	for name, values := range f.header {
		header[name] = values
	}
	undrained := !x.bodyRead && (x.r.ContentLength < 0 || x.r.ContentLength > drainable)
	if f.hangUp || undrained {
		header["Connection"] = []string{"close"}
	}
	httpx.WriteError(x.w, f.answer)
	if !x.bodyRead && x.r.Header["Expect"] != nil {
		// nobody will send this body, which net/http would wait for
		_ = http.NewResponseController(x.w).SetReadDeadline(x.clock.Now())
	}
}

// RefusedHead counts and logs a request that was answered with status before
// it came to a handler, because its head broke the rules of HTTP.
func (h *Handler) RefusedHead(status int, remoteAddr string) {
	label := reasonPolicy
	if status == http.StatusServiceUnavailable {
		label = reasonMemoryPressure
	}
	h.metrics.refused(label, status)
	h.metrics.routes.unmatched.count(outcomeOf(label))
	h.refusals.log(&refusedRequest{class: "bad_head", status: status, remoteAddr: remoteAddr})
}
