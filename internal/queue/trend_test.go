package queue

import (
	"slices"
	"testing"
)

func TestLaneTrendRoundTrip(t *testing.T) {
	want := []LaneTrend{{Lane: 1, Queued: 3}, {Lane: 1 << 60, Queued: 1 << 40, Leased: 200, Dead: 128}, {}}
	var b []byte
	for _, l := range want {
		b = AppendLaneTrend(b, l)
	}
	var got []LaneTrend
	for l, rest, ok := CutLaneTrend(b); ok; l, rest, ok = CutLaneTrend(rest) {
		got = append(got, l)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLargestLanes(t *testing.T) {
	var list []LaneTrend
	for i := range MaxTrendLanes + 3 {
		list = append(list, LaneTrend{Lane: uint64(i), Dead: i}) //nolint:gosec // small
	}
	kept := LargestLanes(list)
	if len(kept) != MaxTrendLanes || kept[0].Dead != MaxTrendLanes+2 || kept[MaxTrendLanes-1].Dead != 3 {
		t.Errorf("%d lanes from %v to %v", len(kept), kept[0], kept[len(kept)-1])
	}
}

// FuzzLaneTrend: what is read is what would be written, whatever the octets.
func FuzzLaneTrend(f *testing.F) {
	f.Add(AppendLaneTrend(nil, LaneTrend{Lane: 7, Queued: 300, Leased: 1, Dead: 2}))
	f.Add([]byte{1, 2, 3})
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for l, rest, ok := CutLaneTrend(b); ok; l, rest, ok = CutLaneTrend(rest) {
			if len(rest) >= len(b) || l.Queued < 0 || l.Leased < 0 || l.Dead < 0 {
				t.Fatalf("%v from %x", l, b)
			}
			if again, left, ok := CutLaneTrend(AppendLaneTrend(nil, l)); !ok || again != l || len(left) != 0 {
				t.Fatalf("%v came back as %v", l, again)
			}
			b = rest
		}
	})
}
