package httphead

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// http2Request is what net/http makes of a stream.
func http2Request(method, target, host string, header http.Header) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		u = &url.URL{}
	}
	return &http.Request{
		Method: method, RequestURI: target, URL: u, Host: host, Header: header,
		ProtoMajor: 2, TLS: &tls.ConnectionState{}, RemoteAddr: "192.0.2.1:9",
	}
}

func TestCheckHTTP2(t *testing.T) {
	many := http.Header{}
	for range maxFields + 1 {
		many.Add("X-A", "b")
	}
	with := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	tests := []struct {
		name string
		r    *http.Request
		want int
	}{
		{"in order", http2Request("POST", "/in?a=%zz", "h.example:8443", with("Content-Length", "3", "X-A", "b")), 204},
		{"host as well", http2Request("POST", "/in", "h", with("Host", "h")), 204},
		{"options", http2Request("OPTIONS", "*", "h", with()), 204},
		{"another host", http2Request("POST", "/in", "h", with("Host", "other")), 400},
		{"two hosts", http2Request("POST", "/in", "h", with("Host", "h", "Host", "h")), 400},
		{"no host", http2Request("POST", "/in", "", with()), 400},
		{"bad host", http2Request("POST", "/in", "h/../x", with()), 400},
		{"bad method", http2Request("PO ST", "/in", "h", with()), 400},
		{"connect", http2Request("CONNECT", "h:443", "h:443", with()), 400},
		{"absolute target", http2Request("GET", "https://h/in", "h", with()), 400},
		{"star", http2Request("POST", "*", "h", with()), 400},
		{"space in the target", http2Request("POST", "/in HTTP/1.1", "h", with()), 400},
		{"control character", http2Request("POST", "/in\r\nX: y", "h", with()), 400},
		{"two lengths", http2Request("POST", "/in", "h", with("Content-Length", "1", "Content-Length", "1")), 400},
		{"signed length", http2Request("POST", "/in", "h", with("Content-Length", "+1")), 400},
		{"length in a list", http2Request("POST", "/in", "h", with("Content-Length", "1, 1")), 400},
		{"huge length", http2Request("POST", "/in", "h", with("Content-Length", strings.Repeat("9", 30))), 400},
		{"many fields", http2Request("POST", "/in", "h", many), 431},
		{"long target", http2Request("POST", "/"+strings.Repeat("a", maxTarget), "h", with()), 414},
	}
	plain := http2Request("POST", "/in", "h", with())
	plain.TLS = nil // what a :scheme of http makes of it
	tests = append(tests, struct {
		name string
		r    *http.Request
		want int
	}{"scheme http", plain, 400})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var told []Refusal
			h := CheckHTTP2(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header["Host"] != nil {
					t.Error("the handler sees a Host header")
				}
				w.WriteHeader(http.StatusNoContent)
			}), Options{Refused: func(r Refusal) { told = append(told, r) }})
			w := httptest.NewRecorder()
			h.ServeHTTP(w, test.r)
			if w.Code != test.want {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, test.want)
			}
			if test.want == 204 {
				return
			}
			var body struct{ Code, Detail string }
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Code == "" {
				t.Errorf("body %s: %v", w.Body, err)
			}
			if len(told) != 1 || told[0].Status != test.want || told[0].RemoteAddr != "192.0.2.1:9" {
				t.Errorf("told %+v", told)
			}
		})
	}
}

func TestHTTP2IsBounded(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
		hold   int // requests that fit
	}{
		{"requests", http.Header{}, maxRequests},
		{"large heads", http.Header{"X-A": {strings.Repeat("a", 128<<10)}}, headBudget / (129 << 10)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var h http.Handler
			depth := 0
			ask := func() *httptest.ResponseRecorder {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, http2Request("POST", "/in", "h", test.header.Clone()))
				return w
			}
			refused := false
			// each request is held while the next one comes
			h = CheckHTTP2(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				if depth++; depth <= maxRequests+1 && !refused {
					if w := ask(); w.Code == http.StatusServiceUnavailable {
						refused = w.Header().Get("Retry-After") != ""
					}
				}
			}), Options{})
			ask()
			if !refused || depth < test.hold || depth > test.hold+2 {
				t.Errorf("%d requests were held at a time, want %d; refused %v", depth, test.hold, refused)
			}
			depth, refused = maxRequests+1, true
			if w := ask(); w.Code != http.StatusOK {
				t.Errorf("afterwards: %d", w.Code)
			}
		})
	}
}
