package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

const endpointRoutes = `/a { pull { path /a } }
/b { pull { path /b } }
/closed { publish { managed off } pull { path /closed } }
/push { deliver http://127.0.0.1:1/x { } }
/l { application shop endpoint_name orders pull { path /l } }
`

const paid = "/applications/shop/endpoints/paid"

// toRoute is the body that gives an endpoint a route.
func toRoute(path string) string { return `{"route":"` + path + `"}` }

// mapTo gives the endpoint at path a route.
func (d *daemon) mapTo(path, route string) {
	d.t.Helper()
	if a := d.operate("PUT", path, toRoute(route), because("setup")...); a.status != http.StatusOK {
		d.t.Fatalf("PUT %s: %d %s", path, a.status, a.body)
	}
}

func TestManagementModel(t *testing.T) {
	d := newManaged(t, here+endpointRoutes).start()
	d.mapTo(paid, "/b")
	d.mapTo("/applications/crm/endpoints/lead", "/push")
	const policy = `"publish_policy":{"enabled":true,"direct_enabled":true,"managed_enabled":true}`
	const lead = `"route":"/push","mode":"deliver","targets":["http://127.0.0.1:1/x"],"source":"database",` + policy
	const orders = `"route":"/l","mode":"pull","targets":["pull"],"source":"hookaidofile",` + policy
	const paidAt = `"route":"/b","mode":"pull","targets":["pull"],"source":"database",` + policy
	for path, want := range map[string]string{
		"/management/model": `{"route_count":5,"application_count":2,"endpoint_count":3,"applications":[
			{"name":"crm","endpoint_count":1,"endpoints":[{"name":"lead",` + lead + `}]},
			{"name":"shop","endpoint_count":2,"endpoints":[{"name":"orders",` + orders + `},{"name":"paid",` + paidAt + `}]}]}`,
		"/applications":                         `{"application_count":2,"endpoint_count":3,"items":[{"name":"crm","endpoint_count":1},{"name":"shop","endpoint_count":2}]}`,
		"/applications/":                        `{"application_count":2,"endpoint_count":3,"items":[{"name":"crm","endpoint_count":1},{"name":"shop","endpoint_count":2}]}`,
		"/applications/crm/endpoints":           `{"application":"crm","endpoint_count":1,"items":[{"name":"lead",` + lead + `}]}`,
		"/applications/shop/endpoints/orders":   `{"application":"shop","endpoint_name":"orders",` + orders + `}`,
		"/applications/shop/endpoints/%70aid":   `{"application":"shop","endpoint_name":"paid",` + paidAt + `}`,
		"/applications/shop/endpoints/%2570aid": `{"application":"shop","endpoint_name":"paid",` + paidAt + `}`,
	} {
		t.Run(path, func(t *testing.T) {
			d.operate("GET", path, "").same(t, http.StatusOK, want)
			d.operateLocally("GET", path, "").same(t, http.StatusOK, want)
			if got := d.ask(http.DefaultClient, "GET", "http://"+d.admin+path, "").outcome(); got != "401 unauthorized" {
				t.Errorf("without a token: %s", got)
			}
		})
	}
}

