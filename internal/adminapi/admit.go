package adminapi

import (
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"hookaido/internal/httpx"
)

// admit decides whether r may ask at all, before it is told what there is.
func (h *Handler) admit(r *http.Request, unix, probe bool) *httpx.Error {
	if crossSite(r) {
		return forbidden("requests of other web sites are not answered")
	}
	if unix || probe && r.Method == http.MethodGet && r.URL.RawQuery == "" {
		return nil
	}
	tokens := h.tokens.Load()
	if !tokens.Empty() {
		if !tokens.Allow(r) {
			return &httpx.Error{Status: http.StatusUnauthorized, Code: "unauthorized",
				Detail: "request is not authorized"}
		}
		// who knows a token is no web page, so that names are checked only on
		// the operator's wish
		if len(*h.hosts.Load()) > 0 && !h.knownHost(r) {
			return forbidden("the Host header has another name than those of admin_api { allowed_hosts … }")
		}
		return nil
	}
	if !onLoopback(r) {
		return forbidden("without tokens the admin API answers on the loopback address only; " +
			"set admin_api { auth token … }")
	}
	if !h.knownHost(r) {
		return forbidden("the Host header must name the loopback address; " +
			"set admin_api { auth token … } or admin_api { allowed_hosts … } to use another name")
	}
	return nil
}

func forbidden(detail string) *httpx.Error {
	return &httpx.Error{Status: http.StatusForbidden, Code: "forbidden", Detail: detail}
}

// crossSite reports whether a browser says that another site makes it ask
// (Fetch Metadata; RFC 6454 for Origin in older browsers).
func crossSite(r *http.Request) bool {
	if slices.Contains(r.Header["Sec-Fetch-Site"], "cross-site") {
		return true
	}
	for _, origin := range r.Header["Origin"] {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return true
		}
	}
	return false
}

// onLoopback reports whether r came to an address that only this machine has.
// The configuration asks for it already, but a socket unit may say otherwise.
func onLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

// knownHost reports whether the Host of r, with or without a port, is a name
// that only this machine can have, the address that r came to, or a name that
// was allowed. HTTP/1.0 clients, which are no browsers, send none.
func (h *Handler) knownHost(r *http.Request) bool {
	host := r.Host
	if host == "" {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip = ip.Unmap(); ip.IsLoopback() || ip == localAddress(r) {
			return true
		}
	}
	host = strings.TrimSuffix(host, ".")
	return host == "localhost" || slices.ContainsFunc(*h.hosts.Load(), func(allowed string) bool { return fits(host, allowed) })
}

// localAddress is the address that r came to over TCP.
func localAddress(r *http.Request) netip.Addr {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return addr.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// fits reports whether a host is the one that is allowed, or a sub-domain of it
// where that begins with "*.".
func fits(host, allowed string) bool {
	if suffix, ok := strings.CutPrefix(allowed, "*"); ok {
		return len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	}
	return host == allowed
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}
