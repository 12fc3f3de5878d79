package app

import (
	"hookaido/internal/auth"
	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// Check builds of a configuration what the secrets go into, as run does, and
// throws it away: a key may be there and still not have the form that its
// provider gives it. The error has a line for each fault; it holds no secret.
func Check(cfg *config.Config, resolver secret.Resolver, clk clock.Clock) error {
	values, err := Resolve(cfg, resolver)
	if err != nil {
		return err
	}
	a := &App{opts: Options{Clock: clk}, gate: auth.NewGate(clk)}
	snapshot, _, err := a.ingressSnapshot(cfg, secrets{refs: values, pools: firstVersions(cfg, values)})
	if err != nil {
		return err
	}
	snapshot.Close()
	return nil
}
