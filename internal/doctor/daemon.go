package doctor

import (
	"context"
	"fmt"
	"time"
)

// checkDaemon looks at what the daemon says, or that it says nothing.
func checkDaemon(_ context.Context, p *patient) ([]Finding, error) {
	if p.status == nil {
		service, ok := p.service()
		if !ok || !p.Root || service.get("ActiveState") != "active" {
			return nil, p.statusErr
		}
		return []Finding{finding(Error, idNoAnswer, "the admin socket", readJournal, restartTarget).
			says("the service runs and does not answer: "+p.statusErr.Error(), "no operator command works, and a reload fails; perhaps the socket was removed")}, nil
	}
	var found []Finding
	if p.Version != "" && p.status.Version != "" && p.status.Version != p.Version {
		found = append(found, finding(Warning, idOldBinary, fmt.Sprintf("process %d", p.status.PID), restartService).
			says(fmt.Sprintf("the daemon runs version %s, and version %s is installed", p.status.Version, p.Version), "an upgrade takes effect with a restart"))
	}
	if !p.status.Store.OK {
		found = append(found, finding(Error, idStoreFailing, p.Database, "journalctl -k -p err -n 20", readJournal, restartService).
			says("the queue can't store messages: "+p.status.Store.Error, "webhooks are answered 503"))
	}
	return found, nil
}

// oldBacklog is the age of a message that waits from which on consumers count
// as behind.
const oldBacklog = time.Hour

// checkQueue looks at what waits in the queue, and where it can't go.
func checkQueue(_ context.Context, p *patient) ([]Finding, error) {
	if p.status == nil {
		return nil, nil
	}
	var found []Finding
	for _, r := range p.status.Routes {
		where := "route " + r.Route
		if r.Dead > 0 {
			found = append(found, finding(Warning, idDeadLetters, where, "hookaido dlq list --route "+quote(r.Route), "hookaido dlq requeue --yes --route "+quote(r.Route)).
				says(fmt.Sprintf("%d dead letters", r.Dead), "messages were given up after all attempts; nobody has them until they are requeued, and retention drops them in the end"))
		}
		if r.OldestQueuedAgeSeconds != nil && time.Duration(*r.OldestQueuedAgeSeconds)*time.Second > oldBacklog {
			found = append(found, finding(Warning, idBacklog, where, "hookaido status").
				says(fmt.Sprintf("a message has waited for %s", time.Duration(*r.OldestQueuedAgeSeconds)*time.Second), "workers or the target take messages more slowly than they come, or not at all"))
		}
		if r.Paused {
			found = append(found, finding(Warning, idPaused, where, "hookaido routes", "hookaido resume "+quote(r.Route)).
				says("the route, or one of its targets, is paused", "its messages wait until somebody lets them go on; for one target add --target"))
		}
		if !r.Configured && r.Queued+r.Leased > 0 {
			found = append(found, finding(Warning, idOrphans, where, "hookaido routes").
				says(fmt.Sprintf("%d messages of a route that is no longer in the Hookaidofile", r.Queued+r.Leased), "nobody gets them until the route is back, or they are moved to another"))
		}
	}
	for _, d := range p.status.Deliveries {
		if d.Breaker == "open" || d.Breaker == "half_open" {
			found = append(found, finding(Warning, idTargetResting, fmt.Sprintf("route %s, target %s", d.Route, d.Target), "hookaido status", readJournal).
				says(fmt.Sprintf("deliveries rest after %d failures in a row (%s)", d.Failures, d.Reason), "messages wait until the target answers again"))
		}
	}
	return found, nil
}
