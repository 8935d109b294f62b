//go:build docker

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestCompose brings docker-compose.yml up with Docker, acts and is refused, audits,
// loses containers of every kind, and takes it down. It needs Linux and root.
func TestCompose(t *testing.T) {
	c := newComposed(t)
	c.becomesHealthy(composeServices...)
	t.Run("confined", c.as((*composed).confined))
	t.Run("acts", c.as((*composed).acts))
	t.Run("evidence", c.as((*composed).evidence))
	t.Run("looked at", c.as((*composed).lookedAt))
	t.Run("without one of each", c.as((*composed).withoutOne))
	t.Run("without a quorum of enforcers", c.as((*composed).withoutQuorum))
	t.Run("without a quorum of brokers", c.as((*composed).withoutBrokers))
	t.Run("without pulses", c.as((*composed).withoutPulses))
	t.Run("frozen", c.as((*composed).frozen))
	t.Run("killed", c.as((*composed).killed))
	t.Run("evidence after all that", c.as((*composed).evidence))
	c.compose("down")
	if left := c.must("docker", "ps", "--all", "--quiet"); left != "" {
		t.Errorf("containers are left: %s", left)
	}
}

// as is a subtest of the same world, that fails as itself.
func (c *composed) as(test func(*composed)) func(*testing.T) {
	return func(t *testing.T) {
		same := *c
		same.t = t
		test(&same)
	}
}

// acts is the demo's story, as far as it runs from outside.
func (c *composed) acts() {
	c.goesOn("nobody")
	for what, proposal := range map[string][]string{
		"scout reads a secret":     {"--as", "scout", "--tool", "file-read", "--resource", "secret/plan.txt", "--arg", "path=secret/plan.txt"},
		"scout transfers too much": {"--as", "scout", "--tool", "transfer", "--resource", "acme", "--arg", "to=acme", "--arg", "amount=5000", "--arg", "currency=EUR"},
		"scout gets a page":        {"--as", "scout", "--tool", "http-get", "--resource", "https://example.com/", "--arg", "url=https://example.com/"},
		"mallory writes":           {"--as", "mallory", "--tool", "file-write", "--resource", "out/mallory.txt", "--arg", "path=out/mallory.txt", "--arg", "content=mine"},
	} {
		c.until(what+" is denied", func() (string, bool) {
			c.settle()
			out, exit := c.portcullis(append([]string{"propose"}, proposal...)...)
			if exit == exitDone {
				c.t.Fatalf("%s: it was done: %s", what, out)
			}
			return out, exit == exitRefused && strings.Contains(out, "policy.")
		})
	}
	if c.written("mallory") != "" {
		c.t.Error("what was denied was done")
	}
	c.until("a halt stands", func() (string, bool) {
		out, exit := c.portcullis("halt", "--reason", "fire", "--wait", "0s")
		return out, exit == exitDone || exit == exitUnconfirmed
	})
	if out, exit := c.write("halted"); exit == exitDone || c.written("halted") != "" {
		c.t.Errorf("halted: exit %d: %s", exit, out)
	}
	c.goesOn("a halt")
}

// evidence: the whole ledger is audited offline, and the witness cosigns it.
func (c *composed) evidence() {
	file := filepath.Join(c.t.TempDir(), "ledger.pcx")
	c.until("a witness has cosigned", func() (string, bool) {
		out, _ := c.portcullis("status")
		return out, strings.Contains(out, "cosigned by 1 of 1")
	})
	if out, exit := c.portcullis("export", "-o", file); exit != exitDone {
		c.t.Fatalf("export: exit %d: %s", exit, out)
	}
	out, exit := c.portcullis("audit", file)
	if exit != exitDone || !strings.HasPrefix(out, "clean") {
		c.t.Errorf("audit: exit %d: %s", exit, out)
	}
}

// lookedAt: the console shows how the zone stands to who has the certificate, carries what
// a governor has signed elsewhere, and shows nobody else anything.
func (c *composed) lookedAt() {
	const look, carry = "/api/v1/status", "/api/v1/governance/records"
	if out := c.console(look); !strings.HasSuffix(out, " 401") {
		c.t.Errorf("without a certificate: %s", out)
	}
	agent := c.certificate("authority/participants/agent/scout/svid")
	if out := c.console(look, agent...); !strings.HasSuffix(out, " 401") && !strings.HasSuffix(out, " 403") {
		c.t.Errorf("with an agent's certificate: %s", out)
	}
	person := c.certificate("people/ops")
	c.until("the console shows an armed zone", func() (string, bool) {
		c.settle()
		out := c.console(look, person...)
		return out, strings.HasSuffix(out, " 200") && strings.Contains(out, `"armed":true`)
	})
	signed, body := filepath.Join(c.t.TempDir(), "halt"), filepath.Join(c.t.TempDir(), "body")
	if out, exit := c.portcullis("halt", "--reason", "carried by the console", "--out", signed); exit != exitDone {
		c.t.Fatalf("signing a halt: exit %d: %s", exit, out)
	}
	text, err := os.ReadFile(signed)
	must(c.t, err)
	must(c.t, os.WriteFile(body, fmt.Appendf(nil, `{"envelope":%q}`, strings.TrimSpace(string(text))), 0o600))
	c.until("the console has carried it", func() (string, bool) {
		out := c.console(carry, append(person, "--header", "Content-Type: application/json", "--data-binary", "@"+body)...)
		return out, strings.HasSuffix(out, " 200")
	})
	c.until("it is in force", func() (string, bool) {
		out, _ := c.portcullis("status")
		return out, strings.Contains(out, "carried by the console")
	})
	c.goesOn("a halt that the console carried")
}

