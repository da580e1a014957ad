package capacity

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The files in testdata with known answers were computed with 50 to 60 decimal digits from
// the standard formulas; mmc_reference.csv has twelve digits.

// near demands that got is want to a relative tolerance.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Max(math.Abs(want), 1e-300)) {
		t.Errorf("%s = %.15g, want %.15g", what, got, want)
	}
}

func load(t *testing.T, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatal(err)
	}
}

func TestMMcHasTheReferenceAnswers(t *testing.T) {
	f, err := os.Open("testdata/mmc_reference.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "c,") {
			continue
		}
		var v []float64
		for field := range strings.SplitSeq(line, ",") {
			x, err := strconv.ParseFloat(field, 64)
			if err != nil {
				t.Fatal(err)
			}
			v = append(v, x)
		}
		rows++
		c, rho := int(v[0]), v[1]
		q := MMc{Rate: rho * float64(c), Service: 1, Servers: c}
		got := []float64{
			q.Offered(), ErlangB(c, q.Offered()), ErlangC(c, q.Offered()), q.Wait(), q.Response(), q.InQueue(),
			q.WaitQuantile(.95), q.WaitQuantile(.99),
			q.ResponseQuantile(.5), q.ResponseQuantile(.95), q.ResponseQuantile(.99), q.ResponseQuantile(.999),
		}
		names := strings.Split("a B C Wq W Lq w95 w99 r50 r95 r99 r999", " ")
		for i, name := range names {
			near(t, fmt.Sprintf("c=%d rho=%g: %s", c, rho, name), got[i], v[i+2], 1e-11)
		}
	}
	if rows != 56 {
		t.Errorf("read %d rows of the reference, want 56", rows)
	}
}

func TestErlangFormulasHaveTheirExactFractions(t *testing.T) {
	var ref struct {
		Fractions map[string]string  `json:"erlang_exact_fractions"`
		Big       map[string]float64 `json:"erlang_big"`
	}
	load(t, "queueing_reference.json", &ref)
	for name, text := range ref.Fractions {
		fraction, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatal(text)
		}
		ref.Big[name], _ = fraction.Float64()
	}
	if len(ref.Big) != 17 {
		t.Errorf("%d known answers, want 17", len(ref.Big))
	}
	for name, want := range ref.Big {
		var formula byte
		var c int
		var a float64
		if _, err := fmt.Sscanf(name, "%c(%d,%g)", &formula, &c, &a); err != nil {
			t.Fatal(name, err)
		}
		got := ErlangB(c, a)
		if formula == 'C' {
			got = ErlangC(c, a)
		}
		near(t, name, got, want, 1e-13)
	}
}

