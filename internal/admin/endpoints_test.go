package admin

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
)

// registry is a store of endpoints whose operations fail if an error is set.
type registry struct {
	*memory.Store
	set, drop, list, stats error
}

func (r *registry) SetMapping(ctx context.Context, m queue.Mapping) error {
	if r.set != nil {
		return r.set
	}
	return r.Store.SetMapping(ctx, m)
}

func (r *registry) DropMapping(ctx context.Context, application, endpointName string) error {
	if r.drop != nil {
		return r.drop
	}
	return r.Store.DropMapping(ctx, application, endpointName)
}

func (r *registry) Mappings(ctx context.Context) ([]queue.Mapping, error) {
	if r.list != nil {
		return nil, r.list
	}
	return r.Store.Mappings(ctx)
}

func (r *registry) Stats(ctx context.Context) (queue.Stats, error) {
	if r.stats != nil {
		return queue.Stats{}, r.stats
	}
	return r.Store.Stats(ctx)
}

// office is the service of endpoints of a daemon with some routes.
type office struct {
	*Endpoints
	t     *testing.T
	store *registry
	cfg   *config.Config
	logs  *observer.ObservedLogs
}

// route is one with a target; two targets are divided by a blank. Labels are
// divided by a slash.
func routeTo(path, target, label string) config.Route {
	r := config.Route{Path: path, Publish: config.Publish{Enabled: true, Direct: true, Managed: true}}
	r.Application, r.EndpointName, _ = strings.Cut(label, "/")
	if target == "pull" {
		r.Pull = &config.Pull{Path: path}
		return r
	}
	for _, url := range strings.Fields(target) {
		r.Targets = append(r.Targets, config.Target{URL: url})
	}
	return r
}

func newOffice(t *testing.T, routes ...config.Route) *office {
	t.Helper()
	clk := clock.NewManual(start)
	core, logs := observer.New(zap.InfoLevel)
	o := &office{t: t, store: &registry{Store: memory.Open(memory.Options{Clock: clk})}, logs: logs}
	t.Cleanup(func() { _ = o.store.Close() })
	service := New(Options{Store: o.store, Clock: clk})
	o.Endpoints = NewEndpoints(EndpointsOptions{Store: o.store, Service: service, Logger: zap.New(core)})
	o.reload(routes...)
	if err := o.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) reload(routes ...config.Route) {
	policy := config.PublishPolicy{Direct: true, Managed: true, AllowPullRoutes: true, AllowDeliverRoutes: true}
	o.cfg = &config.Config{Routes: routes, Defaults: config.Defaults{PublishPolicy: policy}}
	o.service.SetConfig(o.cfg, 1)
}

// change puts the endpoint, or deletes it for no route, and returns the action
// or the code.
func (o *office) change(endpoint, route string) string {
	o.t.Helper()
	c := EndpointChange{Audit: Audit{Reason: "r"}}
	c.Scope.Application, c.Scope.EndpointName, _ = strings.Cut(endpoint, "/")
	if route != "" {
		c.Route = func() (string, error) { return route, nil }
	}
	done, err := o.Change(o.t.Context(), c)
	if err == nil {
		if done.Applied != (done.Action != EndpointNoop) || done.Scope.Route != done.Endpoint.Route {
			o.t.Errorf("%+v", done)
		}
		return done.Action
	}
	var refused *Refusal
	if !errors.As(err, &refused) {
		o.t.Fatalf("not a refusal: %v", err)
	}
	return refused.Code
}

// endpoints lists what is in force, as application/name=route.
func (o *office) endpoints() (list []string) {
	for _, app := range o.Model().Applications {
		for _, e := range app.Endpoints {
			list = append(list, app.Name+"/"+e.Name+"="+e.Route+" "+e.Source)
		}
	}
	return list
}

