package app

import (
	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/config"
)

// reading is the value of one series of a metric.
type reading struct {
	labels map[string]string
	value  int64
}

// readings are the metrics of one moment, by name.
type readings map[string][]reading

// read takes the metrics that are whole numbers, and of histograms the number
// of what was observed. What can't be had now is missing.
func (a *App) read() readings {
	families, err := a.registry.Gather()
	if err != nil {
		a.logger.Warn("metrics_incomplete", zap.Error(err))
	}
	all := readings{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			r := reading{labels: map[string]string{}, value: int64(m.GetCounter().GetValue()+m.GetGauge().GetValue()) + int64(m.GetHistogram().GetSampleCount())}
			for _, l := range m.GetLabel() {
				r.labels[l.GetName()] = l.GetValue()
			}
			all[f.GetName()] = append(all[f.GetName()], r)
		}
	}
	return all
}

// sum adds the series of a metric up.
func (rs readings) sum(name string) (n int64) {
	for _, r := range rs[name] {
		n += r.value
	}
	return n
}

// by adds the series of a metric up by the values of a label.
func (rs readings) by(name, label string) map[string]int64 {
	sums := map[string]int64{}
	for _, r := range rs[name] {
		sums[r.labels[label]] += r.value
	}
	return sums
}

// counters are what health shows of the metrics, so that both tell the same.
func (a *App) counters() admin.Counters {
	rs := a.read()
	c := admin.Counters{
		Ingress: admin.IngressCounters{
			AcceptedTotal: rs.sum("hookaido_ingress_accepted_total"), RejectedTotal: rs.sum("hookaido_ingress_rejected_total"),
			EnqueuedTotal:                    rs.sum("hookaido_ingress_enqueued_total"),
			RejectedByReason:                 rs.by("hookaido_ingress_rejected_by_reason_total", "reason"),
			AdaptiveBackpressureAppliedTotal: rs.sum("hookaido_ingress_adaptive_backpressure_applied_total"),
			AdaptiveBackpressureByReason:     rs.by("hookaido_ingress_adaptive_backpressure_total", "reason"),
		},
		Delivery: admin.DeliveryCounters{
			AttemptTotal: rs.sum("hookaido_delivery_attempts_total"), AckedTotal: rs.sum("hookaido_delivery_acked_total"),
			RetryTotal: rs.sum("hookaido_delivery_retry_total"), DeadTotal: rs.sum("hookaido_delivery_dead_total"),
			DeadByReason: rs.by("hookaido_delivery_dead_by_reason_total", "reason"),
		},
		Publish: rs.publish(),
		Pull:    rs.pull(),
		Tracing: admin.TracingCounters{
			Enabled: rs.sum("hookaido_tracing_enabled") == 1, InitFailuresTotal: rs.sum("hookaido_tracing_init_failures_total"),
			ExportErrorsTotal: rs.sum("hookaido_tracing_export_errors_total"),
		},
	}
	if a.admin.Config().Backend() == config.Memory {
		c.Store = rs.memory()
	}
	return c
}

func (rs readings) publish() admin.PublishCounters {
	of := func(name string) int64 { return rs.sum("hookaido_publish_" + name + "_total") }
	return admin.PublishCounters{
		AcceptedTotal: of("accepted"), RejectedTotal: of("rejected"),
		RejectedValidationTotal: of("rejected_validation"), RejectedPolicyTotal: of("rejected_policy"),
		RejectedManagedTargetMismatchTotal: of("rejected_managed_target_mismatch"),
		RejectedManagedResolverMissing:     of("rejected_managed_resolver_missing"),
		RejectedConflictTotal:              of("rejected_conflict"), RejectedQueueFullTotal: of("rejected_queue_full"),
		RejectedStoreTotal: of("rejected_store"), ScopedAcceptedTotal: of("scoped_accepted"), ScopedRejectedTotal: of("scoped_rejected"),
	}
}

func (rs readings) pull() admin.PullCounters {
	const name = "hookaido_pull_"
	c := admin.PullCounters{ByRoute: map[string]admin.PullRoute{}}
	routes, used := map[string]readings{}, map[string]bool{}
	for _, part := range []string{
		"dequeue_total", "acked_total", "nacked_total", "ack_conflict_total", "nack_conflict_total", "lease_active", "lease_expired_total",
	} {
		for _, r := range rs[name+part] {
			path := r.labels["route"]
			if routes[path] == nil {
				routes[path] = readings{}
			}
			routes[path][name+part] = append(routes[path][name+part], r)
			// the metrics have routes before their first use too
			used[path] = used[path] || r.value > 0
		}
	}
	for path := range used {
		if used[path] {
			c.ByRoute[path] = routes[path].pullRoute()
		}
	}
	c.Total = rs.pullRoute()
	return c
}

func (rs readings) pullRoute() admin.PullRoute {
	const name = "hookaido_pull_"
	r := admin.PullRoute{
		DequeueTotal: map[string]int64{"200": 0, "204": 0, "4xx": 0, "5xx": 0},
		AckedTotal:   rs.sum(name + "acked_total"), NackedTotal: rs.sum(name + "nacked_total"),
		AckConflictTotal: rs.sum(name + "ack_conflict_total"), NackConflictTotal: rs.sum(name + "nack_conflict_total"),
		LeaseActive: rs.sum(name + "lease_active"), LeaseExpiredTotal: rs.sum(name + "lease_expired_total"),
	}
	for status, n := range rs.by(name+"dequeue_total", "status") {
		r.DequeueTotal[status] = n
	}
	return r
}

func (rs readings) memory() *admin.MemoryStore {
	const name = "hookaido_store_memory_"
	m := &admin.MemoryStore{
		Backend: string(config.Memory), ItemsByState: rs.by(name+"items", "state"),
		RetainedBytesByState: rs.by(name+"retained_bytes", "state"), RetainedBytesTotal: rs.sum(name + "retained_bytes_total"),
		EvictionsTotal: rs.by(name+"evictions_total", "reason"),
		MemoryPressure: admin.MemoryPressure{
			RetainedItems: rs.sum(name + "items"), RetainedBytes: rs.sum(name + "retained_bytes_total"),
			RetainedBytesLimit: rs.sum(name + "limit_bytes"),
			RejectedTotal:      rs.by("hookaido_store_errors_total", "kind")["memory_pressure"],
		},
	}
	// a message that is larger than what is left is refused already
	if p := &m.MemoryPressure; p.RetainedBytes >= p.RetainedBytesLimit/100*99 {
		p.Active, p.Reason = true, "retained_bytes"
	}
	return m
}
