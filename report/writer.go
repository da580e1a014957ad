package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report/budget"
)

// The files of a run, in its directory.
const (
	RunFile       = "run.json"
	HistogramFile = "intervals.hlog"  // HdrHistogram log V2, nanoseconds
	CounterFile   = "intervals.jsonl" // what histograms cannot carry, a line per interval
)

// Writer keeps a run on disk as it goes, so that a generator that is killed loses no more
// than the interval under way. It is not safe for concurrent use.
type Writer struct {
	dir      string
	meta     Meta
	names    *tags
	log      *latency.LogWriter
	buffer   bytes.Buffer // the histogram lines of one interval
	hlog     *os.File
	counters *os.File
	total    *engine.Snapshot
	watch    *budget.Watch
	broken   error
	rested   time.Time // when it last let load go first
}

// Create makes the directory of a run and its files before the load starts, so that a
// place that cannot be written to is known in time. A directory that holds a run already
// is an error. The watch may be nil; otherwise it must have observed an interval before
// the writer is given it, and its results so far stand in the unfinished run.json.
func Create(dir string, meta Meta, legend *engine.Legend, watch *budget.Watch) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	claim, err := os.OpenFile(filepath.Join(dir, RunFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("create run: %s holds a run already: choose another directory", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("create run: %w", err)
	}
	claim.Close()
	w := &Writer{dir: dir, meta: meta, names: newTags(legend), total: engine.NewSnapshot(legend), watch: watch}
	if err := w.open(); err != nil {
		return nil, fmt.Errorf("create run: %w", errors.Join(err, w.close(), w.discard()))
	}
	return w, nil
}

// discard removes the files of a run that never began, so that the directory is free again.
func (w *Writer) discard() error {
	var errs []error
	for _, name := range []string{RunFile, HistogramFile, CounterFile} {
		if err := os.Remove(filepath.Join(w.dir, name)); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (w *Writer) open() (err error) {
	if w.hlog, err = os.Create(filepath.Join(w.dir, HistogramFile)); err != nil {
		return err
	}
	if w.counters, err = os.Create(filepath.Join(w.dir, CounterFile)); err != nil {
		return err
	}
	if w.log, err = latency.NewLogWriter(&w.buffer, w.meta.Started); err != nil {
		return err
	}
	if _, err := w.hlog.Write(w.buffer.Bytes()); err != nil {
		return err
	}
	return w.save(w.soFar(), false)
}

// Dir returns the directory of the run.
func (w *Writer) Dir() string { return w.dir }

// Interval adds what one interval counted. The first error is returned at once; from then
// on the writer writes no more intervals and returns nil, so that the run can go on if
// the caller wants it to.
func (w *Writer) Interval(s *engine.Snapshot) error {
	if w.broken != nil {
		return nil //nolint:nilerr // it was reported when it happened
	}
	w.total.Merge(s)
	engine.Yield()
	err := w.append(s)
	if err == nil {
		engine.Yield()
		run := w.soFar()
		engine.Yield()
		err = w.save(run, false)
	}
	if err != nil {
		w.broken = fmt.Errorf("save interval up to %s: %w", s.To, err)
	}
	return w.broken
}

func (w *Writer) append(s *engine.Snapshot) error {
	w.buffer.Reset()
	saved := saveInterval(s, w.names)
	for i, c := range s.Cells {
		for k := range numClocks {
			h := k.of(c)
			if h.Count() == 0 {
				continue
			}
			if err := w.log.Write(saved.Cells[i].Cell+";"+k.String(), s.From, s.To, h); err != nil {
				return err
			}
			saved.Lines++
			w.rest()
		}
	}
	if _, err := w.hlog.Write(w.buffer.Bytes()); err != nil {
		return err
	}
	engine.Yield()
	line, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	_, err = w.counters.Write(append(line, '\n'))
	return err
}

// stretch is how long the writer works before it lets load go first.
const stretch = 200 * time.Microsecond

func (w *Writer) rest() {
	if time.Since(w.rested) > stretch {
		engine.Yield()
		w.rested = time.Now()
	}
}

// soFar sums up a run that is still going; if it is never finished, it was interrupted.
func (w *Writer) soFar() *Run {
	if w.watch == nil {
		return Summarize(w.meta, w.total, nil, Stopped)
	}
	run := Summarize(w.meta, w.total, w.watch.Results(), Stopped)
	run.SLOs = w.watch.ErrorBudgets()
	return run
}

// Finish writes the summary of the whole run and closes the files. It writes even when an
// interval could not be written, and then adds a note to the run that says so.
func (w *Writer) Finish(run *Run) error {
	if w.broken != nil {
		run.Notes = append(run.Notes, fmt.Sprintf("%s and %s are incomplete: %v", HistogramFile, CounterFile, w.broken))
	}
	if err := errors.Join(w.save(run, true), w.close()); err != nil {
		return fmt.Errorf("finish run in %s: %w", w.dir, err)
	}
	return nil
}

func (w *Writer) close() error {
	var errs []error
	for _, f := range []*os.File{w.hlog, w.counters} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// save replaces run.json in one step. Only the last one waits for the disk: a process
// that is killed leaves what it wrote to the system, which is enough until then.
func (w *Writer) save(run *Run, last bool) error {
	text, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return err
	}
	if !last {
		engine.Yield()
	}
	return replace(filepath.Join(w.dir, RunFile), text, last)
}

// replace writes a file in one step.
func replace(path string, text []byte, sync bool) error {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if sync && err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".tmp"))
	}
	return os.Rename(path+".tmp", path)
}

// DefaultDir returns where a run of the scenario that starts at t is kept if nothing else
// is asked for: runs/NAME-TIMESTAMP, with a number behind it if that exists.
func DefaultDir(scenario string, t time.Time) string { return FreeDir("runs", scenario, t) }

// FreeDir returns where below parent a run of the scenario that starts at t is kept:
// NAME-TIMESTAMP, with a number behind it if that exists.
func FreeDir(parent, scenario string, t time.Time) string {
	dir := filepath.Join(parent, FileName(scenario)+"-"+t.Format("20060102-150405"))
	free := dir
	for n := 2; ; n++ {
		if _, err := os.Lstat(free); err != nil {
			return free
		}
		free = dir + "-" + strconv.Itoa(n)
	}
}

// FileName makes a name safe for a file system and for a shell.
func FileName(name string) string {
	safe := strings.Map(func(r rune) rune {
		if r == '_' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '-'
	}, strings.ToValidUTF8(name, "-"))
	words := strings.FieldsFunc(safe, func(r rune) bool { return r == '-' })
	safe = strings.Join(words, "-")
	for len(safe) > 60 {
		runes := []rune(safe)
		safe = string(runes[:len(runes)-1])
	}
	safe = strings.Trim(safe, "-.")
	if safe == "" {
		return "run"
	}
	return safe
}
