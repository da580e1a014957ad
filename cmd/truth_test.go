package cmd

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The behaviour of the paths of truth.
const (
	stallEvery   = 2500 * time.Millisecond
	stallFor     = time.Second // at the end of every stallEvery
	distMedian   = 4 * time.Millisecond
	distSigma    = 0.5
	queueServers = 4
	queueMean    = 5 * time.Millisecond
	slowTime     = 200 * time.Millisecond
	chunks       = 10
	chunk        = "sixteen bytes..\n"
)

// truth is a server whose behaviour is known, so that what plimsoll says of it can be held
// against the right answer. It keeps a journal of what it really did on each path:
//
//	/ok, /even, /poisson   answer at once; three names for three journals
//	/slow                  answers after slowTime
//	/stuck                 never answers
//	/large                 answers with 30 kB (3 kB under the race detector)
//	/stall                 freezes for stallFor in every stallEvery
//	/dist                  lognormal service time
//	/mmc                   one queue in order of arrival, queueServers servers, exponential service
//	/flaky                 answers 200, 404, 500 or 503 at random
//	/cut/half              closes the connection in the middle of the answer
//	/cut/silent            closes it before the answer
//	/cut/reset             resets it before the answer
//	/chunked               a body in chunks
//	/login, /me            POST /login gives a token, GET /me wants it as bearer, once
//
// Times are as precise as time.Sleep is, to a millisecond or so. That does no harm: the
// journal has what they came to.
type truth struct {
	*httptest.Server
	epoch   time.Time
	servers chan struct{} // of /mmc; senders wait in order of arrival

	mu     sync.Mutex
	rng    *rand.Rand
	visits map[string][]visit
	tokens map[string]bool // whether it is still to be used
}

// visit is what the server knows of one request. Times count from its epoch.
type visit struct {
	came, began, ended time.Duration // began is after any queue
	status             int           // 0 until the answer is complete, or if it never is
}

func newTruth(t *testing.T) *truth {
	t.Helper()
	s := &truth{
		epoch: time.Now(), servers: make(chan struct{}, queueServers), rng: rand.New(rand.NewPCG(1, 2)),
		visits: map[string][]visit{}, tokens: map[string]bool{},
	}
	mux := http.NewServeMux()
	for path, h := range map[string]handler{
		"/ok": s.ok, "/even": s.ok, "/poisson": s.ok, "/slow": s.slow, "/stuck": s.stuck, "/large": s.large,
		"/stall": s.stall, "/dist": s.dist, "/mmc": s.mmc, "/flaky": s.flaky, "/chunked": s.chunked,
		"/cut/half": s.cut, "/cut/silent": s.cut, "/cut/reset": s.cut,
		"POST /login": s.login, "GET /me": s.me,
	} {
		mux.HandleFunc(path, s.journalled(h))
	}
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.die)
	return s
}

// die ends the server as a crash would: with the connections that are open.
func (s *truth) die() {
	s.Listener.Close()
	s.CloseClientConnections()
}

// handler answers a request and writes down in v what it knows of it.
type handler func(w http.ResponseWriter, r *http.Request, v *visit)

func (s *truth) journalled(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := visit{came: s.now()}
		v.began = v.came
		path := r.URL.Path
		s.mu.Lock()
		i := len(s.visits[path])
		s.visits[path] = append(s.visits[path], v)
		s.mu.Unlock()
		h(w, r, &v)
		v.ended = s.now()
		s.mu.Lock()
		s.visits[path][i] = v
		s.mu.Unlock()
	}
}

func (s *truth) now() time.Duration { return time.Since(s.epoch) }

// journal returns the visits of a path in order of arrival.
func (s *truth) journal(path string) []visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	visits := slices.Clone(s.visits[path])
	slices.SortFunc(visits, func(a, b visit) int { return int(a.came - b.came) })
	return visits
}

