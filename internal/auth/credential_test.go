package auth

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

func basicHeader(login string) []string {
	return []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(login))}
}

func TestLoginOf(t *testing.T) {
	tests := []struct {
		name           string
		values         []string
		user, password string
		ok             bool
	}{
		{"RFC 7617, section 2", []string{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, "Aladdin", "open sesame", true},
		{"RFC 7617, section 2.1", []string{"Basic dGVzdDoxMjPCow=="}, "test", "123£", true},
		{"scheme in any case, blanks around", []string{" bAsIc \t QWxhZGRpbjpvcGVuIHNlc2FtZQ== "}, "Aladdin", "open sesame", true},
		{"colons in the password", basicHeader("u:a:b:"), "u", "a:b:", true},
		{"no user, no password", basicHeader(":"), "", "", true},
		{"none", nil, "", "", false},
		{"badinput 75: two headers", append(basicHeader("u:p"), basicHeader("u:p")...), "", "", false},
		{"badinput 75: two in one", []string{basicHeader("u:p")[0] + ", " + basicHeader("u:p")[0]}, "", "", false},
		{"no colon", basicHeader("user"), "", "", false},
		{"not base64", []string{"Basic u:p"}, "", "", false},
		{"base64url", []string{"Basic " + base64.URLEncoding.EncodeToString([]byte("u:\xff\xff\xff"))}, "", "", false},
		{"without padding", []string{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ"}, "", "", false},
		{"only the scheme", []string{"Basic"}, "", "", false},
		{"nothing behind it", []string{"Basic "}, "", "", false},
		{"other scheme", []string{"Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, "", "", false},
		{"no blank", []string{"BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, "", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, ok := loginOf(test.values)
			if ok != test.ok || ok && (l.user != test.user || string(l.password) != test.password) {
				t.Errorf("got %q, %q, %v", l.user, l.password, ok)
			}
		})
	}
}

// FuzzAuthorization reads what net/http reads, and never another scheme.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "basic Og==", "Bearer abc", "Bearer  a b", "Basic \t", "", " ", "Basic QQ==\r\n", "BASIC dTpw, Basic dTpw"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		l, isBasic := loginOf([]string{value})
		token, isBearer := credentialOf([]string{value}, "bearer")
		if isBasic && isBearer {
			t.Fatalf("%q is two schemes at a time", value)
		}
		if isBearer && (token == "" || strings.Trim(token, " \t") != token || !strings.Contains(value, token)) {
			t.Fatalf("%q gave the token %q", value, token)
		}
		if _, ok := loginOf([]string{value, value}); ok {
			t.Fatal("two headers passed")
		}
		if !isBasic {
			return
		}
		encoded := base64.StdEncoding.EncodeToString([]byte(l.user + ":" + string(l.password)))
		r := &http.Request{Header: http.Header{"Authorization": {"Basic " + encoded}}}
		user, password, ok := r.BasicAuth()
		if !ok || user != l.user || password != string(l.password) {
			t.Fatalf("%q: got %q and %q, net/http %q and %q", value, l.user, l.password, user, password)
		}
	})
}
