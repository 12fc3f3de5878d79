package hmac

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

func genericOptions(text, stampHeader string, g config.Generic) Options {
	g.SignedText = text
	return Options{
		Provider: config.GenericScheme, Route: "/h", Keys: []secret.Value{secret.New([]byte(hubKey))}, Clock: clock.NewManual(time.Unix(at1, 0)),
		SignatureHeader: "X-Sig", TimestampHeader: stampHeader, Tolerance: time.Minute, Generic: g,
	}
}

func TestGeneric(t *testing.T) {
	request := Signed{Method: "POST", Path: "/a b", RawPath: "/a%20b", RawQuery: "q=1", Scheme: "http", Host: "h.example", Body: []byte(body1)}
	simple := genericOptions("", "", config.Generic{})
	stamped := genericOptions("{timestamp}.{body_sha256}", "X-Time", config.Generic{Digest: "sha1"})
	prefixed := genericOptions("", "", config.Generic{Prefix: "sha256="})
	whole := genericOptions("{method}\n{path}\n{query}\n{timestamp}\n{body}\n{header.x-tenant}", "X-Time",
		config.Generic{Digest: "sha512", Encoding: "base64url", TimestampUnit: "rfc3339"})
	url := genericOptions("{url}|{body}", "", config.Generic{Digest: "sha384", Encoding: "base64"})
	url.URL = "https://hooks.example.net/h"
	ms := genericOptions("{timestamp}.{body}", "X-Time", config.Generic{TimestampUnit: "ms"})
	twice := genericOptions("{body}{body_sha256}{body}", "", config.Generic{})
	two := genericOptions("{header.X-A}:{header.X-B}:{body}", "", config.Generic{})
	host := genericOptions("{url}{body}", "", config.Generic{})
	const (
		sha1Sum   = "58eb33117a6c12d643880dd33f47e340f707b3d2"
		sha512Sum = "T6zUiC0cbpmnSGbv49_NAfXac4MNjxdTziwHyJNKYO3Qnt9atPvtopZ6bw-Sq0lY7HHuqKDl7YJrLuFbEqtShA=="
		sha384Sum = "MQXRbkDawcwOpaFnSPzaQdo+UJGMm7KIhydMbvOkWBYjZCdtUWjkoIot39U6805J"
		bodySum   = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
	)
	tests := []struct {
		name    string
		options Options
		header  []string
		want    Failure
	}{
		{"body alone", simple, []string{"X-Sig", good}, OK},
		{"a prefix that is not there", prefixed, []string{"X-Sig", good}, Malformed},
		{"prefix", prefixed, []string{"X-Sig", "sha256=" + good}, OK},
		{"prefix in another case", prefixed, []string{"X-Sig", "SHA256=" + good}, Malformed},
		{"a prefix that is not asked for", simple, []string{"X-Sig", "sha256=" + good}, Malformed},
		{"another header", simple, []string{"X-Signature", good}, Missing},
		{"SHA-1 and time", stamped, []string{"X-Sig", sha1Sum, "X-Time", "1764000000"}, OK},
		{"digest of another size", stamped, []string{"X-Sig", good, "X-Time", "1764000000"}, Malformed},
		{"no time", stamped, []string{"X-Sig", sha1Sum}, Missing},
		{"another time", stamped, []string{"X-Sig", sha1Sum, "X-Time", "1764000001"}, Mismatch},
		{"badinput 66", stamped, []string{"X-Sig", sha1Sum, "X-Time", "+1764000000"}, Malformed},
		{"stale", stamped, []string{"X-Sig", sha1Sum, "X-Time", "1763999939"}, Stale},
		{"C19 milliseconds", ms, []string{"X-Sig", sign(hubKey, "1764000000000."+body1), "X-Time", "1764000000000"}, OK},
		{"C19 seconds for milliseconds", ms, []string{"X-Sig", sign(hubKey, "1764000000."+body1), "X-Time", "1764000000"}, Stale},
		{"all parts", whole, []string{"X-Sig", sha512Sum, "X-Time", "2025-11-24T16:00:00Z", "X-Tenant", "ten"}, OK},
		{"all parts, without padding", whole, []string{"X-Sig", strings.TrimRight(sha512Sum, "="), "X-Time", "2025-11-24T16:00:00Z", "X-Tenant", "ten"}, OK},
		{"another form of that time", whole, []string{"X-Sig", sha512Sum, "X-Time", "2025-11-24T16:00:00+00:00", "X-Tenant", "ten"}, Mismatch},
		{"no time of RFC 3339", whole, []string{"X-Sig", sha512Sum, "X-Time", "2025-11-24 16:00:00Z", "X-Tenant", "ten"}, Malformed},
		{"Unix time for RFC 3339", whole, []string{"X-Sig", sha512Sum, "X-Time", "1764000000", "X-Tenant", "ten"}, Malformed},
		{"without a signed header", whole, []string{"X-Sig", sha512Sum, "X-Time", "2025-11-24T16:00:00Z"}, Missing},
		{"a signed header twice", whole, []string{"X-Sig", sha512Sum, "X-Time", "2025-11-24T16:00:00Z", "X-Tenant", "ten", "X-Tenant", "ten"}, Malformed},
		{"another signed header", whole, []string{"X-Sig", sha512Sum, "X-Time", "2025-11-24T16:00:00Z", "X-Tenant", "tem"}, Mismatch},
		{"URL", url, []string{"X-Sig", sha384Sum}, OK},
		{"URL, without padding", url, []string{"X-Sig", sha384Sum[:63]}, Malformed},
		{"body twice", twice, []string{"X-Sig", sign(hubKey, body1+bodySum+body1)}, OK},
		{"two headers", two, []string{"X-Sig", sign(hubKey, "1:2:"+body1), "X-A", "1", "X-B", "2"}, OK},
		{"two headers, exchanged", two, []string{"X-Sig", sign(hubKey, "1:2:"+body1), "X-A", "2", "X-B", "1"}, Mismatch},
		{"URL of the request", host, []string{"X-Sig", sign(hubKey, "http://h.example/a%20b?q=1"+body1)}, OK},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			verifier, err := New(test.options)
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			for i := 0; i < len(test.header); i += 2 {
				h.Add(test.header[i], test.header[i+1])
			}
			for range 2 {
				claims, got := verify(verifier, h, request)
				if got != test.want || (len(claims) == 1) != (got == OK && test.options.TimestampHeader != "") {
					t.Errorf("got %v with %v, want %v", got, claims, test.want)
				}
			}
		})
	}
}

