package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
)

// breakable is a queue whose operations fail if the error is set.
type breakable struct {
	*memory.Store
	err error
	got []int // how many ids each Get had
	// short makes Get answer with this many messages at most.
	short int
}

func (b *breakable) Enqueue(ctx context.Context, batch queue.Batch) ([]string, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.Store.Enqueue(ctx, batch)
}

func (b *breakable) Change(ctx context.Context, r queue.ChangeRequest) (queue.ChangeResult, error) {
	if b.err != nil {
		return queue.ChangeResult{}, b.err
	}
	return b.Store.Change(ctx, r)
}

func (b *breakable) Get(ctx context.Context, ids []string) ([]queue.Message, error) {
	b.got = append(b.got, len(ids))
	list, err := b.Store.Get(ctx, ids)
	if b.short > 0 && len(list) > b.short {
		list = list[:b.short]
	}
	return list, err
}

type desk struct {
	*Messages
	queue *breakable
	logs  *observer.ObservedLogs
}

func newDesk(t *testing.T, policy config.PublishPolicy) *desk {
	t.Helper()
	clk := clock.NewManual(start)
	core, logs := observer.New(zap.InfoLevel)
	d := &desk{queue: &breakable{Store: memory.Open(memory.Options{Clock: clk})}, logs: logs}
	t.Cleanup(func() { _ = d.queue.Close() })
	policy.Direct, policy.Managed, policy.AllowPullRoutes = true, true, true
	on := config.Publish{Enabled: true, Direct: true, Managed: true}
	cfg := &config.Config{Defaults: config.Defaults{PublishPolicy: policy}, Routes: []config.Route{
		{Path: "/a", Pull: &config.Pull{Path: "/a"}, Publish: on, MaxBody: 1 << 20, MaxHeaders: 1 << 10},
		{Path: "/l", Application: "app", EndpointName: "e", Pull: &config.Pull{Path: "/l"}, Publish: on, MaxBody: 30 << 20, MaxHeaders: 1 << 10},
	}}
	d.Messages = NewMessages(MessagesOptions{Queue: d.queue, Clock: clk, Config: func() *config.Config { return cfg }, Logger: zap.New(core)})
	return d
}

func (d *desk) publish(t *testing.T, scope *Scope, list ...Item) error {
	t.Helper()
	_, err := d.Publish(t.Context(), Publication{Audit: Audit{Reason: "r", Actor: "ada"}, Scope: scope,
		Items: func() ([]Item, error) { return list, nil }})
	return err
}

