package httpx

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// The reasons of a [HandshakeError].
const (
	HandshakePlain       = "plain_http"         // the client spoke HTTP without TLS
	HandshakeCertificate = "client_certificate" // it showed none, or one that is not good
	HandshakeRefused     = "refused_by_client"  // it does not accept our certificate, or what we offer
	HandshakeTimeout     = "timeout"
	HandshakeGone        = "client_gone"
	HandshakeProtocol    = "protocol" // no common version or cipher, or no TLS at all
)

// HandshakeError says why a handshake failed.
type HandshakeError struct {
	Reason     string // from the small fixed set above
	RemoteAddr string
	Err        error
}

// Error implements error.
func (e *HandshakeError) Error() string { return "TLS handshake: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

func newHandshakeError(remote net.Addr, err error) *HandshakeError {
	e := &HandshakeError{Reason: HandshakeProtocol, RemoteAddr: remote.String(), Err: err}
	var header tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var op *net.OpError
	var network net.Error
	switch {
	case errors.As(err, &header):
		if looksLikeHTTP(header.RecordHeader[:]) {
			e.Reason = HandshakePlain
		}
	case errors.As(err, &certificate), strings.Contains(err.Error(), "didn't provide a certificate"):
		e.Reason = HandshakeCertificate
	case errors.As(err, &op) && op.Op == "remote error":
		e.Reason = HandshakeRefused
	case errors.As(err, &network) && network.Timeout():
		e.Reason = HandshakeTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		e.Reason = HandshakeGone
	}
	return e
}

// looksLikeHTTP reports whether a request begins with b.
func looksLikeHTTP(b []byte) bool {
	for i, c := range b {
		if (c < 'A' || c > 'Z') && (i < 3 || c != ' ' && c != '/' && c != '*') {
			return false
		}
	}
	return true
}
