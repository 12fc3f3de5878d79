package app

import (
	"go.uber.org/zap"
)

// warnYielded names the endpoints of the database that the Hookaidofile leaves
// without effect.
func (a *App) warnYielded() {
	for _, y := range a.admin.Yielded() {
		a.logger.Warn("mapping_without_effect", zap.String("application", y.Application), zap.String("endpoint_name", y.EndpointName),
			zap.String("route", y.Route), zap.String("reason", y.Reason),
			zap.String("effect", "it is kept, and counts again when the Hookaidofile allows it; DELETE the endpoint to forget it"))
	}
}
