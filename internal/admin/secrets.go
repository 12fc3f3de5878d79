package admin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

// SecretStore keeps versions of secrets, which are sealed.
type SecretStore interface {
	SealedSecrets(ctx context.Context) ([]queue.SealedSecret, error)
	PutSealed(ctx context.Context, v queue.SealedSecret) error
	DropSealed(ctx context.Context, pool, id string) error
}

// SecretsOptions are what a [Secrets] is made of.
type SecretsOptions struct {
	Store SecretStore
	Clock clock.Clock
	// Key returns the key that versions are sealed with. It is asked when a
	// configuration has pools.
	Key func() (secret.Value, error)
	// Lock is held while versions change. Whoever puts a configuration in force
	// holds it from Load to Use.
	Lock sync.Locker
	// Prepare builds what uses the versions of pools, and returns what puts it in
	// force. It fails if a version does not fit; the error is shown to the caller.
	Prepare func(Pools) (use func(), err error)
	// Logger gets a line for every change, and for every one that was refused.
	Logger *zap.Logger
	// Registerer takes the metrics.
	Registerer prometheus.Registerer
}

// Secrets lets operators add versions of secrets while the daemon runs. It is
// safe for concurrent use.
type Secrets struct {
	store   SecretStore
	clock   clock.Clock
	key     func() (secret.Value, error)
	lock    sync.Locker
	prepare func(Pools) (func(), error)
	log     *zap.Logger
	pruned  *prometheus.CounterVec
	loaded  atomic.Pointer[SecretPools]
}

// NewSecrets makes the service. Load, Keep and Use must follow.
func NewSecrets(o SecretsOptions) (*Secrets, error) {
	s := &Secrets{
		store: o.Store, clock: o.Clock, key: o.Key, lock: o.Lock, prepare: o.Prepare, log: o.Logger,
		pruned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookaido_runtime_secret_gc_pruned_total",
			Help: "Versions of secrets that were removed because their time was over, by pool.",
		}, []string{"pool"}),
	}
	return s, o.Registerer.Register(s.pruned)
}

// SecretAddition asks for a version to be added to a pool.
type SecretAddition struct {
	Audit Audit
	Pool  string
	// Decode decodes the rest. It is called once.
	Decode func() (SecretBody, error)
}

// SecretBody is the body of an addition. The times are RFC 3339: NotBefore is
// now if it is empty, NotAfter never.
type SecretBody struct {
	Value               secret.Value
	NotBefore, NotAfter string
}

