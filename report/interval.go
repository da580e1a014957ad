package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"plimsoll/engine"
)

// savedInterval is a line of intervals.jsonl: what an interval counted besides its
// histograms. The line is written after the interval's lines in intervals.hlog and says
// how many they are, so an interval that has its line here is complete.
type savedInterval struct {
	From    time.Duration  `json:"from_ns"`
	To      time.Duration  `json:"to_ns"`
	Lines   int            `json:"hlog_lines"`
	Cells   []savedCell    `json:"cells"`
	Tallies [][]savedTally `json:"tallies"` // [load][stage]
	Health  savedHealth    `json:"health"`
}

// savedCell is what a cell holds besides its histograms; Cell is its tag without a clock.
type savedCell struct {
	Cell           string      `json:"cell"`
	Codes          []savedCode `json:"codes,omitempty"`
	Errors         []savedKind `json:"errors,omitempty"`
	ChecksFailed   []uint64    `json:"checks_failed,omitempty"`
	BytesIn        int64       `json:"bytes_in"`
	BytesOut       int64       `json:"bytes_out"`
	NewConnections uint64      `json:"new_connections,omitempty"`
}

type savedCode struct {
	Status int    `json:"status"`
	N      uint64 `json:"n"`
}

type savedKind struct {
	Kind string `json:"kind"`
	N    uint64 `json:"n"`
}

type savedTally struct {
	Planned    uint64        `json:"planned"`
	Sent       uint64        `json:"sent"`
	Dropped    uint64        `json:"dropped"`
	Completed  uint64        `json:"completed"`
	Failed     uint64        `json:"failed"`
	Unfinished uint64        `json:"unfinished"`
	Exhausted  uint64        `json:"exhausted,omitempty"`
	Busy       time.Duration `json:"busy_ns"`
	Think      time.Duration `json:"think_ns,omitempty"`
}

type savedHealth struct {
	CPU         time.Duration `json:"cpu_ns"`
	GC          time.Duration `json:"gc_ns"`
	Capacity    time.Duration `json:"capacity_ns"`
	Saturated   time.Duration `json:"saturated_ns,omitempty"`
	OpenFiles   int           `json:"open_files"`
	FileLimit   int           `json:"file_limit"`
	InFlight    int           `json:"in_flight"`
	Connections int           `json:"connections"`
	Users       int           `json:"users"`
}

// saveInterval brings everything but the histograms of s into its saved form.
func saveInterval(s *engine.Snapshot, names *tags) savedInterval {
	saved := savedInterval{From: s.From, To: s.To, Cells: []savedCell{}, Health: savedHealth(s.Health)}
	for _, c := range s.Cells {
		cell := savedCell{
			Cell: names.cell(c.Key), ChecksFailed: c.ChecksFailed,
			BytesIn: c.BytesIn, BytesOut: c.BytesOut, NewConnections: c.NewConnections,
		}
		for _, n := range c.Codes {
			cell.Codes = append(cell.Codes, savedCode(n))
		}
		for _, n := range c.Errors {
			cell.Errors = append(cell.Errors, savedKind(n))
		}
		slices.SortFunc(cell.Codes, func(a, b savedCode) int { return a.Status - b.Status })
		slices.SortFunc(cell.Errors, func(a, b savedKind) int { return strings.Compare(a.Kind, b.Kind) })
		saved.Cells = append(saved.Cells, cell)
	}
	for _, stages := range s.Tallies {
		var row []savedTally
		for _, t := range stages {
			row = append(row, savedTally(t))
		}
		saved.Tallies = append(saved.Tallies, row)
	}
	return saved
}

// restore makes the snapshot of a saved interval, still without histograms. An error
// means that the file does not fit the legend.
func (saved savedInterval) restore(l *engine.Legend, keys map[string]engine.Key) (*engine.Snapshot, error) {
	s := engine.NewSnapshot(l)
	s.From, s.To, s.Health = saved.From, saved.To, engine.Health(saved.Health)
	for _, c := range saved.Cells {
		key, known := keys[c.Cell]
		if !known {
			return nil, fmt.Errorf("cell %q is not in the legend", c.Cell)
		}
		cell := s.Cell(key)
		for _, n := range c.Codes {
			cell.Codes = append(cell.Codes, engine.CodeCount(n))
		}
		for _, n := range c.Errors {
			cell.Errors = append(cell.Errors, engine.ErrorCount(n))
		}
		cell.ChecksFailed, cell.BytesIn, cell.BytesOut = c.ChecksFailed, c.BytesIn, c.BytesOut
		cell.NewConnections = c.NewConnections
	}
	if len(saved.Tallies) != len(s.Tallies) {
		return nil, fmt.Errorf("tallies of %d loads where the legend has %d", len(saved.Tallies), len(s.Tallies))
	}
	for i, row := range saved.Tallies {
		if len(row) != len(s.Tallies[i]) {
			return nil, fmt.Errorf("tallies of %d stages where load %q has %d", len(row), l.Loads[i].Name, len(s.Tallies[i]))
		}
		for g, t := range row {
			s.Tallies[i][g] = engine.Tally(t)
		}
	}
	return s, nil
}
