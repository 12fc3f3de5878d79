package queuetest

import (
	"bytes"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hookaido/internal/queue"
)

func contentCases() []contractCase {
	return []contractCase{
		{name: "payloads come back to the octet", run: payloadsRoundTrip},
		{name: "envelopes come back whole", run: envelopesRoundTrip},
		{name: "a lease tells all about its message", run: func(r *rig) {
			m := r.message(routeA, "body")
			m.Target = "https://example.test/x"
			m.ReceivedAt = start().Add(-time.Hour).In(time.FixedZone("far", 5*3600))
			m.Due = start()
			id := r.enqueue(m)[0]
			r.pass(time.Second)
			got := r.lease(90 * time.Second)
			want := queue.Leased{
				ID: id, LeaseID: got.LeaseID, Route: routeA, Target: m.Target,
				ReceivedAt: start().Add(-time.Hour), Due: start(), Attempt: 1,
				LeaseUntil: start().Add(91 * time.Second), Payload: []byte("body"),
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				r.Errorf("lease (-want +got):\n%s", diff)
			}
			if got.ReceivedAt.Location() != time.UTC || got.LeaseUntil.Location() != time.UTC {
				r.Error("the times of a lease are not in UTC")
			}
		}},
		{name: "routes and targets are taken as they are", run: func(r *rig) {
			names := []string{"/a", "/a/", "/A", "/a%2F", "/a b", "/ä", "/a'", "/", "/a\x00"}
			for _, route := range names {
				for _, to := range names {
					m := r.message(route, route+" to "+to)
					m.Target = to
					r.enqueue(m)
				}
			}
			for _, route := range names {
				for _, to := range names {
					req := queue.DequeueRequest{Route: route, Target: to, Max: 9, TTL: time.Minute}
					got := r.dequeue(req)
					if len(got) != 1 || string(got[0].Payload) != route+" to "+to || got[0].Route != route || got[0].Target != to {
						r.Errorf("route %q, target %q: got %q", route, to, payloads(got))
					}
				}
			}
		}},
		{name: "an answer is bounded in bytes", run: answerBounded},
	}
}

func payloadsRoundTrip(r *rig) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	bodies := [][]byte{
		nil, {}, {0}, every, []byte("\xff\xfe not UTF-8 \xc3"),
		bytes.Repeat(every, 538053/256+1)[:538053], bytes.Repeat(every, 2<<20/256),
	}
	for _, body := range bodies {
		m := r.message(routeA, "")
		m.Payload = body
		r.enqueue(m)
		if got := r.lease(time.Minute); !bytes.Equal(got.Payload, body) {
			r.Errorf("a payload of %d octets came back changed, with %d", len(body), len(got.Payload))
		}
	}
	// and all of them in one answer
	r.pass(time.Minute)
	all := r.dequeue(request(100))
	if len(all) != len(bodies) {
		r.Fatalf("Dequeue gave %d messages, want %d", len(all), len(bodies))
	}
	for i, l := range all {
		if !bytes.Equal(l.Payload, bodies[i]) {
			r.Errorf("payload %d of an answer is another's", i)
		}
	}
}

func envelopesRoundTrip(r *rig) {
	envelopes := []queue.Envelope{
		{},
		{Method: "POST"},
		{
			Method: "PUT", RawPath: "/a%2Fb", RawQuery: "x=1&x=2&%zz",
			Headers: []queue.Pair{{Name: "X-Multi", Value: "b"}, {Name: "X-Multi", Value: "a"}, {Name: "Empty", Value: ""}},
			Trace:   []queue.Pair{{Name: "remote_addr", Value: "[2001:db8::1]:9"}, {Name: "path", Value: "/a/b"}},
		},
		{Headers: []queue.Pair{{Name: "Long", Value: strings.Repeat("v", 64<<10)}, {Name: "Raw", Value: "\xff\x00"}}},
		{Trace: []queue.Pair{{Name: "only", Value: "trace"}}},
	}
	for i, want := range envelopes {
		m := r.message(routeA, "")
		m.Envelope = want
		r.enqueue(m)
		got := r.lease(time.Minute).Envelope
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			r.Errorf("envelope %d (-want +got):\n%s", i, diff)
		}
	}
}

func answerBounded(r *rig) {
	big := r.message(routeA, "")
	big.Payload = make([]byte, queue.MaxBatchBytes+1)
	r.put("1", "2")
	r.enqueue(big)
	r.put("3")
	r.wantPayloads("1", "2")
	r.wantCounts(counts{Queued: 2, Leased: 2}) // what is not in the answer is not leased
	if got := r.dequeue(request(2)); len(got) != 1 || len(got[0].Payload) != len(big.Payload) {
		r.Fatalf("Dequeue gave %d messages, want the large one alone", len(got))
	}
	r.wantPayloads("3")
}
