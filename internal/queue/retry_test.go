package queue_test

import (
	"math"
	"testing"
	"time"

	"hookaido/internal/queue"
)

func TestRetryDelay(t *testing.T) {
	usual := queue.Retry{Max: 8, Base: 2 * time.Second, Cap: 2 * time.Minute, Jitter: 0.2}
	for name, test := range map[string]struct {
		retry   queue.Retry
		attempt int
		asked   time.Duration
		u       float64
		want    time.Duration
	}{
		"first":                           {usual, 1, 0, 0, 2 * time.Second},
		"third":                           {usual, 3, 0, 0, 8 * time.Second},
		"capped":                          {usual, 8, 0, 0, 2 * time.Minute},
		"the jitter comes after the cap":  {usual, 8, 0, 1, 144 * time.Second},
		"jitter to the other side":        {usual, 1, 0, -1, 1600 * time.Millisecond},
		"asked for more":                  {usual, 1, time.Minute, 0, time.Minute},
		"asked for less":                  {usual, 8, time.Minute, 0, 2 * time.Minute},
		"a power beyond all bounds":       {usual, math.MaxInt, 0, 0, 2 * time.Minute},
		"full jitter":                     {queue.Retry{Base: time.Second, Cap: time.Second, Jitter: 1}, 1, 0, -1, 0},
		"the longest there is":            {queue.Retry{Base: math.MaxInt64, Cap: math.MaxInt64, Jitter: 1}, 9, 0, 1, math.MaxInt64},
		"an attempt that was not counted": {usual, 0, 0, 0, 2 * time.Second},
	} {
		if got := test.retry.Delay(test.attempt, test.asked, test.u); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestRetrySpent(t *testing.T) {
	r := queue.Retry{Max: 2}
	for attempt, want := range map[int]bool{1: false, 2: false, 3: true, 4: true} {
		if r.Spent(attempt) != want {
			t.Errorf("attempt %d of 1 and 2 more: spent %v", attempt, !want)
		}
	}
}
