package ingress

import (
	"context"
	"errors"

	"hookaido/internal/queue"
)

// duplicate is why an accepted request was not kept, in the access log.
const duplicate = "duplicate"

// store puts one message per target into the queue, all or none. A message
// that is there already is as good as stored.
func (x *exchange) store(claims []queue.Claim, m queue.NewMessage) *refusal {
	m.ReceivedAt = x.clock.Now()
	messages := make([]queue.NewMessage, len(x.rt.Targets))
	for i, target := range x.rt.Targets {
		messages[i] = m
		messages[i].Target = target
	}
	// the id of a message comes before its signature: a sender that repeats a
	// message, signature and all, because our answer was lost, is no forger
	claim, dedupes := dedupeClaim(&x.rt.Config, x.r.Header, m.ReceivedAt)
	if dedupes {
		claims = append([]queue.Claim{claim}, claims...)
	}
	// net/http cancels the request's context as soon as the client closes its
	// sending side, which some do while they wait for the answer
	ctx := context.WithoutCancel(x.r.Context())
	ids, err := x.enqueuer.Enqueue(ctx, queue.Batch{Messages: messages, Claims: claims})
	var claimed *queue.ClaimedError
	switch {
	case errors.As(err, &claimed):
		if dedupes && claimed.Index == 0 || x.rt.Verifier != nil && x.rt.Verifier.RepeatIsAccepted() {
			x.note.Reason = duplicate
			x.metrics.duplicates.Inc()
			return nil
		}
		return x.unauthorized(replay)
	case err != nil:
		return notStored(err)
	}
	x.metrics.enqueued.Add(float64(len(messages)))
	if len(ids) > 0 {
		x.note.MessageID = ids[0]
	}
	return nil
}
