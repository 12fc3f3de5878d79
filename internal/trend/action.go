package trend

import "slices"

// Action is what an operator can do about alerts.
type Action struct {
	ID string `json:"id"`
	// Severity is warn or critical.
	Severity string `json:"severity"`
	// AlertRoutingKey is for programs that pass alerts on to people.
	AlertRoutingKey string `json:"alert_routing_key"`
	Summary         string `json:"summary"`
	Playbook        string `json:"playbook"`
	// Alerts are those that ask for the action.
	Alerts []Alert `json:"alerts"`
	// MCPTools and AdminEndpoints are where to look and to act.
	MCPTools       []string `json:"mcp_tools"`
	AdminEndpoints []string `json:"admin_endpoints"`
}

const (
	warn     = "warn"
	critical = "critical"
	keys     = "hookaido.backlog."
)

// actions lists all actions in their order.
func actions() []Action {
	return []Action{
		{
			ID: "sampling_stale_recover", Severity: critical, AlertRoutingKey: keys + string(SamplingStale),
			Summary:  "No recent sample of the backlog: what follows tells of the past.",
			Playbook: "See whether the store answers (hookaido status) and what the log says about trend_sample_failed; a full disk stops samples too.",
			Alerts:   []Alert{SamplingStale},
			MCPTools: []string{"admin_health", "instance_status", "instance_reload"}, AdminEndpoints: []string{"/healthz?details=1", "/backlog/trends"},
		},
		{
			ID: "queued_pressure_relieve", Severity: critical, AlertRoutingKey: keys + string(QueuedPressure),
			Summary:  "Most messages wait and few are being worked on.",
			Playbook: "Find the route with hookaido routes. Is it paused, is its breaker open, do its workers run? Then add workers or raise the concurrency.",
			Alerts:   []Alert{QueuedPressure},
			MCPTools: []string{"backlog_top_queued", "backlog_oldest_queued", "messages_list", "attempts_list", "messages_cancel_by_filter"},
			AdminEndpoints: []string{"/backlog/top_queued", "/backlog/oldest_queued", "/messages", "/attempts",
				"/messages/cancel_by_filter"},
		},
		{
			ID: "dead_share_drain", Severity: warn, AlertRoutingKey: keys + string(DeadShareHigh),
			Summary:  "Many messages are dead letters.",
			Playbook: "Read why with hookaido dlq list and hookaido attempts list, mend the target, then send them again with hookaido dlq requeue.",
			Alerts:   []Alert{DeadShareHigh},
			MCPTools: []string{"attempts_list", "dlq_list", "dlq_requeue"}, AdminEndpoints: []string{"/attempts", "/dlq", "/dlq/requeue"},
		},
		{
			ID: "backlog_growth_triage", Severity: warn, AlertRoutingKey: keys + string(SustainedGrowth),
			Summary:  "More messages come in than go out.",
			Playbook: "Find the route that grows with hookaido top. Compare its rate with what its workers or its target manage, and add to the slower side.",
			Alerts:   []Alert{SustainedGrowth, RecentSurge},
			MCPTools: []string{"backlog_top_queued", "backlog_aging_summary", "backlog_trends", "messages_list"},
			AdminEndpoints: []string{"/backlog/top_queued", "/backlog/aging_summary", "/backlog/trends",
				"/messages"},
		},
	}
}

// actionsFor are the actions that the alerts ask for, each with those of its
// alerts that are active.
func actionsFor(active []Alert) []Action {
	list := []Action{}
	for _, a := range actions() {
		a.Alerts = slices.DeleteFunc(a.Alerts, func(alert Alert) bool { return !slices.Contains(active, alert) })
		if len(a.Alerts) == 0 {
			continue
		}
		if slices.Contains(a.Alerts, RecentSurge) { // a surge comes before growth
			a.Severity, a.AlertRoutingKey = critical, keys+string(RecentSurge)
		}
		list = append(list, a)
	}
	return list
}
