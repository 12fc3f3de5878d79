package app

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hookaido/internal/config"
)

// observeDaemon has the figures of the queue and of the configuration asked for
// at each scrape.
func (a *App) observeDaemon(ctx context.Context) error {
	return errors.Join(a.observeQueue(ctx), a.registry.Register(newConfigCollector(a)))
}

// configCollector tells of the configuration in force.
type configCollector struct {
	app                                    *App
	generation, loaded, reloaded, secretNA *prometheus.Desc
	depth                                  *prometheus.Desc
}

func newConfigCollector(a *App) *configCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("hookaido_"+name, help, labels, nil)
	}
	return &configCollector{
		app:        a,
		generation: desc("config_generation", "Number of the configuration in force: 1 at the start, one more with each reload."),
		loaded:     desc("config_loaded_timestamp_seconds", "When the configuration in force was loaded, in Unix seconds."),
		reloaded:   desc("config_last_reload_successful", "0 if the last reload was refused, so that the Hookaidofile is not what is in force."),
		secretNA:   desc("secret_not_after_seconds", "End of a secret's validity, in Unix seconds.", "secret"),
		depth:      desc("queue_limit_messages", "Queued and leased messages at which the queue is full."),
	}
}

// Describe implements [prometheus.Collector].
func (c *configCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.generation, c.loaded, c.reloaded, c.secretNA, c.depth} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *configCollector) Collect(ch chan<- prometheus.Metric) {
	a := c.app
	a.mu.Lock()
	cfg, generation, loaded, refused := a.config, a.generation, a.loaded, a.refused
	a.mu.Unlock()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(c.generation, float64(generation))
	gauge(c.loaded, float64(loaded.UnixMilli())/float64(time.Second/time.Millisecond))
	if refused == "" {
		gauge(c.reloaded, 1)
	} else {
		gauge(c.reloaded, 0)
	}
	if limit := cfg.QueueLimits.MaxDepth; limit > 0 {
		gauge(c.depth, float64(limit))
	}
	for i := range cfg.Secrets {
		if end := a.endOf(&cfg.Secrets[i]); !end.IsZero() {
			gauge(c.secretNA, float64(end.Unix()), cfg.Secrets[i].ID)
		}
	}
}

// endOf returns when a secret has no valid version any more; zero for never. Of
// one that changes at run time the last version counts.
func (a *App) endOf(s *config.Secret) (end time.Time) {
	if !s.Runtime {
		return s.ValidUntil
	}
	versions, err := a.secrets.List(s.ID)
	if err != nil {
		return end // it is not in force yet
	}
	for _, v := range versions.Versions {
		if v.NotAfter.IsZero() {
			return time.Time{}
		}
		if v.NotAfter.After(end) {
			end = v.NotAfter
		}
	}
	return end
}
