package pull

import "time"

// The bounds that no configuration changes.
const (
	// MinLeaseTTL is the shortest lease that a worker may ask for. A shorter
	// one would be over before the answer arrives.
	MinLeaseTTL = time.Second
	// MaxDuration bounds every duration of a request, so that no time lies
	// beyond what can be stored.
	MaxDuration = 365 * 24 * time.Hour
	// MaxWait bounds the wait of a dequeue when the configuration does not.
	MaxWait = 60 * time.Second
)

// Duration is a duration that a request may leave out.
type Duration struct {
	Value time.Duration
	Set   bool
}

// ParseDuration reads the text of the named field; empty is left out.
func ParseDuration(field, text string) (Duration, error) {
	if text == "" {
		return Duration{}, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return Duration{}, invalid(field + ` must be a valid duration, such as "30s" or "1m30s" (units ns, us, ms, s, m, h)`)
	}
	return Duration{d, true}, nil
}

// check holds d to at least low and at most [MaxDuration].
func (d Duration) check(field string, low time.Duration) error {
	switch {
	case !d.Set:
		return nil
	case d.Value < low && low == 0:
		return invalid(field + " must not be negative")
	case d.Value < low:
		return invalid(field + " must be at least " + low.String())
	case d.Value > MaxDuration:
		return invalid(field + " must be at most " + MaxDuration.String())
	}
	return nil
}
