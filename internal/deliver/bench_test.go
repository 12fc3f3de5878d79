package deliver

import (
	"net/http/httptest"
	"testing"

	"hookaido/internal/config"
)

func BenchmarkAttempt(b *testing.B) {
	for name, sign := range map[string]*config.Sign{"plain": nil, "signed": hmacSign()} {
		b.Run(name, func(b *testing.B) {
			s := httptest.NewServer(status(204))
			defer s.Close()
			target := newTarget(b, newDeliverer(b, options()), config.Target{URL: s.URL, Sign: sign}, version("", "key", -1, 0))
			m := message()
			m.Payload = make([]byte, 1024)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if r := target.Attempt(b.Context(), m); r.Class != Done {
						b.Error(r.Cause)
						return
					}
				}
			})
		})
	}
}

func BenchmarkProgram(b *testing.B) {
	target := newTarget(b, newDeliverer(b, options()), config.Target{Exec: "/bin/true"})
	m := message()
	b.ReportAllocs()
	for b.Loop() {
		if r := target.Attempt(b.Context(), m); r.Class != Done {
			b.Fatal(r.Cause)
		}
	}
}
