package admin

import (
	"context"
	"time"

	"hookaido/internal/queue"
	"hookaido/internal/trend"
)

// Counters are what has been counted since the process started, by subject.
type Counters struct {
	Ingress  IngressCounters  `json:"ingress"`
	Delivery DeliveryCounters `json:"delivery"`
	Publish  PublishCounters  `json:"publish"`
	Pull     PullCounters     `json:"pull"`
	Tracing  TracingCounters  `json:"tracing"`
	// Store is there for the memory backend only.
	Store *MemoryStore `json:"store,omitempty"`
}

// IngressCounters count webhooks.
type IngressCounters struct {
	AcceptedTotal int64 `json:"accepted_total"`
	RejectedTotal int64 `json:"rejected_total"`
	// EnqueuedTotal counts messages, one per target.
	EnqueuedTotal                    int64            `json:"enqueued_total"`
	RejectedByReason                 map[string]int64 `json:"rejected_by_reason"`
	AdaptiveBackpressureAppliedTotal int64            `json:"adaptive_backpressure_applied_total"`
	AdaptiveBackpressureByReason     map[string]int64 `json:"adaptive_backpressure_by_reason"`
}

// DeliveryCounters count attempts of push routes.
type DeliveryCounters struct {
	AttemptTotal int64            `json:"attempt_total"`
	AckedTotal   int64            `json:"acked_total"`
	RetryTotal   int64            `json:"retry_total"`
	DeadTotal    int64            `json:"dead_total"`
	DeadByReason map[string]int64 `json:"dead_by_reason"`
}

// PublishCounters count what the admin API published, in messages, and refused,
// in requests.
type PublishCounters struct {
	AcceptedTotal                      int64 `json:"accepted_total"`
	RejectedTotal                      int64 `json:"rejected_total"`
	RejectedValidationTotal            int64 `json:"rejected_validation_total"`
	RejectedPolicyTotal                int64 `json:"rejected_policy_total"`
	RejectedManagedTargetMismatchTotal int64 `json:"rejected_managed_target_mismatch_total"`
	RejectedManagedResolverMissing     int64 `json:"rejected_managed_resolver_missing_total"`
	RejectedConflictTotal              int64 `json:"rejected_conflict_total"`
	RejectedQueueFullTotal             int64 `json:"rejected_queue_full_total"`
	RejectedStoreTotal                 int64 `json:"rejected_store_total"`
	ScopedAcceptedTotal                int64 `json:"scoped_accepted_total"`
	ScopedRejectedTotal                int64 `json:"scoped_rejected_total"`
}

// PullCounters count what workers did. A route is there after its first use.
type PullCounters struct {
	Total   PullRoute            `json:"total"`
	ByRoute map[string]PullRoute `json:"by_route"`
}

// PullRoute is the part of [PullCounters] of one route.
type PullRoute struct {
	// DequeueTotal is by the status of the answer: 200, 204, 4xx, 5xx.
	DequeueTotal      map[string]int64 `json:"dequeue_total"`
	AckedTotal        int64            `json:"acked_total"`
	NackedTotal       int64            `json:"nacked_total"`
	AckConflictTotal  int64            `json:"ack_conflict_total"`
	NackConflictTotal int64            `json:"nack_conflict_total"`
	// LeaseActive is how many leases are out now.
	LeaseActive       int64 `json:"lease_active"`
	LeaseExpiredTotal int64 `json:"lease_expired_total"`
}

// TracingCounters are those of tracing.
type TracingCounters struct {
	Enabled           bool  `json:"enabled"`
	InitFailuresTotal int64 `json:"init_failures_total"`
	ExportErrorsTotal int64 `json:"export_errors_total"`
}

// MemoryStore is the memory that messages of the memory backend take.
type MemoryStore struct {
	Backend              string           `json:"backend"`
	ItemsByState         map[string]int64 `json:"items_by_state"`
	RetainedBytesByState map[string]int64 `json:"retained_bytes_by_state"`
	RetainedBytesTotal   int64            `json:"retained_bytes_total"`
	EvictionsTotal       map[string]int64 `json:"evictions_total"`
	MemoryPressure       MemoryPressure   `json:"memory_pressure"`
}

// MemoryPressure tells whether messages are refused for want of memory.
type MemoryPressure struct {
	Active bool `json:"active"`
	// Reason is retained_bytes, or empty.
	Reason             string `json:"reason"`
	RetainedItems      int64  `json:"retained_items"`
	RetainedBytes      int64  `json:"retained_bytes"`
	RetainedItemLimit  int64  `json:"retained_item_limit"` // 0 is none
	RetainedBytesLimit int64  `json:"retained_bytes_limit"`
	RejectedTotal      int64  `json:"rejected_total"`
}

// trendHealth judges where the backlog is heading.
func (s *Service) trendHealth(ctx context.Context, now time.Time) *TrendHealth {
	ctx, cancel := context.WithTimeoutCause(ctx, storeDeadline, errSlow)
	defer cancel()
	rules := &s.Config().Defaults.TrendSignals
	w := trend.Window{Since: now.Add(-rules.Window), Until: now}
	samples, err := s.store.Trend(ctx, queue.TrendFilter{From: w.Since, Until: w.Until, Max: trend.MaxSamples + 1})
	if err != nil {
		return &TrendHealth{Status: "error", Error: err.Error()}
	}
	cut := max(0, len(samples)-trend.MaxSamples)
	w.Samples, w.Truncated = samples[cut:], cut > 0
	signals := trend.Judge(w, rules)
	return &TrendHealth{Status: signals.Status, Signals: &signals}
}