func (o *office) want(want ...string) {
	o.t.Helper()
	if diff := cmp.Diff(want, o.endpoints(), cmpopts.EquateEmpty()); diff != "" {
		o.t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

func (o *office) wait(route, target string) {
	o.t.Helper()
	if _, err := o.store.Enqueue(o.t.Context(), queue.Batch{Messages: []queue.NewMessage{{Route: route, Target: target, ReceivedAt: start}}}); err != nil {
		o.t.Fatal(err)
	}
}

func TestEndpointLife(t *testing.T) {
	o := newOffice(t, routeTo("/a", "pull", "shop/paid"), routeTo("/b", "pull", ""), routeTo("/c", "pull", ""), routeTo("/d", "http://d", ""))
	for _, step := range []struct{ endpoint, route, want string }{
		{"shop/paid", "/a", "noop"},
		{"shop/paid", "/b", "management_conflict"},
		{"shop/paid", "", "management_conflict"},
		{"shop/sent", "/a", "management_route_already_mapped"},
		{"shop/sent", "/nowhere", "management_route_not_found"},
		{"shop/sent", "/b/", "management_route_not_found"},
		{"shop/sent", "b", "invalid_body"},
		{"shop/sent", "", "management_endpoint_not_found"},
		{"sh op/sent", "/b", "invalid_body"},
		{"shop/", "/b", "invalid_body"},
		{"shop/ ", "", "invalid_body"},
		{"shop/sent", "/b", "created"},
		{"shop/sent", " /b ", "noop"},
		{"crm/lead", "/b", "management_route_already_mapped"},
		{"shop/sent", "/c", "updated"},
		{"shop/sent", "/d", "management_route_target_mismatch"},
		{"crm/lead", "/d", "created"},
	} {
		if got := o.change(step.endpoint, step.route); got != step.want {
			t.Errorf("%s to %q: %s, want %s", step.endpoint, step.route, got, step.want)
		}
	}
	o.want("crm/lead=/d database", "shop/paid=/a hookaidofile", "shop/sent=/c database")
	if got := o.change("shop/sent", ""); got != "deleted" {
		t.Errorf("delete: %s", got)
	}
	o.want("crm/lead=/d database", "shop/paid=/a hookaidofile")
	if list, err := o.store.Mappings(t.Context()); err != nil || len(list) != 1 || list[0].Route != "/d" {
		t.Errorf("the store has %+v, %v", list, err)
	}
}

func TestEndpointsOfTwoTargets(t *testing.T) {
	o := newOffice(t, routeTo("/a", "http://x http://y", ""), routeTo("/b", "http://y http://x", ""), routeTo("/c", "http://x", ""))
	for _, step := range [][3]string{
		{"a/e", "/a", "created"}, {"a/e", "/c", "management_route_target_mismatch"}, {"a/e", "/b", "updated"},
	} {
		if got := o.change(step[0], step[1]); got != step[2] {
			t.Errorf("to %s: %s, want %s", step[1], got, step[2])
		}
	}
}

func TestBusyEndpointStays(t *testing.T) {
	o := newOffice(t, routeTo("/a", "pull", ""), routeTo("/b", "pull", ""))
	o.change("a/e", "/a")
	o.wait("/a", queue.PullTarget)
	if got := o.change("a/e", "/b"); got != "management_route_backlog_active" {
		t.Errorf("moved with a message queued: %s", got)
	}
	leased, err := o.store.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 1, TTL: 1 << 40})
	if err != nil || len(leased) != 1 {
		t.Fatal(leased, err)
	}
	if got := o.change("a/e", ""); got != "management_route_backlog_active" {
		t.Errorf("deleted with a message leased: %s", got)
	}
	if _, err := o.store.Settle(t.Context(), queue.SettleRequest{LeaseIDs: []string{leased[0].LeaseID}, Action: queue.Bury}); err != nil {
		t.Fatal(err)
	}
	o.wait("/b", queue.PullTarget) // where it goes, there may be some
	if got := o.change("a/e", "/b"); got != "updated" {
		t.Errorf("with a dead letter alone: %s", got)
	}
}

func TestClosedRouteTakesNoEndpoint(t *testing.T) {
	closed, unmanaged, direct := routeTo("/a", "pull", ""), routeTo("/b", "pull", ""), routeTo("/c", "pull", "")
	closed.Publish.Enabled, unmanaged.Publish.Managed, direct.Publish.Direct = false, false, false
	o := newOffice(t, closed, unmanaged, direct)
	for route, want := range map[string]string{
		"/a": "management_route_publish_disabled", "/b": "management_route_publish_disabled", "/c": "created",
	} {
		if got := o.change("a/e", route); got != want {
			t.Errorf("%s: %s, want %s", route, got, want)
		}
	}
}

