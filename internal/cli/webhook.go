package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"hookaido/internal/auth/hmac"
	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// markHeader marks test webhooks, so that workers can tell them from others.
const markHeader = "X-Hookaido-Test"

// webhook makes a test webhook for a route.
type webhook struct {
	cfg      *config.Config
	route    *config.Route
	resolver secret.Resolver
	flags    *sendFlags
	mark     string
	place    place
}

// request makes the request with everything that the route asks for.
func (w *webhook) request(ctx context.Context) (*http.Request, error) {
	if w.route.Channel != config.Inbound {
		return nil, fmt.Errorf("%s takes no webhooks: it is an %s route; use hookaido messages publish", w.route.Path, w.route.Channel)
	}
	target, err := w.target()
	if err != nil {
		return nil, err
	}
	body, kind, err := w.body()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, w.method(), target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", "hookaido-send")
	req.Header.Set(markHeader, w.mark)
	w.match(req)
	own, err := headersOf(w.flags.headers)
	if err != nil {
		return nil, err
	}
	// before the signature, which may be over them, and after it, to spoil it
	w.set(req, own)
	if err := w.authorise(req, body); err != nil {
		return nil, err
	}
	w.set(req, own)
	return req, nil
}

func (*webhook) set(req *http.Request, own map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if strings.EqualFold(name, "Host") {
			req.Host = own[name]
			continue
		}
		req.Header.Set(name, own[name])
	}
}

func (w *webhook) method() string {
	if w.flags.method != "" {
		return strings.ToUpper(w.flags.method)
	}
	if methods := w.route.Match.Methods; len(methods) > 0 && !slices.Contains(methods, http.MethodPost) {
		return methods[0]
	}
	return http.MethodPost
}

// target is where the request goes.
func (w *webhook) target() (*url.URL, error) {
	if w.flags.url != "" {
		u, err := url.Parse(w.flags.url)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("--url must be like https://hooks.example/github")
		}
		if strings.Trim(u.Path, "/") == "" {
			u.Path = w.route.Path
		}
		return u, nil
	}
	u, err := w.place.base()
	if err != nil {
		return nil, fmt.Errorf("%w: give --url", err)
	}
	u.Path = w.route.Path
	return u, nil
}

// match adds what the conditions of the route ask for.
func (w *webhook) match(req *http.Request) {
	m := &w.route.Match
	for _, host := range m.Hosts {
		if w.flags.url == "" && !strings.Contains(host, "*") {
			req.Host = host
			break
		}
	}
	for _, pair := range m.Headers {
		req.Header.Set(pair.Name, pair.Value)
	}
	for _, name := range m.HeaderExists {
		req.Header.Set(name, "test")
	}
	query := req.URL.Query()
	for _, pair := range m.Query {
		query.Set(pair.Name, pair.Value)
	}
	for _, name := range m.QueryExists {
		query.Set(name, "test")
	}
	if len(m.Query)+len(m.QueryExists) > 0 {
		req.URL.RawQuery = query.Encode()
	}
	if w.route.Dedupe != nil {
		req.Header.Set(w.route.Dedupe.Header, w.mark)
	}
	for name, value := range usual(w.provider(), w.mark) {
		if req.Header.Get(name) == "" {
			req.Header.Set(name, value)
		}
	}
}

func (w *webhook) provider() config.Provider {
	if w.route.HMAC == nil {
		return ""
	}
	return w.route.HMAC.Provider
}

// usual are headers that workers of a provider's webhooks expect.
func usual(p config.Provider, id string) map[string]string {
	switch p {
	case config.GitHub:
		return map[string]string{"X-GitHub-Event": "ping", "X-GitHub-Delivery": id}
	case config.Gitea:
		return map[string]string{"X-Gitea-Event": "ping", "X-Gitea-Delivery": id}
	case "forgejo":
		return map[string]string{"X-Forgejo-Event": "ping", "X-Forgejo-Delivery": id}
	case "gitlab", "gitlab-token":
		return map[string]string{"X-Gitlab-Event": "Test Hook", "X-Gitlab-Event-UUID": id}
	case "shopify":
		return map[string]string{"X-Shopify-Topic": "hookaido/test", "X-Shopify-Webhook-Id": id}
	}
	return nil
}

