package export

import (
	"fmt"
	"io"
	"strings"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report"
)

// HistogramLog writes the intervals of a run as a HdrHistogram log for readers that know
// nothing of Plimsoll. The log in the directory of a run keeps every load, stage, request,
// outcome and clock apart, each line with a tag; here they are merged into the few that
// one wants to look at:
//
//	(no tag)         latency of all requests that were answered, which is what tools show by default
//	REQUEST          latency of one request, as its percentiles in run.json have it
//	REQUEST;service  service time of the same
//	REQUEST;error    latency of those that got no answer
//
// Values are in nanoseconds; HistogramLogProcessor divides them by a million, as it does by
// default, and shows milliseconds. Within a tag, blanks, commas and percent signs are
// escaped as in a URL, and a semicolon of the name stands behind a backslash. The notes say what is missing, and so does a comment at the end.
func HistogramLog(w io.Writer, saved *report.Saved) (notes []string, err error) {
	legend := saved.Run.Legend.Engine()
	log, err := latency.NewLogWriter(w, saved.Run.Started)
	if err != nil {
		return nil, err
	}
	named := namesOf(legend)
	note, err := each(saved, func(s *engine.Snapshot) error {
		return logInterval(log, s, named.requests)
	})
	if note != "" {
		notes = append(notes, note)
		if _, failed := fmt.Fprintf(w, "# %s\n", plain(note)); err == nil {
			err = failed
		}
	}
	return notes, err
}

func logInterval(log *latency.LogWriter, s *engine.Snapshot, requests []string) error {
	answered := func(k engine.Key) bool { return k.Outcome != engine.Error }
	if err := log.Write("", s.From, s.To, &s.Select(answered).Latency); err != nil {
		return err
	}
	for r, name := range requests {
		name = strings.ReplaceAll(name, ";", `\;`)
		got := s.Select(func(k engine.Key) bool { return k.Request == r && answered(k) })
		lost := s.Select(func(k engine.Key) bool { return k.Request == r && !answered(k) })
		for _, line := range []struct {
			tag string
			h   *latency.Histogram
		}{{name, &got.Latency}, {name + ";service", &got.Service}, {name + ";error", &lost.Latency}} {
			if err := log.Write(line.tag, s.From, s.To, line.h); err != nil {
				return err
			}
		}
	}
	return nil
}
