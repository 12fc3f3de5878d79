package config

import (
	"net/netip"
	"time"

	"hookaido/internal/secret"
)

// Egress says where deliveries over HTTP may go.
type Egress struct {
	// Allow and Deny are rules in the order of the file; an empty Allow allows
	// everything that Deny doesn't refuse.
	Allow               []EgressRule `hk:"egress.allow"`
	Deny                []EgressRule `hk:"egress.deny"`
	HTTPSOnly           bool         `hk:"egress.https_only"`
	Redirects           bool         `hk:"egress.redirects"`
	DNSRebindProtection bool         `hk:"egress.dns_rebind_protection"`
	// Proxy is the URL of a proxy that deliveries go through; empty for none.
	// The proxy environment is never looked at.
	Proxy string `hk:"egress.proxy"`
}

// EgressRule names addresses by a prefix or, if Prefix is not valid, by a host
// pattern: a lower-case host, "*." and a suffix for its sub-domains, or "*".
type EgressRule struct {
	Prefix netip.Prefix
	Host   string
	Pos    Pos
}

// Deliver is what deliveries use that don't say otherwise.
type Deliver struct {
	Retry       Retry         `hk:"deliver.retry"`
	Timeout     time.Duration `hk:"deliver.timeout"`
	Concurrency int           `hk:"deliver.concurrency"`
}

// Retry is an exponential schedule: after attempt n the wait is
// Base·2^(n-1), at most Cap, times a random factor within 1 ± Jitter.
type Retry struct {
	// Max is the number of attempts after the first.
	Max    int           `hk:"retry.max"`
	Base   time.Duration `hk:"retry.base"`
	Cap    time.Duration `hk:"retry.cap"`
	Jitter float64       `hk:"retry.jitter"`
}

// Target is where a route delivers to: a URL or a program, of which one is set.
// What it leaves to the defaults is filled in.
type Target struct {
	URL     string        `hk:"target.url"`
	Exec    string        `hk:"target.exec"` // the absolute path of a program
	Timeout time.Duration `hk:"target.timeout"`
	Retry   Retry         `hk:"target.retry"`
	// RetryStatus are answers that are tried again beside those that always are.
	RetryStatus []int    `hk:"target.retry_status"`
	Headers     []Header `hk:"target.header"`
	Env         []EnvVar `hk:"target.env"` // each name once
	// Sign is nil if deliveries are not signed.
	Sign *Sign
	Pos  Pos
}

// Name returns the text that tells the target from others of its route.
func (t *Target) Name() string {
	if t.Exec != "" {
		return t.Exec
	}
	return t.URL
}

// EnvVar is a variable of a program's environment. Its value may be a secret.
type EnvVar struct {
	Name  string       `hk:"env.name"`
	Value secret.Value `hk:"env.value"`
	Pos   Pos
}

// Sign is how deliveries to a target are signed: with Secret, or with one of
// the secrets named, which Selection picks among the valid ones.
type Sign struct {
	Scheme      SignScheme   `hk:"-"`
	Secret      SecretRef    `hk:"sign.secret"`
	SecretNames []SecretName `hk:"sign.secret_ref"`
	Selection   Selection    `hk:"sign.secret_selection"`
	// The headers of [SignHMAC], canonical.
	SignatureHeader string `hk:"sign.signature_header"`
	TimestampHeader string `hk:"sign.timestamp_header"`
}

// SignScheme is a way to sign.
type SignScheme string

// The ways to sign: that of version 2.11, and Standard Webhooks.
const (
	SignHMAC             SignScheme = "hmac"
	SignStandardWebhooks SignScheme = "standard-webhooks"
)

// Selection says which of several valid secrets signs.
type Selection string

// The selections, by the beginning of validity.
const (
	NewestValid Selection = "newest_valid"
	OldestValid Selection = "oldest_valid"
)
