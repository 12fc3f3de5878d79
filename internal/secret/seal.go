package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// SealingKey is the name of the environment variable, or of the credential, that
// has the key of a [Sealer].
const SealingKey = "HOOKAIDO_SECRET_ENCRYPTION_KEY"

// Errors of [Sealer.Open].
var (
	// ErrOtherKey means that the value was sealed with another key.
	ErrOtherKey = errors.New("it was sealed with another key than that of " + SealingKey)
	// ErrDamaged means that it is not what was sealed, or not under this name.
	ErrDamaged = errors.New("what is stored is damaged")
)

const (
	sealVersion = 1
	sealMark    = 4 // octets that tell keys apart
	sealHead    = 1 + sealMark
	sealingKey  = 32 // octets
)

// Sealer encrypts values for storage, with AES-256-GCM. It is safe for
// concurrent use.
type Sealer struct {
	aead cipher.AEAD
	head [sealHead]byte
}

// NewSealer makes a sealer of a key, which is base64 of 32 octets.
func NewSealer(key Value) (*Sealer, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(string(key.Reveal()))
	if err != nil || len(raw) != sealingKey {
		return nil, fmt.Errorf("%s must be base64 of %d random bytes, such as from: openssl rand -base64 %d", SealingKey, sealingKey, sealingKey)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	s := &Sealer{}
	// the nonce is random: a key lasts for 2^32 values
	if s.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	s.head[0] = sealVersion
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte("hookaido: which key sealed this"))
	copy(s.head[1:], mac.Sum(nil))
	return s, nil
}

// Seal encrypts a value that is stored under a name. It can be opened with the
// same key and under the same name only.
func (s *Sealer) Seal(v Value, name string) []byte {
	sealed := append([]byte{}, s.head[:]...)
	return s.aead.Seal(sealed, nil, v.Reveal(), s.bind(name))
}

// Open decrypts what Seal gave. The error is [ErrOtherKey] or [ErrDamaged].
func (s *Sealer) Open(sealed []byte, name string) (Value, error) {
	if len(sealed) < sealHead || sealed[0] != sealVersion {
		return Value{}, ErrDamaged
	}
	if !hmac.Equal(sealed[:sealHead], s.head[:]) {
		return Value{}, ErrOtherKey
	}
	plain, err := s.aead.Open(nil, nil, sealed[sealHead:], s.bind(name))
	if err != nil {
		return Value{}, ErrDamaged
	}
	return Value{plain}, nil
}

// bind is what is authenticated besides the value.
func (s *Sealer) bind(name string) []byte { return append(s.head[:], name...) }
