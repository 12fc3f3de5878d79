package httphead

import (
	"net/http"
	"strconv"
	"sync/atomic"
)

// maxRequests bounds the requests of a server over HTTP/2. One connection
// carries many, so that the bound on connections is none for them.
const maxRequests = 4096

// CheckHTTP2 returns next with the same check of requests that came over
// HTTP/2, which net/http takes with targets, hosts and lengths that it refuses
// in HTTP/1.x. Those of HTTP/1.x, which [Listen] has checked, are passed on.
func CheckHTTP2(next http.Handler, o Options) http.Handler {
	h := &http2Check{next: next, options: o}
	h.budget.max = headBudget
	return h
}

type http2Check struct {
	next    http.Handler
	options Options
	running atomic.Int64
	budget  budget // for heads larger than freeHead
}

// ServeHTTP implements [http.Handler].
func (h *http2Check) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor < 2 {
		h.next.ServeHTTP(w, r)
		return
	}
	defer h.running.Add(-1)
	size := headSize(r)
	f := checkHTTP2(r)
	switch {
	case h.running.Add(1) > maxRequests || size > freeHead && !h.budget.take(size):
		f = faultBusy
	case size > freeHead:
		defer h.budget.give(size)
	}
	if f == none {
		h.next.ServeHTTP(w, r)
		return
	}
	refusal := f.refusal(r.RemoteAddr)
	if f == faultBusy {
		refusal.Detail = "too many requests are in flight"
	}
	if h.options.Refused != nil {
		h.options.Refused(refusal)
	}
	body := refusal.body()
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if refusal.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(refusal.RetryAfter))
	}
	w.WriteHeader(refusal.Status)
	_, _ = w.Write([]byte(body)) // the client may be gone
}

// headSize is what a head holds in memory, about.
func headSize(r *http.Request) int64 {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value)
		}
	}
	return int64(n)
}

// checkHTTP2 finds what is wrong with a request (RFC 9113, section 8.3). The
// names and values of fields are right; net/http has seen to that.
func checkHTTP2(r *http.Request) fault {
	if r.Method == "" || prefix([]byte(r.Method), inToken) != len(r.Method) || r.Method == http.MethodConnect {
		return faultRequestLine
	}
	if f := checkTarget(r); f != none {
		return f
	}
	count := 0
	for _, values := range r.Header {
		count += len(values)
	}
	if count > maxFields {
		return faultFieldCount
	}
	// a Host beside :authority must say the same, and handlers know only r.Host
	hosts := r.Header["Host"]
	delete(r.Header, "Host")
	if len(hosts) > 1 || len(hosts) == 1 && hosts[0] != r.Host || r.Host == "" || prefix([]byte(r.Host), inHost) != len(r.Host) {
		return faultHost
	}
	lengths := r.Header["Content-Length"]
	if len(lengths) > 1 || len(lengths) == 1 && !isLength(lengths[0]) {
		return faultLength
	}
	return none
}

// checkTarget holds :scheme and :path to what a request line may say. net/http
// leaves out the state of TLS if the scheme is not https.
func checkTarget(r *http.Request) fault {
	target := r.RequestURI
	if len(target) > maxTarget {
		return faultTargetSize
	}
	if r.TLS == nil || target == "" || target[0] != '/' && (target != "*" || r.Method != http.MethodOptions) {
		return faultTarget
	}
	for _, c := range []byte(target) {
		if classes[c]&inTarget == 0 && c != '%' && c != '?' {
			return faultTarget
		}
	}
	return none
}

// isLength reports whether s is a plain number that no server can overflow on.
func isLength(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 18
}
