package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
)

func newVersionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Long: `Says which build this is. The build digest is the SHA-256 of the executable: what
credentials state, and what a release may demand.

JSON: {"version","build","go"}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			build, err := fabric.BuildDigest()
			if err != nil {
				return err
			}
			version := version()
			return g.say(map[string]string{"version": version, "build": build.String(), "go": runtime.Version()},
				"portcullis %s\nbuild  %s\ngo     %s\n", version, build, runtime.Version())
		},
	}
}

// version is the module's version as this binary was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
