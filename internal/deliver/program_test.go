package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

// script writes a shell script and returns its path. $DIR in it is its folder.
func script(t testing.TB, body string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "handle")
	text := "#!/bin/sh\nDIR=" + dir + "\n" + body + "\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func runScript(t *testing.T, body string) Result {
	t.Helper()
	return newTarget(t, newDeliverer(t, options()), config.Target{Exec: script(t, body)}).Attempt(t.Context(), message())
}

func TestProgramGetsTheMessage(t *testing.T) {
	path := script(t, `cat >"$DIR/body"; env >"$DIR/env"; pwd >"$DIR/pwd"; echo $# >"$DIR/args"`)
	m := message()
	m.Envelope.Headers = append(m.Envelope.Headers, queue.Pair{Name: "X-Multi", Value: "a"}, queue.Pair{Name: "X-Multi", Value: "b"},
		queue.Pair{Name: "X.Odd!Name", Value: "1"}, queue.Pair{Name: "X-Hookaido-Event-Id", Value: "forged"}, queue.Pair{Name: "X-Fn", Value: "() { :;}; touch /tmp/pwned"},
		queue.Pair{Name: "X-Ld-Preload", Value: "/evil.so"}, queue.Pair{Name: "X-Nul", Value: "a\x00b"})
	t.Setenv("SECRET_OF_THE_SERVICE", "MARKER")
	target := newTarget(t, newDeliverer(t, options()), config.Target{Exec: path, Env: []config.EnvVar{
		{Name: "SIZE", Value: secret.New([]byte("3 20"))}, {Name: "HOOKAIDO_ROUTE", Value: secret.New([]byte("mine"))},
	}})
	wantResult(t, target.Attempt(t.Context(), m), Done, 200, None)
	if body := read(t, path, "body"); body != `{"a":1}` {
		t.Errorf("standard input was %q", body)
	}
	if args := read(t, path, "args"); args != "0\n" {
		t.Errorf("there were %s arguments", args)
	}
	got := map[string]string{}
	for line := range strings.Lines(read(t, path, "env")) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		got[name] = value
	}
	delete(got, "_") // the shell's own, as is PWD
	delete(got, "PWD")
	want := map[string]string{
		"PATH": "/usr/bin:/bin", "HOOKAIDO_ROUTE": "mine", "HOOKAIDO_EVENT_ID": "msg_0001", "HOOKAIDO_ATTEMPT": "3",
		"HOOKAIDO_RECEIVED_AT": "2026-11-25T11:59:00Z", "HOOKAIDO_CONTENT_TYPE": "application/json", "HOOKAIDO_HEADER_CONTENT_TYPE": "application/json",
		"HOOKAIDO_HEADER_X_MULTI": "a,b", "HOOKAIDO_HEADER_X_ODD_NAME": "1", "HOOKAIDO_HEADER_X_FN": "() { :;}; touch /tmp/pwned",
		"HOOKAIDO_HEADER_X_LD_PRELOAD": "/evil.so", "SIZE": "3 20",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the environment is\n%v, want\n%v", got, want)
	}
}

