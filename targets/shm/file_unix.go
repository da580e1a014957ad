//go:build unix && !linux

package shm

import (
	"errors"
	"os"
)

// anonymous returns a file whose name is gone already.
func anonymous() (*os.File, error) {
	file, err := os.CreateTemp("", "plimsoll")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
