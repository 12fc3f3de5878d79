package handshake

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"unicode/utf8"
)

// FuzzParam holds the search in a query to what net/url makes of all of it.
func FuzzParam(f *testing.F) {
	for _, seed := range []string{"", "a", "challenge", "challenge=a", "challenge=a&challenge=b", "&&challenge=%41+%2b&", "%63hallenge=1", "challenge=%", "challenge=a;b", "x=challenge=a", "challenge==", "%=&challenge=a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, has := param(query, "challenge")
		all, err := url.ParseQuery(query)
		if err != nil {
			return // ours looks past what doesn't concern it
		}
		want := all["challenge"]
		switch {
		case len(want) == 0 && has != absent, len(want) > 1 && has != unclear, len(want) == 1 && (has != once || got != want[0]):
			t.Fatalf("%q, %d for %q", got, has, want)
		}
	})
}

// FuzzEarly has every answer be bounded, whatever the query.
func FuzzEarly(f *testing.F) {
	var all []Options
	for _, p := range []string{"meta", "microsoft-graph", "trello", "dropbox", "cloudevents", "x", "ebay"} {
		all = append(all, options(p))
	}
	s := newSet(f, all...)
	f.Add("GET", "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock", "", "")
	f.Add("GET", "challenge=abc-123", "", "")
	f.Add("GET", "crc_token=%7B%7D", "", "")
	f.Add("GET", "challenge_code=a8628072-3d33-45ee-9004-bee86830a22d", "", "")
	f.Add("POST", "validationToken=Validation%3a+Testing+client+application", "", "")
	f.Add("OPTIONS", "", "eventemitter.example.com", "120")
	f.Add("HEAD", "%zz", "", "")
	f.Fuzz(func(t *testing.T, method, query, origin, rate string) {
		r := Request{Method: method, RawQuery: query, Header: http.Header{"Webhook-Request-Origin": {origin}, "Webhook-Request-Rate": {rate}}}
		a, o := s.Early(r)
		checkFuzzed(t, a, o)
		again, o2 := s.Early(r)
		if o2 != o || again.Status != a.Status || string(again.Body) != string(a.Body) {
			t.Fatal("not the same answer again")
		}
	})
}

// FuzzAfterAuth has a body count only if encoding/json too takes it as what it
// claims to be, and no MAC be given for what could be signed as a webhook.
func FuzzAfterAuth(f *testing.F) {
	s := newSet(f, options("slack"), options("zoom"), options("eventgrid"), options("x"))
	for _, seed := range []string{
		`{"type":"url_verification","token":"x","challenge":"3eZbrw1a"}`,
		`{"type":"url_verification","type":"a","challenge":"\ud800"}`,
		`{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`,
		`[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"a"}}]`,
		`9b4507b3`, ``, `{`, `[`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		kept := slices.Clone(body)
		a, o := s.AfterAuth(Request{Method: "POST", Header: http.Header{"Aeg-Event-Type": {"SubscriptionValidation"}}}, body)
		checkFuzzed(t, a, o)
		if o == NotAHandshake || a.Status == http.StatusUnauthorized {
			return
		}
		if !json.Valid(body) || !slices.Equal(kept, body) {
			t.Fatalf("%q counts as a handshake of %s", body, a.Provider)
		}
	})
}

func checkFuzzed(t *testing.T, a Answer, o Outcome) {
	if (o == NotAHandshake) != (a.Status == 0) || (o == Answered) != (a.Status == 200) {
		t.Fatalf("outcome %d, status %d", o, a.Status)
	}
	if len(a.Body) > 6*maxChallenge+64 || !utf8.Valid(a.Body) || (len(a.Body) > 0) != (a.ContentType != "") {
		t.Fatalf("%q, a body of %d", a.ContentType, len(a.Body))
	}
	if a.ContentType == "application/json" && !json.Valid(a.Body) {
		t.Fatalf("%s is no JSON", a.Body)
	}
	for _, f := range a.Header {
		for _, c := range f[1] {
			if c < ' ' || c > '~' {
				t.Fatalf("header %q", f)
			}
		}
	}
}
