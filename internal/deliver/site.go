package deliver

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// site is the host of a URL in the one form in which it is judged, looked up
// and dialled.
type site struct {
	scheme string
	// host is lower-case, without a dot at its end and without brackets.
	host string
	port uint16
	// addr is set if host is an IP address.
	addr netip.Addr
}

// authority returns the host with the port, if it is not that of the scheme,
// for a URL and the Host header.
func (s site) authority() string {
	host := s.host
	if s.addr.Is6() {
		host = "[" + host + "]"
	}
	if s.port == defaultPort(s.scheme) {
		return host
	}
	return host + ":" + strconv.Itoa(int(s.port))
}

func defaultPort(scheme string) uint16 {
	if scheme == "https" {
		return 443
	}
	return 80
}

// parseURL takes a URL apart and refuses every spelling that two programs could
// read in two ways. The URL returned has the host in its canonical form; the
// rest is as written. A refusal is a [Denial] that does not repeat the URL,
// which may hold secrets.
func parseURL(text string) (*url.URL, site, error) {
	malformed := func(what string) (*url.URL, site, error) {
		return nil, site{}, &Denial{Rule: RuleMalformed, what: what}
	}
	if hasOddCharacter(text) {
		return malformed("the URL has a space, a backslash or a control character")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return malformed("the URL can't be read")
	case u.Scheme != "http" && u.Scheme != "https":
		return malformed("the URL's scheme is neither http nor https")
	case u.User != nil:
		return malformed("the URL has a user or a password")
	case u.Host == "" || u.Hostname() == "":
		return malformed("the URL has no host")
	}
	s, what := parseSite(u.Scheme, u.Hostname(), u.Port())
	if what != "" {
		return malformed(what)
	}
	u.Host, u.Fragment, u.RawFragment = s.authority(), "", ""
	return u, s, nil
}

// hasOddCharacter reports whether a URL has what programs drop, or take for
// something else.
func hasOddCharacter(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\\' || r == ' ' }) >= 0
}

// parseSite reads a host and a port, which may be empty. It says what is wrong.
func parseSite(scheme, host, port string) (site, string) {
	s := site{scheme: scheme, port: defaultPort(scheme)}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return s, "the port is not one from 1 to 65535"
		}
		s.port = uint16(n)
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return s, "the address has a zone"
		}
		s.addr = addr.Unmap()
		s.host = s.addr.String()
		return s, ""
	}
	s.host = host
	return s, nameFault(host)
}

// nameFault says why a text is no name of a host. A last label that is a number
// is refused, because some resolvers read such a name as an address.
func nameFault(host string) string {
	if len(host) > 253 {
		return "the host is longer than 253 characters"
	}
	label := ""
	for label = range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 {
			return "the host has a part that is empty or longer than 63 characters"
		}
		for _, c := range []byte(label) {
			if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return "the host has other characters than ASCII letters, digits, - and _ (write it in its xn-- form)"
			}
		}
	}
	if strings.Trim(label, "0123456789") == "" || strings.HasPrefix(label, "0x") {
		return "the host is a number and not an address in its usual form"
	}
	return ""
}
