package ingress

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/httpx"
	"hookaido/internal/limit"
)

const (
	// firstRead is the largest piece of memory that a sender gets for its word
	// alone; each further piece, growth times as large, it must have filled.
	firstRead = 1 << 10
	growth    = 4
	// smallBody is the size up to which bodies have a share of the budget for
	// themselves, so that large ones never shut out ordinary webhooks.
	smallBody = 64 << 10
	// minRate, in bytes per second, is what a body must come in at on average
	// to take longer than [httpx.ReadTimeout], with rateGrace in hand.
	minRate   = 64 << 10
	rateGrace = 10 * time.Second
	rateStep  = 256 << 10 // bytes between two looks at the rate
)

// bodies reads bodies within a budget of memory that all requests share.
type bodies struct {
	small, large *limit.Bytes
	largeShare   int64
	clock        clock.Clock
	drain        drain
}

func newBodies(budget int64, clk clock.Clock) *bodies {
	b := &bodies{small: limit.NewBytes(budget / 4), largeShare: budget - budget/4, clock: clk, drain: drain{clock: clk, waiting: map[*exchange]struct{}{}}}
	b.large = limit.NewBytes(b.largeShare)
	return b
}

// admit makes sure that one body of maxBody fits, with the copy of it that the
// last growth takes for a moment.
func (b *bodies) admit(maxBody int64) { b.large.Resize(max(b.largeShare, 2*maxBody)) }

// hold is the share of a request in the budget.
type hold struct {
	share *limit.Bytes // nil for none
	bytes int64
}

func (h *hold) release() {
	if h.share != nil {
		h.share.Release(h.bytes)
	}
	*h = hold{}
}

// read returns the body of the request of x, which holds what it needs of the
// budget until the message is stored. The slice is as long as the body, give
// or take a quarter if the sender did not say how long it is.
func (b *bodies) read(x *exchange, h *hold, maxBody int64) ([]byte, *refusal) {
	want := x.r.ContentLength
	switch {
	case want == 0:
		return nil, nil
	case want < 0:
		want = maxBody + 1 // one byte more shows that it is too long
	}
	pace := pace{x: x, began: b.clock.Monotonic(), next: rateStep}
	b.drain.enter(x)
	defer b.drain.leave(x)
	var body []byte
	for int64(len(body)) < want {
		if len(body) == cap(body) {
			larger, ok := b.grow(h, body, want)
			if !ok {
				return nil, overloaded()
			}
			body = larger
		}
		n, err := x.r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, badBody(err)
		}
		pace.keep(int64(len(body)))
	}
	// a body shorter than announced ends in an error of its own
	switch {
	case int64(len(body)) > maxBody:
		return nil, bodyTooLarge(maxBody)
	case cap(body)-len(body) > len(body)/4:
		return bytes.Clone(body), nil
	}
	return body, nil
}

// grow returns body with room for more, up to want in all.
func (b *bodies) grow(h *hold, body []byte, want int64) ([]byte, bool) {
	size := min(want, max(firstRead, int64(cap(body))*growth))
	next := hold{share: b.small, bytes: size}
	if size > smallBody {
		next.share = b.large
	}
	if !next.share.TryAcquire(size) {
		return nil, false
	}
	larger := make([]byte, len(body), size)
	copy(larger, body)
	h.release()
	*h = next
	return larger, true
}

// pace moves the deadlines of the connection while a body comes in fast enough.
// Those of the server, [httpx.ReadTimeout] and the like, stand until then.
type pace struct {
	x     *exchange
	began time.Duration // monotonic
	next  int64         // bytes at which to look again
}

func (p *pace) keep(received int64) {
	if received < p.next {
		return
	}
	p.next = received + rateStep
	allowed := time.Duration(received)*time.Second/minRate + rateGrace
	if allowed <= httpx.ReadTimeout {
		return
	}
	left := allowed - (p.x.clock.Monotonic() - p.began)
	p.x.bodies.drain.extend(p.x, left)
	httpx.ExtendWrite(p.x.w, p.x.clock.Now(), left+httpx.WriteTimeout)
}

func badBody(err error) *refusal {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return bodySlow()
	}
	return bodyBroken()
}
