package handshake

import (
	"bytes"
	"encoding/hex"
	"net/http"
)

// slackVerification echoes the challenge of a body whose type, and nothing
// else, says that it is one.
func slackVerification(h *handshake, _ Request, body []byte) (Answer, Outcome) {
	const kind = "url_verification"
	members, ok := messageWith(kind, body)
	if !ok || members.text("type") != kind {
		return Answer{}, NotAHandshake
	}
	if h.token.Len() > 0 && !h.token.Equal([]byte(members.text("token"))) {
		return wrongToken()
	}
	challenge := members.text("challenge")
	if !echoable(challenge) {
		return wrongChallenge("challenge")
	}
	return text(challenge)
}

// zoomValidation gives the challenge back together with its MAC. Zoom signs
// webhooks with the same key, over a text that has colons, which a challenge
// here can't have.
func zoomValidation(h *handshake, _ Request, body []byte) (Answer, Outcome) {
	const kind = "endpoint.url_validation"
	members, ok := messageWith(kind, body)
	if !ok || members.text("event") != kind {
		return Answer{}, NotAHandshake
	}
	payload, _ := members.object("payload")
	plain := payload.text("plainToken")
	if !isNonce([]byte(plain)) {
		return wrongNonce("payload.plainToken")
	}
	sum, ok := h.mac(plain)
	if !ok {
		return noSecret()
	}
	return object("plainToken", plain, "encryptedToken", hex.EncodeToString(sum))
}

// eventGridValidation echoes the validation code. Event Grid always sends a
// list, for this one with a single event.
func eventGridValidation(_ *handshake, r Request, body []byte) (Answer, Outcome) {
	const kind = "Microsoft.EventGrid.SubscriptionValidationEvent"
	if types := r.Header.Values("Aeg-Event-Type"); len(types) != 1 || types[0] != "SubscriptionValidation" {
		return Answer{}, NotAHandshake
	}
	event, ok := onlyElement(body)
	if !ok || event.text("eventType") != kind {
		return Answer{}, NotAHandshake
	}
	data, _ := event.object("data")
	code := data.text("validationCode")
	if !echoable(code) {
		return wrongChallenge("data.validationCode")
	}
	return object("validationResponse", code)
}

// xForgery refuses a webhook whose signature [xChallenge] may have given away,
// like any other that isn't authentic.
func xForgery(_ *handshake, _ Request, body []byte) (Answer, Outcome) {
	if !isNonce(body) {
		return Answer{}, NotAHandshake
	}
	return refuse(http.StatusUnauthorized, "unauthorized", "the request is not authenticated")
}

// messageWith reads a body as one JSON object if the word is in it and it is
// small enough for a handshake.
func messageWith(word string, body []byte) (members, bool) {
	if len(body) > maxMessage || !bytes.Contains(body, []byte(word)) {
		return nil, false
	}
	return parseObject(body)
}
