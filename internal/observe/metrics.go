package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metricsSchema is the version of the names and labels that dashboards and
// alerts are written for.
const metricsSchema = "1.3.0"

// NewRegistry returns a registry with what every process shows: that it is up,
// its version and start time, the Go runtime and the process.
func NewRegistry(version string, start time.Time) *prometheus.Registry {
	r := prometheus.NewRegistry()
	constant := func(name, help string, labels prometheus.Labels, value float64) prometheus.Collector {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
		g.Set(value)
		return g
	}
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		constant("hookaido_up", "1 while the process serves.", nil, 1),
		constant("hookaido_build_info", "1, with the version of the program.", prometheus.Labels{"version": version}, 1),
		constant("hookaido_metrics_schema_info", "1, with the version of the metric names and labels.", prometheus.Labels{"schema": metricsSchema}, 1),
		constant("hookaido_start_time_seconds", "Start of the process in Unix seconds.", nil, float64(start.Unix())),
	)
	return r
}

// NewLostLines returns a counter of the lines that a log lost; name is access
// or runtime, dropped the Dropped method of the log.
func NewLostLines(name string, dropped func() uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name:        "hookaido_log_lines_lost_total",
		Help:        "Log lines lost to a slow reader or a failed write.",
		ConstLabels: prometheus.Labels{"log": name},
	}, func() float64 { return float64(dropped()) })
}
