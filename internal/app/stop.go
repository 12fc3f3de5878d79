package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"hookaido/internal/admin"
	"hookaido/internal/observe"
	"hookaido/internal/systemd"
)

// stop ends the daemon in order: no new requests and deliveries, those in flight
// at their end, the queue closed. cause is why it ends; nil for an orderly stop.
func (a *App) stop(cause error) error {
	a.admin.SetPhase(admin.Draining)
	if cause == nil {
		a.logger.Info("stopping")
		a.notify(a.notifier.Stopping("finishing what is in flight"))
	} else {
		a.notify(a.notifier.Stopping(firstLine(cause.Error())))
	}
	a.watchdog.Stop()
	a.pull.Drain()
	a.ingress.Drain()
	var delivering sync.WaitGroup
	delivering.Go(a.stopDeliveries)
	a.stopServers()
	delivering.Wait()
	a.stopFollowing()
	err := a.store.Close()
	if err != nil && cause == nil {
		a.logger.Error("queue_close_failed", observe.Err(err))
		err = failure(ExitStorage, "close the queue: %w", err)
	} else {
		err = nil // it failed before, and that is told
	}
	if cause == nil && err == nil {
		a.logger.Info("stopped")
	}
	a.logs.close()
	return err
}

// close puts away what a failed start left behind.
func (a *App) close() {
	a.stopDeliveries()
	if a.store != nil {
		_ = a.store.Close() // nothing came in; the reason of the failure matters more
	}
	a.logs.close()
}

// startWatchdog begins to earn the pings that systemd wants every period.
func (a *App) startWatchdog(ctx context.Context, period time.Duration) {
	a.watchdog = systemd.NewWatchdog(systemd.WatchdogOptions{
		Period: period, Clock: a.opts.Clock, Notifier: a.notifier, Alive: a.alive,
		Report: func(stuck error) {
			if stuck != nil {
				a.logger.Error("watchdog_withheld", observe.Err(stuck))
			} else {
				a.logger.Info("watchdog_resumed")
			}
		},
	})
	a.watchdog.Start(ctx)
}

// alive tells whether the daemon does its work: the store commits, and the
// admin socket answers.
func (a *App) alive(ctx context.Context) error {
	if err := a.store.Ping(ctx); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	for _, s := range a.servers {
		for _, l := range s.listeners {
			// not over TCP, where anyone can fill the listener with idle
			// connections and so have the daemon restarted
			if l.Addr().Network() != "unix" || s.name != systemd.Admin {
				continue
			}
			if err := answers(ctx, l.Addr()); err != nil {
				return fmt.Errorf("admin listener: %w", err)
			}
		}
	}
	return nil
}

// answers makes a request to one of our own listeners.
func answers(ctx context.Context, addr net.Addr) error {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, addr.Network(), addr.String())
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/livez", http.NoBody)
	if err != nil {
		return err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
