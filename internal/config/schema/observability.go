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
