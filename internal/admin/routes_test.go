package admin

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
)

// brittle is a queue whose pauses fail if the errors are set.
type brittle struct {
	*memory.Store
	read, write error
}

func (b *brittle) Paused(ctx context.Context) ([]queue.Pause, error) {
	if b.read != nil {
		return nil, b.read
	}
	return b.Store.Paused(ctx)
}

func (b *brittle) SetPaused(ctx context.Context, route, target string, paused bool) error {
	if b.write != nil {
		return b.write
	}
	return b.Store.SetPaused(ctx, route, target, paused)
}

func TestRoutes(t *testing.T) {
	clk := clock.NewManual(start)
	q := &brittle{Store: memory.Open(memory.Options{Clock: clk})}
	t.Cleanup(func() { _ = q.Close() })
	cfg := &config.Config{Routes: []config.Route{{Path: "/a", Pull: &config.Pull{Path: "/a"}}}}
	var recalled []string
	routes := NewRoutes(RoutesOptions{
		Queue: q, Clock: clk, Config: func() *config.Config { return cfg }, Logger: zap.NewNop(),
		Deliveries: func() []Delivery {
			return []Delivery{{Route: "/a", Name: "pull", Target: "shown", Breaker: "open", Failures: 3}, {Route: "/a", Name: "other"}}
		},
		Recall: func(route, target string) { recalled = append(recalled, route+" "+target) },
	})
	set := func(o Operation, target string) error {
		_, err := routes.SetPaused(t.Context(), PauseRequest{Operation: o, Audit: Audit{Reason: "r"},
			Decode: func() (PauseBody, error) { return PauseBody{Route: " /a ", Target: target}, nil }})
		return err
	}
	for _, step := range []struct {
		o      Operation
		target string
	}{{PauseRoute, "pull"}, {PauseRoute, ""}, {ResumeRoute, "x"}, {ResumeRoute, "pull"}} {
		err := set(step.o, step.target)
		if unknown := step.target == "x"; (err != nil) != unknown {
			t.Errorf("%s %s: %v", step.o, step.target, err)
		}
		clk.Advance(time.Minute)
	}
	if got := strings.Join(recalled, ", "); got != "/a pull, /a " {
		t.Errorf("recalled %q", got)
	}
	list, err := routes.List(t.Context())
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	l := list.Items[0]
	if !l.Paused || !l.PausedSince.Equal(start.Add(time.Minute)) || l.Delivery == nil || l.Delivery.Breaker != "open" || l.Delivery.Failures != 3 || l.Orphaned {
		t.Errorf("lane %+v", l)
	}
	broken := errors.New("gone")
	q.write = broken
	if err := set(ResumeRoute, ""); !errors.Is(err, broken) || len(recalled) != 2 {
		t.Errorf("a pause that can't be kept: %v, recalled %v", err, recalled)
	}
	q.read = broken
	_, listed := routes.List(t.Context())
	_, paused := routes.Paused(t.Context())
	for i, err := range []error{listed, paused, set(PauseRoute, "")} {
		if !errors.Is(err, broken) {
			t.Errorf("call %d of a broken queue: %v", i, err)
		}
	}
	decode := errors.New("bad body")
	if _, err := routes.SetPaused(t.Context(), PauseRequest{Operation: PauseRoute, Decode: func() (PauseBody, error) { return PauseBody{}, decode }}); !errors.Is(err, decode) {
		t.Errorf("a bad body: %v", err)
	}
}

// TestPausesOfOneRoute marks each lane since the first pause that holds it.
func TestPausesOfOneRoute(t *testing.T) {
	list := []RouteLane{{Route: "/a", Target: "x"}, {Route: "/a", Target: "y"}, {Route: "/b", Target: "x"}}
	markPaused(list, []queue.Pause{
		{Route: "/a", Target: "y", Since: start.Add(time.Hour)}, {Route: "/a", Since: start.Add(2 * time.Hour)}, {Route: "/b", Target: "z", Since: start},
	})
	if !list[0].PausedSince.Equal(start.Add(2*time.Hour)) || !list[1].PausedSince.Equal(start.Add(time.Hour)) || list[2].Paused {
		t.Errorf("%+v", list)
	}
}
