package admin

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/queue/memory"
	"hookaido/internal/secret"
)

// safe is a store of sealed secrets whose operations fail if an error is set.
type safe struct {
	*memory.Store
	put, drop, list error
}

func (s *safe) PutSealed(ctx context.Context, v queue.SealedSecret) error {
	if s.put != nil {
		return s.put
	}
	return s.Store.PutSealed(ctx, v)
}

func (s *safe) DropSealed(ctx context.Context, pool, id string) error {
	if s.drop != nil {
		return s.drop
	}
	return s.Store.DropSealed(ctx, pool, id)
}

func (s *safe) SealedSecrets(ctx context.Context) ([]queue.SealedSecret, error) {
	if s.list != nil {
		return nil, s.list
	}
	return s.Store.SealedSecrets(ctx)
}

// vault is the service of secrets of a daemon.
type vault struct {
	*Secrets
	t        *testing.T
	clock    *clock.Manual
	store    *safe
	logs     *observer.ObservedLogs
	registry *prometheus.Registry
	key      string
	unfit    error // of Prepare
	inUse    Pools // what was put in use last
}

func sealingKey(fill byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))
}

func newVault(t *testing.T, secrets ...config.Secret) *vault {
	t.Helper()
	clk := clock.NewManual(start)
	v := &vault{t: t, clock: clk, store: &safe{Store: memory.Open(memory.Options{Clock: clk})}, key: sealingKey(1)}
	t.Cleanup(func() { _ = v.store.Close() })
	v.restart()
	if err := v.reload(secrets...); err != nil {
		t.Fatal(err)
	}
	return v
}

// restart makes the service anew, as a process that begins.
func (v *vault) restart() {
	v.t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	v.logs, v.registry = logs, prometheus.NewRegistry()
	var err error
	v.Secrets, err = NewSecrets(SecretsOptions{
		Store: v.store, Clock: v.clock, Lock: &sync.Mutex{}, Logger: zap.New(core), Registerer: v.registry,
		Key: func() (secret.Value, error) {
			if v.key == "" {
				return secret.Value{}, errors.New("there is no key")
			}
			return secret.New([]byte(v.key)), nil
		},
		Prepare: func(p Pools) (func(), error) { return func() { v.inUse = p }, v.unfit },
	})
	if err != nil {
		v.t.Fatal(err)
	}
}

// reload puts a configuration with these secrets in force, as app does.
func (v *vault) reload(secrets ...config.Secret) error {
	v.t.Helper()
	cfg := &config.Config{Secrets: secrets}
	cfg.Defaults.PublishPolicy.ActorAllow = []string{"ada"}
	p, err := v.Load(v.t.Context(), cfg)
	if err != nil {
		return err
	}
	p.Seed(v.clock.Now(), func(ref config.SecretRef) secret.Value { return secret.New([]byte("value of " + ref.Name)) })
	if err := v.Keep(v.t.Context(), p); err != nil {
		return err
	}
	v.Use(p)
	v.inUse = p.Pools()
	return nil
}

func runtimePool(id string, most int) config.Secret {
	return config.Secret{ID: id, Runtime: true, MaxVersions: most, Pos: config.Pos{File: "f", Line: 3, Column: 1}}
}

func seeded(id, from string, until time.Time) config.Secret {
	s := runtimePool(id, 3)
	s.Value, s.ValidFrom, s.ValidUntil = config.SecretRef{Ref: secret.Ref{Scheme: secret.Env, Name: from}}, start, until
	return s
}

// put adds a version and returns its id or the code of the refusal.
func (v *vault) put(pool, value, from, until string) string {
	v.t.Helper()
	added, err := v.Add(v.t.Context(), SecretAddition{Audit: Audit{Reason: "r", Actor: "ada"}, Pool: pool,
		Decode: func() (SecretBody, error) {
			return SecretBody{Value: secret.New([]byte(value)), NotBefore: from, NotAfter: until}, nil
		}})
	if err != nil {
		return v.code(err)
	}
	return added.ID
}

func (v *vault) remove(pool, id string) string {
	v.t.Helper()
	if err := v.Delete(v.t.Context(), SecretDeletion{Audit: Audit{Reason: "r", Actor: "ada"}, Pool: pool, ID: id}); err != nil {
		return v.code(err)
	}
	return "deleted"
}

func (v *vault) code(err error) string {
	v.t.Helper()
	var refused *Refusal
	if !errors.As(err, &refused) {
		v.t.Fatalf("not a refusal: %v", err)
	}
	return refused.Code
}

