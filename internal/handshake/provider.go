package handshake

import (
	"errors"
	"net/http"
)

// tokenUse says what a provider's handshake wants the token for.
type tokenUse uint8

const (
	unused   tokenUse = iota
	optional          // compared if there is one
	needed            // compared or hashed
	keyed             // the key of a MAC, in place of the route's first secret
)

// provider is a row of the table.
type provider struct {
	name string
	// method is that of the handshake.
	method   string
	use      tokenUse
	needsURL bool
	// several is set if a route may have more than one of them.
	several bool
	// valid checks the options further; nil for no more rules.
	valid func(*handshake) error
	// early and after answer; nil for never.
	early func(*handshake, Request) (Answer, Outcome)
	after func(*handshake, Request, []byte) (Answer, Outcome)
}

// providers is the table. Each row names the provider's document.
func providers() []provider {
	return []provider{
		// https://developers.facebook.com/docs/graph-api/webhooks/getting-started
		{name: "meta", method: http.MethodGet, use: needed, several: true, early: metaChallenge},
		// https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
		{name: "microsoft-graph", method: http.MethodPost, early: graphValidation},
		// https://docs.slack.dev/reference/events/url_verification
		{name: "slack", method: http.MethodPost, use: optional, after: slackVerification},
		// https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
		{name: "zoom", method: http.MethodPost, use: keyed, after: zoomValidation},
		// https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/
		{name: "trello", method: http.MethodHead, early: trelloHead},
		// https://www.dropbox.com/developers/reference/webhooks
		{name: "dropbox", method: http.MethodGet, early: dropboxChallenge},
		// https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md
		{name: "cloudevents", method: http.MethodOptions, early: cloudEventsOptions},
		// https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
		{name: "eventgrid", method: http.MethodPost, after: eventGridValidation},
		// https://docs.x.com/x-api/webhooks/quickstart
		{name: "x", method: http.MethodGet, use: keyed, early: xChallenge, after: xForgery},
		// https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
		// SNS waits for a request to a URL that its message names. Whoever can
		// send to the route could make us fetch what they like, so the message
		// is kept like any other and a worker decides.
		{name: "sns", method: http.MethodPost},
		// https://developer.ebay.com/marketplace-account-deletion
		{name: "ebay", method: http.MethodGet, use: needed, needsURL: true, valid: ebayToken, early: ebayChallenge},
	}
}

// ebayToken holds the token to eBay's own rule. It is worth an error, since the
// answer is a hash over it that anyone may ask for: a short one could be
// guessed.
func ebayToken(h *handshake) error {
	ok := 32 <= h.token.Len() && h.token.Len() <= 80
	for _, c := range h.token.Reveal() {
		ok = ok && (isAlphanumeric(c) || c == '_' || c == '-')
	}
	if !ok {
		return errors.New("needs a token of 32 to 80 letters, digits, _ and -: choose another and give it to eBay too")
	}
	return nil
}
