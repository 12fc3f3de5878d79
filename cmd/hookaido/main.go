// Command hookaido is a webhook inbox: it takes signed webhooks, keeps each one
// durably before it answers, and hands them on to workers.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
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
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], cli.Environment{
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Build:  cli.Build{Version: version, Commit: commit, Date: buildDate},
	})
	stop()
	os.Exit(code)
}
