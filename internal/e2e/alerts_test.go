package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/viper"
)

// alert is a rule of Prometheus.
type alert struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

// ourCommand matches a command of hookaido in a runbook, without its arguments.
var ourCommand = regexp.MustCompile(`^hookaido((?: [a-z_]+)+)`)

// TestAlerts holds that each alert waits before it fires, says what it means, and
// names commands, of which those of ours exist.
func TestAlerts(t *testing.T) {
	file := viper.New()
	file.SetConfigFile(examples + "prometheus-alerts.yml")
	must(t, file.ReadInConfig())
	var rules struct {
		Groups []struct {
			Name  string
			Rules []alert
		}
	}
	must(t, file.UnmarshalExact(&rules))
	if len(rules.Groups) != 1 || len(rules.Groups[0].Rules) < 15 {
		t.Fatalf("%d groups", len(rules.Groups))
	}
	manual, err := os.ReadFile("../../packaging/man/hookaido-metrics.7.md")
	must(t, err)
	names := map[string]bool{}
	for _, a := range rules.Groups[0].Rules {
		if names[a.Alert] || !strings.HasPrefix(a.Alert, "Hookaido") {
			t.Errorf("the name %q is there twice, or not ours", a.Alert)
		}
		names[a.Alert] = true
		if wait, err := time.ParseDuration(strings.Replace(a.For, "1d", "24h", 1)); err != nil || wait < time.Minute {
			t.Errorf("%s: for %q", a.Alert, a.For)
		}
		switch a.Labels["severity"] {
		case "critical":
			if !strings.Contains(string(manual), "**"+a.Alert+"**") {
				t.Errorf("%s wakes somebody up, and is not in the manual", a.Alert)
			}
		case "warning", "info":
		default:
			t.Errorf("%s: severity %q", a.Alert, a.Labels["severity"])
		}
		if a.Expr == "" || a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s does not say what it means", a.Alert)
		}
		runbookRuns(t, a.Alert, a.Annotations["runbook"])
	}
}

// runbookRuns checks the commands of a runbook.
func runbookRuns(t *testing.T, name, runbook string) {
	t.Helper()
	if runbook == "" {
		t.Errorf("%s names no command", name)
	}
	for command := range strings.SplitSeq(runbook, "; ") {
		command = strings.TrimPrefix(command, "sudo ")
		words := ourCommand.FindStringSubmatch(command)
		if words == nil {
			continue
		}
		args, usage := strings.Fields(words[1]), words[0]
		if args[0] == "config" && args[1] == "explain" {
			usage = args[2]
		} else {
			args = append(args, "--help")
		}
		out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), usage) { // of another command for one that isn't there
			t.Errorf("%s: hookaido %v: %v\n%s", name, args, err, out)
		}
		for _, flag := range strings.Fields(command) {
			if strings.HasPrefix(flag, "--") && !strings.Contains(string(out), flag) {
				t.Errorf("%s: hookaido %v has no flag %s", name, args, flag)
			}
		}
	}
}

// TestDashboard holds that every panel asks for something, by the chosen source
// and instances.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(examples + "grafana-dashboard.json")
	must(t, err)
	var board struct {
		Title         string
		UID           string
		SchemaVersion int
		Panels        []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Datasource  struct{ Type, UID string }
			Targets     []struct{ Expr, RefID string }
		}
		Templating struct {
			List []struct{ Name, Type string }
		}
	}
	must(t, json.Unmarshal(text, &board))
	if board.Title == "" || board.UID == "" || board.SchemaVersion == 0 || len(board.Templating.List) != 2 {
		t.Errorf("the frame: %+v", board.Templating)
	}
	seen := map[int]bool{}
	for _, p := range board.Panels {
		if seen[p.ID] || p.Title == "" || p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q: a number that is there twice, no title, or out of the grid", p.ID, p.Title)
		}
		seen[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %q asks for nothing, or a fixed source", p.Title)
		}
		for _, target := range p.Targets {
			if !strings.Contains(target.Expr, `{instance=~"$instance"`) || target.RefID == "" {
				t.Errorf("panel %q: %s", p.Title, target.Expr)
			}
		}
	}
}
