package hmac

import (
	"testing"

	"hookaido/internal/clock"
	"hookaido/internal/config"
)

// A route whose secrets come later refuses everyone until then, whatever the
// provider.
func TestVerifierWithoutKeysRefuses(t *testing.T) {
	for _, provider := range []config.Provider{config.Canonical, config.GitHub, config.Stripe, "gitlab", "standard-webhooks"} {
		o := Options{
			Provider: provider, Route: "/r", MayLackKeys: true, Clock: clock.System{}, Tolerance: 300e9,
			SignatureHeader: "X-Signature", TimestampHeader: "X-Timestamp", NonceHeader: "X-Nonce",
		}
		v, err := New(o)
		if err != nil {
			t.Errorf("%s: %v", provider, err)
			continue
		}
		h := map[string][]string{
			"X-Hub-Signature-256": {"sha256=" + "00000000000000000000000000000000" + "00000000000000000000000000000000"},
			"X-Gitlab-Token":      {""},
		}
		if a, failure := v.Begin(h); failure == OK {
			if _, failure = a.Check(Signed{Method: "POST", Body: []byte("x")}); failure == OK {
				t.Errorf("%s: let in without a key", provider)
			}
			a.Release()
		}
		o.MayLackKeys = false
		if _, err := New(o); err == nil {
			t.Errorf("%s: no key is fine for a route whose keys are fixed", provider)
		}
	}
}
