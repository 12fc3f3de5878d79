package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// trace attaches strace to the running daemon and returns a function that ends
// it and gives its output.
func (d *daemon) trace(args ...string) func() string {
	d.t.Helper()
	out := d.path(fmt.Sprintf("strace-%d", time.Now().UnixNano()))
	full := append([]string{"-f", "-p", itoa(d.cmd.Process.Pid), "-o", out}, args...)
	cmd := exec.Command("strace", full...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatalf("this test needs strace: %v", err)
	}
	attached := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "attached") {
				close(attached)
				break
			}
		}
		for lines.Scan() { // keep the pipe empty
			continue
		}
	}()
	select {
	case <-attached:
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		d.t.Fatal("strace did not attach: may this user trace?")
	}
	return func() string {
		d.t.Helper()
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait() // its exit code is that of a signal
		b, err := os.ReadFile(out)
		if err != nil {
			d.t.Fatal(err)
		}
		return string(b)
	}
}

// walDescriptor finds the descriptors of the write-ahead log.
func (d *daemon) walDescriptors() map[string]bool {
	d.t.Helper()
	fds := map[string]bool{}
	dir := fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && strings.HasSuffix(target, "-wal") {
			fds[e.Name()] = true
		}
	}
	if len(fds) == 0 {
		d.t.Fatal("the daemon has no write-ahead log open")
	}
	return fds
}

var (
	pwriteCall = regexp.MustCompile(`pwrite64\((\d+), `)
	syncCall   = regexp.MustCompile(`(?:fdatasync|fsync)\((\d+)\)?.* = 0`)
	syncBegun  = regexp.MustCompile(`^(\d+) .*(?:fdatasync|fsync)\((\d+).*<unfinished`)
	syncEnded  = regexp.MustCompile(`^(\d+) .*<... (?:fdatasync|fsync) resumed>.* = 0`)
	answered   = regexp.MustCompile(`write\(\d+, "HTTP/1\.1 202`)
)

// TestSyncStandsBeforeTheAnswer traces the daemon under load: between the
// write of a message to the write-ahead log and its 202 stands a completed
// sync of the log.
func TestSyncStandsBeforeTheAnswer(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	post(t, "http://"+d.ingress+"/in", []byte("warm"))
	wal := d.walDescriptors()
	end := d.trace("-e", "trace=pwrite64,fdatasync,fsync,write", "-s", "65536")
	for n := range 40 {
		if a := post(t, "http://"+d.ingress+"/in", fmt.Appendf(nil, "traced-message-%03d", n)); a.status != http.StatusAccepted {
			t.Fatalf("status %d", a.status)
		}
	}
	answers, written, synced := 0, false, false
	pending := map[string]string{}
	for line := range strings.SplitSeq(end(), "\n") {
		if m := pwriteCall.FindStringSubmatch(line); m != nil && wal[m[1]] && strings.Contains(line, "traced-message-") {
			written, synced = true, false
		}
		if m := syncBegun.FindStringSubmatch(line); m != nil {
			pending[m[1]] = m[2]
		} else if m := syncEnded.FindStringSubmatch(line); m != nil {
			synced = synced || wal[pending[m[1]]]
		} else if m := syncCall.FindStringSubmatch(line); m != nil {
			synced = synced || wal[m[1]]
		}
		if answered.MatchString(line) {
			if !written || !synced {
				t.Fatalf("answer %d went out without a write (%v) and a completed sync (%v) of the log before it", answers, written, synced)
			}
			answers, written, synced = answers+1, false, false
		}
	}
	if answers != 40 {
		t.Fatalf("the trace shows %d answers, want 40", answers)
	}
}

