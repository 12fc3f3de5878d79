package schema

func routeBlock() *Block {
	label := []Arg{{Name: "LABEL", Kind: laterKind("label", "up to 128 letters, digits and . _ : -")}}
	size := []Arg{{Name: "SIZE", Kind: sizeKind()}}
	rows := []*Directive{
		{Name: "application", Args: label, Later: true, DefaultHelp: "none", Help: "Label of the application, together with endpoint_name.", Example: "application shop"},
		{Name: "endpoint_name", Args: label, Later: true, DefaultHelp: "none", Help: "Label of the endpoint, together with application.", Example: "endpoint_name orders.v1"},
		{Name: "match", Form: Either, Args: []Arg{{Name: "@NAME", Kind: laterKind("matcher", "@ and the name of a matcher")}},
			List: true, Block: matchBlock("match"), Repeat: true, OneBody: true, Later: true,
			DefaultHelp: "POST requests", Help: "Conditions that a request must meet.", Example: "match { method POST PUT }"},
		rateLimitRow("Limits the requests of the route, in place of the limit of ingress."),
	}
	rows = append(rows, authRows()...)
	rows = append(rows,
		&Directive{Name: "max_body", Args: size, Inherit: "defaults.max_body", Field: "route.max_body",
			Help: "The largest body that the route takes; a larger one is answered 413.", Example: "max_body 256kb"},
		&Directive{Name: "max_headers", Args: size, Inherit: "defaults.max_headers", Field: "route.max_headers",
			Help: "The most bytes of header names and values that are stored with a message.", Example: "max_headers 16kb"},
	)
	rows = append(rows, publishRows()...)
	rows = append(rows, queueRow(), pullRow())
	rows = append(rows, deliverRows()...)
	rows = append(rows, &Directive{Name: "deliver_concurrency", Args: []Arg{{Name: "N", Kind: intKind(1, 10000)}}, Later: true,
		DefaultHelp: "`concurrency` of `defaults`, block `deliver`",
		Help:        "Attempts of the route that may run at a time.", Example: "deliver_concurrency 4"})
	return &Block{Name: "route", Title: "a route", Rows: rows,
		Help: "A route takes requests that come to its path or below it, and keeps each as a message for `pull` or `deliver`."}
}

func queueRow() *Directive {
	backend := wordsLater([]string{"postgres"}, "sqlite", "memory")
	block := &Block{Name: "queue", Title: "queue", Help: "Where messages are kept.", Rows: []*Directive{
		{Name: "backend", Args: []Arg{{Name: "BACKEND", Kind: backend}}, Default: "sqlite", Restart: true, Field: "route.queue",
			Help: "The engine: sqlite keeps messages on disk; memory loses them with the process and is for development.", Example: "backend sqlite"},
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
	}}
	return &Directive{Name: "pull", Form: Braces, Block: block, Field: "route.pull",
		Help: "Lets workers fetch the messages through the pull API.", Example: "pull { path /github }"}
}

func publishRows() []*Directive {
	flag := func(name, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: "on", Later: true,
			Help: help, Example: name + " off"}
	}
	block := &Block{Name: "publish", Title: "publish", Help: "Whether the admin API may publish to the route.", Rows: []*Directive{
		flag("enabled", "All publishing."),
		flag("direct", "Publishing by path."),
		flag("managed", "Publishing by labels."),
	}}
	return []*Directive{
		{Name: "publish", Form: Either, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Block: block, Short: "enabled", Default: "on", Later: true,
			Help: "Whether the admin API may publish to the route.", Example: "publish off"},
		flag("publish.direct", "Publishing by path, as `direct` in `publish`."),
		flag("publish.managed", "Publishing by labels, as `managed` in `publish`."),
	}
}

func matchBlock(title string) *Block {
	list := func(name, example, help string, kinds ...Kind) *Directive {
		row := &Directive{Name: name, List: true, Repeat: true, Later: true, Help: help, Example: name + " " + example}
		for i, kind := range kinds {
			row.Args = append(row.Args, Arg{Name: []string{"NAME", "VALUE"}[i], Kind: kind})
		}
		return row
	}
	text := laterKind("text", "text")
	free := Kind{Name: "text", Form: "text", Free: true}
	return &Block{Name: "match", Title: title, Help: "Conditions of different kinds must all hold.", Rows: []*Directive{
		list("method", "POST PUT", "One of the methods.", laterKind("method", "an HTTP method")),
		list("host", "api.example.org", "One of the hosts.", laterKind("host", "a host, *.SUFFIX or *")),
		list("header", "X-Event push", "All of the headers have the values.", text, free),
		list("header_exists", "X-Trace", "All of the headers are there.", headerKind()),
		list("query", "mode live", "All of the query parameters have the values.", text, free),
		list("query_exists", "tenant", "All of the query parameters are there.", text),
		list("remote_ip", "198.51.100.0/24", "The peer has one of the addresses.", laterKind("address", "an IP address or a CIDR prefix")),
	}}
}
