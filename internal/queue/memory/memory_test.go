package memory_test

import (
	"testing"

	"hookaido/internal/queue/memory"
	"hookaido/internal/queue/queuetest"
)

func TestContract(t *testing.T) {
	queuetest.Run(t, func(_ *testing.T, o queuetest.Options) queuetest.Queue {
		return memory.Open(memory.Options{Clock: o.Clock, Limits: o.Limits})
	})
}
