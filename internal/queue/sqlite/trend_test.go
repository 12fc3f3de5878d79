package sqlite

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

func samples(t *testing.T, s *Store, f queue.TrendFilter) []queue.TrendSample {
	t.Helper()
	f.Until, f.Max = s.clock.Now(), 100_000
	list, err := s.Trend(t.Context(), f)
	must(t, err)
	return list
}

// TestNoSampleOnAFullDisk leaves what space there is to acknowledgements.
func TestNoSampleOnAFullDisk(t *testing.T) {
	clk := clock.NewManual(start)
	s := open(t, Options{Clock: clk})
	s.disk.low.Store(true)
	must(t, s.CaptureTrend(t.Context()))
	if got := samples(t, s, queue.TrendFilter{}); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	s.disk.low.Store(false)
	must(t, s.CaptureTrend(t.Context()))
	if got := samples(t, s, queue.TrendFilter{}); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// TestSampleOfManyLanes keeps the sums of all and the parts of the largest.
func TestSampleOfManyLanes(t *testing.T) {
	s := open(t, Options{Clock: clock.NewManual(start)})
	var list []queue.NewMessage
	for i := range queue.MaxTrendLanes + 10 {
		list = append(list, message(fmt.Sprintf("/%03d", i), "x"))
	}
	enqueue(t, s, append(list, list[len(list)-1])...)
	must(t, s.CaptureTrend(t.Context()))
	if got := samples(t, s, queue.TrendFilter{}); got[0].Queued != queue.MaxTrendLanes+11 {
		t.Errorf("all: %v", got)
	}
	if got := samples(t, s, queue.TrendFilter{Target: queue.PullTarget}); got[0].Queued != queue.MaxTrendLanes+1 {
		t.Errorf("of the kept lanes: %v", got)
	}
	if got := samples(t, s, queue.TrendFilter{Route: list[len(list)-1].Route}); got[0].Queued != 2 {
		t.Errorf("of the largest: %v", got)
	}
}

func TestTrendPlans(t *testing.T) {
	s := open(t, Options{})
	for sql, want := range map[string]string{
		sqlTrend: "SEARCH trend USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", sqlLaneTrend: "SEARCH trend USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
		sqlPruneTrend: "SEARCH trend USING INTEGER PRIMARY KEY (rowid<?)",
	} {
		st, err := s.w.c.prepare("EXPLAIN QUERY PLAN " + sql)
		must(t, err)
		var plan []string
		must(t, st.each(func(row []driver.Value) error {
			plan = append(plan, row[3].(string))
			return nil
		}, make([]driver.Value, len(st.args))...))
		s.w.c.drop(st)
		if all := strings.Join(plan, "; "); !strings.Contains(all, want) || strings.Contains(all, "TEMP B-TREE") {
			t.Errorf("%s\nplan: %s\nwant: %s", sql, all, want)
		}
	}
}

// BenchmarkTrend reads a week of 30 days of samples with many lanes.
func BenchmarkTrend(b *testing.B) {
	clk := clock.NewManual(start)
	s := open(b, Options{Clock: clk})
	var list []queue.NewMessage
	for i := range queue.MaxTrendLanes {
		list = append(list, message(fmt.Sprintf("/%03d", i), "x"))
	}
	enqueue(b, s, list...)
	if err := s.CaptureTrend(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := s.w.c.exec(`INSERT INTO trend WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 43200)
		SELECT at - i*60000000000, queued, leased, dead, lanes FROM trend, n`); err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]queue.TrendFilter{"all": {}, "route": {Route: "/007"}} {
		b.Run(name, func(b *testing.B) {
			f.From, f.Until, f.Max = clk.Now().Add(-7*24*time.Hour), clk.Now(), 20_001
			for b.Loop() {
				if got, err := s.Trend(b.Context(), f); err != nil || len(got) != 7*24*60+1 {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}
