package handshake

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/secret"
)

type afterCase struct {
	name, body        string
	eventType         string // Event Grid's header
	status            int    // 0 for no handshake
	contentType, want string
}

// TestAfterAuth has bodies as the documents show them, and bodies that must
// not count. C38: only the type decides.
func TestAfterAuth(t *testing.T) {
	const plain, json = "text/plain", "application/json"
	long := strings.Repeat("a", maxChallenge)
	tests := map[string][]afterCase{
		"slack": {
			{name: "C38", body: `{"type":"url_verification","token":"x","challenge":"3eZbrw1a"}`, status: 200, contentType: plain, want: "3eZbrw1a"},
			{name: "of the document", status: 200, contentType: plain, want: "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
				body: "{\n\"token\": \"Jhj5dZrVaK7ZwHHjRyZWjbDl\",\n\"challenge\": \"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P\",\n\"type\": \"url_verification\"\n}\n"},
			{name: "inert text", body: `{"type":"url_verification","challenge":"<b>\u00e9"}`, status: 200, contentType: plain, want: "<b>é"},
			{name: "longest", body: `{"type":"url_verification","challenge":"` + long + `"}`, status: 200, contentType: plain, want: long},
			{name: "too long", body: `{"type":"url_verification","challenge":"a` + long + `"}`, status: 400},
			{name: "no challenge", body: `{"type":"url_verification"}`, status: 400},
			{name: "challenge is a number", body: `{"type":"url_verification","challenge":1}`, status: 400},
			{name: "challenge is null", body: `{"type":"url_verification","challenge":null}`, status: 400},
			{name: "C38 an event", body: `{"type":"event_callback","challenge":"x"}`},
			{name: "an event that quotes it", body: `{"type":"event_callback","challenge":"x","event":{"text":"\"type\":\"url_verification\""}}`},
			{name: "deep inside", body: `{"event":{"type":"url_verification"},"challenge":"x"}`},
			{name: "another case", body: `{"type":"URL_verification","challenge":"x","a":"url_verification"}`},
			{name: "another case of the name", body: `{"Type":"url_verification","challenge":"x"}`},
			{name: "more than the type", body: `{"type":"url_verification ","challenge":"x"}`},
			{name: "type is a list", body: `{"type":["url_verification"],"challenge":"x"}`},
			{name: "two types", body: `{"type":"event_callback","type":"url_verification","challenge":"x"}`},
			{name: "two types, one escaped", body: `{"type":"url_verification","\u0074ype":"event_callback","challenge":"x"}`},
			{name: "two challenges", body: `{"type":"url_verification","challenge":"x","challenge":"y"}`},
			{name: "a list", body: `[{"type":"url_verification","challenge":"x"}]`},
			{name: "cut", body: `{"type":"url_verification","challenge":"x"`},
			{name: "something behind", body: `{"type":"url_verification","challenge":"x"}{}`},
			{name: "a comma too many", body: `{"type":"url_verification","challenge":"x",}`},
			{name: "a comma too few", body: `{"type":"url_verification" "challenge":"x"}`},
			{name: "no UTF-8", body: "{\"type\":\"url_verification\",\"challenge\":\"\xff\"}"},
			{name: "deep", body: `{"type":"url_verification","challenge":"x","a":` + strings.Repeat("[", 20000)},
			{name: "large", body: `{"type":"url_verification","challenge":"x","a":"` + strings.Repeat("a", maxMessage) + `"}`},
			{name: "a form", body: `payload=url_verification`},
			{name: "empty"},
		},
		"zoom": {
			{name: "of the document", body: `{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`,
				status: 200, contentType: json,
				want: `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"d9e0d764a78494688ba3f2d5c0ed4ca311394b4834d959759213424d2df961e3"}`},
			{name: "no payload", body: `{"event":"endpoint.url_validation"}`, status: 400},
			{name: "no token", body: `{"payload":{},"event":"endpoint.url_validation"}`, status: 400},
			{name: "the text of a signature gets no MAC", body: `{"payload":{"plainToken":"v0:1654503849:{}"},"event":"endpoint.url_validation"}`, status: 400},
			{name: "too long", body: `{"payload":{"plainToken":"` + long + `"},"event":"endpoint.url_validation"}`, status: 400},
			{name: "two tokens", body: `{"payload":{"plainToken":"a","plainToken":"b"},"event":"endpoint.url_validation"}`, status: 400},
			{name: "another event", body: `{"payload":{"plainToken":"a"},"event":"meeting.started"}`},
			{name: "an event that quotes it", body: `{"payload":{"topic":"endpoint.url_validation"},"event":"meeting.started"}`},
		},
		"eventgrid": {
			{name: "of the document", eventType: "SubscriptionValidation", status: 200, contentType: json, want: `{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}`,
				body: `[{"id":"2d1781af-3a4c-4d7c-bd0c-e34b19da4e66","topic":"/subscriptions/x","subject":"","data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6",` +
					`"validationUrl":"https://169.254.169.254/"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","eventTime":"2022-10-28T04:23:35.1981776Z","metadataVersion":"1","dataVersion":"1"}]`},
			{name: "inert text", eventType: "SubscriptionValidation", status: 200, contentType: json, want: `{"validationResponse":"\u003cb\u003e"}`,
				body: `[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"<b>"}}]`},
			{name: "no code", eventType: "SubscriptionValidation", status: 400, body: `[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{}}]`},
			{name: "another header", eventType: "Notification", body: `[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"a"}}]`},
			{name: "no header", body: `[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"a"}}]`},
			{name: "another type", eventType: "SubscriptionValidation", body: `[{"eventType":"Microsoft.Storage.BlobCreated","data":{"validationCode":"a"}}]`},
			{name: "two events", eventType: "SubscriptionValidation", body: `[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"a"}},{}]`},
			{name: "no list", eventType: "SubscriptionValidation", body: `{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"a"}}`},
			{name: "an empty list", eventType: "SubscriptionValidation", body: `[]`},
			{name: "something behind", eventType: "SubscriptionValidation", body: `[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"a"}}]]`},
		},
		"x": {
			{name: "a body that may be a CRC token", body: "9b4507b3-9040-4669-9ca3-6b94edb50553", status: 401},
			{name: "a webhook", body: `{"for_user_id":"1"}`},
			{name: "more letters than a CRC token may have", body: long},
		},
		"sns": {
			{name: "C43", body: `{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription"}`},
			{name: "C43 an address of ours", body: `{"Type":"SubscriptionConfirmation","SubscribeURL":"https://169.254.169.254/"}`},
		},
	}
	for provider, cases := range tests {
		s := newSet(t, options(provider))
		for _, test := range cases {
			t.Run(provider+"/"+test.name, func(t *testing.T) {
				r := Request{Method: http.MethodPost, Header: http.Header{}}
				if test.eventType != "" {
					r.Header.Set("aeg-event-type", test.eventType)
				}
				a, outcome := s.AfterAuth(r, []byte(test.body))
				checkAnswer(t, provider, a, outcome, test.status)
				if a.ContentType != test.contentType || string(a.Body) != test.want {
					t.Errorf("%q %q", a.ContentType, a.Body)
				}
				r.Method = http.MethodPut
				if _, outcome = s.AfterAuth(r, []byte(test.body)); outcome != NotAHandshake {
					t.Error("a PUT is a handshake")
				}
			})
		}
	}
}

