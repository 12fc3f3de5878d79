package handshake

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

type earlyCase struct {
	name, method, query string
	header              http.Header
	status              int // 0 for no handshake
	contentType, body   string
	extra               string // header fields of the answer, beside those of all
}

// TestEarly has the answers to the byte. The MACs and hashes were computed with
// openssl and Python, eBay's is that of its SDKs.
func TestEarly(t *testing.T) {
	const plain, json = "text/plain", "application/json"
	long := strings.Repeat("a", maxChallenge)
	tests := map[string][]earlyCase{
		"meta": {
			{name: "of the document", query: "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock", status: 200, contentType: plain, body: "1158201444"},
			{name: "C41 inert text", query: "hub.challenge=%3Cb%3E&hub.verify_token=meatyhamhock&hub.mode=subscribe", status: 200, contentType: plain, body: "<b>"},
			{name: "wrong token", query: "hub.mode=subscribe&hub.challenge=1&hub.verify_token=meatyhamhocK", status: 403},
			{name: "part of the token", query: "hub.mode=subscribe&hub.challenge=1&hub.verify_token=meaty", status: 403},
			{name: "no token", query: "hub.mode=subscribe&hub.challenge=1", status: 403},
			{name: "two tokens", query: "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x&hub.verify_token=meatyhamhock", status: 403},
			{name: "another mode", query: "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=meatyhamhock", status: 400},
			{name: "no mode", query: "hub.challenge=1&hub.verify_token=meatyhamhock", status: 400},
			{name: "no challenge", query: "hub.mode=subscribe&hub.verify_token=meatyhamhock", status: 400},
			{name: "too long", query: "hub.mode=subscribe&hub.verify_token=meatyhamhock&hub.challenge=1" + long, status: 400},
			{name: "something else", query: "a=b"},
			{name: "a webhook", method: "POST", query: "hub.mode=subscribe&hub.challenge=1&hub.verify_token=meatyhamhock"},
		},
		"microsoft-graph": {
			{name: "C37", query: "validationToken=Validation%3a+Testing+client+application", status: 200, contentType: plain, body: "Validation: Testing client application"},
			{name: "C37 decoded once", query: "validationToken=a%2525%2Bb", status: 200, contentType: plain, body: "a%25+b"},
			{name: "C37 4 kB", query: "validationToken=" + long, status: 200, contentType: plain, body: long},
			{name: "C37 over 4 kB", query: "validationToken=" + long + "a", status: 400},
			{name: "C37 an ordinary notification", query: ""},
			{name: "another parameter", query: "x=validationToken&validationtoken=a"},
			{name: "behind others", query: "a=b&c&validationToken=t", status: 200, contentType: plain, body: "t"},
			{name: "beside what can't be decoded", query: "%zz=%zz&validationToken=t;u", status: 200, contentType: plain, body: "t;u"},
			{name: "an encoded name", query: "validation%54oken=t", status: 200, contentType: plain, body: "t"},
			{name: "empty", query: "validationToken=", status: 400},
			{name: "without a value", query: "validationToken", status: 400},
			{name: "twice", query: "validationToken=a&validationToken=a", status: 400},
			{name: "not to be decoded", query: "validationToken=%zz", status: 400},
			{name: "no UTF-8", query: "validationToken=%ff", status: 400},
			{name: "GET", method: "GET", query: "validationToken=a"},
		},
		"trello": {
			{name: "C40", status: 200},
			{name: "C40 a webhook", method: "POST"},
			{name: "GET", method: "GET"},
		},
		"dropbox": {
			{name: "C41", query: "challenge=abc-123", status: 200, contentType: plain, body: "abc-123"},
			{name: "C41 inert text", query: "challenge=<b>", status: 200, contentType: plain, body: "<b>"},
			{name: "C41 10 kB", query: "challenge=" + strings.Repeat("a", 10<<10), status: 400},
			{name: "no challenge", query: "challenges=a"},
			{name: "C40 HEAD", method: "HEAD", query: "challenge=abc-123"},
		},
		"cloudevents": {
			{name: "of the document", header: http.Header{"Webhook-Request-Origin": {"eventemitter.example.com"}, "Webhook-Request-Rate": {"120"}}, status: 200,
				extra: "Allow: POST, WebHook-Allowed-Origin: eventemitter.example.com, WebHook-Allowed-Rate: 120"},
			{name: "no rate", header: http.Header{"Webhook-Request-Origin": {"eventgrid.azure.net"}, "Webhook-Request-Callback": {"https://169.254.169.254/"}}, status: 200,
				extra: "Allow: POST, WebHook-Allowed-Origin: eventgrid.azure.net, WebHook-Allowed-Rate: *"},
			{name: "no origin", header: http.Header{"Origin": {"https://browser.example"}, "Access-Control-Request-Method": {"POST"}}},
			{name: "two origins", header: http.Header{"Webhook-Request-Origin": {"a", "b"}}, status: 400},
			{name: "no host name", header: http.Header{"Webhook-Request-Origin": {"a, b"}}, status: 400},
			{name: "empty", header: http.Header{"Webhook-Request-Origin": {""}}, status: 400},
			{name: "too long", header: http.Header{"Webhook-Request-Origin": {long}}, status: 400},
			{name: "rate 0", header: http.Header{"Webhook-Request-Origin": {"a"}, "Webhook-Request-Rate": {"0"}}, status: 400},
			{name: "rate -1", header: http.Header{"Webhook-Request-Origin": {"a"}, "Webhook-Request-Rate": {"-1"}}, status: 400},
			{name: "two rates", header: http.Header{"Webhook-Request-Origin": {"a"}, "Webhook-Request-Rate": {"1", "2"}}, status: 400},
			{name: "a webhook", method: "POST", header: http.Header{"Webhook-Request-Origin": {"a"}}},
		},
		"x": {
			{name: "CRC", query: "crc_token=9b4507b3-9040-4669-9ca3-6b94edb50553&nonce=1", status: 200, contentType: json,
				body: `{"response_token":"sha256=tKpoo2bAXL0mbGEln3qoIy0QxHdObOWypv21OqAxC7c="}`},
			{name: "base64", query: "crc_token=a%2Bb/c==", status: 200, contentType: json, body: `{"response_token":"sha256=ehs1Blw7VsOi0M/AGiX3Kd/AYyI1WbGa1nN7wKDG128="}`},
			{name: "a forged webhook gets no MAC", query: "crc_token=" + url.QueryEscape(`{"for_user_id":"1"}`), status: 400},
			{name: "a blank", query: "crc_token=a+b", status: 400},
			{name: "empty", query: "crc_token=", status: 400},
			{name: "longest", query: "crc_token=" + long[:maxNonce], status: 200, contentType: json, body: `{"response_token":"sha256=SxIeB7XeuRqNaTadb1hCfL89zoD8rU/MSn3D/MPSru0="}`},
			{name: "too long", query: "crc_token=" + long[:maxNonce+1], status: 400},
			{name: "twice", query: "crc_token=a&crc_token=b", status: 400},
			{name: "another", query: "challenge=a"},
		},
		"ebay": {
			{name: "of the SDKs", query: "challenge_code=a8628072-3d33-45ee-9004-bee86830a22d", status: 200, contentType: json,
				body: `{"challengeResponse":"ca527df75caa230092d7e90484071e8f05d63068f1317973d6a3a42593734bbb"}`},
			{name: "empty", query: "challenge_code=", status: 400},
			{name: "too long", query: "challenge_code=a" + long, status: 400},
			{name: "another", query: "challenge=a"},
		},
	}
	methods := map[string]string{"microsoft-graph": "POST", "trello": "HEAD", "cloudevents": "OPTIONS"}
	for provider, cases := range tests {
		s := newSet(t, options(provider))
		for _, test := range cases {
			if test.method == "" {
				test.method = "GET"
				if m := methods[provider]; m != "" {
					test.method = m
				}
			}
			t.Run(provider+"/"+test.name, func(t *testing.T) { test.run(t, provider, s) })
		}
	}
}

