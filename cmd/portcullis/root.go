package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// globals are the flags that every subcommand has, and where it writes.
type globals struct {
	data        string
	json        bool
	logLevel    string
	server      string
	natsContext string
	metrics     string // of watched commands: where to answer for metrics
	pages       string // the URL at which it does

	stdout, stderr io.Writer
	started        bool // flags and arguments were understood
	level          slog.LevelVar
}

func newRootCommand(g *globals) *cobra.Command {
	root := &cobra.Command{
		Use:   "portcullis",
		Short: "A fail-closed governance fabric for AI agents",
		Long: `Portcullis decides what AI agents may do, before they do it, on one ledger.

Start with:  portcullis up      a whole zone in one process
             portcullis demo    the story of a governed action, with real processes`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			// Cobra looks at these only after this function, too late to tell a wrong
			// command line from a command that failed.
			if err := errors.Join(c.ValidateRequiredFlags(), c.ValidateFlagGroups()); err != nil {
				return err
			}
			g.started = true
			_, err := g.logger()
			return err
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&g.data, "data", "", "data folder (default $XDG_DATA_HOME/portcullis or ~/.local/share/portcullis)")
	flags.BoolVar(&g.json, "json", false, "write one JSON object a line")
	flags.StringVar(&g.logLevel, "log-level", "", "what to log on standard error: debug, info, warn or error (default warn)")
	flags.StringVar(&g.server, "server", "", "URL of a NATS server elsewhere")
	flags.StringVar(&g.natsContext, "context", "", "take the URL from this context of the nats command")
	root.MarkFlagsMutuallyExclusive("server", "context")
	root.AddCommand(
		newInitCommand(g), newUpCommand(g), newServerCommand(g), newBrokerCommand(g),
		newEnforcerCommand(g), newExecutorCommand(g), newSentinelCommand(g), newRecorderCommand(g), newAuditorCommand(g),
		newProposeCommand(g), newTailCommand(g), newShowCommand(g), newProveCommand(g), newVerifyCommand(g), newExportCommand(g), newAuditCommand(g), newArchiveCommand(g), newLineageCommand(g),
		newHaltCommand(g), newResumeCommand(g), newRevokeCommand(g), newLossCommand(g), newSealCommand(g), newContinueCommand(g), newStatusCommand(g), newApprovalsCommand(g), newReleaseCommand(g), newEnrollCommand(g), newKeysCommand(g), newPolicyCommand(g),
		newMCPCommand(g), newAuthZENCommand(g), newHookCommand(g), newExecCommand(g), newProxyCommand(g), newExtAuthzCommand(g), newConsoleCommand(g), newWitnessCommand(g), newHealthCommand(g), newHealthPartCommand(g), newDemoCommand(g), newLoadtestCommand(g), newVersionCommand(g),
		newExitCodesTopic(),
	)
	return root
}

// dir is the data folder.
func (g *globals) dir() (string, error) {
	if g.data != "" {
		return g.data, nil
	}
	if base := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) { // the specification says to ignore others
		return filepath.Join(base, "portcullis"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder to keep data in: %w; name a folder with --data", err)
	}
	return filepath.Join(home, ".local", "share", "portcullis"), nil
}

// fabric opens the data folder.
func (g *globals) fabric() (*fabric.Fabric, error) {
	dir, err := g.dir()
	if err != nil {
		return nil, err
	}
	return fabric.Open(dir)
}

// url is where the broker is: what the flags say, or else the fabric.
func (g *globals) url(f *fabric.Fabric) (string, error) {
	switch {
	case g.server != "":
		return g.server, nil
	case g.natsContext != "":
		return streams.ContextURL(g.natsContext)
	default:
		return f.NATS.URL, nil
	}
}

// broker is the broker as a place to connect to.
func (g *globals) broker(f *fabric.Fabric) (zone.Broker, error) {
	url, err := g.url(f)
	at := zone.Broker{URL: url, Context: g.natsContext}
	if strings.HasPrefix(url, "tls://") {
		at.CA = f.NATS.CA
	}
	return at, err
}

// logger writes to standard error, as text or as JSON.
func (g *globals) logger() (*slog.Logger, error) {
	g.level.Set(slog.LevelWarn)
	if g.logLevel != "" {
		var level slog.Level
		if err := level.UnmarshalText([]byte(g.logLevel)); err != nil || strings.ContainsAny(g.logLevel, "+-") {
			return nil, usage(fmt.Errorf("--log-level %q is unknown; give debug, info, warn or error", g.logLevel))
		}
		g.level.Set(level)
	}
	options := &slog.HandlerOptions{Level: &g.level}
	if g.json {
		return slog.New(slog.NewJSONHandler(g.stderr, options)), nil
	}
	return slog.New(slog.NewTextHandler(g.stderr, options)), nil
}

// quietStart keeps back, until the returned function is called, the warnings of
// a service that waits for others while it starts: what is still missing is in
// the error if it never becomes ready. A level that was asked for stays.
func (g *globals) quietStart() (ready func()) {
	if g.logLevel != "" {
		return func() {}
	}
	g.level.Set(slog.LevelError)
	return func() { g.level.Set(slog.LevelWarn) }
}

// open is what most subcommands begin with: the data folder and a logger.
func (g *globals) open() (*fabric.Fabric, *slog.Logger, error) {
	log, err := g.logger()
	if err != nil {
		return nil, nil, err
	}
	f, err := g.fabric()
	return f, log, err
}

// openAt is open and the broker, for subcommands that connect.
func (g *globals) openAt() (*fabric.Fabric, *slog.Logger, zone.Broker, error) {
	f, log, err := g.open()
	if err != nil {
		return nil, nil, zone.Broker{}, err
	}
	broker, err := g.broker(f)
	return f, log, broker, err
}

// ended reports whether something ended because it was told to.
func ended(ctx context.Context, err error) bool { return err == nil || ctx.Err() != nil }
