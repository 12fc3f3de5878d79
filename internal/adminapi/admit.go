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
		return nil
	}
	if !onLoopback(r) {
		return forbidden("without tokens the admin API answers on the loopback address only; " +
			"set admin_api { auth token … }")
	}
	if !h.knownHost(r.Host) {
		return forbidden("the Host header must name the loopback address; " +
			"set admin_api { auth token … } to use another name")
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

// knownHost reports whether host, with or without a port, is a name that only
// this machine can have. HTTP/1.0 clients, which are no browsers, send none.
func (h *Handler) knownHost(host string) bool {
	if host == "" {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return strings.EqualFold(host, "localhost") ||
		slices.ContainsFunc(h.hosts, func(known string) bool { return strings.EqualFold(known, host) })
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}
