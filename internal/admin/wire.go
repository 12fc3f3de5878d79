package admin

import "time"

// The types below are the bodies of the admin API; operator commands decode
// them again. Times are RFC 3339 in UTC, ages are whole seconds.

// Health is the answer to GET /healthz?details=1.
type Health struct {
	// OK is false while the store can't commit.
	OK            bool        `json:"ok"`
	Time          time.Time   `json:"time"`
	Version       string      `json:"version"`
	UptimeSeconds int64       `json:"uptime_seconds"`
	Diagnostics   Diagnostics `json:"diagnostics"`
}

// Diagnostics is the detail of [Health], by subject.
type Diagnostics struct {
	Config    ConfigInfo  `json:"config"`
	Queue     QueueHealth `json:"queue"`
	Listeners []Listener  `json:"listeners"`
	Counters
}

// ConfigInfo identifies the configuration in force.
type ConfigInfo struct {
	// Fingerprint is the lower-case hex SHA-256 of the Hookaidofile.
	Fingerprint string `json:"fingerprint"`
	// Generation is 1 at start and grows by 1 with every load.
	Generation int64     `json:"generation"`
	LoadedAt   time.Time `json:"loaded_at"`
}

// QueueHealth describes the queue. With OK false, Error says why and the rest
// is missing.
type QueueHealth struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	// Total counts the messages in all states of ByState.
	Total   int            `json:"total"`
	ByState map[string]int `json:"by_state,omitempty"`
	Ages
	// TopQueued has the ten routes and targets with most messages queued.
	TopQueued []Lane `json:"top_queued,omitempty"`
	// TrendSignals tell where the backlog is heading.
	TrendSignals *TrendHealth `json:"trend_signals,omitempty"`
}

// Ages tell how far behind consumers are. All are missing when nothing is
// queued.
type Ages struct {
	OldestQueuedReceivedAt  *time.Time `json:"oldest_queued_received_at,omitempty"`
	OldestQueuedAgeSeconds  *int64     `json:"oldest_queued_age_seconds,omitempty"`
	EarliestQueuedNextRunAt *time.Time `json:"earliest_queued_next_run_at,omitempty"`
	// ReadyLagSeconds is for how long the first message has been due.
	ReadyLagSeconds *int64 `json:"ready_lag_seconds,omitempty"`
}

// Lane is the backlog of one route and target.
type Lane struct {
	Route  string `json:"route"`
	Target string `json:"target"`
	Queued int    `json:"queued"`
	Ages
}

// Listener is a socket that the daemon serves.
type Listener struct {
	Name    string `json:"name"`
	Address string `json:"address"` // host:port, or unix:/path
	// Source is inherited for a socket of systemd, bound for one of our own.
	Source string `json:"source"`
}

// The values of [Listener.Source].
const (
	Inherited = "inherited"
	Bound     = "bound"
)

// Status is the answer to GET /status.
type Status struct {
	Version       string        `json:"version"`
	PID           int           `json:"pid"`
	StartedAt     time.Time     `json:"started_at"`
	UptimeSeconds int64         `json:"uptime_seconds"`
	Phase         Phase         `json:"phase"`
	Config        ConfigStatus  `json:"config"`
	Store         StoreStatus   `json:"store"`
	Listeners     []Listener    `json:"listeners"`
	Routes        []RouteStatus `json:"routes"`
	Deliveries    []Delivery    `json:"deliveries"`
}

// Delivery is the delivery to one target of a route.
type Delivery struct {
	Route string `json:"route"`
	// Target is a URL without its query, or a program.
	Target string `json:"target"`
	// Name is the target as messages have it, which may hold secrets.
	Name string `json:"-"`
	// Breaker is closed, open or half_open. Unless it is closed, messages wait.
	Breaker string `json:"breaker"`
	// Running counts the attempts that run.
	Running int `json:"running"`
	// Failures counts those in a row, Reason tells the last.
	Failures int    `json:"failures,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// ProbeInSeconds is how long it is to the next attempt of an open breaker.
	ProbeInSeconds int64 `json:"probe_in_seconds,omitempty"`
}

// ConfigStatus is the configuration in force and what became of the last
// attempt to replace it.
type ConfigStatus struct {
	Path string `json:"path"`
	ConfigInfo
	// LastReloadError is missing when the last reload succeeded.
	LastReloadError *ReloadFailure `json:"last_reload_error,omitempty"`
}

// ReloadFailure is a reload that changed nothing.
type ReloadFailure struct {
	At     time.Time `json:"at"`
	Detail string    `json:"detail"`
}

// StoreStatus is the state of the queue as a whole.
type StoreStatus struct {
	Backend string `json:"backend"`
	OK      bool   `json:"ok"`
	Error   string `json:"error,omitempty"`
	// DiskLow is set while webhooks are refused for want of disk space. Workers
	// are served all the same, so OK may be set too.
	DiskLow bool           `json:"disk_low,omitempty"`
	Total   int            `json:"total"`
	ByState map[string]int `json:"by_state,omitempty"`
}

// RouteStatus is one route with its messages.
type RouteStatus struct {
	Route string `json:"route"`
	// Configured is false for a route that only old messages still name.
	Configured bool `json:"configured"`
	// Pull is the path of the route in the pull API; empty if it has none.
	Pull   string `json:"pull,omitempty"`
	Queued int    `json:"queued"`
	Leased int    `json:"leased"`
	Dead   int    `json:"dead"`
	// Paused is set while all of the route is paused, or one of its targets.
	Paused bool `json:"paused,omitempty"`
	// Rate is missing for a route that nothing went through yet.
	Rate *Rate `json:"rate,omitempty"`
	Ages
}

// ReloadResult is a reload that took effect.
type ReloadResult struct {
	Generation  int64  `json:"generation"`
	Fingerprint string `json:"fingerprint"`
	// Changes says in words what is different now; empty if nothing is.
	Changes []string `json:"changes"`
}

// ReloadError is a reload that was refused; nothing has changed.
type ReloadError struct {
	// Code is one of the Code constants.
	Code string `json:"code"`
	// Detail is the text for people, with every diagnostic.
	Detail      string       `json:"detail"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// The codes of [ReloadError].
const (
	CodeConfigInvalid   = "config_invalid"   // the new file does not compile
	CodeRestartRequired = "restart_required" // it changes what only a restart can
	CodeNotReady        = "not_ready"        // the daemon is starting or stopping
	CodeReloadFailed    = "reload_failed"    // anything else
)

// Error implements error.
func (e *ReloadError) Error() string { return e.Detail }

// Diagnostic is one finding in a Hookaidofile.
type Diagnostic struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Severity string `json:"severity"` // error or warning
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}
