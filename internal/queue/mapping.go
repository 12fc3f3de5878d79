package queue

import "time"

// Mapping gives an endpoint, which is an application and a name in it, a route.
// An endpoint has one route at most, and a route one endpoint.
type Mapping struct {
	Application, EndpointName string
	// Route is the configured path of the route.
	Route string
	// Since is when the mapping was made. Engines set it.
	Since time.Time
}

// SealedSecret is one version of a secret, encrypted by whoever stores it. Pool
// and ID together name it.
type SealedSecret struct {
	Pool, ID string
	// Sealed is the encrypted value. It may be empty, which says that the version
	// was there and must not come back. Engines keep the slice.
	Sealed []byte
	// The version is valid from NotBefore and until just before NotAfter; zero is
	// no end.
	NotBefore, NotAfter time.Time
	CreatedAt           time.Time
}
