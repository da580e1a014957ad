package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Reference watches the stations of the reference target: each keeps the exact truth about
// how long its servers were busy.
type Reference struct {
	admin  string
	client *http.Client
}

// NewReference returns a watch over the target whose admin API is at this URL.
func NewReference(admin string) *Reference {
	return &Reference{admin: strings.TrimSuffix(admin, "/") + "/admin/v1", client: newClient()}
}

// truth is what the target says of itself, as far as it matters here.
type truth struct {
	Epoch    string    `json:"epoch"`
	Began    time.Time `json:"began"`
	Restarts uint64    `json:"restarts"`
	Missing  []int     `json:"missing"`
	Stations []struct {
		Name     string  `json:"name"`
		Servers  int     `json:"servers"`
		Busy     float64 `json:"busy_s"`
		Capacity float64 `json:"capacity_s"`
	} `json:"stations"`
}

// workers are its processes.
type workers struct {
	Workers []struct {
		PID int `json:"pid"`
	} `json:"workers"`
}

// Read reads the stations that anybody has come to. It is an error if a worker does not
// answer, because what its stations did would be missing.
func (r *Reference) Read(ctx context.Context) (Reading, error) {
	began := time.Now()
	var t truth
	if err := r.ask(ctx, "/truth", &t); err != nil {
		return Reading{}, err
	}
	if len(t.Missing) > 0 {
		return Reading{}, fmt.Errorf("the reference target: %d of its workers did not answer", len(t.Missing))
	}
	var out Reading
	out.timed(began)
	var w workers
	if err := r.ask(ctx, "/cluster", &w); err != nil {
		return Reading{}, err
	}
	// What a worker's stations did is gone with the worker, however it ended.
	out.Origin = fmt.Sprint(t.Epoch, t.Began, t.Restarts, w)
	for _, s := range t.Stations {
		out.Meters = append(out.Meters, Meter{Name: s.Name, Units: float64(s.Servers), Busy: one(s.Busy, s.Capacity)})
	}
	return out, nil
}

func (r *Reference) ask(ctx context.Context, path string, answer any) error {
	text, _, err := fetch(ctx, r.client, r.admin+path, "application/json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
