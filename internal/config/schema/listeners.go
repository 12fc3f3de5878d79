package schema

func ingressBlock() *Block {
	return &Block{Name: "ingress", Title: "ingress", Help: "The public listener.", Rows: []*Directive{
		listenRow("ingress.listen", ":8080", "listen 0.0.0.0:8080"),
		tlsRow("ingress.tls"),
		{Name: "trusted_proxies", Args: []Arg{{Name: "ADDRESS", Kind: prefixesKind()}}, List: true, Repeat: true, DefaultHelp: "none",
			Field: "ingress.trusted_proxies",
			Help:  "Peers whose X-Forwarded-For is believed: the client is the last address in it that is none of these.", Example: "trusted_proxies 10.0.0.0/8"},
		{Name: "proxy_protocol", Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: "off", Restart: true, Field: "ingress.proxy_protocol",
			Help: "Expects the PROXY protocol, version 1 or 2, from `trusted_proxies`.", Example: "proxy_protocol on"},
		rateLimitRow("ingress.rate_limit", "Limits the requests of all routes that have no limit of their own."),
	}}
}

func adminBlock() *Block {
	return &Block{Name: "admin_api", Title: "admin_api",
		Help: "Without a token every request is allowed, so a token is required unless the address is a loopback one.",
		Rows: []*Directive{
			listenRow("admin_api.listen", "127.0.0.1:2019", "listen 127.0.0.1:2019"),
			prefixRow("admin_api.prefix", "Path in front of every path of the API.", "prefix /ops"),
			tokenRow("admin_api.auth", "A token that operators may send as bearer token.", "auth token credential:admin-token"),
			{Name: "allowed_hosts", Args: []Arg{{Name: "HOST", Kind: hostKind()}}, List: true, Repeat: true, DefaultHelp: "none",
				Field: "admin_api.allowed_hosts",
				Help: "Names that clients may send as Host, beside loopback ones and the address itself; all others are refused with 403. " +
					"Without this only an API that has tokens takes any name. It is not for the Unix socket.", Example: "allowed_hosts hookaido.internal"},
			tlsRow("admin_api.tls"),
		}}
}

func pullBlock() *Block {
	duration := func(kind Kind) []Arg { return []Arg{{Name: "DURATION", Kind: kind}} }
	return &Block{Name: "pull_api", Title: "pull_api",
		Help: "Workers send one of the tokens as bearer token. Tokens of a route replace those given here.",
		Rows: []*Directive{
			listenRow("pull_api.listen", ":9443", "listen 127.0.0.1:9443"),
			{Name: "grpc_listen", Args: []Arg{{Name: "ADDRESS", Kind: listenKind()}}, Restart: true, Later: true, DefaultHelp: "no gRPC", Field: "pull_api.grpc_listen",
				Help: "Address of the worker API over gRPC.", Example: "grpc_listen 127.0.0.1:9943"},
			prefixRow("pull_api.prefix", "Path in front of every pull path.", "prefix /work"),
			tokenRow("pull_api.auth", "A token that workers may send as bearer token.", "auth token credential:pull-token"),
			{Name: "max_batch", Args: []Arg{{Name: "N", Kind: intKind(1, maxInt)}}, Default: "100", Restart: true, Field: "pull_api.max_batch",
				Help: "The most messages that one dequeue may ask for; more is cut to it.", Example: "max_batch 25"},
			{Name: "max_lease_batch", Args: []Arg{{Name: "N", Kind: intKind(1, maxInt)}}, Default: "100", Restart: true, Field: "pull_api.max_lease_batch",
				Help: "The most leases that one ack, nack or extend may name.", Example: "max_lease_batch 50"},
			{Name: "default_lease_ttl", Args: duration(positiveKind()), Default: "30s", Restart: true, Field: "pull_api.default_lease_ttl",
				Help: "How long a worker has a message if its request doesn't say.", Example: "default_lease_ttl 45s"},
			{Name: "max_lease_ttl", Args: duration(durationKind()), Default: "off", Restart: true, Field: "pull_api.max_lease_ttl",
				Help: "The longest time that a worker may have a message; off for no limit.", Example: "max_lease_ttl 10m"},
			{Name: "default_max_wait", Args: duration(durationKind()), Default: "off", Restart: true, Field: "pull_api.default_max_wait",
				Help: "How long a dequeue waits for a message if its request doesn't say; off to answer at once.", Example: "default_max_wait 2s"},
			{Name: "max_wait", Args: duration(durationKind()), Default: "off", Restart: true, Field: "pull_api.max_wait",
				Help: "The longest time that a dequeue may wait; off for the limit of the API itself.", Example: "max_wait 20s"},
			{Name: "sse_keepalive", Args: duration(durationKind()), Default: "15s", Later: true, Restart: true, Field: "pull_api.sse_keepalive",
				Help: "Time between signs of life on an event stream; off is 15s.", Example: "sse_keepalive 20s"},
			{Name: "sse_max_connection", Args: duration(durationKind()), Default: "off", Later: true, Restart: true, Field: "pull_api.sse_max_connection",
				Help: "The longest time that an event stream may last; off for no limit.", Example: "sse_max_connection 2h"},
			{Name: "max_deliveries", Args: []Arg{{Name: "N", Kind: countKind()}}, Default: "off", Field: "pull_api.max_deliveries",
				Help: "How often a message is handed out before it goes to the dead letters; off for no bound.", Example: "max_deliveries 20"},
			tlsRow("pull_api.tls"),
		}}
}

