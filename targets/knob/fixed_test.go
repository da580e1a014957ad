package knob_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/targets/knob"
)

func TestEntriesOfAMapWithFixedKeysChangeAtOnceButComeAndGoWithNewWorkers(t *testing.T) {
	type station struct {
		Servers int `yaml:"servers" default:"1" min:"1" about:"how many"`
	}
	type doc struct {
		Stations map[string]station `yaml:"stations" restart:"keys"`
	}
	before := &doc{map[string]station{"a": {1}, "b": {1}}}
	after := &doc{map[string]station{"b": {2}, "c": {3}}}
	want := []knob.Change{
		{Path: "stations.a.servers", From: "1", To: "", Restart: true},
		{Path: "stations.b.servers", From: "1", To: "2"},
		{Path: "stations.c.servers", From: "", To: "3", Restart: true},
	}
	if diff := cmp.Diff(want, knob.Diff(before, after)); diff != "" {
		t.Error(diff)
	}
}
