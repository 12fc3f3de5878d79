package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"hookaido/internal/clock"
)

// sender posts numbered messages and keeps count.
type sender struct {
	client *http.Client
	url    string
	secret []byte

	sent int // belongs to run

	mu       sync.Mutex
	accepted *bufio.Writer
	statuses map[int]int
	refused  int // connections that nobody listened for
	reset    int // connections that were cut
	failed   int // other failures
	slowest  time.Duration
	example  error
}

func send(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("send", flag.ContinueOnError)
	url := flags.String("url", "", "ingress address with path")
	secretFile := flags.String("secret-file", "", "GitHub webhook secret")
	rate := flags.Int("rate", 200, "requests per second")
	length := flags.Duration("for", 10*time.Second, "how long")
	out := flags.String("out", "", "file for the numbers that were answered 202")
	limit := flags.Duration("limit", 20*time.Second, "patience with one request")
	if err := flags.Parse(args); err != nil {
		return err
	}
	secret, err := os.ReadFile(*secretFile)
	if err != nil {
		return fmt.Errorf("read the secret: %w", err)
	}
	file, err := os.Create(*out)
	if err != nil {
		return fmt.Errorf("make the list: %w", err)
	}
	s := &sender{
		client:   &http.Client{Timeout: *limit, Transport: &http.Transport{DisableKeepAlives: true}},
		url:      *url,
		secret:   bytes.TrimSpace(secret),
		accepted: bufio.NewWriter(file),
		statuses: map[int]int{},
	}
	s.run(ctx, *rate, *length)
	if err := s.accepted.Flush(); err != nil {
		return fmt.Errorf("write the list: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write the list: %w", err)
	}
	s.report()
	return nil
}

// run starts requests at their times, whether or not earlier ones were
// answered, as independent senders do.
func (s *sender) run(ctx context.Context, rate int, length time.Duration) {
	var (
		clk     clock.System
		begin   = clk.Monotonic()
		pending sync.WaitGroup
		timer   = clk.NewTimer(0)
	)
	defer timer.Stop()
	for n := 0; n < int(length.Seconds()*float64(rate)); n++ {
		due := begin + time.Duration(n)*time.Second/time.Duration(rate)
		timer.Reset(max(0, due-clk.Monotonic()))
		select {
		case <-timer.C():
		case <-ctx.Done():
			pending.Wait()
			return
		}
		s.sent++
		pending.Go(func() {
			start := clk.Monotonic()
			status, err := s.post(n)
			s.note(n, status, err, clk.Monotonic()-start)
		})
	}
	pending.Wait()
}

func (s *sender) post(n int) (int, error) {
	body := fmt.Appendf(nil, `{"number":%d,"filler":"%0200d"}`, n, n)
	mac := hmac.New(sha256.New, s.secret)
	mac.Write(body)
	request, err := http.NewRequest(http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.GetBody = nil // what is lost must be seen, not sent again
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-GitHub-Event", "push")
	request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

func (s *sender) note(n, status int, err error, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowest = max(s.slowest, took)
	switch {
	case err == nil:
		s.statuses[status]++
		if status == http.StatusAccepted {
			_, _ = fmt.Fprintln(s.accepted, n) // Flush reports it
		}
		return
	case errors.Is(err, syscall.ECONNREFUSED):
		s.refused++
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		s.reset++
	default:
		s.failed++
	}
	s.example = err
}

// report prints one line that scripts read.
func (s *sender) report() {
	other := 0
	for status, count := range s.statuses {
		if status != http.StatusAccepted && status != http.StatusServiceUnavailable {
			other += count
		}
	}
	fmt.Printf("sent=%d accepted=%d unavailable=%d other=%d refused=%d reset=%d failed=%d slowest=%dms\n",
		s.sent, s.statuses[http.StatusAccepted], s.statuses[http.StatusServiceUnavailable], other,
		s.refused, s.reset, s.failed, s.slowest.Milliseconds())
	if s.example != nil {
		fmt.Println("an error was:", s.example)
	}
}
