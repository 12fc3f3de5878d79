// Command load sends signed webhooks at a steady rate, and counts in the queue
// what was promised. The lab's scripts use it.
//
//	load send  -url URL -secret-file FILE -rate N -for DURATION -out FILE
//	load drain -url URL -token-file FILE -want FILE
//	load hold  -listen ADDRESS
//
// Send opens a connection for each request, as senders of webhooks do, so that
// a refused or reset connection is seen. FILE gets the number of each message
// that was answered 202. Drain takes all messages over the pull API and tells
// how many of the numbers in FILE it did not find, or found twice. Hold keeps an
// address in use.
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

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say what to do: load send, load drain or load hold")
	}
	switch args[0] {
	case "send":
		return send(ctx, args[1:])
	case "drain":
		return drain(ctx, args[1:])
	case "hold":
		return hold(ctx, args[1:])
	default:
		return fmt.Errorf("no command %q: load send, load drain or load hold", args[0])
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
