//go:build !unix

package engine

import "time"

func processTime() time.Duration { return 0 }

func fileLimit() int { return 0 }
