package ingress

import (
	"net/http"

	"hookaido/internal/handshake"
	"hookaido/internal/httpx"
)

func (x *exchange) handshakeRequest() handshake.Request {
	return handshake.Request{Method: x.r.Method, RawQuery: x.r.URL.RawQuery, Header: x.r.Header}
}

// early answers a handshake that needs no body.
func (x *exchange) early() (*reply, *refusal) {
	if x.rt.Handshakes == nil {
		return nil, nil
	}
	return x.shakeHands(x.rt.Handshakes.Early(x.handshakeRequest()))
}

// afterAuth answers a handshake that the body is.
func (x *exchange) afterAuth(body []byte) (*reply, *refusal) {
	if !x.rt.Handshakes.NeedsBody() {
		return nil, nil
	}
	return x.shakeHands(x.rt.Handshakes.AfterAuth(x.handshakeRequest(), body))
}

func (x *exchange) shakeHands(a handshake.Answer, outcome handshake.Outcome) (*reply, *refusal) {
	if outcome == handshake.NotAHandshake {
		return nil, nil
	}
	x.metrics.handshakes.WithLabelValues(a.Provider, outcome.String()).Inc()
	header := http.Header{}
	for _, pair := range a.Header {
		header.Set(pair[0], pair[1])
	}
	if outcome == handshake.Refused {
		f := &refusal{
			answer: &httpx.Error{Status: a.Status, Code: a.Code, Detail: a.Detail},
			label:  reasonPolicy, class: a.Code, header: header,
		}
		if a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden {
			f.label = reasonAuth
		}
		return nil, f
	}
	if a.ContentType != "" {
		header.Set("Content-Type", a.ContentType)
	}
	x.note.Reason = "handshake"
	return &reply{status: a.Status, header: header, body: a.Body}, nil
}
