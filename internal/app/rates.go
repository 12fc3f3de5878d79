package app

import "hookaido/internal/admin"

// flows are the counts behind the rates that operators see.
func (a *App) flows() map[string]admin.Flow {
	rs := a.read()
	all := map[string]admin.Flow{}
	for _, r := range rs["hookaido_ingress_requests_total"] {
		if route := r.labels["route"]; r.labels["outcome"] == "accepted" {
			f := all[route]
			f.In += r.value
			all[route] = f
		}
	}
	for _, name := range []string{"hookaido_pull_acked_total", "hookaido_delivery_end_to_end_seconds"} {
		for route, n := range rs.by(name, "route") {
			f := all[route]
			f.Out += n
			all[route] = f
		}
	}
	return all
}