func TestLargestRateThatKeepsAPercentile(t *testing.T) {
	var ref []struct {
		P      float64
		T      float64 `json:"t_over_S"`
		C      int
		RhoMax *float64 `json:"rho_max"`
	}
	load(t, "mmc_slo_utilization.json", &ref)
	if len(ref) == 0 {
		t.Fatal("no reference")
	}
	for _, r := range ref {
		got, err := MMc{Service: .02, Servers: r.C}.RateWithin(r.P, r.T*.02)
		what := fmt.Sprintf("c=%d p=%g t=%gS", r.C, r.P, r.T)
		if r.RhoMax == nil || *r.RhoMax == 0 {
			if !errors.Is(err, ErrInfeasible) {
				t.Errorf("%s: rate %g, error %v, want infeasible", what, got, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		near(t, what, got*.02/float64(r.C), *r.RhoMax, 1e-10)
	}
}

func TestAPromiseThatServiceAloneBreaksIsInfeasible(t *testing.T) {
	_, err := MMc{Service: .02, Servers: 10_000}.RateWithin(.999, .1)
	if !errors.Is(err, ErrInfeasible) || !strings.Contains(err.Error(), "p99.9 of the service time is 138.2 ms already, 6.91 times its mean") {
		t.Errorf("error %v", err)
	}
}

// finite is a row of the reference for M/M/c/K and M/M/c//N.
type finite struct {
	Lam, Mu, Loss, Thr, Util, P0, L, Lq, W, Wq float64
	C, K, N                                    int
	S, Z, X, R                                 float64
}

func TestFiniteQueuesHaveTheReferenceAnswers(t *testing.T) {
	var ref struct {
		MMcK     []finite `json:"mmck"`
		Machines []finite `json:"machine_repair"`
	}
	load(t, "queueing_reference.json", &ref)
	if len(ref.MMcK) != 13 || len(ref.Machines) != 5 {
		t.Fatal("the reference is not what it was")
	}
	for _, r := range ref.MMcK {
		f := MMcK(r.Lam, 1/r.Mu, r.C, r.K)
		what := fmt.Sprintf("M/M/%d/%d at %g: ", r.C, r.K, r.Lam)
		for _, x := range []struct {
			name      string
			got, want float64
		}{
			{"loss", f.Full, r.Loss},
			{"throughput", f.Throughput, r.Thr},
			{"utilisation", f.Utilisation, r.Util},
			{"empty", f.Empty, r.P0},
			{"L", f.InSystem, r.L},
			{"Lq", f.InQueue, r.Lq},
			{"W", f.Response, r.W},
			{"Wq", f.Wait, r.Wq},
		} {
			near(t, what+x.name, x.got, x.want, 1e-12)
		}
	}
	for _, r := range ref.Machines {
		f := Machines(r.N, r.Z, r.S, r.C)
		what := fmt.Sprintf("M/M/%d//%d: ", r.C, r.N)
		near(t, what+"X", f.Throughput, r.X, 1e-12)
		near(t, what+"R", f.Response, r.R, 1e-11)
		near(t, what+"L", f.InSystem, r.L, 1e-11)
		near(t, what+"utilisation", f.Utilisation, r.Util, 1e-12)
	}
}

func TestImpatientCustomersHaveTheReferenceAnswers(t *testing.T) {
	var ref struct {
		ErlangA []struct {
			Lam, Mu, Theta  float64
			C               int
			Waits           float64 `json:"P_wait"`
			Abandons        float64 `json:"P_abandon"`
			Lq, Wq, Goodput float64
		}
	}
	load(t, "queueing_reference.json", &ref)
	if len(ref.ErlangA) != 5 {
		t.Fatal("the reference is not what it was")
	}
	for _, r := range ref.ErlangA {
		a := Impatient(r.Lam, 1/r.Mu, r.C, r.Theta)
		what := fmt.Sprintf("M/M/%d+M at %g: ", r.C, r.Lam)
		near(t, what+"waits", a.Waits, r.Waits, 1e-12)
		near(t, what+"abandons", a.Abandons, r.Abandons, 1e-12)
		near(t, what+"Lq", a.InQueue, r.Lq, 1e-12)
		near(t, what+"Wq", a.Wait, r.Wq, 1e-12)
		near(t, what+"goodput", a.Goodput, r.Goodput, 1e-12)
	}
}

func TestMG1AndMD1HaveTheReferenceAnswers(t *testing.T) {
	var ref struct {
		MG1 []struct {
			Rho, CS2, Wq, W float64
			PS              float64 `json:"W_PS"`
		}
		MD1 []map[string]float64 `json:"md1_wait_quantiles_service=1"`
	}
	load(t, "queueing_reference.json", &ref)
	if len(ref.MG1) != 30 || len(ref.MD1) != 4 {
		t.Fatal("the reference is not what it was")
	}
	for _, r := range ref.MG1 {
		q := MG1{Rate: r.Rho / 2, Service: 2, SCV: r.CS2}
		what := fmt.Sprintf("M/G/1 rho=%g scv=%g: ", r.Rho, r.CS2)
		near(t, what+"Wq", q.Wait(), 2*r.Wq, 1e-12)
		near(t, what+"W", q.Response(), 2*r.W, 1e-12)
		near(t, what+"shared", q.Shared(), 2*r.PS, 1e-12)
	}
	for _, r := range ref.MD1 {
		q := MD1{Rate: r["rho"] / 3, Service: 3}
		for _, p := range []float64{.5, .9, .95, .99, .999} {
			near(t, fmt.Sprintf("M/D/1 rho=%g p=%g", r["rho"], p), q.WaitQuantile(p), 3*r[fmt.Sprintf("Wp%g", p)], 1e-10)
		}
		near(t, "P(W<=1)", q.WaitWithin(3), r["check_P(W<=1)"], 1e-13)
	}
}

func TestMVAHasTheReferenceAnswers(t *testing.T) {
	var ref struct {
		MVA []struct {
			Case        string
			D, Q        []float64
			Z, X, R     float64
			N           int
			XSchweitzer float64 `json:"X_schweitzer"`
			RSchweitzer float64 `json:"R_schweitzer"`
		}
	}
	load(t, "queueing_reference.json", &ref)
	if len(ref.MVA) != 27 {
		t.Fatal("the reference is not what it was")
	}
	for _, r := range ref.MVA {
		what := fmt.Sprintf("%s N=%d: ", r.Case, r.N)
		exact, about := MVA(r.D, r.Z, r.N), Schweitzer(r.D, r.Z, r.N)
		near(t, what+"X", exact.Throughput, r.X, 1e-12)
		near(t, what+"R", exact.Response, r.R, 1e-12)
		for k := range r.Q {
			near(t, what+"Q", exact.Queues[k], r.Q[k], 1e-11)
		}
		near(t, what+"X by Schweitzer", about.Throughput, r.XSchweitzer, 1e-10)
		near(t, what+"R by Schweitzer", about.Response, r.RSchweitzer, 1e-9)
		bounds := NewBounds(r.D, r.Z)
		if n := float64(r.N); exact.Throughput > bounds.Throughput(n)*(1+1e-12) || exact.Response < bounds.Response(n)*(1-1e-12) {
			t.Errorf("%spasses the bounds", what)
		}
	}
	near(t, "knee", NewBounds([]float64{.008, .006, .004}, .1).Knee(), 14.75, 1e-14)
}

func TestScreeningHasTheReferenceAnswers(t *testing.T) {
	q := func(c int, rho, scv float64) GGc {
		return GGc{MMc: MMc{Rate: rho * float64(c), Service: 1, Servers: c}, ArrivalSCV: 1, ServiceSCV: scv}
	}
	for _, x := range []struct {
		name      string
		got, want float64
	}{
		{"M/D/1", q(1, .8, 0).AllenCunneen(), 2.0},
		{"M/D/4", q(4, .8, 0).AllenCunneen(), .3728},
		{"M/H2/4", q(4, .8, 4).AllenCunneen(), 1.8639},
		{"M/H2/16", q(16, .9, 4).AllenCunneen(), .924},
		{"M/D/4 by Sakasegawa", q(4, .8, 0).Sakasegawa(), .3858},
		{"p99 of M/D/4", q(4, .8, 0).AllenCunneenQuantile(.99), 2.555},
		{"p99 of M/H2/4", q(4, .8, 4).AllenCunneenQuantile(.99), 12.776},
		{"Kingman M/D/1", q(1, .8, 0).Kingman(), 2.0},
	} {
		near(t, x.name, x.got, x.want, 2e-4)
	}
}

func TestTenThousandServers(t *testing.T) {
	q := MMc{Rate: 9_990, Service: 1, Servers: 10_000}
	// Halfin and Whitt (1981): C → 1/(1 + βΦ(β)/φ(β)) with β = (1 − ρ)√c.
	beta := .1
	phi := math.Exp(-beta*beta/2) / math.Sqrt(2*math.Pi)
	near(t, "C against Halfin-Whitt", ErlangC(10_000, 9_990), 1/(1+beta*(.5*math.Erfc(-beta/math.Sqrt2))/phi), 3e-3)
	if p99 := q.ResponseQuantile(.99); !(p99 > math.Log(100) && p99 < 5) {
		t.Errorf("p99 = %g", p99)
	}
	near(t, "loss by birth and death", MMcK(9_990, 1, 10_000, 10_000).Full, ErlangB(10_000, 9_990), 1e-10)
	near(t, "wait by birth and death", MMcK(9_990, 1, 10_000, 200_000).Wait, q.Wait(), 1e-7)
	near(t, "wait of the patient", Impatient(9_900, 1, 10_000, 1e-9).Waits, ErlangC(10_000, 9_900), 1e-6)
}

func TestQueuesKeepTheLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.IntRange(1, 200).Draw(t, "servers")
		rho := rapid.Float64Range(.01, .99).Draw(t, "rho")
		s := rapid.Float64Range(.001, 10).Draw(t, "service")
		p := rapid.Float64Range(.01, .9999).Draw(t, "p")
		q := MMc{Rate: rho * float64(c) / s, Service: s, Servers: c}
		at := q.ResponseQuantile(p)
		if got := q.ResponseBeyond(at); math.Abs(got-(1-p)) > 1e-9 {
			t.Errorf("P(T > quantile) = %g, want %g", got, 1-p)
		}
		rate, err := MMc{Service: s, Servers: c}.RateWithin(p, at)
		if err != nil && rho > .2 && c < 5 {
			t.Fatal(err)
		}
		if err == nil && (MMc{Rate: rate, Service: s, Servers: c}).ResponseBeyond(at) > (1-p)*(1+1e-9) {
			t.Error("the rate that keeps the limit does not")
		}
		room := c + rapid.IntRange(0, 300).Draw(t, "room")
		f := MMcK(q.Rate*rapid.Float64Range(.1, 3).Draw(t, "overload"), s, c, room)
		if f.Utilisation > 1+1e-12 || math.Abs(f.Response-f.Wait-s) > 1e-9*f.Response || f.InSystem > float64(room)*(1+1e-12) {
			t.Errorf("M/M/%d/%d: %+v", c, room, f)
		}
	})
}

