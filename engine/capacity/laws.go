package capacity

import (
	"errors"
	"fmt"
	"math"
)

// The operational laws hold for whatever was measured, without any assumption about
// arrivals or service (Denning and Buzen, The operational analysis of queueing network
// models, ACM Computing Surveys 1978).

// Little returns how many are in a system on average, L = X·R: rate per second times the
// seconds that each stays.
func Little(rate, stay float64) float64 { return rate * stay }

// Utilisation returns how busy each of the units is on average, U = X·D/c, when every
// request keeps one of them busy for demand seconds. Above 1 the rate cannot be carried.
func Utilisation(rate, demand, units float64) float64 { return rate * demand / units }

// ServiceDemand returns the busy seconds of one unit per request, D = U·c/X (the service
// demand law).
func ServiceDemand(rate, utilisation, units float64) float64 { return utilisation * units / rate }

// ClosedResponse returns how long users wait for an answer, R = N/X − Z (the response time
// law), when this many of them think for think seconds between an answer and the next
// request.
func ClosedResponse(users, throughput, think float64) float64 { return users/throughput - think }

// Bounds are what no closed system of queues can pass, whatever its distributions are.
type Bounds struct {
	Total   float64 // demand of all stations together, D, in seconds: the least response time
	Largest float64 // demand of the station that saturates first, Dmax, in seconds
	Think   float64 // Z, in seconds
}

// NewBounds returns the bounds of stations with these demands per request, in seconds per
// server, and users who think for think seconds.
func NewBounds(demands []float64, think float64) Bounds {
	b := Bounds{Think: think}
	for _, d := range demands {
		b.Total += d
		b.Largest = max(b.Largest, d)
	}
	return b
}

// Throughput returns the most that this many users can get through per second,
// X ≤ min(1/Dmax, N/(D+Z)).
func (b Bounds) Throughput(users float64) float64 {
	return min(1/b.Largest, users/(b.Total+b.Think))
}

// Response returns the least time in seconds that this many users wait,
// R ≥ max(D, N·Dmax − Z).
func (b Bounds) Response(users float64) float64 {
	return max(b.Total, users*b.Largest-b.Think)
}

// Knee returns the number of users at which the two bounds meet, N* = (D+Z)/Dmax. From
// there on somebody waits for sure.
func (b Bounds) Knee() float64 { return (b.Total + b.Think) / b.Largest }

// Demand returns the busy seconds of one unit per request, by least squares through the
// origin of U·c = X·D over trials at these rates per second, with utilisations of 0 to 1.
// It is an error if there is no trial, if a value cannot be, or if no rate is above zero.
func Demand(rates, utilisations []float64, units float64) (seconds float64, err error) {
	if len(rates) != len(utilisations) {
		return 0, fmt.Errorf("service demand: %d rates but %d utilisations", len(rates), len(utilisations))
	}
	if !(units > 0) || math.IsInf(units, 0) {
		return 0, fmt.Errorf("service demand: %v units", units)
	}
	var xy, xx float64
	for i, x := range rates {
		u := utilisations[i]
		if !(x >= 0 && u >= 0) || math.IsInf(x, 0) || math.IsInf(u, 0) {
			return 0, fmt.Errorf("service demand: utilisation %v at rate %v", u, x)
		}
		xy += x * u
		xx += x * x
	}
	if xx == 0 {
		return 0, errors.New("service demand: no trial with a rate above zero")
	}
	return units * xy / xx, nil
}

// Saturation returns the rate per second at which this many units, each busy for demand
// seconds per request, have no time left; infinite without demand.
func Saturation(demand, units float64) float64 { return units / demand }