// TestFailedSync makes every sync of the running process fail: no 202 is false,
// readiness turns red, the process leaves with the code for a failed disk, and
// after a restart all that was answered is there.
func TestFailedSync(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	accepted := map[string]bool{}
	send := func(tag string, n int) (status int) {
		body := fmt.Sprintf("%s-%d", tag, n)
		a, err := tryPost(t, "http://"+d.ingress+"/in", []byte(body))
		if err == nil && a.status == http.StatusAccepted {
			accepted[body] = true
		}
		return a.status
	}
	for n := range 50 {
		send("before", n)
	}
	before := len(accepted)
	end := d.trace("-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO")
	failedAt := time.Now()
	if status := send("during", 0); status != http.StatusServiceUnavailable {
		t.Errorf("status %d while syncs fail, want 503", status)
	}
	red := false
	for n := 1; time.Since(failedAt) < 3*time.Second && d.running(); n++ {
		red = red || d.get("http://"+d.admin+"/readyz") == http.StatusServiceUnavailable
		send("during", n)
		time.Sleep(20 * time.Millisecond)
	}
	if !red {
		t.Error("/readyz never turned 503")
	}
	if code := d.wait(); code != 74 {
		t.Errorf("exit code %d, want 74", code)
	}
	end()
	if len(accepted) != before {
		t.Errorf("%d messages were answered with 202 while no sync worked", len(accepted)-before)
	}
	d.start()
	seen := d.drain("/in")
	for body := range accepted {
		if seen[body] != 1 {
			t.Errorf("%s was answered with 202 and came %d times", body, seen[body])
		}
	}
	d.stop()
}

// TestFullDisk runs on a file system of 6 MiB: ingress answers 503 before it
// is full, workers empty the queue all the same, and ingress comes back.
func TestFullDisk(t *testing.T) {
	d := newDaemon(t, openRoute)
	must(t, os.MkdirAll(d.path("data"), 0o700))
	if err := syscall.Mount("hookaido-test", d.path("data"), "tmpfs", 0, "size=6m,mode=0700"); err != nil {
		t.Fatalf("this test mounts a small file system and needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.path("data"), syscall.MNT_DETACH) })
	d.start()

	payload := bytes.Repeat([]byte("x"), 4096)
	accepted := 0
	full := answer{}
	for n := 0; n < 5000 && full.status == 0; n++ {
		a := post(t, "http://"+d.ingress+"/in", fmt.Appendf(payload, "-%d", n))
		if a.status == http.StatusAccepted {
			accepted++
		} else {
			full = a
		}
	}
	if full.status != http.StatusServiceUnavailable || full.header.Get("Retry-After") == "" {
		t.Fatalf("full disk: %d %s with Retry-After %q, want 503 with one", full.status, full.body, full.header.Get("Retry-After"))
	}
	if out, _, code := d.hookaido("status", "--socket", d.socket); code != 0 || !strings.Contains(out, "DISK FULL") {
		t.Errorf("status on a full disk: exit %d\n%s", code, out)
	}
	// badinput 101
	for path, want := range map[string]int{"/readyz": 503, "/healthz": 200, "/livez": 200} {
		if got := d.get("http://" + d.admin + path); got != want {
			t.Errorf("GET %s on a full disk: %d, want %d", path, got, want)
		}
	}
	// fill what is left, so that only the reserve can help
	_ = os.WriteFile(d.path("data/filler"), make([]byte, 8<<20), 0o600)
	seen := d.drain("/in")
	if len(seen) != accepted {
		t.Fatalf("%d messages drained from the full disk, %d were accepted", len(seen), accepted)
	}
	must(t, os.Remove(d.path("data/filler")))
	d.eventually("accepting again", func() bool {
		return post(t, "http://"+d.ingress+"/in", []byte("again")).status == http.StatusAccepted
	})
	d.eventually("ready again", func() bool { return d.get("http://"+d.admin+"/readyz") == http.StatusOK })
	d.stop()
}

// TestDatabaseRemovedWhileRunning is row 126 of bad input.
func TestDatabaseRemovedWhileRunning(t *testing.T) {
	for _, name := range []string{"hookaido.db", "hookaido.db-wal"} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon(t, openRoute).start()
			post(t, "http://"+d.ingress+"/in", []byte("a"))
			must(t, os.Remove(d.path("data/"+name)))
			if a, err := tryPost(t, "http://"+d.ingress+"/in", []byte("b")); err == nil && a.status != http.StatusServiceUnavailable {
				t.Errorf("status %d with the database gone, want 503", a.status)
			}
			if code := d.wait(); code != 74 {
				t.Errorf("exit code %d, want 74", code)
			}
		})
	}
}