// TestSlackToken is the deprecated token, which counts if it is configured.
func TestSlackToken(t *testing.T) {
	o := options("slack")
	o.Token = value(slackSaid)
	s := newSet(t, o)
	for token, status := range map[string]int{`"` + slackSaid + `"`: 200, `"x"`: 403, `null`: 403} {
		a, outcome := s.AfterAuth(Request{Method: http.MethodPost}, []byte(`{"type":"url_verification","challenge":"c","token":`+token+`}`))
		checkAnswer(t, "slack", a, outcome, status)
	}
}

// TestPool has the MAC follow the time: a provider asks again, long after the
// route was made.
func TestPool(t *testing.T) {
	const withX, withOther = `{"response_token":"sha256=tKpoo2bAXL0mbGEln3qoIy0QxHdObOWypv21OqAxC7c="}`, `{"response_token":"sha256=U8xrRkBtmxx1J7xI2Z7FYWKT/z/Gg/yjZi6+YcGiCRg="}`
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := clock.NewManual(start)
	pool := secret.NewPool(
		secret.Version{ID: "1", Value: value(xSecret), From: start.Add(time.Hour), Until: start.Add(4 * time.Hour)},
		secret.Version{ID: "2", Value: value("other-secret"), From: start.Add(2 * time.Hour), Until: start.Add(4 * time.Hour)},
	)
	alone := newSet(t, Options{Provider: "x", Pool: pool, Clock: c})
	withKey := newSet(t, Options{Provider: "x", Pool: pool, Clock: c, Keys: []secret.Value{value(xSecret)}})
	withToken := newSet(t, Options{Provider: "x", Pool: pool, Clock: c, Token: value(xSecret)})
	for hour, want := range []struct{ alone, withKey string }{{"", withX}, {withX, withX}, {withOther, withOther}, {withOther, withOther}, {"", withX}} {
		r := Request{Method: http.MethodGet, RawQuery: "crc_token=9b4507b3-9040-4669-9ca3-6b94edb50553"}
		a, outcome := alone.Early(r)
		status := map[bool]int{false: 503, true: 200}[want.alone != ""]
		checkAnswer(t, "x", a, outcome, status)
		b, _ := withKey.Early(r)
		d, _ := withToken.Early(r)
		if string(a.Body) != want.alone || string(b.Body) != want.withKey || string(d.Body) != withX {
			t.Errorf("hour %d: %s, %s, %s", hour, a.Body, b.Body, d.Body)
		}
		c.Advance(time.Hour)
	}
	zoom := newSet(t, Options{Provider: "zoom", Pool: pool, Clock: c})
	a, outcome := zoom.AfterAuth(Request{Method: http.MethodPost}, []byte(`{"payload":{"plainToken":"a"},"event":"endpoint.url_validation"}`))
	checkAnswer(t, "zoom", a, outcome, 503)
}

// TestKeys has the token go before the secrets of the route, and the first of
// these that isn't empty before the others.
func TestKeys(t *testing.T) {
	const withX, withOther = `{"response_token":"sha256=tKpoo2bAXL0mbGEln3qoIy0QxHdObOWypv21OqAxC7c="}`, `{"response_token":"sha256=U8xrRkBtmxx1J7xI2Z7FYWKT/z/Gg/yjZi6+YcGiCRg="}`
	x, other := value(xSecret), value("other-secret")
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"the first key", Options{Keys: []secret.Value{x, other}}, withX},
		{"an empty key", Options{Keys: []secret.Value{{}, other, x}}, withOther},
		{"the token", Options{Token: other, Keys: []secret.Value{x}}, withOther},
	}
	for _, test := range tests {
		test.o.Provider = "x"
		a, _ := newSet(t, test.o).Early(Request{Method: http.MethodGet, RawQuery: "crc_token=9b4507b3-9040-4669-9ca3-6b94edb50553"})
		if string(a.Body) != test.want {
			t.Errorf("%s: %s", test.name, a.Body)
		}
	}
}
