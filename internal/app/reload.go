package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/config/syntax"
	"hookaido/internal/observe"
	"hookaido/internal/queue"
)

// Reload takes the Hookaidofile anew: as a whole, or not at all. It implements
// [admin.Reloader]; calls come one at a time, through the admin service. Logs in
// files go on in new ones also if the Hookaidofile is refused, for after a
// rotation.
func (a *App) Reload(ctx context.Context) (admin.ReloadResult, error) {
	a.logs.reopen()
	a.notify(a.notifier.Reloading())
	result, err := a.reload(ctx)
	a.mu.Lock()
	a.refused = ""
	if err != nil {
		a.refused = summary(err)
	}
	a.mu.Unlock()
	if err != nil {
		err = refusal(err)
	}
	// systemd waits for READY=1 after a refused reload too
	a.notify(a.notifier.Ready(a.statusLine(ctx)))
	return result, err
}

func (a *App) reload(ctx context.Context) (admin.ReloadResult, error) {
	cfg, warnings, err := a.load()
	if err != nil {
		return admin.ReloadResult{}, err
	}
	for _, w := range warnings {
		a.logger.Warn("config_warning", zap.String("warning", w))
	}
	a.mu.Lock()
	old, generation := a.config, a.generation
	a.mu.Unlock()
	if err := a.needsRestart(old, cfg); err != nil {
		return admin.ReloadResult{}, err
	}
	a.building.Lock()
	defer a.building.Unlock()
	parts, err := a.prepare(ctx, cfg)
	if err != nil {
		return admin.ReloadResult{}, err
	}
	useCertificates, err := a.certificates.read()
	if err != nil {
		return admin.ReloadResult{}, err
	}
	if err := a.secrets.Keep(ctx, parts.pools); err != nil {
		return admin.ReloadResult{}, &admin.ReloadError{Code: admin.CodeReloadFailed, Detail: err.Error()}
	}
	a.put(cfg, parts)
	a.warnOrphans(ctx, cfg)
	a.warnYielded()
	changes := append(describeChanges(old, cfg), useCertificates()...)
	return admin.ReloadResult{
		Generation:  generation + 1,
		Fingerprint: cfg.Fingerprint,
		Changes:     changes,
	}, nil
}

// refusal puts an error into the form for whoever asked for the reload. What
// isn't a refusal yet is the fault of the Hookaidofile or of a secret that it
// names.
func refusal(err error) error {
	var done *admin.ReloadError
	if errors.As(err, &done) {
		return err
	}
	refused := &admin.ReloadError{Code: admin.CodeConfigInvalid, Detail: err.Error(), Diagnostics: []admin.Diagnostic{}}
	var unavailable *queue.UnavailableError
	if errors.As(err, &unavailable) {
		refused.Code = admin.CodeReloadFailed
	}
	var bad *configError
	if errors.As(err, &bad) {
		for _, d := range bad.diagnostics {
			refused.Diagnostics = append(refused.Diagnostics, diagnostic(d))
		}
	}
	return refused
}

func diagnostic(d syntax.Diagnostic) admin.Diagnostic {
	return admin.Diagnostic{
		File: d.File, Line: d.Span.Start.Line, Column: d.Span.Start.Column,
		Severity: d.Severity.String(), Message: d.Message, Hint: d.Hint,
	}
}

// What makes a change take effect that a reload can't. hookaido-generator
// writes the sockets anew at the daemon-reload, and hookaido.target has them
// and the service.
const (
	restartService = "systemctl restart hookaido"
	restartSockets = "systemctl daemon-reload; systemctl restart hookaido.target"
)

// movesSocket reports whether a directive decides which sockets systemd opens.
func movesSocket(directive string) bool {
	switch directive {
	case "route.pull", "observability.metrics", "observability.metrics.enabled":
		return true
	}
	return strings.HasSuffix(directive, ".listen")
}

// needsRestart refuses a configuration that changes what is fixed at start,
// naming each such line and the command to run.
func (a *App) needsRestart(old, cfg *config.Config) error {
	changes := compile.RestartChanges(old, cfg)
	if len(changes) == 0 {
		return nil
	}
	sockets := slices.ContainsFunc(changes, func(c compile.Change) bool { return a.inherited && movesSocket(c.Directive) })
	command, hint := restartService, "hint: nothing was changed; take the file over with: "+restartService
	if sockets {
		command = restartSockets
		hint = "hint: nothing was changed, and systemd holds the old sockets; take the file over with these two commands:\n" +
			"hint:   systemctl daemon-reload\nhint:   systemctl restart hookaido.target"
	}
	refused := &admin.ReloadError{Code: admin.CodeRestartRequired, Diagnostics: []admin.Diagnostic{}}
	var lines []string
	for _, c := range changes {
		message := c.Directive + " changes only with a restart"
		lines = append(lines, fmt.Sprintf("%s: error: %s", c.Pos, message))
		refused.Diagnostics = append(refused.Diagnostics, admin.Diagnostic{
			File: c.Pos.File, Line: c.Pos.Line, Column: c.Pos.Column, Severity: "error", Message: message, Hint: command,
		})
	}
	refused.Detail = strings.Join(append(lines, hint), "\n")
	return refused
}

// reloadFor reloads because of a trigger other than the admin API.
func (a *App) reloadFor(ctx context.Context, trigger string) {
	result, err := a.admin.Reload(ctx)
	if err != nil {
		a.logger.Error("config_reload_failed", zap.String("trigger", trigger), observe.Err(err))
		return
	}
	a.logger.Info("config_reloaded_ok", zap.String("trigger", trigger), zap.Int64("generation", result.Generation),
		zap.Strings("changes", result.Changes))
}
