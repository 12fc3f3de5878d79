package dispatch

import (
	"go.uber.org/zap"

	"hookaido/internal/deliver"
	"hookaido/internal/observe"
	"hookaido/internal/queue"
)

// The reasons of dead letters.
const (
	deadNoRetry    = "no_retry"
	deadMaxRetries = "max_retries"
	deadPolicy     = "policy_denied"
	deadGone       = "gone"
)

// conclude says what becomes of a message after an attempt. The number u, from
// -1 to 1, places the next attempt within the jitter.
func conclude(m *queue.Leased, t *Target, r *deliver.Result, u float64) queue.Conclusion {
	a := &queue.Attempt{
		MessageID: m.ID, Route: m.Route, Target: m.Target, Number: m.Attempt,
		StatusCode: r.Status, Latency: r.Latency,
	}
	if r.Cause != nil {
		a.Error = r.Cause.Error()
	}
	c := queue.Conclusion{LeaseID: m.LeaseID, Attempt: a}
	switch {
	case r.Class == deliver.Done:
		c.Action, a.Outcome = queue.Ack, queue.OutcomeAcked
	case r.Class == deliver.GiveUp:
		c.Action, a.Outcome, c.Reason = queue.Bury, queue.OutcomeDead, deadReason(r.Reason)
	case r.Reason == deliver.ReasonStopped:
		// no fault of the target: at the next start it is due, whatever its budget
		c.Action, a.Outcome = queue.Nack, queue.OutcomeRetry
	case t.Retry.Spent(m.Attempt):
		c.Action, a.Outcome, c.Reason = queue.Bury, queue.OutcomeDead, deadMaxRetries
	default:
		c.Action, a.Outcome = queue.Nack, queue.OutcomeRetry
		c.Delay = t.Retry.Delay(m.Attempt, r.RetryAfter, u)
	}
	a.DeadReason = c.Reason
	return c
}

func deadReason(r deliver.Reason) string {
	switch r {
	case deliver.ReasonEgress, deliver.ReasonProgramMissing, deliver.ReasonProgramRefused:
		return deadPolicy
	case deliver.ReasonGone:
		return deadGone
	}
	return deadNoRetry
}

// tell logs an attempt.
func (d *Dispatcher) tell(target string, c *queue.Conclusion, r *deliver.Result) {
	level, message := zap.InfoLevel, "delivery_ok"
	switch c.Attempt.Outcome {
	case queue.OutcomeRetry:
		message = "delivery_retry"
	case queue.OutcomeDead:
		level, message = zap.WarnLevel, "delivery_dead"
	}
	if line := d.logger.Check(level, message); line != nil {
		line.Write(attemptFields(target, c, r)...)
	}
	if r.Output != "" {
		d.logger.Debug("exec_stderr", zap.String("command", target), zap.String("event_id", c.Attempt.MessageID), zap.String("stderr", r.Output))
	}
}

func attemptFields(target string, c *queue.Conclusion, r *deliver.Result) []zap.Field {
	a := c.Attempt
	fields := []zap.Field{
		zap.String("route", a.Route), zap.String("target", target), zap.Int("attempt", a.Number), zap.String("event_id", a.MessageID),
	}
	if r.Status > 0 {
		fields = append(fields, zap.Int("status", r.Status))
	}
	if r.Cause != nil {
		fields = append(fields, zap.String("cause", string(r.Reason)), observe.Err(r.Cause))
	}
	if r.RetryAfter > 0 {
		fields = append(fields, zap.Duration("retry_after", r.RetryAfter))
	}
	switch a.Outcome {
	case queue.OutcomeRetry:
		fields = append(fields, zap.Duration("delay", c.Delay))
	case queue.OutcomeDead:
		fields = append(fields, zap.String("reason", c.Reason))
	}
	return fields
}
