package deliver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

// The headers of Standard Webhooks.
const (
	webhookID        = "Webhook-Id"
	webhookTimestamp = "Webhook-Timestamp"
	webhookSignature = "Webhook-Signature"

	// signatureFields are at most added to a request.
	signatureFields = 3

	// keyPrefix marks a key of Standard Webhooks; base64 follows.
	keyPrefix = "whsec_"
)

var errNoKey = errors.New("no secret to sign with is valid now; see valid_from and valid_until of the secrets that the target names")

// signer signs requests with the secret that is valid at the time of each.
type signer struct {
	scheme                           config.SignScheme
	pick                             func(time.Time) (secret.Version, bool)
	signatureHeader, timestampHeader string
}

func newSigner(s *config.Sign, keys secret.Pool) (*signer, error) {
	if s.Scheme == config.SignStandardWebhooks {
		var err error
		if keys, err = decodeKeys(keys); err != nil {
			return nil, err
		}
	}
	pick := keys.Newest
	if s.Selection == config.OldestValid {
		pick = keys.Oldest
	}
	return &signer{scheme: s.Scheme, pick: pick, signatureHeader: s.SignatureHeader, timestampHeader: s.TimestampHeader}, nil
}

// decodeKeys turns the written form of keys of Standard Webhooks into the bytes.
func decodeKeys(keys secret.Pool) (secret.Pool, error) {
	var decoded []secret.Version
	for _, v := range keys.All() {
		text := strings.TrimPrefix(string(v.Value.Reveal()), keyPrefix)
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) == 0 {
			return secret.Pool{}, fmt.Errorf("the secret %q is no key of Standard Webhooks: it must be %q and base64", v.ID, keyPrefix)
		}
		v.Value = secret.New(key)
		decoded = append(decoded, v)
	}
	return secret.NewPool(decoded...), nil
}

// sign adds the signature of m, sent to u by POST at the time now.
func (s *signer) sign(h *header, m *queue.Leased, u *url.URL, now time.Time) error {
	key, ok := s.pick(now)
	if !ok || key.Value.Len() == 0 {
		return errNoKey
	}
	mac := hmac.New(sha256.New, key.Value.Reveal())
	stamp := strconv.FormatInt(now.Unix(), 10)
	if s.scheme == config.SignStandardWebhooks {
		mac.Write([]byte(m.ID + "." + stamp + "."))
		mac.Write(m.Payload)
		h.set(webhookID, m.ID)
		h.set(webhookTimestamp, stamp)
		h.set(webhookSignature, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		return nil
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	sum := sha256.Sum256(m.Payload)
	mac.Write([]byte(http.MethodPost + "\n" + path + "\n" + stamp + "\n" + hex.EncodeToString(sum[:])))
	h.set(s.signatureHeader, hex.EncodeToString(mac.Sum(nil)))
	h.set(s.timestampHeader, stamp)
	return nil
}
