package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/hook"
)

// settingsFlags say which settings of Claude Code's are meant.
type settingsFlags struct {
	file    string
	project bool
	dryRun  bool
}

func (s *settingsFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&s.file, "settings", "", "the settings file (default ~/.claude/settings.json)")
	c.Flags().BoolVar(&s.project, "project", false, "the settings of the project in this folder, .claude/settings.json")
	c.Flags().BoolVar(&s.dryRun, "dry-run", false, "show what would be changed, and change nothing")
	c.MarkFlagsMutuallyExclusive("settings", "project")
}

func (s *settingsFlags) path() (string, error) {
	switch {
	case s.file != "":
		return filepath.Abs(s.file)
	case s.project:
		return filepath.Abs(filepath.Join(".claude", "settings.json"))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder with settings: %w; name the file with --settings", err)
	}
	return filepath.Join(home, ".claude", "settings.json"), nil
}

func newHookInstallCommand(g *globals) *cobra.Command {
	var flags settingsFlags
	var service serviceFlag
	c := &cobra.Command{
		Use:   "install",
		Short: "Write the hook into the settings of Claude Code",
		Long: `Has Claude Code ask this executable, with this data folder, before and after every
tool. What else the settings hold stays. A hook that cannot be asked, fails or takes
too long blocks the tool ("onFailure": "block", Claude Code 2.1.295 and later). Install
it in one place: of two hooks for one call, one is refused.

JSON: {"event":"installed","settings","changed","lines":[…]}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			socket, err := service.socket(g) // checks the name
			if err != nil {
				return err
			}
			executable, err := os.Executable()
			if err != nil {
				return fmt.Errorf("where this executable is cannot be told: %w", err)
			}
			data := filepath.Dir(filepath.Dir(socket))
			args := append([]string{"--data", data}, append(slices.Clone(hook.Mark), "--name", service.name)...)
			return g.changeSettings(&flags, "installed", func(text []byte) ([]byte, error) {
				return hook.Install(text, hook.Command{Path: executable, Args: args})
			})
		},
	}
	flags.register(c)
	service.register(c)
	return c
}

func newHookUninstallCommand(g *globals) *cobra.Command {
	var flags settingsFlags
	c := &cobra.Command{
		Use:   "uninstall",
		Short: "Take the hook out of the settings of Claude Code",
		Long: `Takes out what install wrote, and nothing else. From then on the platform's tools are
not governed.

JSON: {"event":"uninstalled","settings","changed","lines":[…]}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return g.changeSettings(&flags, "uninstalled", hook.Uninstall)
		},
	}
	flags.register(c)
	return c
}

func (g *globals) changeSettings(flags *settingsFlags, event string, change func([]byte) ([]byte, error)) error {
	path, err := flags.path()
	if err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays one
	}
	before, mode, err := readSettings(path)
	if err != nil {
		return err
	}
	after, err := change(before)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	lines := fabric.LineDiff(string(before), string(after))
	changed := len(lines) > 0 && !flags.dryRun
	if changed {
		if err := writeSettings(path, after, mode); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	for _, l := range lines {
		fmt.Fprintln(&text, l)
	}
	switch {
	case len(lines) == 0:
		text.WriteString(path + " is as it should be\n")
	case flags.dryRun:
		text.WriteString(path + " was not changed\n")
	default:
		text.WriteString(event + " in " + path + "; sessions that run read it when they start anew\n")
	}
	return g.say(map[string]any{"event": event, "settings": path, "changed": changed, "lines": lines}, "%s", text.String())
}

const settingsMode = 0o600

func readSettings(path string) ([]byte, fs.FileMode, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, settingsMode, nil
	}
	if err != nil {
		return nil, 0, err
	}
	text, err := os.ReadFile(path)
	return text, info.Mode().Perm(), err
}

// writeSettings puts the whole text in the file's place: after a crash there is the
// old one or the new one.
func writeSettings(path string, text []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := fabric.WriteSecret(path, text); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}
