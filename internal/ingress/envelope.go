package ingress

import (
	"slices"

	"hookaido/internal/auth"
	"hookaido/internal/httphead"
	"hookaido/internal/queue"
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

// hides reports whether the route keeps a header out of its messages.
func (r *Route) hides(name string) bool {
	return len(r.hidden) > 0 && slices.Contains(r.hidden, name)
}

// envelope returns what is kept of a request beside its body. Headers have the
// order in which they were sent, or that of their names where nobody knows it,
// as over HTTP/2. Those that another service gave come last.
func (x *exchange) envelope(copied []auth.Header) queue.Envelope {
	r := x.r
	n := len(copied)
	for _, values := range r.Header {
		n += len(values)
	}
	pairs := make([]queue.Pair, 0, n+3) // one allocation for headers and trace
	for name, values := range r.Header {
		if isCredential(name) || x.rt.hides(name) {
			continue
		}
		for _, value := range values {
			pairs = append(pairs, queue.Pair{Name: name, Value: value})
		}
	}
	if order := httphead.OrderOf(r.Context()); order.Known() {
		pairs = sortAsSent(pairs, order)
	} else {
		sortByName(pairs)
	}
	for _, h := range copied {
		pairs = append(pairs, queue.Pair{Name: h.Name, Value: h.Value})
	}
	n = len(pairs)
	pairs = append(pairs, queue.Pair{Name: "path", Value: x.match.Path}, queue.Pair{Name: "remote_addr", Value: r.RemoteAddr})
	if x.client.IsValid() {
		pairs = append(pairs, queue.Pair{Name: "remote_ip", Value: x.client.String()})
	}
	return queue.Envelope{
		Method: r.Method, RawPath: x.match.Raw, RawQuery: r.URL.RawQuery,
		Headers: pairs[:n:n], Trace: pairs[n:],
	}
}

// sortAsSent brings pairs, whose repeats are in order, into the order of the
// head. What the head does not have was never sent, and is left out: net/http
// makes a Cache-Control of Pragma.
func sortAsSent(pairs []queue.Pair, order httphead.Order) []queue.Pair {
	done := 0
	for done < len(pairs) {
		name := order.Next()
		if name == nil {
			break
		}
		i := done
		for i < len(pairs) && !name.Is(pairs[i].Name) {
			i++
		}
		if i == len(pairs) {
			continue // a header that is not kept
		}
		p := pairs[i]
		copy(pairs[done+1:i+1], pairs[done:i])
		pairs[done] = p
		done++
	}
	return pairs[:done]
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