func TestEndpointRefusals(t *testing.T) {
	d := newManaged(t, here+endpointRoutes).start()
	d.mapTo(paid, "/a")
	d.publish("/messages/publish", "/b", "waits")
	d.mapTo("/applications/shop/endpoints/busy", "/b")
	const fresh = "/applications/shop/endpoints/fresh"
	why, text := because("a test"), []string{"X-Hookaido-Audit-Reason", "r", "Content-Type", "text/plain"}
	tests := []struct {
		name, method, path, body string
		headers                  []string
		want                     string
	}{
		{"not JSON", "PUT", fresh, "route", why, "400 invalid_body"},
		{"no body", "PUT", fresh, "", why, "400 invalid_body"},
		{"no route", "PUT", fresh, "{}", why, "400 invalid_body"},
		{"relative route", "PUT", fresh, toRoute("a"), why, "400 invalid_body"},
		{"badinput 86: member twice", "PUT", fresh, `{"route":"/a","route":"/b"}`, why, "400 invalid_body"},
		{"badinput 87: unknown member", "PUT", fresh, `{"route":"/a","force":true}`, why, "400 invalid_body"},
		{"the body comes before the audit", "PUT", fresh, "{}", []string{"Content-Type", "application/json"}, "400 invalid_body"},
		{"no reason", "PUT", fresh, toRoute("/closed"), []string{"Content-Type", "application/json"}, "400 audit_reason_required"},
		{"no reason to delete", "DELETE", paid, "", nil, "400 audit_reason_required"},
		{"no reason for nothing", "PUT", paid, toRoute("/a"), []string{"Content-Type", "application/json"}, "400 audit_reason_required"},
		{"badinput 96: text", "PUT", fresh, toRoute("/a"), text, "415 unsupported_media_type"},
		{"badinput 95: cross-site", "DELETE", paid, "", append(why, "Sec-Fetch-Site", "cross-site"), "403 forbidden"},
		{"unknown route", "PUT", fresh, toRoute("/none"), why, "404 management_route_not_found"},
		{"unknown endpoint", "DELETE", fresh, "", why, "404 management_endpoint_not_found"},
		{"no such endpoint", "GET", fresh, "", nil, "404 management_endpoint_not_found"},
		{"no such application", "GET", "/applications/none/endpoints", "", nil, "404 not_found"},
		{"one application", "GET", "/applications/shop", "", nil, "404 not_found"},
		{"something else", "GET", "/applications/shop/routes", "", nil, "404 not_found"},
		{"bad label", "PUT", "/applications/sh%20op/endpoints/fresh", toRoute("/a"), why, "400 invalid_body"},
		{"bad label to get", "GET", "/applications/shop/endpoints/-x", "", nil, "400 invalid_body"},
		{"bad application", "GET", "/applications/sh%20op/endpoints", "", nil, "400 invalid_body"},
		{"mapped by the database", "PUT", fresh, toRoute("/a"), why, "409 management_route_already_mapped"},
		{"mapped by the Hookaidofile", "PUT", fresh, toRoute("/l"), why, "409 management_route_already_mapped"},
		{"move out of the Hookaidofile", "PUT", "/applications/shop/endpoints/orders", toRoute("/closed"), why, "409 management_conflict"},
		{"delete from the Hookaidofile", "DELETE", "/applications/shop/endpoints/orders", "", why, "409 management_conflict"},
		{"closed to endpoints", "PUT", fresh, toRoute("/closed"), why, "409 management_route_publish_disabled"},
		{"other targets", "PUT", paid, toRoute("/push"), why, "409 management_route_target_mismatch"},
		{"messages wait", "DELETE", "/applications/shop/endpoints/busy", "", why, "409 management_route_backlog_active"},
		{"POST", "POST", paid, toRoute("/b"), why, "405 method_not_allowed"},
		{"HEAD", "HEAD", paid, "", nil, "405"},
		{"PUT of a list", "PUT", "/applications/shop/endpoints", toRoute("/b"), why, "405 method_not_allowed"},
		{"DELETE of the model", "DELETE", "/management/model", "", why, "405 method_not_allowed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := d.operate(test.method, test.path, test.body, test.headers...)
			if got := a.outcome(); got != test.want {
				t.Errorf("got %s, want %s: %s", got, test.want, a.body)
			}
			if a.status == http.StatusMethodNotAllowed && test.path == paid && a.header.Get("Allow") != "DELETE, GET, PUT" {
				t.Errorf("Allow: %s", a.header.Get("Allow"))
			}
		})
	}
	line := d.logLine("admin_management_refused", "management_route_not_found")
	if line["operation"] != "upsert_endpoint" || line["route"] != "/none" || line["endpoint_name"] != "fresh" || line["reason"] != "a test" {
		t.Errorf("the log says %v", line)
	}
	if got := d.mappings(); got != "orders=/l paid=/a busy=/b" && got != "busy=/b orders=/l paid=/a" {
		t.Errorf("after refusals alone: %s", got)
	}
}

// mappings lists the endpoints of the shop with their routes.
func (d *daemon) mappings() string {
	d.t.Helper()
	var list struct {
		Items []struct{ Name, Route string }
	}
	must(d.t, json.Unmarshal(d.operate("GET", "/applications/shop/endpoints", "").body, &list))
	var texts []string
	for _, e := range list.Items {
		texts = append(texts, e.Name+"="+e.Route)
	}
	return strings.Join(texts, " ")
}

