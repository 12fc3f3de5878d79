package trend

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

var (
	now   = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	rules = config.TrendSignals{
		Window: 15 * time.Minute, ExpectedCaptureInterval: time.Minute, StaleGraceFactor: 3,
		SustainedGrowthConsecutive: 3, SustainedGrowthMinSamples: 5, SustainedGrowthMinDelta: 10,
		RecentSurgeMinTotal: 20, RecentSurgeMinDelta: 10, RecentSurgePercent: 50,
		DeadShareHighMinTotal: 10, DeadShareHighPercent: 20,
		QueuedPressureMinTotal: 20, QueuedPressurePercent: 75, QueuedPressureLeasedMultiplier: 2,
	}
)

// leased makes samples of leased messages, one a minute, the last one now.
func leased(totals ...int) []queue.TrendSample {
	list := make([]queue.TrendSample, len(totals))
	for i, n := range totals {
		list[i] = queue.TrendSample{At: now.Add(-time.Duration(len(totals)-1-i) * time.Minute), Leased: n}
	}
	return list
}

func judge(samples ...queue.TrendSample) Signals {
	return Judge(Window{Since: now.Add(-rules.Window), Until: now, Samples: samples}, &rules)
}

func TestGrowth(t *testing.T) {
	rule := Growth{Consecutive: 3, MinSamples: 5, MinDelta: 10}
	for name, test := range map[string]struct {
		totals []int
		want   bool
	}{
		"none":                       {nil, false},
		"one":                        {[]int{1000}, false},
		"three rises":                {[]int{5, 6, 7, 8}, true},
		"three rises after a fall":   {[]int{50, 5, 6, 7, 8}, true},
		"two rises":                  {[]int{5, 5, 6, 7}, false},
		"a pause among rises":        {[]int{1, 2, 3, 3, 4, 5}, false},
		"rises of long ago":          {[]int{1, 2, 3, 4, 5, 1}, false},
		"far above the mean":         {[]int{10, 10, 10, 10, 20}, true},
		"not far enough":             {[]int{10, 10, 10, 10, 19}, false},
		"too few samples":            {[]int{10, 10, 10, 20}, false},
		"mean rounded down (10.25)":  {[]int{10, 10, 10, 11, 20}, true},
		"mean rounded up (10.5)":     {[]int{10, 11, 11, 10, 20}, false},
		"below the mean":             {[]int{100, 100, 100, 100, 50}, false},
		"level with a delta of none": {[]int{5, 5, 5, 5, 5}, false},
	} {
		if got := rule.Sees(leased(test.totals...)); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := judge(leased(test.totals...)...).SustainedGrowth; got != test.want {
			t.Errorf("%s, as a signal: %v", name, got)
		}
	}
	if (Growth{Consecutive: 9, MinSamples: 2}).Sees(leased(5, 5)) {
		t.Error("a level backlog grows")
	}
}

func TestFigures(t *testing.T) {
	samples := []queue.TrendSample{
		{At: now.Add(-4*time.Minute - 30*time.Second), Queued: 10},
		{At: now.Add(-3 * time.Minute), Queued: 5, Dead: 4},
		{At: now.Add(-90 * time.Second), Queued: 20, Leased: 3, Dead: 2},
	}
	s := judge(samples...)
	if s.Window != "15m0s" || s.ExpectedCaptureInterval != "1m0s" || !s.Until.Equal(now) || s.SampleCount != 3 || s.Truncated ||
		!s.LatestCapturedAt.Equal(samples[2].At) || s.LatestTotal != 25 || s.LatestQueued != 20 || s.LatestLeased != 3 || s.LatestDead != 2 {
		t.Errorf("%+v", s)
	}
	// the mean of 10 and 9 is rounded; 15 more in three minutes
	if s.BaselineTotal != 10 || s.DeltaTotal != 15 || s.DeltaPercent != 150 || s.GrowthRatePerMinute != 5 || s.ConsecutiveIncreases != 1 {
		t.Errorf("%+v", s)
	}
	if s.DeadSharePercent != 8 || s.QueuedSharePercent != 80 || s.FreshnessSeconds != 90 || s.SamplingStale {
		t.Errorf("%+v", s)
	}
	if s := judge(leased(3, 4)[:1]...); s.BaselineTotal != 3 || s.DeltaTotal != 0 || s.DeltaPercent != 0 || s.GrowthRatePerMinute != 0 {
		t.Errorf("one sample alone: %+v", s)
	}
	if s := judge(leased(0, 4)...); s.DeltaPercent != 100 {
		t.Errorf("from nothing: %+v", s)
	}
	if s := judge(leased(30, 20)...); s.DeltaPercent != -33 || s.GrowthRatePerMinute != -10 || s.Status != StatusOK {
		t.Errorf("shrinking: %+v", s)
	}
	if s := judge(leased(0, 0, 0, 1)...); s.GrowthRatePerMinute != 0.3 {
		t.Errorf("one decimal: %+v", s)
	}
}

