package handshake

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"hookaido/internal/secret"
)

func value(s string) secret.Value { return secret.New([]byte(s)) }

// the public address and the token of eBay's own example
const (
	ebayURL   = "http://www.testendpoint.com/webhook"
	ebaySaid  = "71745723-d031-455c-bfa5-f90d11b4f20a"
	metaSaid  = "meatyhamhock"
	xSecret   = "consumer-secret-1"
	zoomSaid  = "zoom-secret-token"
	slackSaid = "Jhj5dZrVaK7ZwHHjRyZWjbDl"
)

// options are the fewest that a provider needs.
func options(provider string) Options {
	o := Options{Provider: provider}
	switch provider {
	case "meta":
		o.Token = value(metaSaid)
	case "ebay":
		o.Token, o.URL = value(ebaySaid), ebayURL
	case "zoom":
		o.Keys = []secret.Value{value(zoomSaid)}
	case "x":
		o.Keys = []secret.Value{value(xSecret)}
	}
	return o
}

func newSet(t testing.TB, o ...Options) *Set {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNew(t *testing.T) {
	const word = "s3cret-that-must-not-show"
	some, none := value(word), secret.Value{}
	key := []secret.Value{none, some}
	tests := []struct {
		name string
		o    []Options
		want string // in the error; empty for none
	}{
		{"no options", nil, ""},
		{"meta", []Options{{Provider: "meta", Token: some}}, ""},
		{"zoom whose secret comes later", []Options{{Provider: "zoom", MayLackKeys: true}}, ""},
		{"meta without a token", []Options{{Provider: "meta", Keys: key}}, "handshake meta needs the token"},
		{"two tokens of meta", []Options{{Provider: "meta", Token: some}, {Provider: "meta", Token: value("other")}}, ""},
		{"meta with a URL", []Options{{Provider: "meta", Token: some, URL: ebayURL}}, "handshake meta has no use for a URL"},
		{"ebay", []Options{{Provider: "ebay", Token: value(strings.Repeat("aZ9_-", 16)), URL: ebayURL}}, ""},
		{"ebay without a token", []Options{{Provider: "ebay", URL: ebayURL}}, "handshake ebay needs the token"},
		{"ebay without a URL", []Options{{Provider: "ebay", Token: value(ebaySaid)}}, "handshake ebay needs the public address"},
		{"ebay, a token of 31", []Options{{Provider: "ebay", Token: value(word[:16] + word[:15]), URL: ebayURL}}, "handshake ebay needs a token of 32 to 80"},
		{"ebay, a token of 81", []Options{{Provider: "ebay", Token: value(strings.Repeat("a", 81)), URL: ebayURL}}, "handshake ebay needs a token of 32 to 80"},
		{"ebay, a token with a dot", []Options{{Provider: "ebay", Token: value(strings.Repeat("a.", 20)), URL: ebayURL}}, "handshake ebay needs a token of 32 to 80"},
		{"zoom with the secret of the route", []Options{{Provider: "zoom", Keys: key}}, ""},
		{"zoom with a token", []Options{{Provider: "zoom", Token: some}}, ""},
		{"zoom without a secret", []Options{{Provider: "zoom", Keys: []secret.Value{none}}}, "handshake zoom needs the secret"},
		{"zoom with a pool", []Options{{Provider: "zoom", Pool: secret.NewPool(secret.Version{Value: some})}}, ""},
		{"x without a secret", []Options{{Provider: "x"}}, "handshake x needs the secret"},
		{"slack with a token", []Options{{Provider: "slack", Token: some}}, ""},
		{"two of slack", []Options{{Provider: "slack"}, {Provider: "slack", Token: some}}, "handshake slack is there twice"},
		{"trello with a token", []Options{{Provider: "trello", Token: some}}, "handshake trello has no use for a token"},
		{"an unknown one", []Options{{Provider: "slacky"}}, "handshake slacky is of a provider that isn't known"},
		{"none", []Options{{}}, "isn't known"},
		{"the place is told", []Options{{Provider: "x", Pos: "Hookaidofile:12"}}, "Hookaidofile:12: handshake x needs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := New(test.o)
			if test.want == "" {
				if err != nil || s == nil {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v", err)
			}
			if strings.Contains(err.Error(), word[:12]) {
				t.Errorf("a secret shows in %v", err)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	tests := []struct {
		providers, want []string
		body            bool
	}{
		{nil, nil, false},
		{[]string{"sns", "microsoft-graph"}, nil, false},
		{[]string{"sns", "slack"}, nil, true},
		{[]string{"zoom"}, nil, true},
		{[]string{"eventgrid"}, nil, true},
		{[]string{"x"}, []string{http.MethodGet}, true},
		{[]string{"trello"}, []string{http.MethodHead}, false},
		{[]string{"cloudevents", "trello", "meta", "dropbox", "ebay"}, []string{http.MethodGet, http.MethodHead, http.MethodOptions}, false},
	}
	for _, test := range tests {
		var o []Options
		for _, p := range test.providers {
			o = append(o, options(p))
		}
		s := newSet(t, o...)
		if got := s.Methods(); !slices.Equal(got, test.want) || s.NeedsBody() != test.body {
			t.Errorf("%v: %v, %v", test.providers, got, s.NeedsBody())
		}
	}
}

// TestNil is a route without handshakes.
func TestNil(t *testing.T) {
	for _, s := range []*Set{nil, newSet(t)} {
		_, early := s.Early(Request{Method: http.MethodGet, RawQuery: "challenge=a"})
		_, after := s.AfterAuth(Request{Method: http.MethodPost}, []byte(`{"type":"url_verification","challenge":"a"}`))
		if early != NotAHandshake || after != NotAHandshake || s.Methods() != nil || s.NeedsBody() {
			t.Errorf("early %v, after %v", early, after)
		}
	}
}

// TestSeveral has the handshakes of one route keep out of each other's way.
func TestSeveral(t *testing.T) {
	s := newSet(t, Options{Provider: "meta", Token: value("old")}, options("meta"), options("dropbox"), options("x"), options("trello"))
	tests := []struct {
		name, method, query, provider, body string
		status                              int
	}{
		{"the second token", "GET", "hub.mode=subscribe&hub.challenge=11&hub.verify_token=" + metaSaid, "meta", "11", 200},
		{"the first token", "GET", "hub.mode=subscribe&hub.challenge=12&hub.verify_token=old", "meta", "12", 200},
		{"neither", "GET", "hub.mode=subscribe&hub.challenge=13&hub.verify_token=new", "meta", "", 403},
		{"the first that refuses", "GET", "hub.challenge=13&challenge=", "meta", "", 403},
		{"one that answers", "GET", "hub.challenge=13&challenge=abc", "dropbox", "abc", 200},
		{"dropbox", "GET", "challenge=abc", "dropbox", "abc", 200},
		{"x", "GET", "crc_token=9b4507b3-9040-4669-9ca3-6b94edb50553", "x", `{"response_token":"sha256=tKpoo2bAXL0mbGEln3qoIy0QxHdObOWypv21OqAxC7c="}`, 200},
		{"trello", "HEAD", "challenge=abc", "trello", "", 200},
		{"nobody's", "GET", "chalenge=abc", "", "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, _ := s.Early(Request{Method: test.method, RawQuery: test.query})
			if a.Provider != test.provider || a.Status != test.status || string(a.Body) != test.body {
				t.Errorf("%+v %s", a, a.Body)
			}
		})
	}
}

// TestOrdinaryWebhooksAreNotParsed holds what they cost down, whatever their size.
func TestOrdinaryWebhooksAreNotParsed(t *testing.T) {
	s := newSet(t, options("slack"), options("zoom"), options("eventgrid"), options("x"), options("microsoft-graph"))
	body := []byte(`{"type":"event_callback","text":"` + strings.Repeat("a", 1<<20) + `"}`)
	r := Request{Method: http.MethodPost, RawQuery: "a=b&c=d", Header: http.Header{"Content-Type": {"application/json"}}}
	allocs := testing.AllocsPerRun(20, func() {
		if _, o := s.Early(r); o != NotAHandshake {
			t.Fatal(o)
		}
		if _, o := s.AfterAuth(r, body); o != NotAHandshake {
			t.Fatal(o)
		}
	})
	if allocs > 4 { // of the closures
		t.Errorf("%v allocations", allocs)
	}
}
