package compile

import (
	"math"
	"reflect"
	"slices"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
)

// derive fills in what follows from what is written: first addresses, what
// routes and targets leave to the defaults, the conditions of named matchers.
func (c *compiler) derive() {
	c.deriveListeners()
	c.inherit()
	matchers := c.matchers()
	for i, b := range c.routes {
		route := &c.cfg.Routes[i]
		c.mergeMatchers(b, &route.Match, matchers)
		c.deriveTargets(b, route)
		deriveBurst(route.RateLimit)
		if route.Pull != nil && b.sub("pull").first("max_deliveries") == nil {
			route.Pull.MaxDeliveries = c.cfg.PullAPI.MaxDeliveries
		}
		if h := route.HMAC; h != nil && h.Provider != config.GenericScheme {
			h.Generic = config.Generic{}
		}
		if f := route.Forward; f != nil {
			f.CopyHeaders = unique(f.CopyHeaders)
		}
	}
	policy := &c.cfg.Defaults.PublishPolicy
	policy.ActorAllow, policy.ActorPrefix = unique(policy.ActorAllow), unique(policy.ActorPrefix)
}

// unique keeps the first of equal texts.
func unique(list []string) []string {
	var out []string
	for _, text := range list {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// defaultKeepalive is what an sse_keepalive of 0 means.
const defaultKeepalive = 15 * time.Second

func (c *compiler) deriveListeners() {
	in, pull, admin := &c.cfg.Ingress, &c.cfg.PullAPI, &c.cfg.AdminAPI
	in.Listen, pull.Listen, admin.Listen = in.Listens[0], pull.Listens[0], admin.Listens[0]
	for _, tls := range []*config.TLS{in.TLS, pull.TLS, admin.TLS} {
		switch {
		case tls == nil || tls.ClientAuth != "":
		case tls.ClientCA != "":
			tls.ClientAuth = config.ClientRequireAndVerify
		default:
			tls.ClientAuth = config.ClientNone
		}
	}
	deriveBurst(in.RateLimit)
	if pull.SSEKeepalive == 0 {
		pull.SSEKeepalive = defaultKeepalive
	}
}

func deriveBurst(limit *config.RateLimit) {
	if limit != nil && limit.Burst == 0 {
		limit.Burst = max(int(math.Ceil(limit.RPS)), 1)
	}
}

// inherit fills what routes leave to the defaults.
func (c *compiler) inherit() {
	root := reflect.ValueOf(c.cfg).Elem()
	for i := range c.cfg.Routes {
		route := reflect.ValueOf(&c.cfg.Routes[i]).Elem()
		for _, row := range c.routes[i].schema.Rows {
			if row.Inherit != "" && c.routes[i].first(row.Name) == nil {
				c.assign(c.fields.of(route, row.Field), c.fields.of(root, row.Inherit).Interface(), config.Pos{})
			}
		}
	}
}

// targets returns the statements of a route that have become targets, in the
// order of the targets.
func (b *block) targets() []*stmt {
	var list []*stmt
	for _, s := range b.entries() {
		if s.Row != nil && s.Row.Field == "route.deliver" && s.elem == len(list) && s.body != nil && !s.Bad {
			list = append(list, s)
		}
	}
	return list
}

func (c *compiler) deriveTargets(b *block, route *config.Route) {
	defaults := c.cfg.Defaults.Deliver
	for n, s := range b.targets() {
		if n == len(route.Targets) {
			break
		}
		target := &route.Targets[n]
		if s.body.first("timeout") == nil {
			target.Timeout = defaults.Timeout
		}
		deriveRetry(s.body.first("retry"), &target.Retry, defaults.Retry)
		target.Env = lastOfEach(target.Env)
		deriveSign(s.body, target)
	}
	if len(route.Targets) > 0 && route.DeliverConcurrency == 0 {
		route.DeliverConcurrency = defaults.Concurrency
	}
}

// deriveRetry takes each option that a target doesn't have from the defaults.
func deriveRetry(s *stmt, retry *config.Retry, defaults config.Retry) {
	written := func(name string) bool {
		return s != nil && slices.ContainsFunc(s.Options, func(o schema.Option) bool { return o.Arg.Name == name })
	}
	if !written("max") {
		retry.Max = defaults.Max
	}
	if !written("base") {
		retry.Base = defaults.Base
	}
	if !written("cap") {
		retry.Cap = defaults.Cap
	}
	if !written("jitter") {
		retry.Jitter = defaults.Jitter
	}
}

func lastOfEach(vars []config.EnvVar) []config.EnvVar {
	var out []config.EnvVar
	for i, v := range vars {
		again := slices.ContainsFunc(vars[i+1:], func(later config.EnvVar) bool { return later.Name == v.Name })
		if !again {
			out = append(out, v)
		}
	}
	return out
}

// signers are the directives that switch signing on, with their scheme.
func signers() map[string]config.SignScheme {
	return map[string]config.SignScheme{
		"sign hmac": config.SignHMAC, "sign hmac secret_ref": config.SignHMAC,
		"sign standard-webhooks": config.SignStandardWebhooks, "sign standard-webhooks secret_ref": config.SignStandardWebhooks,
	}
}

func deriveSign(b *block, target *config.Target) {
	for name, scheme := range signers() {
		if b.first(name) != nil && target.Sign != nil {
			target.Sign.Scheme = scheme
		}
	}
	if target.Sign != nil && target.Sign.Scheme == "" {
		target.Sign = nil
	}
}

// normalise drops what is written but off, so that a config that says so means
// the same as one that says nothing. Metrics that are off are more than nothing:
// the packaged socket for them stays closed.
func (c *compiler) normalise() {
	if t := c.cfg.Observability.Tracing; t != nil && !t.Enabled {
		c.cfg.Observability.Tracing = nil
	}
}
