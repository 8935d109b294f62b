package engine

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// machine is where this runs. What the system does not tell stays empty.
func machine() result.Machine {
	m := result.Machine{
		CPU: field("/proc/cpuinfo", "model name"), Processors: runtime.GOMAXPROCS(0), Memory: totalMemory(),
		OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.OS += " " + strings.TrimSpace(string(release))
	}
	if build, err := fabric.BuildDigest(); err == nil {
		m.Build = build.String()
	}
	return m
}

// field is the value of the first line of a file that has a key.
func field(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func totalMemory() uint64 {
	kilobytes, err := strconv.ParseUint(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}