func TestMachineRepairWithOneServerIsMVA(t *testing.T) {
	for n := 1; n < 60; n++ {
		near(t, "X", Machines(n, 1, .1, 1).Throughput, MVA([]float64{.1}, 1, n).Throughput, 1e-12)
	}
	if f := Machines(10, 0, .1, 4); f.Throughput != 40 || f.Response != .25 || f.InQueue != 6 {
		t.Errorf("without thinking: %+v", f)
	}
}

func TestDemandIsReadOffUtilisation(t *testing.T) {
	// Four servers that take 5 ms: U = X·0.005/4.
	d, err := Demand([]float64{100, 200, 400}, []float64{.125, .25, .5}, 4)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "demand", d, .005, 1e-14)
	near(t, "saturation", Saturation(d, 4), 800, 1e-14)
	near(t, "utilisation", Utilisation(400, d, 4), .5, 1e-14)
	near(t, "demand of one trial", ServiceDemand(400, .5, 4), .005, 1e-14)
	for name, bad := range map[string]func() (float64, error){
		"no trials":            func() (float64, error) { return Demand(nil, nil, 1) },
		"only idle trials":     func() (float64, error) { return Demand([]float64{0}, []float64{0}, 1) },
		"a missing figure":     func() (float64, error) { return Demand([]float64{1, 2}, []float64{.1}, 1) },
		"no units":             func() (float64, error) { return Demand([]float64{1}, []float64{.1}, 0) },
		"a figure that is NaN": func() (float64, error) { return Demand([]float64{1}, []float64{math.NaN()}, 1) },
	} {
		if got, err := bad(); err == nil {
			t.Errorf("%s: demand %g", name, got)
		}
	}
}

func TestUsersWaitByTheResponseTimeLaw(t *testing.T) {
	near(t, "closed response", ClosedResponse(10, 75.99417331642323, .1), .031589035890451395, 1e-12)
}

func TestAQueueOfAnyLawIsMMcWhereItIsExponential(t *testing.T) {
	q := GGc{MMc: MMc{800, .01, 10}, ArrivalSCV: 1, ServiceSCV: 1}
	near(t, "wait", q.AllenCunneen(), MMc{800, .01, 10}.Wait(), 1e-14)
	q.Rate = 1001
	if !math.IsInf(q.AllenCunneen(), 1) {
		t.Error("past saturation nothing is infinite")
	}
}
