package queuetest

import (
	"context"
	"errors"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hookaido/internal/queue"
)

// Mapper keeps the routes of endpoints.
type Mapper interface {
	Mappings(ctx context.Context) ([]queue.Mapping, error)
	SetMapping(ctx context.Context, m queue.Mapping) error
	DropMapping(ctx context.Context, application, endpointName string) error
}

// SecretKeeper keeps versions of secrets that are encrypted already.
type SecretKeeper interface {
	SealedSecrets(ctx context.Context) ([]queue.SealedSecret, error)
	PutSealed(ctx context.Context, v queue.SealedSecret) error
	DropSealed(ctx context.Context, pool, id string) error
}

func mappingCases() []contractCase {
	return []contractCase{
		{name: "mappings are listed in order", run: func(r *rig) {
			r.wantMappings()
			r.mapTo("shop", "z", "/1")
			r.mapTo("shop", "a", "/2")
			r.mapTo("crm", "z", "/3")
			at := r.clock.Now()
			r.wantMappings(mapping("crm", "z", "/3", at), mapping("shop", "a", "/2", at), mapping("shop", "z", "/1", at))
		}},
		{name: "an endpoint has one route and a route one endpoint", run: func(r *rig) {
			r.mapTo("shop", "a", "/1")
			r.mapTo("shop", "b", "/2")
			r.pass(time.Second)
			r.mapTo("shop", "a", "/2")
			r.wantMappings(mapping("shop", "a", "/2", r.clock.Now()))
		}},
		{name: "a mapping is dropped, an unknown one passed over", run: func(r *rig) {
			r.mapTo("shop", "a", "/1")
			r.mapTo("shop", "b", "/2")
			for _, name := range []string{"a", "a", "never"} {
				if err := r.queue.DropMapping(r.Context(), "shop", name); err != nil {
					r.Errorf("DropMapping: %v", err)
				}
			}
			r.wantMappings(mapping("shop", "b", "/2", r.clock.Now()))
		}},
		{name: "nothing works after Close", run: func(r *rig) {
			if err := r.queue.Close(); err != nil {
				r.Fatal(err)
			}
			_, errList := r.queue.Mappings(r.Context())
			_, errSecrets := r.queue.SealedSecrets(r.Context())
			for what, err := range map[string]error{
				"Mappings": errList, "SealedSecrets": errSecrets,
				"SetMapping":  r.queue.SetMapping(r.Context(), queue.Mapping{Application: "a", EndpointName: "b", Route: "/c"}),
				"DropMapping": r.queue.DropMapping(r.Context(), "a", "b"),
				"PutSealed":   r.queue.PutSealed(r.Context(), queue.SealedSecret{Pool: "p", ID: "i"}),
				"DropSealed":  r.queue.DropSealed(r.Context(), "p", "i"),
			} {
				if !errors.Is(err, queue.ErrClosed) {
					r.Errorf("%s = %v, want ErrClosed", what, err)
				}
			}
		}},
	}
}

func mapping(application, name, route string, since time.Time) queue.Mapping {
	return queue.Mapping{Application: application, EndpointName: name, Route: route, Since: since}
}

func (r *rig) mapTo(application, name, route string) {
	r.Helper()
	if err := r.queue.SetMapping(r.Context(), mapping(application, name, route, time.Time{})); err != nil {
		r.Fatalf("SetMapping: %v", err)
	}
}

func (r *rig) wantMappings(want ...queue.Mapping) {
	r.Helper()
	got, err := r.queue.Mappings(r.Context())
	if err != nil {
		r.Fatalf("Mappings: %v", err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" {
		r.Fatalf("Mappings (-want +got):\n%s", diff)
	}
}

func sealedCases() []contractCase {
	return []contractCase{
		{name: "sealed secrets come back to the octet, in order", run: func(r *rig) {
			r.wantSealed()
			at := r.clock.Now()
			all := []queue.SealedSecret{
				{Pool: "a", ID: "2", Sealed: []byte("\x00\xff"), NotBefore: at, NotAfter: at.Add(1), CreatedAt: at.Add(2)},
				{Pool: "b", ID: "1", Sealed: []byte("x"), NotBefore: at.Add(-time.Hour), CreatedAt: at},
				{Pool: "b", ID: "2", NotBefore: at, CreatedAt: at},
			}
			for _, i := range []int{2, 0, 1} {
				r.seal(all[i])
			}
			r.wantSealed(all...)
		}},
		{name: "a version takes the place of one with its names", run: func(r *rig) {
			at := r.clock.Now()
			r.seal(queue.SealedSecret{Pool: "a", ID: "1", Sealed: []byte("x"), NotBefore: at, NotAfter: at.Add(1), CreatedAt: at})
			gone := queue.SealedSecret{Pool: "a", ID: "1", NotBefore: at.Add(1), CreatedAt: at.Add(2)}
			r.seal(gone)
			r.wantSealed(gone)
		}},
		{name: "a version is dropped, an unknown one passed over", run: func(r *rig) {
			at := r.clock.Now()
			kept := queue.SealedSecret{Pool: "b", ID: "1", Sealed: []byte("x"), NotBefore: at, CreatedAt: at}
			r.seal(kept)
			r.seal(queue.SealedSecret{Pool: "a", ID: "1", Sealed: []byte("x"), NotBefore: at, CreatedAt: at})
			for range 2 {
				if err := r.queue.DropSealed(r.Context(), "a", "1"); err != nil {
					r.Errorf("DropSealed: %v", err)
				}
			}
			r.wantSealed(kept)
		}},
	}
}

func (r *rig) seal(v queue.SealedSecret) {
	r.Helper()
	if err := r.queue.PutSealed(r.Context(), v); err != nil {
		r.Fatalf("PutSealed: %v", err)
	}
}

func (r *rig) wantSealed(want ...queue.SealedSecret) {
	r.Helper()
	got, err := r.queue.SealedSecrets(r.Context())
	if err != nil {
		r.Fatalf("SealedSecrets: %v", err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" {
		r.Fatalf("SealedSecrets (-want +got):\n%s", diff)
	}
}

func mappedSurvives(r *rig) {
	at := r.clock.Now()
	r.mapTo("shop", "a", "/1")
	r.mapTo("shop", "b", "/2")
	secret := queue.SealedSecret{Pool: "p", ID: "1", Sealed: []byte("\x00x"), NotBefore: at, NotAfter: at.Add(time.Hour), CreatedAt: at}
	r.seal(secret)
	r.reopen(time.Minute)
	r.wantMappings(mapping("shop", "a", "/1", at), mapping("shop", "b", "/2", at))
	r.wantSealed(secret)
}
