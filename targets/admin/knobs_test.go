package admin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/targets/cluster"
	"plimsoll/targets/knob"
	"plimsoll/targets/topology"
)

// settings returns every setting.
func (r *rig) settings() []knob.Setting {
	r.t.Helper()
	var list struct{ Knobs []knob.Setting }
	r.ask("GET", "/knobs", "", &list)
	return list.Knobs
}

// want asks the admin API and demands the status.
func (r *rig) want(status int, method, path, body string) answer {
	r.t.Helper()
	a := send(r.t, method, r.admin+path, body)
	if a.status != status {
		r.t.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, a.status, status, a.body)
	}
	return a
}

func TestKnobsChangeTogetherLaterAndForATime(t *testing.T) {
	r := start(t, "golden")
	for _, body := range []string{"7", `"7"`, `{"value": 7}`} {
		r.set("shed.queue", "9")
		r.want(200, "PUT", "/knobs/shed.queue", body)
		if got := r.setting("shed.queue"); got != "7" {
			t.Errorf("put %s: it is %s", body, got)
		}
	}
	// One mistake, and nothing changes.
	got := r.want(400, "PATCH", "/knobs", `{"set": {"shed.queue": 11, "deps.pricing.timeout": 5}}`)
	if p := got.problem(); p.Path != "deps.pricing.timeout" || p.Hint == "" {
		t.Errorf("a duration without a unit: %s", got.body)
	}
	if got := r.setting("shed.queue"); got != "7" {
		t.Errorf("a batch that was refused set shed.queue to %s", got)
	}
	for name, body := range map[string]string{
		"no such setting":      `{"set": {"shed.quue": 11}}`,
		"out of range":         `{"set": {"shed.queue": -2}}`,
		"none of the choices":  `{"set": {"shed.discipline": "random"}}`,
		"parts that clash":     `{"set": {"limit.fair": "token", "limit.store": "redis"}}`,
		"nothing":              `{"set": {}}`,
		"no JSON":              `{"set"`,
		"an unknown field":     `{"sett": {"shed.queue": 1}}`,
		"a time that is none":  `{"set": {"shed.queue": 1}, "at": "soon"}`,
		"a revert that is now": `{"set": {"shed.queue": 1}, "revert_after": "0s"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := r.want(400, "PATCH", "/knobs", body); got.problem().Detail == "" {
				t.Errorf("no explanation: %s", got.body)
			}
		})
	}
	r.want(409, "PATCH", "/knobs", `{"set": {"shed.queue": 11}, "if_version": 1}`)
	r.want(200, "PATCH", "/knobs", `{"set": {"shed.queue": 12, "shed.limit": 99}, "revert_after": "100ms"}`)
	if q, l := r.setting("shed.queue"), r.setting("shed.limit"); q != "12" || l != "99" {
		t.Errorf("set together: %s and %s", q, l)
	}
	await(t, "the values are back", func() bool { return r.setting("shed.queue") == "7" && r.setting("shed.limit") == "256" })
	r.want(200, "PATCH", "/knobs", `{"set": {"shed.queue": 13}, "at": "+100ms"}`)
	await(t, "the value is set later", func() bool { return r.setting("shed.queue") == "13" })
	var log []knob.Entry
	r.ask("GET", "/knobs/log", "", &log)
	if len(log) < 5 || log[len(log)-1].Changes[0].To != "13" {
		t.Errorf("the log has %d entries, the last %+v", len(log), log[len(log)-1])
	}
	// What waits for new workers says so, and holds after a reload.
	got = r.want(200, "PUT", "/knobs/deps.redis.pool_size", "33")
	if !strings.Contains(got.body, `"restart_pending":["deps.redis.pool_size"]`) {
		t.Errorf("a setting that waits: %s", got.body)
	}
	r.want(200, "POST", "/cluster/reload", "")
	if got := r.want(200, "PUT", "/knobs/shed.queue", "14"); strings.Contains(got.body, "restart_pending") {
		t.Errorf("after the reload: %s", got.body)
	}
}

// left are settings that are not turned under load, and why.
func left(path string) (why string) {
	switch path {
	case "chain", "deps.db.order", "deps.pricing.order", "state.global_lock":
		return "changes what the load sees, and has tests of its own"
	case "version", "runtime.memlimit":
		return "has no other value that is harmless"
	case "deps.db.fallback":
		return "has one value"
	case "seed", "deps.db.kind", "deps.db.url", "deps.db.products":
		return "can be set at the start only"
	case "cluster.workers", "cluster.recycle.requests", "cluster.recycle.rss":
		return "changes the processes, which have to stay the same"
	}
	return ""
}

// others returns values that the setting may take besides its own, the likeliest first.
func others(s knob.Setting) []string {
	var all []string
	switch s.Kind {
	case "bool":
		all = []string{"true", "false"}
	case "choice":
		all = s.Choices
	case "list":
		all = []string{"user", "l1", "12ms"}
	case "text":
		all = []string{"x", "redis://127.0.0.1:1"}
	case "int", "number":
		all = []string{"3", "2", "0.9", "0.5", "0.05", "503", "429"}
	case "duration":
		all = []string{"50ms", "1m", "10s"}
	case "rate":
		all = []string{"5000/s", "1/s"}
	case "size":
		all = []string{"1MiB", "2MiB", "1kB"}
	}
	all = append(all, s.Max, s.Min)
	return slices.DeleteFunc(all, func(v string) bool { return v == "" || v == s.Value })
}

// turned returns the topology with one setting changed to another value, nil if there is
// none that goes with the rest.
func turned(cfg *topology.Config, s knob.Setting) (changed *topology.Config, value string) {
	for _, value := range others(s) {
		changed := knob.Clone(cfg)
		if knob.Set(changed, s.Path, value) != nil || knob.Validate(changed) != nil {
			continue
		}
		return changed, value
	}
	return nil, ""
}

// TestEveryKnobChangesUnderLoad turns each setting to another value and back while clients
// ask, a few at a time that are of different parts. The target has to stay up, with the
// same processes, and to answer afterwards as before.
func TestEveryKnobChangesUnderLoad(t *testing.T) {
	r := start(t, "golden", "cluster.workers=2", "cluster.health.misses=0")
	before, answered := r.workers(), r.get("/v1/products/3")
	cfg, _ := r.Knobs.Get()
	settings := r.settings()
	l := push(r, 3, "/x/ok", "/v1/products/3", "/v1/search?q=b", "/v1/carts/c", "/v1/prices/2", "/x/dep/db", "/x/json", "/x/cpu?ms=0.1")
	const batches = 25
	for first := range batches {
		with, there, back := cfg, []string{}, []string{}
		for i := first; i < len(settings); i += batches {
			s := settings[i]
			if left(s.Path) != "" {
				continue
			}
			changed, value := turned(with, s)
			if changed == nil {
				t.Errorf("%s, a %s from %q to %q, could not be turned from %q", s.Path, s.Kind, s.Min, s.Max, s.Value)
				continue
			}
			with, there, back = changed, append(there, s.Path, value), append(back, s.Path, s.Value)
		}
		r.set(there...)
		l.more(t, 3)
		r.set(back...)
	}
	l.stop()
	t.Logf("%d settings, %d requests meanwhile", len(settings), l.sent.Load())
	if after := r.workers(); fmt.Sprint(pids(before)) != fmt.Sprint(pids(after)) {
		t.Errorf("workers before %v, after %v", before, after)
	}
	for i, s := range r.settings() {
		if s.Value != settings[i].Value {
			t.Errorf("%s is %s, and was %s", s.Path, s.Value, settings[i].Value)
		}
	}
	await(t, "an answer as before", func() bool { return r.get("/v1/products/3").body == answered.body })
	if got := r.get("/x/ok"); got.status != 200 || got.body != "ok\n" {
		t.Errorf("afterwards: %+v", got)
	}
}

func pids(all []cluster.WorkerStatus) (ids []int) {
	for _, w := range all {
		ids = append(ids, w.PID)
	}
	return ids
}

func TestAScheduledChangeCanBeDropped(t *testing.T) {
	r := start(t, "minimal")
	var res knob.Result
	got := r.want(200, "PATCH", "/knobs", `{"set": {"shed.queue": 5}, "at": "+1h"}`)
	if err := json.Unmarshal([]byte(got.body), &res); err != nil || res.Pending == 0 {
		t.Fatalf("scheduled: %s", got.body)
	}
	var pending []knob.Pending
	r.ask("GET", "/knobs/pending", "", &pending)
	if len(pending) != 1 || time.Until(pending[0].Due) < 50*time.Minute {
		t.Errorf("pending: %+v", pending)
	}
	r.want(200, "DELETE", fmt.Sprintf("/knobs/pending/%d", res.Pending), "")
	r.want(404, "DELETE", fmt.Sprintf("/knobs/pending/%d", res.Pending), "")
}
