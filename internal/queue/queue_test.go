package queue

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTransitions(t *testing.T) {
	allowed := map[State]map[Event]State{
		StateQueued: {EventDequeue: StateLeased, EventCancel: StateCanceled},
		StateLeased: {
			EventAck: StateDelivered, EventNack: StateQueued, EventBury: StateDead,
			EventExpire: StateQueued, EventCancel: StateCanceled,
		},
		StateDelivered: {},
		StateDead:      {EventRequeue: StateQueued, EventCancel: StateCanceled},
		StateCanceled:  {EventRequeue: StateQueued, EventResume: StateQueued},
	}
	for _, s := range States() {
		for e := EventDequeue; e <= EventResume; e++ {
			want, may := allowed[s][e]
			if got, ok := s.Next(e); ok != may || got != want && may {
				t.Errorf("%v.Next(%d) = %v, %v; want %v, %v", s, e, got, ok, want, may)
			}
		}
	}
}

func TestAdmit(t *testing.T) {
	tests := []struct {
		name              string
		limits            Limits
		queued, leased, n int
		drop              int
		full              bool
	}{
		{"no limit", Limits{0, Reject}, 1e6, 1e6, 1, 0, false},
		{"room for the last", Limits{3, Reject}, 1, 1, 1, 0, false},
		{"leased counts", Limits{3, Reject}, 1, 2, 1, 0, true},
		{"all or nothing", Limits{3, Reject}, 2, 0, 2, 0, true},
		{"drop one", Limits{3, DropOldest}, 3, 0, 1, 1, false},
		{"drop for a fan-out", Limits{3, DropOldest}, 2, 1, 2, 2, false},
		{"nothing queued to drop", Limits{3, DropOldest}, 0, 3, 1, 0, true},
		{"a lowered limit shrinks the queue", Limits{3, DropOldest}, 9, 0, 1, 7, false},
		{"more than the queue holds", Limits{2, DropOldest}, 2, 0, 3, 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			drop, err := test.limits.Admit(test.queued, test.leased, test.n)
			if drop != test.drop || errors.Is(err, ErrFull) != test.full {
				t.Errorf("Admit = %d, %v; want drop %d, full %v", drop, err, test.drop, test.full)
			}
		})
	}
}

var sampleEnvelope = Envelope{
	Method: "POST", RawPath: "/h", RawQuery: "a=1&a=2",
	Headers: []Pair{{"X-Multi", "a"}, {"X-Multi", "b"}, {"Empty", ""}},
	Trace:   []Pair{{"path", "/h"}, {"remote_addr", "192.0.2.7:40112"}},
}

func TestEnvelopeMapsJoinRepeats(t *testing.T) {
	want := map[string]string{"X-Multi": "a,b", "Empty": ""}
	if diff := cmp.Diff(want, sampleEnvelope.HeaderMap()); diff != "" {
		t.Error(diff)
	}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	for _, e := range []Envelope{{}, sampleEnvelope, {Headers: []Pair{{"N", strings.Repeat("\xff", 70000)}}}} {
		got, err := ParseEnvelope(e.AppendBinary(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add(Envelope{}.AppendBinary(nil))
	f.Add(sampleEnvelope.AppendBinary(nil))
	f.Add([]byte{envelopeV1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEnvelope(b)
		if err != nil {
			return
		}
		again, err := ParseEnvelope(e.AppendBinary(nil))
		if err != nil || !cmp.Equal(e, again) {
			t.Fatalf("a parsed envelope does not survive a round trip: %v, %v", again, err)
		}
	})
}

func TestIDs(t *testing.T) {
	for _, n := range []uint64{0, 1, 0x0123456789abcdef, 1<<64 - 1} {
		id := FormatID(LeasePrefix, n)
		if got, ok := ParseID(LeasePrefix, id); !ok || got != n || len(id) != len(LeasePrefix)+16 {
			t.Errorf("%#x became %q and then %#x, %v", n, id, got, ok)
		}
	}
	for _, bad := range []string{"", "lease_", "lease_00000000000000001", "lease_000000000000000", "lease_000000000000000A", "evt_0000000000000001"} {
		if n, ok := ParseID(LeasePrefix, bad); ok {
			t.Errorf("ParseID(%q) = %#x", bad, n)
		}
	}
}

func TestInstantsDoNotWrap(t *testing.T) {
	for _, test := range []struct {
		at   int64
		d    time.Duration
		want int64
	}{
		{5, 7, 12}, {5, -7, -2}, {Never - 3, 10, Never - 1}, {Never - 1, 1, Never - 1}, {Dawn + 1, -5, Dawn}, {0, 1<<63 - 1, Never - 1},
	} {
		if got := Later(test.at, test.d); got != test.want {
			t.Errorf("Later(%d, %d) = %d, want %d", test.at, test.d, got, test.want)
		}
	}
	if got := Nanos(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)); got != Never-1 {
		t.Errorf("the year 9999 is %d", got)
	}
	if got := Nanos(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)); got != Dawn {
		t.Errorf("the year 1 is %d", got)
	}
	if at := time.Unix(1764000000, 5); Nanos(at) != at.UnixNano() {
		t.Errorf("%v is %d", at, Nanos(at))
	}
}
