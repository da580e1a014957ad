package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/procfs"
)

// Processes watches a process with its children, and theirs, by what Linux tells of them
// in /proc: processor time, the busiest thread, memory, threads and open files, and the
// processors of the whole machine. A child that leaves its parent is followed. What a child
// that ended had used is known as long as its parent waited for it.
type Processes struct {
	fs    procfs.FS
	pid   int
	name  string
	known map[int]procfs.ProcStat // that belonged to it when it was read last
}

// NewProcesses returns a watch over the process with this id, called name. It is an error
// if there is none.
func NewProcesses(pid int, name string) (*Processes, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	w := &Processes{fs: fs, pid: pid, name: name, known: map[int]procfs.ProcStat{}}
	s, err := w.stat(pid)
	if err != nil || s.State == "Z" {
		return nil, fmt.Errorf("there is no process %d", pid)
	}
	w.known[pid] = s
	return w, nil
}

// ticks is how many units of processor time Linux counts in a second (USER_HZ, which is
// 100 wherever Go runs).
const ticks = 100

// Read reads all of it.
func (w *Processes) Read(context.Context) (Reading, error) {
	began := time.Now()
	all, err := w.family()
	if err != nil {
		return Reading{}, err
	}
	var r Reading
	r.timed(began)
	var spent uint
	for _, s := range all {
		spent += s.UTime + s.STime + uint(max(s.CUTime, 0)) + uint(max(s.CSTime, 0))
	}
	r.Meters = []Meter{{Name: "cpu of " + w.name, Units: processors(w.fs, all), Busy: one(float64(spent)/ticks, 0)}}
	w.threads(&r, all)
	w.files(&r, all)
	w.memory(&r, all)
	w.machine(&r)
	return r, nil
}

func (w *Processes) stat(pid int) (procfs.ProcStat, error) {
	p, err := w.fs.Proc(pid)
	if err != nil {
		return procfs.ProcStat{}, err
	}
	return p.Stat()
}

// family returns the process and its descendants as they were at one moment: if one of them
// ended while the others were read, its time could be in its own figures and in those of
// the parent that waited for it, so they are read again.
func (w *Processes) family() ([]procfs.ProcStat, error) {
	for range 5 {
		all, err := w.descendants()
		if err != nil {
			return nil, err
		}
		if w.alive(all) {
			w.known = map[int]procfs.ProcStat{}
			for _, s := range all {
				w.known[s.PID] = s
			}
			return all, nil
		}
	}
	return nil, fmt.Errorf("the children of process %d come and go too fast to count them", w.pid)
}

func (w *Processes) alive(all []procfs.ProcStat) bool {
	return !slices.ContainsFunc(all, func(s procfs.ProcStat) bool {
		now, err := w.stat(s.PID)
		return err != nil || now.Starttime != s.Starttime
	})
}

// descendants reads all processes, and returns those that belong to ours.
func (w *Processes) descendants() ([]procfs.ProcStat, error) {
	procs, err := w.fs.AllProcs()
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", w.pid, err)
	}
	children := map[int][]procfs.ProcStat{}
	ours := map[int]procfs.ProcStat{}
	for _, p := range procs {
		s, err := p.Stat()
		if err != nil {
			continue // it has ended
		}
		children[s.PPID] = append(children[s.PPID], s)
		if k, known := w.known[s.PID]; known && k.Starttime == s.Starttime {
			ours[s.PID] = s
		}
	}
	if root, there := ours[w.pid]; !there || root.State == "Z" {
		return nil, fmt.Errorf("process %d has ended", w.pid)
	}
	for next := slices.Collect(maps.Keys(ours)); len(next) > 0; {
		pid := next[0]
		next = next[1:]
		for _, s := range children[pid] {
			if _, seen := ours[s.PID]; !seen {
				ours[s.PID] = s
				next = append(next, s.PID)
			}
		}
	}
	return slices.SortedFunc(maps.Values(ours), func(a, b procfs.ProcStat) int { return a.PID - b.PID }), nil
}

