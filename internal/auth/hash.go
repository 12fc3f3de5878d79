package auth

import (
	"crypto/sha1" //nolint:gosec // htpasswd files have it
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/tg123/go-htpasswd"
	"golang.org/x/crypto/bcrypt"
)

const (
	// maxCost is the highest cost of a bcrypt hash; one check takes about a
	// second then.
	maxCost = 14
	// maxBcrypt is how many bytes of a password bcrypt looks at.
	maxBcrypt = 72
	// maxAPR1 is the longest password that htpasswd(1) takes.
	maxAPR1 = 255
)

// matcher is a password, as it is kept.
type matcher interface {
	match(password []byte) bool
}

// class is a group of matchers whose checks cost the same.
type class struct {
	kind string
	cost int
}

// slow reports whether a check takes so long that a gate must bound it.
func (c class) slow() bool { return c.kind == "bcrypt" || c.kind == "apr1" }

// plain is the SHA-256 digest of a password that is known; the digests have one
// length, so that comparing them tells nothing about the password's.
type plain [sha256.Size]byte

func (p plain) match(password []byte) bool {
	digest := sha256.Sum256(password)
	return subtle.ConstantTimeCompare(p[:], digest[:]) == 1
}

type sha1Hash [sha1.Size]byte

func (h sha1Hash) match(password []byte) bool {
	digest := sha1.Sum(password) //nolint:gosec // as above
	return subtle.ConstantTimeCompare(h[:], digest[:]) == 1
}

type bcryptHash []byte

func (h bcryptHash) match(password []byte) bool {
	return bcrypt.CompareHashAndPassword(h, password[:min(len(password), maxBcrypt)]) == nil
}

type apr1Hash struct{ encoded htpasswd.EncodedPasswd }

// match computes the hash also for a password that is too long, because an
// early answer would tell that the user exists.
func (h apr1Hash) match(password []byte) bool {
	cut := password[:min(len(password), maxAPR1)]
	return h.encoded.MatchesPassword(string(cut)) && len(cut) == len(password)
}

const bcryptOrElse = "make the hash with: htpasswd -nB USER"

// newHash reads a hash of an htpasswd file. Errors say what is wrong with it and
// never repeat it.
func newHash(text string) (matcher, class, error) {
	switch {
	case strings.HasPrefix(text, "$2"):
		return newBcrypt(text)
	case strings.HasPrefix(text, "$apr1$"):
		return newAPR1(text)
	case strings.HasPrefix(text, "{SHA}"):
		digest, err := base64.StdEncoding.DecodeString(text[len("{SHA}"):])
		if err != nil || len(digest) != sha1.Size {
			return nil, class{}, errors.New("what follows {SHA} is not the base64 of 20 bytes; " + bcryptOrElse)
		}
		return sha1Hash(digest), class{kind: "sha"}, nil
	}
	return nil, class{}, errors.New("the password is in none of the forms bcrypt ($2y$), apr1 ($apr1$) and {SHA}; " +
		"plain text and crypt(3) are not accepted; " + bcryptOrElse)
}

func newBcrypt(text string) (matcher, class, error) {
	const size, alphabet = 60, "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	hash := []byte(text)
	cost, err := bcrypt.Cost(hash)
	if err != nil || len(text) != size || text[3] != '$' || text[6] != '$' ||
		!strings.ContainsRune("aby", rune(text[2])) || strings.Trim(text[7:], alphabet) != "" {
		return nil, class{}, errors.New("this is not a bcrypt hash, which begins with $2y$ and has 60 characters; " + bcryptOrElse)
	}
	if cost > maxCost {
		return nil, class{}, fmt.Errorf("the bcrypt hash has cost %d, and more than %d lets a few guesses stall every sender; "+
			"make it with: htpasswd -nBC 10 USER", cost, maxCost)
	}
	return bcryptHash(hash), class{"bcrypt", cost}, nil
}

func newAPR1(text string) (matcher, class, error) {
	const maxSalt, size = 8, 22
	salt, hash, _ := strings.Cut(text[len("$apr1$"):], "$")
	encoded, err := htpasswd.AcceptMd5(text)
	if err != nil || encoded == nil || salt == "" || len(salt) > maxSalt || len(hash) != size {
		return nil, class{}, errors.New("this is not an apr1 hash, which is $apr1$, a salt of up to 8 characters, $ and 22 characters; " + bcryptOrElse)
	}
	return apr1Hash{encoded}, class{kind: "apr1"}, nil
}
