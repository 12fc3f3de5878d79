package hmac

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"net/textproto"
	"slices"
	"strings"
)

// partKind is a part of a request that can be signed.
type partKind uint8

const (
	partLiteral partKind = iota
	partBody
	partBodySHA256
	partTimestamp
	partMethod
	partPath
	partQuery
	partURL
	partHeader
	// what follows is for rows of the table only
	partID
	partCleanPath
	partDecodedURL
	partForm
)

// part is one piece of a signed text. text is a literal's text or a header's
// name.
type part struct {
	kind partKind
	text string
}

func partNamed(name string) (part, bool) {
	names := []string{
		partBody: "body", partBodySHA256: "body_sha256", partTimestamp: "timestamp", partMethod: "method", partPath: "path",
		partQuery: "query", partURL: "url", partID: "id", partCleanPath: "clean_path", partDecodedURL: "decoded_url", partForm: "form",
	}
	if header, ok := strings.CutPrefix(name, "header."); ok && header != "" {
		return part{partHeader, textproto.CanonicalMIMEHeaderKey(header)}, true
	}
	i := slices.Index(names, name)
	return part{kind: partKind(max(i, 0))}, i > 0 && name != ""
}

// parseText splits a text at the names in braces.
func parseText(text string) ([]part, error) {
	var parts []part
	for text != "" {
		literal, after, found := strings.Cut(text, "{")
		if literal != "" {
			parts = append(parts, part{partLiteral, literal})
		}
		if !found {
			break
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed {
			return nil, errors.New("a brace of signed_text is not closed")
		}
		p, known := partNamed(name)
		if !known {
			return nil, fmt.Errorf("{%s} of signed_text is not a part of a request", name)
		}
		parts, text = append(parts, p), rest
	}
	return parts, nil
}

// assemble puts the signed text together, without the body, which may be long
// and goes in where cuts say.
func (a *Attempt) assemble(s *Signed) Failure {
	a.text, a.cuts = a.text[:0], a.cuts[:0]
	headers := a.headers
	for _, p := range a.verifier.parts {
		switch p.kind {
		case partLiteral:
			a.text = append(a.text, p.text...)
		case partBody:
			a.cuts = append(a.cuts, len(a.text))
		case partBodySHA256:
			sum := sha256.Sum256(s.Body)
			a.text = appendHex(a.text, sum[:])
		case partTimestamp:
			a.text = append(a.text, a.stamp...)
		case partID:
			a.text = append(a.text, a.id...)
		case partHeader:
			a.text, headers = append(a.text, headers[0]...), headers[1:]
		case partForm:
			var failure Failure
			if a.text, failure = a.appendForm(a.text, s); failure != OK {
				return failure
			}
		default:
			a.text = a.verifier.appendTarget(a.text, p.kind, s)
		}
	}
	return OK
}

// appendTarget appends a part that says what was asked for.
func (v *Verifier) appendTarget(buf []byte, kind partKind, s *Signed) []byte {
	switch kind {
	case partMethod:
		return append(buf, s.Method...)
	case partPath:
		return append(buf, s.RawPath...)
	case partCleanPath:
		return append(buf, s.Path...)
	case partQuery:
		return append(buf, s.RawQuery...)
	case partDecodedURL:
		return appendDecoded(buf, string(v.appendURL(nil, s)))
	}
	return v.appendURL(buf, s)
}

// appendText appends the signed text with the body in it.
func (a *Attempt) appendText(buf, body []byte) []byte {
	from := 0
	for _, cut := range a.cuts {
		buf = append(append(buf, a.text[from:cut]...), body...)
		from = cut
	}
	return append(buf, a.text[from:]...)
}

// writeText is appendText to a hash, which never fails.
func (a *Attempt) writeText(h hash.Hash, body []byte) {
	from := 0
	for _, cut := range a.cuts {
		h.Write(a.text[from:cut])
		h.Write(body)
		from = cut
	}
	h.Write(a.text[from:])
}
