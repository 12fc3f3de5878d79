package compile

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"hookaido/internal/config"
	"hookaido/internal/secret"
)

// short writes a duration as a Hookaidofile has it: "off" for none, without
// parts that are zero, and whole days as days.
func short(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return "off"
	case d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// size writes a number of bytes with the largest unit that gives a whole
// number; 0 is no bound.
func size(n int64) string {
	units := []string{"b", "kb", "mb", "gb"}
	i := 0
	for n > 0 && n%1024 == 0 && i < len(units)-1 {
		n /= 1024
		i++
	}
	if n == 0 {
		return "off"
	}
	return strconv.FormatInt(n, 10) + units[i]
}

// textOf writes the value of a field as a Hookaidofile has it, with secrets
// replaced.
func textOf(f reflect.Value) string {
	switch x := f.Interface().(type) {
	case bool:
		if x {
			return "on"
		}
		return "off"
	case time.Duration:
		return short(x)
	case int64:
		return size(x)
	case int:
		if x == 0 {
			return "off"
		}
		return strconv.Itoa(x)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case time.Time:
		return stamp(x)
	case config.Listen:
		return word(x.Address)
	case config.SecretRef:
		return word(x.String())
	case config.SecretName:
		return word(x.ID)
	case config.EgressRule:
		if x.Prefix.IsValid() {
			return x.Prefix.String()
		}
		return x.Host
	case netip.Prefix:
		return x.String()
	case secret.Value:
		return word(x.String())
	}
	if f.Kind() == reflect.String {
		return word(withoutQuery(f.String()))
	}
	return fmt.Sprint(f.Interface())
}

// withoutQuery replaces the values in the query of a URL, which often are
// tokens.
func withoutQuery(text string) string {
	if !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://") {
		return text
	}
	address, query, ok := strings.Cut(text, "?")
	if !ok || query == "" {
		return text
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, _, named := strings.Cut(part, "=")
		parts[i] = "[redacted]"
		if named {
			parts[i] = name + "=[redacted]"
		}
	}
	return address + "?" + strings.Join(parts, "&")
}

// word writes a text as a word, in quotes if it can't stand bare.
func word(text string) string {
	if text != "" && !strings.ContainsAny(text, " \t\r\n{}\"#;\\") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(text) + `"`
}
