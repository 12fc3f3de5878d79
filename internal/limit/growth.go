package limit

import (
	"time"

	"hookaido/internal/queue"
	"hookaido/internal/trend"
)

// Growth says when a backlog counts as growing, by the samples of the last
// Window.
type Growth struct {
	Window time.Duration
	trend.Growth
}

// grows applies g to samples in their order.
func (g *Growth) grows(samples []queue.TrendSample, now time.Time) bool {
	for len(samples) > 0 && samples[0].At.Before(now.Add(-g.Window)) {
		samples = samples[1:]
	}
	return g.Sees(samples)
}
