package systemd

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"hookaido/internal/clock"
)

// StatusInterval is the least time between two status lines sent by
// [Notifier.Status].
const StatusInterval = 5 * time.Second

// Notifier tells systemd how the service is. Without $NOTIFY_SOCKET nothing is
// sent and no method fails. A nil *Notifier does nothing. It is safe for
// concurrent use. The errors that methods return say that systemd couldn't be
// reached; they are worth a log line and nothing more.
type Notifier struct {
	on  bool
	clk clock.Clock

	closed chan struct{}
	later  sync.WaitGroup

	mu sync.Mutex
	// wanted is the last text given to Status, alarm the text that takes its
	// place while set, sent the one that systemd has.
	wanted, alarm, sent string
	earliest            time.Duration // monotonic time for the next status
	pending, ended      bool
}

// NewNotifier returns a notifier for the socket in the environment.
func NewNotifier(clk clock.Clock) *Notifier {
	return &Notifier{on: os.Getenv("NOTIFY_SOCKET") != "", clk: clk, closed: make(chan struct{})}
}

// Enabled reports whether anybody listens.
func (n *Notifier) Enabled() bool { return n != nil && n.on }

// Ready says that start or reload is done, with a status line.
func (n *Notifier) Ready(status string) error { return n.sendWith(daemon.SdNotifyReady, status) }

// Reloading says that a reload begins; Ready must follow, also after a reload
// that failed. The monotonic time lets systemd tell this reload from an
// earlier one.
func (n *Notifier) Reloading() error {
	return n.send(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// Stopping says that shutdown begins, with a status line.
func (n *Notifier) Stopping(status string) error {
	return n.sendWith(daemon.SdNotifyStopping, status)
}

// ExtendTimeout asks for d more, from now, before start or stop counts as
// hung, with a status line that says what takes so long.
func (n *Notifier) ExtendTimeout(d time.Duration, status string) error {
	return n.sendWith("EXTEND_TIMEOUT_USEC="+strconv.FormatInt(d.Microseconds(), 10), status)
}

// Errno gives the system error that ends the service, with a status line.
func (n *Notifier) Errno(errno syscall.Errno, status string) error {
	return n.sendWith("ERRNO="+strconv.Itoa(int(errno)), status)
}

// WatchdogTrigger asks systemd to treat the service as hung, at once.
func (n *Notifier) WatchdogTrigger(status string) error {
	return n.sendWith("WATCHDOG=trigger", status)
}

func (n *Notifier) watchdogPing() error { return n.send(daemon.SdNotifyWatchdog) }

// Status sets the line that systemctl status shows. The same text again sends
// nothing; a change within [StatusInterval] of the last one is sent when that
// has passed, so that the last text always arrives. Control characters become
// spaces and long texts are cut.
func (n *Notifier) Status(text string) error {
	if !n.Enabled() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wanted = clean(text)
	if n.ended || n.alarm != "" || n.wanted == n.sent {
		return nil
	}
	if wait := n.earliest - n.clk.Monotonic(); wait > 0 {
		n.sendLater(wait)
		return nil
	}
	return n.sendStatus(n.wanted)
}

// Alarm shows a text at once and in place of the status until it is called
// with an empty text, which shows the status again.
func (n *Notifier) Alarm(text string) error {
	if !n.Enabled() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.alarm = clean(text)
	show := n.alarm
	if show == "" {
		show = n.wanted
	}
	if n.ended || show == n.sent {
		return nil
	}
	return n.sendStatus(show)
}

// Close sends a status line that still waits and ends the notifier's own
// goroutine. Messages other than the status still go out afterwards.
func (n *Notifier) Close() {
	if !n.Enabled() {
		return
	}
	n.mu.Lock()
	if !n.ended {
		n.ended = true
		close(n.closed)
	}
	n.mu.Unlock()
	n.later.Wait()
}

// sendLater makes one goroutine send the text that is wanted after a wait. The
// caller holds the lock.
func (n *Notifier) sendLater(wait time.Duration) {
	if n.pending {
		return
	}
	n.pending = true
	timer := n.clk.NewTimer(wait)
	n.later.Go(func() {
		defer timer.Stop()
		select {
		case <-timer.C():
		case <-n.closed:
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.pending = false
		if n.alarm == "" && n.wanted != n.sent {
			_ = n.sendStatus(n.wanted) // a later change tries again
		}
	})
}

// sendStatus sends a status line alone. The caller holds the lock.
func (n *Notifier) sendStatus(text string) error {
	n.earliest = n.clk.Monotonic() + StatusInterval
	n.sent = text
	return n.send("STATUS=" + text)
}

// sendWith sends a state and its status line in one datagram.
func (n *Notifier) sendWith(state, status string) error {
	if !n.Enabled() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if status == "" {
		return n.send(state)
	}
	n.wanted = clean(status)
	if n.alarm == "" {
		n.sent = n.wanted
		n.earliest = n.clk.Monotonic() + StatusInterval
		state += "\nSTATUS=" + n.wanted
	}
	return n.send(state)
}

func (n *Notifier) send(state string) error {
	if !n.Enabled() {
		return nil
	}
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}
