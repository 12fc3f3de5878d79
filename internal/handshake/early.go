package handshake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
)

// metaChallenge echoes hub.challenge to whoever knows the verify token.
func metaChallenge(h *handshake, r Request) (Answer, Outcome) {
	mode, hasMode := param(r.RawQuery, "hub.mode")
	token, hasToken := param(r.RawQuery, "hub.verify_token")
	challenge, hasChallenge := param(r.RawQuery, "hub.challenge")
	switch {
	case hasMode == absent && hasToken == absent && hasChallenge == absent:
		return Answer{}, NotAHandshake
	case hasToken != once || !h.token.Equal([]byte(token)):
		return wrongToken()
	case hasMode != once || mode != "subscribe":
		return refuse(http.StatusBadRequest, challengeCode, "hub.mode must be there once and be subscribe")
	case hasChallenge != once || !echoable(challenge):
		return wrongChallenge("hub.challenge")
	}
	return text(challenge)
}

func graphValidation(_ *handshake, r Request) (Answer, Outcome) { return echo(r, "validationToken") }

func dropboxChallenge(_ *handshake, r Request) (Answer, Outcome) { return echo(r, "challenge") }

// echo answers the value of a query parameter.
func echo(r Request, name string) (Answer, Outcome) {
	value, has := param(r.RawQuery, name)
	switch {
	case has == absent:
		return Answer{}, NotAHandshake
	case has != once || !echoable(value):
		return wrongChallenge(name)
	}
	return text(value)
}

// trelloHead answers any HEAD: Trello sends nothing to tell it by.
func trelloHead(*handshake, Request) (Answer, Outcome) {
	return Answer{Status: http.StatusOK}, Answered
}

// cloudEventsOptions permits any origin, at the rate that it asks for: who may
// send is for the route's authentication to say, and how much for its rate
// limit. A callback that the request names is not called, as the answer itself
// permits.
func cloudEventsOptions(_ *handshake, r Request) (Answer, Outcome) {
	origins := r.Header.Values("WebHook-Request-Origin")
	if len(origins) == 0 {
		return Answer{}, NotAHandshake
	}
	if len(origins) > 1 || !isOrigin(origins[0]) {
		return refuse(http.StatusBadRequest, challengeCode, "WebHook-Request-Origin must be there once and be a host name")
	}
	rate := "*"
	if rates := r.Header.Values("WebHook-Request-Rate"); len(rates) > 0 {
		n, err := strconv.ParseUint(rates[0], 10, 31)
		if err != nil || n == 0 || len(rates) > 1 {
			return refuse(http.StatusBadRequest, challengeCode, "WebHook-Request-Rate must be there once and be a positive number of requests per minute")
		}
		rate = strconv.FormatUint(n, 10)
	}
	return Answer{Status: http.StatusOK, Header: [][2]string{
		{"Allow", http.MethodPost},
		{"WebHook-Allowed-Origin", origins[0]},
		{"WebHook-Allowed-Rate", rate},
	}}, Answered
}

// xChallenge gives the MAC of the challenge. X signs webhooks in the same way
// and with the same key, and doesn't sign this request, so anyone could have a
// body of their own signed here. Only texts that can't be the JSON of a webhook
// get a MAC, and [xForgery] refuses such texts as webhooks.
func xChallenge(h *handshake, r Request) (Answer, Outcome) {
	token, has := param(r.RawQuery, "crc_token")
	switch {
	case has == absent:
		return Answer{}, NotAHandshake
	case has != once || !isNonce([]byte(token)):
		return wrongNonce("crc_token")
	}
	sum, ok := h.mac(token)
	if !ok {
		return noSecret()
	}
	return object("response_token", "sha256="+base64.StdEncoding.EncodeToString(sum))
}

// ebayChallenge hashes the challenge together with what eBay and the receiver
// alone know.
func ebayChallenge(h *handshake, r Request) (Answer, Outcome) {
	code, has := param(r.RawQuery, "challenge_code")
	switch {
	case has == absent:
		return Answer{}, NotAHandshake
	case has != once || !echoable(code):
		return wrongChallenge("challenge_code")
	}
	hash := sha256.New()
	hash.Write([]byte(code))
	hash.Write(h.token.Reveal())
	hash.Write([]byte(h.url))
	return object("challengeResponse", hex.EncodeToString(hash.Sum(nil)))
}

// mac is the HMAC-SHA256 of a text.
func (h *handshake) mac(text string) (sum []byte, ok bool) {
	key, ok := h.key()
	if !ok {
		return nil, false
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil), true
}
