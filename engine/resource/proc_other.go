//go:build !linux

package resource

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Processes watches a process and its children, on Linux.
type Processes struct{}

// NewProcesses returns an error: there is no /proc here.
func NewProcesses(int, string) (*Processes, error) {
	return nil, fmt.Errorf("a process can be watched on Linux only, and this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Read returns an error.
func (*Processes) Read(context.Context) (Reading, error) { return Reading{}, errors.ErrUnsupported }
