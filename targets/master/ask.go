package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"plimsoll/targets/cluster"
)

// WorkerError is the answer of a worker that did not do what it was asked.
type WorkerError struct {
	ID     int
	Status int
	Text   string
}

// Error says what the worker said.
func (e *WorkerError) Error() string { return fmt.Sprintf("worker %d: %s", e.ID, e.Text) }

// askLimit is how long a worker may take to answer: one that is halted must not hold up
// what concerns the others.
const askLimit = 2 * time.Second

// ready returns the slots that have a worker which answers, drained ones left out.
func (m *Master) ready() []int {
	var ids []int
	for _, w := range m.cluster.Status().Workers {
		if w.State == cluster.Ready {
			ids = append(ids, w.ID)
		}
	}
	return ids
}

// each asks every worker the same, at once, and hands over their answers, which hold JSON.
// One that ended meanwhile is passed over: the next of its slot begins with what holds
// then. The error is of workers that would not.
func (m *Master) each(ctx context.Context, method, path string, body []byte, answered func(id int, text []byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	ids := m.ready()
	texts, problems := make([][]byte, len(ids)), make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			status, text, err := m.cluster.Call(ctx, id, method, path, body)
			switch {
			case err != nil:
				m.Events.Publish("worker.silent", map[string]any{"id": id, "error": err.Error()})
				if method == http.MethodPut {
					go m.catchUp(id)
				}
			case status >= http.StatusBadRequest:
				problems[i] = &WorkerError{ID: id, Status: status, Text: strings.TrimSpace(string(text))}
			default:
				texts[i] = text
			}
		})
	}
	all.Wait()
	for i, text := range texts {
		if answered == nil || text == nil {
			continue
		}
		if err := answered(ids[i], text); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// gather asks every worker for a value of one kind.
func gather[T any](ctx context.Context, m *Master, path string) (map[int]T, error) {
	values := map[int]T{}
	err := m.each(ctx, http.MethodGet, path, nil, func(id int, text []byte) error {
		var v T
		if err := json.Unmarshal(text, &v); err != nil {
			return fmt.Errorf("read what worker %d says under %s: %w", id, path, err)
		}
		values[id] = v
		return nil
	})
	return values, err
}

// get begins a long answer of one worker.
func (m *Master) get(ctx context.Context, id int, path string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://worker"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	return m.cluster.RoundTripper(id).RoundTrip(q)
}
