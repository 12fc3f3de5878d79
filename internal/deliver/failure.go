package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
)

// step is how far a request has come.
type step int32

const (
	connecting step = iota
	sending
	waiting
	answered // in part
)

func (s step) String() string {
	return [...]string{"it was connecting", "it was sending the request", "it was waiting for the answer", "it was reading the answer"}[s]
}

// progress follows a request. The transport tells it from goroutines of its own.
type progress struct{ step atomic.Int32 }

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { p.step.Store(int32(connecting)) },
		GotConn: func(httptrace.GotConnInfo) { p.step.Store(int32(sending)) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil { // it is told of a failure as well
				// an answer may begin before the request has been sent
				p.step.CompareAndSwap(int32(sending), int32(waiting))
			}
		},
		GotFirstResponseByte: func() { p.step.Store(int32(answered)) },
	}
}

// proxyError is an answer of the proxy other than 200.
type proxyError struct{ status int }

func (e *proxyError) Error() string { return fmt.Sprintf("the proxy answered %d", e.status) }

// failure says why a request got no answer. All but refusals by the policy may
// pass.
func (d *Deliverer) failure(ctx context.Context, at step, err error) Result {
	var denial *Denial
	if errors.As(err, &denial) {
		return failed(GiveUp, ReasonEgress, denial)
	}
	var limit *timeoutError
	if errors.As(context.Cause(ctx), &limit) {
		return failed(Retry, ReasonTimeout, fmt.Errorf("%w; %s", limit, at))
	}
	reason := reasonOf(at, err)
	if reason == ReasonTLS && d.policy.proxy != nil && isBroken(err) {
		reason = ReasonProxy // which has closed the tunnel, or never opened it
	}
	return failed(Retry, reason, err)
}

func reasonOf(at step, err error) Reason {
	var (
		dns   *net.DNSError
		op    *net.OpError
		proxy *proxyError
		slow  net.Error
	)
	isOp := errors.As(err, &op)
	switch {
	case errors.As(err, &proxy), isOp && op.Op == "proxyconnect":
		return ReasonProxy
	case errors.As(err, &dns):
		return ReasonDNS
	case isOp && op.Op == "dial", errors.Is(err, errConnectTimeout):
		return ReasonConnect
	case isTLS(err), isOp && (op.Op == "remote error" || op.Op == "local error"):
		return ReasonTLS
	case at == connecting:
		// there is a connection, or the operation were "dial", and it isn't
		// ready for a request: what is left is the handshake
		return ReasonTLS
	case isBroken(err), at != answered, errors.As(err, &slow) && slow.Timeout():
		return ReasonConnection
	}
	return ReasonProtocol
}

func isTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		authority    x509.UnknownAuthorityError
	)
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &authority) || errors.Is(err, http.ErrSchemeMismatch)
}

func isBroken(err error) bool {
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, syscall.ETIMEDOUT} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}
