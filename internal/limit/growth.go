package limit

import (
	"math"
	"time"
)

const (
	// sampleInterval is the time between two samples of the backlog.
	sampleInterval = time.Minute
	// maxSamples bounds those that are kept: eight hours and a half.
	maxSamples = 512
)

// Growth says when a backlog counts as growing, over the samples of the last
// Window: it rose Consecutive times in a row up to now; or there are MinSamples
// of them and the last is at least MinDelta above the mean of the others.
type Growth struct {
	Window      time.Duration
	Consecutive int
	MinSamples  int
	MinDelta    int
}

// sample is a number of messages at a monotonic time.
type sample struct {
	at    time.Duration
	total int
}

// grows applies g to samples in their order. now is monotonic.
func (g *Growth) grows(samples []sample, now time.Duration) bool {
	for len(samples) > 0 && samples[0].at < now-g.Window {
		samples = samples[1:]
	}
	n := len(samples)
	if n < 2 {
		return false // one sample alone has not grown
	}
	rises := 0
	for i := n - 1; i > 0 && samples[i].total > samples[i-1].total; i-- {
		rises++
	}
	if rises >= g.Consecutive {
		return true
	}
	sum := 0.0
	for _, s := range samples[:n-1] {
		sum += float64(s.total)
	}
	delta := samples[n-1].total - int(math.Round(sum/float64(n-1)))
	return n >= g.MinSamples && delta >= g.MinDelta && delta > 0
}
