package schema

func laterInt(name, def string, high int, help string) *Directive {
	return &Directive{Name: name, Args: []Arg{{Name: "N", Kind: intKind(1, high)}}, Default: def, Later: true,
		Help: help, Example: name + " " + def}
}

func laterDuration(name, def, help string) *Directive {
	return &Directive{Name: name, Args: []Arg{{Name: "DURATION", Kind: positiveKind()}}, Default: def, Later: true,
		Help: help, Example: name + " " + def}
}

func trendRow() *Directive {
	const many = 1_000_000_000
	block := &Block{Name: "trend_signals", Title: "trend_signals", Help: "When the backlog counts as growing.", Rows: []*Directive{
		laterDuration("window", "15m", "Time that is looked at."),
		laterDuration("expected_capture_interval", "1m", "Time between two samples."),
		laterInt("stale_grace_factor", "3", 60, "Intervals without a sample after which the signal is stale."),
		laterInt("sustained_growth_consecutive", "3", 1000, "Rises in a row that make a growth."),
		laterInt("sustained_growth_min_samples", "5", 1_000_000, "Samples that the other rule of growth needs."),
		laterInt("sustained_growth_min_delta", "10", many, "Messages above the mean that it needs."),
		laterInt("recent_surge_min_total", "20", many, "Messages below which there is no surge."),
		laterInt("recent_surge_min_delta", "10", many, "Messages above the mean that make a surge."),
		laterInt("recent_surge_percent", "50", 10_000, "Percent above the mean that make a surge."),
		laterInt("dead_share_high_min_total", "10", many, "Messages below which the dead share is not looked at."),
		laterInt("dead_share_high_percent", "20", 100, "Percent of dead messages that are high."),
		laterInt("queued_pressure_min_total", "20", many, "Messages below which there is no pressure."),
		laterInt("queued_pressure_percent", "75", 100, "Percent of waiting messages that make pressure."),
		laterInt("queued_pressure_leased_multiplier", "2", 1_000_000, "Waiting messages per leased one that make pressure."),
	}}
	return &Directive{Name: "trend_signals", Form: Braces, Block: block, Later: true,
		Help: "When the backlog counts as growing.", Example: "trend_signals { window 20m }"}
}

func backpressureRow() *Directive {
	flag := func(name, def, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: def, Later: true,
			Help: help, Example: name + " on"}
	}
	block := &Block{Name: "adaptive_backpressure", Title: "adaptive_backpressure", Help: "When ingress answers 503 to let workers catch up.",
		Rows: []*Directive{
			flag("enabled", "off", "Switches it on or off."),
			laterInt("min_total", "200", 1_000_000_000, "Messages below which nothing is refused."),
			laterInt("queued_percent", "80", 100, "Percent of waiting messages from which on requests are refused."),
			laterDuration("ready_lag", "30s", "Lag of the workers from which on requests are refused."),
			laterDuration("oldest_queued_age", "60s", "Age of the oldest message from which on requests are refused."),
			flag("sustained_growth", "on", "Refuses requests while the backlog grows."),
		}}
	return &Directive{Name: "adaptive_backpressure", Form: Braces, Block: block, Later: true,
		Help: "When ingress answers 503 to let workers catch up.", Example: "adaptive_backpressure { enabled on }"}
}
