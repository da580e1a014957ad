//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatPeersPrintIsUnderstood(t *testing.T) {
	wrkSaid := `Running 2s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   482.22us  229.11us   4.10ms   91.15%
    Req/Sec   128.51k     3.11k  133.20k    75.00%
  Latency Distribution
     50%  450.00us
     75%  512.00us
     90%    0.60ms
     99%    1.25ms
  200000 requests in 2.00s, 58.21MB read
Requests/sec: 100000.00
`
	h2loadSaid := `finished in 2.00s, 50000.00 req/s, 12.30MB/s
requests: 100000 total, 100064 started, 100000 done, 99000 succeeded, 1000 failed, 1000 errored, 0 timeout
status codes: 99000 2xx, 0 3xx, 0 4xx, 0 5xx
                     min         max         mean         sd        +/- sd
time for request:       54us      3.73ms       430us        39us    86.50%
time for connect:       20us       200us       100us        10us    60.00%
`
	tests := map[string]struct {
		said   string
		format format
		want   map[string]float64
	}{
		"wrk": {
			wrkSaid, wrkFormat(),
			map[string]float64{cpuPerRequest: 5, achieved: 100_000, latencyMean: 482.22, latencyP50: 450, latencyP99: 1250},
		},
		"h2load, of which only what succeeded counts": {
			h2loadSaid, h2loadFormat(),
			map[string]float64{cpuPerRequest: 1e6 / 99_000., achieved: 49_500, latencyMean: 430},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := test.format.read(finished{output: test.said, cpu: time.Second}, 2)
			if diff := cmp.Diff(test.want, got.figures); err != nil || diff != "" {
				t.Errorf("error %v, -want +got\n%s", err, diff)
			}
			if _, err := test.format.read(finished{output: "connection refused"}, 2); err == nil {
				t.Error("no error without a count")
			}
		})
	}
}

func TestTheRatioIsThatOfPairs(t *testing.T) {
	readings := func(values ...float64) (all []reading) {
		for _, v := range values {
			all = append(all, reading{figures: map[string]float64{cpuPerRequest: v}})
		}
		return all
	}
	ours, theirs := readings(10, 40, 6), readings(10, 20, 2) // the ratio of the medians is 1
	want := []figure{{Name: cpuPerRequest, Value: 10, Peer: new(10.0), Ratio: new(2.0), Bound: "<= 1"}}
	if diff := cmp.Diff(want, figures(ours, theirs, map[string]string{cpuPerRequest: "<= 1"})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
