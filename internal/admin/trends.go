package admin

import (
	"context"
	"strings"
	"time"

	"hookaido/internal/queue"
	"hookaido/internal/trend"
)

// The bounds of a [TrendRequest].
const (
	defaultTrendWindow = time.Hour
	maxTrendWindow     = 168 * time.Hour
	defaultTrendStep   = 5 * time.Minute
	minTrendStep       = time.Minute
	maxTrendStep       = time.Hour
	maxTrendPoints     = 1000
	maxTrendSamples    = 20_000
)

// Action is what an operator can do about alerts of [Signals].
type Action = trend.Action

// Signals tell where the backlog is heading.
type Signals = trend.Signals

// TrendHealth are the signals in [QueueHealth]. If the samples can't be read,
// Status is error, Error says why and the rest is missing.
type TrendHealth struct {
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
	*Signals
}

// TrendRequest asks for the trend of the backlog. Window and Step are
// durations, Until is a time in RFC 3339; empty is an hour, five minutes, now.
type TrendRequest struct {
	Selector
	Window, Step, Until string
}

// Trends is the answer to GET /backlog/trends: samples of the backlog put
// together in buckets of equal length. Totals are queued, leased and dead
// messages.
type Trends struct {
	Window      string    `json:"window"`
	Step        string    `json:"step"`
	Since       time.Time `json:"since"`
	Until       time.Time `json:"until"`
	SampleCount int       `json:"sample_count"`
	PointCount  int       `json:"point_count"`
	// NonEmptyPointCount counts the buckets that have samples.
	NonEmptyPointCount int `json:"non_empty_point_count"`
	// Truncated is set if older samples were left out.
	Truncated        bool         `json:"truncated"`
	LatestCapturedAt *time.Time   `json:"latest_captured_at,omitempty"`
	LatestTotal      int          `json:"latest_total"`
	MaxTotal         int          `json:"max_total"`
	Selector         LaneSelector `json:"selector"`
	Signals          Signals      `json:"signals"`
	Items            []TrendPoint `json:"items"`
}

// TrendPoint is a bucket: from its start, included, to its end, not included.
type TrendPoint struct {
	BucketStart    time.Time  `json:"bucket_start"`
	BucketEnd      time.Time  `json:"bucket_end"`
	SampleCount    int        `json:"sample_count"`
	LastCapturedAt *time.Time `json:"last_captured_at,omitempty"`
	QueuedLast     int        `json:"queued_last"`
	LeasedLast     int        `json:"leased_last"`
	DeadLast       int        `json:"dead_last"`
	TotalLast      int        `json:"total_last"`
	QueuedMax      int        `json:"queued_max"`
	LeasedMax      int        `json:"leased_max"`
	DeadMax        int        `json:"dead_max"`
	TotalMax       int        `json:"total_max"`
}

func (p *TrendPoint) add(s *queue.TrendSample) {
	at := s.At.UTC()
	p.SampleCount++
	p.LastCapturedAt = &at
	p.QueuedLast, p.LeasedLast, p.DeadLast, p.TotalLast = s.Queued, s.Leased, s.Dead, s.Total()
	p.QueuedMax, p.LeasedMax = max(p.QueuedMax, s.Queued), max(p.LeasedMax, s.Leased)
	p.DeadMax, p.TotalMax = max(p.DeadMax, s.Dead), max(p.TotalMax, s.Total())
}

// span is the time that a [TrendRequest] asks for.
type span struct {
	window, step time.Duration
	since, until time.Time
}

// span reads the time.
func (r *TrendRequest) span(now time.Time) (span, *Refusal) {
	var s span
	var refusal *Refusal
	if s.window, refusal = r.duration("window", r.Window, defaultTrendWindow); refusal != nil {
		return s, refusal
	}
	if s.step, refusal = r.duration("step", r.Step, defaultTrendStep); refusal != nil {
		return s, refusal
	}
	if strings.TrimSpace(r.Step) == "" {
		s.step = min(s.step, max(s.window, minTrendStep))
	}
	switch {
	case s.window <= 0 || s.window > maxTrendWindow:
		return s, refuse(r.code(), "window must be above 0 and %s at most", maxTrendWindow)
	case s.step < minTrendStep || s.step > maxTrendStep:
		return s, refuse(r.code(), "step must be from %s to %s", minTrendStep, maxTrendStep)
	case s.step > s.window:
		return s, refuse(r.code(), "step must not be longer than window")
	case (s.window+s.step-1)/s.step > maxTrendPoints:
		return s, refuse(r.code(), "step is too short: window has room for %d of them at most", maxTrendPoints)
	}
	s.until = now.UTC()
	if text := strings.TrimSpace(r.Until); text != "" {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || at.Year() < firstYear || at.Year() > lastYear {
			return s, refuse(r.code(), "until must be a time such as 2026-01-31T12:00:00Z")
		}
		s.until = at.UTC()
	}
	s.since = s.until.Add(-s.window)
	return s, nil
}

func (r *TrendRequest) duration(name, text string, otherwise time.Duration) (time.Duration, *Refusal) {
	text = strings.TrimSpace(text)
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, refuse(r.code(), "%s must be a duration such as 90m or 24h", name)
	}
	return d, nil
}

// Trends tells how the backlog was and where it is heading. An error is a
// [*Refusal] or one of the queue.
func (b *Backlog) Trends(ctx context.Context, r TrendRequest) (Trends, error) {
	cfg := b.config()
	if _, refusal := r.resolve(cfg); refusal != nil {
		return Trends{}, refusal
	}
	at, refusal := r.span(b.clock.Now())
	if refusal != nil {
		return Trends{}, refusal
	}
	samples, err := b.queue.Trend(ctx, queue.TrendFilter{
		Route: r.Route, Target: r.Target, From: at.since, Until: at.until.Add(-1), Max: maxTrendSamples + 1,
	})
	if err != nil {
		return Trends{}, err
	}
	cut := max(0, len(samples)-maxTrendSamples)
	samples = samples[cut:]
	t := Trends{
		Window: at.window.String(), Step: at.step.String(), Since: at.since, Until: at.until,
		SampleCount: len(samples), Truncated: cut > 0, Selector: LaneSelector{r.Route, r.Target},
		Signals: trend.Judge(trend.Window{Since: at.since, Until: at.until, Samples: samples, Truncated: cut > 0}, &cfg.Defaults.TrendSignals),
	}
	for start := at.since; start.Before(at.until); start = start.Add(at.step) {
		t.Items = append(t.Items, TrendPoint{BucketStart: start, BucketEnd: start.Add(at.step)})
	}
	t.PointCount = len(t.Items)
	t.fill(samples, at.step)
	return t, nil
}

// fill puts the samples into the buckets.
func (t *Trends) fill(samples []queue.TrendSample, step time.Duration) {
	for i := range samples {
		s := &samples[i]
		point := &t.Items[int(s.At.Sub(t.Since)/step)]
		if point.SampleCount == 0 {
			t.NonEmptyPointCount++
		}
		point.add(s)
		t.LatestCapturedAt, t.LatestTotal = point.LastCapturedAt, s.Total()
		t.MaxTotal = max(t.MaxTotal, s.Total())
	}
}
