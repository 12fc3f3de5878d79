package schema

func routeBlock() *Block {
	label := []Arg{{Name: "LABEL", Kind: labelKind()}}
	rows := []*Directive{
		{Name: "application", Args: label, Field: "route.application", DefaultHelp: "none",
			Help: "Label of the application; it goes with `endpoint_name`, and the pair belongs to this route alone.", Example: "application shop"},
		{Name: "endpoint_name", Args: label, Field: "route.endpoint_name", DefaultHelp: "none",
			Help: "Label of the endpoint; it goes with `application`.", Example: "endpoint_name orders.v1"},
		{Name: "match", Form: Either, Args: []Arg{{Name: "@NAME", Kind: matcherKind()}},
			List: true, Block: matchBlock("match", "match"), Repeat: true, OneBody: true, Field: "route.match",
			DefaultHelp: "POST requests",
			Help: "Conditions that a request must meet. Those of a block and of named matchers are joined, kind by kind; " +
				"an inbound route only.",
			Example: "match { method POST PUT }"},
		{Name: "ignore_unmatched", Args: []Arg{{Name: "STATUS", Kind: intKind(200, 299)}}, Field: "route.ignore_unmatched",
			DefaultHelp: "the next route is tried",
			Help:        "Answers a request that fits the path but not `match` with this status and doesn't keep it.", Example: "ignore_unmatched 204"},
		rateLimitRow("route.rate_limit", "Limits the requests of the route, in place of the limit of ingress; an inbound route only."),
	}
	rows = append(rows, authRows()...)
	rows = append(rows, answerRows()...)
	rows = append(rows, sizeRows()...)
	rows = append(rows, publishRows()...)
	rows = append(rows, queueRow(), pullRow())
	rows = append(rows, deliverRows()...)
	rows = append(rows, &Directive{Name: "deliver_concurrency", Args: []Arg{{Name: "N", Kind: intKind(1, 10000)}}, Field: "route.deliver_concurrency",
		DefaultHelp: "`concurrency` of `defaults`, block `deliver`",
		Help:        "Attempts that may run at a time, over all targets of the route.", Example: "deliver_concurrency 4"})
	return &Block{Name: "route", Title: "a route", Rows: rows,
		Help: "A route takes requests that come to its path or below it, and keeps each as a message for `pull` or `deliver`."}
}

func sizeRows() []*Directive {
	size := []Arg{{Name: "SIZE", Kind: sizeKind()}}
	return []*Directive{
		{Name: "max_body", Args: size, Inherit: "defaults.max_body", Field: "route.max_body",
			Help: "The largest body that the route takes; a larger one is answered 413.", Example: "max_body 256kb"},
		{Name: "max_headers", Args: size, Inherit: "defaults.max_headers", Field: "route.max_headers",
			Help: "The most bytes of header names and values that are stored with a message.", Example: "max_headers 16kb"},
	}
}

// answerRows say what senders are answered.
func answerRows() []*Directive {
	return []*Directive{
		{Name: "handshake", Args: []Arg{{Name: "PROVIDER", Kind: exactKind(handshakes()...), Field: "handshake.provider"}},
			Options: []Arg{
				{Name: "token", Kind: secretKind(), Field: "handshake.token"},
				{Name: "url", Kind: urlKind(), Field: "handshake.url"},
			},
			Repeat: true, Field: "route.handshake",
			Help: "Answers the request with which a provider makes sure that the receiver is the right one, and doesn't keep it. " +
				"`token` is what you agreed on with the provider, `url` the public address of the route; an inbound route only.",
			Example: "handshake meta token env:META_VERIFY_TOKEN"},
		{Name: "respond", Args: []Arg{
			{Name: "STATUS", Kind: intKind(200, 299), Field: "respond.status"},
			{Name: "BODY", Kind: Kind{Name: "text", Form: "quoted text", Parse: func(text string) (any, *Problem) { return text, nil }}, Field: "respond.body", Optional: true},
		}, Field: "route.respond", DefaultHelp: "202 and a JSON object",
			Help: "What an accepted request is answered; an inbound route only.", Example: `respond 200 "ok"`},
		{Name: "dedupe header", Args: []Arg{{Name: "NAME", Kind: headerKind(), Field: "dedupe.header"}},
			Options: []Arg{{Name: "window", Kind: positiveKind(), Field: "dedupe.window", Default: "24h"}},
			Field:   "route.dedupe", DefaultHelp: "every request is a message",
			Help: "Accepts a request without keeping it again if one with the same value of the header came within the window. " +
				"Each value takes some 40 bytes of memory until its window is over. An inbound route only.",
			Example: "dedupe header X-GitHub-Delivery window 24h"},
	}
}

