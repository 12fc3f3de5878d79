package auth

import (
	"net/http"
	"testing"

	"hookaido/internal/secret"
)

func TestTokensAllow(t *testing.T) {
	tokens := NewTokens([]secret.Value{secret.New([]byte("first")), secret.New([]byte("second one")), {}})
	tests := []struct {
		name   string
		header []string
		want   bool
	}{
		{"first token", []string{"Bearer first"}, true},
		{"second token, with a blank inside", []string{"Bearer second one"}, true},
		{"scheme in any case", []string{"bEaReR first"}, true},
		{"blanks around", []string{" \tBearer \t first \t"}, true},
		{"badinput 77: none", nil, false},
		{"badinput 77: wrong", []string{"Bearer firsT"}, false},
		{"prefix of a token", []string{"Bearer firs"}, false},
		{"token and more", []string{"Bearer first second"}, false},
		{"no scheme", []string{"first"}, false},
		{"no blank", []string{"Bearerfirst"}, false},
		{"other scheme", []string{"Basic first"}, false},
		{"only the scheme", []string{"Bearer"}, false},
		{"nothing behind the scheme, and an empty token in the list", []string{"Bearer "}, false},
		{"empty", []string{""}, false},
		{"badinput 75: two headers", []string{"Bearer first", "Bearer first"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{}}
			if test.header != nil {
				r.Header["Authorization"] = test.header
			}
			if got := tokens.Allow(r); got != test.want {
				t.Errorf("Allow(%q) = %v, want %v", test.header, got, test.want)
			}
		})
	}
}

func TestNoTokensAllowNobody(t *testing.T) {
	header := []string{"Bearer x"}
	for _, tokens := range []*Tokens{nil, NewTokens(nil), NewTokens([]secret.Value{{}})} {
		if !tokens.Empty() || tokens.AllowHeader(header) {
			t.Errorf("%v: a list without tokens must be empty and allow nobody", tokens)
		}
	}
}
