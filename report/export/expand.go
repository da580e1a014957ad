package export

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"plimsoll/engine"
)

// hit is one request as it may have been.
type hit struct {
	request           int
	code              int // 0 without an answer
	failure           string
	at, took          time.Duration // at is when it was due, an offset from the start of the run
	bytesIn, bytesOut int64
}

// expansion makes single requests out of what an interval counted. A run keeps histograms,
// so of each request it is known, to a thousandth, how long it took; of each load, stage and
// outcome, how often which code came; and neither when within the interval a request was
// due nor which code came after which time. So the requests are spread evenly over the
// interval, in a random order, and codes are given out at random within their outcome.
type expansion struct {
	share float64 // of the requests that is kept, 0 to 1
	rng   *rand.Rand
	carry map[engine.Key]float64 // what the roundings so far have left over, whatever the stage

	hits   []hit // of the interval
	all    uint64
	kept   uint64
	failed uint64 // with a code between 200 and 399 and yet no good answer
	good   uint64 // a good answer with another code
}

// newExpansion keeps at most about most of total requests. The same run comes out the same.
func newExpansion(total, most uint64) *expansion {
	x := &expansion{share: 1, rng: rand.New(rand.NewPCG(1, 1)), carry: map[engine.Key]float64{}} //nolint:gosec // to tell apart, not to hide
	if total > most {
		x.share = float64(most) / float64(total)
	}
	return x
}

// interval returns the requests of an interval in the order in which they were due. They
// are good until the next call.
func (x *expansion) interval(s *engine.Snapshot) []hit {
	x.hits = x.hits[:0]
	for _, c := range s.Cells {
		x.cell(c)
	}
	x.rng.Shuffle(len(x.hits), func(i, j int) { x.hits[i], x.hits[j] = x.hits[j], x.hits[i] })
	for i := range x.hits {
		x.hits[i].at = s.From + time.Duration((float64(i)+0.5)/float64(len(x.hits))*float64(s.To-s.From))
	}
	return x.hits
}

func (x *expansion) cell(c *engine.Cell) {
	first := len(x.hits)
	c.Latency.Buckets(func(highest time.Duration, n uint64) bool {
		took := min(highest, c.Latency.Max())
		for range x.thin(c.Key, n) {
			x.hits = append(x.hits, hit{request: c.Request, took: took})
		}
		return true
	})
	made := x.hits[first:]
	x.all += c.Count()
	x.kept += uint64(len(made))
	x.label(c, made)
	n := int64(len(made))
	for i := range made { // what is thinned out takes its bytes along
		made[i].bytesIn = part64(int64(float64(c.BytesIn)*x.share), int64(i), n)
		made[i].bytesOut = part64(int64(float64(c.BytesOut)*x.share), int64(i), n)
	}
}

// part64 is the i-th of n parts of whole that add up to it.
func part64(whole, i, n int64) int64 {
	part := whole / n
	if i < whole%n {
		part++
	}
	return part
}

// thin returns how many of n requests are kept, so that the sums over all stages are right.
func (x *expansion) thin(k engine.Key, n uint64) uint64 {
	if x.share >= 1 {
		return n
	}
	k.Stage = 0
	exact := float64(n)*x.share + x.carry[k]
	whole := uint64(exact)
	x.carry[k] = exact - float64(whole)
	return whole
}

// label gives the requests of a cell their codes and failures, in proportion.
func (x *expansion) label(c *engine.Cell, made []hit) {
	n := float64(len(made))
	labels := make([]hit, 0, len(made))
	seen := 0.0
	add := func(count uint64, as hit) {
		seen += float64(count)
		for float64(len(labels))+0.5 <= seen/float64(c.Count())*n && len(labels) < len(made) {
			labels = append(labels, as)
		}
	}
	for _, code := range c.Codes {
		as := hit{code: code.Status}
		success := code.Status >= 200 && code.Status < 400
		switch {
		case c.Outcome != engine.OK && success:
			as.failure = "a check failed"
			x.failed += code.N
		case c.Outcome != engine.OK:
			as.failure = statusText(code.Status)
		case !success:
			x.good += code.N
		}
		add(code.N, as)
	}
	for _, e := range c.Errors {
		add(e.N, hit{failure: tame(e.Kind)})
	}
	rest := hit{}
	if c.Outcome != engine.OK {
		rest.failure = c.Outcome.String()
	}
	for len(labels) < len(made) {
		labels = append(labels, rest)
	}
	x.rng.Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
	for i := range made {
		made[i].code, made[i].failure = labels[i].code, labels[i].failure
	}
}

// statusText is a status as vegeta writes it into an error.
func statusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return strconv.Itoa(code) + " " + text
	}
	return strconv.Itoa(code)
}
