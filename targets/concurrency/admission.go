package concurrency

import "math"

// RejectionProbability is the share of requests that Envoy's admission control filter
// refuses when so many of the requests of a window succeeded. Below the success rate
// threshold (0.95) it is
//
//	max(0, (requests - successes/threshold) / (requests + 1)) ^ (1/aggression)
//
// and at most the limit (0.8). An aggression below 1 counts as 1. In parentheses are the
// filter's defaults; that of the aggression is 1, that of the window 30 s.
func RejectionProbability(requests, successes, threshold, aggression, limit float64) float64 {
	p := max(0, (requests-successes/threshold)/(requests+1))
	return min(limit, math.Pow(p, 1/max(1, aggression)))
}

// ThrottleProbability is the share of requests that a client keeps to itself when the
// server accepted so many of those in the last two minutes (Site Reliability Engineering,
// chapter 21, "Client-Side Throttling"), with k = 2 as the usual multiplier:
//
//	max(0, (requests - k × accepts) / (requests + 1))
func ThrottleProbability(requests, accepts, k float64) float64 {
	return max(0, (requests-k*accepts)/(requests+1))
}
