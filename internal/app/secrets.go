package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

// makeSecrets builds the service of secrets that change at run time.
func (a *App) makeSecrets(cfg *config.Config) (err error) {
	a.secrets, err = admin.NewSecrets(admin.SecretsOptions{
		Store: a.store, Clock: a.opts.Clock, Key: a.sealingKey, Lock: &a.building, Prepare: a.prepareVersions,
		Logger: a.logger.Named("admin"), Registerer: a.registry,
	})
	if err == nil && cfg.Backend() == config.Memory && hasRuntimeSecrets(cfg) {
		a.logger.Warn("runtime_secrets_memory_only", zap.String("reason", "the queue is in memory"),
			zap.String("effect", "versions that are added over the admin API are lost when this process ends"))
	}
	return err
}

func hasRuntimeSecrets(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Secrets, func(s config.Secret) bool { return s.Runtime })
}

// changesAtRunTime reports whether one of the secrets that names list gets its
// versions over the admin API.
func changesAtRunTime(cfg *config.Config, names []config.SecretName) bool {
	return slices.ContainsFunc(cfg.Secrets, func(s config.Secret) bool {
		return s.Runtime && slices.ContainsFunc(names, func(n config.SecretName) bool { return n.ID == s.ID })
	})
}

// sealingKey is the key that stored secrets are encrypted with: of the
// environment, or else of the credentials.
func (a *App) sealingKey() (secret.Value, error) {
	resolver := a.resolver()
	if text, set := a.opts.LookupEnv(secret.SealingKey); set && text != "" {
		return resolver.Resolve(secret.Ref{Scheme: secret.Env, Name: secret.SealingKey})
	}
	key, err := resolver.Resolve(secret.Ref{Scheme: secret.Credential, Name: secret.SealingKey})
	if err != nil {
		return key, fmt.Errorf("the key to store it with is missing: set %[1]s, or keep it as a credential of that name with: "+
			"openssl rand -base64 32 | hookaido secret set %[1]s", secret.SealingKey)
	}
	return key, nil
}

// loadSecrets reads every secret of cfg, from where it refers to and from the
// queue. The error names each that can't be had, with the places that use it.
func (a *App) loadSecrets(ctx context.Context, cfg *config.Config) (*admin.SecretPools, secrets, error) {
	var pools *admin.SecretPools
	if a.secrets != nil {
		var err error
		if pools, err = a.secrets.Load(ctx, cfg); err != nil {
			return nil, secrets{}, err
		}
	}
	refs, err := Resolve(withoutSeeds(cfg, pools), a.resolver())
	if err != nil {
		return nil, secrets{}, err
	}
	if pools != nil {
		pools.Seed(a.opts.Clock.Now(), func(ref config.SecretRef) secret.Value { return refs[ref.Ref] })
	}
	return pools, secrets{refs: refs, pools: pools.Pools()}, nil
}

// firstVersions are those that a queue without any would begin with.
func firstVersions(cfg *config.Config, refs map[secret.Ref]secret.Value) admin.Pools {
	pools := admin.Pools{}
	for i := range cfg.Secrets {
		if s := &cfg.Secrets[i]; s.Runtime && !s.Value.IsZero() {
			pools[s.ID] = []secret.Version{{ID: s.ID, Value: refs[s.Value.Ref], From: s.ValidFrom, Until: s.ValidUntil}}
		}
	}
	return pools
}

// withoutSeeds is cfg without the first values of those pools that have had
// theirs, so that these need not be there any more.
func withoutSeeds(cfg *config.Config, pools *admin.SecretPools) *config.Config {
	if !hasRuntimeSecrets(cfg) {
		return cfg
	}
	without := *cfg
	without.Secrets = slices.Clone(cfg.Secrets)
	for i := range without.Secrets {
		if s := &without.Secrets[i]; s.Runtime && !pools.NeedsSeed(s.ID) {
			s.Value = config.SecretRef{}
		}
	}
	return &without
}

// beginSecrets makes the parts of the first configuration anew, now that the
// queue is there which has its secrets.
func (a *App) beginSecrets(ctx context.Context, cfg *config.Config, first *parts) (*parts, error) {
	full := first
	var err error
	if hasRuntimeSecrets(cfg) {
		first.push.deliverer.Close()
		first.ingress.Close()
		full, err = a.prepare(ctx, cfg)
	} else {
		full.pools, err = a.secrets.Load(ctx, cfg)
	}
	if err == nil {
		err = a.secrets.Keep(ctx, full.pools)
	}
	var unavailable *queue.UnavailableError
	switch {
	case errors.As(err, &unavailable):
		return nil, &Failure{Code: ExitStorage, Err: err}
	case err != nil:
		return nil, &Failure{Code: ExitConfig, Err: err}
	}
	return full, nil
}

// prepareVersions builds what uses secrets that change at run time, for other
// versions of them. The caller holds a.building.
func (a *App) prepareVersions(pools admin.Pools) (func(), error) {
	a.mu.Lock()
	cfg, values := a.config, a.values
	a.mu.Unlock()
	values.pools = pools
	snapshot, rates, err := a.ingressSnapshot(cfg, values)
	if err != nil {
		return nil, err
	}
	push, err := a.prepareDeliveries(cfg, values)
	if err != nil {
		return nil, err
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.ingress.Swap(snapshot)
		a.rates, a.values = rates, values
		a.putDeliveries(push)
	}, nil
}
