package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"plimsoll/report"
	"plimsoll/scenarios"
)

// figure takes one number from the target.
func (c *control) figure(ctx context.Context, f scenarios.Figure) (float64, error) {
	text, err := c.call(ctx, scenarios.Action{Method: http.MethodGet, URL: f.Get, Header: f.Header})
	if err != nil {
		return 0, err
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return 0, fmt.Errorf("GET %s: the answer is not JSON", report.RedactURL(f.Get))
	}
	values, err := pick(doc, f.JSON)
	if err != nil {
		return 0, fmt.Errorf("GET %s: %w", report.RedactURL(f.Get), err)
	}
	return fold(f.Fold, values)
}

// pick returns the numbers that a path leads to. The path is $.key.key[0], where a key may
// stand in quotes within brackets, and * is every key or item; true counts as 1. Only a path
// with * may lead nowhere.
func pick(doc any, path string) ([]float64, error) {
	at := []any{doc}
	for _, key := range steps(path) {
		var next []any
		for _, v := range at {
			next = append(next, children(v, key)...)
		}
		at = next
	}
	if len(at) == 0 && !strings.Contains(path, "*") {
		return nil, fmt.Errorf("there is nothing at %s", path)
	}
	var values []float64
	for _, v := range at {
		switch v := v.(type) {
		case float64:
			values = append(values, v)
		case bool:
			n := 0.0
			if v {
				n = 1
			}
			values = append(values, n)
		default:
			return nil, fmt.Errorf("what is at %s is not a number", path)
		}
	}
	return values, nil
}

// steps splits a path into its keys.
func steps(path string) (keys []string) {
	rest := strings.TrimPrefix(path, "$")
	for rest != "" {
		switch {
		case rest[0] == '.':
			rest = rest[1:]
		case strings.HasPrefix(rest, "["):
			key, after, _ := strings.Cut(rest[1:], "]")
			keys, rest = append(keys, strings.Trim(key, `"'`)), after
		default:
			n := strings.IndexAny(rest, ".[")
			if n < 0 {
				n = len(rest)
			}
			keys, rest = append(keys, rest[:n]), rest[n:]
		}
	}
	return keys
}

// children returns what a key leads to.
func children(v any, key string) []any {
	switch v := v.(type) {
	case map[string]any:
		if key == "*" {
			var all []any
			for _, k := range slices.Sorted(maps.Keys(v)) {
				all = append(all, v[k])
			}
			return all
		}
		if x, ok := v[key]; ok {
			return []any{x}
		}
	case []any:
		if key == "*" {
			return v
		}
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(v) {
			return []any{v[i]}
		}
	}
	return nil
}

// fold makes one number of several. Jain's index (Jain, Chiu, Hawe 1984) is (Σx)²/(n·Σx²):
// 1 if all are equal, 1/n if one has everything.
func fold(how string, values []float64) (float64, error) {
	n := float64(len(values))
	var sum, squares float64
	for _, v := range values {
		sum += v
		squares += v * v
	}
	switch {
	case how == "count":
		return n, nil
	case n == 0 && how != "jain":
		return 0, errors.New("the path leads nowhere")
	case how == "sum":
		return sum, nil
	case n == 0 || how == "jain" && squares == 0:
		return 0, fmt.Errorf("there is nothing to take the %s of", how)
	case how == "max":
		return slices.Max(values), nil
	case how == "min":
		return slices.Min(values), nil
	case how == "jain":
		return sum * sum / (n * squares), nil
	}
	return sum / n, nil
}