func TestGenericRefuses(t *testing.T) {
	noHeader := genericOptions("", "", config.Generic{})
	noHeader.SignatureHeader = ""
	for name, o := range map[string]Options{
		"no signature_header":                  noHeader,
		"neither {body}":                       genericOptions("{path}", "", config.Generic{}),
		"need each other":                      genericOptions("{body}", "X-Time", config.Generic{}),
		"timestamp_header need each other":     genericOptions("{timestamp}{body}", "", config.Generic{}),
		"not closed":                           genericOptions("{body", "", config.Generic{}),
		"{nobody}":                             genericOptions("{body}{nobody}", "", config.Generic{}),
		"{header.}":                            genericOptions("{body}{header.}", "", config.Generic{}),
		"{}":                                   genericOptions("{body}{}", "", config.Generic{}),
		"only providers have":                  genericOptions("{body}{clean_path}", "", config.Generic{}),
		"unknown digest \"md5\"":               genericOptions("", "", config.Generic{Digest: "md5"}),
		"unknown encoding \"hex2\"":            genericOptions("", "", config.Generic{Encoding: "hex2"}),
		"unknown timestamp unit \"fortnight\"": genericOptions("{timestamp}{body}", "X-Time", config.Generic{TimestampUnit: "fortnight"}),
	} {
		v, err := New(o)
		wanted := strings.TrimPrefix(strings.TrimPrefix(name, "no "), "timestamp_header ")
		if err == nil || v != nil || !strings.Contains(err.Error(), wanted) || !strings.Contains(err.Error(), "generic") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