// mostThreads is up to how many threads each is looked at.
const mostThreads = 1000

// threads counts threads against the most there may be, and finds the busiest: a program
// that does its work on one thread is at its limit when that is, however many processors
// there are.
func (w *Processes) threads(r *Reading, all []procfs.ProcStat) {
	count := 0
	for _, s := range all {
		count += s.NumThreads
	}
	if most := w.limit(all[0].PID, func(l procfs.ProcLimits) uint64 { return l.Processes }); most > 0 {
		r.Meters = append(r.Meters, Meter{Name: "threads of " + w.name, Units: most, InUse: float64(count)})
	}
	if count > mostThreads {
		r.Notes = append(r.Notes, fmt.Sprintf("the busiest thread of %s: there are %d, too many to look at each", w.name, count))
		return
	}
	busy := map[string]Count{}
	for _, p := range all {
		threads, err := w.fs.AllThreads(p.PID)
		if err != nil {
			continue // it has ended, as its threads have
		}
		for _, t := range threads {
			if s, err := t.Stat(); err == nil {
				busy[fmt.Sprint(s.PID, "@", s.Starttime)] = Count{Busy: float64(s.UTime+s.STime) / ticks}
			}
		}
	}
	r.Meters = append(r.Meters, Meter{Name: "busiest thread of " + w.name, Units: 1, Busy: busy, Busiest: true})
}

// limit returns a limit of a process, 0 if there is none.
func (w *Processes) limit(pid int, of func(procfs.ProcLimits) uint64) float64 {
	p, err := w.fs.Proc(pid)
	if err != nil {
		return 0
	}
	limits, err := p.Limits()
	if n := of(limits); err == nil && n < 1<<62 { // beyond: unlimited
		return float64(n)
	}
	return 0
}

// files counts the open files of the process that is nearest to its limit.
func (w *Processes) files(r *Reading, all []procfs.ProcStat) {
	m := Meter{Name: "open files of " + w.name}
	for _, s := range all {
		p, err := w.fs.Proc(s.PID)
		if err != nil {
			continue
		}
		open, err := p.FileDescriptorsLen()
		if err != nil {
			r.Notes = append(r.Notes, fmt.Sprintf("open files of %s: %v", w.name, cause(err)))
			return
		}
		most := w.limit(s.PID, func(l procfs.ProcLimits) uint64 { return l.OpenFiles })
		if most > 0 && (m.Units == 0 || float64(open)/most > m.InUse/m.Units) {
			m.Units, m.InUse = most, float64(open)
		}
	}
	if m.Units > 0 {
		r.Meters = append(r.Meters, m)
	}
}

// memory adds up what is each process's own: what they share would count several times.
func (w *Processes) memory(r *Reading, all []procfs.ProcStat) {
	info, err := w.fs.Meminfo()
	if err != nil || info.MemTotalBytes == nil {
		return
	}
	m := Meter{Name: "memory of " + w.name, Units: float64(*info.MemTotalBytes), Context: true}
	for _, s := range all {
		if p, err := w.fs.Proc(s.PID); err == nil {
			if status, err := p.NewStatus(); err == nil {
				m.InUse += float64(status.RssAnon)
			}
		}
	}
	r.Meters = append(r.Meters, m)
}

// machine adds how busy all processors are, with whatever runs on them.
func (w *Processes) machine(r *Reading) {
	s, err := w.fs.Stat()
	if err != nil || len(s.CPU) == 0 {
		return
	}
	c := s.CPUTotal // user time has that of guests in it already
	busy := c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ + c.Steal
	r.Meters = append(r.Meters, Meter{
		Name: "machine cpu", Units: float64(len(s.CPU)), Busy: one(busy, busy+c.Idle+c.Iowait), Context: true,
	})
}

// cause is an error without the path that it names.
func cause(err error) error {
	for inside := errors.Unwrap(err); inside != nil; inside = errors.Unwrap(err) {
		err = inside
	}
	return err
}
