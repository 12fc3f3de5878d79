package app

import (
	"hookaido/internal/config"
	"hookaido/internal/config/compile"
)

// describeChanges says in words what is different after a reload: the routes
// that came, went or changed, and the tokens of the APIs.
func describeChanges(before, after *config.Config) []string {
	changes := []string{}
	old := map[string]*config.Route{}
	for i := range before.Routes {
		old[before.Routes[i].Path] = &before.Routes[i]
	}
	for i := range after.Routes {
		r := &after.Routes[i]
		was, existed := old[r.Path]
		delete(old, r.Path)
		switch {
		case !existed:
			changes = append(changes, "route "+r.Path+" added")
		case !compile.Equal(was, r):
			changes = append(changes, "route "+r.Path+" changed")
		}
	}
	for i := range before.Routes {
		if r := &before.Routes[i]; old[r.Path] != nil {
			changes = append(changes, "route "+r.Path+" removed; its messages are kept")
		}
	}
	if !compile.Equal(before.PullAPI.Tokens, after.PullAPI.Tokens) {
		changes = append(changes, "tokens of pull_api changed")
	}
	if !compile.Equal(before.AdminAPI.Tokens, after.AdminAPI.Tokens) {
		changes = append(changes, "tokens of admin_api changed")
	}
	if !compile.Equal(before.AdminAPI.AllowedHosts, after.AdminAPI.AllowedHosts) {
		changes = append(changes, "allowed_hosts of admin_api changed")
	}
	return changes
}