// certificate is what makes curl show a certificate of the zone's folder.
func (c *composed) certificate(path string) []string {
	path = filepath.Join(c.zone, path)
	return []string{"--cert", path + ".pem", "--key", path + ".key"}
}

// console asks the console on the host, and is its answer, a blank, and the status.
func (c *composed) console(path string, flags ...string) string {
	c.t.Helper()
	ask := []string{"enter", c.engine, "curl", "--silent", "--show-error", "--write-out", " %{http_code}", "--cacert", filepath.Join(c.zone, "tls", "ca.pem")}
	out, _ := c.run("deploy/docker-engine.sh", append(append(ask, flags...), "https://localhost:4290"+path)...)
	return out
}

// withoutOne: of each kind of which there are several one is lost, and it goes on.
func (c *composed) withoutOne() {
	for _, service := range []string{"broker-2", "enforcer-e3", "executor-x1", "recorder-r1"} {
		c.must("docker", "kill", container(service)) // it stays down until it is started
		if service != "recorder-r1" {
			c.goesOn(service)
		}
		c.must("docker", "start", container(service))
		c.becomesHealthy(service)
	}
}

// withoutQuorum: one of three enforcers is not two, so nothing is done.
func (c *composed) withoutQuorum() {
	c.must("docker", "kill", container("enforcer-e1"), container("enforcer-e2"))
	if out, exit := c.write("unanswered"); exit == exitDone || c.written("unanswered") != "" {
		c.t.Errorf("one enforcer of three: exit %d, the file holds %q: %s", exit, c.written("unanswered"), out)
	}
	c.must("docker", "start", container("enforcer-e1"), container("enforcer-e2"))
	c.becomesHealthy("enforcer-e1", "enforcer-e2")
	c.goesOn("a quorum no longer")
	if c.written("unanswered") != "" {
		c.t.Error("it was done later, when its deadline was over")
	}
}

// withoutBrokers: one broker of three stores nothing, and says so.
func (c *composed) withoutBrokers() {
	c.must("docker", "kill", container("broker-1"), container("broker-3"))
	c.becomesUnable("broker-2")
	c.becomesUnable("enforcer-e1")
	c.becomesUnable("executor-x2")
	c.becomesUnable("sentinel-s1")
	if out, exit := c.write("nowhere"); exit == exitDone || c.written("nowhere") != "" {
		c.t.Errorf("one broker of three: exit %d, the file holds %q: %s", exit, c.written("nowhere"), out)
	}
	c.must("docker", "start", container("broker-1"), container("broker-3"))
	c.becomesHealthy(composeServices...)
	c.goesOn("brokers no longer")
}

// withoutPulses: executors disarm when the sentinel is gone, and show it.
func (c *composed) withoutPulses() {
	c.must("docker", "kill", container("sentinel-s1"))
	if why := c.becomesUnable("executor-x1"); !strings.Contains(why, "pulse") {
		c.t.Errorf("an executor without pulses: %s", why)
	}
	if _, exit := c.health("enforcer-e1"); exit != exitDone {
		c.t.Error("an enforcer needs no pulse to decide")
	}
	if out, exit := c.write("deadman"); exit == exitDone || c.written("deadman") != "" {
		c.t.Errorf("without pulses: exit %d: %s", exit, out)
	}
	c.must("docker", "start", container("sentinel-s1"))
	c.becomesHealthy("sentinel-s1", "executor-x1", "executor-x2")
	c.goesOn("pulses no longer")
}

// frozen: a process that hangs answers nobody, which is no health.
func (c *composed) frozen() {
	pid := c.pid("executor-x2")
	must(c.t, syscall.Kill(pid, syscall.SIGSTOP))
	out, exit := c.health("executor-x2")
	must(c.t, syscall.Kill(pid, syscall.SIGCONT))
	if exit != exitUnarmed {
		c.t.Errorf("frozen: exit %d: %s", exit, out)
	}
	c.becomesHealthy("executor-x2")
}

// killed: who crashes is started again, and works again.
func (c *composed) killed() {
	for _, service := range composeServices {
		must(c.t, syscall.Kill(c.pid(service), syscall.SIGKILL))
		c.until(service+" is started again", func() (string, bool) {
			out := strings.TrimSpace(c.must("docker", "inspect", "--format", "{{.RestartCount}} {{.State.Running}}", container(service)))
			return out, out == "1 true"
		})
		c.becomesHealthy(service)
	}
	c.goesOn("crashes")
}

// pid is a container's process, as the host sees it.
func (c *composed) pid(service string) int {
	c.t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(c.must("docker", "inspect", "--format", "{{.State.Pid}}", container(service))))
	must(c.t, err)
	if pid < 2 {
		c.t.Fatalf("%s does not run", service)
	}
	return pid
}
