package ingress

import (
	"net/http"

	"hookaido/internal/queue"
	"hookaido/internal/route"
)

// isCredential reports whether a header is for us, or for a proxy, and must
// not be seen by consumers.
func isCredential(name string) bool {
	switch name {
	case "Authorization", "Proxy-Authorization", "Cookie":
		return true
	}
	return false
}

// envelopeOf returns what is kept of a request beside its body. Headers are
// sorted by name; those of one name keep their order.
func envelopeOf(r *http.Request, m *route.Match) queue.Envelope {
	n := 0
	for _, values := range r.Header {
		n += len(values)
	}
	pairs := make([]queue.Pair, 0, n+2) // one allocation for headers and trace
	for name, values := range r.Header {
		if isCredential(name) {
			continue
		}
		for _, value := range values {
			pairs = append(pairs, queue.Pair{Name: name, Value: value})
		}
	}
	sortByName(pairs)
	n = len(pairs)
	pairs = append(pairs, queue.Pair{Name: "path", Value: m.Path}, queue.Pair{Name: "remote_addr", Value: r.RemoteAddr})
	return queue.Envelope{
		Method: r.Method, RawPath: m.Raw, RawQuery: r.URL.RawQuery,
		Headers: pairs[:n:n], Trace: pairs[n:],
	}
}

// sortByName sorts by insertion, which keeps the order of equal names and is
// the fastest way for the dozen headers that a webhook has. The head check
// bounds their number.
func sortByName(pairs []queue.Pair) {
	for i := 1; i < len(pairs); i++ {
		p := pairs[i]
		j := i
		for ; j > 0 && pairs[j-1].Name > p.Name; j-- {
			pairs[j] = pairs[j-1]
		}
		pairs[j] = p
	}
}

// headerBytes is the size of headers for the purpose of max_headers.
func headerBytes(pairs []queue.Pair) int64 {
	var n int64
	for _, p := range pairs {
		n += int64(len(p.Name) + len(p.Value))
	}
	return n
}
