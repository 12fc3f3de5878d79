package pullapi

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"

	"hookaido/internal/httpx"
	"hookaido/internal/queue"
)

const (
	// inlineBytes is up to which size an answer is built in one buffer. A
	// larger one is encoded while it is sent, so that its payloads are not in
	// memory twice.
	inlineBytes = 256 << 10
	// chunkBytes of payload are encoded at a time, a multiple of 3 so that the
	// pieces of base64 fit together.
	chunkBytes = 48 << 10
	// slowestClient, in bytes per second, is what a worker must be able to
	// take of a large answer.
	slowestClient = 64 << 10
)

// writeItems answers a dequeue that took the time waited.
func (h *Handler) writeItems(c call, items []queue.Leased, waited time.Duration) {
	payloads := 0
	for i := range items {
		payloads += encodedLen(&items[i])
	}
	if payloads > inlineBytes || waited > lateAnswer {
		httpx.ExtendWrite(c.w, h.clock.Now(), time.Minute+time.Duration(payloads/slowestClient)*time.Second)
	}
	if payloads <= inlineBytes {
		b := appendItems(c.buffers.out[:0], items, appendPayload)
		httpx.WriteJSON(c.w, http.StatusOK, b)
		c.buffers.out = b
		return
	}
	h.streamItems(c, items, payloads)
}

func encodedLen(item *queue.Leased) int { return base64.StdEncoding.EncodedLen(len(item.Payload)) }

func appendPayload(b []byte, item *queue.Leased) []byte {
	return base64.StdEncoding.AppendEncode(b, item.Payload)
}

// streamItems sends an answer around payloads that are encoded on the way.
func (*Handler) streamItems(c call, items []queue.Leased, payloads int) {
	gaps := make([]int, 0, len(items)) // where the payloads belong
	b := appendItems(c.buffers.out[:0], items, func(b []byte, _ *queue.Leased) []byte {
		gaps = append(gaps, len(b))
		return b
	})
	c.buffers.out = b
	header := c.w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(b)+payloads))
	c.w.WriteHeader(http.StatusOK)
	chunk := make([]byte, 0, base64.StdEncoding.EncodedLen(chunkBytes))
	sent := 0
	for i, gap := range gaps {
		if _, err := c.w.Write(b[sent:gap]); err != nil {
			return // the worker is gone; its leases run out
		}
		sent = gap
		for part := range slices.Chunk(items[i].Payload, chunkBytes) {
			if _, err := c.w.Write(base64.StdEncoding.AppendEncode(chunk, part)); err != nil {
				return
			}
		}
	}
	_, _ = c.w.Write(b[sent:])
}

// appendItems appends the answer; payload appends what stands between the
// quotes of payload_b64.
func appendItems(b []byte, items []queue.Leased, payload func([]byte, *queue.Leased) []byte) []byte {
	b = append(b, `{"items":[`...)
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		item := &items[i]
		b = httpx.AppendString(append(b, `{"id":`...), item.ID)
		b = httpx.AppendString(append(b, `,"lease_id":`...), item.LeaseID)
		b = appendTime(append(b, `,"received_at":`...), item.ReceivedAt)
		b = strconv.AppendInt(append(b, `,"attempt":`...), int64(item.Attempt), 10)
		b = appendTime(append(b, `,"next_run_at":`...), item.LeaseUntil)
		b = httpx.AppendString(append(b, `,"route":`...), item.Route)
		b = append(b, `,"payload_b64":"`...)
		b = append(payload(b, item), '"')
		b = append(appendEnvelope(b, &item.Envelope), '}')
	}
	return append(b, "]}\n"...)
}

func appendTime(b []byte, t time.Time) []byte {
	b = t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano)
	return append(b, '"')
}

// appendEnvelope appends the members of 2.11 (headers, trace) and those that
// 2.11 lost: method and query as they were sent, and header_values, the list
// of all values in order, if a header came more than once.
func appendEnvelope(b []byte, e *queue.Envelope) []byte {
	b, repeats := appendPairs(b, `,"headers":{`, e.Headers)
	b, _ = appendPairs(b, `,"trace":{`, e.Trace)
	if e.Method != "" {
		b = httpx.AppendString(append(b, `,"method":`...), e.Method)
	}
	if e.RawQuery != "" {
		b = httpx.AppendString(append(b, `,"query":`...), e.RawQuery)
	}
	if !repeats {
		return b
	}
	for i, p := range e.Headers {
		sep := `],[`
		if i == 0 {
			sep = `,"header_values":[[`
		}
		b = httpx.AppendString(append(b, sep...), p.Name)
		b = httpx.AppendString(append(b, ','), p.Value)
	}
	return append(b, "]]"...)
}

// appendPairs appends pairs as an object, values of the same name joined by a
// comma, and reports whether there were such. No pair appends nothing.
func appendPairs(b []byte, open string, pairs []queue.Pair) ([]byte, bool) {
	if len(pairs) == 0 {
		return b, false
	}
	repeats := false
	b = append(b, open...)
	for i, p := range pairs {
		if named(pairs[:i], p.Name) {
			repeats = true
			continue // it stands with the first
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(httpx.AppendString(b, p.Name), ':', '"')
		b = httpx.AppendEscaped(b, p.Value)
		for _, later := range pairs[i+1:] {
			if later.Name == p.Name {
				b = httpx.AppendEscaped(append(b, ','), later.Value)
			}
		}
		b = append(b, '"')
	}
	return append(b, '}'), repeats
}

func named(pairs []queue.Pair, name string) bool {
	for i := range pairs {
		if pairs[i].Name == name {
			return true
		}
	}
	return false
}
