package auth

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// redirector redirects /CODE/N N times with a code, and at last answers 200.
func redirector(w http.ResponseWriter, r *http.Request) {
	var code, n int
	if _, err := fmt.Sscanf(r.URL.Path, "/%d/%d", &code, &n); err != nil {
		w.WriteHeader(404)
		return
	}
	if n == 0 {
		return
	}
	w.Header().Set("Location", fmt.Sprintf("/%d/%d", code, n-1))
	w.Header().Set("X-Tenant", "of a redirect")
	w.WriteHeader(code)
}

func TestForwardRedirects(t *testing.T) {
	s := newService(t, redirector)
	header := http.Header{"Authorization": {"Bearer x"}, "Content-Type": {"text/plain"}, "Content-Encoding": {"br"}, "X-Tenant": {"mine"}}
	tests := []struct {
		code         int
		method, want string
		body         bool
	}{
		{301, "POST", "GET", false}, {302, "POST", "GET", false}, {303, "POST", "GET", false}, {302, "PUT", "GET", false},
		{302, "GET", "GET", false}, {302, "HEAD", "HEAD", false}, {307, "POST", "POST", true}, {308, "PUT", "PUT", true},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.code, test.method), func(t *testing.T) {
			f := mustForward(t, ForwardOptions{URL: fmt.Sprintf("%s/%d/2", s.URL, test.code), CopyHeaders: []string{"X-Tenant"}})
			result, err := f.Check(t.Context(), ForwardRequest{Method: test.method, Path: "/p", Header: header, Body: []byte("body")})
			got := s.take()
			if err != nil || result.Outcome != Pass || len(got) != 3 || result.Copied != nil {
				t.Fatalf("%+v, %v, %d requests", result, err, len(got))
			}
			for _, a := range got[1:] {
				kept := a.header.Get("Content-Type") == "text/plain" && a.header.Get("Content-Encoding") == "br"
				if a.method != test.want || (a.body == "body") != test.body || kept != test.body || !test.body && a.body != "" {
					t.Errorf("asked %+v", a)
				}
				if a.header.Get("Authorization") != "Bearer x" || a.header.Get(originalPath) != "/p" || a.header.Get(originalMethod) != test.method {
					t.Errorf("headers within one origin: %v", a.header)
				}
			}
		})
	}
	for n, outcome := range map[int]Outcome{10: Pass, 11: Unavailable} {
		f := mustForward(t, ForwardOptions{URL: fmt.Sprintf("%s/302/%d", s.URL, n)})
		if result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: "/"}); result.Outcome != outcome || len(s.take()) != 11 {
			t.Errorf("%d redirects: %+v, %v", n, result, err)
		}
	}
}

// TestForwardRedirectsToOthers keeps credentials from whoever is not the
// service, also when the chain leads back to it.
func TestForwardRedirectsToOthers(t *testing.T) {
	var home *service
	other := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", home.URL+"/back")
		w.WriteHeader(307)
	})
	home = newService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/back" {
			w.Header().Set("Location", other.URL+"/x")
			w.WriteHeader(307)
		}
	})
	f := mustForward(t, ForwardOptions{URL: home.URL})
	header := http.Header{"X-Plain": {"stays"}}
	secrets := []string{"Authorization", "Cookie", "X-Gitlab-Token", "X-Hub-Signature-256", "X-Shopify-Hmac-Sha256", "X-Api-Key", "X-Auth", "Referer", "Webhook-Signature"}
	for _, name := range secrets {
		header[name] = []string{"private"}
	}
	result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: "/p", Header: header, Body: []byte("b")})
	if err != nil || result.Outcome != Pass {
		t.Fatalf("%+v, %v", result, err)
	}
	atHome, abroad := home.take(), other.take()
	if len(atHome) != 2 || len(abroad) != 1 {
		t.Fatalf("%d and %d requests", len(atHome), len(abroad))
	}
	for _, name := range secrets {
		if atHome[0].header.Get(name) == "" || abroad[0].header.Get(name) != "" || atHome[1].header.Get(name) != "" {
			t.Errorf("%s: %q, then %q, then %q", name, atHome[0].header[name], abroad[0].header[name], atHome[1].header[name])
		}
	}
	if abroad[0].header.Get("X-Plain") != "stays" || abroad[0].header.Get(originalPath) != "/p" || abroad[0].body != "b" {
		t.Errorf("the other got %+v", abroad[0])
	}
}

func TestForwardRefusesRedirects(t *testing.T) {
	plain := newService(t, status(200))
	location := ""
	answer := func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Location"] = []string{location}
		w.WriteHeader(302)
	}
	open, tls := newService(t, answer), httptest.NewTLSServer(http.HandlerFunc(answer))
	defer tls.Close()
	roots := x509.NewCertPool()
	roots.AddCert(tls.Certificate())
	tests := []struct{ from, to, want string }{
		{open.URL, "ftp://x/?hIddEn", "no http or https URL"},
		{open.URL, "file:///etc/passwd", "no http or https URL"},
		{open.URL, "http://u:hIddEn@127.0.0.1/", "no http or https URL"},
		{open.URL, "http://%zz/hIddEn", "no http or https URL"},
		{open.URL, "http:///hIddEn", "no http or https URL"},
		{open.URL, "http://169.254.169.254/hIddEn", "keep the credentials of machines"},
		{open.URL, "http://[fd00:ec2::254]/hIddEn", "keep the credentials of machines"},
		{open.URL, "", "302"},
		{tls.URL, plain.URL + "/?hIddEn", "https to http"},
	}
	for _, test := range tests {
		location = test.to
		f := mustForward(t, ForwardOptions{URL: test.from, Roots: roots, Timeout: 10 * time.Second})
		result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: "/"})
		if result.Outcome != Unavailable || err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hIddEn") {
			t.Errorf("%q: %+v, %v", test.to, result, err)
		}
	}
	if got := plain.take(); len(got) > 0 {
		t.Errorf("https led to %+v", got)
	}
}

func TestMetadataAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"169.254.169.254": true, "169.254.170.2": true, "::ffff:169.254.169.254": true, "64:ff9b::a9fe:a9fe": true, "::ffff:0:169.254.169.254": true,
		"2002:a9fe:a9fe::1": true, "::169.254.169.254": true, "100.100.100.200": true, "168.63.129.16": true, "192.0.0.192": true,
		"fd00:ec2::254": true, "fd20:ce::254": true, "64:ff9b:1::a9fe:a9fe": true,
		"127.0.0.1": false, "10.0.0.1": false, "192.168.1.1": false, "::1": false, "fe80::1%eth0": false, "fd00:ec2::253": false, "100.64.0.1": false,
		"64:ff9b::a00:1": false, "2001:db8::1": false,
	} {
		if got := isMetadata(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
