package schema

// rowsOf makes rows whose fields are those of one block.
type rowsOf string

func (block rowsOf) number(name, def string, high int, help string) *Directive {
	return block.row(name, def, help, Arg{Name: "N", Kind: intKind(1, high)})
}

func (block rowsOf) duration(name, def, help string) *Directive {
	return block.row(name, def, help, Arg{Name: "DURATION", Kind: positiveKind()})
}

func (block rowsOf) flag(name, def, help string) *Directive {
	return block.row(name, def, help, Arg{Name: "BOOL", Kind: boolKind()})
}

func (block rowsOf) row(name, def, help string, arg Arg) *Directive {
	return &Directive{Name: name, Args: []Arg{arg}, Default: def, Field: string(block) + "." + name, Help: help, Example: name + " " + def}
}

func trendRow() *Directive {
	const many = 1_000_000_000
	in := rowsOf("trend_signals")
	block := &Block{Name: "trend_signals", Title: "trend_signals", Help: "When the backlog raises an alert in `/healthz?details=1` and `/backlog/trends`.", Rows: []*Directive{
		in.duration("window", "15m", "Time that is looked at."),
		in.duration("expected_capture_interval", "1m", "Time between two samples."),
		in.number("stale_grace_factor", "3", 60, "Intervals without a sample after which the signal is stale."),
		in.number("sustained_growth_consecutive", "3", 1000, "Rises in a row that make a growth."),
		in.number("sustained_growth_min_samples", "5", 1_000_000, "Samples that the other rule of growth needs."),
		in.number("sustained_growth_min_delta", "10", many, "Messages above the mean that it needs."),
		in.number("recent_surge_min_total", "20", many, "Messages below which there is no surge."),
		in.number("recent_surge_min_delta", "10", many, "Messages above the mean that make a surge."),
		in.number("recent_surge_percent", "50", 10_000, "Percent above the mean that make a surge."),
		in.number("dead_share_high_min_total", "10", many, "Messages below which the dead share is not looked at."),
		in.number("dead_share_high_percent", "20", 100, "Percent of dead messages that are high."),
		in.number("queued_pressure_min_total", "20", many, "Messages below which there is no pressure."),
		in.number("queued_pressure_percent", "75", 100, "Percent of waiting messages that make pressure."),
		in.number("queued_pressure_leased_multiplier", "2", 1_000_000, "Waiting messages per leased one that make pressure."),
	}}
	return &Directive{Name: "trend_signals", Form: Braces, Block: block,
		Help: "When the backlog raises an alert.", Example: "trend_signals { window 20m }"}
}

func backpressureRow() *Directive {
	in := rowsOf("adaptive_backpressure")
	block := &Block{Name: "adaptive_backpressure", Title: "adaptive_backpressure", Help: "When ingress answers 503 to let workers catch up.",
		Rows: []*Directive{
			in.flag("enabled", "off", "Switches it on or off."),
			in.number("min_total", "200", 1_000_000_000, "Messages below which nothing is refused."),
			in.number("queued_percent", "80", 100, "Percent of waiting messages from which on requests are refused."),
			in.duration("ready_lag", "30s", "Lag of the workers from which on requests are refused."),
			in.duration("oldest_queued_age", "60s", "Age of the oldest message from which on requests are refused."),
			in.flag("sustained_growth", "on", "Refuses requests while the backlog grows."),
		}}
	return &Directive{Name: "adaptive_backpressure", Form: Braces, Block: block,
		Help: "When ingress answers 503 to let workers catch up.", Example: "adaptive_backpressure { enabled on }"}
}
