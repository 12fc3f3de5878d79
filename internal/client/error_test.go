package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookaido/internal/secret"
)

func TestErrorsHaveAClass(t *testing.T) {
	answer := func(status int, body string) Options {
		return Options{Socket: daemon(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})}
	}
	for name, test := range map[string]struct {
		options Options
		class   Class
		code    string
	}{
		"no socket":        {Options{Socket: filepath.Join(t.TempDir(), "none")}, Unreachable, ""},
		"nobody there":     {Options{URL: "http://127.0.0.1:1"}, Unreachable, ""},
		"not hookaido":     {answer(500, "<html>"), Refused, ""},
		"another token":    {answer(401, `{"code":"unauthorized","detail":"d"}`), Denied, "unauthorized"},
		"a policy":         {answer(403, `{"code":"global_publish_disabled","detail":"d"}`), Denied, "global_publish_disabled"},
		"nothing there":    {answer(404, `{"code":"message_not_found","detail":"d"}`), Refused, "message_not_found"},
		"store is failing": {answer(503, `{"code":"store_unavailable","detail":"d"}`), Refused, "store_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connect(t, test.options).Message(t.Context(), "x")
			var e *Error
			if !errors.As(err, &e) || e.Class != test.class || e.Code != test.code {
				t.Errorf("%v is %+v, want class %d and code %q", err, e, test.class, test.code)
			}
		})
	}
}

func TestMessageIsAskedForByItsID(t *testing.T) {
	c := connect(t, Options{Socket: daemon(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("id"); got != "a/b&c" || r.URL.Path != "/message" {
			t.Errorf("asked %s", r.RequestURI)
		}
		fmt.Fprint(w, `{"id":"a/b&c","method":"PUT","payload_b64":"aGk="}`)
	})})
	m, err := c.Message(t.Context(), "a/b&c")
	if err != nil || m.ID != "a/b&c" || m.Method != "PUT" || string(m.Payload) != "hi" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWorker(t *testing.T) {
	var calls []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		calls = append(calls, fmt.Sprintf("%s %s %s %s", r.Method, r.URL.Path, r.Header.Get("Authorization"), body))
		switch {
		case strings.HasSuffix(r.URL.Path, "/dequeue"):
			fmt.Fprint(w, `{"items":[{"id":"e","lease_id":"l","attempt":2,"payload_b64":"aGk=","headers":{"K":"v"}}]}`)
		case strings.HasSuffix(r.URL.Path, "/extend"):
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"code":"lease_conflict","detail":"d"}`)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer server.Close()
	w := &Worker{HTTP: server.Client(), URL: server.URL + "/pull/a", Token: secret.New([]byte("tok"))}
	list, err := w.Dequeue(t.Context(), Want{Batch: 3, Lease: time.Minute, Wait: time.Second})
	if err != nil || len(list) != 1 || list[0].LeaseID != "l" || string(list[0].Payload) != "hi" || list[0].Headers["K"] != "v" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := errors.Join(w.Ack(t.Context(), "l"), w.Nack(t.Context(), "l", 5*time.Second)); err != nil {
		t.Error(err)
	}
	if err := w.Extend(t.Context(), "l", time.Minute); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("Extend = %v", err)
	}
	want := []string{
		`POST /pull/a/dequeue Bearer tok {"batch":3,"lease_ttl":"1m0s","max_wait":"1s"}`,
		`POST /pull/a/ack Bearer tok {"lease_id":"l"}`,
		`POST /pull/a/nack Bearer tok {"delay":"5s","lease_id":"l"}`,
		`POST /pull/a/extend Bearer tok {"extend_by":"1m0s","lease_id":"l"}`,
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Error(diff)
	}
	server.Close()
	var e *Error
	if err := w.Ack(t.Context(), "l"); !errors.As(err, &e) || e.Class != Unreachable {
		t.Errorf("nobody there: %v", err)
	}
}

func TestWorkerShowsNoPassword(t *testing.T) {
	w := &Worker{HTTP: http.DefaultClient, URL: "http://ann:s3cret@127.0.0.1:1/pull/a", Token: secret.New([]byte("tok"))}
	if err := w.Ack(t.Context(), "lease"); err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "ann:") {
		t.Errorf("Ack: %v", err)
	}
}
