package limiter

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/time/rate"
	"pgregory.net/rapid"
)

// epoch is some instant, a full multiple of every window used here.
const epoch = int64(1_800_000_000_000_000)

func at(seconds float64) int64 { return epoch + int64(seconds*1e6+.5) }

// buckets and windows are all algorithms by what they are configured with.
var (
	buckets = []Algo{GCRA, TokenBucket, LeakyBucket}
	windows = []Algo{FixedWindow, SlidingWindow, SlidingLog}
)

// meter keeps one key by one rule, the log too.
type meter struct {
	rule  Rule
	state State
	log   journal
}

func (m *meter) take(now, n int64) Decision {
	if m.rule.Algo != SlidingLog {
		var d Decision
		m.state, d = m.rule.Take(m.state, now, n)
		return d
	}
	_, d := m.rule.Take(m.log.summary(&m.rule, now, n), now, n)
	if d.Allowed {
		m.log.add(now, n)
	}
	return d
}

func bucket(algo Algo, perSecond float64, burst int64) Rule {
	return Rule{Algo: algo, Interval: int64(1e9/perSecond + .5), Burst: burst}
}

func counting(algo Algo, limit int64, window time.Duration) Rule {
	return Rule{Algo: algo, Limit: limit, Window: window.Microseconds()}
}

func TestTheBucketsAnswerTheKnownRequestsOfTenASecondAndABurstOfFive(t *testing.T) {
	for _, algo := range buckets {
		m := meter{rule: bucket(algo, 10, 5)}
		for i, want := range []struct {
			at        float64
			allowed   bool
			remaining int64
			retry     time.Duration
			reset     time.Duration
		}{
			{0, true, 4, 0, 100 * time.Millisecond},
			{0, true, 3, 0, 200 * time.Millisecond},
			{0, true, 2, 0, 300 * time.Millisecond},
			{0, true, 1, 0, 400 * time.Millisecond},
			{0, true, 0, 0, 500 * time.Millisecond},
			{0, false, 0, 100 * time.Millisecond, 500 * time.Millisecond},
			{.05, false, 0, 50 * time.Millisecond, 450 * time.Millisecond},
			{.10, true, 0, 0, 500 * time.Millisecond},
			{.15, false, 0, 50 * time.Millisecond, 450 * time.Millisecond},
			{1.0, true, 4, 0, 100 * time.Millisecond},
		} {
			got := m.take(at(want.at), 1)
			if got != (Decision{want.allowed, 5, want.remaining, want.retry, want.reset, 0}) {
				t.Errorf("%s, request %d at %v: %+v", algo, i, want.at, got)
			}
		}
	}
}

func TestABurstAdmitsNoMoreThanTheBurst(t *testing.T) {
	for _, algo := range slices.Concat(buckets, windows) {
		m := meter{rule: Rule{Algo: algo, Interval: 10e6, Burst: 20, Limit: 20, Window: 1e6}}
		var admitted int
		for range 30 {
			if m.take(epoch, 1).Allowed {
				admitted++
			}
		}
		if admitted != 20 {
			t.Errorf("%s admitted %d of 30 at once, want 20", algo, admitted)
		}
	}
}

func TestAConstantOverRateIsHeldToTheRate(t *testing.T) {
	for _, algo := range slices.Concat(buckets, windows) {
		m := meter{rule: Rule{Algo: algo, Interval: 10e6, Burst: 5, Limit: 100, Window: 1e6}}
		admitted := make([]int, 10)
		for i := range int64(10 * 370) {
			now := epoch + i*1e6/370
			if m.take(now, 1).Allowed {
				admitted[(now-epoch)/1e6]++
			}
		}
		for second, n := range admitted[1:] { // the first has the burst too
			if n < 99 || n > 101 {
				t.Errorf("%s admitted %d in second %d, want 100 ± 1: %d", algo, n, second+1, admitted)
			}
		}
	}
}

func TestAFixedWindowLetsTwiceTheLimitPassAroundABoundaryAndTheOthersDoNot(t *testing.T) {
	for _, test := range []struct {
		algo Algo
		want int
	}{{FixedWindow, 20}, {SlidingLog, 10}, {SlidingWindow, 10}} {
		m := meter{rule: counting(test.algo, 10, time.Second)}
		admitted := 0
		for _, when := range []float64{.99, 1.0} {
			for range 15 {
				if m.take(at(when), 1).Allowed {
					admitted++
				}
			}
		}
		if admitted != test.want {
			t.Errorf("%s admitted %d within 10 ms, want %d", test.algo, admitted, test.want)
		}
	}
}

