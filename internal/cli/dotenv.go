package cli

import (
	"fmt"
	"strconv"
	"strings"

	"hookaido/internal/config/compile"
)

// readDotenv reads lines of the form [export ]KEY=VALUE. Empty lines and lines
// that begin with # are skipped. A value may stand in double quotes, with the
// escapes of a Go string, or in single quotes, taken as it is.
func readDotenv(path string) (map[string]string, error) {
	content, err := compile.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the environment file %s: %w", path, err)
	}
	vars := map[string]string{}
	n := 0
	for line := range strings.Lines(string(content)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, found := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		key = strings.TrimSpace(key)
		if !found || key == "" {
			return nil, fmt.Errorf("%s:%d: the line is not KEY=VALUE", path, n)
		}
		value, err := unquote(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: the value of %s has unbalanced quotes or a bad escape", path, n, key)
		}
		vars[key] = value
	}
	return vars, nil
}

func unquote(value string) (string, error) {
	switch {
	case strings.HasPrefix(value, `"`):
		return strconv.Unquote(value)
	case strings.HasPrefix(value, "'"):
		if len(value) < 2 || value[len(value)-1] != '\'' {
			return "", strconv.ErrSyntax
		}
		return value[1 : len(value)-1], nil
	default:
		return value, nil
	}
}

// overlay adds vars to an environment. A variable that is set and not empty
// keeps its value.
func overlay(lookup func(string) (string, bool), vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := lookup(name); ok && v != "" {
			return v, true
		}
		if v, ok := vars[name]; ok {
			return v, true
		}
		return lookup(name)
	}
}
