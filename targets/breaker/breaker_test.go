package breaker

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/knob"
)

func defaults() Config {
	var doc struct {
		Breaker Config `yaml:"breaker"`
	}
	knob.Defaults(&doc)
	return doc.Breaker
}

// counted is a breaker of the last ten calls, without jitter.
func counted() Config {
	c := defaults()
	c.Window, c.MinCalls, c.Jitter, c.HalfOpen, c.Open = Window{By: "count", Calls: 10}, 10, 0, 3, time.Second
	return c
}

// call makes one call that takes so long.
func call(t *testing.T, b *Breaker, took time.Duration, result Result) {
	t.Helper()
	c, err := b.Allow()
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	time.Sleep(took)
	c.Done(result)
}

// play makes a call for each letter: s success, f failure, S and F slow ones, i ignored.
// An o expects a refusal and a dot waits 1 s.
func play(t *testing.T, b *Breaker, script string) {
	t.Helper()
	for at, step := range script {
		switch step {
		case 's':
			call(t, b, time.Millisecond, Success)
		case 'f':
			call(t, b, time.Millisecond, Failure)
		case 'S':
			call(t, b, b.cfg.SlowAfter+1, Success)
		case 'F':
			call(t, b, b.cfg.SlowAfter+1, Failure)
		case 'i':
			call(t, b, time.Millisecond, Ignored)
		case '.':
			time.Sleep(time.Second)
		case 'o':
			if _, err := b.Allow(); !errors.Is(err, ErrOpen) {
				t.Fatalf("step %d of %s: %v instead of a refusal", at, script, err)
			}
		}
	}
}

func TestItChangesStateAsResilience4jDoes(t *testing.T) {
	tests := map[string]struct {
		change func(*Config)
		script string
		want   State
	}{
		"below the minimum of calls it stays closed whatever they were": {nil, "fffffffff", Closed},
		"at the minimum and the rate it opens":                          {nil, "sssssfffff", Open},
		"one failure below the rate it stays closed":                    {nil, "ssssssffff", Closed},
		"calls that have left the window no longer count":               {nil, "fffffsssss" + "o", Open},
		"the window slides: four failures of the last ten":              {nil, "ssssssffffssssssssssffff", Closed},
		"the window slides: five failures of the last ten":              {nil, "sssssssssssffssfff", Open},
		"slow calls open it though they succeed":                        {nil, "sssssSSSSS", Open},
		"one slow call below the rate":                                  {nil, "ssssssSSSS", Closed},
		"a slow failure counts once as slow and once as failed":         {func(c *Config) { c.FailureRate, c.SlowRate = 1, .5 }, "sssssFFFFF", Open},
		"slow and failed are not added up":                              {nil, "sssSSSSfff", Closed},
		"what is ignored fills no window":                               {nil, "fffffiiiiiiiii", Closed},
		"a failure rate of 0 looks at slow calls only":                  {func(c *Config) { c.FailureRate = 0 }, "ffffffffffff", Closed},
		"a slow rate of 0 looks at failures only":                       {func(c *Config) { c.SlowRate = 0 }, "SSSSSSSSSSSS", Closed},
		"open it refuses until its time is over":                        {nil, "fffffffffftooo", Open},
		"after its time it probes":                                      {nil, "ffffffffff.s", HalfOpen},
		"it decides only when all probes have returned":                 {nil, "ffffffffff.ff", HalfOpen},
		"probes that succeed close it":                                  {nil, "ffffffffff.sss", Closed},
		"probes of which the rate fails open it again":                  {nil, "ffffffffff.sffo", Open},
		"probes of which less than the rate fails close it":             {nil, "ffffffffff.ssf", Closed},
		"slow probes open it again":                                     {nil, "ffffffffff.sSSo", Open},
		"an ignored probe makes room for another":                       {nil, "ffffffffff.iiissis", Closed},
		"it begins anew after it closed":                                {nil, "ffffffffff.sssfffffffff", Closed},
		"reopened it waits its time again":                              {nil, "ffffffffff.fffo.s", HalfOpen},
		"a minimum larger than the window is the window":                {func(c *Config) { c.MinCalls = 1000 }, "ffffffffff", Open},
		"off it opens never":                                            {func(c *Config) { c.Mode = "off" }, "ffffffffffffffff", Disabled},
		"forced closed it opens never":                                  {func(c *Config) { c.Mode = "closed" }, "ffffffffffffffff", ForcedClosed},
		"forced open it probes never":                                   {func(c *Config) { c.Mode = "open" }, "o....o", ForcedOpen},
		"by time: the failures of the last span":                        {byTime, "fffffssssf", Open},
		"by time: failures fall out of the window after its span":       {byTime, "fffff...........sssssf", Closed},
		"by time: they are still in it a second before":                 {byTime, "fffff........ssssso", Open},
		"by time: a pause as long as the window forgets everything":     {byTime, "fffffffff...........f", Closed},
		"hystrix opens at 20 calls and closes after one probe":          {preset("hystrix"), "ffffffffffffffffffffo.....s", Closed},
		"hystrix does not open at 19":                                   {preset("hystrix"), "fffffffffffffffffff", Closed},
		"resilience4j opens at 100 calls":                               {preset("resilience4j"), hundred("f"), Open},
		"resilience4j does not open at 99":                              {preset("resilience4j"), hundred("f")[1:], Closed},
		"opossum opens with the first failure":                          {preset("opossum"), "fo", Open},
		"opossum does not open at 49 % when a success came first":       {preset("opossum"), "ssf", Closed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := counted()
				if test.change != nil {
					test.change(&cfg)
				}
				b := New(cfg)
				play(t, b, test.script)
				if got := b.Stats().State; got != test.want {
					t.Errorf("%s leads to %v, want %v", test.script, got, test.want)
				}
			})
		})
	}
}

