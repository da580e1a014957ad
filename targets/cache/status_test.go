package cache

import (
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
)

func TestStatusReadsAsRFC9211Says(t *testing.T) {
	for _, test := range []struct {
		name   string
		status Status
		want   string
	}{
		{"no tier", Status{}, ""},
		{"a hit", Status{l1: hop{on: true, hit: true, timed: true, ttl: 376 * time.Second}}, "l1; hit; ttl=376"},
		{"a stale hit", Status{l1: hop{on: true, hit: true, timed: true, ttl: -412 * time.Second}}, "l1; hit; ttl=-412"},
		{"stale by less than a second", Status{l1: hop{on: true, hit: true, timed: true, ttl: -time.Millisecond}}, "l1; hit; ttl=-1"},
		{"a miss", Status{l1: hop{on: true, fwd: fwdMiss, stored: true}}, "l1; fwd=uri-miss; stored"},
		{"stale with a status", Status{l1: hop{on: true, fwd: fwdStale, code: 304}}, "l1; fwd=stale; fwd-status=304"},
		{"collapsed", Status{l1: hop{on: true, fwd: fwdMiss, collapsed: 1}}, "l1; fwd=uri-miss; collapsed"},
		{"failed to collapse", Status{l1: hop{on: true, fwd: fwdMiss, collapsed: -1}}, "l1; fwd=uri-miss; collapsed=?0"},
		{
			"two tiers, the nearest to the origin first",
			Status{l2: hop{on: true, hit: true, timed: true, ttl: 1100 * time.Second}, l1: hop{on: true, fwd: fwdMiss, stored: true}},
			"l2; hit; ttl=1100, l1; fwd=uri-miss; stored",
		},
		{"a tier that is left alone", Status{l2: hop{on: true, fwd: fwdBypass, detail: "cooling-down"}}, "l2; fwd=bypass; detail=cooling-down"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.status.String()
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if _, err := httpsfv.UnmarshalList([]string{got}); err != nil {
				t.Errorf("%q is no list of RFC 9651: %v", got, err)
			}
		})
	}
}
