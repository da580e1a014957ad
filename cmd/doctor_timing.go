package cmd

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"time"

	"plimsoll/engine/latency"
	"plimsoll/report"
)

// The looks at how exactly the machine keeps time, with what they measure beside them.

// clockCost returns how long reading the clock takes on average.
func clockCost() time.Duration {
	const reads = 20_000
	begin := time.Now()
	now := begin
	for range reads {
		now = time.Now()
	}
	return now.Sub(begin) / reads
}

// lateness sleeps half a millisecond again and again and returns how late each sleep
// ended, and the name of the timer. It is what the generator's own pacing rests on.
func lateness(span time.Duration) (*latency.Histogram, string) {
	const nap = 500 * time.Microsecond
	sleep, name, release := newNap()
	defer release()
	late := &latency.Histogram{}
	for begin := time.Now(); time.Since(begin) < span; {
		at := time.Now()
		sleep(nap)
		late.Record(time.Since(at) - nap)
	}
	return late, name
}

func lookAtTimers(late *latency.Histogram, name string) finding {
	p50, p99 := late.Quantile(0.5), late.Quantile(0.99)
	f := finding{
		Check: "timers", Level: fit,
		Found:   fmt.Sprintf("%s late by %s (p50), %s (p99)", name, report.FormatDuration(p50), report.FormatDuration(p99)),
		Figures: map[string]float64{"p50_us": micros(p50), "p99_us": micros(p99), "max_us": micros(late.Max())},
	}
	switch {
	case p99 > 10*time.Millisecond:
		f.Level, f.Advice = unfit, "arrivals would start this late; the machine is too busy or its timers too coarse"
	case p99 > 2*time.Millisecond:
		f.Level, f.Advice = warning, "lag of this size will stand in the report; a quieter machine has a tenth"
	}
	return f
}

// stolen is how long a spinning thread did not get its processor.
type stolen struct {
	gaps           int // each longer than a millisecond
	total, longest time.Duration
}

// gaps spins on one processor and notes when the clock jumps: something else ran there.
func gaps(span time.Duration) stolen {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var s stolen
	begin := time.Now()
	for last := begin; last.Sub(begin) < span; {
		now := time.Now()
		if gap := now.Sub(last); gap > time.Millisecond {
			s.gaps++
			s.total += gap
			s.longest = max(s.longest, gap)
		}
		last = now
	}
	return s
}

func lookAtNoise(s stolen, span time.Duration) finding {
	share := float64(s.total) / float64(span)
	f := finding{
		Check: "noise", Level: fit, Found: "no break longer than 1 ms in " + report.FormatDuration(span) + " of work",
		Figures: map[string]float64{"gaps": float64(s.gaps), "share": share, "longest_us": micros(s.longest)},
	}
	if s.gaps == 0 {
		return f
	}
	f.Found = fmt.Sprintf("%s longer than 1 ms in %s of work, the longest %s; %s of the time lost",
		breaks(s.gaps), report.FormatDuration(span), report.FormatDuration(s.longest), report.FormatShare(share))
	switch {
	case share > 0.25:
		f.Level, f.Advice = unfit, "others use this processor: stop them, or take another machine"
	case share > 0.01 || s.longest > 10*time.Millisecond:
		f.Level, f.Advice = warning, "others use this processor; high percentiles will show it"
	}
	return f
}

// roundTrips sends 128 bytes to and fro over loopback and returns how long that takes. It
// is the floor under every latency measured on this machine.
func roundTrips(ctx context.Context, span time.Duration) (*latency.Histogram, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	go echo(l)
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	trips := &latency.Histogram{}
	var message [128]byte
	for begin := time.Now(); time.Since(begin) < span; {
		at := time.Now()
		if _, err := c.Write(message[:]); err != nil {
			return nil, err
		}
		if _, err := c.Read(message[:]); err != nil {
			return nil, err
		}
		trips.Record(time.Since(at))
	}
	return trips, nil
}

// echo sends back what the first connection sends, until it ends.
func echo(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	var message [128]byte
	for {
		n, err := c.Read(message[:])
		if err != nil {
			return
		}
		if _, err := c.Write(message[:n]); err != nil {
			return
		}
	}
}

func lookAtLoopback(trips *latency.Histogram, err error) finding {
	if err != nil {
		return finding{
			Check: "loopback", Level: unfit, Found: err.Error(),
			Advice: "without loopback the reference target cannot be reached",
		}
	}
	p50, p99 := trips.Quantile(0.5), trips.Quantile(0.99)
	f := finding{
		Check: "loopback", Level: fit,
		Found:   fmt.Sprintf("a round trip takes %s (p50), %s (p99)", report.FormatDuration(p50), report.FormatDuration(p99)),
		Figures: map[string]float64{"p50_us": micros(p50), "p99_us": micros(p99), "max_us": micros(trips.Max())},
	}
	if p99 > 2*time.Millisecond {
		f.Level, f.Advice = warning, "no latency measured here can be better than this"
	}
	return f
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func breaks(n int) string {
	if n == 1 {
		return "1 break"
	}
	return fmt.Sprintf("%d breaks", n)
}
