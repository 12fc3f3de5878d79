// Package handshake answers the requests with which providers make sure that a
// receiver is the right one before they send, or go on sending, webhooks.
//
// A [Set] has the handshakes of one route. [Set.Early] answers those that no
// signature protects, which need no body: the provider asks in the query or in
// a header. [Set.AfterAuth] answers those that come as an ordinary POST, once
// the route's own authentication has let the request through, so that nobody
// else learns anything from them. What is no handshake goes on as a webhook.
//
// Nothing here reads a file, the network or the queue, so that
// providers are answered also while the queue is full or drains. No URL of a
// request is ever fetched. An echoed text is bounded, and labelled such that a
// browser shows it as the text it is.
//
// What a provider asks and expects is a row of one table, see [New].
package handshake

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"hookaido/internal/clock"
	"hookaido/internal/secret"
)

// Options describe one handshake of a route.
type Options struct {
	// Provider is the word that the Hookaidofile has for it.
	Provider string
	// Token is what provider and receiver have agreed on; empty for none.
	Token secret.Value
	// Keys are the secrets of the route's signatures and Pool those with a time
	// of validity. A provider that wants a MAC gets it with the Token, or else
	// with the version of the pool that began last, or else with the first key.
	Keys []secret.Value
	Pool secret.Pool
	// MayLackKeys permits a set without a secret for a MAC, which refuses such
	// handshakes: the pool gets its secrets later, and then there is another set.
	MayLackKeys bool
	// Clock tells which versions of the pool are valid; nil if it is empty.
	Clock clock.Clock
	// URL is the public address of the route, as the provider has it; empty if
	// not given.
	URL string
	// Pos stands in front of errors, like "Hookaidofile:12"; empty for none.
	Pos string
}

// Request is what a handshake is told by, beside the body.
type Request struct {
	Method   string
	RawQuery string // as sent, without "?"
	Header   http.Header
}

// Outcome says what became of a request.
type Outcome uint8

// The outcomes.
const (
	// NotAHandshake: the request goes on as a webhook; the answer is empty.
	NotAHandshake Outcome = iota
	// Answered: the answer is what the provider waits for.
	Answered
	// Refused: it is a handshake, but a wrong one. The answer has a status, a
	// code and a detail.
	Refused
)

// String returns the name of the outcome, for metrics.
func (o Outcome) String() string {
	switch o {
	case Answered:
		return "answered"
	case Refused:
		return "refused"
	default:
		return "none"
	}
}

// Answer is what a handshake is answered.
type Answer struct {
	// Provider is the word of the handshake that answers, for metrics.
	Provider string
	Status   int
	// ContentType is empty if there is no body.
	ContentType string
	Body        []byte
	// Header has more fields, as name and value.
	Header [][2]string
	// Code and Detail of a refusal are for the log and for the sender: they
	// hold nothing of the request and no secret.
	Code, Detail string
}

// Set has the handshakes of one route. It never changes and is safe for
// concurrent use. A nil set has none.
type Set struct {
	all     []handshake
	methods []string
}

// handshake is a row of the table with what a route has for it.
type handshake struct {
	provider
	token secret.Value
	keys  []secret.Value // of a MAC, none of them empty
	pool  secret.Pool
	clock clock.Clock
	url   string
}

// New makes a set. It fails if a provider is unknown or there twice, or lacks
// what it needs: meta and ebay a token, ebay also the URL, zoom and x a secret,
// as the token, a key or a pool. It fails too for a token or
// a URL that the provider has no use for. Errors name the handshake and hold no
// secret. No options give an empty set.
func New(options []Options) (*Set, error) {
	s := &Set{}
	for _, o := range options {
		h, err := newHandshake(o)
		if err == nil && !h.several && slices.ContainsFunc(s.all, func(e handshake) bool { return e.name == h.name }) {
			err = errors.New("is there twice: leave one of them out")
		}
		if err != nil {
			at := o.Pos
			if at != "" {
				at += ": "
			}
			return nil, fmt.Errorf("%shandshake %s %w", at, o.Provider, err)
		}
		s.all = append(s.all, h)
		if h.method != http.MethodPost && !slices.Contains(s.methods, h.method) {
			s.methods = append(s.methods, h.method)
		}
	}
	slices.Sort(s.methods)
	return s, nil
}

