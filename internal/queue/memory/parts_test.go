package memory

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"hookaido/internal/clock"
)

func TestHeapKeepsOrderUnderRandomChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := ordered{before: endsBefore, slot: slotLease}
	var in []*item
	for n := range uint64(5000) {
		switch k := r.IntN(10); {
		case k < 5 || len(in) == 0:
			it := &item{seq: n, until: r.Int64N(50)}
			h.push(it)
			in = append(in, it)
		case k < 8:
			i := r.IntN(len(in))
			h.remove(in[i])
			in = append(in[:i], in[i+1:]...)
		default:
			it := in[r.IntN(len(in))]
			it.until = r.Int64N(50)
			h.fix(it)
		}
		first := h.first()
		if h.len() != len(in) || (first == nil) != (len(in) == 0) {
			t.Fatalf("after %d changes the heap has %d of %d items", n, h.len(), len(in))
		}
		for _, it := range in {
			if endsBefore(it, first) {
				t.Fatalf("after %d changes the first is not first", n)
			}
			if h.list[it.pos[slotLease]] != it {
				t.Fatalf("after %d changes an item does not know its place", n)
			}
		}
	}
}

func TestTimersAreBounded(t *testing.T) {
	if got := durationUntil(0, never-1); got != longest {
		t.Errorf("a timer for the far future runs %v, want %v", got, longest)
	}
	if got := durationUntil(math.MinInt64, never-1); got != longest {
		t.Errorf("a timer from the far past to the far future runs %v, want %v", got, longest)
	}
}

func TestTimelineIgnoresStepsAndFollowsSlews(t *testing.T) {
	m := clock.NewManual(time.Unix(1000, 0))
	l := newTimeline(m)
	begin := l.now()
	m.Step(500 * time.Millisecond) // no step, a correction
	if got := l.now() - begin; got != int64(500*time.Millisecond) {
		t.Errorf("a correction of 500ms moved the line by %v", time.Duration(got))
	}
	m.Step(-time.Hour)
	m.Advance(time.Second)
	if got := l.now() - begin; time.Duration(got) > 2*time.Second || got < int64(time.Second) {
		t.Errorf("a second with a step of -1h moved the line by %v", time.Duration(got))
	}
	if got := l.wall(l.now()); !got.Equal(m.Now()) {
		t.Errorf("the present in wall time is %v, want %v", got, m.Now())
	}
	if got := l.at(m.Now()); got != l.now() {
		t.Errorf("the wall time of the present is %d on the line, want %d", got, l.now())
	}
}

func FuzzParseLease(f *testing.F) {
	f.Add(leaseID(1, 1))
	f.Add(leaseID(1<<40-1, saltMask))
	f.Add("lease_0000000000000000")
	f.Add("lease_00000000000000FF")
	f.Add("lease_\xff\x00")
	f.Add("evt_0123456789abcdef")
	f.Fuzz(func(t *testing.T, id string) {
		if seq, salt, ok := parseLease(id); ok && leaseID(seq, salt) != id {
			t.Fatalf("%q reads as the lease %q", id, leaseID(seq, salt))
		}
	})
}

func TestLeaseIDsDifferInEveryPart(t *testing.T) {
	for _, seq := range []uint64{1, 255, 1<<40 - 1} {
		for _, salt := range []uint32{1, 0xabcdef, saltMask} {
			if s, n, ok := parseLease(leaseID(seq, salt)); !ok || s != seq || n != salt {
				t.Errorf("parseLease(%q) = %d, %d, %v", leaseID(seq, salt), s, n, ok)
			}
		}
	}
}
