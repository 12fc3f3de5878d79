package schema

import "strings"

func observabilityBlock() *Block {
	levels := levelKind()
	access := &Block{Name: "access_log", Title: "access_log", Help: "One line per request.", Rows: append([]*Directive{
		{Name: "enabled", Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: "on", Restart: true, Field: "access_log.enabled",
			Help: "Switches the log on or off.", Example: "enabled off"}}, outputRows("access_log")...)}
	runtime := &Block{Name: "runtime_log", Title: "runtime_log", Help: "What the program does and what goes wrong.",
		Rows: append([]*Directive{
			{Name: "level", Args: []Arg{{Name: "LEVEL", Kind: levels}}, DefaultHelp: "the command line's `--log-level`", Restart: true,
				Field: "runtime_log.level", Help: "The least severe level that is logged; off for none.", Example: "level warn"}},
			outputRows("runtime_log")...)}
	return &Block{Name: "observability", Title: "observability", Help: "Logs, metrics and traces.", Rows: []*Directive{
		{Name: "access_log", Form: Either, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Block: access, Short: "enabled", Restart: true,
			DefaultHelp: "on, to stderr", Field: "observability.access_log",
			Help: "The log of requests.", Example: "access_log off"},
		{Name: "runtime_log", Form: Either, Args: []Arg{{Name: "LEVEL", Kind: levels}}, Block: runtime, Short: "level", Restart: true,
			DefaultHelp: "the command line's level, to stderr", Field: "observability.runtime_log",
			Help: "The log of events.", Example: "runtime_log warn"},
		metricsRow(),
		tracingRow(),
	}}
}

func levelKind() Kind {
	kind := wordKind("debug", "info", "warn", "error", "off")
	plain := kind.Parse
	kind.Parse = func(text string) (any, *Problem) {
		if strings.EqualFold(text, "warning") {
			text = "warn"
		}
		return plain(text)
	}
	return kind
}

// outputRows has what both logs take.
func outputRows(log string) []*Directive {
	return []*Directive{
		{Name: "output", Args: []Arg{{Name: "WHERE", Kind: wordKind("stderr", "stdout", "file")}}, Default: "stderr", Restart: true,
			Field: log + ".output",
			Help:  "Where the log goes. Under systemd stderr is the journal, with fields.", Example: "output stderr"},
		{Name: "path", Args: []Arg{{Name: "FILE", Kind: textKind("path")}}, Restart: true, Field: log + ".path",
			DefaultHelp: "none; needed for `output file`",
			Help:        "The file of `output file`.", Example: "path /var/log/hookaido/" + log + ".jsonl"},
		{Name: "format", Args: []Arg{{Name: "FORMAT", Kind: wordKind("json")}}, Default: "json", Restart: true,
			Help: "The form of a line outside the journal.", Example: "format json"},
	}
}

func metricsRow() *Directive {
	block := &Block{Name: "metrics", Title: "metrics", Help: "Numbers for Prometheus.", Rows: []*Directive{
		{Name: "enabled", Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: "on", Restart: true, Later: true,
			Help: "Switches the listener on or off.", Example: "enabled on"},
		{Name: "listen", Args: []Arg{{Name: "ADDRESS", Kind: listenKind()}}, Default: "127.0.0.1:9900", Restart: true, Later: true,
			Help: "Address to serve on.", Example: "listen 127.0.0.1:9900"},
		{Name: "prefix", Args: []Arg{{Name: "/PATH", Kind: prefixKind()}}, Default: "/metrics", Restart: true, Later: true,
			Help: "Path that is scraped.", Example: "prefix /metrics"},
	}}
	return &Directive{Name: "metrics", Form: Either, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Block: block, Short: "enabled",
		Restart: true, Later: true, Help: "A listener for Prometheus.", Example: "metrics { listen 127.0.0.1:9900 }"}
}

func tracingRow() *Directive {
	row := func(name string, kind Kind, help, example string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "VALUE", Kind: kind}}, Restart: true, Later: true,
			DefaultHelp: "the exporter's own", Help: help, Example: name + " " + example}
	}
	tls := &Block{Name: "tracing_tls", Title: "tls", Help: "TLS towards the collector.", Rows: []*Directive{
		row("ca_file", laterKind("file", "the path of a file"), "Authorities that the collector is checked against.", "/ca.pem"),
		row("cert_file", laterKind("file", "the path of a file"), "Certificate of the client.", "/c.pem"),
		row("key_file", laterKind("file", "the path of a file"), "Key of the client.", "/k.pem"),
		row("server_name", laterKind("host", "a host name"), "Name that the certificate must have.", "otel.example.com"),
		row("insecure_skip_verify", boolKind(), "Accepts any certificate.", "off"),
	}}
	retry := &Block{Name: "tracing_retry", Title: "retry", Help: "How a failed export is tried again.", Rows: []*Directive{
		row("enabled", boolKind(), "Switches retries on or off.", "on"),
		row("initial_interval", positiveKind(), "Wait after the first failure.", "2s"),
		row("max_interval", positiveKind(), "The longest wait.", "20s"),
		row("max_elapsed_time", durationKind(), "Time after which spans are dropped; off to keep trying.", "1m"),
	}}
	block := &Block{Name: "tracing", Title: "tracing", Help: "Traces over OTLP.", Rows: []*Directive{
		row("enabled", boolKind(), "Switches traces on or off.", "on"),
		row("collector", laterKind("url", "an http or https URL"), "Where spans go.", "https://otel.example.com:4318"),
		row("url_path", pathKind(), "Path at the collector.", "/v1/traces"),
		row("timeout", positiveKind(), "Time for one export.", "6s"),
		row("compression", wordKind("none", "gzip"), "Compression of exports.", "gzip"),
		row("insecure", boolKind(), "Sends without TLS.", "off"),
		row("proxy_url", laterKind("url", "an http or https URL"), "Proxy on the way.", "http://proxy.example.com:3128"),
		{Name: "tls", Form: Braces, Block: tls, Restart: true, Later: true, Help: "TLS towards the collector.", Example: "tls { ca_file /ca.pem }"},
		{Name: "retry", Form: Braces, Block: retry, Restart: true, Later: true, Help: "How a failed export is tried again.", Example: "retry { enabled on }"},
		{Name: "header", Args: []Arg{{Name: "NAME", Kind: headerKind()}, {Name: "VALUE", Kind: Kind{Name: "text", Form: "text", Free: true, Secret: true}}},
			Repeat: true, Restart: true, Later: true, Help: "A header of each export.", Example: "header X-Team platform"},
	}}
	return &Directive{Name: "tracing", Form: Either, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Block: block, Short: "enabled",
		Restart: true, Later: true, Help: "Traces over OTLP.", Example: "tracing { enabled on collector https://otel.example.com:4318 }"}
}
