//go:build linux

package cmd

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestAnExperimentOnNginxFlipsItsConfiguration(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("nginx is not installed (Debian: nginx)")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	run := exec.Command("../examples/nginx/run.sh", "--quick", "--ui", "off", "--out", t.TempDir()+"/run")
	run.Env = append(os.Environ(), "PORT="+port)
	said, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if !strings.Contains(string(said), "PASS  nginx-cache: 2 claims confirmed") {
		t.Errorf("it said\n%s", said)
	}
}