func byTime(c *Config) { c.Window = Window{By: "time", Span: 10 * time.Second} }

func preset(name string) func(*Config) { return func(c *Config) { c.Preset = name } }

func hundred(s string) (long string) {
	for range 100 {
		long += s
	}
	return long
}

func TestTheDefaultsAreThoseThatAreDocumented(t *testing.T) {
	want := Config{
		Mode: "on", Preset: "custom", Window: Window{By: "time", Span: 10 * time.Second, Calls: 100},
		MinCalls: 20, FailureRate: .5, SlowRate: .5, SlowAfter: time.Second, Open: 5 * time.Second, Jitter: .1,
		HalfOpen: 5, ProbeWait: 30 * time.Second,
	}
	if got := defaults(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestExactlySoManyProbesAreAdmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := counted()
		cfg.HalfOpen = 10
		b := New(cfg)
		play(t, b, "ffffffffff.")
		var admitted atomic.Int64
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				c, err := b.Allow()
				if err != nil {
					return
				}
				admitted.Add(1)
				time.Sleep(100 * time.Millisecond)
				c.Done(Failure)
			})
		}
		wg.Wait()
		if admitted.Load() != 10 {
			t.Errorf("%d probes admitted, want 10", admitted.Load())
		}
		if s := b.Stats(); s.State != Open || s.Refused != 190 || s.Opened != 2 {
			t.Errorf("after ten failed probes: %+v", s)
		}
	})
}

func TestAProbeThatNeverReturnsMakesRoomAndItsLateResultIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := counted()
		cfg.HalfOpen, cfg.ProbeWait = 1, 3*time.Second
		b := New(cfg)
		play(t, b, "ffffffffff.")
		lost, err := b.Allow()
		if err != nil {
			t.Fatal(err)
		}
		play(t, b, "o..o.")
		second, err := b.Allow()
		if err != nil {
			t.Fatalf("no room after the wait: %v", err)
		}
		lost.Done(Success)
		if s := b.Stats(); s.State != HalfOpen {
			t.Errorf("the late result of a lost probe counted: %+v", s)
		}
		second.Done(Success)
		if s := b.Stats(); s.State != Closed {
			t.Errorf("the probe in its place did not close it: %+v", s)
		}
	})
}

func TestResultsFromBeforeAChangeOfStateAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(counted())
		early, err := b.Allow()
		if err != nil {
			t.Fatal(err)
		}
		play(t, b, "ffffffffff.ss")
		early.Done(Failure)
		if s := b.Stats(); s.State != HalfOpen || s.WindowCalls != 2 {
			t.Errorf("a result from before it opened counts as a probe: %+v", s)
		}
		probe, err := b.Allow()
		if err != nil {
			t.Fatal(err)
		}
		probe.Done(Success)
		early, err = b.Allow()
		if err != nil {
			t.Fatal(err)
		}
		play(t, b, "ffffffffff.sss")
		early.Done(Failure)
		if s := b.Stats(); s.State != Closed || s.WindowCalls != 0 {
			t.Errorf("a result from before it opened counts after it closed: %+v", s)
		}
	})
}

func TestTheOpenTimeLiesWithinTheJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := counted()
		cfg.Jitter, cfg.HalfOpen = .1, 1
		b := New(cfg)
		var least, most time.Duration = time.Hour, 0
		play(t, b, "ffffffffff")
		for range 200 {
			_, err := b.Allow()
			var refusal OpenError
			if !errors.As(err, &refusal) || refusal.State != Open {
				t.Fatalf("not open: %v", err)
			}
			least, most = min(least, refusal.Wait), max(most, refusal.Wait)
			time.Sleep(refusal.Wait - 1)
			play(t, b, "o")
			time.Sleep(time.Nanosecond)
			play(t, b, "f")
		}
		if least < 900*time.Millisecond || most > 1100*time.Millisecond || most-least < 150*time.Millisecond {
			t.Errorf("open for %v to %v, want 0.9 s to 1.1 s", least, most)
		}
	})
}

func TestAfterItClosedAGrowingShareOfTheCallsPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := counted()
		cfg.Ramp = .1
		b := New(cfg)
		play(t, b, "ffffffffff.sss")
		var passed []int
		for range 11 {
			n := 0
			for range 1000 {
				if c, err := b.Allow(); err == nil {
					n++
					c.Done(Success)
				}
				time.Sleep(time.Millisecond)
			}
			passed = append(passed, n)
		}
		for i, n := range passed {
			want := min(1000, 100*(i+1)+50) // the share grows from one to the next within the second
			if n < want-3 || n > want+3 {
				t.Errorf("second %d: %d of 1000 pass, want %d", i, n, want)
			}
		}
	})
}

func TestRulesChangeUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := counted()
		b := New(cfg)
		var seen []string
		b.OnChange = func(from, to State) { seen = append(seen, fmt.Sprint(from, " ", to)) }
		set := func(change func(*Config)) {
			change(&cfg)
			b.Configure(cfg)
		}
		play(t, b, "fffffffff")
		set(func(c *Config) { c.Open = 3 * time.Second })
		play(t, b, "f.o") // what was counted before counts, and it is open for longer
		set(func(c *Config) { c.Open = 2 * time.Second })
		play(t, b, "o.s") // the change holds for the pause that is under way
		set(func(c *Config) { c.HalfOpen = 1 })
		play(t, b, "s")
		set(func(c *Config) { c.Mode = "open" })
		play(t, b, "oo")
		set(func(c *Config) { c.Mode = "off" })
		play(t, b, "ffffffffffff")
		set(func(c *Config) { c.Mode = "on" })
		play(t, b, "ffffffffff")
		set(func(c *Config) { c.Open = time.Minute })
		want := []string{
			"closed open", "open half-open", "half-open closed", "closed forced-open",
			"forced-open disabled", "disabled closed", "closed open",
		}
		if !slices.Equal(seen, want) {
			t.Errorf("changes %q, want %q", seen, want)
		}
	})
}

func BenchmarkAllowDone(b *testing.B) {
	breaker := New(defaults())
	b.ReportAllocs()
	for b.Loop() {
		c, err := breaker.Allow()
		if err != nil {
			b.Fatal(err)
		}
		c.Done(Success)
	}
}

func BenchmarkRefusal(b *testing.B) {
	cfg := defaults()
	cfg.Mode = "open"
	breaker := New(cfg)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := breaker.Allow(); err == nil {
			b.Fatal("admitted")
		}
	}
}

func TestAStateIsReadAsItIsWritten(t *testing.T) {
	for state := Closed; state <= ForcedClosed; state++ {
		text, err := state.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got State
		if err := got.UnmarshalText(text); err != nil || got != state {
			t.Errorf("%s is read as %v, %v", text, got, err)
		}
	}
	if err := new(State).UnmarshalText([]byte("ajar")); err == nil {
		t.Error("a state that is none was read")
	}
}