// body is the body with its type.
func (w *webhook) body() ([]byte, string, error) {
	if w.flags.body != "" {
		b, err := readInput(w.flags.body)
		kind := "application/json"
		if w.provider() == "twilio" {
			kind = "application/x-www-form-urlencoded"
		}
		return b, kind, err
	}
	if w.provider() == "twilio" {
		return []byte("Body=a+test+by+hookaido&MessageSid=" + w.mark), "application/x-www-form-urlencoded", nil
	}
	return []byte(`{"test":true,"sent_by":"hookaido send","id":"` + w.mark + `"}`), "application/json", nil
}

// authorise adds credentials and signature.
func (w *webhook) authorise(req *http.Request, body []byte) error {
	r := w.route
	switch {
	case len(r.Basic) > 0:
		req.SetBasicAuth(r.Basic[0].User, string(r.Basic[0].Password.Reveal()))
	case len(r.BasicHashes)+len(r.Htpasswd) > 0 && !slices.ContainsFunc(w.flags.headers, isAuthorization):
		return errors.New("the route knows only hashes of passwords: give --header 'Authorization: Basic …'")
	}
	if len(r.Bearer) > 0 {
		token, err := w.resolver.ResolveContext(req.Context(), r.Bearer[0].Ref)
		if err != nil {
			return fmt.Errorf("read the token of %s: %w", r.Path, err)
		}
		req.Header.Set("Authorization", "Bearer "+string(token.Reveal()))
	}
	if r.HMAC == nil {
		return nil
	}
	signer, err := w.signer(req.Context())
	if err != nil {
		return fmt.Errorf("sign for %s: %w", r.Path, err)
	}
	err = signer.Sign(req.Header, hmac.Signed{
		Method: req.Method, Path: req.URL.Path, RawPath: req.URL.EscapedPath(), RawQuery: req.URL.RawQuery,
		Host: cmp.Or(req.Host, req.URL.Host), Body: body, // no scheme: behind what ends TLS it is https all the same
	})
	if err != nil {
		return fmt.Errorf("sign for %s: %w", r.Path, err)
	}
	return nil
}

func isAuthorization(header string) bool {
	name, _, _ := strings.Cut(header, ":")
	return strings.EqualFold(strings.TrimSpace(name), "Authorization")
}

// signer signs with the route's own secrets.
func (w *webhook) signer(ctx context.Context) (*hmac.Signer, error) {
	h := w.route.HMAC
	o := hmac.Options{
		Provider: h.Provider, Route: w.route.Path, URL: h.URL, SignatureHeader: h.SignatureHeader,
		TimestampHeader: h.TimestampHeader, NonceHeader: h.NonceHeader, Tolerance: h.Tolerance, Generic: h.Generic, Clock: clock.System{},
	}
	for _, ref := range h.Secrets {
		value, err := w.resolver.ResolveContext(ctx, ref.Ref)
		if err != nil {
			return nil, err
		}
		o.Keys = append(o.Keys, value)
	}
	var versions []secret.Version
	for _, name := range h.SecretNames {
		for i := range w.cfg.Secrets {
			s := &w.cfg.Secrets[i]
			if s.ID != name.ID || s.Value.IsZero() {
				continue
			}
			value, err := w.resolver.ResolveContext(ctx, s.Value.Ref)
			if err != nil {
				return nil, err
			}
			versions = append(versions, secret.Version{ID: s.ID, Value: value, From: s.ValidFrom, Until: s.ValidUntil})
		}
	}
	o.Pool = secret.NewPool(versions...)
	if len(o.Keys)+len(versions) == 0 {
		return nil, errors.New("its secrets were added to the running daemon and can't be read here")
	}
	return hmac.NewSigner(o)
}
