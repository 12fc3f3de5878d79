package config

import (
	"net/netip"
	"time"
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
