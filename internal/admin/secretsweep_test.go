package admin

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hookaido/internal/queue"
)

// Versions whose time is over are removed at the start and every five minutes,
// also those of pools that the Hookaidofile has no longer.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t, seeded("p", "ONE", start.Add(4*time.Minute)), runtimePool("old", 2))
		v.put("p", "two", "", "2026-01-05T08:07:00Z")
		v.put("p", "three", "", "")
		v.put("old", "x", "", "2026-01-05T08:00:01Z")
		v.remove("p", "sec_bootstrap") // a mark that it was there, which stays
		if err := v.reload(seeded("p", "ONE", start.Add(4*time.Minute))); err != nil {
			t.Fatal(err)
		}
		v.clock.Advance(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			v.Run(ctx)
		}()
		stored := func() string {
			synctest.Wait()
			rows, err := v.store.Store.SealedSecrets(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			for i := range rows {
				text += rows[i].Pool + " "
			}
			return text
		}
		for _, step := range []struct {
			wait time.Duration
			want string
			n    int
		}{{0, "p p p ", 2}, {5 * time.Minute, "p p p ", 2}, {5*time.Minute - 1, "p p p ", 2}, {1, "p p ", 1}, {time.Hour, "p p ", 1}} {
			v.clock.Advance(step.wait)
			if got := stored(); got != step.want {
				t.Errorf("after %v more: stored %q, want %q", step.wait, got, step.want)
			}
			if list, err := v.List("p"); err != nil || len(list.Versions) != step.n {
				t.Errorf("after %v more: listed %+v, %v", step.wait, list, err)
			}
		}
		if n := v.prunedOf("p") + v.prunedOf("old"); n != 2 {
			t.Errorf("%v are counted", n)
		}
		v.store.list = &queue.UnavailableError{Cause: errors.New("disk I/O error")}
		v.clock.Advance(5 * time.Minute)
		synctest.Wait()
		if v.logs.FilterMessage("runtime_secret_gc_failed").Len() != 1 {
			t.Error("a sweep that fails is not told")
		}
		cancel()
		<-ended
	})
}
