package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

// Pools has the versions of each secret of the Hookaidofile that has "runtime
// on", by its id.
type Pools map[string][]secret.Version

// bootstrapID is the id of the version that the Hookaidofile begins a pool with.
const bootstrapID = "sec_bootstrap"

// keptVersion is one version as it is stored.
type keptVersion struct {
	secret.Version
	created time.Time
	// gone is set for the first version of a pool once it is deleted, so that the
	// Hookaidofile doesn't bring it back.
	gone bool
}

func (v *keptVersion) expired(now time.Time) bool {
	return !v.gone && !v.Until.IsZero() && !now.Before(v.Until)
}

// SecretPools are the pools of one configuration. They never change once they
// are in force; a nil one has none.
type SecretPools struct {
	config *config.Config
	sealer *secret.Sealer // nil without pools
	pools  map[string][]keptVersion
	seeds  []string // pools that begin with what the Hookaidofile says
}

// runtimeSecret finds the secret of the Hookaidofile that a pool belongs to.
func runtimeSecret(cfg *config.Config, pool string) *config.Secret {
	for i := range cfg.Secrets {
		if s := &cfg.Secrets[i]; s.Runtime && s.ID == pool {
			return s
		}
	}
	return nil
}

// Load reads the pools that cfg has and decrypts them. It changes nothing. The
// error names the pool that can't be had, and no secret.
func (s *Secrets) Load(ctx context.Context, cfg *config.Config) (*SecretPools, error) {
	p := &SecretPools{config: cfg, pools: map[string][]keptVersion{}}
	first := slices.IndexFunc(cfg.Secrets, func(s config.Secret) bool { return s.Runtime })
	if first < 0 {
		return p, nil
	}
	key, err := s.key()
	if err == nil {
		p.sealer, err = secret.NewSealer(key)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: secret %q has runtime on: %w", cfg.Secrets[first].Pos, cfg.Secrets[first].ID, err)
	}
	rows, err := s.store.SealedSecrets(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the secrets of the database: %w", err)
	}
	for i := range rows {
		of := runtimeSecret(cfg, rows[i].Pool)
		if of == nil {
			continue
		}
		v, err := p.open(&rows[i])
		if err != nil {
			return nil, fmt.Errorf("%s: secret %q: the version %s can't be decrypted: %w; set the key that it was added under, "+
				"or give the secret another id, which begins without versions", of.Pos, of.ID, rows[i].ID, err)
		}
		p.pools[of.ID] = append(p.pools[of.ID], v)
	}
	return p, nil
}

// sealedName is what a version is sealed under.
func sealedName(pool, id string) string { return pool + "\x00" + id }

func (p *SecretPools) open(row *queue.SealedSecret) (v keptVersion, err error) {
	v.ID, v.From, v.Until, v.created = row.ID, row.NotBefore, row.NotAfter, row.CreatedAt
	if v.gone = len(row.Sealed) == 0; v.gone {
		return v, nil
	}
	v.Value, err = p.sealer.Open(row.Sealed, sealedName(row.Pool, row.ID))
	return v, err
}

// seal is the stored form of a version.
func (p *SecretPools) seal(pool string, v *keptVersion) queue.SealedSecret {
	row := queue.SealedSecret{Pool: pool, ID: v.ID, NotBefore: v.From, NotAfter: v.Until, CreatedAt: v.created}
	if !v.gone {
		row.Sealed = p.sealer.Seal(v.Value, sealedName(pool, v.ID))
	}
	return row
}

// NeedsSeed reports whether the pool was never used, so that it begins with what
// the Hookaidofile has as its value.
func (p *SecretPools) NeedsSeed(pool string) bool {
	return p != nil && len(p.pools[pool]) == 0
}

// Seed gives the pools that were never used their first version, unless its time
// is over.
func (p *SecretPools) Seed(now time.Time, value func(config.SecretRef) secret.Value) {
	for i := range p.config.Secrets {
		s := &p.config.Secrets[i]
		if !s.Runtime || s.Value.IsZero() || !p.NeedsSeed(s.ID) {
			continue
		}
		v := keptVersion{Version: secret.Version{ID: bootstrapID, Value: value(s.Value), From: s.ValidFrom, Until: s.ValidUntil}, created: now}
		if v.expired(now) {
			continue
		}
		p.pools[s.ID] = []keptVersion{v}
		p.seeds = append(p.seeds, s.ID)
	}
}

// Pools returns the versions that can be used, whether valid now or not.
func (p *SecretPools) Pools() Pools {
	pools := Pools{}
	if p == nil {
		return pools
	}
	for pool, versions := range p.pools {
		for i := range versions {
			if !versions[i].gone {
				pools[pool] = append(pools[pool], versions[i].Version)
			}
		}
	}
	return pools
}

// with returns p with other versions of one pool.
func (p *SecretPools) with(pool string, versions []keptVersion) *SecretPools {
	changed := *p
	changed.pools = maps.Clone(p.pools)
	changed.pools[pool] = versions
	return &changed
}

// Keep stores the first versions that Seed gave. Use must follow.
func (s *Secrets) Keep(ctx context.Context, p *SecretPools) error {
	for _, pool := range p.seeds {
		if err := s.store.PutSealed(ctx, p.seal(pool, &p.pools[pool][0])); err != nil {
			return fmt.Errorf("store the secret %q: %w", pool, err)
		}
		s.log.Info("runtime_secret_seeded_from_config", zap.String("pool", pool), zap.String("bootstrap_id", bootstrapID))
	}
	return nil
}

// Use puts pools in force.
func (s *Secrets) Use(p *SecretPools) {
	old := s.loaded.Swap(p)
	for _, pool := range slices.Sorted(maps.Keys(p.pools)) {
		if old == nil || runtimeSecret(old.config, pool) == nil {
			s.log.Info("runtime_secret_hydrated", zap.String("pool", pool), zap.Int("versions", len(p.Pools()[pool])))
		}
	}
}
