package limit

import (
	"math"
	"time"

	"golang.org/x/time/rate"

	"hookaido/internal/clock"
)

// Rate is the size of a bucket of tokens: PerSecond come in, and there is room
// for Burst. Both are above 0.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Global is the key of the rate for whoever has none of its own.
const Global = ""

// Rates are the buckets of one configuration. They never change, their content
// does.
type Rates struct {
	buckets map[string]*Bucket
}

// NewRates makes a bucket for each key of rates, full to begin with. One whose
// rate is the same in previous, which may be nil, is taken over from there with
// what is in it, so that a reload gives nobody a second burst.
func NewRates(clk clock.Clock, previous *Rates, rates map[string]Rate) *Rates {
	r := &Rates{buckets: make(map[string]*Bucket, len(rates))}
	for key, size := range rates {
		if previous != nil {
			if b := previous.buckets[key]; b != nil && b.size == size {
				r.buckets[key] = b
				continue
			}
		}
		r.buckets[key] = &Bucket{clock: clk, size: size, limiter: rate.NewLimiter(rate.Limit(size.PerSecond), size.Burst)}
	}
	return r
}

// Of returns the bucket of a key. Keys without one share that of Global; nil
// stands for no limit at all.
func (r *Rates) Of(key string) *Bucket {
	if b := r.buckets[key]; b != nil {
		return b
	}
	return r.buckets[Global]
}

// Bucket is a bucket of tokens. It is safe for concurrent use. A nil bucket is
// never empty.
type Bucket struct {
	clock   clock.Clock
	size    Rate
	limiter *rate.Limiter
}

// Take takes one token and reports whether there was one. If not, wait is how
// long it is until there is one, as far as nobody else takes it.
func (b *Bucket) Take() (wait time.Duration, ok bool) {
	if b == nil {
		return 0, true
	}
	// steps of the wall clock must not fill the bucket or keep it empty
	now := time.Time{}.Add(b.clock.Monotonic())
	if b.limiter.AllowN(now, 1) {
		return 0, true
	}
	seconds := (1 - b.limiter.TokensAt(now)) / b.size.PerSecond
	return time.Duration(min(seconds*float64(time.Second), math.MaxInt64/2)), false
}
