package auth

import (
	"encoding/base64"
	"strings"
)

// credentialOf returns what follows the name of scheme (lower-case) in an
// Authorization header. Names of schemes are case-insensitive (RFC 9110,
// section 11.1). It accepts exactly one header: of two, a proxy in front may
// have looked at the other.
func credentialOf(values []string, scheme string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	value := strings.Trim(values[0], " \t")
	if len(value) <= len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	if c := value[len(scheme)]; c != ' ' && c != '\t' {
		return "", false
	}
	credential := strings.Trim(value[len(scheme):], " \t")
	return credential, credential != ""
}

// login is what a sender says of itself.
type login struct {
	user     string
	password []byte
}

// loginOf reads a Basic credential (RFC 7617): base64, and in it a user up to
// the first colon and then the password.
func loginOf(values []string) (login, bool) {
	credential, ok := credentialOf(values, "basic")
	if !ok {
		return login{}, false
	}
	text, err := base64.StdEncoding.DecodeString(credential)
	if err != nil {
		return login{}, false
	}
	user, password, found := strings.Cut(string(text), ":")
	return login{user, []byte(password)}, found
}
