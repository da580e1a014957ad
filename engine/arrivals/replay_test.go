package arrivals_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine/arrivals"
)

func TestReplay(t *testing.T) {
	tests := map[string]struct {
		text  string
		speed float64
		want  arrivals.Schedule
	}{
		"durations are offsets from the start":           {"5ms\n10ms\n1m2s\n", 1, at(5, 10, 62000)},
		"seconds count from the first":                   {"5\n5.010\n6.5", 1, at(0, 10, 1500)},
		"seconds since 1970 keep their last digit":       {"1700000000.123456789\n1700000000.123456790", 1, arrivals.Concat(at(0), only(1))},
		"seconds may be negative":                        {"-1.5\n0\n.5", 1, at(0, 1500, 2000)},
		"dates count from the first":                     {"2026-03-01T12:00:00Z\n2026-03-01T13:00:00.25+01:00\n", 1, at(0, 250)},
		"the order of lines does not matter":             {"3s\n1s\n2s\n1s", 1, at(1000, 1000, 2000, 3000)},
		"empty lines, comments and space are passed by":  {"# log\n\n  1s\t\r\n#2s\n", 1, at(1000)},
		"twice the speed halves the times":               {"0s\n10ms\n", 2, at(0, 5)},
		"a tenth of the speed makes the times ten times": {"0s\n10ms\n", 0.1, at(0, 100)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := arrivals.Replay(strings.NewReader(test.text), test.speed)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(slices.Collect(test.want), slices.Collect(s)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestReplayRefuses(t *testing.T) {
	tests := map[string]struct {
		text  string
		speed float64
		want  string
	}{
		"what is no time":              {"1s\nsoon\n", 1, `line 2: "soon" is not a time: want seconds, a duration like 1m2.5s or an RFC 3339 date`},
		"a number with an exponent":    {"1e3\n", 1, `line 1: "1e3" is not a time`},
		"more than one field":          {"\n1.5,GET\n", 1, `line 2: "1.5,GET" is not a time`},
		"two kinds in one file":        {"1s\n\n2\n", 1, `line 3: "2" is seconds, but the file began with a duration`},
		"a duration before the start":  {"-1s\n", 1, `line 1: "-1s" is before the start`},
		"seconds beyond all bounds":    {"1700000000000\n", 1, `line 1: "1700000000000" is not a time`},
		"a year beyond all bounds":     {"2999-01-01T00:00:00Z\n", 1, `line 1: "2999-01-01T00:00:00Z" is out of range`},
		"times too far apart":          {"-9000000000\n9000000000\n", 1, "the first and the last arrival are centuries apart"},
		"a file with nothing in it":    {"# nothing\n\n", 1, "no arrivals in it"},
		"a line without end":           {"1s\n" + strings.Repeat("1", 100_000), 1, "line 2: bufio.Scanner: token too long"},
		"no speed":                     {"1s\n", 0, "replay at 0 times the speed: want a number above 0"},
		"a speed that is not a number": {"1s\n", math.NaN(), "replay at NaN times the speed"},
		"an endless speed":             {"1s\n", math.Inf(1), "replay at +Inf times the speed"},
		"a speed that overflows":       {"1s\n1000h\n", 1e-9, "replay at 1e-09 times the speed takes centuries"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := arrivals.Replay(strings.NewReader(test.text), test.speed)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	t.Run("a file that cannot be read", func(t *testing.T) {
		broken := errors.New("disk on fire")
		_, err := arrivals.Replay(iotest.ErrReader(broken), 1)
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
	})
}

func FuzzReplay(f *testing.F) {
	for _, text := range []string{"1s\n2s", "1700000000.25\n1700000000", "2026-03-01T12:00:00Z\n", "# x\n\n1m2", "-1", "5m\n5", "9223372036\n-1", "1.\n.1"} {
		f.Add(text, 1.0)
	}
	f.Add("1s\n3h", 0.001)
	f.Fuzz(func(t *testing.T, text string, speed float64) {
		s, err := arrivals.Replay(strings.NewReader(text), speed)
		if err != nil {
			return
		}
		due := slices.Collect(s)
		if len(due) == 0 || due[0] < 0 || !slices.IsSorted(due) {
			t.Fatalf("%q at speed %v is due at %v", text, speed, due)
		}
		var again strings.Builder
		for _, d := range due {
			again.WriteString(d.String() + "\n")
		}
		s, err = arrivals.Replay(strings.NewReader(again.String()), 1)
		if err != nil || !slices.Equal(due, slices.Collect(s)) {
			t.Fatalf("%v comes back with error %v as %v", due, err, slices.Collect(s))
		}
	})
}
