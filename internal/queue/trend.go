package queue

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

const (
	// TrendKept is how long samples of the backlog are kept.
	TrendKept = 30 * 24 * time.Hour
	// MaxTrendLanes is how many lanes of a sample are kept, those with most
	// messages; the sums are of all.
	MaxTrendLanes = 256
)

// TrendSample is the backlog at one time: of all lanes, or of those that a
// [TrendFilter] selects.
type TrendSample struct {
	At                   time.Time
	Queued, Leased, Dead int
}

// Total counts the messages of s.
func (s *TrendSample) Total() int { return s.Queued + s.Leased + s.Dead }

// TrendFilter selects samples from From to Until, both included.
type TrendFilter struct {
	// Route and Target narrow the samples down to these lanes; empty is any.
	Route, Target string
	From, Until   time.Time
	// Max is the largest number of samples wanted, at least 1: the latest ones.
	Max int
}

// LaneTrend is the part of a sample of one lane, which an engine knows by a
// number.
type LaneTrend struct {
	Lane                 uint64
	Queued, Leased, Dead int
}

// Empty reports whether there was nothing in the lane.
func (l *LaneTrend) Empty() bool { return l.Queued == 0 && l.Leased == 0 && l.Dead == 0 }

// LargestLanes returns the lanes of a sample that are kept. It reorders list.
func LargestLanes(list []LaneTrend) []LaneTrend {
	slices.SortFunc(list, func(a, b LaneTrend) int {
		return cmp.Or(cmp.Compare(b.Queued+b.Leased+b.Dead, a.Queued+a.Leased+a.Dead), cmp.Compare(a.Lane, b.Lane))
	})
	return list[:min(len(list), MaxTrendLanes)]
}

// AppendLaneTrend appends the stored form of l: four variable-length numbers.
func AppendLaneTrend(b []byte, l LaneTrend) []byte {
	for _, n := range []uint64{l.Lane, uint64(l.Queued), uint64(l.Leased), uint64(l.Dead)} { //nolint:gosec // counts
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// CutLaneTrend reads a lane from the front of b and returns the rest, or false
// if b is at its end or damaged.
func CutLaneTrend(b []byte) (l LaneTrend, rest []byte, ok bool) {
	var fields [4]uint64
	for i := range fields {
		n, size := binary.Uvarint(b)
		if size <= 0 || i > 0 && n > 1<<40 {
			return LaneTrend{}, nil, false
		}
		fields[i], b = n, b[size:]
	}
	return LaneTrend{fields[0], int(fields[1]), int(fields[2]), int(fields[3])}, b, true //nolint:gosec // bounded above
}
