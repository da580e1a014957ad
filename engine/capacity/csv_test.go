package capacity

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestPointsAreReadInTheFormsThatToolsWrite(t *testing.T) {
	want := []Point{{1, 955.16}, {2, 1878.91}}
	for name, text := range map[string]string{
		"plain":             "1,955.16\n2,1878.91\n",
		"header":            "concurrency,throughput\n1,955.16\n2,1878.91\n",
		"n":                 "n,throughput\n1,955.16\n2,1878.91",
		"users, other way":  "Throughput , Users\n955.16,1\n1878.91,2\n",
		"further columns":   "trial,n,host,x\na,1,h1,955.16\nb,2,h1,1878.91\n",
		"semicolons":        "n;throughput\n1;955.16\n2;1878.91\n",
		"comments":          "# data\n\nn,throughput\n# more\n 1, 955.16\n  # and more\n2 ,1878.91 \n\n",
		"byte order mark":   "\ufeffn,throughput\n1,955.16\n2,1878.91\n",
		"returns":           "n,throughput\r\n1,955.16\r\n2,1878.91\r\n",
		"powers, and quote": "1e0,9.5516e2\n\"2\",1878.91\n",
	} {
		got, err := ReadPoints(strings.NewReader(text))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestMistakesInPointsAreNamedWithTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "1:1: there are no points in it",
		"# nothing\n":               "1:1: there are no points in it",
		"n,throughput\n":            "1:1: there are no points in it",
		"1,10\n2,abc\n":             `2:3: throughput "abc" is no number`,
		"1,10\n2,20/s\n-3,5\n0,4\n": "2:3: throughput \"20/s\" is no number\n3:1: concurrency -3 is negative\n4:1: concurrency is zero",
		"1,10\n2,-1\n":              "2:3: throughput -1 is negative",
		"1,10\n2,0\n":               "2:3: throughput is zero",
		"1,10\n2,\n":                "2:3: throughput is missing",
		"1,10\n2\n":                 "2:1: 1 column, want 2",
		"1,10\n2,20,30\n":           "2:6: 3 columns, want 2",
		"1 10\n":                    "1:1: 1 column, want 2",
		"clients,tps\n1,10\n":       "1:1: no column is called concurrency",
		"n,tps\n1,10\n":             "1:1: no column is called throughput",
		"1,10\n2,NaN\n":             `2:3: throughput "NaN" is no number`,
		"1,10\n2,inf\n":             `2:3: throughput "inf" is no number`,
		"1,10\n2,1e300\n":           "2:3: throughput 1e300 is out of range",
		"1;10\n2;1,5\n":             `2:3: throughput "1,5" is no number`,
		"1,10\n2,\"5\n":             "2:6: extraneous or missing \" in quoted-field",
	} {
		got, err := ReadPoints(strings.NewReader(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, got, err, want)
		}
	}
}

func TestTenMistakesAreEnough(t *testing.T) {
	_, err := ReadPoints(strings.NewReader(strings.Repeat("-1,1\n", 50)))
	if n := strings.Count(err.Error(), "negative"); n != 10 {
		t.Errorf("%d mistakes are told of", n)
	}
}

func FuzzReadPoints(f *testing.F) {
	for _, seed := range []string{"n,throughput\n1,955.16\n", "1;2\n#\n3;4", "\"", "a,b\n", "1,,2", "\ufeff", ";", "1,2\n\x00,3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		points, err := ReadPoints(strings.NewReader(text))
		if err == nil && len(points) == 0 {
			t.Error("neither points nor an error")
		}
		for _, p := range points {
			if !(p.Concurrency > 0 && p.Throughput > 0) || math.IsInf(p.Concurrency+p.Throughput, 0) {
				t.Errorf("a point %v", p)
			}
		}
	})
}
