package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/report"
)

// record is what the store keeps of a run.
type record struct {
	key     string // the same run has the same key wherever it lies, and while it goes on
	digest  string // of its run.json
	dir     string
	series  series
	started time.Time
	took    time.Duration
	verdict report.Verdict
	program string // version of plimsoll
	whole   bool   // it is over
	reason  string // why it counts in no series; empty if it does
	figures []figure
}

// series is what runs that can be compared have in common.
type series struct {
	scenario, part  string
	quick           bool
	target, machine string
	version         string
}

// recordOf makes a record of a run. The part says of which variant or side it is, if it is one
// of several that belong together.
func recordOf(run *report.Run, dir, part string) *record {
	r := &record{
		dir: dir, started: run.Started, took: time.Duration(run.DurationS * float64(time.Second)),
		verdict: run.Verdict, program: run.Plimsoll.Version, whole: run.Ended != report.Stopped,
		key: digestOf(run.Scenario, run.Started.UTC().UnixNano(), run.Seed, run.Source, run.Target),
		series: series{
			scenario: run.Scenario, part: part, quick: run.Source.Quick, target: steadyTarget(run.Target),
			machine: machineOf(run.Plimsoll), version: versionOf(run),
		},
	}
	if r.reason = unfit(run); r.reason == "" {
		r.figures = figuresOf(run)
	}
	return r
}

// unfit returns why a run cannot be compared with others.
func unfit(run *report.Run) string {
	switch {
	case run.Started.IsZero():
		return "it has no start time"
	case run.Ended == report.Stopped:
		return "interrupted, or still going"
	case run.Ended != report.Complete:
		return "ended early: " + string(run.Ended)
	case !run.Validity.Valid && len(run.Validity.Reasons) > 0:
		return "not valid: " + strings.Join(run.Validity.Reasons, "; ")
	case !run.Validity.Valid:
		return "not valid"
	case run.Verdict == report.Failed:
		return "the target never answered"
	case len(run.Loads) == 0:
		return "there is no load in it"
	}
	return ""
}

// versionOf returns what tells a scenario's versions apart: its file, the settings of this
// run, and the load with its stages and requests.
func versionOf(run *report.Run) string {
	return digestOf(run.Source.SHA256, settings(run), run.Legend)[:8]
}

func digestOf(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		text = fmt.Append(nil, parts...) // no number that is not one is in a run that was read
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// settings returns the arguments of the run's command that change what is measured. With a
// scenario file they are those that replace values in it; without one, all but those that
// only say what becomes of the run.
func settings(run *report.Run) []string {
	var all []string
	args := run.Command
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		if len(name) > 2 && strings.HasPrefix(name, "-e") { // -eNAME=VALUE
			name, value, joined = "-e", args[i][2:], true
		}
		replaces := slices.Contains([]string{"--set", "-e", "--var", "--env"}, name)
		takes := replaces || slices.Contains([]string{"--out", "-o", "--output", "--ui", "--seed", "--config", "--target", "--baseline", "--save-baseline"}, name)
		if takes && !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		switch {
		case replaces:
			all = append(all, name+" "+value)
		case run.Source.SHA256 == "" && !takes && i > 1 && !aside(args[i]):
			all = append(all, args[i])
		}
	}
	slices.Sort(all)
	return all
}

// aside reports whether an argument says nothing about what is measured, or stands in the
// target already.
func aside(arg string) bool {
	return strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://") ||
		slices.Contains([]string{"--json", "-q", "--quiet", "--no-color"}, arg)
}

// firstDrawn is the first port that Linux gives to who asks for any.
const firstDrawn = 32768

// steadyTarget returns a target without a local port that was drawn by lot, as that of the
// reference target is.
func steadyTarget(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return target
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if port, err := strconv.Atoi(u.Port()); local && err == nil && port >= firstDrawn {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return u.String()
}

func machineOf(b report.Build) string {
	if b.CPUs == 1 {
		return b.OS + ", 1 processor"
	}
	return fmt.Sprintf("%s, %d processors", b.OS, b.CPUs)
}

// partBeside returns of which side a run is that took turns with another, as plimsoll run
// --against and plimsoll calibrate make them.
func partBeside(run *report.Run, dir string) string {
	if len(run.Command) < 2 {
		return ""
	}
	against := slices.ContainsFunc(run.Command, func(a string) bool { return a == "--against" || strings.HasPrefix(a, "--against=") })
	switch {
	case run.Command[1] == "calibrate":
		return "calibration"
	case !against:
		return ""
	}
	for _, name := range []string{filepath.Base(filepath.Dir(dir)), filepath.Base(dir)} {
		side, _, _ := strings.Cut(name, "-") // put aside, a run is called SIDE-NUMBER
		if side == "base" || side == "new" {
			return "comparison: " + side
		}
	}
	return "comparison"
}