func read(t *testing.T, program, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(program), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// badinput 114: what each end means.
func TestEnds(t *testing.T) {
	for body, c := range map[string]struct {
		class  Class
		status int
		reason Reason
	}{
		"exit 0":           {Done, 200, None},
		"exit 75":          {Retry, 503, ReasonExit},
		"exit 1":           {Retry, 500, ReasonExit},
		"exit 126":         {Retry, 500, ReasonExit},
		"exit 127":         {Retry, 500, ReasonExit},
		"exit 255":         {Retry, 500, ReasonExit},
		"kill -9 $$":       {Retry, 502, ReasonSignal},
		"kill -TERM $$":    {Retry, 502, ReasonSignal},
		"not-a-command":    {Retry, 500, ReasonExit},
		"exec cat":         {Done, 200, None},
		"exec <&- ; exit":  {Done, 200, None},
		"exec 2>&- ; exit": {Done, 200, None},
	} {
		r := runScript(t, body)
		if r.Class != c.class || r.Status != c.status || r.Reason != c.reason {
			t.Errorf("%s: %v %d %q (%v)", body, r.Class, r.Status, r.Reason, r.Cause)
		}
	}
}

func TestPrograms(t *testing.T) {
	write := func(t *testing.T, mode, dirMode fs.FileMode, text string) string {
		dir := filepath.Join(t.TempDir(), "d")
		path := filepath.Join(dir, "p")
		must(t, os.Mkdir(dir, 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o600))
		must(t, os.Chmod(path, mode))
		must(t, os.Chmod(dir, dirMode))
		return path
	}
	const good = "#!/bin/sh\n"
	for name, c := range map[string]struct {
		path   string
		class  Class
		reason Reason
	}{
		"good":                      {write(t, 0o755, 0o755, good), Done, None},
		"missing":                   {"/nonexistent/program", GiveUp, ReasonProgramMissing},
		"a folder":                  {"/usr", GiveUp, ReasonProgramRefused},
		"a device":                  {"/dev/null", GiveUp, ReasonProgramRefused},
		"not executable":            {write(t, 0o644, 0o755, good), GiveUp, ReasonProgramRefused},
		"changed by everybody":      {write(t, 0o757, 0o755, good), GiveUp, ReasonProgramRefused},
		"replaced by everybody":     {write(t, 0o755, 0o777, good), GiveUp, ReasonProgramRefused},
		"in a sticky folder":        {write(t, 0o755, fs.ModeSticky|0o777, good), Done, None},
		"interpreter missing":       {write(t, 0o755, 0o755, "#!/nonexistent/sh\n"), GiveUp, ReasonProgramMissing},
		"neither script nor binary": {write(t, 0o755, 0o755, "hello"), GiveUp, ReasonProgramRefused},
	} {
		r := newTarget(t, newDeliverer(t, options()), config.Target{Exec: c.path}).Attempt(t.Context(), message())
		if r.Class != c.class || r.Reason != c.reason {
			t.Errorf("%s: %v %q (%v)", name, r.Class, r.Reason, r.Cause)
		}
		if c.class == GiveUp && !strings.Contains(r.Cause.Error(), c.path) {
			t.Errorf("%s: the cause %q does not name the program", name, r.Cause)
		}
	}
}

// badinput 114: a program that never stops talking is heard in part.
func TestOutputIsBoundedAndPrintable(t *testing.T) {
	r := runScript(t, `echo ignored; printf 'line 1\nred \033[31m\377' >&2; head -c 5000000 /dev/zero | tr '\0' x >&2; exit 0`)
	wantResult(t, r, Done, 200, None)
	if !strings.HasPrefix(r.Output, `line 1\nred ?[31m?xxxx`) || !strings.HasSuffix(r.Output, "x…") || len(r.Output) > maxOutput+10 {
		t.Errorf("the output is %d bytes: %.60q", len(r.Output), r.Output)
	}
	if r := runScript(t, `echo broken >&2; exit 3`); r.Output != "broken" {
		t.Errorf("the output is %q", r.Output)
	}
}

func TestOutputIsKeptWithinItsBound(t *testing.T) {
	h := head{limit: 4}
	for _, text := range []string{"ab", strings.Repeat("x", 1000), "", "y"} {
		if n, err := h.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("Write(%d bytes) = %d, %v", len(text), n, err)
		}
	}
	if got := string(h.kept()); got != "abxxx" {
		t.Errorf("kept %q", got)
	}
	_, _ = h.Write([]byte("late"))
	if got := string(h.kept()); got != "abxxx" {
		t.Errorf("kept %q after the end", got)
	}
}

// badinput 115: a body that is never read.
func TestUnreadInput(t *testing.T) {
	m := message()
	m.Payload = bytes.Repeat([]byte("x"), 2<<20)
	wantResult(t, newTarget(t, newDeliverer(t, options()), config.Target{Exec: script(t, "exit 0")}).Attempt(t.Context(), m), Done, 200, None)
	path := script(t, `wc -c >"$DIR/n"`)
	wantResult(t, newTarget(t, newDeliverer(t, options()), config.Target{Exec: path}).Attempt(t.Context(), m), Done, 200, None)
	if n := strings.TrimSpace(read(t, path, "n")); n != strconv.Itoa(2<<20) {
		t.Errorf("%s bytes came", n)
	}
}

// alive reports whether a process runs; a zombie that nobody has reaped doesn't.
func alive(t *testing.T, pid string) bool {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	clk := clock.System{}
	for end := clk.Monotonic() + 5*time.Second; !ok(); {
		if clk.Monotonic() > end {
			t.Fatal("waited in vain: " + what)
		}
		timer := clk.NewTimer(time.Millisecond)
		<-timer.C()
	}
}

// badinput 113: descendants that go on, with the output in their hands.
func TestDescendantsAreKilled(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"delivered": {`sleep 1000 & echo $! >"$DIR/pid"; exit 0`, 200},
		"failed":    {`sleep 1000 & echo $! >"$DIR/pid"; exit 1`, 500},
		"deaf":      {`(trap '' TERM; sleep 1000 & echo $! >"$DIR/pid"; wait) & while ! [ -s "$DIR/pid" ]; do :; done; exit 0`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			path := script(t, c.body)
			r := newTarget(t, newDeliverer(t, options()), config.Target{Exec: path}).Attempt(t.Context(), message())
			if r.Status != c.status {
				t.Errorf("status %d (%v)", r.Status, r.Cause)
			}
			pid := strings.TrimSpace(read(t, path, "pid"))
			eventually(t, "the descendant ends", func() bool { return !alive(t, pid) })
		})
	}
}

