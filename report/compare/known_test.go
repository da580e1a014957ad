package compare_test

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"plimsoll/report/compare"
)

// known are answers of R's wilcox.test and p.adjust and of benchstat.
type known struct {
	UTest      map[string]float64 `json:"utest_min_p_two_sided"`
	SignedRank map[string]float64 `json:"signed_rank_min_p_two_sided"`
	Benchstat  []struct {
		A, B []float64
		P    float64
	}
	Permeability struct {
		X, Y []float64
		P    float64 `json:"p_two"`
		HL   float64
		CI   [2]float64 `json:"ci95"`
	}
	Depression struct {
		X, Y []float64
		P    float64 `json:"p_two"`
		HL   float64
		CI   [2]float64 `json:"ci95"`
	} `json:"depression_paired"`
	AB struct {
		Base, Cand []float64
		P, HL      float64
		CI         [2]float64 `json:"ci95"`
		Ratio      float64    `json:"ratio_HL"`
		RatioCI    [2]float64 `json:"ratio_ci95"`
		Paired     struct {
			P       float64
			Ratio   float64    `json:"ratio_HL"`
			RatioCI [2]float64 `json:"ratio_ci95"`
		}
	} `json:"latency_ab"`
	AA struct {
		Base, Cand []float64
		P          float64 `json:"p_exact_with_ties"`
		HL         float64
	} `json:"latency_aa"`
	Adjust struct{ P, Holm []float64 } `json:"p_adjust"`
}

func answers(t *testing.T) *known {
	t.Helper()
	text, err := os.ReadFile("testdata/stats_reference.json")
	if err != nil {
		t.Fatal(err)
	}
	k := &known{}
	if err := json.Unmarshal(text, k); err != nil {
		t.Fatal(err)
	}
	return k
}

// same demands six digits.
func same(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-6*max(math.Abs(want), 1e-3)) {
		t.Errorf("%s is %.10g, want %.10g", what, got, want)
	}
}

func TestKnownAnswersOfTheRankSumTest(t *testing.T) {
	k := answers(t)
	e := compare.Unpaired(k.Permeability.Y, k.Permeability.X, 0.95)
	same(t, "p of the permeability data", e.P, k.Permeability.P)
	same(t, "shift", e.Shift, k.Permeability.HL)
	same(t, "low end", e.Low, k.Permeability.CI[0])
	same(t, "high end", e.High, k.Permeability.CI[1])
	e = compare.Unpaired(k.AB.Base, k.AB.Cand, 0.95)
	same(t, "p of two latencies", e.P, k.AB.P)
	same(t, "shift", e.Shift, k.AB.HL)
	same(t, "low end", e.Low, k.AB.CI[0])
	same(t, "high end", e.High, k.AB.CI[1])
	e = compare.Unpaired(logs(k.AB.Base), logs(k.AB.Cand), 0.95)
	same(t, "ratio", math.Exp(e.Shift), k.AB.Ratio)
	same(t, "low end of the ratio", math.Exp(e.Low), k.AB.RatioCI[0])
	same(t, "high end of the ratio", math.Exp(e.High), k.AB.RatioCI[1])
	e = compare.Unpaired(k.AA.Base, k.AA.Cand, 0.95)
	same(t, "p with equal values", e.P, k.AA.P)
	same(t, "shift", e.Shift, k.AA.HL)
	for i, b := range k.Benchstat {
		same(t, "benchstat's p "+strconv.Itoa(i), compare.Unpaired(b.A, b.B, 0.95).P, b.P)
	}
	for n, p := range k.UTest {
		low, high := apart(n)
		e := compare.Unpaired(low, high, 0.95)
		same(t, "the least p of "+n, e.P, p)
		same(t, "the least p of "+n+", as it says", e.LeastP, p)
	}
}

func TestKnownAnswersOfTheSignedRankTest(t *testing.T) {
	k := answers(t)
	e := compare.Paired(k.Depression.Y, k.Depression.X, 0.95)
	same(t, "p of the depression data", e.P, k.Depression.P)
	same(t, "shift", e.Shift, k.Depression.HL)
	same(t, "low end", e.Low, k.Depression.CI[0])
	same(t, "high end", e.High, k.Depression.CI[1])
	e = compare.Paired(logs(k.AB.Base), logs(k.AB.Cand), 0.95)
	same(t, "p of two latencies", e.P, k.AB.Paired.P)
	same(t, "ratio", math.Exp(e.Shift), k.AB.Paired.Ratio)
	same(t, "low end of the ratio", math.Exp(e.Low), k.AB.Paired.RatioCI[0])
	same(t, "high end of the ratio", math.Exp(e.High), k.AB.Paired.RatioCI[1])
	for n, p := range k.SignedRank {
		low, high := apart(n)
		e := compare.Paired(low, high, 0.95)
		same(t, "the least p of "+n, e.P, p)
		same(t, "the least p of "+n+", as it says", e.LeastP, p)
	}
}

func TestKnownAnswersOfHolm(t *testing.T) {
	k := answers(t)
	for i, p := range compare.Holm(k.Adjust.P) {
		same(t, "adjusted p "+strconv.Itoa(i), p, k.Adjust.Holm[i])
	}
}

// apart returns two sides of n values that do not overlap.
func apart(n string) (low, high []float64) {
	size, _ := strconv.Atoi(n)
	for i := range size {
		low, high = append(low, float64(i)), append(high, float64(1000+2*i))
	}
	return low, high
}

func logs(values []float64) []float64 {
	var out []float64
	for _, x := range values {
		out = append(out, math.Log(x))
	}
	return out
}
