// Package trend judges where the backlog is heading, from samples of it. It is
// pure: it reads neither a clock nor a queue.
package trend

import (
	"cmp"
	"math"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

const (
	// CaptureInterval is the time between two samples.
	CaptureInterval = time.Minute
	// MaxSamples is how many samples, the latest ones, are judged for health and
	// for backpressure.
	MaxSamples = 500
)

// Growth says when a backlog grows: it rose Consecutive times in a row up to
// now; or there are MinSamples samples and the last is at least MinDelta above
// the mean of the others.
type Growth struct {
	Consecutive, MinSamples, MinDelta int
}

// Sees reports whether the backlog of the samples, in their order, grows. One
// sample alone has not grown.
func (g Growth) Sees(samples []queue.TrendSample) bool {
	n := len(samples)
	if n < 2 {
		return false
	}
	if rises(samples) >= g.Consecutive {
		return true
	}
	delta := samples[n-1].Total() - baseline(samples)
	return n >= g.MinSamples && delta >= g.MinDelta && delta > 0
}

// rises counts how often the total rose in a row up to the last sample.
func rises(samples []queue.TrendSample) int {
	n := 0
	for i := len(samples) - 1; i > 0 && samples[i].Total() > samples[i-1].Total(); i-- {
		n++
	}
	return n
}

// baseline is the mean of all totals but the last; the last itself if it is
// alone. There must be a sample.
func baseline(samples []queue.TrendSample) int {
	n := len(samples) - 1
	if n == 0 {
		return samples[0].Total()
	}
	sum := 0.0
	for i := range samples[:n] {
		sum += float64(samples[i].Total())
	}
	return int(math.Round(sum / float64(n)))
}

// Alert is something that operators should know of.
type Alert string

// The alerts, in the order in which they are listed.
const (
	SamplingStale   Alert = "sampling_stale"
	SustainedGrowth Alert = "sustained_growth"
	RecentSurge     Alert = "recent_surge"
	DeadShareHigh   Alert = "dead_share_high"
	QueuedPressure  Alert = "queued_pressure"
)

// The values of [Signals.Status].
const (
	StatusOK   = "ok"
	StatusWarn = "warn"
)

// Signals are what samples say, in the form of the admin API. Shares are whole
// percents.
type Signals struct {
	// Status is warn if there is an alert, else ok.
	Status                  string `json:"status"`
	Window                  string `json:"window"`
	ExpectedCaptureInterval string `json:"expected_capture_interval"`
	// The samples are those from Since to Until.
	Since       time.Time `json:"since"`
	Until       time.Time `json:"until"`
	SampleCount int       `json:"sample_count"`
	// Truncated is set if there are more samples than were judged.
	Truncated        bool       `json:"truncated"`
	LatestCapturedAt *time.Time `json:"latest_captured_at,omitempty"`
	LatestTotal      int        `json:"latest_total"`
	LatestQueued     int        `json:"latest_queued"`
	LatestLeased     int        `json:"latest_leased"`
	LatestDead       int        `json:"latest_dead"`
	// BaselineTotal is the mean of all samples but the latest.
	BaselineTotal        int     `json:"baseline_total"`
	DeltaTotal           int     `json:"delta_total"`
	DeltaPercent         int     `json:"delta_percent"`
	GrowthRatePerMinute  float64 `json:"growth_rate_per_minute"`
	ConsecutiveIncreases int     `json:"consecutive_increases"`
	SustainedGrowth      bool    `json:"sustained_growth"`
	RecentSurge          bool    `json:"recent_surge"`
	DeadSharePercent     int     `json:"dead_share_percent"`
	DeadShareHigh        bool    `json:"dead_share_high"`
	QueuedSharePercent   int     `json:"queued_share_percent"`
	QueuedPressure       bool    `json:"queued_pressure"`
	// FreshnessSeconds is the age of the latest sample, without one the window.
	FreshnessSeconds int64    `json:"freshness_seconds"`
	SamplingStale    bool     `json:"sampling_stale"`
	ActiveAlerts     []Alert  `json:"active_alerts"`
	OperatorActions  []Action `json:"operator_actions"`
}

// Window are the samples of a time, in their order. Truncated is set if there
// are more of them.
type Window struct {
	Since, Until time.Time
	Samples      []queue.TrendSample
	Truncated    bool
}

// Judge says what the samples of w mean by the rules.
func Judge(w Window, rules *config.TrendSignals) Signals {
	s := Signals{
		Window: w.Until.Sub(w.Since).String(), ExpectedCaptureInterval: rules.ExpectedCaptureInterval.String(),
		Since: w.Since.UTC(), Until: w.Until.UTC(), SampleCount: len(w.Samples), Truncated: w.Truncated,
		SamplingStale: true, FreshnessSeconds: seconds(w.Until.Sub(w.Since)),
	}
	if len(w.Samples) > 0 {
		s.measure(w, rules)
		s.judge(rules)
		s.SustainedGrowth = Growth{
			rules.SustainedGrowthConsecutive, rules.SustainedGrowthMinSamples, rules.SustainedGrowthMinDelta,
		}.Sees(w.Samples)
	}
	s.ActiveAlerts = s.alerts()
	s.OperatorActions = actionsFor(s.ActiveAlerts)
	s.Status = StatusOK
	if len(s.ActiveAlerts) > 0 {
		s.Status = StatusWarn
	}
	return s
}

// measure fills in what the samples say by themselves.
func (s *Signals) measure(w Window, rules *config.TrendSignals) {
	first, latest := &w.Samples[0], &w.Samples[len(w.Samples)-1]
	at := latest.At.UTC()
	s.LatestCapturedAt = &at
	s.LatestTotal, s.LatestQueued, s.LatestLeased, s.LatestDead = latest.Total(), latest.Queued, latest.Leased, latest.Dead
	s.BaselineTotal = baseline(w.Samples)
	s.DeltaTotal = s.LatestTotal - s.BaselineTotal
	switch {
	case s.BaselineTotal > 0:
		s.DeltaPercent = percent(s.DeltaTotal, s.BaselineTotal)
	case s.LatestTotal > 0:
		s.DeltaPercent = 100
	}
	if elapsed := latest.At.Sub(first.At); elapsed > 0 {
		s.GrowthRatePerMinute = math.Round(float64(latest.Total()-first.Total())/elapsed.Minutes()*10) / 10
	}
	s.ConsecutiveIncreases = rises(w.Samples)
	s.DeadSharePercent = percent(s.LatestDead, s.LatestTotal)
	s.QueuedSharePercent = percent(s.LatestQueued, s.LatestTotal)
	age := max(0, w.Until.Sub(latest.At))
	s.FreshnessSeconds = seconds(age)
	s.SamplingStale = age > rules.ExpectedCaptureInterval*time.Duration(rules.StaleGraceFactor)
}

// judge compares what was measured with the rules.
func (s *Signals) judge(rules *config.TrendSignals) {
	surge := rules.RecentSurgeMinTotal
	if s.BaselineTotal > 0 {
		above := int(math.Ceil(float64(s.BaselineTotal) * float64(rules.RecentSurgePercent) / 100))
		surge = max(surge, s.BaselineTotal+max(rules.RecentSurgeMinDelta, above))
	}
	s.RecentSurge = s.LatestTotal >= surge
	s.DeadShareHigh = s.LatestTotal >= rules.DeadShareHighMinTotal && s.DeadSharePercent >= rules.DeadShareHighPercent
	s.QueuedPressure = s.LatestTotal >= rules.QueuedPressureMinTotal && s.QueuedSharePercent >= rules.QueuedPressurePercent &&
		s.LatestQueued >= s.LatestLeased*rules.QueuedPressureLeasedMultiplier
}

func (s *Signals) alerts() []Alert {
	list := []Alert{}
	for _, a := range []struct {
		alert Alert
		on    bool
	}{
		{SamplingStale, s.SamplingStale}, {SustainedGrowth, s.SustainedGrowth}, {RecentSurge, s.RecentSurge},
		{DeadShareHigh, s.DeadShareHigh}, {QueuedPressure, s.QueuedPressure},
	} {
		if a.on {
			list = append(list, a.alert)
		}
	}
	return list
}

// percent is the share of n in of, rounded; 0 of nothing.
func percent(n, of int) int {
	return int(math.Round(100 * float64(n) / float64(cmp.Or(of, 1))))
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