func newHandshake(o Options) (handshake, error) {
	for _, p := range providers() {
		if p.name != o.Provider {
			continue
		}
		h := handshake{provider: p, token: o.Token, url: o.URL}
		if p.use == keyed {
			h.pool, h.clock = o.Pool, o.Clock
			h.keys = slices.DeleteFunc(slices.Concat([]secret.Value{o.Token}, o.Keys), func(v secret.Value) bool { return v.Len() == 0 })
		}
		return h, h.check(o.MayLackKeys)
	}
	return handshake{}, errors.New("is of a provider that isn't known")
}

// key is that of a MAC. It fails if no version of the pool is valid now and
// there is no other.
func (h *handshake) key() ([]byte, bool) {
	if h.token.Len() == 0 && h.pool.Len() > 0 {
		if version, ok := h.pool.Newest(h.clock.Now()); ok && version.Value.Len() > 0 {
			return version.Value.Reveal(), true
		}
	}
	if len(h.keys) == 0 {
		return nil, false
	}
	return h.keys[0].Reveal(), true
}

func (h *handshake) check(mayLackKeys bool) error {
	switch {
	case h.token.Len() == 0 && h.use == needed:
		return errors.New("needs the token that you agreed on with the provider: add `token REF`")
	case h.token.Len() > 0 && h.use == unused:
		return errors.New("has no use for a token: leave it out")
	case h.use == keyed && len(h.keys) == 0 && h.pool.Len() == 0 && !mayLackKeys:
		return errors.New("needs the secret that the provider has for this endpoint: add `token REF`, or the route's `auth hmac`")
	case h.url == "" && h.needsURL:
		return errors.New("needs the public address of the route, as the provider has it: add `url URL`")
	case h.url != "" && !h.needsURL:
		return errors.New("has no use for a URL: leave it out")
	case h.valid != nil:
		return h.valid(h)
	}
	return nil
}

// Methods are the methods other than POST that the handshakes come with, in
// order. A request with one of them that turns out to be no handshake is a
// webhook only if the route itself takes the method. The caller must not change
// the list.
func (s *Set) Methods() []string {
	if s == nil {
		return nil
	}
	return s.methods
}

// NeedsBody reports whether one of the handshakes is told by its body, so that
// [Set.AfterAuth] has something to do.
func (s *Set) NeedsBody() bool {
	return s != nil && slices.ContainsFunc(s.all, func(h handshake) bool { return h.after != nil })
}

// Early answers a handshake that needs no body and that the provider doesn't
// sign.
func (s *Set) Early(r Request) (Answer, Outcome) {
	return s.first(func(h *handshake) (Answer, Outcome) {
		if h.early == nil || r.Method != h.method {
			return Answer{}, NotAHandshake
		}
		return h.early(h, r)
	})
}

// AfterAuth answers a handshake that is told by its body, of a request that the
// route's authentication has let through. It doesn't keep the body. An ordinary
// webhook costs a search for a word and no more.
func (s *Set) AfterAuth(r Request, body []byte) (Answer, Outcome) {
	return s.first(func(h *handshake) (Answer, Outcome) {
		if h.after == nil || r.Method != http.MethodPost {
			return Answer{}, NotAHandshake
		}
		return h.after(h, r, body)
	})
}

// first asks all handshakes: one that answers counts more than one that
// refuses, because a route may have two tokens of one provider.
func (s *Set) first(ask func(*handshake) (Answer, Outcome)) (Answer, Outcome) {
	if s == nil {
		return Answer{}, NotAHandshake
	}
	var refusal Answer
	outcome := NotAHandshake
	for i := range s.all {
		a, o := ask(&s.all[i])
		if o == NotAHandshake || o == Refused && outcome == Refused {
			continue
		}
		a.Provider = s.all[i].name
		a.Header = append(a.Header, [2]string{"X-Content-Type-Options", "nosniff"}, [2]string{"Cache-Control", "no-store"})
		if o == Answered {
			return a, Answered
		}
		refusal, outcome = a, o
	}
	return refusal, outcome
}
