package config

import (
	"time"

	"hookaido/internal/secret"
)

// BasicUser is a user with a password, or with the bcrypt hash of one.
type BasicUser struct {
	User     string       `hk:"basic.user"`
	Password secret.Value `hk:"basic.password"`
	Pos      Pos
}

// ForwardAuth asks another service about a request.
type ForwardAuth struct {
	URL         string        `hk:"auth_forward.url"`
	Timeout     time.Duration `hk:"auth_forward.timeout"`
	CopyHeaders []string      `hk:"auth_forward.copy_headers"` // canonical, each once
	// BodyLimit is how much of the body is sent along, in bytes; 0 for all.
	BodyLimit int64 `hk:"auth_forward.body_limit"`
}

// Provider names a signature scheme that a provider defines; empty is the
// canonical scheme with a signature, a timestamp and a nonce header.
type Provider string

// The providers that have a meaning of their own here. The directive table has
// the words of all.
const (
	Canonical Provider = ""
	GitHub    Provider = "github"
	Gitea     Provider = "gitea"
	Stripe    Provider = "stripe"
	// GenericScheme is described by the other fields of [HMAC].
	GenericScheme Provider = "generic"
)

// HMAC is signature authentication. Any one of the secrets may verify. The
// headers (canonical names) and Tolerance are those of the canonical and the
// generic scheme.
type HMAC struct {
	Provider        Provider      `hk:"auth_hmac.provider"`
	Secrets         []SecretRef   `hk:"auth_hmac.secret"`
	SecretNames     []SecretName  `hk:"auth_hmac.secret_ref"`
	SignatureHeader string        `hk:"auth_hmac.signature_header"`
	TimestampHeader string        `hk:"auth_hmac.timestamp_header"`
	NonceHeader     string        `hk:"auth_hmac.nonce_header"`
	Tolerance       time.Duration `hk:"auth_hmac.tolerance"`
	// URL is what the provider calls, for providers that sign it; empty if not
	// given.
	URL string `hk:"auth_hmac.url"`
	// Generic describes the generic scheme and means nothing for the others.
	Generic Generic
}

// Generic is a signature scheme in the operator's words.
type Generic struct {
	// Prefix stands before the signature in its header.
	Prefix string `hk:"auth_hmac.signature_prefix"`
	// Digest is "sha256", "sha1", "sha384" or "sha512"; Encoding "hex", "base64"
	// or "base64url".
	Digest   string `hk:"auth_hmac.digest"`
	Encoding string `hk:"auth_hmac.encoding"`
	// SignedText is the text that is signed, with the names of its parts in
	// braces: {body}, {body_sha256}, {timestamp}, {method}, {path}, {query},
	// {url} and {header.NAME}.
	SignedText string `hk:"auth_hmac.signed_text"`
	// TimestampUnit is "s", "ms" or "rfc3339".
	TimestampUnit string `hk:"auth_hmac.timestamp_unit"`
}
