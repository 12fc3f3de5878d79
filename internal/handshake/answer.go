package handshake

import (
	"encoding/json"
	"net/http"
	"strconv"
	"unicode/utf8"
)

const (
	// maxChallenge is the most bytes that are echoed.
	maxChallenge = 4096
	// maxNonce is the most bytes that get a MAC.
	maxNonce = 512
	// maxMessage is the most bytes of a body that is a handshake: a challenge
	// with every character escaped, and room for the rest.
	maxMessage = 32 << 10

	challengeCode = "handshake_challenge"
)

// text answers with the value itself.
func text(value string) (Answer, Outcome) {
	return Answer{Status: http.StatusOK, ContentType: "text/plain", Body: []byte(value)}, Answered
}

// object answers with a JSON object of strings, given as name and value.
func object(pairs ...string) (Answer, Outcome) {
	body := []byte{'{'}
	for i, s := range pairs {
		if i > 0 {
			body = append(body, ",:"[i%2])
		}
		quoted, _ := json.Marshal(s) // of a string, which can't fail
		body = append(body, quoted...)
	}
	return Answer{Status: http.StatusOK, ContentType: "application/json", Body: append(body, '}')}, Answered
}

func refuse(status int, code, detail string) (Answer, Outcome) {
	return Answer{Status: status, Code: code, Detail: detail}, Refused
}

func wrongToken() (Answer, Outcome) {
	return refuse(http.StatusForbidden, "handshake_token", "the token isn't the one that was agreed on")
}

func wrongChallenge(name string) (Answer, Outcome) {
	return refuse(http.StatusBadRequest, challengeCode,
		name+" must be there once and be 1 to "+strconv.Itoa(maxChallenge)+" bytes of UTF-8")
}

func noSecret() (Answer, Outcome) {
	return refuse(http.StatusServiceUnavailable, "handshake_secret", "no version of the secret is valid now")
}

func wrongNonce(name string) (Answer, Outcome) {
	return refuse(http.StatusBadRequest, challengeCode,
		name+" must be there once and be 1 to "+strconv.Itoa(maxNonce)+" letters, digits and -._+/=")
}

// echoable reports whether a text may be sent back.
func echoable(s string) bool { return s != "" && len(s) <= maxChallenge && utf8.ValidString(s) }

// isNonce reports whether b is short and of letters, digits and what base64 and
// UUIDs have beside.
func isNonce(b []byte) bool {
	for i, c := range b {
		if i == maxNonce || !isAlphanumeric(c) && c != '-' && c != '.' && c != '_' && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return len(b) > 0
}

// isOrigin reports whether s looks like a host name, perhaps with a port.
func isOrigin(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && c != '-' && c != '.' && c != '_' && c != ':' {
			return false
		}
	}
	return s != "" && len(s) <= 255
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
