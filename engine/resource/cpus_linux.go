package resource

import (
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// processors returns how many processors these processes may use together: those that any
// of them may run on, or what the quota of the first one's control group comes to.
func processors(fs procfs.FS, all []procfs.ProcStat) float64 {
	n := float64(allowed(all))
	p, err := fs.Proc(all[0].PID)
	if err != nil {
		return n
	}
	groups, err := p.Cgroups()
	if err != nil {
		return n
	}
	return min(n, quota("/sys/fs/cgroup", groups, n))
}

// allowed counts the processors that any of the processes may run on.
func allowed(all []procfs.ProcStat) (n int) {
	var union unix.CPUSet
	for _, s := range all {
		var set unix.CPUSet
		if unix.SchedGetaffinity(s.PID, &set) == nil {
			for i := range set {
				union[i] |= set[i]
			}
		}
	}
	if n = union.Count(); n == 0 {
		n = runtime.NumCPU()
	}
	return n
}

// quota returns how many processors the control groups of a process leave to it, of both
// versions of control groups, or otherwise if they set no bound. The tightest of a group and
// those around it counts.
func quota(root string, groups []procfs.Cgroup, otherwise float64) float64 {
	least := otherwise
	for _, g := range groups {
		dir, read := root, quota2
		if g.HierarchyID != 0 {
			if !slices.Contains(g.Controllers, "cpu") {
				continue
			}
			dir, read = path.Join(root, "cpu"), quota1
		}
		for at := path.Join("/", g.Path); ; at = path.Dir(at) {
			if n := read(path.Join(dir, at)); n > 0 {
				least = min(least, n)
			}
			if at == "/" {
				break
			}
		}
	}
	return least
}

// quota2 reads cpu.max, "200000 100000" or "max 100000".
func quota2(dir string) float64 {
	text, _ := os.ReadFile(path.Join(dir, "cpu.max")) // without the file there is no bound
	used, period, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return share(used, period)
}

// quota1 reads cpu.cfs_quota_us, -1 without a bound, and cpu.cfs_period_us.
func quota1(dir string) float64 {
	used, _ := os.ReadFile(path.Join(dir, "cpu.cfs_quota_us"))
	period, _ := os.ReadFile(path.Join(dir, "cpu.cfs_period_us"))
	return share(strings.TrimSpace(string(used)), strings.TrimSpace(string(period)))
}

// share divides two numbers; 0 if they are none.
func share(used, period string) float64 {
	u, err := strconv.ParseFloat(used, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err != nil || err2 != nil || u <= 0 || p <= 0 {
		return 0
	}
	return u / p
}
