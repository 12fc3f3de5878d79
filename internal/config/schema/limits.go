package schema

func queueLimitsBlock() *Block {
	return &Block{Name: "queue_limits", Title: "queue_limits", Help: "Bounds of the queue over all routes.", Rows: []*Directive{
		{Name: "max_depth", Args: []Arg{{Name: "N", Kind: intOrOff(maxInt)}}, Default: "10000", Restart: true, Field: "queue_limits.max_depth",
			Help: "The most messages that wait or are leased at a time; off for no limit.", Example: "max_depth 50000"},
		{Name: "drop_policy", Args: []Arg{{Name: "POLICY", Kind: wordKind("reject", "drop_oldest")}}, Default: "reject", Restart: true,
			Field:   "queue_limits.drop_policy",
			Help:    "What happens at the limit: `reject` answers 503 to the sender; `drop_oldest` drops the message that has waited longest.",
			Example: "drop_policy reject"},
	}}
}

func retentionRows() []*Directive {
	age := func(block, def, help string) *Directive {
		return &Directive{Name: "max_age", Args: []Arg{{Name: "DURATION", Kind: durationKind()}}, Default: def,
			Field: block + ".max_age", Help: help, Example: "max_age 3d"}
	}
	count := func(block, name, def, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "N", Kind: countKind()}}, Default: def,
			Field: block + "." + name, Help: help, Example: name + " 5000"}
	}
	block := func(name, help string, rows ...*Directive) *Directive {
		return &Directive{Name: name, Form: Braces, Help: help,
			Block:   &Block{Name: name, Title: name, Help: help, Rows: rows},
			Example: name + " { max_age 3d }"}
	}
	return []*Directive{
		block("queue_retention", "How long messages may wait.",
			age("queue_retention", "7d", "Drops messages that have waited longer, since they came in, were due or were requeued; off to keep them."),
			&Directive{Name: "prune_interval", Args: []Arg{{Name: "DURATION", Kind: durationKind()}}, Default: "5m",
				Field: "queue_retention.prune_interval",
				Help:  "Time between two rounds of all retention; off only if none of the four is on.", Example: "prune_interval 90s"}),
		block("delivered_retention", "How long delivered messages are kept.",
			age("delivered_retention", "off", "Keeps delivered messages this long; off to keep none.")),
		block("dlq_retention", "How many dead messages are kept, and how long.",
			age("dlq_retention", "30d", "Drops dead and canceled messages when they have been that for longer; off to keep them."),
			count("dlq_retention", "max_depth", "10000", "Drops the messages that died first above this number.")),
		block("attempts_retention", "How long the history of deliveries is kept.",
			age("attempts_retention", "7d", "Drops older attempts; off to keep them."),
			count("attempts_retention", "max_rows", "200000", "Drops the oldest attempts above this number.")),
	}
}
