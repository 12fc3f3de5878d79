package hmac

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"hookaido/internal/secret"
)

// keyKind is what a key can check.
type keyKind uint8

const (
	macKey     keyKind = iota
	tokenKey           // compared as it is
	ed25519Key         // public
	ecdsaKey           // public, over P-256
)

// key is a secret in the form that its scheme needs.
type key struct {
	kind    keyKind
	secret  []byte // of a MAC; the SHA-256 of a token
	edwards ed25519.PublicKey
	curve   *ecdsa.PublicKey
	// window has no value, only the time of validity.
	window secret.Version
}

func (k *key) validAt(t time.Time) bool { return k.window.ValidAt(t) }

// fits compares a signature with a MAC, or checks it with a public key against
// the text, of which ECDSA takes the digest.
func (k *key) fits(text, signature []byte) bool {
	switch k.kind {
	case macKey:
		return subtle.ConstantTimeCompare(text, signature) == 1
	case ed25519Key:
		return ed25519.Verify(k.edwards, text, signature)
	case ecdsaKey:
		return ecdsa.VerifyASN1(k.curve, text, signature)
	}
	return false
}

// readKeys reads the pool's versions, those that began last first, and then the
// plain secrets.
func (v *Verifier) readKeys(o Options) ([]key, error) {
	var keys []key
	for _, version := range o.Pool.All() {
		if version.Value.Len() == 0 {
			continue
		}
		k, err := v.newKey(version.Value.Reveal())
		if err != nil {
			return nil, fmt.Errorf("secret %q: %w", version.ID, err)
		}
		k.window = secret.Version{From: version.From, Until: version.Until}
		keys = append(keys, k)
	}
	for i, value := range o.Keys {
		if value.Len() == 0 {
			continue
		}
		k, err := v.newKey(value.Reveal())
		if err != nil {
			return nil, fmt.Errorf("secret %d of %d: %w", i+1, len(o.Keys), err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// textKey uses a secret as it is written, prefix and all.
func textKey(text []byte) (key, error) { return key{kind: macKey, secret: text}, nil }

// tokenOf uses a secret as a token.
func tokenOf(text []byte) (key, error) {
	sum := sha256.Sum256(text)
	return key{kind: tokenKey, secret: sum[:]}, nil
}

const (
	signingPrefix = "whsec_"
	publicPrefix  = "whpk_"
)

// gitlabKey tells a signing token from a secret token by its prefix.
func gitlabKey(text []byte) (key, error) {
	if bytes.HasPrefix(text, []byte(signingPrefix)) {
		return standardKey(text)
	}
	return tokenOf(text)
}

// standardKey reads a secret of Standard Webhooks. The text without its prefix
// is refused: senders disagree on whether it is base64 then.
func standardKey(text []byte) (key, error) {
	if encoded, ok := bytes.CutPrefix(text, []byte(signingPrefix)); ok {
		raw, err := base64.StdEncoding.Strict().DecodeString(string(encoded))
		if err != nil || len(raw) == 0 {
			return key{}, errors.New("what follows " + signingPrefix + " is not base64; copy the secret as the sender shows it")
		}
		return key{kind: macKey, secret: raw}, nil
	}
	if encoded, ok := bytes.CutPrefix(text, []byte(publicPrefix)); ok {
		raw, err := base64.StdEncoding.Strict().DecodeString(string(encoded))
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return key{}, errors.New("what follows " + publicPrefix + " is not an ed25519 public key of 32 bytes in base64")
		}
		return key{kind: ed25519Key, edwards: raw}, nil
	}
	return key{}, errors.New("it starts neither with " + signingPrefix + " nor with " + publicPrefix +
		"; copy it with its prefix, and put " + signingPrefix + " before base64 that has none")
}

// discordKey reads the public key of an application.
func discordKey(text []byte) (key, error) {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return key{}, errors.New("it is not a public key of 64 hex digits, as the application's page shows it")
	}
	return key{kind: ed25519Key, edwards: raw}, nil
}

// sendGridKey reads the verification key of an event webhook.
func sendGridKey(text []byte) (key, error) {
	failed := errors.New("it is not a public key over P-256 in base64 (PKIX, DER), as the settings of the event webhook show it")
	der, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil {
		return key{}, failed
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return key{}, failed
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return key{}, failed
	}
	return key{kind: ecdsaKey, curve: public}, nil
}