// count returns how many requests came to a path.
func (s *truth) count(path string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(len(s.visits[path]))
}

// codes counts the answers of a path by status, as run.json does.
func (s *truth) codes(path string) map[string]uint64 {
	codes := map[string]uint64{}
	for _, v := range s.journal(path) {
		if v.status != 0 {
			codes[fmt.Sprint(v.status)]++
		}
	}
	return codes
}

// unused returns how many tokens nobody has shown yet.
func (s *truth) unused() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for fresh := range maps.Values(s.tokens) {
		if fresh {
			n++
		}
	}
	return n
}

// draw takes a number from the server's random source.
func (s *truth) draw(law func(*rand.Rand) float64) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return law(s.rng)
}

func (v *visit) answer(w http.ResponseWriter, status int, body string) {
	v.status = status
	w.WriteHeader(status)
	w.Write([]byte(body))
}

func (s *truth) ok(w http.ResponseWriter, _ *http.Request, v *visit) { v.answer(w, 200, "ok") }

func (s *truth) slow(w http.ResponseWriter, _ *http.Request, v *visit) {
	time.Sleep(slowTime)
	v.answer(w, 200, "slow")
}

func (s *truth) stuck(_ http.ResponseWriter, r *http.Request, _ *visit) { <-r.Context().Done() }

func (s *truth) large(w http.ResponseWriter, _ *http.Request, v *visit) {
	n := 15_000
	if raced() {
		n /= 10
	}
	v.answer(w, 200, strings.Repeat("ab", n))
}

func (s *truth) stall(w http.ResponseWriter, _ *http.Request, v *visit) {
	if at := s.now() % stallEvery; at >= stallEvery-stallFor {
		time.Sleep(stallEvery - at)
	}
	v.answer(w, 200, "ok")
}

func (s *truth) dist(w http.ResponseWriter, _ *http.Request, v *visit) {
	time.Sleep(time.Duration(float64(distMedian) * math.Exp(distSigma*s.draw((*rand.Rand).NormFloat64))))
	v.answer(w, 200, "ok")
}

func (s *truth) mmc(w http.ResponseWriter, _ *http.Request, v *visit) {
	service := time.Duration(float64(queueMean) * s.draw((*rand.Rand).ExpFloat64))
	s.servers <- struct{}{}
	v.began = s.now()
	time.Sleep(service)
	<-s.servers
	v.answer(w, 200, "ok")
}

func (s *truth) flaky(w http.ResponseWriter, _ *http.Request, v *visit) {
	statuses := []int{200, 200, 200, 200, 404, 500, 503}
	v.answer(w, statuses[int(s.draw((*rand.Rand).Float64)*float64(len(statuses)))], "perhaps")
}

func (s *truth) cut(w http.ResponseWriter, r *http.Request, _ *visit) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	switch r.URL.Path {
	case "/cut/half":
		conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"))
	case "/cut/reset":
		conn.(*net.TCPConn).SetLinger(0)
	}
	conn.Close()
}

func (s *truth) chunked(w http.ResponseWriter, _ *http.Request, v *visit) {
	for range chunks {
		w.Write([]byte(chunk))
		w.(http.Flusher).Flush()
	}
	v.status = 200
}

func (s *truth) login(w http.ResponseWriter, _ *http.Request, v *visit) {
	s.mu.Lock()
	token := fmt.Sprintf("t-%d", len(s.tokens))
	s.tokens[token] = true
	s.mu.Unlock()
	v.answer(w, 200, fmt.Sprintf(`{"token":%q}`, token))
}

func (s *truth) me(w http.ResponseWriter, r *http.Request, v *visit) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	fresh := s.tokens[token]
	if fresh {
		s.tokens[token] = false
	}
	s.mu.Unlock()
	if !fresh {
		v.answer(w, 401, "{}")
		return
	}
	v.answer(w, 200, fmt.Sprintf(`{"token":%q}`, token))
}