func TestOneOfManyPublishesAnID(t *testing.T) { // all at the same time
	d := newDesk(t, config.PublishPolicy{})
	var done, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			err := d.publish(t, nil, Item{ID: fmt.Sprint("own", i), Route: "/a"}, Item{ID: "same", Route: "/a"})
			var r *Refusal
			switch {
			case err == nil:
				done.Add(1)
			case errors.As(err, &r) && r.Code == "duplicate_id" && *r.Item == 1:
				refused.Add(1)
			}
		})
		all.Go(func() {
			if _, err := d.List(t.Context(), ListRequest{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	page, err := d.List(t.Context(), ListRequest{})
	if done.Load() != 1 || refused.Load() != 19 || err != nil || len(page.Items) != 2 {
		t.Errorf("%d published, %d refused, %d messages (%v); want 1, 19, 2", done.Load(), refused.Load(), len(page.Items), err)
	}
}

func TestBrokenQueueIsTold(t *testing.T) {
	d := newDesk(t, config.PublishPolicy{})
	d.queue.err = &queue.UnavailableError{Cause: errors.New("disk I/O error")}
	if err := d.publish(t, nil, Item{ID: "a", Route: "/a"}); !errors.Is(err, d.queue.err) {
		t.Errorf("publish: %v", err)
	}
	ids := func() ([]string, error) { return []string{"a"}, nil }
	if _, err := d.ChangeByIDs(t.Context(), CancelMessages, Audit{Reason: "r"}, ids); !errors.Is(err, d.queue.err) {
		t.Errorf("change: %v", err)
	}
	if n := d.logs.FilterMessage("admin_management_refused").FilterField(zap.String("code", "store_unavailable")).Len(); n != 2 {
		t.Errorf("%d lines of refusals, want 2: %v", n, d.logs.All())
	}
}

// TestPolicyReachesEveryID holds the policy of endpoints to ids behind those
// that fit into one answer of the queue.
func TestPolicyReachesEveryID(t *testing.T) {
	d := newDesk(t, config.PublishPolicy{ActorAllow: []string{"ada"}})
	d.queue.short = 1
	ids := []string{"none"}
	for i := range 3 {
		id := fmt.Sprint("m", i)
		if err := d.publish(t, nil, Item{ID: id, Route: "/a"}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := d.publish(t, &Scope{Application: "app", EndpointName: "e"}, Item{ID: "last"}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		actor string
		ids   []string
		want  string
	}{
		{"eve", append(ids, "last"), "audit_actor_not_allowed"}, {"", append(ids, "last"), "audit_actor_required"},
		{"eve", append(ids, "none2"), ""}, {"ada", append(ids, "last"), ""},
	} {
		_, err := d.ChangeByIDs(t.Context(), CancelMessages, Audit{Reason: "r", Actor: test.actor},
			func() ([]string, error) { return test.ids, nil })
		code, r := "", &Refusal{}
		if errors.As(err, &r) {
			code = r.Code
		} else if err != nil {
			code = err.Error()
		}
		if code != test.want {
			t.Errorf("%q %v: %q, want %q", test.actor, test.ids, code, test.want)
		}
	}
}

func TestLongValuesDoNotFillTheLog(t *testing.T) {
	d := newDesk(t, config.PublishPolicy{})
	long := strings.Repeat("é", 10_000)
	ids := func() ([]string, error) { t.Error("the body was read"); return nil, nil }
	if _, err := d.ChangeByIDs(t.Context(), DeleteDead, Audit{Reason: long, Actor: long, RequestID: long}, ids); err == nil {
		t.Fatal("a long reason was taken")
	}
	routes := NewRoutes(RoutesOptions{
		Queue: d.queue, Clock: clock.NewManual(start), Config: func() *config.Config { return &config.Config{} }, Logger: d.log,
	})
	body := func() (PauseBody, error) { return PauseBody{Route: "/" + long, Target: long}, nil }
	if _, err := routes.SetPaused(t.Context(), PauseRequest{Operation: PauseRoute, Audit: Audit{Reason: "r"}, Decode: body}); err == nil {
		t.Fatal("a route of that length was paused")
	}
	for _, line := range d.logs.All() {
		for name, value := range line.ContextMap() {
			if text, ok := value.(string); ok && len(text) > maxReason+3 {
				t.Errorf("%s: the log has %d bytes of %s", line.Message, len(text), name)
			}
		}
	}
}

func TestLargestPublication(t *testing.T) { // fits one message of the largest route
	d := newDesk(t, config.PublishPolicy{})
	const largest = 30 << 20
	if got := d.MaxPublication(1); got < largest/3*4 {
		t.Errorf("%d bytes, but a payload alone has %d in base64", got, largest/3*4)
	}
	if got := d.MaxPublication(1 << 30); got != 1<<30 {
		t.Errorf("%d bytes, want the least", got)
	}
}

func TestHeaders(t *testing.T) {
	for name, good := range map[string]bool{"A": true, "x-y_z.1!": true, "": false, "a b": false, "a:": false, "é": false, "a\x00": false} {
		if validHeader(name, "v") != good {
			t.Errorf("name %q: %v", name, !good)
		}
	}
	for value, good := range map[string]bool{"": true, "a\tb é": true, "a\n": false, "a\r": false, " a": false, "a\x7f": false, "a\x00": false} {
		if validHeader("A", value) != good {
			t.Errorf("value %q: %v", value, !good)
		}
	}
}

func TestLabels(t *testing.T) {
	for text, good := range map[string]bool{
		"a": true, "9.a_b:c-d": true, strings.Repeat("a", 128): true,
		"": false, strings.Repeat("a", 129): false, ".a": false, "a b": false, "a/b": false, "é": false,
	} {
		if isLabel(text) != good {
			t.Errorf("%q: %v", text, !good)
		}
	}
}
