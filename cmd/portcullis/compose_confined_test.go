//go:build docker

package main

import (
	"encoding/json"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// inspected is the part of `docker inspect` that confines a container.
type inspected struct {
	Config     struct{ User string }
	HostConfig struct {
		ReadonlyRootfs, Privileged bool
		CapDrop, CapAdd            []string
		SecurityOpt                []string
		Memory, NanoCpus           int64
		PidsLimit                  *int64
		PidMode, NetworkMode       string
		RestartPolicy              struct{ Name string }
	}
	Mounts []struct {
		Type, Source, Destination string
		RW                        bool
	}
	NetworkSettings struct {
		Networks map[string]any
		Ports    map[string][]struct{ HostIP string }
	}
}

// writable is where containers may write, beside a folder in memory.
var writable = []string{"/broker/store", "/data/run", "/data/files", "/data/recorder", "/witness"}

// confined: every container is what docker-compose.yml promises, and sees its own
// keys alone.
func (c *composed) confined() {
	for _, service := range composeServices {
		var all []inspected
		must(c.t, json.Unmarshal([]byte(c.must("docker", "inspect", container(service))), &all))
		c.confinement(service, all[0])
		for _, m := range all[0].Mounts {
			if m.Type == "bind" {
				c.secrets(service, m.Source)
			}
		}
		for _, shell := range []string{"sh", "/bin/sh", "/busybox/sh", "bash"} {
			if out, exit := c.run("docker", "exec", container(service), shell, "-c", "true"); exit == 0 {
				c.t.Errorf("%s has a shell: %s", service, out)
			}
		}
	}
}

func (c *composed) confinement(service string, is inspected) {
	host := is.HostConfig
	for what, so := range map[string]bool{
		"a root that it can write to":     host.ReadonlyRootfs,
		"privileges":                      !host.Privileged && len(host.CapAdd) == 0,
		"capabilities":                    slices.Equal(host.CapDrop, []string{"ALL"}),
		"a way to new privileges":         slices.Contains(host.SecurityOpt, "no-new-privileges:true"),
		"a user that is root":             is.Config.User == "65532:65532",
		"no limits":                       host.Memory > 0 && host.NanoCpus > 0 && host.PidsLimit != nil && *host.PidsLimit > 0,
		"the host's processes or network": host.PidMode == "" && host.NetworkMode != "host",
		"no restart":                      host.RestartPolicy.Name == "unless-stopped",
	} {
		if !so {
			c.t.Errorf("%s has %s", service, what)
		}
	}
	for _, m := range is.Mounts {
		if m.RW && m.Type == "bind" && !slices.Contains(writable, m.Destination) {
			c.t.Errorf("%s may write to %s", service, m.Destination)
		}
		if strings.Contains(m.Source, "docker.sock") {
			c.t.Errorf("%s sees the engine", service)
		}
	}
	world := slices.Contains(networks(is), composeProject+"_world")
	if world != strings.HasPrefix(service, "executor-") {
		c.t.Errorf("%s: networks %v; executors alone reach the world", service, networks(is))
	}
	for port, bound := range is.NetworkSettings.Ports {
		for _, b := range bound {
			broker := strings.HasPrefix(service, "broker-") && port == "4222/tcp"
			console := service == "console" && port == "4290/tcp"
			if b.HostIP != "127.0.0.1" || !broker && !console {
				c.t.Errorf("%s publishes %s at %s", service, port, b.HostIP)
			}
		}
	}
}

func networks(is inspected) (all []string) {
	for name := range is.NetworkSettings.Networks {
		all = append(all, name)
	}
	return all
}

// keyFiles are the names of files that hold keys.
var keyFiles = []string{"*.key", "*.nk", "signing.pem", "log.keys", "*.secret", "ed25519*"}

// secrets demands that the keys below a folder are the service's own. The console's
// are for TLS and for a broker: none of them signs.
func (c *composed) secrets(service, source string) {
	role, name, _ := strings.Cut(service, "-")
	own := map[string][]string{
		"broker":  {filepath.Join(c.zone, service, "server-"+name+".key")},
		"witness": {filepath.Join(c.zone, service) + "/"},
		"console": {filepath.Join(c.zone, service, "tls", "console.key"), filepath.Join(c.zone, service, "governors", "g1", "nats.nk")},
	}[role]
	if own == nil {
		own = []string{filepath.Join(c.zone, service, "participants", role, name) + "/"}
	}
	isOwn := func(path string) bool {
		return slices.ContainsFunc(own, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
	}
	must(c.t, filepath.WalkDir(source, func(path string, _ fs.DirEntry, err error) error {
		for _, pattern := range keyFiles {
			if hit, _ := filepath.Match(pattern, filepath.Base(path)); hit && !isOwn(path) {
				c.t.Errorf("%s sees %s", service, path)
			}
		}
		return err
	}))
}
