package httphead

import (
	"net/http"
	"strconv"
)

// fault is what is wrong with a request; 0 is nothing.
type fault uint8

const (
	none fault = iota
	faultTLS
	faultHTTP2
	faultRequestLine
	faultTarget
	faultTargetSize
	faultVersion
	faultLineEnd
	faultFold
	faultField
	faultFieldCount
	faultHeadSize
	faultHost
	faultLength
	faultCoding
	faultFraming
	faultBusy
	faultBody // in a chunked body: the handler is already at work and answers
)

// retryAfter is what senders are asked to wait, in seconds, when too much is in
// flight.
const retryAfter = 5

// Refusal is the answer to a request that is not passed on.
type Refusal struct {
	Status int
	Code   string
	Detail string
	// RetryAfter asks the client to come again after so many seconds; 0 doesn't.
	RetryAfter int
	// RemoteAddr is the address of the client.
	RemoteAddr string
}

func (f fault) refusal(remoteAddr string) Refusal {
	r := Refusal{Status: http.StatusBadRequest, Code: "bad_request", Detail: details[f], RemoteAddr: remoteAddr}
	switch f {
	case faultTargetSize:
		r.Status, r.Code = http.StatusRequestURITooLong, "uri_too_long"
	case faultBusy:
		r.Status, r.Code, r.RetryAfter = http.StatusServiceUnavailable, "overloaded", retryAfter
	case faultVersion:
		r.Status, r.Code = http.StatusHTTPVersionNotSupported, "http_version_not_supported"
	case faultFieldCount, faultHeadSize:
		r.Status, r.Code = http.StatusRequestHeaderFieldsTooLarge, "headers_too_large"
	case faultCoding:
		r.Status, r.Code = http.StatusNotImplemented, "transfer_encoding_not_supported"
	}
	return r
}

// details are sentences without characters that JSON escapes.
var details = [...]string{
	faultTLS:         "this port speaks plain HTTP, not TLS",
	faultHTTP2:       "this port speaks HTTP/1.1, not HTTP/2",
	faultRequestLine: "the request line is malformed",
	faultTarget:      "the request target has a bad character or escape",
	faultTargetSize:  "the request target is too long",
	faultVersion:     "this port speaks HTTP/1.1 and HTTP/1.0",
	faultLineEnd:     "lines of the head must end in CR LF",
	faultFold:        "header lines must not be folded",
	faultField:       "a header has a bad character in its name or value",
	faultFieldCount:  "the request has too many header fields",
	faultHeadSize:    "the head of the request is too long",
	faultHost:        "the request needs exactly one valid Host header",
	faultLength:      "Content-Length must be one plain number",
	faultCoding:      "the only transfer coding here is chunked",
	faultFraming:     "the length of the body is ambiguous: send either Content-Length or Transfer-Encoding, once, with HTTP/1.1",
	faultBusy:        "too many requests with large heads are in flight",
	faultBody:        "the chunked body is malformed",
}

// body returns the body of the response.
func (r *Refusal) body() string {
	return `{"code":"` + r.Code + `","detail":"` + r.Detail + "\"}\n"
}

// answer returns the whole response, head and body.
func (r *Refusal) answer() []byte {
	body, wait := r.body(), ""
	if r.RetryAfter > 0 {
		wait = "\r\nRetry-After: " + strconv.Itoa(r.RetryAfter)
	}
	return []byte("HTTP/1.1 " + strconv.Itoa(r.Status) + " " + http.StatusText(r.Status) +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + wait +
		"\r\nConnection: close\r\n\r\n" + body)
}
