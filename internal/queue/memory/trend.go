package memory

import (
	"context"
	"slices"
	"time"

	"hookaido/internal/queue"
)

// maxTrendRows bounds what all samples have of lanes.
const maxTrendRows = 200_000

// trend has the samples of the backlog in the order of time.
type trend struct {
	samples []trendSample
	rows    int // of all of their lanes
}

type trendSample struct {
	queue.TrendSample
	lanes []queue.LaneTrend
}

// CaptureTrend keeps a sample of the backlog, and drops those that are older
// than [queue.TrendKept].
func (s *Store) CaptureTrend(ctx context.Context) error {
	now, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.exit(now)
	sample := trendSample{TrendSample: queue.TrendSample{At: s.time.wall(now)}}
	for _, r := range s.routes {
		for _, l := range r.lanes {
			row := queue.LaneTrend{
				Lane: s.laneNumber(l), Queued: l.ready.len(), Leased: l.leased, Dead: l.ended[queue.StateDead],
			}
			if !row.Empty() {
				sample.lanes = append(sample.lanes, row)
				sample.Queued, sample.Leased, sample.Dead = sample.Queued+row.Queued, sample.Leased+row.Leased, sample.Dead+row.Dead
			}
		}
	}
	sample.lanes = slices.Clone(queue.LargestLanes(sample.lanes))
	s.trend.add(sample)
	return nil
}

// laneNumber gives each lane a number for good.
func (s *Store) laneNumber(l *lane) uint64 {
	key := pair{l.route.name, l.target}
	n, known := s.laneNumbers[key]
	if !known {
		n = uint64(len(s.laneNumbers)) + 1
		s.laneNumbers[key] = n
	}
	return n
}

func (t *trend) add(sample trendSample) {
	at, known := slices.BinarySearchFunc(t.samples, sample.At, func(s trendSample, at time.Time) int { return s.At.Compare(at) })
	if known {
		t.rows -= len(t.samples[at].lanes)
		t.samples[at] = sample
	} else {
		t.samples = slices.Insert(t.samples, at, sample)
	}
	t.rows += len(sample.lanes)
	gone := 0
	for gone < len(t.samples)-1 && (t.rows > maxTrendRows || t.samples[gone].At.Before(sample.At.Add(-queue.TrendKept))) {
		t.rows -= len(t.samples[gone].lanes)
		gone++
	}
	t.samples = slices.Delete(t.samples, 0, gone)
}

// Trend returns samples in the order of time. For lanes that were empty, or not
// among the largest, they have zeros.
func (s *Store) Trend(ctx context.Context, f queue.TrendFilter) ([]queue.TrendSample, error) {
	now, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.exit(now)
	wanted := map[uint64]bool{}
	for key, n := range s.laneNumbers {
		wanted[n] = (f.Route == "" || f.Route == key[0]) && (f.Target == "" || f.Target == key[1])
	}
	var list []queue.TrendSample
	for i := range s.trend.samples {
		sample := &s.trend.samples[i]
		if sample.At.Before(f.From) || sample.At.After(f.Until) {
			continue
		}
		one := sample.TrendSample
		if f.Route != "" || f.Target != "" {
			one = queue.TrendSample{At: sample.At}
			for _, l := range sample.lanes {
				if wanted[l.Lane] {
					one.Queued, one.Leased, one.Dead = one.Queued+l.Queued, one.Leased+l.Leased, one.Dead+l.Dead
				}
			}
		}
		list = append(list, one)
	}
	return list[max(0, len(list)-f.Max):], nil
}
