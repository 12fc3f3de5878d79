package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func keyOf(fill byte) Value {
	return New([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))))
}

func sealer(t testing.TB, fill byte) *Sealer {
	t.Helper()
	s, err := NewSealer(keyOf(fill))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealingKeyForms(t *testing.T) {
	raw := bytes.Repeat([]byte{0xfb}, 33)
	for name, test := range map[string]struct {
		key string
		ok  bool
	}{
		"32 octets":      {base64.StdEncoding.EncodeToString(raw[:32]), true},
		"none":           {"", false},
		"31 octets":      {base64.StdEncoding.EncodeToString(raw[:31]), false},
		"33 octets":      {base64.StdEncoding.EncodeToString(raw), false},
		"16 octets":      {base64.StdEncoding.EncodeToString(raw[:16]), false},
		"no padding":     {base64.RawStdEncoding.EncodeToString(raw[:32]), false},
		"URL alphabet":   {base64.URLEncoding.EncodeToString(raw[:32]), false},
		"hexadecimal":    {strings.Repeat("ab", 32), false},
		"not base64":     {strings.Repeat("!", 44), false},
		"a loose bit":    {"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDF=", false},
		"text behind it": {base64.StdEncoding.EncodeToString(raw[:32]) + "x", false},
	} {
		_, err := NewSealer(New([]byte(test.key)))
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (!strings.Contains(err.Error(), SealingKey) || test.key != "" && strings.Contains(err.Error(), test.key)) {
			t.Errorf("%s: the error is %q", name, err)
		}
	}
}

func TestSealAndOpen(t *testing.T) {
	s := sealer(t, 1)
	for _, text := range []string{"", "x", strings.Repeat("long", 10000), "\x00\xff"} {
		sealed := s.Seal(New([]byte(text)), "pool\x00id")
		if text != "" && len(text) > 1 && bytes.Contains(sealed, []byte(text)) {
			t.Error("the value stands in what is stored")
		}
		if again := s.Seal(New([]byte(text)), "pool\x00id"); bytes.Equal(sealed, again) {
			t.Error("sealed twice, it is the same")
		}
		// another sealer of the same key, as after a restart
		if v, err := sealer(t, 1).Open(sealed, "pool\x00id"); err != nil || string(v.Reveal()) != text {
			t.Errorf("%.10q comes back as %.10q, %v", text, v.Reveal(), err)
		}
	}
}

func TestOpenRefuses(t *testing.T) { // badinput 120
	s := sealer(t, 1)
	sealed := s.Seal(New([]byte("value")), "name")
	if _, err := sealer(t, 2).Open(sealed, "name"); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	if _, err := s.Open(sealed, "other"); !errors.Is(err, ErrDamaged) {
		t.Errorf("another name: %v", err)
	}
	for n := range sealed {
		if _, err := s.Open(sealed[:n], "name"); err == nil {
			t.Errorf("%d octets of %d open", n, len(sealed))
		}
		changed := bytes.Clone(sealed)
		changed[n] ^= 1
		if _, err := s.Open(changed, "name"); err == nil {
			t.Errorf("octet %d is changed, and it opens", n)
		}
	}
}

// FuzzOpen holds Open to give only what was sealed.
func FuzzOpen(f *testing.F) {
	s := sealer(f, 1)
	sealed := s.Seal(New([]byte("value")), "name")
	f.Add(sealed, "name")
	f.Add(sealed[:20], "name")
	f.Add(sealer(f, 2).Seal(New([]byte("value")), "name"), "name")
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, stored []byte, name string) {
		// the nonce is another one in each process that fuzzes
		if v, err := s.Open(stored, name); err == nil && (name != "name" || string(v.Reveal()) != "value") {
			t.Errorf("%x opens as %q under %q", stored, v.Reveal(), name)
		}
	})
}
