package cluster

import (
	"context"
	"net/http"
	"time"
)

// attend watches over a process while it serves: it asks whether it answers, ends it when
// it has not for too long, and has it replaced when it has grown too old or too big.
func (m *Master) attend(ctx context.Context, p *process) {
	for misses := 0; ; {
		config := m.config()
		select {
		case <-p.exited:
			return
		case <-m.closing:
			return
		case <-time.After(config.Health.Every):
		}
		if !m.isReady(p) {
			return
		}
		if !m.answers(ctx, p, config.Health) {
			misses++
		} else {
			misses = 0
		}
		if most := m.config().Health.Misses; most > 0 && misses >= most {
			m.tellOf("worker.hung", p, map[string]any{"misses": misses})
			m.kill(p, "hung")
			return
		}
		if reason := p.worn(config); reason != "" {
			m.recycle(ctx, p, reason)
		}
	}
}

func (m *Master) isReady(p *process) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return p.state == Ready
}

// answers asks a process whether it lives. Any answer will do: one that is not well says so
// to those who ask it whether it is.
func (m *Master) answers(ctx context.Context, p *process, health Health) bool {
	ctx, cancel := context.WithTimeout(ctx, health.Timeout)
	defer cancel()
	_, _, err := p.call(ctx, http.MethodGet, m.options.Probe, nil)
	return err == nil
}

// worn tells why a process should be replaced, "" if it should not.
func (p *process) worn(config Config) string {
	if time.Since(p.started) < config.Respawn.Max {
		return ""
	}
	if most := config.Recycle.Requests; most > 0 && p.counters.Requests.Load() >= int64(most) {
		return "requests"
	}
	if most := config.Recycle.RSS; most > 0 {
		if rss, _ := usage(p.cmd.Process.Pid); rss >= uint64(most) {
			return "rss"
		}
	}
	return ""
}

// recycle replaces a process unless another is being replaced for the same reason; then
// its turn comes later.
func (m *Master) recycle(ctx context.Context, p *process, reason string) {
	select {
	case m.recycling <- struct{}{}:
		defer func() { <-m.recycling }()
	default:
		return
	}
	m.tellOf("worker.recycle", p, map[string]any{"reason": reason})
	if err := m.exchange(ctx, p); err != nil {
		m.tellOf("worker.recycle", p, map[string]any{"reason": reason, "error": err.Error()})
	}
}
