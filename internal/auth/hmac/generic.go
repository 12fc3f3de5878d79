package hmac

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // the operator says what the sender uses
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"

	"hookaido/internal/config"
)

// generic is the scheme that the operator describes.
func generic(o Options) (scheme, error) {
	g := o.Generic
	s := bodyScheme(config.GenericScheme, o.SignatureHeader, cmp.Or(g.SignedText, "{body}"))
	s.parse = prefixed(g.Prefix, macKey)
	digests := map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}
	if s.digest = digests[cmp.Or(g.Digest, "sha256")]; s.digest == nil {
		return scheme{}, fmt.Errorf("provider generic: unknown digest %q", g.Digest)
	}
	switch cmp.Or(g.Encoding, "hex") {
	case "hex":
	case "base64":
		s.decode = base64Decoder()
	case "base64url":
		s.decode = base64URLDecoder()
	default:
		return scheme{}, fmt.Errorf("provider generic: unknown encoding %q", g.Encoding)
	}
	if err := genericText(o, s.text); err != nil {
		return scheme{}, fmt.Errorf("provider generic: %w", err)
	}
	if o.TimestampHeader == "" {
		return s, nil
	}
	s.families[0].stamp, s.tolerance, s.keysAtStamp = o.TimestampHeader, o.Tolerance, true
	switch cmp.Or(g.TimestampUnit, "s") {
	case "s":
		s.stampOf, s.stampUnit = seconds, unitSeconds
	case "ms":
		s.stampOf, s.stampUnit = milliseconds, unitMilliseconds
	case "rfc3339":
		s.stampOf, s.stampUnit = rfc3339, unitRFC3339
	default:
		return scheme{}, fmt.Errorf("provider generic: unknown timestamp unit %q", g.TimestampUnit)
	}
	return s, nil
}

// genericText holds a text to what makes it safe: a body that is not signed
// could be any, and a timestamp that is not signed could be any time.
func genericText(o Options, text string) error {
	parts, err := parseText(text)
	if err != nil {
		return err
	}
	body, stamp := false, false
	for _, p := range parts {
		body = body || p.kind == partBody || p.kind == partBodySHA256
		stamp = stamp || p.kind == partTimestamp
		if p.kind >= partID {
			return errors.New("signed_text has a part that only providers have")
		}
	}
	switch {
	case o.SignatureHeader == "":
		return errors.New("signature_header is not given")
	case !body:
		return errors.New("signed_text has neither {body} nor {body_sha256}")
	case stamp != (o.TimestampHeader != ""):
		return errors.New("{timestamp} in signed_text and timestamp_header need each other")
	}
	return nil
}

// base64Decoder reads base64 with its padding, and nothing more lenient.
func base64Decoder() func([]byte, string) (int, bool) {
	encoding := base64.StdEncoding.Strict()
	return func(dst []byte, encoded string) (int, bool) { return decodeBase64(encoding, dst, encoded) }
}

// base64URLDecoder reads the alphabet for URLs, with or without padding, as
// both are in use.
func base64URLDecoder() func([]byte, string) (int, bool) {
	padded, bare := base64.URLEncoding.Strict(), base64.RawURLEncoding.Strict()
	return func(dst []byte, encoded string) (int, bool) {
		if len(encoded)%4 == 0 {
			return decodeBase64(padded, dst, encoded)
		}
		return decodeBase64(bare, dst, encoded)
	}
}
