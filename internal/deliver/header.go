package deliver

import (
	"iter"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// The headers that tell a target what it gets. A repeat has the id of the first
// attempt.
const (
	headerEventID    = "X-Hookaido-Event-Id"
	headerAttempt    = "X-Hookaido-Attempt"
	headerRoute      = "X-Hookaido-Route"
	headerReceivedAt = "X-Hookaido-Received-At"

	ownPrefix = "X-Hookaido-"
)

// isCredential reports whether a header must not reach another host than the
// configured one.
func isCredential(name string) bool {
	return name == "Authorization" || name == "Cookie"
}

// forwarded are the stored headers that a target gets, with canonical names.
// What HTTP can't carry is left out; that may have been published by an API.
func forwarded(headers []queue.Pair) iter.Seq2[string, string] {
	named := namedByConnection(headers)
	return func(yield func(string, string) bool) {
		for _, h := range headers {
			name := textproto.CanonicalMIMEHeaderKey(h.Name)
			if config.OfConnection(name) || named[name] || strings.HasPrefix(name, ownPrefix) || !isToken(name) || !isFieldValue(h.Value) {
				continue
			}
			if !yield(name, h.Value) {
				return
			}
		}
	}
}

// namedByConnection are the headers that the sender said are for the next hop.
func namedByConnection(headers []queue.Pair) map[string]bool {
	var named map[string]bool
	for _, h := range headers {
		if !strings.EqualFold(h.Name, "Connection") {
			continue
		}
		for name := range strings.SplitSeq(h.Value, ",") {
			if named == nil {
				named = map[string]bool{}
			}
			named[textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	return named
}

// header is a head in the making. Its values lie side by side, because one
// allocation for each is felt at thousands of attempts a second.
type header struct {
	fields http.Header
	values []string
}

func newHeader(room int) *header {
	return &header{fields: make(http.Header, room), values: make([]string, 0, room)}
}

// set gives a field, by its canonical name, one value.
func (h *header) set(name, value string) {
	h.values = append(h.values, value)
	n := len(h.values)
	h.fields[name] = h.values[n-1 : n : n]
}

// add gives a field one more value.
func (h *header) add(name, value string) {
	if before, repeated := h.fields[name]; repeated {
		h.fields[name] = append(before, value)
		return
	}
	h.set(name, value)
}

// messageHeader returns the stored headers with those that name the message. It
// has room for more.
func messageHeader(m *queue.Leased, more int) *header {
	h := newHeader(len(m.Envelope.Headers) + 4 + more)
	for name, value := range forwarded(m.Envelope.Headers) {
		h.add(name, value)
	}
	set := func(name, value string) {
		if isFieldValue(value) {
			h.set(name, value)
		}
	}
	set(headerEventID, m.ID)
	set(headerAttempt, strconv.Itoa(m.Attempt))
	set(headerRoute, m.Route)
	set(headerReceivedAt, m.ReceivedAt.UTC().Format(time.RFC3339Nano))
	return h
}

func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

func isFieldValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
