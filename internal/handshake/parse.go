package handshake

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

// presence says how often something is there.
type presence uint8

const (
	absent presence = iota
	once
	unclear // several times, or not to be decoded
)

// param looks for a parameter in a query. What other parameters look like makes
// no difference.
func param(rawQuery, name string) (value string, has presence) {
	for rawQuery != "" {
		var pair string
		pair, rawQuery, _ = strings.Cut(rawQuery, "&")
		key, raw, _ := strings.Cut(pair, "=")
		if key != name && !strings.ContainsAny(key, "%+") {
			continue
		}
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		decoded, err := url.QueryUnescape(raw)
		if err != nil || has != absent {
			return "", unclear
		}
		value, has = decoded, once
	}
	return value, has
}

// members are those of a JSON object, not yet decoded. A nil one has none.
type members map[string]json.RawMessage

// parseObject reads a JSON object (RFC 8259) that is all of the text. It fails
// for a name that is there twice, since then it is anyone's guess which counts,
// and for what isn't UTF-8.
func parseObject(text []byte) (members, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if !utf8.Valid(text) || !begins(d, '{') {
		return nil, false
	}
	m := members{}
	for d.More() {
		name, err := d.Token()
		key, isText := name.(string)
		if _, twice := m[key]; err != nil || !isText || twice {
			return nil, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		m[key] = value
	}
	return m, ends(d)
}

// onlyElement reads a JSON list with one object and no more.
func onlyElement(text []byte) (members, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if len(text) > maxMessage || !begins(d, '[') || !d.More() {
		return nil, false
	}
	var element json.RawMessage
	if d.Decode(&element) != nil || !ends(d) {
		return nil, false
	}
	return parseObject(element)
}

func begins(d *json.Decoder, with json.Delim) bool {
	t, err := d.Token()
	return err == nil && t == with
}

// ends reports whether a closing bracket comes and nothing behind it.
func ends(d *json.Decoder) bool {
	if _, err := d.Token(); err != nil {
		return false
	}
	_, err := d.Token()
	return err == io.EOF
}

// text gives a member that is a string; empty if there is none.
func (m members) text(name string) string {
	var s string
	if raw := m[name]; len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// object gives a member that is an object.
func (m members) object(name string) (members, bool) { return parseObject(m[name]) }
