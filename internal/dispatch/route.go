package dispatch

import (
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/deliver"
	"hookaido/internal/queue"
)

// route shares permits among its lanes.
type route struct {
	d    *Dispatcher
	path string

	mu      sync.Mutex
	permits int
	running int // attempts, and results that hold their permit
	turns   uint64
	lanes   []*lane // in the order of the targets, with retired ones anywhere
}

// use puts settings in force. Without targets the route ends.
func (r *route) use(cfg *Route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.permits = max(1, cfg.Concurrency)
	var lanes []*lane
	for i := range cfg.Targets {
		t := &cfg.Targets[i]
		l := r.lane(t.Name)
		if l == nil {
			l = &lane{route: r, name: t.Name, wake: make(chan struct{}, 1)}
		}
		l.adopt(t, r.d.clock.Monotonic())
		lanes = append(lanes, l)
	}
	for _, l := range r.lanes {
		if !slices.Contains(lanes, l) {
			l.retired = true
			l.halt()
			lanes = append(lanes, l)
		}
	}
	r.lanes = lanes
	r.setLabels()
	for _, l := range r.lanes {
		if !l.retired && !l.looping {
			l.looping = true
			r.d.work.Add(1)
			go l.loop(r.d.attempts)
		}
		l.rouse()
	}
	r.tidy()
	r.pump()
}

// adopt gives a lane its settings. One whose target changed tries it at once.
func (l *lane) adopt(t *Target, now time.Duration) {
	if l.breaker.state == open && l.target.Deliver != t.Deliver {
		l.breaker.until = now
	}
	l.target, l.retired = *t, false
}

func (r *route) lane(name string) *lane {
	for _, l := range r.lanes {
		if l.name == name {
			return l
		}
	}
	return nil
}

// tidy forgets lanes that have ended. The caller holds r.mu.
func (r *route) tidy() {
	r.lanes = slices.DeleteFunc(r.lanes, func(l *lane) bool {
		over := l.retired && !l.looping && l.running == 0 && l.unsettled == 0
		if over && !slices.ContainsFunc(r.lanes, func(other *lane) bool { return other != l && other.label == l.label }) {
			r.d.metrics.forget(r.path, l.label)
		}
		return over
	})
}

// setLabels names lanes for logs and metrics, in which the query of a URL, or
// its password, must not be. Those that the configuration has are numbered in
// its order; a retired one keeps its label to its end. The caller holds r.mu.
func (r *route) setLabels() {
	seen := map[string]int{}
	var left []string
	for _, l := range r.lanes {
		if l.retired {
			continue
		}
		label := Label(l.name)
		if seen[label]++; seen[label] > 1 {
			label = fmt.Sprintf("%s#%d", label, seen[label])
		}
		if l.label != label {
			left = append(left, l.label)
			l.relabel(label)
		}
		l.showBreaker()
	}
	for _, label := range left {
		if !slices.ContainsFunc(r.lanes, func(l *lane) bool { return l.label == label }) {
			r.d.metrics.forget(r.path, label)
		}
	}
}

// relabel moves what runs to the gauge of another label. The caller holds the
// route's mutex.
func (l *lane) relabel(label string) {
	old := l.gauge
	l.label, l.gauge = label, l.route.d.metrics.lane(l.route.path, label)
	if old != nil {
		old.running.Sub(float64(l.running))
		l.gauge.running.Add(float64(l.running))
	}
}

