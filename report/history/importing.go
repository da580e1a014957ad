package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"plimsoll/report"
)

// Import reads the runs in the directories and below, and adds those that the store lacks. A
// directory that is no run any more can be read is named and passed over; the error is about
// the store, or about a directory in dirs that is not there.
func (s *Store) Import(ctx context.Context, dirs []string) (report.ImportCounts, []report.LeftOut, error) {
	have, err := s.digests(ctx)
	if err != nil {
		return report.ImportCounts{}, nil, err
	}
	i := &importer{store: s, have: have, seen: map[string]bool{}}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil {
			return i.counts, i.unusable, fmt.Errorf("read runs: %w", err)
		} else if !info.IsDir() {
			dir = filepath.Dir(dir) // a file of a run does for its directory
		}
		if err := i.visit(ctx, dir, above(dir)); err != nil {
			return i.counts, i.unusable, err
		}
	}
	return i.counts, i.unusable, i.flush(ctx)
}

// batch is how many runs are written at once: few enough that another process soon has its
// turn, many enough that a first import does not wait for the disk each time.
const batch = 100

// largest is how long a run.json may be, in bytes.
const largest = 256 << 20

type importer struct {
	store    *Store
	have     map[string]string // digests in the store, and where they were found
	seen     map[string]bool   // directories
	batch    []*record
	counts   report.ImportCounts
	unusable []report.LeftOut
}

// family is what the directory above says about the runs below it: of which variants of an
// experiment they are.
type family struct {
	variants map[string]string // by the name of the directory
	broken   bool              // there is a run.json that cannot be read
}

// numbered is how the directory of a variant's run is called.
var numbered = regexp.MustCompile(`^\d{2,}-(.+)$`)

// part returns of which variant the run in dir is, "" if it stands for itself.
func (f family) part(dir string) string {
	name := filepath.Base(dir)
	if f.broken {
		if m := numbered.FindStringSubmatch(name); m != nil {
			return m[1]
		}
	}
	return f.variants[name]
}

// above looks at what the directory above dir is.
func above(dir string) family {
	absolute, err := filepath.Abs(dir)
	if err != nil || !isRun(filepath.Dir(absolute)) {
		return family{}
	}
	saved, err := report.Open(filepath.Dir(absolute))
	return familyOf(saved, err)
}

func familyOf(saved *report.Saved, err error) family {
	f := family{variants: map[string]string{}, broken: err != nil}
	if err == nil && saved.Run.Experiment != nil {
		for _, v := range saved.Run.Variants {
			for _, r := range v.Runs {
				f.variants[filepath.Base(filepath.FromSlash(r.Dir))] = v.Name
			}
		}
	}
	return f
}

// visit reads the run in dir, if it is one, and all below it.
func (i *importer) visit(ctx context.Context, dir string, f family) error {
	place, err := filepath.EvalSymlinks(dir)
	if err != nil || i.seen[place] {
		return nil //nolint:nilerr // it went away, or was read by another name
	}
	i.seen[place] = true
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		i.refuse(dir, err)
		return nil
	}
	own := family{}
	if isRun(dir) {
		if own, err = i.take(ctx, dir, f.part(dir)); err != nil {
			return err
		}
	} else if half(entries) {
		i.refuse(dir, fmt.Errorf("there is no %s: the run never began, or the file was lost", report.RunFile))
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			if err := i.visit(ctx, filepath.Join(dir, e.Name()), own); err != nil {
				return err
			}
		}
	}
	return nil
}

// take reads one run and returns what it says about those below.
func (i *importer) take(ctx context.Context, dir, part string) (family, error) {
	path := filepath.Join(dir, report.RunFile)
	text, err := readAtMost(path, largest)
	if err != nil {
		i.refuse(dir, err)
		return familyOf(nil, err), nil
	}
	sum := sha256.Sum256(text)
	digest := hex.EncodeToString(sum[:])
	if where, ok := i.have[digest]; ok && (where == dir || isRun(where)) {
		i.counts.Known++
		return family{}, nil
	}
	saved, err := report.Open(dir)
	if err != nil {
		i.refuse(dir, err)
		return familyOf(nil, err), nil
	}
	if saved.Run.Experiment != nil {
		i.counts.Experiments++
		return familyOf(saved, nil), nil
	}
	if part == "" {
		part = partBeside(saved.Run, dir)
	}
	r := recordOf(saved.Run, dir, part)
	r.digest = digest
	i.batch = append(i.batch, r)
	if len(i.batch) < batch {
		return family{}, nil
	}
	return family{}, i.flush(ctx)
}

// flush writes what was read.
func (i *importer) flush(ctx context.Context) error {
	if len(i.batch) == 0 {
		return nil
	}
	outcome, err := i.store.add(ctx, i.batch)
	if err != nil {
		return err
	}
	for _, o := range outcome {
		switch o {
		case inserted:
			i.counts.New++
		case updated:
			i.counts.Updated++
		case known:
			i.counts.Known++
		}
	}
	i.batch = nil
	return nil
}

// refuse notes a directory that cannot be read.
func (i *importer) refuse(dir string, err error) {
	reason := err.Error()
	for _, path := range []string{filepath.Join(dir, report.RunFile), dir} {
		for _, doing := range []string{"open run " + path + ": ", "open run: open " + path + ": ", "open " + path + ": "} {
			reason = strings.TrimPrefix(reason, doing)
		}
	}
	i.counts.Unusable++
	i.unusable = append(i.unusable, report.LeftOut{Dir: dir, Reason: "cannot be read: " + reason})
}

// isRun reports whether there is a run in dir.
func isRun(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, report.RunFile))
	return err == nil && !info.IsDir()
}

// half reports whether these are files of a run.
func half(entries []fs.DirEntry) bool {
	for _, e := range entries {
		if e.Name() == report.HistogramFile || e.Name() == report.CounterFile {
			return true
		}
	}
	return false
}

// readAtMost reads a file that is not longer than most bytes.
func readAtMost(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s is %d bytes long: no run.json is", filepath.Base(path), info.Size())
	}
	return os.ReadFile(path)
}
