package concurrency

import (
	"math"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"plimsoll/targets/knob"
)

// defaults returns a configuration with what its tags say.
func defaults[T any](t testing.TB) T {
	t.Helper()
	var cfg T
	knob.Defaults(&cfg)
	if err := knob.Validate(&cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

const ms = time.Millisecond

func TestTheDefaultsAreThoseOfTheOriginals(t *testing.T) {
	for _, test := range []struct{ got, want any }{
		{defaults[AIMDConfig](t), AIMDConfig{Initial: 20, Min: 20, Max: 200, Backoff: 0.9, Timeout: 5 * time.Second}},
		{defaults[VegasConfig](t), VegasConfig{Initial: 20, Max: 1000, Smoothing: 1, Alpha: 3, Beta: 6, ProbeMultiplier: 30}},
		{defaults[Gradient2Config](t), Gradient2Config{Initial: 20, Min: 20, Max: 200, Smoothing: 0.2, QueueSize: 4, RTTTolerance: 1.5, LongWindow: 600}},
		{defaults[WindowConfig](t), WindowConfig{Enabled: true, Min: time.Second, Max: time.Second, Samples: 10, MinRTT: 100 * time.Microsecond}},
		{defaults[EnvoyConfig](t), EnvoyConfig{Percentile: 50, Max: 1000, UpdateInterval: 100 * ms, MinRTT: MinRTTConfig{
			Interval: time.Minute, RequestCount: 50, Jitter: 15, MinConcurrency: 3, Buffer: 25,
		}}},
	} {
		if test.got != test.want {
			t.Errorf("got %+v, want %+v", test.got, test.want)
		}
	}
}

func TestBoundsThatLeaveNothingAreRefused(t *testing.T) {
	aimd, vegas, gradient2 := defaults[AIMDConfig](t), defaults[VegasConfig](t), defaults[Gradient2Config](t)
	envoy, window := defaults[EnvoyConfig](t), defaults[WindowConfig](t)
	for _, c := range []interface{ Check() error }{aimd, vegas, gradient2, envoy, window} {
		if err := c.Check(); err != nil {
			t.Errorf("the defaults of %T are refused: %v", c, err)
		}
	}
	aimd.Min, vegas.Alpha, gradient2.Min, envoy.MinRTT.MinConcurrency, window.Min = 201, 7, 201, 1001, 2*time.Second
	for _, c := range []interface{ Check() error }{aimd, vegas, gradient2, envoy, window} {
		if c.Check() == nil {
			t.Errorf("%+v is not refused", c)
		}
	}
}

func TestAIMDMovesAsItsOriginal(t *testing.T) {
	for _, test := range []struct {
		name  string
		limit int
		s     Sample
		want  int
	}{
		{"a good sample adds one", 20, Sample{RTT: ms, InFlight: 10}, 21},
		{"less than half in use adds nothing", 22, Sample{RTT: ms, InFlight: 10}, 22},
		{"half of an odd limit is not yet half", 21, Sample{RTT: ms, InFlight: 10}, 21},
		{"a lost request takes a tenth", 30, Sample{Dropped: true}, 27},
		{"a tenth is rounded against the limit", 25, Sample{Dropped: true, InFlight: 25}, 22},
		{"a slow request is a lost one", 30, Sample{RTT: 5*time.Second + 1, InFlight: 30}, 27},
		{"a request at the timeout is not", 30, Sample{RTT: 5 * time.Second, InFlight: 30}, 31},
		{"never below the lower bound", 21, Sample{Dropped: true}, 20},
		{"never above the upper bound", 200, Sample{RTT: ms, InFlight: 200}, 200},
	} {
		cfg := defaults[AIMDConfig](t)
		cfg.Initial = test.limit
		a := NewAIMD(cfg)
		a.OnSample(test.s)
		if got := a.Limit(); got != test.want {
			t.Errorf("%s: %d became %d, want %d", test.name, test.limit, got, test.want)
		}
	}
}

func TestVegasMovesAsItsOriginal(t *testing.T) {
	for _, test := range []struct {
		name  string
		limit float64
		rtt   time.Duration // where 10 ms is the shortest
		s     Sample
		want  float64
	}{
		{"no queue adds beta", 10, 10 * ms, Sample{InFlight: 11}, 16},
		{"a queue up to log10 adds beta", 10, 11 * ms, Sample{InFlight: 10}, 16},                   // ceil(.91) = 1
		{"a queue below alpha adds log10", 10, 12 * ms, Sample{InFlight: 10}, 11},                  // ceil(1.67) = 2
		{"a queue from alpha to beta changes nothing", 10, 14 * ms, Sample{InFlight: 14}, 10},      // ceil(2.86) = 3
		{"a queue at beta changes nothing", 10, 25 * ms, Sample{InFlight: 10}, 10},                 // ceil(6) = 6
		{"a queue over beta takes log10", 10, 50 * ms, Sample{InFlight: 11}, 9},                    // ceil(8) = 8
		{"a lost request takes log10", 10, 10 * ms, Sample{InFlight: 10, Dropped: true}, 9},        //
		{"a lost request counts also when idle", 10, 10 * ms, Sample{Dropped: true}, 9},            //
		{"less than half in use changes nothing", 10, 10 * ms, Sample{InFlight: 4}, 10},            //
		{"log10 of 100 is 2: alpha 6, beta 12", 100, 10 * ms, Sample{InFlight: 100}, 112},          //
		{"at 100 a queue of 5 adds 2", 100, 10500 * time.Microsecond, Sample{InFlight: 100}, 102},  // ceil(4.76) = 5
		{"at 100 a queue of 13 takes 2", 100, 11400 * time.Microsecond, Sample{InFlight: 100}, 98}, // ceil(12.3) = 13
		{"at 10000 no queue adds 24", 10000, 10 * ms, Sample{InFlight: 6000}, 10024},
		{"below 10 a step is one", 5, 10 * ms, Sample{InFlight: 5}, 11},
		{"never above the upper bound", 19999, 10 * ms, Sample{InFlight: 19999}, 20000},
		{"never below one", 1, 50 * ms, Sample{InFlight: 1, Dropped: true}, 1},
	} {
		cfg := defaults[VegasConfig](t)
		cfg.Max = 20000
		test.s.RTT = test.rtt
		if got := cfg.step(test.limit, 10*ms, test.s); got != test.want {
			t.Errorf("%s: %v became %v, want %v", test.name, test.limit, got, test.want)
		}
	}
	cfg := defaults[VegasConfig](t)
	cfg.Smoothing = 0.5
	if got := cfg.step(100, 10*ms, Sample{RTT: 20 * ms, InFlight: 100}); got != 99 {
		t.Errorf("half of a step of 2 made 100 %v", got)
	}
}

func TestVegasMeasuresTheShortestTimeAnew(t *testing.T) {
	v := NewVegas(defaults[VegasConfig](t))
	v.random = func() float64 { return 0 } // jitter 0.5: every 0.5 × 30 × 20 = 300 samples
	v.jitter = v.newJitter()
	v.OnSample(Sample{RTT: 10 * ms, InFlight: 20})
	if v.shortest != 10*ms || v.Limit() != 20 {
		t.Fatalf("the first sample left %v and a limit of %d", v.shortest, v.Limit())
	}
	for range 298 {
		v.OnSample(Sample{RTT: 14 * ms, InFlight: 1}) // too little in flight to move
	}
	if v.shortest != 10*ms {
		t.Fatalf("after 299 samples the shortest is %v", v.shortest)
	}
	v.OnSample(Sample{RTT: 14 * ms, InFlight: 1})
	if v.shortest != 14*ms || v.samples != 0 {
		t.Errorf("the 300th sample did not begin anew: shortest %v after %d samples", v.shortest, v.samples)
	}
	v.OnSample(Sample{RTT: 0, InFlight: 20})
	if v.shortest != 14*ms {
		t.Error("a sample of no time was taken in")
	}
}

func TestGradient2MovesAsItsOriginal(t *testing.T) {
	cfg := defaults[Gradient2Config](t)
	for _, test := range []struct {
		name        string
		limit       float64
		long, short time.Duration
		want        float64
	}{
		{"three times the long-term time halves: 100 to 54, a fifth of it", 100, 10 * ms, 30 * ms, 90.8},
		{"no more than half at a time", 100, 10 * ms, 300 * ms, 90.8},
		{"the same at the lower bound", 20, 10 * ms, 30 * ms, 20},
		{"the tolerated time grows by the queue", 100, 10 * ms, 15 * ms, 100.8},
		{"a shorter time does no more", 100, 30 * ms, 10 * ms, 100.8},
		{"twice the long-term time is 3/4", 100, 10 * ms, 20 * ms, 95.8},
		{"never above the upper bound", 199.9, 10 * ms, 10 * ms, 200},
	} {
		if got := cfg.step(test.limit, test.long, test.short); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestGradient2StandsStillWhileItIsNotUsed(t *testing.T) {
	g := NewGradient2(defaults[Gradient2Config](t))
	g.OnSample(Sample{RTT: 10 * ms, InFlight: 9})
	if g.limit != 20 {
		t.Errorf("with 9 in flight 20 became %v", g.limit)
	}
	g.OnSample(Sample{RTT: 10 * ms, InFlight: 10})
	if math.Abs(g.limit-20.8) > 1e-9 {
		t.Errorf("with 10 in flight 20 became %v", g.limit)
	}
	before := g.long.value
	g.OnSample(Sample{RTT: 0, InFlight: 20})
	if g.long.value != before || g.limit > 20.9 {
		t.Error("a sample of no time was taken in")
	}
}

func TestTheLongTermTimeForgetsAnOverloadFaster(t *testing.T) {
	g := NewGradient2(defaults[Gradient2Config](t))
	for range 10 {
		g.OnSample(Sample{RTT: 100 * ms})
	}
	g.OnSample(Sample{RTT: 10 * ms})
	// 100 + 2/601 (10 - 100) = 99.7, and a twentieth off.
	if want := 0.95 * (100 - 90*2.0/601) * float64(ms); math.Abs(g.long.value-want) > 1 {
		t.Errorf("long-term time %v, want %v", time.Duration(g.long.value), time.Duration(want))
	}
}

func TestTheAverageBeginsAsAMean(t *testing.T) {
	a := average{window: 100}
	for i := range 10 {
		if got, want := a.add(float64(10+i)), 10+float64(i)/2; math.Abs(got-want) > 1e-9 {
			t.Errorf("after %d values %v, want %v", i+1, got, want)
		}
	}
	if got, want := a.add(100), 14.5+2.0/101*85.5; math.Abs(got-want) > 1e-9 {
		t.Errorf("after the warm-up %v, want %v", got, want)
	}
}

// heard keeps the samples that it is told.
type heard struct{ samples []Sample }

func (h *heard) Limit() int        { return 7 }
func (h *heard) OnSample(s Sample) { h.samples = append(h.samples, s) }

func TestAWindowIsOneSample(t *testing.T) {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return begin.Add(d) }
	var h heard
	w := NewWindowed(defaults[WindowConfig](t), &h)
	w.OnSample(Sample{Start: at(0), RTT: 10 * ms}) // ends the window before the first, which has too few
	for i := range 9 {
		w.OnSample(Sample{Start: at(time.Duration(i) * 50 * ms), RTT: time.Duration(10+i) * ms, InFlight: i, Dropped: i == 3})
	}
	w.OnSample(Sample{Start: at(500 * ms), RTT: 99 * time.Microsecond, InFlight: 100}) // too short to count
	if len(h.samples) != 0 {
		t.Fatalf("a window that has not ended told %v", h.samples)
	}
	w.OnSample(Sample{Start: at(1000 * ms), RTT: 24 * ms, InFlight: 1})
	want := Sample{Start: at(1000 * ms), RTT: 15 * ms, InFlight: 8, Dropped: true}
	if len(h.samples) != 1 || h.samples[0] != want {
		t.Fatalf("got %+v, want %+v", h.samples, want)
	}
	w.OnSample(Sample{Start: at(2100 * ms), RTT: 10 * ms})
	if len(h.samples) != 1 {
		t.Errorf("a window of one sample was told: %+v", h.samples[1:])
	}
	if w.Limit() != 7 {
		t.Error("the limit is not that of the algorithm")
	}
}

func TestAWindowLastsTwiceTheShortestTimeWithinItsBounds(t *testing.T) {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct{ shortest, want time.Duration }{{10 * ms, 100 * ms}, {150 * ms, 300 * ms}, {600 * ms, time.Second}} {
		cfg := defaults[WindowConfig](t)
		cfg.Min = 100 * ms
		w := NewWindowed(cfg, &heard{})
		w.OnSample(Sample{Start: begin, RTT: test.shortest})
		if got := w.next.Sub(begin.Add(test.shortest)); got != test.want {
			t.Errorf("after %v the window is %v, want %v", test.shortest, got, test.want)
		}
	}
}

func TestAdmissionFormulas(t *testing.T) {
	for _, test := range []struct {
		name      string
		got, want float64
	}{
		{"half succeed", RejectionProbability(100, 50, 0.95, 1, 0.8), 0.469},
		{"enough succeed", RejectionProbability(100, 95, 0.95, 1, 0.8), 0},
		{"none succeeds, at the limit", RejectionProbability(100, 0, 0.95, 1, 0.8), 0.8},
		{"half succeed, more aggressive", RejectionProbability(100, 50, 0.95, 2, 0.8), math.Sqrt(0.46899)},
		{"aggression below one is one", RejectionProbability(100, 50, 0.95, 0.1, 0.8), 0.469},
		{"nothing known", RejectionProbability(0, 0, 0.95, 1, 0.8), 0},
		{"client throttling, 40 of 100", ThrottleProbability(100, 40, 2), 0.198},
		{"client throttling, half accepted", ThrottleProbability(100, 50, 2), 0},
		{"client throttling, none accepted", ThrottleProbability(100, 0, 2), 100.0 / 101},
	} {
		if math.Abs(test.got-test.want) > 5e-4 {
			t.Errorf("%s: got %.4f, want %.4f", test.name, test.got, test.want)
		}
	}
}

func TestLimitsStayWithinTheirBounds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limits := []Limit{
			NewAIMD(defaults[AIMDConfig](t)), NewVegas(defaults[VegasConfig](t)), NewGradient2(defaults[Gradient2Config](t)),
			NewEnvoy(defaults[EnvoyConfig](t)), NewWindowed(defaults[WindowConfig](t), NewGradient2(defaults[Gradient2Config](t))),
		}
		low, high := []int{20, 1, 20, 3, 20}, []int{200, 1000, 200, 1000, 200}
		at := time.Now()
		for range rapid.IntRange(1, 200).Draw(rt, "samples") {
			rtt := time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(rt, "rtt"))
			s := Sample{Start: at, RTT: rtt, InFlight: rapid.IntRange(0, 2000).Draw(rt, "in flight"), Dropped: rapid.Bool().Draw(rt, "dropped")}
			at = s.end()
			for i, l := range limits {
				l.OnSample(s)
				if got := l.Limit(); got < low[i] || got > high[i] {
					rt.Fatalf("%T: limit %d is not within %d and %d", l, got, low[i], high[i])
				}
			}
		}
	})
}

func TestLimitsAreForManyGoroutines(t *testing.T) {
	for _, l := range []Limit{
		NewAIMD(defaults[AIMDConfig](t)), NewVegas(defaults[VegasConfig](t)), NewEnvoy(defaults[EnvoyConfig](t)),
		NewWindowed(defaults[WindowConfig](t), NewGradient2(defaults[Gradient2Config](t))),
	} {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					l.OnSample(Sample{Start: time.Now(), RTT: ms, InFlight: l.Limit()})
				}
			})
		}
		wg.Wait()
	}
}

func BenchmarkOnSample(b *testing.B) {
	for name, l := range map[string]Limit{
		"aimd": NewAIMD(defaults[AIMDConfig](b)), "vegas": NewVegas(defaults[VegasConfig](b)),
		"gradient2": NewGradient2(defaults[Gradient2Config](b)), "envoy": NewEnvoy(defaults[EnvoyConfig](b)),
	} {
		b.Run(name, func(b *testing.B) {
			start := time.Now()
			for b.Loop() {
				l.OnSample(Sample{Start: start, RTT: 10 * ms, InFlight: l.Limit()})
			}
		})
	}
}
