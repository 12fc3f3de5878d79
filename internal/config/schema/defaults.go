package schema

func defaultsBlock() *Block {
	return &Block{Name: "defaults", Title: "defaults", Help: "What applies to routes and deliveries that don't say otherwise.", Rows: []*Directive{
		{Name: "max_body", Args: []Arg{{Name: "SIZE", Kind: sizeKind()}}, Default: "2mb", Restart: true, Field: "defaults.max_body",
			Help: "The largest body that a route takes; a larger one is answered 413.", Example: "max_body 1mb"},
		{Name: "max_headers", Args: []Arg{{Name: "SIZE", Kind: sizeKind()}}, Default: "64kb", Restart: true, Field: "defaults.max_headers",
			Help: "The most bytes of header names and values that are stored with a message; more is answered 413.", Example: "max_headers 32kb"},
		{Name: "egress", Form: Braces, Block: egressBlock(), Field: "defaults.egress",
			Help: "Where deliveries over HTTP may go.", Example: "egress { deny 169.254.0.0/16 }"},
		{Name: "deliver", Form: Braces, Block: deliverDefaults(), Field: "defaults.deliver",
			Help: "How deliveries are tried.", Example: "deliver { timeout 5s }"},
		publishPolicyRow(),
		trendRow(),
		backpressureRow(),
	}}
}

func egressBlock() *Block {
	flag := func(name, def, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: def, Field: "egress." + name,
			Help: help, Example: name + " off"}
	}
	rules := func(name, none, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "RULE", Kind: egressKind()}}, List: true, Repeat: true, DefaultHelp: none,
			Field: "egress." + name, Help: help, Example: name + " 198.51.100.0/24 *.example.org"}
	}
	return &Block{Name: "egress", Title: "egress",
		Help: "A target must pass every rule. A rule is a CIDR prefix, an address, a host, *.SUFFIX for sub-domains, or * for any host.",
		Rows: []*Directive{
			rules("allow", "everything", "Targets that are allowed."),
			rules("deny", "nothing", "Targets that are refused, even if they are allowed."),
			flag("https_only", "on", "Refuses targets without TLS."),
			flag("redirects", "off", "Follows redirects, each of which must pass the rules."),
			{Name: "proxy", Args: []Arg{{Name: "URL", Kind: proxyKind()}}, Default: "off", Field: "egress.proxy",
				Help: "A proxy that deliveries go through. The proxy variables of the environment are never used.", Example: "proxy http://proxy.example.org:3128"},
			flag("dns_rebind_protection", "on", "Refuses names that resolve to private or local addresses."),
		}}
}

func deliverDefaults() *Block {
	return &Block{Name: "deliver", Title: "deliver", Help: "How deliveries are tried.", Rows: []*Directive{
		retryRow(),
		{Name: "timeout", Args: []Arg{{Name: "DURATION", Kind: positiveKind()}}, Default: "10s", Field: "deliver.timeout",
			Help: "Time for one attempt.", Example: "timeout 8s"},
		{Name: "concurrency", Args: []Arg{{Name: "N", Kind: intKind(1, maxInt)}}, Default: "20", Field: "deliver.concurrency",
			Help: "Attempts of a route that may run at a time.", Example: "concurrency 12"},
	}}
}

func retryRow() *Directive {
	return &Directive{Name: "retry", Args: []Arg{{Name: "exponential", Kind: wordKind("exponential")}},
		Options: []Arg{
			{Name: "max", Kind: intKind(1, maxInt), Field: "retry.max", Default: "8"},
			{Name: "base", Kind: positiveKind(), Field: "retry.base", Default: "2s"},
			{Name: "cap", Kind: positiveKind(), Field: "retry.cap", Default: "2m"},
			{Name: "jitter", Kind: shareKind(), Field: "retry.jitter", Default: "0.2"},
		},
		DefaultHelp: "max 8 base 2s cap 2m jitter 0.2", Field: "deliver.retry",
		Help: "Further attempts after a failed one: at most `max`, after `base`, then twice as long each time up to `cap`, " +
			"each wait varied at random by the share `jitter`.",
		Example: "retry exponential max 5 base 1s cap 45s jitter 0.1"}
}

func publishPolicyRow() *Directive {
	flag := func(name, def, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: def, Restart: true, Field: "publish_policy." + name,
			Help: help, Example: name + " off"}
	}
	list := func(name, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "ACTOR", Kind: textKind("actor")}}, List: true, Repeat: true,
			Restart: true, Field: "publish_policy." + name, DefaultHelp: "everybody", Help: help, Example: name + " release-bot"}
	}
	block := &Block{Name: "publish_policy", Title: "publish_policy", Help: "What the admin API may publish.", Rows: []*Directive{
		flag("direct", "on", "Allows publishing to any route."),
		flag("managed", "on", "Allows publishing to endpoints by their labels."),
		flag("allow_pull_routes", "on", "Allows publishing to pull routes."),
		flag("allow_deliver_routes", "on", "Allows publishing to deliver routes."),
		flag("require_actor", "off", "Requires the name of an actor with changes."),
		flag("require_request_id", "off", "Requires a request id with changes."),
		flag("fail_closed", "off", "Kept for files of version 2.11 and without effect: there is one view of the routes, so everything can be judged."),
		list("actor_allow", "Actors that may change endpoints."),
		list("actor_prefix", "Beginnings of the names of such actors."),
	}}
	return &Directive{Name: "publish_policy", Form: Braces, Block: block,
		Help: "What the admin API may publish.", Example: "publish_policy { direct off }"}
}
