// Command load sends signed webhooks at a steady rate, and counts in the queue
// what was promised. The lab's scripts use it.
//
//	load send  -url URL -secret-file FILE -rate N -for DURATION -out FILE
//	load drain -url URL -token-file FILE -want FILE
//	load flood -url URL -rate N -for DURATION -connections N
//	load lines -rate N -for DURATION
//	load hold  -listen ADDRESS
//
// Send opens a connection for each request, as senders of webhooks do, so that
// a refused or reset connection is seen. FILE gets the number of each message
// that was answered 202. Drain takes all messages over the pull API and tells
// how many of the numbers in FILE it did not find, or found twice. Flood asks for
// one page over and over; lines writes access lines to the journal by itself, and
// error lines between them. Hold keeps an address in use.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

const commands = "send, drain, flood, lines or hold"

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say what to do: load " + commands)
	}
	switch args[0] {
	case "send":
		return send(ctx, args[1:])
	case "drain":
		return drain(ctx, args[1:])
	case "flood":
		return flood(ctx, args[1:])
	case "lines":
		return lines(ctx, args[1:])
	case "hold":
		return hold(ctx, args[1:])
	default:
		return fmt.Errorf("no command %q: load %s", args[0], commands)
	}
}

func hold(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("hold", flag.ContinueOnError)
	address := flags.String("listen", "", "address to hold")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return listener.Close()
}
