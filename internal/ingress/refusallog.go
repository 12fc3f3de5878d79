package ingress

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/clock"
)

// logEvery is the least time between two lines about refusals of one class: a
// flood of them must not hide other lines. The metrics count all.
const logEvery = time.Second

// maxLogged bounds, in bytes, what a line shows of a request.
const maxLogged = 256

// refusedRequest is what a line tells.
type refusedRequest struct {
	class      string
	status     int
	cause      error
	hint       string // what to look at; may be empty
	route      string
	method     string
	path       string // as sent, without the query
	remoteAddr string
	client     string // as a trusted proxy tells it; may be empty
}

// refusalLog logs a sample of the refusals of each class.
type refusalLog struct {
	logger *zap.Logger
	clock  clock.Clock

	mu      sync.Mutex
	classes map[string]*sample
}

type sample struct {
	next    time.Duration // monotonic, when the next line may be written
	leftOut int
}

func newRefusalLog(logger *zap.Logger, clk clock.Clock) *refusalLog {
	return &refusalLog{logger: logger, clock: clk, classes: map[string]*sample{}}
}

func (l *refusalLog) log(r *refusedRequest) {
	leftOut, due := l.due(r.class)
	if !due {
		return
	}
	fields := []zap.Field{
		zap.String("reason", r.class),
		zap.Int("status", r.status),
		zap.String("remote_addr", r.remoteAddr),
	}
	if r.method != "" {
		fields = append(fields, zap.String("method", cut(r.method)), zap.String("path", cut(r.path)))
	}
	if r.route != "" {
		fields = append(fields, zap.String("route", r.route))
	}
	if r.cause != nil {
		fields = append(fields, zap.Error(r.cause))
	}
	if r.client != "" {
		fields = append(fields, zap.String("client", r.client))
	}
	if r.hint != "" {
		fields = append(fields, zap.String("hint", r.hint))
	}
	if leftOut > 0 {
		fields = append(fields, zap.Int("left_out", leftOut))
	}
	l.logger.Warn("request refused", fields...)
}

// due reports whether a line may be written now, and how many were left out
// since the last.
func (l *refusalLog) due(class string) (leftOut int, due bool) {
	now := l.clock.Monotonic()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.classes[class]
	if s == nil {
		s = &sample{next: now}
		l.classes[class] = s
	}
	if now < s.next {
		s.leftOut++
		return 0, false
	}
	leftOut = s.leftOut
	s.next, s.leftOut = now+logEvery, 0
	return leftOut, true
}

func cut(s string) string {
	if len(s) > maxLogged {
		return s[:maxLogged] + "…"
	}
	return s
}