// want compares the values in use, and what the list shows, with the wanted.
func (v *vault) want(pool string, values ...string) {
	v.t.Helper()
	var got []string
	for _, version := range secret.NewPool(v.inUse[pool]...).All() {
		got = append(got, string(version.Value.Reveal()))
	}
	if diff := cmp.Diff(values, got); diff != "" {
		v.t.Errorf("in use (-want +got):\n%s", diff)
	}
	list, err := v.List(pool)
	if err != nil || len(list.Versions) != len(values) || list.Name != pool {
		v.t.Errorf("listed: %+v, %v; want %d", list, err, len(values))
	}
}

// prunedOf is the metric of a pool.
func (v *vault) prunedOf(pool string) float64 {
	v.t.Helper()
	families, err := v.registry.Gather()
	if err != nil {
		v.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "hookaido_runtime_secret_gc_pruned_total" && m.GetLabel()[0].GetValue() == pool {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestSecretLife(t *testing.T) {
	v := newVault(t, runtimePool("p", 3), config.Secret{ID: "static"})
	v.want("p")
	first := v.put("p", "one", "", "")
	v.clock.Advance(time.Minute)
	second := v.put("p", "two", "", "2026-01-05T10:00:00+01:00")
	v.want("p", "two", "one")
	list, err := v.List("p")
	want := SecretVersions{"p", []SecretVersion{
		{second, start.Add(time.Minute), start.Add(time.Hour)}, {first, start, time.Time{}},
	}}
	if diff := cmp.Diff(want, list); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}

	v.restart()
	if err := v.reload(runtimePool("p", 3)); err != nil {
		t.Fatal(err)
	}
	v.want("p", "two", "one")
	if got := v.remove("p", second); got != "deleted" {
		t.Errorf("delete: %s", got)
	}
	v.want("p", "one")
	if got := v.remove("p", second); got != "secret_id_not_found" {
		t.Errorf("delete again: %s", got)
	}
	v.restart()
	if err := v.reload(runtimePool("p", 3)); err != nil {
		t.Fatal(err)
	}
	v.want("p", "one")
}

func TestSecretRefusals(t *testing.T) {
	v := newVault(t, runtimePool("p", 3), config.Secret{ID: "static"})
	for name, test := range map[string]struct{ pool, value, from, until, want string }{
		"unknown pool":        {"none", "x", "", "", "secret_pool_not_found"},
		"static pool":         {"static", "x", "", "", "secret_pool_not_found"},
		"no label":            {"a b", "x", "", "", "not_found"},
		"no value":            {"p", "", "", "", "secret_value_empty"},
		"blank value":         {"p", " \n", "", "", "secret_value_empty"},
		"bad not_before":      {"p", "x", "soon", "", "invalid_body"},
		"bad not_after":       {"p", "x", "", "2026-01-05", "invalid_body"},
		"badinput 97: 9999":   {"p", "x", "", "9999-12-31T00:00:00Z", "secret_invalid_window"},
		"before 1970":         {"p", "x", "1969-01-01T00:00:00Z", "", "secret_invalid_window"},
		"ends as it begins":   {"p", "x", "2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z", "secret_invalid_window"},
		"ends before":         {"p", "x", "2026-02-01T00:00:00Z", "2026-01-31T00:00:00Z", "secret_invalid_window"},
		"is over":             {"p", "x", "2026-01-01T00:00:00Z", "2026-01-05T08:00:00Z", "secret_invalid_window"},
		"ends before it is":   {"p", "x", "", "2026-01-05T07:00:00Z", "secret_invalid_window"},
		"value before window": {"p", "", "soon", "", "secret_value_empty"},
	} {
		if got := v.put(test.pool, test.value, test.from, test.until); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	for name, test := range map[string]struct{ pool, id, want string }{
		"unknown pool": {"none", "sec_1", "secret_pool_not_found"}, "static pool": {"static", "sec_1", "secret_pool_not_found"},
		"unknown id": {"p", "sec_1", "secret_id_not_found"}, "no label": {"p", "a b", "not_found"}, "no pool label": {"-", "x", "not_found"},
		"a seed that never was": {"p", "sec_bootstrap", "secret_id_not_found"},
	} {
		if got := v.remove(test.pool, test.id); got != test.want {
			t.Errorf("delete, %s: %s, want %s", name, got, test.want)
		}
	}
	for pool, want := range map[string]string{"none": "secret_pool_not_found", "a/b": "not_found"} {
		if _, err := v.List(pool); err == nil || v.code(err) != want {
			t.Errorf("list of %s: %v, want %s", pool, err, want)
		}
	}
	v.want("p")
}

func TestSecretAudit(t *testing.T) {
	v := newVault(t, runtimePool("p", 3))
	id := v.put("p", "s3cret-value", "", "")
	decode := func() (SecretBody, error) { return SecretBody{Value: secret.New([]byte("other-s3cret"))}, nil }
	for _, test := range []struct {
		audit Audit
		want  string
	}{{Audit{Actor: "ada"}, "audit_reason_required"}, {Audit{Reason: "r"}, "audit_actor_required"}, {Audit{Reason: "r", Actor: "eve"}, "audit_actor_not_allowed"}} {
		_, err := v.Add(t.Context(), SecretAddition{Audit: test.audit, Pool: "p", Decode: decode})
		if err == nil || v.code(err) != test.want {
			t.Errorf("add by %+v: %v", test.audit, err)
		}
		if err := v.Delete(t.Context(), SecretDeletion{Audit: test.audit, Pool: "p", ID: id}); err == nil || v.code(err) != test.want {
			t.Errorf("delete by %+v: %v", test.audit, err)
		}
	}
	v.remove("p", id)
	for _, operation := range []string{"add", "delete"} {
		lines := v.logs.FilterMessage("admin_secret_mutation").FilterField(zap.String("operation", operation)).All()
		if len(lines) != 1 {
			t.Fatalf("%s: %d lines", operation, len(lines))
		}
		fields := lines[0].ContextMap()
		if fields["pool"] != "p" || fields["secret_id"] != id || fields["actor"] != "ada" || fields["reason"] != "r" {
			t.Errorf("%s: %v", operation, fields)
		}
	}
	if n := v.logs.FilterMessage("admin_secret_refused").Len(); n != 6 {
		t.Errorf("%d refusals in the log, want 6", n)
	}
	for _, line := range v.logs.All() {
		if text := line.Message + fmt.Sprint(line.ContextMap()); strings.Contains(text, "s3cret") {
			t.Errorf("a secret is in the log: %s", text)
		}
	}
}

// A client that sends its body slowly holds nobody up, and does not add to a pool
// that a reload took away meanwhile.
func TestSlowBodyHoldsNoLock(t *testing.T) {
	v := newVault(t, runtimePool("p", 3))
	add := func(meanwhile func()) error {
		_, err := v.Add(t.Context(), SecretAddition{Audit: Audit{Reason: "r", Actor: "ada"}, Pool: "p", Decode: func() (SecretBody, error) {
			meanwhile()
			return SecretBody{Value: secret.New([]byte("slow"))}, nil
		}})
		return err
	}
	if err := add(func() { v.put("p", "fast", "", "") }); err != nil {
		t.Errorf("slow: %v", err)
	}
	if list, err := v.List("p"); err != nil || len(list.Versions) != 2 {
		t.Errorf("listed: %+v, %v", list, err)
	}
	err := add(func() {
		if err := v.reload(runtimePool("q", 3)); err != nil {
			t.Error(err)
		}
	})
	if err == nil || v.code(err) != "secret_pool_not_found" {
		t.Errorf("to a pool that is gone: %v", err)
	}
}

func TestFullPool(t *testing.T) {
	v := newVault(t, runtimePool("p", 2))
	v.put("p", "a", "", "2026-01-05T09:00:00Z")
	v.clock.Advance(time.Second)
	v.put("p", "b", "", "")
	if got := v.put("p", "c", "", ""); got != "secret_pool_full" {
		t.Errorf("third of two: %s", got)
	}
	v.want("p", "b", "a")
	v.clock.Advance(time.Hour)
	if got := v.put("p", "c", "", ""); !strings.HasPrefix(got, "sec_") || len(got) != len("sec_")+16 {
		t.Errorf("when one is over: %s", got)
	}
	v.want("p", "c", "b")
	if n := v.prunedOf("p"); n != 1 {
		t.Errorf("%v are counted as pruned", n)
	}
	// a bound that a reload lowers deletes nothing
	if err := v.reload(runtimePool("p", 1)); err != nil {
		t.Fatal(err)
	}
	v.want("p", "c", "b")
	if got := v.put("p", "d", "", ""); got != "secret_pool_full" {
		t.Errorf("above a lowered bound: %s", got)
	}
}

func TestSecretSeed(t *testing.T) {
	v := newVault(t, seeded("p", "ONE", time.Time{}))
	v.want("p", "value of ONE")
	if got := v.logs.FilterMessage("runtime_secret_seeded_from_config").Len(); got != 1 {
		t.Errorf("told %d times", got)
	}
	// another value in the Hookaidofile changes nothing, at a reload or a start
	for range 2 {
		if err := v.reload(seeded("p", "TWO", time.Time{})); err != nil {
			t.Fatal(err)
		}
		v.want("p", "value of ONE")
		v.restart()
	}
	if err := v.reload(seeded("p", "TWO", time.Time{})); err != nil {
		t.Fatal(err)
	}
	if got := v.remove("p", "sec_bootstrap"); got != "deleted" {
		t.Fatal(got)
	}
	v.want("p")
	// deleted is deleted: a secret that leaked must not come back
	v.restart()
	if err := v.reload(seeded("p", "TWO", time.Time{})); err != nil {
		t.Fatal(err)
	}
	v.want("p")
	if got := v.remove("p", "sec_bootstrap"); got != "secret_id_not_found" {
		t.Errorf("delete again: %s", got)
	}
	// a pool that a reload brings has its first version, unless that is over
	if err := v.reload(seeded("q", "THREE", start.Add(time.Hour)), seeded("r", "FOUR", start)); err != nil {
		t.Fatal(err)
	}
	v.want("q", "value of THREE")
	v.want("r")
}

func TestReloadThatFailsStoresNothing(t *testing.T) {
	v := newVault(t, runtimePool("p", 1))
	p, err := v.Load(t.Context(), &config.Config{Secrets: []config.Secret{seeded("q", "ONE", time.Time{})}})
	if err != nil {
		t.Fatal(err)
	}
	p.Seed(v.clock.Now(), func(config.SecretRef) secret.Value { return secret.New([]byte("x")) })
	if rows, err := v.store.SealedSecrets(t.Context()); err != nil || len(rows) > 0 {
		t.Errorf("stored before anything was in force: %v, %v", rows, err)
	}
	v.store.put = errors.New("disk I/O error")
	if err := v.Keep(t.Context(), p); !errors.Is(err, v.store.put) {
		t.Errorf("Keep = %v", err)
	}
}

func TestSealingKeyIsNeeded(t *testing.T) { // badinput 120
	v := newVault(t, runtimePool("p", 3), runtimePool("q", 3))
	v.put("p", "s3cret", "", "")
	v.put("q", "s3cret", "", "")
	for name, test := range map[string]struct{ key, want string }{
		"no key":      {"", `f:3:1: secret "p" has runtime on: there is no key`},
		"not a key":   {"s3cret-key", "HOOKAIDO_SECRET_ENCRYPTION_KEY must be base64 of 32 random bytes"},
		"another key": {sealingKey(2), `f:3:1: secret "p": the version sec_`},
	} {
		v.key = test.key
		err := v.reload(runtimePool("p", 3), runtimePool("q", 3))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "another key" && !errors.Is(err, secret.ErrOtherKey) {
			t.Errorf("%s: %v is not ErrOtherKey", name, err)
		}
		v.want("p", "s3cret") // the old ones are in force
	}
	if err := v.reload(config.Secret{ID: "static"}); err != nil {
		t.Errorf("without pools another key is none of our business: %v", err)
	}
	v.key = sealingKey(1)
	if err := v.reload(runtimePool("p", 3), runtimePool("q", 3)); err != nil {
		t.Fatal(err)
	}
	v.want("p", "s3cret")
	v.want("q", "s3cret")
	rows, err := v.store.SealedSecrets(t.Context())
	if err != nil || len(rows) != 2 || bytes.Contains(rows[0].Sealed, []byte("s3cret")) {
		t.Errorf("stored: %q, %v", rows, err)
	}
	// a row that was put under another pool's name doesn't open
	rows[0].Pool, rows[0].ID = "q", "sec_0"
	if err := v.store.PutSealed(t.Context(), rows[0]); err != nil {
		t.Fatal(err)
	}
	if err := v.reload(runtimePool("q", 3)); !errors.Is(err, secret.ErrDamaged) {
		t.Errorf("a moved row: %v", err)
	}
}

func TestSecretStoreFails(t *testing.T) {
	v := newVault(t, runtimePool("p", 2))
	id := v.put("p", "one", "", "2026-01-05T09:00:00Z")
	cause := &queue.UnavailableError{Cause: errors.New("disk I/O error")}
	v.store.put, v.store.drop = cause, cause
	if got := v.put("p", "two", "", ""); got != "secret_persist_failure" {
		t.Errorf("add: %s", got)
	}
	if got := v.remove("p", id); got != "secret_persist_failure" {
		t.Errorf("delete: %s", got)
	}
	v.want("p", "one")
	v.store.put = nil
	v.put("p", "two", "", "")
	v.clock.Advance(time.Hour)
	if got := v.put("p", "three", "", ""); got != "secret_persist_failure" {
		t.Errorf("make room: %s", got)
	}
	v.unfit = errors.New("route /x: it starts with nothing")
	v.store.drop = nil
	if got := v.put("p", "three", "", ""); got != "invalid_body" {
		t.Errorf("a value that does not fit: %s", got)
	}
	list, err := v.List("p")
	if err != nil || len(list.Versions) != 1 {
		t.Fatal(list, err)
	}
	if got := v.remove("p", list.Versions[0].ID); got != "secret_management_unavailable" {
		t.Errorf("delete that can't be prepared: %s", got)
	}
	v.store.list = cause
	if err := v.reload(runtimePool("p", 2)); !errors.Is(err, cause) {
		t.Errorf("load: %v", err)
	}
}
