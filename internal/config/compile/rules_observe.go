package compile

import (
	"fmt"

	"hookaido/internal/config"
)

func (c *compiler) ruleMetrics() {
	s := c.root.sub("observability").first("metrics")
	metrics := c.cfg.Observability.Metrics
	if s == nil || s.failed || metrics == nil {
		return
	}
	for _, name := range []string{"listen", "prefix"} {
		inner := s.body.first(name)
		switch {
		case metrics.Enabled && inner == nil:
			def := s.Row.Block.Row(name).Default
			c.warnAt(CodeDefaultUsed, s.Head(), "add a line such as: "+name+" "+def, fmt.Sprintf("%q has no %q; %s is used", "metrics", name, def))
		case !metrics.Enabled && inner != nil:
			c.warnAt(CodeIgnored, inner.Head(), "remove it, or write enabled on", fmt.Sprintf("metrics is off, so that %s has no effect", name))
		}
	}
}

func (c *compiler) ruleTracing() {
	b := c.root.sub("observability").sub("tracing")
	tracing := c.cfg.Observability.Tracing
	if b == nil || tracing == nil {
		return
	}
	if b.first("enabled") == nil && !b.unknown {
		c.warnAt(CodeDefaultUsed, b.head, "add: enabled on", "tracing doesn't say enabled, so that it stays off")
	}
	c.uniqueHeaders(b, tracing.Headers)
	c.checkTracingTLS(b, tracing)
	retry := b.sub("retry")
	if retry == nil || retry.failed("initial_interval", "max_interval", "max_elapsed_time") {
		return
	}
	r := tracing.Retry
	for _, limit := range []struct {
		name    string
		crossed bool
	}{
		{"max_interval", r.MaxInterval < r.InitialInterval},
		{"max_elapsed_time", r.MaxElapsedTime > 0 && r.MaxElapsedTime < r.InitialInterval},
	} {
		if limit.crossed {
			c.errorAt(CodeLimitsCrossed, retry.place(limit.name), "raise it, or lower initial_interval",
				fmt.Sprintf("retry: %s is below initial_interval %s", limit.name, short(r.InitialInterval)))
			if s := retry.first("initial_interval"); s != nil {
				c.relate(s.value(), "initial_interval is here")
			}
		}
	}
}

func (c *compiler) checkTracingTLS(b *block, tracing *config.Tracing) {
	tls := b.sub("tls")
	if tls == nil || tls.failed("cert_file", "key_file", "ca_file", "server_name", "insecure_skip_verify") || tracing.TLS == nil {
		return
	}
	t := tracing.TLS
	switch cert, key := tls.first("cert_file"), tls.first("key_file"); {
	case cert != nil && key == nil:
		c.errorAt(CodeMissing, cert.Head(), "add key_file", "cert_file needs key_file beside it")
	case cert == nil && key != nil:
		c.errorAt(CodeMissing, key.Head(), "add cert_file", "key_file needs cert_file beside it")
	}
	if insecure := b.first("insecure"); insecure != nil && tracing.Insecure && *t != (config.TracingTLS{}) {
		c.errorAt(CodeExcluded, insecure.Head(), "remove one of the two", "insecure sends without TLS, so that tls has no meaning")
		c.relate(tls.head, "tls is here")
	}
}

// rulePruning requires an interval while there is something to prune.
func (c *compiler) rulePruning() {
	b := c.root.sub("queue_retention")
	s := b.first("prune_interval")
	r := &c.cfg.Retention
	if s == nil || b.failed("prune_interval") || r.PruneInterval > 0 {
		return
	}
	for _, retention := range []struct {
		name string
		on   bool
	}{
		{"queue_retention", r.QueueAge > 0}, {"delivered_retention", r.DeliveredAge > 0},
		{"dlq_retention", r.DeadAge > 0 || r.DeadDepth > 0}, {"attempts_retention", r.AttemptsAge > 0 || r.AttemptsRows > 0},
	} {
		if retention.on {
			c.errorAt(CodeExcluded, s.value(), "write an interval such as 5m, or switch every retention off",
				fmt.Sprintf("prune_interval is off, but %s is on (by default, if it isn't written): nothing would be pruned", retention.name))
			if other := c.root.first(retention.name); other != nil && retention.name != "queue_retention" {
				c.relate(other.Head(), "it is on here")
			}
			return
		}
	}
}