func listenRow(field, def, example string) *Directive {
	return &Directive{Name: "listen", Args: []Arg{{Name: "ADDRESS", Kind: listenKind()}}, Default: def,
		Expected: true, Restart: true, Repeat: true, Field: field,
		Help: "Address to serve on; several lines for several. Sockets that systemd hands over take its place. " +
			"Servers whose `listen` lines are the same share the address: requests below the `prefix` of an API are for it, all others for the ingress.",
		Example: example}
}

func prefixRow(field, help, example string) *Directive {
	return &Directive{Name: "prefix", Args: []Arg{{Name: "/PATH", Kind: prefixKind()}}, DefaultHelp: "none",
		Restart: true, Field: field, Help: help, Example: example}
}

func tokenRow(field, help, example string) *Directive {
	return &Directive{Name: "auth token", Args: []Arg{{Name: "REF", Kind: secretKind()}}, Repeat: true,
		Field: field, Help: help, Example: example}
}

func tlsRow(field string) *Directive {
	file := []Arg{{Name: "FILE", Kind: certKind()}}
	block := &Block{Name: "tls", Title: "tls", Help: "Serves HTTPS, from TLS 1.2 on. The files are read at start, on reload and when they change; a path may be `credential:NAME`. Validation doesn't open them.", Rows: []*Directive{
		{Name: "cert_file", Args: file, Required: true, Restart: true, Field: "tls.cert_file",
			Help: "Certificate and its chain, as PEM.", Example: "cert_file /etc/hookaido/tls/cert.pem"},
		{Name: "key_file", Args: file, Required: true, Restart: true, Field: "tls.key_file",
			Help: "Private key, as PEM.", Example: "key_file /etc/hookaido/tls/key.pem"},
		{Name: "client_ca", Args: file, Restart: true, Field: "tls.client_ca", DefaultHelp: "none",
			Help: "Authorities that client certificates are checked against.", Example: "client_ca /etc/hookaido/tls/clients.pem"},
		{Name: "client_auth", Args: []Arg{{Name: "MODE", Kind: clientAuthKind()}}, Restart: true, Field: "tls.client_auth",
			DefaultHelp: "`require_and_verify` with `client_ca`, else `none`",
			Help: "Whether clients must show a certificate. `none` (or `off`) asks for none, `request` takes any or none, " +
				"`require_any` takes any; `verify_if_given`, `require` and `require_and_verify` need `client_ca`.", Example: "client_auth none"},
	}}
	return &Directive{Name: "tls", Form: Braces, Block: block, Restart: true, Field: field,
		Help: "Serves HTTPS with a certificate, over HTTP/2 and HTTP/1.1.", Example: "tls { cert_file /c.pem key_file /k.pem }"}
}

// clientAuthKind gives the words that have a twin as the twin.
func clientAuthKind() Kind {
	kind := wordKind("none", "off", "request", "require_any", "verify_if_given", "require", "require_and_verify")
	plain := kind.Parse
	kind.Parse = func(text string) (any, *Problem) {
		word, problem := plain(text)
		switch word {
		case "off":
			return "none", nil
		case "require":
			return "require_and_verify", nil
		}
		return word, problem
	}
	return kind
}

func rateLimitRow(field, help string) *Directive {
	block := &Block{Name: "rate_limit", Title: "rate_limit", Help: "A bucket of tokens that starts full.", Rows: []*Directive{
		{Name: "rps", Args: []Arg{{Name: "N", Kind: rateKind()}}, Required: true, Field: "rate_limit.rps",
			Help: "Requests per second in the long run.", Example: "rps 12.5"},
		{Name: "burst", Args: []Arg{{Name: "N", Kind: intKind(1, maxInt)}}, DefaultHelp: "`rps`, rounded up", Field: "rate_limit.burst",
			Help: "Requests that may come at once.", Example: "burst 40"},
	}}
	return &Directive{Name: "rate_limit", Form: Braces, Block: block, Field: field, Help: help, Example: "rate_limit { rps 50 burst 100 }"}
}
