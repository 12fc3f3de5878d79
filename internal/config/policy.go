package config

import "time"

// PublishPolicy says what the admin API may publish. Empty lists of actors
// allow everybody; otherwise an actor must be in one of them.
type PublishPolicy struct {
	Direct             bool     `hk:"publish_policy.direct"`
	Managed            bool     `hk:"publish_policy.managed"`
	AllowPullRoutes    bool     `hk:"publish_policy.allow_pull_routes"`
	AllowDeliverRoutes bool     `hk:"publish_policy.allow_deliver_routes"`
	RequireActor       bool     `hk:"publish_policy.require_actor"`
	RequireRequestID   bool     `hk:"publish_policy.require_request_id"`
	FailClosed         bool     `hk:"publish_policy.fail_closed"`
	ActorAllow         []string `hk:"publish_policy.actor_allow"`
	ActorPrefix        []string `hk:"publish_policy.actor_prefix"`
}

// TrendSignals say when the backlog counts as growing.
type TrendSignals struct {
	Window                  time.Duration `hk:"trend_signals.window"`
	ExpectedCaptureInterval time.Duration `hk:"trend_signals.expected_capture_interval"`
	StaleGraceFactor        int           `hk:"trend_signals.stale_grace_factor"`

	SustainedGrowthConsecutive int `hk:"trend_signals.sustained_growth_consecutive"`
	SustainedGrowthMinSamples  int `hk:"trend_signals.sustained_growth_min_samples"`
	SustainedGrowthMinDelta    int `hk:"trend_signals.sustained_growth_min_delta"`

	RecentSurgeMinTotal int `hk:"trend_signals.recent_surge_min_total"`
	RecentSurgeMinDelta int `hk:"trend_signals.recent_surge_min_delta"`
	RecentSurgePercent  int `hk:"trend_signals.recent_surge_percent"`

	DeadShareHighMinTotal int `hk:"trend_signals.dead_share_high_min_total"`
	DeadShareHighPercent  int `hk:"trend_signals.dead_share_high_percent"`

	QueuedPressureMinTotal         int `hk:"trend_signals.queued_pressure_min_total"`
	QueuedPressurePercent          int `hk:"trend_signals.queued_pressure_percent"`
	QueuedPressureLeasedMultiplier int `hk:"trend_signals.queued_pressure_leased_multiplier"`
}

// AdaptiveBackpressure says when ingress answers 503 to let consumers catch up.
type AdaptiveBackpressure struct {
	Enabled         bool          `hk:"adaptive_backpressure.enabled"`
	MinTotal        int           `hk:"adaptive_backpressure.min_total"`
	QueuedPercent   int           `hk:"adaptive_backpressure.queued_percent"`
	ReadyLag        time.Duration `hk:"adaptive_backpressure.ready_lag"`
	OldestQueuedAge time.Duration `hk:"adaptive_backpressure.oldest_queued_age"`
	SustainedGrowth bool          `hk:"adaptive_backpressure.sustained_growth"`
}
