package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"hookaido/internal/clock"
)

// flooder sends one request over and over, on connections that stay open, as
// cheaply as it can, so that most of a small machine is left to the server.
type flooder struct {
	address string
	request []byte
	clk     clock.System

	mu       sync.Mutex
	answered int // with 200
	other    int // with another status
	failed   int // without an answer; ends its connection's part
	slowest  time.Duration
	example  error
}

func flood(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("flood", flag.ContinueOnError)
	target := flags.String("url", "", "what to GET")
	rate := flags.Int("rate", 10000, "requests per second")
	length := flags.Duration("for", 10*time.Second, "how long")
	connections := flags.Int("connections", 50, "connections to send over")
	if err := flags.Parse(args); err != nil {
		return err
	}
	u, err := url.Parse(*target)
	if err != nil {
		return err
	}
	if *rate < *connections || *connections < 1 {
		return errors.New("a connection sends at least once a second: take a larger -rate or fewer -connections")
	}
	f := &flooder{
		address: u.Host,
		request: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.RequestURI(), u.Host),
	}
	begin := f.clk.Monotonic()
	var running sync.WaitGroup
	for range *connections {
		running.Go(func() { f.drive(ctx, *rate / *connections, *length) })
	}
	running.Wait()
	took := f.clk.Monotonic() - begin
	fmt.Printf("answered=%d other=%d failed=%d rate=%d slowest=%dms\n", f.answered, f.other, f.failed,
		int(float64(f.answered+f.other)/took.Seconds()), f.slowest.Milliseconds())
	if f.example != nil {
		fmt.Println("an error was:", f.example)
	}
	return nil
}

// drive sends rate requests per second over one connection, each at its time
// or, when it is late, at once, but none after length.
func (f *flooder) drive(ctx context.Context, rate int, length time.Duration) {
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		f.note(0, err, 0)
		return
	}
	defer conn.Close() //nolint:errcheck // it was only read from since the last write
	answers := bufio.NewReader(conn)
	begin := f.clk.Monotonic()
	timer := f.clk.NewTimer(0)
	defer timer.Stop()
	for n := range int(length.Seconds() * float64(rate)) {
		if wait := begin + time.Duration(n)*time.Second/time.Duration(rate) - f.clk.Monotonic(); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C():
			case <-ctx.Done():
				return
			}
		}
		start := f.clk.Monotonic()
		if start > begin+length {
			return
		}
		status, err := f.ask(conn, answers)
		f.note(status, err, f.clk.Monotonic()-start)
		if err != nil {
			return
		}
	}
}

func (f *flooder) ask(conn net.Conn, answers *bufio.Reader) (int, error) {
	if _, err := conn.Write(f.request); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

func (f *flooder) note(status int, err error, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slowest = max(f.slowest, took)
	switch {
	case err != nil:
		f.failed++
		f.example = err
	case status == http.StatusOK:
		f.answered++
	default:
		f.other++
	}
}
