package hmac

import (
	"crypto/sha1" //nolint:gosec // Twilio and Trello sign with HMAC-SHA1, which has no known weakness
	"time"

	"hookaido/internal/config"
)

const (
	// usualTolerance is what Stripe's libraries, Slack, HubSpot and Standard
	// Webhooks say; providers that say nothing get it as well.
	usualTolerance = 5 * time.Minute
	// linearTolerance is what Linear says.
	linearTolerance = time.Minute
)

// schemes is the table of providers. Above each row stands the document that
// the row follows.
func schemes() []scheme {
	return append(append(forges(), services()...), special()...)
}

// forges host code.
func forges() []scheme {
	// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
	github := bodyScheme(config.GitHub, "X-Hub-Signature-256", "{body}")
	github.parse = prefixed("sha256=", macKey)

	// https://docs.gitea.com/usage/repository/webhooks
	gitea := bodyScheme(config.Gitea, "X-Gitea-Signature", "{body}")

	// https://forgejo.org/docs/latest/user/webhooks/
	// Forgejo sends its own header and Gitea's with the same value; older
	// versions only Gitea's. Its own decides where it is there.
	forgejo := bodyScheme("forgejo", "X-Forgejo-Signature", "{body}")
	forgejo.families = append(forgejo.families, family{signature: "X-Gitea-Signature"})

	// https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/
	// The header is the one that elsewhere has SHA-1. Events without a
	// signature, such as a test ping of Bitbucket Server, are refused.
	bitbucket := bodyScheme("bitbucket", "X-Hub-Signature", "{body}")
	bitbucket.parse = prefixed("sha256=", macKey)

	// https://docs.gitlab.com/user/project/integrations/webhooks/
	gitlabToken := bodyScheme("gitlab-token", "", "{body}")
	gitlabToken.families, gitlabToken.tokenHeader, gitlabToken.newKey = nil, "X-Gitlab-Token", tokenOf

	// the same; the signature is that of Standard Webhooks
	gitlab := standardWebhooks("gitlab")
	gitlab.families = gitlab.families[:1]
	gitlab.tokenHeader, gitlab.newKey = "X-Gitlab-Token", gitlabKey

	return []scheme{github, gitea, forgejo, bitbucket, gitlabToken, gitlab}
}

// services sign with a MAC over body and timestamp.
func services() []scheme {
	// https://docs.stripe.com/webhooks#verify-manually
	stripe := stamped(config.Stripe, "Stripe-Signature", "", "{timestamp}.{body}")
	stripe.parse = tagged("t", "v1")

	// No public document is known; the header has the form of Stripe's, with
	// milliseconds.
	cituro := stamped("cituro", "X-Cituro-Signature", "", "{timestamp}.{body}")
	cituro.parse, cituro.repeats = tagged("t", "s"), true
	cituro.stampOf, cituro.stampUnit = milliseconds, unitMilliseconds

	// https://docs.slack.dev/authentication/verifying-requests-from-slack
	slack := stamped("slack", "X-Slack-Signature", "X-Slack-Request-Timestamp", "v0:{timestamp}:{body}")
	slack.parse = prefixed("v0=", macKey)

	// https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events
	zoom := stamped("zoom", "X-Zm-Signature", "X-Zm-Request-Timestamp", "v0:{timestamp}:{body}")
	zoom.parse, zoom.repeats = prefixed("v0=", macKey), true

	// https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook
	shopify := bodyScheme("shopify", "X-Shopify-Hmac-Sha256", "{body}")
	shopify.decode = base64Decoder()

	// https://developers.facebook.com/docs/graph-api/webhooks/getting-started#event-notifications
	meta := bodyScheme("meta", "X-Hub-Signature-256", "{body}")
	meta.parse = prefixed("sha256=", macKey)

	// https://docs.x.com/x-api/webhooks/introduction
	x := bodyScheme("x", "X-Twitter-Webhooks-Signature", "{body}")
	x.parse, x.decode = prefixed("sha256=", macKey), base64Decoder()

	// https://linear.app/developers/webhooks
	linear := bodyScheme("linear", "Linear-Signature", "{body}")
	linear.bodyStamp, linear.stampUnit, linear.tolerance = linearStamp, unitMilliseconds, linearTolerance

	// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
	// https://docs.svix.com/receiving/verifying-payloads/how-manual
	return []scheme{
		stripe, cituro, slack, zoom, shopify, meta, x, linear,
		standardWebhooks("standard-webhooks"), standardWebhooks("svix"),
	}
}

func standardWebhooks(p config.Provider) scheme {
	s := stamped(p, "Webhook-Signature", "Webhook-Timestamp", "{id}.{timestamp}.{body}")
	s.families = []family{
		{"Webhook-Signature", "Webhook-Timestamp", "Webhook-Id"},
		{"Svix-Signature", "Svix-Timestamp", "Svix-Id"},
	}
	s.parse, s.decode, s.newKey, s.repeats = spaced, base64Decoder(), standardKey, true
	return s
}

// special sign the URL too, or sign with a private key.
func special() []scheme {
	// https://www.twilio.com/docs/usage/webhooks/webhooks-security
	twilio := bodyScheme("twilio", "X-Twilio-Signature", "{url}{form}")
	twilio.decode, twilio.digest = base64Decoder(), sha1.New

	// https://developer.squareup.com/docs/webhooks/step3validate
	square := bodyScheme("square", "X-Square-Hmacsha256-Signature", "{url}{body}")
	square.decode = base64Decoder()

	// https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/#webhook-signatures
	trello := bodyScheme("trello", "X-Trello-Webhook", "{body}{url}")
	trello.decode, trello.digest = base64Decoder(), sha1.New

	// https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests
	hubspot := stamped("hubspot", "X-Hubspot-Signature-V3", "X-Hubspot-Request-Timestamp", "{method}{decoded_url}{body}{timestamp}")
	hubspot.decode, hubspot.stampOf, hubspot.stampUnit = base64Decoder(), milliseconds, unitMilliseconds

	// https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-validating-security-request-headers
	discord := stamped("discord", "X-Signature-Ed25519", "X-Signature-Timestamp", "{timestamp}{body}")
	discord.parse, discord.newKey = prefixed("", ed25519Key), discordKey

	// https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
	sendgrid := stamped("sendgrid", "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp", "{timestamp}{body}")
	sendgrid.parse, sendgrid.decode, sendgrid.newKey, sendgrid.repeats = prefixed("", ecdsaKey), base64Decoder(), sendGridKey, true

	return []scheme{twilio, square, trello, hubspot, discord, sendgrid}
}
