package queue_test

import (
	"testing"
	"time"

	"hookaido/internal/queue"
)

func TestCursorRoundTrip(t *testing.T) {
	for _, c := range []queue.Cursor{
		{ReceivedAt: time.Unix(0, 0).UTC()},
		{ReceivedAt: time.Unix(1764000000, 123456789).UTC(), Seq: 1},
		{ReceivedAt: time.Unix(-5, 1).UTC(), Seq: 1<<64 - 1},
	} {
		got, err := queue.ParseCursor(c.String())
		if err != nil || got != c {
			t.Errorf("%v became %v, %v", c, got, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("")
	f.Add("00000000000000000000000000000001")
	f.Add("18a1b2c3d4e5f6070000000000000009")
	f.Add("zz")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := queue.ParseCursor(text)
		if err != nil {
			return
		}
		if again, err := queue.ParseCursor(c.String()); err != nil || again != c {
			t.Fatalf("%v became %v, %v", c, again, err)
		}
	})
}

func TestChangeAllows(t *testing.T) {
	for change, want := range map[queue.Change][]queue.State{
		queue.Cancel:  {queue.StateQueued, queue.StateLeased, queue.StateDead},
		queue.Requeue: {queue.StateDead, queue.StateCanceled},
		queue.Resume:  {queue.StateCanceled},
		queue.Delete:  {queue.StateDead, queue.StateCanceled},
		queue.Move:    {queue.StateQueued, queue.StateDead, queue.StateCanceled},
		0:             {},
	} {
		allowed := queue.Filter{States: append(want, 99)} // so that none is not any
		for _, s := range queue.States() {
			if got := change.Allows(s); got != allowed.Wants(s) {
				t.Errorf("change %d of a message that is %v: allowed %v", change, s, got)
			}
		}
	}
}

func TestFilterSelects(t *testing.T) {
	at := time.Unix(1764000000, 0).UTC()
	m := queue.Message{Route: "/a", Target: "t", State: queue.StateDead, ReceivedAt: at, Place: queue.Cursor{ReceivedAt: at, Seq: 7}}
	place := func(d time.Duration, seq uint64) *queue.Cursor { return &queue.Cursor{ReceivedAt: at.Add(d), Seq: seq} }
	for name, test := range map[string]struct {
		filter queue.Filter
		want   bool
	}{
		"all":                         {queue.Filter{}, true},
		"its route":                   {queue.Filter{Route: "/a"}, true},
		"no prefix":                   {queue.Filter{Route: "/"}, false},
		"another target":              {queue.Filter{Route: "/a", Target: "u"}, false},
		"one of the states":           {queue.Filter{States: []queue.State{queue.StateQueued, queue.StateDead}}, true},
		"another state":               {queue.Filter{States: []queue.State{queue.StateQueued}}, false},
		"before is strict":            {queue.Filter{Before: at}, false},
		"before":                      {queue.Filter{Before: at.Add(1)}, true},
		"newest first, after a newer": {queue.Filter{After: place(0, 8)}, true},
		"newest first, after itself":  {queue.Filter{After: place(0, 7)}, false},
		"newest first, after older":   {queue.Filter{After: place(-1, 99)}, false},
		"oldest first, after older":   {queue.Filter{After: place(-1, 99), OldestFirst: true}, true},
		"oldest first, after a newer": {queue.Filter{After: place(0, 8), OldestFirst: true}, false},
	} {
		if got := test.filter.Selects(&m); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNextRunAt(t *testing.T) {
	m := queue.Message{Due: time.Unix(1, 0), LeaseUntil: time.Unix(2, 0), Since: time.Unix(3, 0)}
	for state, want := range map[queue.State]int64{
		queue.StateQueued: 1, queue.StateLeased: 2, queue.StateDead: 3, queue.StateCanceled: 3, queue.StateDelivered: 3,
	} {
		if m.State = state; m.NextRunAt().Unix() != want {
			t.Errorf("%v: %v, want %d", state, m.NextRunAt(), want)
		}
	}
}

func TestAgeFrom(t *testing.T) {
	now := time.Unix(1764000000, 0)
	for name, test := range map[string]struct{ received, due, want time.Duration }{
		"just received": {0, 0, 0}, "a slow request": {-time.Minute, 0, -time.Minute}, "a replay": {-time.Minute - 1, 0, 0},
		"put off": {0, time.Hour, time.Hour}, "a replay, put off": {-time.Hour, time.Minute, time.Minute},
		"due before it came": {0, -time.Hour, 0}, "received in times to come": {time.Hour, 0, time.Hour},
	} {
		m := queue.NewMessage{ReceivedAt: now.Add(test.received)}
		if test.due != 0 {
			m.Due = now.Add(test.due)
		}
		if got := m.AgeFrom(now).Sub(now); got != test.want {
			t.Errorf("%s: %v from now, want %v", name, got, test.want)
		}
	}
}
