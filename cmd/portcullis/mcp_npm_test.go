//go:build npm

package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// mcpTool is a program of others, under $MCP_TOOLS, with the Node.js that runs it.
func mcpTool(t *testing.T, parts ...string) (node, script string) {
	t.Helper()
	dir := os.Getenv("MCP_TOOLS")
	script = filepath.Join(append([]string{dir, "node_modules", "@modelcontextprotocol"}, parts...)...)
	found, err := filepath.Glob(filepath.Join(dir, "node_modules", "node-*", "bin", "node"))
	if _, missing := os.Stat(script); dir == "" || err != nil || len(found) != 1 || missing != nil {
		t.Fatalf("%s and one Node.js are not in $MCP_TOOLS (%q); run make gateway-test, which installs them", script, dir)
	}
	return found[0], script
}

// mcpZone is a running zone whose release pins the tools of a server's command, and
// which has an executor "gw" for them.
func mcpZone(t *testing.T, policy, cases string, command ...string) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	portcullis := func(arguments ...string) string {
		out, stderr, exit := cli(t, append([]string{"--data", data}, arguments...)...)
		if exit != exitDone {
			t.Fatalf("portcullis %s: exit %d: %s", strings.Join(arguments, " "), exit, stderr)
		}
		return out
	}
	portcullis("init", "--port", freePort(t), "--bank", freeAddress(t))
	pins := portcullis(append([]string{"mcp", "pin", "--name", "srv", "--"}, command...)...)
	tools := strings.Join(regexp.MustCompile(`(?m)^  - name: (srv-\S+)$`).FindAllString(pins, -1), ",")
	tools = strings.ReplaceAll(tools, "  - name: ", "")
	serve(t, data, "up")
	release := filepath.Join(data, "release")
	rewrite(t, filepath.Join(release, "tools.yaml"), func(text string) string { return text + "\n" + pins })
	rewrite(t, filepath.Join(release, "directory.yaml"), func(text string) string {
		return strings.Replace(text, "http-get, transfer]", "http-get, transfer, "+strings.ReplaceAll(tools, ",", ", ")+"]", 1)
	})
	must(t, os.WriteFile(filepath.Join(release, "policies", "srv.cedar"), []byte(policy), 0o600))
	must(t, os.WriteFile(filepath.Join(release, "tests", "srv.yaml"), []byte(cases), 0o600))
	portcullis("release", "publish")
	portcullis("enroll", "executor", "gw", "--tools", tools)
	return data
}

// inspect runs the inspector before the gateway before a server, for one request.
func inspect(t *testing.T, data string, command, request []string) string {
	t.Helper()
	executable, err := os.Executable()
	must(t, err)
	config, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"srv": map[string]any{
		"command": executable, "env": map[string]string{asBinary: "1"},
		"args": append([]string{"--data", data, "mcp", "stdio", "--name", "srv", "--as", "scout", "--executor", "gw", "--refuse", "result", "--"}, command...),
	}}})
	must(t, err)
	path := filepath.Join(t.TempDir(), "mcp.json")
	must(t, os.WriteFile(path, config, 0o600))
	node, inspector := mcpTool(t, "inspector", "clients", "launcher", "build", "index.js")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, node, append([]string{inspector, "--cli", "--config", path, "--server", "srv"}, request...)...)
	out, err := c.CombinedOutput()
	t.Logf("%s: %v", strings.Join(request, " "), err)
	return string(out)
}

func call(tool string, arguments ...string) []string {
	request := []string{"--method", "tools/call", "--tool-name", tool}
	for _, a := range arguments {
		request = append(request, "--tool-arg", a)
	}
	return request
}

func demand(t *testing.T, got string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(got, w) {
			t.Errorf("lacks %q:\n%s", w, got)
		}
	}
}

// TestMCPFilesystem: the inspector reads and writes files through the gateway, as
// far as policy permits it, and not beyond.
func TestMCPFilesystem(t *testing.T) {
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("hello from a file"), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "secret.txt"), []byte("nobody reads this"), 0o600))
	node, script := mcpTool(t, "server-filesystem", "dist", "index.js")
	command := []string{node, script, folder}
	data := mcpZone(t, `@id("read")
permit (principal in Group::"staff", action == Action::"srv-read-text-file", resource == Server::"srv")
unless { context.arguments.path like "*secret*" };
`, `cases:
  - name: staff reads what is no secret
    agent: scout
    tool: srv-read-text-file
    resource: srv
    arguments: {path: /notes.txt}
    allow: true
    policies: [read]
`, command...)
	demand(t, inspect(t, data, command, []string{"--method", "tools/list"}), "read_text_file", "write_file")
	demand(t, inspect(t, data, command, call("read_text_file", "path="+filepath.Join(folder, "notes.txt"))), "hello from a file")
	got := inspect(t, data, command, call("read_text_file", "path="+filepath.Join(folder, "secret.txt")))
	demand(t, got, "policy.default_deny")
	if strings.Contains(got, "nobody reads this") {
		t.Error("the secret was read")
	}
	demand(t, inspect(t, data, command, call("write_file", "path="+filepath.Join(folder, "new.txt"), "content=x")), "policy.default_deny")
	if _, err := os.Stat(filepath.Join(folder, "new.txt")); err == nil {
		t.Error("the file was written")
	}
	// Another server under this name has other definitions: none of its tools is shown.
	node, other := mcpTool(t, "server-everything", "dist", "index.js")
	demand(t, inspect(t, data, []string{node, other, "stdio"}, []string{"--method", "tools/list"}), `"tools": []`)
}

// TestMCPEverything: a server that uses all of the protocol.
func TestMCPEverything(t *testing.T) {
	node, script := mcpTool(t, "server-everything", "dist", "index.js")
	command := []string{node, script, "stdio"}
	data := mcpZone(t, `@id("all")
permit (principal in Group::"staff", action in [Action::"srv-echo", Action::"srv-get-sum"], resource == Server::"srv");
`, `cases:
  - name: staff echoes
    agent: scout
    tool: srv-echo
    resource: srv
    arguments: {message: x}
    allow: true
    policies: [all]
`, command...)
	demand(t, inspect(t, data, command, call("echo", "message=once")), "Echo: once")
	demand(t, inspect(t, data, command, call("get-sum", "a=2", "b=3.5")), "5.5")
	demand(t, inspect(t, data, command, call("get-env")), "policy.default_deny")
	demand(t, inspect(t, data, command, []string{"--method", "resources/list"}), "resources")
}
