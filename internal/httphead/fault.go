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
	faultBody // in a chunked body: the handler is already at work and answers
)

// Refusal is the answer to a request that is not passed on.
type Refusal struct {
	Status int
	Code   string
	Detail string
	// RemoteAddr is the address of the client.
	RemoteAddr string
}

func (f fault) refusal(remoteAddr string) Refusal {
	r := Refusal{Status: http.StatusBadRequest, Code: "bad_request", Detail: details[f], RemoteAddr: remoteAddr}
	switch f {
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
	faultBody:        "the chunked body is malformed",
}

// answer returns the whole response, head and body.
func (r *Refusal) answer() []byte {
	body := `{"code":"` + r.Code + `","detail":"` + r.Detail + "\"}\n"
	return []byte("HTTP/1.1 " + strconv.Itoa(r.Status) + " " + http.StatusText(r.Status) +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) +
		"\r\nConnection: close\r\n\r\n" + body)
}