func (c earlyCase) run(t *testing.T, provider string, s *Set) {
	a, outcome := s.Early(Request{Method: c.method, RawQuery: c.query, Header: c.header})
	checkAnswer(t, provider, a, outcome, c.status)
	if a.ContentType != c.contentType || string(a.Body) != c.body {
		t.Errorf("%q %q", a.ContentType, a.Body)
	}
	if outcome != Answered {
		return
	}
	var extra []string
	for _, f := range a.Header[:len(a.Header)-2] {
		extra = append(extra, f[0]+": "+f[1])
	}
	if got := strings.Join(extra, ", "); got != c.extra {
		t.Errorf("header %s", got)
	}
}

// checkAnswer holds for answers of all providers.
func checkAnswer(t *testing.T, provider string, a Answer, outcome Outcome, status int) {
	t.Helper()
	want := map[int]Outcome{0: NotAHandshake, 200: Answered}
	o, ok := want[status]
	if !ok {
		o = Refused
	}
	if a.Status != status || outcome != o {
		t.Fatalf("status %d, outcome %d, %s", a.Status, outcome, a.Detail)
	}
	if outcome == NotAHandshake {
		if a.Provider != "" || a.Header != nil || a.Body != nil {
			t.Errorf("no handshake, but %+v", a)
		}
		return
	}
	if want := map[Outcome]string{Answered: "answered", Refused: "refused"}[outcome]; outcome.String() != want {
		t.Errorf("outcome %v", outcome)
	}
	if a.Provider != provider {
		t.Errorf("provider %q", a.Provider)
	}
	n := len(a.Header)
	if n < 2 || a.Header[n-2] != [2]string{"X-Content-Type-Options", "nosniff"} || a.Header[n-1] != [2]string{"Cache-Control", "no-store"} {
		t.Errorf("header %v", a.Header)
	}
	if (outcome == Refused) != (a.Code != "" && a.Detail != "") {
		t.Errorf("code %q, detail %q", a.Code, a.Detail)
	}
}
