package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// worker takes messages over the pull API.
type worker struct {
	client *http.Client
	url    string // of the endpoint
	token  string
}

func drain(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("drain", flag.ContinueOnError)
	url := flags.String("url", "", "pull endpoint")
	tokenFile := flags.String("token-file", "", "pull token")
	want := flags.String("want", "", "file with the numbers that must be there")
	if err := flags.Parse(args); err != nil {
		return err
	}
	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	wanted, err := os.ReadFile(*want)
	if err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	w := &worker{
		client: &http.Client{Timeout: 30 * time.Second},
		url:    *url,
		token:  strings.TrimSpace(string(token)),
	}
	found, err := w.takeAll(ctx)
	if err != nil {
		return err
	}
	return compare(strings.Fields(string(wanted)), found)
}

// compare prints one line that scripts read, and fails when a number is
// missing. A message that was stored but not answered 202 is no fault.
func compare(wanted []string, found map[int]int) error {
	lost, doubled, unanswered := 0, 0, len(found)
	for _, field := range wanted {
		n, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("the list holds %q, which is no number", field)
		}
		if found[n] == 0 {
			lost++
		} else {
			unanswered--
		}
	}
	for _, count := range found {
		if count > 1 {
			doubled++
		}
	}
	fmt.Printf("promised=%d lost=%d doubled=%d unanswered=%d\n", len(wanted), lost, doubled, unanswered)
	if lost > 0 {
		return fmt.Errorf("%d messages that were answered 202 are not in the queue", lost)
	}
	return nil
}

// takeAll acknowledges everything that is ready, and returns how often each
// number came.
func (w *worker) takeAll(ctx context.Context) (map[int]int, error) {
	found := map[int]int{}
	for {
		var batch struct {
			Items []struct {
				LeaseID string `json:"lease_id"`
				Payload []byte `json:"payload_b64"`
			} `json:"items"`
		}
		if err := w.call(ctx, "dequeue", map[string]any{"batch": 100}, &batch); err != nil {
			return nil, err
		}
		if len(batch.Items) == 0 {
			return found, nil
		}
		leases := make([]string, 0, len(batch.Items))
		for _, item := range batch.Items {
			var message struct{ Number *int }
			if err := json.Unmarshal(item.Payload, &message); err != nil || message.Number == nil {
				return nil, fmt.Errorf("a message is not one of ours: %q", item.Payload)
			}
			found[*message.Number]++
			leases = append(leases, item.LeaseID)
		}
		if err := w.call(ctx, "ack", map[string]any{"lease_ids": leases}, nil); err != nil {
			return nil, err
		}
	}
}

// call does one operation and decodes its answer into answer, unless that is
// nil.
func (w *worker) call(ctx context.Context, operation string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/"+operation, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+w.token)
	response, err := w.client.Do(request)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d: %s", operation, response.StatusCode, content)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(content, answer)
}
