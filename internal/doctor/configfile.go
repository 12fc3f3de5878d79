package doctor

import (
	"context"
	"fmt"
	"os"

	"hookaido/internal/config/syntax"
)

// maxDiagnostics bounds how much of what is wrong with a Hookaidofile is told
// here; "hookaido config validate" tells all.
const maxDiagnostics = 3

const reload = "systemctl reload hookaido.service"

// checkConfig looks at the Hookaidofile and at whether the daemon has it.
func checkConfig(_ context.Context, p *patient) ([]Finding, error) {
	if denied(p.readErr) {
		return nil, unseen("only root may read %s", p.config)
	}
	var found []Finding
	validate := "hookaido config validate --config " + quote(p.config)
	wrong := 0
	for _, d := range p.diagnostics {
		if d.Severity == syntax.Error && wrong < maxDiagnostics {
			wrong++
			found = append(found, finding(Error, idConfigInvalid, place(d), validate).
				says(d.Message, "the file can't be used: a reload is refused, and a restart leaves the service down"))
		}
	}
	if info, err := os.Stat(p.config); err == nil && info.Mode().Perm()&0o002 != 0 {
		found = append(found, finding(Error, idConfigWritable, p.config, "chmod o-w "+quote(p.config)).
			says("everybody may write to the Hookaidofile", "any user of this machine could open ports and redirect webhooks"))
	}
	if p.status == nil || !p.own || p.fingerprint == "" || p.status.Config.Fingerprint == p.fingerprint {
		return found, nil
	}
	what := "the daemon runs with an older Hookaidofile than the one on disk"
	if failed := p.status.Config.LastReloadError; failed != nil {
		what += ", and the last reload was refused: " + firstLine(failed.Detail)
	}
	return append(found, finding(Warning, idConfigNotLoaded, p.config, reload).
		says(what, "what was changed has no effect yet; a reload that can't take it over says why and which commands do")), nil
}

func place(d syntax.Diagnostic) string {
	if d.Span.Start.Line == 0 {
		return d.File
	}
	return fmt.Sprintf("%s:%d:%d", d.File, d.Span.Start.Line, d.Span.Start.Column)
}
