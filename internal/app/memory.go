package app

import (
	"runtime/debug"

	"go.uber.org/zap"

	"hookaido/internal/systemd"
)

// goShare is the part, in percent, of the memory that the unit may have that is
// for Go; the rest is for SQLite and the stacks of the system's threads.
const goShare = 80

// boundMemory lets Go know the bound of the unit's control group, unless
// GOMEMLIMIT says one. Garbage is then collected in time instead of the kernel
// ending the process.
func (a *App) boundMemory() {
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