// Label is the name of a target for people: a URL without its query and without
// the password that may be in it.
func Label(name string) string {
	u, err := url.Parse(name)
	if err != nil {
		return "malformed"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// pump begins what may begin. The caller holds r.mu.
func (r *route) pump() {
	now := r.d.clock.Monotonic()
	for l := r.pick(now); l != nil; l = r.pick(now) {
		j := l.pop()
		if j.until-now < l.target.Timeout+beginMargin {
			// it waited so long that the lease could end before the attempt does
			if j.probe {
				l.breaker.probing = false
			}
			r.release(l, []job{j})
			continue
		}
		r.turns++
		l.turn, l.started, l.lastStart = r.turns, true, now
		l.running++
		r.running++
		l.gauge.running.Inc()
		r.d.work.Add(1)
		go r.deliver(l, begun{job: j, target: l.target, label: l.label, gauge: l.gauge, permit: r.permits == 1})
		if len(l.ready) == 0 {
			l.rouse()
		}
	}
}

// begun is a job with the settings of the lane at its begin.
type begun struct {
	job
	target Target
	label  string
	gauge  *laneMetrics
	// permit is set if the next attempt of the route waits until this one has
	// been settled.
	permit bool
}

// deliver makes one attempt and settles it.
func (r *route) deliver(l *lane, b begun) {
	defer r.d.work.Done()
	at := r.d.clock.Now()
	result := b.target.Deliver.Attempt(r.d.attempts, &b.leased)
	c := conclude(&b.leased, &b.target, &result, r.d.random())
	c.Attempt.At = at
	r.d.metrics.count(&c, b.gauge, &result, b.leased.ReceivedAt)
	r.d.tell(b.label, &c, &result)
	r.finished(l, &b, &result)
	r.d.settler.put(entry{Conclusion: c, lane: l, until: b.until, permit: b.permit})
}

// finished notes the end of an attempt, the result of which goes to the settler
// next.
func (r *route) finished(l *lane, b *begun, result *deliver.Result) {
	now := r.d.clock.Monotonic()
	r.mu.Lock()
	defer r.mu.Unlock()
	l.running--
	l.unsettled++
	l.gauge.running.Dec()
	if result.Reason != deliver.ReasonStopped {
		l.pace.note(result.Latency)
	}
	v := judge(result)
	if l.ramp > 0 && v == alive {
		if l.ramp++; l.ramp > r.permits {
			l.ramp = 0
		}
	}
	if l.breaker.note(v, result.Reason, b.probe, now) {
		l.breakerChanged()
	}
	if !b.permit {
		r.running--
		r.pump()
	}
	l.rouse()
}

// breakerChanged follows a breaker. The caller holds the route's mutex.
func (l *lane) breakerChanged() {
	l.showBreaker()
	log := l.route.d.logger.With(zap.String("route", l.route.path), zap.String("target", l.label))
	switch b := &l.breaker; b.state {
	case open:
		l.halt()
		l.ramp = 0
		log.Warn("delivery_breaker_open", zap.Int("failures", b.failures), zap.String("reason", string(b.reason)), zap.Duration("probe_in", b.pause))
	case closed:
		l.ramp = 1
		log.Info("delivery_breaker_closed")
	}
}

// showBreaker is silent for a retired lane, whose label another may have by now.
func (l *lane) showBreaker() {
	if !l.retired {
		l.gauge.breaker.Set(float64(l.breaker.state))
	}
}

// settled notes that the queue has taken a result, or that it was given up.
func (r *route) settled(l *lane, permit bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.unsettled--
	if permit {
		r.running--
		r.pump()
	}
	l.rouse()
	r.tidy()
}

// release gives jobs back that have not begun. The caller holds r.mu.
func (r *route) release(l *lane, jobs []job) {
	for i := range jobs {
		j := &jobs[i]
		l.unsettled++
		r.d.settler.put(entry{
			Conclusion: queue.Conclusion{LeaseID: j.leased.LeaseID, Action: queue.Release, Due: j.leased.Due},
			lane:       l, until: j.until,
		})
	}
}

func (r *route) longestTimeout() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var longest time.Duration
	for _, l := range r.lanes {
		longest = max(longest, l.target.Timeout)
	}
	return longest
}

func (r *route) status(now time.Duration) []LaneStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []LaneStatus
	for _, l := range r.lanes {
		if l.retired {
			continue
		}
		s := LaneStatus{
			Route: r.path, Name: l.name, Target: l.label, Running: l.running,
			Breaker: l.breaker.state.String(), Failures: l.breaker.failures, Reason: string(l.breaker.reason),
		}
		if l.breaker.state == open {
			s.Probe = max(0, l.breaker.until-now)
		}
		all = append(all, s)
	}
	return all
}
