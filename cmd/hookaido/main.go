// Command hookaido is a webhook inbox: it takes signed webhooks, keeps each one
// durably before it answers, and hands them on to workers.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"hookaido/internal/cli"
)

// Set at link time, see the Makefile.
var (
	version   = "0.0.0-dev"
	commit    = "unknown"
	buildDate = "unknown"
)

func main() {
	// the library's HTTP client tells the standard logger, at length, what a
	// target says unasked; that is no part of our log
	log.SetOutput(io.Discard)
	addProcessor()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], cli.Environment{
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Build:  cli.Build{Version: version, Commit: commit, Date: buildDate},
	})
	stop()
	os.Exit(code)
}

// addProcessor lets one thread more run Go at a time than there are processors,
// unless GOMAXPROCS says how many. The queue's writer is in SQLite or in a sync
// much of the time; each time it comes back it would wait behind all requests.
func addProcessor() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
