package search_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"plimsoll/engine/search"
)

// The series is 100(1+2e^(−i/10)) with a pattern upon it; MSER-5 leaves out 15 batches.
func TestWarmupOfAKnownSeries(t *testing.T) {
	var series []float64
	for i := range 200 {
		x := 100*(1+2*math.Exp(-float64(i)/10)) + float64((37*i)%11) - 5
		series = append(series, math.Round(x*1e6)/1e6)
	}
	cut, steady := search.Warmup(series)
	if cut != 75 || !steady {
		t.Errorf("cut %d, steady %v", cut, steady)
	}
	var sum float64
	for _, x := range series[cut:] {
		sum += x
	}
	if mean := sum / float64(len(series)-cut); math.Abs(mean-99.961299) > 1e-5 {
		t.Errorf("mean of the rest %.6f", mean)
	}
}

func TestASeriesThatGoesOnFallingIsNotSteady(t *testing.T) {
	var series []float64
	for i := range 100 {
		series = append(series, 1000-10*float64(i))
	}
	if _, steady := search.Warmup(series); steady {
		t.Error("a straight line looks steady")
	}
	if cut, steady := search.Warmup([]float64{1, 2, 3}); cut != 0 || steady {
		t.Errorf("three observations: cut %d, steady %v", cut, steady)
	}
}

func TestTrend(t *testing.T) {
	// S = 8, and n(n−1)(2n+5)/18 = 16.667: (8 − 1)/√16.667 = 1.7146.
	if got := search.Trend([]float64{1, 2, 4, 3, 5}); math.Abs(got-1.714643) > 1e-6 {
		t.Errorf("got %f", got)
	}
	if got := search.Trend([]float64{5, 3, 4, 2, 1}); math.Abs(got+1.714643) > 1e-6 {
		t.Errorf("falling: got %f", got)
	}
	if got := search.Trend([]float64{7, 7, 7, 7, 7}); got != 0 {
		t.Errorf("constant: got %f", got)
	}
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a simulation
	var alarms int
	for range 400 {
		series := make([]float64, 60)
		for i := range series {
			series[i] = r.NormFloat64()
		}
		if math.Abs(search.Trend(series)) > 1.96 {
			alarms++
		}
	}
	if alarms < 8 || alarms > 36 { // 5 % of 400 is 20
		t.Errorf("%d of 400 series without a trend have one", alarms)
	}
}
