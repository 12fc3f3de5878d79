//go:build !race

package observe

import (
	"testing"

	"hookaido/internal/clock"
)

// Not under the race detector, where pools drop what they are given.
func TestLogHasNoGarbage(t *testing.T) {
	a, _ := fileLog(t, AccessOptions{Clock: clock.System{}})
	line := sample()
	if n := testing.AllocsPerRun(2000, func() { a.Log(line) }); n > 1 {
		t.Errorf("%v allocations a line", n)
	}
}
