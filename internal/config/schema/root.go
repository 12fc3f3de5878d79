package schema

// Root returns the table: the block of what may stand at top level, with all
// other blocks inside. Each call builds a new one.
func Root() *Block {
	route := routeBlock()
	root := &Block{
		Name: "", Title: "the top level",
		Help: "A file is a list of blocks and routes in any order. Each block stands at most once; only among routes does the order matter.",
		Rows: []*Directive{
			{Name: "ingress", Form: Braces, Block: ingressBlock(),
				Help: "The public listener, which takes webhooks in.", Example: "ingress { listen :8080 }"},
			{Name: "pull_api", Form: Braces, Block: pullBlock(),
				Help:    "The API that workers fetch messages from. Needed as soon as a route has `pull`.",
				Example: "pull_api { auth token credential:pull-token }"},
			{Name: "admin_api", Form: Braces, Block: adminBlock(),
				Help: "The API for operators. It is served even without the block.", Example: "admin_api { listen 127.0.0.1:2019 }"},
			{Name: "queue_limits", Form: Braces, Block: queueLimitsBlock(),
				Help: "Bounds of the queue over all routes.", Example: "queue_limits { max_depth 50000 }"},
		},
		Route: routeRow(route), Matcher: matcherRow(),
	}
	root.Rows = append(root.Rows, retentionRows()...)
	root.Rows = append(root.Rows,
		&Directive{Name: "observability", Form: Braces, Block: observabilityBlock(),
			Help: "Logs, metrics and traces.", Example: "observability { runtime_log warn }"},
		&Directive{Name: "defaults", Form: Braces, Block: defaultsBlock(),
			Help: "What applies to routes and deliveries that don't say otherwise.", Example: "defaults { max_body 1mb }"},
		&Directive{Name: "vars", Form: Braces, Block: varsBlock(),
			Help:    "Texts with a name, to be used as {vars.NAME} in values outside this block and in each other.",
			Example: "vars { ZONE eu-1 }"},
		secretsRow(),
	)
	root.Rows = append(root.Rows, channelRows(route)...)
	index(root)
	return root
}

// index notes for each block where every directive may stand.
func index(root *Block) {
	homes := map[string][]string{}
	Walk(root, func(b *Block) {
		b.homes = homes
		b.indexFirsts()
		for _, row := range b.Rows {
			homes[row.Name] = append(homes[row.Name], b.Title)
		}
	})
}

func routeRow(route *Block) *Directive {
	return &Directive{Name: "<route>", Form: Braces, Block: route, Repeat: true, Field: "route",
		Args: []Arg{{Name: "/PATH", Kind: pathKind(), Field: "route.path"}},
		Help: "Takes the webhooks of a path and of everything below it. The first route of the file that fits a request gets it. " +
			"A path with spaces, braces or placeholders is quoted.",
		Example: "/webhooks/github { auth hmac { provider github secret env:GITHUB_SECRET } pull { path /github } }"}
}

func matcherRow() *Directive {
	return &Directive{Name: "<matcher>", Form: Braces, Block: matchBlock("matcher", "a named matcher"), Repeat: true, Field: "matcher",
		Args:    []Arg{{Name: "@NAME", Kind: matcherKind(), Field: "matcher.name"}},
		Help:    "Conditions with a name, for use in several routes.",
		Example: "@office { remote_ip 198.51.100.0/24 }"}
}

// channelRows has the wrappers that say which way messages flow through the
// routes inside.
func channelRows(route *Block) []*Directive {
	inner := &Block{Name: "channel", Title: "a channel", Help: "Only routes stand in a channel.", Route: routeRow(route)}
	row := func(name, help, example string) *Directive {
		return &Directive{Name: name, Form: Channel, Repeat: true, Block: route, Alone: inner, Field: "route",
			Args: []Arg{{Name: "/PATH", Kind: pathKind(), Field: "route.path"}},
			Help: help, Example: name + " " + example}
	}
	return []*Directive{
		row("inbound", "Routes for webhooks that come in. It is what a route is without a channel.", "/x { pull { path /x } }"),
		row("outbound", "Routes for messages that are published by the admin API and delivered; they need `deliver`.",
			"/x { deliver https://app.example.org/in { } }"),
		row("internal", "Routes for messages that are published by the admin API and pulled; they need `pull`.",
			"/x { pull { path /x } }"),
	}
}

func varsBlock() *Block {
	return &Block{Name: "vars", Title: "vars",
		Help: "Pairs of a name and a value. The value may use placeholders and other variables, but not itself. " +
			"Texts that placeholders bring in are not searched for further placeholders.",
		Any: &Directive{Name: "<name>", Repeat: true,
			Args: []Arg{
				{Name: "NAME", Kind: varNameKind()},
				{Name: "VALUE", Kind: varTextKind()},
			},
			Help: "Defines a variable.", Example: `ZONE eu-1`}}
}

// varNameKind and varTextKind are not read as values: variables are replaced
// before anything is read.
func varNameKind() Kind {
	return Kind{Name: "name", Form: "letters, digits and _, not beginning with a digit"}
}

func varTextKind() Kind { return Kind{Name: "text", Form: "text", Free: true} }
