package adminapi

import (
	"net/http"
	"strings"
	"testing"

	"hookaido/internal/admin"
)

// FuzzFind holds the search for a path to what ServeHTTP relies on: what is
// found can be served to the method, or names the methods that there are.
func FuzzFind(f *testing.F) {
	for _, path := range []string{
		"/", "/status", "/applications", "/applications/a", "/applications/a/endpoints", "/applications/a/endpoints/b",
		"/applications/a/endpoints/b/messages", "/applications/a/endpoints/b/messages/publish", "/applications/a/endpoints/b/c",
		"/secrets", "/secrets/a", "/secrets/a/b", "/secrets/a/b/c", "/secrets/%2f/%", "/applications/%zz/endpoints/%61",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead, "", "DELETE, GET"} {
			f.Add(method, path)
		}
	}
	h := New(Options{Endpoints: &admin.Endpoints{}, Secrets: &admin.Secrets{}})
	f.Fuzz(func(t *testing.T, method, path string) {
		found, known := h.find(method, path)
		switch {
		case !known:
		case found.method == method && found.serve == nil && !strings.Contains(method, ","):
			t.Errorf("%s %s is found, and nothing serves it", method, path)
		case found.method == "":
			t.Errorf("%s %s is found without a method", method, path)
		}
	})
}
