//go:build docker

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var composeBinary = flag.String("binary", "../../bin/image/portcullis", "static binary for the image and for the host")

// composed is docker-compose.yml, run by an engine of its own.
type composed struct {
	t                  *testing.T
	root               string // of the repository
	dir, zone, engine  string
	binary             string
	environment, stack []string // what commands run with; docker-compose and its flags
}

const (
	composePatience = 3 * time.Minute // for anything that must happen; generous, for slow machines
	composeProject  = "gate"
)

// composeServices are the containers of docker-compose.yml.
var composeServices = []string{
	"broker-1", "broker-2", "broker-3", "enforcer-e1", "enforcer-e2", "enforcer-e3", "executor-x1", "executor-x2",
	"sentinel-s1", "recorder-r1", "witness-w1", "console",
}

// newComposed builds the image, makes a zone and starts it, as docs/deploy.md
// tells it. All of it is gone when the test is over.
func newComposed(t *testing.T) *composed {
	t.Helper()
	root, err := filepath.Abs("../..")
	must(t, err)
	binary, err := filepath.Abs(*composeBinary)
	must(t, err)
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v; build it with: CGO_ENABLED=0 go build -trimpath -o bin/image/portcullis ./cmd/portcullis", err)
	}
	dir, err := os.MkdirTemp("", "compose") //nolint:usetesting // t.TempDir may be too long for a socket
	must(t, err)
	c := &composed{t: t, root: root, dir: dir, zone: filepath.Join(dir, "zone"), engine: filepath.Join(dir, "engine"), binary: binary}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	c.environment = append(os.Environ(), "DOCKER_HOST=unix://"+filepath.Join(c.engine, "docker.sock"), "DOCKER_BUILDKIT=0", "PORTCULLIS="+binary)
	c.stack = []string{"docker-compose", "--project-name", composeProject, "--env-file", filepath.Join(c.zone, "compose.env")}
	c.must("deploy/docker-engine.sh", "install")
	t.Cleanup(func() { c.must("deploy/docker-engine.sh", "stop", c.engine) })
	c.must("deploy/docker-engine.sh", "start", c.engine)
	c.must("docker", "build", "--file", "Dockerfile", "--tag", "portcullis:local", filepath.Dir(binary))
	c.must("deploy/compose/setup.sh", c.zone)
	c.must("deploy/compose/setup.sh", c.zone) // it changes nothing
	c.compose("up", "-d")
	c.must("deploy/docker-engine.sh", "enter", c.engine, "deploy/compose/found.sh", c.zone)
	return c
}

// run runs a command of the host in the repository.
func (c *composed) run(command string, arguments ...string) (out string, exit int) {
	c.t.Helper()
	if strings.Contains(command, "/") && !filepath.IsAbs(command) {
		command = filepath.Join(c.root, command)
	}
	one := exec.CommandContext(context.WithoutCancel(c.t.Context()), command, arguments...) // cleaning up comes after the test
	one.Dir, one.Env = c.root, c.environment
	var stdout, stderr bytes.Buffer
	one.Stdout, one.Stderr = &stdout, &stderr
	err := one.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		c.t.Fatalf("%s: %v", command, err)
	}
	if err != nil {
		return stdout.String() + stderr.String(), failed.ExitCode()
	}
	return stdout.String(), 0
}

// must is run for what must not fail.
func (c *composed) must(command string, arguments ...string) string {
	c.t.Helper()
	out, exit := c.run(command, arguments...)
	if exit != 0 {
		c.t.Fatalf("%s %s: exit %d\n%s", command, strings.Join(arguments, " "), exit, out)
	}
	return out
}

func (c *composed) compose(arguments ...string) {
	c.t.Helper()
	c.must(c.stack[0], append(c.stack[1:], arguments...)...)
}

// container is the name of a service's container.
func container(service string) string { return composeProject + "_" + service + "_1" }

