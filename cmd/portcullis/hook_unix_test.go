//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/story/process"
)

// hookZone is a running zone that knows the platform's tools, with a service for
// hooks and commands in it: started by serve, or by begin if the test kills it.
func hookZone(t *testing.T, folder string, start func(*testing.T, string, ...string) *process.Process) (data string, service *process.Process) {
	t.Helper()
	data = newZone(t)
	portcullis := func(arguments ...string) string {
		out, stderr, exit := cli(t, append([]string{"--data", data}, arguments...)...)
		if exit != exitDone {
			t.Fatalf("portcullis %s: exit %d: %s", strings.Join(arguments, " "), exit, stderr)
		}
		return out
	}
	serve(t, data, "up")
	release := filepath.Join(data, "release")
	names := strings.TrimSpace(portcullis("hook", "tools", "--names"))
	rewrite(t, filepath.Join(release, "tools.yaml"), func(text string) string { return text + "\n" + portcullis("hook", "tools") })
	rewrite(t, filepath.Join(release, "directory.yaml"), func(text string) string {
		return strings.Replace(text, "http-get, transfer]", "http-get, transfer, "+strings.ReplaceAll(names, ",", ", ")+"]", 1)
	})
	policy := portcullis("hook", "tools", "--policy", "--folder", folder) + `
@id("any-exec")
permit (principal in Group::"staff", action == Action::"shell", resource is Program)
unless { context.arguments.args.contains("forbidden") || resource.id like "*/rm" };
`
	cases := strings.ReplaceAll(portcullis("hook", "tools", "--cases", "--folder", folder), "[exec-look]", "[any-exec, exec-look]")
	must(t, os.WriteFile(filepath.Join(release, "policies", "hook.cedar"), []byte(policy), 0o600))
	must(t, os.WriteFile(filepath.Join(release, "tests", "hook.yaml"), []byte(cases), 0o600))
	portcullis("release", "publish")
	portcullis("enroll", "executor", "desk1", "--gateway", "--tools", names)
	return data, start(t, data, "hook", "serve", "--as", "scout", "--executor", "desk1", "--timeout", "30s")
}

// binary is portcullis as a process.
func binary(t *testing.T, data string, arguments ...string) *exec.Cmd {
	t.Helper()
	executable, err := os.Executable()
	must(t, err)
	return exec.CommandContext(t.Context(), executable, append([]string{"--data", data}, arguments...)...)
}

