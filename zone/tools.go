package zone

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/executor/tools/files"
	"github.com/portcullis-dev/portcullis/executor/tools/httpcall"
)

// Tools carries out the built-in tools. Close it after the executors that use
// its handlers have stopped.
type Tools struct {
	handlers map[string]executor.Handler
	closer   io.Closer
}

// OpenTools makes handlers for every tool of a configuration. A tool that stands
// twice is refused with ErrTools, as is an entry that could mean two things.
func OpenTools(c ToolsConfig) (*Tools, error) {
	t := &Tools{handlers: make(map[string]executor.Handler)}
	if err := errors.Join(t.addFiles(c.Files), t.addHTTP(c)); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Close releases the root of the files.
func (t *Tools) Close() error {
	if t.closer == nil {
		return nil
	}
	return t.closer.Close()
}

// Handlers picks the handlers of an executor's tools; see Config.Handlers. All
// of them must be configured: an executor that bids for what it cannot do would
// only make agents wait.
func (t *Tools) Handlers(name string, tools []string) (map[string]executor.Handler, error) {
	picked := make(map[string]executor.Handler, len(tools))
	for _, tool := range tools {
		h, ok := t.handlers[tool]
		if !ok {
			return nil, fmt.Errorf("%w: the directory lets %s serve the tool %q, and no entry says how; add one", ErrTools, name, tool)
		}
		picked[tool] = h
	}
	return picked, nil
}

func (t *Tools) add(tool string, h executor.HandlerFunc) error {
	if _, twice := t.handlers[tool]; twice || tool == "" {
		return fmt.Errorf("%w: the tool %q is named twice or not at all; give each tool one entry", ErrTools, tool)
	}
	t.handlers[tool] = h
	return nil
}

func (t *Tools) addFiles(c FilesConfig) error {
	if len(c.Read)+len(c.Write) == 0 {
		return nil
	}
	root, err := files.New(c.Root)
	if err != nil {
		return fmt.Errorf("%w: files: root: %w", ErrTools, err)
	}
	t.closer = root
	var errs []error
	for _, tool := range c.Read {
		errs = append(errs, t.add(tool, func(ctx context.Context, a executor.Action) (executor.Result, error) {
			data, err := root.Read(ctx, a.Intent.GetResource(), a.Intent.GetArguments())
			return executor.Result{Data: data}, err
		}))
	}
	for _, tool := range c.Write {
		errs = append(errs, t.add(tool, func(ctx context.Context, a executor.Action) (executor.Result, error) {
			data, err := root.Write(ctx, a.Intent.GetResource(), a.Intent.GetArguments(), a.Token)
			return executor.Result{Data: data}, honest(err)
		}))
	}
	return errors.Join(errs...)
}

func (t *Tools) addHTTP(c ToolsConfig) error {
	config := httpcall.Config{Endpoints: make(map[string]httpcall.Endpoint)}
	names := make(map[string]bool)
	for _, r := range c.HTTP {
		names[r.Tool] = true
		config.Rules = append(config.Rules, httpcall.Rule{
			Tool: r.Tool, Method: r.Method, Scheme: r.Scheme, Host: r.Host, Path: r.Path, Query: r.Query, Reach: r.Allow.reach(),
		})
	}
	for _, e := range c.Endpoints {
		if names[e.Tool] {
			return fmt.Errorf("%w: the tool %q has another entry; give each tool one endpoint, or rules only", ErrTools, e.Tool)
		}
		names[e.Tool] = true
		config.Endpoints[e.Tool] = httpcall.Endpoint{URL: e.URL, Method: e.Method, ResourceArgument: e.Resource, Reach: e.Allow.reach()}
	}
	client, err := httpcall.New(config)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTools, err)
	}
	var errs []error
	for tool := range names {
		errs = append(errs, t.add(tool, func(ctx context.Context, a executor.Action) (executor.Result, error) {
			data, err := client.Call(ctx, tool, a.Intent.GetResource(), a.Intent.GetArguments(), a.Token, a.Digest.String())
			return executor.Result{Data: data}, honest(err)
		}))
	}
	return errors.Join(errs...)
}

// honest says in the executor's terms that a tool cannot tell what it did.
func honest(err error) error {
	if errors.Is(err, files.ErrUncertain) || errors.Is(err, httpcall.ErrUncertain) {
		return fmt.Errorf("%w: %w", executor.ErrIndeterminate, err)
	}
	return err
}

func (r ReachConfig) reach() httpcall.Reach {
	return httpcall.Reach{AllowLoopback: r.Loopback, AllowPrivate: r.Private, AllowLinkLocal: r.LinkLocal}
}
