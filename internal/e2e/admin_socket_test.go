package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// The variables of a process that asks over a Unix socket as another user; see
// callSocket.
const (
	callerSocket  = "HOOKAIDO_E2E_SOCKET"
	callerRequest = "HOOKAIDO_E2E_REQUEST" // method, path and body
)

// callSocket makes one request as the user that this process runs as, which
// TestSocketUsers starts for it, and prints what came of it.
func callSocket(socket string) error {
	parts := strings.SplitN(os.Getenv(callerRequest), " ", 3)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	req, err := http.NewRequestWithContext(context.Background(), parts[0], "http://localhost"+parts[1], strings.NewReader(parts[2]))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hookaido-Audit-Reason", "the other user")
	res, err := client.Do(req)
	if err != nil {
		fmt.Println("outcome:", err)
		return nil
	}
	fmt.Println("outcome:", res.StatusCode)
	return res.Body.Close()
}

// TestSocketUsers is issue E, done when 1: root and the members of the group of
// the socket may ask, nobody else, and the log has who it was.
func TestSocketUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become other users")
	}
	d := newManaged(t, messagesRoutes).start()
	d.publish("/messages/publish", "/in", "a")
	const group, nobody = 54321, 65534
	must(t, os.Chown(d.socket, 0, group)) // as SocketGroup= does
	program := d.path("caller")
	own, err := os.Executable()
	must(t, err)
	b, err := os.ReadFile(own)
	must(t, err)
	must(t, os.WriteFile(program, b, 0o755)) //nolint:gosec // others run it
	for dir := d.dir; dir != os.TempDir() && dir != "/"; dir = dir[:strings.LastIndexByte(dir, '/')] {
		must(t, os.Chmod(dir, 0o755)) //nolint:gosec // a scratch folder
	}
	as := func(uid uint32, groups []uint32, request string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), callerSocket+"="+d.socket, callerRequest+"="+request)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, Groups: groups}}
		out, err := cmd.CombinedOutput()
		must(t, err)
		for line := range strings.Lines(string(out)) {
			if text, ok := strings.CutPrefix(line, "outcome: "); ok {
				return strings.TrimSpace(text)
			}
		}
		t.Fatalf("no outcome in %s", out)
		return ""
	}
	for _, request := range []string{
		"GET /status ", "GET /messages ", "GET /dlq ", "GET /attempts ", "GET /routes ", "GET /paused ", "GET /healthz?details=1 ",
		"GET /backlog/top_queued ", "GET /backlog/oldest_queued ", "GET /backlog/aging_summary ", "GET /backlog/trends ",
		`POST /pause {"route":"/in"}`, `POST /resume {"route":"/in"}`, `POST /messages/move {"ids":["none"],"to_route":"/other"}`, `POST /messages/cancel {"ids":["a"]}`,
		`POST /messages/requeue_by_filter {"all":true,"preview_only":true}`, `POST /messages/publish {"items":[{"id":"ID","route":"/in"}]}`, "POST /reload ",
	} {
		if got := as(0, nil, strings.Replace(request, "ID", "by-root", 1)); got != "200" {
			t.Errorf("root: %s: %s", request, got)
		}
		if got := as(nobody, []uint32{group}, strings.Replace(request, "ID", "by-member", 1)); got != "200" {
			t.Errorf("a member of the group: %s: %s", request, got)
		}
		if got := as(nobody, nil, strings.Replace(request, "ID", "by-nobody", 1)); !strings.HasSuffix(got, "permission denied") {
			t.Errorf("nobody: %s: %s", request, got)
		}
	}
	for _, uid := range []string{`"uid":0`, `"uid":65534`} {
		d.logLine(`"publish_messages"`, uid)
	}
	if got := d.ids("/messages?route=/in"); got != "by-member:queued by-root:queued a:canceled" {
		t.Errorf("left %s", got)
	}
}