// ran runs a process to its end.
func ran(t *testing.T, c *exec.Cmd) (stdout, stderr string, exit int) {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	var ended *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

func hookEvent(kind, id, command, more string) string {
	return fmt.Sprintf(`{"session_id":"s","cwd":"/w","hook_event_name":%q,"tool_name":"Bash","tool_input":{"command":%q},"tool_use_id":%q%s}`, kind, command, id, more)
}

// TestHook is the platform's side: what the hook prints, and what it ends with.
func TestHook(t *testing.T) {
	data, service := hookZone(t, t.TempDir(), serve)
	step := func(name, event string, exit int, words ...string) {
		t.Helper()
		c := binary(t, data, "hook", "claude-code")
		c.Stdin = strings.NewReader(event)
		out, stderr, got := ran(t, c)
		if got != exit {
			t.Errorf("%s: exit %d: %s%s", name, got, out, stderr)
		}
		for _, w := range words {
			if !strings.Contains(out+stderr, w) {
				t.Errorf("%s: lacks %q: %s%s", name, w, out, stderr)
			}
		}
		if exit == exitBlocked && (out != "" || stderr == "") {
			t.Errorf("%s: says %q, and why %q", name, out, stderr)
		}
	}
	done := `,"tool_response":{"stdout":"x"}`
	step("after without before", hookEvent("PostToolUse", "t0", "ls", done), exitBlocked, "no permit is open")
	step("before", hookEvent("PreToolUse", "t1", "ls -l", ""), 0, `"permissionDecision":"allow"`, "under claim")
	step("before, again", hookEvent("PreToolUse", "t1", "ls -l", ""), 0, `"permissionDecision":"deny"`, "asked for already")
	step("after", hookEvent("PostToolUse", "t1", "ls -l", done), 0)
	step("after, again", hookEvent("PostToolUse", "t1", "ls -l", done), exitBlocked, "no permit is open")
	step("denied", hookEvent("PreToolUse", "t2", "rm -rf x", ""), 0, `"permissionDecision":"deny"`, "policy.default_deny", "ledger position")
	step("before another", hookEvent("PreToolUse", "t3", "ls", ""), 0, `"permissionDecision":"allow"`)
	step("after, with other arguments", hookEvent("PostToolUse", "t3", "rm x", done), exitBlocked, "INDETERMINATE")
	step("an unknown event", hookEvent("Stop", "t4", "ls", ""), exitBlocked)
	step("no JSON", "hello", exitBlocked)
	step("nothing", "", exitBlocked)
	if _, _, exit := ran(t, binary(t, data, "hook", "claude-code", "--nonsense")); exit != exitBlocked {
		t.Errorf("a wrong flag: exit %d", exit)
	}
	must(t, service.Stop(killLoopPatience))
	step("no service", hookEvent("PreToolUse", "t5", "ls", ""), exitBlocked, "no service")
	step("no service, after", hookEvent("PostToolUse", "t1", "ls", done), exitBlocked, "no service")
}

// TestExec is a command with a permit: its streams, its exit code, and its end.
func TestExec(t *testing.T) {
	data, service := hookZone(t, t.TempDir(), serve)
	run := func(words ...string) (string, string, int) {
		t.Helper()
		return ran(t, binary(t, data, append([]string{"exec", "--"}, words...)...))
	}
	odd := "a\nb $(x) 'y' \"z\" *"
	if out, stderr, exit := run("printf", "%s|%s", odd, ""); exit != 0 || out != odd+"|" {
		t.Errorf("arguments: exit %d, %q, %s", exit, out, stderr)
	}
	if _, stderr, exit := run("sh", "-c", "exit 7"); exit != 7 {
		t.Errorf("its exit code: %d %s", exit, stderr)
	}
	if _, stderr, exit := run("sh", "-c", "kill -9 $$"); exit != 128+9 {
		t.Errorf("a signal: %d %s", exit, stderr)
	}
	if _, stderr, exit := run("no-such-program-anywhere"); exit != exitNotFound || stderr == "" {
		t.Errorf("not found: %d %s", exit, stderr)
	}
	made := filepath.Join(t.TempDir(), "made")
	if _, stderr, exit := run("touch", "forbidden", made); exit != exitNotRun || !strings.Contains(stderr, "policy.default_deny") {
		t.Errorf("denied: %d %s", exit, stderr)
	}
	if _, err := os.Stat(made); err == nil {
		t.Error("what was denied was done")
	}
	t.Run("the wrapper is killed", func(t *testing.T) {
		c, child := sleeping(t, data)
		must(t, c.Process.Kill())
		_ = c.Wait() // it was killed
		gone(t, child)
	})
	t.Run("a halt ends it", func(t *testing.T) {
		c, child := sleeping(t, data)
		if _, stderr, exit := cli(t, "--data", data, "halt", "--reason", "test", "--scope", "tool:shell", "--wait", "0s"); exit != exitDone {
			t.Fatalf("halt: exit %d: %s", exit, stderr)
		}
		_ = c.Wait() // its exit code is looked at below
		if exit := c.ProcessState.ExitCode(); exit != exitNotRun {
			t.Errorf("exit %d", exit)
		}
		gone(t, child)
	})
	must(t, service.Stop(killLoopPatience))
	if _, stderr, exit := run("touch", made); exit != exitNotRun || !strings.Contains(stderr, "no service") {
		t.Errorf("no service: %d %s", exit, stderr)
	}
	if _, err := os.Stat(made); err == nil {
		t.Error("without a service it was done")
	}
}

// TestExecOutlivesItsService: a command whose service is killed goes on, ends with
// its own code, and says that nobody heard it.
func TestExecOutlivesItsService(t *testing.T) {
	data, service := hookZone(t, t.TempDir(), begin)
	begin := filepath.Join(t.TempDir(), "begin")
	must(t, syscall.Mkfifo(begin, 0o600))
	c := binary(t, data, "exec", "--", "sh", "-c", `echo here; read x < "$0"; exit 5`, begin)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "here\n" {
		t.Fatalf("%q %v", line, err)
	}
	service.Kill()
	must(t, os.WriteFile(begin, []byte("go\n"), 0o600))
	_ = c.Wait() // its exit code is looked at
	if exit := c.ProcessState.ExitCode(); exit != 5 || !strings.Contains(errs.String(), "INDETERMINATE") {
		t.Errorf("exit %d: %s", exit, errs.String())
	}
}

// sleeping is a command by exec that does not end by itself, and its number.
func sleeping(t *testing.T, data string) (c *exec.Cmd, child int) {
	t.Helper()
	c = binary(t, data, "exec", "--", "sh", "-c", "echo $$; exec sleep 600")
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	child, err = strconv.Atoi(strings.TrimSpace(line))
	must(t, err)
	return c, child
}

func gone(t *testing.T, pid int) {
	t.Helper()
	for over := time.Now().Add(killLoopPatience); syscall.Kill(pid, 0) == nil; time.Sleep(20 * time.Millisecond) {
		if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(status), ") Z ") {
			return // it ended; nobody reaps it here
		}
		if time.Now().After(over) {
			t.Fatalf("process %d runs on", pid)
		}
	}
}