// TestEndpointLife is badinput 102 too: the Hookaidofile, which editors and
// configuration management write, is nobody else's.
func TestEndpointLife(t *testing.T) {
	d := newManaged(t, here+endpointRoutes).start()
	written, err := os.ReadFile(d.path("Hookaidofile"))
	must(t, err)
	ada := because("r", "X-Hookaido-Audit-Actor", "ada", "X-Request-ID", "1")
	answer := func(applied bool, action, route string) string {
		return fmt.Sprintf(`{"applied":%v,"action":%q,"endpoint":{"application":"shop","endpoint_name":"paid","route":%[3]q,"mode":"pull","targets":["pull"],
			"publish_policy":{"enabled":true,"direct_enabled":true,"managed_enabled":true},"source":"database"},
			"scope":{"application":"shop","endpoint_name":"paid","route":%[3]q},"audit":{"reason":"r","actor":"ada","request_id":"1"}}`, applied, action, route)
	}
	d.operate("PUT", paid, toRoute("/a"), ada...).same(t, http.StatusOK, answer(true, "created", "/a"))
	d.operate("PUT", paid, toRoute("/a"), ada...).same(t, http.StatusOK, answer(false, "noop", "/a"))
	d.operate("PUT", paid, toRoute("/b"), ada...).same(t, http.StatusOK, answer(true, "updated", "/b"))

	d.publish(paid+"/messages/publish", "", "m")
	if got := d.ids(paid + "/messages"); got != "m:queued" {
		t.Errorf("messages of the endpoint: %s", got)
	}
	if got := d.ids("/messages?application=shop&endpoint_name=paid"); got != "m:queued" {
		t.Errorf("messages by labels: %s", got)
	}
	for body, want := range map[string]string{
		items(`{"id":"x","route":"/b"}`): "400 managed_selector_required 0", items(`{"id":"y","route":"/a"}`): "200",
	} {
		if got := d.operate("POST", "/messages/publish", body, ada...).outcome(); got != want {
			t.Errorf("publish %s: %s, want %s", body, got, want)
		}
	}
	if got := d.operate("POST", "/messages/cancel_by_filter", `{"route":"/b"}`, ada...).outcome(); got != "400 managed_selector_required" {
		t.Errorf("cancel by the route: %s", got)
	}

	d.stop()
	d.start() // the mapping is still there
	d.operate("POST", paid+"/messages/cancel_by_filter", `{}`, ada...).same(t, http.StatusOK, `{"matched":1,"canceled":1,"preview_only":false,
		"scope":{"application":"shop","endpoint_name":"paid","route":"/b"},"audit":{"reason":"r","actor":"ada","request_id":"1"}}`)
	d.operate("DELETE", paid, "", ada...).same(t, http.StatusOK, `{"applied":true,"action":"deleted","endpoint":{"application":"shop","endpoint_name":"paid",
		"route":"/b","mode":"","targets":null,"publish_policy":{"enabled":true,"direct_enabled":true,"managed_enabled":true}},
		"scope":{"application":"shop","endpoint_name":"paid","route":"/b"},"audit":{"reason":"r","actor":"ada","request_id":"1"}}`)
	if got := d.operate("GET", paid+"/messages", "").outcome(); got != "404 managed_endpoint_not_found" {
		t.Errorf("messages of the deleted endpoint: %s", got)
	}
	line := d.logLine("admin_management_mutation", "delete_endpoint")
	if line["application"] != "shop" || line["route"] != "/b" || line["actor"] != "ada" || line["changed"] != 1.0 {
		t.Errorf("the log says %v", line)
	}
	if now, err := os.ReadFile(d.path("Hookaidofile")); err != nil || string(now) != string(written) {
		t.Errorf("the Hookaidofile was changed: %v\n%s", err, now)
	}
}

func TestHookaidofileWinsOverMappings(t *testing.T) {
	d := newManaged(t, here+endpointRoutes).start()
	d.mapTo(paid, "/a")
	d.manage(here + strings.Replace(endpointRoutes, "/b {", "/b { application shop endpoint_name paid", 1))
	d.reload()
	if got := d.mappings(); got != "orders=/l paid=/b" {
		t.Errorf("after the reload: %s", got)
	}
	line := d.logLine("mapping_without_effect")
	if line["route"] != "/a" || line["reason"] != "the Hookaidofile gives this endpoint to the route /b" {
		t.Errorf("the log says %v", line)
	}
	if got := d.operate("PUT", paid, toRoute("/a"), because("r")...).outcome(); got != "409 management_conflict" {
		t.Errorf("PUT against the Hookaidofile: %s", got)
	}
	d.manage(here + endpointRoutes)
	d.reload()
	if got := d.mappings(); got != "orders=/l paid=/a" {
		t.Errorf("when the Hookaidofile is silent again: %s", got)
	}
}