// The Hookaidofile wins: a mapping that it speaks against has no effect and
// comes back when it does no longer.
func TestHookaidofileWins(t *testing.T) {
	o := newOffice(t, routeTo("/a", "pull", ""), routeTo("/b", "pull", ""))
	o.change("shop/paid", "/a")
	for _, test := range []struct {
		name   string
		routes []config.Route
		want   string
		reason string
	}{
		{"the endpoint is elsewhere", []config.Route{routeTo("/a", "pull", ""), routeTo("/b", "pull", "shop/paid")},
			"shop/paid=/b hookaidofile", "the Hookaidofile gives this endpoint to the route /b"},
		{"the route is another's", []config.Route{routeTo("/a", "pull", "crm/lead"), routeTo("/b", "pull", "")},
			"crm/lead=/a hookaidofile", "the Hookaidofile gives the route /a to the endpoint lead of crm"},
		{"the route is gone", []config.Route{routeTo("/b", "pull", "")}, "", "the Hookaidofile has no route /a"},
		{"both say the same", []config.Route{routeTo("/a", "pull", "shop/paid")}, "shop/paid=/a hookaidofile", ""},
		{"nothing speaks against it", []config.Route{routeTo("/a", "pull", ""), routeTo("/b", "pull", "")}, "shop/paid=/a database", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o.reload(test.routes...)
			if got := strings.Join(o.endpoints(), ", "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			reason := ""
			for _, y := range o.service.Yielded() {
				reason += y.Reason
			}
			if reason != test.reason {
				t.Errorf("yielded for %q, want %q", reason, test.reason)
			}
			if o.cfg.Routes[0].Application != test.routes[0].Application {
				t.Error("the compiled configuration was changed")
			}
		})
	}
}

func TestYieldedEndpointIsForgotten(t *testing.T) {
	o := newOffice(t, routeTo("/a", "pull", ""))
	o.change("shop/paid", "/a")
	o.wait("/a", queue.PullTarget)
	o.reload(routeTo("/b", "pull", ""))
	if got := o.change("shop/paid", ""); got != "deleted" {
		t.Errorf("got %s", got)
	}
	o.reload(routeTo("/a", "pull", ""))
	o.want()
}

func TestEndpointStoreFails(t *testing.T) {
	cause := &queue.UnavailableError{Cause: errors.New("disk I/O error")}
	for name, spoil := range map[string]func(*registry){
		"set": func(r *registry) { r.set = cause }, "drop": func(r *registry) { r.drop = cause },
		"list": func(r *registry) { r.list = cause }, "stats": func(r *registry) { r.stats = cause },
	} {
		o := newOffice(t, routeTo("/a", "pull", ""), routeTo("/b", "pull", ""))
		o.change("a/e", "/a")
		spoil(o.store)
		route := "/b"
		if name == "drop" {
			route = ""
		}
		if got := o.change("a/e", route); got != "management_unavailable" {
			t.Errorf("%s fails: %s", name, got)
		}
		last := o.logs.All()[o.logs.Len()-1]
		if last.Message != "admin_management_refused" || !strings.Contains(last.ContextMap()["error"].(string), "disk I/O error") {
			t.Errorf("%s fails: the log says %s %v", name, last.Message, last.ContextMap())
		}
	}
	o := newOffice(t)
	o.store.list = cause
	if err := o.Load(t.Context()); !errors.Is(err, cause) {
		t.Errorf("Load = %v", err)
	}
}

// What can't be read is no fault of the store.
func TestUnreadableBodyInTheLog(t *testing.T) {
	o := newOffice(t, routeTo("/a", "pull", ""))
	cause := errors.New("no JSON")
	_, err := o.Change(t.Context(), EndpointChange{Scope: Scope{Application: "a", EndpointName: "e"}, Route: func() (string, error) { return "", cause }})
	line := o.logs.FilterMessage("admin_management_refused").All()
	if !errors.Is(err, cause) || len(line) != 1 || line[0].ContextMap()["code"] != "invalid_body" {
		t.Errorf("%v, and the log has %v", err, line)
	}
}

