package queuetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"hookaido/internal/queue"
)

// modelCases do n random operations on the engine and on the model and compare
// every answer, under each kind of limit. The last seed is new in each run; a
// failure logs it.
func modelCases(n int) []contractCase {
	limits := []queue.Limits{{}, {MaxDepth: 12}, {MaxDepth: 12, DropPolicy: queue.DropOldest}}
	var cases []contractCase
	for i, l := range limits {
		for _, seed := range []uint64{uint64(i) + 1, rand.Uint64()} { //nolint:gosec // to find cases, not to guard
			name := fmt.Sprintf("depth %d %s seed %d", l.MaxDepth, l.DropPolicy, seed)
			if seed > 1000 {
				name = fmt.Sprintf("depth %d %s new seed", l.MaxDepth, l.DropPolicy)
			}
			cases = append(cases, contractCase{name: name, limits: l, run: func(r *rig) {
				r.Logf("seed %d", seed)
				newPlay(r, seed).run(n)
			}})
		}
	}
	return cases
}

// play is one run of random operations.
type play struct {
	*rig
	rand   *rand.Rand
	model  model
	leases []string        // ids of leases given, the last ones
	lastID string          // of some message, which may be gone
	steps  []func() string // what was done, for the log of a failure
}

func newPlay(r *rig, seed uint64) *play {
	return &play{
		rig: r, rand: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // likewise
		model: model{limits: r.opts.Limits, claims: map[[16]byte]time.Time{}, paused: map[[2]string]time.Time{}},
	}
}

func (p *play) run(n int) {
	defer func() {
		if p.Failed() {
			var last []string
			for _, text := range p.steps[max(0, len(p.steps)-40):] {
				last = append(last, text())
			}
			p.Logf("the last of %d steps:\n%s", len(p.steps), strings.Join(last, "\n"))
		}
	}()
	for range n {
		switch k := p.rand.IntN(100); {
		case k < 26:
			p.enqueue()
		case k < 47:
			p.dequeue()
		case k < 65:
			p.settleSome()
		case k < 71:
			p.extendOne()
		case k < 82:
			p.manage()
		case k < 99 || p.engine.reopen == nil:
			d := time.Duration(p.rand.IntN(8)) * time.Second / 2
			p.step("pass %v", d)
			p.pass(d)
			p.model.pass(p.clock.Now())
		default:
			p.step("reopen")
			p.reopen(0)
			p.retainSome() // which an engine is told again at every start
		}
		p.wantStats(p.model.stats())
	}
}

func (p *play) step(format string, args ...any) {
	p.steps = append(p.steps, func() string { return fmt.Sprintf(format, args...) })
}

func (p *play) route() string { return []string{routeA, routeB, "/hooks/c"}[p.rand.IntN(3)] }

func (p *play) target() string { return []string{target, "https://example.test/hook"}[p.rand.IntN(2)] }

func (p *play) enqueue() {
	now := p.clock.Now()
	var b queue.Batch
	for range 1 + p.rand.IntN(3) {
		m := p.message(p.route(), fmt.Sprint(len(p.steps)))
		m.Target = p.target()
		if p.rand.IntN(4) == 0 {
			m.Due = now.Add(time.Duration(p.rand.IntN(20)-5) * time.Second / 2)
		}
		if p.rand.IntN(4) == 0 {
			m.ID = fmt.Sprint("chosen ", p.rand.IntN(12))
		}
		b.Messages = append(b.Messages, m)
	}
	for k := range byte(p.rand.IntN(3)) {
		// the end is between two steps of the clock: at it, both are right
		until := now.Add(time.Duration(1+p.rand.IntN(20))*time.Second + 1)
		b.Claims = append(b.Claims, claim(k<<4|byte(p.rand.IntN(8)), until))
	}
	ids, err := p.queue.Enqueue(p.Context(), b)
	p.step("enqueue %v -> %q, %v", b, ids, err)
	if objections := p.model.objections(b, now); len(objections) > 0 {
		if !anyIs(err, objections) {
			p.Fatalf("Enqueue = %v, want one of %v", err, objections)
		}
		return
	}
	if err != nil || len(ids) != len(b.Messages) {
		p.Fatalf("Enqueue of %d messages = %q, %v", len(b.Messages), ids, err)
	}
	for i, m := range b.Messages {
		if m.ID != "" && ids[i] != m.ID || m.ID == "" && p.known(ids[i]) {
			p.Fatalf("Enqueue gave id %q for %q", ids[i], m.ID)
		}
	}
	p.model.enqueue(b, ids)
}

func (p *play) known(id string) bool {
	for _, m := range p.model.messages {
		if m.ID == id {
			return true
		}
	}
	return false
}

func (p *play) dequeue() {
	req := queue.DequeueRequest{
		Route: p.route(), Max: 1 + p.rand.IntN(4), TTL: time.Duration(1+p.rand.IntN(30)) * time.Second / 2,
	}
	if p.rand.IntN(2) == 0 {
		req.Target = p.target()
	}
	if p.rand.IntN(4) == 0 {
		req.MaxDeliveries = 1 + p.rand.IntN(3)
	}
	got, err := p.queue.Dequeue(p.Context(), req)
	p.step("dequeue %+v -> %d, %v", req, len(got), err)
	want := p.model.dequeue(req, p.clock.Now())
	if err != nil || len(got) != len(want) {
		p.Fatalf("Dequeue gave %d messages and %v, want %d", len(got), err, len(want))
	}
	for i, l := range got {
		w := want[i]
		if l.ID != w.ID || l.Route != w.Route || l.Target != w.Target || l.Attempt != w.attempt ||
			!l.ReceivedAt.Equal(w.ReceivedAt) || !l.LeaseUntil.Equal(w.until) || string(l.Payload) != string(w.Payload) {
			p.Fatalf("Dequeue gave %+v as message %d, want %+v", l, i, *w)
		}
		w.lease = l.LeaseID
		p.leases = append(p.leases, l.LeaseID)
	}
	p.leases = p.leases[max(0, len(p.leases)-30):]
}

// anyLease is mostly one that was given lately, held or not.
func (p *play) anyLease() string {
	if n := len(p.leases); n > 0 && p.rand.IntN(20) > 0 {
		return p.leases[p.rand.IntN(n)]
	}
	return fmt.Sprintf("lease_%016x", p.rand.Uint64())
}

// scope is a route that limits an operation, or none.
func (p *play) scope() string {
	if p.rand.IntN(2) == 0 {
		return ""
	}
	return p.route()
}

func (p *play) settleSome() {
	req := queue.SettleRequest{
		Route: p.scope(), Action: []queue.Action{queue.Ack, queue.Nack, queue.Nack, queue.Bury}[p.rand.IntN(4)],
		Delay: time.Duration(p.rand.IntN(6)) * time.Second / 2, Reason: "random",
	}
	for range 1 + p.rand.IntN(4) {
		req.LeaseIDs = append(req.LeaseIDs, p.anyLease())
	}
	p.step("settle %+v", req)
	p.wantConflicts(req, p.model.settle(req, p.clock.Now())...)
}

func (p *play) extendOne() {
	req := queue.ExtendRequest{LeaseID: p.anyLease(), Route: p.scope(), By: time.Duration(1+p.rand.IntN(9)) * time.Second / 2}
	err := p.queue.Extend(p.Context(), req)
	p.step("extend %+v -> %v", req, err)
	if want := p.model.extend(req); !errors.Is(err, want) {
		p.Fatalf("Extend = %v, want %v", err, want)
	}
}
