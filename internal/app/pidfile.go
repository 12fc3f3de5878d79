package app

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// pidFile is a file that holds our process id while we run; empty for none.
type pidFile string

// claimPIDFile writes our id to path, unless a living process has it.
func claimPIDFile(path string) (pidFile, error) {
	if path == "" {
		return "", nil
	}
	if pid, alive := holder(path); alive {
		return "", failure(ExitUnavailable, "pid file %s: process %d runs already", path, pid)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // others may see that we run
		return "", failure(ExitStorage, "pid file: %w", err)
	}
	text := strconv.Itoa(os.Getpid()) + "\n"
	temp := path + ".new"
	if err := errors.Join(os.WriteFile(temp, []byte(text), 0o600), os.Rename(temp, path)); err != nil {
		return "", failure(ExitStorage, "pid file: %w", err)
	}
	return pidFile(path), nil
}

// holder reads a pid file and tells whether its process lives.
func holder(path string) (pid int, alive bool) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 || pid == os.Getpid() {
		return 0, false
	}
	err = syscall.Kill(pid, 0)
	return pid, err == nil || errors.Is(err, syscall.EPERM) // somebody else's process lives too
}

// release removes the file if it is still ours.
func (p pidFile) release() {
	if p == "" {
		return
	}
	text, err := os.ReadFile(string(p))
	if err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(os.Getpid()) {
		_ = os.Remove(string(p)) // a stale file is noticed by the next start
	}
}
