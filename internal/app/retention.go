package app

import (
	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// retainer drops what is kept long enough.
type retainer interface {
	SetRetention(r queue.Retention)
}

func retention(r config.Retention) queue.Retention {
	return queue.Retention{
		Queued: r.QueueAge, Delivered: r.DeliveredAge, Dead: r.DeadAge, DeadDepth: r.DeadDepth,
		AttemptAge: r.AttemptsAge, AttemptRows: r.AttemptsRows, Interval: r.PruneInterval,
	}
}
