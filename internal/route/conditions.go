package route

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"hookaido/internal/config"
)

// probe is a request that looks for its route.
type probe struct {
	*http.Request
	client netip.Addr
	// plain leaves handshakes out.
	plain bool
}

// hostOf returns a host in lower case without its port, the brackets of an
// IPv6 address and a dot at its end.
func hostOf(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host, _, _ = strings.Cut(inner, "]")
	} else {
		host, _, _ = strings.Cut(host, ":")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// conditions are what a route asks of a request beside its path and method.
type conditions struct {
	hosts    []string // as in config.Match
	remoteIP []netip.Prefix
	// headers and headerExists have canonical names.
	headers      []config.Pair
	headerExists []string
	query        []config.Pair
	queryExists  []string
}

func newConditions(m *config.Match) conditions {
	c := conditions{hosts: m.Hosts, remoteIP: m.RemoteIP, query: m.Query, queryExists: m.QueryExists}
	for _, pair := range m.Headers {
		c.headers = append(c.headers, config.Pair{Name: http.CanonicalHeaderKey(pair.Name), Value: pair.Value})
	}
	for _, name := range m.HeaderExists {
		c.headerExists = append(c.headerExists, http.CanonicalHeaderKey(name))
	}
	return c
}

// hold reports whether p meets all conditions.
func (c *conditions) hold(p *probe) bool { return c.reached(p) && c.described(p) }

// reached has the conditions on who asks for what; those of described are on
// what the request says.
func (c *conditions) reached(p *probe) bool {
	if len(c.hosts) > 0 {
		// net/http has put the host of an absolute form in the place of Host
		host := hostOf(p.Host)
		if !slices.ContainsFunc(c.hosts, func(pattern string) bool { return fitsHost(host, pattern) }) {
			return false
		}
	}
	if len(c.remoteIP) > 0 {
		client := p.client.Unmap().WithZone("") // as prefixes are
		return slices.ContainsFunc(c.remoteIP, func(prefix netip.Prefix) bool { return prefix.Contains(client) })
	}
	return true
}

func (c *conditions) described(p *probe) bool {
	for i := range c.headers {
		if !hasValue(p.Header[c.headers[i].Name], c.headers[i].Value) {
			return false
		}
	}
	for _, name := range c.headerExists {
		if len(p.Header[name]) == 0 {
			return false
		}
	}
	for i := range c.query {
		if !queryHas(p.URL.RawQuery, c.query[i].Name, func(value string) bool { return value == c.query[i].Value }) {
			return false
		}
	}
	for _, name := range c.queryExists {
		if !queryHas(p.URL.RawQuery, name, func(string) bool { return true }) {
			return false
		}
	}
	return true
}

// fitsHost reports whether host is that of pattern: a host, "*." and a suffix
// for its sub-domains, or "*" for any. A request without a host fits none.
func fitsHost(host, pattern string) bool {
	switch {
	case host == "":
		return false
	case pattern == "*":
		return true
	case strings.HasPrefix(pattern, "*."):
		suffix := pattern[1:]
		return len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	}
	return host == pattern
}

// hasValue reports whether any of the values of a header is want, or has it
// among its elements, which commas part.
func hasValue(values []string, want string) bool {
	for _, value := range values {
		if value == want {
			return true
		}
		for element := range strings.SplitSeq(value, ",") {
			if strings.TrimSpace(element) == want {
				return true
			}
		}
	}
	return false
}

// queryHas reports whether a query has a parameter with a value that fits. It
// reads parameters as [url.ParseQuery] does, and leaves out those that are
// malformed, but makes no map of what anybody sends.
func queryHas(raw, name string, fits func(value string) bool) bool {
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" || strings.Contains(pair, ";") {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(key)
		if err != nil || key != name {
			continue
		}
		if value, err = url.QueryUnescape(value); err == nil && fits(value) {
			return true
		}
	}
	return false
}
