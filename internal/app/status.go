package app

import (
	"context"
	"fmt"
	"time"

	"hookaido/internal/queue"
)

// statsTime bounds how long a status line waits for the queue's figures.
const statsTime = time.Second

// statusLine says in one line what the daemon does, for systemctl status.
func (a *App) statusLine(ctx context.Context) string {
	a.mu.Lock()
	routes, generation, refused := len(a.config.Routes), a.generation, a.refused
	a.mu.Unlock()
	line := fmt.Sprintf("%s, config generation %d", count(routes, "route"), generation)
	ctx, cancel := context.WithTimeout(ctx, statsTime)
	defer cancel()
	s, err := a.store.Stats(ctx)
	if err != nil {
		return line + ", queue: " + err.Error()
	}
	line += fmt.Sprintf(", %d queued, %d leased, %d dead",
		s.ByState[queue.StateQueued], s.ByState[queue.StateLeased], s.ByState[queue.StateDead])
	if resting := a.restingTargets(); resting != "" {
		line += "; " + resting
	}
	if s.DiskLow {
		line += "; refusing webhooks: too little disk space"
	}
	if refused != "" {
		line += "; the last reload was refused: " + refused
	}
	return line
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
