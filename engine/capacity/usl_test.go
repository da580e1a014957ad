package capacity

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// cisco is the law that fits the data of Schwartz, Practical Scalability Analysis with the
// Universal Scalability Law, 2015.
func cisco() USL { return USL{995.648785929, 0.0267159450357, 0.00076909392061} }

func TestTheLawHasTheReferenceAnswers(t *testing.T) {
	m := cisco()
	for n, x := range map[float64]float64{1: 995.648786, 5: 4435.966307, 10: 7602.334173, 20: 11063.633118, 30: 12222.177636, 35: 12341.745674} {
		near(t, fmt.Sprintf("X(%g)", n), m.Throughput(n), x, 1e-9)
	}
	near(t, "R(20)", m.Latency(20), 1.807724e-3, 1e-6)
	n, x, ok := m.Peak()
	if !ok {
		t.Fatal("no peak")
	}
	near(t, "N*", n, 35.573788201, 1e-9)
	near(t, "X*", x, 12342.8525538, 1e-9)
	near(t, "γ/α", m.Asymptote(), 37267.96056, 1e-9)
}

// Some libraries lose a sign in X(R) and the coherency in N(X), and so have 29,726 at the
// latency of 20 users, and 15.35 users at 11,048/s.
func TestInversionsHaveTheReferenceAnswers(t *testing.T) {
	m := cisco()
	for x, n := range map[float64]float64{955: 0.95806945, 11048: 19.92390290, 12201: 29.56903621} {
		got, _ := m.ConcurrencyAtThroughput(x)
		near(t, fmt.Sprintf("N(X=%g)", x), got, n, 1e-8)
	}
	got, _ := m.ThroughputAtLatency(m.Latency(20))
	near(t, "X(R(20))", got, 11063.633118, 1e-9)
	got, _ = m.RetrogradeConcurrency(m.Throughput(20))
	near(t, "beyond the peak", got, 63.274720, 1e-7)
	schwartz := USL{40, 0.06, 0.06}
	for r, x := range map[float64]float64{.03: 69.38886665, .04: 82.91561976, .05: 84.06346809} {
		got, _ := schwartz.ThroughputAtLatency(r)
		near(t, fmt.Sprintf("X(R=%g)", r), got, x, 1e-9)
	}
	rust := USL{995.648799442353, 0.02671591, 0.0007690945}
	got, _ = rust.ConcurrencyAtLatency(0.03)
	near(t, "N(30 ms)", got, 177.69840792, 1e-3)
	if got, ok := m.ConcurrencyAtThroughput(12343); ok {
		t.Errorf("12,343/s is above the peak, and yet reached at %g", got)
	}
	if got, ok := m.ConcurrencyAtLatency(1e-4); ok {
		t.Errorf("0.1 ms is less than any latency, and yet seen at %g", got)
	}
	if got, ok := (USL{10, 0, 0}).ConcurrencyAtLatency(0.1); ok {
		t.Errorf("a linear law has the same latency everywhere, and yet 0.1 s at %g", got)
	}
	if got, ok := (USL{10, 0.1, 0}).RetrogradeConcurrency(50); ok {
		t.Errorf("Amdahl's law has no retrograde branch, and yet one at %g", got)
	}
}

func TestInversionsUndoTheLaw(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := USL{
			rapid.Float64Range(1e-2, 1e6).Draw(rt, "gamma"),
			rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(1e-6, 0.99)).Draw(rt, "alpha"),
			rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(1e-8, 0.5)).Draw(rt, "beta"),
		}
		n := rapid.Float64Range(1, 1e4).Draw(rt, "n")
		peak, _, hasPeak := m.Peak()
		x, r := m.Throughput(n), m.Latency(n)
		same := func(what string, got, want, tolerance float64, ok bool) {
			if !ok || math.Abs(got-want) > tolerance*want {
				rt.Errorf("%+v at %g: %s is %g (%v), want %g", m, n, what, got, ok, want)
			}
		}
		if m.Alpha+m.Beta > 0 {
			got, ok := m.ConcurrencyAtLatency(r)
			// Where latency hardly depends on N, it says little about N.
			loose := 1e-9 + 1e-14/(m.slowdown(n)-1+1e-300)
			if n > 1.001 && loose < 1e-3 {
				same("N(R)", got, n, loose, ok)
				got, ok = m.ThroughputAtLatency(r)
				same("X(R)", got, x, loose, ok)
			}
		}
		if hasPeak && math.Abs(n/peak-1) < 1e-3 {
			return // both roots meet there
		}
		if hasPeak && n > peak {
			got, ok := m.RetrogradeConcurrency(x)
			same("N(X) beyond the peak", got, n, 1e-8, ok)
			return
		}
		got, ok := m.ConcurrencyAtThroughput(x)
		loose := 1e-9 + 1e-14*m.slowdown(n)/(1-m.Alpha) // and throughput near the asymptote likewise
		if !hasPeak && loose < 1e-3 || hasPeak {
			same("N(X)", got, n, math.Max(loose, 1e-8), ok)
			got, ok = m.LatencyAtThroughput(x)
			same("R(X)", got, r, math.Max(loose, 1e-8), ok)
		}
	})
}

func TestThePeakItselfIsReached(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := USL{
			rapid.Float64Range(1e-2, 1e6).Draw(rt, "gamma"),
			rapid.Float64Range(0, 0.9).Draw(rt, "alpha"),
			rapid.Float64Range(1e-8, 0.05).Draw(rt, "beta"),
		}
		n, x, _ := m.Peak()
		got, ok := m.ConcurrencyAtThroughput(x)
		if !ok || math.Abs(got/n-1) > 1e-4 {
			rt.Errorf("%+v: X* is reached at %g (%v), not at %g", m, got, ok, n)
		}
	})
}

// R's usl halves the part of coherency.
func TestSharesAddUp(t *testing.T) {
	m := USL{89.9952331043, 0.0277284756186, 0.000104365483844}
	parallel, contention, coherency := m.Shares(18)
	near(t, "parallel", parallel, 1.0/18, 1e-12)
	near(t, "coherency", coherency, 0.000104365483844*17, 1e-12)
	near(t, "all", parallel+contention+coherency, 1/(18*m.Efficiency(18)), 1e-12)
}