func TestAlerts(t *testing.T) {
	last := func(queued, leased, dead int) []queue.TrendSample {
		return []queue.TrendSample{{At: now, Queued: queued, Leased: leased, Dead: dead}}
	}
	ago := func(d time.Duration) []queue.TrendSample { return []queue.TrendSample{{At: now.Add(-d)}} }
	for name, test := range map[string]struct {
		samples []queue.TrendSample
		want    string // alerts, then actions with their severities
	}{
		"empty":                     {last(0, 0, 0), ""},
		"fresh enough":              {ago(3 * time.Minute), ""},
		"stale":                     {ago(3*time.Minute + 1), "sampling_stale; sampling_stale_recover critical"},
		"no samples":                {nil, "sampling_stale; sampling_stale_recover critical"},
		"dead share":                {last(0, 8, 2), "dead_share_high; dead_share_drain warn"},
		"dead share rounded":        {last(0, 33, 8), "dead_share_high; dead_share_drain warn"}, // 19.5
		"dead share low":            {last(0, 34, 8), ""},                                       // 19.0
		"dead share of few":         {last(0, 7, 2), ""},
		"queued pressure":           {last(15, 5, 0), "queued_pressure; queued_pressure_relieve critical"},
		"queued share low":          {last(14, 6, 0), ""},
		"queued share of few":       {last(19, 0, 0), ""},
		"surge from nothing":        {leased(0, 20), "recent_surge; backlog_growth_triage critical"},
		"small surge from nothing":  {leased(0, 19), ""},
		"surge by percent":          {leased(41, 62), "recent_surge; backlog_growth_triage critical"}, // 41 + 20.5
		"no surge by percent":       {leased(41, 61), ""},
		"surge by delta":            {leased(11, 21), "recent_surge; backlog_growth_triage critical"},
		"no surge by delta":         {leased(11, 20), ""},
		"surge below the total":     {leased(1, 19), ""},
		"growth":                    {leased(60, 61, 62, 63), "sustained_growth; backlog_growth_triage warn"},
		"growth, and a surge":       {leased(1, 2, 3, 40), "sustained_growth recent_surge; backlog_growth_triage critical"},
		"all in their order, stale": {everything(), "sampling_stale sustained_growth recent_surge dead_share_high queued_pressure; sampling_stale_recover critical, queued_pressure_relieve critical, dead_share_drain warn, backlog_growth_triage critical"},
	} {
		t.Run(name, func(t *testing.T) {
			s := judge(test.samples...)
			var alerts, steps []string
			for _, a := range s.ActiveAlerts {
				alerts = append(alerts, string(a))
			}
			for _, a := range s.OperatorActions {
				steps = append(steps, a.ID+" "+a.Severity)
				if a.Summary == "" || a.Playbook == "" || len(a.MCPTools) == 0 || len(a.AdminEndpoints) == 0 || len(a.Alerts) == 0 {
					t.Errorf("action %+v lacks something", a)
				}
			}
			got := strings.Join(alerts, " ")
			if got != "" {
				got += "; " + strings.Join(steps, ", ")
			}
			want := StatusOK
			if test.want != "" {
				want = StatusWarn
			}
			if got != test.want || s.Status != want || s.ActiveAlerts == nil || s.OperatorActions == nil {
				t.Errorf("%s %q, want %s %q", s.Status, got, want, test.want)
			}
		})
	}
	if s := judge(); s.FreshnessSeconds != 900 || s.LatestCapturedAt != nil {
		t.Errorf("without samples: %+v", s)
	}
}

// everything is a case of each alert.
func everything() []queue.TrendSample {
	list := leased(0, 1, 2)
	for i := range list {
		list[i].At = list[i].At.Add(-5 * time.Minute)
	}
	return append(list, queue.TrendSample{At: now.Add(-4 * time.Minute), Queued: 80, Dead: 20})
}

func TestSharePressureByLeased(t *testing.T) {
	strict := rules
	strict.QueuedPressureLeasedMultiplier = 4
	w := Window{Since: now.Add(-time.Hour), Until: now, Samples: []queue.TrendSample{{At: now, Queued: 79, Leased: 20}}}
	if Judge(w, &strict).QueuedPressure {
		t.Error("79 queued are less than 4 times 20 leased")
	}
	w.Samples[0].Queued = 80
	if !Judge(w, &strict).QueuedPressure {
		t.Error("80 queued are 4 times 20 leased")
	}
}

func TestRoutingKeys(t *testing.T) {
	var got []string
	for _, alerts := range [][]Alert{
		{SamplingStale, SustainedGrowth, DeadShareHigh, QueuedPressure}, {SustainedGrowth, RecentSurge}, {RecentSurge},
	} {
		for _, a := range actionsFor(alerts) {
			got = append(got, strings.TrimPrefix(a.AlertRoutingKey, "hookaido.backlog."))
		}
	}
	want := []string{"sampling_stale", "queued_pressure", "dead_share_high", "sustained_growth", "recent_surge", "recent_surge"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