// portcullis runs the binary on the host, with the governors' and the agents' keys,
// against the brokers' published ports.
func (c *composed) portcullis(arguments ...string) (out string, exit int) {
	c.t.Helper()
	const published = "tls://127.0.0.1:4222,tls://127.0.0.1:4223,tls://127.0.0.1:4224"
	return c.run("deploy/docker-engine.sh", append([]string{
		"enter", c.engine, c.binary, "--data", filepath.Join(c.zone, "authority"), "--server", published,
	}, arguments...)...)
}

// settle lifts the halts in force. On a slow machine a sentinel sees clocks differ
// and heartbeats missing, and trips as it must; nothing resumes by itself.
func (c *composed) settle() {
	c.t.Helper()
	out, _ := c.portcullis("--json", "status")
	var status struct {
		Halts []struct{ Rule, Reason string }
	}
	if json.Unmarshal([]byte(out), &status) != nil || len(status.Halts) == 0 {
		return // whoever waits looks again
	}
	c.t.Logf("halted: %v", status.Halts)
	if out, exit := c.portcullis("resume", "--all", "--reason", "the test goes on", "--wait", "0s"); exit != exitDone && exit != exitUnconfirmed {
		c.t.Logf("resume: exit %d: %s", exit, out)
	}
}

// health asks in a container, as its health check does.
func (c *composed) health(service string) (out string, exit int) {
	c.t.Helper()
	check := []string{"--part", "/run/portcullis/health/socket"}
	switch {
	case strings.HasPrefix(service, "broker-"):
		check = []string{"--broker", "http://127.0.0.1:8222"}
	case strings.HasPrefix(service, "witness-"):
		check = []string{"--witness", "http://127.0.0.1:7380"}
	case service == "console":
		check = []string{"--console", "https://127.0.0.1:4290", "--tls-ca", "/data/tls/ca.pem"}
	}
	return c.run("docker", append([]string{"exec", container(service), "/portcullis", "health"}, check...)...)
}

// until waits until something is so, and says what was last seen if it never is.
func (c *composed) until(what string, so func() (seen string, yes bool)) {
	c.t.Helper()
	for end := time.Now().Add(composePatience); ; time.Sleep(250 * time.Millisecond) {
		seen, yes := so()
		if yes {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("%s: not within %s: %s", what, composePatience, seen)
		}
	}
}

// becomesHealthy waits until Docker calls these services healthy.
func (c *composed) becomesHealthy(services ...string) {
	c.t.Helper()
	for _, service := range services {
		c.until(service+" is healthy", func() (string, bool) {
			out, exit := c.run("docker", "inspect", "--format", "{{json .State.Health}}", container(service))
			var health struct{ Status string }
			return out, exit == 0 && json.Unmarshal([]byte(out), &health) == nil && health.Status == "healthy"
		})
	}
}

// becomesUnable waits until a service itself says that it could not act.
func (c *composed) becomesUnable(service string) (why string) {
	c.t.Helper()
	c.until(service+" is unable", func() (string, bool) {
		out, exit := c.health(service)
		why = out
		return out, exit == exitUnarmed
	})
	return why
}

// write proposes, as scout, to write a file.
func (c *composed) write(name string) (out string, exit int) {
	c.t.Helper()
	path := "out/" + name + ".txt"
	return c.portcullis("propose", "--as", "scout", "--tool", "file-write", "--resource", path, "--arg", "path="+path, "--arg", "content="+name)
}

// written is what stands in a file that write names; "" if there is none.
func (c *composed) written(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.zone, "files", "out", name+".txt"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		c.t.Fatal(err)
	}
	return string(text)
}

// goesOn waits until an action is carried out, whoever is gone, and resumes what was
// halted. Each attempt is an action of its own: nothing is repeated.
func (c *composed) goesOn(without string) {
	c.t.Helper()
	attempt := 0
	c.until("without "+without+" it goes on", func() (string, bool) {
		c.settle()
		attempt++
		name := fmt.Sprintf("without-%s-%d", strings.ReplaceAll(without, " ", "-"), attempt)
		out, exit := c.write(name)
		if exit == exitDone && c.written(name) != name {
			c.t.Fatalf("without %s: executed, and the file holds %q", without, c.written(name))
		}
		return out, exit == exitDone
	})
}
