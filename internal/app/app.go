package app

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/adminapi"
	"hookaido/internal/auth"
	"hookaido/internal/config"
	"hookaido/internal/dispatch"
	"hookaido/internal/ingress"
	"hookaido/internal/limit"
	"hookaido/internal/observe"
	"hookaido/internal/pull"
	"hookaido/internal/pullapi"
	"hookaido/internal/systemd"
)

// App is one daemon.
type App struct {
	opts       Options
	notifier   *systemd.Notifier
	logs       *logs
	logger     *zap.Logger
	registry   *prometheus.Registry
	store      store
	ingress    *ingress.Handler
	pull       *pull.Service
	pullAPI    *pullapi.Handler
	admin      *admin.Service
	secrets    *admin.Secrets // nil until there is a queue
	adminAPI   *adminapi.Handler
	dispatcher *dispatch.Dispatcher
	servers    []*server
	watchdog   *systemd.Watchdog
	triggers   *triggers
	broken     chan error // a server that ended by itself
	// inherited is set if systemd passed any of the listeners.
	inherited    bool
	certificates certificates
	connections  connectionMetrics
	gate         *auth.Gate
	pressure     *limit.Pressure
	flow         *admin.Rates
	// stopFollowing ends what follows the backlog; nil until it runs.
	stopFollowing func()
	// own are the addresses that we listen on
	own []netip.AddrPort

	// building is held while parts are made and put in force.
	building sync.Mutex

	mu         sync.Mutex // guards what a reload replaces
	config     *config.Config
	values     secrets
	generation int64
	loaded     time.Time // when config came into force
	rates      *limit.Rates
	deliveries *deliveries
	refused    string // why the last reload was, in one line; empty if it was not
}

// Run is the daemon from start to end. It returns nil after ctx ends and all is
// put away, and a [*Failure] when the daemon can't start or go on.
func Run(ctx context.Context, opts Options) error {
	pid, err := claimPIDFile(opts.PIDFile)
	if err != nil {
		return err
	}
	defer pid.release()
	a := &App{opts: opts, notifier: systemd.NewNotifier(opts.Clock), broken: make(chan error, 1), gate: auth.NewGate(opts.Clock)}
	defer a.notifier.Close()
	if a.triggers, err = newTriggers(opts); err != nil {
		return &Failure{Code: ExitConfig, Err: err}
	}
	defer a.triggers.stop()
	if err := a.start(ctx); err != nil {
		a.tellFailure(err)
		a.close()
		return err
	}
	err = a.serve(ctx)
	if err != nil {
		tellJournal(err)
	}
	return errors.Join(err, a.stop(err))
}

// start builds everything and leaves it serving.
func (a *App) start(ctx context.Context) error {
	period, warning := systemd.WatchdogPeriod()
	sockets, err := systemd.Inherit()
	if err != nil {
		return failure(ExitUnavailable, "sockets from systemd: %w", err)
	}
	cfg, warnings, err := a.load()
	if err != nil {
		return &Failure{Code: ExitConfig, Err: err}
	}
	if a.logs, err = openLogs(a.opts, cfg); err != nil {
		return &Failure{Code: ExitConfig, Err: err}
	}
	a.logger = a.logs.runtime.Logger()
	a.sayHello(cfg, warnings, warning, sockets.Ignored())
	a.boundMemory()

	ls := &listeners{sockets: sockets, logger: a.logger}
	endpoints, err := ls.openAll(ctx, cfg, a.opts)
	if err == nil {
		err = a.assemble(ctx, cfg, endpoints)
	}
	if err != nil {
		ls.closeAll()
		return err
	}
	for _, left := range sockets.Leftover() {
		a.logger.Warn("socket_not_served", zap.String("socket", left))
	}
	a.inherited = len(endpoints.inherited) > 0
	a.startServers(ctx, cfg, endpoints)
	a.startWatchdog(ctx, period)
	a.triggers.run(ctx, a.logger)
	a.followBacklog(ctx)
	a.admin.SetPhase(admin.Ready)
	a.notify(a.notifier.Ready(a.statusLine(ctx)))
	a.logger.Info("ready", zap.Strings("listeners", endpoints.addresses()))
	return nil
}

// assemble makes the parts and puts the first configuration in force.
func (a *App) assemble(ctx context.Context, cfg *config.Config, es *endpoints) error {
	a.own = ownAddresses(es)
	a.building.Lock()
	defer a.building.Unlock()
	parts, err := a.prepare(ctx, cfg)
	if err == nil {
		err = a.openCertificates(es)
	}
	if err != nil {
		return &Failure{Code: ExitConfig, Err: err}
	}
	if err := a.makeRegistry(); err != nil {
		return err
	}
	if a.store, err = a.openStore(ctx, cfg); err != nil {
		return err
	}
	if err := a.makeServices(ctx, cfg, es); err != nil {
		return err
	}
	if err := a.observeConnections(); err != nil {
		return err
	}
	if parts, err = a.beginSecrets(ctx, cfg, parts); err != nil {
		return err
	}
	a.put(cfg, parts)
	a.warnOrphans(ctx, cfg)
	a.warnYielded()
	return nil
}

// serve waits for a reason to stop: ctx, a store that failed, a server that
// ended. Meanwhile it takes signals, file changes and the time for status
// lines.
func (a *App) serve(ctx context.Context) error {
	tick := a.opts.Clock.NewTimer(systemd.StatusInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-a.broken:
			return err
		case <-a.store.Failed():
			return a.storeFailed(ctx)
		case <-a.triggers.hangup:
			a.reloadFor(ctx, "signal_sighup")
		case <-a.triggers.changed:
			a.reloadFor(ctx, "watch")
		case <-tick.C():
			if a.notifier.Enabled() {
				a.notify(a.notifier.Status(a.statusLine(ctx)))
			}
			tick.Reset(systemd.StatusInterval)
		}
	}
}

// failedGrace is how long a daemon with a failed store keeps answering 503, so
// that probes and senders hear of it before the connection goes away.
const failedGrace = 2 * time.Second

// storeFailed lets everyone hear that the store is gone, which the store has
// logged, then gives the reason for leaving.
func (a *App) storeFailed(ctx context.Context) error {
	err := a.store.Err()
	a.notify(a.notifier.Status("queue failed: " + err.Error()))
	t := a.opts.Clock.NewTimer(failedGrace)
	defer t.Stop()
	select {
	case <-t.C():
	case <-ctx.Done():
	}
	return failure(ExitStorage, "the queue failed: %w", err)
}

func (a *App) notify(err error) {
	if err != nil {
		a.logger.Debug("notify_failed", observe.Err(err))
	}
}

// tellFailure shows the reason of a failed start in systemctl status. The
// command line prints it, so the log, which may not exist yet, doesn't.
func (a *App) tellFailure(err error) {
	_ = a.notifier.Status(summary(err)) // nobody is left to tell
	tellJournal(err)
}

func (a *App) sayHello(cfg *config.Config, warnings []string, more ...string) {
	a.logger.Info("starting", zap.String("version", a.opts.Version), zap.String("config", cfg.Path),
		zap.String("fingerprint", cfg.Fingerprint), zap.Int("pid", os.Getpid()))
	for _, w := range warnings {
		a.logger.Warn("config_warning", zap.String("warning", w))
	}
	for _, w := range more {
		if w != "" {
			a.logger.Warn("environment_ignored", zap.String("reason", w))
		}
	}
}
