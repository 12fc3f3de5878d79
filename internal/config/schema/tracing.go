package schema

func metricsRow() *Directive {
	block := &Block{Name: "metrics", Title: "metrics", Help: "Numbers for Prometheus, over plain HTTP.", Rows: []*Directive{
		{Name: "enabled", Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: "on", Restart: true, Field: "metrics.enabled",
			Help: "Switches the listener on or off.", Example: "enabled on"},
		{Name: "listen", Args: []Arg{{Name: "ADDRESS", Kind: listenKind()}}, Default: "127.0.0.1:9900", Restart: true, Field: "metrics.listen",
			Help: "Address to serve on; no other listener may have it.", Example: "listen 127.0.0.1:9900"},
		{Name: "prefix", Args: []Arg{{Name: "/PATH", Kind: prefixKind()}}, Default: "/metrics", Restart: true, Field: "metrics.prefix",
			Help: "Path that is scraped.", Example: "prefix /metrics"},
	}}
	return &Directive{Name: "metrics", Form: Either, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Block: block, Short: "enabled",
		DefaultHelp: "no listener, unless systemd passes the socket `metrics`", Restart: true, Field: "observability.metrics",
		Help: "A listener for Prometheus. `metrics off` leaves the socket of systemd alone too.", Example: "metrics { listen 127.0.0.1:9900 prefix /metrics }"}
}

func tracingRow() *Directive {
	row := func(name string, kind Kind, help, example string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "VALUE", Kind: kind}}, Restart: true, Field: "tracing." + name,
			DefaultHelp: "the exporter's own", Help: help, Example: name + " " + example}
	}
	flag := func(name, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Restart: true, Field: "tracing." + name,
			Default: "off", Help: help, Example: name + " on"}
	}
	block := &Block{Name: "tracing", Title: "tracing", Help: "Traces over OTLP.", Rows: []*Directive{
		flag("enabled", "Switches traces on or off."),
		row("collector", urlKind(), "Where spans go.", "https://otel.example.com:4318"),
		row("url_path", pathKind(), "Path at the collector.", "/v1/traces"),
		row("timeout", positiveKind(), "Time for one export.", "6s"),
		row("compression", wordKind("none", "gzip"), "Compression of exports.", "gzip"),
		flag("insecure", "Sends without TLS; it doesn't go with `tls`."),
		row("proxy_url", urlKind(), "Proxy on the way.", "http://proxy.example.com:3128"),
		{Name: "tls", Form: Braces, Block: tracingTLS(), Restart: true, Field: "tracing.tls", Help: "TLS towards the collector.", Example: "tls { ca_file /ca.pem }"},
		{Name: "retry", Form: Braces, Block: tracingRetry(), Restart: true, Field: "tracing.retry", Help: "How a failed export is tried again.", Example: "retry { enabled on }"},
		{Name: "header", Args: []Arg{{Name: "NAME", Kind: headerKind(), Field: "header.name"}, {Name: "VALUE", Kind: filledHeaderKind(), Field: "header.value"}},
			Repeat: true, Restart: true, Field: "tracing.header", Help: "A header of each export.", Example: "header X-Team platform"},
	}}
	return &Directive{Name: "tracing", Form: Either, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Block: block, Short: "enabled",
		DefaultHelp: "off", Restart: true, Later: true, Field: "observability.tracing",
		Help: "Traces over OTLP.", Example: "tracing { enabled on collector https://otel.example.com:4318 }"}
}

// filledHeaderKind is headerValueKind without the empty value.
func filledHeaderKind() Kind {
	kind := headerValueKind()
	plain := kind.Parse
	kind.Parse = func(text string) (any, *Problem) {
		if text == "" {
			return bad("give it a text, or remove the header", "the value is empty")
		}
		return plain(text)
	}
	return kind
}

func tracingTLS() *Block {
	text := func(name, what, help, example string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "VALUE", Kind: textKind(what)}}, Restart: true, Field: "tracing_tls." + name,
			DefaultHelp: "none", Help: help, Example: name + " " + example}
	}
	return &Block{Name: "tracing_tls", Title: "tls", Help: "TLS towards the collector.", Rows: []*Directive{
		text("ca_file", "path", "Authorities that the collector is checked against.", "/ca.pem"),
		text("cert_file", "path", "Certificate of the client; it goes with `key_file`.", "/c.pem"),
		text("key_file", "path", "Key of the client; it goes with `cert_file`.", "/k.pem"),
		text("server_name", "name", "Name that the certificate must have.", "otel.example.com"),
		{Name: "insecure_skip_verify", Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: "off", Restart: true, Field: "tracing_tls.insecure_skip_verify",
			Help: "Accepts any certificate.", Example: "insecure_skip_verify off"},
	}}
}

func tracingRetry() *Block {
	row := func(name, def, help string, kind Kind) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "VALUE", Kind: kind}}, Default: def, Restart: true, Field: "tracing_retry." + name,
			Help: help, Example: name + " " + def}
	}
	return &Block{Name: "tracing_retry", Title: "retry", Help: "How a failed export is tried again.", Rows: []*Directive{
		row("enabled", "on", "Switches retries on or off.", boolKind()),
		row("initial_interval", "5s", "Wait after the first failure.", positiveKind()),
		row("max_interval", "30s", "The longest wait.", positiveKind()),
		row("max_elapsed_time", "1m", "Time after which spans are dropped; off to keep trying.", durationKind()),
	}}
}
