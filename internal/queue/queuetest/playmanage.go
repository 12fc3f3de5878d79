package queuetest

import (
	"time"

	"hookaido/internal/queue"
)

// manage is one step of an operator.
func (p *play) manage() {
	switch k := p.rand.IntN(10); {
	case k < 5:
		p.changeSome()
	case k < 8:
		p.listSome()
	case k < 9:
		route, target, paused := p.route(), []string{"", p.target()}[p.rand.IntN(2)], p.rand.IntN(2) == 0
		p.step("pause %s %s %v", route, target, paused)
		p.pause(route, target, paused)
		key := [2]string{route, target}
		if _, was := p.model.paused[key]; paused && !was {
			p.model.paused[key] = p.clock.Now()
		} else if !paused {
			delete(p.model.paused, key)
		}
	default:
		p.retainSome()
	}
}

func (p *play) retainSome() {
	age := func() time.Duration { return time.Duration(p.rand.IntN(30)) * 2 * time.Second }
	keep := queue.Retention{
		Queued: age(), Delivered: age(), Dead: age(), DeadDepth: p.rand.IntN(6), Interval: time.Duration(p.rand.IntN(8)) * time.Second,
	}
	p.step("retain %+v", keep)
	p.model.keep, p.model.pruneAt = keep, p.clock.Now()
	p.retain(keep)
	p.model.pass(p.clock.Now())
}

func (p *play) filter() queue.Filter {
	f := queue.Filter{Limit: 1 + p.rand.IntN(8), OldestFirst: p.rand.IntN(2) == 0}
	if p.rand.IntN(2) == 0 {
		f.Route = p.route()
	}
	if p.rand.IntN(2) == 0 {
		f.Target = p.target()
	}
	for range p.rand.IntN(4) {
		f.States = append(f.States, queue.States()[p.rand.IntN(5)])
	}
	if p.rand.IntN(4) == 0 {
		f.Before = p.clock.Now().Add(-time.Duration(p.rand.IntN(20)) * time.Second)
	}
	return f
}

// anyID is that of a message that is there, or was.
func (p *play) anyID() string {
	if n := len(p.model.messages); n > 0 && p.rand.IntN(10) > 0 {
		return p.model.messages[p.rand.IntN(n)].ID
	}
	return p.lastID
}

func (p *play) changeSome() {
	req := queue.ChangeRequest{
		Change: queue.Cancel + queue.Change(p.rand.IntN(5)), //nolint:gosec // small
		Filter: p.filter(), Preview: p.rand.IntN(5) == 0, Route: p.route(), Target: p.target(),
	}
	if p.rand.IntN(2) == 0 {
		req.IDs = []string{}
		for range p.rand.IntN(4) {
			req.IDs = append(req.IDs, p.anyID())
		}
		p.lastID = p.anyID()
	}
	got, err := p.queue.Change(p.Context(), req)
	p.step("change %+v -> %+v, %v", req, got, err)
	if want := p.model.change(req, p.clock.Now()); err != nil || got != want {
		p.Fatalf("Change = %+v, %v; want %+v", got, err, want)
	}
}

// listSome compares a page and the one after it with the model.
func (p *play) listSome() {
	req := queue.ListRequest{Filter: p.filter(), Payload: p.rand.IntN(2) == 0}
	got, err := p.queue.List(p.Context(), req)
	p.step("list %+v -> %d, %v", req, len(got), err)
	if err != nil {
		p.Fatalf("List: %v", err)
	}
	p.wantPage(req, got, p.model.find(req.Filter))
	if len(got) == 0 {
		return
	}
	last := p.model.named([]string{got[len(got)-1].ID})[0].place()
	req.After = &got[len(got)-1].Place
	next := p.list(req)
	limit := req.Limit
	req.After, req.Limit = nil, len(p.model.messages)
	var want []*modelMessage
	for _, msg := range p.model.find(req.Filter) {
		if req.Order(last, msg.place()) < 0 && len(want) < limit {
			want = append(want, msg)
		}
	}
	p.wantPage(req, next, want)
}

func (p *play) wantPage(req queue.ListRequest, got []queue.Message, want []*modelMessage) {
	if len(got) != len(want) {
		p.Fatalf("List gave %d messages, want %d", len(got), len(want))
	}
	for i := range got {
		if g, w := &got[i], p.model.shown(want[i], req.Payload); !same(g, w) {
			p.Fatalf("List gave %+v as message %d, want %+v", *g, i, *w)
		}
	}
}

// shown is the message as a list shows it.
func (*model) shown(msg *modelMessage, payload bool) *queue.Message {
	m := &queue.Message{
		ID: msg.ID, Route: msg.Route, Target: msg.Target, State: msg.state, ReceivedAt: msg.ReceivedAt,
		Attempt: msg.attempt, Since: msg.since, Reason: msg.reason, Size: len(msg.Payload),
	}
	switch msg.state {
	case queue.StateQueued, queue.StateCanceled:
		m.Due = msg.due
	case queue.StateLeased:
		m.LeaseUntil = msg.until
	default:
	}
	if payload {
		m.Payload = msg.Payload
	}
	return m
}

func same(a, b *queue.Message) bool {
	return a.ID == b.ID && a.Route == b.Route && a.Target == b.Target && a.State == b.State && a.ReceivedAt.Equal(b.ReceivedAt) &&
		a.Attempt == b.Attempt && a.Since.Equal(b.Since) && a.Reason == b.Reason && a.Size == b.Size &&
		a.Due.Equal(b.Due) && a.LeaseUntil.Equal(b.LeaseUntil) && string(a.Payload) == string(b.Payload)
}
