package deliver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// exitAgain is EX_TEMPFAIL of sysexits.h, with which a program says that it
// would succeed later.
const exitAgain = 75

// program delivers to a program: the body on standard input, the rest in the
// environment. Nothing else of ours reaches it.
type program struct {
	deliverer *Deliverer
	path      string
	env       []config.EnvVar
}

func newProgram(d *Deliverer, cfg *config.Target) *program {
	return &program{deliverer: d, path: cfg.Exec, env: cfg.Env}
}

func (p *program) attempt(ctx context.Context, m *queue.Leased) Result {
	if r, refused := p.refuse(); refused {
		return r
	}
	e, err := run(ctx, p.deliverer.clock, command{path: p.path, env: p.environment(m), input: m.Payload})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// the program was there: what is missing is its interpreter
		return failed(GiveUp, ReasonProgramMissing, fmt.Errorf("start %s: %w; its first line or its loader names what isn't there", p.path, err))
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC):
		return failed(GiveUp, ReasonProgramRefused, fmt.Errorf("start %s: %w", p.path, err))
	case err != nil:
		r := failed(Retry, ReasonStart, fmt.Errorf("start %s: %w", p.path, err))
		r.Status = 500
		return r
	}
	r := judgeEnd(ctx, e)
	r.Output = printable(string(e.output), maxOutput)
	return r
}

// judgeEnd says what the end of a program means, and which status of HTTP
// stands for it.
func judgeEnd(ctx context.Context, e end) Result {
	result := func(status int, reason Reason, cause error) Result {
		r := failed(Retry, reason, cause)
		r.Status = status
		return r
	}
	var limit *timeoutError
	switch {
	case e.broken && errors.As(context.Cause(ctx), &limit):
		return result(408, ReasonTimeout, limit)
	case e.broken:
		return failed(Retry, ReasonStopped, errors.New("the program was ended by a stop"))
	case e.signal != 0:
		return result(502, ReasonSignal, fmt.Errorf("the program was killed by signal %d (%v)", int(e.signal), e.signal))
	case e.code == exitAgain:
		return result(503, ReasonExit, fmt.Errorf("the program asked for another attempt (exit code %d)", e.code))
	case e.code != 0:
		return result(500, ReasonExit, fmt.Errorf("the program failed (exit code %d)", e.code))
	}
	return Result{Class: Done, Status: 200}
}

// refuse looks at the program as it is now.
func (p *program) refuse() (Result, bool) {
	refuse := func(format string, args ...any) (Result, bool) {
		return failed(GiveUp, ReasonProgramRefused, fmt.Errorf(format, args...)), true
	}
	info, err := os.Stat(p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return failed(GiveUp, ReasonProgramMissing, fmt.Errorf("%s doesn't exist; install it and requeue the message", p.path)), true
	case err != nil:
		return refuse("%s can't be seen: %w", p.path, err)
	case !info.Mode().IsRegular():
		return refuse("%s is not a regular file", p.path)
	case info.Mode().Perm()&0o111 == 0:
		return refuse("%s can't be executed; chmod a+x it", p.path)
	case info.Mode().Perm()&0o002 != 0:
		return refuse("everybody may change %s; chmod o-w it", p.path)
	}
	dir := filepath.Dir(p.path)
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return refuse("everybody may replace %s; chmod o-w %s", p.path, dir)
	}
	return Result{}, false
}

// environment is all that the program gets to see of ours. What the
// configuration sets comes last and wins.
func (p *program) environment(m *queue.Leased) []string {
	env := []string{
		"PATH=" + p.deliverer.path,
		"HOOKAIDO_ROUTE=" + m.Route,
		"HOOKAIDO_EVENT_ID=" + m.ID,
		"HOOKAIDO_ATTEMPT=" + strconv.Itoa(m.Attempt),
		"HOOKAIDO_RECEIVED_AT=" + m.ReceivedAt.UTC().Format(time.RFC3339Nano),
	}
	at := map[string]int{}
	for name, value := range forwarded(m.Envelope.Headers) {
		name = variable(name)
		if i, repeated := at[name]; repeated {
			env[i] += "," + value
			continue
		}
		at[name] = len(env)
		env = append(env, "HOOKAIDO_HEADER_"+name+"="+value)
	}
	if i, has := at["CONTENT_TYPE"]; has {
		_, value, _ := strings.Cut(env[i], "=")
		env = append(env, "HOOKAIDO_CONTENT_TYPE="+value)
	}
	for _, v := range p.env {
		env = append(env, v.Name+"="+string(v.Value.Reveal()))
	}
	return env
}

// variable is the name of a header as a part of that of a variable.
func variable(header string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, header)
}
