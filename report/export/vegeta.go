package export

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"plimsoll/engine"
	"plimsoll/report"
)

// MostResults is how many results an export for vegeta has at the most. Of a longer run,
// one in so many is left.
const MostResults = 1_000_000

// Reconstructed says what an export for vegeta is, for whoever asks for one.
const Reconstructed = "results for vegeta are made from the histograms of each interval: counts, codes and times are those measured (to 0.1%), " +
	"the moments within an interval are not"

// Vegeta writes a run as results that vegeta's report, plot and encode read, in the encoding
// that the end of the path asks for: .json, .jsonl and .ndjson one JSON object a line, .csv
// CSV, and everything else vegeta's own binary encoding. A result's attack is the name of
// the request; its latency counts from when the request was due, which vegeta's own does
// not. The results are made up from histograms, which Reconstructed says; the notes say what
// was left out, and where vegeta's figures will differ.
func Vegeta(w io.Writer, saved *report.Saved, path string) (notes []string, err error) {
	return vegetaResults(encoderFor(w, path), saved, MostResults)
}

// encoderFor returns the encoder that the end of the path asks for.
func encoderFor(w io.Writer, path string) vegeta.Encoder {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json", ".jsonl", ".ndjson":
		return vegeta.NewJSONEncoder(w)
	case ".csv":
		return vegeta.NewCSVEncoder(w)
	}
	return vegeta.NewEncoder(w)
}

func vegetaResults(encode vegeta.Encoder, saved *report.Saved, most uint64) (notes []string, err error) {
	var total uint64
	for _, l := range saved.Run.Loads {
		for _, r := range l.Requests {
			total += r.Count
		}
	}
	x := newExpansion(total, most)
	named := namesOf(saved.Run.Legend.Engine())
	next := make([]uint64, len(named.requests)) // vegeta plots an attack in the order of its numbers
	target := plain(saved.Run.Target)
	note, err := each(saved, func(s *engine.Snapshot) error {
		for _, h := range x.interval(s) {
			result := &vegeta.Result{
				Attack: named.requests[h.request], Seq: next[h.request], Code: uint16(h.code), Error: h.failure,
				Timestamp: saved.Run.Started.Add(h.at).UTC(), Latency: h.took,
				BytesIn: uint64(h.bytesIn), BytesOut: uint64(h.bytesOut), URL: target,
			}
			if err := encode.Encode(result); err != nil {
				return err
			}
			next[h.request]++
		}
		return nil
	})
	notes = x.notes()
	if note != "" {
		notes = append(notes, note)
	}
	return notes, err
}

// notes say how what vegeta shows differs from what was measured.
func (x *expansion) notes() (notes []string) {
	if x.kept < x.all {
		notes = append(notes, fmt.Sprintf("of %s requests, %s are in it: vegeta's rates and totals are smaller by as much",
			report.FormatCount(x.all), report.FormatCount(x.kept)))
	}
	if x.failed > 0 {
		notes = append(notes, fmt.Sprintf("%s requests failed a check although their status is below 400: vegeta counts them as a success", report.FormatCount(x.failed)))
	}
	if x.good > 0 {
		notes = append(notes, fmt.Sprintf("%s requests were answered as expected with a status that vegeta does not count as a success", report.FormatCount(x.good)))
	}
	return notes
}