func TestEndpointAudit(t *testing.T) {
	o := newOffice(t, routeTo("/a", "pull", ""))
	o.cfg.Defaults.PublishPolicy.RequireRequestID = true
	o.cfg.Defaults.PublishPolicy.ActorPrefix = []string{"ops-"}
	tests := []struct {
		audit Audit
		want  string
	}{
		{Audit{}, "audit_reason_required"},
		{Audit{Reason: "r", Actor: "ops-ada"}, "audit_request_id_required"},
		{Audit{Reason: "r", RequestID: "1"}, "audit_actor_required"},
		{Audit{Reason: "r", RequestID: "1", Actor: "eve"}, "audit_actor_not_allowed"},
		{Audit{Reason: "r", RequestID: "1", Actor: "ops-ada"}, ""},
	}
	for _, test := range tests {
		for _, route := range []func() (string, error){nil, func() (string, error) { return "/a", nil }} {
			_, err := o.Change(t.Context(), EndpointChange{Audit: test.audit, Scope: Scope{Application: "a", EndpointName: "e"}, Route: route})
			var refused *Refusal
			switch {
			case errors.As(err, &refused) && route == nil && test.want == "" && refused.Code == "management_endpoint_not_found":
			case errors.As(err, &refused) && refused.Code == test.want, err == nil && test.want == "":
			default:
				t.Errorf("%+v: %v, want %s", test.audit, err, test.want)
			}
		}
	}
	done := o.logs.FilterMessage("admin_management_mutation").All()
	want := map[string]any{
		"operation": "upsert_endpoint", "application": "a", "endpoint_name": "e", "route": "/a", "changed": int64(1),
		"reason": "r", "actor": "ops-ada", "request_id": "1", "uid": uint32(0), "pid": int32(0),
	}
	if len(done) != 1 || cmp.Diff(want, done[0].ContextMap()) != "" {
		t.Errorf("the log has %v", done)
	}
}

func TestModel(t *testing.T) {
	o := newOffice(t, routeTo("/z", "pull", "shop/a"), routeTo("/y", "http://x?k=1 http://y", "crm/b"), routeTo("/x", "pull", "crm/a"), routeTo("/w", "pull", ""))
	all := EndpointPolicy{true, true, true}
	crm := []ModelEndpoint{
		{"a", "/x", "pull", []string{"pull"}, all, FromHookaidofile},
		{"b", "/y", "deliver", []string{"http://x?k=1", "http://y"}, all, FromHookaidofile},
	}
	shop := []ModelEndpoint{{"a", "/z", "pull", []string{"pull"}, all, FromHookaidofile}}
	want := Model{RouteCount: 4, ApplicationCount: 2, EndpointCount: 3, Applications: []ModelApplication{{"crm", 2, crm}, {"shop", 1, shop}}}
	if diff := cmp.Diff(want, o.Model()); diff != "" {
		t.Errorf("model (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Applications{2, 3, []ApplicationCount{{"crm", 2}, {"shop", 1}}}, o.Applications()); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
	if list, err := o.List("crm"); err != nil || cmp.Diff(ApplicationEndpoints{"crm", 2, crm}, list) != "" {
		t.Errorf("endpoints of crm: %+v, %v", list, err)
	}
	var refused *Refusal
	for application, code := range map[string]string{"none": "not_found", "": "invalid_body", "a b": "invalid_body"} {
		if _, err := o.List(application); !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("endpoints of %q: %v", application, err)
		}
	}
	for scope, code := range map[Scope]string{
		{Application: "crm", EndpointName: "c"}: "management_endpoint_not_found", {Application: "crm"}: "invalid_body",
	} {
		if _, err := o.Get(scope); !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("endpoint %+v: %v", scope, err)
		}
	}
	empty := newOffice(t, routeTo("/w", "pull", ""))
	if diff := cmp.Diff(Model{RouteCount: 1, Applications: []ModelApplication{}}, empty.Model()); diff != "" {
		t.Errorf("empty model (-want +got):\n%s", diff)
	}
}
