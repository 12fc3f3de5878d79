package queue

import (
	"encoding/binary"
	"errors"
)

// Envelope is the request that brought a message, without its body.
type Envelope struct {
	// Method, RawPath and RawQuery are as sent. They are empty for messages
	// that did not come in over HTTP.
	Method, RawPath, RawQuery string
	// Headers keeps every value on its own, in order, names in canonical form.
	Headers []Pair
	// Trace tells where the message came from (remote_addr, path).
	Trace []Pair
}

// Pair is a name and a value.
type Pair struct{ Name, Value string }

// HeaderMap returns the headers with repeated values joined by a comma, as the
// APIs show them.
func (e Envelope) HeaderMap() map[string]string { return joined(e.Headers) }

// TraceMap returns the trace as a map.
func (e Envelope) TraceMap() map[string]string { return joined(e.Trace) }

func joined(pairs []Pair) map[string]string {
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		if old, ok := m[p.Name]; ok {
			m[p.Name] = old + "," + p.Value
		} else {
			m[p.Name] = p.Value
		}
	}
	return m
}

// envelopeV1 is the first byte of an encoded envelope. A later format takes
// another number, so that stored messages stay readable.
const envelopeV1 = 1

var errEnvelope = errors.New("the stored envelope is damaged")

// AppendBinary appends the stored form of e to b: a version byte, then
// length-prefixed strings. It never fails.
func (e Envelope) AppendBinary(b []byte) []byte {
	b = append(b, envelopeV1)
	b = appendString(b, e.Method)
	b = appendString(b, e.RawPath)
	b = appendString(b, e.RawQuery)
	b = appendPairs(b, e.Headers)
	return appendPairs(b, e.Trace)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendPairs(b []byte, pairs []Pair) []byte {
	b = binary.AppendUvarint(b, uint64(len(pairs)))
	for _, p := range pairs {
		b = appendString(appendString(b, p.Name), p.Value)
	}
	return b
}

// ParseEnvelope reads what AppendBinary wrote. It does not keep b.
func ParseEnvelope(b []byte) (Envelope, error) {
	if len(b) == 0 || b[0] != envelopeV1 {
		return Envelope{}, errEnvelope
	}
	// one string for all parts, so that a message costs few allocations
	r := envelopeReader{rest: string(b[1:])}
	e := Envelope{Method: r.text(), RawPath: r.text(), RawQuery: r.text(), Headers: r.pairs(), Trace: r.pairs()}
	if r.bad || r.rest != "" {
		return Envelope{}, errEnvelope
	}
	return e, nil
}

type envelopeReader struct {
	rest string
	bad  bool
}

func (r *envelopeReader) uvarint() uint64 {
	n, size := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *envelopeReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *envelopeReader) pairs() []Pair {
	n := r.uvarint()
	// a pair takes two bytes at least, which bounds what a damaged count costs
	if n > uint64(len(r.rest)/2) {
		r.bad = true
	}
	if n == 0 || r.bad {
		return nil
	}
	pairs := make([]Pair, 0, n)
	for range n {
		pairs = append(pairs, Pair{r.text(), r.text()})
	}
	return pairs
}
