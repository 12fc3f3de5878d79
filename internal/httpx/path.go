package httpx

import (
	"path"
	"strings"
)

// CutPrefix returns p without the prefix of an API and cleaned: one slash in
// front, none at the end, no empty and no dot segment. The prefix ends where a
// segment ends; p outside of it gives false. An empty prefix contains all.
func CutPrefix(p, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(p, prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	if rest == "" {
		return "/", true
	}
	return path.Clean(rest), true
}
