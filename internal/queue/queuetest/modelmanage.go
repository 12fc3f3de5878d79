package queuetest

import (
	"slices"
	"time"

	"hookaido/internal/queue"
)

func (m *model) remove(msg *modelMessage) {
	m.messages = slices.DeleteFunc(m.messages, func(other *modelMessage) bool { return other == msg })
}

func (m *model) isPaused(msg *modelMessage) bool {
	_, all := m.paused[[2]string{msg.Route, ""}]
	_, one := m.paused[[2]string{msg.Route, msg.Target}]
	return all || one
}

// buryExhausted buries those of ready that a dequeue meets on its way to
// messages that may still be handed out, and returns the others.
func (m *model) buryExhausted(ready []*modelMessage, req queue.DequeueRequest, now time.Time) []*modelMessage {
	var live []*modelMessage
	for _, msg := range ready {
		if len(live) == req.Max {
			break
		}
		if req.MaxDeliveries > 0 && msg.attempt >= req.MaxDeliveries {
			msg.state, msg.since, msg.reason, msg.lease = queue.StateDead, now, queue.ReasonMaxDeliveries, ""
			continue
		}
		live = append(live, msg)
	}
	return live
}

// prune does a round of retention.
func (m *model) prune(now time.Time) {
	m.pruneAt = now.Add(m.keep.Interval)
	var dead []*modelMessage
	for _, msg := range slices.Clone(m.messages) {
		switch age := m.keep.Age(msg.state); {
		case age > 0 && now.Sub(msg.since) >= age:
			m.remove(msg)
		case msg.state == queue.StateDead:
			dead = append(dead, msg)
		}
	}
	if over := len(dead) - m.keep.DeadDepth; m.keep.DeadDepth > 0 && over > 0 {
		slices.SortStableFunc(dead, func(a, b *modelMessage) int { return a.since.Compare(b.since) })
		for _, msg := range dead[:over] {
			m.remove(msg)
		}
	}
}

// find returns what a filter selects.
func (m *model) find(f queue.Filter) []*modelMessage {
	var found []*modelMessage
	for _, msg := range m.messages {
		shown := queue.Message{Route: msg.Route, Target: msg.Target, State: msg.state, ReceivedAt: msg.ReceivedAt}
		if f.Selects(&shown) {
			found = append(found, msg)
		}
	}
	slices.SortFunc(found, func(a, b *modelMessage) int { return f.Order(a.place(), b.place()) })
	return found[:min(len(found), f.Limit)]
}

func (msg *modelMessage) place() queue.Cursor {
	return queue.Cursor{ReceivedAt: msg.ReceivedAt, Seq: uint64(msg.arrived)} //nolint:gosec // small
}

// named returns the messages with these ids, each once.
func (m *model) named(ids []string) []*modelMessage {
	var list []*modelMessage
	for _, id := range ids {
		for _, msg := range m.messages {
			if msg.ID == id && !slices.Contains(list, msg) {
				list = append(list, msg)
			}
		}
	}
	return list
}

func (m *model) change(r queue.ChangeRequest, now time.Time) queue.ChangeResult {
	list := m.named(r.IDs)
	if f, some := r.Selection(); r.IDs == nil && some {
		list = m.find(f)
	}
	var result queue.ChangeResult
	for _, msg := range list {
		if !r.Takes(msg.state) {
			continue
		}
		result.Matched++
		if r.Preview {
			continue
		}
		result.Changed++
		msg.lease = ""
		m.changeOne(msg, r, now)
	}
	return result
}

func (m *model) changeOne(msg *modelMessage, r queue.ChangeRequest, now time.Time) {
	switch r.Change {
	case queue.Cancel:
		if msg.state != queue.StateQueued {
			msg.due = now
		}
		msg.state, msg.since, msg.reason = queue.StateCanceled, now, ""
	case queue.Requeue:
		msg.state, msg.since, msg.reason, msg.due, msg.attempt = queue.StateQueued, now, "", now, 0
	case queue.Resume:
		msg.state, msg.since = queue.StateQueued, now
	case queue.Delete:
		m.remove(msg)
	case queue.Move:
		msg.Route, msg.Target = r.Route, r.Target
	}
}