// handshakes are the providers that ask before they send.
func handshakes() []string {
	return []string{"meta", "microsoft-graph", "slack", "zoom", "trello", "dropbox", "cloudevents", "eventgrid", "x", "sns", "ebay"}
}

func queueRow() *Directive {
	backend := wordKind("sqlite", "memory", "postgres").running("sqlite", "memory")
	block := &Block{Name: "queue", Title: "queue", Help: "Where messages are kept.", Rows: []*Directive{
		{Name: "backend", Args: []Arg{{Name: "BACKEND", Kind: backend}}, Default: "sqlite", Restart: true, Field: "route.queue",
			Help: "The engine: sqlite keeps messages on disk; postgres in a database that several nodes share; " +
				"memory loses them with the process and is for development.", Example: "backend sqlite"},
	}}
	return &Directive{Name: "queue", Form: Either, Args: []Arg{{Name: "BACKEND", Kind: backend}}, Block: block, Short: "backend",
		Restart: true, DefaultHelp: "sqlite",
		Help: "Where messages are kept. All routes must agree, those that don't say count as sqlite.", Example: "queue sqlite"}
}

func pullRow() *Directive {
	block := &Block{Name: "pull", Title: "pull", Help: "How workers reach the messages of the route.", Rows: []*Directive{
		{Name: "path", Args: []Arg{{Name: "/PATH", Kind: pathKind()}}, Required: true, Field: "pull.path",
			Help: "Path at the pull API, behind its prefix. It belongs to this route alone.", Example: "path /github"},
		tokenRow("pull.auth", "A token for this route; with one, those of pull_api don't apply here.", "auth token env:GITHUB_WORKER_TOKEN"),
		{Name: "max_deliveries", Args: []Arg{{Name: "N", Kind: countKind()}}, Field: "pull.max_deliveries",
			Inherit: "pull_api.max_deliveries",
			Help:    "How often a message is handed out before it goes to the dead letters; off for no bound.", Example: "max_deliveries 20"},
	}}
	return &Directive{Name: "pull", Form: Braces, Block: block, Field: "route.pull",
		Help: "Lets workers fetch the messages through the pull API.", Example: "pull { path /github }"}
}

func publishRows() []*Directive {
	flag := func(name, field, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: "on", Field: "publish." + field,
			Help: help, Example: name + " off"}
	}
	block := &Block{Name: "publish", Title: "publish", Help: "Whether the admin API may publish to the route.", Rows: []*Directive{
		flag("enabled", "enabled", "All publishing."),
		flag("direct", "direct", "Publishing by path."),
		flag("managed", "managed", "Publishing by labels."),
	}}
	return []*Directive{
		{Name: "publish", Form: Either, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Block: block, Short: "enabled", DefaultHelp: "on",
			Help: "Whether the admin API may publish to the route.", Example: "publish off"},
		flag("publish.direct", "direct", "Publishing by path, as `direct` in `publish`."),
		flag("publish.managed", "managed", "Publishing by labels, as `managed` in `publish`."),
	}
}

// matchBlock has conditions: those of a route, or of a named matcher.
func matchBlock(name, title string) *Block {
	list := func(name, example, help string, kind Kind) *Directive {
		return &Directive{Name: name, List: true, Repeat: true, Help: help, Example: name + " " + example,
			Args: []Arg{{Name: "VALUE", Kind: kind}}, Field: "match." + name}
	}
	pairs := func(name, example, help string, key Kind) *Directive {
		value := textKind("value")
		value.Free = true
		row := list(name, example, help, Kind{})
		row.Args = []Arg{{Name: "NAME", Kind: key, Field: "pair.name"}, {Name: "VALUE", Kind: value, Field: "pair.value"}}
		return row
	}
	return &Block{Name: name, Title: title, Help: "Conditions of different kinds must all hold. The values of one kind are alternatives, " +
		"except that all headers and query parameters must be there.", Rows: []*Directive{
		list("method", "POST PUT", "One of the methods; without it only POST.", methodKind()),
		list("host", "api.example.org", "One of the hosts.", hostKind()),
		pairs("header", "X-Event push", "All of the headers have the values; one of several values that commas part is enough.", matchHeaderKind()),
		list("header_exists", "X-Trace", "All of the headers are there.", matchHeaderKind()),
		pairs("query", "mode live", "All of the query parameters have the values.", textKind("name")),
		list("query_exists", "tenant", "All of the query parameters are there.", textKind("name")),
		list("remote_ip", "198.51.100.0/24", "The client has one of the addresses.", prefixesKind()),
	}}
}
