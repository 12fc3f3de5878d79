package schema

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

func errIsRange(err error) bool { return errors.Is(err, strconv.ErrRange) }

const durationHint = "write a number and a unit: 500ms, 30s, 5m, 1h30m, 7d"

// durationKind takes "off" and 0 too, which give 0.
func durationKind() Kind {
	return Kind{Name: "duration", Form: "a duration such as 30s, 5m, 1h30m or 7d; off or 0 for none",
		Parse: func(text string) (any, *Problem) { return parseDuration(text) }}
}

// positiveKind is a duration above 0.
func positiveKind() Kind {
	return Kind{Name: "duration", Form: "a duration above 0 such as 30s, 5m, 1h30m or 7d",
		Parse: func(text string) (any, *Problem) {
			d, problem := parseDuration(text)
			if problem == nil && d == time.Duration(0) {
				return outOfRange(durationHint, "%q is no duration above 0", text)
			}
			return d, problem
		}}
}

func parseDuration(text string) (any, *Problem) {
	if strings.EqualFold(text, "off") || text == "0" {
		return time.Duration(0), nil
	}
	if strings.HasPrefix(text, "-") {
		return outOfRange(durationHint, "%q is negative", text)
	}
	if last := len(text) - 1; last > 0 && (text[last] == 'd' || text[last] == 'D') {
		return parseDays(text[:last], text)
	}
	d, err := time.ParseDuration(text)
	if err == nil {
		return d, nil
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return bad(fmt.Sprintf("did you mean %ss? Units are ns, us, ms, s, m, h and d", text), "%q has no unit", text)
	}
	if lower := strings.ToLower(text); lower != text {
		if _, err := time.ParseDuration(lower); err == nil {
			return bad(fmt.Sprintf("units are written small: %s", lower), "%q is not a duration", text)
		}
	}
	if near := spelledUnit(text); near != "" {
		return bad(fmt.Sprintf("did you mean %s? Units are ns, us, ms, s, m, h and d", near), "%s is not a duration", quote(text))
	}
	if tooLong(text) {
		return outOfRange("the longest duration is 106751d", "%q is too long", text)
	}
	return bad(durationHint, "%q is not a duration", text)
}

// spelledUnit returns the duration that a unit in full letters means, or "".
func spelledUnit(text string) string {
	number := strings.TrimRight(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz ")
	unit := strings.TrimSpace(strings.ToLower(text[min(len(number), len(text)):]))
	short := map[string]string{"sec": "s", "second": "s", "min": "m", "minute": "m", "hr": "h", "hour": "h", "day": "d"}[strings.TrimSuffix(unit, "s")]
	if _, err := strconv.ParseUint(number, 10, 32); err != nil || short == "" {
		return ""
	}
	return number + short
}

func parseDays(number, text string) (any, *Problem) {
	days, err := strconv.ParseInt(number, 10, 64)
	switch {
	case err != nil && !errIsRange(err):
		return bad("days are whole and stand alone; for parts of a day write hours: 36h", "%q is not a duration", text)
	case err != nil || days > int64(math.MaxInt64/(24*time.Hour)):
		return outOfRange("the longest duration is 106751d", "%q is too long", text)
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

// tooLong reports whether text would be a duration if it had fewer digits.
func tooLong(text string) bool {
	digits := strings.TrimLeft(text, "0123456789")
	_, err := time.ParseDuration("1" + digits)
	return digits != text && err == nil
}

// timeKind is a moment, given in UTC.
func timeKind() Kind {
	const hint = "write RFC 3339 with a zone, such as 2026-07-01T00:00:00Z"
	return Kind{Name: "time", Form: "RFC 3339 with a zone, such as 2026-07-01T00:00:00Z", Parse: func(text string) (any, *Problem) {
		t, err := time.Parse(time.RFC3339, text)
		if err == nil {
			return t.UTC(), nil
		}
		for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00"} {
			if t, err := time.Parse(layout, text); err == nil {
				return bad("did you mean "+t.UTC().Format(time.RFC3339)+"? The T and the zone are needed", "%s is not a time", quote(text))
			}
		}
		return bad(hint, "%s is not a time", quote(text))
	}}
}

const (
	maxSize  = 1 << 40
	sizeHint = "write a whole number and b, kb, mb or gb, such as 512kb or 2mb"
)

// sizeKind is a number of bytes above 0; its units are powers of 1024.
func sizeKind() Kind {
	return Kind{Name: "size", Form: "a size such as 512kb or 2mb, from 1 to 1024gb", Parse: parseSize}
}

func parseSize(text string) (any, *Problem) {
	lower := strings.ToLower(text)
	number := strings.TrimRight(lower, "bkmg")
	unit := lower[len(number):]
	shift, known := map[string]uint{"": 0, "b": 0, "k": 10, "kb": 10, "m": 20, "mb": 20, "g": 30, "gb": 30}[unit]
	number = strings.TrimSpace(number)
	n, err := strconv.ParseInt(number, 10, 64)
	switch {
	case errIsRange(err) && !strings.HasPrefix(number, "-"), known && err == nil && n > maxSize>>shift:
		return outOfRange(sizeHint, "%q is more than 1024gb", text)
	case err == nil && known && n < 1:
		return outOfRange(sizeHint, "%q is not a size above 0", text)
	case err != nil || !known:
		hint := sizeHint
		if plain, binary := strings.CutSuffix(lower, "ib"); binary && parsesAsSize(plain+"b") {
			hint = fmt.Sprintf("did you mean %sb? Its units are powers of 1024", plain)
		}
		return bad(hint, "%s is not a size", quote(text))
	}
	return n << shift, nil
}

// sizeOrOffKind takes off, 0 and nothing for no bound.
func sizeOrOffKind() Kind {
	return Kind{Name: "size", Form: "a size such as 8kb; off or 0 for no bound", Parse: func(text string) (any, *Problem) {
		if text == "" || text == "0" || strings.EqualFold(text, "off") {
			return int64(0), nil
		}
		return parseSize(text)
	}}
}

func parsesAsSize(text string) bool {
	_, problem := parseSize(text)
	return problem == nil
}
