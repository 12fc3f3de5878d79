package app

import (
	"runtime/debug"

	"go.uber.org/zap"

	"hookaido/internal/systemd"
)

// goShare is the part, in percent, of the memory that the unit may have that is
// for Go; the rest is for SQLite and the stacks of the system's threads.
const goShare = 80

// heapGrowth is how much of the heap that is in use may be added, in percent,
// before garbage is collected. That of Go, 100, keeps this small heap busy with
// collecting: a fifth of the processor at full load, to save some 5 MiB.
const heapGrowth = 200

// boundMemory lets Go know the bound of the unit's control group, unless
// GOMEMLIMIT says one. Garbage is then collected in time instead of the kernel
// ending the process. It also says how much may gather, unless GOGC does.
func (a *App) boundMemory() {
	if text, set := a.opts.LookupEnv("GOGC"); !set || text == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if text, set := a.opts.LookupEnv("GOMEMLIMIT"); set && text != "" {
		return
	}
	bound, bounded := systemd.MemoryBound()
	if !bounded {
		return
	}
	limit := bound / 100 * goShare
	debug.SetMemoryLimit(limit)
	a.logger.Info("memory_bounded", zap.Int64("bound_bytes", bound), zap.Int64("go_limit_bytes", limit))
}
