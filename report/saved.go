package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report/budget"
)

// ErrTruncated ends the intervals of a run whose writer was killed. What was read before
// is good, and what is lost is at most the last interval.
var ErrTruncated = errors.New("the last interval is incomplete and left out")

// Saved is a run on disk.
type Saved struct {
	Run *Run
	Dir string
}

// Open reads the summary of the run in dir. A run of a newer schema than this program
// knows is refused.
func Open(dir string) (*Saved, error) {
	path := filepath.Join(dir, RunFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open run: there is no %s in %s: %w", RunFile, dir, os.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("open run: %w", err)
	}
	run, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("open run %s: %w", path, err)
	}
	return &Saved{Run: run, Dir: dir}, nil
}

// decode reads a run.json.
func decode(text []byte) (*Run, error) {
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	if err := checkSchema(head.Schema); err != nil {
		return nil, err
	}
	run := &Run{}
	if err := json.Unmarshal(text, run); err != nil {
		return nil, err
	}
	return run, nil
}

func checkSchema(schema string) error {
	name, known, _ := strings.Cut(Schema, "/")
	version, found := strings.CutPrefix(schema, name+"/")
	n, err := strconv.Atoi(version)
	newest, _ := strconv.Atoi(known)
	switch {
	case !found || err != nil || n < 1:
		return fmt.Errorf("schema is %q, not that of a run (%s)", schema, Schema)
	case n > newest:
		return fmt.Errorf("schema %s is newer than this plimsoll reads (%s): update plimsoll, or use the one that saved the run", schema, Schema)
	}
	return nil
}

// Intervals yields the snapshots of the run in order, as observers of the run got them,
// except that minimum, sum and mean of a histogram are those of its buckets (at most
// 0.1 % off). An error is the last thing it yields: ErrTruncated, or what is wrong with
// the files and where.
func (s *Saved) Intervals() iter.Seq2[*engine.Snapshot, error] {
	return func(yield func(*engine.Snapshot, error) bool) {
		r, err := s.reader()
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		for {
			snapshot, err := r.next()
			if errors.Is(err, io.EOF) || !yield(snapshot, err) || err != nil {
				return
			}
		}
	}
}

// Judge replays the run to the budgets, which need not be those it ran with, and returns
// a new summary. Without budgets, those of the run are judged again. Base is what a baseline
// measured; it may be nil.
func (s *Saved) Judge(budgets []*budget.Budget, base *engine.Snapshot) (*Run, error) {
	var slos []*budget.SLO
	if budgets == nil {
		var err error
		if budgets, slos, err = s.Run.promises(); err != nil {
			return nil, err
		}
	}
	legend := s.Run.Legend.Engine()
	watch, err := budget.NewWatch(legend, budgets, slos...)
	if err != nil {
		return nil, err
	}
	if base != nil {
		watch.Baseline(base)
	}
	total := engine.NewSnapshot(legend)
	var cut error
	for snapshot, err := range s.Intervals() {
		if errors.Is(err, ErrTruncated) {
			cut = err
			break
		}
		if err != nil {
			return nil, err
		}
		watch.Observe(snapshot)
		total.Merge(snapshot)
	}
	run := Summarize(s.Run.Meta, total, watch.Results(), s.Run.Ended)
	run.SLOs = watch.ErrorBudgets()
	if cut != nil {
		run.Notes = append(run.Notes, cut.Error())
	}
	return run, nil
}

// promises returns the budgets and SLOs that the run was judged by.
func (r *Run) promises() (budgets []*budget.Budget, slos []*budget.SLO, err error) {
	for _, b := range r.Budgets {
		if b.Metric == budget.BurnMetric { // a gate of an SLO
			continue
		}
		parsed, err := budget.Parse(b.Expr)
		if err != nil {
			return nil, nil, fmt.Errorf("budget %q of the saved run: %w", b.Expr, err)
		}
		budgets = append(budgets, parsed)
	}
	for _, e := range r.SLOs {
		slo, err := e.SLO()
		if err != nil {
			return nil, nil, fmt.Errorf("saved run: %w", err)
		}
		slos = append(slos, slo)
	}
	return budgets, slos, nil
}

// intervalReader reads the two interval files side by side.
type intervalReader struct {
	legend   *engine.Legend
	keys     map[string]engine.Key
	files    []*os.File
	counters *bufio.Reader
	line     int // of the counters
	pull     func() (latency.LogLine, error, bool)
	stop     func()
}

func (s *Saved) reader() (*intervalReader, error) {
	legend := s.Run.Legend.Engine()
	r := &intervalReader{legend: legend, keys: newTags(legend).keys()}
	for _, name := range []string{CounterFile, HistogramFile} {
		f, err := os.Open(filepath.Join(s.Dir, name))
		if err != nil {
			r.closeFiles()
			return nil, fmt.Errorf("read intervals: %w", err)
		}
		r.files = append(r.files, f)
	}
	r.counters = bufio.NewReader(r.files[0])
	r.pull, r.stop = iter.Pull2(latency.ReadLog(r.files[1]))
	return r, nil
}

func (r *intervalReader) close() {
	r.stop()
	r.closeFiles()
}

func (r *intervalReader) closeFiles() {
	for _, f := range r.files {
		f.Close()
	}
}

// next returns the next interval, io.EOF after the last one.
func (r *intervalReader) next() (*engine.Snapshot, error) {
	text, err := r.counters.ReadBytes('\n')
	r.line++
	switch {
	case errors.Is(err, io.EOF) && len(text) == 0:
		return nil, r.end()
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s, line %d: %w", CounterFile, r.line, ErrTruncated)
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", CounterFile, err)
	}
	var saved savedInterval
	if err := json.Unmarshal(bytes.TrimSpace(text), &saved); err != nil {
		return nil, fmt.Errorf("%s, line %d: %w", CounterFile, r.line, err)
	}
	s, err := saved.restore(r.legend, r.keys)
	if err != nil {
		return nil, fmt.Errorf("%s, line %d: %w", CounterFile, r.line, err)
	}
	for range saved.Lines {
		if err := r.histogram(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// histogram reads one line of the log into its cell.
func (r *intervalReader) histogram(s *engine.Snapshot) error {
	line, err, more := r.pull()
	if !more {
		return fmt.Errorf("%s: %w", HistogramFile, ErrTruncated)
	}
	if err != nil {
		if _, _, more := r.pull(); !more {
			return fmt.Errorf("%s: %w", HistogramFile, ErrTruncated)
		}
		return fmt.Errorf("%s: %w", HistogramFile, err)
	}
	name, clock, ok := splitClock(line.Tag)
	key, known := r.keys[name]
	if !ok || !known {
		return fmt.Errorf("%s: tag %q is not in the legend", HistogramFile, line.Tag)
	}
	clock.of(s.Cell(key)).Merge(line.Histogram)
	return nil
}

// end is reached when the counters are. Histograms that go on belong to an interval that
// was not completed.
func (r *intervalReader) end() error {
	if _, _, more := r.pull(); more {
		return fmt.Errorf("%s: %w", HistogramFile, ErrTruncated)
	}
	return io.EOF
}