// A descendant that left the group can't be killed; it isn't waited for either.
func TestDescendantThatLeftIsNotWaitedFor(t *testing.T) {
	path := script(t, `setsid sleep 1000 & echo $! >"$DIR/pid"; while ! [ "$(cut -d' ' -f6 /proc/$!/stat)" = $! ]; do :; done; echo said >&2; exit 0`)
	r := newTarget(t, newDeliverer(t, options()), config.Target{Exec: path}).Attempt(t.Context(), message())
	wantResult(t, r, Done, 200, None)
	if r.Output != "said" {
		t.Errorf("the output is %q", r.Output)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, path, "pid")))
	must(t, err)
	if !alive(t, strconv.Itoa(pid)) {
		t.Error("the test lost the descendant")
	}
	must(t, syscall.Kill(pid, syscall.SIGKILL))
}

func TestProgramTimeout(t *testing.T) {
	o := options()
	o.Clock = clock.System{}
	target := newTarget(t, newDeliverer(t, o), config.Target{Exec: script(t, "exec sleep 1000"), Timeout: 100 * time.Millisecond})
	r := target.Attempt(t.Context(), message())
	wantResult(t, r, Retry, 408, ReasonTimeout)
	if !strings.Contains(r.Cause.Error(), "timeout of 100ms") {
		t.Errorf("the cause is %q", r.Cause)
	}
}

// badinput 114: a program is asked to end, and killed if it doesn't hear.
func TestProgramIsAskedAndThenKilled(t *testing.T) {
	for name, c := range map[string]struct{ trap, end string }{
		"ends when asked": {`trap 'echo asked >"$DIR/end"; exit 0' TERM`, "asked\n"},
		"has no ear":      {`trap '' TERM`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			clk := clock.NewManual(now)
			o.Clock = clk
			path := script(t, c.trap+`; : >"$DIR/end"; echo $$ >"$DIR/new"; mv "$DIR/new" "$DIR/pid"; while :; do sleep 0.01; done`)
			p := newProgram(newDeliverer(t, o), &config.Target{Exec: path})
			ctx, timeOut := context.WithCancelCause(t.Context())
			results := make(chan Result)
			go func() { results <- p.attempt(ctx, message()) }()
			eventually(t, "the program starts", func() bool {
				_, err := os.Stat(filepath.Join(filepath.Dir(path), "pid"))
				return err == nil
			})
			timeOut(&timeoutError{time.Second})
			if c.end == "" {
				clk.AwaitTimers(1)
				clk.Advance(endGrace)
			}
			wantResult(t, <-results, Retry, 408, ReasonTimeout)
			if got := read(t, path, "end"); got != c.end {
				t.Errorf("the program left %q, want %q", got, c.end)
			}
			if pid := strings.TrimSpace(read(t, path, "pid")); alive(t, pid) {
				t.Error("the program runs on")
			}
		})
	}
}

func TestProgramIsStopped(t *testing.T) {
	path := script(t, `echo $$ >"$DIR/pid"; sleep 1000`)
	target := newTarget(t, newDeliverer(t, options()), config.Target{Exec: path})
	ctx, stop := contextWithCancel(t)
	results := make(chan Result)
	go func() { results <- target.Attempt(ctx, message()) }()
	eventually(t, "the program starts", func() bool {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), "pid"))
		return err == nil && len(b) > 0
	})
	stop()
	wantResult(t, <-results, Retry, 0, ReasonStopped)
}

// No descriptor of ours but the three standard ones, not even one that was left
// open to programs.
func TestNoDescriptorIsInherited(t *testing.T) {
	var pipe [2]int
	must(t, syscall.Pipe(pipe[:])) // without O_CLOEXEC
	t.Cleanup(func() {
		_ = syscall.Close(pipe[0])
		_ = syscall.Close(pipe[1])
	})
	path := script(t, `ls /proc/$$/fd >"$DIR/fd"`)
	wantResult(t, newTarget(t, newDeliverer(t, options()), config.Target{Exec: path}).Attempt(t.Context(), message()), Done, 200, None)
	// the shell has its script open at a number of its own
	for line := range strings.Lines(read(t, path, "fd")) {
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err != nil || n == pipe[0] || n == pipe[1] {
			t.Errorf("the program has descriptor %q", line)
		}
	}
}

func TestTooLargeAnEnvironment(t *testing.T) {
	m := message()
	m.Envelope.Headers = []queue.Pair{{Name: "X-Large", Value: strings.Repeat("x", 200<<10)}}
	wantResult(t, newTarget(t, newDeliverer(t, options()), config.Target{Exec: script(t, "exit 0")}).Attempt(t.Context(), m), Retry, 500, ReasonStart)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
