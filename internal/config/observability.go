package config

import (
	"time"

	"hookaido/internal/secret"
)

// Observability has the logs, metrics and traces.
type Observability struct {
	AccessLog  AccessLog  `hk:"observability.access_log"`
	RuntimeLog RuntimeLog `hk:"observability.runtime_log"`
	// Metrics is nil if the file doesn't speak of them: then a socket that systemd
	// passes is served. Tracing is nil if traces are off.
	Metrics *Metrics `hk:"observability.metrics"`
	Tracing *Tracing `hk:"observability.tracing"`
}

// LogOutput is where a log goes.
type LogOutput string

// The outputs of a log. Stderr becomes the journal's native protocol when
// stderr is connected to the journal.
const (
	Stderr LogOutput = "stderr"
	Stdout LogOutput = "stdout"
	File   LogOutput = "file"
)

// AccessLog is the log of requests, one line each.
type AccessLog struct {
	Enabled bool      `hk:"access_log.enabled"`
	Output  LogOutput `hk:"access_log.output"`
	Path    string    `hk:"access_log.path"` // of the file, for File only
}

// RuntimeLog is the log of events. An empty Level leaves it to the command
// line; LevelOff silences the log.
type RuntimeLog struct {
	Level  LogLevel  `hk:"runtime_log.level"`
	Output LogOutput `hk:"runtime_log.output"`
	Path   string    `hk:"runtime_log.path"` // of the file, for File only
}

// LogLevel is the least severe level that is logged.
type LogLevel string

// The log levels.
const (
	LevelDebug LogLevel = "debug"
	LevelInfo  LogLevel = "info"
	LevelWarn  LogLevel = "warn"
	LevelError LogLevel = "error"
	LevelOff   LogLevel = "off"
)

// Metrics is the listener for Prometheus, plain HTTP.
type Metrics struct {
	Enabled bool   `hk:"metrics.enabled"`
	Listen  Listen `hk:"metrics.listen"`
	// Prefix is the path that is scraped; empty for "/".
	Prefix string `hk:"metrics.prefix"`
}

// Tracing is the export of spans over OTLP. Zero values leave a matter to the
// exporter.
type Tracing struct {
	Enabled     bool          `hk:"tracing.enabled"`
	Collector   string        `hk:"tracing.collector"`
	URLPath     string        `hk:"tracing.url_path"`
	Timeout     time.Duration `hk:"tracing.timeout"`
	Compression string        `hk:"tracing.compression"` // "none" or "gzip"
	Insecure    bool          `hk:"tracing.insecure"`
	ProxyURL    string        `hk:"tracing.proxy_url"`
	TLS         *TracingTLS   `hk:"tracing.tls"`
	// Retry is nil if the exporter's own way holds.
	Retry   *TracingRetry `hk:"tracing.retry"`
	Headers []Header      `hk:"tracing.header"`
}

// TracingTLS is TLS towards the collector.
type TracingTLS struct {
	CAFile             string `hk:"tracing_tls.ca_file"`
	CertFile           string `hk:"tracing_tls.cert_file"`
	KeyFile            string `hk:"tracing_tls.key_file"`
	ServerName         string `hk:"tracing_tls.server_name"`
	InsecureSkipVerify bool   `hk:"tracing_tls.insecure_skip_verify"`
}

// TracingRetry is how a failed export is tried again. A zero MaxElapsedTime is
// no bound.
type TracingRetry struct {
	Enabled         bool          `hk:"tracing_retry.enabled"`
	InitialInterval time.Duration `hk:"tracing_retry.initial_interval"`
	MaxInterval     time.Duration `hk:"tracing_retry.max_interval"`
	MaxElapsedTime  time.Duration `hk:"tracing_retry.max_elapsed_time"`
}

// Header is a header to send. Its value may be a secret.
type Header struct {
	Name  string       `hk:"header.name"` // canonical
	Value secret.Value `hk:"header.value"`
	Pos   Pos
}