func TestASlidingWindowWeighsTheOneBefore(t *testing.T) {
	// The numbers of Cloudflare's account of its counters (2017): 42 requests in the last
	// minute, 18 in this one of which 15 s have passed: 42 × 45/60 + 18 = 49.5.
	r := counting(SlidingWindow, 50, time.Minute)
	s, d := r.Take(State{epoch, 18, 42}, epoch+15e6, 0)
	if d.Remaining != 0 || !d.Allowed {
		t.Errorf("%+v", d)
	}
	if _, d = r.Take(s, epoch+15e6, 1); d.Allowed {
		t.Errorf("admitted a request on top of 49.5 of 50: %+v", d)
	}
	r.Limit = 51
	if _, d = r.Take(s, epoch+15e6, 1); !d.Allowed || d.Remaining != 0 {
		t.Errorf("at 49.5 of 51: %+v", d)
	}
}

func TestAShaperSpacesRequestsAndRefusesThoseThatWouldWaitTooLong(t *testing.T) {
	r := bucket(LeakyBucket, 10, 5)
	r.Delay = int64(250 * time.Millisecond)
	m := meter{rule: r}
	for i, want := range []struct {
		at      float64
		allowed bool
		delay   time.Duration
		retry   time.Duration
		remain  int64
	}{
		{0, true, 0, 0, 2},
		{0, true, 100 * time.Millisecond, 0, 1},
		{0, true, 200 * time.Millisecond, 0, 0},
		{0, false, 0, 50 * time.Millisecond, 0},
		{.05, true, 250 * time.Millisecond, 0, 0},
		{.05, false, 0, 100 * time.Millisecond, 0},
		{2, true, 0, 0, 2},
	} {
		d := m.take(at(want.at), 1)
		if d.Allowed != want.allowed || d.Delay != want.delay || d.RetryAfter != want.retry || d.Remaining != want.remain {
			t.Errorf("request %d at %v: %+v", i, want.at, d)
		}
	}
	r.Delay = int64(time.Hour) // now the burst is the bound
	m = meter{rule: r}
	for i := range 5 {
		if d := m.take(epoch, 1); !d.Allowed || d.Delay != time.Duration(i)*100*time.Millisecond {
			t.Errorf("request %d: %+v", i, d)
		}
	}
	if d := m.take(epoch, 1); d.Allowed || d.RetryAfter != 100*time.Millisecond {
		t.Errorf("past the burst: %+v", d)
	}
}

// arrival is a request of a drawn sequence.
type arrival struct{ now, cost int64 }

// arrivals draws requests that come about as fast as the unit says.
func arrivals(t *rapid.T, unit, maxCost int64) []arrival {
	now, list := epoch, []arrival{}
	for range rapid.IntRange(1, 120).Draw(t, "requests") {
		now += rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, unit), rapid.Int64Range(0, 4*unit)).Draw(t, "gap")
		list = append(list, arrival{now, rapid.Int64Range(1, maxCost).Draw(t, "cost")})
	}
	return list
}

func drawRule(t *rapid.T, algo Algo) Rule {
	return Rule{
		Algo:     algo,
		Interval: rapid.Int64Range(1, 50_000).Draw(t, "interval") * 997,
		Burst:    rapid.Int64Range(1, 20).Draw(t, "burst"),
		Limit:    rapid.Int64Range(1, 20).Draw(t, "limit"),
		Window:   rapid.Int64Range(1000, 500_000).Draw(t, "window"),
	}
}

// unit is about the time between two requests at the rule's rate, in microseconds.
func (r *Rule) unit() int64 {
	if r.windowed() {
		return r.Window/r.Limit + 1
	}
	return r.Interval/1000 + 1
}

