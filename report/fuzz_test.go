package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func FuzzDecode(f *testing.F) {
	_, total := randomRun(1)
	text, err := json.Marshal(Summarize(meta(), total, nil, Complete))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"schema":"plimsoll.run/1","legend":{"loads":[{"stages":null}],"requests":null},"started":"x"}`))
	f.Add([]byte(`{"schema":"plimsoll.run/2"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		run, err := decode(text)
		if err != nil {
			return
		}
		if _, err := json.Marshal(run); err != nil {
			t.Errorf("a run that was read cannot be written: %v", err)
		}
		newTags(run.Legend.Engine()).keys()
	})
}

func FuzzIntervals(f *testing.F) {
	intervals, total := randomRun(1)
	line, err := json.Marshal(saveInterval(intervals[0], newTags(shop())))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(line, '\n'), []byte("Tag=back office;;order;ok;latency,0.000,1.000,1.000,HISTFAAA\n"))
	f.Add([]byte(`{"tallies":[[{},{}],[{}]],"cells":[],"hlog_lines":-1}`+"\n"), []byte("\n"))
	dir := f.TempDir()
	run := Summarize(meta(), total, nil, Complete)
	f.Fuzz(func(t *testing.T, counters, histograms []byte) {
		for name, text := range map[string][]byte{CounterFile: counters, HistogramFile: histograms} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var last error
		for s, err := range (&Saved{Run: run, Dir: dir}).Intervals() {
			if last != nil || s == nil && err == nil {
				t.Fatal("something came after the end")
			}
			last = err
		}
	})
}
