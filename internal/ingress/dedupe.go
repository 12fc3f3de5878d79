package ingress

import (
	"crypto/sha256"
	"net/http"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/queue"
)

// kindDedupe starts the text of a claim's key. It is part of stored keys and
// never changes.
const kindDedupe = "dedupe"

// dedupeClaim is what a message claims so that no other one with the same id
// is kept. A request without the header has no id, and is always kept.
func dedupeClaim(rt *config.Route, header http.Header, now time.Time) (queue.Claim, bool) {
	if rt.Dedupe == nil {
		return queue.Claim{}, false
	}
	values := header[rt.Dedupe.Header]
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return queue.Claim{}, false
	}
	h := sha256.New()
	// zero bytes keep the parts apart; neither routes nor headers hold one
	for _, part := range append([]string{kindDedupe, rt.Path, rt.Dedupe.Header}, values...) {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return queue.Claim{Key: [16]byte(h.Sum(nil)[:16]), Until: now.Add(rt.Dedupe.Window)}, true
}