func TestTheTokenBucketAdmitsWhatTimeRateAdmits(t *testing.T) {
	var compared, near int
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t, TokenBucket)
		oracle := rate.NewLimiter(rate.Limit(1e9/float64(r.Interval)), int(r.Burst))
		m := meter{rule: r}
		for _, a := range arrivals(t, r.unit(), 3) {
			want := oracle.AllowN(time.UnixMicro(a.now), int(a.cost))
			before := m.state
			got := m.take(a.now, a.cost)
			compared++
			if want != got.Allowed {
				// It reckons in floating point: within a nanosecond of the boundary it may
				// come down on the other side.
				_, d := r.Take(before, a.now, 0)
				credit := r.Burst*r.Interval - int64(d.ResetAfter)
				if gap := credit - a.cost*r.Interval; gap < -1 || gap > 1 {
					t.Fatalf("%+v: %+v, x/time/rate says %t", a, got, want)
				}
				near++
				return
			}
		}
	})
	if near*100 > compared {
		t.Errorf("%d of %d decisions were too close to compare", near, compared)
	}
}

func TestGCRAAndTheMeterAdmitWhatTheTokenBucketAdmits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t, TokenBucket)
		token, gcra, leaky := meter{rule: r}, meter{rule: r}, meter{rule: r}
		gcra.rule.Algo, leaky.rule.Algo = GCRA, LeakyBucket
		for _, a := range arrivals(t, r.unit(), r.Burst+1) {
			want := token.take(a.now, a.cost)
			if got := gcra.take(a.now, a.cost); got != want {
				t.Fatalf("%+v: gcra %+v, token bucket %+v", a, got, want)
			}
			if got := leaky.take(a.now, a.cost); got != want {
				t.Fatalf("%+v: leaky bucket %+v, token bucket %+v", a, got, want)
			}
		}
	})
}

func TestANanosecondTooEarlyIsTooEarly(t *testing.T) {
	for _, algo := range buckets {
		m := meter{rule: Rule{Algo: algo, Interval: 1001, Burst: 1}}
		m.take(epoch, 1)
		if d := m.take(epoch+1, 1); d.Allowed || d.RetryAfter != 1 {
			t.Errorf("%s after 1000 of 1001 ns: %+v", algo, d)
		}
		if d := m.take(epoch+2, 1); !d.Allowed {
			t.Errorf("%s after 2000 of 1001 ns: %+v", algo, d)
		}
	}
}

func TestNoSpanOfTimeHoldsMoreThanTheBurstAndTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := meter{rule: drawRule(t, rapid.SampledFrom(buckets).Draw(t, "algo"))}
		var admitted []arrival
		for _, a := range arrivals(t, m.rule.unit()/2, 2) {
			if !m.take(a.now, a.cost).Allowed {
				continue
			}
			admitted = append(admitted, a)
			sum := int64(0)
			for _, from := range slices.Backward(admitted) {
				sum += from.cost
				if most := m.rule.Burst*m.rule.Interval + 1000*(a.now-from.now); sum*m.rule.Interval > most {
					t.Fatalf("%d admitted in %d µs", sum, a.now-from.now)
				}
			}
		}
	})
}

func TestTheSlidingLogAdmitsExactlyWhatFitsIntoEveryWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := meter{rule: drawRule(t, SlidingLog)}
		var admitted []arrival
		for _, a := range arrivals(t, m.rule.unit()/2, 3) {
			inside := int64(0)
			for _, b := range admitted {
				if b.now > a.now-m.rule.Window {
					inside += b.cost
				}
			}
			want := inside+a.cost <= m.rule.Limit
			got := m.take(a.now, a.cost)
			if got.Allowed != want {
				t.Fatalf("%+v on top of %d: %+v", a, inside, got)
			}
			if want {
				admitted = append(admitted, a)
				inside += a.cost
			}
			if got.Remaining != m.rule.Limit-inside {
				t.Fatalf("remaining %d of %d after %d", got.Remaining, m.rule.Limit, inside)
			}
		}
	})
}

func TestTheTimesOfADecisionAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		algo := rapid.SampledFrom(slices.Concat(buckets, windows)).Draw(t, "algo")
		m := meter{rule: drawRule(t, algo)}
		if algo == LeakyBucket && rapid.Bool().Draw(t, "shaper") {
			m.rule.Delay = rapid.Int64Range(1, m.rule.Burst*m.rule.Interval).Draw(t, "delay")
		}
		for _, a := range arrivals(t, m.rule.unit()/2, 1) {
			d := m.take(a.now, 1)
			copied := func() *meter {
				c := m
				c.log.ring = slices.Clone(m.log.ring)
				return &c
			}
			if !d.Allowed {
				wait := ceilMicros(d.RetryAfter)
				if wait <= 0 {
					t.Fatalf("%s: refused, and may come again after %v", algo, d.RetryAfter)
				}
				if early := copied().take(a.now+wait-1, 1); early.Allowed {
					t.Fatalf("%s: %+v, but admitted a microsecond before", algo, d)
				}
				if again := copied().take(a.now+wait, 1); !again.Allowed {
					t.Fatalf("%s: %+v, and refused again: %+v", algo, d, again)
				}
			}
			// As many as remain are admitted, and not one more.
			c := copied()
			for range d.Remaining {
				if more := c.take(a.now, 1); !more.Allowed {
					t.Fatalf("%s: %+v, and refused one of them", algo, d)
				}
			}
			if c.take(a.now, 1).Allowed {
				t.Fatalf("%s: %+v, and admitted one more", algo, d)
			}
			reset := a.now + ceilMicros(d.ResetAfter)
			if full := copied().take(reset, 0); full.ResetAfter != 0 || m.rule.Delay == 0 && full.Remaining != d.Limit {
				t.Fatalf("%s: %+v, and then %+v", algo, d, full)
			}
			if s := m.state; algo != SlidingLog && d.Allowed {
				fresh, afterwards := meter{rule: m.rule}, meter{rule: m.rule, state: s}
				when := m.rule.Whole(s)
				if got, want := afterwards.take(when, 1), fresh.take(when, 1); got.Remaining != want.Remaining || got.Allowed != want.Allowed {
					t.Fatalf("%s: whole at %d, but %+v and not %+v", algo, when, got, want)
				}
			}
		}
	})
}

func TestAnotherRateKeepsTheNumberOfRequestsTaken(t *testing.T) {
	for _, algo := range []Algo{GCRA, TokenBucket} {
		m := meter{rule: bucket(algo, 100, 50)}
		for range 20 {
			m.take(epoch, 1)
		}
		m.rule = bucket(algo, 50, 50)
		if d := m.take(epoch, 0); d.Remaining != 30 || d.ResetAfter != 400*time.Millisecond {
			t.Errorf("%s at half the rate: %+v", algo, d)
		}
		m.rule = bucket(algo, 100, 50)
		if d := m.take(epoch, 0); d.Remaining != 30 || d.ResetAfter != 200*time.Millisecond {
			t.Errorf("%s at the rate again: %+v", algo, d)
		}
	}
}

func TestAClockThatGoesBackAdmitsNothingTwice(t *testing.T) {
	for _, algo := range slices.Concat(buckets, windows) {
		m := meter{rule: Rule{Algo: algo, Interval: 1e9, Burst: 3, Limit: 3, Window: 1e6}}
		admitted := 0
		for _, when := range []float64{10, 10, 9, 8, 10, 5} {
			if m.take(at(when), 1).Allowed {
				admitted++
			}
		}
		if admitted != 3 {
			t.Errorf("%s admitted %d, want 3", algo, admitted)
		}
	}
}

func TestWhatIsGivenBackCanBeTakenAgain(t *testing.T) {
	for _, algo := range []Algo{GCRA, TokenBucket, LeakyBucket, FixedWindow, SlidingWindow} {
		m := meter{rule: Rule{Algo: algo, Interval: 1e6, Burst: 10, Limit: 10, Window: 1e6}}
		m.take(epoch, 4)
		before := m.state
		m.take(epoch, 3)
		if got := m.rule.Return(m.state, epoch, 3); got != before {
			t.Errorf("%s: %v, want %v", algo, got, before)
		}
	}
}

func TestTheQuotaThatIsToldIsTheRateInWholeSeconds(t *testing.T) {
	for _, test := range []struct {
		rule Rule
		q, w int64
	}{
		{bucket(GCRA, 100, 50), 100, 1},
		{bucket(GCRA, 10, 5), 10, 1},
		{bucket(TokenBucket, 100./60, 100), 100, 60},
		{bucket(GCRA, 7, 7), 7, 1}, // though its interval is 142857143 ns
		{bucket(GCRA, .5, 1), 1, 2},
		{counting(FixedWindow, 100, time.Minute), 100, 60},
		{counting(SlidingLog, 10, 100*time.Millisecond), 100, 1},
		{counting(SlidingWindow, 15, 1500*time.Millisecond), 20, 2},
	} {
		if q, w := test.rule.Quota(); q != test.q || w != test.w {
			t.Errorf("%+v: q=%d;w=%d, want q=%d;w=%d", test.rule, q, w, test.q, test.w)
		}
	}
}
