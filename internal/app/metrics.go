package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"hookaido/internal/config"
	"hookaido/internal/httpx"
	"hookaido/internal/observe"
	"hookaido/internal/systemd"
)

// defaultMetricsPath is scraped if the Hookaidofile says nothing of metrics and
// systemd passes the socket for them.
const defaultMetricsPath = "/metrics"

// maxScrapes bounds the scrapes at a time; each asks the queue.
const maxScrapes = 8

// openMetrics opens the listener of the metrics. What systemd passed is served
// without a word in the Hookaidofile too, but not against one.
func (ls *listeners) openMetrics(ctx context.Context, set *config.Metrics) error {
	if set != nil && !set.Enabled {
		ls.es.metrics = &endpoint{name: systemd.Metrics}
		return nil
	}
	ls.es.metrics = ls.inherit(systemd.Metrics)
	m := member{endpoint: ls.es.metrics}
	if set != nil {
		m.listens = []config.Listen{set.Listen}
	}
	return ls.openGroup(ctx, group{m})
}

// makeRegistry makes the registry of all metrics, with those of the process and
// of the logs.
func (a *App) makeRegistry() error {
	a.registry = observe.NewRegistry(a.opts.Version, a.opts.Clock.Now())
	errs := []error{a.registry.Register(observe.NewLostLines("runtime", a.logs.runtime.Dropped))}
	if a.logs.access != nil {
		errs = append(errs, a.registry.Register(observe.NewLostLines("access", a.logs.access.Dropped)))
	}
	return errors.Join(errs...)
}

// metricsHandler serves the metrics at the path of the Hookaidofile and at all
// below it.
func (a *App) metricsHandler(set *config.Metrics) http.Handler {
	prefix := defaultMetricsPath
	if set != nil {
		prefix = set.Prefix
	}
	scrape := a.scrape()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, inside := httpx.CutPrefix(r.URL.Path, prefix)
		switch {
		case !inside:
			w.WriteHeader(http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
		default:
			scrape.ServeHTTP(w, r)
		}
	})
}

// scrape serves the metrics whatever the path.
func (a *App) scrape() http.Handler {
	return promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		// a part that can't be had is missing from the answer and the rest is
		// there: alerts tell what is absent from what is zero
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      scrapeLog{a.logger.Named("metrics")},
	})
}

// scrapeLog logs what went wrong with a scrape.
type scrapeLog struct{ logger *zap.Logger }

// Println implements [promhttp.Logger].
func (l scrapeLog) Println(what ...any) {
	l.logger.Warn("metrics_incomplete", zap.String("err", fmt.Sprint(what...)))
}
