package ingress

import (
	"context"

	"hookaido/internal/auth"
	"hookaido/internal/auth/hmac"
	"hookaido/internal/queue"
)

// credentials looks at the Authorization header before the body is read.
func (x *exchange) credentials() *refusal {
	values := x.r.Header["Authorization"]
	if len(values) > 1 && x.rt.guarded() {
		// a proxy in front may have looked at the other one
		return x.unauthorized(hmac.Malformed.String())
	}
	if x.rt.Bearer != nil && !x.rt.Bearer.AllowHeader(values) {
		return x.unauthorized("bearer")
	}
	if x.rt.Basic == nil {
		return nil
	}
	switch x.rt.Basic.Check(context.WithoutCancel(x.r.Context()), values) {
	case auth.Allowed:
		return nil
	case auth.Busy:
		return passwordsBusy()
	default:
		return x.unauthorized("basic")
	}
}

// begin looks at the signature before the body is read, so that nobody holds
// memory for a body that can't be accepted. A route without signatures has no
// attempt.
func (x *exchange) begin() (*hmac.Attempt, *refusal) {
	if x.rt.Verifier == nil {
		return nil, nil
	}
	attempt, failure := x.rt.Verifier.Begin(x.r.Header)
	if failure != hmac.OK {
		return nil, x.badSignature(failure)
	}
	return attempt, nil
}

// authenticate does the checks that need the body. It returns headers to keep
// with the message and what must not be claimed already.
func (x *exchange) authenticate(attempt *hmac.Attempt, body []byte) ([]auth.Header, []queue.Claim, *refusal) {
	var copied []auth.Header
	if x.rt.Forward != nil {
		result, err := x.rt.Forward.Check(context.WithoutCancel(x.r.Context()), auth.ForwardRequest{
			Method: x.r.Method, Path: x.match.Path, Header: x.r.Header, Body: body,
		})
		switch result.Outcome {
		case auth.Pass:
			copied = result.Copied
		case auth.Unauthorized:
			return nil, nil, x.unauthorized("forward")
		case auth.Forbidden:
			return nil, nil, forbidden()
		default:
			return nil, nil, authUnavailable(err)
		}
	}
	if attempt == nil {
		return copied, nil, nil
	}
	claims, failure := attempt.Check(x.signed(body))
	if failure != hmac.OK {
		return nil, nil, x.badSignature(failure)
	}
	return copied, claims, nil
}
