package app

import (
	"errors"
	"strings"
	"testing"

	"hookaido/internal/admin"
	"hookaido/internal/config"
	"hookaido/internal/config/compile"
	"hookaido/internal/observe"
)

func TestRestartCommands(t *testing.T) {
	parse := func(text string) *config.Config {
		cfg, faults := compile.Source("Hookaidofile", []byte(text), compile.Options{})
		if cfg == nil {
			t.Fatal(faults)
		}
		return cfg
	}
	const api = "pull_api { auth token raw:0123456789abcdef0123456789abcdef }\n/a { pull { path /a } }\n"
	const before = "ingress { listen :8080 }\n" + api
	for name, tc := range map[string]struct {
		after     string
		inherited bool
		want      string // the commands, each in a line
	}{
		"moved":                  {"ingress { listen :80 }\n" + api, true, "systemctl daemon-reload\nsystemctl restart hookaido.target"},
		"moved, without sockets": {"ingress { listen :80 }\n" + api, false, "systemctl restart hookaido"},
		"no socket concerned":    {"ingress { listen :8080 }\n" + strings.Replace(api, "{ auth", "{ max_batch 7\n auth", 1), true, "systemctl restart hookaido"},
		"metrics":                {before + "observability { metrics on }", true, "systemctl daemon-reload\nsystemctl restart hookaido.target"},
		"metrics, unless asked":  {before + "observability { access_log off }", true, "systemctl restart hookaido"},
		"nothing":                {"ingress { listen :8080 }\n" + api + "/b { pull { path /b } }\n", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := &App{inherited: tc.inherited}
			err := a.needsRestart(parse(before), parse(tc.after))
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var refused *admin.ReloadError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			var commands []string
			for line := range strings.Lines(refused.Detail) {
				if i := strings.Index(line, "systemctl "); i >= 0 {
					commands = append(commands, strings.TrimSpace(line[i:]))
				}
			}
			if got := strings.Join(commands, "\n"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if got := refused.Diagnostics[0].Hint; got != strings.ReplaceAll(tc.want, "\n", "; ") {
				t.Errorf("the hint is %q", got)
			}
		})
	}
}

func TestFarewell(t *testing.T) {
	for code, want := range map[int]string{
		ExitConfig: observe.StartConfigRefused, ExitUnavailable: observe.StartNoListener, ExitStorage: observe.StartStorageFailed, 1: "",
	} {
		event, message := farewell(failure(code, "first\nsecond"))
		if event != want || observe.CatalogID(event) == "" && want != "" || strings.Contains(message, "second") || want != "" && !strings.Contains(message, "first") {
			t.Errorf("%d: %q, %q", code, event, message)
		}
	}
	if event, _ := farewell(errors.New("x")); event != "" {
		t.Errorf("an error without a code is %q", event)
	}
}
