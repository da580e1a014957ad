package cmd

import (
	"context"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func get(t *testing.T, url string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

func TestReferenceAnswersUntilItIsStopped(t *testing.T) {
	r, err := startReference(t.Context(), "minimal", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := get(t, r.url+"/x/ok"); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if err := r.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := get(t, r.url+"/x/ok"); err == nil {
		t.Error("it still answers after stop")
	}
}

func TestReferenceSurvivesASignalAndItsDeathIsNoticed(t *testing.T) {
	r, err := startReference(t.Context(), "minimal", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	time.Sleep(50 * time.Millisecond) // nothing tells when a signal was ignored
	if err := get(t, r.url+"/healthz"); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	r.cmd.Process.Kill()
	<-r.ended
	if err := r.stop(); err == nil || !strings.Contains(err.Error(), "died") {
		t.Errorf("stop of a target that is gone: %v", err)
	}
}

func TestReferenceThatCannotStartSaysWhy(t *testing.T) {
	_, err := startReference(t.Context(), "nonsense", nil)
	if err == nil {
		t.Fatal("no error")
	}
	if want := `unknown preset "nonsense"`; !strings.Contains(err.Error(), want) {
		t.Errorf("got %q, want it to contain %q", err, want)
	}
	if code := exitCode(err); code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
}

func TestReferenceIsNotStartedByAnInterruptedCommand(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(&interruption{signal: os.Interrupt})
	_, err := startReference(ctx, "minimal", nil)
	if code := exitCode(err); err != nil && code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
}