// SecretVersion is one version of a secret, without the secret. A NotAfter of
// the year 1 is no end.
type SecretVersion struct {
	ID        string    `json:"id"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// SecretAdded is the answer to an addition.
type SecretAdded struct {
	SecretVersion
	CreatedAt time.Time `json:"created_at"`
}

// SecretVersions lists the versions of a pool, those that begin last first.
type SecretVersions struct {
	Name     string          `json:"name"`
	Versions []SecretVersion `json:"versions"`
}

// find returns the secret of the Hookaidofile that a pool belongs to.
func (p *SecretPools) find(pool string) (*config.Secret, *Refusal) {
	of := runtimeSecret(p.config, pool)
	switch {
	case of != nil:
		return of, nil
	case !isLabel(pool):
		return nil, refuse("not_found", "there is nothing at this path")
	}
	return nil, refuse("secret_pool_not_found", "the Hookaidofile has no secret %s with runtime on", pool)
}

// List returns the versions of a pool, without the deleted ones. An error is a
// [*Refusal].
func (s *Secrets) List(pool string) (SecretVersions, error) {
	p := s.loaded.Load()
	if _, refusal := p.find(pool); refusal != nil {
		return SecretVersions{}, refusal
	}
	list := SecretVersions{Name: pool, Versions: []SecretVersion{}}
	for _, v := range secret.NewPool(p.Pools()[pool]...).All() {
		list.Versions = append(list.Versions, shownVersion(&v))
	}
	return list, nil
}

func shownVersion(v *secret.Version) SecretVersion {
	return SecretVersion{ID: v.ID, NotBefore: v.From.UTC(), NotAfter: v.Until.UTC()}
}

// Add adds a version to a pool. When it returns without an error, the version is
// stored and in use. An error is a [*Refusal] or what Decode returned.
func (s *Secrets) Add(ctx context.Context, a SecretAddition) (SecretAdded, error) {
	d := &deed{operation: "add", audit: &a.Audit}
	d.add(zap.String("pool", clip(a.Pool, maxID)))
	v, err := s.add(ctx, &a, d)
	d.writeAs(s.log, secretDeeds, err)
	if err != nil {
		return SecretAdded{}, err
	}
	return SecretAdded{SecretVersion: shownVersion(&v.Version), CreatedAt: v.created.UTC()}, nil
}

func (s *Secrets) add(ctx context.Context, a *SecretAddition, d *deed) (v keptVersion, err error) {
	if v, err = s.read(a, d); err != nil {
		return v, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	p := s.loaded.Load()
	of, refusal := p.find(a.Pool)
	if refusal != nil { // a reload took it away
		return v, refusal
	}
	versions, err := s.makeRoom(ctx, p, of)
	if err != nil {
		return v, err
	}
	if v.ID, err = newSecretID(versions); err != nil {
		return v, unavailableSecret("secret_management_unavailable", err)
	}
	d.add(zap.String("secret_id", v.ID))
	changed := p.with(of.ID, append(versions, v))
	use, err := s.prepare(changed.Pools())
	if err != nil {
		return v, refuse("invalid_body", "the value does not fit what uses it: %v", err)
	}
	if err := s.store.PutSealed(context.WithoutCancel(ctx), changed.seal(of.ID, &v)); err != nil {
		return v, unavailableSecret("secret_persist_failure", err)
	}
	use()
	s.loaded.Store(changed)
	return v, nil
}

// read decodes an addition and judges it. It holds no lock, since a client may
// take its time to send the body.
func (s *Secrets) read(a *SecretAddition, d *deed) (v keptVersion, err error) {
	p := s.loaded.Load()
	if _, refusal := p.find(a.Pool); refusal != nil {
		return v, refusal
	}
	body, err := a.Decode()
	if err != nil {
		return v, unreadable{err}
	}
	v, refusal := newVersion(&body, s.clock.Now())
	if refusal == nil {
		refusal = a.Audit.check(judge{policy: &p.config.Defaults.PublishPolicy, names: true, actors: true})
	}
	if refusal != nil {
		return v, refusal
	}
	d.add(zap.Time("not_before", v.From))
	if !v.Until.IsZero() {
		d.add(zap.Time("not_after", v.Until))
	}
	return v, nil
}

// newVersion checks a body and makes it a version without an id.
func newVersion(b *SecretBody, now time.Time) (v keptVersion, refusal *Refusal) {
	if strings.TrimSpace(string(b.Value.Reveal())) == "" {
		return v, refuse("secret_value_empty", "value must be the secret")
	}
	v.Value, v.created, v.From = b.Value, now, now
	for _, limit := range []struct {
		name, text string
		into       *time.Time
	}{{"not_before", b.NotBefore, &v.From}, {"not_after", b.NotAfter, &v.Until}} {
		text := strings.TrimSpace(limit.text)
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		switch {
		case err != nil:
			return v, refuse("invalid_body", "%s must be a time such as 2026-01-31T12:00:00Z", limit.name)
		case at.UTC().Year() < firstYear || at.UTC().Year() > lastYear:
			return v, refuse("secret_invalid_window", "%s is out of range: the years %d to %d can be kept", limit.name, firstYear, lastYear)
		}
		*limit.into = at.UTC()
	}
	switch {
	case v.Until.IsZero():
	case !v.Until.After(v.From):
		return v, refuse("secret_invalid_window", "not_after is the first moment after the time of validity, and must be later than not_before")
	case v.expired(now):
		return v, refuse("secret_invalid_window", "not_after has passed already")
	}
	return v, nil
}

// makeRoom returns the versions of a pool that another one may be added to. If
// the pool is full, those whose time is over go first.
func (s *Secrets) makeRoom(ctx context.Context, p *SecretPools, of *config.Secret) ([]keptVersion, error) {
	versions, now := slices.Clone(p.pools[of.ID]), s.clock.Now()
	if len(p.Pools()[of.ID]) < of.MaxVersions {
		return versions, nil
	}
	for i := range versions {
		if !versions[i].expired(now) {
			continue
		}
		if err := s.store.DropSealed(context.WithoutCancel(ctx), of.ID, versions[i].ID); err != nil {
			return nil, unavailableSecret("secret_persist_failure", err)
		}
		s.pruned.WithLabelValues(of.ID).Inc()
	}
	versions = slices.DeleteFunc(versions, func(v keptVersion) bool { return v.expired(now) })
	kept := p.with(of.ID, versions)
	s.loaded.Store(kept)
	if n := len(kept.Pools()[of.ID]); n >= of.MaxVersions {
		return nil, refuse("secret_pool_full", "the secret %s has %d versions, and max_versions allows no more; delete one first", of.ID, n)
	}
	return slices.Clone(versions), nil
}

// newSecretID is one that none of versions has.
func newSecretID(versions []keptVersion) (string, error) {
	for {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return "", err
		}
		id := "sec_" + hex.EncodeToString(b[:])
		if !slices.ContainsFunc(versions, func(v keptVersion) bool { return v.ID == id }) {
			return id, nil
		}
	}
}

// SecretDeletion asks for a version to be deleted.
type SecretDeletion struct {
	Audit    Audit
	Pool, ID string
}

// Delete takes a version out of use and deletes it. An error is a [*Refusal].
func (s *Secrets) Delete(ctx context.Context, del SecretDeletion) error {
	d := &deed{operation: "delete", audit: &del.Audit}
	d.add(zap.String("pool", clip(del.Pool, maxID)), zap.String("secret_id", clip(del.ID, maxID)))
	err := s.delete(ctx, &del)
	d.writeAs(s.log, secretDeeds, err)
	return err
}

func (s *Secrets) delete(ctx context.Context, del *SecretDeletion) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	p := s.loaded.Load()
	of, refusal := p.find(del.Pool)
	if refusal != nil {
		return refusal
	}
	versions := slices.Clone(p.pools[of.ID])
	at := slices.IndexFunc(versions, func(v keptVersion) bool { return v.ID == del.ID && !v.gone })
	switch {
	case !isLabel(del.ID):
		return refuse("not_found", "there is nothing at this path")
	case at < 0:
		return refuse("secret_id_not_found", "the secret %s has no version %s", of.ID, del.ID)
	}
	if refusal := del.Audit.check(judge{policy: &p.config.Defaults.PublishPolicy, names: true, actors: true}); refusal != nil {
		return refusal
	}
	forget := func() error { return s.store.DropSealed(context.WithoutCancel(ctx), of.ID, del.ID) }
	if del.ID == bootstrapID {
		versions[at] = keptVersion{Version: secret.Version{ID: bootstrapID, From: versions[at].From}, created: s.clock.Now(), gone: true}
		row := p.seal(of.ID, &versions[at])
		forget = func() error { return s.store.PutSealed(context.WithoutCancel(ctx), row) }
	} else {
		versions = slices.Delete(versions, at, at+1)
	}
	changed := p.with(of.ID, versions)
	use, err := s.prepare(changed.Pools())
	if err != nil {
		return unavailableSecret("secret_management_unavailable", err)
	}
	if err := forget(); err != nil {
		return unavailableSecret("secret_persist_failure", err)
	}
	use()
	s.loaded.Store(changed)
	return nil
}

// unavailableSecret is the refusal that goes with a fault of the daemon. The
// cause is for the log alone.
func unavailableSecret(code string, err error) error {
	return fmt.Errorf("%w: %w", refuse(code, "the database could not do it now; the log has the cause"), err)
}
